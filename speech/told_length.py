"""How long a recording says that it is, where its own head tells that, and not a guess from its size."""

from __future__ import annotations

import struct
from typing import Any

# In these libav takes the length from the head as it stands there, however long the file is.
_TELLING = ("aiff", "au", "flac", "ogg", "matroska,webm", "mov,mp4,m4a,3gp,3g2,mj2")
_STREAMED_BYTES = 0x7FFF0000  # a size from here on says that the writer did not know
_MOST_CHUNKS = 64
HEAD_BYTES = 1 << 20


def told_s(container: Any, stream: Any, head: bytes, size_bytes: int) -> float | None:
    """Seconds; None where nothing tells. `head`: the first HEAD_BYTES of the file's `size_bytes`."""
    import av

    name = container.format.name
    if name == "wav":
        return _of_wav(head, size_bytes, float(stream.duration * stream.time_base) if stream.duration else 0.0)
    if name == "mp3":
        return container.duration / av.time_base if container.duration and _counts_frames(head) else None
    if name not in _TELLING:
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base)
    # Of a film it may be the pictures' length.
    return container.duration / av.time_base if container.duration and len(container.streams) == 1 else None


def _of_wav(head: bytes, size_bytes: int, there_s: float) -> float | None:
    """libav goes by the file's size; http://soundfile.sapp.org/doc/WaveFormat says where that of the sound stands."""
    at, rate = 12, 0
    for _ in range(_MOST_CHUNKS):
        if at + 8 > len(head):
            return None
        kind, size = head[at : at + 4], struct.unpack_from("<I", head, at + 4)[0]
        if kind == b"fmt " and at + 24 <= len(head):
            rate = struct.unpack_from("<I", head, at + 16)[0]  # bytes a second
        if kind == b"data":
            missing = at + 8 + size - size_bytes
            return there_s + max(0, missing) / rate if rate and 0 < size < _STREAMED_BYTES else None
        at += 8 + size + size % 2
    return None


def _counts_frames(head: bytes) -> bool:
    """Whether the first frame counts the others, as encoders have written since 2000: `Xing`, or `Info`."""
    at = 0
    if head[:3] == b"ID3" and len(head) >= 10:
        at = 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0)))
    first = head[at : at + 200]
    return b"Xing" in first or b"Info" in first
