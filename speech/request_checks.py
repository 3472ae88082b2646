"""What a request asks of an engine, checked before anything is loaded."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from secrets import randbelow

from speech.engines.base import ConverterInfo, Engine, EngineInfo, VoiceConverter
from speech.errors import SpeechError
from speech.processing import with_steps
from speech.text.language import guess
from speech.text.reading import DEFAULT, Reading, ReadingOptions, read
from speech.text.script import unreadable
from speech.voices import MANY_LANGUAGES, Shape, Voice

MAX_CHARS = 10_000  # of one request, the base API's bound
MAX_SEED = 2**32 - 1
CHECK_TRIES, MOST_CHECK_TRIES = 3, 6  # how often a sentence is spoken at most until it is heard as it is written


def checked_parameters(
    info: EngineInfo, given: Mapping[str, float | bool], shape: Shape = Shape()
) -> dict[str, float | bool]:
    """Every parameter of the engine, the given ones checked; steps of processing where they are given. What `shape`
    says of the voice is added, and what is used comes out.

    Raises SpeechError `unknown_parameter`, `parameter_out_of_range`.
    """
    given = _shaped(info, given, shape)
    known = {parameter.name: parameter for parameter in with_steps(info.parameters, given)}
    for name, value in given.items():
        if name not in known:
            raise SpeechError("unknown_parameter", parameter=name, engine=info.name, choices=list(known))
        low, high = known[name].minimum, known[name].maximum
        if low is None or high is None or isinstance(value, bool):
            continue
        if not (math.isfinite(value) and low <= value <= high):
            raise SpeechError("parameter_out_of_range", parameter=name, value=value, minimum=low, maximum=high)
    return {name: given.get(name, parameter.default) for name, parameter in known.items()}


def _shaped(info: EngineInfo, given: Mapping[str, float | bool], shape: Shape) -> dict[str, float | bool]:
    """`given` and what the voice does to it: pitch and tone are added, the speed is multiplied."""
    made = dict(given)
    for name in ("pitch_semitones", "tone_db"):
        if (own := getattr(shape, name)) != 0:
            made[name] = given.get(name, 0.0) + own
    if shape.speed != 1:
        made["speed"] = given.get("speed", 1.0) * shape.speed
    return made


def checked_seed(info: EngineInfo, seed: int | None) -> int | None:
    """The seed that is used. Raises SpeechError `seed_not_used`, `parameter_out_of_range`."""
    if seed is None:
        return randbelow(MAX_SEED + 1) if info.is_seeded else None
    if not info.is_seeded:
        raise SpeechError("seed_not_used", engine=info.name)
    if not 0 <= seed <= MAX_SEED:
        raise SpeechError("parameter_out_of_range", parameter="seed", value=seed, minimum=0, maximum=MAX_SEED)
    return seed


def checked_reference_text(info: EngineInfo, text: str) -> str:
    """Raises SpeechError `reference_text_not_used`."""
    if text and not info.takes_reference_text:
        raise SpeechError("reference_text_not_used", engine=info.title)
    return text


def checked_reading(text: str, language: str, max_chars: int, options: ReadingOptions = DEFAULT) -> Reading:
    """How a text that can be spoken in `language` will be said, in sentences of at most `max_chars` characters.

    Raises SpeechError `text_empty`, `text_too_long`, `nothing_to_say`, `text_not_in_language`, `dictionary_grows_text`.
    """
    if not text.strip():
        raise SpeechError("text_empty")
    if len(text) > MAX_CHARS:
        raise SpeechError("text_too_long", length=len(text), maximum=MAX_CHARS)
    reading = read(text, language, max_chars, options)  # first: it turns µ and % into words
    if foreign := unreadable("".join(sentence.text for sentence in reading.sentences), language):
        raise SpeechError("text_not_in_language", characters=foreign[:10], language=language)
    if not reading.sentences:
        raise SpeechError("nothing_to_say")
    return reading


def own_language(voice: Voice, text: str, info: EngineInfo) -> str:
    """Raises SpeechError `language_needed` where neither the voice nor the text tells."""
    if voice.language != MANY_LANGUAGES:
        return voice.language
    found = guess(text)
    if found is None:
        raise SpeechError("language_needed", voice=voice.voice_id, choices=list(info.languages))
    return found


def voice_of(
    engine: Engine | VoiceConverter, voice_id: str, may_see: Callable[[Voice], bool] = lambda voice: True
) -> Voice:
    """One of those that `may_see` is true of.

    Raises SpeechError `unknown_voice`; what `check` raises where there are none.
    """
    voices = {voice.voice_id: voice for voice in engine.voices() if may_see(voice)}
    if not voices:
        engine.check()
    if voice_id not in voices:
        raise SpeechError("unknown_voice", voice=voice_id, engine=engine.info.name, choices=list(voices))
    return voices[voice_id]


def match_language(language: str, info: EngineInfo | ConverterInfo) -> str:
    """The engine's tag for `language`: the same tag, or the first with the same primary subtag.

    Raises SpeechError `language_not_spoken` with the choices.
    """
    tags = {tag.lower(): tag for tag in info.languages}
    wanted = language.strip().lower().replace("_", "-")
    same_primary = (tag for low, tag in tags.items() if low.split("-")[0] == wanted.split("-")[0])
    found = tags.get(wanted) or next(same_primary, None)
    if not found:
        raise SpeechError("language_not_spoken", language=language, engine=info.name, choices=list(info.languages))
    return found
