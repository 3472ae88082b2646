"""Voices mixed on the embedded engine: does the speaker go evenly from one to the other, and do the words stay?

    ./run bench morph [--pairs pf_dora/pm_alex …] [--styles pm_alex/pm_santa …] [--method linear|spherical|both]

Eleven weights of each pair say the same text. Likeness to both voices is the cosine to what each says of other texts,
by speaker encoders that took no part; words by Whisper base. A style is judged by where the statistics of F0 and of
energy lie between the voice of its timbre (0) and that of its prosody (1), by how its contours of F0 and of level
correlate with those of the voice of its prosody, beside how those of the voice of its timbre do, and by its likeness to
the voice of its timbre, as a share of that voice's own. F0 is by autocorrelation, which takes no part either.

"Morphing quality" is the mean of three: the share of steps at which likeness to the first voice falls and to the second
rises; how near the place between the two likenesses is to the weight; the words kept of those that the two voices keep.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.settings import load_settings
from bench.conversion import speaker_judges
from bench.record import write
from speech.asr import WhisperTranscriber
from speech.audio import Audio, join, resample
from speech.dsp.spectrum import envelope
from speech.engines.blend import METHODS, Blend, morph, style
from speech.engines.f0.autocorrelation import autocorrelation_f0
from speech.metrics.speaker import Embedding, SpeakerJudge
from speech.metrics.wer import errors, words
from speech.synthesis import Synthesizer, SynthesizerOptions

WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))
TEXT = (
    "O barco saiu do porto antes de o sol nascer. As crianças correram até a praia para ver as velas. "
    "Quando a noite chegou, todos contaram histórias perto do fogo."
)
OTHER = "A chuva parou no fim da tarde, e o cheiro da terra molhada entrou pela janela aberta da cozinha."
LANGUAGE = "pt-BR"
PARTS = 500  # of a contour
# What the issue asks: rise of word errors, share of the timbre voice's own likeness, morphing quality.
MORE_ERRORS, LIKENESS, QUALITY = 0.03, 0.8, 0.85


class Bench:
    """Everything that speaks and judges."""

    def __init__(self, threads: int, precision: str) -> None:
        settings = load_settings()
        options = SynthesizerOptions(settings.models_path, precision=precision, threads=threads)
        self.synthesizer = Synthesizer(options)
        store = self.synthesizer.store
        self.transcriber = WhisperTranscriber(store.path("whisper-base"), threads=threads)
        self.judges: Sequence[SpeakerJudge] = speaker_judges(store)
        self._known: dict[tuple[str, str], Embedding] = {}
        self._said: dict[tuple[str, str], Audio] = {}

    def voice(self, voice_id: str, text: str) -> Audio:
        if (voice_id, text) not in self._said:
            self._said[voice_id, text] = join(self.synthesizer.speak(self._plan(text, voice=voice_id)))
        return self._said[voice_id, text]

    def blend(self, blend: Blend, text: str) -> Audio:
        return join(self.synthesizer.speak(self._plan(text, blend=blend)))

    def likeness(self, judge: SpeakerJudge, audio: Audio, voice_id: str) -> float:
        """Cosine to what the voice says of another text."""
        if (judge.name, voice_id) not in self._known:
            self._known[judge.name, voice_id] = judge.embed(self.voice(voice_id, OTHER))
        return float(judge.embed(audio) @ self._known[judge.name, voice_id])

    def mistakes(self, audio: Audio) -> int:
        return errors(words(TEXT), words(self.transcriber.transcribe(audio, LANGUAGE).text))

    def _plan(self, text: str, **asked: Any) -> Any:
        return self.synthesizer.plan(text, engine="kokoro", language=LANGUAGE, **asked)


def measure_morph(bench: Bench, first: str, second: str, method: str) -> dict[str, Any]:
    sounds = [bench.blend(morph({first: 1 - weight, second: weight}, method), TEXT) for weight in WEIGHTS]
    ends = [bench.voice(voice_id, TEXT) for voice_id in (first, second)]
    mistakes = [bench.mistakes(sound) for sound in sounds]
    likeness = {
        judge.name: {
            voice_id: [round(bench.likeness(judge, sound, voice_id), 4) for sound in sounds]
            for voice_id in (first, second)
        }
        for judge in bench.judges
    }
    count = len(words(TEXT))
    between = [1 - made / count for made in mistakes[1:-1]]
    own = np.mean([1 - made / count for made in (mistakes[0], mistakes[-1])])
    found = {
        "weights": WEIGHTS,
        "difference_at_weight_1": [_difference(sounds[0], ends[0]), _difference(sounds[-1], ends[1])],
        "likeness": likeness,
        "words": count,
        "mistakes": mistakes,
        "word_error_rise": round(float(own - np.mean(between)), 4),
    }
    return {**found, **quality(likeness, first, second, float(np.mean(between) / own))}


def quality(
    likeness: Mapping[str, Mapping[str, Sequence[float]]], first: str, second: str, kept: float
) -> dict[str, Any]:
    """The three measures, and their mean."""
    steps = [
        after < before if voice_id == first else after > before
        for one in likeness.values()
        for voice_id in (first, second)
        for before, after in pairwise(one[voice_id])
    ]
    away = []
    for one in likeness.values():
        balance = np.array(one[second]) - np.array(one[first])
        places = (balance - balance[0]) / (balance[-1] - balance[0])
        away.append(float(np.abs(places - np.array(WEIGHTS)).mean()))
    even = float(np.mean(steps))
    near = 1 - float(np.mean(away))
    return {
        "steps_in_order": round(even, 4),
        "nearness": round(near, 4),
        "words_kept": round(min(1.0, kept), 4),
        "morphing_quality": round((even + near + min(1.0, kept)) / 3, 4),
    }


def measure_style(bench: Bench, timbre: str, prosody: str) -> dict[str, Any]:
    made = bench.blend(style(timbre, prosody), TEXT)
    own = bench.voice(timbre, TEXT)
    other = bench.voice(prosody, TEXT)
    of = {name: statistics(sound) for name, sound in (("timbre", own), ("style", made), ("prosody", other))}
    moved = {name: place(*(of[one][name] for one in ("timbre", "style", "prosody"))) for name in of["style"]}
    share = {
        judge.name: round(bench.likeness(judge, made, timbre) / bench.likeness(judge, own, timbre), 4)
        for judge in bench.judges
    }
    rise = (bench.mistakes(made) - bench.mistakes(own)) / len(words(TEXT))
    timbre_has, style_has, wanted = (contours(sound) for sound in (own, made, other))
    correlations = {
        name: {
            "timbre": correlation(timbre_has[name], wanted[name]),
            "style": correlation(style_has[name], wanted[name]),
        }
        for name in wanted
    }
    told = {"statistics": of, "moved": moved, "contour_correlation": correlations, "share_of_own_likeness": share}
    return {**told, "word_error_rise": round(rise, 4)}


def contours(audio: Audio) -> dict[str, NDArray[np.floating]]:
    """F0 in semitones, drawn through what is unvoiced, and the level in dB: from the first sound to the last, each in
    so many parts of what it lasts, since no two readings last the same."""
    hertz, level_db = measured(audio)
    loud = np.flatnonzero(level_db > level_db.max() - 40)
    voiced = np.flatnonzero(hertz > 0)
    f0 = np.interp(np.arange(len(hertz)), voiced, 12 * np.log2(hertz[voiced] / 100))
    found = {}
    for name, values in (("f0", f0), ("level", np.maximum(level_db, level_db.max() - 40))):
        first, last = (edge / len(level_db) * (len(values) - 1) for edge in (loud[0], loud[-1]))
        found[name] = np.interp(np.linspace(first, last, PARTS), np.arange(len(values)), values)
    return found


def correlation(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    return round(float(np.corrcoef(first, second)[0, 1]), 3)


def measured(audio: Audio) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """F0 in Hz, 0 where nothing is voiced, and the level in dB, each frame by frame."""
    samples = resample(audio, 16000).samples
    return autocorrelation_f0(samples.astype(np.float64), 60, 500), 20 * np.log10(envelope(samples, 160) + 1e-6)


def statistics(audio: Audio) -> dict[str, float]:
    """Height and spread of F0 in semitones, spread of the level in dB where something is said, seconds in all."""
    hertz, level_db = measured(audio)
    semitones = 12 * np.log2(hertz[hertz > 0] / 100)
    spoken: NDArray[np.floating] = level_db[level_db > level_db.max() - 40]
    return {
        "f0_semitones": round(float(np.median(semitones)), 3),
        "f0_spread_semitones": round(float(np.subtract(*np.percentile(semitones, [84, 16]))), 3),
        "level_spread_db": round(float(spoken.std()), 3),
        "duration_s": round(audio.duration_s, 3),
    }


def place(start: float, at: float, end: float) -> float | None:
    """Where `at` lies from `start` (0) to `end` (1); None where the two hardly differ."""
    return round((at - start) / (end - start), 3) if abs(end - start) > 0.02 * abs(end) + 0.02 else None


def _difference(a: Audio, b: Audio) -> float:
    """Of the largest sample; 0 where both are the same to the bit."""
    if len(a.samples) != len(b.samples):
        return 1.0
    return float(np.abs(a.samples - b.samples).max())


def is_reached(found: Mapping[str, Any]) -> dict[str, bool]:
    morphs, styles = found["morphs"].values(), found["styles"].values()
    moved = [value for one in styles for value in one["moved"].values() if value is not None]
    return {
        "weight_1": all(max(one["difference_at_weight_1"]) <= 1e-6 for one in morphs),
        "monotonic": all(one["steps_in_order"] == 1 for one in morphs),
        "words": all(one["word_error_rise"] < MORE_ERRORS for one in morphs),
        "quality": all(one["morphing_quality"] > QUALITY for one in morphs),
        "style_moves": all(value > 0.5 for value in moved),
        "style_contours": all(
            row["style"] > row["timbre"] for one in styles for row in one["contour_correlation"].values()
        ),
        "style_likeness": all(share >= LIKENESS for one in styles for share in one["share_of_own_likeness"].values()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", nargs="+", default=["pf_dora/pm_alex"])
    parser.add_argument("--styles", nargs="+", default=["pf_dora/af_bella", "pm_alex/pm_santa"])
    parser.add_argument("--method", default="linear", choices=[*METHODS, "both"])
    parser.add_argument("--precision", default="int8", choices=["int8", "fp32"])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    bench = Bench(options.threads, options.precision)
    found: dict[str, Any] = {"precision": options.precision, "morphs": {}, "styles": {}}
    for pair in options.pairs:
        for method in METHODS if options.method == "both" else (options.method,):
            found["morphs"][f"{pair} {method}"] = measure_morph(bench, *pair.split("/"), method)
    for pair in options.styles:
        found["styles"][pair] = measure_style(bench, *pair.split("/"))
    found["reached"] = is_reached(found)
    print(json.dumps(found, ensure_ascii=False, indent=1))
    write("morph", found)


if __name__ == "__main__":
    main()
