"""A converter in Kokoro's place that turns each line of a recording upside down, for tests of what is around one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speech.audio import Audio
from speech.engines.base import Conversion, ConversionRequest, EngineOptions, Progress
from speech.engines.kokoro.record import CONVERTER
from speech.engines.kokoro.voices import stock_voice
from speech.engines.records import Installation
from speech.voices import Voice

RATE = 24_000
RECORD = replace(CONVERTER, target="inverting_converter:Inverter", install=Installation())


class Inverter:
    info = CONVERTER.info

    def __init__(self, options: EngineOptions) -> None:
        self._is_loaded = False

    def check(self) -> None:
        """It needs nothing."""

    def needed_bytes(self) -> int:
        return 1000

    def load(self, device: str) -> None:
        self._is_loaded = True

    def unload(self) -> None:
        self._is_loaded = False

    def memory_bytes(self) -> int:
        return 1000 if self._is_loaded else 0

    def voices(self) -> tuple[Voice, ...]:
        return (stock_voice("pf_dora"),)

    def convert(self, audio: Audio, request: ConversionRequest, progress: Progress) -> Conversion:
        assert self._is_loaded
        made = np.zeros_like(audio.samples)
        for number, line in enumerate(request.lines, 1):
            span = slice(round(line.start_s * RATE), round(line.end_s * RATE))
            made[span] = -audio.samples[span]
            progress(number, len(request.lines))
        return Conversion(Audio(made, RATE), 0.0 if request.parameters["pitch"] == "source" else 7.0, 1.5)
