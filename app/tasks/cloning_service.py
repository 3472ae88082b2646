"""Where voices are fitted: what `train` offers to the service and the command line, and whether it can be used here."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.errors import Problem
from speech.engines.registry import Registry
from speech.models import ModelStore
from speech.voice_library import RESERVED, VoiceLibrary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from speech.voice_files import VoiceMeta
    from train.manifest import Manifest
    from train.progress import Reporter

EFFORTS = ("fast", "default", "best")
REFERENCE = "reference"  # what stands for the effort where nothing is fitted
INTAKE_MODELS = ("whisper-base", "speaker-resnet34")
MODULES = ("torch", "safetensors")  # of requirements-train.txt
INSTALL_COMMAND = "./run training"
COMPONENT = "cloning"  # that brings them from the page
MANIFEST = "manifest.jsonl"
UPLOADS, INTAKE, FIT, STAGED = "upload", "intake", "fit", "voices"  # folders in a job's work folder


class CloningService:
    """What `train` offers, found when it is first called: a service that never clones never imports it."""

    def __init__(self, store: ModelStore, voices_dir: Path, registry: Registry | None = None) -> None:
        self.store = store
        self.registry = registry or Registry()
        self.voices_dir = voices_dir

    def library(self) -> VoiceLibrary:
        return self.library_in(self.voices_dir)

    def library_in(self, folder: Path) -> VoiceLibrary:
        return VoiceLibrary(folder, self.registry)

    def is_taken(self, voice_id: str) -> bool:
        """Whether a fitted voice has this id, be its file damaged."""
        return (self.voices_dir / voice_id).exists()

    def engines(self) -> list[str]:
        """Those that voices can be made for, the first where nobody names one."""
        return [*self.fitted_engines(), *self.registry.of_source("reference")]

    def fitted_engines(self) -> list[str]:
        return list(self.registry.of_source("fit"))

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
            raise Problem("training_not_installed", packages=missing, command=INSTALL_COMMAND, component=COMPONENT)
        models = (*INTAKE_MODELS, *self.registry.engine(engine or self.engines()[0]).fit_models)
        lacking = [name for name in models if not self.store.is_installed(name)]
        if lacking:
            command = f"papagaio models pull {' '.join(lacking)}"
            raise Problem("cloning_models_missing", models=lacking, command=command, component=COMPONENT)

    def estimate_s(self, effort: str, speech_s: float | None = None, steps: int | None = None) -> float:
        """Seconds a fit took elsewhere, on so many cores as are here; how long it takes here is told while it runs.

        `speech_s`: of the clips; where it is not known, that of the fits that were measured. `steps`: of a dataset's.
        """
        from train.cloning import estimate_s

        return float(estimate_s(effort, os.cpu_count() or 1, speech_s, steps))

    def dataset_steps(self, effort: str, speech_s: float, max_steps: int | None = None) -> int:
        """Of a fit to a dataset, at most; they grow with its length."""
        from train.cloning import dataset_steps

        return dataset_steps(effort, speech_s, max_steps)

    def dataset_clips(self, built: Path, language: str, speaker: str) -> Manifest:
        """What a fit to a built dataset learns from. Raises SpeechError `several_speakers`, `unknown_speaker`,
        `too_little_speech`, and as `train.ljs` does."""
        from train.cloning import LEAST_S, check_usable
        from train.dataset_clips import read_speaker

        manifest = read_speaker(built, language, speaker)
        check_usable(manifest, LEAST_S)
        return manifest

    def analyze_recordings(
        self,
        recordings: Sequence[Path],
        engine: str,
        language: str | None,
        folder: Path,
        reporter: Reporter,
        text: str | None,
    ) -> Manifest:
        """Clips under `folder`, judged as `engine` needs them, and beside them `MANIFEST`, last; `language` None: the
        one that is heard. Raises SpeechError as `train.intake` does."""
        from train.intake import analyze_recordings, load_intake_models

        models, record = load_intake_models(self.store, os.cpu_count() or 1), self.registry.engine(engine)
        return analyze_recordings(recordings, record, language, folder, models, reporter, text)

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

        return clone(folder, manifest, CloneOptions(**options), self.store, library, work, reporter)

    def keep_reference(
        self, folder: Path, manifest: Manifest, options: Mapping[str, Any], library: VoiceLibrary, engine: str
    ) -> VoiceMeta:
        """A voice in `library` of the best clips in `folder`, for `engine`, which hears a speaker in them."""
        from train.cloning import CloneOptions
        from train.references import keep_reference

        record = self.registry.engine(engine)
        return keep_reference(folder, manifest, CloneOptions(**options), library, record)


def keep_clips(manifest: Manifest, source: Path, folder: Path) -> None:
    """The sounds of clips from `source` into `folder`, linked where that can be, and beside them `MANIFEST`, last."""
    for clip in manifest.clips:
        target = folder / clip.audio_path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source / clip.audio_path, target)
        except FileExistsError:  # an earlier attempt's
            continue
        except OSError:  # another disk, or a file system without links
            shutil.copyfile(source / clip.audio_path, target)
    manifest.save(folder / MANIFEST)


def voice_id_of(name: str) -> str:
    """The id that a voice of this name gets: its letters without marks, or a hash where none of them is Latin."""
    letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")[:30].rstrip("_")
    if not slug:
        return f"voice_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return slug if slug[0].isalpha() and len(slug) > 1 and slug not in RESERVED else f"voice_{slug}"
