"""What can be brought to this machine afterwards: packages and weights of an engine, of a converter, of what the pages
of cloning, training and datasets do, and of listening."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from app.errors import Problem
from app.tasks import checking_service, cloning_service, dataset_service, training_service
from app.tasks.conversion_service import LISTENING_MODEL, LISTENING_MODULES, component_of_converter
from speech.engines.records import Installation, is_there
from speech.engines.registry import Registry
from speech.licences import Terms
from speech.models import ModelStore
from train.tuned_engine import ENGINE, MODEL

SPARE_BYTES = 300 << 20  # left free on the disk


@dataclass(frozen=True)
class Component:
    """`title` "" is a text of the catalogue, `components.title.NAME`; `requirements` names the file of its packages, ""
    where they came with Papagaio."""

    name: str
    title: str
    requirements: str
    modules: tuple[str, ...]  # that are importable once it is there
    models: tuple[str, ...]
    packages_mb: tuple[int, int] | None = None  # to download, on the disk

    def missing_modules(self) -> list[str]:
        """What came a moment ago is there: who brought it looks at once."""
        return [name for name in self.modules if not is_there(name) and find_spec(name) is None]

    def missing_models(self, store: ModelStore) -> list[str]:
        return [name for name in self.models if not store.is_installed(name)]

    def is_installed(self, store: ModelStore) -> bool:
        return not self.missing_modules() and not self.missing_models(store)

    def terms(self, store: ModelStore) -> list[Terms]:
        """Licences that somebody has to agree to before its weights are brought."""
        return open_terms(store, self.missing_models(store))


def open_terms(store: ModelStore, models: Sequence[str]) -> list[Terms]:
    """Licences of `models` that nobody has agreed to yet."""
    found = dict.fromkeys(store.info(name).terms for name in models)
    return [terms for terms in found if terms and not store.agreements.find(terms)]


def components(
    registry: Registry, precisions: Mapping[str, str], own_weights: Container[str] = ()
) -> dict[str, Component]:
    """By name. Engines and converters stand with their records, the others with the service that needs them.

    `own_weights`: engines whose weights are a folder of the operator's, so that none are brought.
    """
    found = [
        _of(name, record.info.title, record.install, precisions.get(name, ""))
        for name, record in registry.engines.items()
    ]
    for name, record in registry.converters.items():
        made = _of(component_of_converter(name), record.info.title, record.install, precisions.get(name, ""))
        if record.info.needs_text:
            modules, models = (*made.modules, *LISTENING_MODULES), (*made.models, LISTENING_MODEL)
            made = replace(made, modules=modules, models=models)
        found.append(made)
    found = [replace(one, models=()) if one.name in own_weights else one for one in found]
    found = [*_of_services(registry, own_weights), *found]
    return {component.name: component for component in found if component.modules or component.models}


def _of_services(registry: Registry, own_weights: Container[str]) -> list[Component]:
    fitted = [model for name in registry.of_source("fit") for model in registry.engine(name).fit_models]
    cloned = (*cloning_service.INTAKE_MODELS, *fitted)
    tuned = () if ENGINE in own_weights else (MODEL,)
    cloning, training, datasets, listening = cloning_service, training_service, dataset_service, checking_service
    return [
        Component(cloning.COMPONENT, "", "requirements-train.txt", cloning.MODULES, cloned, (254, 935)),
        Component(training.COMPONENT, "", "requirements-train.txt", training.MODULES, tuned, (254, 935)),
        Component(datasets.COMPONENT, "", "requirements-dataset.txt", datasets.MODULES, datasets.MODELS, (222, 638)),
        Component(
            listening.COMPONENT, "", "requirements-convert.txt", LISTENING_MODULES, (LISTENING_MODEL,), (52, 184)
        ),
    ]


def find_component(known: Mapping[str, Component], name: str) -> Component:
    """One of `components`. Raises Problem `unknown_component` with the choices."""
    if name not in known:
        raise Problem("unknown_component", name=name[:80], choices=sorted(known))
    return known[name]


def component_that_brings(known: Mapping[str, Component], store: ModelStore, values: Mapping[str, object]) -> str:
    """The name of the component that brings what an error with these values says is missing; "": none does."""
    if isinstance(named := values.get("component"), str):
        return named
    engine = str(values.get("engine", ""))
    for name in (engine, component_of_converter(engine)):
        if name in known and not known[name].is_installed(store):
            return name
    lacking = values.get("models") or [values.get("model") or values.get("name") or engine]
    wanted = set(lacking) if isinstance(lacking, list | tuple) else {lacking}
    able = [one for one in known.values() if wanted <= set(one.models) and not one.is_installed(store)]
    return min(able, key=lambda one: (len(one.models), not one.title)).name if able else ""


def requirements_file(name: str) -> Path:
    """In a checkout beside the packages, else where a wheel put it. Raises Problem `requirements_missing`."""
    for folder in (Path(__file__).parents[2], Path(sys.prefix) / "share" / "papagaio"):
        if (folder / name).is_file():
            return folder / name
    raise Problem("requirements_missing", name=name)


def check_disk(component: Component, store: ModelStore) -> None:
    """Raises Problem `component_disk_full`. Packages are on the disk twice while they are installed."""
    packages = sum(component.packages_mb or (0, 0)) * 10**6 if component.missing_modules() else 0
    models = sum(store.info(name).size_bytes for name in component.missing_models(store))
    for folder, needed in ((Path(sys.prefix), packages), (_existing(store.root), 2 * models)):
        free = shutil.disk_usage(folder).free
        if needed and free < needed + SPARE_BYTES:
            wanted = (needed + SPARE_BYTES) // 10**6
            raise Problem("component_disk_full", name=component.name, needed_mb=wanted, free_mb=free // 10**6)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def _of(name: str, title: str, install: Installation, precision: str) -> Component:
    models = install.models(install.precision(precision))
    return Component(name, title, install.requirements, install.packages, models, install.packages_mb)
