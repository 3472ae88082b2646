"""The embedded engine with seeds and planted defects, for `bench.closed_loop`."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from dataclasses import replace
from typing import ClassVar

from speech.audio import Audio, join
from speech.engines.base import Chunk, SpeechRequest
from speech.engines.kokoro.engine import KokoroEngine
from speech.text.sentences import Sentence
from speech.voices import Voice

SEED = 1  # of the take that has the defect
STUBBORN = 0.2  # share of the takes after it that have the defect again


class Defective(KokoroEngine):
    """The embedded engine with seeds, and with what is planted in it."""

    info = replace(KokoroEngine.info, name="defective", is_seeded=True)
    planted: ClassVar[dict[str, Callable[[Audio], Audio]]] = {}  # by sentence
    clean: ClassVar[dict[str, Audio]] = {}

    def voices(self) -> tuple[Voice, ...]:
        return tuple(replace(voice, engine=self.info.name) for voice in super().voices())

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        for sentence in request.sentences:
            sound = self.spoken(request, sentence)
            chance = random.Random(f"{request.seed} {sentence.text}").random()
            if sentence.text in self.planted and (request.seed == SEED or chance < STUBBORN):
                sound = self.planted[sentence.text](sound)
            yield Chunk(sound.samples, sound.sample_rate)

    def spoken(self, request: SpeechRequest, sentence: Sentence) -> Audio:
        """The sentence as the embedded engine says it."""
        if sentence.text not in self.clean:
            self.clean[sentence.text] = join(super().speak(replace(request, sentences=(sentence,))))
        return self.clean[sentence.text]
