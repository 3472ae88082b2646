"""Speaking with fine-tuned checkpoints of the tiny network: which weights speak, whose voice, what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench.xtts_reference import recording
from bench.xtts_weights import write_checkpoint
from speech.audio import Audio, load, save
from speech.engines.xtts.adapters import open_tuned
from speech.engines.xtts.checkpoint import open_checkpoint
from speech.engines.xtts.config import ADAPTER, WEIGHTS
from speech.errors import SpeechError
from train.scripts import xtts_inference
from train.xtts.adapters import adapter_of, save_adapter, write_checkpoint_folder
from train.xtts.inference import READY, Inference, materialized
from train.xtts.options import XttsOptions
from train.xtts.trainable import XttsFit

pytestmark = pytest.mark.networks

TEXT, KEY = "Sim.", "gpt.gpt.h.0.attn.c_attn.weight"
CUT: dict[str, Any] = {"parameters": {"temperature": 0.1, "top_k": 10}, "most_s": 0.4}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("xtts") / "tiny", "tiny")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def snapshot(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint whose adapters say something else."""
    folder = tmp_path_factory.mktemp("run") / "step-000001"
    folder.mkdir()
    checkpoint = open_checkpoint(tiny)
    fit = XttsFit(checkpoint, [], [], XttsOptions(rank=4, targets="all"))
    with torch.no_grad():
        for number, adapter in enumerate(fit.adapters.values()):
            adapter.up.normal_(0, 0.2, generator=torch.Generator().manual_seed(number))
    save_adapter(folder / ADAPTER, adapter_of(fit.adapters, checkpoint.digest))
    return folder


@pytest.fixture(scope="module")
def voice() -> Audio:
    return Audio(recording(3.5), 22050)


@pytest.fixture(scope="module")
def base(tiny: Path, cache: Path) -> Iterator[Inference]:
    inference = Inference(tiny, cache, threads=1)
    yield inference
    inference.close()


@pytest.fixture(scope="module")
def spoken(base: Inference, voice: Audio) -> Audio:
    return base.speak(TEXT, "pt-BR", reference=voice, seed=3, **CUT)


def test_the_base_speaks(spoken: Audio) -> None:
    assert spoken.sample_rate == 24000 and spoken.duration_s > 0.05 and np.isfinite(spoken.samples).all()
    assert np.abs(spoken.samples).max() > 0.001


def test_the_same_seed_says_the_same(base: Inference, voice: Audio, spoken: Audio) -> None:
    again = base.speak(TEXT, "pt-BR", reference=voice, seed=3, **CUT)
    assert np.array_equal(again.samples, spoken.samples)


def test_another_voice_sounds_otherwise(base: Inference, spoken: Audio) -> None:
    other = base.speak(TEXT, "pt-BR", reference=Audio(recording(3.2, 5), 22050), seed=3, **CUT)
    assert not np.array_equal(other.samples, spoken.samples)


def test_a_studio_speaker_speaks(base: Inference) -> None:
    assert base.speakers() == ["Ana Florence", "Alma María", "Luis Moray"]
    assert base.speak(TEXT, "pt-BR", speaker="Luis Moray", **CUT).duration_s > 0.05


def test_a_trained_checkpoint_sounds_otherwise(
    tiny: Path, snapshot: Path, cache: Path, voice: Audio, spoken: Audio
) -> None:
    inference = Inference(materialized(tiny, [(snapshot, 1.0)], cache), cache, threads=1)
    sound = inference.speak(TEXT, "pt-BR", reference=voice, seed=3, **CUT)
    inference.close()
    assert sound.duration_s > 0.05 and not np.array_equal(sound.samples, spoken.samples)


def test_no_checkpoint_is_the_base(tiny: Path, cache: Path) -> None:
    assert materialized(tiny, [], cache) == tiny


def test_a_blend_of_nothing_has_the_weights_of_the_base(tiny: Path, snapshot: Path, cache: Path) -> None:
    folder = materialized(tiny, [(snapshot, 0.0)], cache)
    blended, base = open_checkpoint(folder), open_checkpoint(tiny)
    assert all(torch.equal(blended.weights[name], base.weights[name]) for name in base.weights)


def test_weights_blend_in_proportion(tiny: Path, snapshot: Path, cache: Path) -> None:
    base = open_checkpoint(tiny).weights[KEY]
    half, whole = (open_checkpoint(materialized(tiny, [(snapshot, share)], cache)).weights[KEY] for share in (0.5, 1))
    assert torch.allclose(2 * (half - base), whole - base, atol=1e-6) and not torch.equal(half, whole)
    twice = open_checkpoint(materialized(tiny, [(snapshot, 0.25), (snapshot, 0.25)], cache)).weights[KEY]
    assert torch.allclose(twice, half, atol=1e-6)


