"""Recordings that come with a request: kept in the work folder of the job that is added for them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from app.api.bodies import Upload
from app.api.services import Services
from app.errors import Problem
from app.jobs.kinds import Kind
from app.security.sniffing import HEAD_BYTES, other_than_sound
from speech.errors import SpeechError

if TYPE_CHECKING:
    from app.jobs.job import Job
    from speech.audio import Audio


LONGEST_S = 3600.0  # of what is listened to while its sender waits


def add_with_recordings(
    services: Services,
    kind: Kind,
    params: dict[str, Any],
    recordings: Sequence[Upload],
    *,
    reserves: str = "",
    sound_only: bool = True,
) -> Job:
    """A job whose recordings lie in its work folder. `sound_only` false: tables and archives may be among them.

    Raises Problem `upload_not_sound`, SpeechError `audio_empty`, and NameReserved.
    """
    from app.tasks.cloning_service import UPLOADS

    for recording in recordings if sound_only else ():
        refuse_other_than_sound(recording)

    def keep(work: Path) -> dict[str, Any]:
        names, size = [], 0
        for number, recording in enumerate(recordings, 1):
            name = plain_name(recording.filename)
            folder = work / UPLOADS / str(number)
            folder.mkdir(parents=True)
            with (folder / name).open("xb") as file:
                shutil.copyfileobj(recording.file, file, 1 << 20)
            if not (length := (folder / name).stat().st_size):
                raise SpeechError("audio_empty")
            names.append(name)
            size += length
        return params | {"input_files": names, "file_size_input": size}

    return add_with_files(services, kind, keep, reserves=reserves)


def refuse_other_than_sound(recording: Upload) -> None:
    """Raises Problem `upload_not_sound` for what its first bytes say is something else, whatever it is called."""
    found = other_than_sound(recording.file.read(HEAD_BYTES))
    recording.file.seek(0)
    if found:
        raise Problem("upload_not_sound", file=plain_name(recording.filename), found=found)


def add_with_files(
    services: Services, kind: Kind, keep: Callable[[Path], dict[str, Any]], *, reserves: str = ""
) -> Job:
    """A job of the params that `keep` returns after it wrote into the work folder; nothing stays where it raises."""
    from app.jobs.job import new_job_id

    job_id = new_job_id()
    try:
        params = keep(services.files.work(job_id))
        return services.jobs.add(kind, params, job_id=job_id, reserves=reserves)
    except BaseException:
        services.files.delete(job_id)
        raise


def plain_name(given: str | None) -> str:
    """The last part of a file's name, without what a file system or a terminal would stumble over."""
    last = PurePosixPath((given or "").replace("\\", "/")).name.lstrip(".")
    kept = "".join(letter if letter.isprintable() else "_" for letter in last)[-100:]
    return kept.encode("utf-8", "replace")[-200:].decode("utf-8", "ignore") or "recording"


def read_sound(upload: Upload, longest_s: float = LONGEST_S) -> Audio:
    """A recording as it is listened to. Raises Problem `transcription_too_long`, and what `read_recording` raises."""
    from speech.asr import SAMPLE_RATE
    from speech.recordings import read_recording

    with TemporaryDirectory(prefix="papagaio-") as folder:
        path = Path(folder) / plain_name(upload.filename)
        with path.open("xb") as file:
            shutil.copyfileobj(upload.file, file, 1 << 20)
        try:
            return read_recording(path, SAMPLE_RATE, longest_s).audio
        except SpeechError as error:
            if error.code == "recording_too_long":
                raise Problem("transcription_too_long", file=path.name, maximum_s=round(longest_s)) from error
            raise
