"""XTTS behind the engine's protocol, on a seeded random checkpoint: what is asked reaches the network and the sound."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xtts_brief import write_brief

from speech.audio import Audio, join
from speech.engines.base import Chunk, EngineOptions, SpeechRequest
from speech.engines.pool import EnginePool
from speech.engines.xtts.engine import LANGUAGES, XttsEngine, packed
from speech.engines.xtts.voices import SAMPLE_RATE, tensors_of
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.sentences import Sentence
from speech.voice_files import Consent, VoiceMeta
from speech.voice_library import VoiceLibrary

torch = pytest.importorskip("torch")
pytest.importorskip("tokenizers")

ROOT = Path(__file__).parents[2]
TEXTS = ("Bom dia a todos.", "Hoje é sexta.", "Até amanhã.")
CONSENT = Consent("I agree.", "2026-11-22T19:00:00+00:00")
VALUES = ("xtts", "pt-BR", "female", "", "2026-11-22T19:00:00+00:00", "xtts-v2", "", "reference", 5.0, CONSENT)


def speech_like(duration_s: float, seed: int = 0) -> Audio:
    noise = np.random.default_rng(seed).standard_normal(int(duration_s * SAMPLE_RATE))
    return Audio((0.1 * noise).astype(np.float32), SAMPLE_RATE)


@pytest.fixture(scope="module")
def brief(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_brief(xtts_tiny, tmp_path_factory.mktemp("xtts_brief"), 6.0)


@pytest.fixture(scope="module")
def options(brief: Path, tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    folder = tmp_path_factory.mktemp("data")
    VoiceLibrary(folder / "voices").add(VoiceMeta("ana", "Ana", *VALUES), tensors_of([speech_like(5)]), {})
    store = ModelStore(folder / "models")
    more: dict[str, Any] = {"voices_dir": folder / "voices", "checkpoint_dir": brief, "cache_dir": folder / "cache"}
    return EngineOptions(store, "fp32", 1, **more)


@pytest.fixture(scope="module")
def engine(options: EngineOptions) -> Iterator[XttsEngine]:
    engine = XttsEngine(options)
    engine.load("cpu")
    yield engine
    engine.unload()


def ask(engine: XttsEngine, *texts: str, voice: int = 0, seed: int = 1, **parameters: float) -> SpeechRequest:
    sentences = tuple(Sentence(text) for text in texts or TEXTS[:1])
    return SpeechRequest(sentences, "pt-BR", engine.voices()[voice], parameters, seed)


def sound(engine: XttsEngine, *texts: str, **asked: Any) -> np.ndarray:
    return join(engine.speak(ask(engine, *texts, **asked))).samples


class Watched:
    """Notes what is submitted to the engine's loop."""

    def __init__(self, engine: XttsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        assert engine._loaded is not None
        self.seen: list[Any] = []
        submit = engine._loaded.loop.submit

        def note(utterance: Any) -> Any:
            self.seen.append(utterance)
            return submit(utterance)

        monkeypatch.setattr(engine._loaded.loop, "submit", note)


def test_the_sound_is_what_the_parts_make_of_it(engine: XttsEngine, brief: Path, monkeypatch) -> None:
    from speech.engines.xtts.batching import load_loop
    from speech.engines.xtts.checkpoint import open_checkpoint
    from speech.engines.xtts.vocoder import load_vocoder

    watched = Watched(engine, monkeypatch)
    chunks = list(engine.speak(ask(engine, *TEXTS, enable_text_splitting=True)))
    assert [chunk.ends for chunk in chunks if isinstance(chunk, Chunk) and chunk.ends] == [1, 1, 1]
    assert len(watched.seen) == 3 and len(chunks) > 3  # sound comes within a sentence
    checkpoint = open_checkpoint(brief)
    loop, vocoder = load_loop(checkpoint), load_vocoder(checkpoint.config, checkpoint.weights)
    alone = [torch.cat(list(loop.submit(one))) for one in watched.seen]
    whole = [vocoder.whole(states[None], watched.seen[0].latents.speaker) for states in alone]
    loop.close()
    made = join(chunks).samples
    assert len(made) == sum(map(len, whole)) and np.abs(made - np.concatenate(whole)).max() < 1e-4
    tokens = sum(map(len, alone))
    assert len(made) / 24000 == pytest.approx(tokens * 1024 / 22050, abs=0.05)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("temperature", 0.1, 1.0), ("repetition_penalty", 1.0, 3.0), ("top_p", 0.5, 1.0), ("top_k", 10, 100)],
)
def test_a_parameter_reaches_the_sampler_and_the_sound(
    engine: XttsEngine, monkeypatch: pytest.MonkeyPatch, name: str, low: float, high: float
) -> None:
    watched = Watched(engine, monkeypatch)
    common = {"temperature": 1.0, "top_p": 1.0, "top_k": 100, "repetition_penalty": 1.5}
    sounds = [[sound(engine, seed=seed, **{**common, name: value}) for seed in (1, 2, 4)] for value in (low, high)]
    assert [getattr(one.sampling, name) for one in watched.seen] == [low] * 3 + [high] * 3
    others = [other for other in common if other != name]
    assert all(getattr(one.sampling, other) == common[other] for one in watched.seen for other in others)
    assert any(len(a) != len(b) or not np.array_equal(a, b) for a, b in zip(*sounds))


