"""Checkpoints of fine-tunings heard (plan, part 6.1): loaded, spoken with, compared blind, and kept as voices."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field, model_validator
from starlette.responses import Response

from app.api.bodies import JSON, MULTIPART, Body, Upload, body_of, documented, parsed
from app.api.cloning import Description, Gender, Name, Statement, consented, statement_of
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired, Working
from app.api.streaming import Sound, headers_of, made_whole
from app.api.voices import VoiceProfile, find_voice, profile_of
from app.errors import FieldError, Problem
from app.jobs.kinds import COMPARISON
from speech.request_checks import MAX_SEED
from speech.voices import MANY_LANGUAGES

if TYPE_CHECKING:
    from speech.voices import Voice

router = APIRouter(prefix="/training", tags=["training"], dependencies=[Depends(known_query)])

Checkpoint = Annotated[str, Field(min_length=1, max_length=120)]  # RUN/STEP, or RUN/base
VoiceId = Annotated[str, Field(min_length=1, max_length=80)]
Tag = Annotated[str, Field(max_length=35)]
Seed = Annotated[int, Field(ge=0, le=MAX_SEED)]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
COMPARED_SEED = 1


class Part(Body):
    """A LoRA checkpoint of a blend. In a form it is JSON."""

    checkpoint: Checkpoint
    weight: Annotated[float, Field(ge=0.0, le=2.0)]

    @model_validator(mode="before")
    @classmethod
    def _of_form(cls, value: Any) -> Any:
        return parsed(value.encode()) if isinstance(value, str) else value


Parts = Annotated[list[Part], Field(max_length=8)]


class ToLoad(Body):
    """`checkpoint`, or `checkpoints`: adapters that are added to the network, each times its weight."""

    checkpoint: Checkpoint | None = None
    checkpoints: Parts = []


class LoadedView(BaseModel):
    checkpoint: str
    engine: str
    device: str
    sample_rate: int
    language: str  # of what it learned from; a request that names none is spoken in it
    languages: list[str]
    load_s: float


class ToSynthesize(Body):
    """`checkpoint` or `voice` or both: both is the checkpoint imitating the voice's clips. `checkpoints` in place of
    `checkpoint`: adapters that are added to the network, each times its weight. `speaker_wav`: a recording of 3 to 30 s
    to imitate; without a checkpoint the network does it as it came. A checkpoint alone imitates clips of its dataset,
    several those of the first one's. `language` is the checkpoint's or voice's own where it is not given."""

    text: Text
    checkpoint: Checkpoint | None = None
    checkpoints: Parts = []
    voice: VoiceId | None = None
    speaker_wav: Upload | None = None
    language: Tag = ""
    speed: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    temperature: Annotated[float | None, Field(ge=0.1, le=1.0)] = None
    seed: Seed | None = None


class Side(Body):
    """A checkpoint, which imitates its dataset's clips or those of `voice`; or a voice, spoken by `engine` or its own.
    `RUN/base` is the network before the run."""

    checkpoint: Checkpoint | None = None
    voice: VoiceId | None = None
    engine: Annotated[str | None, Field(max_length=40)] = None


class ToCompare(Body):
    """`test`: "ab" which is better, "abx" which of two the third is, "mos" a score for each. Same texts and, where the
    engine has one, same `seed` for both sides. `measure`: words, likeness and opinion are judged as well."""

    sides: Annotated[list[Side], Field(min_length=2, max_length=2)]
    texts: Annotated[list[Annotated[str, Field(min_length=1, max_length=500)]], Field(min_length=1, max_length=50)]
    test: Literal["ab", "abx", "mos"] = "ab"
    language: Tag = ""
    seed: Seed = COMPARED_SEED
    measure: bool = True


class NewVoice(Body):
    name: Name
    consent: bool | None = None
    consent_statement: Statement = None
    gender: Gender = "unknown"
    description: Description = ""


