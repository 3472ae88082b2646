"""Speech to speech: a recording said again by another voice, as a job whose sound is had like any other's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.cloning import LanguageTag
from app.api.job_requests import F0Method, Word
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.rvc import CONVERTER, models_of
from app.api.services import Services, Working
from app.api.uploads import add_with_recordings
from app.jobs.kinds import CONVERSION
from speech.engines.base import Value

RVC_PARAMETERS = ("index_rate", "filter_radius", "rms_mix_rate", "protect", "f0_method")
router = APIRouter(tags=["voices"], dependencies=[Depends(known_query)])


class ToConvert(Body):
    """`text`: what is said in the recording, where it is known; otherwise it is recognised. So is `language`, where a
    converter needs one.

    `pitch` is the converter's parameter of that name: to a voice of Kokoro `voice` moves the melody to where the voice
    speaks, `source` leaves it at the recording's height; to a model of RVC, whose id is the `voice_id`, semitones up.
    `index_rate` to `f0_method` are of RVC alone.
    `output_format`: of the `audio_url` that the job shows; the sound can be had in the others as well.
    """

    file: Upload
    voice_id: Annotated[str, Field(min_length=1, max_length=80)]
    language: LanguageTag | None = None
    text: Annotated[str | None, Field(max_length=10_000)] = None
    pitch: Annotated[str | None, Word] = None
    index_rate: Annotated[float | None, Field(ge=0, le=1)] = None
    filter_radius: Annotated[int | None, Field(ge=0, le=7)] = None
    rms_mix_rate: Annotated[float | None, Field(ge=0, le=1)] = None
    protect: Annotated[float | None, Field(ge=0, le=0.5)] = None
    f0_method: Annotated[F0Method | None, Word] = None
    output_format: Annotated[Literal["wav", "mp3", "ogg", "flac", "m4a", "opus"], Word] = "wav"


@router.post(
    "/voices/convert",
    status_code=202,
    summary="Say a recording again with another voice",
    openapi_extra=documented(ToConvert, MULTIPART),
)
def convert(
    services: Working, reader: Language, body: Annotated[ToConvert, Depends(body_of(ToConvert, MULTIPART))]
) -> AnyJob:
    """Raises Problem `conversion_not_installed`, `conversion_models_missing`; SpeechError for what cannot be asked."""
    from app.tasks.conversion_service import parameter_value

    asked: dict[str, Value] = {} if body.pitch is None else {"pitch": parameter_value(body.pitch)}
    asked |= {name: value for name in RVC_PARAMETERS if (value := getattr(body, name)) is not None}
    params = conversion_params(
        services, body.voice_id, body.language or "", asked, body.text or None, body.output_format
    )
    return view_of(add_with_recordings(services, CONVERSION, params, [body.file]), reader)


def conversion_params(
    services: Services,
    voice_id: str,
    language: str,
    asked: Mapping[str, Value],
    text: str | None = None,
    output_format: str = "wav",
) -> dict[str, Any]:
    """What a job that converts stores; `language` "": as it is heard. The use of a model of RVC is counted.

    Raises as `convert`.
    """
    from app.tasks.conversion_service import ConversionService

    conversion = ConversionService(services.synthesizer)
    info, options = conversion.options(voice_id, language, text, asked)
    conversion.check(info.name)
    if info.name == CONVERTER:
        models = models_of(services).store
        models.get(voice_id)
        models.used(voice_id, "conversion")
    return {
        "mode": "conversion",
        "engine": info.name,
        "voice": options.voice.voice_id,
        "language": options.language,
        "ref_text": options.text,
        "parameters": dict(options.parameters),
        "pitch": options.parameters.get("pitch"),
        "output_format": output_format,
    }
