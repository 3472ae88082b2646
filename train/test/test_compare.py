"""Blind tests: nothing tells the sides apart, and the arithmetic is scipy's."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from speech.audio import Audio, load
from speech.errors import SpeechError
from train.compare import SOUNDS, Session, Vote, as_csv, begin, interval, load_session, verdict, vote

SYSTEMS = ("base", "tuned")


def tone(hertz: float, seconds: float, level: float) -> Audio:
    samples = level * np.sin(2 * np.pi * hertz * np.arange(int(16000 * seconds)) / 16000)
    return Audio(samples.astype(np.float32), 16000)


PAIRS = [(f"texto {number}", tone(200, 0.3, 0.1), tone(400, 0.5, 0.6)) for number in range(12)]


def test_intervals_and_tests_are_those_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for votes in (1, 2, 7, 20, 61):
        for wins in range(votes + 1):
            made, wanted = interval(wins, votes), stats.binomtest(wins, votes)
            bounds = wanted.proportion_ci(0.95, "wilson")
            assert made.p_value == pytest.approx(wanted.pvalue, abs=1e-12)
            assert (made.low, made.high) == (pytest.approx(bounds.low, abs=1e-9), pytest.approx(bounds.high, abs=1e-9))
    assert interval(0, 0).share is None
    with pytest.raises(ValueError):
        interval(3, 2)


@pytest.mark.parametrize("mode", ["ab", "abx", "mos"])
def test_nothing_tells_the_sides_apart(tmp_path: Path, mode: str) -> None:
    session = begin(tmp_path, mode, SYSTEMS, PAIRS)
    shown = str(session.for_listener())
    assert not any(name in shown for name in (*SYSTEMS, "sides"))
    for trial in session.trials:
        sounds = [load(tmp_path / SOUNDS / f"{name}.wav") for name in trial.sounds]
        assert len({len(sound.samples) for sound in sounds}) == 1
        assert len({(tmp_path / SOUNDS / f"{name}.wav").stat().st_size for name in trial.sounds}) == 1
        assert all(len(name) == 16 for name in (*trial.sounds, trial.trial_id))
    assert load_session(tmp_path) == session


def test_order_is_chance(tmp_path: Path) -> None:
    first: Counter[str] = Counter()
    texts: set[tuple[str, ...]] = set()
    for seed in range(40):
        session = begin(tmp_path / str(seed), "ab", SYSTEMS, PAIRS[:3], seed)
        first.update(trial.sides[0] for trial in session.trials)
        texts.add(tuple(trial.text for trial in session.trials))
    chance = interval(first["base"], first.total()).p_value
    assert chance is not None and chance > 0.001 and len(texts) == 6
    one, two = (begin(tmp_path / name, "ab", SYSTEMS, PAIRS) for name in ("x", "y"))
    assert one.trials != two.trials


def told(session: Session, folder: Path, prefers: str) -> Session:
    for trial in session.trials:
        session = vote(folder, Vote(trial.trial_id, trial.sounds[trial.sides.index(prefers)], listener="ana"))
    return session


def test_votes_are_kept_and_told_by_system(tmp_path: Path) -> None:
    session = told(begin(tmp_path, "ab", SYSTEMS, PAIRS), tmp_path, "tuned")
    vote(tmp_path, Vote(session.trials[0].trial_id, ""))
    found = verdict(load_session(tmp_path))
    assert (found["of"], found["wins"], found["votes"], found["ties"]) == ("tuned", 12, 12, 1)
    assert found["low"] > 0.7 and found["p_value"] < 0.001
    rows = list(csv.DictReader(io.StringIO(as_csv(load_session(tmp_path)))))
    assert len(rows) == 13 and {row["system"] for row in rows} == {"tuned", ""} and rows[0]["listener"] == "ana"


def test_abx_counts_who_hears_the_difference(tmp_path: Path) -> None:
    session = begin(tmp_path, "abx", SYSTEMS, PAIRS)
    for trial in session.trials:
        vote(tmp_path, Vote(trial.trial_id, trial.sounds[trial.sides.index(trial.sides[2])]))
    found = verdict(load_session(tmp_path))
    assert (found["wins"], found["votes"]) == (12, 12)


def test_mos_has_means_and_errors(tmp_path: Path) -> None:
    session = begin(tmp_path, "mos", SYSTEMS, PAIRS[:4])
    for number, trial in enumerate(session.trials):
        for name, side in zip(trial.sounds, trial.sides, strict=True):
            vote(tmp_path, Vote(trial.trial_id, name, 2 + number % 2 if side == "base" else 5))
    found = verdict(load_session(tmp_path))["systems"]
    assert found["base"]["mean"] == 2.5 and found["tuned"] == {"votes": 4, "mean": 5.0, "standard_error": 0.0}
    assert found["base"]["standard_error"] == pytest.approx(np.std([2, 3, 2, 3], ddof=1) / 2)


def test_votes_that_are_none_are_refused(tmp_path: Path) -> None:
    session = begin(tmp_path, "abx", SYSTEMS, PAIRS[:1])
    trial = session.trials[0]
    for cast, code in (
        (Vote("none", trial.sounds[0]), "unknown_trial"),
        (Vote(trial.trial_id, trial.sounds[2]), "bad_vote"),
        (Vote(trial.trial_id, trial.sounds[0], 3), "bad_vote"),
    ):
        with pytest.raises(SpeechError) as caught:
            vote(tmp_path, cast)
        assert caught.value.code == code
    for mode, pairs, code in (("pairs", PAIRS, "unknown_mode"), ("ab", [], "nothing_to_compare")):
        with pytest.raises(SpeechError) as caught:
            begin(tmp_path / "other", mode, SYSTEMS, pairs)
        assert caught.value.code == code
    with pytest.raises(SpeechError, match="session_missing"):
        load_session(tmp_path / "nowhere")
