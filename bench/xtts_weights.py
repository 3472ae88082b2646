"""A seeded random XTTS-v2 checkpoint in the hub's exact layout, made with neither the reference nor a download.

`write_checkpoint(folder, "tiny" | "full")` writes config.json, vocab.json, model.pth with a pickled config object of
the reference's class, speakers_xtts.pth, dvae.pth and mel_stats.pth. A tensor's values come from its name and the seed
alone, scaled so that signals neither die nor explode, so that every environment makes the same weights.
`./run bench xtts_weights FOLDER [--size tiny] [--seed 0]`.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bench.xtts_vocab import write_vocab
from speech.engines.xtts.config import BUILT, LANGUAGES

Shapes = dict[str, tuple[int, ...]]
Size = Literal["tiny", "full"]
SPEAKERS = ("Ana Florence", "Alma María", "Luis Moray")
SPEAKER_ENCODER = ((1, 32, 3), (32, 64, 4), (64, 128, 6), (128, 256, 3))  # layer: channels in and out, blocks
RESBLOCK_KERNELS, RESBLOCK_CONVS = (3, 7, 11), 3
UPSAMPLING = ((512, 256, 16), (256, 128, 16), (128, 64, 4), (64, 32, 4))  # channels in and out, kernel
DIFFERENCING = ("conv_post.weight", "encoder.0.0.weight")  # no gain at 0 Hz: neither output nor codes stick to a mean
GAINS = {"gpt.mel_head.weight": 3.0, "gpt.text_head.weight": 3.0, "encoder.5.weight": 2.0}
SINCE_JSON = {"gpt_cond_len": 30, "gpt_cond_chunk_len": 4, "max_ref_len": 30, "sound_norm_refs": False}
SAMPLING = {"temperature": 0.75, "length_penalty": 1.0, "repetition_penalty": 5.0, "top_k": 50, "top_p": 0.85}


@dataclass(frozen=True)
class Dimensions:
    """What differs between the two sizes; decoder and speaker encoder have the published size in both."""

    layers: int
    width: int
    heads: int
    dvae: int


SIZES: Mapping[str, Dimensions] = {"tiny": Dimensions(2, 64, 2, 32), "full": Dimensions(30, 1024, 16, 512)}


def write_checkpoint(
    folder: Path, size: Size = "tiny", seed: int = 0, *, weights: Literal["pth", "safetensors"] = "pth"
) -> Path:
    """Write the folder (made when missing) and give it back; `weights` is the format of the model itself."""
    import torch

    dimensions = SIZES[size]
    folder.mkdir(parents=True, exist_ok=True)
    text_tokens = write_vocab(folder / "vocab.json", full=size == "full")
    config = _config(dimensions, text_tokens)
    (folder / "config.json").write_text(json.dumps(config, indent=4), encoding="utf-8")
    model = {name: torch.from_numpy(value) for name, value in tensors(model_shapes(dimensions, text_tokens), seed)}
    if weights == "safetensors":
        from safetensors.torch import save_file

        save_file(model, folder / "model.safetensors")
    else:
        with _reference_classes(config) as pickled:
            torch.save({"config": pickled, "model": model}, folder / "model.pth")
    torch.save(_speakers(dimensions.width, seed), folder / "speakers_xtts.pth")
    dvae = {name: torch.from_numpy(value) for name, value in tensors(dvae_shapes(dimensions.dvae), seed)}
    torch.save(dvae, folder / "dvae.pth")
    torch.save(model["mel_stats"], folder / "mel_stats.pth")
    return folder


def model_shapes(size: Dimensions, text_tokens: int) -> Shapes:
    """Every tensor of the state dict of coqui-tts 0.28's Xtts, in its order, to its shape."""
    shapes: Shapes = {"mel_stats": (80,)}
    shapes |= _conditioning_encoder("gpt.conditioning_encoder.", size.width)
    shapes |= _gpt("gpt.", size, text_tokens)
    shapes |= _perceiver("gpt.conditioning_perceiver.", size.width)
    shapes |= _vocoder("hifigan_decoder.waveform_decoder.", size.width)
    return shapes | _speaker_encoder("hifigan_decoder.speaker_encoder.")


