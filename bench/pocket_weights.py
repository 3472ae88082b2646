"""Seeded random models of Pocket TTS in the publishers' layout, made without a download.

`write_models(folder, "tiny" | "full")` writes `portuguese/` and `english/`, each with model.safetensors and
tokenizer.json, the tiny ones with a config.yaml. A tensor's values come from its name and the seed alone, scaled so
that signals neither die nor explode.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import string
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from speech.engines.threads import kept_threads

Size = Literal["tiny", "full"]
NAMES = ("portuguese", "english")
LETTERS = string.printable[:95] + "áàâãéêíóôõúüçÁÀÂÃÉÊÍÓÔÕÚÜÇ"
TOKENS = 4000  # of the full models


def tokenizer(count: int = 0) -> Any:
    """A token a letter; `count` tokens with fillers where it is more."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    words = ["<unk>", "▁", *sorted(set(LETTERS) - {" "})]
    words += [f"@{number}" for number in range(count - len(words))]
    made = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, [], unk_token="<unk>"))
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    return made


def tiny(config: dict[str, Any], tokens: int) -> dict[str, Any]:
    """A config of the package with two narrow layers of everything."""
    language, mimi = config["flow_lm"], config["mimi"]
    language["flow"] |= {"depth": 2, "dim": 32}
    language["transformer"] |= {"d_model": 64, "num_heads": 2, "num_layers": 2, "hidden_scale": 2}
    language["lookup_table"] |= {"dim": 64, "n_bins": tokens}
    mimi |= {"inner_dim": 8, "outer_dim": 32}
    mimi["seanet"] |= {"dimension": 32, "n_filters": 4}
    mimi["transformer"] |= {"d_model": 32, "num_heads": 2, "num_layers": 1, "dim_feedforward": 64}
    mimi["transformer"] |= {"input_dimension": 32, "output_dimensions": [32]}
    mimi["quantizer"] |= {"dimension": 8, "output_dimension": 32}
    return config


def write_models(folder: Path, size: Size = "tiny", names: tuple[str, ...] = NAMES) -> Path:
    """Write the folder (made when missing) and give it back."""
    with kept_threads():
        import pocket_tts
        from pocket_tts.utils.config import load_config
    from safetensors.torch import save_file

    words = tokenizer(TOKENS if size == "full" else 0)
    for name in names:
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        words.save(str(place / "tokenizer.json"))
        packaged = Path(pocket_tts.__file__).parent / "config" / f"{name}.yaml"
        config = load_config(packaged).model_dump(mode="json")
        if size == "tiny":
            config = tiny(config, words.get_vocab_size())
            (place / "config.yaml").write_text(json.dumps(config), encoding="utf-8")
        save_file(_drawn(config, place / "tokenizer.json", name), place / "model.safetensors")
    return folder


def _drawn(config: dict[str, Any], words: Path, seed: str) -> dict[str, Tensor]:
    from pocket_tts import TTSModel

    config = config | {"weights_path": None, "weights_path_without_voice_cloning": None}
    config["flow_lm"]["lookup_table"] |= {"tokenizer": "tokenizers", "tokenizer_path": str(words)}
    with TemporaryDirectory() as folder:
        path = Path(folder, "model.yaml")
        path.write_text(json.dumps(config), encoding="utf-8")
        state: dict[str, Tensor] = TTSModel.load_model(config=path).state_dict()
    return {name: torch.from_numpy(_values(name, tuple(like.shape), seed)) for name, like in state.items()}


def _values(name: str, shape: tuple[int, ...], seed: str) -> np.ndarray[Any, Any]:
    key = int.from_bytes(hashlib.sha256(f"{seed} {name}".encode()).digest()[:8], "little")
    noise = np.random.default_rng(key).standard_normal(shape, dtype=np.float32)
    if name.endswith("emb_std") or "norm" in name and name.endswith(("weight", "alpha")) or name.endswith("scale"):
        return (1 + 0.1 * noise).astype(np.float32)
    if name.endswith("out_eos.bias"):
        return np.full(shape, -4.5, np.float32)  # near the threshold, so that texts differ in length
    if len(shape) < 2:  # little in the decoder, else every sound is mostly its biases
        return (noise * np.float32(0.01 if name.startswith("mimi") or name.endswith("emb_mean") else 0.1)).astype(
            np.float32
        )
    fan = math.prod(shape[1:])
    return (noise * np.float32(1 / math.sqrt(fan))).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    asked = parser.parse_args()
    print(write_models(asked.folder, asked.size))


if __name__ == "__main__":
    main()
