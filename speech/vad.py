"""Where somebody speaks: a probability for every 32 ms, and the spans of speech they make.

Silero's network is the detector that is used; the plain one goes by energy alone and needs no model.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from speech.audio import Audio, resample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Probabilities: TypeAlias = NDArray[np.float32]

SAMPLE_RATE = 16000
FRAME = 512  # samples at SAMPLE_RATE
FRAME_S = FRAME / SAMPLE_RATE
_CONTEXT = 64  # samples of the frame before that Silero hears with each frame
_TELEPHONE_SHARE = 0.01  # of the power below 280 Hz; speech through a microphone has a tenth and more there
_BATCH = 2000  # frames in memory at once, about a minute


@dataclass(frozen=True)
class Span:
    """A stretch of speech, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


class VoiceDetector(Protocol):
    def probabilities(self, audio: Audio) -> Probabilities:
        """That somebody speaks, 0 to 1, for each `FRAME_S` of `audio`, the last begun one included: shape (frames,)."""


class SileroDetector:
    """Silero VAD 6 (https://github.com/snakers4/silero-vad, MIT) by the ONNX file inside the faster-whisper package."""

    def __init__(self) -> None:
        import faster_whisper
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # the network is too small to share
        path = f"{faster_whisper.__path__[0]}/assets/silero_vad_v6.onnx"
        self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def probabilities(self, audio: Audio) -> Probabilities:
        import numpy as np

        parts = self._heard([_frames(with_fundamental(resample(audio, SAMPLE_RATE)))])
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def stream(self, blocks: Iterable[Audio]) -> Iterator[Probabilities]:
        """The same for a recording that comes in `blocks` at `SAMPLE_RATE`, of any lengths; memory stays flat.

        A telephone's voice is heard as it is here: what it lacks shows only in the whole."""
        return self._heard(_whole_frames(blocks))

    def _heard(self, parts: Iterable[NDArray[np.float32]]) -> Iterator[Probabilities]:
        """Probabilities of frames, shape (n, FRAME) each time, which follow one another."""
        import numpy as np

        context = np.zeros(_CONTEXT, np.float32)
        hidden = cell = np.zeros((1, 1, 128), np.float32)
        for frames in parts:
            for start in range(0, len(frames), _BATCH):
                batch = frames[start : start + _BATCH]
                before = np.concatenate([context[None], batch[:-1, -_CONTEXT:]])
                part = np.concatenate([before, batch], axis=1)
                output, hidden, cell = self._session.run(None, {"input": part, "h": hidden, "c": cell})
                context = batch[-1, -_CONTEXT:]
                yield output.reshape(-1)


def with_fundamental(audio: Audio) -> Audio:
    """A telephone's voice with the fundamental that the line took away; any other sound as it is.

    Silero hears little in speech that has nothing below 300 Hz. The envelope of such speech still beats at the
    fundamental, so its low part (60 to 400 Hz of the rectified signal) is put back where it is missing.
    """
    import numpy as np

    if not len(audio.samples):
        return audio
    spectrum = np.fft.rfft(audio.samples)
    hz = np.fft.rfftfreq(len(audio.samples), 1 / audio.sample_rate)
    power = np.abs(spectrum) ** 2
    if power[hz < 280].sum() > _TELEPHONE_SHARE * power.sum():
        return audio
    rectified = np.fft.rfft(np.abs(audio.samples))
    rectified[(hz < 60) | (hz > 400)] = 0
    fundamental = np.fft.irfft(rectified, len(audio.samples)).astype(np.float32)
    return Audio(audio.samples + 2 * fundamental, audio.sample_rate)


class EnergyDetector:
    """Speech is what stands out of the recording's own quiet; told apart from nothing else that is loud."""

    quietest_db = -60.0  # dBFS below which nothing is speech
    least_range_db = 12.0  # between quiet and loud frames; a steady sound has less

    def probabilities(self, audio: Audio) -> Probabilities:
        import numpy as np

        frames = _frames(resample(audio, SAMPLE_RATE))
        if not len(frames):
            return np.zeros(0, np.float32)
        level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
        quiet, loud = np.percentile(level, [10, 95])
        if loud < self.quietest_db or loud - quiet < self.least_range_db:
            return np.zeros(len(frames), np.float32)
        threshold = max(self.quietest_db, quiet + 0.4 * (loud - quiet))
        probabilities: Probabilities = (1 / (1 + np.exp((threshold - level) / 3))).astype(np.float32)
        return probabilities


def spans(
    probabilities: Probabilities,
    *,
    enter: float = 0.5,
    leave: float = 0.35,
    shortest_speech_s: float = 0.1,
    shortest_pause_s: float = 0.12,
) -> tuple[Span, ...]:
    """Stretches of speech in order: begun at `enter`, ended below `leave`, shorter pauses bridged, blips dropped."""
    joined: list[Span] = []
    for found in _raw_spans(probabilities, enter, leave):
        if joined and found.start_s - joined[-1].end_s < shortest_pause_s:
            joined[-1] = Span(joined[-1].start_s, found.end_s)
        else:
            joined.append(found)
    return tuple(span for span in joined if span.duration_s >= shortest_speech_s)


def _raw_spans(probabilities: Probabilities, enter: float, leave: float) -> Iterator[Span]:
    start: int | None = None
    for frame, probability in enumerate(probabilities):
        if start is None and probability >= enter:
            start = frame
        elif start is not None and probability < leave:
            yield Span(start * FRAME_S, frame * FRAME_S)
            start = None
    if start is not None:
        yield Span(start * FRAME_S, len(probabilities) * FRAME_S)


def _frames(audio: Audio) -> NDArray[np.float32]:
    """Shape (frames, FRAME), the last one filled up with zeros."""
    import numpy as np

    padded = np.pad(audio.samples, (0, -len(audio.samples) % FRAME))
    return padded.reshape(-1, FRAME)


def _whole_frames(blocks: Iterable[Audio]) -> Iterator[NDArray[np.float32]]:
    """A minute of frames at a time whatever the blocks, so that the arithmetic is the same; zeros fill up the last."""
    import numpy as np

    size = _BATCH * FRAME
    kept, count = [np.zeros(0, np.float32)], 0
    for block in blocks:
        kept.append(block.samples)
        count += len(block.samples)
        while count >= size:
            joined = np.concatenate(kept)
            yield joined[:size].reshape(-1, FRAME)
            kept, count = [joined[size:]], count - size
    if count:
        yield _frames(Audio(np.concatenate(kept), SAMPLE_RATE))
