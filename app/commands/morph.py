"""`papagaio morph`: voices mixed, heard or kept, without the service."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.console import Console
from speech.engines.blend import Blend, BlendPoint, check_blend
from speech.errors import SpeechError
from speech.voices import Shape

if TYPE_CHECKING:
    from speech.synthesis import Synthesizer


def morph(options: argparse.Namespace, console: Console) -> int:
    from app.settings import load_settings
    from app.tasks import synthesizer_of
    from app.tasks.blending import NewVoice, engine_of, keep
    from speech.voice_library import VoiceLibrary

    settings = load_settings()
    blend = blend_of(options)
    if not options.name and not options.output:
        raise SpeechError("missing_argument", names=["--name, -o"], choices=["--name", "-o"])
    with closing(synthesizer_of(settings)) as synthesizer:
        engine = engine_of(synthesizer, blend.voices, options.engine)
        shape = Shape(options.pitch or 0.0, options.speed or 1.0, options.tone or 0.0)
        if options.output:
            speak(synthesizer, engine, blend, shape, options, console)
        if options.name:
            library = VoiceLibrary(settings.voices_path, synthesizer.registry)
            meta = keep(synthesizer, library, engine, blend, shape, NewVoice(options.name))
            console.say("cli.morph.kept", voice=meta.voice_id, title=meta.title, engine=engine)
    return 0


def blend_of(options: argparse.Namespace) -> Blend:
    """Of the words of a command line. Raises SpeechError `bad_weight`, and what `check_blend` raises."""
    timbre, end = weights(options.weights), weights(options.to or ())
    prosody = weights(options.prosody or ())
    points = [BlendPoint(timbre, prosody or timbre)]
    if end:
        points.append(BlendPoint(end, prosody or end, 1.0))
    return check_blend(Blend(tuple(points), options.method))


def weights(words: Sequence[str]) -> dict[str, float]:
    """`pf_dora=0.4` and `pm_alex=0.6`. Raises SpeechError `bad_weight`."""
    found: dict[str, float] = {}
    for word in words:
        voice, _, share = word.partition("=")
        try:
            value = float(share) if share else 1.0
        except ValueError:
            value = -1.0
        if not voice or voice in found or not 0 <= value <= 1:
            raise SpeechError("bad_weight", word=word)
        found[voice] = value
    return found


def speak(
    synthesizer: Synthesizer, engine: str, blend: Blend, shape: Shape, options: argparse.Namespace, console: Console
) -> None:
    """Raises SpeechError `missing_argument` without a text, and what a plan raises."""
    from app.commands.speak import bring, given_text
    from speech import audio
    from speech.plan import tags_of

    output = Path(options.output)
    file_format = output.suffix.lstrip(".").lower()
    audio.format_of(file_format)
    if not options.text:
        raise SpeechError("missing_argument", names=["--text"], choices=["--text"])
    if not output.absolute().parent.is_dir():
        raise SpeechError("output_folder_missing", path=str(output.absolute().parent))
    asked = {"pitch_semitones": shape.pitch_semitones, "speed": shape.speed, "tone_db": shape.tone_db}
    plan = synthesizer.plan(
        given_text(options.text),
        engine=engine,
        language=options.language or "",
        blend=blend,
        parameters={name: value for name, value in asked.items() if value != getattr(Shape(), name)},
    )
    bring(synthesizer, synthesizer.models_of(engine), console)
    sound = audio.join(synthesizer.speak(plan))
    try:
        audio.save(sound, output, file_format, tags_of(plan))
    except OSError as error:
        raise SpeechError("output_unwritable", path=str(output), reason=error.strerror or str(error)) from error
    console.say("cli.morph.spoken", path=str(output), engine=engine, duration_s=f"{sound.duration_s:.2f}")
