"""Packages put where Python finds them whole or not at all.

pip unpacks into a folder beside the packages: what fails there, for want of space too, is dropped with it. Then a plan
is written and carried out, by renames, which need no space; a plan that was begun and not ended, since the process
died, is carried out by whoever comes next.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import shutil
import site
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from speech.files import write_whole

STAGED, PLAN, LOCK = ".papagaio-staged", ".papagaio-plan.json", ".papagaio-install.lock"
SCRIPTS = "bin"  # where pip puts programs below a `--target`

log = logging.getLogger(__name__)


def packages_dir() -> Path:
    """Where packages are installed: pip's own target where one is set, else this environment's, else the user's."""
    if target := os.environ.get("PIP_TARGET"):
        return Path(target)
    own = Path(sysconfig.get_path("purelib"))
    return own if os.access(own, os.W_OK) else Path(site.getusersitepackages())


@contextlib.contextmanager
def staging(packages: Path) -> Iterator[Path]:
    """An empty folder on the same disk, gone afterwards. One at a time: another waits."""
    packages.mkdir(parents=True, exist_ok=True)
    with _locked(packages, wait=True):
        _carry_out(packages)
        staged = packages / STAGED
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir()
        try:
            yield staged
        finally:
            shutil.rmtree(staged, ignore_errors=True)


def put_in_place(packages: Path) -> None:
    """What is staged takes its place, and older versions of it go."""
    staged = packages / STAGED
    names = {_plain(found.metadata["Name"]) for found in distributions(path=[str(staged)])}
    replaced = [found for found in distributions(path=[str(packages)]) if _plain(found.metadata["Name"]) in names]
    inside = {str(path) for found in replaced for path in found.files or () if not _leaves(str(path))}
    kept = {str(path.relative_to(staged)) for path in staged.rglob("*") if not path.is_dir()}
    write_whole(packages / PLAN, json.dumps({"remove": sorted(inside - kept)}))
    _carry_out(packages)


def finish_installs(packages: Path) -> bool:
    """Carry out a plan that was begun, and drop what was never planned; whether something was put in place. Where
    somebody is installing now nothing is done."""
    if not any((packages / name).exists() for name in (PLAN, STAGED)):
        return False
    with _locked(packages, wait=False) as is_ours:
        if not is_ours:
            return False
        was_begun = _carry_out(packages)
        shutil.rmtree(packages / STAGED, ignore_errors=True)
    return was_begun


def _carry_out(packages: Path) -> bool:
    """The plan, however far it is already; whether there was one."""
    plan, staged = packages / PLAN, packages / STAGED
    if not plan.exists():
        return False
    for name in json.loads(plan.read_text(encoding="utf-8"))["remove"]:
        (packages / name).unlink(missing_ok=True)
    if (staged / SCRIPTS).is_dir() and not os.environ.get("PIP_TARGET"):
        _merge(staged / SCRIPTS, Path(sys.executable).parent)
    if staged.is_dir():
        _merge(staged, packages)
    plan.unlink()
    log.info("packages_put_in_place", extra={"folder": str(packages)})
    return True


def _merge(source: Path, target: Path) -> None:
    """Every file of `source` to its place below `target`, over one of that name; `source` is gone afterwards."""
    for path in sorted(source.iterdir()):
        place = target / path.name
        if path.is_dir() and not path.is_symlink() and place.is_dir():
            _merge(path, place)
        else:
            if path.is_dir() and not path.is_symlink() and (place.is_symlink() or place.exists()):
                place.unlink()  # a module that became a package
            elif place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            os.replace(path, place)
    source.rmdir()


@contextlib.contextmanager
def _locked(packages: Path, wait: bool) -> Iterator[bool]:
    """Whether the lock is ours; it ends with the process that holds it."""
    with (packages / LOCK).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        yield True


def _leaves(name: str) -> bool:
    """Whether a file of a record is outside the folder of packages: programs, which the new ones replace."""
    return name.startswith(("..", "/"))


def _plain(name: str) -> str:
    return name.lower().replace("-", "_").replace(".", "_")
