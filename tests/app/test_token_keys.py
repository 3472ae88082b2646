"""The key of access tokens is changed while the service runs; tokens of the one before are taken until they end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from api_service import Service, running
from fastapi.testclient import TestClient

from app.cli import main
from app.errors import Problem
from app.security import secrets, tokens
from app.security.secrets import load_secrets, rotate_token_key

Captured = pytest.CaptureFixture[str]
PASSWORD = "correct horse battery"
ACCEPTED_S = tokens.ACCESS_S + tokens.LEEWAY_S


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        service.services.identity.accounts.add("root", PASSWORD, "admin")
        yield service


def token_of(service: Service) -> str:
    client = TestClient(service.client.app, base_url="http://localhost")
    form = {"grant_type": "password", "username": "root", "password": PASSWORD}
    token: str = client.post("/auth/token", data=form).json()["access_token"]
    return token


def code(service: Service, token: str) -> str:
    client = TestClient(service.client.app, base_url="http://localhost")
    answer = client.get("/jobs", headers={"Authorization": f"Bearer {token}"})
    return "" if answer.status_code == 200 else str(answer.json()["code"])


def test_a_running_service_signs_with_the_new_key_and_takes_the_old_one_until_it_ends(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = token_of(service)
    made = rotate_token_key(tmp_path, ACCEPTED_S)
    new = token_of(service)
    assert jwt.get_unverified_header(new)["kid"] == made.token_key_id != jwt.get_unverified_header(old)["kid"]
    assert code(service, old) == code(service, new) == ""
    forged = jwt.encode(
        jwt.decode(old, options={"verify_signature": False}), "x" * 48, "HS256", {"kid": made.token_key_id}
    )
    assert code(service, forged) == "token_invalid"
    later = time.time() + ACCEPTED_S + 1
    monkeypatch.setattr(secrets.time, "time", lambda: later)
    assert jwt.get_unverified_header(old)["kid"] not in load_secrets(tmp_path).now().token_keys()


def test_after_several_changes_each_key_has_its_own_end(tmp_path: Path) -> None:
    first = load_secrets(tmp_path).now()
    second = rotate_token_key(tmp_path, 60)
    third = rotate_token_key(tmp_path, 60)
    assert set(third.token_keys()) == {first.token_key_id, second.token_key_id, third.token_key_id}
    assert third.share_key == first.share_key and len({*third.token_keys().values()}) == 3
    fourth = rotate_token_key(tmp_path, 0)
    assert third.token_key_id not in fourth.token_keys() and first.token_key_id in fourth.token_keys()
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.json"]


def test_a_file_of_before_keys_had_ids_is_read(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(json.dumps({"token_key": "a" * 48, "share_key": "b" * 48}))
    file.chmod(0o600)
    assert load_secrets(tmp_path).now().token_keys() == {"1": "a" * 48}
    assert set(rotate_token_key(tmp_path, 60).token_keys()) > {"1"}


def test_a_file_that_became_readable_for_others_is_refused_while_it_is_used(tmp_path: Path) -> None:
    used = load_secrets(tmp_path)
    rotate_token_key(tmp_path, 60)
    (tmp_path / "secrets.json").chmod(0o644)
    with pytest.raises(Problem, match="secret_weak"):
        used.now()


def test_the_command(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LANG", "C.UTF-8")
    first = token_of(service)
    assert main(("secrets", "rotate")) == 0
    said = capsys.readouterr().err
    assert load_secrets(tmp_path).now().token_key_id in said and "are taken until" in said
    second = token_of(service)
    assert code(service, first) == code(service, second) == ""
    assert main(("secrets", "rotate", "--now")) == 0
    assert "are refused now" in capsys.readouterr().err
    assert code(service, second) == "token_invalid" and code(service, token_of(service)) == ""
