"""The job that fits a voice to recordings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.jobs.context import JobContext
from app.storage.voice_owners import set_owner
from app.tasks.cloning_service import FIT, INTAKE, MANIFEST, STAGED, UPLOADS, CloningService
from speech.errors import SpeechError
from speech.voice_files import Consent, VoiceMeta
from speech.voice_library import VoiceLibrary
from train.manifest import Manifest
from train.progress import Part

INTAKE_SHARE = 0.2  # of the progress of a job that does both
REFERENCE_SHARE = 0.95  # and of one that fits nothing


class ConsentParams(BaseModel):
    model_config = ConfigDict(frozen=True)

    statement: str
    given_at: str  # ISO 8601, UTC


class CloningParams(BaseModel):
    """What a job of this kind stores; its recordings, or the clips of an intake, lie in its work folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # the row also keeps what the API echoes

    engine: str | None = None  # None: the first that voices can be made for
    voice: str
    title: str
    language: str
    gender: str
    description: str
    effort: str
    consent: ConsentParams
    ref_text: str | None = None
    dataset: str = ""  # whose clips lie there; "": recordings
    max_steps: int | None = None


def clone_voice(cloning: CloningService, context: JobContext, params: Mapping[str, Any]) -> dict[str, Any]:
    """Fit the voice, or keep its reference, and bring it into the library in the step that completes the job; nothing
    of it is there before.

    Raises SpeechError as intake and fit do, and `voice_exists`; Stopped when the job is to stop.
    """
    wanted = CloningParams.model_validate(params)
    staged = cloning.library_in(context.work_dir / STAGED)
    meta = _of_this_job(cloning.library(), cloning.voices_dir, wanted)
    if meta is None:
        meta = _of_this_job(staged, context.work_dir / STAGED, wanted) or _fit(cloning, context, wanted, staged)
        folder = staged.folder(wanted.voice)
        set_owner(folder, context.job.user_id)
        context.at_completion(lambda: adopt(folder, cloning.voices_dir / wanted.voice))
    return {
        "voice_id": meta.voice_id,
        "engine": meta.engine,
        "effort": meta.effort,
        "language": meta.language,
        "reference_s": meta.reference_s,
        "report": dict(meta.report),
    }


def adopt(folder: Path, target: Path) -> None:
    """Move a whole voice into another library of the same disk. Raises SpeechError `voice_exists`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.rename(folder, target)
    except OSError as error:
        if target.exists():
            raise SpeechError("voice_exists", voice=target.name) from error
        raise


def _of_this_job(library: VoiceLibrary, root: Path, wanted: CloningParams) -> VoiceMeta | None:
    """The voice, if an earlier attempt finished it: the moment of the consent tells whose it is.

    Raises SpeechError `voice_exists` for another one's.
    """
    if not (root / wanted.voice).exists():
        return None
    meta = library.get(wanted.voice)
    if meta.consent.given_at != wanted.consent.given_at:
        raise SpeechError("voice_exists", voice=wanted.voice)
    return meta


def _fit(cloning: CloningService, context: JobContext, wanted: CloningParams, staged: VoiceLibrary) -> VoiceMeta:
    folder, reporter = context.work_dir / INTAKE, Part(context, 0.0, 1.0)
    engine = wanted.engine or cloning.engines()[0]
    is_fitted = cloning.is_fitted(engine)
    if (context.work_dir / UPLOADS).is_dir():
        share = INTAKE_SHARE if is_fitted else REFERENCE_SHARE
        reporter = Part(context, share, 1.0)
        if not (folder / MANIFEST).exists():
            first = Part(context, 0.0, share)
            recordings = uploaded(context.work_dir)
            cloning.analyze_recordings(recordings, engine, wanted.language, folder, first, wanted.ref_text)
    options = {
        "voice_id": wanted.voice,
        "title": wanted.title,
        "language": wanted.language,
        "consent": Consent(wanted.consent.statement, wanted.consent.given_at),
        "effort": wanted.effort,
        "gender": wanted.gender,
        "description": wanted.description,
        "dataset": wanted.dataset,
        "max_steps": wanted.max_steps,
    }
    if not is_fitted:
        return cloning.keep_reference(folder, Manifest.load(folder / MANIFEST), options, staged, engine)
    work = context.work_dir / FIT
    work.mkdir(exist_ok=True)
    return cloning.clone(folder, Manifest.load(folder / MANIFEST), options, staged, work, reporter)


def uploaded(work_dir: Path) -> list[Path]:
    """The recordings of a job, in the order they came: one folder each, so that each keeps its name."""
    folders = sorted((work_dir / UPLOADS).iterdir(), key=lambda folder: int(folder.name))
    return [next(folder.iterdir()) for folder in folders]
