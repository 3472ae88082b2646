"""Batches over HTTP, many jobs at once, and tables of them."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from api_service import Service, running
from sqlalchemy import update

from app.api.job_bulk import all_jobs
from app.api.jobs import filters_of
from app.jobs.context import Cancelled, JobContext
from app.jobs.expiry import sweep
from app.jobs.runner import Worker
from app.jobs.store import JobStore
from app.storage.tables import jobs
from speech.audio import load
from speech.text.csv_text import csv_lines

ROW = {"text": "Bom dia.", "language": "pt-BR"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("batch")) as service:
        yield service


def posted(service: Service, **body: Any) -> Any:
    return service.client.post("/jobs/batch", json=body)


def made(service: Service, **body: Any) -> dict[str, Any]:
    answer = posted(service, **body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def test_a_csv_becomes_jobs_and_a_zip_in_order(service: Service) -> None:
    table = "text;language;name;speed\nBom dia.;pt-BR;saudação;1,5\n"
    answer = service.client.post("/jobs/batch", files={"file": ("rows.csv", table.encode())})
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "1.speed"  # a decimal comma
    table = '\ufefftext,language,name\n"Olá, mundo",pt-BR,../a\nHello.,en-US,\nBom dia.,,\n'
    sent = {"files": {"file": ("rows.csv", table.encode())}, "data": {"language": "pt-BR", "title": "Three"}}
    answer = service.client.post("/jobs/batch", **sent)
    assert answer.status_code == 202, answer.text
    batch = answer.json()
    assert [item["language"] for item in batch["items"]] == ["pt-BR", "en-US", "pt-BR"] and not batch["is_ended"]
    assert service.client.get(f"/jobs/batch/{batch['id']}/download").json()["code"] == "batch_without_sound"
    service.work()
    batch = service.client.get(f"/jobs/batch/{batch['id']}").json()
    assert batch["is_ended"] and batch["progress"] == 100.0 and batch["counts"]["completed"] == 3
    answer = service.client.get(f"/jobs/batch/{batch['id']}/download?format=mp3")
    archive = opened(answer.content)
    assert archive.namelist() == ["0001-a.mp3", "0002.mp3", "0003.mp3", "manifest.json"]
    assert load(io.BytesIO(archive.read("0001-a.mp3"))).duration_s > 0.2
    manifest = json.loads(archive.read("manifest.json"))
    assert [file["text"] for file in manifest["files"]] == ["Olá, mundo", "Hello.", "Bom dia."]
    assert manifest["title"] == "Three" and manifest["missing"] == []
    wav = opened(service.client.get(f"/jobs/batch/{batch['id']}/download").content)
    assert wav.read("0002.wav")[:4] == b"RIFF"
    assert service.client.get("/jobs/batch").json()["batches"][0]["id"] == batch["id"]


def test_a_look_first_says_what_is_wrong_by_row_and_writes_nothing(service: Service) -> None:
    service.completed()
    before = service.client.get("/jobs").json()["total"]
    items = [ROW, {**ROW, "voice": "nobody"}, {"text": ""}, {**ROW, "language": "xx"}, {**ROW, "text": "a" * 10_001}]
    items += [{**ROW, "profile": "none"}, {**ROW, "tempo": 2}, {**ROW, "engine": "none"}, {"text": "Oi."}]
    answer = posted(service, items=items, dry_run=True)
    assert answer.status_code == 200
    preview = answer.json()
    assert (preview["rows"], preview["good"]) == (9, 1) and preview["estimate_s"] >= 0
    assert preview["estimate_audio_s"] > 0 and preview["items"][0]["engine"] == "silence"
    found = {(error["row"], error["field"], error["code"]) for error in preview["errors"]}
    assert {(3, "text", "field_too_short"), (5, "text", "field_too_long"), (9, "language", "field_missing")} <= found
    assert {(7, "tempo", "field_unknown"), (6, "", "profile_not_found"), (8, "", "unknown_engine")} <= found
    assert {error["row"] for error in preview["errors"]} == set(range(2, 10))
    refused = posted(service, items=items)
    assert refused.status_code == 422 and refused.json()["code"] == "batch_rows_bad"
    assert {error["field"].partition(".")[0] for error in refused.json()["errors"]} == set("23456789")
    assert service.client.get("/jobs").json()["total"] == before
    skipping = made(service, items=items, skip_bad=True)
    assert skipping["total"] == 1 and len(skipping["skipped"]) == 8
    assert posted(service, items=items[1:3], skip_bad=True).status_code == 422


def test_what_is_no_batch(service: Service) -> None:
    for body, code in (
        ({}, "batch_empty"),
        ({"items": [ROW], "texts": ["Oi."]}, "invalid_request"),
        ({"items": [ROW] * 1001}, "invalid_request"),
        ({"rows": [ROW]}, "invalid_request"),
    ):
        answer = posted(service, **body)
        assert answer.json()["code"] == code and 400 <= answer.status_code < 500
    for table, code in (
        (b"words,language\nOi,pt\n", "batch_columns"),
        (b"text,text\nOi,Oi\n", "batch_columns"),
        (b"text,language\n", "batch_empty"),
        (b"text\n" + b"Oi.\n" * 1001, "batch_too_many"),
        (b"text\n\xff\xfe\n", "input_not_utf8"),
        (b"text,language\nOi,pt-BR,more\n", "batch_rows_bad"),
        (b"", "batch_columns"),
    ):
        answer = service.client.post("/jobs/batch", files={"file": ("a.csv", table)}, data={"language": "pt-BR"})
        assert answer.json()["code"] == code, (table[:40], answer.text)
    for method, path in (("GET", ""), ("GET", "/download"), ("POST", "/retry"), ("POST", "/cancel"), ("DELETE", "")):
        assert service.client.request(method, f"/jobs/batch/batch_none{path}").json()["code"] == "batch_not_found"


def test_what_failed_is_tried_again_and_the_rest_is_not(service: Service) -> None:
    batch = made(service, texts=["Um.", "Dois.", "Três."], language="pt-BR")
    ids = [item["job_id"] for item in batch["items"]]
    assert service.client.post(f"/jobs/batch/{batch['id']}/retry").json()["code"] == "batch_nothing_to_retry"
    service.client.post(f"/jobs/{ids[1]}/cancel")
    service.work()
    manifest = json.loads(
        opened(service.client.get(f"/jobs/batch/{batch['id']}/download").content).read("manifest.json")
    )
    assert [(one["row"], one["status"]) for one in manifest["missing"]] == [(2, "cancelled")]
    assert service.client.post(f"/jobs/batch/{batch['id']}/retry").json()["retried"] == 1
    service.work()
    after = service.client.get(f"/jobs/batch/{batch['id']}").json()
    assert after["counts"]["completed"] == 3 and after["items"][1]["text"] == "Dois."
    assert [item["job_id"] == job for item, job in zip(after["items"], ids)] == [True, False, True]
    assert len(opened(service.client.get(f"/jobs/batch/{batch['id']}/download").content).namelist()) == 4
    assert service.client.delete(f"/jobs/batch/{batch['id']}").json()["jobs_deleted"] == 3
    assert service.client.get(f"/jobs/{ids[0]}").status_code == 404


@contextmanager
def running_job(service: Service, *, is_stubborn: bool) -> Iterator[str]:
    """Id of the next job that waits, while a worker runs it. It stops when it is asked to, or only at the end."""
    begun, free = threading.Event(), threading.Event()
    job_ids: list[str] = []

    def task(context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        job_ids.append(context.job.id)
        begun.set()
        while not free.wait(0.01):
            if context.should_stop() and not is_stubborn:
                break
        raise Cancelled

    services = service.services
    worker = Worker(services.database, services.files, {"dubbing": task}, worker_id="w1", lease_s=60, poll_s=0.01)
    thread = threading.Thread(target=worker.run_next)
    thread.start()
    try:
        assert begun.wait(10)
        yield job_ids[0]
    finally:
        free.set()
        thread.join()


def test_a_batch_of_which_a_job_runs_goes_whole(service: Service) -> None:
    service.work()
    batch = made(service, texts=["Um.", "Dois.", "Três."], language="pt-BR")
    with running_job(service, is_stubborn=False):
        gone = service.client.delete(f"/jobs/batch/{batch['id']}")
    assert gone.status_code == 200, gone.text
    assert (gone.json()["jobs_deleted"], gone.json()["not_deleted"]) == (3, {})
    assert service.client.get(f"/jobs/batch/{batch['id']}").status_code == 404


def test_of_a_batch_whose_job_does_not_stop_the_rest_goes(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the batch stays, so that it can be deleted when the job has ended."""
    monkeypatch.setattr("app.api.job_bulk.WAIT_S", 0.3)
    service.work()
    batch = made(service, texts=["Um.", "Dois.", "Três."], language="pt-BR")
    path = f"/jobs/batch/{batch['id']}"
    with running_job(service, is_stubborn=True) as job_id:
        partly = service.client.delete(path)
        assert partly.status_code == 200, partly.text
        assert (partly.json()["jobs_deleted"], partly.json()["not_deleted"]) == (2, {job_id: "job_still_running"})
        left = service.client.get(path).json()
        assert left["counts"]["gone"] == 2 and left["counts"]["processing"] == 1
        several = service.client.post("/jobs/delete", json={"job_ids": [job_id]}).json()
        assert (several["deleted"], several["not_deleted"]) == ([], {job_id: "job_still_running"})
        told = service.client.get("/audit").json()[1]
        assert (told["action"], told["target"]) == ("batch_deleted", batch["id"])
        assert told["data"] == {"jobs": 2, "not_deleted": [job_id]}
    assert service.client.delete(path).json()["jobs_deleted"] == 1
    assert service.client.get(path).status_code == 404


