"""The page's files as browsers get them: read and compressed once while unchanged, told apart by their content."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import Response

PAGE = Path(__file__).parent.parent / "webui"
# Not left to the machine's MIME table: browsers refuse modules and style sheets of another type.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
PACKED = frozenset({".png", ".woff2"})  # compressed already
IMMUTABLE = "public, max-age=31536000, immutable"
REVALIDATED = "no-cache"


@dataclass(frozen=True)
class Asset:
    content: bytes
    compressed: bytes | None  # by gzip; None where that would not make it smaller
    etag: str
    media_type: str


def asset_of(content: bytes, suffix: str) -> Asset:
    compressed = None if suffix in PACKED else gzip.compress(content, 9, mtime=0)
    if compressed is not None and len(compressed) >= len(content):
        compressed = None
    return Asset(content, compressed, f'"{hashlib.sha256(content).hexdigest()[:20]}"', MEDIA_TYPES[suffix])


@lru_cache(maxsize=256)
def _read(path: Path, modified_ns: int, size: int) -> Asset:
    return asset_of(path.read_bytes(), path.suffix)


def read_asset(path: Path) -> Asset:
    """Raises OSError when there is no such file, KeyError when it is not for a browser."""
    stat = path.stat()
    return _read(path, stat.st_mtime_ns, stat.st_size)


def answer(asset: Asset, headers: Headers, caching: str) -> Response:
    """304 when the browser has it, else its content, compressed where the browser takes that (RFC 9110 §13.1.2)."""
    takes_gzip = "gzip" in headers.get("accept-encoding", "")
    sent = {"Cache-Control": caching, "ETag": asset.etag, "Vary": "Accept-Encoding"}
    known = {tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")}
    if asset.etag in known or "*" in known:
        return Response(status_code=304, headers=sent)
    if takes_gzip and asset.compressed is not None:
        # Another representation has another tag; `W/` says that what is compressed is the same.
        sent |= {"Content-Encoding": "gzip", "ETag": f"W/{asset.etag}"}
        return Response(asset.compressed, media_type=asset.media_type, headers=sent)
    return Response(asset.content, media_type=asset.media_type, headers=sent)


def page_version() -> str:
    """Of all files of the page and its libraries: what has it in its address never changes."""
    known = [Path(__file__).parents[2] / "speech" / "catalogue.json", *PAGE.rglob("*.js"), *PAGE.rglob("*.css")]
    stamps = tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in sorted(known))
    return _version(stamps)


@lru_cache(maxsize=4)
def _version(stamps: tuple[tuple[str, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for path, _, _ in stamps:
        digest.update(path.encode() + b"\0" + Path(path).read_bytes())
    return digest.hexdigest()[:12]
