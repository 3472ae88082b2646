"""No word is lost at the edges of a recording: known first and last words, however much or little silence is there."""

from __future__ import annotations

import re
from io import BytesIO

import httpx2
import numpy as np
import pytest

from speech.audio import Audio, join, load, to_bytes
from speech.dsp import silence

pytestmark = [pytest.mark.processes]

RATE = 24_000
WAIT_S = 180
# Voice, language, text, its first and its last word as they are heard.
SPOKEN = [
    ("af_heart", "en", "Seven parrots live in the old garden.", "seven", "garden"),
    ("bm_george", "en", "Mountains are white in the winter.", "mountains", "winter"),
    ("pf_dora", "pt", "Todos vamos à praia com a família.", "todos", "família"),
    ("pm_alex", "pt", "Muitos gatos dormem debaixo da janela.", "muitos", "janela"),
]
# Seconds of silence before and after; what the engine leaves there itself is cut away first.
AROUND = [(0.0, 0.0), (3.0, 3.0), (0.0, 3.0), (3.0, 0.0)]


@pytest.fixture(scope="module")
def said(live: str) -> dict[str, Audio]:
    """The texts, from their first sound to their last."""
    found = {}
    for voice, _, text, *_ in SPOKEN:
        body = {"model": "tts-1", "voice": voice, "input": text, "response_format": "flac"}
        response = httpx2.post(f"{live}/v1/audio/speech", json=body, timeout=WAIT_S)
        found[text] = edged(load(BytesIO(response.content)))
    return found


def edged(audio: Audio) -> Audio:
    loud = np.flatnonzero(np.abs(audio.samples) > 0.02)
    return Audio(audio.samples[loud[0] : loud[-1] + 1], audio.sample_rate)


def words(live: str, audio: Audio, language: str) -> list[str]:
    files = {"file": ("said.wav", to_bytes(audio, "wav"))}
    data = {"model": "whisper-1", "language": language, "response_format": "json"}
    answer = httpx2.post(f"{live}/v1/audio/transcriptions", data=data, files=files, timeout=WAIT_S)
    return re.findall(r"\w+", answer.json()["text"].lower())


@pytest.mark.parametrize(("before_s", "after_s"), AROUND)
@pytest.mark.parametrize(("voice", "language", "text", "first", "last"), SPOKEN, ids=[row[3] for row in SPOKEN])
def test_the_first_and_the_last_word_are_written_down(
    live: str,
    said: dict[str, Audio],
    voice: str,
    language: str,
    text: str,
    first: str,
    last: str,
    before_s: float,
    after_s: float,
) -> None:
    audio = join([silence(before_s, RATE), said[text], silence(after_s, RATE)])
    heard = words(live, audio, language)
    assert (heard[0], heard[-1]) == (first, last), heard


def test_no_word_is_lost_where_whispers_windows_meet(live: str, said: dict[str, Audio]) -> None:
    """Windows have 30 s: the sentence is said until the second is well begun, each time whole."""
    text, first, last = SPOKEN[0][2:]
    count = 36 // int(said[text].duration_s + 1)
    heard = words(live, join([said[text], silence(0.6, RATE)] * count), "en")
    assert (heard[0], heard[-1]) == (first, last) and heard.count(last) == count, heard
