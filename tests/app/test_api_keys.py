"""API keys: what makes and revokes them, and that one which has ended opens nothing."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from api_service import Service, running
from fastapi.testclient import TestClient

from app.security.permissions import needed_scope

PASSWORD = "correct horse battery"
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("keys"), requests_per_minute=0) as service:
        service.services.identity.accounts.add("root", PASSWORD, "admin")
        yield service


def key_of(service: Service, *scopes: Any, ends_in_s: float | None = None) -> tuple[str, dict[str, str]]:
    """A new key of the admin: its id, and the header that sends it."""
    identity = service.services.identity
    owner = identity.accounts.get("local").caller()
    ends_at = None if ends_in_s is None else time.time() + ends_in_s
    key, text = identity.keys.add(owner, "k", scopes, ends_at)
    return key.id, {"Authorization": f"Bearer {text}"}


def client_of(service: Service) -> TestClient:
    return TestClient(service.client.app, base_url="http://localhost", raise_server_exceptions=False)


@pytest.mark.parametrize("scopes", [("read",), ("read", "speak", "make", "admin")])
def test_a_key_without_the_scope_for_keys_neither_makes_nor_revokes_one(service: Service, scopes: Any) -> None:
    admins, _ = key_of(service, "read", "speak", "make", "keys", "admin")
    _, header = key_of(service, *scopes, ends_in_s=HOUR_S)
    client = client_of(service)
    listed = client.get("/api-keys", headers=header)
    assert listed.status_code == 200 and all(key["key"] is None for key in listed.json())
    for answer in (
        client.post("/api-keys", json={"name": "for ever", "scopes": ["read"]}, headers=header),
        client.delete(f"/api-keys/{admins}", headers=header),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), answer.text
    by_id = {key["id"]: key for key in client.get("/api-keys", headers=header).json()}
    assert by_id[admins]["revoked_at"] is None and not [key for key in by_id.values() if key["name"] == "for ever"]


def test_a_key_makes_none_with_more_scopes_or_a_longer_life(service: Service) -> None:
    maker, header = key_of(service, "read", "keys", ends_in_s=36 * HOUR_S)
    client = client_of(service)

    def made(**fields: Any) -> Any:
        return client.post("/api-keys", json={"name": "k", "scopes": ["read"], **fields}, headers=header)

    assert made(scopes=["read", "speak"]).json()["code"] == "scope_not_held"
    longer = made(expires_in_days=2)
    assert (longer.status_code, longer.json()["code"]) == (403, "key_life_too_long")
    assert "00:00" in longer.json()["detail"]
    own = next(key for key in client.get("/api-keys", headers=header).json() if key["id"] == maker)
    assert made().json()["expires_at"] == own["expires_at"]
    assert made(expires_in_days=1).json()["expires_at"] < own["expires_at"]


def test_a_key_revokes_only_what_may_do_no_more_than_it(service: Service) -> None:
    _, header = key_of(service, "read", "keys")
    stronger, _ = key_of(service, "read", "admin")
    equal, equals = key_of(service, "read")
    client = client_of(service)
    refused = client.delete(f"/api-keys/{stronger}", headers=header)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_not_held")
    assert client.delete(f"/api-keys/{equal}", headers=header).json()["revoked_at"]
    assert client.get("/jobs", headers=equals).json()["code"] == "token_invalid"


def test_a_person_manages_keys_of_any_scope(service: Service) -> None:
    form = {"grant_type": "password", "username": "root", "password": PASSWORD}
    client = client_of(service)
    header = {"Authorization": f"Bearer {client.post('/auth/token', data=form).json()['access_token']}"}
    body = {"name": "k", "scopes": ["read", "keys", "admin"]}
    made = client.post("/api-keys", json=body, headers=header).json()
    assert made["expires_at"] is None and made["key"]
    assert client.delete(f"/api-keys/{made['id']}", headers=header).json()["revoked_at"]


def test_an_expired_key_is_refused_by_every_route(service: Service) -> None:
    _, header = key_of(service, "read", "speak", "make", "keys", "admin", ends_in_s=-1)
    client, walked = client_of(service), 0
    for path, methods in service.client.app.openapi()["paths"].items():  # type: ignore[attr-defined]
        for method in (method.upper() for method in methods):
            if needed_scope(method, path) is None:
                continue
            answer = client.request(method, re.sub(r"{\w+}", "x", path), headers=header)
            assert answer.status_code == 401 and "expired" in answer.text, (method, path, answer.text[:200])
            walked += 1
    assert walked > 150
    assert client.get("/auth/me", headers=header).json()["scopes"] == []
    assert (
        client.get("/jobs", headers={"xi-api-key": header["Authorization"].removeprefix("Bearer ")}).status_code == 401
    )


def test_a_key_ends_while_it_is_used(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    _, header = key_of(service, "read", ends_in_s=HOUR_S)
    client, now = client_of(service), time.time()
    assert client.get("/jobs", headers=header).status_code == 200
    monkeypatch.setattr("app.security.keys.time.time", lambda: now + HOUR_S + 1)
    assert client.get("/jobs", headers=header).json()["code"] == "token_expired"
