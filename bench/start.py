"""How long the service takes to import, and from its start to its first answer. `python -m bench.start`

Byte code is kept from run to run, in a folder of its own, as Python does unless the environment forbids it.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from bench.record import write

RUNS = 7
IMPORT = "import time; t = time.perf_counter(); import app.main; print(time.perf_counter() - t)"


def kept_in(folder: Path) -> dict[str, str]:
    """The environment, with byte code written to `folder` even where it says that none is."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**own, "PYTHONPYCACHEPREFIX": str(folder)}


def import_s(environment: Mapping[str, str]) -> float:
    """Seconds `import app.main` takes in a fresh interpreter."""
    command = [sys.executable, "-c", IMPORT]
    return float(subprocess.run(command, env=environment, capture_output=True, check=True).stdout)


def answer_s(port: int, environment: Mapping[str, str]) -> float:
    """Seconds from starting the process, on a new data folder, to the first answer of `GET /`."""
    with TemporaryDirectory() as folder:
        own = {**environment, "PAPAGAIO_DATA_DIR": folder, "PAPAGAIO_PORT": str(port)}
        started = time.perf_counter()
        command = [sys.executable, "-m", "app.cli", "serve"]
        service = subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait_for(f"http://127.0.0.1:{port}/", started + 60)
            return time.perf_counter() - started
        finally:
            service.terminate()
            service.wait()


def _wait_for(url: str, deadline: float) -> None:
    while time.perf_counter() < deadline:
        try:
            urlopen(url, timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise TimeoutError(url)


def main() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with TemporaryDirectory() as folder:
        environment = kept_in(Path(folder))
        first = {"first_import_s": import_s(environment), "first_answer_s": answer_s(port, environment)}
        figures = {
            "import_s": median(import_s(environment) for _ in range(RUNS)),
            "answer_s": median(answer_s(port, environment) for _ in range(RUNS)),
        }
    print(f"import app.main {figures['import_s']:.2f} s, start to first answer {figures['answer_s']:.2f} s")
    print(f"before byte code was written: {first['first_import_s']:.2f} s, {first['first_answer_s']:.2f} s")
    print("written:", write("start", {"runs": RUNS, **figures, **first}))


if __name__ == "__main__":
    os.chdir(Path(__file__).parent.parent)
    main()
