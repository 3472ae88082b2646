"""Pocket TTS behind the protocol, on seeded random weights: what is asked reaches the sound, bad files do not."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from f5_voices import clip, write_voice

from speech.audio import Audio
from speech.engines import records
from speech.engines.base import EngineOptions, SpeechRequest
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.sentences import Sentence
from speech.voice_folder import SpokenClip

torch = pytest.importorskip("torch")
pytest.importorskip("pocket_tts")

from speech.engines.pocket.engine import PocketEngine, seed_of  # noqa: E402
from speech.engines.pocket.network import MOST_TOKENS, Network, Sampling, Workers  # noqa: E402
from speech.engines.pocket.voices import reference_of  # noqa: E402
from speech.engines.threads import common_threads  # noqa: E402

TEXTS = ("Bom dia a todos.", "Hoje é sexta.", "Até amanhã.")
FRAME = 1920


@pytest.fixture(scope="module")
def options(pocket_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    folder = tmp_path_factory.mktemp("data")
    voices = write_voice(folder / "voices")
    write_voice(folder / "voices", [SpokenClip(clip(5.0, 7), "")], "bia")
    return EngineOptions(ModelStore(folder / "models"), "fp32", 1, voices_dir=voices, checkpoint_dir=pocket_tiny)


@pytest.fixture(scope="module")
def engine(options: EngineOptions) -> Iterator[PocketEngine]:
    engine = PocketEngine(options)
    engine.load("cpu")
    yield engine
    engine.unload()


def ask(
    engine: PocketEngine, *texts: str, seed: int = 1, voice: str = "ana", language: str = "pt-BR", **parameters: float
) -> SpeechRequest:
    sentences = tuple(Sentence(text) for text in texts or TEXTS[:1])
    spoken_by = next(one for one in engine.voices() if one.voice_id == voice)
    return SpeechRequest(sentences, language, spoken_by, parameters, seed)


def sounds(engine: PocketEngine, *texts: str, **asked: Any) -> list[np.ndarray]:
    """The samples of each sentence."""
    made: list[np.ndarray] = []
    waiting: list[np.ndarray] = []
    for chunk in engine.speak(ask(engine, *texts, **asked)):
        waiting.append(chunk.samples)
        if chunk.ends:
            made.append(np.concatenate(waiting))
            waiting = []
    assert not waiting
    return made


def test_it_streams_frames_of_80_ms(engine: PocketEngine) -> None:
    chunks = list(engine.speak(ask(engine, *TEXTS)))
    assert {len(chunk.samples) for chunk in chunks} == {FRAME} and len(chunks) > 3 * 6
    assert sum(chunk.ends for chunk in chunks) == 3 and chunks[-1].ends == 1
    paused = replace(ask(engine), sentences=(Sentence(TEXTS[0], ends_paragraph=True), Sentence(TEXTS[1])))
    assert [len(chunk.samples) for chunk in engine.speak(paused) if chunk.ends] == [FRAME + 9600, FRAME]


def test_a_sentence_sounds_the_same_alone_and_among_others_at_once(engine: PocketEngine) -> None:
    together = sounds(engine, *TEXTS)
    with ThreadPoolExecutor(3) as pool:
        alone = list(pool.map(lambda text: sounds(engine, text)[0], TEXTS))
    assert all(np.array_equal(one, other) for one, other in zip(together, alone, strict=True))


def test_a_seed_decides_and_leaves_no_trace(engine: PocketEngine) -> None:
    before = torch.random.get_rng_state()
    (first,), (again,), (other,) = (sounds(engine, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.allclose(first[:5000], other[:5000], atol=1e-3)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert seed_of(1, "a") == seed_of(1, "a") != seed_of(2, "a") and seed_of(1, "a") != seed_of(1, "b")


@pytest.mark.parametrize(("name", "value"), [("temperature", 0.9), ("decode_steps", 4), ("noise_clamp", 0.2)])
def test_a_parameter_reaches_the_sound(engine: PocketEngine, name: str, value: float) -> None:
    (plain,), (changed,) = sounds(engine), sounds(engine, **{name: value})
    size = min(len(plain), len(changed))
    assert np.abs(plain[:size] - changed[:size]).max() > 1e-3


def test_every_parameter_is_tried_here(engine: PocketEngine) -> None:
    names = {parameter.name for parameter in engine.info.parameters}
    assert names == {"temperature", "decode_steps", "noise_clamp", "context_s"}


def test_a_sentence_hears_those_before_it_where_it_is_asked_to(engine: PocketEngine) -> None:
    plain, told, told_little = (sounds(engine, *TEXTS, context_s=context_s) for context_s in (0.0, 10.0, 0.5))
    assert np.array_equal(plain[0], told[0])
    for without, with_it in zip(plain[1:], told[1:], strict=True):
        size = min(len(without), len(with_it))
        assert np.abs(without[:size] - with_it[:size]).max() > 1e-3
    assert all(np.array_equal(one, other) for one, other in zip(plain, told_little, strict=True))  # none is so short
    longest = max(len(one) for one in told) / 24000
    last = sounds(engine, *TEXTS, context_s=longest)  # room for one
    assert np.array_equal(last[1], told[1]) and not np.array_equal(last[2], told[2])


def test_closing_stops_the_work(engine: PocketEngine) -> None:
    assert engine._loaded is not None
    steps: list[None] = []
    language = engine._loaded.networks["pt-BR"]._model.flow_lm
    counted = language.register_forward_hook(lambda *_: steps.append(None))
    chunks = engine.speak(ask(engine, *TEXTS))
    next(chunks)
    chunks.close()
    made = len(steps)
    sounds(engine)
    counted.remove()
    assert made == 2 and len(steps) > made + 6


def test_a_voice_comes_from_its_clips(engine: PocketEngine) -> None:
    assert [voice.voice_id for voice in engine.voices()] == ["ana", "bia"]
    (ana,), (bia,) = sounds(engine), sounds(engine, voice="bia")
    assert np.abs(ana[:5000] - bia[:5000]).max() > 1e-3
    heard = reference_of([clip(20.0), clip(15.0, 1), clip(8.0, 2)])
    assert 26 < heard.duration_s < 28.1 and heard.sample_rate == 24000
    assert reference_of([clip(40.0)]).duration_s == pytest.approx(30, abs=0.2)
    for clips, code in (([clip(1.0)], "reference_too_short"), ([], "reference_too_short")):
        with pytest.raises(SpeechError, match=code):
            reference_of(clips)
    with pytest.raises(SpeechError, match="reference_silent"):
        reference_of([Audio(np.zeros(24000 * 5, np.float32), 24000)])


def test_it_says_what_the_package_says(pocket_tiny: Path) -> None:
    """Without noise there is no chance in either, and they differ by rounding alone."""
    workers = Workers()
    network = Network(pocket_tiny / "portuguese", "fp32", workers)
    samples = clip().samples
    frames = list(network.speak(network.hear(samples), TEXTS[0], (), Sampling(0.0, 1, None), 1))
    model = network._model
    model.temp, model.max_decoder_frames_per_call = 0.0, 1
    with torch.no_grad():
        wanted = model.generate_audio(model.get_state_for_audio_prompt(torch.from_numpy(samples)[None]), TEXTS[0])
    workers.close()
    made = np.concatenate([frame.samples for frame in frames])
    assert len(made) == len(wanted)
    assert np.abs(made - np.clip(wanted.numpy(), -0.999, 0.999)).max() < 1e-4


def test_each_language_has_its_model(engine: PocketEngine, options: EngineOptions, tmp_path: Path) -> None:
    (portuguese,), (english,) = sounds(engine), sounds(engine, language="en-US")
    assert not np.allclose(portuguese[:5000], english[:5000], atol=1e-3)
    assert options.checkpoint_dir is not None
    shutil.copytree(options.checkpoint_dir / "english", tmp_path / "english")
    alone = PocketEngine(replace(options, checkpoint_dir=tmp_path))
    assert alone.needed_bytes() < engine.needed_bytes()
    alone.load("cpu")
    with pytest.raises(SpeechError, match="language_not_spoken"):
        sounds(alone)
    alone.unload()


def test_a_long_sentence_is_cut_and_one_without_words_is_silent(engine: PocketEngine) -> None:
    long = "Uma frase comprida, com muitas palavras, que não cabe nos lugares da rede. " * 2
    assert engine._loaded is not None and engine._loaded.networks["pt-BR"].count(long) > MOST_TOKENS
    whole, silent, last = sounds(engine, long, "(…)", TEXTS[0])
    assert len(whole) > 2 * len(last) and len(silent) == 0 and np.array_equal(last, sounds(engine)[0])


def test_int8_is_smaller_and_near(engine: PocketEngine, options: EngineOptions) -> None:
    packed = PocketEngine(replace(options, precision="int8"))
    packed.load("cpu")
    (plain,), (made,) = sounds(engine), sounds(packed)
    assert packed.memory_bytes() < 0.8 * engine.memory_bytes() and packed.needed_bytes() < engine.needed_bytes()
    assert np.array_equal(made, sounds(packed)[0]) and not np.array_equal(made[:FRAME], plain[:FRAME])
    assert np.abs(made[:FRAME] - plain[:FRAME]).max() < 0.1
    packed.unload()
    assert packed.memory_bytes() == 0


def test_memory_is_that_of_the_numbers_in_the_files(engine: PocketEngine) -> None:
    assert engine.memory_bytes() == engine.needed_bytes() > 1_000_000


def test_loading_leaves_pytorch_its_threads(options: EngineOptions) -> None:
    before = (torch.get_num_threads(), common_threads())
    engine = PocketEngine(options)
    engine.load("cpu")
    assert sounds(engine) and (torch.get_num_threads(), common_threads()) == before
    engine.unload()


def test_what_is_missing_is_told_with_what_brings_it(options: EngineOptions, tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="pocket_dir_missing"):
        PocketEngine(replace(options, checkpoint_dir=None)).check()
    (tmp_path / "portuguese").mkdir()
    with pytest.raises(SpeechError, match="pocket_dir_unusable") as refused:
        PocketEngine(replace(options, checkpoint_dir=tmp_path)).load("cpu")
    wanted = ["portuguese/model.safetensors", "portuguese/tokenizer.json / tokenizer.model"]
    assert refused.value.values["missing"] == wanted  # the package has the config of that name
    (tmp_path / "portuguese").rename(tmp_path / "portuguese_mine")
    with pytest.raises(SpeechError, match="config.yaml"):
        PocketEngine(replace(options, checkpoint_dir=tmp_path)).check()
    with pytest.raises(SpeechError, match="pocket_dir_unusable"):
        PocketEngine(replace(options, checkpoint_dir=tmp_path / "nowhere")).check()


def test_missing_packages_are_told_with_the_command(options: EngineOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_seen", {})
    monkeypatch.setattr(records, "find_spec", lambda name: None if name == "pocket_tts" else True)
    with pytest.raises(SpeechError, match="engine_not_installed") as refused:
        PocketEngine(options).check()
    assert refused.value.values["packages"] == ["pocket_tts"] and refused.value.values["command"] == "./run pocket"


def broken(folder: Path, what: str) -> None:
    from safetensors.torch import load_file, save_file

    model = folder / "portuguese" / "model.safetensors"
    if what == "truncated":
        model.write_bytes(model.read_bytes()[:5000])
    elif what == "another network":
        save_file({"gpt.weight": torch.zeros(3)}, model)
    elif what == "not finite":
        made = load_file(model)
        made["flow_lm.out_norm.weight"][3] = float("nan")
        save_file(made, model)
    elif what == "tokenizer":
        (folder / "portuguese" / "tokenizer.json").write_text("{}")
    elif what == "config":
        (folder / "portuguese" / "config.yaml").write_text("flow_lm: {depth: 3}")
    elif what == "rate":
        config = folder / "portuguese" / "config.yaml"
        config.write_text(config.read_text().replace('"sample_rate": 24000', '"sample_rate": 16000'))


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("truncated", "checkpoint_damaged"),
        ("another network", "checkpoint_damaged"),
        ("not finite", "checkpoint_tensor_values"),
        ("tokenizer", "checkpoint_damaged"),
        ("config", "checkpoint_damaged"),
        ("rate", "checkpoint_damaged|checkpoint_unsupported"),
    ],
)
def test_a_bad_folder_is_refused(
    pocket_tiny: Path, options: EngineOptions, tmp_path: Path, what: str, code: str
) -> None:
    folder = Path(shutil.copytree(pocket_tiny, tmp_path / "weights"))
    broken(folder, what)
    with pytest.raises(SpeechError, match=code):
        PocketEngine(replace(options, checkpoint_dir=folder)).load("cpu")


def test_a_plan_speaks_with_it_and_others_refuse_its_context(pocket_tiny: Path, tmp_path: Path) -> None:
    synthesizer = Synthesizer(
        SynthesizerOptions(
            tmp_path / "models",
            extra_engines={"silence": "speech.engines.silence:Silence"},
            voices_dir=write_voice(tmp_path / "voices"),
            checkpoints={"pocket": pocket_tiny},
        )
    )
    asked = {"language": "pt-BR", "engine": "pocket", "voice": "ana", "seed": 1}
    plan = synthesizer.plan(" ".join(TEXTS), **asked, parameters={"context_s": 10.0})
    chunks = list(synthesizer.speak(plan))
    assert sum(chunk.ends for chunk in chunks) == len(TEXTS) and len(chunks) > len(TEXTS)
    voice = next(one.voice_id for one in synthesizer.voices() if one.engine == "silence")
    with pytest.raises(SpeechError, match="unknown_parameter"):
        synthesizer.plan(TEXTS[0], language="pt-BR", engine="silence", voice=voice, parameters={"context_s": 10.0})
    with pytest.raises(SpeechError, match="unknown_parameter"):
        synthesizer.plan(TEXTS[0], **asked, parameters={"speed": 1.5})
    synthesizer.close()
