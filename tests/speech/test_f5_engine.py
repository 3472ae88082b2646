"""F5-TTS behind the engine's protocol, on seeded random weights: what is asked reaches the sound, bad files do not."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from f5_voices import clip, write_voice

from speech.audio import Audio, join
from speech.engines.base import EngineOptions, Precise, SpeechRequest
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.text.sentences import Sentence
from speech.voice_folder import SpokenClip

torch = pytest.importorskip("torch")
pytest.importorskip("rjieba")

from speech.engines.f5 import engine as module  # noqa: E402
from speech.engines.f5.checkpoint import load_network, load_vocos, open_checkpoint  # noqa: E402
from speech.engines.f5.engine import F5Engine, Heard, crossfaded, passes, pieces_of, seed_of  # noqa: E402
from speech.engines.f5.flow import FlowOptions, Passage, generate, times_of  # noqa: E402
from speech.engines.f5.voices import reference_of  # noqa: E402

TEXTS = ("Bom dia a todos.", "Hoje é sexta.", "Até amanhã.")
QUICK = {"nfe_step": 8.0}


@pytest.fixture(scope="module")
def options(f5_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    folder = tmp_path_factory.mktemp("data")
    voices = write_voice(folder / "voices")
    return EngineOptions(ModelStore(folder / "models"), "fp32", 1, voices_dir=voices, checkpoint_dir=f5_tiny)


@pytest.fixture(scope="module")
def engine(options: EngineOptions) -> Iterator[F5Engine]:
    engine = F5Engine(options)
    engine.load("cpu")
    yield engine
    engine.unload()


def ask(engine: F5Engine, *texts: str, seed: int = 1, **parameters: float) -> SpeechRequest:
    sentences = tuple(Sentence(text) for text in texts or TEXTS[:1])
    return SpeechRequest(sentences, "pt-BR", engine.voices()[0], {**QUICK, **parameters}, seed)


def sounds(engine: F5Engine, *texts: str, **asked: Any) -> list[np.ndarray]:
    return [chunk.samples for chunk in engine.speak(ask(engine, *texts, **asked)) if chunk.ends]


def test_a_sentence_sounds_the_same_alone_and_among_others(engine: F5Engine) -> None:
    together = sounds(engine, *TEXTS)
    for number, text in enumerate(TEXTS):
        (alone,) = sounds(engine, text)
        assert len(alone) <= len(together[number])  # a pause follows
        assert np.abs(together[number][: len(alone) - 300] - alone[:-300]).max() < 1e-4  # but the fade at its end


def test_a_seed_decides_and_another_one_sounds_otherwise(engine: F5Engine) -> None:
    (first,), (again,), (other,) = (sounds(engine, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.allclose(first[:5000], other[:5000], atol=1e-3)


@pytest.mark.parametrize(("name", "value"), [("nfe_step", 12), ("cfg_strength", 4.0), ("sway_sampling_coef", 0.5)])
def test_a_parameter_reaches_the_sound(engine: F5Engine, name: str, value: float) -> None:
    (plain,), (changed,) = sounds(engine), sounds(engine, **{name: value})
    size = min(len(plain), len(changed))
    assert np.abs(plain[:size] - changed[:size]).max() > 1e-3


def test_profiles_names_are_all_used(engine: F5Engine) -> None:
    from speech.processing import PARAMETERS

    own = {"nfe_step", "cfg_strength", "speed", "sway_sampling_coef"}
    assert {one.name for one in engine.info.parameters} == own | {one.name for one in PARAMETERS}


def test_sway_and_pruned_steps_are_those_of_the_publishers() -> None:
    assert times_of(FlowOptions(4, sway=0.0)).tolist() == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert times_of(FlowOptions(5, sway=0.0)).tolist() == [0.0, 0.0625, 0.125, 0.25, 0.5, 1.0]
    swayed = times_of(FlowOptions(4)).tolist()
    assert swayed[0] == 0 and swayed[-1] == pytest.approx(1, abs=1e-6) and swayed[1] < 0.25


def test_a_result_can_say_the_precision(engine: F5Engine) -> None:
    assert isinstance(engine, Precise) and engine.precision == "fp32"


def test_closing_stops_between_two_steps(engine: F5Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BREATHER_S", 0.0)
    assert engine._loaded is not None
    steps: list[None] = []
    counted = engine._loaded.network.register_forward_hook(lambda *_: steps.append(None))
    chunks = engine.speak(ask(engine, nfe_step=32))
    assert len(next(chunks).samples) == 0  # a sign of life before the first step
    next(chunks)
    chunks.close()
    counted.remove()
    assert len(steps) <= 2


def test_a_long_sentence_is_cut_and_joined_without_a_click(engine: F5Engine) -> None:
    heard = Heard(torch.zeros(900, 100), "Some words said. ", 1.0)
    long = Sentence("Uma frase comprida, com muitas palavras, que não cabe em uma passagem só. " * 2)
    pieces = list(pieces_of((long, Sentence("Fim.")), heard, 1.0))
    assert len(pieces) > 2 and [piece.ends for piece in pieces if piece.ends] == [1, 1]
    assert pieces[-1].pause_s == 0 and pieces[-2].pause_s > 0
    tone = np.sin(np.arange(24000) * 0.05).astype(np.float32)
    joined = crossfaded([tone, tone])
    assert joined.duration_s == pytest.approx(2 - 0.15, abs=0.01)
    assert np.abs(np.diff(joined.samples)).max() < 0.11  # no jump beyond the tone's own steepness


def test_passes_and_seeds() -> None:
    assert list(passes(6, 4)) == [(0, 1), (1, 5), (5, 6)] and list(passes(0, 4)) == []
    assert seed_of(1, "a") == seed_of(1, "a") != seed_of(2, "a") and seed_of(1, "a") != seed_of(1, "b")


def test_reference_takes_clips_with_words_first_and_no_more_than_it_hears() -> None:
    known = SpokenClip(clip(5.0), "Sabe-se o texto")
    found = reference_of([SpokenClip(clip(8.0, 1), ""), known, SpokenClip(clip(4.0, 2), "E este.")])
    assert found.text == "Sabe-se o texto. E este." and 8.5 < found.audio.duration_s < 9.5
    longest = reference_of([SpokenClip(clip(20.0), "Palavras demais")])
    assert longest.text == "" and longest.audio.duration_s <= 12.1
    with pytest.raises(SpeechError, match="reference_too_short"):
        reference_of([SpokenClip(clip(1.0), "curto")])
    with pytest.raises(SpeechError, match="reference_silent"):
        reference_of([SpokenClip(Audio(np.zeros(24000 * 5, np.float32), 24000), "nada")])


def test_unknown_words_need_a_transcriber(options: EngineOptions, tmp_path: Path) -> None:
    voices = write_voice(tmp_path / "voices", [SpokenClip(clip(), "")])
    engine = F5Engine(replace(options, voices_dir=voices))
    engine.load("cpu")
    with pytest.raises(SpeechError, match="f5_text_missing"):
        sounds(engine)


def test_a_request_may_say_what_is_said_in_the_clips(engine: F5Engine, options: EngineOptions, tmp_path: Path) -> None:
    (known,), (other,) = (
        [chunk.samples for chunk in engine.speak(replace(ask(engine), reference_text=text)) if chunk.ends]
        for text in ("", "Boa noite, chove muito hoje")
    )
    assert np.array_equal(known, sounds(engine)[0]) and len(other) != len(known)
    unwritten = F5Engine(replace(options, voices_dir=write_voice(tmp_path, [SpokenClip(clip(), "")])))
    unwritten.load("cpu")
    said = replace(ask(unwritten), reference_text="Bom dia a todos, hoje é sexta-feira e o sol brilha")
    assert np.array_equal(next(one for one in unwritten.speak(said) if one.ends).samples, known)


def test_letters_that_the_checkpoint_never_learned_are_refused(engine: F5Engine) -> None:
    with pytest.raises(SpeechError, match="f5_letters_unknown"):
        sounds(engine, "Доброе утро всем, сегодня пятница и солнце.")


def test_steps_of_processing_go_over_every_engine(f5_tiny: Path, tmp_path: Path) -> None:
    given = {"silence": "speech.engines.silence:Silence"}
    synthesizer = Synthesizer(
        SynthesizerOptions(
            tmp_path / "models",
            extra_engines=given,
            voices_dir=write_voice(tmp_path / "voices"),
            checkpoints={"f5tts": f5_tiny},
        )
    )
    asked = {"language": "pt-BR", "engine": "f5tts", "voice": "ana", "seed": 1}
    off = {one.name: False for one in synthesizer.engines()["f5tts"].parameters if one.default is True}
    quiet, loud = (
        synthesizer.plan(
            TEXTS[0], **asked, parameters={**off, **QUICK, "apply_normalization": on, "target_loudness": -14}
        )
        for on in (False, True)
    )
    from speech.dsp.loudness import loudness_lufs

    plain, normal = (join(synthesizer.speak(plan)) for plan in (quiet, loud))
    assert loudness_lufs(normal) == pytest.approx(-14, abs=1.0) != pytest.approx(loudness_lufs(plain), abs=1.0)
    voice = next(one.voice_id for one in synthesizer.voices() if one.engine == "silence")
    plan = synthesizer.plan(
        TEXTS[0], language="pt-BR", engine="silence", voice=voice, parameters={"apply_declipping": True}
    )
    assert plan.parameters["apply_declipping"] is True and "add_breathing" not in plan.parameters
    assert join(synthesizer.speak(plan)).duration_s > 0
    with pytest.raises(SpeechError, match="parameter_out_of_range"):
        synthesizer.plan(TEXTS[0], language="pt-BR", engine="silence", voice=voice, parameters={"target_loudness": 5.0})
    synthesizer.close()


class Hostile:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (Path("/tmp/canary-f5"),)


def broken(folder: Path, what: str) -> None:
    model = folder / "model_1250000.safetensors"
    if what == "no vocabulary":
        (folder / "vocab.txt").unlink()
    elif what == "short vocabulary":
        (folder / "vocab.txt").write_text(" \na\n", encoding="utf-8")
    elif what == "truncated":
        model.write_bytes(model.read_bytes()[:5000])
    elif what == "another network":
        from safetensors.torch import save_file

        save_file({"gpt.weight": torch.zeros(3)}, model)
    elif what == "pickle":
        model.unlink()
        torch.save({"ema_model_state_dict": Hostile()}, folder / "model.pt")
    elif what == "old pickle":
        model.unlink()
        (folder / "model.pt").write_bytes(pickle.dumps(Hostile()))
    elif what == "setting":
        (folder / "config.json").write_text(json.dumps({"depth": 3}))
    elif what == "heads":
        (folder / "config.json").write_text(json.dumps({"pe_attn_head": True}))
    elif what == "vocoder":
        torch.save({"backbone.embed.weight": torch.zeros(64, 80, 7)}, folder / "vocos/pytorch_model.bin")
    elif what == "not finite":
        from safetensors.torch import load_file, save_file

        made = load_file(model)
        made["ema_model.transformer.proj_out.bias"][3] = float("nan")
        save_file(made, model)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("no vocabulary", "f5_dir_unusable"),
        ("short vocabulary", "checkpoint_tensor_shape"),
        ("truncated", "checkpoint_damaged"),
        ("another network", "f5_wrong_kind"),
        ("pickle", "f5_wrong_kind|checkpoint_unsafe"),
        ("old pickle", "checkpoint_not_torch|checkpoint_damaged"),
        ("setting", "checkpoint_unsupported"),
        ("heads", "checkpoint_unsupported"),
        ("vocoder", "f5_wrong_kind"),
        ("not finite", "checkpoint_tensor_values"),
    ],
)
def test_a_bad_folder_is_refused_and_nothing_of_it_runs(
    f5_tiny: Path, options: EngineOptions, tmp_path: Path, what: str, code: str
) -> None:
    folder = Path(shutil.copytree(f5_tiny, tmp_path / "weights"))
    broken(folder, what)
    with pytest.raises(SpeechError, match=code):
        F5Engine(replace(options, checkpoint_dir=folder)).load("cpu")
    assert not Path("/tmp/canary-f5").exists()


def test_no_folder_and_a_language_that_it_does_not_speak(f5_tiny: Path, options: EngineOptions, tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="f5_dir_missing"):
        F5Engine(replace(options, checkpoint_dir=None)).check()
    with pytest.raises(SpeechError, match="checkpoint_unsupported"):
        F5Engine(replace(options, precision="bf16")).load("cpu")
    assert F5Engine(options).precision == ""
    folder = Path(shutil.copytree(f5_tiny, tmp_path / "weights"))
    (folder / "config.json").write_text(json.dumps({"languages": ["en-US"]}))
    engine = F5Engine(replace(options, checkpoint_dir=folder))
    engine.load("cpu")
    with pytest.raises(SpeechError, match="language_not_spoken"):
        sounds(engine)


def test_a_trainers_file_and_its_prefixes_are_read(f5_tiny: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = Path(shutil.copytree(f5_tiny, tmp_path / "weights"))
    made = load_file(folder / "model_1250000.safetensors")
    (folder / "model_1250000.safetensors").unlink()
    plain = {name.removeprefix("ema_model."): tensor for name, tensor in made.items()}
    torch.save({"model_state_dict": plain, "update": 5, "optimizer_state_dict": {}}, folder / "model_last.pt")
    found, wanted = open_checkpoint(folder), open_checkpoint(f5_tiny)
    assert {*found.weights} >= {*load_network(wanted, "cpu").state_dict()}
    assert torch.equal(found.weights["proj_out.weight"], wanted.weights["proj_out.weight"])


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_every_tensor_is_put_on_the_network_device(f5_tiny: Path, precision: str) -> None:
    """A device without kernels stands for a GPU: what is left on the CPU raises (gpu.md, section 4)."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    checkpoint = open_checkpoint(f5_tiny)
    network, vocos = load_network(checkpoint, "cpu", precision), load_vocos(checkpoint, "cpu")
    shapes = {module: {n: (t.shape, t.dtype) for n, t in module.state_dict().items()} for module in (network, vocos)}
    with FakeTensorMode(allow_non_fake_inputs=True):
        for placed, state in shapes.items():
            there = {n: torch.empty(shape, dtype=dtype, device="lazy:0") for n, (shape, dtype) in state.items()}
            placed.load_state_dict(there, assign=True)
        reference = torch.empty(120, 100)
        passages = [Passage(reference, [5, 6, 7], 200, 1), Passage(reference, [5, 6], 180, 2)]
        made = generate(network, passages, FlowOptions(5))
        assert [tuple(mel.shape) for mel in made] == [(80, 100), (60, 100)]
        frames = vocos.backbone(torch.empty(1, 100, 40, device="lazy:0"))  # the inverse transform asks its window
        assert vocos.head.out(frames).device.type == "lazy"
