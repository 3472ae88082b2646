"""The one place that wires the service: `create_app` for tests and ASGI servers, `serve` for people."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

from fastapi import FastAPI
from starlette.routing import BaseRoute

from app import VERSION
from app.api import (
    admin,
    analytics,
    auth,
    batch,
    cloning,
    comparisons,
    components,
    conversion,
    events,
    feedback,
    finetune,
    gallery,
    health,
    job_bulk,
    jobs,
    languages,
    morphing,
    page,
    profile_preview,
    profiles,
    reference,
    rvc,
    sound,
    sound_shares,
    system,
    text,
    training,
    training_dataset,
    training_estimate,
    training_evidence,
    training_inference,
    training_samples,
    voice_shares,
    voices,
)
from app.api.compat import (
    alltalk,
    alltalk_voices,
    elevenlabs,
    gpt_sovits,
    openai,
    openai_listening,
    openai_voices,
    xtts_server,
)
from app.api.compat.speaking import detail_envelope
from app.api.compression import JsonCompression
from app.api.guards import Guards
from app.api.problems import RESPONSES, install
from app.api.services import Services
from app.api.sockets import PATH as SOCKETS_PATH
from app.api.sockets import Sockets
from app.errors import Problem
from app.observability.logging import configure
from app.settings import Settings, is_loopback

SHUTDOWN_S = 3  # what open streams get to end in
ROUTERS = (
    system.router,
    health.router,
    languages.router,
    batch.router,
    job_bulk.router,
    jobs.router,
    sound.router,
    cloning.router,
    conversion.router,
    components.router,
    voices.router,
    voice_shares.router,
    profiles.router,
    profile_preview.router,
    text.router,
    morphing.router,
    gallery.router,
    *rvc.routers,
    finetune.router,
    sound_shares.router,
    training.router,
    training_estimate.router,
    training_evidence.router,
    training_inference.router,
    comparisons.router,
    training_samples.router,
    training_dataset.router,
    events.router,
    admin.router,
    analytics.router,
    auth.router,
    feedback.router,
    openai.router,
    openai_listening.router,
    openai_voices.router,
    elevenlabs.router,
    xtts_server.router,
    xtts_server.whole_router(),
    alltalk.router,
    alltalk_voices.router,
    gpt_sovits.router,
    page.router,
    reference.router,
)


def create_app(settings: Settings, *, supervised: bool = False) -> FastAPI:
    """The service on the data folder of `settings`, its database migrated. `supervised`: with worker processes.

    Raises Problem `unsupported_database`; while it starts, `data_dir_in_use`.
    """
    from app.wiring import wire  # brings the database layer, which importing this module does not need

    services = wire(settings, supervised)
    app = FastAPI(
        title="Papagaio", version=VERSION, docs_url=None, redoc_url=None, lifespan=_lifespan, responses=RESPONSES
    )
    app.state.services = services
    # /v1/finetune is ours in the base API; the rest of /v1 is other people's.
    install(
        app,
        {openai.PREFIX: openai.envelope, "/v1/finetune": None}
        | {prefix: elevenlabs.envelope for prefix in elevenlabs.PREFIXES}
        | {prefix: alltalk.envelope for prefix in alltalk.PREFIXES}
        | {prefix: gpt_sovits.envelope for prefix in gpt_sovits.PREFIXES}
        | {prefix: detail_envelope for prefix in xtts_server.PREFIXES},
    )
    hosts = {*settings.allowed_hosts, *([] if _is_any(settings.host) else [settings.host])}
    app.add_middleware(JsonCompression)
    app.add_middleware(
        Guards,
        allowed_hosts=hosts,
        max_body_bytes=int(settings.max_body_mb * 1e6),
        allowed_origins=settings.allowed_origins,
    )
    app.router.routes.extend(_routes())
    app.state.sockets = Sockets(services)
    app.mount(SOCKETS_PATH, app.state.sockets)
    return app


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Those of `ROUTERS`, which all services of a process share: FastAPI works out the parameters of each one anew for
    every application that includes its router, when it is first asked."""
    shared = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, responses=RESPONSES)
    for router in ROUTERS:
        shared.include_router(router)
    return tuple(shared.routes)


def serve(settings: Settings) -> None:
    """Listen until a signal comes. Raises Problem `host_open_refused` for an address that others can reach while there
    is no account, `secret_weak`."""
    import uvicorn

    configure(settings.log_level, settings.log_format)
    is_open = not is_loopback(settings.host)
    if is_open and not settings.data_dir.exists():  # leave none
        raise Problem("host_open_refused", host=settings.host)
    app = create_app(settings, supervised=True)
    services: Services = app.state.services
    if is_open and not services.identity.accounts.has_any():
        services.database.close()
        raise Problem("host_open_refused", host=settings.host)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # app.api.guards tells each request, by its route
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    if services.driver is not None:
        services.driver.start()
    services.synthesizer.warm_up()
    try:
        yield
    finally:
        await app.state.sockets.close()
        if services.driver is not None:
            services.driver.stop()
        services.synthesizer.close()
        services.database.close()


def _is_any(host: str) -> bool:
    """Whether `host` means every address, and so is no name that a client would send."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return False
