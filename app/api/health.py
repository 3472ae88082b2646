"""Whether the service works (base API B5): every answer is looked at when asked, and loads nothing."""

from __future__ import annotations

import os
import re
import shutil
from typing import Literal

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel

from app import VERSION
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.host.client import HostedSynthesizer, HostState
from app.host.memory import proportional_bytes
from app.jobs.presence import why_away, workers_of
from app.observability.metrics import CONTENT_TYPE
from app.texts import render
from speech.engines.base import ConverterInfo, EngineInfo
from speech.errors import SpeechError

router = APIRouter(tags=["health"], dependencies=[Depends(known_query)])

UNSERVED_S = 30.0  # that a job waits in a queue where nothing runs: a process comes within a few
DISK_WARN, DISK_FAIL = 10.0, 5.0  # percent free
Status = Literal["healthy", "degraded", "unhealthy"]
Level = Literal["ok", "warn", "fail"]
STATUS_OF: dict[Level, Status] = {"ok": "healthy", "warn": "degraded", "fail": "unhealthy"}


class Check(BaseModel):
    status: Level
    detail: str


class DiskCheck(Check):
    free_percent: float
    free_bytes: int


class Checks(BaseModel):
    database: Check
    redis: Check
    disk: DiskCheck
    workers: Check
    engine: Check


class Alive(BaseModel):
    status: Literal["alive"]


class Ready(BaseModel):
    ready: bool
    checks: dict[str, Level]


class Health(BaseModel):
    status: Status
    version: str
    checks: Checks


class EngineHealth(BaseModel):
    name: str
    title: str
    status: Status
    available: bool
    detail: str
    is_default: bool
    loaded: bool
    device: str | None  # what it runs on, or would; null where only its load can tell
    precision: str | None  # of its weights, once they are loaded; null where it has no choice
    device_requested: str
    sample_rate: int
    languages: list[str]
    can_clone: bool
    voice_source: Literal["fit", "reference", "none"]  # how a voice that is not stock comes to it
    licence: str
    licence_url: str | None
    is_commercial: bool
    missing_models: list[str]


class ConverterHealth(BaseModel):
    name: str
    title: str
    available: bool
    detail: str
    needs_text: bool
    languages: list[str]
    parameters: list[str]
    licence: str
    is_commercial: bool


class HostView(BaseModel):
    """A process that holds engines: `answers` false where it does not say what; `memory_bytes` in shares (PSS)."""

    name: str
    answers: bool
    pid: int | None = None
    memory_bytes: int | None = None
    loaded: list[str] = []
    weights_bytes: int | None = None


class EnginesHealth(BaseModel):
    status: Status
    engines: list[EngineHealth]
    converters: list[ConverterHealth]
    hosts: list[HostView]


@router.get(
    "/health", summary="Database, Redis, disk, workers and the default engine", responses={503: {"model": Health}}
)
def health(services: Wired, response: Response) -> Health:
    checks = Checks(
        database=_database(services),
        redis=_redis(services),
        disk=_disk(services),
        workers=_workers(services),
        engine=_engine(services),
    )
    levels: list[Level] = [getattr(checks, name).status for name in Checks.model_fields]
    status: Status = STATUS_OF[_worst(levels)]
    response.status_code = 503 if status == "unhealthy" else 200
    return Health(status=status, version=VERSION, checks=checks)


@router.get("/health/live", summary="Whether this process answers")
async def live() -> Alive:
    return Alive(status="alive")


@router.get("/health/ready", summary="Whether it can take work", responses={503: {"model": Ready}})
def ready(services: Wired, response: Response) -> Ready:
    """The database answers, and the disk is not full."""
    checks = {"database": _database(services).status, "disk": _disk(services).status}
    is_ready = "fail" not in checks.values()
    response.status_code = 200 if is_ready else 503
    return Ready(ready=is_ready, checks=checks)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(services: Wired) -> Response:
    return Response(services.metrics.text(), media_type=CONTENT_TYPE)


@router.get("/health/engines", summary="Each engine: installed, loaded, what it speaks")
def engines_health(services: Wired) -> EnginesHealth:
    hosts = _hosts(services)
    devices = {name: device for host in hosts if host.pool for name, device in host.pool.devices.items()}
    precisions = {name: one for host in hosts if host.pool for name, one in host.pool.precisions.items()}
    views = [
        _engine_health(services, info, devices.get(name), precisions.get(name))
        for name, info in services.synthesizer.engines().items()
    ]
    has_default = any(view.is_default and view.available for view in views)
    usable = services.synthesizer.usable_engines()
    has_all = all(view.available for view in views if view.name in usable)
    status = "unhealthy" if not has_default else STATUS_OF["ok" if has_all else "warn"]
    converters = [_converter_health(services, name, info) for name, info in services.synthesizer.converters().items()]
    return EnginesHealth(
        status=status, engines=views, converters=converters, hosts=[_host_view(host) for host in hosts]
    )


def _hosts(services: Services) -> list[HostState]:
    """The engine hosts, or this process where it speaks itself."""
    synthesizer = services.synthesizer
    if isinstance(synthesizer, HostedSynthesizer):
        return synthesizer.hosts()
    return [HostState("this process", os.getpid(), proportional_bytes(), synthesizer.pool_stats())]


