"""Rows 4.2-6 to 4.2-10: recordings are cut into clips."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from speech import dsp
from speech.analysis.diarization import Turn
from speech.audio import Audio, load, save
from speech.vad import FRAME_S, SileroDetector, Span
from train.dataset import sound
from train.dataset.clean import clean
from train.dataset.folder import DatasetFolder
from train.dataset.options import CleanOptions, DatasetOptions, SegmentOptions, changed
from train.dataset.records import Source
from train.dataset.segment import atoms_of, clip_parts, find_speech, finished, grouped, segment
from train.dataset.sources import add
from train.progress import NullReporter
from train.scripts import segment_audio

RATE = 22050
OPTIONS = SegmentOptions()
TEXTS = (
    "Quando a chuva parou, as crianças correram para brincar na rua.",
    "O trem da manhã chegou atrasado outra vez.",
    "Minha avó fazia um bolo de milho que toda a vizinhança pedia.",
)


class Scripted:
    """Speech where it is said to be, whatever the sound."""

    def __init__(self, *speech: tuple[float, float]) -> None:
        self._speech = speech

    def stream(self, blocks: Iterable[Audio]) -> Iterator[Any]:
        count = sum(len(block.samples) for block in blocks)
        times = np.arange(-(-count // 512)) * FRAME_S
        found = np.zeros(len(times), np.float32)
        for start, end in self._speech:
            found[(times >= start) & (times < end)] = 0.9
        yield found


def hum(seconds: float, loud: Sequence[tuple[float, float]] = ()) -> Audio:
    """A quiet room, with a voice-like tone where it is loud."""
    chance = np.random.default_rng(0)
    samples = chance.normal(0, 3e-4, round(seconds * RATE))
    moments = np.arange(len(samples)) / RATE
    for start, end in loud:
        inside = (moments >= start) & (moments < end)
        samples[inside] += 0.2 * np.sin(2 * np.pi * 180 * moments[inside])
    return Audio(samples.astype(np.float32), RATE)


def dataset(tmp_path: Path, audio: Audio, **source: Any) -> DatasetFolder:
    folder = DatasetFolder.create(tmp_path / "set", "pt-BR")
    folder.raw.mkdir()
    save(audio, folder.raw / "r.wav")
    length = round(audio.duration_s, 3)
    folder.save_sources([Source("r", "r.wav", path="raw/r.wav", duration_s=length, sha256="0", **source)])
    return folder


SPEECH = [(1.0, 3.5), (4.0, 6.8), (7.1, 9.9), (10.6, 14.0), (15.0, 18.4), (19.0, 22.5), (24.0, 26.0)]


def test_clips_are_of_7_to_12_s_and_hold_whole_speech(tmp_path: Path) -> None:
    folder = dataset(tmp_path, hum(28, SPEECH))
    samples = segment(folder, OPTIONS, Scripted(*SPEECH), NullReporter())
    assert len(samples) >= 2
    for sample in samples:
        clip = load(folder.root / sample.audio_path)
        assert 7.0 <= clip.duration_s <= 12.0 and clip.duration_s == pytest.approx(sample.duration_s, abs=2e-3)
        edges = [edge for part in sample.parts for edge in part]
        assert not [edge for edge in edges for start, end in SPEECH if start + 0.05 < edge < end - 0.05]
    assert folder.stage_samples() == samples
    heard = sum(sample.duration_s for sample in samples)
    assert heard > 0.8 * sum(end - start for start, end in SPEECH)


def test_a_second_run_cuts_nothing_again(tmp_path: Path) -> None:
    folder = dataset(tmp_path, hum(28, SPEECH))
    samples = segment(folder, OPTIONS, Scripted(*SPEECH), NullReporter())
    written = {path: path.stat().st_mtime_ns for path in folder.wavs.iterdir()}
    assert segment(folder, OPTIONS, Scripted(), NullReporter()) == samples
    assert {path: path.stat().st_mtime_ns for path in folder.wavs.iterdir()} == written
    (folder.root / samples[0].audio_path).unlink()
    assert segment(folder, OPTIONS, Scripted(*SPEECH), NullReporter()) == samples
    assert (folder.root / samples[0].audio_path).is_file()


@pytest.mark.models
def test_the_same_speech_whatever_the_blocks(tmp_path: Path, speak: Callable[..., Audio]) -> None:
    path = tmp_path / "r.wav"
    save(speak(*TEXTS), tmp_path / "r24.wav")
    sound.convert(tmp_path / "r24.wav", path, RATE, 600)
    whole = find_speech(path, SileroDetector(), OPTIONS, 1.0)
    assert len(whole) >= 3
    for block_s in (0.013, 0.5, 30.0):
        assert find_speech(path, SileroDetector(), OPTIONS, block_s) == whole


@pytest.mark.slow
def test_memory_stays_flat_on_three_hours(tmp_path: Path) -> None:
    """Numpy's memory is traced: three hours as floats would be 950 MB. About 25 s, most of it Silero's."""
    path = tmp_path / "long.wav"
    hour = (hum(60, [(5, 9), (20, 31)]).samples * 32767).astype(np.int16)
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        for _ in range(180):
            file.write(hour)
    tracemalloc.start()
    found = find_speech(path, Scripted((5, 9), (10000, 10012)), OPTIONS)
    detector = SileroDetector()
    heard = sum(len(part) for part in detector.stream(sound.resampled(sound.blocks(path), 16000)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found) == 2 and heard == -(-180 * 60 * 16000 // 512)
    assert peak < 80e6


def test_level_and_fades() -> None:
    clip = Audio(np.full(8 * RATE, 0.05, np.float32) * np.sign(np.sin(np.arange(8 * RATE))).astype(np.float32), RATE)
    for target in (-20.0, -26.0):
        made = finished(clip, replace(OPTIONS, target_rms_db=target))
        assert dsp.rms_db(made.samples) == pytest.approx(target, abs=0.2)
    assert abs(made.samples[0]) < 1e-4 and abs(made.samples[-1]) < 1e-3
    rise = np.abs(made.samples[: round(0.012 * RATE)])
    assert rise[round(0.005 * RATE)] == pytest.approx(rise[-1] / 2, rel=0.1)  # raised cosine over 10 ms
    peaked = clip.samples.copy()
    peaked[RATE] = 0.9
    made = finished(Audio(peaked, RATE), OPTIONS)
    assert np.abs(made.samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert dsp.rms_db(made.samples) < -21  # the peak forbids -20 dB


@pytest.mark.parametrize(
    "changes",
    [
        {"min_duration_s": 9.8},
        {"max_duration_s": 8.5},
        {"target_duration_s": 7.2},
        {"min_pause_s": 0.5},
        {"max_pause_s": 0.3},
        {"max_gap_s": 0.65},
        {"padding_s": 0.02},
        {"fade_in_s": 0.2},
        {"fade_out_s": 0.2},
        {"target_rms_db": -26.0},
        {"peak_limit_db": -18.0},
        {"vad_threshold": 0.95},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_knob_changes_what_comes_out(tmp_path: Path, changes: dict[str, Any]) -> None:
    tight = [(1 + 1.6 * index, 2.2 + 1.6 * index) for index in range(15 if "min_pause_s" in changes else 20)]
    speech = tight if {"min_pause_s", "target_duration_s"} & set(changes) else SPEECH

    def heard(options: SegmentOptions, name: str) -> list[tuple[str, bytes]]:
        (tmp_path / name).mkdir()
        folder = dataset(tmp_path / name, hum(34, speech))
        made = segment(folder, options, Scripted(*speech), NullReporter())
        return [(sample.sample_id, (folder.root / sample.audio_path).read_bytes()) for sample in made]

    assert heard(OPTIONS, "a") != heard(replace(OPTIONS, **changes), "b")


def test_one_speaker_a_clip() -> None:
    speech = [Span(*each) for each in SPEECH]
    turns = [Turn(0, 10, "A"), Turn(10, 20, "B"), Turn(20, 28, "A")]
    atoms = atoms_of(speech, turns, OPTIONS)
    assert [atom.speaker for atom in atoms] == ["A", "A", "A", "B", "B", "A", "A"]
    groups = grouped(atoms, OPTIONS)
    assert groups and all(len({atom.speaker for atom in group}) == 1 for group in groups)


def test_a_long_pause_is_shortened() -> None:
    atoms = atoms_of([Span(1, 5), Span(9, 13)], (), OPTIONS)
    parts = clip_parts(atoms, OPTIONS)
    assert parts == ((0.9, 5.35), (8.65, 13.1))


def test_recordings_with_their_text_are_clips_as_they_are(tmp_path: Path) -> None:
    folder = dataset(tmp_path, hum(3, [(0.5, 2.5)]), text="Olá, mundo.")
    (sample,) = segment(folder, OPTIONS, Scripted(), NullReporter())
    assert sample.given_text == "Olá, mundo." and sample.duration_s == pytest.approx(3, abs=0.01)


def test_cleaning_lowers_the_noise_and_keeps_the_original(tmp_path: Path) -> None:
    noisy = hum(8, [(1, 3), (4, 6)])
    noise = np.random.default_rng(1).normal(0, 0.01, len(noisy.samples)).astype(np.float32)
    folder = dataset(tmp_path, Audio(noisy.samples + noise, RATE))
    original = (folder.raw / "r.wav").read_bytes()
    before, after = clean(folder, CleanOptions(enabled=True, strength=1.0), NullReporter())["r"]
    assert after > before + 6
    assert (folder.raw / "r.wav").read_bytes() == original and (folder.cleaned / "r.wav").is_file()
    weaker = clean(folder, CleanOptions(enabled=True, strength=0.8), NullReporter())["r"][1]
    assert weaker < after
    assert clean(folder, CleanOptions(), NullReporter()) == {} and not folder.cleaned.exists()


def test_files_folders_and_bad_ones(tmp_path: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    save(hum(2, [(0.5, 1.5)]), given / "a.wav")
    save(hum(3, [(0.5, 1.5)]), given / "ção.flac")
    (given / "empty.wav").write_bytes(b"")
    (given / "page.mp3").write_bytes(b"<html></html>")
    (given / "notes.txt").write_text("x")
    folder = DatasetFolder.create(tmp_path / "set", "en")
    options = DatasetOptions().download
    made = {source.origin: source for source in add(folder, str(given), options, NullReporter())}
    assert set(made) == {"a.wav", "ção.flac", "empty.wav", "page.mp3"}
    assert made["ção.flac"].source_id == "cao" and made["a.wav"].is_ready
    assert made["empty.wav"].error == made["page.mp3"].error == "recording_unreadable"
    assert soundfile.info(folder.root / made["ção.flac"].path).samplerate == RATE
    assert add(folder, str(given / "a.wav"), options, NullReporter()) == ()  # the same sound again


@pytest.mark.models
def test_the_script(tmp_path: Path, speak: Callable[..., Audio], capsys: pytest.CaptureFixture[str]) -> None:
    folder = dataset(tmp_path, speak(*TEXTS, *TEXTS, pause_s=0.6))
    assert segment_audio.main([str(folder.root)]) == 0
    samples = folder.stage_samples()
    assert f"{len(samples)} clips" in capsys.readouterr().out and samples
    assert all(7 <= sample.duration_s <= 12 for sample in samples)
    config = tmp_path / "config.yaml"
    config.write_text("segment:\n  min_duration: 3\n")
    assert segment_audio.main([str(folder.root), "--config", str(config)]) == 2
    assert "segment.min_duration" in capsys.readouterr().err


def test_options_are_strict() -> None:
    from speech.errors import SpeechError

    assert changed(DatasetOptions(), {"segment": {"max_duration_s": 11}}).segment.max_duration_s == 11.0
    for wrong in ({"segment": {"max_duration_s": "11"}}, {"clean": {"enabled": 1}}, {"x": 1}, {"segment": 3}):
        with pytest.raises(SpeechError):
            changed(DatasetOptions(), wrong)
