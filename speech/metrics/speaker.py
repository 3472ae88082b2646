"""How alike two speakers sound: cosine of embeddings, here by a ResNet34 encoder (WeSpeaker layout)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from speech.audio import Audio, resample

SAMPLE_RATE = 16000
Embedding = NDArray[np.float32]


class SpeakerJudge(Protocol):
    """What tells speakers apart; `name` stands beside its figures."""

    @property
    def name(self) -> str:
        """A plain word, such as resnet34."""

    def embed(self, audio: Audio) -> Embedding:
        """Unit vector of at least half a second of speech."""


class SpeakerEncoder:
    """Loads the encoder from the model store's `speaker-resnet34` file; needs kaldi-native-fbank."""

    name = "resnet34"

    def __init__(self, model: Path) -> None:
        import onnxruntime

        self._session: Any = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])

    def embed(self, audio: Audio) -> Embedding:
        """Unit vector of shape (256,) for at least half a second of speech."""
        features = filterbank(resample(audio, SAMPLE_RATE), 32768)
        vector: Embedding = self._session.run(None, {"input_features": features[None]})[0][0]
        return vector / np.linalg.norm(vector)


def similarity(a: Embedding, b: Embedding) -> float:
    """Cosine of two unit vectors: near 0.87 for one speaker, 0.14 for two (measured on Debian's prompts)."""
    return float(a @ b)


def filterbank(audio: Audio, scale: float) -> NDArray[np.float32]:
    """Kaldi's 80 log mel bands of 25 ms every 10 ms of samples times `scale`, mean removed: shape (frames, 80).

    The scale moves only what lies at the bands' floor; each encoder was trained with its own.
    """
    import kaldi_native_fbank

    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.dither = 0
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.mel_opts.num_bins = 80
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(SAMPLE_RATE, (audio.samples * scale).tolist())
    bank.input_finished()
    frames = np.stack([bank.get_frame(i) for i in range(bank.num_frames_ready)]).astype(np.float32)
    centred: NDArray[np.float32] = frames - frames.mean(axis=0)
    return centred
