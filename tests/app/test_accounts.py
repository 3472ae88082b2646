"""Accounts: the first one, signing in, keys, roles, and what a stranger or a neighbour gets."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from api_service import Service, running
from fastapi.testclient import TestClient

from app.callers import ROLES
from app.errors import Problem
from app.main import serve
from app.security import tokens
from app.security.limits import SIGN_IN_ADDRESS, Limits, Rule
from app.security.permissions import needed_scope
from app.security.secrets import load_secrets
from app.security.setup import setup_token
from bench.servers import Valkey

PASSWORD = "correct horse battery"
JOB = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path) as service:
        yield service


@pytest.fixture
def admin(service: Service) -> TestClient:
    """The service's client, signed in as its first account."""
    token = setup_token(service.services.settings.data_dir)
    made = service.client.post("/auth/setup", json={"token": token, "name": "Ana", "password": PASSWORD})
    assert made.status_code == 201, made.text
    return service.client


def as_(service: Service, name: str, role: str = "maker") -> dict[str, str]:
    """The header of a new account."""
    service.services.identity.accounts.add(name, PASSWORD, role)  # type: ignore[arg-type]
    return bearer(service, name)


def bearer(service: Service, name: str) -> dict[str, str]:
    got = TestClient(service.client.app, base_url="http://localhost").post(
        "/auth/token", data={"grant_type": "password", "username": name, "password": PASSWORD}
    )
    assert got.status_code == 200, got.text
    return {"Authorization": f"Bearer {got.json()['access_token']}"}


def code(response: Any) -> tuple[int, str]:
    body = response.json()
    return response.status_code, body.get("code") or body["error"]["code"]


def test_without_accounts_this_machine_does_everything(service: Service) -> None:
    me = service.client.get("/auth/me").json()
    assert (me["user_id"], me["is_admin"], me["has_accounts"]) == ("local", True, False)
    assert service.client.post("/jobs", json=JOB).status_code == 202
    assert code(service.client.post("/api-keys", json={"name": "x"})) == (409, "accounts_needed")


def test_the_first_account_needs_the_printed_link_and_takes_over(service: Service) -> None:
    before = service.add()
    wrong = {"token": "guess", "name": "Eve", "password": PASSWORD}
    assert code(service.client.post("/auth/setup", json=wrong)) == (403, "setup_token_wrong")
    token = setup_token(service.services.settings.data_dir)
    assert (service.services.settings.data_dir / "setup-token").stat().st_mode & 0o777 == 0o600
    weak = {"token": token, "name": "Ana", "password": "short"}
    assert code(service.client.post("/auth/setup", json=weak)) == (422, "password_length")
    assert service.client.post("/auth/setup", json={**weak, "password": PASSWORD}).json()["role"] == "admin"
    assert code(service.client.post("/auth/setup", json={**weak, "password": PASSWORD})) == (409, "already_set_up")
    assert service.client.get(f"/jobs/{before['id']}").status_code == 200
    assert not (service.services.settings.data_dir / "setup-token").exists()


def test_strangers_are_kept_out_and_the_page_is_not(service: Service, admin: TestClient) -> None:
    stranger = TestClient(service.client.app, base_url="http://localhost")
    for method, path in (("GET", "/jobs"), ("POST", "/jobs"), ("GET", "/voices"), ("GET", "/v1/models")):
        assert code(stranger.request(method, path)) == (401, "not_signed_in")
    assert stranger.get("/jobs").headers["WWW-Authenticate"].startswith("Bearer")
    assert stranger.get("/").status_code == stranger.get("/webui").status_code == 200
    empty = {"Authorization": "Bearer "}  # as SillyTavern sends where nothing is set
    assert code(stranger.get("/v1/audio/voices", headers=empty)) == (401, "not_signed_in")
    assert stranger.get("/auth/me").json()["scopes"] == []


