"""Feedback: given by whoever may have a text spoken, read and deleted by admins, and unknown while there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from api_service import PASSWORD, Service, running, signed_in
from fastapi.testclient import TestClient

from app.api.feedback import NewFeedback, PageName
from app.callers import Caller
from app.cli import main
from app.storage.database import Database
from app.storage.feedback import MOST_COMMENT, SCORES, FeedbackStore

PAGES = Path(__file__).parents[2] / "app" / "webui" / "js" / "pages.js"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


def account(service: Service, name: str, role: Any) -> TestClient:
    """A new one's client."""
    service.services.identity.accounts.add(name, PASSWORD, role)
    return signed_in(service, name)


def give(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post("/feedback", json=body)
    assert answer.status_code == 201, answer.text
    given: dict[str, Any] = answer.json()
    return given


def counts(listed: dict[str, Any]) -> dict[int, int]:
    return {one["score"]: one["count"] for one in listed["scores"]}


def test_without_any_the_mean_is_unknown(service: Service) -> None:
    listed = service.client.get("/feedback").json()
    assert (listed["count"], listed["mean"], listed["total"], listed["feedback"]) == (0, None, 0, [])
    assert counts(listed) == dict.fromkeys(SCORES, 0)


def test_on_this_machine_it_is_given_read_and_deleted(service: Service) -> None:
    first = give(service.client, score=9, comment="  Rápido.\n", page="speak")
    assert (first["score"], first["comment"], first["page"], first["user_name"]) == (9, "Rápido.", "speak", None)
    for body in (
        {"score": 10},
        {"score": 6, "comment": " "},
        {"score": 9, "comment": "x" * MOST_COMMENT, "page": None},
    ):
        give(service.client, **body)
    listed = service.client.get("/feedback").json()
    assert (listed["count"], listed["mean"], listed["total"]) == (4, 8.5, 2)
    assert counts(listed) == dict.fromkeys(SCORES, 0) | {6: 1, 9: 2, 10: 1}
    assert [one["comment"][:7] for one in listed["feedback"]] == ["xxxxxxx", "Rápido."]
    assert listed["feedback"][1] == first
    assert service.client.delete(f"/feedback/{first['id']}").json()["feedback_id"] == first["id"]
    left = service.client.get("/feedback").json()
    assert (left["count"], left["mean"], left["total"]) == (3, 8.33, 1)
    gone = service.client.delete(f"/feedback/{first['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "feedback_not_found") and first["id"] in gone.text


def test_the_list_is_paged_and_has_those_without_words_where_asked(service: Service) -> None:
    for score in (1, 2, 3):
        give(service.client, score=score, comment=f"{score}")
    give(service.client, score=4)
    page = service.client.get("/feedback", params={"limit": 2, "offset": 1}).json()
    assert [one["score"] for one in page["feedback"]] == [2, 1] and page["total"] == 3
    everything = service.client.get("/feedback", params={"has_comment": False}).json()
    assert [one["score"] for one in everything["feedback"]] == [4, 3, 2, 1] and everything["total"] == 4
    for query in ({"limit": 0}, {"limit": 501}, {"offset": -1}, {"has_comment": "perhaps"}, {"page": 2}):
        refused = service.client.get("/feedback", params=query)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), query


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({}, "score", "required"),
        ({"score": 0}, "score", "1 to"),
        ({"score": 11}, "score", "to 10"),
        ({"score": 7.5}, "score", "7.5"),
        ({"score": "7"}, "score", "7"),
        ({"score": True}, "score", "True"),
        ({"score": 7, "comment": "x" * (MOST_COMMENT + 1)}, "comment", "2001"),
        ({"score": 7, "comment": "a\0b"}, "comment", "pattern"),
        ({"score": 7, "comment": "\ud83d"}, "comment", "str"),
        ({"score": 7, "comment": 1}, "comment", "str"),
        ({"score": 7, "page": "moon"}, "page", "dictionary"),
        ({"score": 7, "stars": 5}, "stars", "comment, page"),
    ],
)
def test_what_is_no_feedback_is_refused_and_not_kept(service: Service, body: Any, field: str, said: str) -> None:
    sent = {"content": json.dumps(body), "headers": {"Content-Type": "application/json", "Accept-Language": "en"}}
    refused = service.client.post("/feedback", **sent)  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), refused.text
    [error] = refused.json()["errors"]
    assert error["field"] == field and said in error["message"]
    assert service.client.get("/feedback").json()["count"] == 0
    form = service.client.post("/feedback", data={"score": "7"})
    assert (form.status_code, form.json()["code"]) == (415, "body_type_unsupported")


