"""Clips as XTTS's GPT learns them: text tokens, the DVAE's codes of the sound, and mel frames to condition on.

Codes and mels are the same in every epoch, so they are computed once and kept by the hash of the clip's samples and of
the checkpoint's own numbers.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from speech.audio import Audio, load
from speech.engines.xtts.checkpoint import Checkpoint, read_dvae
from speech.engines.xtts.conditioning import FFT as CONDITIONING_FFT
from speech.engines.xtts.dvae import load_dvae
from speech.engines.xtts.record import LANGUAGES
from speech.engines.xtts.spectrum import SAMPLE_RATE, log_mel
from speech.engines.xtts.tokenizer import Tokenizer
from speech.errors import SpeechError
from train.manifest import Clip
from train.progress import Reporter, Stopped
from train.xtts.options import LEAST_S, MOST_S, MOST_TOKENS, STOPS, STRIDE

NOTE = "training.stage.preparing"


@dataclass(frozen=True)
class Example:
    """One clip; `codes` (M,) with M = ceil(samples / 1024), `mels` (80, F) of the same sound."""

    clip_id: str
    speaker: str
    ids: tuple[int, ...]
    codes: Tensor
    mels: Tensor
    duration_s: float

    @property
    def length(self) -> int:
        """Positions of the decoder that text and sound take."""
        return len(self.ids) + 1 + len(self.codes) + STOPS


@dataclass(frozen=True)
class Refusal:
    """A clip that is not learned from, and why: a code of the text catalogue's `training.refused`."""

    clip_id: str
    code: str


def prepare(
    folder: Path,
    clips: Sequence[Clip],
    checkpoint_dir: Path,
    checkpoint: Checkpoint,
    cache_dir: Path,
    reporter: Reporter,
) -> tuple[list[Example], list[Refusal]]:
    """Examples of `clips`, whose sounds are in `folder`; the DVAE is in memory only while one is missing in the cache.

    Raises SpeechError `nothing_to_train_on` when nothing is left, `language_not_spoken`, and as `read_dvae` and `load`
    do; Stopped.
    """
    tokenizer = Tokenizer(checkpoint.vocab_path)
    coder = Coder(checkpoint_dir, checkpoint, cache_dir)
    examples: list[Example] = []
    refused: list[Refusal] = []
    for number, clip in enumerate(clips, 1):
        if reporter.should_stop():
            raise Stopped
        reporter.progress(number, len(clips), NOTE)
        made = _example(folder, clip, tokenizer, coder)
        if isinstance(made, Refusal):
            refused.append(made)
            reporter.log(f"{clip.clip_id}: {made.code}")
        else:
            examples.append(made)
    if not examples:
        reasons = ", ".join(sorted({one.code for one in refused})) or "-"
        raise SpeechError("nothing_to_train_on", clips=len(clips), reasons=reasons)
    return examples, refused


def _example(folder: Path, clip: Clip, tokenizer: Tokenizer, coder: Coder) -> Example | Refusal:
    if clip.language not in LANGUAGES:
        raise SpeechError("language_not_spoken", language=clip.language, engine="xtts", choices=list(LANGUAGES))
    if not clip.text.strip():
        return Refusal(clip.clip_id, "no_text")
    try:
        ids = tokenizer.encode(clip.text, LANGUAGES[clip.language])
        audio = load(folder / clip.audio_path, SAMPLE_RATE)
    except SpeechError as error:
        return Refusal(clip.clip_id, error.code)
    if not LEAST_S <= audio.duration_s <= MOST_S:
        return Refusal(clip.clip_id, "too_short" if audio.duration_s < LEAST_S else "too_long")
    if len(ids) > MOST_TOKENS:
        return Refusal(clip.clip_id, "text_too_long")
    codes, mels = coder.of(audio)
    return Example(clip.clip_id, clip.speaker, tuple(ids), codes, mels, audio.duration_s)


class Coder:
    """Codes and conditioning mels of sounds at 22.05 kHz, from the cache where they are in it."""

    def __init__(self, checkpoint_dir: Path, checkpoint: Checkpoint, cache_dir: Path) -> None:
        weights = read_dvae(checkpoint_dir)
        self._mel_stats = checkpoint.weights["mel_stats"].float().clone()
        mark = hashlib.sha256(weights["codebook.embed"].numpy().tobytes() + self._mel_stats.numpy().tobytes())
        self._folder = cache_dir / mark.hexdigest()[:32]
        self._dvae = load_dvae(weights)

    @torch.no_grad()
    def of(self, audio: Audio) -> tuple[Tensor, Tensor]:
        """Codes (M,) and mels (80, F)."""
        samples = torch.from_numpy(audio.samples)
        path = self._folder / f"{hashlib.sha256(audio.samples.tobytes()).hexdigest()}.safetensors"
        kept = _read(path)
        if kept is not None:
            return kept
        count = -(-len(samples) // STRIDE)
        codes = self._dvae.codes(self._dvae.mels(samples[None], self._mel_stats))[0, :count].short()
        mels = log_mel(samples[None], CONDITIONING_FFT, self._mel_stats)[0]
        _keep(path, codes, mels)
        return codes.long(), mels


def _read(path: Path) -> tuple[Tensor, Tensor] | None:
    """A damaged file is as good as none."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(path.read_bytes())
        return tensors["codes"].long(), tensors["mels"]
    except (OSError, SafetensorError, KeyError, ValueError):
        return None


def _keep(path: Path, codes: Tensor, mels: Tensor) -> None:
    """Whole or not at all."""
    from safetensors.torch import save

    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(save({"codes": codes.contiguous(), "mels": mels.contiguous()}))
    temporary.replace(path)


def split(examples: Sequence[Example], held_out: Sequence[Clip]) -> tuple[list[Example], list[Example]]:
    """What is trained on, and what is of the clips that are held out.

    Raises SpeechError `dataset_too_small` where nothing would be left of one.
    """
    picked = {clip.clip_id for clip in held_out}
    train = [example for example in examples if example.clip_id not in picked]
    held = [example for example in examples if example.clip_id in picked]
    if not train or not held:
        raise SpeechError("dataset_too_small", clips=len(examples), minimum=2)
    return train, held
