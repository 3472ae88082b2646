"""Every clip measured and judged: sound, words, speaker, copies; a person's decision counts more than any bound."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from speech.analysis import quality as measures_of
from speech.analysis.findings import Finding, Severity
from speech.audio import Audio, load
from speech.metrics.speaker import SpeakerJudge
from train.dataset.folder import DatasetFolder
from train.dataset.options import QualityOptions
from train.dataset.records import Decision, Sample, StageLog
from train.progress import Reporter, Stopped

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRAME_S = 0.02
# Of sound, at each end after a fade: the quiet that a clip keeps (0.1) less a frame of the speech detector (0.03).
EDGE_S = 0.04
SILENCE_DB = 30.0  # under the loud frames
PRINT_BANDS, PRINT_FRAMES = 12, 64
LENGTH_ALIKE = 0.03  # share by which copies may differ in length


@dataclass(frozen=True)
class Rule:
    """A measure and the options that bound it."""

    code: str
    measure: str
    is_low_bad: bool


RULES = (
    Rule("noisy", "snr_db", True),
    Rule("clipped", "clipped_share", False),
    Rule("silence", "silence_share", False),
    Rule("narrow_band", "bandwidth_hz", True),
    Rule("too_quiet", "rms_db", True),
    Rule("too_fast", "words_per_s", False),
    Rule("unclear", "log_probability", True),
    Rule("truncated", "edge_db", False),
    Rule("edge_words", "edge_difference", False),
    Rule("wrong_text", "text_difference", False),
    Rule("wrong_language", "language_probability", True),
    Rule("other_speaker", "speaker_similarity", True),
    Rule("duplicate", "duplicate_similarity", False),
    Rule("low_mos", "mos", True),
)


def judge_quality(
    folder: DatasetFolder, options: QualityOptions, judge: SpeakerJudge | None, reporter: Reporter
) -> tuple[Sample, ...]:
    """Measures, findings and decisions into the manifest; sounds that were measured before are not read again.

    Without a `judge` nothing is said of speakers. Raises Stopped.
    """
    samples, log = folder.stage_samples(), StageLog(folder.measures)
    rows: list[Mapping[str, Any]] = []
    for index, sample in enumerate(samples):
        key = _key(folder, sample, options.mos, judge)
        row = log.find(key)
        if row is None:
            log.add(key, measured(load(folder.root / sample.audio_path), judge, options.mos))
            row = log.find(key)
            assert row is not None
        rows.append(row)
        reporter.progress(index + 1, len(samples), "dataset.stage.quality")
        if reporter.should_stop():
            raise Stopped
    likeness = speaker_likeness(samples, rows)
    copies = duplicates(samples, rows)
    made = []
    for index, sample in enumerate(samples):
        found = {**sample.measures, **rows[index]["measures"], "duplicate_similarity": copies[index]}
        if index in likeness:
            found["speaker_similarity"] = likeness[index]
        made.append(judged(replace(sample, measures=found), options))
    folder.save_samples(made)
    return tuple(made)


def _key(folder: DatasetFolder, sample: Sample, with_mos: bool, judge: SpeakerJudge | None) -> str:
    sound = hashlib.sha256((folder.root / sample.audio_path).read_bytes()).hexdigest()
    return f"{sound}.{int(with_mos)}.{judge.name if judge else '-'}"


def measured(audio: Audio, judge: SpeakerJudge | None, with_mos: bool) -> dict[str, Any]:
    """What is kept of a sound: figures, a print of it to know copies by, and the speaker's vector."""
    found = {
        "snr_db": measures_of.snr_db(audio),
        "clipped_share": measures_of.clipped_share(audio),
        "silence_share": silence_share(audio),
        "bandwidth_hz": measures_of.bandwidth_hz(audio),
        "rms_db": measures_of.rms_db(audio),
        "edge_db": edge_db(audio),
    }
    if with_mos:
        from speech.metrics.mos import p808_score

        found["mos"] = p808_score(audio)
    row: dict[str, Any] = {"measures": {name: round(value, 4) for name, value in found.items()}}
    row["print"] = _packed(fingerprint(audio), "int8")
    if judge is not None and audio.duration_s >= 0.5:
        row["speaker"] = _packed(judge.embed(audio), "float16")
    return row


def silence_share(audio: Audio) -> float:
    """Of all moments, those more than `SILENCE_DB` below the loud ones."""
    import numpy as np

    level = _levels(audio)
    if not len(level):
        return 1.0
    return float(np.mean(level < np.percentile(level, 90) - SILENCE_DB))


def edge_db(audio: Audio) -> float:
    """Level of the louder end over that of the speech: near 0 where a word is cut in two, -25 and less in a pause.

    The fades that clips are given are 10 and 20 ms: the moments after and before them are listened to.
    """
    import numpy as np

    level = _levels(audio)
    count = round(EDGE_S / FRAME_S)
    if len(level) < 4 * count:
        return 0.0
    loud = float(np.percentile(level, 80))
    return float(max(level[1 : 1 + count].max(), level[-1 - count : -1].max())) - loud


