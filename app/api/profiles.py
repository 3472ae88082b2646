"""Quality profiles (base API B4): built-in ones are read, custom ones are made, changed and deleted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import FieldError, Problem
from speech.engines.base import EngineInfo, Parameter
from speech.errors import SpeechError
from speech.processing import STEP_NAMES, SWITCHES, offered
from speech.profiles import QualityProfile

if TYPE_CHECKING:  # the database layer is a third of the import of app.main
    from app.storage.ratings import Score

router = APIRouter(prefix="/quality-profiles", tags=["quality profiles"], dependencies=[Depends(known_query)])

Value = float | int | bool
Name = Annotated[str, Field(min_length=1, max_length=200)]
Description = Annotated[str, Field(max_length=2000)]


class ProfileView(BaseModel):
    """`quality_score`: twice the mean of the votes of 1 to 5 on what was spoken with it, on the base API's scale of 0
    to 10; null until somebody voted. `stability_score` and `latency_ms` are null: nobody measures them."""

    id: str
    name: str
    description: str
    engine: str
    is_default: bool
    is_built_in: bool
    parameters: dict[str, Value]
    quality_score: float | None = None
    stability_score: float | None = None
    latency_ms: float | None = None

    @classmethod
    def of(cls, profile: QualityProfile, score: Score | None = None) -> ProfileView:
        return cls(
            id=profile.profile_id,
            name=profile.name,
            description=profile.description,
            engine=profile.engine,
            is_default=profile.is_default,
            is_built_in=profile.is_built_in,
            parameters=dict(profile.parameters),
            quality_score=round(2 * score.stars, 2) if score else None,
        )


class AllProfiles(BaseModel):
    """Beside the count one list for each engine, `<engine>_profiles`."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, list[ProfileView]]

    total_count: int


class ParameterView(BaseModel):
    """What a profile of the engine may set; `default` is what is used where it does not. `minimum`, `maximum` and
    `step` are null of a switch."""

    name: str
    kind: Literal["number", "integer", "switch"]
    group: Literal["engine", "processing"]  # what the engine does itself, or what is done to its finished sentences
    default: Value
    minimum: float | None
    maximum: float | None
    step: float | None  # the least change worth hearing
    switch: str | None  # without which this amount does nothing
    has_effect: bool  # False: the contract has it, and nothing depends on it


class TemplateView(BaseModel):
    """Values for a use of speech; what `parameters` does not name is the default."""

    name: str
    parameters: dict[str, Value]


class EngineProfiles(BaseModel):
    """With what an editor of profiles needs: `parameters` and `templates` of the engine."""

    engine: str
    profiles: list[ProfileView]
    count: int
    parameters: list[ParameterView]
    templates: list[TemplateView]


class NewEngineProfile(Body):
    name: Name
    description: Description = ""
    engine: str | None = None
    is_default: bool = False
    parameters: dict[str, Any] = Field(default_factory=dict)


class NewProfile(NewEngineProfile):
    engine: str


class ProfileChanges(Body):
    name: Name | None = None
    description: Description | None = None
    is_default: bool | None = None
    parameters: dict[str, Any] | None = None


class ProfileFile(Body):
    """A profile as a file, to be brought here or elsewhere; nothing in it is of this machine."""

    papagaio_quality_profile: Literal[1] = 1
    name: Name
    description: Description = ""
    engine: str
    parameters: dict[str, Any]


@router.get("", summary="All profiles, by engine")
def all_profiles(services: Wired) -> AllProfiles:
    scores = _scores(services)
    lists = {
        f"{engine}_profiles": [ProfileView.of(profile, scores.get(profile.profile_id)) for profile in profiles]
        for engine, profiles in services.profiles.by_engine().items()
    }
    return AllProfiles.model_validate({**lists, "total_count": sum(map(len, lists.values()))})


@router.get("/{engine}", summary="The profiles of one engine")
def engine_profiles(services: Wired, engine: str) -> EngineProfiles:
    scores = _scores(services)
    profiles = services.profiles.list(engine.lower())
    views = [ProfileView.of(profile, scores.get(profile.profile_id)) for profile in profiles]
    record = services.profiles.engines[engine.lower()]
    return EngineProfiles(
        engine=record.name,
        profiles=views,
        count=len(views),
        parameters=[_parameter(record.info, one) for one in offered(record.info.parameters)],
        templates=[TemplateView(name=one.name, parameters=dict(one.parameters)) for one in record.templates()],
    )


@router.get("/{engine}/{profile_id}", summary="One profile")
def one_profile(services: Wired, engine: str, profile_id: str) -> ProfileView:
    return _view(services, services.profiles.get(engine.lower(), profile_id))


