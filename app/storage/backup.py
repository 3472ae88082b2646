"""Everything a service keeps, in one file, and back.

The archive is a gzipped tar of `manifest.json`, a line of JSON for each row (`database/<table>.jsonl`), and the data
folder under `data/`. Rows go into SQLite and PostgreSQL alike, so that a backup also moves a service from one to the
other. A running service is held up only while its rows are read and its files linked aside: what is published later has
another name or another inode.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import Connection, MetaData, false, func, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Problem
from app.settings import Settings
from app.storage.database import Database, to_json
from app.storage.tables import metadata

FORM = 1
# What is made anew, or belongs to a process that runs.
LEFT_OUT = frozenset({"cache", "service.lock", "engine.sock", "engine.lock"})
BATCH = 500


def back_up(settings: Settings, database: Database, file: Path, *, with_models: bool = False) -> dict[str, Any]:
    """Write the archive, whole or not at all; its manifest, with the counts of rows and files."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.data_dir, prefix=".backup-") as staging:
        folder = Path(staging)
        (folder / "database").mkdir()
        with database.write() as connection:
            rows = {table.name: _dump(connection, table, folder) for table in metadata.sorted_tables}
            revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
            files = _link_all(settings, folder / "data", with_models)
        manifest = {"form": FORM, "revision": revision, "made_at": time.time(), "rows": rows, "files": files}
        (folder / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
        _pack(folder, file)
    return manifest


def restore(settings: Settings, file: Path) -> dict[str, Any]:
    """Bring an archive into a fresh data folder and an empty database; its manifest.

    Raises Problem `restore_not_empty`, `backup_malformed`, `backup_newer`.
    """
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if any(path.name not in {"service.lock", settings.models_path.name} for path in settings.data_dir.iterdir()):
        raise Problem("restore_not_empty", path=str(settings.data_dir))
    with TemporaryDirectory(dir=settings.data_dir, prefix=".restore-") as staging:
        manifest = _unpacked(file, Path(staging))
        database = Database(settings.url)
        try:
            _fill(database, manifest, Path(staging))
        finally:
            database.close()
        for path in (Path(staging) / "data").iterdir():
            shutil.move(path, settings.data_dir / path.name)
    return manifest


def _dump(connection: Connection, table: Any, folder: Path) -> int:
    count = 0
    with (folder / "database" / f"{table.name}.jsonl").open("w", encoding="utf-8") as lines:
        for row in connection.execute(select(table).order_by(*table.primary_key)).mappings():
            lines.write(to_json(dict(row)) + "\n")
            count += 1
    return count


def _link_all(settings: Settings, target: Path, with_models: bool) -> int:
    target.mkdir()
    left_out = {settings.data_dir / name for name in LEFT_OUT}
    if not with_models:
        left_out.add(settings.models_path)
    return sum(_link(path, target / path.relative_to(settings.data_dir)) for path in _files(settings, left_out))


def _files(settings: Settings, left_out: set[Path]) -> Iterator[Path]:
    def walk(folder: Path) -> Iterator[Path]:
        for path in sorted(folder.iterdir()):
            is_ours = path.name.startswith((".backup-", ".restore-", "tmp-", "papagaio.db"))
            if is_ours or path in left_out or path.is_symlink():
                continue
            if path.is_dir():
                yield from walk(path)
            elif path.is_file():
                yield path

    yield from walk(settings.data_dir)


def _link(path: Path, target: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target)
    except FileNotFoundError:  # it went while it was looked at
        return 0
    except OSError:  # no links on this file system
        shutil.copy2(path, target)
    return 1


def _pack(folder: Path, file: Path) -> None:
    part = file.with_name(file.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it holds the keys of the service
        with os.fdopen(descriptor, "wb") as out, tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
            for name in ("manifest.json", "database", "data"):
                archive.add(folder / name, arcname=name)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def _unpacked(file: Path, folder: Path) -> dict[str, Any]:
    try:
        with tarfile.open(file, "r:gz") as archive:
            archive.extractall(folder, filter="data")
        manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        if manifest["form"] != FORM or not (folder / "data").is_dir():
            raise KeyError("form")
    except (OSError, EOFError, tarfile.TarError, ValueError, KeyError, TypeError) as error:
        raise Problem("backup_malformed", path=str(file), reason=str(error)) from error
    return manifest


def _fill(database: Database, manifest: dict[str, Any], folder: Path) -> None:
    """The schema as it was then, its rows, and then the steps since."""
    from alembic.util.exc import CommandError

    try:
        database.migrate(manifest["revision"])
    except CommandError as error:
        raise Problem("backup_newer", revision=str(manifest["revision"])) from error
    then = MetaData()
    with database.read() as connection:
        then.reflect(connection)
    try:
        with database.write() as connection:
            for table in then.sorted_tables:
                _insert(connection, table, folder / "database" / f"{table.name}.jsonl")
    except (SQLAlchemyError, ValueError) as error:
        raise Problem("backup_malformed", path="database", reason=str(error)[:200]) from error
    database.migrate()


def _insert(connection: Connection, table: Any, file: Path) -> None:
    if not file.exists():  # alembic's own
        return
    if connection.scalar(select(func.count()).select_from(table)):
        raise Problem("restore_not_empty", path=table.name)
    rows: list[dict[str, Any]] = []
    with io.open(file, encoding="utf-8") as lines:
        for line in lines:
            rows.append(json.loads(line))
            if len(rows) == BATCH:
                connection.execute(insert(table), rows)
                rows = []
    if rows:
        connection.execute(insert(table), rows)
    _go_on_counting(connection, table)


def _go_on_counting(connection: Connection, table: Any) -> None:
    """PostgreSQL's sequences do not see ids that were given."""
    column = table.primary_key.columns.values()[0]
    if connection.dialect.name == "postgresql" and column.autoincrement and column.type.python_type is int:
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        latest = select(func.coalesce(func.max(column), 0) + 1).scalar_subquery()
        connection.execute(select(func.setval(sequence, latest, false())))
