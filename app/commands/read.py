"""`papagaio read`: how a text will be read out, without a sound."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from app.commands.console import Console
from app.commands.dictionary import stored_dictionary
from app.commands.speak import given_text

if TYPE_CHECKING:
    from speech.preview import Preview


def read(options: argparse.Namespace, console: Console) -> int:
    from app.settings import load_settings
    from speech.preview import preview
    from speech.text.language import guess
    from speech.text.reading import ReadingOptions

    text = given_text(options.text)
    language = options.language or guess(text) or ("en-US" if console.language == "en" else console.language)
    reading = ReadingOptions(options.wrapping, stored_dictionary(load_settings()))
    made = preview(text, language, options.voice or "", reading)
    if options.json:
        console.line(json.dumps(asdict(made), ensure_ascii=False, indent=2))
    else:
        _show(made, console)
    return 0


def _show(made: Preview, console: Console) -> None:
    for sentence in made.sentences:
        console.line(sentence.spoken)
        if " ".join(sentence.written.split()) != sentence.spoken:
            console.line(f"    ← {' '.join(sentence.written.split())}")
        if sentence.phonemes:
            console.line(f"    /{sentence.phonemes}/")
    for part in made.left_out:
        reason = console.text(f"read.left_out.{part.reason}")
        console.say("read.left_out", text=" ".join(part.text.split())[:80], reason=reason)
