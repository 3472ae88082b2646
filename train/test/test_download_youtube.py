"""Rows 4.2-1 to 4.2-5: links become recordings. The real yt-dlp against a server of this machine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile

from speech.audio import Audio, encode, to_bytes
from speech.errors import SpeechError
from train.dataset import fetcher
from train.dataset.download import download
from train.dataset.fetcher import Refused, Wanted, guarded
from train.dataset.folder import DatasetFolder
from train.dataset.options import DownloadOptions
from train.dataset.records import Source
from train.dataset.videos import COLUMNS, read_videos, write_videos
from train.progress import NullReporter, Stopped
from train.scripts import download_youtube

pytestmark = pytest.mark.processes

OPTIONS = DownloadOptions(retry_delay_s=0.05, allowed_hosts=("127.0.0.1",))


def tone(seconds: float = 2.0, rate: int = 44100) -> Audio:
    moments = np.arange(round(seconds * rate)) / rate
    return Audio((0.3 * np.sin(2 * np.pi * 220 * moments)).astype(np.float32), rate)


def video_without_sound(path: Path) -> bytes:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 64
        for _ in range(5):
            frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path.read_bytes()


@dataclass
class Site:
    """What the server answers, and how often it was asked."""

    files: dict[str, bytes]
    refusals: dict[str, int] = field(default_factory=dict)  # answers of 503 before the first good one
    redirects: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    site = Site(
        {
            "/a.wav": to_bytes(tone(), "wav"),
            "/b.mp3": b"".join(encode([tone(1.0)], "mp3", 44100)),
            "/flaky.wav": to_bytes(tone(1.5), "wav"),
            "/mute.mp4": video_without_sound(folder / "mute.mp4"),
        },
        redirects={"/inside": "http://localhost:9/secret.wav"},
    )

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            site.asked.append(self.path)
            if self.path in site.redirects:
                self.send_response(302)
                self.send_header("Location", site.redirects[self.path])
                self.end_headers()
                return
            if site.refusals.get(self.path, 0):
                site.refusals[self.path] -= 1
                self.send_error(503)
                return
            if self.path not in site.files:
                self.send_error(404)
                return
            data = site.files[self.path]
            self.send_response(200)
            kinds = {"wav": "audio/wav", "mp3": "audio/mpeg", "mp4": "video/mp4"}
            self.send_header("Content-Type", kinds[self.path.rsplit(".", 1)[1]])
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> DatasetFolder:
    return DatasetFolder.create(tmp_path / "voices", "en")


def videos(folder: DatasetFolder, *rows: str) -> None:
    folder.videos.write_text("\n".join((",".join(COLUMNS), *rows)) + "\n")


def test_links_become_mono_22050(folder: DatasetFolder, site: Site) -> None:
    """One of them answers only the third time."""
    site.refusals["/flaky.wav"] = 2
    slept: list[float] = []
    videos(folder, f"first,{site.url}/b.mp3,ana,calm,en,train,a note", f"second,{site.url}/flaky.wav,,,,,")
    first, second = download(folder, OPTIONS, NullReporter(), sleep=slept.append)
    assert slept == [0.05, 0.1]
    assert (first.speaker, first.emotion, first.split, first.notes) == ("ana", "calm", "train", "a note")
    for source, seconds in ((first, 1.0), (second, 1.5)):
        info = soundfile.info(folder.root / source.path)
        assert (info.samplerate, info.channels, info.subtype) == (22050, 1, "PCM_16")
        assert info.duration == pytest.approx(seconds, abs=0.1)
        assert source.duration_s == pytest.approx(info.duration, abs=1e-3)
    before = len(site.asked)
    assert download(folder, OPTIONS, NullReporter()) == (first, second)  # resumed: nothing is fetched again
    assert len(site.asked) == before


def test_every_bad_link_says_why_and_the_rest_goes_on(folder: DatasetFolder, site: Site) -> None:
    rows = {
        "gone": f"{site.url}/gone.wav",
        "mute": f"{site.url}/mute.mp4",
        "inside": f"{site.url}/inside",
        "elsewhere": "https://example.org/a.wav",
        "good": f"{site.url}/a.wav",
    }
    videos(folder, *(f"{name},{url},,,,," for name, url in rows.items()))
    found = {source.source_id: source for source in download(folder, replace(OPTIONS, max_retries=0), NullReporter())}
    assert found["good"].is_ready
    assert {name: source.error for name, source in found.items() if source.error} == {
        "gone": "download_failed",
        "mute": "recording_unreadable",
        "inside": "download_failed",
        "elsewhere": "host_not_listed",
    }
    assert "404" in found["gone"].reason and "no audio stream" in found["mute"].reason
    assert "localhost may not be reached" in found["inside"].reason
    assert all(source.reason for source in found.values() if source.error)


@pytest.mark.parametrize("data", [b"", b"<html><body>not a sound</body></html>"], ids=["empty", "page"])
def test_what_is_no_sound_is_refused(folder: DatasetFolder, data: bytes) -> None:
    def fetch(wanted: Wanted, timeout_s: float) -> dict[str, Any]:
        (Path(wanted.folder) / "media.mp3").write_bytes(data)
        return {"file": "media.mp3"}

    folder.save_sources([Source("a", "https://youtu.be/abc")])
    (source,) = download(folder, DownloadOptions(), NullReporter(), fetch)
    assert source.error == "recording_unreadable" and source.reason


def test_a_recording_over_the_limit_is_refused(folder: DatasetFolder) -> None:
    def fetch(wanted: Wanted, timeout_s: float) -> dict[str, Any]:
        (Path(wanted.folder) / "media.wav").write_bytes(to_bytes(tone(), "wav"))
        return {"file": "media.wav"}

    folder.save_sources([Source("a", "https://youtu.be/abc")])
    (source,) = download(folder, DownloadOptions(max_duration_s=1.0), NullReporter(), fetch)
    assert source.error == "recording_too_long" and not list(folder.raw.glob("*.wav"))


@pytest.mark.parametrize(("is_lasting", "tries", "delays"), [(False, 4, [1.0, 2.0, 4.0]), (True, 1, [])])
def test_retries_end(folder: DatasetFolder, is_lasting: bool, tries: int, delays: list[float]) -> None:
    asked: list[str] = []
    slept: list[float] = []

    def fetch(wanted: Wanted, timeout_s: float) -> dict[str, Any]:
        asked.append(wanted.url)
        return {"error": "download_failed", "reason": "Private video", "is_lasting": is_lasting}

    folder.save_sources([Source("a", "https://youtu.be/abc")])
    options = DownloadOptions(max_retries=3, retry_delay_s=1.0)
    (source,) = download(folder, options, NullReporter(), fetch, slept.append)
    assert len(asked) == tries and slept == delays
    assert (source.error, source.reason) == ("download_failed", "Private video")


def test_subtitles_are_kept(folder: DatasetFolder) -> None:
    def fetch(wanted: Wanted, timeout_s: float) -> dict[str, Any]:
        (Path(wanted.folder) / "media.wav").write_bytes(to_bytes(tone(), "wav"))
        (Path(wanted.folder) / "media.en.vtt").write_text("WEBVTT\n\n00:00.000 --> 00:02.000\nHello there\n")
        return {"file": "media.wav", "subtitles": "media.en.vtt", "title": "t"}

    folder.save_sources([Source("a", "https://youtu.be/abc")])
    (source,) = download(folder, DownloadOptions(), NullReporter(), fetch)
    assert "Hello there" in (folder.root / source.subtitles).read_text()


def test_a_full_disk_is_one_line(folder: DatasetFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> float:
        raise OSError(28, "No space left on device")

    def fetch(wanted: Wanted, timeout_s: float) -> dict[str, Any]:
        return {"file": "media.wav"}

    monkeypatch.setattr("train.dataset.sound.convert", full)
    folder.save_sources([Source("a", "https://youtu.be/abc"), Source("b", "https://youtu.be/abd")])
    assert {source.error for source in download(folder, DownloadOptions(), NullReporter(), fetch)} == {"disk_full"}


@pytest.mark.parametrize(
    ("info", "code"),
    [
        ({"_type": "playlist"}, "playlist_refused"),
        ({"is_live": True}, "live_refused"),
        ({"live_status": "is_upcoming"}, "live_refused"),
        ({"duration": 36000}, "recording_too_long"),
    ],
)
def test_playlists_live_and_ten_hours_are_refused(info: dict[str, Any], code: str) -> None:
    wanted = Wanted("https://youtu.be/a", "x", (), "en", True, 14400, 100)
    with pytest.raises(Refused) as refusal:
        fetcher._check(info, wanted)
    assert refusal.value.code == code
    assert fetcher._options(wanted)["noplaylist"] and fetcher._options(wanted)["allowed_extractors"] == ["youtube$"]


def test_only_public_addresses_are_reached() -> None:
    def resolve(host: str, *_: object) -> list[Any]:
        place = {"rebound.example": "10.0.0.1", "public.example": "93.184.216.34", "127.0.0.1": "127.0.0.1"}[host]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, 443))]

    for_site, for_youtube = guarded(resolve, {"127.0.0.1"}, False), guarded(resolve, {"127.0.0.1"}, True)
    assert for_site("127.0.0.1") and for_youtube("public.example")
    for lookup, host in ((for_site, "public.example"), (for_youtube, "rebound.example"), (for_youtube, "127.0.0.1")):
        with pytest.raises(OSError, match="may not be reached"):
            lookup(host)


def test_videos_csv(tmp_path: Path) -> None:
    path = tmp_path / "videos.csv"
    path.write_text(
        "id,youtube_url,speaker,emotion,language,split,notes\n"
        'a,https://youtu.be/1,ana,,pt-BR,val,"x, y"\n'
        "a,https://youtu.be/2,,,,,\n../b,https://youtu.be/3,,,,,\n"
        "c,file:///etc/passwd,,,,,\nd,https://youtu.be/4,,,,test,\n"
    )
    sources, problems = read_videos(path)
    assert [source.source_id for source in sources] == ["a"] and sources[0].notes == "x, y"
    assert [problem.split(":")[1] for problem in problems] == ["3", "4", "5", "6"]
    write_videos(path, sources)
    assert read_videos(path) == (sources, [])
    path.write_text("id;url\n1;2\n")
    with pytest.raises(SpeechError) as refusal:
        read_videos(path)
    assert refusal.value.code == "bad_videos_header" and refusal.value.values["choices"] == list(COLUMNS)


def test_stopped_between_recordings(folder: DatasetFolder) -> None:
    class Stopping(NullReporter):
        def should_stop(self) -> bool:
            return True

    folder.save_sources([Source("a", "https://youtu.be/abc")])
    with pytest.raises(Stopped):
        download(folder, OPTIONS, Stopping())


def test_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    list_of_links = tmp_path / "videos.csv"
    list_of_links.write_text("id,youtube_url\nx,https://example.org/x.wav\n")
    assert download_youtube.main([str(tmp_path / "set"), "--videos", str(list_of_links)]) == 1
    told = capsys.readouterr()
    assert "0 of 1 recordings" in told.out and "host_not_listed" in told.err
    list_of_links.write_text("wrong,header\n")
    assert download_youtube.main([str(tmp_path / "set"), "--videos", str(list_of_links)]) == 2
    assert "youtube_url" in capsys.readouterr().err
