"""What the service is and whether it works (base API B5): `/`, `/feature-flags`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from app import VERSION
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import Problem
from speech.errors import SpeechError

router = APIRouter(tags=["system"], dependencies=[Depends(known_query)])


class ServiceInfo(BaseModel):
    """`jobs_kept_h`: hours that a job and its files are kept after its end."""

    service: str
    status: str
    version: str
    default_engine: str
    jobs_kept_h: float


class Flag(BaseModel):
    """`phase` is `ga` for what is built and `disabled` for what is not; nothing is rolled out to a part of users."""

    name: str
    phase: Literal["disabled", "alpha", "beta", "ga"]
    enabled: bool
    rollout_percent: int
    user_id: str | None = None


class Flags(BaseModel):
    flags: list[Flag]
    total: int


@router.get("/", summary="Name, state and version; what a container's health check asks")
async def service(services: Wired) -> ServiceInfo:
    engine = services.synthesizer.default_engine().engine
    return ServiceInfo(
        service="papagaio",
        status="running",
        version=VERSION,
        default_engine=engine,
        jobs_kept_h=services.settings.job_ttl_h,
    )


@router.get("/feature-flags", summary="Feature flags")
async def feature_flags(services: Wired, user_id: str | None = None) -> Flags:
    flags = [_flag(name, built, user_id) for name, built in _built(services).items()]
    return Flags(flags=flags, total=len(flags))


@router.get("/feature-flags/{name}", summary="One feature flag")
async def feature_flag(services: Wired, name: str, user_id: str | None = None) -> Flag:
    built = _built(services)
    if name not in built:
        raise Problem("flag_not_found", name=name, choices=sorted(built))
    return _flag(name, built[name], user_id)


def _built(services: Services) -> dict[str, bool]:
    """What each flag stands for, looked at rather than declared; F5 has its references written down by whisper."""
    return {
        "f5tts_engine": "f5tts" in services.synthesizer.usable_engines(),
        "auto_transcription": "f5tts" in services.synthesizer.usable_engines() and _hears(services),
        "quality_profiles": bool(services.profiles.engines),
    }


def _hears(services: Services) -> bool:
    try:
        services.synthesizer.check_listening()
    except SpeechError:
        return False
    return True


def _flag(name: str, built: bool, user_id: str | None) -> Flag:
    phase: Literal["disabled", "ga"] = "ga" if built else "disabled"
    return Flag(name=name, phase=phase, enabled=built, rollout_percent=100 if built else 0, user_id=user_id)
