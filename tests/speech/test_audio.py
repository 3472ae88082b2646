"""Sound in, sound out: every format decodes to what went in, streams have one header, files are whole or absent."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

from speech.audio import FORMATS, HEADERLESS, Audio, encode, from_pcm16, join, load, pcm16, resample, save, to_bytes
from speech.errors import SpeechError

RATE = 24000
MAGIC = {"wav": b"RIFF", "mp3": b"ID3", "ogg": b"OggS", "flac": b"fLaC", "opus": b"OggS", "aac": b"\xff\xf1"}


def tone(duration_s: float = 1.5, hz: float = 440, rate: int = RATE) -> Audio:
    t = np.arange(round(duration_s * rate)) / rate
    return Audio((0.5 * np.sin(2 * np.pi * hz * t)).astype(np.float32), rate)


def pieces(audio: Audio, count: int = 5) -> list[Audio]:
    step = audio.duration_s / count
    return [audio.slice(i * step, (i + 1) * step) for i in range(count)]


def loudest_hz(audio: Audio) -> float:
    spectrum = np.abs(np.fft.rfft(audio.samples))
    return float(np.argmax(spectrum) * audio.sample_rate / len(audio.samples))


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in HEADERLESS])
def test_stream_and_file_decode_to_the_tone(name: str) -> None:
    for data in (b"".join(encode(pieces(tone()), name, RATE)), to_bytes(tone(), name)):
        heard = load(io.BytesIO(data))
        assert heard.duration_s == pytest.approx(1.5, abs=0.1)
        assert loudest_hz(heard) == pytest.approx(440, abs=2)
        assert data[4:8] == b"ftyp" if name == "m4a" else data.startswith(MAGIC[name])


@pytest.mark.parametrize("name", ["wav", "mp3", "flac", "opus", "aac", "pcm"])
def test_sound_leaves_with_each_chunk(name: str) -> None:
    taken: list[int] = []

    def chunks() -> object:
        for number, piece in enumerate(pieces(tone(5))):
            taken.append(number)
            yield piece

    blocks = encode(chunks(), name, RATE)  # type: ignore[arg-type]
    sizes = [len(block) for block in (next(blocks), next(blocks), next(blocks))]
    assert min(sizes) > 0 and len(taken) < 5


@pytest.mark.parametrize("name", ["wav", "mp3"])
def test_stream_has_one_header(name: str) -> None:
    assert b"".join(encode(pieces(tone()), name, RATE)).count(MAGIC[name]) == 1


def test_pcm_is_the_samples() -> None:
    audio = tone()
    assert b"".join(encode(pieces(audio), "pcm", RATE)) == pcm16(audio.samples)
    assert np.abs(from_pcm16(pcm16(audio.samples), RATE).samples - audio.samples).max() < 1 / 32767


def test_pcm_clips_instead_of_wrapping() -> None:
    assert from_pcm16(pcm16(np.array([2.0, -2.0], np.float32)), RATE).samples.tolist() == [1.0, -1.0]


def test_wav_file_knows_its_length_and_a_stream_does_not() -> None:
    whole = to_bytes(tone(), "wav")
    assert int.from_bytes(whole[40:44], "little") == len(whole) - 44
    assert b"".join(encode([tone()], "wav", RATE))[40:44] == b"\xff\xff\xff\xff"


def test_resample_keeps_pitch_and_length() -> None:
    heard = resample(tone(), 16000)
    assert (heard.sample_rate, len(heard.samples)) == (16000, 24000)
    assert loudest_hz(heard) == pytest.approx(440, abs=1)


def test_join_and_slice_are_inverse() -> None:
    audio = tone()
    assert np.array_equal(join(pieces(audio)).samples, audio.samples)
    assert audio.slice(-5, 99).duration_s == audio.duration_s
    with pytest.raises(ValueError, match="sample rate"):
        join([tone(), tone(rate=16000)])


def test_audio_refuses_what_is_not_mono_float32() -> None:
    with pytest.raises(ValueError, match="float64"):
        Audio(np.zeros(3), RATE)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        Audio(np.zeros((2, 3), np.float32), RATE)


def test_save_is_whole_or_absent(tmp_path: Path) -> None:
    save(tone(), tmp_path / "a.flac")
    assert load(tmp_path / "a.flac").duration_s == 1.5
    with pytest.raises(SpeechError, match="unknown_format"):
        save(tone(), tmp_path / "a.xyz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


def test_unreadable_files_say_why(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not a sound")
    for path in (tmp_path / "text.wav", tmp_path / "absent.wav"):
        with pytest.raises(SpeechError, match="audio_unreadable"):
            load(path)
