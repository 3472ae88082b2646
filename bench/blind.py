"""Does a blind test agree with the ranking of voices? Machines stand in for its listeners.

    python -m bench.cloning --fit --speakers allison_en --reference-s 500 --effort fast
    python -m bench.blind --voices allison_en_500s_fast bf_emma [--sentences 16] [--cache FOLDER]

The stock voice that the first one's fit began with and all of `--voices`, fitted or stock, are ranked as checkpoints
are: by ResNet34 and Whisper, over half of the sentences. The other half is played to voters in blind A/B sessions, each
voice against each: ERes2Net, which ranked nothing, and ResNet34 vote for the sound nearer to the speaker's held-out
recordings, Whisper for the one with fewer words wrong. A listener who hears no difference gives none.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from bench.cloning import SENTENCES
from bench.cloning_ears import SpeechModels
from bench.conversion import speaker_judges
from bench.prompts import prompts
from bench.record import write
from speech.asr import WhisperTranscriber
from speech.audio import Audio, join, load
from speech.metrics.mos import opinion_score
from speech.metrics.speaker import SpeakerJudge
from speech.metrics.wer import errors, words
from train.compare import SOUNDS, Trial, Vote, begin, interval, load_session, verdict, vote
from train.evidence import Evidence, Judges, Prompt, measured, ranked

SAME = 0.01  # of a cosine: nearer than that is no difference
Listener = Callable[[Audio, str], float]  # the higher, the better


class Bench:
    """What speaks and listens."""

    def __init__(self, cache: Path, speaker: str, reference_s: float, threads: int) -> None:
        models = SpeechModels(cache, "int8", threads)
        self.library, self._synthesizer = models.library, models.synthesizer
        found = prompts(speaker, reference_s)
        self.language, self.held_out = found.language, found.held_out
        self.encoders = speaker_judges(models.store)
        if len(self.encoders) < 2:
            raise RuntimeError("speaker-eres2net is missing: papagaio models pull speaker-eres2net")
        self.transcriber = WhisperTranscriber(models.store.path("whisper-base"), threads=threads)
        self._said: dict[tuple[str, str], Audio] = {}

    def say(self, voice: str, text: str) -> Audio:
        if (voice, text) not in self._said:
            plan = self._synthesizer.plan(text, engine="kokoro", language=self.language, voice=voice)
            self._said[voice, text] = join(self._synthesizer.speak(plan))
        return self._said[voice, text]

    def evidence(self, step: int, voice: str, texts: Sequence[str]) -> Evidence:
        judges = Judges(self.transcriber, self.encoders, lambda sound: opinion_score(sound).overall)
        sounds = [self.say(voice, text) for text in texts]
        found = measured([Prompt(text) for text in texts], sounds, self.held_out, self.language, judges)
        return Evidence(step=step, validation_loss=0.0, **found)

    def listeners(self) -> Mapping[str, tuple[Listener, float]]:
        """Each with the difference that it does not hear."""
        near = {judge.name: (self._nearness(judge), SAME) for judge in self.encoders}
        return {**near, "whisper": (self._words_kept, 0.0)}

    def _nearness(self, judge: SpeakerJudge) -> Listener:
        centre = np.mean([judge.embed(clip) for clip in self.held_out], axis=0)
        return lambda sound, _: float(judge.embed(sound) @ centre) / float(np.linalg.norm(centre))

    def _words_kept(self, sound: Audio, text: str) -> float:
        return -float(errors(words(text), words(self.transcriber.transcribe(sound, self.language).text)))


def choice(folder: Path, trial: Trial, listener: Listener, least: float) -> str:
    """The sound that a listener prefers, "" for none; it gets what a person would get, opaque names and sounds."""
    marks = [listener(load(folder / SOUNDS / f"{name}.wav"), trial.text) for name in trial.sounds]
    if abs(marks[0] - marks[1]) <= least:
        return ""
    return trial.sounds[int(np.argmax(marks))]


def session(bench: Bench, folder: Path, pair: tuple[str, str], texts: Sequence[str], seed: int) -> dict[str, Any]:
    """What each listener says of `pair`, and all of them: how often the second voice won."""
    first, second = pair
    begin(folder, "ab", pair, [(text, bench.say(first, text), bench.say(second, text)) for text in texts], seed)
    for name, (listener, least) in bench.listeners().items():
        for trial in load_session(folder).trials:
            vote(folder, Vote(trial.trial_id, choice(folder, trial, listener, least), listener=name))
    whole = load_session(folder)
    each = {
        name: verdict(replace(whole, votes=tuple(cast for cast in whole.votes if cast.listener == name)))
        for name in bench.listeners()
    }
    return {"pair": pair, "all": verdict(whole), "listeners": each}


def agreement(ranking: Sequence[str], sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of the decided votes and of the pairs, how many go to the voice that stands higher in the ranking."""
    place = {voice: number for number, voice in enumerate(ranking)}
    wins = votes = pairs = 0
    for one in sessions:
        first, second = one["pair"]
        found = one["all"]
        own = found["wins"] if place[second] < place[first] else found["votes"] - found["wins"]
        wins, votes, pairs = wins + own, votes + found["votes"], pairs + (2 * own > found["votes"])
    return {"votes": asdict(interval(wins, votes)), "pairs": pairs, "of": len(sessions)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voices", nargs="+", required=True, help="the first one fitted by bench.cloning")
    parser.add_argument("--speaker", default="allison_en")
    parser.add_argument("--reference-s", type=float, default=500.0)
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "papagaio" / "cloning")
    asked = parser.parse_args()
    bench = Bench(asked.cache, asked.speaker, asked.reference_s, asked.threads)
    stock = str(bench.library.get(asked.voices[0]).report["stock_voice"])
    names = [stock, *asked.voices]
    texts = json.loads(SENTENCES.read_text(encoding="utf-8"))[bench.language][: asked.sentences]
    evidence = {name: bench.evidence(step, name, texts[::2]) for step, name in enumerate(names)}
    ranking = [names[one.step] for one in ranked(list(evidence.values()))]
    with TemporaryDirectory() as folder:
        sessions = [
            session(bench, Path(folder) / str(seed), pair, texts[1::2], seed)
            for seed, pair in enumerate(combinations(names, 2))
        ]
    table = {name: {k: v for k, v in asdict(one).items() if k != "validation_loss"} for name, one in evidence.items()}
    figures = {"evidence": table, "ranking": ranking, "sessions": sessions, "agreement": agreement(ranking, sessions)}
    print(json.dumps(figures, indent=2))
    write("blind", {"speaker": asked.speaker, "speech_s": asked.reference_s, **figures})


if __name__ == "__main__":
    main()
