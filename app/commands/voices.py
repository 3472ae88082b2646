"""`papagaio voices`: the voices fitted on this machine; take one elsewhere, bring one in, let one go."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.console import Console
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.voice_library import VoiceLibrary

if TYPE_CHECKING:
    from app.settings import Settings


def list_voices(options: argparse.Namespace, console: Console) -> int:
    settings = _settings()
    library = _library()
    voices, damaged = library.list(), library.damaged()
    for meta in voices:
        made = meta.created_at.partition("T")[0]
        about = (meta.engine, meta.language, meta.gender, f"{meta.reference_s:.0f} s", meta.effort, made)
        console.line("  ".join((meta.voice_id, *about, meta.title)))
        console.line(
            f"    {console.text('cli.voices.consent', date=meta.consent.given_at, text=meta.consent.statement)}"
        )
    for voice_id, error in damaged.items():
        console.note(f"{voice_id}: {console.text(f'error.{error.code}', **error.values)}")
    if not voices and not damaged:
        console.say("cli.voices.none", path=str(settings.voices_path))
    return 1 if damaged else 0


def export_voice(options: argparse.Namespace, console: Console) -> int:
    settings = _settings()
    library = _library()
    output = Path(options.output)
    if options.onnx:
        from speech.models import ModelStore

        registry, made = Registry(settings.extra_engines), library.parts(options.name)
        engine = next(
            (name for name in made if name in registry.engines and registry.engines[name].exporter),
            library.get(options.name).engine,
        )
        paths = registry.export(engine, library, options.name, ModelStore(settings.models_path), output)
    else:
        _check_folder(output)
        library.export(options.name, output)
        paths = [output]
    for path in paths:
        console.say("cli.voices.written", path=str(path), megabytes=f"{path.stat().st_size / 1e6:.1f}")
    return 0


def import_voice(options: argparse.Namespace, console: Console) -> int:
    meta = _library().import_(Path(options.file), options.name)
    console.say("cli.voices.imported", name=meta.voice_id, title=meta.title)
    return 0


def delete_voice(options: argparse.Namespace, console: Console) -> int:
    _library().delete(options.name)
    console.say("cli.voices.deleted", name=options.name)
    return 0


def _library() -> VoiceLibrary:
    settings = _settings()
    return VoiceLibrary(settings.voices_path, Registry(settings.extra_engines))


def _check_folder(output: Path) -> None:
    if not output.absolute().parent.is_dir():
        raise SpeechError("output_folder_missing", path=str(output.absolute().parent))


def _settings() -> Settings:
    from app.settings import load_settings

    return load_settings()
