"""Bodies and queries: strict, and the refusal names what was wrong, in both languages."""

from typing import Any

import pytest
from api_service import Service

from app.texts import LANGUAGES

BODY = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}


def refused(service: Service, status: int = 422, **request: Any) -> dict[str, dict[str, Any]]:
    """The errors of a refusal by field; nothing was written."""
    response = service.client.post("/jobs", **request)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, "invalid_request"), problem
    assert sorted(problem["details"]) == sorted(LANGUAGES) and "detail" not in problem.get("detail", {})
    assert problem["details"]["en"] != problem["details"]["pt-BR"]
    assert service.is_empty()
    return {error["field"]: error for error in problem["errors"]}


@pytest.mark.parametrize("kind", ["json", "data", "files"])
def test_a_body_may_be_json_form_or_multipart(service: Service, kind: str) -> None:
    body: Any = {name: (None, value) for name, value in BODY.items()} if kind == "files" else BODY
    sent: Any = {kind: body}
    response = service.client.post("/jobs", **sent)
    assert response.status_code == 202, response.text
    assert response.json()["text"] == "Bom dia."


@pytest.mark.parametrize("kind", ["json", "data"])
def test_every_unknown_field_is_named_with_the_valid_ones(service: Service, kind: str) -> None:
    errors = refused(service, **{kind: BODY | {"voice": "a", "sped": "1"}})
    assert set(errors) == {"voice", "sped"}
    assert all("voice_preset" in error["message"] and "speed" in error["message"] for error in errors.values())


def test_every_wrong_field_is_named_at_once(service: Service) -> None:
    errors = refused(service, json={"text": 5, "mode": "sing", "speed": 9, "rvc_pitch": 13, "enable_rvc": True})
    codes = {field: error["code"] for field, error in errors.items()}
    assert codes == {
        "text": "field_type",
        "source_language": "field_missing",
        "mode": "field_choice",
        "speed": "field_range",
        "rvc_pitch": "field_range",
    }
    assert "dubbing, dubbing_with_clone" in errors["mode"]["message"]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_json_numbers_that_are_none_are_refused(service: Service, number: str) -> None:
    body = '{"text": "a", "source_language": "pt", "mode": "dubbing", "speed": %s}' % number
    response = service.client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_body")
    assert number in response.json()["detail"] and service.is_empty()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf", "1e999", "0.49", "2.01", "fast", "true"])
def test_form_numbers_out_of_range_are_refused(service: Service, number: str) -> None:
    status = 400 if number in ("0.49", "2.01") else 422  # a number, but out of its range: the base API's 400
    assert set(refused(service, status, data=BODY | {"speed": number})) == {"speed"}


@pytest.mark.parametrize("value", ["1.0", True, [1], {"a": 1}, 1e999])
def test_json_values_of_another_type_are_refused(service: Service, value: object) -> None:
    import json

    body = json.dumps(BODY | {"speed": value})
    response = service.client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (400, 422) and service.is_empty()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"text"', b"null", b"\xff\xfe", b'{"a":' * 100_000, b"1" * 5000])
def test_a_body_that_is_no_json_object_is_refused(service: Service, body: bytes) -> None:
    response = service.client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_body")


def test_other_body_types_are_refused_with_the_choices(service: Service) -> None:
    response = service.client.post("/jobs", content=b"text: a", headers={"Content-Type": "application/yaml"})
    assert (response.status_code, response.json()["code"]) == (415, "body_type_unsupported")
    assert "application/json" in response.json()["detail"]


def test_a_field_given_twice_is_refused(service: Service) -> None:
    twice = "text=a&text=b&source_language=pt&mode=dubbing"
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert refused(service, content=twice, headers=headers)["text"]["code"] == "field_repeated"
    twice = '{"text": "a", "text": "b", "source_language": "pt", "mode": "dubbing"}'
    errors = refused(service, content=twice, headers={"Content-Type": "application/json"})
    assert errors["text"]["code"] == "field_repeated"


def test_a_file_where_a_text_is_wanted_is_refused(service: Service) -> None:
    fields = {name: (None, value) for name, value in BODY.items()} | {"text": ("a.txt", b"Bom dia.")}
    assert set(refused(service, files=fields)) == {"text"}


def test_half_a_surrogate_pair_is_refused_and_said_back(service: Service) -> None:
    for body in (b'{"text": "\\ud800", "source_language": "pt", "mode": "dubbing"}', b'{"\\ud800": 1}'):
        response = service.client.post("/jobs", content=body, headers={"Content-Type": "application/json"})
        assert response.status_code == 422 and response.json()["code"] == "invalid_request"
    assert service.is_empty()


@pytest.mark.parametrize(
    "path", ["/jobs?limt=5", "/?a=1", "/voices?lang=pt", "/languages?x=", "/quality-profiles?engine=kokoro"]
)
def test_unknown_query_parameters_are_refused(service: Service, path: str) -> None:
    response = service.client.get(path)
    assert (response.status_code, response.json()["errors"][0]["code"]) == (422, "field_unknown")


def test_the_reader_chooses_the_language(service: Service) -> None:
    def detail(accept: str) -> tuple[str, str]:
        response = service.client.get("/jobs/job_none", headers={"Accept-Language": accept})
        return response.headers["content-language"], response.json()["detail"]

    (english, in_english), (portuguese, in_portuguese) = detail("en"), detail("fr, pt;q=0.8, en;q=0.1")
    assert (english, portuguese) == ("en", "pt-BR") and in_english != in_portuguese
    assert detail("xx") == (english, in_english)


def test_another_method_is_refused_with_all_that_are_possible(service: Service) -> None:
    response = service.client.put("/jobs")
    assert response.status_code == 405 and response.json()["code"] == "method_not_allowed"
    assert response.headers["allow"] == "GET, POST"
    assert service.client.post("/jobs/job_1").headers["allow"] == "GET, DELETE"
