"""RVC voice conversion models (base API B3): taken in with a verdict, heard, measured, rated."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from starlette.responses import FileResponse

from app.api.bodies import JSON, MULTIPART, Body, Upload, body_of, documented
from app.api.languages import Language, primary_of
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.streaming import Sound, made_whole
from app.api.times import iso
from app.api.uploads import plain_name
from app.api.voices import SAMPLE_SEED, SAMPLE_TEXTS, first_voice
from app.api.wav_file import WavFile

if TYPE_CHECKING:
    from app.storage.rvc_models import StoredModel
    from app.tasks.rvc_models import RvcModels

Sort = Literal["name", "created_at", "file_size_mb"]
CONVERTER = "rvc"
ModelName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class NewModel(Body):
    """`pth_file`: a voice as RVC's trainers export it; `index_file`: faiss' index of its features."""

    name: ModelName
    description: Annotated[str, Field(max_length=500)] = ""
    pth_file: Upload
    index_file: Upload | None = None


class Rating(Body):
    """What the owner thinks of a model; it stays on this machine."""

    stars: Annotated[int, Field(ge=1, le=5)]
    review: Annotated[str | None, Field(max_length=2000)] = None


class ReasonView(BaseModel):
    code: str
    message: str
    is_error: bool


class Validation(BaseModel):
    """`status`: valid, valid_with_warnings or invalid."""

    status: Literal["valid", "valid_with_warnings", "invalid"]
    reasons: list[ReasonView]
    checked_at: str


class RvcModelView(BaseModel):
    """`version`, `sample_rate` and the like are what the file says; `usage_count` is of requests that were accepted."""

    id: str
    name: str
    description: str
    pth_file: str
    index_file: str | None
    created_at: str
    file_size_mb: float
    validation: Validation
    version: str | None
    sample_rate: int | None
    has_f0: bool | None
    index_features: int | None
    usage_count: int
    last_used_at: str | None
    rating: int | None
    review: str | None


class RvcModelList(BaseModel):
    total: int
    models: list[RvcModelView]


class RvcStats(BaseModel):
    total_models: int
    models_with_index: int
    total_size_bytes: int
    total_size_mb: float


class RvcDeleted(BaseModel):
    message: str
    model_id: str


class ModelUsage(BaseModel):
    model_id: str
    name: str
    total: int
    jobs: int
    conversions: int
    previews: int
    last_used_at: str


class DayUsage(BaseModel):
    day: str
    total: int


class RvcUsage(BaseModel):
    """Accepted requests of the last `days`, most used first; days are UTC."""

    days: int
    total: int
    models: list[ModelUsage]
    per_day: list[DayUsage]


def add_model(
    services: Wired, reader: Language, body: Annotated[NewModel, Depends(body_of(NewModel, MULTIPART))]
) -> RvcModelView:
    """Raises Problem `rvc_suffix`, `rvc_name_taken`, `rvc_refused`; SpeechError `engine_not_installed`."""
    from app.tasks.rvc_models import UploadedFile

    services.synthesizer.registry.converter(CONVERTER).install.check_packages("RVC")
    pth = UploadedFile(plain_name(body.pth_file.filename), body.pth_file.file)
    given = body.index_file
    index = UploadedFile(plain_name(given.filename), given.file) if given else None
    return _view(models_of(services).take_in(body.name, body.description, pth, index, reader), reader)


def list_models(services: Wired, reader: Language, sort_by: Sort = "created_at") -> RvcModelList:
    found = [_view(model, reader) for model in models_of(services).store.all(sort_by)]
    return RvcModelList(total=len(found), models=found)


def stats(services: Wired) -> RvcStats:
    found = models_of(services).store.all()
    size = sum(model.size_bytes for model in found)
    with_index = sum(model.index_file is not None for model in found)
    return RvcStats(
        total_models=len(found), models_with_index=with_index, total_size_bytes=size, total_size_mb=_mb(size)
    )


def one_model(services: Wired, reader: Language, model_id: str) -> RvcModelView:
    return _view(models_of(services).store.get(model_id), reader)


def delete_model(services: Wired, model_id: str) -> RvcDeleted:
    models_of(services).delete(model_id)
    services.samples.delete(model_id)
    services.note("rvc_model_deleted", model_id)
    return RvcDeleted(message="RVC model deleted", model_id=model_id)


def validate(services: Wired, reader: Language, model_id: str) -> RvcModelView:
    """The model's files looked through again, and tried."""
    return _view(models_of(services).validate(model_id), reader)


def rate(
    services: Wired, reader: Language, model_id: str, body: Annotated[Rating, Depends(body_of(Rating, JSON))]
) -> RvcModelView:
    """Stars and a review, over those that were there."""
    return _view(models_of(services).store.change(model_id, rating=body.stars, review=body.review), reader)


