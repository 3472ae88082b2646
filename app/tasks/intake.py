"""Recordings taken in: clips with text and judgement, kept for a person to look at and for the fit after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from app.jobs.context import JobContext
from app.tasks.cloning import uploaded
from app.tasks.cloning_service import CloningService

if TYPE_CHECKING:
    from train.manifest import Manifest


class IntakeParams(BaseModel):
    """What a job of this kind stores; its recordings lie in its work folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    engine: str | None = None  # that will speak; None: the first that voices can be made for
    language: str
    ref_text: str | None = None


def analyze_recordings(cloning: CloningService, context: JobContext, params: Mapping[str, Any]) -> dict[str, Any]:
    """Cut and judge; the clips and their manifest stay in the job's kept folder.

    Raises SpeechError for recordings that cannot be used, Stopped when the job is to stop.
    """
    wanted = IntakeParams.model_validate(params)
    recordings = uploaded(context.work_dir)
    engine = wanted.engine or cloning.engines()[0]
    manifest = cloning.analyze_recordings(
        recordings, engine, wanted.language, context.kept_dir, context, wanted.ref_text
    )
    return result_of(manifest)


def result_of(manifest: Manifest) -> dict[str, Any]:
    """What a client sees of a manifest; `warnings` gathers the findings: code, severity and the clips that have it."""
    clips = [asdict(clip) | {"is_usable": clip.is_usable} for clip in manifest.clips]
    found: dict[tuple[str, str], list[str]] = {}
    for clip in manifest.clips:
        for finding in clip.findings:
            found.setdefault((finding.code, finding.severity), []).append(clip.clip_id)
    return {
        "clips": [{name: value for name, value in clip.items() if name != "audio_path"} for clip in clips],
        "duration_s": sum(clip.duration_s for clip in manifest.clips),
        "usable_s": sum(clip.duration_s for clip in manifest.usable()),
        "warnings": [{"code": code, "severity": level, "clip_ids": ids} for (code, level), ids in found.items()],
    }
