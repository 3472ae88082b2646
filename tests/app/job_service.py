"""A service without HTTP that tests run and kill; apart from them, so that its processes start without pytest."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.errors import Problem
from app.jobs.context import Cancelled, JobContext
from app.jobs.embedded import EmbeddedDriver
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from speech.synthesis import Synthesizer


def tasks(
    settings: Settings, synthesizer: Synthesizer
) -> dict[str, Callable[[JobContext, Mapping[str, Any]], Mapping[str, Any]]]:
    return {"write": write, "wait": wait, "ignore": ignore, "die": die, "install": install}


def write(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Writes its number, byte by byte over some tens of milliseconds."""
    temporary = context.temporary(".txt")
    text = f"result {params['number']}"
    with temporary.open("w") as file:
        for step, letter in enumerate(text):
            file.write(letter)
            file.flush()
            time.sleep(params["seconds"] / len(text))
            context.progress(step + 1, len(text))
    return {"file": context.publish(temporary, "result.txt").name}


def wait(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leaves a file and runs until it is asked to stop."""
    context.temporary(".txt").write_text("half")
    while not context.should_stop():
        time.sleep(0.01)
    raise Cancelled


def ignore(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Leaves a file and stops for nobody."""
    context.temporary(".txt").write_text("half")
    while True:
        time.sleep(1)


def die(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Takes its process along, as a crash in native code does."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def install(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Brings nothing, or fails at that."""
    if params["fails"]:
        raise Problem("component_failed", name="x", reason="-")
    return {}


def serve(settings: str) -> None:
    """Live until killed."""
    options = Settings(**json.loads(settings))
    files = Files(Path(options.data_dir) / "jobs")
    with EmbeddedDriver(options, Database(options.url), files, tasks_path="job_service:tasks"):
        signal.pause()


def start_service(settings: Settings) -> subprocess.Popen[bytes]:
    """The service in a process of its own, with a session of its own so that Ctrl-C here does not reach it."""
    path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    command = [sys.executable, "-c", "import job_service, sys; job_service.serve(sys.argv[1])"]
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.Popen([*command, settings.model_dump_json()], env=environment, start_new_session=True)


def workers_of(pid: int) -> list[int]:
    """The worker processes of a service, by /proc (proc(5): the fourth field of stat is the parent)."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == pid:
                found += [int(entry.name)] if b"spawn_main" in (entry / "cmdline").read_bytes() else []
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
