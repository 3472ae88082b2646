"""What it is worth that engines stay loaded: the same request to a pool that holds the weights and to an empty one.

`python -m bench.engine_cache [--runs 5]`: the first sound of the embedded voice and the first words of a recording,
loaded (`warm_s`) and from the files (`cold_s`), which the system has in its memory both times; then both engines by
turns, with room for both and with room for one.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Generator
from contextlib import closing
from statistics import median
from typing import Any

from app.settings import load_settings
from bench.record import write
from speech.asr import HearingOptions
from speech.audio import Audio, join
from speech.engines.base import Chunk
from speech.synthesis import Synthesizer, SynthesizerOptions

TEXT, VOICE = "Bom dia.", "pf_dora"
ROOM, TURNS = 4 << 30, 4  # bytes; how often each is asked by turns


def synthesizer(memory_bytes: int = ROOM) -> Synthesizer:
    return Synthesizer(SynthesizerOptions(load_settings().models_path, memory_bytes=memory_bytes))


def spoken(speaker: Synthesizer) -> Generator[Chunk, None, None]:
    return speaker.speak(speaker.plan(TEXT, engine="kokoro", voice=VOICE, language="pt-BR"))


def first_sound(speaker: Synthesizer, recording: Audio) -> None:
    with closing(spoken(speaker)) as sound:
        next(sound)


def first_words(speaker: Synthesizer, recording: Audio) -> None:
    with closing(speaker.hear(recording, HearingOptions(language="pt")).segments) as segments:
        next(segments)


ASKED: dict[str, Callable[[Synthesizer, Audio], None]] = {"kokoro": first_sound, "whisper-base": first_words}


def seconds(ask: Callable[[Synthesizer, Audio], None], speaker: Synthesizer, recording: Audio) -> float:
    began = time.perf_counter()
    ask(speaker, recording)
    return time.perf_counter() - began


def cold_and_warm(ask: Callable[[Synthesizer, Audio], None], recording: Audio, runs: int) -> dict[str, float]:
    """Medians; a pool each run, which is asked twice. What a process imports once came before."""
    cold, warm = [], []
    for run in range(runs + 1):
        speaker = synthesizer()
        first, second = (seconds(ask, speaker, recording) for _ in range(2))
        speaker.close()
        if run:
            cold.append(first)
            warm.append(second)
    return {"cold_s": round(median(cold), 3), "warm_s": round(median(warm), 3)}


def by_turns(recording: Audio, memory_bytes: int) -> dict[str, Any]:
    speaker = synthesizer(memory_bytes)
    took = [seconds(ask, speaker, recording) for _ in range(TURNS) for ask in ASKED.values()]
    stats = speaker.pool_stats()
    speaker.close()
    told = {"hits": stats.hits, "loads": stats.loads, "evictions": stats.evictions}
    return {"memory_mb": memory_bytes >> 20, **told, "turn_s": round(sum(took) / len(took), 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    speaker = synthesizer()
    recording = join(spoken(speaker))
    first_words(speaker, recording)
    both = speaker.pool_stats().memory_bytes
    speaker.close()
    figures = {
        "runs": runs,
        "engines": {name: cold_and_warm(ask, recording, runs) for name, ask in ASKED.items()},
        "alternating": {
            "room for both": by_turns(recording, ROOM),
            "room for one": by_turns(recording, both - 1),
        },
    }
    print(json.dumps(figures, indent=2))
    print("written:", write("engine_cache", figures))


if __name__ == "__main__":
    main()
