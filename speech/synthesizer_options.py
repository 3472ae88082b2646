"""How a Synthesizer is put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

AUTO = "auto"  # as a default engine: the best one that is installed


@dataclass(frozen=True)
class SynthesizerOptions:
    """Its engines, weights, memory and folders."""

    models_dir: Path  # where the model store keeps weights
    precision: str = ""  # of the weights, where an engine has such ones; "": the default of each
    precisions: Mapping[str, str] = field(default_factory=dict)  # of single engines, by name
    checkpoints: Mapping[str, Path] = field(
        default_factory=dict
    )  # an engine's own weights, used instead of the store's
    threads: int = 2  # cores an engine may use
    memory_bytes: int = 4 << 30  # that loaded engines may hold together
    idle_s: float = 900  # after which an unused engine is unloaded
    extra_engines: Mapping[str, str] = field(default_factory=dict)  # name to "module:name", as `Registry` takes them
    default_engine: str = AUTO  # of a request that names none
    voices_dir: Path | None = None  # where fitted voices are kept; None: only stock ones
    cache_dir: Path | None = None  # for what is made again when it is lost; None: nothing is kept on disk
    device: str = "auto"  # one of speech.engines.device.CHOICES
    warm_engines: tuple[str, ...] = ()  # loaded by `warm_up`, and not unloaded when idle
