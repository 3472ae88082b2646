"""Where datasets are: what `train.dataset` offers to the service and the command line, and whether it can be used."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.callers import LOCAL, Caller
from app.errors import Problem
from speech.errors import SpeechError
from speech.models import ModelStore

if TYPE_CHECKING:
    from train.dataset.folder import DatasetFolder
    from train.dataset.options import DatasetOptions
    from train.dataset.pipeline import Run
    from train.dataset.records import Sample, Source
    from train.progress import Reporter

MODULES = ("faster_whisper", "kaldi_native_fbank", "noisereduce", "onnx_asr", "speechmos", "wordfreq", "yt_dlp", "yaml")
MODELS = ("whisper-base", "speaker-resnet34")
INSTALL_COMMAND = "./run dataset list"
COMPONENT = "datasets"  # that brings them from the page


Mark = tuple[int, int]  # when a file was written, in ns, and its bytes


@dataclass(frozen=True)
class _Kept:
    """Clips that were read, and of which files."""

    marks: tuple[Mark, ...]
    stage_samples: tuple[Sample, ...]
    samples: tuple[Sample, ...]


def _mark(path: Path) -> Mark:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


class DatasetService:
    """The datasets in a folder. `hosts`: links to these may be fetched besides those of the configuration."""

    def __init__(self, store: ModelStore, root: Path, hosts: Sequence[str] = ()) -> None:
        self.store, self.root, self._hosts = store, root, tuple(hosts)
        self._kept: dict[Path, _Kept] = {}

    def check_modules(self) -> None:
        """Raises Problem `datasets_not_installed` with the command that brings them."""
        missing = [name for name in MODULES if importlib.util.find_spec(name) is None]
        if missing:
            raise Problem("datasets_not_installed", packages=missing, command=INSTALL_COMMAND, component=COMPONENT)

    def check(self) -> None:
        """Raises Problem `datasets_not_installed`, `cloning_models_missing` with the command that brings it."""
        self.check_modules()
        lacking = [name for name in MODELS if not self.store.is_installed(name)]
        if lacking:
            command = f"papagaio models pull {' '.join(lacking)}"
            raise Problem("cloning_models_missing", models=lacking, command=command, component=COMPONENT)

    def names(self, caller: Caller = LOCAL) -> list[str]:
        from train.dataset.folder import names

        return [name for name in names(self.root) if self._is_seen(name, caller)]

    def _is_seen(self, name: str, caller: Caller) -> bool:
        from train.dataset.folder import DatasetFolder

        return caller.may_see(str(DatasetFolder(self.root / name).description().get("owner", LOCAL.user_id)))

    def create(self, name: str, language: str, caller: Caller = LOCAL) -> DatasetFolder:
        """Raises SpeechError `bad_dataset_name`, `dataset_exists`, `unknown_dataset_language`."""
        from train.dataset.folder import DatasetFolder

        return DatasetFolder.create(self.root / name, language, owner=caller.user_id)

    def open(self, name: str, caller: Caller = LOCAL) -> DatasetFolder:
        """Raises SpeechError `unknown_dataset`, also for those of somebody else."""
        from train.dataset.folder import DatasetFolder

        folder = DatasetFolder.open(self.root / name)
        if not self._is_seen(name, caller):
            raise SpeechError("unknown_dataset", name=name, choices=self.names(caller) or ["–"])
        return folder

    def delete(self, folder: DatasetFolder) -> None:
        """Raises SpeechError `dataset_busy`."""
        with folder.running():
            shutil.rmtree(folder.root)

    def options(self, folder: DatasetFolder) -> DatasetOptions:
        """As configured, with the hosts that the operator allows."""
        options = folder.options()
        hosts = tuple(dict.fromkeys((*options.download.allowed_hosts, *self._hosts)))
        return replace(options, download=replace(options.download, allowed_hosts=hosts))

    def samples(self, folder: DatasetFolder) -> tuple[Sample, ...]:
        """The clips with what a person changed; read again only when a file changed, since there may be 20 000."""
        from train.dataset.edits import applied

        marks = tuple(_mark(path) for path in (folder.manifest, folder.edits_path))
        kept = self._kept.get(folder.root)
        if kept is None or kept.marks[0] != marks[0]:
            stage = folder.stage_samples()
        elif kept.marks == marks:
            return kept.samples
        else:
            stage = kept.stage_samples
        made = applied(stage, folder.edits())
        self._kept[folder.root] = _Kept(marks, stage, made)
        return made

    def sample(self, folder: DatasetFolder, sample_id: str) -> Sample:
        """Raises SpeechError `unknown_sample`."""
        found = next((sample for sample in self.samples(folder) if sample.sample_id == sample_id), None)
        if found is None:
            raise SpeechError("unknown_sample", sample=sample_id[:120])
        return found

    def can_undo(self, folder: DatasetFolder) -> bool:
        from train.dataset.edits import standing

        return bool(standing(folder.edits()))

    def add(self, folder: DatasetFolder, what: str, reporter: Reporter, speaker: str = "") -> tuple[Source, ...]:
        from train.dataset.sources import add

        return add(folder, what, self.options(folder).download, reporter, speaker)

    def run(
        self, folder: DatasetFolder, reporter: Reporter, first: str = "download", last: str = "build", **changes: Any
    ) -> Run:
        """Stages of the pipeline. Raises what `train.dataset.pipeline.run` raises."""
        from train.dataset.options import changed
        from train.dataset.pipeline import run

        return run(folder, changed(self.options(folder), changes), self.store, reporter, first, last)
