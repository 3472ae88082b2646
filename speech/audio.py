"""Sound in memory and on its way in and out: load, resample, join, encode, save.

Everything inside Papagaio is mono float32 in [-1, 1]. Containers and codecs are PyAV's (libav inside the
wheel, so no ffmpeg binary is needed).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

from speech.errors import SpeechError
from speech.files import replacing

if TYPE_CHECKING:  # numpy costs a quarter of the service's start, and only sound needs it
    import numpy as np
    from numpy.typing import NDArray

Samples: TypeAlias = "NDArray[np.float32]"

# What a file says of itself, by RIFF's names (Multimedia Programming Interface and Data Specifications 1.0, INFO).
Tags: TypeAlias = Mapping[str, str]
RIFF_TAGS = {"copyright": b"ICOP", "comment": b"ICMT"}
NO_TAGS: Tags = {}
UNKNOWN_SIZE = 0xFFFFFFFF  # what streaming writers put where RIFF wants a length not known yet


@dataclass(frozen=True, eq=False)
class Audio:
    """Mono sound: `samples` float32 of shape (n,), nominally in [-1, 1], at `sample_rate` Hz."""

    samples: Samples
    sample_rate: int

    def __post_init__(self) -> None:
        if self.samples.ndim != 1 or self.samples.dtype.name != "float32":
            raise ValueError(f"mono float32 wanted, got {self.samples.dtype} of shape {self.samples.shape}")
        if self.sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, got {self.sample_rate}")

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate

    def slice(self, start_s: float, end_s: float) -> Audio:
        """The part from `start_s` to `end_s` seconds; what lies outside the sound is not there."""
        first, last = (max(0, round(t * self.sample_rate)) for t in (start_s, end_s))
        return Audio(self.samples[first:last], self.sample_rate)


@dataclass(frozen=True)
class AudioFormat:
    """How a format is written: libav container and codec, its options, and the HTTP media type."""

    container: str
    codec: str
    media_type: str
    sample_format: str
    bit_rate: int | None = None
    options: tuple[tuple[str, str], ...] = ()
    sample_rates: tuple[int, ...] = ()  # () means any
    needs_seek: bool = False


# Settings of the base API: mp3 VBR quality 2 (times libav's FF_QP2LAMBDA, 118), vorbis quality 6, AAC 192k, opus 128k.
FORMATS: dict[str, AudioFormat] = {
    "wav": AudioFormat("wav", "pcm_s16le", "audio/wav", "s16"),
    "mp3": AudioFormat(
        "mp3", "libmp3lame", "audio/mpeg", "fltp", options=(("flags", "+qscale"), ("global_quality", "236"))
    ),
    # libav's own vorbis encoder is experimental and stereo only, so libsndfile writes this one (level = 1 - q/10).
    "ogg": AudioFormat(
        "ogg", "libsndfile", "audio/ogg", "flt", options=(("compression_level", "0.4"),), needs_seek=True
    ),
    "flac": AudioFormat("flac", "flac", "audio/flac", "s16"),
    "m4a": AudioFormat("mp4", "aac", "audio/mp4", "fltp", bit_rate=192_000, needs_seek=True),
    "opus": AudioFormat("ogg", "libopus", "audio/ogg", "flt", bit_rate=128_000, sample_rates=(48000,)),
    "aac": AudioFormat("adts", "aac", "audio/aac", "fltp", bit_rate=192_000),
    "pcm": AudioFormat("s16le", "pcm_s16le", "audio/pcm", "s16"),
    # G.711 of telephones: a byte a sample, no header.
    "ulaw": AudioFormat("mulaw", "pcm_mulaw", "audio/basic", "s16", sample_rates=(8000,)),
    "alaw": AudioFormat("alaw", "pcm_alaw", "audio/x-alaw-basic", "s16", sample_rates=(8000,)),
}
HEADERLESS = ("pcm", "ulaw", "alaw")  # nothing in the bytes tells what they are


def join(chunks: Iterable[Audio]) -> Audio:
    """One sound from its chunks. Raises ValueError for none, or for chunks of different rates."""
    import numpy as np

    parts = list(chunks)
    rates = {part.sample_rate for part in parts}
    if len(rates) != 1:
        raise ValueError(f"chunks of one sample rate wanted, got {sorted(rates)}")
    return Audio(np.concatenate([part.samples for part in parts]), rates.pop())


def pcm16(samples: Samples) -> bytes:
    """Little-endian signed 16 bit, what lies outside [-1, 1] clipped."""
    import numpy as np

    return np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def from_pcm16(data: bytes, sample_rate: int) -> Audio:
    """The inverse of `pcm16`."""
    import numpy as np

    return Audio((np.frombuffer(data, "<i2") / np.float32(32767)).astype(np.float32), sample_rate)


def resample(audio: Audio, sample_rate: int) -> Audio:
    """The same sound at another rate, by libswresample."""
    if sample_rate == audio.sample_rate:
        return audio
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    frames = [*resampler.resample(_frame(audio.samples, audio.sample_rate)), *resampler.resample(None)]
    return Audio(_samples_of(frames), sample_rate)


def resampled(chunks: Iterable[Audio], sample_rate: int) -> Iterator[Audio]:
    """The chunks of one sound at another rate, with no seam between them."""
    import av

    resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
    for chunk in chunks:
        if chunk.sample_rate == sample_rate:
            yield chunk
            continue
        frames = resampler.resample(_frame(chunk.samples, chunk.sample_rate)) if len(chunk.samples) else []
        yield Audio(_samples_of(frames) if frames else chunk.samples[:0], sample_rate)
    if last := resampler.resample(None):
        yield Audio(_samples_of(last), sample_rate)


def load(source: Path | BinaryIO, sample_rate: int | None = None) -> Audio:
    """A sound of our own, read in this process, as mono; `sample_rate` None keeps the file's own.

    A stranger's file is read by `speech.recordings`, in a process of its own. Raises SpeechError `audio_unreadable`,
    `audio_mostly_lost`, `audio_empty` when nothing is in it.
    """
    import numpy as np

    from speech.decoding import Decoder

    decoder = Decoder(source, sample_rate)
    parts = list(decoder.samples())
    if not sum(map(len, parts)):
        raise SpeechError("audio_empty")
    return Audio(np.concatenate(parts), decoder.rate)


def encode(
    chunks: Iterable[Audio], format_name: str, sample_rate: int, tags: Tags = NO_TAGS, bit_rate: int | None = None
) -> Iterator[bytes]:
    """The bytes of a file in one of `FORMATS`, as soon as the chunks give them; one header, at the start. What a chunk
    gives may be nothing yet.

    Lengths in the header stay unknown, since they are; formats that must know them (m4a) come out at the end. aac, pcm,
    ulaw and alaw have no place for `tags`. `bit_rate`: a constant one, in bits a second, of a compressed format. Raises
    SpeechError `unknown_format`.
    """
    if format_of(format_name).codec == "pcm_s16le":
        if format_name == "wav":
            yield wav_header(sample_rate, UNKNOWN_SIZE, tags)
        for chunk in chunks:
            yield pcm16(chunk.samples)
    else:
        chosen = format_of(format_name)
        if bit_rate:
            chosen = replace(chosen, bit_rate=bit_rate, options=())
        yield from _encode_compressed(chunks, chosen, sample_rate, tags)


def save(audio: Audio, path: Path, format_name: str | None = None, tags: Tags = NO_TAGS) -> None:
    """Write a whole file or nothing.

    `format_name` None takes the format from the file's suffix. Raises SpeechError `unknown_format`.
    """
    name = format_name or path.suffix.lstrip(".").lower()
    format_of(name)
    with replacing(path) as temporary:
        temporary.write_bytes(to_bytes(audio, name, tags))


def to_bytes(audio: Audio, format_name: str, tags: Tags = NO_TAGS) -> bytes:
    """A whole file in memory, its lengths in the header. Raises SpeechError `unknown_format`."""
    chosen = format_of(format_name)
    if format_name == "wav":
        data = pcm16(audio.samples)
        return wav_header(audio.sample_rate, len(data), tags) + data
    if chosen.codec == "pcm_s16le":
        return pcm16(audio.samples)
    file = io.BytesIO()
    _write_whole([audio], chosen, audio.sample_rate, file, tags)
    return file.getvalue()


def format_of(name: str) -> AudioFormat:
    """One of `FORMATS`. Raises SpeechError `unknown_format` with the choices."""
    if name not in FORMATS:
        raise SpeechError("unknown_format", format=name, choices=list(FORMATS))
    return FORMATS[name]


def wav_header(sample_rate: int, data_bytes: int, tags: Tags = NO_TAGS) -> bytes:
    """RIFF header for mono 16 bit PCM, of 44 bytes and the tags; `UNKNOWN_SIZE` for a stream."""
    info = b"".join(_riff_tag(RIFF_TAGS[name], text) for name, text in tags.items())
    listed = b"LIST" + struct.pack("<I", len(info) + 4) + b"INFO" + info if info else b""
    riff_bytes = data_bytes if data_bytes == UNKNOWN_SIZE else data_bytes + 36 + len(listed)
    layout = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, sample_rate, sample_rate * 2, 2, 16)
    return b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVE" + layout + listed + b"data" + struct.pack("<I", data_bytes)


def _riff_tag(name: bytes, text: str) -> bytes:
    data = text.encode() + b"\0"
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


class _Drain:
    """A file for libav that only goes forward; `take` gives what was written since the last time."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _encode_compressed(chunks: Iterable[Audio], chosen: AudioFormat, sample_rate: int, tags: Tags) -> Iterator[bytes]:
    if chosen.needs_seek:
        file = io.BytesIO()
        _write_whole(chunks, chosen, sample_rate, file, tags)
        yield file.getvalue()
        return
    drain = _Drain()
    for _ in _packets(chunks, chosen, sample_rate, drain, tags):
        yield drain.take()
    yield drain.take()


