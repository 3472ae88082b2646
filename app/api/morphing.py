"""Voices mixed of others: heard before they are kept, and kept with where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.cloning import Description, Engine, Gender, LanguageTag, Name
from app.api.job_requests import Word
from app.api.queries import known_query
from app.api.services import Services, Wired, Working
from app.api.streaming import Sound, SoundResponse
from app.api.voices import SAMPLE_SEED, VoiceProfile, find_voice, profile_of
from app.errors import FieldError, Problem
from app.tasks.blending import NewVoice, engine_of, keep
from speech.engines.blend import Blend, BlendPoint, check_blend, style
from speech.voices import Shape

router = APIRouter(tags=["voices"], dependencies=[Depends(known_query)])

Method = Annotated[Literal["linear", "spherical"], Word]
Weight = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, Field(min_length=1, max_length=500)]


class VoiceWeight(Body):
    voice_id: Annotated[str, Field(min_length=1, max_length=80)]
    weight: Weight


Weights = Annotated[list[VoiceWeight], Field(min_length=1, max_length=8)]


class PathPoint(Body):
    """The weights at `at` of the utterance, 0 its beginning and 1 its end."""

    at: Weight
    voices: Weights
    prosody: Weights | None = None


class Shaped(Body):
    pitch_semitones: Annotated[float, Field(ge=-12, le=12)] = 0.0
    speed: Annotated[float, Field(ge=0.5, le=2)] = 1.0
    tone_db: Annotated[float, Field(ge=-12, le=12)] = 0.0
    tts_engine: Engine = None
    method: Method = "linear"

    @property
    def shape(self) -> Shape:
        return Shape(self.pitch_semitones, self.speed, self.tone_db)


class Kept(Body):
    """`language` and `gender`: those that the sources share, where they are not given."""

    name: Name
    description: Description = ""
    language: LanguageTag | None = None
    gender: Gender | None = None

    @property
    def voice(self) -> NewVoice:
        return NewVoice(self.name, self.description, self.language or "", self.gender or "")


class Heard(Body):
    """`language`: the voice's, where it is not given."""

    text: Text
    language: LanguageTag | None = None


class Morph(Shaped):
    """`voices`: their weights sum to 1. `prosody`: of pitch, timing and loudness, where they are others than those of
    the timbre."""

    voices: Weights
    prosody: Weights | None = None

    @property
    def blend(self) -> Blend:
        return check_blend(Blend((_point(self.voices, self.prosody, 0.0),), self.method))


class Style(Shaped):
    """The timbre of one voice with `strength` of the prosody of another."""

    timbre_voice_id: Annotated[str, Field(min_length=1, max_length=80)]
    prosody_voice_id: Annotated[str, Field(min_length=1, max_length=80)]
    strength: Weight = 1.0

    @property
    def blend(self) -> Blend:
        return style(self.timbre_voice_id, self.prosody_voice_id, self.strength, self.method)


class NewMorph(Morph, Kept):
    pass


class NewStyle(Style, Kept):
    pass


class MorphPreview(Shaped, Heard):
    """`voices` all through the text, or a `path` along it."""

    voices: Weights | None = None
    prosody: Weights | None = None
    path: Annotated[list[PathPoint] | None, Field(min_length=2, max_length=16)] = None

    @property
    def blend(self) -> Blend:
        """Raises Problem `invalid_request` unless there is one of the two."""
        if self.path is not None and self.voices is None and self.prosody is None:
            points = tuple(_point(point.voices, point.prosody, point.at) for point in self.path)
            return check_blend(Blend(points, self.method))
        if self.voices is None or self.path is not None:
            error = FieldError("voices", "fields_exclusive", {"names": ["voices", "path"]})
            raise Problem("invalid_request", errors=[error])
        return check_blend(Blend((_point(self.voices, self.prosody, 0.0),), self.method))


class StylePreview(Style, Heard):
    pass


