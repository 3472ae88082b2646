"""A quality profile heard before it is kept: a sentence spoken with values that nobody has stored yet."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.cloning import LanguageTag
from app.api.queries import known_query
from app.api.services import Wired
from app.api.streaming import Sound, SoundResponse
from speech.profiles import checked
from speech.request_checks import MAX_SEED

router = APIRouter(prefix="/quality-profiles", tags=["quality profiles"], dependencies=[Depends(known_query)])


class ProfilePreview(Body):
    """`profile_id`: the engine's default profile, where it is not given; `parameters` go over its values. `language`:
    the voice's own, where it is not given. `seed`: of engines that vary, the same one gives the same sound again."""

    text: Annotated[str, Field(min_length=1, max_length=300)]
    voice_id: Annotated[str, Field(min_length=1, max_length=80)]
    language: LanguageTag | None = None
    profile_id: Annotated[str | None, Field(min_length=1, max_length=80)] = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    seed: Annotated[int | None, Field(ge=0, le=MAX_SEED)] = None


@router.post(
    "/{engine}/preview",
    summary="Hear a profile, or values that are not kept yet, as WAV",
    openapi_extra=documented(ProfilePreview, JSON),
    response_class=SoundResponse,
    status_code=200,
)
def preview(
    services: Wired, engine: str, body: Annotated[ProfilePreview, Depends(body_of(ProfilePreview, JSON))]
) -> SoundResponse:
    """Nothing is kept, and a client that leaves stops the making. Raises Problem `profile_engine_unknown`,
    `profile_not_found`, `over_capacity`; what `speech.profiles.checked`, `Synthesizer.check` and its `plan` raise."""
    name, profiles, synthesizer = engine.lower(), services.profiles, services.synthesizer
    profile = profiles.default(name) if body.profile_id is None else profiles.get(name, body.profile_id)
    table = profiles.engines[name].info.parameters
    values = checked(name, table, {**profile.parameters, **body.parameters})
    synthesizer.check(name)
    plan = synthesizer.plan(
        body.text,
        engine=name,
        language=body.language or "",
        voice=body.voice_id,
        parameters=values,
        seed=body.seed,
        reading=services.reading(),
    )
    return SoundResponse(Sound(services, plan, "wav", is_whole=True))
