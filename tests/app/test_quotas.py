"""What an account may have spoken in a day, in characters and in seconds of work, by jobs and by streams."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_service import PASSWORD, Service, running, signed_in
from starlette.testclient import TestClient

from app.storage.tables import usage

SPEECH = {"input": "Bom dia.", "model": "silence", "voice": "silence_female", "response_format": "wav"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, characters_per_day=30) as service:
        service.services.identity.accounts.add("root", PASSWORD, "admin")
        service.services.identity.accounts.add("bea", PASSWORD, "listener")
        yield service


def job(text: str) -> dict[str, str]:
    return {"text": text, "source_language": "pt-BR", "mode": "dubbing"}


def test_characters_of_jobs_batches_and_streams_count_together(service: Service) -> None:
    bea, root = signed_in(service, "bea"), signed_in(service, "root")
    assert bea.post("/v1/audio/speech", json=SPEECH).status_code == 200  # 8
    assert bea.post("/jobs", json=job("a" * 10)).status_code == 202  # 18, waiting
    over = bea.post("/jobs", json=job("a" * 13))
    assert over.status_code == 429 and over.json()["code"] == "quota_exceeded"
    assert 1 <= int(over.headers["Retry-After"]) <= 86400 and "18" in over.json()["detail"]
    many = bea.post("/jobs/batch", json={"texts": ["a" * 7, "a" * 7], "language": "pt-BR"})
    assert many.status_code == 429 and service.services.jobs.counts()["pending"] == 1
    service.work()
    assert bea.post("/v1/audio/speech", json={**SPEECH, "input": "a" * 13}).status_code == 429
    standing = bea.get("/analytics/allowance").json()
    assert (standing["characters"], standing["characters_waiting"], standing["characters_per_day"]) == (18, 0, 30)
    user_id = next(user["id"] for user in root.get("/users").json() if user["name"] == "bea")
    assert root.patch(f"/users/{user_id}", json={"characters_per_day": 1000}).status_code == 200
    assert bea.post("/jobs", json=job("a" * 13)).status_code == 202
    assert root.post("/jobs", json=job("a" * 500)).status_code == 202  # an admin without a bound has none
    streams = root.get("/analytics/engines-usage").json()
    assert streams[0]["uses"] >= 2


def test_seconds_of_work(service: Service) -> None:
    bea = signed_in(service, "bea")
    user_id = bea.get("/auth/me").json()["user_id"]
    signed_in(service, "root").patch(f"/users/{user_id}", json={"compute_s_per_day": 5, "characters_per_day": 10**6})
    worked = {"user_id": user_id, "kind": "dubbing", "status": "failed", "characters": 1, "compute_s": 5.0}
    with service.services.database.write() as connection:
        connection.execute(usage.insert().values(**worked, created_at=time.time() - 2 * 86400))
    assert bea.post("/jobs", json=job("Oi.")).status_code == 202  # that was another day
    with service.services.database.write() as connection:
        connection.execute(usage.insert().values(**worked, created_at=time.time()))
    assert bea.post("/jobs", json=job("Oi.")).json()["code"] == "quota_exceeded"


def test_without_accounts_there_is_no_bound_and_streams_are_counted(tmp_path: Path) -> None:
    with running(tmp_path, characters_per_day=5) as service:
        assert service.client.post("/v1/audio/speech", json=SPEECH).status_code == 200
        assert service.client.get("/analytics/allowance").json()["characters"] == 8
        assert service.client.get("/analytics/allowance").json()["characters_per_day"] is None
        assert sum(day["total"] for day in service.client.get("/analytics/jobs-per-day").json()) == 0


@pytest.mark.parametrize(
    ("statement", "sent", "status"),
    [("", {}, 422), ("We asked all of them.", {}, 0), ("We asked.", {"consent": False}, 422)],
)
def test_consent_is_asked_or_stated_once(tmp_path: Path, statement: str, sent: dict[str, bool], status: int) -> None:
    with running(tmp_path, consent_statement=statement) as service:
        answer = service.client.post("/voices/fit", json={"intake_job_id": "job_none", "name": "Ana", **sent})
        assert (answer.json()["code"] == "consent_missing") == (status == 422)


def limits_of(response: object) -> dict[str, int]:
    """Rules of the RateLimit header, with what is left of each."""
    told = response.headers["RateLimit"].split(", ")  # type: ignore[attr-defined]
    return {rule.split('"')[1]: int(rule.split("r=")[1].split(";")[0]) for rule in told}


def test_texts_and_downloads_have_limits_of_their_own(tmp_path: Path) -> None:
    bounds = {"characters_per_minute": 100, "downloads_per_minute": 2, "requests_per_minute": 1000}
    with running(tmp_path, **bounds) as service:
        accounts = service.services.identity.accounts
        accounts.add("root", PASSWORD, "admin")
        accounts.add("bea", PASSWORD, "listener")
        bea, root = signed_in(service, "bea"), signed_in(service, "root")
        made = bea.post("/jobs", json=job("a" * 40))
        assert limits_of(made) == {"default": limits_of(made)["default"], "submit": 60}
        assert '"submit";q=100;w=60' in made.headers["RateLimit-Policy"]
        assert limits_of(bea.get("/jobs")).keys() == {"default"}
        assert limits_of(bea.post("/v1/audio/speech", json={**SPEECH, "input": "Bom dia. " * 3}))["submit"] < 40
        over = bea.post("/jobs", json=job("a" * 41))
        assert (over.status_code, over.json()["code"]) == (429, "too_many_requests")
        assert int(over.headers["Retry-After"]) >= 1 and '"submit"' in over.headers["RateLimit-Policy"]
        assert bea.post("/jobs/batch", json={"texts": ["a" * 41], "language": "pt-BR"}).status_code == 429
        spoken = {"text": "a" * 41, "speaker_wav": "silence_male", "language": "pt", "file_name_or_path": "a"}
        assert bea.post("/tts_to_file", json=spoken).status_code == 429
        assert root.post("/jobs/batch", json={"texts": ["a" * 300], "language": "pt-BR"}).status_code == 202  # at once
        service.work()
        address = f"/jobs/{made.json()['id']}/download"
        fetched = [bea.get(address) for _ in range(3)]
        assert [one.status_code for one in fetched] == [200, 200, 429]
        assert bea.get(f"/audio/a_{made.json()['id']}.wav").status_code == 429
        assert limits_of(fetched[0])["download"] == 1 and bea.get("/jobs").status_code == 200


def test_nobody_is_limited_where_there_are_no_accounts(tmp_path: Path) -> None:
    with running(tmp_path, characters_per_minute=5, downloads_per_minute=1, requests_per_minute=1) as service:
        done = service.completed("Bom dia. " * 3)
        answers = [service.client.get(f"/jobs/{done['id']}/download") for _ in range(3)]
        assert all(one.status_code == 200 and "RateLimit" not in one.headers for one in answers)


STARTS = [
    "/voices/intake",
    "/voices/fit",
    "/voices/clone",
    "/voices/convert",
    "/v1/audio/transcriptions",
    "/v1/audio/translations",
    "/training/start",
    "/training/resume",
    "/training/inference/compare",
    "/training/dataset/upload",
    "/training/dataset/download",
    "/training/dataset/segment",
    "/training/dataset/transcribe",
    "/training/dataset/build",
    "/training/dataset/run",
    "/jobs/job_0123456789ab/resume",
    "/rvc/gallery/gallery_0/models/one/download",
    "/voices/morph",
    "/voices/style",
]


def test_whose_work_of_the_day_is_done_starts_no_more_of_any_kind(tmp_path: Path) -> None:
    with running(tmp_path, compute_s_per_day=5) as service:
        ana = made_maker(service)
        begun = {path: ana.post(path).status_code for path in STARTS}
        assert not {status for status in begun.values()} & {429, 500}, begun
        worked = {"user_id": ana.get("/auth/me").json()["user_id"], "kind": "training", "status": "completed"}
        with service.services.database.write() as connection:
            connection.execute(usage.insert().values(**worked, compute_s=5.0, characters=0, created_at=time.time()))
        for path in STARTS:
            refused = ana.post(path)
            told = refused.json()
            assert (refused.status_code, told.get("error", told)["code"]) == (429, "quota_exceeded"), path
            assert int(refused.headers["Retry-After"]) >= 1
        assert service.is_empty() and ana.get("/jobs").status_code == 200


def test_beginnings_of_work_have_a_limit(tmp_path: Path) -> None:
    with running(tmp_path, starts_per_minute=2) as service:
        ana = made_maker(service)
        answers = [ana.post(path) for path in ("/voices/fit", "/training/start", "/voices/convert")]
        assert [one.status_code == 429 for one in answers] == [False, False, True]
        assert answers[2].json()["code"] == "too_many_requests" and limits_of(answers[0])["start"] == 1
        assert ana.post("/jobs", json=job("Oi.")).status_code == 202  # texts are counted otherwise


def test_all_texts_of_a_comparison_count(tmp_path: Path) -> None:
    with running(tmp_path, characters_per_day=40, characters_per_minute=1000) as service:
        ana = made_maker(service)
        body = {"sides": [{"voice": "silence_male"}, {"voice": "silence_female"}], "texts": ["Bom dia. Tudo bem?"]}
        over = ana.post("/training/inference/compare", json={**body, "texts": body["texts"] * 2})  # 72, each of 18
        assert (over.status_code, over.json()["code"]) == (429, "quota_exceeded") and service.is_empty()
        made = ana.post("/training/inference/compare", json=body)
        assert made.status_code == 202 and limits_of(made)["submit"] == 964
        assert ana.get("/analytics/allowance").json()["characters_waiting"] == 36
        assert ana.post("/jobs", json=job("Bom dia.")).status_code == 429
        assert ana.post(f"/jobs/{made.json()['id']}/cancel").status_code == 202
        assert ana.post("/jobs", json=job("Bom dia.")).status_code == 202


def made_maker(service: Service) -> TestClient:
    accounts = service.services.identity.accounts
    accounts.add("root", PASSWORD, "admin")
    accounts.add("ana", PASSWORD, "maker")
    return signed_in(service, "ana")