@router.post(
    "/voices/morph", status_code=201, summary="Keep a mixture of voices", openapi_extra=documented(NewMorph, JSON)
)
def morph_voices(services: Working, body: Annotated[NewMorph, Depends(body_of(NewMorph, JSON))]) -> VoiceProfile:
    """Raises Problem `invalid_request`; SpeechError `morph_weights`, `morph_engines_differ`, `engine_cannot_blend`,
    `unknown_voice`, `voice_exists`."""
    return _kept(services, body.blend, body, body.voice)


@router.post(
    "/voices/style",
    status_code=201,
    summary="Keep the timbre of one voice with the prosody of another",
    openapi_extra=documented(NewStyle, JSON),
)
def style_voices(services: Working, body: Annotated[NewStyle, Depends(body_of(NewStyle, JSON))]) -> VoiceProfile:
    """Raises as `/voices/morph`, and SpeechError `morph_same_voice`."""
    return _kept(services, body.blend, body, body.voice)


@router.post(
    "/voices/morph/preview",
    summary="Hear a mixture of voices, or a path from one to another, as WAV",
    openapi_extra=documented(MorphPreview, JSON),
    response_class=SoundResponse,
    status_code=200,
)
def preview_morph(
    services: Wired, body: Annotated[MorphPreview, Depends(body_of(MorphPreview, JSON))]
) -> SoundResponse:
    """Nothing is kept, and a client that leaves stops the making. Raises as `/voices/morph`, SpeechError
    `morph_path_not_offered`, `morph_path_fitted`, and Problem `over_capacity`, `too_many_requests`."""
    return _spoken(services, body.blend, body, body.text, body.language)


@router.post(
    "/voices/style/preview",
    summary="Hear the timbre of one voice with the prosody of another, as WAV",
    openapi_extra=documented(StylePreview, JSON),
    response_class=SoundResponse,
    status_code=200,
)
def preview_style(
    services: Wired, body: Annotated[StylePreview, Depends(body_of(StylePreview, JSON))]
) -> SoundResponse:
    """As `/voices/morph/preview`."""
    return _spoken(services, body.blend, body, body.text, body.language)


def _point(voices: Sequence[VoiceWeight], prosody: Sequence[VoiceWeight] | None, at: float) -> BlendPoint:
    """Raises Problem `invalid_request` where a voice is named twice."""
    shares = []
    for given, field in ((voices, "voices"), (voices if prosody is None else prosody, "prosody")):
        names = [one.voice_id for one in given]
        if len(set(names)) < len(names):
            raise Problem("invalid_request", errors=[FieldError(f"{field}.voice_id", "field_repeated", {})])
        shares.append({one.voice_id: one.weight for one in given})
    return BlendPoint(shares[0], shares[1], at)


def _kept(services: Services, blend: Blend, body: Shaped, new: NewVoice) -> VoiceProfile:
    from app.storage.voice_owners import set_owner

    synthesizer = services.synthesizer
    engine = engine_of(synthesizer, blend.voices, body.tts_engine)
    library = services.cloning.library()
    meta = keep(synthesizer, library, engine, blend, body.shape, new)
    set_owner(library.folder(meta.voice_id), services.caller.user_id)
    return profile_of(services, find_voice(services, meta.voice_id))


def _spoken(services: Services, blend: Blend, body: Shaped, text: str, language: str | None) -> SoundResponse:
    synthesizer = services.synthesizer
    engine = engine_of(synthesizer, blend.voices, body.tts_engine)
    own, shape = Shape(), body.shape
    parameters = {
        name: getattr(shape, name)
        for name in ("pitch_semitones", "speed", "tone_db")
        if getattr(shape, name) != getattr(own, name)
    }
    seed = SAMPLE_SEED if synthesizer.engines()[engine].is_seeded else None
    plan = synthesizer.plan(
        text,
        engine=engine,
        language=language or "",
        blend=blend,
        parameters=parameters,
        seed=seed,
        reading=services.reading(),
    )
    return SoundResponse(Sound(services, plan, "wav", is_whole=True))