def dvae_shapes(width: int) -> Shapes:
    """The discrete VAE: a codebook of 1024, inner channels 2 x `width`, three residual blocks on each side."""
    inner = 2 * width
    shapes: Shapes = {"discrete_loss.accumulator_index": (1,), "discrete_loss.accumulator_filled": (1,)}
    shapes["discrete_loss.accumulator"] = (100, 1024)
    shapes |= _biased("encoder.0.0", (width, 80, 3)) | _biased("encoder.1.0", (inner, width, 3))
    for block in (2, 3, 4):
        shapes |= _dvae_block(f"encoder.{block}.net.", inner)
    shapes |= _biased("encoder.5", (width, inner, 1)) | _biased("decoder.0", (inner, width, 1))
    for block in (1, 2, 3):
        shapes |= _dvae_block(f"decoder.{block}.net.", inner)
    shapes |= _biased("decoder.4.0.conv", (inner, inner, 3)) | _biased("decoder.5.0.conv", (width, inner, 3))
    shapes |= _biased("decoder.6", (80, width, 1))
    return shapes | {
        "codebook.embed": (width, 1024),
        "codebook.cluster_size": (1024,),
        "codebook.embed_avg": (width, 1024),
    }


def tensors(shapes: Shapes, seed: int) -> Iterator[tuple[str, NDArray[Any]]]:
    """Values of each name: uniform noise of a scale and a centre that its part in the network asks for."""
    for name, shape in shapes.items():
        known = _known(name)
        if known is not None:
            yield name, known
            continue
        spread, centre = _scale(name, shape)
        noise = _noise(name, shape, seed)
        if name.endswith(DIFFERENCING):
            noise -= noise.mean(axis=-1, keepdims=True)
        noise *= np.float32(spread * math.sqrt(3))  # of uniform noise in -1..1 the deviation is 1/sqrt(3)
        noise += np.float32(centre)
        yield name, noise


def _noise(name: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    entropy = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest(), "big")
    noise = np.random.Generator(np.random.PCG64(entropy)).random(shape, dtype=np.float32)
    noise *= 2
    noise -= 1
    return noise


def _scale(name: str, shape: tuple[int, ...]) -> tuple[float, float]:
    """(Standard deviation, mean) of a tensor's values."""
    part = name.rpartition(".")[2]
    if part in ("running_var", "original0", "gamma", "cluster_size") or (part == "weight" and len(shape) == 1):
        return 0.1, 1.0
    if name == "mel_stats":
        return 0.5, 4.0
    if len(shape) == 1:
        return 0.1, 0.0
    if "embedding" in name:
        return 0.3 if "pos" in name else 0.7, 0.0
    if part in ("embed", "embed_avg"):
        return 0.5, 0.0
    if part == "latents":
        return 1.0, 0.0
    fan_in = math.prod(shape[1:])
    if ".gpt.h." in name:  # stored (in, out)
        fan_in = shape[0] * (4 if "c_proj" in name else 1)
    gain = GAINS.get(name, math.sqrt(2) if len(shape) > 2 else 1.0)
    return gain / math.sqrt(fan_in), 0.0


def _known(name: str) -> NDArray[Any] | None:
    """Counters, and the speaker encoder's fixed front end, which a checkpoint carries as buffers."""
    if name.endswith("num_batches_tracked"):
        return np.array(1000, dtype=np.int64)
    if name.startswith("discrete_loss.accumulator_"):
        return np.zeros(1, dtype=np.int64)
    if name.endswith("torch_spec.0.filter"):
        return np.array([[[-0.97, 1.0]]], dtype=np.float32)
    if name.endswith("spectrogram.window"):  # Hamming, periodic
        return (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(400) / 400)).astype(np.float32)
    if name.endswith("mel_scale.fb"):
        return _mel_filters()
    return None


def _mel_filters() -> NDArray[np.float32]:
    """(257, 64): triangles of the HTK mel scale from 0 to 8 kHz on the bins of a 512-point transform at 16 kHz."""
    centres = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), 66) / 2595) - 1)
    bins, width = np.linspace(0, 8000, 257)[:, None], np.diff(centres)
    rising, falling = (bins - centres[:-2]) / width[:-1], (centres[2:] - bins) / width[1:]
    return np.maximum(0, np.minimum(rising, falling)).astype(np.float32)


def _speakers(width: int, seed: int) -> dict[str, dict[str, Any]]:
    import torch

    speakers = {}
    for name in SPEAKERS:
        embedding = _noise(f"{name} embedding", (1, 512, 1), seed)
        speakers[name] = {
            "gpt_cond_latent": torch.from_numpy(_noise(f"{name} latent", (1, 32, width), seed) * np.float32(1.7)),
            "speaker_embedding": torch.from_numpy(embedding / np.float32(np.sqrt((embedding**2).sum()))),
        }
    return speakers


def _biased(name: str, shape: tuple[int, ...]) -> Shapes:
    return {f"{name}.weight": shape, f"{name}.bias": (shape[0],)}


def _norm(name: str, channels: int) -> Shapes:
    return {f"{name}.weight": (channels,), f"{name}.bias": (channels,)}


