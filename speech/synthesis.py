"""From a text to sound: check everything, normalise, cut into sentences, speak with a pooled engine."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from secrets import randbelow

from speech.audio import Audio
from speech.engines import registry
from speech.engines.base import Engine, EngineInfo, EngineOptions, SpeechRequest
from speech.engines.pool import EnginePool, PoolStats
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.text.language import guess
from speech.text.normalize import normalize
from speech.text.script import has_speech, unreadable
from speech.text.sentences import Sentence, split
from speech.voices import MANY_LANGUAGES, Voice

MAX_CHARS = 10_000  # of one request, the base API's bound
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class SynthesizerOptions:
    """How a Synthesizer is put together."""

    models_dir: Path  # where the model store keeps weights
    precision: str = "int8"  # of the embedded engine: int8 or fp32
    precisions: Mapping[str, str] = field(default_factory=dict)  # of other engines, by name
    checkpoints: Mapping[str, Path] = field(
        default_factory=dict
    )  # an engine's own weights, used instead of the store's
    threads: int = 2  # cores an engine may use
    memory_bytes: int = 4 << 30  # that loaded engines may hold together
    idle_s: float = 900  # after which an unused engine is unloaded
    extra_engines: Mapping[str, str] = field(default_factory=dict)  # name to "module:Class"
    voices_dir: Path | None = None  # where fitted voices are kept; None: only stock ones
    cache_dir: Path | None = None  # for what is made again when it is lost; None: nothing is kept on disk
    device: str = "auto"  # one of speech.engines.device.CHOICES
    warm_engines: tuple[str, ...] = ()  # loaded by `warm_up`, and not unloaded when idle


@dataclass(frozen=True)
class Plan:
    """A checked request, ready to be spoken: what was asked resolved to what is used."""

    engine: str
    voice: Voice
    language: str  # what is spoken
    language_requested: str
    parameters: Mapping[str, float | bool]  # every parameter of the engine
    sentences: tuple[Sentence, ...]
    sample_rate: int
    info: EngineInfo
    seed: int | None = None  # of an engine that is seeded: the one asked for, or one that was drawn


def tags_of(plan: Plan) -> dict[str, str]:
    """What a file with the sound of `plan` says of itself; nothing where the weights allow every use."""
    if plan.info.is_commercial:
        return {}
    terms = f"{plan.info.title} weights under {plan.info.licence}, non-commercial use only. {plan.info.licence_url}"
    made = f"Synthetic speech: {plan.info.title}, voice {plan.voice.voice_id}, seed {plan.seed}. Made with Papagaio"
    return {"copyright": terms.strip(), "comment": made}


class Synthesizer:
    """All engines of this process behind two calls: `plan` checks, `speak` makes the sound."""

    def __init__(self, options: SynthesizerOptions) -> None:
        self._options = options
        self.store = ModelStore(options.models_dir)
        self._pool = EnginePool(
            self._engines_by_name, options.memory_bytes, options.idle_s, options.device, options.warm_engines
        )

    def engines(self) -> Mapping[str, EngineInfo]:
        return {name: engine.info for name, engine in self._engines.items()}

    def voices(self) -> tuple[Voice, ...]:
        return tuple(voice for engine in self._engines.values() for voice in engine.voices())

    def pool_stats(self) -> PoolStats:
        return self._pool.stats()

    @property
    def asked_device(self) -> str:
        return self._pool.asked_device

    def check(self, engine: str) -> None:
        """Whether `engine` can be loaded here; cheap. Raises SpeechError as `Engine.check` does."""
        self._engines_by_name(engine).check()

    def lack(self, engine: str) -> SpeechError | None:
        """What keeps `engine` from being loaded here; None where nothing does."""
        try:
            self.check(engine)
        except SpeechError as error:
            return error
        return None

    def warm_up(self) -> threading.Thread | None:
        """Load the engines of `SynthesizerOptions.warm_engines` in a thread; one that cannot be is left out.

        Raises SpeechError `unknown_engine`, `engine_not_built` at once for a name that is none.
        """
        names = self._options.warm_engines
        for name in names:
            self._engines_by_name(name)

        def load() -> None:
            for name in names:
                try:
                    with self._pool.acquire(name):
                        continue
                except SpeechError:  # the first request says it, with the same error
                    continue

        thread = threading.Thread(target=load, name="warm-up", daemon=True) if names else None
        if thread:
            thread.start()
        return thread

    def models_of(self, engine: str) -> tuple[str, ...]:
        """Names in the catalogue that `engine` needs with this speaker's precision."""
        names = self._engines_by_name(engine).info.models
        return tuple(name.replace("int8", self._options.precision) for name in names)

    def plan(
        self,
        text: str,
        *,
        engine: str,
        language: str,
        voice: str,
        parameters: Mapping[str, float | bool] | None = None,
        seed: int | None = None,
    ) -> Plan:
        """Check a request; loads nothing and takes milliseconds.

        `language` is a BCP 47 tag or "" for the voice's own, or the text's where the voice has none. `seed` None draws
        one where the engine is seeded. Raises SpeechError: `engine_not_built`, `unknown_engine`, `unknown_voice`,
        `language_not_spoken`, `language_needed`, `text_empty`, `text_too_long`, `nothing_to_say`,
        `text_not_in_language`, `unknown_parameter`, `parameter_out_of_range`, `seed_not_used`; for an engine that has
        no voices what `Engine.check` raises.
        """
        chosen = self._engines_by_name(engine)
        speaking = _voice_of(chosen, voice)
        spoken = match_language(language or _own_language(speaking, text, chosen.info), chosen.info)
        return Plan(
            engine=engine,
            voice=speaking,
            language=spoken,
            language_requested=language,
            parameters=checked_parameters(chosen.info, parameters or {}),
            sentences=checked_sentences(text, spoken, chosen.info.max_chars_of(spoken)),
            sample_rate=chosen.info.sample_rate,
            info=chosen.info,
            seed=checked_seed(chosen.info, seed),
        )

    def speak(self, plan: Plan) -> Generator[Audio, None, None]:
        """The sound of a plan, a chunk a sentence or a `Chunk`. Raises what `EnginePool.acquire` raises."""
        request = SpeechRequest(plan.sentences, plan.language, plan.voice, plan.parameters, plan.seed)
        with self._pool.acquire(plan.engine) as engine:
            chunks = engine.speak(request)
            try:
                yield from chunks
            finally:
                chunks.close()

    def close(self) -> None:
        self._pool.close()

    @cached_property
    def _engines(self) -> dict[str, Engine]:
        given, more = self._options, self._options.extra_engines
        common = EngineOptions(
            self.store,
            given.precision,
            given.threads,
            voices_dir=given.voices_dir,
            cache_dir=given.cache_dir,
            memory_bytes=given.memory_bytes,
        )
        engines = {}
        for name in {**registry.ENGINES, **more}:
            precision = given.precisions.get(name, given.precision)
            options = replace(common, precision=precision, checkpoint_dir=given.checkpoints.get(name))
            engines[name] = registry.build(name, options, more)
        return engines

    def _engines_by_name(self, name: str) -> Engine:
        if name in self._engines:
            return self._engines[name]
        raise registry.refusal(name, list(self._engines))


