"""AllTalk's conversion of a sound that was made here, and whom OpenAI's names of voices stand for."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from app.api.bodies import JSON, Body, body_of, documented
from app.api.compat.alltalk import CLIENT, DISABLED, FILE, FORMS
from app.api.compat.spoken_files import SUFFIX, made
from app.api.conversion import conversion_params
from app.api.job_requests import F0Method, Word
from app.api.jobs import find_sounding, ready
from app.api.queries import known_query
from app.api.services import Services, Wired, Working
from app.api.sound import sound_path
from app.api.uploads import add_with_files
from app.api.voices import find_voice
from app.errors import FieldError, Problem
from app.jobs.job import Job
from app.jobs.kinds import CONVERSION

SOURCE = re.compile(r"(?:/audio/|/audiocache/)?([^/\\]+)")  # as our own answers name it
JOB = re.compile(r"job_[0-9a-f]{12}")
router = APIRouter(tags=["alltalk"], dependencies=[Depends(known_query)])


class VoiceToRvc(Body):
    """`input_tts_path`: a sound that was made here, as `output_file_path` names it, or its job's id; `output_rvc_path`:
    what the new one is called. Neither is a path of the server's."""

    input_tts_path: Annotated[str, Field(min_length=1, max_length=300)]
    output_rvc_path: Annotated[str, Field(max_length=300)] = "rvc"
    pth_name: Annotated[str, Field(min_length=1, max_length=200)]
    pitch: Annotated[int, Field(ge=-24, le=24)] = 0
    method: Annotated[F0Method | None, Word] = None


class Converted(BaseModel):
    status: Literal["success"] = "success"
    output_path: str  # where to get it


class VoiceMap(Body):
    """Of each name the id of one of our voices."""

    alloy: str
    echo: str
    fable: str
    nova: str
    onyx: str
    shimmer: str


class Mapped(BaseModel):
    message: str = "OpenAI voice mappings updated successfully"


@router.post(
    "/api/voice2rvc",
    summary="Convert a sound that was made here, and wait for it",
    openapi_extra=documented(VoiceToRvc, *FORMS),
)
async def voice_to_rvc(
    services: Working, body: Annotated[VoiceToRvc, Depends(body_of(VoiceToRvc, *FORMS))]
) -> Converted:
    job = await run_in_threadpool(_added, services, body)
    return Converted(output_path=await made(services, job, body.output_rvc_path.removesuffix(SUFFIX)))


@router.put(
    "/api/openai-voicemap",
    summary="Whom OpenAI's names of voices stand for, until the service starts anew",
    openapi_extra=documented(VoiceMap, JSON),
)
def map_voices(services: Wired, body: Annotated[VoiceMap, Depends(body_of(VoiceMap, JSON))]) -> Mapped:
    """For the caller's requests to come. Raises Problem `unknown_voice`."""
    voices = {
        name: find_voice(services, voice.removesuffix(SUFFIX)).voice_id for name, voice in body.model_dump().items()
    }
    services.client_settings.change(services.caller.user_id, voices=voices)
    return Mapped()


def _added(services: Services, body: VoiceToRvc) -> Job:
    if body.pth_name.lower() in (DISABLED.lower(), "disable"):
        raise Problem("invalid_request", errors=[FieldError("pth_name", "field_missing", {})])
    source = _source(services, body.input_tts_path)
    asked: dict[str, Any] = {"pitch": float(body.pitch)}
    if body.method is not None:
        asked["f0_method"] = body.method
    params = conversion_params(services, body.pth_name, str(source.params["language"]), asked) | {"client": CLIENT}
    path = sound_path(services, source)

    def keep(work: Path) -> dict[str, Any]:
        from app.tasks.cloning_service import UPLOADS

        folder = work / UPLOADS / "1"
        folder.mkdir(parents=True)
        shutil.copyfile(path, folder / f"{source.id}{SUFFIX}")
        return params | {"input_files": [f"{source.id}{SUFFIX}"], "file_size_input": path.stat().st_size}

    return add_with_files(services, CONVERSION, keep)


def _source(services: Services, given: str) -> Job:
    """Raises Problem `job_not_found` for what is no sound of ours, as for one that is gone; `job_not_ready`,
    `job_without_sound`."""
    named = SOURCE.fullmatch(given)
    found = FILE.fullmatch(named[1]) if named else None
    job_id = found[1] if found else given
    if not JOB.fullmatch(job_id):
        raise Problem("job_not_found", job_id=given[:80])
    return ready(find_sounding(services, job_id))
