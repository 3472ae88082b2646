"""`papagaio batch`: a table of texts to a folder of sounds with a manifest, without the service.

The rows are read and checked as `POST /jobs/batch` does, and the manifest is that of its ZIP. What is in the folder
already, made from the same row, is not spoken again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.api.archive import MANIFEST, checked_format, file_told, manifest, row_file_name
from app.api.batch import DEFAULTS, NewBatch, Preview, defaults_of, preview_of, rows_of
from app.api.batch_rows import MOST_CSV_BYTES, CheckedRow, checked_rows, rows_of_csv
from app.api.bodies import parsed, validated
from app.api.services import Services
from app.callers import LOCAL
from app.commands.console import Console
from app.commands.speak import bring
from app.errors import Problem
from speech.errors import SpeechError
from speech.files import write_whole

NOT_MADE_FROM = (
    *("seed", "voice_preset", "voice_name", "voice_description"),
    *("tts_engine_requested", "engine_reason", "engines_passed_over"),
)


@dataclass
class Folder:
    """Where the sounds go: what is there of each row, and the manifest, which is written after every row."""

    path: Path
    format: str
    title: str
    files: dict[int, dict[str, Any]] = field(default_factory=dict)  # by row
    missing: dict[int, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def opened(cls, path: Path, format_name: str, title: str) -> Folder:
        """Raises SpeechError `output_unwritable`; a manifest that cannot be read is none."""
        folder = cls(path, format_name, title)
        with writing(path):
            path.mkdir(parents=True, exist_ok=True)
        try:
            told = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
            folder.files = {int(one["row"]): one for one in told["files"] if (path / Path(one["file"]).name).is_file()}
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return folder
        return folder

    def has(self, row: CheckedRow) -> bool:
        """Whether its sound is there, made from what the row says now."""
        told = self.files.get(row.number, {})
        return told.get("made_from") == made_from(row) and told.get("file") == self.name_of(row)

    def name_of(self, row: CheckedRow) -> str:
        return f"{row_file_name(row.number, row.name)}.{self.format}"

    def put(self, row: CheckedRow, told: Mapping[str, Any]) -> None:
        """`told`: of `app.api.archive.file_told`. Raises SpeechError `output_unwritable`."""
        self.missing.pop(row.number, None)
        self.files[row.number] = {**told, "made_from": made_from(row)}
        self.write()

    def lacks(self, row: CheckedRow, code: str, message: str) -> None:
        """Raises SpeechError `output_unwritable`."""
        self.files.pop(row.number, None)
        self.missing[row.number] = {"row": row.number, "job_id": None, "status": "failed", "code": code}
        self.missing[row.number]["message"] = message
        self.write()

    def write(self) -> None:
        files, missing = ([rows[number] for number in sorted(rows)] for rows in (self.files, self.missing))
        with writing(self.path):
            write_whole(self.path / MANIFEST, manifest(self.format, files, missing, title=self.title))


def batch(options: argparse.Namespace, console: Console) -> int:
    """0 where every row has its sound, or could have with `--dry-run`; else 1. Raises Problem `batch_columns`,
    `batch_empty`, `batch_too_many`, `bad_body`, `invalid_request`, `unknown_format`, SpeechError `output_unwritable`.
    """
    from app.settings import load_settings
    from app.wiring import wire

    if not (options.output or options.dry_run):
        raise SpeechError("missing_argument", names=["-o/--output"], choices=["--dry-run"])
    format_name = checked_format(options.format)
    body, rows, is_json = asked(read(options.file))
    given = {name: value for name in DEFAULTS if (value := getattr(options, name))}
    settings = load_settings().model_copy(update={"engine_url": ""})  # the engines of this process
    services = wire(settings, supervised=False).of(LOCAL)
    with closing(services.database), closing(services.synthesizer):
        defaults = defaults_of(body) | given
        if not options.dry_run:
            _bring_engines(services, rows, defaults, console, options.accept_licence)
        checked = checked_rows(services, rows, defaults, strict=is_json)
        if options.dry_run:
            return _show_preview(preview_of(services, checked, console.language), options.json, console)
        folder = Folder.opened(Path(options.output), format_name, body.title)
        folder.files = {row.number: folder.files[row.number] for row in checked if folder.has(row)}
        kept = len(folder.files)
        _speak_rows(services, checked, folder, console)
    _show_result(folder, kept, options.json, console)
    return 1 if folder.missing else 0


def asked(data: bytes) -> tuple[NewBatch, Sequence[Mapping[str, Any]], bool]:
    """What the file asks for, its rows, and whether they are JSON's: a list of rows, or a body of `POST /jobs/batch`.

    Raises Problem as that does.
    """
    if not data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"[", b"{"):
        return NewBatch(), rows_of_csv(data), False
    if len(data) > MOST_CSV_BYTES:
        raise Problem("body_too_large", limit_mb=MOST_CSV_BYTES >> 20)
    value = parsed(data.removeprefix(b"\xef\xbb\xbf"))
    body = validated(NewBatch, value if isinstance(value, dict) else {"items": value}, strict=True)
    return body, *rows_of(body)


def read(name: str) -> bytes:
    """A file's bytes, or of `-` what standard input holds. Raises SpeechError `batch_file_unreadable`."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(MOST_CSV_BYTES + 1)
        with Path(name).open("rb") as file:
            return file.read(MOST_CSV_BYTES + 1)
    except OSError as error:
        raise SpeechError("batch_file_unreadable", path=name, reason=error.strerror or str(error)) from error


