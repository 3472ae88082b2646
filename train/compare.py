"""Which of two sounds better, found out blind: A/B, ABX and MOS sessions, their votes and what these say.

A session shuffles sides and order by a secret seed. What a listener gets has neither names nor anything that tells the
sides apart: opaque ids, sounds of equal loudness, padded to one length.
"""

from __future__ import annotations

import json
import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from speech.audio import Audio, resample, save
from speech.errors import SpeechError
from speech.text.csv_text import csv_lines

MODES: tuple[str, ...] = ("ab", "abx", "mos")
LOUDNESS_DB = -23.0  # RMS of every sound that is played
FILE, SOUNDS = "session.json", "sounds"


@dataclass(frozen=True)
class Trial:
    """One text. `sounds` are opaque ids in the order they are played; `sides` says which system each is."""

    trial_id: str
    text: str
    sounds: tuple[str, ...]
    sides: tuple[str, ...]


@dataclass(frozen=True)
class Vote:
    """`choice`: of "ab" and "abx" the sound's id, or "" where a listener hears no difference; of "mos" a sound's id
    with `score` 1 to 5."""

    trial_id: str
    choice: str
    score: int | None = None
    listener: str = ""


@dataclass(frozen=True)
class Session:
    """A blind test of `systems` (two names)."""

    session_id: str
    mode: str
    systems: tuple[str, str]
    trials: tuple[Trial, ...]
    votes: tuple[Vote, ...] = field(default=())

    def for_listener(self) -> dict[str, Any]:
        """What may be shown before all votes are in: no side and no name."""
        trials = [{"trial_id": one.trial_id, "text": one.text, "sounds": list(one.sounds)} for one in self.trials]
        return {
            "session_id": self.session_id,
            "mode": self.mode,
            "trials": trials,
            "votes": len(self.votes),
            "waiting": self.waiting,
        }

    @property
    def waiting(self) -> int:
        """Trials that wait for a vote."""
        return sum(not self.is_done(trial) for trial in self.trials)

    def is_done(self, trial: Trial) -> bool:
        """Whether somebody has voted on it; of "mos", on each of its sounds."""
        if self.mode == "mos":
            return {one.choice for one in self.votes} >= {*trial.sounds}
        return any(one.trial_id == trial.trial_id for one in self.votes)

    def trial(self, trial_id: str) -> Trial:
        """Raises SpeechError `unknown_trial`."""
        for trial in self.trials:
            if trial.trial_id == trial_id:
                return trial
        raise SpeechError("unknown_trial", trial=trial_id[:80], choices=[one.trial_id for one in self.trials])


@dataclass(frozen=True)
class Interval:
    """A share with its 95 % interval (Wilson) and the two-sided probability of such votes by chance (exact binomial);
    None where nobody voted."""

    wins: int
    votes: int
    share: float | None
    low: float | None
    high: float | None
    p_value: float | None


def begin(
    folder: Path,
    mode: str,
    systems: tuple[str, str],
    pairs: Sequence[tuple[str, Audio, Audio]],
    seed: int | None = None,
) -> Session:
    """A session of `pairs` (text, first system's sound, second's), with its sounds in `folder`. Without a `seed` the
    order is the operating system's chance.

    Raises SpeechError `unknown_mode`, `nothing_to_compare`.
    """
    if mode not in MODES:
        raise SpeechError("unknown_mode", mode=mode, choices=list(MODES))
    if not pairs:
        raise SpeechError("nothing_to_compare")
    chance = random.Random(seed) if seed is not None else random.SystemRandom()
    (folder / SOUNDS).mkdir(parents=True, exist_ok=True)
    trials = []
    for text, first, second in pairs:
        trials.append(_trial(folder, mode, systems, text, _alike(first, second), chance))
    chance.shuffle(trials)
    session = Session(_opaque(chance), mode, systems, tuple(trials))
    _write(folder, session)
    return session


def _trial(
    folder: Path, mode: str, systems: tuple[str, str], text: str, sounds: Sequence[Audio], chance: random.Random
) -> Trial:
    """Of "abx" the third sound is one of the first two again."""
    order = [0, 1]
    chance.shuffle(order)
    played = [*order, chance.choice(order)] if mode == "abx" else order
    names = [_opaque(chance) for _ in played]
    for name, index in zip(names, played, strict=True):
        save(sounds[index], folder / SOUNDS / f"{name}.wav")
    return Trial(_opaque(chance), text, tuple(names), tuple(systems[index] for index in played))


def _alike(first: Audio, second: Audio) -> list[Audio]:
    """Both at one rate and loudness and padded to one length, so that neither tells which it is by anything but its
    sound."""
    rate = max(first.sample_rate, second.sample_rate)
    first, second = resample(first, rate), resample(second, rate)
    length = max(len(first.samples), len(second.samples))
    made = []
    for sound in (first, second):
        level = float(np.sqrt(np.mean(np.square(sound.samples, dtype=np.float64)))) if len(sound.samples) else 0.0
        gain = 10 ** (LOUDNESS_DB / 20) / level if level > 1e-6 else 1.0
        peak = float(np.abs(sound.samples).max(initial=0.0)) * gain
        samples = (sound.samples * (gain / max(1.0, peak))).astype(np.float32)
        made.append(Audio(np.pad(samples, (0, length - len(samples))), sound.sample_rate))
    return made