def test_a_batch_is_stopped_and_one_without_jobs_is_forgotten(service: Service) -> None:
    batch = made(service, texts=["Um.", "Dois."], language="pt-BR")
    stopped = service.client.post(f"/jobs/batch/{batch['id']}/cancel").json()
    assert stopped["counts"]["cancelled"] == 2 and stopped["is_ended"]
    store = JobStore(service.services.database)
    sweep(
        service.services.database, service.services.files, now=store.get(batch["items"][0]["job_id"]).created_at + 1e9
    )
    assert service.client.get(f"/jobs/batch/{batch['id']}").status_code == 404


def test_several_jobs_are_had_and_deleted_at_once(service: Service) -> None:
    first, second = service.completed("Um.")["id"], service.completed("Dois.")["id"]
    waiting = service.add("Três.")["id"]
    archive = opened(service.client.get(f"/jobs/archive?ids={first},{second},{waiting}&format=flac").content)
    assert archive.namelist() == [f"dubbed_{first}.flac", f"dubbed_{second}.flac", "manifest.json"]
    assert json.loads(archive.read("manifest.json"))["missing"][0]["job_id"] == waiting
    assert service.client.get(f"/jobs/archive?ids={first},job_none").status_code == 404
    assert service.client.get(f"/jobs/archive?ids={first}&format=exe").json()["code"] == "unknown_format"
    assert service.client.get("/jobs/archive?ids=,").status_code == 422
    refused = service.client.post("/jobs/delete", json={"job_ids": [first, "job_none"]})
    assert refused.status_code == 404 and service.client.get(f"/jobs/{first}").status_code == 200
    gone = service.client.post("/jobs/delete", json={"job_ids": [first, second, first]}).json()
    assert gone["deleted"] == [first, second] and gone["files_deleted"] == 2 and gone["not_deleted"] == {}
    assert service.client.get(f"/jobs/{second}").status_code == 404