def made_from(row: CheckedRow) -> str:
    """The same where the same sound, but for a drawn seed, would be made again."""
    kept = {name: value for name, value in (row.params or {}).items() if name not in NOT_MADE_FROM}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises SpeechError `output_unwritable`: what comes after would not be kept either."""
    try:
        yield
    except OSError as error:
        raise SpeechError("output_unwritable", path=str(path), reason=error.strerror or str(error)) from error


def _bring_engines(
    services: Services,
    rows: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, str],
    console: Console,
    licence: str | None,
) -> None:
    """The weights of every engine that a row names, or that is chosen where none does; what is wrong with a name is
    told of its row."""
    synthesizer = services.synthesizer
    for name in {str(row.get("engine") or defaults.get("engine") or "").lower() for row in rows}:
        try:
            models = synthesizer.models_of(synthesizer.choose_engine(name or None).engine)
        except SpeechError:
            continue
        bring(synthesizer, models, console, licence)


def _speak_rows(services: Services, checked: Sequence[CheckedRow], folder: Folder, console: Console) -> None:
    """Every row that is not there yet; what is wrong with one is kept with it."""
    for row in checked:
        place = f"{row.number}/{len(checked)}"
        if folder.has(row):
            continue
        code, values = _problem_of(row) if row.params is None else _spoken(services, row, folder)
        if not code:
            console.note(f"{place}  {folder.name_of(row)}")
            continue
        message = " ".join(console.text(f"error.{code}", **values).split())
        console.note(f"{place}  {message}")
        folder.lacks(row, code, message)
    folder.write()


def _problem_of(row: CheckedRow) -> tuple[str, Mapping[str, object]]:
    return row.errors[0].code, row.errors[0].values


def _spoken(services: Services, row: CheckedRow, folder: Folder) -> tuple[str, Mapping[str, object]]:
    """Why there is no sound; "" where there is one. Raises SpeechError `output_unwritable`."""
    from app.tasks.synthesis import SynthesisParams, plan_of
    from speech import audio
    from speech.plan import tags_of

    assert row.params is not None
    target = folder.path / folder.name_of(row)
    try:
        plan = plan_of(services.synthesizer, SynthesisParams.model_validate(row.params))
        sound = audio.join(services.synthesizer.speak(plan))
    except (SpeechError, Problem) as error:
        return error.code, error.values
    except Exception as error:  # of an engine: the other rows may be well
        return "command_failed", {"kind": type(error).__name__, "reason": str(error) or "-"}
    with writing(target):
        audio.save(sound, target, folder.format, tags_of(plan))
    used = {"licence": plan.info.licence, "licence_url": plan.info.licence_url or None}
    result = {"duration_s": sound.duration_s, "sample_rate": sound.sample_rate, **used}
    folder.put(row, file_told(target.name, row.params, result, row=row.number, job_id=None))
    return "", {}


def _show_preview(preview: Preview, as_json: bool, console: Console) -> int:
    if as_json:
        console.line(json.dumps(preview.model_dump(mode="json"), ensure_ascii=False, indent=2))
    else:
        for error in preview.errors:
            field_name = f" {error.field}:" if error.field else ""
            console.say("cli.batch.row_error", row=error.row, message=field_name + " " + error.message)
        counts = {"rows": preview.rows, "good": preview.good, "characters": preview.characters}
        console.say("cli.batch.preview", **counts)
        if preview.estimate_s is None:
            console.say("cli.batch.no_estimate")
        else:
            console.say("cli.batch.estimate", work_s=preview.estimate_s, audio_s=preview.estimate_audio_s)
    return 1 if preview.good < preview.rows else 0


def _show_result(folder: Folder, kept: int, as_json: bool, console: Console) -> None:
    counts = {"spoken": len(folder.files) - kept, "kept": kept, "failed": len(folder.missing)}
    place = str(folder.path / MANIFEST)
    if as_json:
        failed = [folder.missing[number] for number in sorted(folder.missing)]
        console.line(json.dumps({**counts, "manifest": place, "missing": failed}, ensure_ascii=False, indent=2))
        return
    for number in sorted(folder.missing):
        console.say("cli.batch.row_error", row=number, message=" " + folder.missing[number]["message"])
    console.say("cli.batch.done", path=place, **counts)
