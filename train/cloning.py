"""A voice from recordings: clips with words in, a fitted and measured voice in the library out."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speech.audio import Audio, join, load
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_files import Consent, VoiceMeta
from speech.voice_folder import SpokenClip
from speech.voice_library import VoiceLibrary
from train.checkpoints import CHECKPOINTS
from train.judges import load_run_judges
from train.manifest import Clip, Manifest
from train.progress import Part, Reporter

if TYPE_CHECKING:
    from speech.synthesis import Synthesizer
    from train.kokoro.fitting import Fitted

ENGINE, BASE = "kokoro", "kokoro-fp32"
LEAST_S = 6.0  # of usable clips
FIT_SHARE = 0.88  # of the time of the default effort; the report takes the rest
# Seconds a second of speech beyond `MEASURED_SPEECH_S` adds on two cores: it is laid over its text, twice.
MEASURED_SPEECH_S, PER_SPEECH_S = 50.0, 0.76
PER_STEP_S, PER_CHECKPOINTS_S = 1.33, 120.0  # a step beyond an effort's own; all checkpoints of a dataset's fit heard
# The steps of an effort are for a minute; those of a dataset grow with the square root of its length, in whole
# validations: of ten minutes a voice has as much to learn, only surer; the loop ends before where nothing is gained.
STEPS_FOR_S, STEPS_UNIT = 60.0, 40
FEWEST_HELD_OUT = 3  # clips that judges of the report need


@dataclass(frozen=True)
class Effort:
    """How much work goes into a voice."""

    steps: int  # of the decoder, at most
    listening_texts: int  # by which the adapters' scale is chosen, in the speaker's own language
    sentences: int  # of the report, in the speaker's own language
    elsewhere_s: float  # that it took on another machine of two cores, for `MEASURED_SPEECH_S` of clips


EFFORTS: Mapping[str, Effort] = {
    "fast": Effort(steps=80, listening_texts=4, sentences=2, elsewhere_s=255),
    "default": Effort(steps=240, listening_texts=6, sentences=4, elsewhere_s=552),
    "best": Effort(steps=1200, listening_texts=6, sentences=4, elsewhere_s=1829),
}


@dataclass(frozen=True)
class CloneOptions:
    """Whose voice, and how much work."""

    voice_id: str
    title: str
    language: str  # BCP 47, of the recordings
    consent: Consent
    effort: str = "default"  # one of EFFORTS
    gender: str = "unknown"
    description: str = ""
    dataset: str = ""  # name of the one that the clips are of: more steps, and checkpoints; "": recordings
    max_steps: int | None = None  # of a dataset's fit


def estimate_s(effort: str, threads: int, speech_s: float | None = None, steps: int | None = None) -> float:
    """Seconds a fit to `speech_s` of clips took elsewhere: on two cores, of which one takes twice as long, and more
    were not measured. Where `speech_s` is not known, that of the fits that were measured. `steps`: of a dataset's fit,
    which is computed from those.

    Raises SpeechError `unknown_effort`.
    """
    found = _effort(effort)
    beyond_s = 0.0 if speech_s is None else PER_SPEECH_S * (speech_s - MEASURED_SPEECH_S)
    if steps is not None:
        beyond_s += PER_STEP_S * (steps - found.steps) + PER_CHECKPOINTS_S
    return (found.elsewhere_s + beyond_s) * (2 if threads < 2 else 1)


def dataset_steps(effort: str, speech_s: float, max_steps: int | None = None) -> int:
    """Steps of a fit to a dataset with `speech_s` of clips, at most. Raises SpeechError `unknown_effort`."""
    own = _effort(effort).steps
    grown = STEPS_UNIT * round(own * math.sqrt(max(1.0, speech_s / STEPS_FOR_S)) / STEPS_UNIT)
    return grown if max_steps is None else min(grown, max_steps)


def clone(
    folder: Path,
    manifest: Manifest,
    options: CloneOptions,
    store: ModelStore,
    library: VoiceLibrary,
    work_dir: Path,
    reporter: Reporter,
) -> VoiceMeta:
    """Fit `options.voice_id` to the usable clips of `manifest`, whose sounds are in `folder`, and measure it.

    Goes on from what an earlier call left in `work_dir`, and leaves nothing there when it is done. Raises SpeechError
    `unknown_effort`, `too_little_speech`, `model_missing`, `voice_exists`; Stopped when the reporter says so, with
    everything needed to go on in `work_dir`.
    """
    effort = _effort(options.effort)
    library.check_new(options.voice_id)
    clips = manifest.usable()
    check_usable(manifest, LEAST_S)
    work_dir.mkdir(parents=True, exist_ok=True)
    sounds = [(clip, load(folder / clip.audio_path, 24000)) for clip in clips]
    if options.dataset:
        sounds = [_with_bandwidth(clip, audio) for clip, audio in sounds]
    heard_s = sum(audio.duration_s for _, audio in sounds)
    fitted = _fitted(sounds, options, effort, store, work_dir, Part(reporter, 0.0, FIT_SHARE))
    meta = new_meta(options, ENGINE, BASE, store.info(BASE).files[0].sha256, options.effort, heard_s)
    tensors = fitted.adapter.to_tensors()
    report, samples = _judged(meta, tensors, fitted, sounds, effort, store, work_dir, Part(reporter, FIT_SHARE, 1.0))
    spoken = [SpokenClip(audio, clip.text) for clip, audio in sounds]
    samples |= _of_checkpoints(work_dir)
    told = provenance_of(manifest) if not options.dataset else {"dataset": options.dataset}
    curve = work_dir if options.dataset else None
    made = library.add(replace(meta, report=report), tensors, samples, spoken, told, curve=curve)
    shutil.rmtree(work_dir, ignore_errors=True)
    return made


def _fitted(
    sounds: list[tuple[Clip, Audio]],
    options: CloneOptions,
    effort: Effort,
    store: ModelStore,
    work_dir: Path,
    reporter: Reporter,
) -> Fitted:
    from train.kokoro.fitting import fit_voice
    from train.kokoro.trainable import KokoroOptions

    how = KokoroOptions(listening_texts=effort.listening_texts)
    if not options.dataset:
        return fit_voice(sounds, options.language, effort.steps, store, work_dir, reporter, how, _opinion())
    steps = dataset_steps(options.effort, sum(audio.duration_s for _, audio in sounds), options.max_steps)
    judges = partial(load_run_judges, store)
    return fit_voice(sounds, options.language, steps, store, work_dir, reporter, how, _opinion(), judges)


def _with_bandwidth(clip: Clip, audio: Audio) -> tuple[Clip, Audio]:
    """As an intake measures it; the layout of a dataset has no measures."""
    from speech.analysis.quality import bandwidth_hz

    return replace(clip, measures={**clip.measures, "bandwidth_hz": bandwidth_hz(audio)}), audio


def _of_checkpoints(work_dir: Path) -> dict[str, Audio]:
    """What each checkpoint that was judged said first, by the name of its step."""
    from train.evidence import SAMPLES

    found = sorted((work_dir / CHECKPOINTS).glob(f"step-*/{SAMPLES}/prompt-1.wav"))
    return {path.parent.parent.name: load(path) for path in found}


def _opinion() -> Callable[[Audio], float] | None:
    from speech.metrics.mos import p808_score

    return p808_score if find_spec("speechmos") else None


def _effort(name: str) -> Effort:
    if name not in EFFORTS:
        raise SpeechError("unknown_effort", effort=name, choices=list(EFFORTS))
    return EFFORTS[name]


def check_usable(manifest: Manifest, minimum_s: float) -> None:
    """Raises SpeechError `too_little_speech` with what was wrong with the clips that cannot be used."""
    if manifest.usable_s >= minimum_s:
        return
    refused = [f"{clip.clip_id}: {one.code}" for clip in manifest.clips for one in clip.findings if not clip.is_usable]
    reasons = ", ".join(refused) or "-"
    usable_s = round(manifest.usable_s, 1)
    raise SpeechError("too_little_speech", usable_s=usable_s, minimum_s=minimum_s, reasons=reasons)


def provenance_of(manifest: Manifest) -> dict[str, Any]:
    """Where the clips of a voice come from."""
    return {"recordings": sorted({clip.source for clip in manifest.usable()})}


def new_meta(
    options: CloneOptions, engine: str, base_model: str, base_sha256: str, effort: str, reference_s: float
) -> VoiceMeta:
    """Of a voice made now, before it is measured."""
    return VoiceMeta(
        voice_id=options.voice_id,
        title=options.title,
        engine=engine,
        language=options.language,
        gender=options.gender,
        description=options.description,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        base_model=base_model,
        base_sha256=base_sha256,
        effort=effort,
        reference_s=reference_s,
        consent=options.consent,
        report={},
    )


def _judged(
    meta: VoiceMeta,
    tensors: Mapping[str, Any],
    fitted: Fitted,
    sounds: list[tuple[Clip, Audio]],
    effort: Effort,
    store: ModelStore,
    work_dir: Path,
    reporter: Reporter,
) -> tuple[dict[str, Any], dict[str, Audio]]:
    """The report and sounds of a voice that is not in any library yet, spoken as a listener will hear it."""
    from speech.synthesis import Synthesizer, SynthesizerOptions
    from train.kokoro import report
    from train.kokoro.preview import installed_precision

    staged = VoiceLibrary(work_dir / "judged")
    if (work_dir / "judged").exists():
        shutil.rmtree(work_dir / "judged")
    staged.add(meta, tensors, {})
    synthesizer = Synthesizer(
        SynthesizerOptions(models_dir=store.root, precision=installed_precision(store), voices_dir=work_dir / "judged")
    )
    held_out = [(clip, audio) for clip, audio in sounds if clip.clip_id in fitted.held_out]
    is_unheard = len(held_out) >= FEWEST_HELD_OUT
    subject = report.Subject(
        language=meta.language,
        stock_voice=fitted.start_voice,
        say_stock=_say(synthesizer, fitted.start_voice),
        say_fitted=_say(synthesizer, meta.voice_id),
        held_out=[report.HeldOutClip(audio, clip.text) for clip, audio in (held_out if is_unheard else sounds)],
        fit_encoders=fitted.encoders,
        warnings=[finding for clip, _ in sounds for finding in clip.findings],
        top_hz=fitted.figures["top_hz"],
    )
    texts = report.sentences_for(meta.language, effort.sentences)
    is_scaled = _opinion() is not None
    measured, samples = report.measure(subject, report.load_judges(store), texts, reporter)
    mapping = {
        **measured.as_mapping(),
        "measured_against": "held_out" if is_unheard else "recordings",
        "scale_chosen_by": ["p808"] if is_scaled else [],
        "start": dict(fitted.start_shares),
        "fit": dict(fitted.figures),
    }
    if fitted.checkpoints is not None:
        mapping["checkpoints"] = dict(fitted.checkpoints)
    return mapping, samples


def _say(synthesizer: Synthesizer, voice: str) -> Callable[[str, str], Audio]:
    def say(text: str, language: str) -> Audio:
        plan = synthesizer.plan(text, engine=ENGINE, language=language, voice=voice, parameters={})
        return join(synthesizer.speak(plan))

    return say