def test_a_listener_gives_and_an_admin_alone_reads_and_deletes(service: Service) -> None:
    root, leo = account(service, "root", "admin"), account(service, "leo", "listener")
    given = give(leo, score=8, comment="Bom.")
    assert given["user_name"] == "leo" and given["user_id"].startswith("user_")
    for method, path in (("GET", "/feedback"), ("DELETE", f"/feedback/{given['id']}"), ("DELETE", "/feedback/x")):
        refused = leo.request(method, path)
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), path
    reader = signed_in(service, "leo", scope="read")
    stranger = TestClient(service.client.app, base_url="http://localhost")
    assert reader.post("/feedback", json={"score": 1}).json()["code"] == "not_allowed"
    assert stranger.post("/feedback", json={"score": 1}).status_code == 401
    assert stranger.get("/feedback").status_code == 401
    listed = root.get("/feedback").json()
    assert listed["count"] == 1 and listed["feedback"] == [given]
    assert root.delete("/feedback/feedback_000000000000").json()["code"] == "feedback_not_found"
    assert root.delete(f"/feedback/{given['id']}").status_code == 200
    entry = root.get("/audit").json()[0]
    assert (entry["action"], entry["target"]) == ("feedback_deleted", given["id"])


def test_what_an_account_said_stays_when_it_is_kept_out(service: Service) -> None:
    root, leo = account(service, "root", "admin"), account(service, "leo", "listener")
    given = give(leo, score=2, comment="Tchau.")
    assert root.patch(f"/users/{given['user_id']}", json={"is_disabled": True}).status_code == 200
    assert root.get("/feedback").json()["feedback"] == [given]


def test_giving_is_limited_as_other_requests_are(tmp_path: Path) -> None:
    with running(tmp_path, requests_per_minute=3) as service:
        account(service, "root", "admin")
        leo = account(service, "leo", "listener")
        answers = [leo.post("/feedback", json={"score": 5}) for _ in range(10)]
        refused = [one for one in answers if one.status_code == 429]
        assert answers[0].status_code == 201 and answers[0].headers["RateLimit-Policy"] == '"default";q=3;w=60'
        assert refused and refused[0].json()["code"] == "too_many_requests" and "Retry-After" in refused[0].headers
        store = FeedbackStore(service.services.database)
        assert store.tally().count == len(answers) - len(refused)


def test_the_pages_and_bounds_of_the_api_are_those_of_the_page_and_the_store() -> None:
    names = re.findall(r'^  \{ name: "(\w+)", group', PAGES.read_text(encoding="utf-8"), re.M)
    assert names and list(get_args(PageName)) == names
    fields = NewFeedback.model_json_schema()["properties"]
    assert (fields["score"]["minimum"], fields["score"]["maximum"]) == (SCORES[0], SCORES[-1])
    assert fields["comment"]["anyOf"][0]["maxLength"] == MOST_COMMENT


@pytest.mark.processes
def test_it_is_kept_in_postgresql_too(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    store = FeedbackStore(database, Caller("user_ana", name="ana"))
    first, second = store.add(7, "Olá.", "jobs"), store.add(10)
    assert (store.tally().mean, store.tally().counts[10]) == (8.5, 1)
    rows, total = store.page(5)
    assert [row.id for row in rows] == [second.id, first.id] and total == 2
    assert [row.id for row in store.page(5, has_comment=True)[0]] == [first.id]
    store.delete(first.id)
    assert store.tally().count == 1
    database.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data folder of the command line, which speaks English."""
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path))
    return tmp_path


def test_the_command_lists_what_the_service_has(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(folder) as service:
        give(service.client, score=9, comment="Two\nlines\x1b[2J.", page="clone")
        give(service.client, score=4)
        told = service.client.get("/feedback?has_comment=false").json()
    assert main(["feedback", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told
    assert main(["feedback", "--limit", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Mean 6.50 of 10; answers: 2." and lines[1].split() == ["10", "0"]
    assert [line.split() for line in lines if line.split()[0] in "94"] == [["9", "1"], ["4", "1"]]
    assert len(lines) == 12 and lines[-1].split("\t")[1:] == ["4", "local", "–", "–"]
    assert main(["feedback"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].split("\t")[1:] == ["9", "local", "clone", "Two lines [2J."]


def test_the_command_says_that_nothing_is_known(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feedback"]) == 0
    assert "unknown" in capsys.readouterr().out
    assert main(["feedback", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["mean"] is None


@pytest.mark.parametrize(("limit", "said"), [("0", "from 1 to 1000"), ("1001", "from 1 to 1000"), ("many", "many")])
def test_the_command_refuses_in_a_line(folder: Path, capsys: pytest.CaptureFixture[str], limit: str, said: str) -> None:
    assert main(["feedback", "--limit", limit]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and said in shown.err and len(shown.err.splitlines()) == 1
