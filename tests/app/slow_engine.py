"""The engine of silence, slowed down and breakable, for tests of the process that holds it."""

import os
import resource
import signal
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import numpy as np

from speech.engines.base import Chunk, SpeechRequest
from speech.engines.silence import Silence
from speech.errors import SpeechError
from speech.voices import Voice

ROOM_BYTES = 64 << 20


def fill() -> None:
    """Raises MemoryError: more is asked for than this process may have now."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM_BYTES, before[1]))
    try:
        np.ones(4 * ROOM_BYTES, np.uint8)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


class Slow(Silence):
    """A sentence takes 0.2 s; the words "crash" and "fail" do what they say, "crash" as the kernel does where memory
    runs out, "fill" asks for more memory than the process may have, "hang" takes 60 s, "stumble" is a mistake in the
    engine, and "illegal" is what PyTorch says when a GPU's context is dead.

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
                if "fill" in sentence.text:
                    fill()
                if "illegal" in sentence.text:
                    raise RuntimeError("CUDA error: an illegal memory access was encountered\nCUDA_LAUNCH_BLOCKING=1")
                if "stumble" in sentence.text:
                    raise ValueError("a mistake in the engine")
                if "fail" in sentence.text:
                    raise SpeechError("engine_not_loaded", engine="slow")
                time.sleep(60 if "hang" in sentence.text else 0.2)
                yield Chunk(audio.samples, audio.sample_rate, ends=1, is_cut="cut" in sentence.text)
        except GeneratorExit:
            if noted := os.environ.get("SLOW_ENGINE_CLOSED"):
                Path(noted).touch()
            raise
