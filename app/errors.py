"""Every error a client can get: its code, its HTTP status, and its rendering as RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.texts import LANGUAGES, render
from speech.errors import SpeechError

# The one table of statuses; every code here has its text as `error.<code>` in the catalogue.
STATUS: dict[str, int] = {
    "internal": 500,
    "invalid_request": 422,
    "unknown_setting": 500,
    "bad_setting": 500,
    "xtts_step_failed": 500,
    "xtts_no_memory": 503,
    "xtts_not_finite": 500,
    "xtts_latents": 422,
    "xtts_max_tokens": 422,
    "xtts_precision": 500,
    "xtts_beams": 422,
    "xtts_text_tokens": 422,
    "speech_empty": 500,
    "checkpoint_dir_unusable": 503,
    "reference_unusable": 422,
    "reference_silent": 422,
    "reference_too_long": 422,
    "reference_too_short": 422,
    "language_needed": 422,
    "engine_without_voices": 409,
    "xtts_language_package_missing": 503,
    "xtts_not_installed": 503,
    "text_over_limit": 422,
    "seed_not_used": 422,
    "machine_memory_short": 503,
    "device_missing": 503,
    "checkpoint_tensor_values": 422,
    "checkpoint_tensor_dtype": 422,
    "checkpoint_tensor_shape": 422,
    "checkpoint_tensor_missing": 422,
    "checkpoint_unsupported": 422,
    "checkpoint_wrong_kind": 422,
    "checkpoint_unsafe": 422,
    "checkpoint_damaged": 500,
    "checkpoint_not_torch": 500,
    "checkpoint_missing": 503,
    "unknown_licence": 400,
    "licence_not_accepted": 403,
    "too_few_clips": 422,
    "conversion_engine": 422,
    "unknown_pitch": 400,
    "speech_unclear": 422,
    "conversion_too_long": 413,
    "conversion_models_missing": 503,
    "conversion_not_installed": 503,
    "line_too_long": 422,
    "nothing_to_convert": 422,
    "model_unusable": 500,
    "clone_running": 409,
    "file_missing": 400,
    "unknown_queue": 400,
    "unknown_effort": 400,
    "consent_flag_missing": 400,
    "too_little_speech": 422,
    "wrong_text": 422,
    "wrong_language": 422,
    "two_speakers": 422,
    "no_speech_found": 422,
    "only_music": 422,
    "recording_silent": 422,
    "recording_too_short": 422,
    "recording_too_long": 413,
    "recording_unreadable": 400,
    "no_recording": 400,
    "bad_sample_name": 422,
    "bad_voice_id": 422,
    "voice_engine_unknown": 422,
    "voice_base_differs": 422,
    "voice_tensor_values": 422,
    "voice_tensor_shape": 422,
    "voice_tensor_unknown": 422,
    "voice_file_too_large": 413,
    "voice_file_missing": 400,
    "voice_file_malformed": 422,
    "job_makes_no_sound": 409,
    "voice_not_fitted": 404,
    "voice_without_report": 404,
    "sample_not_found": 404,
    "no_clip_chosen": 422,
    "clip_not_usable": 422,
    "intake_not_ready": 409,
    "not_an_intake": 422,
    "voice_not_cloned": 422,
    "voice_being_made": 409,
    "voice_exists": 409,
    "consent_missing": 422,
    "cloning_models_missing": 503,
    "training_not_installed": 503,
    "initializer_shape": 422,
    "initializer_unknown": 422,
    "model_malformed": 500,
    "job_not_paused": 409,
    "job_not_pausable": 409,
    "unknown_clip": 404,
    "bad_manifest": 400,
    "open_needs_port": 400,
    "parameter_of_wrong_type": 422,
    "missing_value": 400,
    "not_a_number": 400,
    "command_failed": 500,
    "bad_argument": 400,
    "missing_argument": 400,
    "unknown_option": 400,
    "unknown_command": 400,
    "input_not_utf8": 400,
    "output_unwritable": 400,
    "output_folder_missing": 400,
    "unknown_model_name": 404,
    "memory_exhausted": 503,
    "engine_not_loaded": 500,
    "device_not_offered": 422,
    "audio_empty": 422,
    "audio_unreadable": 422,
    "unknown_format": 400,
    "parameter_out_of_range": 422,
    "unknown_parameter": 422,
    "text_not_in_language": 422,
    "nothing_to_say": 422,
    "text_too_long": 422,
    "text_empty": 422,
    "language_not_spoken": 422,
    "unknown_voice": 404,
    "unknown_engine": 400,
    "espeak_failed": 500,
    "job_kind_unknown": 500,
    "client_missing": 503,
    "source_unreachable": 502,
    "source_refused": 502,
    "source_failed": 502,
    "models_folder_unusable": 500,
    "disk_full": 507,
    "model_unavailable": 503,
    "model_missing": 503,
    "unknown_model": 404,
    "data_dir_in_use": 500,
    "task_crashed": 500,
    "too_many_attempts": 500,
    "unsupported_database": 500,
    "bad_file_name": 400,
    "job_still_running": 409,
    "job_already_ended": 409,
    "job_not_found": 404,
    "page_texts_not_found": 404,
    "page_vendor_missing": 404,
    "page_file_not_found": 404,
    "flag_not_found": 404,
    "profile_engine_differs": 422,
    "profile_not_editable": 404,
    "profile_built_in": 400,
    "profile_not_found": 404,
    "profile_engine_unknown": 404,
    "sound_missing": 500,
    "job_without_sound": 409,
    "job_wait_expired": 408,
    "job_not_ready": 425,
    "job_expired": 410,
    "voice_is_stock": 403,
    "preset_without_language": 422,
    "unknown_preset": 422,
    "translation_not_offered": 422,
    "finetune_not_built": 501,
    "rvc_not_built": 501,
    "engine_not_built": 501,
    "host_open_refused": 500,
    "cross_site_refused": 403,
    "host_not_allowed": 421,
    "method_not_allowed": 405,
    "route_not_found": 404,
    "body_too_large": 413,
    "body_type_unsupported": 415,
    "bad_body": 400,
    "bad_request": 400,
    "fields_exclusive": 422,
    "field_not_applicable": 422,
    "field_invalid": 422,
    "field_type": 422,
    "field_choice": 422,
    "field_range": 422,
    "field_length": 422,
    "field_repeated": 422,
    "field_missing": 422,
    "field_unknown": 422,
}


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: its name, a catalogue code and the values of its text."""

    field: str
    code: str
    values: Mapping[str, object]


class Problem(Exception):
    """Raised anywhere in app/ to answer with a problem; `headers` go out with it (Retry-After, Allow)."""

    def __init__(
        self,
        code: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        return STATUS[self.code]

    @classmethod
    def of(cls, error: SpeechError) -> Problem:
        problem = cls(error.code)
        problem.values = error.values
        return problem


def document(problem: Problem, language: str, request_id: str) -> dict[str, Any]:
    """The `application/problem+json` body: detail in the reader's language, and in every language beside it."""
    messages = {tag: [render(f"error.{e.code}", tag, e.values) for e in problem.errors] for tag in LANGUAGES}
    details = {}
    for tag in LANGUAGES:
        summary = "; ".join(f"{e.field}: {message}" for e, message in zip(problem.errors, messages[tag]))
        values = {"request_id": request_id, "count": len(problem.errors), "summary": summary, **problem.values}
        details[tag] = render(f"error.{problem.code}", tag, values)
    return {
        "type": f"urn:papagaio:problem:{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": details[language],
        "details": details,
        "request_id": request_id,
        "errors": [
            {"field": e.field, "code": e.code, "message": message}
            for e, message in zip(problem.errors, messages[language])
        ],
    }
