"""Any sound libav knows as mono, packet by packet: what is damaged costs its own seconds and not the file.

The first seconds are decoded twice: once to see which track and which channels hold the sound, whether channels cancel,
how loud it is and whether it stands off zero.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from speech.errors import SpeechError
from speech.told_length import HEAD_BYTES, told_s

# Demuxers for files that hold sound and name no other file or address (playlists do).
CONTAINERS = (
    "wav,w64,aiff,au,caf,flac,mp3,aac,ac3,eac3,ogg,opus,mov,mp4,m4a,3gp,matroska,webm,avi,asf,mpegts,mpeg,flv,amr,"
    "amrnb,amrwb,g722,gsm,wv,ape,tta,tak,mpc,mpc8,dsf,voc,rm,sox,nut"
)
# Of the others libav guesses the length from the first frames' bit rate, many times too much for a quiet beginning.
_TELL_THEIR_LENGTH = ("wav", "w64", "aiff", "caf", "flac", "ogg", "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
LOOKED_AT_S = 60.0
MOST_CHANNELS, MOST_TRACKS, HIGHEST_RATE = 64, 16, 768_000
SILENT_DB = -80.0  # of a track or channel that holds nothing
_FAR_BELOW_DB = 30.0  # under the loudest: a channel that is not mixed, a track that is not chosen
_OPPOSITE = -0.3  # correlation with the loudest channel from which mixing would cancel
_OFFSET = 0.01  # of full scale, from which the mean is taken out
_SHORTEST_LOSS_S = 0.2
_MOST_FAILURES = 100  # of the demuxer, without a frame between them
_LEAST_FILE_BYTES = 2000
# How files of these kinds begin; libav stops where the first one says that it ends.
_BEGINNINGS: Mapping[str, tuple[bytes, ...]] = {
    "mp3": (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf2", b"\xff\xfa"),
    "wav": (b"RIFF",),
    "ogg": (b"OggS\x00\x02",),
}
_LARGEST_GAP_S = 30.0  # a jump of the file's clock that is believed


@dataclass(frozen=True)
class Mix:
    """How one layout of channels becomes one."""

    channels: tuple[int, ...]  # whose mean is taken
    offset: float = 0.0  # taken out, before the gain


@dataclass
class Told:
    """What was done to a recording, for a person to know. Filled while it is decoded."""

    track: int = 0
    tracks: int = 1
    channels: int = 1
    are_opposite: bool = False  # channels would have cancelled, so that one of them was taken
    peak: float = 0.0  # of the loudest sample as it was
    offset: float = 0.0  # mean that was taken out
    lost_s: float = 0.0  # of damaged packets, silent in what was read; and of the end of a file that was cut
    decoded_s: float = 0.0


@dataclass
class Decoder:
    """One file, opened as often as needed. `sample_rate` None keeps its own."""

    source: Path | BinaryIO
    sample_rate: int | None = None
    longest_s: float = float("inf")
    told: Told = field(default_factory=Told)

    def samples(self) -> Iterator[Any]:
        """Mono float32 (n,), as they come; `rate` is known with the first ones.

        Raises SpeechError `audio_unreadable` (with `reason`), `audio_too_long`, `audio_mostly_lost`.
        """
        import av

        try:
            mixes, gain = self._look()
            for block in self._decoded(self.told.track, self.longest_s):
                yield self._mixed(block, mixes) * gain
            if self.told.lost_s - self._cut_s > self.told.decoded_s:
                lost_s = round(self.told.lost_s, 1)
                raise SpeechError("audio_mostly_lost", lost_s=lost_s, read_s=round(self.told.decoded_s, 1))
        except (av.FFmpegError, OSError, ValueError) as error:
            raise SpeechError("audio_unreadable", reason=_reason(error)) from error

    @property
    def rate(self) -> int:
        """Of the samples."""
        return self.sample_rate or self._own_rate

    _own_rate: int = 0
    _cut_s: float = 0.0  # that never were in this file: what is there may be whole

    def _look(self) -> tuple[dict[int, Mix], float]:
        """How each number of channels is mixed, and the gain; `told` gets the track."""
        with self._opened() as container:
            self._check(container)
            self.told.tracks = len(container.streams.audio)
        best: tuple[float, int, dict[int, Any]] | None = None
        for track in range(min(self.told.tracks, MOST_TRACKS)):
            blocks = list(self._blocks_of(track)) if self.told.tracks > 1 else self._blocks_of(track)
            power, statistics = _statistics(blocks)
            if best is None or power > best[0] * 10 ** (_FAR_BELOW_DB / 10) or (best[0] == 0 and power > 0):
                best = (power, track, statistics)
        assert best is not None
        self.told.track = best[1]
        mixes = {channels: self._mix(channels, each) for channels, each in best[2].items()}
        self.told.peak = max((float(each.peak) for each in best[2].values()), default=0.0)
        return mixes, 1 / max(1.0, self.told.peak)

    def _blocks_of(self, track: int) -> Iterator[Any]:
        told, self.told = self.told, Told()
        try:
            yield from self._decoded(track, LOOKED_AT_S, is_look=True)
        finally:
            self.told = told

    def _mix(self, channels: int, statistics: _Statistics) -> Mix:
        import numpy as np

        self.told.channels = max(self.told.channels, channels)
        variance = statistics.covariance.diagonal()
        loudest = int(variance.argmax())
        heard = np.flatnonzero(variance > variance[loudest] * 10 ** (-_FAR_BELOW_DB / 10))
        spread = np.sqrt(np.maximum(variance * variance[loudest], 1e-30))
        if any(statistics.covariance[loudest, each] / spread[each] < _OPPOSITE for each in heard):
            self.told.are_opposite = True
            heard = np.array([loudest])
        chosen = tuple(int(each) for each in heard) or (loudest,)
        offset = float(statistics.mean[list(chosen)].mean())
        self.told.offset = max(self.told.offset, offset, key=abs) if abs(offset) > _OFFSET else self.told.offset
        return Mix(chosen, offset if abs(offset) > _OFFSET else 0.0)

    def _mixed(self, block: Any, mixes: Mapping[int, Mix]) -> Any:
        import numpy as np

        mix = mixes.get(block.shape[1]) or Mix(tuple(range(block.shape[1])))
        mono = block[:, list(mix.channels)].mean(axis=1) - mix.offset
        return mono.astype(np.float32, copy=False)

    def _check(self, container: Any) -> None:
        import av

        if not container.streams.audio:
            raise SpeechError("audio_unreadable", reason="no audio stream")
        length_s = (container.duration or 0) / av.time_base
        if container.format.name in _TELL_THEIR_LENGTH and length_s > self.longest_s:
            raise SpeechError("audio_too_long")

    def _decoded(self, track: int, longest_s: float, is_look: bool = False) -> Iterator[Any]:
        """Blocks (n, channels) at `rate`, with silence where packets were lost; of glued files one after the other."""
        start: int | None = 0
        while start is not None:
            with self._opened(start) as container:
                if not container.streams.audio:
                    return
                stream = container.streams.audio[track if start == 0 else 0]
                reader = _Packets(container, stream)
                yield from self._blocks(reader, stream, longest_s, is_look)
                if start == 0:
                    self._tell_missing(container, stream, reader)
                start = (
                    None if is_look and self.told.decoded_s >= longest_s else self._next_file(container, reader, start)
                )

    def _blocks(self, reader: _Packets, stream: Any, longest_s: float, is_look: bool) -> Iterator[Any]:
        import numpy as np

        resampler = _Resampler(self, stream)
        for frames, lost_s in reader:
            if lost_s:
                self.told.lost_s += lost_s
                yield np.zeros((round(lost_s * self.rate), resampler.channels), np.float32)
            for frame in frames:
                self.told.decoded_s += frame.samples / frame.sample_rate
                yield from resampler.blocks(frame)
            if self.told.decoded_s + self.told.lost_s > longest_s:
                if is_look:
                    return
                raise SpeechError("audio_too_long")
        yield from resampler.rest()

    def _tell_missing(self, container: Any, stream: Any, reader: _Packets) -> None:
        """What damage has taken from the end, and what a file that was cut is short of what its head tells."""
        head, size_bytes = self._head()
        whole_s = told_s(container, stream, head, size_bytes)
        is_counted = container.format.name in ("ogg", "flac")
        damaged = reader.bytes_lost * self.told.decoded_s / max(1, reader.bytes_read) - self.told.lost_s
        missing = (whole_s or 0.0) - self.told.decoded_s - self.told.lost_s
        lost = missing if is_counted else damaged
        if reader.pending_s or lost > _SHORTEST_LOSS_S:
            self.told.lost_s += max(reader.pending_s, lost)
            missing -= max(reader.pending_s, lost)
        if missing > _SHORTEST_LOSS_S:
            self._cut_s = missing
            self.told.lost_s += missing

    def _head(self) -> tuple[bytes, int]:
        """The first HEAD_BYTES, and how many there are of all."""
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                return file.read(HEAD_BYTES), self.source.stat().st_size
        self.source.seek(0)
        head = self.source.read(HEAD_BYTES)
        return head, self.source.seek(0, io.SEEK_END)

    def _next_file(self, container: Any, reader: _Packets, start: int) -> int | None:
        """Where a second file begins that somebody has put behind the first; None where there is none."""
        marks = _BEGINNINGS.get(container.format.name)
        if marks is None or reader.end is None:
            return None
        tail = self._bytes_from(start + reader.end)
        found = [at for mark in marks if (at := tail.find(mark)) >= 0]
        return start + reader.end + min(found) if found and len(tail) - min(found) > _LEAST_FILE_BYTES else None

    def _bytes_from(self, start: int) -> bytes:
        if isinstance(self.source, Path):
            with self.source.open("rb") as file:
                file.seek(start)
                return file.read()
        self.source.seek(start)
        return self.source.read()

    def _opened(self, start: int = 0) -> Any:
        import av

        if start:
            source: Any = io.BytesIO(self._bytes_from(start))
        elif isinstance(self.source, Path):
            source = str(self.source)
        else:
            self.source.seek(0)
            source = self.source
        return av.open(source, "r", options={"format_whitelist": CONTAINERS})


class _Packets:
    """The frames of each packet that can be decoded, and the seconds lost before them."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self.end: int | None = None  # byte after the last packet
        self.bytes_read = self.bytes_lost = 0  # of packets
        self.pending_s = 0.0  # lost since the last frames

    def __iter__(self) -> Iterator[tuple[list[Any], float]]:
        import av

        typical_s, clock, failures = 0.0, _Clock(self._stream, self._container.format.name), 0
        packets = self._container.demux(self._stream)
        while failures < _MOST_FAILURES:
            try:
                packet = next(packets)
            except (StopIteration, av.EOFError):
                return
            except av.FFmpegError as error:  # of the demuxer, which goes on after what it cannot read
                failures += 1
                _refuse_machine(error)
                packets = self._container.demux(self._stream)
                continue
            if packet.pos is not None:
                self.end = packet.pos + packet.size
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError) as error:
                _refuse_machine(error)
                self.bytes_lost += packet.size
                self.pending_s += float(packet.duration * packet.time_base) if packet.duration else typical_s
                continue
            self.bytes_read += packet.size
            if frames:
                failures = 0
                typical_s = sum(frame.samples / frame.sample_rate for frame in frames)
                yield frames, clock.gap_s(frames, self.pending_s)
                self.pending_s = 0.0


