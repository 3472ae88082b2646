"""Rows S0-6 and 7.3-1: a folder in the hub's layout opens as it is, and a wrong, broken or hostile one says why not."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech.engines.xtts.config import read_config
from speech.errors import SpeechError

torch = pytest.importorskip("torch")
checkpoint = pytest.importorskip("speech.engines.xtts.checkpoint")
fill = pytest.importorskip("speech.engines.weights").fill
TorchFile = pytest.importorskip("speech.engines.torch_file").TorchFile


def refused(code: str, call: Callable[..., object], *arguments: object) -> SpeechError:
    with pytest.raises(SpeechError) as error:
        call(*arguments)
    assert error.value.code == code, error.value
    return error.value


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(folder.iterdir())}


@pytest.fixture
def folder(xtts_tiny: Path, tmp_path: Path) -> Path:
    """A folder of its own: every file is a link to the one of the session, to be replaced one at a time."""
    own = tmp_path / "weights"
    own.mkdir()
    for path in xtts_tiny.iterdir():
        os.link(path, own / path.name)
    return own


def replace(path: Path, content: bytes | str | dict[str, Any]) -> None:
    path.unlink()
    text = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(text.encode() if isinstance(text, str) else text)


def changed_config(folder: Path, **args: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["model_args"].update(args)
    replace(folder / "config.json", config)


def test_it_opens_as_it_is(xtts_tiny: Path) -> None:
    before = listing(xtts_tiny)
    found = checkpoint.open_checkpoint(xtts_tiny)
    assert found.config == read_config(xtts_tiny / "config.json")
    assert (found.config.layers, found.config.width, found.config.start_text, found.config.stop_text) == (2, 64, 261, 0)
    stored = torch.load(xtts_tiny / "mel_stats.pth", weights_only=True)
    assert torch.equal(found.weights["mel_stats"], stored) and found.weights["mel_stats"].dtype == torch.float32
    assert found.vocab_path == xtts_tiny / "vocab.json"
    assert listing(xtts_tiny) == before


def test_all_tensors_equal_what_torch_reads(xtts_tiny: Path) -> None:
    found = checkpoint.read_dvae(xtts_tiny)
    stored = torch.load(xtts_tiny / "dvae.pth", weights_only=True)
    assert list(found) == list(stored) and all(torch.equal(found[name], stored[name]) for name in stored)


def test_the_random_checkpoint_is_the_same_everywhere(xtts_tiny: Path) -> None:
    """The golden tensors of parity hang on its values: they come from names and seed, by exactly rounded arithmetic."""
    weights = checkpoint.open_checkpoint(xtts_tiny).weights
    for name, known in (
        ("gpt.gpt.h.1.attn.c_attn.weight", "eecac297910b3f03"),
        ("hifigan_decoder.waveform_decoder.ups.2.parametrizations.weight.original0", "cabcff75d59d23c2"),
    ):
        assert hashlib.sha256(weights[name].numpy().tobytes()).hexdigest()[:16] == known


def test_the_random_checkpoint_has_the_config_object_of_the_hubs_file(xtts_tiny: Path) -> None:
    """An instance of the reference's class under its old module path, which torch.load alone refuses."""
    with pytest.raises(pickle.UnpicklingError, match="TTS.tts.configs.xtts_config.XttsConfig"):
        torch.load(xtts_tiny / "model.pth", weights_only=True)
    config = TorchFile(xtts_tiny / "model.pth").root["config"]
    assert config.name == "TTS.tts.configs.xtts_config.XttsConfig"
    state = config.state[-1]
    assert state["model_args"].name == "TTS.tts.models.xtts.XttsArgs" and state["temperature"] == 0.75
    assert "TTS" not in sys.modules


