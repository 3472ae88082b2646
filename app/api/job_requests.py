"""What POST /jobs takes, and how it becomes what a worker is given; all is decided before anything is written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from app.api.bodies import Body
from app.api.languages import primary_of
from app.api.services import Services
from app.api.voices import first_voice
from app.errors import FieldError, Problem
from app.jobs.job import Job
from app.jobs.kinds import SPEECH
from app.tasks.checking_service import CheckingService
from speech.engines.f0.choice import check_method, default_method
from speech.plan import ConversionAsked, ConversionStep, EngineChoice
from speech.profiles import QualityProfile
from speech.request_checks import CHECK_TRIES, MAX_SEED, MOST_CHECK_TRIES
from speech.synthesis import match_language
from speech.voices import Voice

RVC = "rvc"  # the converter that the base API names
RVC_FIELDS = (
    "rvc_model_id",
    "rvc_pitch",
    "rvc_index_rate",
    "rvc_filter_radius",
    "rvc_rms_mix_rate",
    "rvc_protect",
    "rvc_f0_method",
)


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


Word = BeforeValidator(_lower)  # words of a list match in any case
SENT_PRESET = "female_generic"  # the base API's default, which its forms send with every job: as if nothing was sent
F0Method = Literal["rmvpe", "fcpe", "pm", "harvest", "dio", "crepe"]


class NewJob(Body):
    """`voice_preset` or `voice_id` names the voice; else the engine's first preset, or voice, of the language.
    `female_generic`, which forms always send, is no preset that was asked for. `speed` goes over the profile's.

    `seed`: of engines that vary, the same one gives the same sound again; one is drawn where none is given.
    `ref_text`: what is said in the seconds of the voice that F5-TTS hears, where nobody wrote it down or it is wrong.
    `wrapping`: what is done with line breaks, as in `/text/preview`. `check_words`: each sentence is written down by a
    recogniser and, where it is not as written, cut or spoken again, `check_tries` times in all at most (3).
    """

    bad_value_status = 400  # by the base API

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    source_language: Annotated[str, Field(min_length=2, max_length=35)]
    mode: Annotated[Literal["dubbing", "dubbing_with_clone"], Word]
    target_language: Annotated[str | None, Field(min_length=2, max_length=35)] = None
    voice_preset: Annotated[str | None, Word] = None
    voice_id: str | None = None
    tts_engine: Annotated[str | None, Word] = None
    quality_profile_id: str | None = None
    speed: Annotated[float | None, Field(ge=0.5, le=2.0)] = None
    seed: Annotated[int | None, Field(ge=0, le=MAX_SEED)] = None
    wrapping: Annotated[Literal["auto", "keep", "join"], Word] = "auto"
    check_words: bool = False
    check_tries: Annotated[int | None, Field(ge=1, le=MOST_CHECK_TRIES)] = None
    ref_text: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    enable_rvc: bool = False
    rvc_model_id: str | None = None
    rvc_pitch: Annotated[int | None, Field(ge=-12, le=12)] = None
    rvc_index_rate: Annotated[float | None, Field(ge=0, le=1)] = None
    rvc_filter_radius: Annotated[int | None, Field(ge=0, le=7)] = None
    rvc_rms_mix_rate: Annotated[float | None, Field(ge=0, le=1)] = None
    rvc_protect: Annotated[float | None, Field(ge=0, le=0.5)] = None
    rvc_f0_method: Annotated[F0Method | None, Word] = None

    @property
    def preset(self) -> str | None:
        """The preset that was asked for."""
        return None if self.voice_preset == SENT_PRESET else self.voice_preset


def params_of(services: Services, body: NewJob) -> dict[str, Any]:
    """What the job stores. Raises Problem or SpeechError for everything that could not be spoken as asked."""
    _refuse_inapplicable(services, body)
    if body.check_words:
        CheckingService(services.models).check()
    choice = _engine(services, body)
    engine = choice.engine
    if body.ref_text is not None and not services.synthesizer.engines()[engine].takes_reference_text:
        error = FieldError("ref_text", "field_not_applicable", {"reason": f"tts_engine = {engine}"})
        raise Problem("invalid_request", errors=[error])
    conversion = _conversion(services, body)
    language = match_language(_language(body), services.synthesizer.engines()[engine])
    preset, voice = _voice(services, body, engine, language)
    if body.mode == "dubbing_with_clone":
        _refuse_stock(services, voice)
    profile = _profile(services, engine, body.quality_profile_id)
    parameters = dict(profile.parameters) | ({} if body.speed is None else {"speed": body.speed})
    plan = services.synthesizer.plan(
        body.text,
        engine=engine,
        language=language,
        voice=voice,
        parameters=parameters,
        seed=body.seed,
        conversion=conversion,
        reference_text=body.ref_text or "",
        reading=services.reading(body.wrapping),
    )
    if body.rvc_model_id is not None:
        _note_use(services, body.rvc_model_id)
    return {
        "mode": body.mode,
        "text": body.text,
        "engine": engine,
        "language": plan.language,
        "voice": voice,
        **_voice_told(services, plan.voice),
        "parameters": dict(plan.parameters),
        "seed": plan.seed,
        "ref_text": body.ref_text,
        "conversion": asdict(conversion) if conversion else None,
        **_rvc_told(body, conversion, plan.conversion),
        "wrapping": body.wrapping,
        "dictionary": [asdict(entry) for entry in plan.entries],
        "check_tries": _check_tries(body),
        "source_language": body.source_language,
        "target_language": body.target_language or body.source_language,
        "voice_preset": preset,
        "tts_engine_requested": body.tts_engine,
        "engine_reason": choice.reason,
        "engines_passed_over": dict(choice.passed_over),
        "quality_profile_id": profile.profile_id,
    }


def add_speech(services: Services, params: dict[str, Any]) -> Job:
    """A job of what `params_of` gave. Raises Problem `too_many_requests`, and what `JobStore.add` raises."""
    services.submit(len(params["text"]))
    return services.jobs.add(SPEECH, params, warm_key=params["engine"])


def _check_tries(body: NewJob) -> int:
    """How often a sentence may be spoken until it is heard as it is written; 0: nobody listens."""
    return (body.check_tries or CHECK_TRIES) if body.check_words else 0


def _conversion(services: Services, body: NewJob) -> ConversionAsked | None:
    """What the `rvc_*` fields ask for: the converter of that name, one of its models as the voice, its parameters."""
    if not body.enable_rvc or body.rvc_model_id is None:
        return None
    from app.api.rvc import models_of

    model = models_of(services).store.get(body.rvc_model_id)
    services.synthesizer.check_converter(RVC)
    asked = {name.removeprefix("rvc_"): value for name, value in _rvc_fields(body).items() if value is not None}
    if body.rvc_f0_method or model.verdict["about"].get("has_f0", True):
        asked["f0_method"] = body.rvc_f0_method or default_method(services.models)
        check_method(asked["f0_method"], services.models)
    return ConversionAsked(RVC, str(asked.pop("model_id")), asked)


def _note_use(services: Services, model_id: str) -> None:
    from app.api.rvc import models_of

    models_of(services).store.used(model_id, "job")


def _rvc_fields(body: NewJob) -> dict[str, Any]:
    return {name: getattr(body, name) for name in RVC_FIELDS}


def _rvc_defaults(services: Services) -> dict[str, Any]:
    """What forms of the base API send with every job, converted or not."""
    info = services.synthesizer.registry.converter(RVC).info
    return {f"rvc_{parameter.name}": parameter.default for parameter in info.parameters} | {"rvc_f0_method": "rmvpe"}


def _rvc_told(body: NewJob, asked: ConversionAsked | None, step: ConversionStep | None) -> dict[str, Any]:
    """The values that are used, given or not; no method of F0 where the model has none."""
    if asked is None or step is None:
        return {}
    values = {f"rvc_{name}": value for name, value in step.parameters.items()}
    method = {"rvc_f0_method": asked.parameters.get("f0_method"), "rvc_f0_method_requested": body.rvc_f0_method}
    return {"enable_rvc": True, "rvc_model_id": body.rvc_model_id, **values, **method}


def _refuse_stock(services: Services, voice_id: str) -> None:
    cloned = [voice.voice_id for voice in services.synthesizer.voices() if not voice.is_stock]
    if voice_id not in cloned and voice_id in {voice.voice_id for voice in services.synthesizer.voices()}:
        raise Problem("voice_not_cloned", voice_id=voice_id, choices=cloned or ["–"])


def _refuse_inapplicable(services: Services, body: NewJob) -> None:
    errors = []
    if body.mode == "dubbing_with_clone" and body.voice_id is None:
        errors.append(FieldError("voice_id", "field_missing", {}))
    if body.enable_rvc and body.rvc_model_id is None:
        errors.append(FieldError("rvc_model_id", "field_missing", {}))
    if body.voice_id is not None and body.preset is not None:
        errors.append(FieldError("voice_id", "fields_exclusive", {"names": ["voice_preset", "voice_id"]}))
    if body.check_tries is not None and not body.check_words:
        errors.append(FieldError("check_tries", "field_not_applicable", {"reason": "check_words = false"}))
    if not body.enable_rvc:
        defaults = _rvc_defaults(services)
        given = [name for name in RVC_FIELDS if getattr(body, name) not in (None, defaults.get(name))]
        errors += [FieldError(name, "field_not_applicable", {"reason": "enable_rvc = false"}) for name in given]
    if errors:
        problem = Problem("invalid_request", errors=errors)
        raise problem.answered(400) if {error.code for error in errors} == {"field_missing"} else problem


def _engine(services: Services, body: NewJob) -> EngineChoice:
    synthesizer = services.synthesizer
    choice = synthesizer.choose_engine(body.tts_engine, body.voice_id, body.preset)
    if not synthesizer.registry.engine(choice.engine).install.is_announced:
        synthesizer.check(choice.engine)
    return choice


def _language(body: NewJob) -> str:
    source, target = body.source_language, body.target_language or body.source_language
    if primary_of(source) != primary_of(target):
        raise Problem("translation_not_offered", source_language=source, target_language=target)
    return target


def _voice(services: Services, body: NewJob, engine: str, language: str) -> tuple[str | None, str]:
    """The preset that was used, if one was, and the voice."""
    if body.voice_id is not None:
        return None, body.voice_id
    offered = {preset.name: preset for preset in services.synthesizer.registry.engine(engine).presets}
    primary = primary_of(language)
    if body.preset is None:
        for name, preset in offered.items():
            if primary in preset.voices:
                return name, preset.voices[primary]
        return None, first_voice(services, engine, primary)
    if body.preset not in offered:
        raise Problem("unknown_preset", preset=body.preset, choices=sorted(offered) or ["–"])
    voices = offered[body.preset].voices
    if primary not in voices:
        raise Problem("preset_without_language", preset=body.preset, language=language, choices=sorted(voices))
    return body.preset, voices[primary]


def _voice_told(services: Services, voice: Voice) -> dict[str, Any]:
    """What it was called when the job was asked for; only voices that were made here are described by somebody."""
    meta = None if voice.is_stock else services.cloning.library().get(voice.voice_id)
    return {"voice_name": voice.title, "voice_description": meta.description or None if meta else None}


def _profile(services: Services, engine: str, profile_id: str | None) -> QualityProfile:
    return services.profiles.default(engine) if profile_id is None else services.profiles.get(engine, profile_id)