class _Clock:
    """The file's own clock: where it jumps after damage, it says what was lost better than a count of packets."""

    def __init__(self, stream: Any, container: str) -> None:
        self._base = stream.time_base
        self._is_whole = container == "flac"  # its frames come out of order after damage, but all of them
        self._shortest_s = _SHORTEST_LOSS_S if container == "ogg" else _LARGEST_GAP_S
        self._next_s: float | None = None

    def gap_s(self, frames: list[Any], pending_s: float) -> float:
        start = frames[0].pts
        start_s = None if start is None or self._base is None else float(start * self._base)
        jump = 0.0 if start_s is None or self._next_s is None else start_s - self._next_s
        gap = jump if (0 if pending_s else self._shortest_s) < jump < _LARGEST_GAP_S else pending_s
        if start_s is not None:
            self._next_s = start_s + sum(frame.samples / frame.sample_rate for frame in frames)
        return 0.0 if self._is_whole else gap


class _Resampler:
    """Frames as packed float at one rate; a new one where a glued file goes on with another rate or layout."""

    def __init__(self, decoder: Decoder, stream: Any) -> None:
        decoder._own_rate = decoder._own_rate or stream.rate
        if stream.channels > MOST_CHANNELS or not 1000 <= stream.rate <= HIGHEST_RATE:
            reason = f"{stream.channels} channels at {stream.rate} Hz"
            raise SpeechError("audio_unreadable", reason=reason)
        self._rate = decoder.rate
        self.channels = max(1, stream.channels)
        self._kind: tuple[Any, ...] = ()
        self._resampler: Any = None

    def blocks(self, frame: Any) -> Iterator[Any]:
        import av

        kind = (frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate)
        if kind != self._kind:
            yield from self.rest()
            self._kind, self.channels = kind, frame.layout.nb_channels
            # Packed: PyAV 18.1 reads past the planes of a planar frame of eight channels.
            self._resampler = av.AudioResampler(format="flt", rate=self._rate)
        frame.pts = None  # gaps are filled by us; the resampler would stretch over them
        yield from map(self._block, self._resampler.resample(frame))

    def rest(self) -> Iterator[Any]:
        if self._resampler is not None:
            yield from map(self._block, self._resampler.resample(None))
            self._resampler = None
            self._kind = ()

    def _block(self, frame: Any) -> Any:
        import numpy as np

        block = frame.to_ndarray().reshape(-1, self.channels)
        return block if np.isfinite(block).all() else np.nan_to_num(block, posinf=0.0, neginf=0.0)