def maps(name: str) -> bool:
    return name in Path("/proc/self/maps").read_text()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_nothing_is_copied_and_all_is_given_back(xtts_tiny: Path) -> None:
    found = checkpoint.open_checkpoint(xtts_tiny)
    assert len({tensor.untyped_storage().data_ptr() for tensor in found.weights.values()}) == 1
    head = torch.nn.Linear(64, 1026, device="meta")
    fill(head, found.weights, "gpt.mel_head.")
    assert head.weight.data_ptr() == found.weights["gpt.mel_head.weight"].data_ptr()
    assert not head.weight.requires_grad and not head.training
    assert maps(f"{xtts_tiny.name}/model.pth")
    del found, head
    assert not maps(f"{xtts_tiny.name}/model.pth")


MODULES = """
import sys, torch
from speech.engines.weights import blank
with blank():
    made = [torch.nn.Embedding(4, 4), torch.nn.Linear(4, 4), torch.nn.Conv1d(4, 4, 3), torch.nn.LayerNorm(4)]
assert all(tensor.is_meta for module in made for tensor in module.parameters())
assert not torch.empty(1).is_meta
print(*(name for name in ("torch._dynamo", "sympy") if name in sys.modules))
"""


def test_blank_modules_cost_nothing() -> None:
    """Neither memory, nor random numbers, nor the import of PyTorch's compiler."""
    root = str(Path(__file__).parents[2])
    done = subprocess.run([sys.executable, "-c", MODULES], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_safetensors_say_the_same(xtts_tiny: Path, folder: Path) -> None:
    from safetensors.torch import save_file

    pth = checkpoint.open_checkpoint(xtts_tiny)
    (folder / "model.pth").unlink()
    save_file(dict(pth.weights), folder / "model.safetensors")
    found = checkpoint.open_checkpoint(folder)
    assert set(found.weights) == set(pth.weights)
    assert all(torch.equal(found.weights[name], pth.weights[name]) for name in pth.weights)
    again = checkpoint.open_checkpoint(folder)
    assert found.digest == again.digest != pth.digest
    changed = dict(pth.weights) | {"gpt.mel_head.weight": pth.weights["gpt.mel_head.weight"] + 1e-6}
    save_file(changed, folder / "model.safetensors")
    assert checkpoint.open_checkpoint(folder).digest != found.digest


def test_the_digest_names_the_content(xtts_tiny: Path, folder: Path) -> None:
    digest = checkpoint.open_checkpoint(xtts_tiny).digest
    replace(folder / "model.pth", (xtts_tiny / "model.pth").read_bytes())
    assert checkpoint.open_checkpoint(folder).digest == digest  # another file with the same bytes
    stored = torch.load(xtts_tiny / "mel_stats.pth", weights_only=True)
    save(folder, {"mel_stats": stored + 1e-6})
    assert checkpoint.open_checkpoint(folder).digest != digest


def test_the_digest_without_checksums(folder: Path) -> None:
    """torch can be told not to compute them."""
    digests = set()
    for value in (1.0, 2.0, 2.0):
        with torch.utils.serialization.config.patch("save.compute_crc32", False):
            save(folder, {"mel_stats": torch.full((80,), value)})
        digests.add(checkpoint.open_checkpoint(folder).digest)
    assert len(digests) == 2


def save(folder: Path, changes: dict[str, Any], drop: tuple[str, ...] = (), rename: Callable[[str], str] = str) -> None:
    """model.pth again, as a trainer's plain dict, with other tensors or without some."""
    weights = dict(checkpoint.open_checkpoint(folder).weights) | changes
    weights = {rename(name): tensor.contiguous().clone() for name, tensor in weights.items() if name not in drop}
    (folder / "model.pth").unlink()
    torch.save(
        {"config": {"model": "xtts"}, "model": weights, "optimizer": {"state": {0: torch.ones(3)}}},
        folder / "model.pth",
    )


def test_what_a_trainer_wrote_opens_by_the_published_names(xtts_tiny: Path, folder: Path) -> None:
    def old(name: str) -> str:
        return "xtts." + name.replace(".parametrizations.weight.original0", ".weight_g").replace(
            ".parametrizations.weight.original1", ".weight_v"
        )

    save(
        folder, {"gpt.gpt.wte.weight": torch.ones(2), "torch_mel_spectrogram_dvae.mel_stats": torch.ones(2)}, rename=old
    )
    found = checkpoint.open_checkpoint(folder)
    assert set(found.weights) == set(checkpoint.open_checkpoint(xtts_tiny).weights)


def test_half_precision_is_widened_when_filled(folder: Path) -> None:
    save(folder, {"gpt.mel_head.weight": torch.ones(1026, 64, dtype=torch.float16)})
    head = torch.nn.Linear(64, 1026, device="meta")
    fill(head, checkpoint.open_checkpoint(folder).weights, "gpt.mel_head.")
    assert head.weight.dtype == torch.float32 and float(head.weight.sum()) == 1026 * 64


def test_studio_speakers(xtts_tiny: Path, folder: Path) -> None:
    speakers = checkpoint.read_speakers(xtts_tiny)
    assert list(speakers) == ["Ana Florence", "Alma María", "Luis Moray"]
    for latents in speakers.values():
        assert latents.gpt.shape == (1, 32, 64) and latents.speaker.shape == (1, 512, 1)
        assert float(latents.speaker.square().sum()) == pytest.approx(1, abs=1e-5)
    (folder / "speakers_xtts.pth").unlink()
    assert checkpoint.read_speakers(folder) == {}
    voice = {"gpt_cond_latent": torch.ones(1, 32, 65), "speaker_embedding": torch.ones(1, 512, 1)}
    torch.save({"Wide": voice}, folder / "speakers_xtts.pth")
    error = refused("checkpoint_tensor_shape", checkpoint.read_speakers, folder)
    assert error.values["tensor"] == "Wide.gpt_cond_latent"
    torch.save([voice], folder / "speakers_xtts.pth")
    refused("checkpoint_wrong_kind", checkpoint.read_speakers, folder)


@pytest.mark.parametrize("name", ["config.json", "vocab.json", "model.pth"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refused("checkpoint_missing", checkpoint.open_checkpoint, folder).values["file"] == name


def test_a_missing_folder(tmp_path: Path) -> None:
    refused("checkpoint_missing", checkpoint.open_checkpoint, tmp_path / "nowhere")
    refused("checkpoint_missing", checkpoint.read_dvae, tmp_path)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("gpt_use_perceiver_resampler", False),
        ("gpt_num_audio_tokens", 8194),
        ("output_hop_length", 300),
        ("d_vector_dim", 256),
        ("gpt_layers", 10**9),
        ("gpt_n_heads", 3),
        ("gpt_n_model_channels", "64"),
        ("decoder_input_dim", 128),
    ],
)
def test_a_config_that_is_not_built_is_refused_by_its_setting(folder: Path, setting: str, value: object) -> None:
    changed_config(folder, **{setting: value})
    assert refused("checkpoint_unsupported", checkpoint.open_checkpoint, folder).values["setting"] == setting


def test_other_layers_than_the_file_has(folder: Path) -> None:
    changed_config(folder, gpt_layers=3)
    refused("checkpoint_tensor_missing", checkpoint.open_checkpoint, folder)
    changed_config(folder, gpt_layers=1)
    assert refused("checkpoint_unsupported", checkpoint.open_checkpoint, folder).values["valid"] == "2"


def test_the_first_version_is_refused(folder: Path) -> None:
    """Its config.json does not name what the second version added."""
    config = json.loads((folder / "config.json").read_text())
    del config["model_args"]["gpt_use_perceiver_resampler"]
    replace(folder / "config.json", config)
    refused("checkpoint_unsupported", read_config, folder / "config.json")


@pytest.mark.parametrize("content", ["", "[]", "{", "[" * 100_000, b"\xff\xfe"])
def test_damaged_settings(folder: Path, content: str | bytes) -> None:
    for name in ("config.json", "vocab.json"):
        kept = (folder / name).read_bytes()
        replace(folder / name, content)
        assert refused("checkpoint_damaged", read_config, folder / "config.json").values["file"] == name
        replace(folder / name, kept)


def test_settings_of_another_model(folder: Path) -> None:
    replace(folder / "config.json", {"model": "vits", "model_args": {}})
    refused("checkpoint_wrong_kind", read_config, folder / "config.json")
    replace(folder / "config.json", {"model": "xtts", "model_args": {}, "languages": ["tlh"]})
    refused("checkpoint_unsupported", read_config, folder / "config.json")


def test_a_vocabulary_without_its_tokens(folder: Path) -> None:
    replace(folder / "vocab.json", {"model": {"vocab": {"a": 0}}, "added_tokens": []})
    assert "[START]" in str(refused("checkpoint_damaged", read_config, folder / "config.json").values["reason"])


def test_weights_of_another_kind(folder: Path) -> None:
    (folder / "model.pth").unlink()
    torch.save({"model": {"encoder.weight": torch.ones(3)}}, folder / "model.pth")
    error = refused("checkpoint_wrong_kind", checkpoint.open_checkpoint, folder)
    assert error.values == {"file": "model.pth", "found": "encoder.weight"}
    torch.save([1, 2], folder / "model.pth")
    refused("checkpoint_wrong_kind", checkpoint.open_checkpoint, folder)
    replace(folder / "dvae.pth", (folder / "mel_stats.pth").read_bytes())
    refused("checkpoint_wrong_kind", checkpoint.read_dvae, folder)


@pytest.mark.parametrize(
    ("tensor", "code"),
    [
        (torch.ones(1026, 64, dtype=torch.int64), "checkpoint_tensor_dtype"),
        (torch.full((1026, 64), float("nan")), "checkpoint_tensor_values"),
        (torch.full((1026, 64), float("inf"), dtype=torch.float16), "checkpoint_tensor_values"),
        (torch.tensor([float("inf"), -float("inf")]).repeat(1026, 32), "checkpoint_tensor_values"),
    ],
)
def test_tensors_that_cannot_be_used(xtts_tiny: Path, tensor: Any, code: str) -> None:
    weights = dict(checkpoint.open_checkpoint(xtts_tiny).weights) | {"gpt.mel_head.weight": tensor}
    head = torch.nn.Linear(64, 1026, device="meta")
    error = refused(code, fill, head, weights, "gpt.mel_head.")
    assert error.values["tensor"] == "gpt.mel_head.weight"


def test_one_number_that_is_none_is_found(xtts_tiny: Path) -> None:
    weights = dict(checkpoint.open_checkpoint(xtts_tiny).weights)
    spoilt = weights["gpt.mel_head.weight"].clone()
    spoilt[700, 3] = float("nan")
    head = torch.nn.Linear(64, 1026, device="meta")
    refused("checkpoint_tensor_values", fill, head, weights | {"gpt.mel_head.weight": spoilt}, "gpt.mel_head.")


def test_a_tensor_missing_or_of_another_shape(xtts_tiny: Path) -> None:
    weights = checkpoint.open_checkpoint(xtts_tiny).weights
    refused("checkpoint_tensor_missing", fill, torch.nn.Linear(2, 2, device="meta"), weights, "gpt.nothing.")
    refused("checkpoint_tensor_shape", fill, torch.nn.Linear(2, 2, device="meta"), weights, "gpt.mel_head.")


def test_huge_numbers_are_numbers(xtts_tiny: Path) -> None:
    """Their sum is infinite; they are not."""
    head = torch.nn.Linear(64, 1026, device="meta")
    weights = checkpoint.open_checkpoint(xtts_tiny).weights
    fill(head, {**weights, "gpt.mel_head.weight": torch.full((1026, 64), 3e38)}, "gpt.mel_head.")
    assert float(head.weight[0, 0]) == pytest.approx(3e38)


def test_a_read_only_folder_stays_as_it_is(folder: Path) -> None:
    folder.chmod(0o555)
    try:
        before = listing(folder)
        checkpoint.open_checkpoint(folder)
        checkpoint.read_speakers(folder)
        checkpoint.read_dvae(folder)
        assert listing(folder) == before
    finally:
        folder.chmod(0o755)
