"""The two ends of Kokoro's decoder in the frequency domain, as the ONNX export computes them.

Its harmonic source (neural source-filter, https://arxiv.org/abs/1904.12088) has no noise. Where nothing is voiced it
is constant, so that most bins of its spectrum are rounding errors and their phase is whatever the runtime leaves; the
decoder hears that phase. So the source is not written again: it is cut out of the export and run as it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from speech.engines.kokoro.onnx_file import OnnxFile

HOP, FFT = 5, 20
FLOAT = 1  # onnx.TensorProto.DataType
F0, SPECTRUM = "/decoder/decoder/Unsqueeze_output_0", "/decoder/decoder/generator/Concat_3_output_0"


class HarmonicSource:
    """F0 to the spectrum that excites the decoder; nothing in it is ever trained."""

    def __init__(self, model: OnnxFile) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # it is little work, and waiting threads would take torch's cores
        part = model.part({F0: FLOAT}, [SPECTRUM])
        self._session: Any = onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"])

    def __call__(self, f0: NDArray[np.float32]) -> NDArray[np.float32]:
        """Magnitude and phase (22, 60 values + 1) of the harmonics of `f0` (values,) in Hz, 80 values a second."""
        spectrum: NDArray[np.float32] = self._session.run(None, {F0: f0[None, None]})[0][0]
        return spectrum


def inverse_stft(magnitude: Tensor, phase: Tensor, basis: Tensor, window_sum: Tensor) -> Tensor:
    """Samples (B, 5 (frames - 1)) of magnitude and phase (B, 11, frames); only the first 20 are divided by the
    windows' sum, as the export does."""
    parts = torch.cat([magnitude * torch.cos(phase), magnitude * torch.sin(phase)], dim=1)
    samples = functional.conv_transpose1d(parts, basis, stride=HOP)[:, 0]
    divisor = torch.where(window_sum > torch.finfo(window_sum.dtype).tiny, window_sum, torch.ones_like(window_sum))
    head, rest = samples[:, :FFT] / divisor, samples[:, FFT:]
    return torch.cat([head, rest], dim=1)[:, FFT // 2 : -(FFT // 2)] * (FFT / HOP)