def _write_whole(chunks: Iterable[Audio], chosen: AudioFormat, sample_rate: int, file: BinaryIO, tags: Tags) -> None:
    if chosen.codec == "libsndfile":
        _write_vorbis(chunks, chosen, sample_rate, file, tags)
        return
    for _ in _packets(chunks, chosen, sample_rate, file, tags):
        continue


def _write_vorbis(chunks: Iterable[Audio], chosen: AudioFormat, sample_rate: int, file: BinaryIO, tags: Tags) -> None:
    import soundfile

    level = float(dict(chosen.options)["compression_level"])
    with soundfile.SoundFile(
        file, "w", sample_rate, 1, subtype="VORBIS", format="OGG", compression_level=level
    ) as writer:
        for name, text in tags.items():
            setattr(writer, name, text)
        for chunk in chunks:
            for start in range(0, len(chunk.samples), sample_rate):  # libsndfile overflows its stack on long writes
                writer.write(chunk.samples[start : start + sample_rate])


def _packets(
    chunks: Iterable[Audio], chosen: AudioFormat, sample_rate: int, file: BinaryIO | _Drain, tags: Tags
) -> Iterator[int]:
    """Mux chunk by chunk into `file`; yields the number of packets after each chunk and after the end."""
    import av

    rate = sample_rate if sample_rate in chosen.sample_rates or not chosen.sample_rates else chosen.sample_rates[0]
    # A listener gets each chunk when it is made, not when libav's buffer or an Ogg page of a second is full.
    options = {"flush_packets": "1"} | ({"page_duration": "100000"} if chosen.container == "ogg" else {})
    with av.open(file, "w", format=chosen.container, options=options) as container:
        stream: Any = container.add_stream(chosen.codec, rate=rate, options=dict(chosen.options), layout="mono")
        stream.format = chosen.sample_format
        container.metadata.update(tags)
        if chosen.bit_rate:
            stream.bit_rate = chosen.bit_rate
        resampler = av.AudioResampler(format=chosen.sample_format, layout="mono", rate=rate)
        count = 0
        for chunk in chunks:
            if not len(chunk.samples):
                yield count
                continue
            for frame in resampler.resample(_frame(chunk.samples, chunk.sample_rate)):
                count += _mux(container, stream.encode(frame))
            yield count
        for last in [*resampler.resample(None), None]:
            count += _mux(container, stream.encode(last))
    yield count


def _mux(container: Any, packets: Sequence[Any]) -> int:
    container.mux(packets)
    return len(packets)


def _frame(samples: Samples, sample_rate: int) -> Any:
    import av
    import numpy as np

    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples)[None], format="flt", layout="mono")
    frame.sample_rate = sample_rate
    return frame


def _samples_of(frames: Sequence[Any]) -> Samples:
    import numpy as np

    return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.float32, copy=False)
