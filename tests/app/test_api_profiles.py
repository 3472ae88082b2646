"""Quality profiles over HTTP: made, changed, chosen, copied, deleted; built-ins stay as they are."""

from typing import Any

import pytest
from api_service import Service
from fastapi.testclient import TestClient


@pytest.fixture
def client(service: Service) -> TestClient:
    return service.client


def made(client: TestClient, engine: str = "kokoro", **fields: Any) -> dict[str, Any]:
    response = client.post("/quality-profiles", json={"name": "Mine", "engine": engine, **fields})
    assert response.status_code == 201, response.text
    profile: dict[str, Any] = response.json()
    return profile


def defaults(client: TestClient, engine: str) -> list[str]:
    profiles = client.get(f"/quality-profiles/{engine}").json()["profiles"]
    return [profile["id"] for profile in profiles if profile["is_default"]]


def test_all_profiles_by_engine(client: TestClient) -> None:
    body = client.get("/quality-profiles").json()
    assert [len(body[f"{engine}_profiles"]) for engine in ("kokoro", "xtts", "f5tts", "pocket")] == [3, 3, 4, 1]
    assert len(body["silence_profiles"]) == 1 and body["total_count"] == 12
    for profile in body["xtts_profiles"]:
        assert profile["quality_score"] is profile["stability_score"] is profile["latency_ms"] is None


def test_a_made_profile_is_kept_and_holds_every_parameter(client: TestClient) -> None:
    profile = made(client, description="slow", parameters={"speed": 0.6})
    assert profile["id"].startswith("kokoro_") and len(profile["id"]) == len("kokoro_") + 12
    assert profile["parameters"] == {"speed": 0.6, "sentence_pause_s": 0.25}
    assert not profile["is_built_in"] and not profile["is_default"]
    assert client.get(f"/quality-profiles/kokoro/{profile['id']}").json() == profile
    assert client.get("/quality-profiles/kokoro").json()["count"] == 4


def test_the_engine_may_come_from_the_path(client: TestClient) -> None:
    response = client.post("/quality-profiles/XTTS", json={"name": "Mine"})
    assert (response.status_code, response.json()["engine"]) == (201, "xtts")
    response = client.post("/quality-profiles/xtts", json={"name": "Mine", "engine": "kokoro"})
    assert (response.status_code, response.json()["code"]) == (422, "profile_engine_differs")


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"speed": 0.4}, "parameter_out_of_range"),
        ({"speed": "fast"}, "parameter_of_wrong_type"),
        ({"speeed": 1.0}, "unknown_parameter"),
        ({"temperature": 0.5}, "unknown_parameter"),
    ],
)
def test_wrong_parameters_are_refused_and_nothing_is_kept(client: TestClient, parameters: dict, code: str) -> None:
    mine = made(client)
    path = f"/quality-profiles/kokoro/{mine['id']}"
    for status, response in (
        (400, client.post("/quality-profiles", json={"name": "Bad", "engine": "kokoro", "parameters": parameters})),
        (422, client.patch(path, json={"parameters": parameters, "name": "Bad"})),
    ):
        assert (response.status_code, response.json()["code"]) == (status, code)
        assert next(iter(parameters)) in response.json()["detail"]
    assert client.get(path).json() == mine
    assert client.get("/quality-profiles/kokoro").json()["count"] == 4


def test_a_change_keeps_what_it_does_not_name(client: TestClient) -> None:
    mine = made(client, description="as it was", parameters={"speed": 0.6})
    path = f"/quality-profiles/kokoro/{mine['id']}"
    changed = client.patch(path, json={"name": "New", "parameters": {"sentence_pause_s": 1}}).json()
    assert changed == mine | {"name": "New", "parameters": {"speed": 0.6, "sentence_pause_s": 1}}
    assert client.get(path).json() == changed


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": " "}, {"name": "x" * 201}, {"name": "x", "colour": 1}])
def test_wrong_fields_are_refused(client: TestClient, fields: dict) -> None:
    response = client.post("/quality-profiles", json={"engine": "kokoro", **fields})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")


def test_exactly_one_profile_is_the_default(client: TestClient) -> None:
    assert defaults(client, "kokoro") == ["kokoro_balanced"]
    assert client.post("/quality-profiles/kokoro/kokoro_brisk/set-default").json()["is_default"]
    assert defaults(client, "kokoro") == ["kokoro_brisk"]
    mine = made(client, is_default=True)
    assert defaults(client, "kokoro") == [mine["id"]]
    client.patch(f"/quality-profiles/kokoro/{mine['id']}", json={"is_default": False})
    assert defaults(client, "kokoro") == ["kokoro_balanced"]
    client.post("/quality-profiles/kokoro/kokoro_brisk/set-default")
    assert defaults(client, "kokoro") == ["kokoro_brisk"] and defaults(client, "xtts") == ["xtts_balanced"]
    assert client.get("/quality-profiles/kokoro").json()["count"] == 4


def test_deleting_the_default_leaves_the_built_in_one(client: TestClient) -> None:
    mine = made(client, is_default=True)
    assert client.delete(f"/quality-profiles/kokoro/{mine['id']}").status_code == 204
    assert client.get(f"/quality-profiles/kokoro/{mine['id']}").status_code == 404
    assert defaults(client, "kokoro") == ["kokoro_balanced"]


def test_built_ins_can_be_copied_but_not_changed_or_deleted(client: TestClient) -> None:
    path = "/quality-profiles/f5tts/f5tts_fast"
    before = client.get(path).json()
    assert client.delete(path).status_code == 400
    assert client.patch(path, json={"name": "Mine"}).status_code == 404
    copy = client.post(f"{path}/duplicate", params={"new_name": "Mine"})
    assert copy.status_code == 201 and copy.json()["name"] == "Mine"
    assert copy.json()["parameters"] == before["parameters"] and not copy.json()["is_built_in"]
    assert client.post(f"{path}/duplicate").json()["name"] == "Fast (copy)"
    assert client.get(path).json() == before


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/quality-profiles/tacotron"),
        ("GET", "/quality-profiles/xtts/xtts_none"),
        ("GET", "/quality-profiles/kokoro/xtts_balanced"),
        ("DELETE", "/quality-profiles/kokoro/kokoro_none"),
        ("POST", "/quality-profiles/kokoro/kokoro_none/duplicate"),
    ],
)
def test_what_is_not_there_is_404_with_what_is(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 404
    assert "xtts" in response.json()["detail"] or "kokoro_balanced" in response.json()["detail"]


def test_a_job_speaks_with_the_default_or_the_named_profile(service: Service) -> None:
    client = service.client
    assert service.add()["quality_profile"] == "silence_balanced"
    mine = made(client, "silence", parameters={"speed": 2.0}, is_default=True)
    fast = service.completed("uma frase inteira")
    assert fast["quality_profile"] == mine["id"] and fast["parameters"]["speed"] == 2.0
    slow = service.completed("uma frase inteira", quality_profile_id="silence_balanced")
    assert slow["duration"] == pytest.approx(2 * fast["duration"], rel=0.01)
    over = service.completed("uma frase inteira", speed=1.0)
    assert over["duration"] == pytest.approx(slow["duration"], rel=0.01)
