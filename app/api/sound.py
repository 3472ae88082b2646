"""The sound of a job: as a file in six formats once it is made, as raw PCM while it is being made."""

from __future__ import annotations

import asyncio
import time
import wave
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response, StreamingResponse

from app.api.file_names import AskedName, attachment
from app.api.jobs import FORMATS, find_sounding, ready
from app.api.queries import known_query
from app.api.services import Fetching, Services
from app.errors import Problem
from app.jobs.job import Job
from app.jobs.kinds import CONVERSION
from app.jobs.wake import Wake
from speech.audio import FORMATS as CODECS
from speech.audio import Audio, encode, from_pcm16

router = APIRouter(prefix="/jobs", tags=["jobs"], dependencies=[Depends(known_query)])

BLOCK_BYTES = 1 << 16
GROWING = "tmp-{token}-*.pcm"  # what a running attempt writes to: Files.temporary(job_id, token, ".pcm")
NO_NEWS_S = 1.0  # a lease may pass to another worker without a commit that this wait sees


@router.get(
    "/{job_id}/download", summary="The sound as a file; waits up to `timeout` seconds for it", response_class=Response
)
async def download(
    services: Fetching,
    job_id: str,
    format: str = "wav",
    timeout: Annotated[float | None, Query(ge=1, le=600, allow_inf_nan=False)] = None,
    name: AskedName = None,
) -> Response:
    """The file is called `name`, or `dubbed_` and the job's id."""
    codec = format.lower()
    if codec not in FORMATS:
        raise Problem("unknown_format", format=format[:80], choices=list(FORMATS))
    job = ready(await ended(services, job_id, timeout))
    path = sound_path(services, job)
    headers = {"Content-Disposition": attachment(f"{name or f'dubbed_{job.id}'}.{codec}")}
    if codec == "wav":
        return FileResponse(path, media_type="audio/wav", headers=headers)
    blocks = finished_sound(services, job, codec)
    first = await run_in_threadpool(next, blocks, b"")  # what fails to encode fails before the status line
    return StreamingResponse(_then(first, blocks), headers=headers, media_type=CODECS[codec].media_type)


@router.get(
    "/{job_id}/stream",
    summary="The sound while it is made: 16 bit mono PCM, its rate in X-Sample-Rate",
    response_class=StreamingResponse,
)
async def stream(request: Request, services: Fetching, job_id: str) -> StreamingResponse:
    job = await run_in_threadpool(find_sounding, services, job_id)
    if job.is_ended:
        ready(job)
    sample_rate = _rate_of(services, job)
    sound = _follow(services, job_id, request.is_disconnected)
    first = await anext(sound, b"")  # what fails before the first sound is answered as an error
    headers = {"X-Sample-Rate": str(sample_rate), "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_rest(first, sound), headers=headers, media_type="audio/pcm")


def _rate_of(services: Services, job: Job) -> int:
    """Of the sound that a job makes: the last converter's, else the engine's."""
    step = job.params.get("conversion")
    if step or job.kind == CONVERSION.name:
        return services.synthesizer.converters()[step["converter"] if step else job.params["engine"]].sample_rate
    return services.synthesizer.engines()[job.params["engine"]].sample_rate


async def ended(
    services: Services,
    job_id: str,
    timeout_s: float | None,
    find: Callable[[Services, str], Job] = find_sounding,
) -> Job:
    """The job when it has ended, or as it is when nobody wants to wait. Raises Problem `job_wait_expired`, and what
    `find` raises."""
    wake = Wake(services.database, services.settings.poll_s)
    deadline = time.monotonic() + (timeout_s or 0)
    while True:
        job = await run_in_threadpool(find, services, job_id)
        if job.is_ended or timeout_s is None:
            return job
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise Problem("job_wait_expired", job_id=job_id, status=job.status, timeout_s=f"{timeout_s:g}")
        await wake.wait_async(left_s)


async def _follow(services: Services, job_id: str, is_gone: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
    """PCM from the first sample to the last, across attempts: a later one makes the same sound again.

    Raises Problem `job_without_sound` when the job fails, is cancelled or deleted.
    """
    wake = Wake(services.database, services.settings.poll_s)
    sent = 0
    while True:
        job = await run_in_threadpool(services.jobs.get, job_id)
        while block := await run_in_threadpool(_read, services, job, sent):
            sent += len(block)
            yield block
        if job.status == "completed":
            return
        if job.is_ended:
            ready(job)
        if job.status == "processing":  # sentences come between the commits of their progress
            await asyncio.sleep(services.settings.poll_s)
        elif await is_gone():
            return
        else:
            await wake.wait_async(NO_NEWS_S)


def _read(services: Services, job: Job, start: int) -> bytes:
    """Up to BLOCK_BYTES of PCM from byte `start`, whole samples only; none when there are no more yet."""
    if job.status == "completed":
        return _of_wav(sound_path(services, job), start)
    path = _growing(services, job)
    if path is None:
        return b""
    try:
        with path.open("rb") as file:
            file.seek(start)
            data = file.read(BLOCK_BYTES)
    except FileNotFoundError:  # the attempt ended between the look and the opening
        return b""
    return data[: len(data) // 2 * 2]


def _growing(services: Services, job: Job) -> Path | None:
    if job.status != "processing" or job.lease_token is None:
        return None
    folder = services.files.path(job.id, "any").parent
    return next(iter(folder.glob(GROWING.format(token=job.lease_token))), None)


def sound_path(services: Services, job: Job) -> Path:
    """The finished WAV. Raises Problem `sound_missing`."""
    assert job.result is not None and job.lease_token is not None
    path = services.files.published_path(job.id, job.lease_token, job.result["output"])
    if not path.is_file():
        raise Problem("sound_missing", job_id=job.id)
    return path


def finished_sound(services: Services, job: Job, format_name: str) -> Iterator[bytes]:
    """The sound of a completed job in one of FORMATS. Raises Problem `sound_missing` before the first block."""
    path = sound_path(services, job)
    if format_name == "wav":
        return _file_blocks(path)
    return encode(_blocks(path), format_name, _sample_rate(path), (job.result or {}).get("tags", {}))


def _file_blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _of_wav(path: Path, start: int) -> bytes:
    with wave.open(str(path), "rb") as sound:
        if start // 2 >= sound.getnframes():
            return b""
        sound.setpos(start // 2)
        return sound.readframes(BLOCK_BYTES // 2)


def _sample_rate(path: Path) -> int:
    with wave.open(str(path), "rb") as sound:
        return sound.getframerate()


def _blocks(path: Path) -> Iterator[Audio]:
    """The finished sound, half a second or so at a time, so that hours of it need no memory."""
    rate, start = _sample_rate(path), 0
    while data := _of_wav(path, start):
        start += len(data)
        yield from_pcm16(data, rate)


def _then(first: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks


async def _rest(first: bytes, sound: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for block in sound:
        yield block
