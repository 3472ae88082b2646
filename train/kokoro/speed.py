"""How fast this machine fits, before anybody has fitted here: a few steps, on what the stock voice says of itself."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from speech.analysis.bandwidth import HIGHEST_HZ
from speech.audio import Audio
from speech.engines.kokoro.network import STYLE
from speech.engines.kokoro.runtime import load_voice
from speech.engines.kokoro.weights import load_network
from speech.models import ModelStore
from train.kokoro import corpus
from train.kokoro.fitting import leaders, styled
from train.kokoro.trainable import KokoroFit, KokoroOptions, Material
from train.loop import LoopOptions, fit
from train.progress import NullReporter, Reporter

STEPS = 3  # two recorded and a spoken one, as in a fit; the first is slower, and the median is not
VOICE, LANGUAGE = "af_heart", "en-US"
TEXT = "The library on the corner opens early and closes after dinner."  # longer than a crop


class _Aside(NullReporter):
    """Tells nothing of steps that make no voice, and stops when it is asked to."""

    def __init__(self, asked: Reporter) -> None:
        self._asked = asked

    def should_stop(self) -> bool:
        return self._asked.should_stop()


def measure_step_s(store: ModelStore, reporter: Reporter) -> float:
    """Median seconds of a step of a fit; it takes about six of them. Raises SpeechError `model_missing`, Stopped."""
    reporter.progress(1, 1, "clone.stage.timing")
    network = load_network(store.path("kokoro-fp32") / "kokoro-fp32.onnx")
    table = torch.from_numpy(load_voice(store.path("kokoro-voices") / "voices" / f"{VOICE}.bin"))
    line = corpus.line(network, TEXT, LANGUAGE)
    assert line is not None  # short enough for the network
    said = corpus.render(network, line, styled(table, torch.zeros(2 * STYLE)))
    material = Material(
        train=[said],
        held_out=[said],
        texts=[said],
        start=table,
        deviation=torch.ones(2 * STYLE),
        top_hz=HIGHEST_HZ,
        leaders=leaders(store, [Audio(said.samples.numpy(), 24000)], HIGHEST_HZ),
    )
    with TemporaryDirectory(prefix="papagaio-speed-") as folder:
        options = LoopOptions(STEPS, validate_every=STEPS)
        figures = fit(KokoroFit(network, material, KokoroOptions()), options, Path(folder) / "step", _Aside(reporter))
    return figures["step_s"]
