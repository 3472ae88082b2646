"""A recording said by another voice: listened to first, for what is said in it and when; then converted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from speech.audio import Audio, join
from speech.engines.base import Conversion, ConversionRequest, ConverterInfo, Progress, SpokenLine, Value
from speech.errors import SpeechError
from speech.request_checks import MAX_CHARS
from speech.synthesis import match_language

if TYPE_CHECKING:
    from speech.analysis.cutting import Piece, Recording
    from speech.asr import Transcriber, Transcript
    from speech.vad import VoiceDetector
    from speech.voices import Voice

Noted = Callable[[int, int, str], None]  # steps done, of all, the catalogue's code of the stage
Convert = Callable[[Audio, ConversionRequest, Progress], Conversion]  # VoiceConverter.convert
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
    """What finds speech in a recording, and its words; no transcriber for a converter that needs no words."""

    detector: VoiceDetector
    transcriber: Transcriber | None = None


@dataclass(frozen=True)
class ConversionOptions:
    """`language` "" is the one that is heard; `text` None is what is heard; `parameters` are the converter's."""

    voice: Voice
    language: str = ""
    text: str | None = None
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ConvertedRecording:
    """The sound, and all that was found and used on the way."""

    audio: Audio
    language: str
    lines: tuple[SpokenLine, ...]
    is_text_given: bool
    semitones: float
    speech_s: float  # found in the recording
    voiced_s: float

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)


def convert_recording(
    path: Path,
    options: ConversionOptions,
    info: ConverterInfo,
    models: SpeechModels,
    convert: Convert,
    progress: Noted,
) -> ConvertedRecording:
    """Listen to a file and have it said again by the converter that `info` tells of.

    Raises SpeechError `recording_unreadable`, `conversion_too_long`, `recording_silent`, `only_music`,
    `no_speech_found`, `wrong_language`, `language_not_spoken`, `text_too_long`, `wrong_text`, `speech_unclear`, and
    what `convert` raises.
    """
    from speech.analysis.quality import bandwidth_hz

    if options.text is not None and len(options.text) > MAX_CHARS:
        raise SpeechError("text_too_long", length=len(options.text), maximum=MAX_CHARS)
    recording = _listen(path, models.detector)
    language, lines = options.language, tuple[SpokenLine, ...]()
    if models.transcriber is not None:
        language, lines = _words(recording, options, info, models.transcriber, progress)

    def converting(done: int, total: int) -> None:
        share = LISTENING_SHARE + (1 - LISTENING_SHARE) * done / total
        progress(round(1000 * share), 1000, "convert.stage.converting")

    request = ConversionRequest(options.voice, language, lines, options.parameters, bandwidth_hz(recording.audio))
    made = convert(recording.audio, request, converting)
    return ConvertedRecording(
        audio=made.audio,
        language=language,
        lines=lines,
        is_text_given=options.text is not None,
        semitones=made.semitones,
        speech_s=sum(span.duration_s for span in recording.speech),
        voiced_s=made.voiced_s,
    )


def _listen(path: Path, detector: VoiceDetector) -> Recording:
    """Raises SpeechError when it cannot be read, is too long, or holds next to no speech, saying what it holds."""
    from speech.analysis import cutting, quality

    try:
        recording = cutting.listen(path, LONGEST_S, detector)
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


def _words(
    recording: Recording, options: ConversionOptions, info: ConverterInfo, transcriber: Transcriber, progress: Noted
) -> tuple[str, tuple[SpokenLine, ...]]:
    """The language that is spoken, and what is said when."""
    from speech.analysis.cutting import cut

    pieces = cut(recording)
    language = _language(recording, options.language, info, transcriber)
    heard: list[Transcript] = []
    for number, piece in enumerate(pieces, 1):
        heard.append(transcriber.transcribe(piece.audio, language))
        progress(round(1000 * LISTENING_SHARE * number / len(pieces)), 1000, "convert.stage.listening")
    return language, _lines(pieces, heard, language, options.text)


def _language(recording: Recording, asked: str, info: ConverterInfo, transcriber: Transcriber) -> str:
    """The converter's tag for the language asked for, or heard. Raises SpeechError `wrong_language` for another one."""
    from speech.analysis.quality import NOT_THE_LANGUAGE

    spoken = match_language(asked, info) if asked else ""
    speech = join(recording.audio.slice(span.start_s, span.end_s) for span in recording.speech)
    found = transcriber.languages(speech.slice(0, 30))
    likeliest = max(found, key=found.__getitem__, default="")
    if spoken and found and found.get(spoken.partition("-")[0], 0.0) < NOT_THE_LANGUAGE:
        raise SpeechError("wrong_language", language=spoken, heard=likeliest)
    return spoken or match_language(likeliest, info)


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
