"""The engine of silence, slowed down and breakable, for tests of the process that holds it."""

import os
import signal
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from speech.engines.base import Chunk, SpeechRequest
from speech.engines.silence import Silence
from speech.errors import SpeechError
from speech.voices import Voice


class Slow(Silence):
    """A sentence takes 0.2 s; the words "crash" and "fail" do what they say, "hang" takes 60 s, and
    "illegal" is what PyTorch says when a GPU's context is dead.

    A request that is closed before its end is noted in the file that SLOW_ENGINE_CLOSED names.
    """

    info = replace(Silence.info, name="slow", batch_size=4)

    def voices(self) -> tuple[Voice, ...]:
        return (Voice("slow_voice", "slow", "pt-BR", "female", "Slow (for tests)"),)

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        try:
            for sentence, audio in zip(request.sentences, super().speak(request), strict=True):
                if "crash" in sentence.text:
                    os.kill(os.getpid(), signal.SIGKILL)
                if "illegal" in sentence.text:
                    raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA_LAUNCH_BLOCKING=1")
                if "fail" in sentence.text:
                    raise SpeechError("engine_not_loaded", engine="slow")
                time.sleep(60 if "hang" in sentence.text else 0.2)
                yield Chunk(audio.samples, audio.sample_rate, ends=1, is_cut="cut" in sentence.text)
        except GeneratorExit:
            if noted := os.environ.get("SLOW_ENGINE_CLOSED"):
                Path(noted).touch()
            raise
