"""Recordings come in: real speech by the embedded voice, real models, and all that can be wrong with a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from app.errors import STATUS
from app.tasks.cloning_service import CloningService
from app.texts import LANGUAGES, catalogue
from speech.analysis import quality
from speech.analysis.cutting import LONGEST_RECORDINGS_S, Recording, cut, listen, read
from speech.asr import Transcript
from speech.audio import Audio, encode, join, load, save
from speech.engines.kokoro.record import RECORD as KOKORO
from speech.engines.xtts.record import RECORD as XTTS
from speech.errors import SpeechError
from speech.metrics.wer import word_error_rate
from speech.models import ModelStore
from speech.vad import EnergyDetector, SileroDetector, Span, VoiceDetector
from train.intake import IntakeModels, analyze_recordings
from train.manifest import Finding, Manifest
from train.progress import NullReporter, Stopped

RATE = 24000
Speak = Callable[..., Audio]
TEXTS = (
    "Quando a chuva parou, as crianças correram para brincar na rua.",
    "O trem da manhã chegou atrasado outra vez.",
    "Minha avó fazia um bolo de milho que toda a vizinhança pedia.",
)


class Told(NullReporter):
    """Keeps what it is told, and stops after `patience` reports."""

    def __init__(self, patience: int = 10_000) -> None:
        self.steps: list[tuple[int, int, str]] = []
        self._patience = patience

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.steps.append((done, total, note))

    def should_stop(self) -> bool:
        return len(self.steps) >= self._patience


def saved(folder: Path, *sounds: Audio) -> list[Path]:
    paths = [folder / f"r{index}.wav" for index in range(len(sounds))]
    for sound, path in zip(sounds, paths, strict=True):
        save(sound, path)
    return paths


def stereo_m4a(sound: Audio, path: Path) -> Path:
    """As a telephone would keep it: AAC, two channels, 44.1 kHz."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100, layout="stereo")
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.stack([sound.samples, sound.samples]), format="fltp", layout="stereo")
        frame.sample_rate = sound.sample_rate
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(part))
    return path


def codes(findings: tuple[Finding, ...], severity: str) -> set[str]:
    return {finding.code for finding in findings if finding.severity == severity}


@pytest.fixture(scope="module")
def recording(speak: Speak) -> Audio:
    return speak(*TEXTS)


def test_two_files_become_clips_with_their_words(tmp_path: Path, models: IntakeModels, speak: Speak) -> None:
    paths = [*saved(tmp_path, speak(*TEXTS[:2])), stereo_m4a(speak(TEXTS[2]), tmp_path / "ana.m4a")]
    work, told = tmp_path / "work", Told()
    manifest = analyze_recordings(paths, KOKORO, "pt", work, models, told)

    assert Manifest.load(work / "manifest.jsonl") == manifest
    assert sorted(path.name for path in work.iterdir()) == ["clips", "manifest.jsonl"]
    assert [clip.source for clip in manifest.clips] == ["r0.wav", "r0.wav", "ana.m4a"]
    assert word_error_rate(TEXTS, [clip.text for clip in manifest.clips]) < 0.1
    for clip in manifest.clips:
        sound = load(work / clip.audio_path)
        assert clip.findings == () and clip.language == "pt-BR" and clip.text == clip.recognized_text
        assert sound.sample_rate == RATE and sound.duration_s == clip.duration_s
        assert clip.end_s - clip.start_s == pytest.approx(clip.duration_s, abs=1e-3) and 2 < clip.duration_s < 10
        assert clip.measures["rms_db"] == pytest.approx(-23, abs=3)
        for edge in (sound.samples[:1200], sound.samples[-1200:]):  # 50 ms of quiet: no word is cut
            assert 20 * np.log10(np.std(edge) + 1e-9) < -50
    assert [step[0] for step in told.steps] == sorted(step[0] for step in told.steps)
    notes = {note for _, _, note in told.steps}
    assert len(notes) == 4 and all(notes <= set(catalogue(language)) for language in LANGUAGES)


