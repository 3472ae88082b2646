"""Tags, links by which a voice is heard without an account, and profiles and voices as JSON."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from api_service import Service, running
from clone_service import STYLE
from fitted_voices import meta
from sqlalchemy import update
from starlette.testclient import TestClient

from app.api.voices import _edition, find_voice
from app.storage.tables import share_links
from speech.voice_library import VoiceLibrary

PASSWORD = "correct horse battery"
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def service(tmp_path: Any) -> Iterator[Service]:
    VoiceLibrary(tmp_path / "voices").add(meta(title=EVIL), STYLE, {})
    with running(tmp_path) as service:
        yield service


@pytest.fixture
def stranger(service: Service) -> TestClient:
    """Nobody, after somebody has an account."""
    service.services.identity.accounts.add("root", PASSWORD, "admin")
    form = {"grant_type": "password", "username": "root", "password": PASSWORD}
    token = service.client.post("/auth/token", data=form).json()["access_token"]
    service.client.headers["Authorization"] = f"Bearer {token}"
    return TestClient(service.client.app, base_url="http://localhost", raise_server_exceptions=False)


def shared(service: Service, **body: int) -> dict[str, Any]:
    answer = service.client.post("/voices/ana/share", json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_link_is_heard_without_an_account(service: Service, stranger: TestClient) -> None:
    assert service.client.get("/voices/ana/share").json()["url"] is None
    link = shared(service)
    assert re.fullmatch(r"http://localhost/shared/[0-9a-f]{16}\.[A-Za-z0-9_-]{43}", link["url"])
    assert service.client.get("/voices/ana/share").json()["links"] == [link]
    page = stranger.get(link["url"])
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")
    assert EVIL not in page.text and "&lt;script&gt;" in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'; media-src 'self'")
    assert page.headers["referrer-policy"] == "no-referrer" and page.headers["cache-control"] == "no-store"
    services = service.services
    kept = services.samples.path("ana", f"pt-BR{_edition(services, find_voice(services, 'ana'))}.wav")
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"RIFF of a sample")
    assert stranger.get(f"{link['url']}/sample").content == kept.read_bytes()
    assert stranger.get("/voices/ana").status_code == 401


def test_a_link_that_is_wrong_over_or_ended(service: Service, stranger: TestClient) -> None:
    link, other = shared(service, expires_in_hours=1), shared(service)
    token = link["url"].rpartition("/")[2]
    good, signature = token.split(".")
    for wrong in (
        good,
        f"{good}.",
        f"{good}.{signature[:-1]}{'B' if signature.endswith('A') else 'A'}",
        f"{other['id']}.{signature}",
        f"0{good[1:]}.{signature}",
    ):
        answer = stranger.get(f"/shared/{wrong}")
        assert (answer.status_code, answer.json()["code"]) == (404, "share_not_found"), wrong
    assert service.client.delete(f"/voices/ana/share/{other['id']}").json()["revoked"] == 1
    for path in ("", "/sample"):
        assert stranger.get(f"{other['url']}{path}").status_code == 410
    assert service.client.delete(f"/voices/ana/share/{other['id']}").status_code == 404
    with service.services.database.write() as connection:  # the end is signed too
        connection.execute(update(share_links).values(expires_at=time.time() + 10**6))
    assert stranger.get(link["url"]).status_code == 404
    late = shared(service)
    assert service.client.delete("/voices/ana/share").json()["revoked"] == 2
    assert stranger.get(late["url"]).json()["code"] == "share_over"
    last = shared(service)
    service.client.delete("/voices/ana")
    assert stranger.get(last["url"]).status_code == 404


def test_time_ends_a_link(service: Service, stranger: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    link = shared(service, expires_in_hours=1)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 3601)
    assert stranger.get(link["url"]).json()["code"] == "share_over"


def test_only_cloned_voices_are_shared(service: Service) -> None:
    assert service.client.post("/voices/silence_male/share", json={}).json()["code"] == "voice_not_fitted"
    assert service.client.post("/voices/ana/share", json={"expires_in_hours": 0}).status_code == 422
    assert service.client.post("/voices/none/share", json={}).status_code == 404


def test_tags_are_kept_found_and_ones_own(service: Service) -> None:
    sent = {"tags": [" Narração ", "narração", "Rádio"], "category": "narrator"}
    answer = service.client.post("/voices/silence_male/tags", json=sent)
    assert answer.json() == {"voice_id": "silence_male", "tags": ["narração", "Rádio"], "category": "narrator"}
    found = service.client.get("/voices?tag=R%C3%81DIO&category=narrator").json()["voices"]
    assert [voice["id"] for voice in found] == ["silence_male"] and found[0]["tags"] == ["narração", "Rádio"]
    assert service.client.get("/voices?tag=none").json()["total"] == 0
    assert service.client.get("/voices/silence_male").json()["category"] == "narrator"
    service.client.post("/voices/silence_male/tags", json={"tags": []})
    assert service.client.get("/voices/silence_male").json()["tags"] == []
    for bad in (
        {"tags": ["a" * 41]},
        {"tags": ["  "]},
        {"tags": ["a\x07"]},
        {"tags": ["a"] * 21},
        {"category": "robot"},
    ):
        assert service.client.post("/voices/ana/tags", json=bad).status_code == 422, bad


def test_a_profile_goes_out_as_json_and_comes_back(service: Service) -> None:
    made = service.client.post("/quality-profiles/silence", json={"name": "Mine", "parameters": {"speed": 1.2}}).json()
    answer = service.client.get(f"/quality-profiles/silence/{made['id']}/export")
    assert "attachment" in answer.headers["content-disposition"]
    document = answer.json()
    assert document["papagaio_quality_profile"] == 1 and document["parameters"]["speed"] == 1.2
    assert str(service.services.settings.data_dir) not in answer.text
    back = service.client.post("/quality-profiles/import", json=document).json()
    assert back["id"] != made["id"] and back["parameters"] == made["parameters"] and not back["is_default"]
    for change in ({"engine": "none"}, {"papagaio_quality_profile": 2}, {"parameters": {"tempo": 1}}, {"more": 1}):
        assert 400 <= service.client.post("/quality-profiles/import", json={**document, **change}).status_code < 500


def test_a_voice_goes_out_as_json_and_comes_back(service: Service) -> None:
    answer = service.client.get("/voices/ana/export?format=json")
    document = answer.json()
    assert document["voice"]["consent"]["statement"] and document["voice"]["title"] == EVIL
    assert str(service.services.settings.data_dir) not in answer.text
    sent = {"files": {"file": ("ana.json", answer.content)}, "data": {"voice_id": "bea"}}
    assert service.client.post("/voices/import", **sent).json()["id"] == "bea"
    for bad in (
        b"{",
        b'{"papagaio_voice": 1}',
        b'{"papagaio_voice": 1, "file": "?"}',
        b'{"papagaio_voice": 9, "file": ""}',
    ):
        answer = service.client.post("/voices/import", files={"file": ("a.json", bad)}, data={"voice_id": "eva"})
        assert 400 <= answer.status_code < 500 and answer.json()["code"].startswith("voice_f"), answer.text
