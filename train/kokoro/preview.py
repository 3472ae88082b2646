"""A voice that is being fitted, as its listeners will hear it: by the runtime and the weights that will speak it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from speech.audio import Audio
from speech.engines.kokoro.adapter import Adapter, merge
from speech.engines.kokoro.engine import trimmed
from speech.engines.kokoro.onnx_file import OnnxFile
from speech.engines.kokoro.record import SAMPLE_RATE
from speech.engines.kokoro.runtime import Runtime, Style
from speech.engines.kokoro.weights import Place, places
from speech.models import ModelStore
from train.kokoro.corpus import Line
from train.kokoro.trainable import KokoroFit

Voice = Callable[[Line], Audio]


@dataclass(frozen=True)
class Stage:
    """Where a voice is heard that no library holds yet."""

    places: Mapping[str, Place]  # of the fp32 export, whose initializers an adapter names
    spoken: Path  # the export that speaks
    precision: str  # of `spoken`
    threads: int

    @classmethod
    def of(cls, store: ModelStore) -> Stage:
        """Raises SpeechError `model_missing`."""
        precision = installed_precision(store)
        name = f"kokoro-{precision}"
        return cls(
            places=places(OnnxFile(store.path("kokoro-fp32") / "kokoro-fp32.onnx")),
            spoken=store.path(name) / f"{name}.onnx",
            precision=precision,
            threads=torch.get_num_threads(),
        )

    def stock(self, style: Style) -> Voice:
        """The network as it is, with a style (510, 256)."""
        return self.voice(Adapter(style, {}, {}))

    def fitted(self, made: KokoroFit) -> Voice:
        """A fit as it stands, rounded as its file will be; what becomes of the fit later is not heard."""
        return self.voice(Adapter.from_tensors(exported(made, self.places).to_tensors()))

    def voice(self, adapter: Adapter) -> Voice:
        runtime = Runtime(merge(self.spoken, adapter, self.precision), self.threads)
        style = adapter.style
        return lambda line: trimmed(Audio(runtime.synthesize(line.tokens[0, 1:-1].tolist(), style, 1.0), SAMPLE_RATE))


def installed_precision(store: ModelStore) -> str:
    """Of the weights that speak on this machine."""
    return "int8" if store.is_installed("kokoro-int8") else "fp32"


def exported(made: KokoroFit, found: Mapping[str, Place]) -> Adapter:
    """What was fitted, by the names of the export's initializers, which `found` has by the network's."""
    low_rank, deltas = {}, {}
    for name, adapter in made.adapters.items():
        factors = adapter.up.detach().numpy(), adapter.down.detach().numpy()
        low_rank[found[f"decoder.{name}.weight"].initializer] = factors
    for name, bias in made.biases.items():
        plain = name.replace(".base.bias", ".bias")  # a convolution's own, inside its adapter
        deltas[found[f"decoder.{plain}"].initializer] = (bias - made.original[name]).detach().numpy()
    offset = torch.cat([made.timbre.detach(), made.prosody])
    return Adapter((made.material.start + offset).numpy(), low_rank, deltas)
