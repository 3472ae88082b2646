"""A service that runs is copied while jobs are added, and speaks again elsewhere, on the other database too."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from api_service import SILENCE, Service, running, settings_in

from app.cli import main
from app.errors import Problem
from app.jobs.store import JobStore
from app.storage.backup import back_up, restore
from app.storage.database import Database


def made(service: Service, file: Path) -> dict[str, Any]:
    return back_up(service.services.settings, service.services.database, file)


@pytest.fixture
def backup(service: Service, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, bytes]:
    """Of a service with a job done and one that waits; the id and the sound of the first."""
    job = service.completed("Bom dia.")
    service.add("Boa noite.")
    file = tmp_path_factory.mktemp("backup") / "papagaio.tar.gz"
    made(service, file)
    return file, job["id"], service.client.get(f"/jobs/{job['id']}/download").content


def check(folder: Path, job_id: str, sound: bytes, **changes: Any) -> None:
    with running(folder, **changes) as again:
        assert again.client.get(f"/jobs/{job_id}/download").content == sound
        before = again.client.get("/jobs").json()["total"]
        again.work()  # the one that waited, and ids go on
        again.completed("Outra vez.")
        found = again.client.get("/jobs").json()
        assert found["total"] == before + 1 and {job["status"] for job in found["jobs"]} == {"completed"}


def test_what_was_backed_up_works_elsewhere(backup: tuple[Path, str, bytes], tmp_path: Path) -> None:
    file, job_id, sound = backup
    assert os.stat(file).st_mode & 0o777 == 0o600
    restore(settings_in(tmp_path / "again"), file)
    check(tmp_path / "again", job_id, sound)


@pytest.mark.processes
def test_a_backup_moves_a_service_to_postgresql(
    backup: tuple[Path, str, bytes], tmp_path: Path, postgresql_url: str
) -> None:
    file, job_id, sound = backup
    restore(settings_in(tmp_path / "again", database_url=postgresql_url), file)
    check(tmp_path / "again", job_id, sound, database_url=postgresql_url)


def test_it_is_consistent_while_jobs_come_and_end(service: Service, tmp_path_factory: pytest.TempPathFactory) -> None:
    stopping = threading.Event()

    def load() -> None:
        while not stopping.is_set():
            service.completed("Bom dia.")

    thread = threading.Thread(target=load)
    thread.start()
    try:
        file = tmp_path_factory.mktemp("backup") / "papagaio.tar.gz"
        for _ in range(3):
            made(service, file)
    finally:
        stopping.set()
        thread.join()
    folder = tmp_path_factory.mktemp("again") / "data"
    restore(settings_in(folder), file)
    with running(folder) as again:
        for job in again.client.get("/jobs?limit=100").json()["jobs"]:
            if job["status"] == "completed":
                assert again.client.get(f"/jobs/{job['id']}/download").status_code == 200


def test_a_place_that_is_in_use_is_left_alone(backup: tuple[Path, str, bytes], tmp_path: Path) -> None:
    file, _, _ = backup
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(Problem) as refused:
        restore(settings_in(tmp_path), file)
    assert refused.value.code == "restore_not_empty"


@pytest.mark.parametrize("name", ["../evil.txt", "/tmp/evil.txt"])
def test_an_archive_that_would_leave_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    file, folder = tmp_path / "bad.tar.gz", tmp_path / "new"
    with tarfile.open(file, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    with pytest.raises(Problem) as refused:
        restore(settings_in(folder), file)
    assert refused.value.code == "backup_malformed" and not (tmp_path / "evil.txt").exists()
    assert not list(folder.iterdir())


def test_one_command_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "one"))
    monkeypatch.setenv("PAPAGAIO_EXTRA_ENGINES", '{"silence": "%s"}' % SILENCE["silence"])
    with running(tmp_path / "one") as service:
        job_id = service.add("Bom dia.")["id"]
        file = tmp_path / "papagaio.tar.gz"
        assert main(["backup", str(file)]) == 0
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "two"))
    assert main(["restore", str(file)]) == 0
    settings = settings_in(tmp_path / "two")
    database = Database(settings.url)
    assert JobStore(database).get(job_id).status == "pending"
    database.close()
    assert main(["restore", str(file)]) == 2 and main(["backup", str(tmp_path / "no" / "x")]) == 2
    assert "papagaio.tar.gz" in capsys.readouterr().err