def _opaque(chance: random.Random) -> str:
    return f"{chance.getrandbits(64):016x}"


def vote(folder: Path, cast: Vote) -> Session:
    """Keep a vote; a listener's later one on the same takes the place of the first.

    Raises SpeechError `session_missing`, `unknown_trial`, `bad_vote`."""
    session = load_session(folder)
    trial = session.trial(cast.trial_id)
    choices = trial.sounds[:2] if session.mode == "abx" else trial.sounds
    if cast.choice not in (*choices, *([""] if session.mode != "mos" else [])):
        raise SpeechError("bad_vote", choice=cast.choice[:80], choices=[*choices])
    if (session.mode == "mos") != (cast.score is not None) or (cast.score is not None and not 1 <= cast.score <= 5):
        raise SpeechError("bad_vote", choice=str(cast.score), choices=["1", "2", "3", "4", "5"])
    others = tuple(one for one in session.votes if not _replaces(session.mode, cast, one))
    session = Session(session.session_id, session.mode, session.systems, session.trials, (*others, cast))
    _write(folder, session)
    return session


def _replaces(mode: str, cast: Vote, earlier: Vote) -> bool:
    if (cast.trial_id, cast.listener) != (earlier.trial_id, earlier.listener):
        return False
    return mode != "mos" or cast.choice == earlier.choice


def load_session(folder: Path) -> Session:
    """Raises SpeechError `session_missing`."""
    try:
        row = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SpeechError("session_missing", session=folder.name) from error
    trials = tuple(
        Trial(one["trial_id"], one["text"], tuple(one["sounds"]), tuple(one["sides"])) for one in row["trials"]
    )
    votes = tuple(Vote(**one) for one in row["votes"])
    return Session(row["session_id"], row["mode"], (row["systems"][0], row["systems"][1]), trials, votes)


def _write(folder: Path, session: Session) -> None:
    temporary = folder / f".{FILE}.{os.getpid()}"
    temporary.write_text(json.dumps(asdict(session), ensure_ascii=False, indent=1), encoding="utf-8")
    temporary.replace(folder / FILE)


def verdict(session: Session) -> dict[str, Any]:
    """What the votes say. "ab": how often the second system won, ties left out and counted; "abx": how often the
    third sound was told right; "mos": each system's mean score and its standard error."""
    if session.mode == "mos":
        return {"mode": "mos", "systems": {name: _scores(session, name) for name in session.systems}}
    ties = sum(not cast.choice for cast in session.votes)
    decided = [cast for cast in session.votes if cast.choice]
    if session.mode == "abx":
        wins = sum(_side(session, cast) == session.trial(cast.trial_id).sides[2] for cast in decided)
    else:
        wins = sum(_side(session, cast) == session.systems[1] for cast in decided)
    return {"mode": session.mode, "of": session.systems[1], "ties": ties, **asdict(interval(wins, len(decided)))}


def _side(session: Session, cast: Vote) -> str:
    trial = session.trial(cast.trial_id)
    return trial.sides[trial.sounds.index(cast.choice)]


def _scores(session: Session, system: str) -> dict[str, float | int | None]:
    scores = [cast.score for cast in session.votes if cast.score is not None and _side(session, cast) == system]
    mean = sum(scores) / len(scores) if scores else None
    error = float(np.std(scores, ddof=1)) / math.sqrt(len(scores)) if len(scores) > 1 else None
    return {"votes": len(scores), "mean": mean, "standard_error": error}


def interval(wins: int, votes: int, z: float = 1.959963984540054) -> Interval:
    """Wilson's interval (https://doi.org/10.1080/01621459.1927.10502953) and the exact two-sided binomial test against
    one half. Raises ValueError unless 0 <= wins <= votes."""
    if not 0 <= wins <= votes:
        raise ValueError(f"{wins} of {votes}")
    if not votes:
        return Interval(0, 0, None, None, None, None)
    share, spread = wins / votes, z * z / votes
    middle = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / votes + spread / (4 * votes)) / (1 + spread)
    tail = sum(math.comb(votes, count) for count in range(max(wins, votes - wins), votes + 1)) / 2**votes
    return Interval(wins, votes, share, max(0.0, middle - half), min(1.0, middle + half), min(1.0, 2 * tail))


def as_csv(session: Session) -> str:
    """One vote a line, with the sides uncovered."""
    rows: list[list[object]] = []
    for cast in session.votes:
        trial = session.trial(cast.trial_id)
        system = _side(session, cast) if cast.choice else ""
        hidden = trial.sides[2] if session.mode == "abx" else ""
        row = [session.session_id, session.mode, cast.trial_id, trial.text, cast.listener, cast.choice, system]
        rows.append([*row, cast.score, hidden])
    return "".join(csv_lines(["session", "mode", "trial", "text", "listener", "choice", "system", "score", "x"], rows))


def spoken_pairs(
    texts: Sequence[str], first: Callable[[str], Audio], second: Callable[[str], Audio]
) -> list[tuple[str, Audio, Audio]]:
    """Every text by both systems."""
    return [(text, first(text), second(text)) for text in texts]