@dataclass
class _Statistics:
    """Of one number of channels: how many samples, their mean, covariance and peak."""

    count: int
    mean: Any  # (channels,)
    covariance: Any  # (channels, channels)
    peak: float


def _statistics(blocks: Any) -> tuple[float, dict[int, _Statistics]]:
    """The loudest channel's power, and statistics by number of channels."""
    import numpy as np

    sums: dict[int, list[Any]] = {}
    for block in blocks:
        wide = block.astype(np.float64)
        known = sums.setdefault(block.shape[1], [0, np.zeros(block.shape[1]), np.zeros((block.shape[1],) * 2), 0.0])
        known[0] += len(wide)
        known[1] += wide.sum(axis=0)
        known[2] += wide.T @ wide
        known[3] = max(known[3], float(np.abs(wide).max(initial=0.0)))
    found, power = {}, 0.0
    for channels, (count, total, squares, peak) in sums.items():
        mean = total / max(1, count)
        covariance = squares / max(1, count) - np.outer(mean, mean)
        found[channels] = _Statistics(count, mean, covariance, peak)
        power = max(power, float(covariance.diagonal().max()))
    return (power if power > 10 ** (SILENT_DB / 10) else 0.0), found


def _refuse_machine(error: Exception) -> None:
    """Raise `error` again where libav speaks of the machine and not of the sound."""
    if getattr(error, "errno", None) in (errno.ENOMEM, errno.EIO, errno.EACCES):
        raise error


def _reason(error: Exception) -> str:
    """libav's words without the path, which is a matter of this machine."""
    return str(getattr(error, "strerror", None) or error)