def test_length_penalty_changes_nothing_and_the_engine_says_so(engine: XttsEngine, monkeypatch) -> None:
    watched = Watched(engine, monkeypatch)
    assert np.array_equal(sound(engine, length_penalty=0.5), sound(engine, length_penalty=2.0))
    assert [one.sampling.length_penalty for one in watched.seen] == [0.5, 2.0]
    assert engine.info.without_effect == ("length_penalty",)


def test_speed_shortens_the_same_words(engine: XttsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(engine, monkeypatch)
    slow, plain, fast = (len(sound(engine, speed=speed)) for speed in (0.5, 1.0, 2.0))
    assert slow / plain == pytest.approx(2, abs=0.05) and fast / plain == pytest.approx(0.5, abs=0.05)
    assert len({(one.text_ids, one.sampling) for one in watched.seen}) == 1


def test_splitting_decides_how_much_is_decoded_at_once(engine: XttsEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(engine, monkeypatch)
    whole = list(engine.speak(ask(engine, *TEXTS, enable_text_splitting=False)))
    assert len(watched.seen) == 1 and sum(chunk.ends for chunk in whole) == 3
    watched.seen.clear()
    split = list(engine.speak(ask(engine, *TEXTS, enable_text_splitting=True)))
    assert len(watched.seen) == 3 and sum(chunk.ends for chunk in split) == 3
    assert [one.sampling.seed for one in watched.seen] == [1, 2, 3]


def test_packing_keeps_to_the_limit_and_to_paragraphs() -> None:
    sentences = [Sentence("aaaa"), Sentence("bbbb"), Sentence("cc", True), Sentence("dd"), Sentence("ee")]
    assert packed(sentences, 9, " ") == [(2, "aaaa bbbb"), (1, "cc"), (2, "dd ee")]
    assert packed(sentences, 8, "") == [(2, "aaaabbbb"), (1, "cc"), (2, "ddee")]
    assert packed(sentences, 4, " ") == [(1, "aaaa"), (1, "bbbb"), (1, "cc"), (1, "dd"), (1, "ee")]


def test_a_seed_gives_the_same_sound_again(engine: XttsEngine) -> None:
    first, again, other = sound(engine, seed=7), sound(engine, seed=7), sound(engine, seed=8)
    assert np.array_equal(first, again) and (len(first) != len(other) or not np.array_equal(first, other))


def test_voices_are_the_studio_speakers_and_those_cloned_here(engine: XttsEngine) -> None:
    ids = [voice.voice_id for voice in engine.voices()]
    assert ids == ["xtts_ana_florence", "xtts_alma_maria", "xtts_luis_moray", "ana"]
    heard = [sound(engine, voice=number) for number in range(4)]
    assert all(np.isfinite(samples).all() and np.abs(samples).max() <= 1 for samples in heard)
    assert len({samples.tobytes() for samples in heard}) == 4


def test_text_of_more_tokens_than_there_are_places_is_decoded_in_parts(engine: XttsEngine, monkeypatch) -> None:
    assert engine._loaded is not None
    watched = Watched(engine, monkeypatch)
    monkeypatch.setattr(engine._loaded, "config", replace(engine._loaded.config, max_text=16))
    chunks = list(engine.speak(ask(engine, "Um dois três quatro cinco seis sete oito nove dez.")))
    assert len(watched.seen) > 1 and all(len(one.text_ids) < 16 for one in watched.seen)
    assert sum(chunk.ends for chunk in chunks) == 1


def test_every_language_of_the_engine_is_spoken(options: EngineOptions) -> None:
    assert options.checkpoint_dir is not None
    synthesizer = Synthesizer(SynthesizerOptions(options.store.root, checkpoints={"xtts": options.checkpoint_dir}))
    assert set(LANGUAGES.values()) == {
        *("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi")
    }
    for asked, used in (("pt-PT", "pt-BR"), ("en-GB", "en-US"), ("de-DE", "de"), ("zh-TW", "zh"), ("hi-IN", "hi")):
        plan = synthesizer.plan("12", engine="xtts", language=asked, voice="xtts_luis_moray")
        assert plan.language == used and 0 <= (plan.seed if plan.seed is not None else -1) < 2**32
    plan = synthesizer.plan("Olá, tudo bem?", engine="xtts", language="", voice="xtts_luis_moray", seed=5)
    assert (plan.language, plan.language_requested, plan.seed) == ("pt-BR", "", 5)
    long = "Uma frase com palavras bastantes para passar do limite da língua, " * 8
    assert all(len(one.text) <= 203 for one in synthesizer.plan(long, **ASK).sentences)
    for change, code in (
        ({"text": "xyz", "language": ""}, "language_needed"),
        ({"language": "sw"}, "language_not_spoken"),
        ({"voice": "pf_dora"}, "unknown_voice"),
        ({"seed": -1}, "parameter_out_of_range"),
        ({"parameters": {"top_k": 101}}, "parameter_out_of_range"),
        ({"parameters": {"num_beams": 4}}, "unknown_parameter"),
    ):
        with pytest.raises(SpeechError) as refused:
            synthesizer.plan(**{"text": "Olá", **ASK, **change})
        assert refused.value.code == code
    synthesizer.close()


ASK: dict[str, Any] = {"engine": "xtts", "language": "pt", "voice": "xtts_luis_moray"}


def test_two_at_once_never_mix(engine: XttsEngine) -> None:
    asked = [{"voice": number % 4, "seed": number, "texts": TEXTS[number % 2 :]} for number in range(4)]

    def say(one: dict[str, Any]) -> np.ndarray:
        return sound(engine, *one["texts"], voice=one["voice"], seed=one["seed"], enable_text_splitting=True)

    alone = [say(one) for one in asked]
    together: dict[int, np.ndarray] = {}
    for pair in ((0, 1), (2, 3, 0)):
        threads = [threading.Thread(target=lambda n=n: together.__setitem__(n, say(asked[n]))) for n in pair]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for number in pair:
            assert len(together[number]) == len(alone[number])
            assert np.abs(together[number] - alone[number]).max() < 1e-4


def test_closing_takes_every_sentence_out_of_the_loop(engine: XttsEngine) -> None:
    assert engine._loaded is not None
    for _ in range(5):
        stream = engine.speak(ask(engine, *TEXTS * 5, enable_text_splitting=True))
        next(stream)
        stream.close()
        deadline = time.monotonic() + 5
        while engine._loaded.loop.counts() != (0, 0) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert engine._loaded.loop.counts() == (0, 0)
    assert len(sound(engine))


def refused_with(code: str, request: SpeechRequest, engine: XttsEngine) -> None:
    with pytest.raises(SpeechError) as refused:
        list(engine.speak(request))
    assert refused.value.code == code
    assert len(sound(engine))  # it lives on


def test_what_cannot_be_spoken_is_said_and_the_engine_lives_on(engine: XttsEngine, options: EngineOptions) -> None:
    request = ask(engine)
    refused_with("text_over_limit", replace(request, sentences=(Sentence("palavra " * 40),)), engine)
    refused_with("unknown_voice", replace(request, voice=replace(request.voice, voice_id="bia")), engine)
    refused_with("parameter_out_of_range", replace(request, parameters={"temperature": 0.0}), engine)
    with pytest.raises(SpeechError, match="engine_not_loaded"):
        next(XttsEngine(options).speak(request))


def test_a_network_that_stops_at_once_is_no_silence(xtts_tiny: Path, tmp_path: Path) -> None:
    mute = XttsEngine(EngineOptions(ModelStore(tmp_path), "fp32", 1, checkpoint_dir=write_brief(xtts_tiny, tmp_path)))
    mute.load("cpu")
    assert mute._loaded is not None
    submit = mute._loaded.loop.submit

    def cut_off(utterance: Any) -> Any:
        ticket = submit(utterance)
        ticket.cancel()
        return ticket

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(mute._loaded.loop, "submit", cut_off)
        with pytest.raises(SpeechError, match="speech_empty"):
            list(mute.speak(ask(mute)))
    mute.unload()


def test_weights_that_are_no_numbers_are_refused_and_the_pool_lives_on(
    xtts_tiny: Path, brief: Path, tmp_path: Path
) -> None:
    name = "gpt.gpt.h.0.ln_1.weight"
    bad = write_brief(xtts_tiny, tmp_path / "nan", changes={name: torch.full((64,), float("nan"))})
    built = iter((bad, brief))
    store = ModelStore(tmp_path / "models")
    engines = {
        name: XttsEngine(EngineOptions(store, "fp32", 1, checkpoint_dir=next(built))) for name in ("bad", "good")
    }
    pool = EnginePool(engines.__getitem__, 1 << 30, 1e6, asked_device="cpu")
    with pytest.raises(SpeechError) as refused:
        with pool.acquire("bad"):
            pytest.fail("it was loaded")
    assert refused.value.code == "checkpoint_tensor_values" and pool.stats().memory_bytes == 0
    with pool.acquire("good"):
        assert pool.stats().devices == {"good": "cpu"} and pool.stats().memory_bytes > 1e7
    pool.close()


@pytest.mark.parametrize("lacking", ["config.json", "vocab.json", "model.safetensors"])
def test_a_folder_that_is_no_checkpoint_is_named(brief: Path, tmp_path: Path, lacking: str) -> None:
    for path in brief.iterdir():
        if path.name != lacking:
            (tmp_path / path.name).symlink_to(path)
    engine = XttsEngine(EngineOptions(ModelStore(tmp_path), "fp32", 1, checkpoint_dir=tmp_path))
    with pytest.raises(SpeechError) as refused:
        engine.check()
    assert refused.value.code == "checkpoint_dir_unusable" and lacking in str(refused.value.values["missing"])
    assert not engine.voices() or lacking != "config.json"


def test_a_model_larger_than_the_budget_is_never_loaded(options: EngineOptions) -> None:
    engine = XttsEngine(options)
    pool = EnginePool({"xtts": engine}.__getitem__, 1 << 20, 1e6, asked_device="cpu")
    with pytest.raises(SpeechError, match="memory_exhausted"):
        with pool.acquire("xtts"):
            pytest.fail("it was loaded")
    assert engine.memory_bytes() == 0 and engine.needed_bytes() > 50 << 20


def test_int8_speaks_or_says_what_it_needs(options: EngineOptions) -> None:
    engine = XttsEngine(replace(options, precision="int8"))
    try:
        engine.load("cpu")
    except SpeechError as error:
        assert error.code == "xtts_precision" and "fp32" in error.values["choices"]  # type: ignore[operator]
        return
    assert len(sound(engine)) and engine.memory_bytes() < XttsEngine(options).needed_bytes()
    engine.unload()


def test_latents_are_made_once_and_kept_by_content_and_checkpoint(options: EngineOptions, monkeypatch) -> None:
    assert options.cache_dir is not None and options.checkpoint_dir is not None
    from speech.engines.xtts.checkpoint import open_checkpoint
    from speech.engines.xtts.latents import VoiceLatents

    checkpoint, folder = open_checkpoint(options.checkpoint_dir), options.cache_dir / "own"
    clips = [speech_like(4).samples, speech_like(2, seed=1).samples]
    made = VoiceLatents(checkpoint, folder).of(clips)
    [kept] = [path for path in folder.rglob("*") if path.is_file()]
    assert kept.parent.name == checkpoint.digest[:32]
    again = VoiceLatents(checkpoint, folder)
    with monkeypatch.context() as patched:
        patched.setattr(again, "_made", lambda clips: pytest.fail("made again"))
        found = again.of(clips)
    assert torch.equal(found.gpt, made.gpt) and torch.equal(found.speaker, made.speaker)
    assert not torch.equal(again.of(clips[:1]).gpt, made.gpt)
    kept.write_bytes(kept.read_bytes()[:1000])
    repaired = VoiceLatents(checkpoint, folder).of(clips)
    assert torch.equal(repaired.gpt, made.gpt) and kept.stat().st_size > 8000
    other = VoiceLatents(replace(checkpoint, digest="0" * 64), folder)
    other.of(clips)
    assert (folder / ("0" * 32) / kept.name).exists()
    for bad, code in ((speech_like(0.5).samples, "too_short"), (np.zeros(110_250, np.float32), "silent")):
        with pytest.raises(SpeechError, match=f"reference_{code}"):
            other.of([bad])


UNLOADING = """
import sys
from pathlib import Path
import torch
from speech.engines.base import EngineOptions
from speech.engines.memory import resident_bytes
from speech.engines.pool import EnginePool
from speech.engines.xtts.engine import XttsEngine
from speech.models import ModelStore
torch.set_num_threads(1)
engine = XttsEngine(EngineOptions(ModelStore(Path("models")), "fp32", 1, checkpoint_dir=Path(sys.argv[1])))
pool = EnginePool({"xtts": engine}.__getitem__, 1 << 30, 1e6, asked_device="cpu")
def loaded():
    with pool.acquire("xtts"):
        return resident_bytes()
loaded(), pool.close()
before, held = resident_bytes(), loaded()
size = engine.memory_bytes()
pool.close()
print(before, held, resident_bytes(), size)
"""


def test_unloading_gives_the_memory_back(brief: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", UNLOADING, str(brief)], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert told.returncode == 0, told.stderr
    before, held, after, size = map(int, told.stdout.split())
    assert held - before > 0.9 * size and after - before < 0.1 * (held - before), (before, held, after, size)
