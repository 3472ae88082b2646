"""What every engine promises, held to engines that ship: the real one, two on random weights, and silence."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from f5_voices import write_voice

from speech.audio import Audio, join
from speech.engines.base import Chunk, ConversionRequest, Engine, EngineOptions, SpeechRequest
from speech.engines.records import ConverterRecord, EngineRecord
from speech.engines.registry import CONVERTERS, ENGINES, Registry
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.text.sentences import Sentence
from speech.voices import Voice

SILENCE = {"silence": "speech.engines.silence:Silence"}
TEXTS = ("Bom dia a todos.", "Hoje é sexta.", "Até amanhã.")


@pytest.fixture(scope="module", params=["silence", pytest.param("kokoro", marks=pytest.mark.models), "f5tts", "pocket"])
def engine(
    request: pytest.FixtureRequest, models_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    options = EngineOptions(ModelStore(models_dir))
    if request.param == "kokoro":
        request.getfixturevalue("model_store")
    if tiny := {"f5tts": "f5_tiny", "pocket": "pocket_tiny"}.get(request.param):
        voices = write_voice(tmp_path_factory.mktemp("voices"))
        folder = request.getfixturevalue(tiny)
        options = replace(options, voices_dir=voices, checkpoint_dir=folder, precision="fp32")
    engine = Registry(SILENCE).build_engine(request.param, options)
    engine.load("cpu")
    yield engine
    engine.unload()


def ask(engine: Engine, *texts: str, **parameters: float) -> SpeechRequest:
    sentences = tuple(Sentence(text) for text in texts)
    fewest = {one.name: 8.0 for one in engine.info.parameters if one.name == "nfe_step"}
    return SpeechRequest(sentences, "pt-BR", engine.voices()[0], {**fewest, **parameters}, 1)


def alike(a: Audio, b: Audio) -> float:
    """Highest normalised cross-correlation of two sounds at any shift: 1 for the same sound, moved."""
    size = len(a.samples) + len(b.samples)
    product = np.fft.rfft(a.samples, size) * np.conj(np.fft.rfft(b.samples, size))
    scale = np.linalg.norm(a.samples) * np.linalg.norm(b.samples)
    return float(np.fft.irfft(product, size).max() / scale) if scale else 0.0


def test_info_is_true_of_what_it_makes(engine: Engine) -> None:
    info = engine.info
    assert info.name and info.title and info.licence and info.max_chars > 0
    assert {voice.engine for voice in engine.voices()} == {info.name}
    assert len({voice.voice_id for voice in engine.voices()}) == len(engine.voices())
    for chunk in engine.speak(ask(engine, *TEXTS)):
        assert isinstance(chunk, Chunk) and chunk.sample_rate == info.sample_rate


def spoken(engine: Engine, *texts: str) -> list[Audio]:
    """Each sentence: the chunks up to the one that it ends with."""
    sentences: list[list[Chunk]] = [[]]
    for chunk in engine.speak(ask(engine, *texts)):
        sentences[-1].append(chunk)
        if chunk.ends:
            sentences.append([])
    assert not sentences[-1]
    return [join(chunks) for chunks in sentences[:-1]]


def test_sentences_come_in_order(engine: Engine) -> None:
    chunks = spoken(engine, *TEXTS)
    alone = [join(engine.speak(ask(engine, text))) for text in TEXTS]
    assert len(chunks) == len(TEXTS)
    likeness = [[alike(chunk, single) for single in alone] for chunk in chunks]
    if not any(np.abs(single.samples).max() for single in alone):  # silence tells its sentences by their length alone
        assert [chunk.duration_s for chunk in chunks] == pytest.approx([1.05, 0.9, 0.55])
    else:
        assert all(row[i] > 0.95 and max(row[:i] + row[i + 1 :]) < 0.5 for i, row in enumerate(likeness))


def test_a_pause_follows_every_sentence_but_the_last(engine: Engine) -> None:
    if "sentence_pause_s" not in {parameter.name for parameter in engine.info.parameters}:
        pytest.skip("its pauses are its own")
    spoken = (engine.speak(ask(engine, *TEXTS, sentence_pause_s=pause)) for pause in (0.0, 1.0))
    short, long = ([chunk for chunk in chunks if chunk.ends] for chunks in spoken)
    longer = [b.duration_s - a.duration_s for a, b in zip(short, long, strict=True)]
    assert longer == pytest.approx([1.0, 1.0, 0.0], abs=0.01)


def test_speed_shortens(engine: Engine) -> None:
    if "speed" not in {parameter.name for parameter in engine.info.parameters}:
        pytest.skip("its speed is its own")
    durations = [join(engine.speak(ask(engine, TEXTS[0], speed=speed))).duration_s for speed in (0.5, 1.0, 2.0)]
    assert all(slow > fast * 1.3 for slow, fast in pairwise(durations))


def test_samples_are_finite_and_never_over_full_scale(engine: Engine) -> None:
    whole = join(engine.speak(ask(engine, *TEXTS)))
    assert np.isfinite(whole.samples).all()
    assert np.abs(whole.samples).max() < 1


def test_unloading_gives_the_memory_back_and_loading_again_works(engine: Engine) -> None:
    before = engine.memory_bytes()
    engine.unload()
    assert engine.memory_bytes() == 0
    engine.load("cpu")
    assert engine.memory_bytes() == before
    assert join(engine.speak(ask(engine, TEXTS[0]))).duration_s > 0


@pytest.mark.parametrize("record", [record for record in ENGINES if record.target], ids=lambda record: record.name)
def test_a_class_says_of_itself_what_its_record_says(record: EngineRecord, tmp_path: Path) -> None:
    engine = Registry().build_engine(record.name, EngineOptions(ModelStore(tmp_path)))
    assert engine.info == record.info and engine.info.models == ()
    assert record.info.can_clone == (record.voice_source == "reference")
    assert (record.voice_format != "") == (record.voice_source != "none")
    store = ModelStore(tmp_path)
    assert all(store.info(name) for names in (*record.install.weights.values(), record.fit_models) for name in names)
    for preset in record.presets:
        assert set(preset.description) == {"en", "pt-BR"} and preset.voices


@pytest.mark.parametrize("record", CONVERTERS, ids=lambda record: record.name)
def test_a_converter_lives_as_an_engine_does(record: ConverterRecord, tmp_path: Path) -> None:
    """Built without weights: it says what it is and what it lacks, holds nothing, and refuses to work."""
    store = ModelStore(tmp_path)
    converter = Registry().build_converter(record.name, EngineOptions(store, voices_dir=tmp_path / "voices"))
    assert converter.info == record.info and record.info.needs_text == bool(record.info.languages)
    assert all(store.info(name) for names in record.install.weights.values() for name in names)
    with pytest.raises(SpeechError) as lack:
        converter.check()
    assert lack.value.code in ("model_missing", "engine_not_installed") and lack.value.values["command"]
    assert converter.memory_bytes() == 0
    converter.unload()
    voice = next(iter(converter.voices()), Voice("any", record.name, "mul", "unknown", "Any"))
    sound = Audio(np.zeros(record.info.sample_rate, np.float32), record.info.sample_rate)
    with pytest.raises(SpeechError, match="engine_not_loaded"):
        converter.convert(sound, ConversionRequest(voice), lambda done, total: None)


def test_to_list_voices_and_to_check_engines_brings_no_network(tmp_path: Path) -> None:
    """A web process only does that, also where PyTorch is not installed."""
    probe = """
import sys
from pathlib import Path
from speech.errors import SpeechError
from speech.synthesis import Synthesizer, SynthesizerOptions
synthesizer = Synthesizer(SynthesizerOptions(Path(sys.argv[1])))
synthesizer.voices(), synthesizer.engines_by_voice(), synthesizer.converters_by_voice()
for name in synthesizer.engines():
    synthesizer.lack(name)
for name in synthesizer.converters():
    try:
        synthesizer.check_converter(name)
    except SpeechError:
        pass
print(*sorted({"torch", "onnxruntime", "ctranslate2", "pocket_tts"} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", probe, str(tmp_path)], capture_output=True, text=True, check=True)
    assert said.stdout.split() == []
