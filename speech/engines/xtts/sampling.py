"""The next token: the steps of `transformers.generate`, in its order, for many rows at once.

Repetition penalty (https://arxiv.org/abs/1909.05858), temperature, the most likely `top_k`, the nucleus of `top_p`
(https://arxiv.org/abs/1904.09751), one draw. With the same seed a row gives the tokens of the reference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from speech.errors import SpeechError

MAX_SEED = 2**32 - 1
RANGES = {
    "temperature": (0.01, 100.0),
    "top_k": (0, 1_000_000),
    "top_p": (0.0, 1.0),
    "repetition_penalty": (0.01, 1000.0),
    "seed": (0, MAX_SEED),
}


@dataclass(frozen=True)
class SamplingOptions:
    """How tokens are chosen; `top_k` 0 and `top_p` 1 leave those steps out. Without a seed, a new one is drawn."""

    temperature: float = 0.75
    top_k: int = 50
    top_p: float = 0.85
    repetition_penalty: float = 5.0
    length_penalty: float = 1.0
    do_sample: bool = True
    num_beams: int = 1
    seed: int | None = None

    def __post_init__(self) -> None:
        """Raises SpeechError `xtts_beams`, `parameter_out_of_range`."""
        if self.num_beams != 1:
            raise SpeechError("xtts_beams", num_beams=self.num_beams)
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SpeechError("parameter_out_of_range", parameter=name, value=value, minimum=low, maximum=high)
        object.__setattr__(self, "top_k", int(self.top_k))

    def without_effect(self, given: Collection[str]) -> tuple[str, ...]:
        """Those of the given names that change no token: beams alone ask for `length_penalty`; a draw for the rest."""
        drawn = () if self.do_sample else ("temperature", "top_k", "top_p", "seed")
        return tuple(name for name in ("length_penalty", *drawn) if name in given)


def choose(
    logits: Tensor, seen: Tensor, options: Sequence[SamplingOptions], generators: Sequence[torch.Generator]
) -> list[int]:
    """A token a row: `logits` float32 and `seen` bool, both (rows, tokens), where `seen` marks what was said before."""
    penalty = _column([one.repetition_penalty for one in options])
    scores = torch.where(seen, torch.where(logits < 0, logits * penalty, logits / penalty), logits)
    if not any(one.do_sample for one in options):
        return [int(token) for token in scores.argmax(-1)]
    probabilities = _likely(scores / _column([one.temperature for one in options]), options).softmax(-1)
    likeliest = scores.argmax(-1).tolist()
    return [
        int(torch.multinomial(row, 1, generator=generator)) if one.do_sample else likeliest[number]
        for number, (row, one, generator) in enumerate(zip(probabilities, options, generators))
    ]


def _likely(scores: Tensor, options: Sequence[SamplingOptions]) -> Tensor:
    """Scores with -inf for what top-k and then top-p leave out; the likeliest always stays."""
    tokens = scores.shape[-1]
    counts = [min(one.top_k or tokens, tokens) for one in options]
    last = scores.topk(max(counts)).values.gather(1, torch.tensor(counts)[:, None] - 1)
    scores = scores.masked_fill(scores < last, -torch.inf)
    if all(one.top_p == 1 for one in options):
        return scores
    ordered, places = scores.sort()
    is_out = ordered.softmax(-1).cumsum(-1) <= _column([1 - one.top_p for one in options])
    is_out[:, -1] = False
    return scores.masked_fill(is_out.scatter(1, places, is_out), -torch.inf)


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]
