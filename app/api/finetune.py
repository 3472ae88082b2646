"""The six routes of `/v1/finetune` (base API B6), by the same functions as `/training`.

A checkpoint's name here is RUN.STEP, since it stands in one segment of a path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field
from starlette.responses import FileResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.streaming import Sound, made_whole
from app.api.times import iso
from app.api.wav_file import WavFile
from app.errors import Problem
from app.texts import render
from speech.errors import SpeechError

if TYPE_CHECKING:
    from speech.plan import Plan
    from speech.voices import Voice

router = APIRouter(prefix="/v1/finetune", tags=["finetune"], dependencies=[Depends(known_query)])

MODEL_TYPE = "xtts_v2"
MB = 1 << 20


class FinetuneSynthesis(Body):
    """`checkpoint`: RUN.STEP; null: the network as it came. `speaker_wav`: path of a recording below the service's
    folder of datasets, such as `main/MyTTSDataset/wavs/a.wav`; null: clips of the checkpoint's dataset, or of the
    network as it came the first of its own speakers. `temperature`: the base API's range; what is below the engine's
    least, 0.1, is not spoken."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    language: str = "pt"
    checkpoint: str | None = None
    speaker_wav: str | None = None
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    temperature: Annotated[float, Field(ge=0.0, le=1.0)] = 0.75


class FinetuneCheckpoint(BaseModel):
    name: str
    path: str  # below the data folder
    size_mb: float
    created_at: str
    global_step: int
    val_loss: float
    is_best: bool


class FinetuneCheckpoints(BaseModel):
    checkpoints: list[FinetuneCheckpoint]
    total: int


class FinetuneCheckpointDetail(FinetuneCheckpoint):
    """`train_loss`: the mean of the steps since the validation before, as `/training/checkpoints` tells it; null where
    the curve is lost. `config`: sections of train_config.yaml."""

    train_loss: float | None
    config: dict[str, Any]


class FinetuneSpoken(BaseModel):
    """`audio_path`: where to get the sound, for a day. `error`: why there is none."""

    success: bool
    audio_path: str | None = None
    duration_seconds: float | None = None
    error: str | None = None


class FinetuneModel(BaseModel):
    model_type: str
    checkpoint: str | None
    device: str
    sample_rate: int
    languages: list[str]
    checkpoint_step: int | None = None
    checkpoint_val_loss: float | None = None


class FinetuneDeleted(BaseModel):
    success: bool
    message: str


@router.get("/checkpoints", summary="Fine-tuned checkpoints, the newest first")
def checkpoints(services: Wired) -> FinetuneCheckpoints:
    found = [_view(one) for one in services.training.checkpoints(services.caller)]
    found.sort(key=lambda one: (one.created_at, one.global_step), reverse=True)
    return FinetuneCheckpoints(checkpoints=found, total=len(found))


@router.get("/checkpoints/{checkpoint_name}", summary="One checkpoint")
def checkpoint(services: Wired, checkpoint_name: str) -> FinetuneCheckpointDetail:
    one = _found(services, checkpoint_name)
    return FinetuneCheckpointDetail(
        **_view(one).model_dump(),
        train_loss=one["train_loss"],
        config=services.training.config(one["run"], services.caller),
    )


@router.delete(
    "/checkpoints/{checkpoint_name}",
    summary="Delete a checkpoint",
    responses={403: {"description": "`checkpoint_is_best`: the best of several stays"}},
)
def delete_checkpoint(services: Wired, checkpoint_name: str) -> FinetuneDeleted:
    run, step = _parts(checkpoint_name)
    services.training.delete(run, step, services.caller)
    services.note("checkpoint_deleted", f"{run}/{step}")
    return FinetuneDeleted(success=True, message=f"{checkpoint_name} deleted")


