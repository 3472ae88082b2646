"""A recording said again by another voice: listened to first, for what is said in it and when; then converted."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from app.errors import Problem
from app.jobs.context import Cancelled, JobContext
from app.settings import Settings
from app.tasks.cloning import uploaded
from app.tasks.synthesis import OUTPUT
from speech.audio import Audio, to_bytes
from speech.engines.base import ConversionRequest, EngineOptions, SpokenLine, VoiceConverter
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.request_checks import MAX_CHARS
from speech.synthesis import match_language

if TYPE_CHECKING:
    from speech.analysis.cutting import Piece, Recording
    from speech.asr import Transcriber, Transcript
    from speech.vad import VoiceDetector
    from speech.voices import Voice

Noted = Callable[[int, int, str], None]  # steps done, of all, the catalogue's code of the stage
ENGINE = "kokoro"  # the one engine that converts
MODULES = ("faster_whisper", "swift_f0")  # of requirements-convert.txt
INSTALL_COMMAND = "./run convert --help"
LONGEST_S = 300.0
LEAST_SPEECH_S = 0.5
SILENCE_DB = -65.0
UNCLEAR = -1.5  # mean log probability of a token, below which a recogniser is guessing
DIFFERENT = 0.5  # share of the letters from which a text is another one
MOST_DIFFERENT = 0.25  # of the speech
LISTENING_SHARE = 0.3  # of the progress
_TOLD = 5  # pieces that an error names


@dataclass(frozen=True)
class SpeechModels:
    """Who listens: for speech, and for words."""

    detector: VoiceDetector
    transcriber: Transcriber


@dataclass(frozen=True)
class Wanted:
    """`language` "" is the one that is heard; `text` None is what is heard."""

    voice: Voice
    language: str = ""
    text: str | None = None
    pitch: str = "voice"


@dataclass(frozen=True, eq=False)
class Converted:
    """The sound, and all that was asked, found and used on the way."""

    audio: Audio
    language: str
    lines: tuple[SpokenLine, ...]
    is_text_given: bool
    pitch: str
    semitones: float
    speech_s: float  # found in the recording
    voiced_s: float

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


class ConversionService:
    """What converting needs, found when it is first called: a service that never converts never imports it."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    def models(self) -> tuple[str, ...]:
        return (f"kokoro-{self.options.precision}", "kokoro-voices", "whisper-base")

    def check(self) -> None:
        """Raises Problem `conversion_not_installed`, `conversion_models_missing` with the command that brings it."""
        missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
        if missing:
            raise Problem("conversion_not_installed", packages=missing, command=INSTALL_COMMAND)
        lacking = [name for name in self.models() if not self.options.store.is_installed(name)]
        if lacking:
            command = f"papagaio models pull {' '.join(lacking)}"
            raise Problem("conversion_models_missing", models=lacking, command=command)

    def ears(self) -> SpeechModels:
        from speech.asr import WhisperTranscriber
        from speech.vad import SileroDetector

        whisper = self.options.store.path("whisper-base")
        return SpeechModels(SileroDetector(), WhisperTranscriber(whisper, threads=self.options.threads))

    def converter(self) -> VoiceConverter:
        from speech.engines.kokoro.conversion import KokoroConverter

        converter = KokoroConverter(self.options)
        converter.load("cpu")
        return converter


def conversion_service_of(settings: Settings) -> ConversionService:
    store = ModelStore(settings.models_path)
    threads = os.cpu_count() or 1
    return ConversionService(
        EngineOptions(store, settings.engine_precisions.get(ENGINE, "int8"), threads, settings.voices_path)
    )


class ConversionParams(BaseModel):
    """What a job of this kind stores; its recording lies in its work folder."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    voice: str
    language: str
    ref_text: str | None = None
    pitch: str


def convert_voice(
    conversion: ConversionService, voices: Callable[[], Sequence[Voice]], context: JobContext, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Convert and publish `OUTPUT`; the result says what was heard, used and measured.

    Raises SpeechError as `convert_recording` does, Cancelled when the job is to stop.
    """
    wanted = ConversionParams.model_validate(params)

    def progress(done: int, total: int, note: str) -> None:
        context.progress(done, total, note)
        if context.should_stop():
            raise Cancelled

    started = time.perf_counter()
    [path] = uploaded(context.work_dir)
    voice = find_voice(voices(), wanted.voice)
    asked = Wanted(voice, wanted.language, wanted.ref_text, wanted.pitch)
    made = convert_recording(conversion, path, asked, progress)
    whole, data = context.temporary(".wav"), to_bytes(made.audio, "wav")
    whole.write_bytes(data)
    context.publish(whole, OUTPUT)
    took_s, duration_s = time.perf_counter() - started, made.audio.duration_s
    return {
        "output": OUTPUT,
        "size_bytes": len(data),
        "sample_rate": made.audio.sample_rate,
        "duration_s": duration_s,
        "synthesis_s": took_s,
        "real_time_factor": took_s / duration_s,
        "engine": ENGINE,
        "voice": voice.voice_id,
        "language": made.language,
        "text": made.text,
        "is_text_given": made.is_text_given,
        "lines": [asdict(line) for line in made.lines],
        "pitch": made.pitch,
        "semitones": round(made.semitones, 2),
        "speech_s": round(made.speech_s, 2),
        "voiced_s": round(made.voiced_s, 2),
    }


def find_voice(voices: Sequence[Voice], voice_id: str) -> Voice:
    """Raises SpeechError `unknown_voice`, `conversion_engine`."""
    found = next((voice for voice in voices if voice.voice_id == voice_id), None)
    offered = [voice.voice_id for voice in voices if voice.engine == ENGINE]
    if found is None:
        raise SpeechError("unknown_voice", voice=voice_id[:80], choices=offered)
    if found.engine != ENGINE:
        raise SpeechError("conversion_engine", voice=voice_id, engine=found.engine, choices=[ENGINE])
    return found


