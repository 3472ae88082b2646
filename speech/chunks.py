"""What engines yield, as `Chunk`s with the silence that a text asks for between its sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from speech.audio import Audio, join
from speech.engines.base import Chunk, ConversionRequest, SpokenLine, VoiceConverter
from speech.plan import ConversionStep, Plan
from speech.processing import ProcessingOptions, process
from speech.text.sentences import Sentence


def as_chunks(sounds: Iterable[Audio]) -> Iterator[Chunk]:
    """Of an operator's engine that yields a plain Audio a sentence, as all did before Chunks."""
    return (sound if isinstance(sound, Chunk) else Chunk(sound.samples, sound.sample_rate) for sound in sounds)


def with_pauses(chunks: Iterable[Chunk], sentences: Sequence[Sentence]) -> Iterator[Chunk]:
    """`chunks` with the silence that the text asks for after the sentences that end with them."""
    from speech.dsp import append_silence

    ended = 0
    for chunk in chunks:
        ended += chunk.ends
        pause_s = sentences[ended - 1].pause_s if chunk.ends and ended <= len(sentences) else None
        yield replace(chunk, samples=append_silence(chunk, pause_s).samples) if pause_s else chunk


def by_sentence(chunks: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """The chunks of one sentence, or of those that end together; a sign of life, which ends nothing, by itself."""
    waiting: list[Chunk] = []
    for chunk in chunks:
        if not len(chunk.samples) and not chunk.ends:
            yield [chunk]
            continue
        waiting.append(chunk)
        if chunk.ends:
            yield waiting
            waiting = []


def processed(chunks: Iterable[Chunk], options: ProcessingOptions) -> Iterator[Chunk]:
    """Each sentence of `chunks` through the steps that are asked for; as it came where none is."""
    if not options.is_any:
        yield from chunks
        return
    waiting: list[Chunk] = []
    for chunk in chunks:
        if not len(chunk.samples) and not chunk.ends:
            yield chunk  # a sign of life
            continue
        waiting.append(chunk)
        if chunk.ends:
            made = process(join(waiting), options)
            yield Chunk(made.samples, made.sample_rate, chunk.ends, any(piece.is_cut for piece in waiting))
            waiting = []


def converted(chunks: Iterable[Chunk], converter: VoiceConverter, plan: Plan, step: ConversionStep) -> Iterator[Chunk]:
    """Each sentence of `chunks` said again, pauses included."""
    waiting: list[Chunk] = []
    sentences = iter(plan.sentences)
    for chunk in chunks:
        waiting.append(chunk)
        if not chunk.ends:
            continue
        sound = join(waiting)
        text = " ".join(sentence.text for sentence in islice(sentences, chunk.ends))
        lines = (SpokenLine(text, 0.0, sound.duration_s),)
        request = ConversionRequest(step.voice, plan.language, lines, step.parameters)
        made = converter.convert(sound, request, lambda done, total: None).audio
        yield Chunk(made.samples, made.sample_rate, chunk.ends, any(piece.is_cut for piece in waiting))
        waiting = []
