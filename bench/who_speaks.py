"""Who says what, in conversations whose truth is known: transcriptions with speakers, of real recordings.

`./run bench who_speaks`: telephone prompts of two and of four people (bench/prompts.py) in random order with gaps of a
room, noise and music, heard as `response_format=diarized_json` has them heard: once with letters, once with eight
seconds of other speech of each person as a reference. A word is right where its speaker is who said it; letters are
paired with people as fits best.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any

from app.settings import load_settings
from app.tasks import synthesizer_of
from bench.dataset import Said, prompts, recording
from bench.record import write
from speech.asr import SAMPLE_RATE, HearingOptions, Segment
from speech.audio import Audio, join, resample
from speech.synthesis import Synthesizer

GROUPS = (("allison_en", "carlo_it"), ("allison_en", "june_fr", "carlo_it", "menardi_it"))
SPEECH_S, REFERENCE_S = 40.0, 8.0
REFERENCES = 2  # clips of each person, which are in no conversation
Truth = Sequence[tuple[float, float, str]]


def conversation(said: Sequence[Said], seed: int) -> tuple[Audio, Truth]:
    waiting = list(said)
    random.Random(seed).shuffle(waiting)
    audio, places = recording(waiting)
    return resample(audio, SAMPLE_RATE), [(start_s, end_s, each.speaker) for start_s, end_s, each in places]


def right_share(segments: Sequence[Segment], truth: Truth, *, by_name: bool) -> tuple[float, int]:
    """Of the words that were heard, and their number."""
    pairs: Counter[tuple[str, str]] = Counter()
    for segment in segments:
        for word in segment.words:
            middle_s = (word.start_s + word.end_s) / 2
            turn = min(truth, key=lambda one: max(one[0] - middle_s, middle_s - one[1], 0.0))
            pairs[turn[2], segment.speaker] += 1
    people, names = sorted({who for _, _, who in truth}), sorted({name for _, name in pairs})
    if by_name:
        right = sum(pairs[who, who] for who in people)
    else:
        paired = permutations([*names, *("" for _ in people)], len(people))
        right = max(sum(pairs[who, name] for who, name in zip(people, order)) for order in paired)
    return right / max(1, pairs.total()), pairs.total()


def heard(synthesizer: Synthesizer, audio: Audio, known: Mapping[str, Audio], truth: Truth) -> dict[str, Any]:
    begun = time.monotonic()
    segments = list(synthesizer.hear(audio, HearingOptions(with_speakers=True), known).segments)
    seconds = time.monotonic() - begun
    share, words = right_share(segments, truth, by_name=bool(known))
    found = len({segment.speaker for segment in segments})
    return {"found": found, "words": words, "right": round(share, 4), "seconds": round(seconds, 1)}


def main() -> None:
    synthesizer, rows = synthesizer_of(load_settings()), []
    for people in GROUPS:
        said = [prompts(person, SPEECH_S) for person in people]
        spoken = [clip for clips in said for clip in clips[:-REFERENCES]]
        audio, truth = conversation(spoken, seed=len(people))
        references = [resample(join([clip.audio for clip in clips[-REFERENCES:]]), SAMPLE_RATE) for clips in said]
        known = {person: each.slice(0, REFERENCE_S) for person, each in zip(people, references, strict=True)}
        row: dict[str, Any] = {"people": len(people), "recorded_s": round(audio.duration_s, 1)}
        rows.append(row | {"letters": heard(synthesizer, audio, {}, truth)})
        rows[-1]["names"] = heard(synthesizer, audio, known, truth)
        print(rows[-1])
    synthesizer.close()
    print("written:", write("who_speaks", {"conversations": rows}))


if __name__ == "__main__":
    main()
