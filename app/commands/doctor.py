"""`papagaio doctor`: what this machine has, what it lacks, and the line that brings it."""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.console import Console
from app.errors import Problem
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.models import PULL_COMMAND, ModelStore

if TYPE_CHECKING:
    from speech.synthesis import Synthesizer

# Modules that speaking needs, and the names they are installed by.
MODULES = {"onnxruntime": "onnxruntime", "av": "av", "soundfile": "soundfile", "espeakng_loader": "espeakng-loader"}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FOR_TESTS = ("whisper-base", "speaker-resnet34")  # beside what fitting a voice needs
LOW_DISK_BYTES = 1_000_000_000
Text = Callable[..., str]


@dataclass(frozen=True)
class Finding:
    """`remedy` is a line to type, or empty; a lack that is not `needed` does not stop the embedded voice."""

    what: str
    is_good: bool
    state: str
    remedy: str = ""
    needed: bool = True


def doctor(options: argparse.Namespace, console: Console) -> int:
    text = console.text
    findings = [*_machine(text), *_modules(text), *_engines(text), *_hosts(text), _training(text), *_tests(text)]
    for finding in findings:
        mark = "ok" if finding.is_good else "--"
        console.line(f"{mark}  {finding.what}: {finding.state}")
        if finding.remedy:
            console.line(f"      {finding.remedy}")
    broken = [finding.what for finding in findings if finding.needed and not finding.is_good]
    console.line()
    if broken:
        console.say("cli.doctor.broken", names=broken)
    else:
        console.say("cli.doctor.good")
    return 1 if broken else 0


def _machine(text: Text) -> Iterator[Finding]:
    from app.settings import load_settings

    settings = load_settings()
    yield Finding("Python", sys.version_info >= (3, 11), f"{platform.python_version()} ({sys.executable})")
    folder = settings.data_dir
    there = next(parent for parent in (folder, *folder.absolute().parents) if parent.is_dir())
    free = shutil.disk_usage(there).free
    state = text("cli.doctor.disk", path=str(folder), free_mb=free // 10**6)
    yield Finding(text("cli.doctor.data"), free > LOW_DISK_BYTES, state, "" if free > LOW_DISK_BYTES else "df -h")


def _modules(text: Text) -> Iterator[Finding]:
    for module, package in MODULES.items():
        there = importlib.util.find_spec(module) is not None
        state = text("cli.models.installed" if there else "cli.models.missing")
        yield Finding(module, there, state, "" if there else f"{sys.executable} -m pip install {package}")
    if importlib.util.find_spec("espeakng_loader") is not None:
        yield _espeak(text)


def _espeak(text: Text) -> Finding:
    import espeakng_loader

    data = Path(espeakng_loader.get_data_path())
    try:
        ctypes.CDLL(espeakng_loader.get_library_path())
        good = (data / "phontab").is_file()
    except OSError:
        good = False
    remedy = "" if good else f"{sys.executable} -m pip install --force-reinstall {MODULES['espeakng_loader']}"
    return Finding("espeak-ng", good, str(data) if good else text("cli.models.missing"), remedy)


def _engines(text: Text) -> Iterator[Finding]:
    from app.settings import load_settings
    from app.tasks import synthesizer_of

    settings = load_settings()
    with closing(synthesizer_of(settings)) as synthesizer:
        default = synthesizer.default_engine().engine
        for name in synthesizer.registry.engines:
            needed, lack = name == default, synthesizer.lack(name)
            if lack and lack.code != "model_missing":
                remedy = str(lack.values.get("command", ""))
                yield Finding(name, False, text(f"error.{lack.code}", **lack.values), remedy, needed)
            elif not synthesizer.models_of(name):
                yield Finding(name, lack is None, text("cli.models.installed"), needed=needed)
            for model in synthesizer.models_of(name):
                yield _model(synthesizer.store, model, f"{name} / {model}", needed, text)
        for name in synthesizer.registry.announced:
            yield Finding(name, False, text("cli.doctor.not_built"), needed=False)
        for name, converter in synthesizer.registry.converters.items():
            yield _converter(synthesizer, name, text("cli.doctor.converter", title=converter.info.title), text)


def _hosts(text: Text) -> Iterator[Finding]:
    """The processes that hold engines now, with what is in their memory."""
    from app.settings import load_settings
    from app.wiring import hosted, running_hosts

    settings = load_settings()
    addresses = running_hosts(settings)
    if not addresses:
        yield Finding(text("cli.doctor.host"), False, text("cli.doctor.host_none"), "papagaio serve", needed=False)
        return
    with closing(hosted(settings, addresses)) as synthesizer:
        states = synthesizer.hosts()
    for state in states:
        what = f"{text('cli.doctor.host')} / {state.name}"
        if state.pool is None:
            yield Finding(what, False, text("cli.doctor.host_silent"), needed=False)
            continue
        held = ", ".join(f"{name} ({device})" for name, device in sorted(state.pool.devices.items()))
        told = {
            "engines": held or text("cli.doctor.host_empty"),
            "weights_mb": state.pool.memory_bytes // 10**6,
            "memory_mb": "–" if state.memory_bytes is None else state.memory_bytes // 10**6,
            "pid": state.pid,
        }
        yield Finding(what, True, text("cli.doctor.host_holds", **told), needed=False)


def _converter(synthesizer: Synthesizer, name: str, what: str, text: Text) -> Finding:
    try:
        synthesizer.check_converter(name)
    except SpeechError as error:
        remedy = synthesizer.registry.converter(name).install.command
        return Finding(what, False, text(f"error.{error.code}", **error.values), remedy, needed=False)
    return Finding(what, True, text("cli.models.installed"), needed=False)


def _training(text: Text) -> Finding:
    """Whether XTTS can be fine-tuned, and where the weights are that `--checkpoint` names."""
    from app.settings import load_settings
    from app.tasks import training_service_of

    settings = load_settings()
    service = training_service_of(settings, ModelStore(settings.models_path))
    what = text("cli.doctor.training", engine=service.engine)
    try:
        service.check()
    except (Problem, SpeechError) as error:
        values = error.values
        target = f"{values.get('folder')}/{values.get('file')}"
        remedy = values.get("command") or shlex.join(["curl", "-fL", "-o", target, str(values.get("url"))])
        return Finding(what, False, text(f"error.{error.code}", **values), str(remedy), needed=False)
    return Finding(what, True, str(service.checkpoint_dir()), needed=False)


def _model(store: ModelStore, model: str, what: str, needed: bool, text: Text) -> Finding:
    if store.is_installed(model):
        return Finding(what, True, text("cli.models.installed"), needed=needed)
    megabytes = f"{store.info(model).size_bytes / 1e6:.0f} MB"
    state = f"{text('cli.models.missing')} ({megabytes})"
    return Finding(what, False, state, PULL_COMMAND.format(name=model), needed)


def _tests(text: Text) -> Iterator[Finding]:
    from app.settings import load_settings

    settings = load_settings()
    store = ModelStore(settings.models_path)
    fitted = [name for record in Registry(settings.extra_engines).engines.values() for name in record.fit_models]
    for model in (*FOR_TESTS, *fitted):
        yield _model(store, model, f"{text('cli.doctor.tests')} / {model}", False, text)
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    remedy = "" if browser else "apt-get install chromium"
    state = browser or text("cli.models.missing")
    yield Finding(f"{text('cli.doctor.tests')} / Chromium", browser is not None, state, remedy, needed=False)
