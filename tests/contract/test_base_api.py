"""The base API (B1 to B6): its routes, parameters, defaults, bounds, fields and refusals, over a running service."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running

from app.texts import LANGUAGES

JOB_FILTERS = ("status", "engine", "language", "created_from", "created_until")
# Method, path, query parameters with their default (`...`: required, None: optional without one).
ROUTES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/jobs", {}),
    ("GET", "/jobs", {"limit": 20, "offset": 0} | dict.fromkeys(JOB_FILTERS)),
    ("GET", "/jobs/{job_id}", {}),
    ("DELETE", "/jobs/{job_id}", {}),
    ("GET", "/jobs/{job_id}/formats", {}),
    ("GET", "/jobs/{job_id}/download", {"format": "wav", "timeout": None, "name": None}),
    ("GET", "/jobs/{job_id}/log", {"format": "text"}),
    ("GET", "/jobs/{job_id}/stream", {}),
    ("POST", "/jobs/{job_id}/cancel", {}),
    ("POST", "/jobs/{job_id}/pause", {}),
    ("POST", "/jobs/{job_id}/resume", {}),
    ("GET", "/jobs/{job_id}/clips/{clip_id}", {}),
    ("GET", "/jobs/{job_id}/samples/{name}", {}),
    ("POST", "/voices/intake", {}),
    ("POST", "/voices/fit", {}),
    ("GET", "/voices/efforts", {"speech_s": None, "dataset": None, "speaker": ""}),
    ("POST", "/voices/import", {}),
    ("GET", "/voices/{voice_id}/report", {}),
    ("GET", "/voices/{voice_id}/samples/{name}", {}),
    ("GET", "/voices/{voice_id}/export", {"format": "file"}),
    ("POST", "/voices/clone", {}),
    ("POST", "/voices/convert", {}),
    ("GET", "/voices", {"limit": 100} | dict.fromkeys(("language", "gender", "engine", "tag", "category"))),
    ("GET", "/voices/{voice_id}", {}),
    ("DELETE", "/voices/{voice_id}", {}),
    ("GET", "/voices/{voice_id}/sample", {"language": None}),
    ("POST", "/rvc-models", {}),
    ("GET", "/rvc-models", {"sort_by": "created_at"}),
    ("GET", "/rvc-models/stats", {}),
    ("GET", "/rvc-models/{model_id}", {}),
    ("DELETE", "/rvc-models/{model_id}", {}),
    ("POST", "/rvc/models", {}),
    ("GET", "/rvc/models", {"sort_by": "created_at"}),
    ("GET", "/rvc/models/stats", {}),
    ("GET", "/rvc/models/{model_id}", {}),
    ("DELETE", "/rvc/models/{model_id}", {}),
    ("GET", "/quality-profiles", {}),
    ("POST", "/quality-profiles", {}),
    ("GET", "/quality-profiles/{engine}", {}),
    ("POST", "/quality-profiles/{engine}", {}),
    ("GET", "/quality-profiles/{engine}/{profile_id}", {}),
    ("PATCH", "/quality-profiles/{engine}/{profile_id}", {}),
    ("DELETE", "/quality-profiles/{engine}/{profile_id}", {}),
    ("POST", "/quality-profiles/{engine}/{profile_id}/set-default", {}),
    ("POST", "/quality-profiles/{engine}/{profile_id}/duplicate", {"new_name": None}),
    ("GET", "/", {}),
    ("GET", "/presets", {}),
    ("GET", "/languages", {}),
    ("POST", "/admin/cleanup", {"deep": False}),
    ("GET", "/admin/stats", {}),
    ("GET", "/health", {}),
    ("GET", "/health/engines", {}),
    ("GET", "/feature-flags", {"user_id": None}),
    ("GET", "/feature-flags/{name}", {"user_id": None}),
    ("GET", "/webui", {}),
    ("GET", "/events", {"last_event_id": None, "job_id": None}),
    ("GET", "/v1/finetune/checkpoints", {}),
    ("GET", "/v1/finetune/checkpoints/{checkpoint_name}", {}),
    ("DELETE", "/v1/finetune/checkpoints/{checkpoint_name}", {}),
    ("POST", "/v1/finetune/synthesize", {}),
    ("GET", "/v1/finetune/synthesize/{filename}", {}),
    ("GET", "/v1/finetune/model/info", {"checkpoint": None}),
]
JOB_FIELDS = """id mode status input_file output_file text source_language target_language voice_preset voice_id
tts_engine tts_engine_used tts_engine_requested engine_fallback fallback_reason quality_profile_mapped ref_text
quality_profile enable_rvc rvc_model_id rvc_pitch rvc_index_rate rvc_protect rvc_rms_mix_rate rvc_filter_radius
rvc_f0_method rvc_hop_length voice_name voice_description audio_url duration file_size_input file_size_output
created_at completed_at error_message expires_at progress""".split()
VOICE_FIELDS = """id name description language source_audio_path profile_path ref_text engine duration sample_rate
quality_score created_at last_used_at expires_at usage_count""".split()
JOB = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}


@pytest.fixture
def kokoro(tmp_path: Path) -> Iterator[Service]:
    """The service as it is out of the box: the embedded engine, its weights not pulled."""
    with running(tmp_path, default_engine="kokoro") as service:
        yield service


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with running(tmp_path_factory.mktemp("openapi")) as service:
        found: dict[str, Any] = service.client.get("/openapi.json").json()
    return found


@pytest.mark.parametrize(("method", "path", "query"), ROUTES, ids=lambda value: value if isinstance(value, str) else "")
def test_a_route_is_there_with_its_parameters(document: dict, method: str, path: str, query: dict[str, Any]) -> None:
    operation = document["paths"][path][method.lower()]
    parameters = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
    assert set(parameters) == set(query)
    for name, default in query.items():
        assert parameters[name]["schema"].get("default") == default and not parameters[name]["required"]
    assert operation["summary"] and "HTTPValidationError" not in str(operation)
    assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_there_are_six_finetune_routes(document: dict) -> None:
    found = [(m, p) for p, methods in document["paths"].items() if p.startswith("/v1/finetune") for m in methods]
    assert len(found) == 6


def test_form_fields_and_their_bounds(document: dict) -> None:
    content = document["paths"]["/jobs"]["post"]["requestBody"]["content"]
    assert set(content) == {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}
    schema = content["application/json"]["schema"]
    assert set(schema["required"]) == {"text", "source_language", "mode"} and not schema["additionalProperties"]
    properties = schema["properties"]
    assert (properties["text"]["minLength"], properties["text"]["maxLength"]) == (1, 10_000)
    bounds = {
        "rvc_pitch": (-12, 12),
        "rvc_index_rate": (0, 1),
        "rvc_filter_radius": (0, 7),
        "rvc_rms_mix_rate": (0, 1),
        "rvc_protect": (0, 0.5),
    }
    for name, (low, high) in bounds.items():
        number = properties[name]["anyOf"][0]
        assert (number["minimum"], number["maximum"]) == (low, high)
    methods = properties["rvc_f0_method"]["anyOf"][0]["enum"]
    assert methods == ["rmvpe", "fcpe", "pm", "harvest", "dio", "crepe"]


def test_a_job_has_every_field_and_the_defaults(kokoro: Service) -> None:
    response = kokoro.client.post("/jobs", data=JOB)
    assert response.status_code == 202
    job = response.json()
    assert set(JOB_FIELDS) <= set(job)
    assert job["id"].startswith("job_") and len(job["id"]) == 16 and int(job["id"][4:], 16) >= 0
    expected = {
        "status": "pending",
        "mode": "dubbing",
        "target_language": "pt-BR",
        "voice_preset": "female_generic",
        "voice_id": "pf_dora",
        "tts_engine": "kokoro",
        "tts_engine_requested": None,
        "tts_engine_used": None,
        "quality_profile": "kokoro_balanced",
        "enable_rvc": False,
        "engine_fallback": False,
        "rvc_pitch": None,
        "progress": 0,
    }
    assert {name: job[name] for name in expected} == expected
    assert kokoro.client.get(f"/jobs/{job['id']}").json() == job


def test_a_job_says_that_auto_took_another_engine_and_why(tmp_path: Path) -> None:
    with running(tmp_path, default_engine="auto") as service:
        job = service.client.post("/jobs", json=JOB).json()
        asked = service.client.post("/jobs", json=JOB | {"tts_engine": "kokoro"}).json()
    assert (job["tts_engine"], job["engine_reason"], job["engine_fallback"]) == ("kokoro", "auto", True)
    passed_over = job["engines_passed_over"]
    assert "xtts" in passed_over and job["fallback_reason"] == ", ".join(f"{n}: {c}" for n, c in passed_over.items())
    assert (asked["engine_fallback"], asked["fallback_reason"]) == (False, None)


def test_a_form_may_send_the_defaults_of_rvc_without_asking_for_it(kokoro: Service) -> None:
    defaults = {"rvc_pitch": "0", "rvc_index_rate": "0.75", "rvc_filter_radius": "3", "rvc_rms_mix_rate": "0.25"}
    more = {"enable_rvc": "false", "rvc_model_id": "", "rvc_protect": "0.33", "rvc_f0_method": "RMVPE"}
    response = kokoro.client.post("/jobs", data=JOB | defaults | more)
    assert response.status_code == 202, response.text
    job = response.json()
    assert not job["enable_rvc"] and {job[name] for name in job if name.startswith("rvc_")} == {None}


def test_words_match_in_any_case(kokoro: Service) -> None:
    words = {"mode": "DUBBING", "tts_engine": "Kokoro", "voice_preset": "MALE_Generic", "source_language": "EN-us"}
    job = kokoro.client.post("/jobs", json=JOB | words | {"text": "Good day."}).json()
    assert (job["tts_engine"], job["tts_engine_requested"]) == ("kokoro", "kokoro")
    assert (job["voice_preset"], job["voice_id"]) == ("male_generic", "am_michael")


def test_a_stock_voice_may_be_named(kokoro: Service) -> None:
    job = kokoro.client.post("/jobs", json=JOB | {"voice_id": "pm_santa"}).json()
    assert (job["voice_id"], job["voice_preset"]) == ("pm_santa", None)


def test_a_job_without_its_weights_fails_with_the_command(kokoro: Service) -> None:
    job_id = kokoro.client.post("/jobs", json=JOB).json()["id"]
    kokoro.work()
    job = kokoro.client.get(f"/jobs/{job_id}").json()
    assert (job["status"], job["error"]["code"]) == ("failed", "model_missing")
    assert "papagaio models pull kokoro-int8" in job["error_message"] or "kokoro-voices" in job["error_message"]


@pytest.mark.parametrize(
    ("change", "preset", "voice"),
    [
        ({}, "female_generic", "pf_dora"),
        ({"source_language": "es", "text": "Hola."}, None, "ef_dora"),
        ({"voice_id": "pm_alex", "voice_preset": "female_generic"}, None, "pm_alex"),
        ({"voice_preset": "female_generic"}, "female_generic", "pf_dora"),
        ({"source_language": "es", "text": "Hola.", "voice_preset": "female_generic"}, None, "ef_dora"),
        (
            {"tts_engine": "kokoro", "source_language": "en", "voice_preset": "FEMALE_generic"},
            "female_generic",
            "af_heart",
        ),
        ({"tts_engine": "silence", "voice_preset": "female_generic"}, None, "silence_female"),
    ],
)
def test_the_voice_of_a_job(kokoro: Service, change: dict[str, Any], preset: str | None, voice: str) -> None:
    job = kokoro.client.post("/jobs", json=JOB | change).json()
    assert (job.get("voice_preset"), job["voice_id"]) == (preset, voice)


@pytest.mark.parametrize("engine", ["silence", "kokoro"])
def test_the_preset_that_forms_always_send_chooses_no_engine(tmp_path: Path, engine: str) -> None:
    with running(tmp_path, default_engine=engine) as service:
        sent, left_out = (service.add(**fields) for fields in ({"voice_preset": "female_generic"}, {}))
        for name in ("tts_engine", "engine_reason", "voice_preset", "voice_id", "engine_fallback"):
            assert sent[name] == left_out[name], name
        assert (sent["tts_engine"], sent["engine_reason"]) == (engine, "setting")
        assert service.add(voice_preset="male_deep")["tts_engine"] == "kokoro"  # what was asked for does


REFUSED: list[tuple[str, dict[str, Any], int, str, str]] = [
    ("empty text", {"text": ""}, 422, "invalid_request", "text"),
    ("blank text", {"text": " \n\t "}, 422, "text_empty", ""),
    ("10 001 characters", {"text": "a" * 10_001}, 422, "invalid_request", "text"),
    ("emoji only", {"text": "😀🎉"}, 422, "nothing_to_say", ""),
    ("marks only", {"text": "… !!! —"}, 422, "nothing_to_say", ""),
    ("unreadable script", {"text": "こんにちは"}, 422, "text_not_in_language", ""),
    ("language not spoken", {"source_language": "ja"}, 422, "language_not_spoken", ""),
    ("not a language", {"source_language": "klingon"}, 422, "language_not_spoken", ""),
    ("unknown voice", {"voice_id": "nobody"}, 404, "unknown_voice", ""),
    ("voice of another engine", {"voice_id": "silence_male", "tts_engine": "kokoro"}, 404, "unknown_voice", ""),
    ("unknown preset", {"voice_preset": "robot"}, 400, "unknown_preset", ""),
    (
        "preset without the language",
        {"source_language": "es", "text": "Hola.", "voice_preset": "female_warm"},
        422,
        "preset_without_language",
        "",
    ),
    ("both voices", {"voice_id": "pf_dora", "voice_preset": "male_deep"}, 422, "invalid_request", "voice_id"),
    ("translation", {"target_language": "en-US"}, 422, "translation_not_offered", ""),
    ("slow", {"speed": 0.49}, 400, "invalid_request", "speed"),
    ("fast", {"speed": 2.01}, 400, "invalid_request", "speed"),
    ("speed of text", {"speed": "1"}, 422, "invalid_request", "speed"),
    ("unknown field", {"voice": "pf_dora"}, 422, "invalid_request", "voice"),
    ("wrong mode", {"mode": "sing"}, 400, "invalid_request", "mode"),
    ("wrong type", {"text": ["a"]}, 422, "invalid_request", "text"),
    ("unknown engine", {"tts_engine": "piper"}, 400, "unknown_engine", ""),
    ("xtts", {"tts_engine": "XTTS"}, 503, "model_missing", ""),
    ("f5tts", {"tts_engine": "F5TTS"}, 503, "f5_dir_missing", ""),
    ("seed", {"seed": 7}, 422, "seed_not_used", ""),
    ("ref_text", {"tts_engine": "f5tts", "ref_text": "a"}, 503, "f5_dir_missing", ""),
    ("clone with a stock voice", {"mode": "dubbing_with_clone", "voice_id": "pf_dora"}, 422, "voice_not_cloned", ""),
    ("clone with no voice", {"mode": "dubbing_with_clone", "voice_id": "ana"}, 404, "unknown_voice", ""),
    ("clone of nobody", {"mode": "dubbing_with_clone"}, 400, "invalid_request", "voice_id"),
    ("rvc", {"enable_rvc": True, "rvc_model_id": "m"}, 404, "rvc_model_unknown", ""),
    ("rvc without a model", {"enable_rvc": True}, 400, "invalid_request", "rvc_model_id"),
    (
        "rvc out of range",
        {"enable_rvc": True, "rvc_model_id": "m", "rvc_pitch": 13},
        400,
        "invalid_request",
        "rvc_pitch",
    ),
    ("rvc not asked for", {"rvc_protect": 0.3}, 422, "invalid_request", "rvc_protect"),
    ("a model without rvc", {"rvc_model_id": "m", "rvc_pitch": 0}, 422, "invalid_request", "rvc_model_id"),
    ("wrong f0 method", {"enable_rvc": True, "rvc_f0_method": "yin"}, 400, "invalid_request", "rvc_f0_method"),
    ("ref_text for kokoro", {"ref_text": "a"}, 422, "invalid_request", "ref_text"),
    ("unknown profile", {"quality_profile_id": "kokoro_none"}, 404, "profile_not_found", ""),
    ("profile of another engine", {"quality_profile_id": "xtts_balanced"}, 404, "profile_not_found", ""),
]


@pytest.mark.parametrize(
    ("fields", "status", "code", "field"), [case[1:] for case in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_cannot_be_spoken_is_refused_and_nothing_is_written(
    kokoro: Service, fields: dict[str, Any], status: int, code: str, field: str
) -> None:
    response = kokoro.client.post("/jobs", json=JOB | fields)
    problem = response.json()
    assert (response.status_code, problem["code"]) == (status, code), problem
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == status and problem["type"] == f"urn:papagaio:problem:{code}"
    assert problem["request_id"] == response.headers["x-request-id"]
    assert set(problem["details"]) == set(LANGUAGES) and problem["details"]["en"] != problem["details"]["pt-BR"]
    assert problem["detail"] == problem["details"]["en"]
    assert not field or field in {error["field"] for error in problem["errors"]}
    assert kokoro.is_empty() and kokoro.services.events.last_id() == 0


def test_the_longest_text_is_taken(kokoro: Service) -> None:
    assert kokoro.client.post("/jobs", json=JOB | {"text": "a" * 9_999 + "é"}).status_code == 202


def test_formats_lists_the_six(service: Service) -> None:
    job = service.completed()
    body = service.client.get(f"/jobs/{job['id']}/formats").json()
    assert body["job_id"] == job["id"] and body["formats"] == ["wav", "mp3", "ogg", "flac", "m4a", "opus"]
    assert service.client.get(body["download_url_template"].format(format="flac")).content.startswith(b"fLaC")


def test_a_voice_has_every_field(service: Service) -> None:
    assert set(VOICE_FIELDS) <= set(service.client.get("/voices/silence_male").json())


@pytest.mark.parametrize(
    ("path", "sent", "field"),
    [
        ("/rvc-models", {"data": {"name": "m"}}, "pth_file"),
        ("/rvc-models", {"data": {"name": "x" * 101}, "files": {"pth_file": ("m.pth", b"x")}}, "name"),
        ("/v1/finetune/synthesize", {"json": {"text": "a", "speed": 2.5}}, "speed"),
        ("/v1/finetune/synthesize", {"json": {"text": "a", "temperature": 1.1}}, "temperature"),
        ("/v1/finetune/synthesize", {"json": {}}, "text"),
    ],
)
def test_arguments_are_checked(service: Service, path: str, sent: dict, field: str) -> None:
    if "data" in sent and "files" not in sent:
        sent = {"files": {name: (None, value) for name, value in sent["data"].items()}}
    response = service.client.post(path, **sent)
    assert response.status_code == 422 and field in {error["field"] for error in response.json()["errors"]}
    assert service.client.get("/rvc-models?sort_by=colour").status_code == 422


def test_no_answer_has_fastapis_own_error_body(service: Service) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        for path in ("/nothing", "/jobs", "/voices/x", "/quality-profiles/x/y", "/rvc-models/x", "/admin/stats?x=1"):
            response = service.client.request(method, path)
            if response.status_code >= 400:
                assert {"type", "title", "status", "code", "detail", "details", "request_id"} <= set(response.json())
