"""What can be brought to this machine from the page: what it is for, how large it is, what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.errors import Problem
from app.jobs.kinds import INSTALL
from app.texts import catalogue, render

if TYPE_CHECKING:
    from app.tasks.components import Component

router = APIRouter(prefix="/components", tags=["components"], dependencies=[Depends(known_query)])


class TermsView(BaseModel):
    licence: str
    title: str
    url: str


class ComponentView(BaseModel):
    """`purpose`: what it is for, in the reader's language; null of an engine that was added. Sizes in bytes of what is
    still missing; `download_bytes` null where that of the packages is not known.

    `can_install`: whether whoever asks may bring it here. `job_id`: of the job that brings it now.
    """

    name: str
    title: str
    purpose: str | None
    is_installed: bool
    missing_modules: list[str]
    missing_models: list[str]
    download_bytes: int | None
    disk_bytes: int | None
    terms: list[TermsView]
    can_install: bool
    job_id: str | None


class InstallRequest(Body):
    """`accept_licences`: the licences agreed to, such as CPML-1.0, of those that `terms` names."""

    accept_licences: Annotated[list[str], Field(max_length=10)] = []


@router.get("", summary="What is here, and what can be brought")
def list_components(services: Wired, reader: Language) -> list[ComponentView]:
    running = _running(services)
    return [_view(services, component, reader, running) for component in known_components(services).values()]


@router.post(
    "/{name}/install",
    status_code=202,
    summary="Bring a component, as a job",
    openapi_extra=documented(InstallRequest, JSON),
)
def install(
    services: Wired,
    reader: Language,
    name: str,
    body: Annotated[InstallRequest, Depends(body_of(InstallRequest, JSON))],
) -> AnyJob:
    """Raises Problem `install_not_allowed`, `unknown_component`, `component_installed`, `component_licence`,
    `component_being_installed`, `component_disk_full`."""
    from app.jobs.store import NameReserved
    from app.tasks.components import check_disk, find_component

    if not services.settings.allow_install:
        raise Problem("install_not_allowed")
    store = services.models
    component = find_component(known_components(services), name)
    if component.is_installed(store):
        raise Problem("component_installed", name=component.name)
    asked = component.terms(store)
    lacking = [terms for terms in asked if terms.licence not in body.accept_licences]
    if lacking:
        told = [f"{terms.title} ({terms.licence}, {terms.url})" for terms in lacking]
        raise Problem("component_licence", name=component.name, licences=told)
    check_disk(component, store)
    for terms in asked:
        store.agreements.record(terms, services.caller.name or services.caller.user_id)
        services.note("licence_agreed", terms.licence, component=component.name)
    try:
        job = services.jobs.add(INSTALL, {"component": component.name}, reserves="install")
    except NameReserved as error:
        raise Problem("component_being_installed", job_id=error.job_id) from error
    services.note("component_asked", component.name, job_id=job.id)
    return view_of(job, reader)


def known_components(services: Services) -> dict[str, Component]:
    from app.tasks.components import components

    settings = services.settings
    own_weights = frozenset(settings.engine_checkpoints)
    return components(services.synthesizer.registry, settings.engine_precisions, own_weights)


def _view(services: Services, component: Component, reader: str, running: Mapping[str, str]) -> ComponentView:
    from app.tasks.components import open_terms

    store = services.models
    modules, models = component.missing_modules(), component.missing_models(store)
    weights = sum(store.info(name).size_bytes for name in models)
    packages = component.packages_mb if modules else (0, 0)
    return ComponentView(
        name=component.name,
        title=component.title or render(f"components.title.{component.name}", reader, {}),
        purpose=_purpose(component.name, reader),
        is_installed=not modules and not models,
        missing_modules=modules,
        missing_models=models,
        download_bytes=None if packages is None else packages[0] * 10**6 + weights,
        disk_bytes=None if packages is None else packages[1] * 10**6 + weights,
        terms=[TermsView(licence=t.licence, title=t.title, url=t.url) for t in open_terms(store, models)],
        can_install=_can_install(services),
        job_id=running.get(component.name),
    )


def _can_install(services: Services) -> bool:
    is_kept = services.settings.allow_install and services.driver is not None
    return is_kept and "admin" in services.caller.scopes


def _purpose(name: str, reader: str) -> str | None:
    code = f"components.purpose.{name}"
    return render(code, reader, {}) if code in catalogue(reader) else None


def _running(services: Services) -> dict[str, str]:
    """Name of a component to the job that brings it now."""
    newest = services.jobs.list(limit=10, kind=INSTALL.name)[1]  # no second one is added before the first ended
    return {job.params["component"]: job.id for job in newest if not job.is_ended}
