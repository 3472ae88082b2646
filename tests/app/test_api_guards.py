"""What every request passes: id, host, origin, size, and the headers of every response."""

from typing import Any

import pytest
from api_service import Service, settings_in
from fastapi.testclient import TestClient
from httpx2 import Response

from app.errors import Problem
from app.main import create_app, serve

OWN = "http://localhost"


def code(response: Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


def test_request_id_is_echoed_when_it_is_one_and_made_otherwise(service: Service) -> None:
    assert service.client.get("/", headers={"X-Request-ID": "abc-1.2_3"}).headers["x-request-id"] == "abc-1.2_3"
    for bad in ("", "a b", "x" * 65, "a\tb", "<script>"):
        made = service.client.get("/", headers={"X-Request-ID": bad}).headers["x-request-id"]
        assert made != bad and len(made) == 16
    problem = service.client.get("/nothing", headers={"X-Request-ID": "mine"}).json()
    assert problem["request_id"] == "mine"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.2", ""])
def test_other_hosts_are_refused(service: Service, host: str) -> None:
    response = service.client.get("/", headers={"Host": host})
    assert code(response) == (421, "host_not_allowed")
    assert "localhost" in response.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8005", "127.0.0.1:1", "[::1]:8005", "[::1]"])
def test_own_hosts_are_answered(service: Service, host: str) -> None:
    assert service.client.get("/", headers={"Host": host}).status_code == 200


def test_the_address_that_a_request_came_to_is_a_host(tmp_path) -> None:
    """Known by what the connection says, never by what the request does."""
    with TestClient(create_app(settings_in(tmp_path)), base_url="http://10.0.0.7:8005") as client:
        assert client.get("/", headers={"Host": "10.0.0.7:8005"}).status_code == 200
        assert client.get("/", headers={"Host": "10.0.0.8:8005"}).status_code == 421
        assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "http://127.0.0.1"])
def test_pages_of_others_cannot_change_anything(service: Service, origin: str) -> None:
    job = service.add()
    for method, path in (("POST", "/jobs"), ("DELETE", f"/jobs/{job['id']}"), ("POST", "/admin/cleanup?deep=true")):
        response = service.client.request(method, path, headers={"Origin": origin})
        assert code(response) == (403, "cross_site_refused")
    assert service.client.get("/jobs", headers={"Origin": origin}).json()["total"] == 1


@pytest.mark.parametrize("origin", [None, OWN, "http://localhost:80"])
def test_the_own_page_and_programs_can(service: Service, origin: str | None) -> None:
    headers = {} if origin is None else {"Origin": origin}
    assert service.client.post("/admin/cleanup", headers=headers).status_code == 200


@pytest.fixture
def narrow(tmp_path) -> TestClient:
    app = create_app(settings_in(tmp_path, max_body_mb=0.01))
    return TestClient(app, base_url=OWN, raise_server_exceptions=False)


def test_a_declared_body_beyond_the_limit_is_refused_unread(narrow: TestClient) -> None:
    response = narrow.post("/jobs", content=b"x" * 10_001, headers={"Content-Type": "application/json"})
    assert code(response) == (413, "body_too_large")
    assert "0.01 MB" in response.json()["detail"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_a_streamed_body_is_cut_at_the_limit(narrow: TestClient, content_type: str) -> None:
    sent = 0

    def endless():
        nonlocal sent
        start = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n'
        yield start if "multipart" in content_type else b"text="
        while sent < 1_000_000:
            sent += 1000
            yield b"x" * 1000

    response = narrow.post("/jobs", content=endless(), headers={"Content-Type": content_type})
    assert code(response) == (413, "body_too_large")


def test_a_body_at_the_limit_is_read(narrow: TestClient) -> None:
    body = b'{"text": "' + b"a" * 9_980
    assert code(narrow.post("/jobs", content=body, headers={"Content-Type": "application/json"})) == (400, "bad_body")


@pytest.mark.parametrize("path", ["/", "/webui", "/webui/js/app.js", "/docs", "/nothing", "/jobs"])
def test_every_response_carries_the_security_headers(service: Service, path: str) -> None:
    headers = service.client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    allowed = dict(part.split("=") for part in headers["permissions-policy"].split(", "))
    assert allowed.pop("microphone") == "(self)" and {"camera", "geolocation"} < set(allowed)
    assert set(allowed.values()) == {"()"}
    policy = headers["content-security-policy"]
    assert "default-src" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "http" not in policy and "*" not in policy


def test_a_defect_of_ours_is_a_problem_with_nothing_of_its_inside(service: Service) -> None:
    app: Any = service.client.app

    @app.get("/defect")
    def defect() -> None:
        raise RuntimeError("secret of the inside")

    response = service.client.get("/defect", headers={"X-Request-ID": "find-me"})
    assert code(response) == (500, "internal")
    assert "secret" not in response.text and "find-me" in response.json()["detail"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "studio.example"])
def test_serve_refuses_to_be_open(tmp_path, host: str) -> None:
    with pytest.raises(Problem) as caught:
        serve(settings_in(tmp_path / "data", host=host))
    assert caught.value.code == "host_open_refused"
    assert not (tmp_path / "data").exists()