def _batch_norm(name: str, channels: int) -> Shapes:
    tracked: Shapes = {f"{name}.running_mean": (channels,), f"{name}.running_var": (channels,)}
    return _norm(name, channels) | tracked | {f"{name}.num_batches_tracked": ()}


def _weight_normed(name: str, shape: tuple[int, ...], outputs: int) -> Shapes:
    parts = f"{name}.parametrizations.weight.original"
    return {f"{name}.bias": (outputs,), f"{parts}0": (shape[0], 1, 1), f"{parts}1": shape}


def _dvae_block(prefix: str, channels: int) -> Shapes:
    shapes: Shapes = {}
    for layer, kernel in ((0, 3), (2, 3), (4, 1)):
        shapes |= _biased(f"{prefix}{layer}", (channels, channels, kernel))
    return shapes


def _conditioning_encoder(prefix: str, width: int) -> Shapes:
    shapes = _biased(f"{prefix}init", (width, 80, 1))
    for block in range(6):
        name = f"{prefix}attn.{block}."
        shapes |= _norm(f"{name}norm", width) | _biased(f"{name}qkv", (3 * width, width, 1))
        shapes |= _biased(f"{name}proj_out", (width, width, 1))
    return shapes


def _gpt(prefix: str, size: Dimensions, text_tokens: int) -> Shapes:
    width = size.width
    shapes: Shapes = {
        f"{prefix}text_embedding.weight": (text_tokens, width),
        f"{prefix}mel_embedding.weight": (1026, width),
    }
    for layer in range(size.layers):
        name = f"{prefix}gpt.h.{layer}."
        matrices = {"attn.c_attn": (width, 3 * width), "attn.c_proj": (width, width)}
        matrices |= {"mlp.c_fc": (width, 4 * width), "mlp.c_proj": (4 * width, width)}
        for norm, half in (("ln_1", "attn"), ("ln_2", "mlp")):
            shapes |= _norm(f"{name}{norm}", width)
            for part, (inputs, outputs) in matrices.items():
                if part.startswith(half):
                    shapes |= {f"{name}{part}.weight": (inputs, outputs), f"{name}{part}.bias": (outputs,)}
    shapes |= _norm(f"{prefix}gpt.ln_f", width)
    shapes |= {
        f"{prefix}mel_pos_embedding.emb.weight": (608, width),
        f"{prefix}text_pos_embedding.emb.weight": (404, width),
    }
    shapes |= _norm(f"{prefix}final_norm", width)
    return shapes | _biased(f"{prefix}text_head", (text_tokens, width)) | _biased(f"{prefix}mel_head", (1026, width))


def _perceiver(prefix: str, width: int) -> Shapes:
    shapes: Shapes = {f"{prefix}latents": (32, width)}
    inner = width * 8 // 3  # four times the width, two thirds of it because of the gate
    for layer in range(2):
        name = f"{prefix}layers.{layer}."
        shapes |= {f"{name}0.to_q.weight": (512, width), f"{name}0.to_kv.weight": (1024, width)}
        shapes |= {f"{name}0.to_out.weight": (width, 512)}
        shapes |= _biased(f"{name}1.0", (2 * inner, width)) | _biased(f"{name}1.2", (width, inner))
    return shapes | {f"{prefix}norm.gamma": (width,)}


