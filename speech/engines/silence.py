"""An engine of silence: keeps the whole engine contract without weights, so everything around one can be tested."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from speech.audio import Audio
from speech.engines.base import Chunk, EngineInfo, EngineOptions, Parameter, SpeechRequest
from speech.errors import SpeechError
from speech.voices import Voice

SAMPLE_RATE = 24_000
SECONDS_PER_CHARACTER = 0.05  # about twenty characters a second, a reading pace


class Silence:
    """Zeros, `SECONDS_PER_CHARACTER` / speed for each character, and a pause between sentences."""

    info = EngineInfo(
        name="silence",
        title="Silence (for tests)",
        languages=("pt-BR", "en-US"),
        sample_rate=SAMPLE_RATE,
        licence="MIT",
        parameters=(Parameter("speed", 1.0, 0.5, 2.0), Parameter("sentence_pause_s", 0.25, 0.0, 2.0)),
        models=(),
        max_chars=400,
    )

    def __init__(self, options: EngineOptions) -> None:
        self._second: Audio | None = None

    def check(self) -> None:
        """It needs nothing."""

    def needed_bytes(self) -> int:
        return 4 * SAMPLE_RATE

    def load(self, device: str) -> None:
        """There are no weights: only a second of silence is held."""
        self._second = Audio(np.zeros(SAMPLE_RATE, np.float32), SAMPLE_RATE)

    def unload(self) -> None:
        self._second = None

    def memory_bytes(self) -> int:
        return self._second.samples.nbytes if self._second else 0

    def voices(self) -> tuple[Voice, ...]:
        return (
            Voice("silence_female", "silence", "pt-BR", "female", "Silence, female (for tests)"),
            Voice("silence_male", "silence", "pt-BR", "male", "Silence, male (for tests)"),
        )

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        """As the protocol says. Raises SpeechError `engine_not_loaded`."""
        if self._second is None:
            raise SpeechError("engine_not_loaded", engine=self.info.name)
        values = {parameter.name: parameter.default for parameter in self.info.parameters} | dict(request.parameters)
        for number, sentence in enumerate(request.sentences, 1):
            pause_s = values["sentence_pause_s"] if number < len(request.sentences) else 0.0
            duration_s = pause_s + len(sentence.text) * SECONDS_PER_CHARACTER / values["speed"]
            yield Chunk(np.resize(self._second.samples, round(duration_s * SAMPLE_RATE)), SAMPLE_RATE)
