"""Who speaks when: known people by their names, others by letters, and segments cut where somebody else goes on."""

from __future__ import annotations

import numpy as np
import pytest

from speech.analysis import diarization
from speech.analysis.diarization import MOST_HEARD, Turn, by_speaker, diarize, recognize
from speech.asr import Segment, Word
from speech.audio import Audio
from speech.vad import Span

RATE = 16000
VOICES = {"low": 0.2, "middle": 0.5, "high": 0.8}


class LevelJudge:
    """Tells speakers apart by the level of their sound: one axis each."""

    name = "level"

    def __init__(self) -> None:
        self.calls = 0

    def embed(self, audio: Audio) -> np.ndarray:
        self.calls += 1
        level = float(np.median(np.abs(audio.samples)))
        vector = np.array([abs(level - at) < 0.1 for at in VOICES.values()], np.float32) + 0.01
        return (vector / np.linalg.norm(vector)).astype(np.float32)


def said(*parts: tuple[str, float]) -> Audio:
    return Audio(np.concatenate([np.full(round(s * RATE), VOICES[who], np.float32) for who, s in parts]), RATE)


def turns(audio: Audio, known: dict[str, Audio] | None = None) -> list[tuple[str, int]]:
    found = recognize(audio.slice, [Span(0, audio.duration_s)], LevelJudge(), known or {})
    return [(turn.speaker, round(turn.end_s)) for turn in found]


def test_people_are_told_apart_and_called_by_letters_in_order() -> None:
    assert turns(said(("high", 6), ("low", 5), ("high", 4))) == [("A", 6), ("B", 11), ("A", 15)]
    assert turns(said(("high", 6))) == [("A", 6)]


def test_known_people_are_called_by_their_names() -> None:
    talk = said(("high", 6), ("low", 5), ("middle", 4))
    ana, eva = said(("low", 3)), said(("high", 3))
    assert turns(talk, {"Ana": ana}) == [("A", 6), ("Ana", 11), ("B", 15)]
    assert turns(talk, {"Ana": ana, "Eva": eva}) == [("Eva", 6), ("Ana", 11), ("A", 15)]
    assert turns(said(("low", 6)), {"Ana": ana}) == [("Ana", 6)]
    assert turns(said(("low", 6)), {"Eva": eva}) == [("A", 6)]
    assert turns(talk, {"A": said(("middle", 3))})[0][0] == "B"  # a letter that is a name is nobody else's


def test_a_known_person_who_says_little_is_not_taken_for_another() -> None:
    talk = said(("high", 8), ("low", 1), ("high", 8))
    assert {who for who, _ in turns(talk)} == {"A"}  # too little to tell a stranger by
    assert [who for who, _ in turns(talk, {"Ana": said(("low", 3))})] == ["A", "Ana", "A"]


def test_nobody_speaks() -> None:
    assert recognize(said(("low", 1)).slice, [], LevelJudge(), {}) == ()


def test_an_hour_is_heard_in_as_many_windows_as_half_an_hour() -> None:
    judge, hour = LevelJudge(), Audio(np.full(60 * RATE, 0.2, np.float32), RATE)
    spans = [Span(60.0 * minute, 60.0 * minute + 59) for minute in range(60)]
    recognize(lambda start, end: hour.slice(start % 60, start % 60 + 1), spans, judge, {})
    assert MOST_HEARD * 0.9 < judge.calls <= MOST_HEARD + 2 * len(spans)


def test_a_recording_that_is_learnt_from_is_told_apart_all_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long it is: between windows that lie apart nobody would be said to speak."""
    monkeypatch.setattr(diarization, "MOST_HEARD", 10)
    talk = said(("high", 30), ("low", 30))
    found = diarize(talk.slice, [Span(0, 60)], LevelJudge())
    assert [(turn.speaker, round(turn.start_s), round(turn.end_s)) for turn in found] == [("A", 0, 30), ("B", 30, 60)]


def segment(text: str, words: list[tuple[str, float, float]]) -> Segment:
    told = tuple(Word(word, start, end, 1.0) for word, start, end in words)
    return Segment(text, told[0].start_s if told else 0.0, told[-1].end_s if told else 4.0, 0, (), 0, 0, 0, 0, told)


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Oi, tudo bem? Tudo.", ["Oi,", "tudo", "bem?", "Tudo."], ["Oi, tudo bem?", "Tudo."]),
        ("你好吗我很好", ["你好", "吗", "我", "很好"], ["你好吗我", "很好"]),
    ],
    ids=["with spaces", "without"],
)
def test_a_segment_is_cut_where_somebody_else_goes_on(text: str, words: list[str], expected: list[str]) -> None:
    timed = [(word, float(at), at + 0.9) for at, word in enumerate(words)]
    found = list(by_speaker([segment(text, timed)], [Turn(0, 3, "A"), Turn(3, 4, "B")]))
    assert [(one.text, one.speaker) for one in found] == list(zip(expected, "AB"))
    assert [(one.start_s, one.end_s) for one in found] == [(0, 2.9), (3, 3.9)]


def test_words_outside_every_turn_are_the_nearest_ones() -> None:
    late = [segment("Sim.", [("Sim.", 9.0, 9.5)]), segment("…", [])]
    found = list(by_speaker(late, [Turn(0, 3, "A"), Turn(5, 8, "B")]))
    assert [one.speaker for one in found] == ["B", "A"]
    assert next(by_speaker(late, [])).speaker == "A"
