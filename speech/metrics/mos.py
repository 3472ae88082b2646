"""Predicted opinion scores without a reference: DNSMOS (https://arxiv.org/abs/2110.01763), by the speechmos package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speech.audio import Audio, resample


@dataclass(frozen=True)
class OpinionScore:
    """1 (bad) to 5 (excellent); `overall` from the P.835 model, `p808` from the P.808 one."""

    overall: float
    p808: float


def opinion_score(audio: Audio) -> OpinionScore:
    """Score of one utterance; what is shorter than nine seconds is repeated by the model's own rule."""
    from speechmos import dnsmos

    scores = dnsmos.run(np.clip(resample(audio, 16000).samples, -1, 1), 16000)
    return OpinionScore(overall=float(scores["ovrl_mos"]), p808=float(scores["p808_mos"]))