def test_a_given_text_is_placed_and_its_wrong_part_is_named(
    tmp_path: Path, models: IntakeModels, recording: Audio
) -> None:
    other = "Ninguém mais quis comprar a casa amarela."
    work = tmp_path / "work"
    manifest = analyze_recordings(
        saved(tmp_path, recording), KOKORO, "pt-BR", work, models, NullReporter(), f"{TEXTS[0]} {other} {TEXTS[2]}"
    )
    assert [clip.text for clip in manifest.clips] == [TEXTS[0], other, TEXTS[2]]
    assert [clip.is_usable for clip in manifest.clips] == [True, False, True]
    wrong = manifest.clips[1].findings[0]
    assert wrong.code == "wrong_text" and wrong.values["text"] == other and "trem" in str(wrong.values["heard"])

    with pytest.raises(SpeechError) as caught:
        analyze_recordings(
            saved(tmp_path, recording),
            KOKORO,
            "pt-BR",
            tmp_path / "2",
            models,
            NullReporter(),
            "Nada disso foi dito. " * 6,
        )
    assert caught.value.code == "wrong_text" and "c002" in str(caught.value.values["clips"])
    assert list((tmp_path / "2").iterdir()) == []


def test_a_stranger_s_clip_is_left_out_and_two_people_are_refused(
    tmp_path: Path, models: IntakeModels, speak: Speak
) -> None:
    stranger = speak("Eu também quero falar um pouco.", voice="pm_alex")
    manifest = analyze_recordings(
        saved(tmp_path, speak(*TEXTS), stranger, speak(*TEXTS)), KOKORO, "pt-BR", tmp_path / "1", models, NullReporter()
    )
    assert [codes(clip.findings, "refused") for clip in manifest.clips if not clip.is_usable] == [{"second_speaker"}]
    assert [clip.source for clip in manifest.clips if not clip.is_usable] == ["r1.wav"]

    both = join([speak(TEXTS[0]), speak(TEXTS[1], voice="pm_alex"), speak(TEXTS[2]), stranger])
    with pytest.raises(SpeechError) as caught:
        analyze_recordings(saved(tmp_path, both), KOKORO, "pt-BR", tmp_path / "2", models, NullReporter())
    assert caught.value.code == "two_speakers" and "r0.wav" in str(caught.value.values["clips"])
    assert 20 <= int(str(caught.value.values["share_percent"])) <= 60


def telephone(sound: Audio) -> Audio:
    spectrum = np.fft.rfft(sound.samples)
    hz = np.fft.rfftfreq(len(sound.samples), 1 / RATE)
    spectrum[(hz < 300) | (hz > 3400)] = 0
    voice = Audio(np.fft.irfft(spectrum, len(sound.samples)).astype(np.float32), RATE)
    return noisy(voice, 40)


def noisy(sound: Audio, snr_db: float = 10) -> Audio:
    noise = np.random.default_rng(3).normal(0, np.std(sound.samples) / 10 ** (snr_db / 20), len(sound.samples))
    return Audio((sound.samples + noise).astype(np.float32), RATE)


@pytest.mark.parametrize(("worse", "code"), [(telephone, "narrow_band"), (noisy, "noisy")])
def test_a_telephone_and_a_noisy_room_are_warned_of_and_kept(
    tmp_path: Path, models: IntakeModels, recording: Audio, worse: Callable[[Audio], Audio], code: str
) -> None:
    manifest = analyze_recordings(
        saved(tmp_path, worse(recording)), KOKORO, "pt-BR", tmp_path / "work", models, NullReporter()
    )
    assert manifest.usable() == manifest.clips and len(manifest.clips) == len(TEXTS)
    assert all(code in codes(clip.findings, "warning") for clip in manifest.clips)


def test_another_language_than_said_is_told(tmp_path: Path, models: IntakeModels, recording: Audio) -> None:
    with pytest.raises(SpeechError) as caught:
        analyze_recordings(saved(tmp_path, recording), KOKORO, "en-US", tmp_path / "work", models, NullReporter())
    assert caught.value.code == "wrong_language"
    assert caught.value.values == {"language": "en-US", "heard": "pt"}


def chords(seconds: float) -> Audio:
    t = np.arange(round(seconds * RATE)) / RATE
    notes = np.sin(2 * np.pi * np.outer([220, 277.2, 329.6, 440], t)).sum(axis=0) * np.exp(-1.5 * (t % 1)) * 0.1
    return Audio(notes.astype(np.float32), RATE)


def hiss(seconds: float) -> Audio:
    return Audio(np.random.default_rng(1).normal(0, 0.05, round(seconds * RATE)).astype(np.float32), RATE)


def quiet(seconds: float) -> Audio:
    return Audio(np.zeros(round(seconds * RATE), np.float32), RATE)


