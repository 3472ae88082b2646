"""One link fetched by yt-dlp, in a process of its own: `python -m train.dataset.fetcher`, a question on its input.

What it may reach is bound here: hosts by a list, and no address that is not a public one unless it is listed itself,
whatever a page redirects to.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from speech.addresses import is_public

YOUTUBE = ("youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be")
LASTING = (  # in yt-dlp's words: trying again does not help
    "private",
    "unsupported url",
    "not available",
    "video unavailable",
    "removed",
    "sign in",
    "members-only",
    "http error 401",
    "http error 403",
    "http error 404",
    "http error 410",
    "larger than max-filesize",
)


@dataclass(frozen=True)
class Wanted:
    """A link, where its file goes, and the bounds."""

    url: str
    folder: str
    allowed_hosts: tuple[str, ...]
    language: str
    subtitles: bool
    max_duration_s: float
    max_file_mb: int
    timeout_s: float = 30.0  # of a connection


class Refused(Exception):
    """The link is not to be fetched; `code` says why."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


def fetch(wanted: Wanted) -> dict[str, Any]:
    """Names of the file and its subtitles, and what the site says of it. Raises Refused and yt-dlp's DownloadError."""
    import yt_dlp

    with yt_dlp.YoutubeDL(_options(wanted)) as client:
        info = client.extract_info(wanted.url, download=False, process=False)
        _check(info, wanted)
        info = client.extract_info(wanted.url, download=True)
    files = sorted(Path(wanted.folder).iterdir())
    media = [path for path in files if path.suffix not in (".vtt", ".part", ".json")]
    if not media:
        raise Refused("download_too_large", f"{wanted.max_file_mb} MB")
    subtitles = [path for path in files if path.suffix == ".vtt"]
    return {
        "file": media[0].name,
        "subtitles": subtitles[0].name if subtitles else "",
        "title": str(info.get("title") or ""),
    }


def _check(info: dict[str, Any], wanted: Wanted) -> None:
    if info.get("_type") in ("playlist", "multi_video"):
        raise Refused("playlist_refused")
    if info.get("is_live") or info.get("live_status") in ("is_live", "is_upcoming", "post_live"):
        raise Refused("live_refused")
    if (info.get("duration") or 0) > wanted.max_duration_s:
        raise Refused("recording_too_long", f"{info['duration']:.0f} s")


def _options(wanted: Wanted) -> dict[str, Any]:
    host = urlsplit(wanted.url).hostname or ""
    primary = wanted.language.split("-")[0]
    return {
        "format": "bestaudio/best",
        "outtmpl": {"default": f"{wanted.folder}/media.%(ext)s"},
        "noplaylist": True,
        "allowed_extractors": ["youtube$"] if host in YOUTUBE else ["generic"],
        "max_filesize": wanted.max_file_mb << 20,
        "retries": 0,
        "extractor_retries": 0,
        "fragment_retries": 3,
        "socket_timeout": wanted.timeout_s,
        "writesubtitles": wanted.subtitles,
        "subtitleslangs": [f"{primary}.*"],
        "subtitlesformat": "vtt",
        "cachedir": False,
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "logger": _Silent(),
    }


class _Silent:
    """The errors come as exceptions."""

    def debug(self, message: str) -> None:
        """Not told."""

    def warning(self, message: str) -> None:
        """Not told."""

    def error(self, message: str) -> None:
        """Raised as well."""


def guarded(resolve: Callable[..., Any], allowed: Collection[str], is_open: bool) -> Callable[..., Any]:
    """`socket.getaddrinfo` that knows only hosts that may be reached; with `is_open` any public one."""

    def lookup(host: Any, *arguments: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host or "")
        if name.lower() in allowed and not is_open:
            return resolve(host, *arguments, **named)
        found = resolve(host, *arguments, **named)
        private = [each[4][0] for each in found if not is_public(str(each[4][0]))]
        if private or not is_open:
            raise OSError(f"{name} may not be reached from here")
        return found

    return lookup


def main() -> None:
    told = json.load(sys.stdin)
    wanted = Wanted(**{**told, "allowed_hosts": tuple(told["allowed_hosts"])})
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    is_youtube = (urlsplit(wanted.url).hostname or "") in YOUTUBE  # whose sound comes from hosts of many names
    socket.getaddrinfo = guarded(socket.getaddrinfo, frozenset(wanted.allowed_hosts), is_youtube)
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"  # where deno is
    try:
        reply = fetch(wanted)
    except Refused as refusal:
        reply = {"error": refusal.code, "reason": refusal.reason, "is_lasting": True}
    except Exception as error:  # yt-dlp's own, and what its extractors let through
        reason = " ".join(str(error).replace("ERROR: ", "").split())[:300]
        is_lasting = any(words in reason.lower() for words in LASTING)
        reply = {"error": "download_failed", "reason": reason, "is_lasting": is_lasting}
    json.dump(reply, answers)
    answers.flush()


if __name__ == "__main__":
    main()
