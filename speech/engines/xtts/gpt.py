"""XTTS's GPT-2: from a voice's latents, text tokens and the audio tokens so far to the hidden state that follows.

GPT-2 (https://huggingface.co/docs/transformers/model_doc/gpt2: norms before each half of a block, tanh GELU), with
positions of text and audio added to their embeddings, each counted from its own beginning, and none for the whole
(https://arxiv.org/abs/2305.07243). Names equal the checkpoint's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from speech.engines.weights import blank, fill
from speech.engines.xtts.config import XttsConfig
from speech.errors import SpeechError

Matmul = Callable[[Tensor], Tensor]  # (n, in) to (n, out), bias included
Attend = Callable[[int, Tensor], Tensor]  # layer, (n, 3 width) of queries, keys and values: (n, width)


class Conv1D(nn.Module):
    """A linear layer whose weight is (in, out), as GPT-2 keeps it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.to(self.weight.dtype), self.weight).float()


class Attention(nn.Module):
    """The two matrices of attention; what lies between them is `Attend`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_attn = Conv1D(width, 3 * width)
        self.c_proj = Conv1D(width, width)


class Mlp(nn.Module):
    """The two matrices after attention, tanh GELU between them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = Conv1D(width, 4 * width)
        self.c_proj = Conv1D(4 * width, width)


class Block(nn.Module):
    """One layer: `matmuls` are its four matrices (attention in and out, up with GELU, down), packed or its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def matmuls(self) -> tuple[Matmul, Matmul, Matmul, Matmul]:
        return self.attn.c_attn, self.attn.c_proj, self._up, self.mlp.c_proj

    def _up(self, x: Tensor) -> Tensor:
        return functional.gelu(self.mlp.c_fc(x), approximate="tanh")


class Stack(nn.Module):
    """All blocks and the norm after them."""

    def __init__(self, layers: int, width: int) -> None:
        super().__init__()
        self.h = nn.ModuleList(Block(width) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)


class Positions(nn.Module):
    """A learned vector for each place of a segment."""

    def __init__(self, places: int, width: int) -> None:
        super().__init__()
        self.emb = nn.Embedding(places, width)


class Gpt(nn.Module):
    """Embeddings, blocks and heads. Rows of a batch are laid one after another, (n, width), with no padding."""

    def __init__(self, config: XttsConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.text_embedding = nn.Embedding(config.text_tokens, width)
        self.mel_embedding = nn.Embedding(config.audio_tokens, width)
        self.gpt = Stack(config.layers, width)
        self.mel_pos_embedding = Positions(config.max_audio + 3, width)
        self.text_pos_embedding = Positions(config.max_text + 2, width)
        self.final_norm = nn.LayerNorm(width)
        self.text_head = nn.Linear(width, config.text_tokens)
        self.mel_head = nn.Linear(width, config.audio_tokens)

    @property
    def max_new_tokens(self) -> int:
        """The most audio tokens of one utterance, as the reference counts them."""
        return self.config.max_audio - 3

    def prompt(self, text_ids: Sequence[int]) -> Tensor:
        """Start token, text, stop token, and the token that starts the audio: (len(text_ids) + 3, width).

        Raises SpeechError `xtts_text_tokens` for too many, none, or one that the vocabulary does not have.
        """
        config = self.config
        if not 0 < len(text_ids) < config.max_text or not all(0 <= i < config.text_tokens for i in text_ids):
            raise SpeechError("xtts_text_tokens", tokens=len(text_ids), maximum=config.max_text - 1)
        ids = torch.tensor([config.start_text, *text_ids, config.stop_text], device=self.mel_embedding.weight.device)
        text = self.text_embedding(ids) + self.text_pos_embedding.emb.weight[: len(ids)]
        return torch.cat([text, self.audio([config.start_audio], [0])])

    def audio(self, tokens: Sequence[int], places: Sequence[int]) -> Tensor:
        """Audio tokens at their places; the start token's is 0: (len(tokens), width)."""
        ids = torch.tensor([tokens, places], device=self.mel_embedding.weight.device)
        embedded: Tensor = self.mel_embedding(ids[0]) + self.mel_pos_embedding.emb(ids[1])
        return embedded

    def blocks(self, x: Tensor, attend: Attend, matmuls: Iterable[Sequence[Matmul]]) -> Tensor:
        """(n, width) through all layers, before the last two norms."""
        for layer, (block, (attention_in, attention_out, up, down)) in enumerate(zip(self.gpt.h, matmuls)):
            assert isinstance(block, Block)
            x = x + attention_out(attend(layer, attention_in(block.ln_1(x))))
            x = x + down(up(block.ln_2(x)))
        return x

    def normed(self, x: Tensor) -> Tensor:
        """The hidden states that `mel_head` and the vocoder are given."""
        normed: Tensor = self.final_norm(self.gpt.ln_f(x))
        return normed


def load_gpt(config: XttsConfig, weights: Mapping[str, Tensor], device: str = "cpu") -> Gpt:
    """The network with a checkpoint's weights, views of the file on a CPU. Raises SpeechError as `fill` does."""
    with blank():
        gpt = Gpt(config)
    fill(gpt, weights, "gpt.")
    return gpt.to(device)