def test_a_merged_folder_is_made_once(tiny: Path, snapshot: Path, tmp_path: Path) -> None:
    folder = materialized(tiny, [(snapshot, 1.0)], tmp_path)
    before = (folder / WEIGHTS).stat().st_mtime_ns
    assert materialized(tiny, [(snapshot, 1.0)], tmp_path) == folder and (folder / READY).exists()
    assert (folder / WEIGHTS).stat().st_mtime_ns == before


def test_a_full_checkpoint_is_its_own_folder_and_cannot_be_blended(
    tiny: Path, snapshot: Path, cache: Path, tmp_path: Path
) -> None:
    full = tmp_path / "step-000002"
    write_checkpoint_folder(full, tiny, open_checkpoint(tiny).weights, {})
    assert materialized(tiny, [(full, 1.0)], cache) == full
    with pytest.raises(SpeechError) as caught:
        materialized(tiny, [(full, 0.5), (snapshot, 0.5)], cache)
    assert caught.value.code == "blend_of_full"


def test_the_engine_opens_what_was_fine_tuned(tiny: Path, snapshot: Path, cache: Path, tmp_path: Path) -> None:
    """Adapters are added in memory, and a whole network stands for itself."""
    merged, tuned = open_checkpoint(materialized(tiny, [(snapshot, 1.0)], cache)), open_tuned(tiny, snapshot)
    assert all(torch.equal(merged.weights[name], tensor) for name, tensor in tuned.weights.items())
    full = tmp_path / "step-000002"
    write_checkpoint_folder(full, tiny, merged.weights, {})
    assert torch.equal(open_tuned(tiny, full).weights[KEY], merged.weights[KEY])
    with pytest.raises(SpeechError, match="checkpoint_missing"):
        open_tuned(tiny, tmp_path)


def test_an_adapter_of_another_base_is_refused(snapshot: Path, tmp_path: Path) -> None:
    other = write_checkpoint(tmp_path / "other", "tiny", seed=1)
    with pytest.raises(SpeechError) as caught:
        materialized(other, [(snapshot, 1.0)], tmp_path / "cache")
    assert caught.value.code == "adapter_other_base"


def test_a_folder_without_weights_is_refused(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(SpeechError) as caught:
        materialized(tiny, [(tmp_path, 1.0)], tmp_path)
    assert caught.value.code == "checkpoint_missing"


def test_an_adapter_that_is_cut_off_is_refused(tiny: Path, snapshot: Path, tmp_path: Path) -> None:
    cut = tmp_path / "step-000003"
    cut.mkdir()
    (cut / ADAPTER).write_bytes((snapshot / ADAPTER).read_bytes()[:-100])
    with pytest.raises(SpeechError) as caught:
        materialized(tiny, [(cut, 1.0)], tmp_path)
    assert caught.value.code == "adapter_unreadable"


@pytest.mark.parametrize(
    ("text", "language", "given", "code"),
    [
        ("  ", "pt-BR", {}, "text_empty"),
        (TEXT, "xx", {}, "language_not_spoken"),
        (TEXT, "pt-BR", {}, "unknown_voice"),
        (TEXT, "pt-BR", {"speaker": "Nobody"}, "unknown_voice"),
        (TEXT, "pt-BR", {"speaker": "Luis Moray", "parameters": {"temperature": 9.0}}, "parameter_out_of_range"),
        (TEXT, "pt-BR", {"speaker": "Luis Moray", "parameters": {"colour": 1}}, "unknown_parameter"),
        (TEXT, "pt-BR", {"reference": Audio(np.zeros(22050 * 4, np.float32), 22050)}, "reference_silent"),
        (TEXT, "pt-BR", {"reference": Audio(recording(1.5), 22050)}, "reference_too_short"),
    ],
)
def test_what_cannot_be_spoken_is_refused(
    base: Inference, text: str, language: str, given: dict[str, Any], code: str
) -> None:
    with pytest.raises(SpeechError) as caught:
        base.speak(text, language, **given)
    assert caught.value.code == code


def test_the_script_writes_a_file(tiny: Path, snapshot: Path, voice: Audio, tmp_path: Path) -> None:
    save(voice, tmp_path / "voice.wav")
    output = tmp_path / "out.wav"
    arguments = [TEXT, "--base", str(tiny), "--checkpoint", str(snapshot), "--reference", str(tmp_path / "voice.wav")]
    assert (
        xtts_inference.main([*arguments, "-o", str(output), "--cache", str(tmp_path / "cache"), "--most-s", "0.4"]) == 0
    )
    assert load(output).duration_s > 0.05


def test_the_script_refuses_weights_without_checkpoints(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "o.wav"
    assert xtts_inference.main([TEXT, "--base", str(tiny), "--weight", "0.5", "-o", str(output)]) == 2
    assert "blend_weights" in capsys.readouterr().err and not output.exists()
