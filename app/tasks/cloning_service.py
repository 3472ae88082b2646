"""Where voices are fitted: what `train` offers to the service and the command line, and whether it can be used here."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import Problem
from speech.engines.registry import Registry
from speech.models import ModelStore
from speech.voice_library import RESERVED, VoiceLibrary
from train.progress import Reporter, Stopped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from speech.voice_files import VoiceMeta
    from train.manifest import Manifest

log = logging.getLogger(__name__)

EFFORTS = ("fast", "default", "best")
REFERENCE = "reference"  # what stands for the effort where nothing is fitted
INTAKE_MODELS = ("whisper-base", "speaker-resnet34")
MODULES = ("torch", "safetensors")  # of requirements-train.txt
INSTALL_COMMAND = "./run training"
MANIFEST = "manifest.jsonl"
SPEED = "fit-speed.json"  # beside the voices: how fast this machine fits
UPLOADS, INTAKE, FIT, STAGED = "upload", "intake", "fit", "voices"  # folders in a job's work folder


class CloningService:
    """What `train` offers, found when it is first called: a service that never clones never imports it."""

    def __init__(self, store: ModelStore, voices_dir: Path, registry: Registry | None = None) -> None:
        self.store = store
        self.registry = registry or Registry()
        self.voices_dir = voices_dir
        self._speed_path = voices_dir.parent / SPEED

    def library(self) -> VoiceLibrary:
        return self.library_in(self.voices_dir)

    def library_in(self, folder: Path) -> VoiceLibrary:
        return VoiceLibrary(folder, self.registry)

    def is_taken(self, voice_id: str) -> bool:
        """Whether a fitted voice has this id, be its file damaged."""
        return (self.voices_dir / voice_id).exists()

    def engines(self) -> list[str]:
        """Those that voices can be made for, the first where nobody names one."""
        return [*self.registry.of_source("fit"), *self.registry.of_source("reference")]

    def is_fitted(self, engine: str) -> bool:
        """Whether weights are fitted for `engine`; else it hears a speaker in clips of theirs."""
        return self.registry.engine(engine).voice_source == "fit"

    def check(self, engine: str | None = None) -> None:
        """Whether voices can be made for `engine`, apart from its own weights where nothing is fitted.

        Raises SpeechError as `Registry.engine` does, Problem `training_not_installed`, `cloning_models_missing` with
        the command that brings it.
        """
        missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
        if missing:
            raise Problem("training_not_installed", packages=missing, command=INSTALL_COMMAND)
        models = (*INTAKE_MODELS, *self.registry.engine(engine or self.engines()[0]).fit_models)
        lacking = [name for name in models if not self.store.is_installed(name)]
        if lacking:
            command = f"papagaio models pull {' '.join(lacking)}"
            raise Problem("cloning_models_missing", models=lacking, command=command)

    def estimate_s(self, effort: str, speech_s: float | None = None) -> float:
        """Seconds a fit takes: by the speed of the last one here or by `measure_speed`; before, as elsewhere.

        `speech_s`: of the clips; where it is not known, that of the fits that were measured.
        """
        from train.cloning import estimate_s

        return float(estimate_s(effort, os.cpu_count() or 1, self._step_s(), speech_s))

    def _step_s(self) -> float | None:
        """None before anything was measured here, or when its record cannot be read."""
        try:
            return float(json.loads(self._speed_path.read_text(encoding="utf-8"))["step_s"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def measure_speed(self, reporter: Reporter) -> None:
        """Measure how fast this machine fits, unless that is known or it cannot fit. Raises Stopped.

        A trial that fails leaves the estimate as it was: the clips that were just taken in are good all the same.
        """
        needed = self.registry.engine(self.engines()[0]).fit_models
        if self._step_s() is not None or not all(self.store.is_installed(name) for name in needed):
            return
        from train.kokoro.speed import measure_step_s

        try:
            self.keep_speed({"step_s": measure_step_s(self.store, reporter)})
        except Stopped:
            raise
        except Exception:  # too little memory, a damaged weight, a full disk: the fit itself will say so
            log.warning("How fast this machine fits could not be measured", exc_info=True)

    def keep_speed(self, figures: Mapping[str, float]) -> None:
        """What a fit's report says of its `step_s`, for later estimates."""
        if "step_s" in figures:
            self._speed_path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._speed_path.with_suffix(f".{os.getpid()}")
            temporary.write_text(json.dumps({"step_s": figures["step_s"]}), encoding="utf-8")
            temporary.replace(self._speed_path)

    def analyze_recordings(
        self, recordings: Sequence[Path], language: str, folder: Path, reporter: Reporter, text: str | None
    ) -> Manifest:
        """Clips under `folder`, judged, and beside them `MANIFEST`, last. Raises SpeechError as `train.intake` does."""
        from train.intake import analyze_recordings, load_intake_models

        models = load_intake_models(self.store, os.cpu_count() or 1)
        return analyze_recordings(recordings, language, folder, models, reporter, text)

    def clone(
        self,
        folder: Path,
        manifest: Manifest,
        options: Mapping[str, Any],
        library: VoiceLibrary,
        work: Path,
        reporter: Reporter,
    ) -> VoiceMeta:
        """A voice in `library`, fitted to the clips in `folder`; goes on from what is in `work`.

        `options`: fields of `CloneOptions`.
        """
        from train.cloning import CloneOptions, clone

        made = clone(folder, manifest, CloneOptions(**options), self.store, library, work, reporter)
        self.keep_speed(made.report["fit"])
        return made

    def keep_reference(
        self, folder: Path, manifest: Manifest, options: Mapping[str, Any], library: VoiceLibrary, engine: str
    ) -> VoiceMeta:
        """A voice in `library` of the best clips in `folder`, for `engine`, which hears a speaker in them."""
        from train.cloning import CloneOptions
        from train.references import keep_reference

        record = self.registry.engine(engine)
        return keep_reference(folder, manifest, CloneOptions(**options), library, record)


def voice_id_of(name: str) -> str:
    """The id that a voice of this name gets: its letters without marks, or a hash where none of them is Latin."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")[:30].rstrip("_")
    if not slug:
        return f"voice_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return slug if slug[0].isalpha() and len(slug) > 1 and slug not in RESERVED else f"voice_{slug}"
