"""What the chaos test runs and kills; apart from it, so that its processes start without pytest."""

import json
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from app.jobs.context import JobContext
from app.jobs.embedded import Supervisor
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files


def tasks(settings: Settings) -> dict[str, Callable[[JobContext, Mapping[str, Any]], Mapping[str, Any]]]:
    return {"write": write}


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


def serve(settings: str) -> None:
    """A service without HTTP: it lives until it is killed."""
    options = Settings(**json.loads(settings))
    files = Files(Path(options.data_dir) / "jobs")
    with Supervisor(options, Database(options.url), files, tasks_path="chaos_service:tasks"):
        signal.pause()