def _host_view(host: HostState) -> HostView:
    pool = host.pool
    return HostView(
        name=host.name,
        answers=pool is not None,
        pid=host.pid,
        memory_bytes=host.memory_bytes,
        loaded=[re.sub(r" /.*/", " ", name) for name in pool.loaded] if pool else [],  # no path of weights
        weights_bytes=pool.memory_bytes if pool else None,
    )


def _converter_health(services: Services, name: str, info: ConverterInfo) -> ConverterHealth:
    detail = "installed"
    try:
        services.synthesizer.check_converter(name)
    except SpeechError as error:
        detail = render(f"error.{error.code}", "en", error.values)
    return ConverterHealth(
        name=name,
        title=info.title,
        available=detail == "installed",
        detail=detail,
        needs_text=info.needs_text,
        languages=list(info.languages),
        parameters=[parameter.name for parameter in info.parameters],
        licence=info.licence,
        is_commercial=info.is_commercial,
    )


def _worst(levels: list[Level]) -> Level:
    order: list[Level] = ["ok", "warn", "fail"]
    return max(levels, key=order.index)


def _database(services: Services) -> Check:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with services.database.read() as connection:
            connection.execute(text("SELECT count(*) FROM jobs"))
    except SQLAlchemyError as error:
        return Check(status="fail", detail=str(error.__cause__ or error))
    return Check(status="ok", detail="answers")


def _disk(services: Services) -> DiskCheck:
    usage = shutil.disk_usage(services.settings.data_dir)
    free = 100 * usage.free / usage.total
    level: Level = "fail" if free <= DISK_FAIL else "warn" if free <= DISK_WARN else "ok"
    detail = f"{free:.1f} % free; warns at {DISK_WARN:g} %, fails at {DISK_FAIL:g} %"
    return DiskCheck(status=level, detail=detail, free_percent=round(free, 1), free_bytes=usage.free)


def _redis(services: Services) -> Check:
    """Without it limits count in each process alone, and jobs that Celery gives out wait."""
    settings = services.settings
    if not settings.redis_url:
        return Check(status="ok", detail="not used (PAPAGAIO_REDIS_URL is empty)")
    why = why_away(settings.redis_url)
    if not why:
        return Check(status="ok", detail="answers")
    return Check(status="fail" if settings.jobs == "celery" else "warn", detail=why)


def _workers(services: Services) -> Check:
    """Those that speak, and whether somebody takes what waits in the other queues, whose processes come for a job."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.jobs.claim import unserved

    found = _speaking_workers(services)
    try:
        waits = unserved(services.database, UNSERVED_S)
    except SQLAlchemyError:  # told by the check of the database
        return found
    told = [f"{queue}: a job waits for {seconds:.0f} s and none runs" for queue, seconds in sorted(waits.items())]
    return Check(status=_worst([found.status, "warn" if told else "ok"]), detail="; ".join([found.detail, *told]))


def _speaking_workers(services: Services) -> Check:
    wanted = services.settings.workers
    if wanted == 0:
        return _workers_elsewhere(services)
    running = len(services.driver.processes("cpu")) if services.driver else 0
    level: Level = "ok" if running == wanted else "warn" if running else "fail"
    return Check(status=level, detail=f"{running} of {wanted} running")


def _workers_elsewhere(services: Services) -> Check:
    settings = services.settings
    detail = "this service keeps no worker (PAPAGAIO_WORKERS=0)"
    if settings.jobs != "celery":  # nobody says who else looks into the table
        return Check(status="warn", detail=f"{detail}; others must run the jobs")
    count = workers_of(settings.redis_url, "cpu")
    if count:
        return Check(status="ok", detail=f"{detail}; {count} running elsewhere")
    known = "Redis, which knows of the others, does not answer" if count is None else "and none runs elsewhere"
    return Check(status="warn", detail=f"{detail}; {known}")


def _engine(services: Services) -> Check:
    name = services.synthesizer.default_engine().engine
    if name not in services.synthesizer.engines():
        return Check(status="fail", detail=f"the default engine {name} is not built")
    missing, lack = _missing(services, name), services.synthesizer.lack(name)
    detail = _pull(missing) or (render(f"error.{lack.code}", "en", lack.values) if lack else f"{name} is installed")
    return Check(status="fail" if lack else "ok", detail=detail)


def _missing(services: Services, engine: str) -> list[str]:
    return [name for name in services.synthesizer.models_of(engine) if not services.models.is_installed(name)]


def _pull(missing: list[str]) -> str:
    return "; ".join(f"papagaio models pull {name}" for name in missing)


def _engine_health(services: Services, info: EngineInfo, device: str | None, precision: str | None) -> EngineHealth:
    missing = _missing(services, info.name)
    lack = services.synthesizer.lack(info.name)
    return EngineHealth(
        name=info.name,
        title=info.title,
        status="unhealthy" if lack else "healthy",
        available=lack is None,
        detail=_pull(missing) or (render(f"error.{lack.code}", "en", lack.values) if lack else "installed"),
        is_default=info.name == services.synthesizer.default_engine().engine,
        loaded=device is not None,
        device=device or (info.devices[0] if len(info.devices) == 1 else None),
        precision=precision or None,
        device_requested=services.synthesizer.asked_device,
        sample_rate=info.sample_rate,
        languages=list(info.languages),
        can_clone=info.can_clone,
        voice_source=services.synthesizer.registry.engine(info.name).voice_source,
        licence=info.licence,
        licence_url=info.licence_url or None,
        is_commercial=info.is_commercial,
        missing_models=missing,
    )
