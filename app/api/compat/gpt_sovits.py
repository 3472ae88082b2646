"""GPT-SoVITS' `api_v2`: a text as a WAV, raw samples, Ogg or AAC. Its weights and its process are not for clients."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from app.api.bodies import JSON, Body, body_of, documented
from app.api.compat.speaking import engine_of, message_of, plan_of, told_changes, told_idle
from app.api.compat.spoken_files import SUFFIX
from app.api.problems import field_errors
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.streaming import Sound, SoundResponse
from app.errors import Problem
from speech.errors import SpeechError
from speech.request_checks import MAX_SEED

PREFIXES = ("/tts", "/set_gpt_weights", "/set_sovits_weights", "/control")
FORMATS = {"wav": "wav", "raw": "pcm", "ogg": "ogg", "aac": "aac"}  # theirs to ours
REFUSED = frozenset({404, 409, 415, 422})  # which this contract answers with 400
# Theirs to the names of our parameters.
PARAMETERS = {
    "speed_factor": "speed",
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "repetition_penalty": "repetition_penalty",
}
COUNTING = frozenset({"text", "text_lang", "ref_audio_path", "media_type", "streaming_mode"})


class ContractRoute(APIRoute):
    """What a client got wrong is 400, whatever it was; who asks too much, or is not let in, hears so as elsewhere."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handle(request)
            except SpeechError as error:
                raise _as_400(Problem.of(error)) from error
            except RequestValidationError as error:
                errors = field_errors(error.errors(), list(Tts.model_fields), skip=1)
                raise _as_400(Problem("invalid_request", errors=errors)) from error
            except Problem as problem:
                raise _as_400(problem) from problem

        return answered


router = APIRouter(tags=["gpt-sovits"], route_class=ContractRoute)


class Tts(Body):
    """`ref_audio_path`: the id or the name of a voice, never a path. `prompt_text` counts for engines that hear what is
    said in a voice's clips; what was sent for nothing is named in `X-Papagaio-Without-Effect`. `seed` -1: any.
    `streaming_mode` 1 to 3, or true: sent while it is made."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    text_lang: Annotated[str, Field(min_length=2, max_length=35)]
    ref_audio_path: Annotated[str, Field(min_length=1, max_length=200)]
    prompt_text: Annotated[str, Field(max_length=1000)] = ""
    prompt_lang: Annotated[str, Field(max_length=35)] = ""
    aux_ref_audio_paths: list[str] | None = None
    top_k: int | None = None
    top_p: float | None = None
    temperature: float | None = None
    repetition_penalty: float | None = None
    speed_factor: Annotated[float | None, Field(gt=0, le=10)] = None
    seed: Annotated[int, Field(ge=-1, le=MAX_SEED)] = -1
    media_type: Literal["wav", "raw", "ogg", "aac"] = "wav"
    streaming_mode: bool | Annotated[int, Field(ge=0, le=3)] = False
    text_split_method: str | None = None
    batch_size: int | None = None
    batch_threshold: float | None = None
    split_bucket: bool | None = None
    fragment_interval: float | None = None
    parallel_infer: bool | None = None
    sample_steps: int | None = None
    super_sampling: bool | None = None
    overlap_length: int | None = None
    min_chunk_length: int | None = None


@router.get("/tts", summary="GPT-SoVITS: a text as a sound", status_code=200, response_class=SoundResponse)
def tts(services: Wired, asked: Annotated[Tts, Query()]) -> SoundResponse:
    return _spoken(services, asked)


@router.post(
    "/tts",
    summary="The same of a body",
    status_code=200,
    response_class=SoundResponse,
    openapi_extra=documented(Tts, JSON),
)
def tts_of_body(services: Wired, body: Annotated[Tts, Depends(body_of(Tts, JSON))]) -> SoundResponse:
    return _spoken(services, body)


@router.get("/set_gpt_weights", summary="Refused: a path of the server's", dependencies=[Depends(known_query)])
def set_gpt_weights(services: Wired, weights_path: str = "") -> None:
    raise Problem("client_setting_absent", name="weights_path")


@router.get("/set_sovits_weights", summary="Refused: a path of the server's", dependencies=[Depends(known_query)])
def set_sovits_weights(services: Wired, weights_path: str = "") -> None:
    raise Problem("client_setting_absent", name="weights_path")


@router.get("/control", summary="Refused: the process is the operator's", dependencies=[Depends(known_query)])
def control(services: Wired, command: str = "") -> None:
    raise Problem("client_setting_absent", name="command")


def envelope(problem: Problem, document: Mapping[str, Any]) -> dict[str, Any]:
    return {"message": message_of(document)}


def _spoken(services: Services, asked: Tts) -> SoundResponse:
    voice = _voice(services, asked.ref_audio_path)
    values = {ours: value for theirs, ours in PARAMETERS.items() if (value := getattr(asked, theirs)) is not None}
    plan = plan_of(
        services,
        asked.text,
        voice,
        language=_language(asked.text_lang),
        values=values,
        seed=None if asked.seed < 0 else asked.seed,
        reference_text=asked.prompt_text,
    )
    sound = Sound(services, plan, FORMATS[asked.media_type], is_whole=not asked.streaming_mode)
    info = engine_of(services, None, voice)
    known = {parameter.name for parameter in info.parameters}
    counting = COUNTING | {theirs for theirs, ours in PARAMETERS.items() if ours in known}
    counting |= {"prompt_text"} if info.takes_reference_text else set()
    counting |= {"seed"} if info.is_seeded or asked.seed < 0 else set()
    idle = [name for name in Tts.model_fields if name in asked.model_fields_set - counting]
    sound.headers |= told_changes(values, plan.parameters) | told_idle(info, idle)
    return SoundResponse(sound, f"audio/{asked.media_type}")


def _language(asked: str) -> str:
    """`auto` is the voice's own; `all_pt` is `pt`, since a text is in one language here."""
    tag = asked.lower().removeprefix("all_")
    return "" if tag.startswith("auto") else tag


def _voice(services: Services, named: str) -> str:
    """Raises Problem `unknown_voice`."""
    name = named.removesuffix(SUFFIX)
    voices = services.synthesizer.voices()
    for voice in voices:
        if voice.voice_id == name:
            return name
    titled = [voice.voice_id for voice in voices if voice.title.casefold() == name.casefold()]
    if len(titled) != 1:
        raise Problem("unknown_voice", voice=named[:80], choices=sorted(voice.voice_id for voice in voices))
    return titled[0]


def _as_400(problem: Problem) -> Problem:
    return problem.answered(400) if problem.status in REFUSED else problem
