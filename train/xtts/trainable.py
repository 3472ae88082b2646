"""XTTS-v2's GPT as the loop trains it: all of its weights, or adapters beside them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speech.engines.xtts.checkpoint import Checkpoint
from speech.engines.xtts.conditioning import Conditioning, load_conditioning
from speech.engines.xtts.gpt import Gpt, load_gpt
from speech.engines.xtts.spectrum import HOP, SAMPLE_RATE
from train.lora import LowRank, adapt
from train.trainable import ParameterGroup
from train.xtts.corpus import Example
from train.xtts.losses import Batch, gpt_losses
from train.xtts.options import LEAST_PROMPT_S, MOST_PROMPT_S, STRIDE, TARGETS, XttsOptions

FRAMES_A_CODE = STRIDE // HOP


class XttsFit:
    """A Trainable: the checkpoint's GPT on examples. The network is this object's own."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        train: Sequence[Example],
        held_out: Sequence[Example],
        options: XttsOptions,
        device: str = "cpu",
    ) -> None:
        self.options, self.train, self.held_out = options, list(train), list(held_out)
        self.conditioning: Conditioning = load_conditioning(checkpoint.config, checkpoint.weights).to(device)
        self.gpt: Gpt = load_gpt(checkpoint.config, checkpoint.weights, device)
        self.adapters: dict[str, LowRank] = {}
        if options.method == "full":
            _own(self.gpt)
            _own(self.conditioning)
        else:
            generator = torch.Generator().manual_seed(options.seed)
            arguments = (options.rank, _chosen(options.targets), generator, options.alpha, options.dropout)
            self.adapters = adapt(self.gpt, *arguments)
        self._of_speaker: dict[str, list[Example]] = {}
        for example in self.train:
            self._of_speaker.setdefault(example.speaker, []).append(example)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in which every clip comes once."""
        return -(-len(self.train) // self.options.batch_size)

    def parameters(self) -> list[ParameterGroup]:
        rate = self.options.rate
        if self.options.method == "lora":
            factors = tuple(factor for adapter in self.adapters.values() for factor in (adapter.up, adapter.down))
            return [ParameterGroup("adapters", factors, rate)]
        weights, others = _by_decay(self.gpt, self.conditioning)
        return [ParameterGroup("weights", weights, rate), ParameterGroup("others", others, rate, decays=False)]

    def losses(self, step: int, generator: torch.Generator) -> Mapping[str, Tensor]:
        """Of the batch that is due at `step`: its clips follow from the seed and the step alone."""
        self._training(True)
        epoch, index = divmod(step, self.steps_per_epoch)
        rows = [self.train[place] for place in batches(self.train, self.options, epoch)[index]]
        losses = gpt_losses(
            self.gpt,
            self.conditioning,
            self._batch(rows, generator),
            recompute=self.options.recompute,
            is_trained=self.options.method == "full",
        )
        return {"text": self.options.text_weight * losses.text, "audio": self.options.audio_weight * losses.audio}

    @torch.no_grad()
    def validate(self) -> Mapping[str, float]:
        """Of held-out clips, one by one, each conditioned on its own beginning."""
        self._training(False)
        text = audio = 0.0
        for example in self.held_out:
            frames = min(example.mels.shape[1], round(MOST_PROMPT_S * SAMPLE_RATE / HOP))
            batch = Batch([example.ids], [example.codes], example.mels[None, :, :frames])
            losses = gpt_losses(self.gpt, self.conditioning, batch)
            text += float(losses.text) / len(self.held_out)
            audio += float(losses.audio) / len(self.held_out)
        total = self.options.text_weight * text + self.options.audio_weight * audio
        return {"text": self.options.text_weight * text, "audio": self.options.audio_weight * audio, "loss": total}

    def milestone(self, step: int) -> None:
        """Nothing changes on the way."""

    def state(self) -> Mapping[str, Any]:
        """Which data this is: a run goes on with the same clips only."""
        return {"clips": [example.clip_id for example in self.train]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Raises ValueError for a run on other clips."""
        if state["clips"] != [example.clip_id for example in self.train]:
            raise ValueError("the run was begun on other clips")

    def _training(self, is_on: bool) -> None:
        """Only adapters have dropout; the network itself is as it speaks."""
        for adapter in self.adapters.values():
            adapter.training = is_on

    def _batch(self, rows: Sequence[Example], generator: torch.Generator) -> Batch:
        """Each row is conditioned on another clip of its speaker where there is one, else on a part of its own, which
        it is then not asked for."""
        prompts = [self._prompt(row, generator) for row in rows]
        longest = min(prompt.mels.shape[1] for prompt in prompts)
        low = min(longest, round(LEAST_PROMPT_S * SAMPLE_RATE / HOP))
        high = min(longest, round(MOST_PROMPT_S * SAMPLE_RATE / HOP))
        frames = low + _draw(high - low + 1, generator)
        mels, unheard = [], []
        for row, prompt in zip(rows, prompts, strict=True):
            first = _draw(prompt.mels.shape[1] - frames + 1, generator)
            mels.append(prompt.mels[:, first : first + frames])
            own = prompt is row and frames < row.mels.shape[1] // 2
            unheard.append((first // FRAMES_A_CODE, (first + frames) // FRAMES_A_CODE) if own else (0, 0))
        return Batch([row.ids for row in rows], [row.codes for row in rows], torch.stack(mels), unheard)

    def _prompt(self, row: Example, generator: torch.Generator) -> Example:
        others = self._of_speaker[row.speaker]
        if len(others) < 2:
            return row
        picked = others[_draw(len(others), generator)]
        return picked if picked is not row else others[(others.index(row) + 1) % len(others)]


def batches(examples: Sequence[Example], options: XttsOptions, epoch: int) -> list[list[int]]:
    """Indices of the batches of an epoch: every clip once, shuffled by seed and epoch, like lengths together."""
    generator = torch.Generator().manual_seed(options.seed * 100_003 + epoch)
    order = torch.randperm(len(examples), generator=generator).tolist()
    span = options.batch_size * options.bucket
    ordered: list[int] = []
    for start in range(0, len(order), span):
        ordered += sorted(order[start : start + span], key=lambda index: examples[index].length)
    made = [ordered[start : start + options.batch_size] for start in range(0, len(ordered), options.batch_size)]
    shuffled = torch.randperm(len(made), generator=generator).tolist()
    return [made[index] for index in shuffled]


def _draw(count: int, generator: torch.Generator) -> int:
    return int(torch.randint(max(1, count), (1,), generator=generator))


def _chosen(targets: str) -> Any:
    names = "|".join(re.escape(name) for name in TARGETS[targets])
    pattern = re.compile(rf"gpt\.h\.\d+\.({names})")
    return lambda name, layer: pattern.fullmatch(name) is not None


def _own(module: nn.Module) -> None:
    """Weights in memory of their own: those of a checkpoint are views of its file, which `release` undoes."""
    for parameter in module.parameters():
        parameter.data = parameter.data.clone()
        parameter.requires_grad_(True)


def _by_decay(*modules: nn.Module) -> tuple[tuple[nn.Parameter, ...], tuple[nn.Parameter, ...]]:
    """Parameters that weight decay pulls, and those that it leaves as the reference does: biases, norms, embeddings."""
    weights: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for module in modules:
        for part in module.modules():
            is_plain = isinstance(part, nn.LayerNorm | nn.GroupNorm | nn.Embedding)
            for name, parameter in part.named_parameters(recurse=False):
                (others if is_plain or name == "bias" else weights).append(parameter)
    return tuple(weights), tuple(others)