def convert_recording(conversion: ConversionService, path: Path, wanted: Wanted, progress: Noted) -> Converted:
    """Listen to a file and say it again.

    Raises SpeechError `recording_unreadable`, `conversion_too_long`, `recording_silent`, `only_music`,
    `no_speech_found`, `wrong_language`, `language_not_spoken`, `text_too_long`, `wrong_text`, `speech_unclear`, and
    what the converter raises.
    """
    from speech.analysis.cutting import cut
    from speech.analysis.quality import bandwidth_hz

    if wanted.text is not None and len(wanted.text) > MAX_CHARS:
        raise SpeechError("text_too_long", length=len(wanted.text), maximum=MAX_CHARS)
    ears = conversion.ears()
    recording = _listen(path, ears)
    pieces = cut(recording)
    language = _language(recording, wanted.language, ears)
    heard: list[Transcript] = []
    for number, piece in enumerate(pieces, 1):
        heard.append(ears.transcriber.transcribe(piece.audio, language))
        progress(round(1000 * LISTENING_SHARE * number / len(pieces)), 1000, "convert.stage.listening")
    lines = _lines(pieces, heard, language, wanted.text)

    def converting(done: int, total: int) -> None:
        share = LISTENING_SHARE + (1 - LISTENING_SHARE) * done / total
        progress(round(1000 * share), 1000, "convert.stage.converting")

    request = ConversionRequest(wanted.voice, language, lines, {"pitch": wanted.pitch}, bandwidth_hz(recording.audio))
    made = conversion.converter().convert(recording.audio, request, converting)
    return Converted(
        audio=made.audio,
        language=language,
        lines=lines,
        is_text_given=wanted.text is not None,
        pitch=wanted.pitch,
        semitones=made.semitones,
        speech_s=sum(span.duration_s for span in recording.speech),
        voiced_s=made.voiced_s,
    )


def _listen(path: Path, ears: SpeechModels) -> Recording:
    """Raises SpeechError when it cannot be read, is too long, or holds next to no speech, saying what it holds."""
    from speech.analysis import cutting, quality

    try:
        recording = cutting.listen(path, LONGEST_S, ears.detector)
    except SpeechError as error:
        if error.code != "recording_too_long":
            raise
        raise SpeechError("conversion_too_long", file=path.name, maximum_s=LONGEST_S) from error
    speech_s = sum(span.duration_s for span in recording.speech)
    if speech_s >= LEAST_SPEECH_S:
        return recording
    level = quality.rms_db(recording.audio)
    if level < SILENCE_DB:
        raise SpeechError("recording_silent", files=path.name, level_db=round(level))
    if quality.tonality_db(recording.audio) > quality.TONAL_DB:
        raise SpeechError("only_music", files=path.name)
    raise SpeechError("no_speech_found", files=path.name, speech_s=round(speech_s, 1))


def _language(recording: Recording, asked: str, ears: SpeechModels) -> str:
    """The engine's tag for the language asked for, or heard. Raises SpeechError `wrong_language` for another one."""
    from speech.analysis.quality import NOT_THE_LANGUAGE
    from speech.audio import join
    from speech.engines.kokoro.engine import KokoroEngine

    spoken = match_language(asked, KokoroEngine.info) if asked else ""
    speech = join(recording.audio.slice(span.start_s, span.end_s) for span in recording.speech)
    found = ears.transcriber.languages(speech.slice(0, 30))
    likeliest = max(found, key=found.__getitem__, default="")
    if spoken and found and found.get(spoken.partition("-")[0], 0.0) < NOT_THE_LANGUAGE:
        raise SpeechError("wrong_language", language=spoken, heard=likeliest)
    return spoken or match_language(likeliest, KokoroEngine.info)


def _lines(
    pieces: Sequence[Piece], heard: Sequence[Transcript], language: str, text: str | None
) -> tuple[SpokenLine, ...]:
    """What is said in each piece, from the start of its sound to the end. Raises `wrong_text`, `speech_unclear`."""
    from speech.analysis.transcripts import place

    total_s = sum(piece.speech.duration_s for piece in pieces)
    if text is None:
        texts = [each.text if each.average_log_probability > UNCLEAR else "" for each in heard]
        unclear_s = sum(piece.speech.duration_s for piece, words in zip(pieces, texts, strict=True) if not words)
        if unclear_s > total_s / 2:
            name, share = pieces[0].recording.name, round(100 * unclear_s / total_s)
            raise SpeechError("speech_unclear", file=name, share_percent=share)
    else:
        texts = list(place(text, [each.text for each in heard], language))
        _check_text(pieces, heard, texts, language, total_s)
    return tuple(
        SpokenLine(words, round(piece.span.start_s, 3), round(piece.span.end_s, 3))
        for piece, words in zip(pieces, texts, strict=True)
        if words
    )


def _check_text(
    pieces: Sequence[Piece], heard: Sequence[Transcript], texts: Sequence[str], language: str, total_s: float
) -> None:
    """Raises SpeechError `wrong_text` with what is written and what was heard."""
    from speech.analysis.transcripts import difference

    wrong_s, told = 0.0, []
    for piece, each, words in zip(pieces, heard, texts, strict=True):
        if difference(words, each.text, language) > DIFFERENT:
            wrong_s += piece.speech.duration_s
            told.append(f"{words[:60] or '–'} / {each.text[:60] or '–'}")
    if wrong_s > MOST_DIFFERENT * total_s:
        raise SpeechError("wrong_text", clips="; ".join(told[:_TOLD]))
