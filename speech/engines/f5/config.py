"""What a folder of F5-TTS weights says of its network: sizes by the tensors themselves, the rest by `config.json`.

The publishers' two versions have the same tensors and differ in two settings that are in no weights file, so a folder
of the older one (`F5TTS_Base`, from which community checkpoints were fine-tuned) needs a `config.json` of

    {"pe_attn_head": 1, "text_mask_padding": false, "languages": ["pt-BR"]}

Without the file it is `F5TTS_v1_Base`. `languages` is optional: what the checkpoint was trained to speak.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.errors import SpeechError

if TYPE_CHECKING:
    from torch import Tensor

SAMPLE_RATE, HOP, FFT, BANDS = 24000, 256, 1024, 100  # of the mel spectrum, in both versions and in Vocos
HEAD_WIDTH = 64  # of attention
MOST_FRAMES = 8192  # rows of the text's position table: 87 s
MAX_CONFIG_BYTES = 64 << 10
SETTINGS = ("pe_attn_head", "text_mask_padding", "languages")


@dataclass(frozen=True)
class F5Config:
    """Sizes of the network, and the two settings that tell its versions apart."""

    width: int
    layers: int
    heads: int
    ff_width: int
    text_width: int
    text_layers: int
    text_tokens: int  # rows of the table; the first one is what fills a text up
    rotary_heads: int | None = None  # how many turn with the position; None: all
    masks_filler: bool = True  # whether what fills a text up is kept at zero
    languages: tuple[str, ...] = ()  # that the checkpoint speaks; (): nobody says


def read_config(folder: Path, weights: Mapping[str, Tensor]) -> F5Config:
    """Of tensors by their names without a prefix. Raises SpeechError `f5_wrong_kind`, `checkpoint_damaged`,
    `checkpoint_unsupported`."""
    settings = _settings(folder / "config.json")
    blocks = "transformer_blocks."
    try:
        width = len(weights["proj_out.weight"][0])
        config = F5Config(
            width=width,
            layers=_count(weights, blocks),
            heads=len(weights[f"{blocks}0.attn.to_q.weight"]) // HEAD_WIDTH,
            ff_width=len(weights[f"{blocks}0.ff.ff.0.0.weight"]),
            text_width=weights["text_embed.text_embed.weight"].shape[1],
            text_layers=_count(weights, "text_embed.text_blocks."),
            text_tokens=len(weights["text_embed.text_embed.weight"]),
            rotary_heads=settings.get("pe_attn_head"),
            masks_filler=settings.get("text_mask_padding", True),
            languages=tuple(settings.get("languages", ())),
        )
    except (KeyError, IndexError, TypeError):
        found = ", ".join(sorted(weights)[:3]) or "no tensors"
        raise SpeechError("f5_wrong_kind", folder=folder.name, found=found) from None
    for name, value, room in (("dim", width, 8192), ("heads", config.heads, 128), ("depth", config.layers, 256)):
        if not 1 <= value <= room:
            raise SpeechError("checkpoint_unsupported", setting=name, value=str(value), valid=f"1..{room}")
    return config


def _count(weights: Mapping[str, Tensor], prefix: str) -> int:
    """How many numbered modules there are, 0 to the last."""
    return len({name.removeprefix(prefix).partition(".")[0] for name in weights if name.startswith(prefix)})


def _settings(path: Path) -> dict[str, Any]:
    """Of `config.json`, checked; none where there is no such file."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(MAX_CONFIG_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=str(error)[:200]) from None
    if not isinstance(found, dict):
        raise SpeechError("checkpoint_damaged", file=path.name, reason=f"a JSON {type(found).__name__}, not an object")
    for name, value in found.items():
        if name not in SETTINGS:
            raise SpeechError("checkpoint_unsupported", setting=name, value=str(value)[:80], valid=", ".join(SETTINGS))
    heads, masks = found.get("pe_attn_head"), found.get("text_mask_padding", True)
    languages = found.get("languages", [])
    if heads is not None and (isinstance(heads, bool) or not isinstance(heads, int) or not 0 < heads <= 128):
        raise SpeechError("checkpoint_unsupported", setting="pe_attn_head", value=str(heads)[:80], valid="1..128, null")
    if not isinstance(masks, bool):
        raise SpeechError(
            "checkpoint_unsupported", setting="text_mask_padding", value=str(masks)[:80], valid="true, false"
        )
    if not isinstance(languages, list) or not all(isinstance(one, str) and 1 < len(one) < 20 for one in languages):
        raise SpeechError(
            "checkpoint_unsupported", setting="languages", value=str(languages)[:80], valid='["pt-BR", ...]'
        )
    return found
