"""Fitted voices through the engine: real files in the real format, spoken by the real weights."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import adapter, blend_of, meta

from speech.audio import Samples, join
from speech.engines.base import EngineOptions, SpeechRequest
from speech.engines.kokoro import fitted
from speech.engines.kokoro.engine import KokoroEngine
from speech.engines.kokoro.phonemes import ESPEAK_VOICES
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.sentences import Sentence
from speech.voice_library import VoiceLibrary

SENTENCE = (Sentence("Bom dia.", False),)


@pytest.fixture(scope="module")
def folder(model_store: ModelStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four voices: three that differ, the fourth is a stock blend with nothing changed."""
    folder = tmp_path_factory.mktemp("fitted") / "voices"
    library = VoiceLibrary(folder)
    style = blend_of(model_store, {"pf_dora": 0.5, "af_bella": 0.5})
    for number, voice_id in enumerate(("ana", "bia", "caio")):
        library.add(meta(voice_id), adapter(style, size=0.004, seed=number).to_tensors(), {})
    library.add(meta("plain", title="Plain"), {"style": style}, {})
    return folder


@pytest.fixture(scope="module")
def engine(model_store: ModelStore, folder: Path) -> Iterator[KokoroEngine]:
    engine = KokoroEngine(EngineOptions(model_store, voices_dir=folder, threads=1))
    engine.load("cpu")
    yield engine
    engine.unload()


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Base files of the merges that were made; the merging is the real one."""
    made: list[Path] = []
    merge = fitted.merge

    def counted(base: Path, *rest: object) -> bytes:
        made.append(base)
        return merge(base, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fitted, "merge", counted)
    return made


def say(engine: KokoroEngine, voice_id: str, text: str = "Bom dia.", language: str = "pt-BR") -> Samples:
    voice = next(voice for voice in engine.voices() if voice.voice_id == voice_id)
    return join(engine.speak(SpeechRequest((Sentence(text, False),), language, voice))).samples


def test_fitted_voices_are_listed_beside_the_stock_ones(engine: KokoroEngine, model_store: ModelStore) -> None:
    voices = engine.voices()
    assert [voice.voice_id for voice in voices if not voice.is_stock] == ["ana", "bia", "caio", "plain"]
    assert voices[0].is_stock and voices[-1].title == "Plain" and voices[-1].engine == "kokoro"
    assert len(voices) == 4 + len(KokoroEngine(EngineOptions(model_store)).voices())


def test_a_fitted_voice_speaks_as_itself(engine: KokoroEngine) -> None:
    ana, again, bia, plain = (say(engine, voice) for voice in ("ana", "ana", "bia", "plain"))
    assert np.array_equal(ana, again) and 0.3 < len(ana) / 24000 < 3
    assert np.isfinite(ana).all() and np.abs(ana).max() > 0.05
    assert not np.array_equal(ana, bia) and not np.array_equal(ana, plain)


def test_a_voice_without_changes_is_the_stock_blend(engine: KokoroEngine) -> None:
    assert np.array_equal(say(engine, "plain"), say(engine, "pf_dora_bella"))


def test_every_language_of_the_engine(engine: KokoroEngine) -> None:
    said = [say(engine, "ana", "A B C", language) for language in ESPEAK_VOICES]
    assert all(len(samples) > 5000 and np.abs(samples).max() > 0.05 for samples in said)


def test_two_at_once_load_a_voice_once(model_store: ModelStore, folder: Path, loads: list[Path]) -> None:
    engine = KokoroEngine(EngineOptions(model_store, voices_dir=folder, threads=1))
    engine.load("cpu")
    stock_bytes = engine.memory_bytes()
    found: list[Samples] = []
    threads = [threading.Thread(target=lambda: found.append(say(engine, "ana"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1 and len(found) == 3 and all(np.array_equal(found[0], one) for one in found)
    assert engine.memory_bytes() == pytest.approx(2 * stock_bytes, rel=0.01)
    engine.unload()
    assert engine.memory_bytes() == 0


def test_few_are_kept_and_one_in_use_outlives_its_place(engine: KokoroEngine, loads: list[Path]) -> None:
    for voice_id in ("ana", "bia"):
        say(engine, voice_id)
    before = len(loads)
    voice = next(voice for voice in engine.voices() if voice.voice_id == "ana")
    two = (Sentence("Bom dia.", False), Sentence("Até logo.", True))
    expected = [chunk.samples for chunk in engine.speak(SpeechRequest(two, "pt-BR", voice)) if chunk.ends]
    speaking = (chunk for chunk in engine.speak(SpeechRequest(two, "pt-BR", voice)) if chunk.ends)
    first = next(speaking)
    for other in ("bia", "plain", "caio"):  # ana was used before bia and caio: it goes; plain is the stock network's
        say(engine, other)
    rest = list(speaking)
    assert all(np.array_equal(was, now.samples) for was, now in zip(expected, [first, *rest], strict=True))
    assert len(loads) == before + 1
    say(engine, "ana")
    assert len(loads) == before + 2


def test_no_more_memory_than_given(model_store: ModelStore, folder: Path) -> None:
    size = model_store.info("kokoro-int8").size_bytes
    engine = KokoroEngine(EngineOptions(model_store, voices_dir=folder, threads=1, memory_bytes=int(1.5 * size)))
    engine.load("cpu")
    with pytest.raises(SpeechError, match="memory_exhausted"):
        say(engine, "ana")
    assert len(say(engine, "pf_dora")) > 5000
    engine.unload()
    tight = KokoroEngine(EngineOptions(model_store, voices_dir=folder, threads=1, memory_bytes=int(2.5 * size)))
    tight.load("cpu")
    for voice in ("ana", "bia", "ana"):
        say(tight, voice)
        assert tight.memory_bytes() <= 2.5 * size
    tight.unload()


def test_a_voice_that_comes_changes_or_goes_is_noticed(engine: KokoroEngine, folder: Path, tmp_path: Path) -> None:
    library = VoiceLibrary(folder)
    library.export("ana", tmp_path / "ana.safetensors")
    library.import_(tmp_path / "ana.safetensors", "eva")
    as_ana = say(engine, "eva")
    library.delete("eva")
    assert "eva" not in [voice.voice_id for voice in engine.voices()]
    library.export("bia", tmp_path / "bia.safetensors")
    library.import_(tmp_path / "bia.safetensors", "eva")
    as_bia = say(engine, "eva")
    assert np.array_equal(as_ana, say(engine, "ana")) and np.array_equal(as_bia, say(engine, "bia"))
    voice = next(voice for voice in engine.voices() if voice.voice_id == "eva")
    library.delete("eva")
    with pytest.raises(SpeechError, match="unknown_voice.*eva"):
        next(engine.speak(SpeechRequest(SENTENCE, "pt-BR", voice)))


def test_voices_are_planned_and_pooled_like_any_other(model_store: ModelStore, folder: Path) -> None:
    synthesizer = Synthesizer(SynthesizerOptions(model_store.root, voices_dir=folder))
    plan = synthesizer.plan("Bom dia. Tudo bem?", engine="kokoro", language="", voice="ana")
    assert (plan.language, plan.voice.title, plan.voice.is_stock) == ("pt-BR", "Ana", False)
    assert len([chunk for chunk in synthesizer.speak(plan) if chunk.ends]) == 2
    assert synthesizer.pool_stats().memory_bytes > 3.9 * model_store.info("kokoro-int8").size_bytes
    with pytest.raises(SpeechError, match="unknown_voice.*ana"):
        synthesizer.plan("Bom dia.", engine="kokoro", language="", voice="eva")
    synthesizer.close()


FRESH = """
import hashlib, sys
from pathlib import Path
from speech.audio import join
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.voice_library import VoiceLibrary
models, file, folder = map(Path, sys.argv[1:])
VoiceLibrary(folder).import_(file)
speaker = Synthesizer(SynthesizerOptions(models, voices_dir=folder, threads=1))
plan = speaker.plan("Bom dia. Até logo!", engine="kokoro", language="", voice="ana")
print(hashlib.sha256(join(speaker.speak(plan)).samples.tobytes()).hexdigest())
"""


def test_the_same_samples_after_export_import_and_a_restart(
    model_store: ModelStore, folder: Path, tmp_path: Path
) -> None:
    synthesizer = Synthesizer(SynthesizerOptions(model_store.root, voices_dir=folder, threads=1))
    plan = synthesizer.plan("Bom dia. Até logo!", engine="kokoro", language="", voice="ana")
    here = hashlib.sha256(join(synthesizer.speak(plan)).samples.tobytes()).hexdigest()
    synthesizer.close()
    VoiceLibrary(folder).export("ana", tmp_path / "ana.safetensors")
    arguments = [str(model_store.root), str(tmp_path / "ana.safetensors"), str(tmp_path / "clean" / "voices")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", FRESH, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == here
