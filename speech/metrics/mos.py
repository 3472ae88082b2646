"""Predicted opinion scores without a reference: DNSMOS (https://arxiv.org/abs/2110.01763), by the speechmos package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from speech.audio import Audio, Samples, resample

SAMPLE_RATE = 16000
_WINDOW_S = 9.01


@dataclass(frozen=True)
class OpinionScore:
    """1 (bad) to 5 (excellent); `overall` from the P.835 model, `p808` from the P.808 one."""

    overall: float
    p808: float


def opinion_score(audio: Audio) -> OpinionScore:
    """Score of one utterance; what is shorter than nine seconds is repeated by the model's own rule."""
    from speechmos import dnsmos

    scores = dnsmos.run(_samples(audio), SAMPLE_RATE)
    return OpinionScore(overall=float(scores["ovrl_mos"]), p808=float(scores["p808_mos"]))


def p808_score(audio: Audio) -> float:
    """`opinion_score(audio).p808` in a tenth of the time: the P.835 model, which takes the rest, is not run."""
    from speechmos import dnsmos

    scores = []
    for window in _windows(_samples(audio)):
        mel = dnsmos.DNSMOS.audio_melspec(None, audio=window[:-160])  # a method that asks nothing of its object
        scores.append(_p808_model().run(None, {"input_1": mel.astype(np.float32)[None]})[0][0][0])
    return float(np.mean(scores))


def _samples(audio: Audio) -> Samples:
    samples: Samples = np.clip(resample(audio, SAMPLE_RATE).samples, -1, 1)
    return samples


def _windows(samples: Samples) -> Iterator[Samples]:
    """One a second, as speechmos 0.0.1.1 takes them: what is shorter is doubled until it is long enough."""
    length = int(_WINDOW_S * SAMPLE_RATE)
    while len(samples) < length:
        samples = np.append(samples, samples)
    for second in range(int(len(samples) // SAMPLE_RATE - _WINDOW_S) + 1):
        window = samples[second * SAMPLE_RATE : int((second + _WINDOW_S) * SAMPLE_RATE)]
        if len(window) >= length:
            yield window


@cache
def _p808_model() -> Any:
    import onnxruntime
    import speechmos

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the network is too small to share
    path = Path(speechmos.__path__[0]) / "dnsmos_models" / "model_v8.onnx"
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
