"""A text that becomes a file: a job of ours is made and waited for, and the file is fetched by the job's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from app.api.bodies import validated
from app.api.compat.speaking import fitting
from app.api.job_requests import NewJob, add_speech, params_of
from app.api.services import Services
from app.api.sound import ended
from app.api.uploads import plain_name
from app.errors import Problem
from app.jobs.job import Job

LONGEST_S = 600.0  # that a request waits for its sound
SUFFIX = ".wav"


class SpokenJob(NewJob):
    """With the bounds that other contracts have."""

    rvc_pitch: Annotated[int | None, Field(ge=-24, le=24)] = None


def add_job(services: Services, client: str, fields: Mapping[str, Any], values: Mapping[str, float | bool]) -> Job:
    """A job of `fields` (`SpokenJob`) that is marked with the client it came from; `values` go over the profile's, each
    moved into the engine's range. Raises what `params_of` and `add_speech` raise.
    """
    params = params_of(services, validated(SpokenJob, {"mode": "dubbing", **fields}, strict=False))
    used = fitting(services.synthesizer.engines()[params["engine"]], values)
    return add_speech(services, {**params, "parameters": params["parameters"] | used, "client": client})


async def made(services: Services, job: Job, name: str) -> str:
    """Where the sound of `job` can be had, once it is there: `/audio/`, `name` and the job's id.

    Raises Problem `job_without_sound`, `job_wait_expired`.
    """
    done = await ended(services, job.id, LONGEST_S)
    if done.status != "completed":
        raise Problem("job_without_sound", job_id=job.id, status=done.status)
    return f"/audio/{plain_name(name)}_{job.id}{SUFFIX}"