def test_a_sound_past_its_time_is_in_no_archive(service: Service) -> None:
    """Also while nobody has swept it away."""
    batch = made(service, texts=["Um.", "Dois."], language="pt-BR")
    service.work()
    over, kept = (item["job_id"] for item in batch["items"])
    with service.services.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == over).values(expires_at=time.time() - 1))
    for path in (f"/jobs/{over}/download", f"/jobs/archive?ids={kept},{over}"):
        answer = service.client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (410, "job_expired"), path
    archive = opened(service.client.get(f"/jobs/batch/{batch['id']}/download").content)
    assert archive.namelist() == ["0002.wav", "manifest.json"]
    [missing] = json.loads(archive.read("manifest.json"))["missing"]
    assert (missing["job_id"], missing["code"]) == (over, "job_expired")


def test_a_table_leaves_no_job_out_though_others_are_deleted_while_it_is_written(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.job_bulk.PAGE", 2)
    since = time.time()
    added = [service.add()["id"] for _ in range(5)]
    rows = all_jobs(service.services, filters_of(None, None, None, datetime.fromtimestamp(since, UTC), None))
    first = [next(rows).id, next(rows).id]
    for job_id in first:
        assert service.client.delete(f"/jobs/{job_id}").status_code == 200
    assert first + [job.id for job in rows] == added[::-1]


def test_tables_are_shown_and_not_computed(service: Service) -> None:
    evil = service.completed('=HYPERLINK("http://evil.example")')
    text = service.client.get("/jobs/export?language=pt&engine=silence&status=completed").text
    rows = list(csv.DictReader(io.StringIO(text)))
    found = next(row for row in rows if row["id"] == evil["id"])
    assert found["text"] == '\'=HYPERLINK("http://evil.example")' and found["characters"] == "33"
    assert all(row["status"] == "completed" and row["engine"] == "silence" for row in rows)
    later = "/jobs/export?created_from=2100-01-01T00:00:00Z"
    assert len(list(csv.reader(io.StringIO(service.client.get(later).text)))) == 1
    assert service.client.get("/jobs?language=pt").json()["total"] > 0
    assert service.client.get("/jobs?language=en-GB").json()["total"] == 0
    assert service.client.get("/jobs?created_until=2000-01-01").json()["total"] == 0
    log = list(csv.DictReader(io.StringIO(service.client.get(f"/jobs/{evil['id']}/log?format=csv").text)))
    assert [line["kind"] for line in log][0] == "job.created" and log[-1]["kind"] == "job.completed"
    cells: list[object] = ["+1", "-1", "@x", "\tx", -1, None, "ok"]
    shown = [
        row[0] if row else ""
        for row in csv.reader("".join(csv_lines(("a",), [(cell,) for cell in cells])).split("\r\n"))
    ]
    assert shown[1:-1] == ["'+1", "'-1", "'@x", "'\tx", "-1", "", "ok"]