@router.post("/inference/load", summary="Take a checkpoint into memory", openapi_extra=documented(ToLoad, JSON))
def load(services: Wired, body: Annotated[ToLoad, Depends(body_of(ToLoad, JSON))]) -> LoadedView:
    """Raises Problem `bad_checkpoint_name`, `unknown_run`, `unknown_checkpoint`, SpeechError `blend_of_full`,
    `adapter_other_base`, and what loading raises."""
    voice = _network(services, body)
    if voice is None:
        raise _wrong("checkpoint", "field_missing")
    started = time.perf_counter()
    device = services.synthesizer.load(voice)
    info = services.synthesizer.engines()[voice.engine]
    return LoadedView(
        checkpoint=voice.title,
        engine=voice.engine,
        device=device,
        sample_rate=info.sample_rate,
        language=voice.language,
        languages=list(info.languages),
        load_s=round(time.perf_counter() - started, 3),
    )


@router.post(
    "/inference/synthesize",
    summary="Speak with a checkpoint: WAV",
    response_class=Response,
    openapi_extra=documented(ToSynthesize, JSON, MULTIPART),
)
@router.post(
    "/synthesize",
    summary="As /training/inference/synthesize",
    response_class=Response,
    openapi_extra=documented(ToSynthesize, JSON, MULTIPART),
)
def synthesize(
    request: Request,
    services: Wired,
    body: Annotated[ToSynthesize, Depends(body_of(ToSynthesize, JSON, MULTIPART))],
) -> Response:
    """The whole sound; what was used is in the headers, and where it can be had for a day in `Content-Location`. A
    client that leaves stops the making.

    Raises Problem `over_capacity`, `too_many_requests`, and what planning and speaking raise."""
    voice = _speaking(services, body)
    parameters: dict[str, float | bool] = {} if body.temperature is None else {"temperature": body.temperature}
    if body.speed != 1.0:
        parameters["speed"] = body.speed
    plan = services.synthesizer.plan(
        body.text,
        engine=voice.engine,
        language=body.language,
        voice=voice,
        parameters=parameters,
        seed=body.seed,
        reading=services.reading(),
    )
    wav = made_whole(Sound(services, plan, "wav", is_whole=True), request)
    place = f"/v1/finetune/synthesize/{services.tuned.keep_sound(wav, services.caller)}"
    name = voice.title if body.checkpoint or body.checkpoints else voice.voice_id
    headers = headers_of(plan) | {"X-Papagaio-Voice": name, "Content-Location": place}
    return Response(wav, media_type="audio/wav", headers=headers)


@router.post(
    "/inference/compare",
    status_code=202,
    summary="Have two sides say the same texts, to be compared blind",
    openapi_extra=documented(ToCompare, JSON),
)
def compare(
    services: Working, reader: Language, body: Annotated[ToCompare, Depends(body_of(ToCompare, JSON))]
) -> AnyJob:
    """A job; its session is `GET /training/comparisons/{id}` with the job's id. Everything is checked before."""
    from app.jobs.job import new_job_id
    from app.tasks.comparisons import fields_of

    labels, voices = zip(*(_side(services, side) for side in body.sides), strict=True)
    if labels[0] == labels[1]:
        raise Problem("sides_alike", side=labels[0])
    language = body.language or next((one.language for one in voices if one.language != MANY_LANGUAGES), "")
    for voice, text in ((voice, text) for voice in voices for text in body.texts):
        services.synthesizer.plan(text, engine=voice.engine, language=language, voice=voice)
    characters = len(voices) * sum(map(len, body.texts))
    services.admit(characters)
    services.submit(characters)
    params: dict[str, Any] = {
        "mode": "comparison",
        "characters": characters,
        "test": body.test,
        "labels": list(labels),
        "voices": [fields_of(voice) for voice in voices],
        "texts": body.texts,
        "language": language,
        "seed": body.seed,
        "measure": body.measure,
    }
    job_id = new_job_id()
    services.comparisons.begin(job_id, services.caller)
    return view_of(services.jobs.add(COMPARISON, params, job_id=job_id), reader)


