"""Packages are there whole or not at all: pip fails in the middle, the disk is full, the process is killed anywhere."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from test_components import NAME, Place, place, wheel  # noqa: F401 (a fixture)

from app.tasks import staging as install_staging
from app.tasks.staging import finish_installs, put_in_place, staging

OTHER = "papagaio_other_part"
# Names of what is done to files while a plan is carried out, each a moment to die in.
STEPS = ("unlink", "rmdir", "replace")


def tree(folder: Path) -> dict[str, str]:
    """Files below a folder without what Python makes of them, and what is in them."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)): path.read_text() for path in files if path.name != ".papagaio-install.lock"}


def installed(folder: Path, *wheels: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--no-compile"]
    command = [*pip, "--target", str(folder), *map(str, wheels)]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})


def failed(place: Place) -> dict[str, str]:  # noqa: F811
    """The error of an installation that fails, after which a repeated one is offered."""
    job = place.install().json()
    assert place.worker().run_next()
    found = place.job(job["id"])
    assert found["status"] == "failed", found
    assert tree(place.target) == {} and not place.component()["is_installed"]
    error: dict[str, str] = found["error"]
    return error


def damaged(path: Path) -> None:
    """The bytes of a wheel's module changed, whose sum pip notices when it unpacks them."""
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo(f"{OTHER}.py").header_offset + 30 + len(f"{OTHER}.py")
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def test_a_package_that_cannot_be_unpacked_leaves_none_of_the_others(place: Place) -> None:  # noqa: F811
    wheel(place.wheels, NAME, needs=OTHER)
    good = wheel(place.wheels, OTHER).read_bytes()
    damaged(place.wheels / f"{OTHER}-1.0-py3-none-any.whl")
    assert failed(place)["code"] == "component_failed"
    (place.wheels / f"{OTHER}-1.0-py3-none-any.whl").write_bytes(good)
    place.install()
    assert place.worker().run_next() and place.component()["is_installed"]


def test_a_full_disk_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    """pip gets an error in the middle of a file, as a disk that fills up gives it."""
    start = subprocess.Popen

    def on_a_small_disk(command: list[str], **more: Any) -> Any:
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        limit = (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))) if "--target" in command else None
        return start(command, preexec_fn=limit, **more)

    wheel(place.wheels, NAME, needs=OTHER)
    wheel(place.wheels, OTHER, more={f"{OTHER}_data.txt": "0" * (2 << 20)})  # a few kilobytes, packed
    monkeypatch.setattr(subprocess, "Popen", on_a_small_disk)
    assert failed(place)["code"] == "component_failed"
    assert [path.name for path in place.target.iterdir()] == [".papagaio-install.lock"]


def killed_at(packages: Path, step: str, number: int) -> bool:
    """Whether a process that puts packages in place died before the step of that number; it goes through otherwise."""
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left, real, carry_out = number, getattr(os, step), install_staging._carry_out

    def dying(*words: Any, **names: Any) -> Any:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **names)

    def watched(folder: Path) -> bool:
        setattr(os, step, dying)
        return carry_out(folder)

    try:
        setattr(install_staging, "_carry_out", watched)
        put_in_place(packages)
    finally:
        os._exit(0)


@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_the_new_packages_are_whole_at_the_next_start(tmp_path: Path, step: str) -> None:
    old = wheel(tmp_path, NAME, "1.0", more={f"{NAME}_old.py": "", "shared/one.py": "1", "shared/gone.py": ""})
    new = wheel(tmp_path, NAME, "2.0", more={"shared/one.py": "2", "shared/new.py": ""})
    beside = wheel(tmp_path, OTHER, more={"shared/other.py": ""})
    wanted, before, unpacked = (tmp_path / name for name in ("wanted", "before", "unpacked"))
    installed(wanted, new, beside)
    installed(before, old, beside)
    installed(unpacked, new)
    for number in range(100):
        packages = tmp_path / f"packages-{number}"
        shutil.copytree(before, packages)
        shutil.copytree(unpacked, packages / ".papagaio-staged")
        was_killed = killed_at(packages, step, number)
        assert finish_installs(packages) or not was_killed or tree(packages) == tree(wanted)
        assert tree(packages) == tree(wanted) and not list(packages.glob(".papagaio-[ps]*"))
        if not was_killed:
            break
    assert 1 <= number < 100


def test_what_was_only_unpacked_is_dropped(tmp_path: Path) -> None:
    installed(tmp_path / "packages", wheel(tmp_path, NAME))
    before = tree(tmp_path / "packages")
    installed(tmp_path / "packages" / ".papagaio-staged", wheel(tmp_path, NAME, "2.0"))
    assert not finish_installs(tmp_path / "packages")
    assert tree(tmp_path / "packages") == before


def test_who_starts_leaves_an_installation_that_goes_on_alone(tmp_path: Path) -> None:
    with staging(tmp_path) as staged:
        installed(staged, wheel(tmp_path, NAME))
        assert not finish_installs(tmp_path) and (staged / f"{NAME}.py").exists()
        put_in_place(tmp_path)
    assert (tmp_path / f"{NAME}.py").exists()