def preview(services: Wired, reader: Language, model_id: str, language: str | None = None) -> FileResponse:
    """A sample sentence, spoken by the default engine and converted; made when first asked for, then kept.

    Raises Problem `rvc_model_unknown`, `engine_without_voices`, and `over_capacity`, `too_many_requests` while there is
    none yet; SpeechError `language_not_spoken`, `model_missing`.
    """
    from speech.synthesis import ConversionAsked, match_language

    models = models_of(services)
    models.store.get(model_id)
    synthesizer = services.synthesizer
    synthesizer.check_converter(CONVERTER)
    engine = synthesizer.choose_engine().engine
    info = synthesizer.engines()[engine]
    spoken = match_language(language or reader, info)
    primary = primary_of(spoken)
    named = (voice.voice_id for voice in synthesizer.voices_of(engine) if voice.language == spoken)
    voice_id = next(named, None) or first_voice(services, engine, primary)
    plan = synthesizer.plan(
        SAMPLE_TEXTS.get(primary, SAMPLE_TEXTS["en"]),
        engine=engine,
        language=spoken,
        voice=voice_id,
        seed=SAMPLE_SEED if info.is_seeded else None,
        conversion=ConversionAsked(CONVERTER, model_id),
    )
    path = services.samples.path(model_id, f"{spoken}-{voice_id}.wav")
    if not path.exists():
        wav = made_whole(Sound(services, plan, "wav", is_whole=True))
        temporary = services.samples.temporary(model_id, token_hex(8), ".wav")
        temporary.write_bytes(wav)
        services.samples.publish(temporary, path.name)
    models.store.used(model_id, "preview")
    return FileResponse(path, media_type="audio/wav", filename=f"{model_id}_{spoken}.wav")


def rvc_usage(services: Wired, days: Annotated[int, Query(ge=1, le=365)] = 30) -> RvcUsage:
    used = models_of(services).store.usage(time.time() - days * 86400)
    by_model: dict[str, list[tuple[str, str, float]]] = {}
    for model_id, name, purpose, at in used:
        by_model.setdefault(model_id, []).append((name, purpose, at))
    found = [_usage_of(model_id, rows) for model_id, rows in by_model.items()]
    per_day = Counter(iso(at)[:10] for *_, at in used)
    return RvcUsage(
        days=days,
        total=len(used),
        models=sorted(found, key=lambda one: (-one.total, one.name)),
        per_day=[DayUsage(day=day, total=total) for day, total in sorted(per_day.items())],
    )


def models_of(services: Services) -> RvcModels:
    from app.storage.rvc_models import RvcModelStore
    from app.tasks.rvc_models import RvcModels

    return RvcModels(RvcModelStore(services.database, services.caller), services.settings.rvc_path)


def _usage_of(model_id: str, rows: list[tuple[str, str, float]]) -> ModelUsage:
    counted = Counter(purpose for _, purpose, _ in rows)
    return ModelUsage(
        model_id=model_id,
        name=rows[0][0],
        total=len(rows),
        jobs=counted["job"],
        conversions=counted["conversion"],
        previews=counted["preview"],
        last_used_at=iso(max(at for *_, at in rows)),
    )


def _view(model: StoredModel, reader: str) -> RvcModelView:
    from app.tasks.rvc_models import said, verdict_of

    verdict = verdict_of(model)
    status = "valid_with_warnings" if verdict.reasons else "valid"
    reasons = [ReasonView(code=r.code, message=said(r, reader), is_error=r.is_error) for r in verdict.reasons]
    about: Mapping[str, Any] = verdict.about
    return RvcModelView(
        id=model.model_id,
        name=model.name,
        description=model.description,
        pth_file=model.pth_file,
        index_file=model.index_file,
        created_at=iso(model.created_at),
        file_size_mb=_mb(model.size_bytes),
        validation=Validation.model_validate(
            {
                "status": status if verdict.is_usable else "invalid",
                "reasons": reasons,
                "checked_at": iso(model.checked_at),
            }
        ),
        version=about.get("version"),
        sample_rate=about.get("sample_rate"),
        has_f0=about.get("has_f0"),
        index_features=about.get("index_features"),
        usage_count=model.uses,
        last_used_at=iso(model.last_used_at),
        rating=model.rating,
        review=model.review,
    )


def _mb(size: int) -> float:
    return round(size / 2**20, 2)


def _router(prefix: str, name: str) -> APIRouter:
    made = APIRouter(prefix=prefix, tags=["rvc"], dependencies=[Depends(known_query)])
    body, rating = ({"openapi_extra": documented(*of)} for of in ((NewModel, MULTIPART), (Rating, JSON)))
    wav: dict[str, Any] = {"response_class": WavFile, "response_model": None}
    routes: tuple[tuple[str, str, str, Callable[..., Any], dict[str, Any]], ...] = (
        ("POST", "", "Upload an RVC model", add_model, {"status_code": 201} | body),
        ("GET", "", "RVC models", list_models, {}),
        ("GET", "/stats", "Size of all RVC models", stats, {}),
        ("GET", "/{model_id}", "One RVC model", one_model, {}),
        ("DELETE", "/{model_id}", "Delete an RVC model", delete_model, {}),
        ("POST", "/{model_id}/validate", "Look through an RVC model again", validate, {}),
        ("GET", "/{model_id}/preview", "A sample sentence by an RVC model, as WAV", preview, wav),
        ("PUT", "/{model_id}/rating", "Rate an RVC model", rate, rating),
    )
    for method, path, summary, endpoint, more in routes:
        last = path.replace("/", "_").replace("{", "").replace("}", "")
        operation_id = f"{method.lower()}_{name}{last}"
        made.add_api_route(path, endpoint, methods=[method], summary=summary, operation_id=operation_id, **more)
    return made


def _analytics() -> APIRouter:
    made = APIRouter(prefix="/analytics", tags=["analytics"], dependencies=[Depends(known_query)])
    made.add_api_route("/rvc-usage", rvc_usage, summary="Uses of RVC models")
    return made


routers = (_router("/rvc-models", "rvc_models"), _router("/rvc/models", "rvc_models_alias"), _analytics())
