"""A stranger's model files looked through: a verdict with its reasons, and our own copies of what is good.

Nothing of a file is run (`torch_file`), every number of it is held against the bytes that are there, and the networks
are tried on noise. `examine_apart` and `examine_copy_apart` do it in a process of its own with limits on memory and
time, so that whatever a file can still provoke ends there.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from speech.engines.rvc.library import INDEX, MODEL
from speech.errors import SpeechError

MEMORY_BYTES, SECONDS = 6 << 30, 120
TRIED_FRAMES = 60
LEAST_LEVEL = 1e-5  # RMS of what is made of noise, below which a model is silent


@dataclass(frozen=True)
class Reason:
    """Why a model is refused, or what a person should know of it; `code` and `values` as of a SpeechError."""

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)
    is_error: bool = True


@dataclass(frozen=True)
class Verdict:
    """`about` is what the model is: version, sample_rate, has_f0, speakers, parameters, index_features."""

    reasons: tuple[Reason, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_usable(self) -> bool:
        return not any(reason.is_error for reason in self.reasons)


def examine(pth: Path, index: Path | None, into: Path | None = None) -> Verdict:
    """The verdict on a trainer's files; copies go to the folder `into`, where it is usable."""
    from speech.engines.rvc.index import read_index, write_index_copy
    from speech.engines.rvc.model_file import open_pth, write_copy

    reasons, about = [], dict[str, Any]()
    try:
        model = open_pth(pth)
        about = _tried(model)
        found = None
        if index is None:
            reasons.append(Reason("rvc_index_missing", {}, is_error=False))
        else:
            found = read_index(index, model.config.content_width)
            about["index_features"] = len(found.features)
        if into is not None:
            write_copy(model, into / MODEL)
            if found is not None:
                write_index_copy(found, into / INDEX)
    except SpeechError as error:
        reasons.append(Reason(error.code, {name: str(value) for name, value in error.values.items()}))
    return Verdict(tuple(reasons), about)


def examine_copy(folder: Path) -> Verdict:
    """The verdict on copies that were made before."""
    from speech.engines.rvc.index import open_index_copy
    from speech.engines.rvc.model_file import open_copy

    reasons, about = [], dict[str, Any]()
    try:
        about = _tried(open_copy(folder / MODEL))
        if (folder / INDEX).exists():
            about["index_features"] = len(open_index_copy(folder / INDEX).features)
        else:
            reasons.append(Reason("rvc_index_missing", {}, is_error=False))
    except SpeechError as error:
        reasons.append(Reason(error.code, {name: str(value) for name, value in error.values.items()}))
    return Verdict(tuple(reasons), about)


def examine_apart(pth: Path, index: Path | None, into: Path) -> Verdict:
    """`examine` in a process of its own; one that is ended for memory or time is a verdict as well."""
    return _apart(pth, ["--into", str(into), *(["--index", str(index)] if index else [])])


def examine_copy_apart(folder: Path) -> Verdict:
    """`examine_copy` in a process of its own, as `examine_apart`."""
    return _apart(folder, [])


def _apart(path: Path, words: Sequence[str]) -> Verdict:
    command = [sys.executable, "-m", "speech.engines.rvc.intake", str(path), *words]
    try:
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)
        return from_json(done.stdout.decode())
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return Verdict((Reason("rvc_intake_limits", {"file": path.name, "seconds": SECONDS}),))


def to_json(verdict: Verdict) -> str:
    return json.dumps(asdict(verdict), ensure_ascii=False)


def from_json(text: str) -> Verdict:
    values = json.loads(text)
    return Verdict(tuple(Reason(**reason) for reason in values["reasons"]), values["about"])


def _tried(model: Any) -> dict[str, Any]:
    """What the model is, once it has made finite sound of noise. Raises SpeechError `rvc_model_silent`."""
    import numpy as np
    import torch

    from speech.engines.rvc.conversion import RvcVoice
    from speech.engines.rvc.generator import Excitation

    voice, config = RvcVoice(model, None), model.config
    random = torch.Generator().manual_seed(0)
    content = torch.randn(1, TRIED_FRAMES, config.content_width, generator=random)
    pitch = torch.full((1, TRIED_FRAMES), 60) if config.has_f0 else None
    noise = torch.randn(1, config.inter, TRIED_FRAMES, generator=random)
    latents, speaker = voice.latents(content, pitch, noise)
    excitation = None
    if config.has_f0:
        excitation = Excitation(
            torch.full((TRIED_FRAMES,), 160.0), torch.randn(TRIED_FRAMES * config.hop, generator=random), config
        )
    made = np.concatenate(list(voice.generator.stream(latents, speaker, excitation)))
    level = float(np.sqrt(np.square(made.astype(np.float64)).mean()))
    if not np.isfinite(level) or level < LEAST_LEVEL:
        raise SpeechError("rvc_model_silent")
    count = sum(tensor.numel() for tensor in voice.network.state_dict().values())
    about = {name: getattr(config, name) for name in ("version", "sample_rate", "has_f0", "speakers")}
    return {**about, "parameters": count}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="a trainer's file, or a folder of copies")
    parser.add_argument("--into", type=Path)
    parser.add_argument("--index", type=Path)
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    is_copy = asked.path.is_dir()
    sys.stdout.write(to_json(examine_copy(asked.path) if is_copy else examine(asked.path, asked.index, asked.into)))


if __name__ == "__main__":
    main()
