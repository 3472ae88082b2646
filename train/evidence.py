"""Which checkpoint is best, by what is heard of it: words, speaker, sound, length; and when to stop.

Selection and report use different judges: `score` is of Whisper and the first speaker encoder, which choose;
`similarity_unseen` and `opinion` are of those that chose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speech.audio import Audio, save
from speech.files import write_whole
from speech.metrics.wer import word_error_rate
from speech.text.normalize import normalize
from train.progress import Reporter, Stopped

if TYPE_CHECKING:
    from speech.asr import Transcriber
    from speech.metrics.speaker import SpeakerJudge

EVIDENCE, SAMPLES, NOTE = "evidence.json", "samples", "training.stage.judging"
RANKING = "ranking.json"  # in a run's folder
SMALLEST_GAIN = 0.01  # of the score, below which two checkpoints are alike
Speak = Callable[[str], Audio]


@dataclass(frozen=True)
class Prompt:
    """A text that every checkpoint says, and how long the speaker took for it; None where nobody said it."""

    text: str
    spoken_s: float | None = None


@dataclass(frozen=True)
class Judges:
    """Who listens; None and absent ones leave their figure out. The first of `speakers` chooses, the second reports."""

    transcriber: Transcriber | None = None
    speakers: tuple[SpeakerJudge, ...] = ()
    opinion: Callable[[Audio], float] | None = None  # DNSMOS overall, 1 to 5


@dataclass(frozen=True)
class Evidence:
    """Of one checkpoint; None is not measured."""

    step: int
    validation_loss: float
    word_error_rate: float | None
    similarity: float | None  # cosine to held-out clips, by the judge that chooses
    similarity_unseen: float | None  # by the one that does not
    opinion: float | None
    duration_ratio: float | None  # spoken over the speaker's own, mean of the prompts
    score: float | None  # similarity less word error rate; what ranks
    train_loss: float | None = None  # mean of the steps since the validation before

    @classmethod
    def load(cls, folder: Path) -> Evidence | None:
        """None where there is none, or it cannot be read."""
        try:
            return cls(**json.loads((folder / EVIDENCE).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Hint:
    """What to do next: `training.hint.CODE` of the text catalogue, about the checkpoint of `step`."""

    code: str  # go_on, stop_worse, stop_no_gain, not_measured
    step: int | None


def judge(
    folder: Path,
    meta: Mapping[str, Any],
    speak: Speak,
    prompts: Sequence[Prompt],
    held_out: Sequence[Audio],
    language: str,
    judges: Judges,
    reporter: Reporter,
    train_loss: float | None = None,
) -> Evidence:
    """Have a checkpoint say `prompts` and measure them; sounds and figures are kept in its folder. Raises Stopped."""
    (folder / SAMPLES).mkdir(exist_ok=True)
    sounds: list[Audio] = []
    for number, prompt in enumerate(prompts, 1):
        if reporter.should_stop():
            raise Stopped
        reporter.progress(number, len(prompts), NOTE)
        sounds.append(speak(prompt.text))
        save(sounds[-1], folder / SAMPLES / f"prompt-{number}.wav")
    heard = measured(prompts, sounds, held_out, language, judges)
    evidence = Evidence(step=meta["step"], validation_loss=meta["losses"]["loss"], train_loss=train_loss, **heard)
    write_whole(folder / EVIDENCE, json.dumps(asdict(evidence), indent=2))
    return evidence


def measured(
    prompts: Sequence[Prompt], sounds: Sequence[Audio], held_out: Sequence[Audio], language: str, judges: Judges
) -> dict[str, float | None]:
    """The figures of `Evidence` that need only what was spoken."""
    error_rate = _error_rate(judges.transcriber, prompts, sounds, language)
    likeness = [_likeness(judge, sounds, held_out) for judge in judges.speakers[:2]]
    ratios = [sound.duration_s / one.spoken_s for one, sound in zip(prompts, sounds, strict=True) if one.spoken_s]
    first = likeness[0] if likeness else None
    return {
        "word_error_rate": error_rate,
        "similarity": first,
        "similarity_unseen": likeness[1] if len(likeness) > 1 else None,
        "opinion": float(np.mean([judges.opinion(sound) for sound in sounds])) if judges.opinion and sounds else None,
        "duration_ratio": float(np.mean(ratios)) if ratios else None,
        "score": None if first is None or error_rate is None else first - min(1.0, error_rate),
    }


def _error_rate(
    transcriber: Transcriber | None, prompts: Sequence[Prompt], sounds: Sequence[Audio], language: str
) -> float | None:
    if transcriber is None or not prompts:
        return None
    said = [normalize(prompt.text, language) for prompt in prompts]
    heard = [normalize(transcriber.transcribe(sound, language).text, language) for sound in sounds]
    return word_error_rate(said, heard)


def _likeness(judge: SpeakerJudge, sounds: Sequence[Audio], held_out: Sequence[Audio]) -> float | None:
    """Mean cosine of the sounds to the mean of the clips; what is under half a second is not judged."""
    long_enough = [sound for sound in sounds if sound.duration_s >= 0.5]
    if not long_enough or not held_out:
        return None
    centre = np.mean([judge.embed(clip) for clip in held_out], axis=0)
    centre = centre / np.linalg.norm(centre)
    return float(np.mean([float(judge.embed(sound) @ centre) for sound in long_enough]))


def ranked(found: Sequence[Evidence]) -> list[Evidence]:
    """The best first: by score, then by validation loss; what has no score comes last."""
    return sorted(found, key=lambda one: (one.score is None, -(one.score or 0.0), one.validation_loss))


def ranked_snapshots(kept: Iterable[tuple[Path, dict[str, Any]]]) -> list[tuple[Path, dict[str, Any]]]:
    """Folders with their `meta.json`, the best first, as `ranked`: by score, and what has none by validation loss."""

    def place(one: tuple[Path, dict[str, Any]]) -> tuple[bool, float, float]:
        evidence = Evidence.load(one[0])
        score = evidence.score if evidence else None
        return score is None, -(score or 0.0), one[1]["losses"].get("loss", 0.0)

    return sorted(kept, key=place)


def ranking_of(kept: Iterable[tuple[Path, dict[str, Any]]]) -> dict[str, Any]:
    """The evidence of those snapshots that have some, the best first, and what to do next."""
    found = [evidence for path, _ in kept if (evidence := Evidence.load(path))]
    return {"checkpoints": [asdict(one) for one in ranked(found)], "hint": asdict(hint(found))}


def hint(found: Sequence[Evidence]) -> Hint:
    """Whether more training helps, by the checkpoints in the order of their steps."""
    scored = [one for one in sorted(found, key=lambda one: one.step) if one.score is not None]
    if not scored:
        return Hint("not_measured", None)
    best = ranked(scored)[0]
    since = [one for one in scored if one.step > best.step]
    if len(since) >= 2 and all(one.validation_loss > best.validation_loss for one in since):
        return Hint("stop_worse", best.step)
    last = [one.score for one in scored[-3:] if one.score is not None]
    if len(last) == 3 and max(last) - last[0] < SMALLEST_GAIN:
        return Hint("stop_no_gain", best.step)
    return Hint("go_on", best.step)
