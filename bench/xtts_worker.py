"""One side of `bench/xtts.py` in a process of its own, and its figures as JSON on the last line of what it prints.

`python -m bench.xtts_worker coqui|fp32|int8|bf16 FOLDER`: coqui-tts in the environment of `./run parity`, our engine
in ours. Lengths are forced: every request is `--tokens` audio tokens, 46 ms each.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

TEXT = "Hello world, this is a test of the speech system that we are building today."
LANGUAGE, SPEAKER, RATE = "en", "Ana Florence", 24000
CHUNK = 20  # tokens of a chunk; ours come in two halves, the last of them counts
FIRST = 18000  # samples that 20 tokens have brought: coqui gives them 21248, ours keeps what the next may change
COQUI_MODULES = ("TTS.tts.configs.xtts_config", "TTS.tts.models.xtts")
OUR_MODULES = tuple(f"speech.engines.xtts.{name}" for name in ("engine", "batching", "latents", "vocoder"))


class Side(Protocol):
    """What both do."""

    def chunks(self, tokens: int, seed: int) -> Iterator[int]:
        """Speak `tokens` audio tokens; the length in samples of each chunk."""


class Coqui:
    """The package as its users call it; its server takes one request at a time."""

    lanes = 1

    def __init__(self, folder: Path) -> None:
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        config = XttsConfig()
        config.load_json(str(folder / "config.json"))
        self._model = Xtts.init_from_config(config)
        self._model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
        self._voice = tuple(self._model.speaker_manager.speakers[SPEAKER].values())

    def chunks(self, tokens: int, seed: int) -> Iterator[int]:
        forced = {"min_new_tokens": tokens, "max_new_tokens": tokens}
        for chunk in self._model.inference_stream(TEXT, LANGUAGE, *self._voice, stream_chunk_size=CHUNK, **forced):
            yield len(chunk)

    def whole(self, tokens: int, seed: int) -> int:
        forced = {"min_new_tokens": tokens, "max_new_tokens": tokens}
        return len(self._model.inference(TEXT, LANGUAGE, *self._voice, **forced)["wav"])


class Ours:
    """The engine's parts, put together as the engine does."""

    lanes = 8

    def __init__(self, folder: Path, precision: str, threads: int) -> None:
        from speech.engines.base import EngineOptions
        from speech.engines.xtts.engine import Loaded
        from speech.models import ModelStore

        options = EngineOptions(ModelStore(folder.parent), precision=precision, threads=threads, checkpoint_dir=folder)
        self._loaded = Loaded(folder, "cpu", options)
        self._ids = tuple(self._loaded.tokenizer.encode(TEXT, LANGUAGE))

    def chunks(self, tokens: int, seed: int) -> Iterator[int]:
        from speech.engines.xtts.batching import Utterance
        from speech.engines.xtts.sampling import SamplingOptions

        voice = self._loaded.speakers[SPEAKER]
        sampling = SamplingOptions(seed=seed)
        utterance = Utterance(self._ids, voice, sampling, str(seed), max_tokens=tokens, min_tokens=tokens)
        ticket = self._loaded.loop.submit(utterance)
        for chunk in self._loaded.sound(ticket, voice, 1.0, 1):
            yield len(chunk.samples)

    def whole(self, tokens: int, seed: int) -> int:
        return sum(self.chunks(tokens, seed))


def timed(chunks: Iterator[int]) -> dict[str, float]:
    """Seconds until any sound, until that of the first 20 tokens, and until the last, and seconds of sound by then."""
    wall, cpu = time.perf_counter(), time.process_time()
    samples = 0
    figures: dict[str, float] = {}
    for count in chunks:
        samples += count
        taken = time.perf_counter() - wall
        figures.setdefault("earliest_s", taken)
        figures.setdefault("earliest_audio_s", samples / RATE)
        if samples >= FIRST and "first_s" not in figures:
            figures |= {"first_s": taken, "first_audio_s": samples / RATE}
    return {
        **figures,
        "total_s": time.perf_counter() - wall,
        "total_cpu_s": time.process_time() - cpu,
        "audio_s": samples / RATE,
    }


def together(side: Coqui | Ours, requests: int, tokens: int) -> dict[str, float]:
    """Whole answers to requests that come at once, as many side by side as the side takes."""
    lanes = threading.Semaphore(side.lanes)
    lengths: list[int] = []

    def ask(seed: int) -> None:
        with lanes:
            lengths.append(side.whole(tokens, seed))

    wall, cpu = time.perf_counter(), time.process_time()
    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(requests)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lengths) == requests
    taken = {"total_s": time.perf_counter() - wall, "total_cpu_s": time.process_time() - cpu}
    return {**taken, "audio_s": sum(lengths) / RATE, "requests": requests}


def peak_mb() -> float:
    """Most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measured(
    modules: tuple[str, ...],
    open_side: Callable[[], Coqui | Ours],
    tokens: int,
    requests: int,
    shared_tokens: int,
) -> dict[str, Any]:
    """Everything, in the order of a day: imports, load, a warm-up, one stream, many requests."""
    began = time.perf_counter()
    for name in modules:
        import_module(name)
    imported_s = time.perf_counter() - began
    wall, cpu = time.perf_counter(), time.process_time()
    side = open_side()
    figures: dict[str, Any] = {
        "import_s": imported_s,
        "load": {"total_s": time.perf_counter() - wall, "total_cpu_s": time.process_time() - cpu, "peak_mb": peak_mb()},
    }
    side.whole(CHUNK, 0)
    figures["stream"] = timed(side.chunks(tokens, 1))
    figures["stream_peak_mb"] = peak_mb()
    figures["together"] = together(side, requests, shared_tokens)
    figures["peak_mb"] = peak_mb()
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=["coqui", "fp32", "int8", "bf16"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=100)
    parser.add_argument("--requests", type=int, default=8)
    parser.add_argument("--shared-tokens", type=int, default=60)
    asked = parser.parse_args()
    lengths = asked.tokens, asked.requests, asked.shared_tokens
    if asked.side != "coqui":
        figures = measured(OUR_MODULES, lambda: Ours(asked.folder, asked.side, asked.threads), *lengths)
    else:
        import torch

        torch.set_num_threads(asked.threads)
        with TemporaryDirectory() as copy:  # the package writes into the folder
            folder = Path(shutil.copytree(asked.folder, Path(copy) / "xtts"))
            figures = measured(COQUI_MODULES, lambda: Coqui(folder), *lengths)
    print(json.dumps(figures))
    sys.stdout.flush()
    sys.stderr.flush()


if __name__ == "__main__":
    main()