@pytest.mark.parametrize(("is_public", "status"), [(False, 401), (True, 200)])
def test_lists_are_public_where_the_operator_says_so(tmp_path: Path, is_public: bool, status: int) -> None:
    with running(tmp_path, public_discovery=is_public) as service:
        token = setup_token(service.services.settings.data_dir)
        service.client.post("/auth/setup", json={"token": token, "name": "Ana", "password": PASSWORD})
        service.client.cookies.clear()
        for path in ("/v1/test", "/v1/audio/models", "/v1/audio/voices", "/v1/audio/voices/silence"):
            assert service.client.get(path).status_code == status, path
        assert service.client.get("/v1/models").status_code == 401


def test_the_cookie_is_for_this_site_alone(service: Service, admin: TestClient) -> None:
    admin.post("/auth/logout")
    assert code(admin.get("/jobs")) == (401, "not_signed_in")
    answer = admin.post("/auth/login", json={"name": "ana", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and admin.get("/jobs").status_code == 200
    for name, password in (("ana", "wrong password"), ("nobody", PASSWORD)):
        assert code(admin.post("/auth/login", json={"name": name, "password": password})) == (401, "sign_in_failed")


def test_guessing_is_slowed_down(service: Service, admin: TestClient) -> None:
    refused, answers = (429, "too_many_requests"), []
    while len(answers) < 20 and (not answers or code(answers[-1]) != refused):
        answers.append(admin.post("/auth/login", json={"name": "ana", "password": f"guess {len(answers)}"}))
    # The window slides by estimate, so a slow machine may be let have a few more than ten.
    assert code(answers[-1]) == refused and len(answers) > 10 and int(answers[-1].headers["Retry-After"]) >= 1
    assert '"sign-in";q=10;w=60' in answers[-1].headers["RateLimit-Policy"]


def test_guessing_many_names_is_slowed_down_too(service: Service, admin: TestClient) -> None:
    service.services.limits.hit(SIGN_IN_ADDRESS, "testclient", SIGN_IN_ADDRESS.count - 2)
    refused, answers = (429, "too_many_requests"), []
    while len(answers) < 20 and (not answers or code(answers[-1]) != refused):
        answers.append(admin.post("/auth/login", json={"name": f"name {len(answers)}", "password": "guess"}))
    assert code(answers[0]) == (401, "sign_in_failed") and code(answers[-1]) == refused
    assert '"sign-in-address";q=100;w=600' in answers[-1].headers["RateLimit-Policy"]


def test_a_token_may_do_no_more_than_was_asked_for(service: Service, admin: TestClient) -> None:
    form = {"grant_type": "password", "username": "Ana", "password": PASSWORD}
    assert admin.post("/auth/token", data=form).json()["scope"] == "read speak make keys admin"
    admin.cookies.clear()
    made = admin.post("/auth/token", data=form | {"scope": "read  speak read"}).json()
    assert made["scope"] == "read speak"
    again = admin.post("/auth/token", data={"grant_type": "refresh_token", "refresh_token": made["refresh_token"]})
    for one in (made, again.json()):
        headers = {"Authorization": f"Bearer {one['access_token']}"}
        me = admin.get("/auth/me", headers=headers).json()
        assert me["scopes"] == ["read", "speak"] and not me["is_admin"]
        assert admin.get("/jobs", headers=headers).status_code == 200
        assert code(admin.get("/users", headers=headers)) == (403, "not_allowed")
        assert code(admin.post("/api-keys", headers=headers, json={"name": "k"})) == (403, "not_allowed")
    narrower = {"grant_type": "refresh_token", "refresh_token": again.json()["refresh_token"]}
    wider = admin.post("/auth/token", data=narrower | {"scope": "read make"})
    assert wider.status_code == 422 and wider.json()["errors"][0]["field"] == "scope"
    assert admin.post("/auth/token", data=narrower | {"scope": "read"}).json()["scope"] == "read"
    unknown = admin.post("/auth/token", data=form | {"scope": "openid read"})
    assert unknown.status_code == 422 and "openid" in unknown.json()["detail"] + str(unknown.json()["errors"])


@pytest.mark.parametrize("change", [lambda text: f"{text}.admin", lambda text: text.replace(".read", "")])
def test_nobody_gives_a_refresh_token_more_scopes(
    service: Service, admin: TestClient, change: Callable[[str], str]
) -> None:
    text = service.services.identity.sessions.start("local", "refresh", scopes=("read",))
    forged = admin.post("/auth/token", data={"grant_type": "refresh_token", "refresh_token": change(text)})
    assert code(forged) == (401, "token_invalid")


def test_a_refresh_token_is_used_once(service: Service, admin: TestClient) -> None:
    form = {"grant_type": "password", "username": "Ana", "password": PASSWORD}
    first = admin.post("/auth/token", data=form).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = admin.post("/auth/token", data=again).json()
    assert second["refresh_token"] != first["refresh_token"] and second["expires_in"] == 900
    assert code(admin.post("/auth/token", data=again)) == (401, "token_invalid")
    stolen = {"grant_type": "refresh_token", "refresh_token": second["refresh_token"]}
    assert code(admin.post("/auth/token", data=stolen)) == (401, "token_invalid")  # the whole family is over
    assert "refresh_token_reused" in {entry["action"] for entry in admin.get("/audit").json()}


def test_tokens_that_are_not_ours(service: Service, admin: TestClient) -> None:
    secrets = service.services.identity.secrets.now()
    key, named = secrets.token_key, {"kid": secrets.token_key_id}
    stranger = TestClient(service.client.app, base_url="http://localhost")
    claims = {"sub": "local", "ver": 1, "aud": "papagaio", "jti": "1", "exp": time.time() + 60}
    bad = {
        "another key": jwt.encode(claims, "x" * 32, "HS256", named),
        "no key's id": jwt.encode(claims, key, "HS256"),
        "a key that is none": jwt.encode(claims, key, "HS256", {"kid": "none"}),
        "no algorithm": jwt.encode(claims, None, "none", named),  # type: ignore[arg-type]
        "another audience": jwt.encode({**claims, "aud": "other"}, key, "HS256", named),
        "no expiry": jwt.encode({name: value for name, value in claims.items() if name != "exp"}, key, "HS256", named),
        "a later account": jwt.encode({**claims, "ver": 9}, key, "HS256", named),
        "nobody": jwt.encode({**claims, "sub": "user_gone"}, key, "HS256", named),
        "no token": "abc",
        "an API key that is none": "pg_000000000000_abc",
    }
    for name, token in bad.items():
        got = stranger.get("/jobs", headers={"Authorization": f"Bearer {token}"})
        assert code(got) == (401, "token_invalid"), name
    late = tokens.access_token("local", 1, key, secrets.token_key_id, now=time.time() - 3600)
    assert code(stranger.get("/jobs", headers={"Authorization": f"Bearer {late}"})) == (401, "token_expired")
    good = tokens.access_token("local", 1, key, secrets.token_key_id)
    assert stranger.get("/jobs", headers={"Authorization": f"Bearer {good}"}).status_code == 200


def test_a_key_is_shown_once_has_its_scopes_and_ends(service: Service, admin: TestClient) -> None:
    made = admin.post("/api-keys", json={"name": "player", "scopes": ["read"]}).json()
    assert made["key"].startswith("pg_") and admin.get("/api-keys").json()[0]["key"] is None
    stranger = TestClient(service.client.app, base_url="http://localhost")
    with_key = {"Authorization": f"Bearer {made['key']}"}
    assert stranger.get("/jobs", headers=with_key).status_code == 200
    assert stranger.get("/voices", headers={"xi-api-key": made["key"]}).status_code == 200
    assert code(stranger.post("/jobs", json=JOB, headers=with_key)) == (403, "not_allowed")
    assert code(stranger.get("/users", headers=with_key)) == (403, "not_allowed")
    assert admin.delete(f"/api-keys/{made['id']}").json()["revoked_at"]
    assert code(stranger.get("/jobs", headers=with_key)) == (401, "token_invalid")
    maker = as_(service, "ben")
    assert code(stranger.post("/api-keys", json={"name": "x", "scopes": ["admin"]}, headers=maker)) == (
        403,
        "scope_not_held",
    )


def test_roles(service: Service, admin: TestClient) -> None:
    listener, client = as_(service, "leo", "listener"), TestClient(service.client.app, base_url="http://localhost")
    assert client.post("/jobs", json=JOB, headers=listener).status_code == 202
    assert code(client.delete("/voices/silence_male", headers=listener)) == (403, "not_allowed")
    assert code(client.post("/admin/cleanup", headers=listener)) == (403, "not_allowed")
    assert code(client.get("/users", headers=listener)) == (403, "not_allowed")
    leo = next(user for user in admin.get("/users").json() if user["name"] == "leo")
    assert admin.patch(f"/users/{leo['id']}", json={"is_disabled": True}).json()["is_disabled"]
    assert code(client.get("/jobs", headers=listener)) == (401, "token_invalid")
    assert code(admin.patch("/users/local", json={"role": "maker"})) == (409, "last_admin")
    assert code(admin.post("/users", json={"name": "LEO", "password": PASSWORD})) == (409, "user_name_taken")


def test_two_accounts_never_meet(service: Service, admin: TestClient) -> None:
    ana, ben = as_(service, "ana2"), as_(service, "ben")
    client = TestClient(service.client.app, base_url="http://localhost")
    job = client.post("/jobs", json=JOB, headers=ana).json()["id"]
    profile = client.post(
        "/quality-profiles/silence", json={"name": "Mine", "description": "", "parameters": {}}, headers=ana
    ).json()["id"]
    service.work()
    routes = [
        ("GET", f"/jobs/{job}"),
        ("GET", f"/jobs/{job}/formats"),
        ("GET", f"/jobs/{job}/log"),
        ("GET", f"/jobs/{job}/download"),
        ("GET", f"/jobs/{job}/stream"),
        ("GET", f"/jobs/{job}/samples"),
        ("POST", f"/jobs/{job}/cancel"),
        ("POST", f"/jobs/{job}/pause"),
        ("POST", f"/jobs/{job}/resume"),
        ("DELETE", f"/jobs/{job}"),
        ("GET", f"/quality-profiles/silence/{profile}"),
        ("DELETE", f"/quality-profiles/silence/{profile}"),
        ("POST", f"/quality-profiles/silence/{profile}/duplicate"),
    ]
    for method, path in routes:
        assert client.request(method, path, headers=ben).status_code == 404, (method, path)
    # What the base API says of a profile that is not there.
    assert code(client.post(f"/quality-profiles/silence/{profile}/set-default", headers=ben)) == (
        400,
        "profile_not_found",
    )
    assert client.get("/jobs", headers=ben).json()["total"] == 0
    assert client.get(f"/jobs/{job}/download", headers=ana).status_code == 200
    assert client.get(f"/jobs/{job}", headers=bearer(service, "Ana")).status_code == 200  # an admin sees all


def test_a_changed_password_ends_what_was(service: Service, admin: TestClient) -> None:
    old = bearer(service, "Ana")
    wrong = {"old": "not my password", "new": "another long one"}
    assert code(admin.post("/auth/password", json=wrong)) == (401, "sign_in_failed")
    assert admin.post("/auth/password", json={"old": PASSWORD, "new": "another long one"}).status_code == 200
    stranger = TestClient(service.client.app, base_url="http://localhost")
    assert code(stranger.get("/jobs", headers=old)) == (401, "token_invalid")
    assert admin.get("/jobs").status_code == 200  # this page goes on


def test_nothing_secret_is_stored_or_told(service: Service, admin: TestClient) -> None:
    key = admin.post("/api-keys", json={"name": "x"}).json()["key"]
    raw = b"".join(path.read_bytes() for path in service.services.settings.data_dir.glob("papagaio.db*"))
    _, private = tokens.parts(key, tokens.API_KEY_PREFIX)
    assert PASSWORD.encode() not in raw and len(private) > 20 and private.encode() not in raw
    assert b"$argon2id$" in raw
    secrets = service.services.settings.data_dir / "secrets.json"
    assert secrets.stat().st_mode & 0o777 == 0o600
    secrets.chmod(0o644)
    with pytest.raises(Problem, match="secret_weak"):
        load_secrets(service.services.settings.data_dir)
    secrets.write_text('{"token_key": "short", "share_key": "short"}')
    secrets.chmod(0o600)
    with pytest.raises(Problem, match="secret_weak"):
        load_secrets(service.services.settings.data_dir)


def test_no_public_address_without_an_account(tmp_path: Path) -> None:
    from app.settings import Settings

    with pytest.raises(Problem, match="host_open_refused"):
        serve(Settings(data_dir=tmp_path, host="0.0.0.0"))


def test_every_route_needs_a_scope_or_is_meant_to_be_open(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    opened = {(m.upper(), path) for path, item in paths.items() for m in item if needed_scope(m.upper(), path) is None}
    allowed = ("/auth/", "/webui", "/health/live", "/health/ready", "/shared/", "/docs")
    assert all(path == "/" or path.startswith(allowed) for _, path in opened), sorted(opened)
    assert needed_scope("DELETE", "/voices/x") == "make" and needed_scope("GET", "/voices") == "read"
    spoken = ("/xtts/tts_to_audio/", "/tts_to_audio/", "/switch_model", "/api/tts-generate", "/v1/text-to-speech/x")
    assert {needed_scope("POST", path) for path in spoken} == {"speak"}
    assert set(ROLES["listener"]) == {"read", "speak", "keys"}


def test_services_that_share_redis_share_their_limits(redis: Valkey) -> None:
    rule, services = Rule("shared", 3, 60), [Limits(redis.url), Limits(redis.url)]
    left = [services[turn % 2].hit(rule, "ana").remaining for turn in range(3)]
    assert left == [2, 1, 0] and not any(one.is_degraded for one in services)
    for one in services:
        with pytest.raises(Problem) as caught:
            one.hit(rule, "ana")
        assert caught.value.code == "too_many_requests"
        assert one.hit(Rule("other", 3, 60), "ana").remaining >= 1


def test_limits_count_for_each_key_and_go_on_without_redis() -> None:
    limits, rule = Limits(), Rule("test", 2, 60)
    assert [limits.hit(rule, "a").remaining for _ in range(2)] == [1, 0]
    with pytest.raises(Problem, match="too_many_requests"):
        limits.hit(rule, "a")
    assert limits.hit(rule, "b").remaining == 1
    away = Limits("redis://127.0.0.1:1/0")
    assert away.hit(rule, "a").remaining == 1 and away.is_degraded


def test_a_redis_that_comes_back_is_counted_with_again(redis: Valkey, monkeypatch: pytest.MonkeyPatch) -> None:
    limits, rule = Limits("redis://127.0.0.1:1/0"), Rule("back", 5, 60)
    limits.hit(rule, "a")
    limits._shared = Limits(redis.url)._shared
    assert limits.hit(rule, "a").remaining == 3 and limits.is_degraded  # it is not asked for a moment
    monkeypatch.setattr("app.security.limits.time.monotonic", lambda: float("inf"))
    assert limits.hit(rule, "a").remaining == 4 and not limits.is_degraded


def test_a_redis_that_goes_away_between_its_two_questions_is_done_without(
    redis: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, rule = Limits(redis.url), Rule("lost", 5, 60)
    assert limits.hit(rule, "a").remaining == 4
    looked = limits._shared.get_window_stats

    def lost(*asked: Any) -> Any:
        redis.kill()
        return looked(*asked)

    monkeypatch.setattr(limits._shared, "get_window_stats", lost)
    try:
        assert limits.hit(rule, "a").remaining == 4 and limits.is_degraded  # of this process alone
    finally:
        redis.start()


def test_a_cost_counts_as_many_and_no_more_than_the_rule() -> None:
    limits, rule = Limits(), Rule("cost", 10, 60)
    assert limits.hit(rule, "a", 7).remaining == 3
    with pytest.raises(Problem, match="too_many_requests"):
        limits.hit(rule, "a", 4)
    assert limits.hit(rule, "a", 3).remaining == 0 and limits.hit(rule, "b", 99).remaining == 0


def test_the_metrics_say_that_redis_is_away(tmp_path: Path) -> None:
    with running(tmp_path, redis_url="redis://127.0.0.1:1/0") as service:
        assert "papagaio_limits_without_redis 0.0" in service.client.get("/metrics").text
        service.services.limits.hit(Rule("test", 2, 60), "a")
        assert "papagaio_limits_without_redis 1.0" in service.client.get("/metrics").text
