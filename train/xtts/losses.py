"""What XTTS's GPT is trained by: cross-entropy of text and audio tokens, as in coqui-tts's `GPTTrainer`.

Rows are laid out one after another with no padding inside: latents of the voice, text, sound; what a row lacks stands
at its end. Attention is causal, so nothing sees that padding and no mask is needed, which keeps the fast kernels.
B: batch; W: the decoder's width.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from speech.engines.xtts.conditioning import Conditioning
from speech.engines.xtts.config import XttsConfig
from speech.engines.xtts.gpt import Block, Gpt
from train.xtts.options import STOPS


@dataclass(frozen=True)
class Batch:
    """Rows of a step. `unheard` are codes of a row that the network is not asked for, since it was conditioned on
    them: first and last + 1."""

    ids: Sequence[Sequence[int]]
    codes: Sequence[Tensor]  # (M,) each
    mels: Tensor  # (B, 80, F), what each row is conditioned on
    unheard: Sequence[tuple[int, int]] = ()


@dataclass(frozen=True)
class Losses:
    """Mean cross-entropy a token."""

    text: Tensor
    audio: Tensor


def gpt_losses(
    gpt: Gpt, conditioning: Conditioning, batch: Batch, *, recompute: bool = False, is_trained: bool = False
) -> Losses:
    """Both losses of a batch. `recompute` keeps no activations of the blocks and makes them again on the way back
    (https://arxiv.org/abs/1604.06174); `is_trained` lets gradients into the conditioning encoder, which computes in
    fp32 whatever the step does."""
    device = gpt.mel_embedding.weight.device
    with torch.set_grad_enabled(is_trained and torch.is_grad_enabled()), _full_precision(device):
        latents = conditioning(batch.mels.to(device))
    rows = [_row(gpt.config, ids, codes) for ids, codes in zip(batch.ids, batch.codes, strict=True)]
    embedded = [torch.cat([latents[index], _embedded(gpt, *row)]) for index, row in enumerate(rows)]
    prefix = latents.shape[1]
    hidden = _hidden(gpt, torch.nn.utils.rnn.pad_sequence(embedded, batch_first=True), recompute)
    texts, sounds, text_wanted, audio_wanted = [], [], [], []
    for index, (text, audio) in enumerate(rows):
        texts.append(hidden[index, prefix : prefix + len(text)])
        sounds.append(hidden[index, prefix + len(text) : prefix + len(text) + len(audio)])
        text_wanted.append(torch.tensor([*text[1:], gpt.config.stop_text]))
        wanted = torch.tensor([*audio[1:], gpt.config.stop_audio])
        if batch.unheard:
            first, last = batch.unheard[index]
            wanted[first:last] = -1
        audio_wanted.append(wanted)
    return Losses(
        text=_cross_entropy(gpt.text_head, torch.cat(texts), torch.cat(text_wanted).to(device)),
        audio=_cross_entropy(gpt.mel_head, torch.cat(sounds), torch.cat(audio_wanted).to(device)),
    )


def _full_precision(device: torch.device) -> AbstractContextManager[Any]:
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def _row(config: XttsConfig, ids: Sequence[int], codes: Tensor) -> tuple[list[int], list[int]]:
    """What goes in: start and text; start, codes and all stop tokens but the last."""
    return [config.start_text, *ids], [config.start_audio, *codes.tolist(), *[config.stop_audio] * (STOPS - 1)]


def _embedded(gpt: Gpt, text: Sequence[int], audio: Sequence[int]) -> Tensor:
    """(len(text) + len(audio), W), each segment counted from its own beginning."""
    device = gpt.mel_embedding.weight.device
    text_ids, audio_ids = torch.tensor(text, device=device), torch.tensor(audio, device=device)
    texts = gpt.text_embedding(text_ids) + gpt.text_pos_embedding.emb.weight[: len(text)]
    sounds = gpt.mel_embedding(audio_ids) + gpt.mel_pos_embedding.emb.weight[: len(audio)]
    return torch.cat([texts, sounds])


def _hidden(gpt: Gpt, x: Tensor, recompute: bool) -> Tensor:
    """(B, T, W) through all blocks and both norms."""
    for block in gpt.gpt.h:
        assert isinstance(block, Block)
        if recompute and torch.is_grad_enabled():
            x = checkpoint(_through, block, x, gpt.config.heads, use_reentrant=False)
        else:
            x = _through(block, x, gpt.config.heads)
    return gpt.normed(x)


def _through(block: Block, x: Tensor, heads: int) -> Tensor:
    """One layer on (B, T, W)."""
    size, places, width = x.shape
    mixed = block.attn.c_attn(block.ln_1(x).flatten(0, 1)).view(size, places, 3, heads, width // heads)
    queries, keys, values = mixed.permute(2, 0, 3, 1, 4).unbind(0)
    attended = functional.scaled_dot_product_attention(queries, keys, values, is_causal=True)
    x = x + block.attn.c_proj(attended.transpose(1, 2).reshape(size * places, width)).view_as(x)
    up, down = block.mlp.c_fc, block.mlp.c_proj
    fed: Tensor = down(functional.gelu(up(block.ln_2(x).flatten(0, 1)), approximate="tanh"))
    return x + fed.view_as(x)


def _cross_entropy(head: torch.nn.Module, hidden: Tensor, wanted: Tensor) -> Tensor:
    logits: Tensor = head(hidden)
    return functional.cross_entropy(logits.float(), wanted, ignore_index=-1)
