"""Where recordings are converted: what converting needs here, and the converters of a Synthesizer."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import Problem
from speech.conversion import ConversionOptions, ConvertedRecording, Noted, SpeechModels, convert_recording
from speech.engines.base import ConverterInfo, Value, VoiceConverter
from speech.errors import SpeechError
from speech.profiles import checked_with_choices
from speech.synthesis import Synthesizer, match_language

if TYPE_CHECKING:
    from speech.voices import Voice

LISTENING_MODULES = ("faster_whisper",)  # of requirements-convert.txt
LISTENING_MODEL = "whisper-base"
INSTALL_COMMAND = "./run convert --help"


def component_of_converter(converter: str) -> str:
    """The name of the component that brings it from the page."""
    return f"convert-{converter}"


class ConversionService:
    """What converting needs, found when it is first called: a service that never converts never imports it."""

    def __init__(self, synthesizer: Synthesizer) -> None:
        self.synthesizer = synthesizer

    def options(
        self, voice_id: str, language: str, text: str | None, parameters: Mapping[str, Value]
    ) -> tuple[ConverterInfo, ConversionOptions]:
        """The converter of a voice, and what is asked of it, checked; loads nothing.

        Raises SpeechError `unknown_voice`, `conversion_engine`, `language_not_spoken`, and what `checked_with_choices`
        raises.
        """
        info, voice = self._converter_of(voice_id)
        if language and info.needs_text:
            language = match_language(language, info)
        values = checked_with_choices(info.name, info.parameters, parameters)
        return info, ConversionOptions(voice, language, text, values)

    def models(self, converter: str) -> tuple[str, ...]:
        """Names in the catalogue that converting needs."""
        listening = (LISTENING_MODEL,) if self._info(converter).needs_text else ()
        return (*self.synthesizer.models_of_converter(converter), *listening)

    def check(self, converter: str) -> None:
        """Raises Problem `conversion_not_installed`, `conversion_models_missing` with the command that brings it."""
        install, component = self.synthesizer.registry.converter(converter).install, component_of_converter(converter)
        needed = (*(LISTENING_MODULES if self._info(converter).needs_text else ()), *install.packages)
        missing = [name for name in needed if importlib.util.find_spec(name) is None]
        if missing:
            command = install.command or INSTALL_COMMAND
            raise Problem("conversion_not_installed", packages=missing, command=command, component=component)
        lacking = [name for name in self.models(converter) if not self.synthesizer.store.is_installed(name)]
        if lacking:
            command = f"papagaio models pull {' '.join(lacking)}"
            raise Problem("conversion_models_missing", models=lacking, command=command, component=component)
        self.synthesizer.check_converter(converter)

    def convert(
        self, path: Path, info: ConverterInfo, options: ConversionOptions, progress: Noted
    ) -> ConvertedRecording:
        """Raises SpeechError as `convert_recording` and `EnginePool.acquire` do."""
        models = self.speech_models(info.name)
        with self.converter(info.name) as converter:
            return convert_recording(path, options, info, models, converter.convert, progress)

    def speech_models(self, converter: str) -> SpeechModels:
        from speech.asr import WhisperTranscriber
        from speech.vad import SileroDetector

        if not self._info(converter).needs_text:
            return SpeechModels(SileroDetector())
        whisper = self.synthesizer.store.path(LISTENING_MODEL)
        return SpeechModels(SileroDetector(), WhisperTranscriber(whisper, threads=os.cpu_count() or 1))

    @contextmanager
    def converter(self, name: str) -> Iterator[VoiceConverter]:
        with self.synthesizer.converter(name) as converter:
            yield converter

    def _info(self, converter: str) -> ConverterInfo:
        return self.synthesizer.registry.converter(converter).info

    def _converter_of(self, voice_id: str) -> tuple[ConverterInfo, Voice]:
        """The first converter that has the voice."""
        offered = []
        for name, info in self.synthesizer.converters().items():
            for voice in self.synthesizer.converter_voices(name):
                if voice.voice_id == voice_id:
                    return info, voice
                offered.append(voice.voice_id)
        engine = next((voice.engine for voice in self.synthesizer.voices() if voice.voice_id == voice_id), None)
        if engine is None:
            raise SpeechError("unknown_voice", voice=voice_id[:80], choices=offered)
        choices = list(self.synthesizer.converters())
        raise SpeechError("conversion_engine", voice=voice_id, engine=engine, choices=choices)


def parameter_value(text: str) -> Value:
    """What a form or a command line says of a parameter: a number where it is one, a switch, else a word."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        return float(text)
    except ValueError:
        return text