def _vocoder(prefix: str, width: int) -> Shapes:
    shapes: Shapes = {f"{prefix}conv_pre.bias": (512,), f"{prefix}conv_pre.weight": (512, width, 7)}
    for stage, (inputs, outputs, kernel) in enumerate(UPSAMPLING):
        shapes |= _weight_normed(f"{prefix}ups.{stage}", (inputs, outputs, kernel), outputs)
    for block in range(len(UPSAMPLING) * len(RESBLOCK_KERNELS)):
        channels, kernel = UPSAMPLING[block // 3][1], RESBLOCK_KERNELS[block % 3]
        for group in ("convs1", "convs2"):
            for conv in range(RESBLOCK_CONVS):
                name = f"{prefix}resblocks.{block}.{group}.{conv}"
                shapes |= _weight_normed(name, (channels, channels, kernel), channels)
    shapes |= {f"{prefix}conv_post.weight": (1, 32, 7)} | _biased(f"{prefix}cond_layer", (512, 512, 1))
    for stage, (_, outputs, _) in enumerate(UPSAMPLING):
        shapes |= _biased(f"{prefix}conds.{stage}", (outputs, 512, 1))
    return shapes


def _speaker_encoder(prefix: str) -> Shapes:
    shapes = _biased(f"{prefix}conv1", (32, 1, 3, 3)) | _batch_norm(f"{prefix}bn1", 32)
    for layer, (inputs, channels, blocks) in enumerate(SPEAKER_ENCODER, start=1):
        for block in range(blocks):
            name = f"{prefix}layer{layer}.{block}."
            first = (inputs if layer > 1 else 32) if block == 0 else channels
            shapes |= {f"{name}conv1.weight": (channels, first, 3, 3)} | _batch_norm(f"{name}bn1", channels)
            shapes |= {f"{name}conv2.weight": (channels, channels, 3, 3)} | _batch_norm(f"{name}bn2", channels)
            shapes |= _biased(f"{name}se.fc.0", (channels // 8, channels))
            shapes |= _biased(f"{name}se.fc.2", (channels, channels // 8))
            if layer > 1 and block == 0:
                shapes |= {f"{name}downsample.0.weight": (channels, first, 1, 1)}
                shapes |= _batch_norm(f"{name}downsample.1", channels)
    shapes |= {f"{prefix}torch_spec.0.filter": (1, 1, 2), f"{prefix}torch_spec.1.spectrogram.window": (400,)}
    shapes |= {f"{prefix}torch_spec.1.mel_scale.fb": (257, 64)} | _biased(f"{prefix}attention.0", (128, 2048, 1))
    shapes |= _batch_norm(f"{prefix}attention.2", 128) | _biased(f"{prefix}attention.3", (2048, 128, 1))
    return shapes | _biased(f"{prefix}fc", (512, 4096))


def _config(size: Dimensions, text_tokens: int) -> dict[str, Any]:
    """config.json as the hub has it, less the trainer's own settings."""
    args = {"gpt_batch_size": 1, "enable_redaction": False, "kv_cache": True, "num_chars": 255, "tokenizer_file": ""}
    args |= {"gpt_checkpoint": None, "clvp_checkpoint": None, "decoder_checkpoint": None, "duration_const": 102400}
    args |= {"gpt_max_audio_tokens": 605, "gpt_max_text_tokens": 402, "gpt_max_prompt_tokens": 70}
    args |= {"gpt_layers": size.layers, "gpt_n_model_channels": size.width, "gpt_n_heads": size.heads}
    args |= {"gpt_number_text_tokens": text_tokens, "gpt_start_text_token": None, "gpt_stop_text_token": None}
    args |= {"gpt_use_masking_gt_prompt_approach": True, "decoder_input_dim": size.width, **BUILT}
    audio = {"sample_rate": 22050, "output_sample_rate": 24000, "dvae_sample_rate": 22050}
    head = {"model": "xtts", "run_name": "run", "epochs": 1000, "max_audio_len": math.inf, "audio": audio}
    head |= {"optimizer_params": {}, "lr_scheduler_params": {}, "datasets": [], "test_sentences": [], "speakers": []}
    return {**head, "model_args": args, "languages": list(LANGUAGES), "num_gpt_outputs": 1, **SAMPLING, **SINCE_JSON}


@contextlib.contextmanager
def _reference_classes(config: Mapping[str, Any]) -> Iterator[object]:
    """The config as an object of the reference's classes, under the hub's module paths while it is pickled."""
    places = {
        "XttsConfig": "TTS.tts.configs.xtts_config",
        "XttsArgs": "TTS.tts.models.xtts",
        "XttsAudioConfig": "TTS.tts.models.xtts",
    }
    made = {name: type(name, (), {"__module__": module}) for name, module in places.items()}
    names = {".".join(module.split(".")[:depth]) for module in places.values() for depth in range(1, 5)}
    before = {name: sys.modules.get(name) for name in names}
    sys.modules.update({name: ModuleType(name) for name in names})
    for name, module in places.items():
        setattr(sys.modules[module], name, made[name])
    objects = {name: made[name]() for name in made}
    vars(objects["XttsArgs"]).update(config["model_args"])
    vars(objects["XttsAudioConfig"]).update(config["audio"])
    parts = {"model_args": objects["XttsArgs"], "audio": objects["XttsAudioConfig"], "speakers": list(SPEAKERS)}
    vars(objects["XttsConfig"]).update({**config, **parts})
    try:
        yield objects["XttsConfig"]
    finally:
        for name, module_before in before.items():
            sys.modules.pop(name)
            if module_before is not None:
                sys.modules[name] = module_before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=sorted(SIZES), default="tiny")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", choices=("pth", "safetensors"), default="pth")
    asked = parser.parse_args()
    print(write_checkpoint(asked.folder, asked.size, asked.seed, weights=asked.weights))


if __name__ == "__main__":
    main()
