"""OpenAI's transcriptions and translations: recordings written down by whisper in the engine host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.responses import JSONResponse, PlainTextResponse, Response

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.compat.openai import EVENTS, event, listening_names
from app.api.compat.openai_speakers import MOST, NAMES, REFERENCES, diarized, diarized_segment, known_speakers
from app.api.presence import while_present
from app.api.services import Services, Working
from app.api.uploads import read_sound
from app.errors import FieldError, Problem
from app.host.responses import MadeResponse
from speech.asr import Heard, HearingOptions, Segment
from speech.captions import srt, vtt

router = APIRouter(tags=["openai"])

DIARIZED = "diarized_json"
SUFFIXES = {"srt": "application/x-subrip", "vtt": "text/vtt"}
Tag = Annotated[str, Field(min_length=2, max_length=35)]
# What whisper calls the languages that it hears most of; it has a hundred, and the others are given by their tags.
LANGUAGE_NAMES = {
    "ar": "arabic",
    "cs": "czech",
    "de": "german",
    "en": "english",
    "es": "spanish",
    "fr": "french",
    "hi": "hindi",
    "hu": "hungarian",
    "it": "italian",
    "ja": "japanese",
    "ko": "korean",
    "nl": "dutch",
    "pl": "polish",
    "pt": "portuguese",
    "ru": "russian",
    "tr": "turkish",
    "zh": "chinese",
}


class ToHear(Body):
    """What both routes take."""

    file: Upload
    model: str
    prompt: Annotated[str, Field(max_length=4000)] = ""
    temperature: Annotated[float, Field(ge=0, le=1)] = 0.0


class Transcribe(ToHear):
    """`languages[]`: those it may be in, `keywords[]`: words that are likely. `chunking_strategy`, a word or an object,
    changes nothing: whisper's windows of 30 s are cut where nobody speaks in any case. Nor does `include[]`, since
    there are no probabilities of tokens; `X-Papagaio-Without-Effect` names it."""

    most_part_bytes = 4 << 20  # a known speaker's ten seconds

    language: Tag | None = None
    languages: Annotated[list[Tag], Field(alias="languages[]", max_length=20)] = []
    keywords: Annotated[list[Annotated[str, Field(max_length=100)]], Field(alias="keywords[]", max_length=100)] = []
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt", "diarized_json"] = "json"
    known_speaker_names: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=100)]], Field(alias=NAMES, max_length=MOST)
    ] = []
    known_speaker_references: Annotated[list[str], Field(alias=REFERENCES, max_length=MOST)] = []
    timestamp_granularities: Annotated[
        list[Literal["word", "segment"]], Field(alias="timestamp_granularities[]", max_length=2)
    ] = []
    include: Annotated[list[Literal["logprobs"]], Field(alias="include[]", max_length=10)] = []
    stream: bool = False
    chunking_strategy: Literal["auto"] | None = None
    strategy_type: Annotated[Literal["server_vad"] | None, Field(alias="chunking_strategy[type]")] = None
    padding_ms: Annotated[int | None, Field(alias="chunking_strategy[prefix_padding_ms]", ge=0)] = None
    silence_ms: Annotated[int | None, Field(alias="chunking_strategy[silence_duration_ms]", ge=0)] = None
    threshold: Annotated[float | None, Field(alias="chunking_strategy[threshold]", ge=0, le=1)] = None


class Translate(ToHear):
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"


@router.post(
    "/v1/audio/transcriptions",
    summary="Write down what is said in a recording",
    response_class=Response,
    openapi_extra=documented(Transcribe, MULTIPART),
)
def transcriptions(
    request: Request, services: Working, body: Annotated[Transcribe, Depends(body_of(Transcribe, MULTIPART))]
) -> Response:
    """A client that leaves stops the listening, streamed or not."""
    _refuse_inapplicable(body)
    is_diarized = body.response_format == DIARIZED
    known = body.known_speaker_names, body.known_speaker_references
    options = HearingOptions(
        language=body.language or "",
        candidates=tuple(body.languages),
        prompt=body.prompt,
        expected=tuple(body.keywords),
        temperature=body.temperature,
        with_words="word" in body.timestamp_granularities,
        with_speakers=is_diarized,
    )
    told = {"X-Papagaio-Without-Effect": "include[]"} if body.include else {}
    with ExitStack() as stack:
        heard, duration_s = _heard(services, body, options, stack, *known)
        if body.stream:
            return MadeResponse(_events(heard.segments, is_diarized), stack.pop_all(), EVENTS, told)
        segments = list(while_present(request, heard.segments))
    kinds = body.timestamp_granularities or ["segment"]
    response = _answer(body.response_format, "transcribe", heard.language, duration_s, segments, kinds)
    response.headers.update(told)
    return response


@router.post(
    "/v1/audio/translations",
    summary="Write down in English what is said in a recording",
    response_class=Response,
    openapi_extra=documented(Translate, MULTIPART),
)
def translations(
    request: Request, services: Working, body: Annotated[Translate, Depends(body_of(Translate, MULTIPART))]
) -> Response:
    with ExitStack() as stack:
        options = HearingOptions(prompt=body.prompt, temperature=body.temperature, to_english=True)
        heard, duration_s = _heard(services, body, options, stack)
        segments = list(while_present(request, heard.segments))
    return _answer(body.response_format, "translate", "en", duration_s, segments, ["segment"])


def _refuse_inapplicable(body: Transcribe) -> None:
    errors = []
    if body.language and body.languages:
        errors.append(FieldError("languages[]", "fields_exclusive", {"names": ["language", "languages[]"]}))
    if body.timestamp_granularities and body.response_format != "verbose_json":
        reason = {"reason": f"response_format = {body.response_format}"}
        errors.append(FieldError("timestamp_granularities[]", "field_not_applicable", reason))
    given = {NAMES: body.known_speaker_names, REFERENCES: body.known_speaker_references}
    if body.response_format != DIARIZED:
        reason = {"reason": f"response_format = {body.response_format}"}
        errors += [FieldError(name, "field_not_applicable", reason) for name, values in given.items() if values]
    if body.stream and body.response_format not in ("json", "text", DIARIZED):
        errors.append(
            FieldError("stream", "field_not_applicable", {"reason": f"response_format = {body.response_format}"})
        )
    if errors:
        raise Problem("invalid_request", errors=errors)


def _heard(
    services: Services,
    body: ToHear,
    options: HearingOptions,
    stack: ExitStack,
    names: Sequence[str] = (),
    references: Sequence[str] = (),
) -> tuple[Heard, float]:
    """What is said, and the seconds that the recording lasts; `stack` gives everything back.

    Raises Problem `unknown_model_name`, `over_capacity`, what `known_speakers` of the names and references and
    `read_sound` raise, and what listening raises.
    """
    if body.model not in listening_names():
        raise Problem("unknown_model_name", model=body.model, choices=list(listening_names()))
    services.synthesizer.check_listening(options.with_speakers)
    stack.callback(services.capacity.take().close)
    known = known_speakers(services, names, references)
    audio = read_sound(body.file)
    heard = services.synthesizer.hear(audio, options, known)
    segments = services.meter.listened(heard.segments, audio.duration_s)
    stack.callback(segments.close)
    return replace(heard, segments=segments), audio.duration_s


def _events(segments: Iterable[Segment], is_diarized: bool) -> Iterator[bytes]:
    """Each segment as a delta, and with its speaker where these are told apart; then the text."""
    said: list[str] = []
    for number, segment in enumerate(segments):
        delta = {"type": "transcript.text.delta", "delta": f" {segment.text}" if said else segment.text}
        if is_diarized:
            whole = diarized_segment(number, segment)
            yield event({**delta, "segment_id": whole["id"]})
            yield event(whole)
        else:
            yield event(delta)
        said.append(segment.text)
    yield event({"type": "transcript.text.done", "text": " ".join(said)})


def _answer(
    form: str, task: str, language: str, duration_s: float, segments: Sequence[Segment], kinds: Sequence[str]
) -> Response:
    text = " ".join(segment.text for segment in segments)
    captions: dict[str, Callable[[Sequence[Segment]], str]] = {"srt": srt, "vtt": vtt}
    if form in captions:
        return PlainTextResponse(captions[form](segments), media_type=SUFFIXES[form])
    if form == "text":
        return PlainTextResponse(text + "\n")
    usage = {"type": "duration", "seconds": round(duration_s)}
    if form == DIARIZED:
        return JSONResponse(diarized(segments, duration_s) | {"usage": usage})
    if form == "json":
        return JSONResponse({"text": text, "usage": usage})
    more: dict[str, Any] = {}
    if "segment" in kinds:
        more["segments"] = [_segment(number, segment) for number, segment in enumerate(segments)]
    if "word" in kinds:
        words = [word for segment in segments for word in segment.words]
        more["words"] = [{"word": word.text, "start": word.start_s, "end": word.end_s} for word in words]
    named = LANGUAGE_NAMES.get(language, language)
    document = {"task": task, "language": named, "duration": round(duration_s, 3), "text": text, "usage": usage}
    return JSONResponse(document | more)


def _segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "id": number,
        "seek": segment.seek,
        "start": segment.start_s,
        "end": segment.end_s,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": segment.temperature,
        "avg_logprob": segment.average_log_probability,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_probability,
    }
