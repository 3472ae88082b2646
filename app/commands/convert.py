"""`papagaio convert`: a recording said again by another voice, without the service."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.console import Console
from app.commands.speak import bring
from app.errors import Problem
from speech.errors import SpeechError

if TYPE_CHECKING:
    from app.tasks.conversion_service import ConversionService


def convert(options: argparse.Namespace, console: Console) -> int:
    from app.settings import load_settings
    from app.tasks import synthesizer_of
    from app.tasks.conversion_service import ConversionService

    with closing(synthesizer_of(load_settings())) as synthesizer:
        return convert_in(ConversionService(synthesizer), options, console)


def convert_in(conversion: ConversionService, options: argparse.Namespace, console: Console) -> int:
    """Everything is checked before anything is made; the output is written whole or not at all."""
    from app.tasks.conversion_service import parameter_value
    from speech import audio

    recording, output = Path(options.recording), Path(options.output)
    file_format = options.format or output.suffix.lstrip(".").lower()
    audio.format_of(file_format)
    if not output.absolute().parent.is_dir():
        raise SpeechError("output_folder_missing", path=str(output.absolute().parent))
    if not recording.is_file():
        raise Problem("file_missing", path=options.recording)
    parameters = {} if options.pitch is None else {"pitch": parameter_value(options.pitch)}
    info, asked = conversion.options(options.voice, options.language or "", options.text, parameters)
    bring(conversion.synthesizer, conversion.models(info.name), console)
    conversion.check(info.name)
    started = time.perf_counter()
    made = conversion.convert(recording, info, asked, _Told(console))
    elapsed_s = time.perf_counter() - started
    try:
        audio.save(made.audio, output, file_format)
    except OSError as error:
        raise SpeechError("output_unwritable", path=str(output), reason=error.strerror or str(error)) from error
    used = {"voice": asked.voice.voice_id, "language": made.language, "semitones": f"{made.semitones:+.1f}"}
    times = {"duration_s": f"{made.audio.duration_s:.2f}", "elapsed_s": f"{elapsed_s:.2f}"}
    console.say("cli.convert.done", path=str(output), format=file_format, text=made.text, **used, **times)
    return 0


class _Told:
    """Progress as a line at each new quarter."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._told = -1

    def __call__(self, done: int, total: int, note: str) -> None:
        quarter = 4 * done // max(1, total)
        if quarter != self._told:
            self._told = quarter
            self._console.note(f"{self._console.text(note)} {25 * quarter} %")
