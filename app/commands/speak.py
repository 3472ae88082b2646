"""`papagaio speak`: a text to a sound file, without the service."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from app.commands.console import Console
from app.commands.dictionary import stored_dictionary
from app.commands.models import pull
from speech.errors import SpeechError
from speech.text.language import guess

if TYPE_CHECKING:
    from app.settings import Settings
    from speech.checking import CheckedSentence
    from speech.engines.base import Chunk
    from speech.engines.records import EngineRecord
    from speech.plan import EngineChoice, Plan
    from speech.synthesis import Synthesizer
    from speech.voices import Voice

MAX_INPUT_BYTES = 1 << 20  # of standard input; the plan bounds the characters


def speak(options: argparse.Namespace, console: Console) -> int:
    from app.settings import load_settings
    from app.tasks import synthesizer_of
    from speech import audio
    from speech.plan import tags_of
    from speech.text.reading import ReadingOptions

    settings = load_settings()
    output = Path(options.output)
    file_format = options.format or output.suffix.lstrip(".").lower()
    audio.format_of(file_format)
    if not output.absolute().parent.is_dir():
        raise SpeechError("output_folder_missing", path=str(output.absolute().parent))
    with closing(synthesizer_of(settings)) as synthesizer:
        choice = synthesizer.choose_engine(options.engine, options.voice)
        engine = choice.engine
        models = synthesizer.models_of(engine)
        if not synthesizer.voices_of(engine):  # who can speak is told by the weights
            bring(synthesizer, models, console, options.accept_licence)
            synthesizer.check(engine)
            if not synthesizer.voices_of(engine):
                raise SpeechError("engine_without_voices", engine=engine)
        text = given_text(options.text)
        own = guess(text) or console.language
        record = synthesizer.registry.engine(engine)
        voice, language = chosen_voice(synthesizer.voices_of(engine), record, options.voice, options.language, own)
        parameters = _parameters(settings, record, options.profile, options.speed)
        plan = synthesizer.plan(
            text,
            engine=engine,
            language=language,
            voice=voice,
            parameters=parameters,
            seed=options.seed,
            reading=ReadingOptions(options.wrapping, stored_dictionary(settings)),
        )
        bring(synthesizer, models, console, options.accept_licence)
        started = time.perf_counter()
        chunks, checked = _spoken(synthesizer, plan, options.check_words, options.check_tries)
        sound = audio.join(chunks)
        elapsed_s = time.perf_counter() - started
    try:
        audio.save(sound, output, file_format, tags_of(plan))
    except OSError as error:
        raise SpeechError("output_unwritable", path=str(output), reason=error.strerror or str(error)) from error
    used = {"voice": plan.voice.voice_id, "language": plan.language, "engine": plan.engine}
    times = {"duration_s": f"{sound.duration_s:.2f}", "elapsed_s": f"{elapsed_s:.2f}"}
    factor = f"{elapsed_s / sound.duration_s:.2f}"
    console.say("cli.speak.done", path=str(output), format=file_format, factor=factor, **used, **times)
    _tell_reason(choice, console)
    _tell_more(plan, console)
    if options.check_words:
        _tell_checked(checked, console)
    return 0


def _spoken(
    synthesizer: Synthesizer, plan: Plan, check_words: bool, tries: int | None
) -> tuple[Iterable[Chunk], list[CheckedSentence]]:
    """The sound, and what is heard of each sentence by the time that it is made. Raises what `CheckingService` does."""
    if not check_words:
        if tries is not None:
            raise SpeechError("bad_argument", reason="--check-tries", choices=["--check-words"])
        return synthesizer.speak(plan), []
    from app.tasks.checking_service import CheckingService
    from speech.checking import CheckOptions, speak_checked

    wanted, checked = CheckOptions() if tries is None else CheckOptions(tries), list["CheckedSentence"]()
    ears = CheckingService(synthesizer.store).transcriber()
    return speak_checked(synthesizer.speak, plan, ears, wanted, checked.append), checked


def _tell_checked(checked: Iterable[CheckedSentence], console: Console) -> None:
    """What became of the sentences that were not as written at first; those that still are not, as warnings."""
    sentences = list(checked)
    good, cut = sum(one.is_good for one in sentences), sum(one.cut_s > 0 for one in sentences)
    again = sum(one.tries > 1 for one in sentences)
    console.say("cli.speak.checked", good=good, count=len(sentences), cut=cut, again=again)
    for one in sentences:
        if not one.is_good:
            console.note(console.text("cli.speak.checked_bad", text=one.text, heard=one.heard, tries=one.tries))


def _tell_reason(choice: EngineChoice, console: Console) -> None:
    """Why this engine spoke, where nobody named it."""
    if choice.passed_over:
        console.note(console.text("cli.speak.reason.passed_over", engine=choice.engine, names=list(choice.passed_over)))
    elif choice.reason in ("auto", "voice"):
        console.note(console.text(f"cli.speak.reason.{choice.reason}", engine=choice.engine))


def _tell_more(plan: Plan, console: Console) -> None:
    """What a person should know of engines that vary, and of weights that do not allow every use."""
    info = plan.info
    if plan.seed is not None:
        console.say("cli.speak.seed", seed=plan.seed)
    if info.without_effect:
        console.note(console.text("cli.speak.without_effect", names=info.without_effect, engine=info.title))
    if not info.is_commercial:
        console.note(console.text("cli.speak.licence", engine=info.title, licence=info.licence, url=info.licence_url))


def bring(synthesizer: Synthesizer, models: Iterable[str], console: Console, licence: str | None = None) -> None:
    """Pull what is not here yet; `licence` is one the person agrees to beforehand."""
    missing = [name for name in models if not synthesizer.store.is_installed(name)]
    for name in missing:
        pull(synthesizer.store, name, console, licence)
    if missing:
        synthesizer.store.tidy()


def chosen_voice(
    voices: Iterable[Voice], engine: EngineRecord, voice: str | None, language: str | None, own_language: str
) -> tuple[str, str]:
    """Voice and language to ask the plan for: a named voice speaks its own language unless another is named.

    `own_language` is the text's, as far as it tells, or the user's. With no voice named it is the default preset's
    where the engine has one in that language, as in the API; else the first of the wanted language, or of the engine
    where none has that language.
    """
    if voice:
        return voice, language or ""
    wanted = language or own_language
    preset = engine.presets[0].voices.get(_primary(wanted)) if engine.presets else None
    if preset:
        return preset, wanted
    offered = list(voices)
    fits = [candidate for candidate in offered if _primary(candidate.language) == _primary(wanted)]
    return (fits or offered)[0].voice_id, wanted


def _primary(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()


def given_text(given: str) -> str:
    """The text itself, or of `-` what standard input holds. Raises SpeechError `input_not_utf8`."""
    if given != "-":
        return given
    data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpeechError("input_not_utf8", position=error.start) from error


def _parameters(
    settings: Settings, engine: EngineRecord, profile: str | None, speed: float | None
) -> dict[str, float | bool]:
    """A quality profile's parameters, with the speed asked for over it."""
    parameters = dict(_profile_parameters(settings, engine, profile)) if profile else {}
    return {**parameters, **({} if speed is None else {"speed": speed})}


def _profile_parameters(settings: Settings, engine: EngineRecord, profile: str) -> dict[str, float | bool]:
    """Of a built-in profile by its id or its short name, or of a custom one by its id."""
    from app.storage.database import Database
    from app.storage.profiles import ProfileStore

    for candidate in engine.built_in_profiles():
        if profile in (candidate.profile_id, candidate.profile_id.removeprefix(f"{engine.name}_")):
            return dict(candidate.parameters)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.url)) as database:
        database.migrate()
        return dict(ProfileStore(database, {engine.name: engine}).get(engine.name, profile).parameters)
