"""Many sounds as one ZIP, made while it is sent: nothing of it is on the disk, and little in memory."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from starlette.responses import StreamingResponse

from app.api.job_views import error_of
from app.api.jobs import FORMATS, unexpired
from app.api.services import Services
from app.api.sound import finished_sound
from app.api.times import iso
from app.errors import Problem
from app.jobs.job import Job

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Entry:
    """A job, or the id of one that is gone, and the name of its file without the ending."""

    name: str
    job_id: str
    job: Job | None
    number: int | None = None  # of a batch's row


def checked_format(asked: str) -> str:
    """Raises Problem `unknown_format`."""
    if asked.lower() not in FORMATS:
        raise Problem("unknown_format", format=asked[:80], choices=list(FORMATS))
    return asked.lower()


def archive(services: Services, entries: Sequence[Entry], format_name: str, filename: str, **about: Any) -> Any:
    """The response. `manifest.json`, its last entry, names every file, and what has none and why."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}"', "X-Accel-Buffering": "no"}
    blocks = _blocks(services, entries, format_name, about)
    return StreamingResponse(blocks, media_type="application/zip", headers=headers)


class _Sink(io.RawIOBase):
    """Takes what a ZIP writes, which cannot go back in it, and gives it out."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(self._parts[-1])

    def taken(self) -> bytes:
        data, self._parts = b"".join(self._parts), []
        return data


def _blocks(services: Services, entries: Sequence[Entry], format_name: str, about: dict[str, Any]) -> Iterator[bytes]:
    sink, files, missing = _Sink(), [], []
    with zipfile.ZipFile(cast(BinaryIO, sink), "w", zipfile.ZIP_STORED) as made:
        for entry in entries:
            name = f"{entry.name}.{format_name}"
            try:
                sound = iter(finished_sound(services, _completed(entry), format_name))
                first = next(sound, b"")
            except Problem as problem:  # deleted, or never made
                missing.append(_missing(entry, problem))
                continue
            info = zipfile.ZipInfo(name, time.gmtime()[:6])
            info.external_attr = 0o644 << 16
            with made.open(info, "w", force_zip64=True) as file:
                file.write(first)
                yield sink.taken()
                for block in sound:
                    file.write(block)
                    yield sink.taken()
            files.append(_told(entry, name))
        made.writestr(MANIFEST, manifest(format_name, files, missing, **about))
        yield sink.taken()
    yield sink.taken()


def manifest(
    format_name: str, files: Sequence[Mapping[str, Any]], missing: Sequence[Mapping[str, Any]], **about: Any
) -> str:
    """The text of `manifest.json`. `files` are of `file_told`, `missing` have the code of why there is no sound."""
    document = {**about, "format": format_name, "created_at": iso(time.time()), "files": files, "missing": missing}
    return json.dumps(document, ensure_ascii=False, indent=2)


def file_told(name: str, params: Mapping[str, Any], result: Mapping[str, Any], **about: Any) -> dict[str, Any]:
    """A file in the manifest: what it says and what it was made with; `params` and `result` as a job has them."""
    fields = ("text", "language", "voice", "engine", "seed", "quality_profile_id")
    made = {key: result[key] for key in ("duration_s", "sample_rate", "licence", "licence_url") if key in result}
    return {**about, "file": name, **{key: params.get(key) for key in fields}, **made}


def row_file_name(number: int, name: str) -> str:
    """Of a batch's row, without the ending: in the order of the rows."""
    return f"{number:04}-{name}" if name else f"{number:04}"


def _completed(entry: Entry) -> Job:
    if entry.job is None:
        raise Problem("job_not_found", job_id=entry.job_id)
    if entry.job.status != "completed":
        raise Problem("job_without_sound", job_id=entry.job_id, status=entry.job.status)
    return unexpired(entry.job)


def _told(entry: Entry, name: str) -> dict[str, Any]:
    assert entry.job is not None and entry.job.result is not None
    row = {} if entry.number is None else {"row": entry.number}
    return file_told(name, entry.job.params, entry.job.result, **row, job_id=entry.job_id)


def _missing(entry: Entry, problem: Problem) -> dict[str, Any]:
    row = {} if entry.number is None else {"row": entry.number}
    status = entry.job.status if entry.job else None
    failed = error_of(entry.job) if entry.job else None
    code = failed.code if failed else problem.code
    return {**row, "job_id": entry.job_id, "status": status, "code": code}