@router.post("", status_code=201, summary="Make a profile", openapi_extra=documented(NewProfile, JSON))
def add_profile(services: Wired, body: Annotated[NewProfile, Depends(body_of(NewProfile, JSON))]) -> ProfileView:
    return _add(services, body.engine.lower(), body)


@router.post(
    "/import",
    status_code=201,
    summary="Make a profile of an exported one",
    openapi_extra=documented(ProfileFile, JSON),
)
def import_profile(services: Wired, body: Annotated[ProfileFile, Depends(body_of(ProfileFile, JSON))]) -> ProfileView:
    added = services.profiles.add(body.engine.lower(), body.name, body.description, body.parameters, is_default=False)
    return ProfileView.of(added)


@router.post(
    "/{engine}",
    status_code=201,
    summary="Make a profile of this engine",
    openapi_extra=documented(NewEngineProfile, JSON),
)
def add_engine_profile(
    services: Wired, engine: str, body: Annotated[NewEngineProfile, Depends(body_of(NewEngineProfile, JSON))]
) -> ProfileView:
    if body.engine is not None and body.engine.lower() != engine.lower():
        raise Problem("profile_engine_differs", body=body.engine, path=engine)
    return _add(services, engine.lower(), body)


@router.get("/{engine}/{profile_id}/export", summary="A profile as a JSON file")
def export_profile(services: Wired, response: Response, engine: str, profile_id: str) -> ProfileFile:
    found = services.profiles.get(engine.lower(), profile_id)
    response.headers["Content-Disposition"] = f'attachment; filename="{found.profile_id}.json"'
    return ProfileFile(
        name=found.name, description=found.description, engine=found.engine, parameters=dict(found.parameters)
    )


@router.patch("/{engine}/{profile_id}", summary="Change a profile", openapi_extra=documented(ProfileChanges, JSON))
def change_profile(
    services: Wired,
    engine: str,
    profile_id: str,
    body: Annotated[ProfileChanges, Depends(body_of(ProfileChanges, JSON))],
) -> ProfileView:
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return _view(services, services.profiles.change(engine.lower(), profile_id, changes))


@router.delete("/{engine}/{profile_id}", status_code=204, summary="Delete a profile")
def delete_profile(services: Wired, engine: str, profile_id: str) -> None:
    services.profiles.delete(engine.lower(), profile_id)


@router.post("/{engine}/{profile_id}/set-default", summary="Make this the engine's default")
def set_default(services: Wired, engine: str, profile_id: str) -> ProfileView:
    with refused_as_400():
        return _view(services, services.profiles.set_default(engine.lower(), profile_id))


@router.post("/{engine}/{profile_id}/duplicate", status_code=201, summary="Copy a profile to a custom one")
def duplicate(
    services: Wired,
    engine: str,
    profile_id: str,
    new_name: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> ProfileView:
    source = services.profiles.get(engine.lower(), profile_id)
    name = new_name or f"{source.name} (copy)"
    copy = services.profiles.add(source.engine, name, source.description, source.parameters, is_default=False)
    return ProfileView.of(copy)


def _view(services: Services, profile: QualityProfile) -> ProfileView:
    return ProfileView.of(profile, _scores(services).get(profile.profile_id))


def _scores(services: Services) -> Mapping[str, Score]:
    """What was voted, by profile."""
    from app.storage.ratings import RatingStore

    return RatingStore(services.database, services.caller).by_profile()


def _parameter(info: EngineInfo, one: Parameter) -> ParameterView:
    return ParameterView(
        name=one.name,
        kind="switch" if one.is_switch else "integer" if isinstance(one.default, int) else "number",
        group="processing" if one.name in STEP_NAMES else "engine",
        default=one.default,
        minimum=one.minimum,
        maximum=one.maximum,
        step=one.step,
        switch=SWITCHES.get(one.name),
        has_effect=one.name not in info.without_effect,
    )


def _add(services: Wired, engine: str, body: NewEngineProfile) -> ProfileView:
    if not body.name.strip():
        raise Problem("invalid_request", errors=[FieldError("name", "field_missing", {})])
    with refused_as_400():
        added = services.profiles.add(engine, body.name, body.description, body.parameters, body.is_default)
    return ProfileView.of(added)


@contextmanager
def refused_as_400() -> Iterator[None]:
    """The base API's status for a profile that cannot be made or chosen, whatever is wrong with it."""
    try:
        yield
    except SpeechError as error:
        raise Problem.of(error).answered(400) from error
    except Problem as problem:
        raise problem.answered(400)
