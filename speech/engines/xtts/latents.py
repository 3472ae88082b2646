"""What the network hears of a cloned voice: made once from the reference, kept on disk by content and checkpoint."""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from speech.engines.xtts.checkpoint import Checkpoint, Latents
from speech.engines.xtts.conditioning import load_conditioning
from speech.engines.xtts.speaker import SAMPLE_RATE as SPEAKER_RATE
from speech.engines.xtts.speaker import load_speaker_encoder
from speech.engines.xtts.voices import SAMPLE_RATE, check_sound
from speech.errors import SpeechError
from speech.resampling import resample_as_torchaudio

MOST_IN_MEMORY = 64  # voices, an eighth of a megabyte each
MOST_ON_DISK = 1000


class VoiceLatents:
    """Latents by the content of the reference. Safe to share between threads and, on disk, between processes."""

    def __init__(self, checkpoint: Checkpoint, folder: Path | None) -> None:
        """`folder` None keeps nothing on disk."""
        self._checkpoint = checkpoint
        self._folder = folder / checkpoint.digest[:32] if folder else None
        self._known: OrderedDict[str, Latents] = OrderedDict()
        self._lock = threading.Lock()  # one voice is made at a time: each takes every core

    def of(self, clips: list[NDArray[np.float32]]) -> Latents:
        """Of clips at 22.05 kHz. Raises SpeechError `reference_too_short`, `reference_too_long`, `reference_silent`,
        `reference_unusable`."""
        name = hashlib.sha256(b"".join(len(clip).to_bytes(8, "little") + clip.tobytes() for clip in clips)).hexdigest()
        with self._lock:
            found = self._known.get(name) or self._read(name)
            if found is None:
                found = self._made(clips)
                self._keep(name, found)
            self._known[name] = found
            self._known.move_to_end(name)
            while len(self._known) > MOST_IN_MEMORY:
                self._known.popitem(last=False)
            return found

    def _made(self, clips: list[NDArray[np.float32]]) -> Latents:
        """One voice from several clips as the reference implementation has it: the GPT hears them joined, the decoder
        the mean of what the speaker encoder makes of each."""
        check_sound(np.concatenate(clips))
        conditioning = load_conditioning(self._checkpoint.config, self._checkpoint.weights)
        encoder = load_speaker_encoder(self._checkpoint.weights)
        with torch.inference_mode():
            heard = [torch.from_numpy(clip) for clip in clips]
            if self._checkpoint.config.normalize_references:
                heard = [clip / clip.abs().max() * 0.75 for clip in heard]
            gpt = conditioning.latents(torch.cat(heard))
            resampled = [resample_as_torchaudio(clip[None], SAMPLE_RATE, SPEAKER_RATE)[0] for clip in heard]
            speaker = torch.stack([encoder.embed(clip) for clip in resampled]).mean(dim=0)
        self._checkpoint.release()
        if not (torch.isfinite(gpt).all() and torch.isfinite(speaker).all()):
            raise SpeechError("reference_unusable")
        return Latents(gpt.clone(), speaker.clone())

    def _read(self, name: str) -> Latents | None:
        """What an earlier process kept; a damaged file is as good as none."""
        from safetensors import SafetensorError
        from safetensors.torch import load

        if self._folder is None:
            return None
        try:
            tensors = load((self._folder / name).read_bytes())
            found = Latents(tensors["gpt"], tensors["speaker"])
        except (OSError, SafetensorError, KeyError, ValueError):
            return None
        is_whole = found.gpt.shape == (1, 32, self._checkpoint.config.width) and found.speaker.shape == (1, 512, 1)
        return found if is_whole and bool(torch.isfinite(found.gpt).all()) else None

    def _keep(self, name: str, latents: Latents) -> None:
        """Written whole or not at all; a disk that does not take it costs only the next process its time."""
        from safetensors.torch import save

        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary = self._folder / f".{name}.{os.getpid()}"
            temporary.write_bytes(save({"gpt": latents.gpt.contiguous(), "speaker": latents.speaker.contiguous()}))
            temporary.replace(self._folder / name)
            kept = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime)
            for old in kept[:-MOST_ON_DISK]:
                old.unlink(missing_ok=True)
        except OSError:
            return
