"""A request in which parts are spoken otherwise than the rest, by another voice, faster or higher: run by run."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from speech.audio import Audio, join
from speech.chunks import as_chunks, by_sentence
from speech.engines.base import Chunk, Engine, EngineInfo, SpeechRequest
from speech.errors import SpeechError
from speech.request_checks import voice_of
from speech.text.sentences import PAUSE_S, Delivery, Sentence, pause_share
from speech.text.turns import DEEPEST_DB
from speech.voices import Voice

Speak = Callable[[SpeechRequest], Generator[Audio, None, None]]
QUIET_DB, INNER_TAIL_S = -60.0, 0.03  # the quiet that is left after a piece whose sentence goes on


def voices_in(
    engine: Engine, sentences: Iterable[Sentence], parameters: Mapping[str, float | bool]
) -> dict[str, Voice]:
    """The voices that a text names, as it names them.

    Raises SpeechError `unknown_voice` with those there are, and `parameter_out_of_range` where a rate in the text and
    the speed in `parameters` together are too much.
    """
    _check_rates(sentences, engine.info, parameters)
    names = {sentence.delivery.voice for sentence in sentences} - {""}
    by_name = {voice.voice_id.lower(): voice.voice_id for voice in engine.voices()} if names else {}
    return {name: voice_of(engine, by_name.get(name.lower(), name)) for name in names}


def _check_rates(sentences: Iterable[Sentence], info: EngineInfo, parameters: Mapping[str, float | bool]) -> None:
    known = {parameter.name: parameter for parameter in info.parameters}
    for rate in {sentence.delivery.rate for sentence in sentences} - {1.0}:
        if "speed" not in known:
            raise SpeechError("unknown_parameter", parameter="speed", engine=info.name, choices=list(known))
        low, high, value = known["speed"].minimum, known["speed"].maximum, parameters["speed"] * rate
        if low is not None and high is not None and not low <= value <= high:
            raise SpeechError("parameter_out_of_range", parameter="speed", value=value, minimum=low, maximum=high)


def speak_runs(speak: Speak, request: SpeechRequest, voices: Mapping[str, Voice]) -> Generator[Chunk, None, None]:
    """The sound of `request`, each run of sentences with one delivery as a request of its own; `voices` by name."""
    runs = [(delivery, tuple(ones)) for delivery, ones in groupby(request.sentences, lambda one: one.delivery)]
    for number, (delivery, sentences) in enumerate(runs, 1):
        chunks = speak(_asked(request, delivery, sentences, voices))
        try:
            made = _louder(_higher(as_chunks(chunks), delivery.pitch_semitones), delivery.volume_db)
            yield from made if number == len(runs) else _with_end(made, sentences, request.parameters)
        finally:
            chunks.close()


def _asked(
    request: SpeechRequest, delivery: Delivery, sentences: tuple[Sentence, ...], voices: Mapping[str, Voice]
) -> SpeechRequest:
    parameters = dict(request.parameters)
    if delivery.rate != 1:
        parameters["speed"] = parameters["speed"] * delivery.rate
    made = replace(request, sentences=sentences, parameters=parameters)
    return replace(made, voice=voices[delivery.voice], reference_text="", blend=None) if delivery.voice else made


def _higher(chunks: Iterable[Chunk], semitones: float) -> Iterator[Chunk]:
    """`chunks` by `semitones` higher, a sentence at a time; as they came where there are none."""
    from speech.dsp.shape import shift_pitch

    if not semitones:
        yield from chunks
        return
    for group in by_sentence(chunks):
        if not (ends := sum(chunk.ends for chunk in group)):
            yield from group
            continue
        made = shift_pitch(join(group), semitones)
        yield Chunk(made.samples, made.sample_rate, ends, any(chunk.is_cut for chunk in group))


def _louder(chunks: Iterable[Chunk], volume_db: float) -> Iterator[Chunk]:
    """`chunks` by `volume_db` louder, as far as they stay whole; silent at the least volume there is."""
    from speech.dsp import limit_peak

    gain = 0.0 if volume_db <= DEEPEST_DB else 10 ** (volume_db / 20)
    for chunk in chunks:
        if volume_db == 0:
            yield chunk
        else:
            made = limit_peak(Audio(chunk.samples * gain, chunk.sample_rate))
            yield replace(chunk, samples=made.samples)


def _with_end(
    chunks: Iterable[Chunk], sentences: Sequence[Sentence], parameters: Mapping[str, float | bool]
) -> Iterator[Chunk]:
    """`chunks` with the pause that engines make between sentences after the last one, or none where it goes on."""
    from speech.dsp import append_silence, trim

    ended, last = 0, sentences[-1]
    for chunk in chunks:
        ended += chunk.ends
        if ended < len(sentences) or not chunk.ends:
            yield chunk
        elif last.goes_on:
            yield replace(chunk, samples=trim(chunk, QUIET_DB, chunk.duration_s, INNER_TAIL_S).samples)
        else:
            pause_s = float(parameters.get("sentence_pause_s", PAUSE_S)) * pause_share(last)
            yield replace(chunk, samples=append_silence(chunk, pause_s).samples)
