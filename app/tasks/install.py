"""A component brought by a job: its wheels to a folder, unpacked beside the packages, then put in place at once."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.errors import Problem
from app.jobs.context import Cancelled, JobContext
from app.tasks.components import Component, check_disk, components, find_component, requirements_file
from app.tasks.staging import finish_installs, packages_dir, put_in_place, staging
from speech.engines.registry import Registry
from speech.models import ModelStore, PullProgress

log = logging.getLogger(__name__)
POLL_S = 0.2
CONSTRAINTS = "constraints.txt"
RESOLVED, FETCHED, INSTALLED = 5, 60, 70  # percent, where packages are brought; the rest is for the weights
STAGES = {"downloading": (0.0, 0.8), "verifying": (0.8, 1.0), "ready": (1.0, 1.0)}  # shares of a model's way
UNREACHABLE = ("Connection", "Temporary failure", "Max retries", "No matching distribution", "could not be resolved")


class InstallParams(BaseModel):
    """What a job of this kind stores."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    component: str


def install_component(
    store: ModelStore,
    registry: Registry,
    precisions: Mapping[str, str],
    own_weights: Container[str],
    context: JobContext,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    """Bring packages, then weights. Raises Problem `component_disk_full`, `component_unreachable`, `component_failed`,
    SpeechError as `ModelStore.pull` does, Cancelled; nothing is half installed then."""
    wanted = InstallParams.model_validate(params)
    finish_installs(packages_dir())
    component = find_component(components(registry, precisions, own_weights), wanted.component)
    check_disk(component, store)
    packages = bring_packages(component, context) if component.missing_modules() else []
    missing = component.missing_models(store)
    for number, name in enumerate(missing):
        store.pull(name, _reporting(context, name, number, len(missing)))
    if missing:
        store.tidy()
    return {"component": component.name, "packages": packages, "models": missing}


def bring_packages(component: Component, context: JobContext) -> list[str]:
    """Names and versions of what was installed."""
    wheels = context.work_dir / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    wheels.mkdir(parents=True)
    file = requirements_file(component.requirements)
    names = _resolved(file, wheels.parent / "plan.json", component, context)
    download_mb = component.packages_mb[0] if component.packages_mb else None

    def fetched() -> None:
        size = sum(path.stat().st_size for path in wheels.rglob("*") if path.is_file())
        share = min(0.99, size / 1e6 / download_mb) if download_mb else 0.0
        done = RESOLVED + (FETCHED - RESOLVED) * share
        context.progress(round(10 * done), 1000, "components.stage.downloading")

    _pip(["wheel", "--no-deps", "-w", str(wheels), *names], component, context, fetched)
    context.progress(FETCHED, 100, "components.stage.installing")
    if context.should_stop():
        raise Cancelled
    packages = packages_dir()
    with staging(packages) as staged:
        offline = ["install", "--no-index", "--no-deps", "--find-links", str(wheels), "--target", str(staged), *names]
        _pip(offline, component, context, lambda: None)
        _check(component, staged)
        put_in_place(packages)
    context.progress(INSTALLED, 100, "components.stage.installing")
    return names


def _resolved(file: Path, plan: Path, component: Component, context: JobContext) -> list[str]:
    """What has to be installed here, with exact versions."""
    constraints = file.with_name(CONSTRAINTS)
    bounds = ["-c", str(constraints)] if constraints.is_file() else []
    context.progress(0, 100, "components.stage.resolving")
    _pip(["install", "--dry-run", "--report", str(plan), *bounds, "-r", str(file)], component, context, lambda: None)
    found = json.loads(plan.read_text(encoding="utf-8"))["install"]
    names = [f"{each['metadata']['name']}=={each['metadata']['version']}" for each in found]
    context.log(", ".join(names))
    return names


def _pip(
    words: Sequence[str],
    component: Component,
    context: JobContext,
    tick: Callable[[], None],
) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    log_path = context.work_dir / "pip.log"
    with log_path.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            while process.poll() is None:
                if context.should_stop():
                    raise Cancelled
                tick()
                time.sleep(POLL_S)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode:
        raise _failure(component, log_path.read_text(encoding="utf-8", errors="replace"))


def _failure(component: Component, text: str) -> Problem:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    said = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "-")[:300]
    log.warning("component_failed component=%s reason=%s", component.name, said)
    is_network = any(word in text for word in UNREACHABLE)
    code = "component_unreachable" if is_network else "component_failed"
    return Problem(code, name=component.name, reason=said.removeprefix("ERROR: "))


def _check(component: Component, staged: Path) -> None:
    """With what is staged, in a process of its own. Raises Problem `component_failed`."""
    code = "import importlib.util, sys; sys.exit(any(importlib.util.find_spec(n) is None for n in sys.argv[1:]))"
    path = os.pathsep.join(filter(None, (str(staged), os.environ.get("PYTHONPATH"))))
    done = subprocess.run([sys.executable, "-c", code, *component.modules], env={**os.environ, "PYTHONPATH": path})
    if done.returncode:
        raise Problem("component_failed", name=component.name, reason=f"missing: {', '.join(component.modules)}")


def _reporting(context: JobContext, name: str, number: int, count: int) -> Callable[[PullProgress], None]:
    farthest = 0.0  # a second source begins anew, which takes nothing back

    def report(progress: PullProgress) -> None:
        nonlocal farthest
        if context.should_stop():
            raise Cancelled
        begin, end = STAGES.get(progress.stage, (0.0, 0.0))
        share = min(1.0, progress.done_bytes / progress.total_bytes) if progress.total_bytes else 0.0
        farthest = max(farthest, begin + (end - begin) * share)
        done = INSTALLED + (100 - INSTALLED) * (number + farthest) / count
        context.progress(round(10 * done), 1000, f"components.stage.{progress.stage}")

    return report
