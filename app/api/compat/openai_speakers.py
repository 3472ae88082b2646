"""OpenAI's transcriptions with speakers (`diarized_json`): references of known people, and what is answered.

Shapes: `TranscriptionDiarized` and `TranscriptionTextSegmentEvent` of the openai package.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from starlette.datastructures import UploadFile

from app.api.services import Services
from app.api.uploads import read_sound
from app.errors import FieldError, Problem
from speech.asr import Segment
from speech.audio import Audio

NAMES, REFERENCES = "known_speaker_names[]", "known_speaker_references[]"
MOST = 4
LEAST_S, MOST_S = 2.0, 10.0  # of a reference
DATA_URL = re.compile(r"data:(?:audio|video)/([\w.+-]{1,40})(?:;[^;,]{1,80})*;base64,", re.IGNORECASE)  # RFC 2397


def known_speakers(services: Services, names: Sequence[str], references: Sequence[str]) -> dict[str, Audio]:
    """Speech of people by name, of data URLs. Raises Problem `invalid_request`, and what `read_sound` raises."""
    errors = []
    if len(names) != len(references):
        reason = f"{len(references)} != {len(names)} ({NAMES})"
        errors.append(FieldError(REFERENCES, "field_invalid", {"reason": reason}))
    if len(set(names)) < len(names):
        errors.append(FieldError(NAMES, "field_repeated", {}))
    if errors:
        raise Problem("invalid_request", errors=errors)
    sounds = [_read(services, place, reference) for place, reference in enumerate(references)]
    return dict(zip(names, sounds, strict=True))


def _read(services: Services, place: int, reference: str) -> Audio:
    field, head = f"{REFERENCES}.{place}", DATA_URL.match(reference[:400])
    try:
        data = b64decode(reference[head.end() :], validate=True) if head else b""
    except binascii.Error:
        data = b""
    if not data or head is None:
        reason = {"reason": "data:audio/wav;base64,…"}
        raise Problem("invalid_request", errors=[FieldError(field, "field_invalid", reason)])
    file = UploadFile(BytesIO(data), filename=f"reference-{place}.{head[1]}")
    services.scanner.scan(file.file, file.filename or "")
    file.file.seek(0)
    try:
        audio = read_sound(file, MOST_S)
    except Problem as error:
        if error.code != "transcription_too_long":
            raise
        raise _out_of_range(field, f"> {MOST_S:.0f} s") from error
    if audio.duration_s < LEAST_S:
        raise _out_of_range(field, f"{audio.duration_s:.1f} s")
    return audio


def _out_of_range(field: str, value: str) -> Problem:
    told = {"value": value, "minimum": LEAST_S, "maximum": MOST_S}
    return Problem("invalid_request", errors=[FieldError(field, "field_range", told)])


def diarized(segments: Sequence[Segment], duration_s: float) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "duration": round(duration_s, 3),
        "text": " ".join(segment.text for segment in segments),
        "segments": [diarized_segment(number, segment) for number, segment in enumerate(segments)],
    }


def diarized_segment(number: int, segment: Segment) -> dict[str, Any]:
    return {
        "type": "transcript.text.segment",
        "id": f"seg_{number:03d}",
        "start": round(segment.start_s, 3),
        "end": round(segment.end_s, 3),
        "text": segment.text,
        "speaker": segment.speaker,
    }
