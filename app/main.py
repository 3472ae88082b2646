"""The one place that wires the service: `create_app` for tests and ASGI servers, `serve` for people."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI

from app import VERSION
from app.api import (
    admin,
    events,
    finetune,
    health,
    jobs,
    languages,
    page,
    profiles,
    reference,
    rvc,
    sound,
    system,
    voices,
)
from app.api.compat import openai
from app.api.guards import Guards
from app.api.problems import RESPONSES, install
from app.api.services import Services
from app.errors import Problem
from app.jobs.events import EventLog
from app.jobs.store import JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.profiles import ProfileStore
from app.tasks import speaker_of
from speech.models import ModelStore
from speech.profiles import PARAMETERS

if TYPE_CHECKING:
    from app.jobs.embedded import Supervisor

SHUTDOWN_S = 3  # what open streams get to end in
ROUTERS = (
    system.router,
    health.router,
    languages.router,
    jobs.router,
    sound.router,
    voices.router,
    profiles.router,
    *rvc.routers,
    finetune.router,
    events.router,
    admin.router,
    openai.router,
    page.router,
    reference.router,
)


def create_app(settings: Settings, *, supervised: bool = False) -> FastAPI:
    """The service on the data folder of `settings`, its database migrated. `supervised`: with worker processes.

    Raises Problem `unsupported_database`; while it starts, `data_dir_in_use`.
    """
    services = wire(settings, supervised)
    app = FastAPI(
        title="Papagaio", version=VERSION, docs_url=None, redoc_url=None, lifespan=_lifespan, responses=RESPONSES
    )
    app.state.services = services
    # /v1/finetune is ours in the base API; the rest of /v1 is OpenAI's contract.
    install(app, {prefix: openai.envelope for prefix in ("/v1/audio/", "/v1/models")})
    hosts = {*settings.allowed_hosts, *([] if _is_any(settings.host) else [settings.host])}
    app.add_middleware(Guards, allowed_hosts=hosts, max_body_bytes=int(settings.max_body_mb * 1e6))
    for router in ROUTERS:
        app.include_router(router)
    return app


def wire(settings: Settings, supervised: bool) -> Services:
    """Everything the routes work with; makes the data folder and the tables."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    database.migrate()
    files = Files(settings.data_dir / "jobs")
    speaker = speaker_of(settings)
    parameters = {**PARAMETERS, **{name: info.parameters for name, info in speaker.engines().items()}}
    return Services(
        settings=settings,
        database=database,
        jobs=JobStore(database),
        events=EventLog(database),
        files=files,
        samples=Files(settings.data_dir / "samples"),
        profiles=ProfileStore(database, parameters),
        models=ModelStore(settings.models_path),
        speaker=speaker,
        supervisor=_supervisor(settings, database, files) if supervised else None,
    )


def _supervisor(settings: Settings, database: Database, files: Files) -> Supervisor:
    from app.jobs.embedded import Supervisor  # brings multiprocessing, which only a service with workers needs

    return Supervisor(settings, database, files)


def serve(settings: Settings) -> None:
    """Listen until a signal comes. Raises Problem `host_open_refused` for an address that others can reach."""
    import uvicorn

    if not settings.allow_open and not _is_loopback(settings.host):
        raise Problem("host_open_refused", host=settings.host)
    app = create_app(settings, supervised=True)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level.lower(),
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    if services.supervisor is not None:
        services.supervisor.start()
    try:
        yield
    finally:
        if services.supervisor is not None:
            services.supervisor.stop()
        services.speaker.close()
        services.database.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _is_any(host: str) -> bool:
    """Whether `host` means every address, and so is no name that a client would send."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False
