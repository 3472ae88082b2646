"""Rows of speech, each a step further at a time: whatever is new in every row goes through the network at once.

A row's new positions (its prompt at first, one token after that) lie beside those of the others with no padding; only
attention is done row by row, over the row's own keys and values. So a row's numbers do not depend on its neighbours.
What the network makes of a voice's latents is kept for the next utterance of that voice.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from speech.engines.xtts.checkpoint import Latents
from speech.engines.xtts.gpt import Gpt
from speech.engines.xtts.sampling import MAX_SEED, SamplingOptions, choose
from speech.engines.xtts.weights import OwnMatrices, PackedMatrices
from speech.errors import SpeechError

BLOCK = 64  # positions by which a row's keys and values grow
VOICES = 8  # whose keys and values are kept: 8 MB each at full size
PENALISED = 1  # what stands for latents and text among the tokens that the reference says were said before


@dataclass(frozen=True, eq=False)
class Utterance:
    """What is to be said, and how. Without a stop it ends after `max_tokens`, or at the network's limit.

    Before `min_tokens` it does not stop. Utterances of one `request_id` share its turns.
    """

    text_ids: tuple[int, ...]
    latents: Latents
    sampling: SamplingOptions
    request_id: str
    max_tokens: int = 1 << 16
    min_tokens: int = 0


class KeyValues:
    """Keys and values of one row, for each layer (2, heads, width of a head, capacity): positions last.

    So laid out, one query's two products over it run along memory.
    """

    def __init__(self, gpt: Gpt, before: KeyValues | None = None, positions: int = 0) -> None:
        """Empty, or with a copy of what came `before`, and room for `positions` more."""
        config = gpt.config
        empty = gpt.mel_embedding.weight.new_empty(2, config.heads, config.width // config.heads, 0)
        self._layers: list[Tensor] = [*before._layers] if before else [empty] * config.layers
        self.length: int = before.length if before else 0
        self._grow(positions)

    @property
    def size_bytes(self) -> int:
        return sum(layer.nbytes for layer in self._layers)

    def reserve(self, positions: int) -> None:
        """Make room for `positions` more. Raises MemoryError or RuntimeError, and then holds what it held."""
        if self.length + positions > self._layers[-1].shape[-1]:
            self._grow(positions)

    def _grow(self, positions: int) -> None:
        capacity = -(-(self.length + positions) // BLOCK) * BLOCK
        for number, layer in enumerate(self._layers):
            grown = layer.new_empty((*layer.shape[:-1], capacity))
            grown[..., : self.length] = layer[..., : self.length]
            self._layers[number] = grown

    def attend(self, layer: int, new: Tensor) -> Tensor:
        """Of queries, keys and values (n, 3, heads, width of a head) of n new positions: what they see, (n, width)."""
        n, end = len(new), self.length + len(new)
        self._layers[layer][..., self.length : end] = new[:, 1:].permute(1, 2, 3, 0)
        keys, values = self._layers[layer][..., :end].unbind(0)
        scores = torch.bmm(new[:, 0].transpose(0, 1), keys)
        if n > 1:
            future = torch.ones(n, end, dtype=torch.bool, device=new.device).triu_(self.length + 1)
            scores = scores.masked_fill_(future, -torch.inf)
        seen = torch.bmm(values, scores.softmax(-1).transpose(1, 2))
        return seen.permute(2, 0, 1).reshape(n, -1)


class Row:
    """An utterance under way."""

    def __init__(self, utterance: Utterance, gpt: Gpt, voice: KeyValues) -> None:
        """Raises SpeechError `xtts_text_tokens`, `xtts_max_tokens`."""
        prompt = gpt.prompt(utterance.text_ids)
        self.utterance = utterance
        self.prompt: Tensor | None = prompt
        self.max_tokens = min(utterance.max_tokens, gpt.max_new_tokens)
        if not 0 < self.max_tokens or not 0 <= utterance.min_tokens <= self.max_tokens:
            least, most = utterance.min_tokens, utterance.max_tokens
            raise SpeechError("xtts_max_tokens", min_tokens=least, max_tokens=most, limit=gpt.max_new_tokens)
        seed = utterance.sampling.seed
        self.seed = secrets.randbelow(MAX_SEED + 1) if seed is None else seed
        self.generator = torch.Generator().manual_seed(self.seed)
        self.key_values = KeyValues(gpt, voice, len(prompt))
        self.seen = torch.zeros(gpt.config.audio_tokens, dtype=torch.bool)
        self.seen[[PENALISED, gpt.config.start_audio]] = True
        self.tokens: list[int] = []
        self.ended_by: Literal["stop", "limit"] | None = None


class Decoder:
    """Steps of many rows. One thread at a time may use it."""

    def __init__(
        self, gpt: Gpt, precision: str = "fp32", release: Callable[[], None] = lambda: None, threads: int = 1
    ) -> None:
        """`release` gives back what was read of the weights' file; `threads` may share a matrix on a CPU.

        Raises SpeechError `xtts_precision`.
        """
        self.gpt = gpt
        self.device = gpt.mel_embedding.weight.device
        is_cpu = self.device.type == "cpu"
        self.matrices = PackedMatrices(gpt, precision, release, threads) if is_cpu else OwnMatrices(gpt, precision)
        if not is_cpu:  # the device has its own copy of all
            release()
        self._voices: OrderedDict[bytes, KeyValues] = OrderedDict()

    @property
    def precision(self) -> str:
        return self.matrices.precision

    def most_bytes(self, utterance: Utterance) -> int:
        """Of keys and values that an utterance may come to hold."""
        config = self.gpt.config
        tokens = min(utterance.max_tokens, self.gpt.max_new_tokens)
        positions = len(utterance.text_ids) + tokens + utterance.latents.gpt.shape[1]
        capacity = -(-positions // BLOCK) * BLOCK
        return 2 * config.layers * config.width * capacity * self.gpt.mel_embedding.weight.itemsize

    def kept_bytes(self) -> int:
        """Of keys and values of voices, kept for the next utterance."""
        return sum(voice.size_bytes for voice in list(self._voices.values()))

    @torch.inference_mode()
    def start(self, utterance: Utterance) -> Row:
        """A row with its voice in place, before its first step.

        Raises SpeechError `xtts_latents` and as `Row` does; MemoryError or RuntimeError when there is no memory for it.
        """
        return Row(utterance, self.gpt, self._voice(utterance.latents))

    @torch.inference_mode()
    def step(self, rows: Sequence[Row]) -> list[Tensor | SpeechError]:
        """One more token in each of `rows`: the hidden state (width,) it was chosen by, which the vocoder is given.

        Instead of it SpeechError `xtts_not_finite` for a row whose numbers are none, and `xtts_no_memory` for one that
        got no room to grow. When this raises, no row has changed.
        """
        ready, failed = self._with_room(rows)
        if not ready:
            return [failed[row] for row in rows]
        lengths = [1 if row.prompt is None else len(row.prompt) for row in ready]
        there = self._hidden(self._inputs(ready), ready, lengths).float()
        hidden, logits = there.cpu(), self.matrices.head(there).float().cpu()
        finite = torch.isfinite(logits).all(1).tolist()
        failed |= {
            row: SpeechError("xtts_not_finite", tokens=len(row.tokens)) for row, good in zip(ready, finite) if not good
        }
        tokens = self._tokens(ready, logits.masked_fill(~torch.isfinite(logits), 0.0))
        made: dict[Row, Tensor | SpeechError] = {}
        for row, length, token, state in zip(ready, lengths, tokens, hidden):
            self._advance(row, length, token)
            made[row] = state
        return [(made | failed)[row] for row in rows]

    def _with_room(self, rows: Sequence[Row]) -> tuple[list[Row], dict[Row, SpeechError]]:
        ready, failed = [], {}
        for row in rows:
            try:
                row.key_values.reserve(1 if row.prompt is None else len(row.prompt))
                ready.append(row)
            except (MemoryError, RuntimeError):
                failed[row] = SpeechError("xtts_no_memory", megabytes=row.key_values.size_bytes >> 20)
        return ready, failed

    def _inputs(self, rows: Sequence[Row]) -> Tensor:
        """New positions of all rows, one row after another: (n, width)."""
        spoken = [row for row in rows if row.prompt is None]
        last = iter(())
        if spoken:
            embedded = self.gpt.audio([row.tokens[-1] for row in spoken], [len(row.tokens) for row in spoken])
            if len(spoken) == len(rows):
                return embedded
            last = iter(embedded.split(1))
        return torch.cat([next(last) if row.prompt is None else row.prompt for row in rows])

    def _hidden(self, x: Tensor, rows: Sequence[Row], lengths: Sequence[int]) -> Tensor:
        """The hidden state (rows, width) at the last new position of each row."""
        x = self._through(x, [row.key_values for row in rows], lengths)
        if len(x) > len(rows):
            x = x[torch.tensor(lengths, device=self.device).cumsum(0) - 1]
        return self.gpt.normed(x)

    def _through(self, x: Tensor, caches: Sequence[KeyValues], lengths: Sequence[int]) -> Tensor:
        """All blocks; of x (n, width) the first `lengths[0]` positions see and extend `caches[0]`, and so on."""
        width, heads = self.gpt.config.width, self.gpt.config.heads

        def attend(layer: int, new: Tensor) -> Tensor:
            new[:, :width] *= (width // heads) ** -0.5
            parts = new.view(-1, 3, heads, width // heads).split(list(lengths))
            return torch.cat([cache.attend(layer, part) for cache, part in zip(caches, parts)])

        return self.gpt.blocks(x, attend, self.matrices.blocks)

    def _tokens(self, rows: Sequence[Row], logits: Tensor) -> list[int]:
        for number, row in enumerate(rows):
            if len(row.tokens) < row.utterance.min_tokens:
                logits[number, self.gpt.config.stop_audio] = -torch.inf
        seen = torch.stack([row.seen for row in rows])
        return choose(logits, seen, [row.utterance.sampling for row in rows], [row.generator for row in rows])

    def _advance(self, row: Row, length: int, token: int) -> None:
        row.key_values.length += length
        row.prompt = None
        row.tokens.append(token)
        row.seen[token] = True
        if token == self.gpt.config.stop_audio:
            row.ended_by = "stop"
        elif len(row.tokens) >= row.max_tokens:
            row.ended_by = "limit"

    def _voice(self, latents: Latents) -> KeyValues:
        """Keys and values of a voice's latents, made once for as long as it is among the last `VOICES`."""
        config, shape = self.gpt.config, list(latents.gpt.shape)
        if len(shape) != 3 or shape[0] != 1 or shape[2] != config.width or not torch.isfinite(latents.gpt).all():
            raise SpeechError("xtts_latents", shape=shape, width=config.width)
        rows = latents.gpt[0].to(self.device, torch.float32)
        digest = hashlib.sha256(rows.cpu().contiguous().numpy().tobytes()).digest()
        if digest not in self._voices:
            made = KeyValues(self.gpt, positions=len(rows))
            self._through(rows, [made], [len(rows)])
            made.length = len(rows)
            self._voices[digest] = made
        self._voices.move_to_end(digest)
        while len(self._voices) > VOICES:
            self._voices.popitem(last=False)
        return self._voices[digest]
