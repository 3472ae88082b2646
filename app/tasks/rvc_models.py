"""Models of RVC come in, are looked through again, and go."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import BinaryIO

from app.errors import Problem
from app.storage.rvc_models import RvcModelStore, StoredModel
from app.texts import render
from speech.engines.rvc.intake import Reason, Verdict, examine_apart, examine_copy_apart
from speech.engines.rvc.library import RvcLibrary

SUFFIXES = {"pth_file": ".pth", "index_file": ".index"}


@dataclass(frozen=True)
class UploadedFile:
    """A file of a request, and what it is called."""

    name: str
    file: BinaryIO


class RvcModels:
    """The models of a caller: rows in the database, copies in a folder each."""

    def __init__(self, store: RvcModelStore, root: Path) -> None:
        self.store, self.library = store, RvcLibrary(root)

    def take_in(
        self, name: str, description: str, pth: UploadedFile, index: UploadedFile | None, reader: str
    ) -> StoredModel:
        """Look through the files, keep our own copies and the verdict.

        Raises Problem `rvc_suffix`, `rvc_name_taken`, and `rvc_refused` with the reasons in the reader's language.
        """
        for field, given in (("pth_file", pth), ("index_file", index)):
            if given is not None and not given.name.lower().endswith(SUFFIXES[field]):
                raise Problem("rvc_suffix", file=given.name, field=field, suffix=SUFFIXES[field])
        if self.store.has_name(name):
            raise Problem("rvc_name_taken", name=name)
        with self._staging() as staging:
            made = staging / "model"
            made.mkdir()
            files = [_kept(given, staging) for given in (pth, index) if given is not None]
            verdict = examine_apart(files[0], files[1] if index else None, made)
            if not verdict.is_usable:
                errors = [reason for reason in verdict.reasons if reason.is_error]
                raise Problem("rvc_refused", reasons=[said(reason, reader) for reason in errors])
            model = StoredModel(
                model_id=f"rvc_{token_hex(8)}",
                name=name,
                description=description,
                pth_file=pth.name,
                index_file=index.name if index else None,
                size_bytes=sum(path.stat().st_size for path in files),
                verdict=asdict(verdict),
                checked_at=time.time(),
                created_at=time.time(),
            )
            self.store.add(model)
            try:
                self.library.publish(made, model.model_id, name)
            except OSError:
                self.store.delete(model.model_id)
                raise
        return model

    def validate(self, model_id: str) -> StoredModel:
        """The verdict on our copies as they are now, by a process with limits. Raises Problem `rvc_model_unknown`."""
        self.store.get(model_id)
        verdict = examine_copy_apart(self.library.root / model_id)
        return self.store.change(model_id, verdict=asdict(verdict), checked_at=time.time())

    def delete(self, model_id: str) -> None:
        """Raises Problem `rvc_model_unknown`."""
        self.store.delete(model_id)
        self.library.delete(model_id)

    @contextmanager
    def _staging(self) -> Iterator[Path]:
        """A folder beside the models, so that a rename brings what was made among them."""
        self.library.root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".staging-", dir=self.library.root) as folder:
            yield Path(folder)


def verdict_of(model: StoredModel) -> Verdict:
    reasons = tuple(Reason(**reason) for reason in model.verdict["reasons"])
    return Verdict(reasons, model.verdict["about"])


def said(reason: Reason, reader: str) -> str:
    """A reason as a sentence."""
    return render(f"error.{reason.code}", reader, reason.values)


def _kept(given: UploadedFile, folder: Path) -> Path:
    path = folder / given.name
    with path.open("xb") as file:
        shutil.copyfileobj(given.file, file, 1 << 20)
    return path
