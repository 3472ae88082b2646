"""What infer-rvc-python makes of a folder of `bench.rvc_weights`, written to one file: FOLDER OUT.npz.

Runs in the environment that `./run parity` makes. The package's own pipeline runs as it is; what its blocks return, in
floats, and its F0 are taken down beside the 16 bit sound that it gives. CREPE's package adds random noise to its F0,
which is left out here: it would be another sound at every run.
"""

from __future__ import annotations

import argparse
import sys
import time
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
SEED = 11


@dataclass(frozen=True)
class Case:
    """One conversion: a voice of `rvc_weights.VOICES` and what is asked of it."""

    voice: str
    seconds: float
    method: str = "pm"
    index_rate: float = 0.75
    protect: float = 0.33
    pitch: int = 0
    rms_mix_rate: float = 0.25


CASES = (
    Case("v2-40k", 1.7),
    Case("v2-48k", 1.3, "harvest", index_rate=1.0, protect=0.5, pitch=5, rms_mix_rate=1.0),
    Case("v1-32k", 1.2, "crepe", index_rate=0.3, protect=0.0, pitch=-7, rms_mix_rate=0.0),
    Case("v2-40k-plain", 1.23),
    Case("v1-48k-plain", 0.9, index_rate=0.0),
    Case("v2-32k", 1.6, "rmvpe", protect=0.2),
    Case("v2-40k-plain", 85.0),
)
FULL_CASES = (0, 5)  # of the full size, whose networks take their time


def recording(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """A buzz that glides like a voice, in breath, with pauses: (n,) at 16 kHz, the same everywhere."""
    random = np.random.Generator(np.random.PCG64(seed))
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 140 + 40 * np.sin(2 * np.pi * 0.7 * time + seed) + 12 * np.sin(2 * np.pi * 5.3 * time)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    buzz = sum(np.sin(k * phase) / k * (1 + 0.5 * np.cos(k + 3 * time)) for k in range(1, 25))
    loudness = np.clip(np.sin(2 * np.pi * 1.9 * time) + 0.6, 0, 1)
    return np.clip(0.2 * buzz * loudness + 0.004 * random.standard_normal(len(time)), -1, 1).astype(np.float32)


class Reference:
    """The package's models of a folder."""

    def __init__(self, folder: Path) -> None:
        from transformers import HubertModel  # noqa: F401  before the stand-in, which it would look at

        stand_in, transforms = types.ModuleType("torchaudio"), types.ModuleType("torchaudio.transforms")
        stand_in.transforms, transforms.Resample = transforms, None  # type: ignore[attr-defined]
        sys.modules |= {"torchaudio": stand_in, "torchaudio.transforms": transforms}  # imported, never called
        import torchcrepe
        from infer_rvc_python.lib.rmvpe import E2E, RMVPE
        from infer_rvc_python.main import BaseLoader, load_hu_bert

        torchcrepe.convert.dither = lambda cents: cents
        self.folder, self.loader = folder, BaseLoader(only_cpu=True, hubert_path=str(folder / "contentvec"))
        self.content = load_hu_bert(self.loader.config, str(folder / "contentvec"))
        self.rmvpe = self._rmvpe(RMVPE, E2E)

    def _rmvpe(self, kind: Any, network: Any) -> Any:
        """Of the size that the file has; the package builds only the published one."""
        import torch

        weights = torch.load(self.folder / "rmvpe.pt", weights_only=True)
        channels = weights["cnn.weight"].shape[1]
        made = network(4, 1, (2, 2), en_out_channels=channels)
        whole = self.folder / "rmvpe-blank.pt"
        torch.save(network(4, 1, (2, 2)).state_dict(), whole)
        estimator = kind(str(whole), is_half=False, device="cpu")
        made.load_state_dict(weights)
        estimator.model = made.eval()
        return estimator

    def converted(self, case: Case) -> dict[str, NDArray[Any]]:
        """`blocks` as the networks give them, `f0` in Hz after the shift, `sound` in 16 bit."""
        from infer_rvc_python.main import load_trained_model

        started = time.process_time()
        _, rate, network, pipe, checkpoint, version = load_trained_model(
            str(self.folder / f"{case.voice}.pth"), self.loader.config
        )
        load_s = np.array(time.process_time() - started)
        pipe.model_rmvpe = self.rmvpe
        taken: dict[str, list[Any]] = {"blocks": [], "f0": []}
        for name, key in (("vc", "blocks"), ("get_f0", "f0")):
            setattr(pipe, name, _noted(getattr(pipe, name), taken[key], key == "blocks"))
        index = str(self.folder / f"{version}.index")
        sound = pipe.pipeline(
            self.content, network, 0, recording(case.seconds).astype(np.float64), str(case), [0, 0, 0], case.pitch,
            case.method, index, case.index_rate, checkpoint["f0"], 3, rate, 0, case.rms_mix_rate, version, case.protect,
        )  # fmt: skip
        f0 = taken["f0"][0][1] if taken["f0"] else np.zeros(0)
        said = [block[rate:-rate] for block in taken["blocks"]]
        lengths = np.array([len(block) for block in said])
        return {"blocks": np.concatenate(said), "lengths": lengths, "f0": f0, "sound": sound, "load_s": load_s}


def _noted(call: Any, results: list[Any], is_seeded: bool) -> Any:
    def noting(*arguments: Any) -> Any:
        import torch

        if is_seeded and not results:  # estimating F0 drew numbers of its own
            torch.manual_seed(SEED)
        made = call(*arguments)
        results.append(made)
        return made

    return noting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)))
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    reference = Reference(asked.folder)
    made = {}
    for i in asked.cases:
        found = reference.converted(CASES[i])
        made |= {f"{i}.{name}": values for name, values in found.items() if name != "load_s"}
    np.savez(asked.out, **made)


if __name__ == "__main__":
    main()
