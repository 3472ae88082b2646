"""What goes between a service and an engine host: a plan as JSON one way, frames of sound the other; or a recording
one way, and what is said in it the other.

A frame is a letter and a little-endian unsigned length of 32 bits, then so many bytes. `C`: a Chunk, which is a JSON
header, a line feed, and its samples in 32 bit float; `L`: the language that is heard, as JSON; `S`: a Segment as JSON;
`E`: an error as JSON, nothing follows; `Z`: the end. A body that stops without `E` or `Z` is of a host that died. A
recording is a JSON header, a line feed, and its samples in 32 bit float, then those of speech of known people.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

from speech.asr import HearingOptions, Segment, Word
from speech.audio import Audio
from speech.engines.base import Chunk
from speech.errors import SpeechError
from speech.plan import Plan
from speech.voices import Voice

MEDIA_TYPE = "application/vnd.papagaio.frames"
_HEAD = struct.Struct("<cI")


@cache
def _voices() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Voice)


@cache
def _plans() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Plan)


def dump_plan(plan: Plan) -> bytes:
    data: bytes = _plans().dump_json(plan, warnings=False)  # of whole numbers, where a float may stand
    return data


def dump_voice(voice: Voice) -> bytes:
    data: bytes = _voices().dump_json(voice)
    return data


def load_voice(data: bytes) -> Voice:
    """Raises SpeechError `bad_plan`."""
    from pydantic import ValidationError

    try:
        voice: Voice = _voices().validate_json(data)
    except ValidationError as error:
        raise SpeechError("bad_plan", reason=str(error.errors(include_url=False)[:1])[:300]) from error
    return voice


def load_plan(data: bytes) -> Plan:
    """Raises SpeechError `bad_plan`."""
    from pydantic import ValidationError

    try:
        plan: Plan = _plans().validate_json(data)
    except ValidationError as error:
        raise SpeechError("bad_plan", reason=str(error.errors(include_url=False)[:1])[:300]) from error
    return plan


def frame(kind: bytes, data: bytes = b"") -> bytes:
    return _HEAD.pack(kind, len(data)) + data


def chunk_frame(chunk: Chunk) -> bytes:
    import numpy as np

    head = json.dumps({"sample_rate": chunk.sample_rate, "ends": chunk.ends, "is_cut": chunk.is_cut})
    return frame(b"C", head.encode() + b"\n" + np.asarray(chunk.samples, "<f4").tobytes())


def error_document(error: SpeechError) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(json.dumps(dict(error.values), default=str))
    return {"code": error.code, "values": values}


def dump_recording(audio: Audio, options: HearingOptions, known: Mapping[str, Audio]) -> bytes:
    import numpy as np

    lengths = {name: [len(each.samples), each.sample_rate] for name, each in known.items()}
    head = json.dumps({"sample_rate": audio.sample_rate, "options": asdict(options), "known": lengths})
    parts = (audio, *known.values())
    return b"".join([head.encode(), b"\n", *(np.asarray(each.samples, "<f4").tobytes() for each in parts)])


def load_recording(data: bytes) -> tuple[Audio, HearingOptions, dict[str, Audio]]:
    """Raises SpeechError `bad_plan`."""
    import numpy as np

    head, _, samples = data.partition(b"\n")
    try:
        told = json.loads(head)
        options: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in told["options"].items()}
        everything, known = np.frombuffer(samples, "<f4"), {}
        end = first = len(everything) - sum(length for length, _ in told["known"].values())
        for name, (length, sample_rate) in told["known"].items():
            known[name] = Audio(everything[end : end + length], sample_rate)
            end += length
        return Audio(everything[:first], told["sample_rate"]), HearingOptions(**options), known
    except (ValueError, KeyError, TypeError) as error:
        raise SpeechError("bad_plan", reason=str(error)[:300]) from error


def segment_frame(segment: Segment) -> bytes:
    return frame(b"S", json.dumps(asdict(segment), ensure_ascii=False).encode())


def load_segment(data: bytes) -> Segment:
    told = json.loads(data)
    words = tuple(Word(**word) for word in told.pop("words"))
    return Segment(**told | {"tokens": tuple(told["tokens"])}, words=words)


def chunks(blocks: Iterator[bytes]) -> Iterator[Chunk]:
    """The chunks of a body. Raises the host's SpeechError, and EOFError where the body stops short."""
    import numpy as np

    for _, data in frames(blocks):
        head, _, samples = data.partition(b"\n")
        yield Chunk(np.frombuffer(samples, "<f4"), **json.loads(head))


def frames(blocks: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Letter and bytes of every frame up to the end. Raises as `chunks` does."""
    pending = bytearray()

    def take(count: int) -> bytes:
        while len(pending) < count:
            block = next(blocks, b"")
            if not block:
                raise EOFError
            pending.extend(block)
        taken = bytes(pending[:count])
        del pending[:count]
        return taken

    while True:
        kind, length = _HEAD.unpack(take(_HEAD.size))
        data = take(length)
        if kind == b"Z":
            return
        if kind == b"E":
            told = json.loads(data)
            raise SpeechError(told["code"], **told["values"])
        yield kind, data