def match_language(language: str, info: EngineInfo) -> str:
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


def checked_parameters(info: EngineInfo, given: Mapping[str, float | bool]) -> dict[str, float | bool]:
    """Every parameter of the engine, the given ones checked.

    Raises SpeechError `unknown_parameter`, `parameter_out_of_range`.
    """
    known = {parameter.name: parameter for parameter in info.parameters}
    for name, value in given.items():
        if name not in known:
            raise SpeechError("unknown_parameter", parameter=name, engine=info.name, choices=list(known))
        low, high = known[name].minimum, known[name].maximum
        if low is None or high is None or isinstance(value, bool):
            continue
        if not (math.isfinite(value) and low <= value <= high):
            raise SpeechError("parameter_out_of_range", parameter=name, value=value, minimum=low, maximum=high)
    return {name: given.get(name, parameter.default) for name, parameter in known.items()}


def checked_seed(info: EngineInfo, seed: int | None) -> int | None:
    """The seed that is used. Raises SpeechError `seed_not_used`, `parameter_out_of_range`."""
    if seed is None:
        return randbelow(MAX_SEED + 1) if info.is_seeded else None
    if not info.is_seeded:
        raise SpeechError("seed_not_used", engine=info.name)
    if not 0 <= seed <= MAX_SEED:
        raise SpeechError("parameter_out_of_range", parameter="seed", value=seed, minimum=0, maximum=MAX_SEED)
    return seed


def checked_sentences(text: str, language: str, max_chars: int) -> tuple[Sentence, ...]:
    """The sentences of a text that can be spoken in `language`, normalised.

    Raises SpeechError `text_empty`, `text_too_long`, `nothing_to_say`, `text_not_in_language`.
    """
    if not text.strip():
        raise SpeechError("text_empty")
    if len(text) > MAX_CHARS:
        raise SpeechError("text_too_long", length=len(text), maximum=MAX_CHARS)
    normal = normalize(text, language)  # first: it turns µ and % into words
    if foreign := unreadable(normal, language):
        raise SpeechError("text_not_in_language", characters=foreign[:10], language=language)
    spoken = tuple(sentence for sentence in split(normal, max_chars, language) if has_speech(sentence.text))
    if not spoken:
        raise SpeechError("nothing_to_say")
    return spoken


def _own_language(voice: Voice, text: str, info: EngineInfo) -> str:
    """Raises SpeechError `language_needed` where neither the voice nor the text tells."""
    if voice.language != MANY_LANGUAGES:
        return voice.language
    found = guess(text)
    if found is None:
        raise SpeechError("language_needed", voice=voice.voice_id, choices=list(info.languages))
    return found


def _voice_of(engine: Engine, voice_id: str) -> Voice:
    voices = {voice.voice_id: voice for voice in engine.voices()}
    if not voices:
        engine.check()
    if voice_id not in voices:
        raise SpeechError("unknown_voice", voice=voice_id, engine=engine.info.name, choices=list(voices))
    return voices[voice_id]