BAD: Mapping[str, tuple[Audio, ...]] = {
    "no_recording": (),
    "recording_too_short": (chords(3), quiet(3)),
    "recording_silent": (quiet(15),),
    "only_music": (chords(15),),
    "no_speech_found": (hiss(15),),
}


@pytest.mark.parametrize("code", BAD)
def test_what_is_no_speech_is_refused_by_name(tmp_path: Path, models: IntakeModels, code: str) -> None:
    with pytest.raises(SpeechError) as caught:
        analyze_recordings(saved(tmp_path, *BAD[code]), KOKORO, "pt-BR", tmp_path / "work", models, NullReporter())
    assert caught.value.code == code and STATUS[code] in (400, 413, 422)
    assert not code.startswith("recording") or "r0.wav" in str(caught.value.values["files"])
    assert not (tmp_path / "work").exists() or list((tmp_path / "work").iterdir()) == []


def test_a_language_without_phonemes_and_an_endless_text_are_refused_unheard(
    tmp_path: Path, models: IntakeModels
) -> None:
    for code, language, text in (("language_not_spoken", "de", None), ("text_too_long", "pt-BR", "a " * 20_000)):
        with pytest.raises(SpeechError) as caught:
            analyze_recordings(
                [tmp_path / "none.wav"], KOKORO, language, tmp_path / "work", models, NullReporter(), text
            )
        assert caught.value.code == code
    assert not (tmp_path / "work").exists()


@pytest.mark.parametrize("patience", [1, 3, 6])
def test_stopping_leaves_nothing_half_made(
    tmp_path: Path, models: IntakeModels, recording: Audio, patience: int
) -> None:
    told = Told(patience)
    with pytest.raises(Stopped):
        analyze_recordings(saved(tmp_path, recording), KOKORO, "pt-BR", tmp_path / "work", models, told)
    assert len(told.steps) == patience and list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"not a sound at all", b"RIFF\x24\x00\x00\x00WAVEfmt "])
def test_a_file_that_is_no_sound_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "voz.wav"
    path.write_bytes(content)
    with pytest.raises(SpeechError) as caught:
        read(path, 60)
    assert caught.value.code == "recording_unreadable" and caught.value.values["file"] == "voz.wav"
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize(("channels", "suffix"), [(6, "flac"), (8, "flac"), (8, "wav"), (10, "wav"), (16, "wav")])
def test_a_recorder_of_many_tracks_is_read(tmp_path: Path, channels: int, suffix: str) -> None:
    """PyAV 18.1 counts nine planes for a planar frame of eight channels and reads past the last."""
    path = tmp_path / f"tracks.{suffix}"
    tone = (0.3 * np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE)).astype(np.float32)
    soundfile.write(path, np.repeat(tone[:, None], channels, 1), RATE, subtype="PCM_24")
    audio = read(path, 60).audio
    assert audio.duration_s == pytest.approx(1.0) and np.abs(audio.samples).max() == pytest.approx(0.3, abs=0.001)


def test_a_playlist_opens_no_other_file(tmp_path: Path) -> None:
    save(hiss(1), tmp_path / "secret.wav")
    lists = {
        "a.m3u8": "#EXTM3U\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
        "b.ffconcat": "ffconcat version 1.0\nfile secret.wav\n",
    }
    for name, content in lists.items():
        (tmp_path / name).write_text(content)
        with pytest.raises(SpeechError, match="recording_unreadable"):
            read(tmp_path / name, 60)


