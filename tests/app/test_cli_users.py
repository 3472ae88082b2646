"""`papagaio users`: what an operator does with accounts without a page and without HTTP."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main
from app.security.accounts import AccountStore
from app.storage.database import Database

PASSWORD = "correct horse battery"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """`users(WORD, …)` is what `papagaio users` gives: exit code, output, what it says. Ana: admin, Bea: maker."""
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(logging.root, "handlers", [])  # a service that ran in this process logs to the same stream

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{PASSWORD}\n"))
        code = main(["users", *words])
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    assert run("add", "ana", "--role", "admin")[0] == run("add", "bea")[0] == 0
    return run


def test_an_account_is_changed_disabled_and_let_in_again(users: Run, tmp_path: Path) -> None:
    assert users("role", "Bea", "--role", "listener")[0] == 0
    assert users("disable", "bea")[0] == 0
    assert [row.split("\t")[:2] + row.split("\t")[3:] for row in users("list")[1].splitlines()] == [
        ["ana", "admin"],
        ["bea", "listener", "disabled"],
    ]
    assert users("enable", "bea")[0] == 0 and "disabled" not in users("list")[1]
    database = Database(f"sqlite:///{tmp_path / 'papagaio.db'}")
    assert AccountStore(database).signed_in("bea", PASSWORD).role == "listener"
    database.close()


def test_quotas_are_set_taken_away_and_read(users: Run) -> None:
    assert users("quota", "bea", "--characters", "1000", "--compute-s", "1.5")[0] == 0
    assert users("allowance", "bea")[1].splitlines() == ["characters\t0\t1000", "compute_s\t0.0\t1.5"]
    assert users("quota", "bea", "--characters", "none")[2].strip() == "bea: characters_per_day = none."
    assert users("allowance", "bea")[1].splitlines()[0] == "characters\t0\tnone"


def test_the_audit_log_is_read_newest_first(users: Run) -> None:
    users("disable", "bea")
    entries = [json.loads(line) for line in users("audit", "--limit", "2")[1].splitlines()]
    assert [entry["action"] for entry in entries] == ["user_changed", "user_added"]
    assert entries[0]["data"]["is_disabled"] is True and entries[0]["created_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("disable", "nobody"), "nobody"),
        (("disable", "ana"), "admin"),  # the last one
        (("role", "ana", "--role", "maker"), "admin"),
        (("role", "bea"), "--role"),
        (("role", "bea", "--role", "king"), "listener"),
        (("quota", "bea"), "--characters"),
        (("quota", "bea", "--characters", "many"), "many"),
        (("quota", "bea", "--characters", "-1"), "-1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(users: Run, words: tuple[str, ...], said: str) -> None:
    code, out, error = users(*words)
    assert code != 0 and out == "" and said in error and len(error.splitlines()) == 1
