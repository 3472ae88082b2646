"""Speech that is heard again before anybody gets it: what is missing is spoken anew, what was babbled after it cut.

Each sentence is written down by a recogniser and laid beside its text. Sound after the last word is cut away. Where
words are missing, were put in, or others were said, the sentence is spoken again with another seed; of all takes the
best is kept, and the report says how good that is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np

from speech.analysis.said import Said, said
from speech.asr import Transcriber
from speech.audio import Audio, Samples, join
from speech.chunks import by_sentence
from speech.dsp import FRAME_S, append_silence, fade
from speech.engines.base import Chunk
from speech.errors import SpeechError
from speech.plan import Plan
from speech.request_checks import CHECK_TRIES, MAX_SEED, MOST_CHECK_TRIES
from speech.text.sentences import Sentence

QUIET_DB, PAUSE_DB, SILENT_DB = -30.0, -40.0, -60.0  # below the loudest frame: of no vowel, between words, at the end
KEPT_QUIET_S = 0.05  # of the quiet after a word, before what is cut away
LONGEST_AFTER_S = 0.8  # of sound after the last word: a last vowel, a breath; what is longer was babbled
CUT_FADE_S = 0.03
_BEFORE_S, _AFTER_S = 0.15, 0.7  # around the end of a word as a recogniser tells it: where it really ends lies in there
_SEED_STEP = 2_654_435_761  # of Knuth's multiplicative hash: the seeds of takes and sentences are far apart

Speak = Callable[[Plan], Generator[Chunk, None, None]]


@dataclass(frozen=True)
class CheckOptions:
    """How often a sentence may be spoken, the first time included. Raises SpeechError `parameter_out_of_range`."""

    tries: int = CHECK_TRIES

    def __post_init__(self) -> None:
        if not 1 <= self.tries <= MOST_CHECK_TRIES:
            values = {"parameter": "check_tries", "value": self.tries, "minimum": 1, "maximum": MOST_CHECK_TRIES}
            raise SpeechError("parameter_out_of_range", **values)


@dataclass(frozen=True)
class CheckedSentence:
    """What was heard of a sentence in the take that was kept, and what was done for it."""

    text: str
    heard: str
    missing: tuple[str, ...]  # words that nobody was heard saying
    added: tuple[str, ...]  # heard among them, and not of the text
    babble: tuple[str, ...]  # heard after the last word, and still there
    cut: tuple[str, ...]  # heard after the last word, and cut away
    cut_s: float  # seconds of sound that were cut away after the last word
    is_good: bool
    seeds: tuple[int, ...]  # of every take; none where the engine has no seeds
    kept: int  # number of the take that is heard, from 1
    tries: int
    problems: tuple[str, ...] = ()  # words_missing, words_added, babble, other_words: of the take that was kept
    not_again: str = ""  # why a take that is not good was not followed by another: same_again, budget


@dataclass(frozen=True, eq=False)
class _Take:
    sound: Audio
    said: Said
    heard: str
    cut: tuple[str, ...] = ()
    cut_s: float = 0.0
    seed: int | None = None
    problems: tuple[str, ...] = field(default=())

    @property
    def rank(self) -> tuple[int, float]:
        """The smaller the better."""
        return len(self.said.missing) + len(self.said.added) + len(self.said.babble), self.said.difference


def speak_checked(
    speak: Speak,
    plan: Plan,
    ears: Transcriber,
    options: CheckOptions,
    told: Callable[[CheckedSentence], None],
) -> Generator[Chunk, None, None]:
    """The sound of `plan` as `speak` makes it, each sentence heard first; `told` is given its report before its sound.

    Raises what `speak` and the transcriber raise.
    """
    chunks = speak(plan)
    done = 0
    try:
        for group in by_sentence(chunks):
            if not (ends := sum(chunk.ends for chunk in group)):
                yield from group
                continue
            sentences = tuple(islice(plan.sentences, done, done + ends))
            checked, sound = _checked(speak, replace(plan, sentences=sentences), join(group), ears, options, done)
            told(checked)
            yield Chunk(sound.samples, sound.sample_rate, ends, any(chunk.is_cut for chunk in group))
            done += ends
    finally:
        chunks.close()


def _checked(
    speak: Speak, plan: Plan, sound: Audio, ears: Transcriber, options: CheckOptions, number: int
) -> tuple[CheckedSentence, Audio]:
    """The best take of `plan`, which is of one sentence, from the first one on; the pause after it stays."""
    pause_s = quiet_tail_s(sound)
    takes = [_heard(sound, plan, ears, plan.seed)]
    can_differ = plan.info.is_seeded and plan.seed is not None
    while takes[-1].problems and can_differ and len(takes) < options.tries:
        seed = ((plan.seed or 0) + _SEED_STEP * (number * MOST_CHECK_TRIES + len(takes))) % (MAX_SEED + 1)
        again = join(speak(replace(plan, sentences=_without_pause(plan.sentences), seed=seed)))
        takes.append(_heard(_with_tail(again, pause_s), plan, ears, seed))
    best = min(takes, key=lambda take: (bool(take.problems), take.rank))
    checked = CheckedSentence(
        text=" ".join(sentence.text for sentence in plan.sentences),
        heard=best.heard,
        missing=best.said.missing,
        added=best.said.added,
        babble=best.said.babble,
        cut=best.cut,
        cut_s=round(best.cut_s, 3),
        is_good=not best.problems,
        seeds=tuple(take.seed for take in takes if take.seed is not None),
        kept=takes.index(best) + 1,
        tries=len(takes),
        problems=best.problems,
        not_again="" if not best.problems else "budget" if can_differ else "same_again",
    )
    return checked, _with_tail(best.sound, pause_s) if best.cut_s else best.sound


def _without_pause(sentences: tuple[Sentence, ...]) -> tuple[Sentence, ...]:
    """The pause that the text asks for after a sentence is in the take already that comes first."""
    return tuple(replace(sentence, pause_s=None) for sentence in sentences)


def _heard(sound: Audio, plan: Plan, ears: Transcriber, seed: int | None) -> _Take:
    """A take with what comes after its last word cut away."""
    text = " ".join(sentence.text for sentence in plan.sentences)
    transcript = ears.transcribe(sound, plan.language, with_words=True)
    found = said(text, transcript, plan.language)
    take = _Take(sound, found, transcript.text, seed=seed)
    end_s = _end_of_words(sound, found)
    if end_s is not None:
        shorter = fade(sound.slice(0.0, end_s), 0.0, CUT_FADE_S)
        again = ears.transcribe(shorter, plan.language, with_words=True)
        after = said(text, again, plan.language)
        if len(after.missing) <= len(found.missing) and not after.babble:
            cut_s = sound.duration_s - quiet_tail_s(sound) - shorter.duration_s
            take = _Take(shorter, after, again.text, found.babble, cut_s, seed)
    return replace(take, problems=tuple(_problems(take)))


def _problems(take: _Take) -> Iterator[str]:
    if take.said.missing:
        yield "words_missing"
    if take.said.added:
        yield "words_added"
    if take.said.babble:
        yield "babble"
    if take.said.is_other:
        yield "other_words"


def _end_of_words(sound: Audio, found: Said) -> float | None:
    """Where to cut: after the last word, when words or much sound come after it; None when nothing does."""
    if found.ends_s is None:
        return None
    end_s = _end_of_word(sound, found.ends_s)
    rest = sound.slice(end_s, sound.duration_s)
    return end_s if found.babble or loud_s(rest, sound) > LONGEST_AFTER_S else None


def _end_of_word(sound: Audio, told_s: float) -> float:
    """Where the sound of a word ends, which a recogniser says ends at `told_s`: where the longest quiet near it begins,
    else the quietest frame."""
    powers, first = _powers(sound), max(0, round((told_s - _BEFORE_S) / FRAME_S))
    near = powers[first : round((told_s + _AFTER_S) / FRAME_S) + 1]
    is_quiet = near <= float(powers.max(initial=0.0)) * 10 ** (PAUSE_DB / 10)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], is_quiet.astype(np.int8), [0]]))).reshape(-1, 2)
    if not len(near):
        return min(told_s, sound.duration_s)
    if not len(edges):
        return (first + int(near.argmin()) + 0.5) * FRAME_S
    begin, end = edges[(edges[:, 1] - edges[:, 0]).argmax()]
    return (first + int(begin) + min(int(end - begin) / 2, KEPT_QUIET_S / FRAME_S)) * FRAME_S


def loud_s(part: Audio, whole: Audio) -> float:
    """Seconds of `part` that are not quiet beside the loudest frame of `whole`."""
    loudest = float(_powers(whole).max(initial=0.0))
    return float((_powers(part) > loudest * 10 ** (QUIET_DB / 10)).sum()) * FRAME_S if loudest else 0.0


def quiet_tail_s(sound: Audio) -> float:
    """Seconds of silence at the end."""
    powers = _powers(sound)
    loud = np.flatnonzero(powers > float(powers.max(initial=0.0)) * 10 ** (SILENT_DB / 10))
    return max(0.0, sound.duration_s - (int(loud[-1]) + 1) * FRAME_S) if len(loud) else sound.duration_s


def _with_tail(sound: Audio, pause_s: float) -> Audio:
    """`sound` with just so much silence at its end."""
    kept_s = sound.duration_s - quiet_tail_s(sound)
    return append_silence(sound.slice(0.0, kept_s), pause_s)


def _powers(sound: Audio) -> Samples:
    frame = max(1, round(FRAME_S * sound.sample_rate))
    count = len(sound.samples) // frame
    powers: Samples = np.square(sound.samples[: count * frame].reshape(count, frame)).mean(axis=1)
    return powers