def test_two_hours_are_refused_at_once(tmp_path: Path) -> None:
    """By what the file says of itself, and while decoding when it says nothing."""
    known = tmp_path / "known.wav"
    size = 2 * 3600 * 8000
    with known.open("wb") as file:
        file.write(b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x01\0\x01\0")
        file.write((8000).to_bytes(4, "little") * 2 + b"\x01\0\x08\0data" + size.to_bytes(4, "little"))
        file.truncate(size + 44)
    unknown = tmp_path / "unknown.ogg"
    unknown.write_bytes(b"".join(encode([hiss(30)], "opus", RATE)))
    for path, longest_s in ((known, LONGEST_RECORDINGS_S), (unknown, 10.0)):
        started = time.perf_counter()
        with pytest.raises(SpeechError) as caught:
            read(path, longest_s)
        assert time.perf_counter() - started < 10  # a process begins; two hours would take a minute
        assert caught.value.code == "recording_too_long" and caught.value.values["file"] == path.name


def test_what_says_too_little_of_its_length_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "raw.aac"  # ADTS: the length is a guess by the first frames' bit rate
    quiet_first = join([quiet(5), hiss(60)])
    path.write_bytes(b"".join(encode([quiet_first], "aac", RATE)))
    assert read(path, 66).audio.duration_s == pytest.approx(65, abs=0.2)
    with pytest.raises(SpeechError, match="recording_too_long"):
        read(path, 20)


def spans_of(*edges: float) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize(
    ("speech", "expected"),
    [
        (spans_of(1, 5, 6, 10), [(1, 5), (6, 10)]),  # the longer pause is the better place
        (spans_of(1, 2, 2.3, 3, 3.3, 5), [(1, 5)]),  # short ones are joined
        (spans_of(1, 2, 8, 9), [(1, 2), (8, 9)]),  # a long silence is never inside
        (spans_of(1, 6, 6.1, 12.5, 12.65, 18), [(1, 6), (6.1, 12.5), (12.65, 18)]),  # on and on: cut at short pauses
        (spans_of(1, 18), [(1, 18)]),  # no pause, no cut
        ((), []),
    ],
)
def test_clips_begin_and_end_in_pauses(speech: tuple[Span, ...], expected: list[tuple[float, float]]) -> None:
    pieces = cut(Recording("a.wav", hiss(20), speech))
    assert [(piece.speech.start_s, piece.speech.end_s) for piece in pieces] == expected
    for piece, after in zip(pieces, [*pieces[1:], None]):
        assert piece.span.start_s <= piece.speech.start_s and piece.speech.end_s <= piece.span.end_s <= 20
        assert after is None or piece.span.end_s <= after.span.start_s


def test_speech_at_the_very_ends_of_a_file_is_whole() -> None:
    (piece,) = cut(Recording("a.wav", hiss(5), spans_of(0, 5)))
    assert piece.span == Span(0, 5) and piece.audio.duration_s == 5


@pytest.mark.parametrize("detector", [SileroDetector, EnergyDetector])
def test_every_detector_finds_the_sentences(
    tmp_path: Path, recording: Audio, detector: Callable[[], VoiceDetector]
) -> None:
    heard = listen(saved(tmp_path, recording)[0], 60, detector())
    pieces = cut(heard)
    assert len(pieces) == len(TEXTS) and len(heard.pauses) == len(TEXTS) + 1
    for start, end in heard.pauses:
        assert quality.rms_db(recording.slice(start, end)) < -60


class HearsGerman:
    """Writes the same German words down, whoever speaks."""

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        return Transcript("Als der Regen aufhörte, liefen die Kinder hinaus.", language.split("-")[0])

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return {"de": 0.97, "nl": 0.02}


def test_language_and_least_lengths_are_those_of_the_engine_that_will_speak(
    recording: Audio, models: IntakeModels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, intake_store: ModelStore
) -> None:
    """A few seconds in German: enough for XTTS by way of the service, too short and a foreign language for Kokoro."""
    short = Audio(recording.samples[: 7 * RATE], RATE)
    paths = saved(tmp_path, short)
    german = replace(models, transcriber=HearsGerman())
    monkeypatch.setattr("train.intake.load_intake_models", lambda store, threads: german)
    service = CloningService(intake_store, tmp_path / "voices")
    manifest = service.analyze_recordings(paths, "xtts", "de", tmp_path / "1", NullReporter(), None)
    assert {clip.language for clip in manifest.clips} == {"de"} and 3 <= manifest.usable_s < 10
    heard = analyze_recordings(paths, XTTS, None, tmp_path / "2", german, NullReporter())
    assert {clip.language for clip in heard.clips} == {"de"}
    for language, code in (("de", "language_not_spoken"), (None, "recording_too_short")):
        with pytest.raises(SpeechError) as caught:
            analyze_recordings(paths, KOKORO, language, tmp_path / "3", german, NullReporter())
        assert caught.value.code == code


def test_where_no_language_is_given_the_one_that_is_heard_is_used(
    recording: Audio, models: IntakeModels, tmp_path: Path
) -> None:
    manifest = analyze_recordings(saved(tmp_path, recording), KOKORO, None, tmp_path / "work", models, NullReporter())
    assert {clip.language for clip in manifest.clips} == {"pt-BR"}
