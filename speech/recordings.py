"""The one reader of strangers' recordings: a child process decodes, within limits, so that what breaks is the child.

Child to parent: messages of a letter, a length (4 bytes, little-endian) and that many bytes: `S` float32 samples,
`T` JSON of what was done (`Told`), `E` JSON of an error's code and values.
"""

from __future__ import annotations

import json
import os
import select
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from speech.audio import Audio
from speech.decoding import Decoder, Told
from speech.errors import SpeechError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MEMORY_BYTES = 3 << 30  # address space of the child
CPU_S = 120  # and a tenth of the longest recording
STALL_S = 60.0  # without a message
LONGEST_S = 24 * 3600.0
_BLOCK = 1 << 16  # samples of one message
_HEAD = struct.Struct("<cI")


@dataclass(frozen=True, eq=False)
class ReadRecording:
    """Mono sound with a peak of 1 at most, and what was done to it."""

    audio: Audio
    told: Told


def read_recording(path: Path, sample_rate: int, longest_s: float = LONGEST_S) -> ReadRecording:
    """A whole recording of at most `longest_s` seconds. Raises what `iter_recording` raises."""
    import numpy as np

    stream = RecordingStream(path, sample_rate, longest_s)
    parts = list(stream)
    samples = np.concatenate(parts)
    peak = float(np.abs(samples).max(initial=0.0))
    return ReadRecording(Audio(samples / np.float32(max(1.0, peak)), sample_rate), stream.told)


class RecordingStream:
    """The blocks of a recording as they are decoded, mono float32 (n,); `told` is whole after the last one."""

    def __init__(self, path: Path, sample_rate: int, longest_s: float = LONGEST_S) -> None:
        self._path, self._sample_rate, self._longest_s = path, sample_rate, longest_s
        self.told = Told()

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        """Raises SpeechError `recording_unreadable`, `recording_mostly_lost`, `recording_too_long`."""
        import numpy as np

        count = 0
        process = self._start()
        try:
            for kind, data in _messages(process, self._failure):
                if kind == b"S":
                    samples = np.frombuffer(data, np.float32)
                    count += len(samples)
                    yield samples
                elif kind == b"T":
                    self.told = Told(**json.loads(data))
                else:
                    raise self._error(**json.loads(data))
        finally:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        if not count:
            raise self._failure("no sound in it")

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "speech.recordings", str(self._path), str(self._sample_rate)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }
        quiet = subprocess.DEVNULL
        return subprocess.Popen(
            [*command, str(self._longest_s)], stdin=quiet, stdout=subprocess.PIPE, stderr=quiet, env=environment
        )

    def _failure(self, reason: str) -> SpeechError:
        return SpeechError("recording_unreadable", file=self._path.name, reason=reason)

    def _error(self, code: str, values: dict[str, Any]) -> SpeechError:
        name = self._path.name
        if code == "audio_too_long":
            return SpeechError("recording_too_long", file=name, maximum_s=round(self._longest_s))
        if code == "audio_mostly_lost":
            return SpeechError("recording_mostly_lost", file=name, **values)
        return self._failure(str(values.get("reason", code)))


def _messages(process: subprocess.Popen[bytes], failure: Any) -> Iterator[tuple[bytes, bytes]]:
    """What the child says, until its last word. Raises `failure` where it ends without one, or stalls."""
    assert process.stdout is not None
    deadline = time.monotonic() + STALL_S
    kind = b""
    while kind not in (b"T", b"E"):
        head = _exactly(process.stdout, _HEAD.size, deadline)
        kind, size = _HEAD.unpack(head) if len(head) == _HEAD.size else (b"", 0)
        data = _exactly(process.stdout, size, deadline)
        if not kind or len(data) < size:
            raise failure(
                "the decoder stopped" if process.poll() is not None or not head else "the decoder took too long"
            )
        yield kind, data
        deadline = time.monotonic() + STALL_S


def _exactly(pipe: Any, size: int, deadline: float) -> bytes:
    """`size` bytes, fewer where the pipe ends or the time is over."""
    parts = bytearray()
    while len(parts) < size:
        ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
        data = os.read(pipe.fileno(), size - len(parts)) if ready else b""
        if not data:
            break
        parts += data
    return bytes(parts)


def _limit(longest_s: float) -> None:
    import resource

    cpu_s = CPU_S + int(longest_s / 10)
    for kind, most in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_CORE, 0)):
        try:
            resource.setrlimit(kind, (most, most))
        except (ValueError, OSError):  # macOS knows no limit of address space
            continue


def _say(out: BinaryIO, kind: bytes, data: bytes) -> None:
    out.write(_HEAD.pack(kind, len(data)) + data)
    out.flush()


def _child(path: Path, sample_rate: int, longest_s: float, out: BinaryIO) -> None:
    _limit(longest_s)
    try:
        import av

        av.logging.set_level(av.logging.PANIC)
        decoder = Decoder(path, sample_rate, longest_s)
        for samples in decoder.samples():
            for start in range(0, len(samples), _BLOCK):
                _say(out, b"S", samples[start : start + _BLOCK].tobytes())
        _say(out, b"T", json.dumps(asdict(decoder.told)).encode())
    except SpeechError as error:
        _say(out, b"E", json.dumps({"code": error.code, "values": error.values}).encode())
    except MemoryError:
        _say(out, b"E", json.dumps({"code": "audio_unreadable", "values": {"reason": "too much memory"}}).encode())


if __name__ == "__main__":
    _child(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), sys.stdout.buffer)
