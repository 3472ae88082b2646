"""From a text to sound: check everything, normalise, cut into sentences, speak with a pooled engine."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Self, cast

from speech.asr import Heard, HearingOptions, Segment
from speech.audio import Audio
from speech.chunks import converted, processed, with_pauses
from speech.engines.base import (
    Chunk,
    ConverterInfo,
    Engine,
    EngineInfo,
    EngineOptions,
    Loadable,
    SpeechRequest,
    VoiceConverter,
)
from speech.engines.blend import Blend
from speech.engines.pool import EnginePool, PoolStats
from speech.engines.records import Installation
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.listening import NAME, SPEAKERS, listen, listeners
from speech.metering import SpeechMeter, metered
from speech.models import ModelStore
from speech.plan import ConversionAsked, ConversionStep, EngineChoice, Plan
from speech.processing import ProcessingOptions
from speech.profiles import checked_with_choices
from speech.request_checks import (
    checked_parameters,
    checked_reading,
    checked_reference_text,
    checked_seed,
    match_language,
    own_language,
    voice_of,
)
from speech.runs import speak_runs, voices_in
from speech.synthesizer_options import AUTO, SynthesizerOptions
from speech.text.reading import DEFAULT, ReadingOptions
from speech.voices import Voice

_CONVERTER = "converter "  # before the name of a converter in the pool


class Synthesizer:
    """All engines of this process behind two calls: `plan` checks, `speak` makes the sound."""

    def __init__(self, options: SynthesizerOptions) -> None:
        self._options = options
        self.store = ModelStore(options.models_dir)
        self.pool = EnginePool(
            self._loadable, options.memory_bytes, options.idle_s, options.device, options.warm_engines
        )
        self._may_see: Callable[[Voice], bool] = lambda voice: True
        self._meter: SpeechMeter | None = None
        self.watch: Callable[[Generator[Audio, None, None]], Iterator[Audio]] = iter  # over what an engine makes
        self._whole: Synthesizer | None = None  # of which this is a view: engines are built once for all

    def seen_by(self, may_see: Callable[[Voice], bool], meter: SpeechMeter | None = None) -> Self:
        """The same engines, where voices of which `may_see` is false do not exist; `meter` admits each plan, and is
        told what was spoken."""
        view = copy(self)
        view._may_see, view._meter, view._whole = may_see, meter, self._whole or self
        return view

    @property
    def voices_dir(self) -> Path | None:
        """Where fitted voices are kept; None: there are only stock ones."""
        return self._options.voices_dir

    @cached_property
    def registry(self) -> Registry:
        if self._whole:
            return self._whole.registry
        return Registry(self._options.extra_engines)

    def engines(self) -> Mapping[str, EngineInfo]:
        return {name: record.info for name, record in self.registry.engines.items()}

    def converters(self) -> Mapping[str, ConverterInfo]:
        return {name: record.info for name, record in self.registry.converters.items()}

    def voices(self) -> tuple[Voice, ...]:
        """Each voice once, as the engine speaks it that it was made for, or the first that can."""
        found: dict[str, Voice] = {}
        for engine in self._engines.values():
            for voice in self._seen(engine):
                if voice.voice_id not in found or voice.engine == voice.home:
                    found[voice.voice_id] = voice
        return tuple(found.values())

    def voices_of(self, engine: str) -> tuple[Voice, ...]:
        """All that `engine` can speak. Raises SpeechError `unknown_engine`, `engine_not_built`."""
        return self._seen(self._engine(engine))

    def engines_by_voice(self) -> Mapping[str, list[str]]:
        """Id of a voice to the engines that can speak it, first the one that it was made for."""
        found: dict[str, list[str]] = {}
        for name, engine in self._engines.items():
            for voice in self._seen(engine):
                names = found.setdefault(voice.voice_id, [])
                names.insert(0 if voice.home == name else len(names), name)
        return found

    def converters_by_voice(self) -> Mapping[str, list[str]]:
        """Id of a voice to the converters that convert into it."""
        found: dict[str, list[str]] = {}
        for name in self.converters():
            for voice in self.converter_voices(name):
                found.setdefault(voice.voice_id, []).append(name)
        return found

    def converter_voices(self, converter: str) -> tuple[Voice, ...]:
        """The voices that `converter` converts into. Raises SpeechError `unknown_converter`."""
        return self._seen(self._converter(converter))

    def pool_stats(self) -> PoolStats:
        return self.pool.stats()

    def release(self) -> tuple[str, ...]:
        """Unload the engines that nobody uses now; their names. The next request loads them again."""
        return self.pool.release()

    @property
    def asked_device(self) -> str:
        return self.pool.asked_device

    def check(self, engine: str) -> None:
        """Whether `engine` can be loaded here; cheap. Raises SpeechError as `Engine.check` does."""
        self._engine(engine).check()

    def check_converter(self, converter: str) -> None:
        """As `check`, of a converter."""
        self._converter(converter).check()

    def lack(self, engine: str) -> SpeechError | None:
        """What keeps `engine` from being loaded here; None where nothing does."""
        try:
            self.check(engine)
        except SpeechError as error:
            return error
        return None

    def default_engine(self) -> EngineChoice:
        """The engine of a request that names none: the setting's, or of those that `auto` may take the best one that
        can be loaded and whose licence somebody agreed to, else the last of them."""
        if self._options.default_engine != AUTO:
            return EngineChoice(self._options.default_engine, "setting")
        able = [record for record in self.registry.engines.values() if record.auto_rank]
        passed_over: dict[str, str] = {}
        *better, last = sorted(able, key=lambda record: -record.auto_rank)
        for record in better:
            lack = self.lack(record.name)
            if lack is None and self._is_agreed(record.name):
                return EngineChoice(record.name, AUTO, passed_over)
            passed_over[record.name] = lack.code if lack else "licence_not_accepted"
        return EngineChoice(last.name, AUTO, passed_over)

    def choose_engine(
        self, asked: str | None = None, voice: str | None = None, preset: str | None = None
    ) -> EngineChoice:
        """The engine asked for; else the default one, unless the voice or the preset asked for is another one's.

        It need not be there: what is done with it next says so.
        """
        if asked:
            return EngineChoice(asked, "requested")
        default = self.default_engine()
        if voice is not None:
            owners = self.engines_by_voice().get(voice, [])
            return EngineChoice(owners[0], "voice") if owners and default.engine != owners[0] else default
        if preset is not None:
            records = self.registry.engines.values()
            owners = [record.name for record in records if preset in {one.name for one in record.presets}]
            return EngineChoice(owners[0], "preset") if owners and default.engine not in owners else default
        return default

    def usable_engines(self) -> Mapping[str, EngineInfo]:
        """The engines a person may choose from: those that are installed, and those announced before."""
        records = self.registry.engines.items()
        return {n: record.info for n, record in records if record.install.is_announced or self.lack(n) is None}

    def warm_up(self) -> threading.Thread | None:
        """Load the engines of `SynthesizerOptions.warm_engines` in a thread; one that cannot be is left out.

        Raises SpeechError `unknown_engine`, `engine_not_built` at once for a name that is none.
        """
        names = self._options.warm_engines
        for name in names:
            self._engine(name)

        def load() -> None:
            for name in names:
                try:
                    with self.pool.acquire(name):
                        continue
                except SpeechError:  # the first request says it, with the same error
                    continue

        thread = threading.Thread(target=load, name="warm-up", daemon=True) if names else None
        if thread:
            thread.start()
        return thread

    def models_of(self, engine: str) -> tuple[str, ...]:
        """Names in the catalogue that `engine` needs here: none where it has weights of the operator's own."""
        install = self.registry.engine(engine).install
        return () if engine in self._options.checkpoints else install.models(self._precision(engine, install))

    def models_of_converter(self, converter: str) -> tuple[str, ...]:
        """As `models_of`, of a converter."""
        install = self.registry.converter(converter).install
        return install.models(self._precision(converter, install))

    def plan(
        self,
        text: str,
        *,
        engine: str,
        language: str,
        voice: str | Voice = "",
        blend: Blend | None = None,
        reference_text: str = "",
        parameters: Mapping[str, float | bool] | None = None,
        seed: int | None = None,
        conversion: ConversionAsked | None = None,
        reading: ReadingOptions = DEFAULT,
    ) -> Plan:
        """Check a request; loads nothing and takes milliseconds.

        `reading` says how line breaks are taken and holds the dictionary; entries for other languages and voices are
        passed over. A `voice` that is given whole need not be one of the engine's; a `blend` of voices stands for one.
        `language` is a BCP 47 tag or "" for the voice's own, or the text's where it has none. `seed` None draws one.
        Raises SpeechError: `engine_not_built`, `unknown_engine`, `unknown_voice`, `language_not_spoken`,
        `language_needed`, what `checked_reading` raises, `unknown_parameter`, `parameter_out_of_range`,
        `seed_not_used`, `reference_text_not_used`; of a blend what `Registry.check_blend` raises; for an engine that
        has no voices what `Engine.check` raises; of a conversion `unknown_converter` and what its parameters raise.
        """
        chosen = self._engine(engine)
        if blend:
            self.registry.check_blend(engine, blend)
            [voice, *_] = [voice_of(chosen, one, self._may_see) for one in blend.voices]
        speaking = voice if isinstance(voice, Voice) else voice_of(chosen, voice, self._may_see)
        spoken = match_language(language or own_language(speaking, text, chosen.info), chosen.info)
        step = self._conversion_step(conversion, spoken) if conversion else None
        narrowed = reading.narrowed(spoken, speaking.voice_id)
        read_out = checked_reading(text, spoken, chosen.info.max_chars_of(spoken), narrowed)
        values = checked_parameters(chosen.info, parameters or {}, speaking.shape)
        if self._meter:
            self._meter.admit(len(text))
        return Plan(
            engine=engine,
            voice=speaking,
            language=spoken,
            language_requested=language,
            parameters=values,
            sentences=read_out.sentences,
            sample_rate=step.info.sample_rate if step else chosen.info.sample_rate,
            info=chosen.info,
            seed=checked_seed(chosen.info, seed),
            conversion=step,
            reference_text=checked_reference_text(chosen.info, reference_text),
            blend=blend,
            voices=voices_in(chosen, read_out.sentences, values),
            entries=read_out.entries,
        )

    def speak(self, plan: Plan) -> Generator[Chunk, None, None]:
        """The sound of a plan, each sentence converted and processed. Raises what `EnginePool.acquire` raises."""
        chunks = self._made(plan)
        return metered(chunks, plan, self._meter) if self._meter else chunks

    def _made(self, plan: Plan) -> Generator[Chunk, None, None]:
        asked = (plan.parameters, plan.seed, plan.reference_text, plan.blend)
        request = SpeechRequest(plan.sentences, plan.language, plan.voice, *asked)
        chunks, steps = speak_runs(self._spoken, request, plan.voices), ProcessingOptions.of(plan.parameters)
        try:
            if plan.conversion is None:
                yield from with_pauses(processed(chunks, steps), plan.sentences)
            else:
                with self.converter(plan.conversion.info.name) as converter:
                    said = converted(chunks, converter, plan, plan.conversion)
                    yield from with_pauses(processed(said, steps), plan.sentences)
        finally:
            chunks.close()

    def _spoken(self, request: SpeechRequest) -> Generator[Audio, None, None]:
        with self.pool.acquire(request.voice.loaded_as) as engine:
            yield from self.watch(cast(Engine, engine).speak(request))

    @contextmanager
    def converter(self, name: str) -> Iterator[VoiceConverter]:
        """The loaded converter, kept loaded while the block runs. Raises what `EnginePool.acquire` raises."""
        with self.pool.acquire(_CONVERTER + name) as converter:
            yield cast(VoiceConverter, converter)

    def load(self, voice: Voice) -> str:
        """Take into memory what `voice` is spoken with; returns its device. Raises what `EnginePool.acquire` raises."""
        with self.pool.acquire(voice.loaded_as):
            return self.pool.stats().devices[voice.loaded_as]

    def hear(self, audio: Audio, options: HearingOptions, known: Mapping[str, Audio] = {}) -> Heard:
        """What is said in a recording, and by whom; `known` speech of people, by name. Raises what
        `WhisperTranscriber.hear` and `EnginePool.acquire` raise."""
        steps = self._heard(audio, options, known)
        return Heard(cast(str, next(steps)), cast("Generator[Segment, None, None]", steps))

    def _heard(
        self, audio: Audio, options: HearingOptions, known: Mapping[str, Audio]
    ) -> Generator[str | Segment, None, None]:
        return listen(self.pool, audio, options, known)

    def check_listening(self, with_speakers: bool = False) -> None:
        """Whether recordings can be written down here. Raises SpeechError as `WhisperListener.check` does."""
        for name in (NAME, SPEAKERS) if with_speakers else (NAME,):
            self._listeners[name].check()

    @cached_property
    def _listeners(self) -> Mapping[str, Loadable]:
        return listeners(self.store, self._options.threads)

    def close(self) -> None:
        self.pool.close()

    @cached_property
    def _engines(self) -> Mapping[str, Engine]:
        if self._whole:
            return self._whole._engines
        build, records = self.registry.build_engine, self.registry.engines
        return {name: build(name, self._engine_options(name, record.install)) for name, record in records.items()}

    @cached_property
    def _converters(self) -> Mapping[str, VoiceConverter]:
        if self._whole:
            return self._whole._converters
        build, records = self.registry.build_converter, self.registry.converters
        return {name: build(name, self._engine_options(name, record.install)) for name, record in records.items()}

    def _engine_options(self, name: str, install: Installation) -> EngineOptions:
        given = self._options
        return EngineOptions(
            self.store,
            self._precision(name, install),
            given.threads,
            voices_dir=given.voices_dir,
            checkpoint_dir=given.checkpoints.get(name),
            cache_dir=given.cache_dir,
            memory_bytes=given.memory_bytes,
        )

    def _precision(self, name: str, install: Installation) -> str:
        asked = self._options.precisions.get(name, self._options.precision)
        return install.precision(asked) or EngineOptions.precision

    def _seen(self, engine: Engine | VoiceConverter) -> tuple[Voice, ...]:
        return tuple(voice for voice in engine.voices() if self._may_see(voice))

    def _engine(self, name: str) -> Engine:
        self.registry.engine(name)
        return self._engines[name]

    def _converter(self, name: str) -> VoiceConverter:
        self.registry.converter(name)
        return self._converters[name]

    def _loadable(self, name: str) -> Loadable:
        if name in self._listeners:
            return self._listeners[name]
        if name.startswith(_CONVERTER):
            return self._converter(name.removeprefix(_CONVERTER))
        engine, _, weights = name.partition(" ")
        if not weights:
            return self._engine(engine)
        options = self._engine_options(engine, self.registry.engine(engine).install)
        return self.registry.build_engine(engine, replace(options, weights_dir=Path(weights)))

    def _is_agreed(self, engine: str) -> bool:
        """Whether nobody need agree to the licence of the engine's weights any more."""
        install = self.registry.engine(engine).install
        infos = [self.store.info(model) for model in install.models(self._precision(engine, install))]
        return all(info.terms is None or self.store.agreements.find(info.terms) for info in infos)

    def _conversion_step(self, asked: ConversionAsked, language: str) -> ConversionStep:
        converter = self._converter(asked.converter)
        if converter.info.needs_text:
            match_language(language, converter.info)
        voice = voice_of(converter, asked.voice, self._may_see)
        parameters = checked_with_choices(asked.converter, converter.info.parameters, asked.parameters)
        return ConversionStep(converter.info, voice, parameters)
