"""A text spoken into a file: the sound grows in a PCM file that listeners may follow, then becomes a WAV."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from app.jobs.context import Cancelled, JobContext
from app.tasks.checking_service import CheckingService
from speech.audio import Tags, pcm16, wav_header
from speech.engines.base import Chunk
from speech.plan import ConversionAsked, Plan, tags_of
from speech.synthesis import Synthesizer
from speech.text.dictionary import Dictionary, Entry
from speech.text.reading import ReadingOptions

OUTPUT = "audio.wav"
GROWING = ".pcm"  # suffix of the running attempt's raw sound: 16 bit mono at the engine's rate


class SynthesisParams(BaseModel):
    """What a job of this kind stores: every choice resolved but the text, which is as the user wrote it."""

    model_config = ConfigDict(frozen=True, extra="ignore")  # the row also keeps what the API echoes

    text: str
    engine: str
    voice: str
    language: str
    parameters: dict[str, float | bool]
    conversion: ConversionAsked | None = None  # after the synthesis
    wrapping: str = "auto"
    dictionary: list[dict[str, Any]] = []  # the entries that the text needs, as they were when the job was added
    ref_text: str | None = None  # what is said in the voice's clips
    seed: int | None = None  # decided when the job was added, so that every attempt makes the same sound
    check_tries: int = 0  # how often a sentence may be spoken until it is heard as it is written; 0: nobody listens


def synthesize(
    synthesizer: Synthesizer, checking: CheckingService | None, context: JobContext, params: Mapping[str, Any]
) -> dict[str, Any]:
    """Speak and publish `OUTPUT`; the result says what was used and what was measured.

    Raises SpeechError as `Synthesizer.plan` and `Synthesizer.speak` do, Problem as `CheckingService` does, Cancelled
    when the job is to stop.
    """
    wanted = SynthesisParams.model_validate(params)
    plan = plan_of(synthesizer, wanted)
    started = time.perf_counter()
    growing = context.temporary(GROWING)
    told: list[dict[str, Any]] = []
    if wanted.check_tries and checking:
        chunks = _checked(synthesizer, checking, plan, wanted.check_tries, told)
    else:
        chunks = synthesizer.speak(plan)
    data_bytes, first_s, cut = _write_into(growing, chunks, len(plan.sentences), context)
    synthesis_s = time.perf_counter() - started
    tags = tags_of(plan)
    whole = _as_wav(growing, context.temporary(".wav"), plan.sample_rate, data_bytes, tags)
    context.publish(whole, OUTPUT)
    duration_s = data_bytes / 2 / plan.sample_rate
    used = synthesizer.pool_stats()
    return {
        "output": OUTPUT,
        "size_bytes": data_bytes + len(wav_header(plan.sample_rate, data_bytes, tags)),
        "sample_rate": plan.sample_rate,
        "duration_s": duration_s,
        "synthesis_s": synthesis_s,
        "first_audio_s": first_s,
        "real_time_factor": synthesis_s / duration_s,
        "sentences": len(plan.sentences),
        "pieces_cut_short": cut,
        "engine": plan.engine,
        "voice": plan.voice.voice_id,
        "language": plan.language,
        "parameters": dict(plan.parameters),
        "parameters_without_effect": list(plan.info.without_effect),
        "seed": plan.seed,
        "device": used.devices.get(plan.voice.loaded_as),
        "precision": used.precisions.get(plan.voice.loaded_as) or None,
        "licence": plan.info.licence,
        "licence_url": plan.info.licence_url or None,
        "is_commercial": plan.is_commercial,
        "conversion": _conversion_used(plan),
        "check": {"tries": wanted.check_tries, "sentences": told} if wanted.check_tries else None,
        "tags": tags,
    }


def plan_of(synthesizer: Synthesizer, wanted: SynthesisParams) -> Plan:
    """Raises SpeechError as `Synthesizer.plan` does."""
    return synthesizer.plan(
        wanted.text,
        engine=wanted.engine,
        language=wanted.language,
        voice=wanted.voice,
        parameters=wanted.parameters,
        seed=wanted.seed,
        conversion=wanted.conversion,
        reference_text=wanted.ref_text or "",
        reading=ReadingOptions(wanted.wrapping, Dictionary(Entry(**entry) for entry in wanted.dictionary)),
    )


def _conversion_used(plan: Plan) -> dict[str, Any] | None:
    step = plan.conversion
    if step is None:
        return None
    licence = {"licence": step.info.licence, "licence_url": step.info.licence_url or None}
    used = {"converter": step.info.name, "voice": step.voice.voice_id, "parameters": dict(step.parameters)}
    return {**used, **licence, "is_commercial": step.info.is_commercial}


def _checked(
    synthesizer: Synthesizer, checking: CheckingService, plan: Plan, tries: int, told: list[dict[str, Any]]
) -> Generator[Chunk, None, None]:
    """The sound of a plan, each sentence heard before it is given out; `told` gets the reports."""
    from speech.checking import CheckOptions, speak_checked

    ears = checking.transcriber()
    return speak_checked(synthesizer.speak, plan, ears, CheckOptions(tries), lambda one: told.append(asdict(one)))


def _write_into(
    path: Path, chunks: Generator[Chunk, None, None], sentences: int, context: JobContext
) -> tuple[int, float, int]:
    """Bytes of PCM written, the seconds until the first of them, and pieces that ended at the engine's limit."""
    started, first_s, written, done, cut = time.perf_counter(), 0.0, 0, 0, 0
    with path.open("wb", buffering=0) as file:
        for chunk in chunks:
            written += file.write(pcm16(chunk.samples))
            if len(chunk.samples):
                first_s = first_s or time.perf_counter() - started
            done += chunk.ends
            cut += chunk.is_cut
            context.progress(done, sentences)
            if context.should_stop():
                raise Cancelled
    return written, first_s, cut


def _as_wav(pcm: Path, wav: Path, sample_rate: int, data_bytes: int, tags: Tags) -> Path:
    with pcm.open("rb") as source, wav.open("wb") as target:
        target.write(wav_header(sample_rate, data_bytes, tags))
        while block := source.read(1 << 20):
            target.write(block)
    return wav