@router.post(
    "/checkpoints/{run}/{step}/voice",
    status_code=201,
    summary="Keep a checkpoint as a voice that every client can use",
    openapi_extra=documented(NewVoice, JSON),
)
def make_voice(
    services: Wired, reader: Language, run: str, step: str, body: Annotated[NewVoice, Depends(body_of(NewVoice, JSON))]
) -> VoiceProfile:
    """Its weights are its own and stay when the checkpoint goes; whose voice it is, it hears in clips of the dataset.

    Raises Problem `consent_missing`, `unknown_run`, `unknown_checkpoint`, `dataset_not_built`; SpeechError
    `voice_exists`, `too_little_speech`.
    """
    from app.tasks.cloning_service import voice_id_of
    from speech.voice_files import Consent
    from train.cloning import CloneOptions

    consented(services, body.consent)
    services.training.checkpoint(run, step, services.caller)
    services.training.check()
    statement = statement_of(services, body.consent, body.consent_statement, reader)
    consent = Consent(statement, datetime.now(UTC).isoformat())
    language = services.training.language(run, services.caller)
    options = CloneOptions(
        voice_id_of(body.name), body.name, language, consent, gender=body.gender, description=body.description
    )
    meta = services.tuned.keep(f"{run}/{step}", options, services.caller)
    services.note("consent_given", meta.voice_id, checkpoint=f"{run}/{step}", statement=statement)
    return profile_of(services, find_voice(services, meta.voice_id))


def _tuned(services: Services, checkpoint: str, voice: str | None = None) -> Voice:
    from app.tasks.tuned_voices import checked_name

    heard = services.tuned.clips_of(find_voice(services, voice).voice_id) if voice else None
    services.tuned.check(checked_name(checkpoint), services.caller)
    return services.tuned.voice(checkpoint, services.caller, heard)


def _network(services: Services, body: ToLoad | ToSynthesize, voice: str | None = None) -> Voice | None:
    """What the checkpoint or the blend that is asked for speaks with; None where neither is. `voice`: whose clips it
    imitates."""
    from app.tasks.tuned_voices import checked_name

    if body.checkpoint and body.checkpoints:
        raise _wrong("checkpoints", "field_not_applicable", reason="checkpoint")
    if body.checkpoint:
        return _tuned(services, body.checkpoint, voice)
    if not body.checkpoints:
        return None
    heard = services.tuned.clips_of(find_voice(services, voice).voice_id) if voice else None
    for part in body.checkpoints:
        services.tuned.check(checked_name(part.checkpoint), services.caller)
    parts = [(part.checkpoint, part.weight) for part in body.checkpoints]
    return services.tuned.blend(parts, services.caller, heard)


def _speaking(services: Services, body: ToSynthesize) -> Voice:
    """Who speaks. Raises Problem `invalid_request` where nothing says whose voice it is."""
    if body.speaker_wav is not None and body.voice:
        raise _wrong("voice", "field_not_applicable", reason="speaker_wav")
    if body.speaker_wav is not None:
        heard = services.tuned.uploaded(body.speaker_wav.file)
        if network := _network(services, body):
            return replace(network, voice_id=heard.name, folder=str(heard.resolve()))
        services.training.check()
        return services.tuned.base_voice(heard.resolve(), MANY_LANGUAGES)
    if network := _network(services, body, body.voice):
        return network
    if body.voice:
        return find_voice(services, body.voice)
    raise _wrong("checkpoint", "field_missing")


def _side(services: Services, side: Side) -> tuple[str, Voice]:
    """How a side is called, and what speaks it."""
    if side.checkpoint:
        if side.engine:
            raise _wrong("sides", "field_not_applicable", reason="checkpoint")
        label = f"{side.checkpoint} ({side.voice})" if side.voice else side.checkpoint
        return label, _tuned(services, side.checkpoint, side.voice)
    if not side.voice:
        raise _wrong("sides", "field_missing")
    voice = find_voice(services, side.voice)
    if side.engine and side.engine != voice.engine:
        spoken = {one.voice_id: one for one in services.synthesizer.voices_of(side.engine)}
        if side.voice not in spoken:
            raise Problem("unknown_voice", voice=side.voice, engine=side.engine, choices=list(spoken))
        voice = spoken[side.voice]
    return f"{voice.voice_id} ({voice.engine})", voice


def _wrong(field: str, code: str, **values: object) -> Problem:
    return Problem("invalid_request", errors=[FieldError(field, code, values)])
