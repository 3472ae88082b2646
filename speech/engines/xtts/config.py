"""What a checkpoint folder says of its network: `config.json` and `vocab.json`, as coqui-tts writes them.

The sizes are those of XTTS (https://arxiv.org/abs/2406.04904), second version. A folder that asks for a part that is
not built here (the first version's conditioning, other code books) is refused by the setting's name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech.errors import SpeechError

LANGUAGES = ("en", "es", "fr", "de", "it", "pt", "pl", "tr", "ru", "nl", "cs", "ar", "zh-cn", "hu", "ko", "ja", "hi")
SAMPLE_RATE, HOP = 22050, 256  # of what the decoder hears and of the DVAE, and samples between two frames of it
MAX_JSON_BYTES = 16 << 20
ADAPTER, WEIGHTS = "adapter.safetensors", "model.safetensors"  # in a checkpoint of a fine-tuning: one of them
BLEND = "blend.json"  # alone in a folder that stands for several: pairs of a checkpoint's folder and its weight
DVAE = "dvae.pth"  # beside the network, read by training alone
# Setting of `model_args` to the one value that is built, which is also what the public checkpoints have.
BUILT: Mapping[str, object] = {
    "gpt_use_perceiver_resampler": True,
    "gpt_num_audio_tokens": 1026,
    "gpt_start_audio_token": 1024,
    "gpt_stop_audio_token": 1025,
    "gpt_code_stride_len": 1024,
    "input_sample_rate": 22050,
    "output_sample_rate": 24000,
    "output_hop_length": 256,
    "d_vector_dim": 512,
    "cond_d_vector_in_each_upsampling_layer": True,
}
# What the reference takes when a setting is not there: the first version, which was another network.
FIRST_VERSION: Mapping[str, object] = {
    "gpt_use_perceiver_resampler": False,
    "gpt_num_audio_tokens": 8194,
    "gpt_start_audio_token": 8192,
    "gpt_stop_audio_token": 8193,
}


@dataclass(frozen=True)
class XttsConfig:
    """Sizes of the network, its token numbers, and the checkpoint's own defaults for speaking.

    `max_*` count tokens as `config.json` does; the position tables have 3 rows more for audio and 2 more for text.
    """

    layers: int
    width: int
    heads: int
    text_tokens: int
    decoder_width: int
    start_text: int = 261
    stop_text: int = 0
    audio_tokens: int = 1026
    start_audio: int = 1024
    stop_audio: int = 1025
    max_audio: int = 605
    max_text: int = 402
    max_prompt: int = 70
    code_stride: int = 1024
    input_sample_rate: int = 22050
    output_sample_rate: int = 24000
    d_vector: int = 512
    cond_len_s: int = 30
    cond_chunk_s: int = 4
    max_ref_s: int = 30
    normalize_references: bool = False
    languages: tuple[str, ...] = LANGUAGES
    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 5.0
    length_penalty: float = 1.0


def read_config(path: Path) -> XttsConfig:
    """The `config.json` at `path` with the tokens of the `vocab.json` beside it.

    Raises SpeechError `checkpoint_missing`, `checkpoint_damaged`, `checkpoint_wrong_kind` or `checkpoint_unsupported`.
    """
    config = read_json(path)
    if config.get("model") != "xtts" or not isinstance(config.get("model_args"), dict):
        raise SpeechError("checkpoint_wrong_kind", file=path.name, found=f"model: {config.get('model')!r}")
    args = config["model_args"]
    for name, built in BUILT.items():
        value = args.get(name, FIRST_VERSION.get(name, built))
        if value != built:
            raise SpeechError("checkpoint_unsupported", setting=name, value=str(value), valid=str(built))
    width, heads = _whole(args, "gpt_n_model_channels", 1024, 16, 8192), _whole(args, "gpt_n_heads", 16, 1, 128)
    if width % heads:
        raise SpeechError(
            "checkpoint_unsupported", setting="gpt_n_heads", value=str(heads), valid=f"divisors of {width}"
        )
    start, stop, text_tokens = _text_tokens(read_json(path.with_name("vocab.json")))
    return XttsConfig(
        layers=_whole(args, "gpt_layers", 30, 1, 256),
        width=width,
        heads=heads,
        text_tokens=text_tokens,
        decoder_width=_whole(args, "decoder_input_dim", 1024, width, width),
        start_text=start,
        stop_text=stop,
        max_audio=_whole(args, "gpt_max_audio_tokens", 605, 8, 8192),
        max_text=_whole(args, "gpt_max_text_tokens", 402, 8, 8192),
        max_prompt=_whole(args, "gpt_max_prompt_tokens", 70, 1, 8192),
        cond_len_s=_whole(config, "gpt_cond_len", 30, 1, 600),
        cond_chunk_s=_whole(config, "gpt_cond_chunk_len", 4, 1, 600),
        max_ref_s=_whole(config, "max_ref_len", 30, 1, 600),
        normalize_references=config.get("sound_norm_refs") is True,
        languages=_languages(config.get("languages", list(LANGUAGES))),
        temperature=_number(config, "temperature", 0.75, 0.01, 100.0),
        top_k=_whole(config, "top_k", 50, 0, 1026),
        top_p=_number(config, "top_p", 0.85, 0.0, 1.0),
        repetition_penalty=_number(config, "repetition_penalty", 5.0, 0.01, 1000.0),
        length_penalty=_number(config, "length_penalty", 1.0, -100.0, 100.0),
    )


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises SpeechError `checkpoint_missing` or `checkpoint_damaged`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_JSON_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise SpeechError("checkpoint_missing", folder=path.parent.name, file=path.name) from None
    except OSError as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=error.strerror) from None
    if len(content) > MAX_JSON_BYTES:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=f"larger than {MAX_JSON_BYTES} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=str(error)) from None
    if not isinstance(found, dict):
        raise SpeechError("checkpoint_damaged", file=path.name, reason=f"a JSON {type(found).__name__}, not an object")
    return found


def _text_tokens(tokenizer: Mapping[str, Any]) -> tuple[int, int, int]:
    """The tokens [START] and [STOP], and how many there are: what the reference asks the tokenizer, not the config."""
    try:
        ids = {str(name): int(token) for name, token in tokenizer["model"]["vocab"].items()}
        ids.update({str(added["content"]): int(added["id"]) for added in tokenizer["added_tokens"]})
        start, stop, count = ids["[START]"], ids["[STOP]"], max(ids.values()) + 1
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpeechError("checkpoint_damaged", file="vocab.json", reason=f"{type(error).__name__}: {error}") from None
    if min(ids.values()) < 0 or count > 1 << 20:
        raise SpeechError("checkpoint_damaged", file="vocab.json", reason=f"token numbers up to {count - 1}")
    return start, stop, count


def _languages(found: object) -> tuple[str, ...]:
    """Those of the checkpoint that there are text rules for."""
    spoken = tuple(code for code in LANGUAGES if isinstance(found, list) and code in found)
    if not spoken:
        raise SpeechError(
            "checkpoint_unsupported", setting="languages", value=str(found)[:80], valid=", ".join(LANGUAGES)
        )
    return spoken


def _whole(settings: Mapping[str, Any], name: str, default: int, low: int, high: int) -> int:
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SpeechError("checkpoint_unsupported", setting=name, value=str(value), valid=f"{low}..{high}")
    return value


def _number(settings: Mapping[str, Any], name: str, default: float, low: float, high: float) -> float:
    value = settings.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise SpeechError("checkpoint_unsupported", setting=name, value=str(value), valid=f"{low}..{high}")
    return float(value)
