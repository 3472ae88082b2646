"""What the dataset pipeline makes of recordings whose truth is known.

    ./run bench dataset [--only corpus defects speakers speed]

Real speech of bench/prompts.py (English) and of the embedded voices (Portuguese): a recording of clips with gaps of
noise and of music; 400 clips of which 20 each have one of seven defects; mixes of two and four people; and our
transcription against openai-whisper's way (one process, fp32, clip by clip, beam 5).
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from app.settings import load_settings
from bench.prompts import SPEAKERS, decoded, listed
from bench.record import RESULTS, write
from speech.analysis.diarization import Turn
from speech.audio import Audio, join, resample, save
from speech.metrics.speaker import SpeakerEncoder
from speech.metrics.wer import word_error_rate
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.vad import SileroDetector
from train.dataset.folder import DatasetFolder
from train.dataset.options import DatasetOptions, QualityOptions, SegmentOptions
from train.dataset.pipeline import run_stage
from train.dataset.quality import judge_quality
from train.dataset.records import Sample, Source
from train.dataset.segment import find_speech
from train.dataset.sources import add
from train.dataset.speakers import diarizer, error_rate
from train.dataset.transcribe import transcribe, whisper_recognizers
from train.progress import NullReporter

RATE = 22050
CORPUS_S = 180.0
EACH, CLIPS = 20, 400  # of a defect, and of all
PORTUGUESE = (
    "O trem da manhã chegou atrasado outra vez.",
    "Minha avó fazia um bolo de milho que toda a vizinhança pedia.",
    "Quando a chuva parou, as crianças correram para brincar na rua.",
    "A biblioteca da cidade fica aberta até tarde nas quintas-feiras.",
    "Ele guardou os documentos na gaveta e trancou a porta do escritório.",
    "O médico pediu que ela voltasse na semana seguinte para novos exames.",
    "As ondas batiam com força nas pedras perto do farol.",
    "Precisamos decidir hoje onde vamos passar as férias de julho.",
)
ENGLISH = (
    "The morning train arrived late once again.",
    "When the rain stopped, the children ran out to play in the street.",
    "The city library stays open late on Thursdays.",
    "He put the documents in the drawer and locked the office door.",
    "The doctor asked her to come back next week for more tests.",
    "Waves were breaking hard against the rocks near the lighthouse.",
    "We need to decide today where to spend our summer holidays.",
    "My grandmother used to bake a corn cake that the whole street asked for.",
)


@dataclass(frozen=True)
class Said:
    """A clip of somebody, with its words."""

    audio: Audio
    text: str
    speaker: str


def store() -> ModelStore:
    return ModelStore(load_settings().models_path)


def prompts(speaker: str, seconds: float, seed: int = 0) -> list[Said]:
    found = listed(SPEAKERS[speaker])
    random.Random(seed).shuffle(found)
    made: list[Said] = []
    for path, text in found:
        if sum(each.audio.duration_s for each in made) >= seconds:
            break
        audio = resample(decoded(path), RATE)
        if 1.5 < audio.duration_s < 9:
            made.append(Said(audio, text, speaker))
    return made


def spoken(voice: str, language: str, texts: Sequence[str]) -> list[Said]:
    """By an embedded voice."""
    made = []
    synthesizer = Synthesizer(SynthesizerOptions(load_settings().models_path))
    try:
        for text in texts:
            plan = synthesizer.plan(text, engine="kokoro", language=language, voice=voice)
            made.append(Said(resample(join(synthesizer.speak(plan)), RATE), text, voice))
    finally:
        synthesizer.close()
    return made


def gap(seconds: float, kind: str, seed: int) -> Audio:
    chance = np.random.default_rng(seed)
    count = round(seconds * RATE)
    samples = chance.normal(0, 3e-4, count)
    moments = np.arange(count) / RATE
    if kind == "noise":
        samples += chance.normal(0, 0.01, count) * np.hanning(count)
    elif kind == "music":
        samples += 0.05 * np.sin(2 * np.pi * np.outer((220.0, 277.2, 329.6), moments)).sum(axis=0) * np.hanning(count)
    return Audio(samples.astype(np.float32), RATE)


def recording(said: Sequence[Said]) -> tuple[Audio, list[tuple[float, float, Said]]]:
    """All of `said` with gaps of a room, noise or music, and where each lies."""
    parts, places, at = [gap(1.0, "room", 0)], [], 1.0
    for index, each in enumerate(said):
        places.append((at, at + each.audio.duration_s, each))
        kind = ("room", "room", "noise", "room", "music")[index % 5]
        pause = gap(0.6 if kind == "room" else 2.5, kind, index)
        parts += [each.audio, pause]
        at += each.audio.duration_s + pause.duration_s
    return join(parts), places


def corpus(said: Sequence[Said], language: str, root: Path) -> dict[str, Any]:
    """A whole run on one recording a speaker: lengths, cuts in words, words wrong, speakers in a clip."""
    folder = DatasetFolder.create(root / f"corpus-{language}", language)
    options = DatasetOptions()
    places = {}
    for speaker in sorted({each.speaker for each in said}):
        sound, where = recording([each for each in said if each.speaker == speaker])
        save(sound, root / f"{speaker}.wav")
        add(folder, str(root / f"{speaker}.wav"), options.download, NullReporter())
        places[speaker] = where
    if language == "en":  # and one in which all speak
        sound, where = recording(list(said)[:: max(1, len(said) // 16)])
        save(sound, root / "mixed.wav")
        add(folder, str(root / "mixed.wav"), options.download, NullReporter())
        places["mixed"] = where
    seconds = {}
    for name in ("segment", "transcribe", "quality", "build"):
        begun = time.monotonic()
        run_stage(name, folder, options, store(), NullReporter())
        seconds[name] = round(time.monotonic() - begun, 1)
    samples = folder.samples()
    heard, wanted, cuts, several = [], [], 0, 0
    for sample in samples:
        inside = [(a, b, each) for a, b, each in places[sample.source] if _covers(sample, a, b)]
        several += len({each.speaker for _, _, each in inside}) > 1
        cuts += sum(_is_cut(sample, a, b, each) for a, b, each in places[sample.source])
        if all(_share(sample, a, b) > 0.9 for a, b, _ in inside):
            wanted.append(" ".join(each.text for _, _, each in inside))
            heard.append(sample.text)
    return {
        "language": language,
        "clips": len(samples),
        "shortest_s": min(sample.duration_s for sample in samples),
        "longest_s": max(sample.duration_s for sample in samples),
        "cut_inside_a_word": cuts,
        "clips_of_several_speakers": several,
        "clips_compared": len(wanted),
        "wer": round(word_error_rate(wanted, heard), 4),
        "seconds": seconds,
    }


def _share(sample: Sample, start: float, end: float) -> float:
    return sum(max(0.0, min(end, b) - max(start, a)) for a, b in sample.parts) / (end - start)


def _covers(sample: Sample, start: float, end: float) -> bool:
    return _share(sample, start, end) > 0.1


def _is_cut(sample: Sample, start: float, end: float, said: Said) -> bool:
    """Whether an edge of the clip lies where the prompt is loud, over a quarter of it, for 50 ms on both sides."""
    whole = np.mean(said.audio.samples**2)
    for edge in (sample.parts[0][0], sample.parts[-1][1]):
        if start < edge < end:
            at = edge - start
            sides = [said.audio.slice(max(0.0, at - 0.05), at).samples, said.audio.slice(at, at + 0.05).samples]
            if all(len(side) and np.mean(side**2) > 0.0625 * whole for side in sides):
                return True
    return False


def distinct(count: int) -> list[Said]:
    """As many different clips of one person: prompts, then pairs of them in which none leads twice."""
    singles = prompts("allison_en", 10_000.0, 1)
    made = list(singles)
    for index in range(count - len(singles)):
        first, second = singles[index % len(singles)], singles[(index * 7 + 11 + index // len(singles)) % len(singles)]
        pause = gap(0.3, "room", index)
        made.append(Said(join([first.audio, pause, second.audio]), f"{first.text} {second.text}", first.speaker))
    return made[:count]


def edged(audio: Audio, is_cut: bool) -> Audio:
    """With a moment of quiet before and, unless it is cut, after it, as `segment` leaves it."""
    quiet = gap(0.1, "room", 1)
    return join([quiet, audio] if is_cut else [quiet, audio, quiet])


Spoil = Callable[[Audio, np.random.Generator], Audio]


def clipped(audio: Audio, chance: np.random.Generator) -> Audio:
    return Audio(np.clip(audio.samples * 12, -0.7, 0.7).astype(np.float32), RATE)


def noisy(audio: Audio, chance: np.random.Generator) -> Audio:
    level = float(np.sqrt(np.mean(audio.samples**2)))
    noise = chance.normal(0, level / 10 ** (chance.uniform(3, 9) / 20), len(audio.samples))
    return Audio((audio.samples + noise).astype(np.float32), RATE)


def truncated(audio: Audio, chance: np.random.Generator) -> Audio:
    """Cut where it is loud, in the middle third."""
    level = np.convolve(np.abs(audio.samples), np.ones(1000) / 1000, "same")
    first, last = len(level) // 2, 4 * len(level) // 5
    loud = np.flatnonzero(level[first:last] > np.percentile(level, 75))
    return Audio(audio.samples[: first + int(chance.choice(loud))], RATE)


def defects(root: Path) -> dict[str, Any]:
    """Recall and precision of each finding on `CLIPS` clips of one person, `EACH` with each defect."""
    chance = np.random.default_rng(5)
    said = distinct(CLIPS)
    sentences = json.loads((Path(__file__).parent / "cloning_sentences.json").read_text())["en-US"]
    others, foreign = spoken("am_michael", "en", sentences[:EACH]), prompts("allison_es", 300.0)
    kinds = ["clipped", "noisy", "truncated", "wrong_text", "other_speaker", "duplicate", "wrong_language"]
    clean = CLIPS - EACH * len(kinds)
    planted = [None] * clean + [kind for kind in kinds for _ in range(EACH)]
    folder = DatasetFolder.create(root / "defects", "en")
    folder.wavs.mkdir(parents=True)
    samples, truth = [], {}
    for index, kind in enumerate(planted):
        one = said[index % len(said)]
        audio, text = one.audio, one.text
        if kind in ("clipped", "noisy", "truncated"):
            audio = {"clipped": clipped, "noisy": noisy, "truncated": truncated}[kind](audio, chance)
            text = ""
        elif kind == "wrong_text":
            text = said[(index * 7 + 3) % len(said)].text
        elif kind == "other_speaker":
            audio, text = others[index % len(others)].audio, ""
        elif kind == "wrong_language":
            audio, text = foreign[index % len(foreign)].audio, ""
        elif kind == "duplicate":
            earlier = said[index % EACH].audio
            audio = Audio(
                (earlier.samples * 0.8 + chance.normal(0, 3e-4, len(earlier.samples))).astype(np.float32), RATE
            )
            text = said[index % EACH].text
        audio = edged(audio, kind == "truncated")
        name = f"c{index:03d}"
        save(audio, folder.wavs / f"{name}.wav")
        place = ((index * 20.0, index * 20.0 + audio.duration_s),)
        path = f"processed/wavs/{name}.wav"
        samples.append(Sample(name, path, "r", "allison", "en", place, audio.duration_s, given_text=text))
        truth[name] = kind
    folder.save_sources([Source("r", "r.wav")])
    folder.save_samples(samples)
    options = DatasetOptions().transcribe
    models = {"whisper-base": store().path("whisper-base")}
    begun = time.monotonic()
    transcribe(folder, options, whisper_recognizers(models, options, 1), NullReporter())
    judge = SpeakerEncoder(store().path("speaker-resnet34") / "speaker-resnet34.onnx")
    judged = judge_quality(folder, replace(QualityOptions(), mos=False), judge, NullReporter())
    found = {sample.sample_id: {each.code for each in sample.findings} for sample in judged}
    figures: dict[str, Any] = {"seconds": round(time.monotonic() - begun, 1), "distinct_prompts": len(said)}
    for kind in kinds:
        told = {name for name, codes in found.items() if kind in codes}
        right = {name for name, planted_kind in truth.items() if planted_kind == kind}
        figures[kind] = {
            "recall": round(len(told & right) / len(right), 3),
            "precision": round(len(told & right) / max(len(told), 1), 3),
            "mistaken": sorted(f"{name}:{truth[name]}" for name in told - right)[:12],
            "missed": sorted(right - told)[:12],
        }
    RESULTS.mkdir(exist_ok=True)
    measures = {sample.sample_id: [truth[sample.sample_id], dict(sample.measures)] for sample in judged}
    (root / "measures.json").write_text(json.dumps(measures))
    return figures


def diarization(root: Path) -> list[dict[str, Any]]:
    rows, judge = [], SpeakerEncoder(store().path("speaker-resnet34") / "speaker-resnet34.onnx")
    for people in (("allison_en", "carlo_it"), ("allison_en", "june_fr", "carlo_it", "menardi_it")):
        said = [prompts(person, 40.0) for person in people]
        chance, parts, truth, at = random.Random(2), [], [], 0.0
        waiting = [each for clips in said for each in clips]
        chance.shuffle(waiting)
        for each in waiting:
            pause = gap(chance.uniform(0.2, 0.8), "room", len(parts))
            parts += [each.audio, pause]
            truth.append((at, each))
            at += each.audio.duration_s + pause.duration_s
        path = root / f"{len(people)}.wav"
        save(join(parts), path)
        speech = find_speech(path, SileroDetector(), SegmentOptions())
        turns = [
            Turn(max(span.start_s, start), min(span.end_s, start + each.audio.duration_s), each.speaker)
            for start, each in truth
            for span in speech
            if span.start_s < start + each.audio.duration_s and span.end_s > start
        ]
        begun = time.monotonic()
        found = diarizer(judge, 6)(path, speech)
        rows.append(
            {
                "people": len(people),
                "found": len({turn.speaker for turn in found}),
                "der": round(error_rate(turns, found), 4),
                "recorded_s": round(at, 1),
                "seconds": round(time.monotonic() - begun, 1),
            }
        )
    return rows


def speed(root: Path) -> dict[str, Any]:
    """Our transcription against one process in fp32, beam 5, clip by clip, as openai-whisper works."""
    from faster_whisper import WhisperModel

    said = prompts("allison_en", 100.0, 3)
    total = sum(each.audio.duration_s for each in said)
    folder = DatasetFolder.create(root / "speed", "en")
    folder.wavs.mkdir(parents=True)
    samples = []
    for index, each in enumerate(said):
        save(each.audio, folder.wavs / f"c{index}.wav")
        place = ((index * 20.0, index * 20.0 + each.audio.duration_s),)
        samples.append(
            Sample(f"c{index}", f"processed/wavs/c{index}.wav", "r", "a", "en", place, each.audio.duration_s)
        )
    folder.save_sources([Source("r", "r.wav")])
    folder.save_samples(samples)
    options = DatasetOptions().transcribe
    model = store().path("whisper-base")
    begun = time.monotonic()
    made = transcribe(folder, options, whisper_recognizers({"whisper-base": model}, options, 1), NullReporter())
    ours = time.monotonic() - begun
    sequential = WhisperModel(str(model), device="cpu", compute_type="float32", cpu_threads=1)
    begun = time.monotonic()
    heard = []
    for each in said:
        segments, _ = sequential.transcribe(resample(each.audio, 16000).samples, language="en", beam_size=5)
        heard.append(" ".join(segment.text for segment in segments))
    theirs = time.monotonic() - begun
    texts = [each.text for each in said]
    return {
        "recorded_s": round(total, 1),
        "ours_s": round(ours, 1),
        "sequential_fp32_s": round(theirs, 1),
        "ratio": round(theirs / ours, 2),
        "wer_ours": round(word_error_rate(texts, [sample.text for sample in made]), 4),
        "wer_sequential": round(word_error_rate(texts, heard), 4),
        "reference": "faster-whisper in float32, one thread: openai-whisper itself has no weights here",
    }


PARTS: dict[str, Callable[[Path], Any]] = {
    "corpus": lambda root: [
        corpus([*prompts("allison_en", CORPUS_S), *spoken("am_michael", "en", ENGLISH)], "en", root),
        corpus([*spoken("pf_dora", "pt-BR", PORTUGUESE), *spoken("pm_alex", "pt-BR", PORTUGUESE)], "pt-BR", root),
    ],
    "defects": defects,
    "speakers": diarization,
    "speed": speed,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--keep", type=Path, help="a folder to leave the datasets in")
    asked = parser.parse_args()
    path = RESULTS / "dataset.json"
    figures: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    figures.pop("machine", None)
    with tempfile.TemporaryDirectory() as name:
        root = asked.keep or Path(name)
        for part in asked.only:
            figures[part] = PARTS[part](root)
            print(part, json.dumps(figures[part], indent=1), flush=True)
            write("dataset", figures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
