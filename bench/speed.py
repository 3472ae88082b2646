"""How fast the embedded engine speaks, against the kokoro-onnx package on the same weights, text and machine.

Both stream the same text in turn, ours then theirs, `--runs` times after one warm-up; the figures are medians and
the ratios are taken pair by pair, so a machine whose speed drifts does not tilt them. `python -m bench.speed`
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from app.settings import load_settings
from bench.record import write
from speech.engines.kokoro.record import SAMPLE_RATE
from speech.engines.kokoro.runtime import load_voice
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions

VOICE, LANGUAGE = "pf_dora", "pt-BR"
TEXTS = {
    "one sentence": "O menino abriu a janela e viu o sol nascer atrás da montanha.",
    "a paragraph": (
        "A cidade acordou cedo naquela manhã de inverno. Os padeiros já tinham aberto as portas, e o cheiro de pão "
        "quente corria pelas ruas. Um homem de chapéu atravessou a praça sem olhar para os lados. Na esquina, duas "
        "crianças esperavam o ônibus da escola. Ninguém sabia ainda que aquele dia mudaria tudo. Quando o relógio da "
        "igreja bateu oito horas, uma carta chegou à casa do prefeito. Ele leu devagar, dobrou o papel e ficou em "
        "silêncio por muito tempo. Depois chamou a esposa e disse que precisava viajar."
    ),
}


@dataclass(frozen=True)
class Run:
    """Seconds until the first sound, until the last, and of sound."""

    first_s: float
    total_s: float
    audio_s: float

    @property
    def real_time_factor(self) -> float:
        return self.total_s / self.audio_s


def spoken(synthesizer: Synthesizer, text: str, voice: str = VOICE) -> Run:
    """By our engine."""
    started = time.perf_counter()
    first_s, samples = 0.0, 0
    for chunk in synthesizer.speak(synthesizer.plan(text, engine="kokoro", language=LANGUAGE, voice=voice)):
        first_s = first_s or (time.perf_counter() - started if len(chunk.samples) else 0.0)
        samples += len(chunk.samples)
    return Run(first_s, time.perf_counter() - started, samples / SAMPLE_RATE)


async def theirs(kokoro: Any, text: str) -> Run:
    started = time.perf_counter()
    first_s, samples = 0.0, 0
    async for chunk, _ in kokoro.create_stream(text, VOICE, lang=LANGUAGE.lower()):
        first_s = first_s or time.perf_counter() - started
        samples += len(chunk)
    return Run(first_s, time.perf_counter() - started, samples / SAMPLE_RATE)


def their_kokoro(store: ModelStore, precision: str, folder: Path) -> Any:
    from kokoro_onnx import Kokoro

    voices = folder / "voices.npz"
    style = load_voice(store.path("kokoro-voices") / "voices" / f"{VOICE}.bin")
    np.savez(voices, allow_pickle=False, **{VOICE: style[:, None]})
    name = f"kokoro-{precision}"
    return Kokoro(str(store.path(name) / f"{name}.onnx"), str(voices))


def compare(left: Callable[[], Run], right: Callable[[], Run], runs: int) -> dict[str, Any]:
    """Medians of both, and the median of the ratios left / right pair by pair."""
    left(), right()
    pairs = [(left(), right()) for _ in range(runs)]
    return {
        "ours": asdict(middle([pair[0] for pair in pairs])),
        "theirs": asdict(middle([pair[1] for pair in pairs])),
        "first_sound_ratio": median(a.first_s / b.first_s for a, b in pairs),
        "real_time_factor_ratio": median(a.real_time_factor / b.real_time_factor for a, b in pairs),
    }


def middle(runs: list[Run]) -> Run:
    """The median of each figure."""
    return Run(*(median(getattr(run, name) for run in runs) for name in ("first_s", "total_s", "audio_s")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--precision", default="int8", choices=["int8", "fp32"])
    asked = parser.parse_args()
    synthesizer = Synthesizer(SynthesizerOptions(load_settings().models_path, precision=asked.precision))
    figures = {}
    with TemporaryDirectory() as folder:
        kokoro = their_kokoro(synthesizer.store, asked.precision, Path(folder))
        for name, text in TEXTS.items():
            row = compare(lambda: spoken(synthesizer, text), lambda: asyncio.run(theirs(kokoro, text)), asked.runs)
            figures[name] = row
            print(
                f"{name:13} first sound {row['ours']['first_s']:.2f} s against {row['theirs']['first_s']:.2f} s, ratio "
                f"{row['first_sound_ratio']:.2f};  real-time factor ratio {row['real_time_factor_ratio']:.2f}",
                flush=True,
            )
    print("written:", write(f"speed-{asked.precision}", {"texts": figures}))


if __name__ == "__main__":
    main()
