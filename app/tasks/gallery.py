"""A model of a gallery brought by a job: fetched by the guard of links, compared with its checksum, then judged as any
upload is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, BinaryIO, cast

from pydantic import BaseModel, ConfigDict

from app.callers import Caller
from app.errors import Problem
from app.jobs.context import Cancelled, JobContext
from app.security.urls import UrlGuard
from app.settings import Settings
from app.storage.database import Database
from app.storage.rvc_models import RvcModelStore
from app.tasks.rvc_models import RvcModels, UploadedFile, verdict_of
from speech.engines.rvc.gallery import GalleryFile, GalleryModel

SHORT = 12  # digits of the checksum in the name of a file that was brought


class DownloadParams(BaseModel):
    """What a job of this kind stores."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    gallery_id: str
    item_id: str
    name: str
    description: str = ""
    licence: str
    model: GalleryFile
    index: GalleryFile | None = None
    reader: str = "en"  # whose language a refusal is in


def guard_of(settings: Settings) -> UrlGuard:
    return UrlGuard(frozenset(host.lower() for host in settings.fetch_private_hosts))


def file_name(item: GalleryModel) -> str:
    """What the model's file is called here, by which one that was brought is known."""
    return f"{item.item_id}-{item.model.sha256[:SHORT]}.pth"


def download_model(
    settings: Settings, context: JobContext, params: Mapping[str, Any], guard: UrlGuard | None = None
) -> dict[str, Any]:
    """The result says the model's id and the verdict on it.

    Raises Problem `gallery_checksum`, as `UrlGuard.fetch` and `RvcModels.take_in`; Cancelled. Nothing stays then.
    """
    wanted = DownloadParams.model_validate(params)
    guard = guard or guard_of(settings)
    files = [(".pth", wanted.model), *([(".index", wanted.index)] if wanted.index else [])]
    total = sum(file.size_bytes for _, file in files)
    stem = f"{wanted.item_id}-{wanted.model.sha256[:SHORT]}"
    context.work_dir.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    done = 0
    for suffix, file in files:
        path = context.work_dir / f"{stem}{suffix}"
        fetch(guard, file, path, _reporting(context, done, total))
        paths.append(path)
        done += file.size_bytes
    context.progress(95, 100, "rvc.stage.judging")
    with closing(Database(settings.url)) as database, ExitStack() as stack:
        given = [UploadedFile(path.name, stack.enter_context(path.open("rb"))) for path in paths]
        models = RvcModels(RvcModelStore(database, Caller(context.job.user_id)), settings.rvc_path)
        index = given[1] if len(given) > 1 else None
        model = models.take_in(wanted.name, wanted.description, given[0], index, wanted.reader)
    reasons = [reason.code for reason in verdict_of(model).reasons]
    return {"model_id": model.model_id, "name": model.name, "sha256": wanted.model.sha256, "reasons": reasons}


def fetch(guard: UrlGuard, file: GalleryFile, path: Path, written: Callable[[int], None]) -> None:
    """`file` at `path`, or nothing there. Raises Problem `gallery_checksum`, and as `UrlGuard.fetch`."""
    digest = hashlib.sha256()
    try:
        with path.open("wb") as target:
            fetched = guard.fetch(file.url, cast(BinaryIO, _Watched(target, digest.update, written)), file.size_bytes)
        if (fetched.size_bytes, digest.hexdigest()) != (file.size_bytes, file.sha256):
            found, wanted = digest.hexdigest()[:SHORT], file.sha256[:SHORT]
            raise Problem("gallery_checksum", url=file.url[:200], size=fetched.size_bytes, found=found, wanted=wanted)
    except BaseException:
        path.unlink(missing_ok=True)
        raise


class _Watched:
    """A file whose bytes are counted and hashed on their way."""

    def __init__(self, target: BinaryIO, hashed: Callable[[bytes], None], written: Callable[[int], None]) -> None:
        self._target, self._hashed, self._written, self._done = target, hashed, written, 0

    def write(self, block: bytes) -> int:
        self._hashed(block)
        self._done += len(block)
        self._written(self._done)
        return self._target.write(block)


def _reporting(context: JobContext, before: int, total: int) -> Callable[[int], None]:
    def written(done: int) -> None:
        if context.should_stop():
            raise Cancelled
        context.progress(round(900 * (before + done) / total), 1000, "rvc.stage.downloading")

    return written
