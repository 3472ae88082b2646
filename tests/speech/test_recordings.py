"""Forty odd, damaged and hostile recordings: each is read with its duration, or refused in one sentence."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from app.statuses import STATUS
from app.texts import LANGUAGES, render
from speech import recordings
from speech.analysis.findings import of_reading
from speech.audio import Audio, Samples, encode, load, save
from speech.errors import SpeechError
from speech.recordings import ReadRecording, read_recording

RATE = 24000
LASTS_S = 5.0
Make = Callable[[Path], None]


def voice(duration_s: float = LASTS_S) -> Samples:
    """A tone that rises and falls like syllables."""
    t = np.arange(round(duration_s * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 220 * t) * (1 + 0.5 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)


def wav(*channels: Samples, subtype: str = "PCM_24") -> Make:
    return lambda path: soundfile.write(path, np.stack(channels, 1), RATE, subtype=subtype, format="WAV")


def coded(name: str) -> bytes:
    return b"".join(encode([Audio(voice(), RATE)], name, RATE))


def cut(name: str) -> Make:
    return lambda path: _put(path, coded(name)[: len(coded(name)) * 2 // 3])


def patched(name: str, count: int = 300) -> Make:
    def make(path: Path) -> None:
        data = bytearray(coded(name))
        middle = len(data) // 2
        data[middle : middle + count] = np.random.default_rng(1).integers(0, 256, count, dtype=np.uint8).tobytes()
        _put(path, bytes(data))

    return make


def glued(first: str, second: str) -> Make:
    return lambda path: _put(path, coded(first) + coded(second))


def as_bytes(data: bytes) -> Make:
    return lambda path: _put(path, data)


def _put(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def second_track(path: Path) -> None:
    """An mp4 whose first track is silent."""
    with av.open(str(path), "w", format="mp4") as container:
        streams = [container.add_stream("aac", rate=RATE, layout="mono") for _ in range(2)]
        for stream, samples in zip(streams, (np.zeros_like(voice()), voice()), strict=True):
            frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
            frame.sample_rate = RATE
            resampler = av.AudioResampler(format="fltp", layout="mono", rate=RATE, frame_size=1024)
            for part in [*resampler.resample(frame), *resampler.resample(None), None]:
                container.mux(stream.encode(part))


def bomb(path: Path) -> None:
    """A small FLAC of eight silent channels that last twenty minutes."""
    with soundfile.SoundFile(path, "w", 8000, 8, "PCM_16", format="FLAC") as file:
        for _ in range(120):
            file.write(np.zeros((80_000, 8), np.int16))


def claims(channels: int, rate: int) -> Make:
    layout = struct.pack("<HHIIHH", 1, channels, rate, min(2**32 - 1, rate * channels * 2), channels * 2 % 65536, 16)
    head = b"RIFF" + struct.pack("<I", 2**31) + b"WAVEfmt " + struct.pack("<I", 16) + layout
    return as_bytes(head + b"data" + struct.pack("<I", 2**31 - 40) + bytes(4000))


x = voice()
other = np.roll(x, 997)
READ: dict[str, tuple[str, Make, float]] = {
    **{f"{n} channels": ("wav", wav(*[x] * n), LASTS_S) for n in (1, 2, 3, 6, 8, 10, 16)},
    "inverted": ("wav", wav(x, -x), LASTS_S),
    "half inverted": ("wav", wav(x, -0.9 * x), LASTS_S),
    "one side silent": ("wav", wav(np.zeros_like(x), x), LASTS_S),
    "one inverted of six": ("wav", wav(x, x, -x, x, x, x), LASTS_S),
    "far over full scale": ("wav", wav(20 * x, subtype="FLOAT"), LASTS_S),
    "as 16 bit numbers": ("wav", wav(32768 * x, subtype="FLOAT"), LASTS_S),
    "off zero": ("wav", wav(x + 0.4, subtype="FLOAT"), LASTS_S),
    "some samples no numbers": (
        "wav",
        wav(np.where(np.arange(len(x)) % 5000 == 7, np.nan, x), subtype="FLOAT"),
        LASTS_S,
    ),
    "double precision": ("wav", wav(x, subtype="DOUBLE"), LASTS_S),
    "8 bit": ("wav", wav(x, subtype="PCM_U8"), LASTS_S),
    "second track": ("mp4", second_track, LASTS_S),
    **{f"cut {name}": (name, cut(name), 3.33) for name in ("wav", "mp3", "opus", "aac")},
    "cut flac": ("flac", cut("flac"), 3.0),
    **{f"patched {name}": (name, patched(name), LASTS_S) for name in ("wav", "mp3", "aac", "flac", "opus", "m4a")},
    "two mp3": ("mp3", glued("mp3", "mp3"), 2 * LASTS_S),
    "two wav": ("wav", glued("wav", "wav"), 2 * LASTS_S),
    "two opus": ("opus", glued("opus", "opus"), 2 * LASTS_S),
    "vorbis and opus": ("ogg", glued("ogg", "opus"), 2 * LASTS_S),
    "late tags": ("mp3", as_bytes(coded("mp3") + b"LYRICSBEGIN" + b"x" * 3000 + b"LYRICS200"), LASTS_S),
    "a name that lies": ("mp3", as_bytes(coded("flac")), LASTS_S),
    "no name": ("", as_bytes(coded("m4a")), LASTS_S),
}
REFUSED: dict[str, tuple[str, Make]] = {
    "noise": ("mp3", as_bytes(np.random.default_rng(2).integers(0, 256, 50_000, dtype=np.uint8).tobytes())),
    "empty": ("wav", as_bytes(b"")),
    "a head without sound": ("wav", as_bytes(coded("wav")[:44])),
    "m4a without its table": ("m4a", cut("m4a")),
    "too long, of eight channels": ("flac", bomb),
    "65535 channels": ("wav", claims(65535, 8000)),
    "4 GHz": ("wav", claims(1, 2**32 - 1)),
    "a playlist": ("m3u8", as_bytes(b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n")),
    "html": ("mp3", as_bytes(b"<!doctype html><html>not found</html>" * 50)),
}


def read(folder: Path, suffix: str, make: Make) -> ReadRecording:
    path = folder / f"voz.{suffix}"
    make(path)
    return read_recording(path, RATE, 600)


@pytest.mark.parametrize("name", READ)
def test_read(tmp_path: Path, name: str) -> None:
    suffix, make, duration_s = READ[name]
    made = read(tmp_path, suffix, make)
    assert made.audio.duration_s == pytest.approx(duration_s, abs=0.2)
    samples = made.audio.samples
    assert np.isfinite(samples).all() and np.abs(samples).max() <= 1 and abs(samples.mean()) < 0.01
    assert samples.std() > 0.15


@pytest.mark.parametrize("name", REFUSED)
def test_refused(tmp_path: Path, name: str) -> None:
    suffix, make = REFUSED[name]
    started = time.monotonic()
    with pytest.raises(SpeechError) as caught:
        read(tmp_path, suffix, make)
    assert time.monotonic() - started < 30
    assert caught.value.code in ("recording_unreadable", "recording_too_long") and caught.value.code in STATUS
    assert str(tmp_path) not in str(caught.value)
    for language in LANGUAGES:
        said = render(f"error.{caught.value.code}", language, caught.value.values)
        assert caught.value.values["file"] in said and "Invalid data" not in said


def test_what_was_done_is_told(tmp_path: Path) -> None:
    expected = {
        "inverted": "channels_cancel",
        "far over full scale": "over_full_scale",
        "off zero": "offset",
        "second track": "other_track",
        "patched aac": None,  # one packet: too short to tell
        "2 channels": None,
    }
    for name, code in expected.items():
        suffix, make, _ = READ[name]
        found = [finding.code for finding in of_reading(read(tmp_path, suffix, make).told)]
        assert found == ([] if code is None else [code]), name


def test_seconds_that_were_lost_are_told_and_silent(tmp_path: Path) -> None:
    made = read(tmp_path, "m4a", patched("m4a", 20_000))
    assert 0.2 < made.told.lost_s < 3 and [f.code for f in of_reading(made.told)] == ["packets_lost"]
    assert made.audio.duration_s == pytest.approx(LASTS_S, abs=0.2)
    short = read(tmp_path, "mp3", patched("mp3", 3000))
    assert short.told.lost_s + short.told.decoded_s == pytest.approx(LASTS_S, abs=0.5)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "AU", "FLAC", "MP3"])
def test_the_end_that_a_cut_file_misses_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"whole.{kind.lower()}"
    soundfile.write(path, voice(), RATE, format=kind)
    assert read_recording(path, RATE).told.lost_s == pytest.approx(0, abs=0.1)
    data = path.read_bytes()
    for share in (0.7, 0.2):
        cut_path = tmp_path / f"cut.{kind.lower()}"
        cut_path.write_bytes(data[: round(len(data) * share)])
        try:
            made = read_recording(cut_path, RATE)
        except SpeechError as error:
            assert (kind, share, error.code) == ("FLAC", 0.2, "recording_mostly_lost")
            continue
        assert made.told.lost_s == pytest.approx(LASTS_S * (1 - share), abs=0.5)
        assert made.audio.duration_s == pytest.approx(LASTS_S * share, abs=0.5)
        assert [finding.code for finding in of_reading(made.told)] == ["packets_lost"]


def test_a_length_that_the_writer_did_not_know_is_no_loss(tmp_path: Path) -> None:
    path = tmp_path / "streamed.wav"
    path.write_bytes(b"".join(encode([Audio(voice(), RATE)], "wav", RATE)))
    assert read_recording(path, RATE).told.lost_s == 0


def test_a_codec_that_crashes_or_hangs_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Audio(voice(), RATE), tmp_path / "a.wav")
    package = tmp_path / "speech_that_crashes" / "av"
    package.mkdir(parents=True)
    monkeypatch.syspath_prepend(package.parent)
    for body in ("import os; os.kill(os.getpid(), 11)", "import time; time.sleep(60)"):
        (package / "__init__.py").write_text(body)
        monkeypatch.setattr(recordings, "STALL_S", 3.0)
        started = time.monotonic()
        with pytest.raises(SpeechError, match="recording_unreadable"):
            read_recording(tmp_path / "a.wav", RATE)
        assert time.monotonic() - started < 20


def test_the_child_may_not_take_all_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(Audio(voice(), RATE), tmp_path / "a.wav")
    package = tmp_path / "greedy" / "av"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("held = bytearray(8 << 30)")
    monkeypatch.syspath_prepend(package.parent)
    with pytest.raises(SpeechError, match="recording_unreadable"):
        read_recording(tmp_path / "a.wav", RATE)


def children() -> set[str]:
    """Process ids of this process's children."""
    return {pid for path in Path("/proc/self/task").glob("*/children") for pid in path.read_text().split()}


def test_leaving_a_recording_ends_its_process(tmp_path: Path) -> None:
    save(Audio(np.tile(voice(), 60), RATE), tmp_path / "a.wav")
    before = children()
    blocks = iter(recordings.RecordingStream(tmp_path / "a.wav", RATE))
    next(blocks)
    assert children() - before
    blocks.close()  # type: ignore[attr-defined]
    assert children() <= before


def test_the_reader_of_our_own_files_mixes_as_the_other_does(tmp_path: Path) -> None:
    wav(x, x)(tmp_path / "a.wav")
    assert np.abs(load(tmp_path / "a.wav").samples).max() == pytest.approx(0.45, abs=0.01)
