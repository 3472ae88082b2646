"""Quality profiles over HTTP: made, changed, chosen, copied, deleted; built-ins stay as they are."""

from io import BytesIO
from typing import Any

import pytest
from api_service import Service
from fastapi.testclient import TestClient
from httpx import Response

from speech.audio import load


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


@pytest.mark.parametrize("engine", ["kokoro", "xtts", "f5tts", "pocket", "silence"])
def test_an_engine_tells_what_a_profile_may_set(client: TestClient, engine: str) -> None:
    body = client.get(f"/quality-profiles/{engine}").json()
    offered = {one["name"]: one for one in body["parameters"]}
    assert set(body["profiles"][0]["parameters"]) <= set(offered)
    assert offered["denoise_audio"] | {"default": None} == {
        "name": "denoise_audio",
        "kind": "switch",
        "group": "processing",
        "default": None,
        "minimum": None,
        "maximum": None,
        "step": None,
        "switch": None,
        "has_effect": True,
    }
    assert offered["denoise_audio"]["default"] is (engine == "f5tts")
    assert offered["target_loudness"]["switch"] == "apply_normalization"
    assert [one["name"] for one in body["parameters"] if not one["has_effect"]] == (
        ["length_penalty"] if engine == "xtts" else []
    )
    for one in body["parameters"]:
        if one["kind"] == "switch":
            continue
        path, name = f"/quality-profiles/{engine}", one["name"]
        assert one["minimum"] <= one["default"] <= one["maximum"]
        assert 50 <= (one["maximum"] - one["minimum"]) / one["step"] <= 500 or one["step"] == 1
        for value, status in ((one["minimum"], 201), (one["maximum"], 201), (one["maximum"] + one["step"], 400)):
            made = client.post(path, json={"name": "Edge", "parameters": {name: value}})
            assert made.status_code == status, (name, value, made.text)


@pytest.mark.parametrize("engine", ["kokoro", "xtts", "f5tts", "pocket", "silence"])
def test_templates_are_values_that_the_engine_takes_and_each_other(client: TestClient, engine: str) -> None:
    body = client.get(f"/quality-profiles/{engine}").json()
    templates = {one["name"]: one["parameters"] for one in body["templates"]}
    assert list(templates) == ["podcast", "audiobook", "voice_message"]
    loudness = [values["target_loudness"] for values in templates.values()]
    assert loudness == [-16.0, -20.0, -14.0] and all(one["apply_normalization"] for one in templates.values())
    own = [one["name"] for one in body["parameters"] if one["group"] == "engine"]
    assert len({tuple(values[name] for name in own) for values in templates.values()}) == 3
    for name, values in templates.items():
        made = client.post(f"/quality-profiles/{engine}", json={"name": name, "parameters": values})
        assert made.status_code == 201 and made.json()["parameters"] == values


def preview(client: TestClient, engine: str = "silence", **fields: Any) -> Response:
    return client.post(
        f"/quality-profiles/{engine}/preview", json={"text": "Uma frase.", "voice_id": "silence_female", **fields}
    )


def test_values_are_heard_before_they_are_kept(client: TestClient) -> None:
    def seconds(**fields: Any) -> float:
        response = preview(client, **fields)
        assert (response.status_code, response.headers["content-type"]) == (200, "audio/wav")
        assert response.headers["x-papagaio-voice"] == "silence_female"
        return load(BytesIO(response.content)).duration_s

    mine = made(client, "silence", parameters={"speed": 2.0})
    assert seconds(parameters={"speed": 0.5}) == pytest.approx(4 * seconds(parameters={"speed": 2.0}), rel=0.01)
    assert seconds(profile_id=mine["id"]) == seconds(parameters={"speed": 2.0}) < seconds()
    assert seconds(profile_id=mine["id"], parameters={"speed": 1.0}) == seconds()
    assert client.get("/quality-profiles/silence").json()["count"] == 2
    assert client.get("/jobs").json()["total"] == 0 and client.get("/analytics/profiles-usage").json() == []


@pytest.mark.parametrize(
    ("engine", "fields", "status", "code"),
    [
        ("silence", {"parameters": {"speed": 3}}, 422, "parameter_out_of_range"),
        ("silence", {"parameters": {"speed": "fast"}}, 422, "parameter_of_wrong_type"),
        ("silence", {"parameters": {"warmth": 1}}, 422, "unknown_parameter"),
        ("silence", {"profile_id": "silence_none"}, 404, "profile_not_found"),
        ("silence", {"profile_id": "kokoro_brisk"}, 404, "profile_not_found"),
        ("silence", {"voice_id": "nobody"}, 404, "unknown_voice"),
        ("silence", {"language": "ja"}, 422, "language_not_spoken"),
        ("silence", {"seed": 1}, 422, "seed_not_used"),
        ("silence", {"text": "x" * 301}, 422, "invalid_request"),
        ("silence", {"text": ""}, 422, "invalid_request"),
        ("silence", {"volume": 3}, 422, "invalid_request"),
        ("tacotron", {}, 404, "profile_engine_unknown"),
    ],
)
def test_what_cannot_be_heard_is_refused(client: TestClient, engine: str, fields: dict, status: int, code: str) -> None:
    response = preview(client, engine, **fields)
    assert (response.status_code, response.json()["code"]) == (status, code)


def test_an_engine_that_is_not_here_cannot_be_heard(client: TestClient) -> None:
    response = preview(client, "f5tts")
    assert response.status_code == 503 and response.json()["code"] in ("engine_not_installed", "f5_dir_missing")
