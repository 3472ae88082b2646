"""What an RVC model says of itself: the 18 numbers of its `config`, its version, and whether it hears F0."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speech.errors import SpeechError

SAMPLE_RATES = (32000, 40000, 48000)
CONTENT_WIDTHS: Mapping[str, int] = {"v1": 256, "v2": 768}  # of what the network hears of the content
KERNELS, DILATIONS = (3, 7, 11), (1, 3, 5)  # of the generator's residual blocks
# Most that any number may be; the largest public models have 2048 channels, 109 speakers, 6 layers.
LARGEST = 4096


@dataclass(frozen=True)
class RvcConfig:
    """Sizes of the synthesizer."""

    version: str  # v1 or v2
    has_f0: bool
    sample_rate: int  # Hz of what it makes
    inter: int  # channels of the latents
    hidden: int
    filter: int  # channels inside the encoder's feed-forward layers
    heads: int
    layers: int
    kernel: int
    rates: tuple[int, ...]  # upsampling, whose product is the samples of a frame
    up_kernels: tuple[int, ...]
    up_channels: int  # before the first upsampling; each one halves them
    speakers: int
    gin: int  # width of a speaker's vector
    kernels: tuple[int, ...] = KERNELS
    dilations: tuple[int, ...] = DILATIONS

    @property
    def content_width(self) -> int:
        return CONTENT_WIDTHS[self.version]

    @property
    def hop(self) -> int:
        return math.prod(self.rates)

    def to_json(self) -> str:
        return json.dumps(asdict(self))


def from_json(text: str) -> RvcConfig:
    """Of `RvcConfig.to_json`, kept in our own copy of a model."""
    values: dict[str, Any] = json.loads(text)
    given: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
    return RvcConfig(**given)


def read_config(root: Mapping[Any, Any], speakers: int) -> RvcConfig:
    """Of a model file's root; `speakers` is how many its table of vectors has, which trainers forget to write.

    Raises SpeechError `rvc_config` naming what is missing or wrong, `rvc_unsupported` for what is not built here.
    """
    listed = root.get("config")
    if not isinstance(listed, list | tuple) or len(listed) != 18:
        raise SpeechError("rvc_config", setting="config", value=_short(listed), valid="a list of 18 values")
    version, has_f0 = root.get("version", "v1"), root.get("f0", 1)
    _check("version", version, tuple(CONTENT_WIDTHS))
    _check("f0", has_f0, (0, 1))
    _check("vocoder", root.get("vocoder", "HiFi-GAN"), ("HiFi-GAN", "Default"))
    _check("embedder_model", root.get("embedder_model", "contentvec"), ("contentvec", "hubert", "hubert_base"))
    _check("resblock", str(listed[9]), ("1",))
    _check("resblock_kernel_sizes", _whole("resblock_kernel_sizes", listed[10]), (KERNELS,))
    dilations = tuple(_whole("resblock_dilation_sizes", row) for row in _rows(listed[11]))
    _check("resblock_dilation_sizes", dilations, ((DILATIONS,) * 3,))
    config = RvcConfig(
        version=version,
        has_f0=bool(has_f0),
        sample_rate=_sample_rate(listed[17]),
        inter=_number("inter_channels", listed[2]),
        hidden=_number("hidden_channels", listed[3]),
        filter=_number("filter_channels", listed[4]),
        heads=_number("n_heads", listed[5], 64),
        layers=_number("n_layers", listed[6], 64),
        kernel=_number("kernel_size", listed[7], 15),
        rates=_whole("upsample_rates", listed[12]),
        up_channels=_number("upsample_initial_channel", listed[13]),
        up_kernels=_whole("upsample_kernel_sizes", listed[14]),
        speakers=speakers,
        gin=_number("gin_channels", listed[16]),
    )
    _check_whole(config)
    return config


def _check_whole(config: RvcConfig) -> None:
    """Raises SpeechError `rvc_config` where numbers contradict each other."""
    wrong = [
        (
            config.hop * 100 != config.sample_rate,
            "upsample_rates",
            config.rates,
            f"product {config.sample_rate // 100}",
        ),
        (config.hidden % config.heads, "n_heads", config.heads, f"a divisor of {config.hidden}"),
        (config.inter % 2, "inter_channels", config.inter, "an even number"),
        (len(config.rates) != len(config.up_kernels), "upsample_kernel_sizes", config.up_kernels, "one for each rate"),
        (config.up_channels % 2 ** len(config.rates), "upsample_initial_channel", config.up_channels, "halved evenly"),
        (
            any(k < r or (k - r) % 2 for k, r in zip(config.up_kernels, config.rates, strict=False)),
            "upsample_kernel_sizes",
            config.up_kernels,
            "each an even number above its rate",
        ),
    ]
    for is_wrong, setting, value, valid in wrong:
        if is_wrong:
            raise SpeechError("rvc_config", setting=setting, value=_short(value), valid=valid)


def _sample_rate(value: object) -> int:
    rate = int(value[:-1]) * 1000 if isinstance(value, str) and value[:-1].isdecimal() else value
    _check("sr", rate, SAMPLE_RATES)
    return int(str(rate))


def _rows(value: object) -> Sequence[object]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 8:
        raise SpeechError("rvc_config", setting="resblock_dilation_sizes", value=_short(value), valid="three lists")
    return value


def _whole(setting: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not 1 <= len(value) <= 8:
        raise SpeechError("rvc_config", setting=setting, value=_short(value), valid="a list of numbers")
    return tuple(_number(setting, number) for number in value)


def _number(setting: str, value: object, largest: int = LARGEST) -> int:
    if type(value) is not int or not 1 <= value <= largest:
        raise SpeechError("rvc_config", setting=setting, value=_short(value), valid=f"1 to {largest}")
    return value


def _check(setting: str, value: object, built: tuple[object, ...]) -> None:
    if value not in built:
        valid = ", ".join(_short(one) for one in built)
        raise SpeechError("rvc_unsupported", setting=setting, value=_short(value), valid=valid)


def _short(value: object) -> str:
    return str(value)[:60]