@router.post("/synthesize", summary="Speak with a checkpoint", openapi_extra=documented(FinetuneSynthesis, JSON))
def synthesize(
    request: Request,
    services: Wired,
    reader: Language,
    body: Annotated[FinetuneSynthesis, Depends(body_of(FinetuneSynthesis, JSON))],
) -> FinetuneSpoken:
    """What cannot be spoken is `success: false` with the reason, and a client that leaves stops the making. Raises
    Problem `unknown_run`, `unknown_checkpoint`, `reference_outside`, `over_capacity`, `too_many_requests`, and what is
    not installed."""
    if body.checkpoint:
        services.tuned.check("/".join(_parts(body.checkpoint)), services.caller)
    services.training.check()
    try:
        sound = Sound(services, _plan(services, body), "wav", is_whole=True)
        wav = made_whole(sound, request)
    except SpeechError as error:
        return FinetuneSpoken(success=False, error=render(f"error.{error.code}", reader, error.values))
    name = services.tuned.keep_sound(wav, services.caller)
    return FinetuneSpoken(
        success=True, audio_path=f"/v1/finetune/synthesize/{name}", duration_seconds=round(sound.duration_s, 3)
    )


@router.get("/synthesize/{filename}", summary="A sound made with a checkpoint", response_class=WavFile)
def synthesized(services: Wired, filename: str) -> FileResponse:
    return FileResponse(services.tuned.sound(filename, services.caller), media_type="audio/wav", filename=filename)


@router.get("/model/info", summary="What a checkpoint is")
def model_info(services: Wired, checkpoint: str | None = None) -> FinetuneModel:
    from speech.engines.device import choose

    engine = services.training.engine
    info = services.synthesizer.engines()[engine]
    one = _found(services, checkpoint) if checkpoint else None
    return FinetuneModel(
        model_type=MODEL_TYPE,
        checkpoint=checkpoint,
        device=choose(services.synthesizer.asked_device, info),
        sample_rate=info.sample_rate,
        languages=list(info.languages),
        checkpoint_step=one["step"] if one else None,
        checkpoint_val_loss=one["losses"]["loss"] if one else None,
    )


def _parts(name: str) -> tuple[str, str]:
    """Run and step. Raises Problem `unknown_checkpoint` for what is no name."""
    run, dot, step = name.rpartition(".")
    if not dot or not run:
        raise Problem("unknown_checkpoint", name=name[:80], choices=["RUN.STEP"])
    return run, step


def _found(services: Services, name: str) -> dict[str, Any]:
    run, step = _parts(name)
    services.training.checkpoint(run, step, services.caller)
    kept = services.training.checkpoints(services.caller, run)
    return next(one for one in kept if one["name"] == f"{run}/{step}")


def _view(one: dict[str, Any]) -> FinetuneCheckpoint:
    run, _, step = one["name"].partition("/")
    return FinetuneCheckpoint(
        name=f"{run}.{step}",
        path=f"training/{run}/checkpoints/{step}",
        size_mb=round(one["size_bytes"] / MB, 3),
        created_at=iso(one["created_at"]),
        global_step=one["step"],
        val_loss=one["losses"]["loss"],
        is_best=one["is_best"],
    )


def _plan(services: Services, body: FinetuneSynthesis) -> Plan:
    voice = _voice(services, body)
    return services.synthesizer.plan(
        body.text,
        engine=voice.engine,
        language=body.language,
        voice=voice,
        parameters={"speed": body.speed, "temperature": body.temperature},
        reading=services.reading(),
    )


def _voice(services: Services, body: FinetuneSynthesis) -> Voice:
    """Raises SpeechError `unknown_voice` where nothing says whose voice it is."""
    heard = None if body.speaker_wav is None else _heard(services, body.speaker_wav)
    if body.checkpoint:
        return services.tuned.voice("/".join(_parts(body.checkpoint)), services.caller, heard)
    if heard:
        return services.tuned.base_voice(heard, body.language)
    own = [voice for voice in services.synthesizer.voices_of(services.training.engine) if voice.is_stock]
    if not own:
        raise SpeechError("unknown_voice", voice="–", engine=services.training.engine, choices=["speaker_wav"])
    return own[0]


def _heard(services: Services, path: str) -> Path:
    """Folder of a voice of a recording in one of the caller's datasets. Raises Problem `reference_outside`."""
    root = services.settings.datasets_path.resolve()
    found = (root / path.replace("\0", "?")).resolve()  # no path may hold a NUL
    name = found.relative_to(root).parts[0] if found != root and found.is_relative_to(root) else ""
    if not name or name not in services.datasets.names(services.caller) or not found.is_file():
        raise Problem("reference_outside", path=path[:200])
    with found.open("rb") as file:
        return services.tuned.uploaded(file).resolve()
