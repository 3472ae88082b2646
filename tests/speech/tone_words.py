"""A language of tones, spoken and written down without any weights: each word is a tone of its own."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from speech.asr import Transcript, Word
from speech.audio import Audio, join
from speech.dsp import FRAME_S, append_silence, silence
from speech.engines.base import Chunk, EngineInfo
from speech.plan import Plan
from speech.text.sentences import Sentence
from speech.voices import Voice

WORDS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
SAMPLE_RATE = 16000
WORD_S, GAP_S, PAUSE_S = 0.3, 0.06, 0.2
LOWEST_HZ, STEP_HZ = 400.0, 100.0
INFO = EngineInfo("tones", "Tones", ("en-US",), SAMPLE_RATE, "MIT", (), is_seeded=True)


def tone(hertz: float, duration_s: float = WORD_S) -> Audio:
    times = np.arange(round(duration_s * SAMPLE_RATE)) / SAMPLE_RATE
    return Audio((0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32), SAMPLE_RATE)


def spoken(text: str, pause_s: float = PAUSE_S) -> Audio:
    parts = [tone(LOWEST_HZ + STEP_HZ * WORDS.index(word.lower().rstrip("."))) for word in text.split()]
    return append_silence(join([sound for part in parts for sound in (part, silence(GAP_S, SAMPLE_RATE))]), pause_s)


def plan_of(*texts: str, seed: int | None = 1, is_seeded: bool = True) -> Plan:
    voice = Voice("tones_one", "tones", "en-US", "unknown", "One")
    sentences = tuple(map(Sentence, texts))
    info = replace(INFO, is_seeded=is_seeded)
    return Plan("tones", voice, "en-US", "en-US", {}, sentences, SAMPLE_RATE, info, seed)


class ToneSpeaker:
    """Speaks plans; `takes` has what is said instead of a sentence, take by take, the last one ever after."""

    def __init__(self, takes: Mapping[str, Sequence[Audio | str]] | None = None) -> None:
        self._takes = {text: list(takes) for text, takes in (takes or {}).items()}
        self.seeds: list[int | None] = []

    def speak(self, plan: Plan) -> Generator[Chunk, None, None]:
        for sentence in plan.sentences:
            self.seeds.append(plan.seed)
            takes = self._takes.get(sentence.text)
            given = sentence.text if not takes else takes.pop(0) if len(takes) > 1 else takes[0]
            sound = spoken(given) if isinstance(given, str) else given
            sound = append_silence(sound, sentence.pause_s or 0.0)
            yield Chunk(sound.samples, sound.sample_rate)


class ToneTranscriber:
    """Hears the tones that are words; any other sound it does not write down."""

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        words = tuple(_heard(audio))
        return Transcript(" ".join(word.text for word in words), "en", words if with_words else ())

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return {"en": 1.0}


def _heard(audio: Audio) -> Generator[Word, None, None]:
    frame = round(FRAME_S * audio.sample_rate)
    count = len(audio.samples) // frame
    loud = np.square(audio.samples[: count * frame].reshape(count, frame)).mean(axis=1) > 1e-4
    edges = np.flatnonzero(np.diff(np.concatenate([[0], loud.astype(int), [0]])))
    for first, last in edges.reshape(-1, 2):
        samples = audio.samples[first * frame : last * frame]
        power = np.abs(np.fft.rfft(samples)) ** 2
        hertz = int(power.argmax()) * audio.sample_rate / len(samples)
        number = round((hertz - LOWEST_HZ) / STEP_HZ)
        if 0 <= number < len(WORDS) and abs(hertz - LOWEST_HZ - STEP_HZ * number) < STEP_HZ / 4 and last - first > 10:
            yield Word(WORDS[number], first * FRAME_S, last * FRAME_S, 1.0)
