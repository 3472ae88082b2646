"""Speaking with what was fine-tuned: a checkpoint of a run becomes a folder that the XTTS engine loads as its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from speech.audio import Audio, join, load
from speech.engines.base import EngineOptions, SpeechRequest
from speech.engines.device import use_full_precision
from speech.engines.xtts.adapters import load_adapter, merged
from speech.engines.xtts.checkpoint import Checkpoint, Latents, open_checkpoint
from speech.engines.xtts.config import ADAPTER, WEIGHTS
from speech.engines.xtts.engine import Loaded, utterances
from speech.engines.xtts.record import ENGINE, LANGUAGES, RECORD
from speech.engines.xtts.voices import SAMPLE_RATE, clips_of, tensors_of
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.profiles import checked
from speech.text.normalize import normalize
from speech.text.sentences import split
from speech.voices import MANY_LANGUAGES, Voice
from train.xtts.adapters import write_checkpoint_folder
from train.xtts.options import STRIDE

READY = "ready"  # a file that is written last
REFERENCE = "reference"


def materialized(base_dir: Path, blend: Sequence[tuple[Path, float]], cache_dir: Path) -> Path:
    """The folder of `base_dir` with the adapters of the snapshot folders in `blend` added by weight; a snapshot of a
    full fine-tuning is its own folder, and stands alone.

    Raises SpeechError `checkpoint_missing`, `adapter_unreadable`, `adapter_other_base`, `blend_of_full`.
    """
    for folder, _ in blend:
        if not (folder / ADAPTER).is_file() and not (folder / WEIGHTS).is_file():
            raise SpeechError("checkpoint_missing", folder=folder.name, file=ADAPTER)
    full = [folder for folder, _ in blend if not (folder / ADAPTER).is_file()]
    if full and len(blend) > 1:
        raise SpeechError("blend_of_full", checkpoint=full[0].name)
    if full or not blend:
        return full[0] if full else base_dir
    base = open_checkpoint(base_dir)
    target = cache_dir / _mark(base, blend)
    if not (target / READY).exists():
        adapters = [(load_adapter(folder / ADAPTER), share) for folder, share in blend]
        write_checkpoint_folder(target, base_dir, merged(base, adapters), {"base": base.digest})
        (target / READY).touch()
    return target


def _mark(base: Checkpoint, blend: Sequence[tuple[Path, float]]) -> str:
    digest = hashlib.sha256(base.digest.encode())
    for folder, share in blend:
        digest.update((folder / ADAPTER).read_bytes() + repr(float(share)).encode())
    return digest.hexdigest()[:32]


class Inference:
    """One checkpoint, loaded; `close` gives its memory back."""

    def __init__(
        self,
        checkpoint_dir: Path,
        cache_dir: Path,
        device: str = "cpu",
        threads: int = 2,
        snapshot: Path | None = None,
    ) -> None:
        """`snapshot`: folder of a run's checkpoint, which goes over the network of `checkpoint_dir`. Raises SpeechError
        as the engine does when it loads."""
        options = EngineOptions(
            store=ModelStore(cache_dir / "models"),
            precision="fp32",
            threads=threads,
            cache_dir=cache_dir,
            checkpoint_dir=checkpoint_dir,
            weights_dir=snapshot,
        )
        use_full_precision(device)
        self._loaded = Loaded(checkpoint_dir, device, options)

    def close(self) -> None:
        self._loaded.close()

    def speakers(self) -> list[str]:
        """Names of the checkpoint's studio speakers."""
        return list(self._loaded.speakers)

    def speak(
        self,
        text: str,
        language: str,
        *,
        reference: Audio | None = None,
        speaker: str | None = None,
        seed: int = 0,
        parameters: Mapping[str, Any] | None = None,
        most_s: float = 600.0,
    ) -> Audio:
        """Sound at 24 kHz, by the voice of a recording or of a studio speaker; the same for the same seed. A sentence
        that does not end by itself ends after `most_s`.

        Raises SpeechError `text_empty`, `language_not_spoken`, `unknown_voice`, and for a recording that is too short,
        too long or silent.
        """
        if not text.strip():
            raise SpeechError("text_empty")
        if language not in LANGUAGES:
            raise SpeechError("language_not_spoken", language=language, engine=ENGINE, choices=list(LANGUAGES))
        values = checked(ENGINE, RECORD.info.parameters, dict(parameters or {}))
        sentences = split(normalize(text, language), RECORD.info.char_limits[language], language)
        latents = self._latents(reference, speaker)
        voice = Voice(speaker or REFERENCE, ENGINE, MANY_LANGUAGES, "unknown", speaker or REFERENCE)
        request = SpeechRequest(sentences, language, voice, values, seed)
        chunks: list[Audio] = []
        for ends, utterance in utterances(request, self._loaded, latents):
            longest = min(utterance.max_tokens, max(1, round(most_s * SAMPLE_RATE / STRIDE)))
            ticket = self._loaded.loop.submit(replace(utterance, max_tokens=longest))
            chunks += self._loaded.sound(ticket, latents, float(values["speed"]), ends)
        return join(chunks)

    def _latents(self, reference: Audio | None, speaker: str | None) -> Latents:
        if reference is not None:
            return self._loaded.latents.of(clips_of(tensors_of([reference])))
        if speaker is None or speaker not in self._loaded.speakers:
            choices = self.speakers()
            raise SpeechError("unknown_voice", voice=speaker or "–", engine=ENGINE, choices=choices)
        return self._loaded.speakers[speaker]


def reference_of(path: Path) -> Audio:
    """A recording to be heard as a voice. Raises SpeechError as `load` does."""
    return load(path, SAMPLE_RATE)
