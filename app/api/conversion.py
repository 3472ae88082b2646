"""Speech to speech: a recording said again by another voice, as a job whose sound is had like any other's."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.cloning import LanguageTag
from app.api.job_requests import Word
from app.api.job_views import AnyJob, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.services import Wired
from app.api.uploads import add_with_recordings
from app.jobs.kinds import CONVERSION
from speech.synthesis import match_language

router = APIRouter(tags=["voices"], dependencies=[Depends(known_query)])


class ToConvert(Body):
    """`text`: what is said in the recording, where it is known; otherwise it is recognised.

    `pitch`: `voice` moves the melody to where the voice speaks, `source` leaves it at the recording's height.
    `output_format`: of the `audio_url` that the job shows; the sound can be had in the others as well.
    """

    file: Upload
    voice_id: Annotated[str, Field(min_length=1, max_length=80)]
    language: LanguageTag
    text: Annotated[str | None, Field(max_length=10_000)] = None
    pitch: Annotated[Literal["voice", "source"], Word] = "voice"
    output_format: Annotated[Literal["wav", "mp3", "ogg", "flac", "m4a", "opus"], Word] = "wav"


@router.post(
    "/voices/convert",
    status_code=202,
    summary="Say a recording again with another voice",
    openapi_extra=documented(ToConvert, MULTIPART),
)
def convert(
    services: Wired, reader: Language, body: Annotated[ToConvert, Depends(body_of(ToConvert, MULTIPART))]
) -> AnyJob:
    """Raises Problem `conversion_not_installed`, `conversion_models_missing`; SpeechError for what cannot be asked."""
    from app.tasks.convert import ENGINE, conversion_service_of, find_voice

    voice = find_voice(services.synthesizer.voices(), body.voice_id)
    params: dict[str, Any] = {
        "mode": "conversion",
        "engine": ENGINE,
        "voice": voice.voice_id,
        "language": match_language(body.language, services.synthesizer.engines()[ENGINE]),
        "ref_text": body.text or None,
        "pitch": body.pitch,
        "output_format": body.output_format,
    }
    conversion_service_of(services.settings).check()
    return view_of(add_with_recordings(services, CONVERSION, params, [body.file]), reader)
