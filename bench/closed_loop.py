"""Speech that is heard again: planted defects found and mended, good sentences left alone.

`python -m bench.closed_loop [--count 50] [--planted 50]`: so many sentences in Portuguese and as many in English by the
embedded engine, as they are and with a defect that engines have. Babble after the end: words of another sentence, or
syllables of no language, forwards or backwards. Words left out: one cut out of the sound by its times, or all from one
on. A defect is mended when the sound that comes out is that of the sentence without it, sample by sample, and as long.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench.defective import SEED, Defective
from bench.record import write
from speech.analysis.transcripts import letters
from speech.asr import Transcriber, Transcript, WhisperTranscriber
from speech.audio import Audio, join
from speech.checking import CheckedSentence, CheckOptions, quiet_tail_s, speak_checked
from speech.dsp import FRAME_S, append_silence, fade, silence
from speech.synthesis import Synthesizer, SynthesizerOptions

VOICES = {"pt-BR": "pf_dora", "en-US": "af_heart"}
NONSENSE = {
    "pt-BR": ("Dubalé, gomi badá.", "Nhem zubá, tiló pefá.", "Bobobá ledá muní.", "Zerupá, calomé fi."),
    "en-US": (
        "Dubalay, gomee badah.",
        "Nem zoobah, tillow pefah.",
        "Bo-bo-bah ledah mooney.",
        "Zerupah, callomay fee.",
    ),
}
KINDS = ("other words", "syllables", "word left out", "ending left out")
LEAST_LETTERS, GAP_S = 4, 0.15
LONGER_S, LIKE = 0.3, 0.99  # that a mended sound may be longer, correlation with the sound without a defect


class Remembering:
    """A transcriber that is asked once for the same sound."""

    def __init__(self, inner: Transcriber) -> None:
        self._inner = inner
        self._heard: dict[tuple[bytes, str], Transcript] = {}

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        key = (audio.samples.tobytes(), language)
        if key not in self._heard:
            self._heard[key] = self._inner.transcribe(audio, language, with_words=True)
        return self._heard[key]

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return self._inner.languages(audio)


@dataclass(frozen=True)
class Outcome:
    language: str
    kind: str  # of the defect, "" of a sentence without one
    is_found: bool
    is_mended: bool
    checked: CheckedSentence


class Bench:
    def __init__(self, models: Path, threads: int) -> None:
        engines = {"defective": "bench.defective:Defective"}
        self.synthesizer = Synthesizer(SynthesizerOptions(models, threads=threads, extra_engines=engines))
        whisper = self.synthesizer.store.path("whisper-base")
        self.ears = Remembering(WhisperTranscriber(whisper, threads=threads))

    def said(self, text: str, language: str) -> tuple[Audio, CheckedSentence]:
        plan = self.synthesizer.plan(text, engine="defective", language=language, voice=VOICES[language], seed=SEED)
        told: list[CheckedSentence] = []
        sound = join(speak_checked(self.synthesizer.speak, plan, self.ears, CheckOptions(), told.append))
        return sound, told[0]

    def clean(self, text: str, language: str) -> Outcome:
        """A sentence without a defect: what is done to it is done wrongly."""
        _, checked = self.said(text, language)
        return Outcome(language, "", checked.tries > 1 or checked.cut_s > 0 or not checked.is_good, True, checked)

    def defect(self, text: str, language: str, kind: str, others: list[str]) -> Outcome | None:
        """A sentence with a defect; None where it has no word that is heard surely enough to be cut out."""
        spoken = self.synthesizer.plan(text, engine="kokoro", language=language, voice=VOICES[language])
        sentence = spoken.sentences[0].text
        good = Defective.clean[sentence]
        planted = self._planted(sentence, good, language, kind, others)
        if planted is None:
            return None
        Defective.planted[sentence] = planted
        sound, checked = self.said(text, language)
        del Defective.planted[sentence]
        is_found = checked.tries > 1 or checked.cut_s > 0 or not checked.is_good
        return Outcome(language, kind, is_found, is_found and _is_like(sound, good), checked)

    def _planted(
        self, text: str, good: Audio, language: str, kind: str, others: list[str]
    ) -> Callable[[Audio], Audio] | None:
        chance = random.Random(f"23 {kind} {text}")
        if kind == "other words":
            words = chance.choice(others).rstrip(".?!").split()[: chance.randint(2, 5)]
            return _followed_by(self._spoken(" ".join(words), language), GAP_S)
        if kind == "syllables":
            babble = self._spoken(chance.choice(NONSENSE[language]), language)
            backwards = chance.random() < 0.5
            return _followed_by(Audio(babble.samples[::-1], babble.sample_rate) if backwards else babble, GAP_S)
        heard = self.ears.transcribe(good, language, with_words=True).words
        wanted = [letters(word, language) for word in text.split()]
        sure = [
            (first, last)
            for before, word, after in zip(heard, heard[1:], (*heard[2:], heard[-1]))
            if len(letters(word.text, language)) >= LEAST_LETTERS and letters(word.text, language) in wanted
            for first, last in [(_quietest_s(good, (before.end_s + word.start_s) / 2), _quietest_s(good, word.end_s))]
            if word is not heard[-1] and last - first > 0.15 and after.start_s >= word.end_s - 0.05
        ]
        if not sure:
            return None
        first, last = chance.choice(sure)
        return _without(first, last if kind == "word left out" else None)

    def _spoken(self, text: str, language: str) -> Audio:
        return join(
            self.synthesizer.speak(
                self.synthesizer.plan(text, engine="kokoro", language=language, voice=VOICES[language])
            )
        )


def _followed_by(babble: Audio, gap_s: float) -> Callable[[Audio], Audio]:
    def planted(sound: Audio) -> Audio:
        kept = sound.slice(0.0, sound.duration_s - quiet_tail_s(sound))
        return append_silence(join([kept, silence(gap_s, sound.sample_rate), babble]), quiet_tail_s(sound))

    return planted


def _without(first_s: float, last_s: float | None) -> Callable[[Audio], Audio]:
    def planted(sound: Audio) -> Audio:
        before = fade(sound.slice(0.0, first_s), 0.0, 0.01)
        if last_s is None:
            return append_silence(before, quiet_tail_s(sound))
        return join([before, fade(sound.slice(last_s, sound.duration_s), 0.01, 0.0)])

    return planted


def _quietest_s(sound: Audio, around_s: float, near_s: float = 0.1) -> float:
    """The middle of the quietest frame around a time."""
    frame = round(FRAME_S * sound.sample_rate)
    first, last = (max(0, round(time_s / FRAME_S)) for time_s in (around_s - near_s, around_s + near_s))
    powers = [float(np.square(sound.samples[at * frame : (at + 1) * frame]).sum()) for at in range(first, last + 1)]
    return (first + int(np.argmin(powers)) + 0.5) * FRAME_S


def _is_like(sound: Audio, good: Audio) -> bool:
    """Whether it is the sound without the defect: as long but for the silence at its end, and the same samples."""
    lengths = [one.duration_s - quiet_tail_s(one) for one in (sound, good)]
    common = round(min(lengths) * good.sample_rate)
    return abs(lengths[0] - lengths[1]) <= LONGER_S and bool(
        np.corrcoef(sound.samples[:common], good.samples[:common])[0, 1] >= LIKE
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=50, help="sentences of each language")
    parser.add_argument("--planted", type=int, default=50, help="of them, those that are spoken with a defect as well")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    models = Path(os.environ.get("PAPAGAIO_MODELS_DIR", Path.home() / ".local/share/papagaio/models"))
    bench, outcomes, started = Bench(models, options.threads), list[Outcome](), time.perf_counter()
    for language in VOICES:
        texts = sentences(language)[: options.count]
        for number, text in enumerate(texts):
            outcomes.append(bench.clean(text, language))
            if number >= options.planted:
                continue
            kinds = [*KINDS[number % 4 :], *KINDS[: number % 4]]
            made = (bench.defect(text, language, kind, texts[:number] + texts[number + 1 :]) for kind in kinds)
            outcomes.append(next(outcome for outcome in made if outcome is not None))
            print(language, number, *(_line(one) for one in outcomes[-2:]), sep="\t", flush=True)
    write("closed_loop", figures(outcomes, time.perf_counter() - started))


def sentences(language: str) -> list[str]:
    """Everyday sentences, some with numbers."""
    folder = Path(__file__).parent
    rows = json.loads((folder / "sentences.json").read_text())[language]
    more = json.loads((folder / "cloning_sentences.json").read_text())[language]
    return [*rows["plain"], *(written for written, _ in rows["numbers"]), *more]


def figures(outcomes: list[Outcome], elapsed_s: float) -> dict[str, Any]:
    good = [one for one in outcomes if not one.kind]
    bad = [one for one in outcomes if one.kind]
    of_kind = {kind: [one for one in bad if one.kind == kind] for kind in KINDS}
    return {
        "elapsed_s": round(elapsed_s),
        "good": len(good),
        "good_spoken_again": sum(one.checked.tries > 1 for one in good),
        "good_cut": sum(one.checked.cut_s > 0 for one in good),
        "planted": len(bad),
        "found": sum(one.is_found for one in bad),
        "mended": sum(one.is_mended for one in bad),
        "kinds": {
            kind: {
                "planted": len(ones),
                "found": sum(o.is_found for o in ones),
                "mended": sum(o.is_mended for o in ones),
            }
            for kind, ones in of_kind.items()
        },
        "tries": dict(sorted(Counter(str(one.checked.tries) for one in bad).items())),
        "not_mended": [
            {"kind": one.kind, "language": one.language, **asdict(one.checked)} for one in bad if not one.is_mended
        ],
        "good_but_touched": [{"language": one.language, **asdict(one.checked)} for one in good if one.is_found],
    }


def _line(one: Outcome) -> str:
    return f"{one.kind or 'good'}: found {one.is_found}, mended {one.is_mended}, tries {one.checked.tries}"


if __name__ == "__main__":
    main()