def _levels(audio: Audio) -> NDArray[Any]:
    """Level in dB of each `FRAME_S`."""
    import numpy as np

    size = round(FRAME_S * audio.sample_rate)
    count = len(audio.samples) // size
    frames = audio.samples[: count * size].reshape(count, size)
    levels: NDArray[Any] = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-10)
    return levels


def fingerprint(audio: Audio) -> NDArray[Any]:
    """How loud each of `PRINT_BANDS` bands is over the time that is spoken, in `PRINT_FRAMES` steps: int8, flat."""
    import numpy as np

    level = _levels(audio)
    loud = np.flatnonzero(level > level.max() - 35) if len(level) else np.zeros(0, int)
    size = round(FRAME_S * audio.sample_rate)
    if len(loud) < 4:
        return np.zeros(PRINT_BANDS * PRINT_FRAMES, np.int8)
    samples = audio.samples[loud[0] * size : (loud[-1] + 1) * size]
    frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * size)[::size] * np.hanning(2 * size)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    edges = np.geomspace(2, min(power.shape[1] - 1, round(4000 * 2 * FRAME_S)), PRINT_BANDS + 1).astype(int)
    bands = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in zip(edges, edges[1:], strict=False)])
    logs = 10 * np.log10(np.maximum(bands, bands.max() * 1e-4))
    places = np.linspace(0, logs.shape[1] - 1, PRINT_FRAMES)
    steps = np.stack([np.interp(places, np.arange(logs.shape[1]), band) for band in logs])
    steps -= steps.mean(axis=1, keepdims=True)
    scaled: NDArray[Any] = np.clip(np.round(steps * 3), -127, 127).astype(np.int8).reshape(-1)
    return scaled


def duplicates(samples: Sequence[Sample], rows: Sequence[Mapping[str, Any]]) -> list[float]:
    """For each clip how alike it is to an earlier one of about its length, 0 to 1."""
    import numpy as np

    if not rows:
        return []
    prints = np.stack([_unpacked(row["print"], "int8") for row in rows]).astype(np.float32)
    prints /= np.maximum(np.linalg.norm(prints, axis=1, keepdims=True), 1e-6)
    lengths = np.array([sample.duration_s for sample in samples])
    found = [0.0]
    for index in range(1, len(rows)):
        near = np.abs(lengths[:index] - lengths[index]) < LENGTH_ALIKE * lengths[index]
        alike = prints[:index][near] @ prints[index]
        found.append(round(float(alike.max(initial=0.0)), 4))
    return found


def speaker_likeness(samples: Sequence[Sample], rows: Sequence[Mapping[str, Any]]) -> dict[int, float]:
    """Cosine of each clip and the centre of its speaker's clips, by the clip's index."""
    import numpy as np

    groups: dict[str, list[int]] = {}
    for index, sample in enumerate(samples):
        if "speaker" in rows[index]:
            groups.setdefault(sample.speaker, []).append(index)
    found: dict[int, float] = {}
    for indices in groups.values():
        heard = np.stack([_unpacked(rows[index]["speaker"], "float16") for index in indices]).astype(np.float32)
        centre = np.median(heard, axis=0)
        centre /= max(float(np.linalg.norm(centre)), 1e-6)
        near = heard @ centre
        inner = heard[near >= np.median(near)].mean(axis=0)
        inner /= max(float(np.linalg.norm(inner)), 1e-6)
        found |= {index: round(float(value), 4) for index, value in zip(indices, heard @ inner, strict=True)}
    return found


def judged(sample: Sample, options: QualityOptions) -> Sample:
    """With its findings, and the decision they make unless a person made one."""
    found = []
    if not sample.text.strip():
        found.append(Finding("no_words", "refused", {"value": 0}))
    for rule in RULES:
        value = sample.measures.get(rule.measure)
        severity = None if value is None else severity_of(rule, value, options)
        if value is not None and severity is not None:
            found.append(Finding(rule.code, severity, {"value": round(value, 3)}))
    if any(each.code == "clipped" and each.severity == "refused" for each in found):
        found = [each for each in found if each.code != "other_speaker"]  # a voice so distorted is like nobody's
    if sample.decided_by == "person":
        return replace(sample, findings=tuple(found))
    return replace(sample, findings=tuple(found), decision=decision_of(found))


def severity_of(rule: Rule, value: float, options: QualityOptions) -> Severity | None:
    sign = 1 if rule.is_low_bad else -1
    if sign * value < sign * getattr(options, f"drop_{rule.measure}"):
        return "refused"
    return "warning" if sign * value < sign * getattr(options, f"review_{rule.measure}") else None


def decision_of(findings: Sequence[Finding]) -> Decision:
    if any(finding.severity == "refused" for finding in findings):
        return "drop"
    return "review" if findings else "keep"


def _packed(values: NDArray[Any], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode()


def _unpacked(text: str, kind: str) -> NDArray[Any]:
    import numpy as np

    found: NDArray[Any] = np.frombuffer(base64.b64decode(text), kind)
    return found


def counted(samples: Sequence[Sample]) -> dict[str, int]:
    """Clips by finding."""
    found: dict[str, int] = {}
    for sample in samples:
        for finding in sample.findings:
            found[finding.code] = found.get(finding.code, 0) + 1
    return dict(sorted(found.items()))
