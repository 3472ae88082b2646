"""The base API row by row, B1 to B5: what is sent, the code that answers, and what the answer holds.

Rows that need more than a service of silence are elsewhere: cloning (202 with its fields, 413, `DELETE /voices/{id}`)
in `app/test_api_cloning.py`, `/health` and its 503 in `app/test_api_system.py`, B6, the routes of fine-tuning, in
`train/test/test_finetune_api.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from api_service import Service, running

Sent = dict[str, Any]
JOB: Sent = {"text": "Bom dia.", "source_language": "pt-BR", "mode": "dubbing"}
RVC: Sent = {"enable_rvc": "true", "rvc_model_id": "m"}
WAITING, DONE, PROFILE = "job of the fixture that waits", "job of the fixture that is done", "profile of the fixture"
# Method, path, form or JSON, code, keys that the answer has.
ROWS: list[tuple[str, str, Sent, int, str]] = [
    ("POST", "/jobs", {"data": JOB}, 202, "id status progress expires_at"),
    ("POST", "/jobs", {"data": JOB | {"mode": "DUBBING", "voice_preset": "Female_Generic"}}, 202, "id"),
    ("POST", "/jobs", {"data": JOB | {"mode": "sing"}}, 400, ""),
    ("POST", "/jobs", {"data": JOB | {"voice_preset": "robot"}}, 400, ""),
    ("POST", "/jobs", {"data": JOB | {"tts_engine": "piper"}}, 400, ""),
    ("POST", "/jobs", {"data": JOB | {"mode": "dubbing_with_clone"}}, 400, ""),
    ("POST", "/jobs", {"data": JOB | {"enable_rvc": "true"}}, 400, ""),
    ("POST", "/jobs", {"data": JOB | RVC}, 404, ""),
    ("POST", "/jobs", {"data": JOB | {"quality_profile_id": "none"}}, 404, ""),
    ("POST", "/jobs", {"data": JOB | {"text": ""}}, 422, ""),
    ("POST", "/jobs", {"data": JOB | {"text": "a" * 10_001}}, 422, ""),
    ("POST", "/jobs", {"data": {"text": "Bom dia."}}, 422, ""),
    ("POST", "/jobs", {"data": JOB | {"colour": "red"}}, 422, ""),
    ("GET", f"/jobs/{WAITING}", {}, 200, "id mode status text"),
    ("GET", "/jobs/job_000000000000", {}, 404, ""),
    ("GET", f"/jobs/{DONE}/formats", {}, 200, "job_id formats download_url_template"),
    ("GET", f"/jobs/{WAITING}/formats", {}, 425, ""),
    ("GET", "/jobs/job_000000000000/formats", {}, 404, ""),
    ("GET", f"/jobs/{DONE}/download", {}, 200, ""),
    ("GET", f"/jobs/{DONE}/download?format=M4A&timeout=600", {}, 200, ""),
    ("GET", f"/jobs/{DONE}/download?format=midi", {}, 400, ""),
    ("GET", f"/jobs/{WAITING}/download", {}, 425, ""),
    ("GET", f"/jobs/{WAITING}/download?timeout=1", {}, 408, ""),
    ("GET", f"/jobs/{WAITING}/download?timeout=601", {}, 422, ""),
    ("GET", f"/jobs/{WAITING}/download?timeout=0.9", {}, 422, ""),
    ("GET", "/jobs/job_000000000000/download", {}, 404, ""),
    ("GET", "/jobs?limit=1", {}, 200, "total jobs"),
    ("DELETE", f"/jobs/{DONE}", {}, 200, "message job_id files_deleted"),
    ("DELETE", "/jobs/job_000000000000", {}, 404, ""),
    ("GET", "/voices", {}, 200, "total voices"),
    ("GET", "/voices/silence_male", {}, 200, "id name language engine quality_score"),
    ("GET", "/voices/nobody", {}, 404, ""),
    ("DELETE", "/voices/nobody", {}, 404, ""),
    ("POST", "/voices/clone", {"files": {"name": (None, "Ana")}}, 422, ""),
    ("GET", "/rvc-models?sort_by=file_size_mb", {}, 200, "total models"),
    ("GET", "/rvc-models/stats", {}, 200, "total_models models_with_index total_size_bytes total_size_mb"),
    ("GET", "/rvc-models/none", {}, 404, ""),
    ("DELETE", "/rvc-models/none", {}, 404, ""),
    ("GET", "/quality-profiles", {}, 200, "xtts_profiles f5tts_profiles total_count"),
    ("GET", "/quality-profiles/xtts", {}, 200, "engine profiles count"),
    ("GET", "/quality-profiles/xtts/xtts_stable", {}, 200, "id name description engine parameters is_default"),
    ("GET", "/quality-profiles/xtts/none", {}, 404, ""),
    ("POST", "/quality-profiles", {"json": {"name": "a", "engine": "xtts", "parameters": {"top_k": 10}}}, 201, "id"),
    ("POST", "/quality-profiles", {"json": {"name": "a", "engine": "xtts", "parameters": {"top_k": 9}}}, 400, ""),
    ("POST", "/quality-profiles", {"json": {"name": "a", "engine": "piper"}}, 400, ""),
    ("POST", "/quality-profiles/xtts", {"json": {"name": "b"}}, 201, "id engine"),
    ("PATCH", f"/quality-profiles/xtts/{PROFILE}", {"json": {"description": "d"}}, 200, "id description"),
    ("PATCH", "/quality-profiles/xtts/xtts_balanced", {"json": {"name": "c"}}, 404, ""),
    ("POST", f"/quality-profiles/xtts/{PROFILE}/set-default", {}, 200, "id is_default"),
    ("POST", "/quality-profiles/xtts/none/set-default", {}, 400, ""),
    ("POST", f"/quality-profiles/xtts/{PROFILE}/duplicate?new_name=z", {}, 201, "id name"),
    ("POST", "/quality-profiles/xtts/none/duplicate", {}, 404, ""),
    ("DELETE", "/quality-profiles/xtts/xtts_balanced", {}, 400, ""),
    ("DELETE", "/quality-profiles/xtts/none", {}, 404, ""),
    ("DELETE", f"/quality-profiles/xtts/{PROFILE}", {}, 204, ""),
    ("GET", "/", {}, 200, "service status version"),
    ("GET", "/presets", {}, 200, "presets"),
    ("GET", "/languages", {}, 200, "languages total"),
    ("GET", "/admin/stats", {}, 200, "jobs voices"),
    ("GET", "/health/engines", {}, 200, "status engines"),
    ("GET", "/feature-flags", {}, 200, "flags"),
    ("GET", "/feature-flags/f5tts_engine?user_id=u", {}, 200, "name phase enabled"),
    ("GET", "/feature-flags/none", {}, 404, ""),
    ("GET", "/webui", {}, 200, ""),
    ("POST", "/admin/cleanup?deep=false", {}, 200, "message"),
]
# What B1 to B6 have, and what row 6.3 asks for beside it: method and path of each route.
BASE = """
POST /jobs, GET /jobs/{job_id}, GET /jobs/{job_id}/formats, GET /jobs/{job_id}/download, GET /jobs,
DELETE /jobs/{job_id}, POST /voices/clone, GET /voices, GET /voices/{voice_id}, DELETE /voices/{voice_id},
POST /rvc-models, GET /rvc-models, GET /rvc-models/stats, GET /rvc-models/{model_id}, DELETE /rvc-models/{model_id},
GET /quality-profiles, GET /quality-profiles/{engine}, GET /quality-profiles/{engine}/{profile_id},
POST /quality-profiles, POST /quality-profiles/{engine}, PATCH /quality-profiles/{engine}/{profile_id},
DELETE /quality-profiles/{engine}/{profile_id}, POST /quality-profiles/{engine}/{profile_id}/set-default,
POST /quality-profiles/{engine}/{profile_id}/duplicate, GET /, GET /presets, GET /languages, POST /admin/cleanup,
GET /admin/stats, GET /health, GET /health/engines, GET /feature-flags, GET /feature-flags/{name}, GET /webui,
GET /v1/finetune/checkpoints, GET /v1/finetune/checkpoints/{checkpoint_name}, POST /v1/finetune/synthesize,
GET /v1/finetune/synthesize/{filename}, GET /v1/finetune/model/info, DELETE /v1/finetune/checkpoints/{checkpoint_name}
"""
ADDED = """
POST /training/dataset/download, POST /training/dataset/segment, POST /training/dataset/transcribe,
POST /training/dataset/build, GET /training/dataset/stats, GET /training/dataset/samples, POST /training/start,
POST /training/pause, POST /training/resume, POST /training/stop, GET /training/status, GET /training/logs,
GET /training/checkpoints, POST /training/inference/load, POST /training/inference/synthesize,
POST /training/inference/compare, GET /analytics/jobs-per-day, GET /analytics/engines-usage,
GET /analytics/voices-by-language, GET /analytics/rvc-usage, POST /voices/{voice_id}/tags,
GET /voices/{voice_id}/share, GET /voices/{voice_id}/export, POST /rvc/models/{model_id}/validate,
GET /rvc/models/{model_id}/preview
"""
# Name, least, most, default, then balanced, expressive and stable.
XTTS: list[tuple[Any, ...]] = [
    ("temperature", 0.1, 1.0, 0.75, 0.75, 0.85, 0.70),
    ("repetition_penalty", 1.0, 3.0, 1.5, 1.5, 1.3, 1.7),
    ("top_p", 0.5, 1.0, 0.9, 0.9, 0.95, 0.85),
    ("top_k", 10, 100, 60, 60, 70, 55),
    ("length_penalty", 0.5, 2.0, 1.2, 1.2, 1.3, 1.1),
    ("speed", 0.5, 2.0, 1.0, 1.0, 0.98, 1.0),
    ("enable_text_splitting", None, None, False, False, False, True),
]
# Name, least, most, default, then ultra_natural, ultra_quality, balanced and fast.
F5TTS: list[tuple[Any, ...]] = [
    ("nfe_step", 8, 64, 32, 48, 64, 32, 16),
    ("cfg_strength", 1, 5, 2.0, 2.5, 2.0, 2.0, 1.5),
    ("speed", 0.5, 2, 1.0, 0.9, 1.0, 1.0, 1.0),
    ("sway_sampling_coef", -1, 1, -1, -1, -1, -1, -1),
    ("denoise_audio", None, None, True, True, True, True, False),
    ("noise_reduction_strength", 0, 1, 0.7, 0.7, 0.85, 0.5, None),
    ("enhance_prosody", None, None, True, True, True, True, False),
    ("prosody_strength", 0, 1, 0.8, 0.9, 0.9, 0.8, None),
    ("apply_normalization", None, None, True, True, True, True, True),
    ("target_loudness", -30, -10, -20, -16, -16, -14, -14),
    ("apply_declipping", None, None, True, True, True, False, False),
    ("apply_deessing", None, None, True, True, True, True, False),
    ("deessing_frequency", 4000, 10000, 6000, 7000, 7000, 6000, None),
    ("add_breathing", None, None, True, True, True, False, False),
    ("breathing_strength", 0, 1, 0.3, 0.5, 0.4, None, None),
    ("pause_optimization", None, None, True, True, True, True, False),
]
BUILT_IN = {
    "xtts": ("balanced", "expressive", "stable"),
    "f5tts": ("ultra_natural", "ultra_quality", "balanced", "fast"),
}
# Name, least, most and default of `rvc_*`. The method of F0 is another (`fcpe`): weights of rmvpe cannot be brought.
CONVERSION = [
    ("pitch", -12, 12, 0),
    ("index_rate", 0, 1, 0.75),
    ("filter_radius", 0, 7, 3),
    ("rms_mix_rate", 0, 1, 0.25),
    ("protect", 0, 0.5, 0.33),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("rows")) as service:
        yield service


@pytest.fixture(scope="module")
def named(service: Service) -> dict[str, str]:
    """What the paths of the rows stand for."""
    done = service.completed()["id"]
    profile = service.client.post("/quality-profiles", json={"name": "mine", "engine": "xtts"}).json()["id"]
    return {DONE: done, WAITING: service.add()["id"], PROFILE: profile}


@pytest.mark.parametrize(
    ("method", "path", "sent", "code", "keys"), ROWS, ids=[f"{m} {p} {c}" for m, p, _, c, _ in ROWS]
)
def test_a_row(
    service: Service, named: dict[str, str], method: str, path: str, sent: Sent, code: int, keys: str
) -> None:
    for word, value in named.items():
        path = path.replace(word, value)
    response = service.client.request(method, path, **sent)
    assert response.status_code == code, response.text
    if keys:
        assert set(keys.split()) <= set(response.json())
    if code >= 400:
        assert response.headers["content-type"] == "application/problem+json" and response.json()["status"] == code


@pytest.mark.parametrize(("engine", "table"), [("xtts", XTTS), ("f5tts", F5TTS)])
def test_profiles_have_the_values_of_the_contract(service: Service, engine: str, table: list[tuple[Any, ...]]) -> None:
    parameters = {one.name: one for one in service.services.synthesizer.engines()[engine].parameters}
    for name, low, high, default, *values in table:
        assert (parameters[name].minimum, parameters[name].maximum, parameters[name].default) == (low, high, default)
        for profile, value in zip(BUILT_IN[engine], values, strict=True):
            found = service.client.get(f"/quality-profiles/{engine}/{engine}_{profile}").json()["parameters"]
            assert value is None or found[name] == value, (profile, name)


@pytest.mark.parametrize(("name", "low", "high", "default"), CONVERSION)
def test_conversion_has_the_bounds_and_defaults_of_the_contract(
    service: Service, name: str, low: float, high: float, default: float
) -> None:
    parameters = {one.name: one for one in service.services.synthesizer.converters()["rvc"].parameters}
    assert parameters[name].default == default
    for value in (low - 1, high + 1):
        refused = service.client.post("/jobs", data=JOB | RVC | {f"rvc_{name}": str(value)})
        assert refused.status_code == 400 and refused.json()["errors"][0]["field"] == f"rvc_{name}"


def test_eight_presets_and_twenty_eight_languages(service: Service) -> None:
    presets = service.client.get("/presets").json()["presets"]
    kinds = ("generic", "deep", "warm", "soft", "young")
    names = {f"{gender}_{kind}" for gender in ("female", "male") for kind in kinds} - {"female_deep", "male_young"}
    assert {one["name"] for one in presets} == names and {"speaker", "description", "languages"} <= set(presets[0])
    assert service.client.get("/languages").json()["total"] == 28


def test_an_expired_job_is_gone(service: Service) -> None:
    from sqlalchemy import update

    from app.storage.tables import jobs

    job_id = service.completed()["id"]
    with service.services.database.write() as connection:
        connection.execute(update(jobs).where(jobs.c.id == job_id).values(expires_at=1.0))
    for path in (f"/jobs/{job_id}", f"/jobs/{job_id}/download", f"/jobs/{job_id}/formats"):
        assert service.client.get(path).status_code == 410


def routes(listed: str) -> set[tuple[str, str]]:
    found = [tuple(one.split()) for one in listed.split(",")]
    assert len(found) == len(set(found)), "twice in the list"
    return {(method, path) for method, path in found}


def test_more_than_twenty_paths_are_new_and_none_of_the_base_is_gone(service: Service) -> None:
    """Row 6.3-26, as a difference of sets."""
    paths = service.client.get("/openapi.json").json()["paths"]
    there = {(method.upper(), path): told for path, methods in paths.items() for method, told in methods.items()}
    base, added = routes(BASE), routes(ADDED)
    assert (len(base), len(added)) == (40, 25) and not base & added
    assert base | added <= set(there), (base | added) - set(there)
    assert all(there[one]["summary"] and there[one]["responses"] for one in base | added)
    new = {path for _, path in there} - {path for _, path in base}
    assert {path for _, path in added} <= new and len(new) >= 25, sorted(new)
