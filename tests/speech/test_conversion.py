"""Speech to speech on Kokoro's parts: one voice's recording said again by another, its timing and melody kept."""

from __future__ import annotations

from collections.abc import Callable

import fitted_voices
import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from speech.audio import Audio, Samples
from speech.engines.base import Conversion, ConversionRequest, EngineOptions, SpokenLine
from speech.engines.kokoro import alignment
from speech.engines.kokoro.adapter import Adapter
from speech.engines.kokoro.conversion import Halves, KokoroConverter, without_unheard
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.record import SAMPLE_RATE
from speech.engines.kokoro.runtime import Runtime, load_voice
from speech.engines.kokoro.voices import stock_voice
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_library import VoiceLibrary
from speech.voices import Voice

TEXT = "A casa amarela fica na rua da praia."
SILENT = slice(0, SAMPLE_RATE)  # of the recording below
LEAD_S = 1.0


def quiet(done: int, total: int) -> None:
    """A progress that nobody reads."""


@pytest.fixture(scope="module")
def options(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    return EngineOptions(model_store, threads=1, voices_dir=tmp_path_factory.mktemp("voices"))


def loaded(options: EngineOptions) -> KokoroConverter:
    converter = KokoroConverter(options)
    converter.load("cpu")
    return converter


@pytest.fixture(scope="module")
def said(model_store: ModelStore) -> Samples:
    """The text by a man, at half the level that the network speaks at."""
    runtime = Runtime(model_store.path("kokoro-int8") / "kokoro-int8.onnx", 1)
    style = load_voice(model_store.path("kokoro-voices") / "voices" / "pm_alex.bin")
    return runtime.synthesize(tokens(phonemize(TEXT, "pt-BR")), style, 1.0) / np.float32(2)


@pytest.fixture(scope="module")
def recording(said: Samples) -> Audio:
    """A second of silence, the man, and 1000 samples of silence, which is no whole number of frames."""
    return Audio(np.pad(said, (SAMPLE_RATE, 1000)), SAMPLE_RATE)


def request(recording: Audio, voice: Voice, pitch: str = "voice", text: str = TEXT) -> ConversionRequest:
    lines = (SpokenLine("…", 0.1, 0.3), SpokenLine(text, LEAD_S, recording.duration_s))
    return ConversionRequest(voice, "pt-BR", lines, {"pitch": pitch})


@pytest.fixture(scope="module")
def converted(options: EngineOptions, recording: Audio) -> Conversion:
    return loaded(options).convert(recording, request(recording, stock_voice("pf_dora")), quiet)


def f0(audio: Audio) -> NDArray[np.float64]:
    """By another tracker than the one the converter uses; NaN where unvoiced."""
    found: NDArray[np.float64] = librosa.pyin(audio.samples, fmin=60, fmax=400, sr=SAMPLE_RATE, hop_length=600)[0]
    return found


def test_the_halves_together_are_the_network(options: EngineOptions, said: Samples) -> None:
    halves = Halves(options.store.path("kokoro-int8") / "kokoro-int8.onnx", 1)
    ids = tokens(phonemize(TEXT, "pt-BR"))
    style = load_voice(options.store.path("kokoro-voices") / "voices" / "pm_alex.bin")[len(ids) - 1]
    reading = halves.read(ids, style)
    made = halves.decode(reading.features(reading.frames), reading.f0, reading.energy, style)
    assert made.shape == said.shape and np.abs(made / 2 - said).max() < 1e-4


def test_timing_silence_length_and_level_stay(converted: Conversion, recording: Audio) -> None:
    made = converted.audio
    assert made.sample_rate == SAMPLE_RATE and len(made.samples) == len(recording.samples)
    assert not made.samples[SILENT].any() and made.samples[SAMPLE_RATE:].any()
    power = [
        np.square(sound[SAMPLE_RATE:][: len(sound) // 2400 * 2400 - SAMPLE_RATE]).reshape(-1, 2400).mean(1)
        for sound in (recording.samples, made.samples)
    ]
    loudness = [10 * np.log10(one + 1e-7) for one in power]
    assert np.corrcoef(*loudness)[0, 1] > 0.8 and abs(np.mean(loudness[0]) - np.mean(loudness[1])) < 3


def test_the_melody_is_the_recordings_at_the_height_of_the_voice(converted: Conversion, recording: Audio) -> None:
    source, made = f0(recording), f0(converted.audio)
    both = np.isfinite(source) & np.isfinite(made)
    assert both.sum() > 30 and np.corrcoef(np.log(source[both]), np.log(made[both]))[0, 1] > 0.85
    moved = 12 * np.log2(np.median(made[both]) / np.median(source[both]))
    assert converted.semitones > 4 and moved == pytest.approx(converted.semitones, abs=1)
    assert converted.voiced_s == pytest.approx(np.isfinite(source).sum() * 0.025, rel=0.25)


def test_the_recordings_own_height_can_be_kept(options: EngineOptions, recording: Audio) -> None:
    steps: list[tuple[int, int]] = []
    wanted = request(recording, stock_voice("pf_dora"), "source")
    made = loaded(options).convert(recording, wanted, lambda done, total: steps.append((done, total)))
    assert made.semitones == 0 and steps == [(1, 2), (2, 2)]
    assert np.nanmedian(f0(made.audio)) == pytest.approx(np.nanmedian(f0(recording)), rel=0.06)


def test_a_fitted_voice_is_merged_before_it_speaks(
    options: EngineOptions, recording: Audio, converted: Conversion
) -> None:
    """A voice without changes and with a stock voice's style sounds like that one, sample for sample."""
    assert options.voices_dir is not None
    style = load_voice(options.store.path("kokoro-voices") / "voices" / "pf_dora.bin")
    VoiceLibrary(options.voices_dir).add(fitted_voices.meta(), Adapter(style, {}, {}).to_tensors(), {})
    fitted = Voice("ana", "kokoro", "pt-BR", "female", "Ana", is_stock=False)
    made = loaded(options).convert(recording, request(recording, fitted), quiet)
    assert np.array_equal(made.audio.samples, converted.audio.samples)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda audio: request(audio, Voice("nobody", "kokoro", "pt-BR", "female", "-")), "unknown_voice"),
        (
            lambda audio: ConversionRequest(stock_voice("pf_dora"), "ja", (SpokenLine("a", 0, 1),)),
            "language_not_spoken",
        ),
        (lambda audio: request(audio, stock_voice("pf_dora"), text="…"), "nothing_to_convert"),
        (lambda audio: request(audio, stock_voice("pf_dora"), text="palavra " * 90), "line_too_long"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    options: EngineOptions, recording: Audio, change: Callable[[Audio], ConversionRequest], code: str
) -> None:
    with pytest.raises(SpeechError) as caught:
        loaded(options).convert(recording, change(recording), quiet)
    assert caught.value.code == code


def test_what_progress_raises_stops_the_work(options: EngineOptions, recording: Audio) -> None:
    def stop(done: int, total: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        loaded(options).convert(recording, request(recording, stock_voice("pf_dora")), stop)


def test_every_phoneme_gets_a_frame() -> None:
    draw = np.random.default_rng(0)
    for _ in range(50):
        frames = draw.integers(0, 3, 20) * draw.integers(0, 4, 20)
        if frames.sum() < 20:
            continue
        given = alignment.at_least_one(frames)
        assert given.min() == 1 or frames.min() > 0
        assert given.sum() == frames.sum() and np.abs(np.cumsum(given) - np.cumsum(frames)).max() <= 20
    few = np.array([0, 0, 2])
    assert alignment.at_least_one(few) is few and list(alignment.at_least_one(np.array([0, 0, 5]))) == [1, 1, 3]


def test_marks_without_a_pause_go() -> None:
    ids = tokens("a, b. c!")
    kept, frames = without_unheard(ids, np.array([4, 5, 2, 1, 6, 9, 1, 7, 3, 4]))
    assert (kept, list(frames)) == (tokens("a b. c"), [4, 7, 1, 6, 9, 1, 10, 4])
    assert without_unheard([*tokens("!a")], np.array([1, 1, 1, 1]))[0] == tokens("!a")


def test_a_recording_is_read_where_it_lies(options: EngineOptions, recording: Audio) -> None:
    """Lines outside of the sound, or inside of another, take nothing away from anyone."""
    wanted = ConversionRequest(
        stock_voice("pf_dora"),
        "pt-BR",
        (SpokenLine(TEXT, LEAD_S, recording.duration_s), SpokenLine(TEXT, 2.0, 2.5), SpokenLine(TEXT, 90.0, 95.0)),
    )
    assert len(loaded(options).convert(recording, wanted, quiet).audio.samples) == len(recording.samples)
