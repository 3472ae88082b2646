"""What the service says of itself is looked at, not declared."""

import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import pytest
from api_service import Service, running
from sqlalchemy import update

from app import VERSION
from app.jobs.claim import claim
from app.jobs.kinds import TRAINING
from app.security.limits import Rule
from app.storage.tables import job_events
from app.texts import LANGUAGES, catalogue
from bench.servers import Valkey, free_port
from speech.engines.kokoro.presets import PRESETS
from speech.models import ModelStore


def test_root(service: Service) -> None:
    body = service.client.get("/").json()
    assert body["version"] == VERSION and {"service", "status"} < set(body)
    assert body["jobs_kept_h"] == service.services.settings.job_ttl_h


def test_the_28_codes_and_who_speaks_them(service: Service) -> None:
    body = service.client.get("/languages").json()
    spoken = {language["code"]: language["engines"] for language in body["languages"]}
    assert body["total"] == len(spoken) == 28
    assert {"en-GB", "pt-PT", "es-MX", "fr-FR", "de-DE", "it-IT", "ja-JP", "ko-KR", "zh-TW", "ru-RU", "ar-SA"} < set(
        spoken
    )
    assert spoken["pt-BR"] == spoken["pt"] == ["kokoro", "silence"]
    assert spoken["de"] == spoken["ja"] == []
    for code, engines in spoken.items():
        for engine in ("kokoro", "silence"):
            asked = {"text": "12", "source_language": code, "mode": "dubbing", "tts_engine": engine}
            voice = "pf_dora" if engine == "kokoro" else "silence_male"
            answer = service.client.post("/jobs", json={**asked, "voice_id": voice})
            assert (answer.status_code == 202) == (engine in engines), answer.text


def test_the_eight_presets(service: Service) -> None:
    body = service.client.get("/presets").json()
    assert [preset["id"] for preset in body["presets"]] == [preset.name for preset in PRESETS] and body["total"] == 8
    for preset in body["presets"]:
        assert preset["languages"] == ["pt-BR", "en-US", "en-GB"] and preset["speaker"] == preset["voices"]["pt"]
    portuguese = service.client.get("/presets", headers={"Accept-Language": "pt"}).json()
    assert portuguese["presets"][0]["description"] != body["presets"][0]["description"]


def test_health_is_degraded_without_workers_and_fails_without_weights(tmp_path) -> None:
    with running(tmp_path / "a") as service:
        response = service.client.get("/health")
        assert (response.status_code, response.json()["status"]) == (200, "degraded")
        assert response.json()["checks"]["workers"]["status"] == "warn"
        assert response.json()["checks"]["redis"]["detail"].startswith("not used")
    with running(tmp_path / "b", default_engine="kokoro") as service:
        response = service.client.get("/health")
        assert (response.status_code, response.json()["status"]) == (503, "unhealthy")
        assert "papagaio models pull kokoro-int8" in response.json()["checks"]["engine"]["detail"]
    with running(tmp_path / "c", workers=1) as service:
        assert service.client.get("/health").json()["checks"]["workers"]["status"] == "fail"


def test_health_tells_of_a_queue_that_nobody_serves(service: Service) -> None:
    """A job of training that could run since a minute, and none of its queue that does."""
    database, jobs = service.services.database, service.services.jobs

    def workers() -> str:
        return str(service.client.get("/health").json()["checks"]["workers"]["detail"])

    waiting = jobs.add(TRAINING, {})
    assert "train" not in workers()  # it has just come
    with database.write() as connection:
        connection.execute(update(job_events).values(created_at=job_events.c.created_at - 60))
    assert "train: a job waits for 6" in workers()
    running = jobs.add(TRAINING, {})
    lease = claim(database, worker_id="w", lease_s=60, queues=("train",))
    assert lease is not None and lease.job.id in (waiting.id, running.id) and "train" not in workers()


@pytest.mark.parametrize(("free", "level"), [(11, "ok"), (10, "warn"), (5.1, "warn"), (5, "fail"), (0, "fail")])
def test_disk_warns_at_ten_percent_and_fails_at_five(service: Service, monkeypatch, free: float, level: str) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1000, 0, free * 10))
    response = service.client.get("/health")
    assert response.json()["checks"]["disk"]["status"] == level
    assert response.status_code == (503 if level == "fail" else 200)


def test_a_broken_database_is_said(service: Service) -> None:
    with service.services.database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE jobs RENAME TO gone")
    response = service.client.get("/health")
    assert response.status_code == 503 and response.json()["checks"]["database"]["status"] == "fail"


def test_engines_are_looked_at_without_loading_them(service: Service) -> None:
    body = service.client.get("/health/engines").json()
    engines = {engine["name"]: engine for engine in body["engines"]}
    assert body["status"] == "degraded"
    assert not engines["kokoro"]["available"] and engines["kokoro"]["missing_models"] == [
        "kokoro-int8",
        "kokoro-voices",
    ]
    assert engines["silence"]["available"] and engines["silence"]["is_default"]
    assert not any(engine["loaded"] for engine in engines.values())
    service.completed()
    loaded = service.client.get("/health/engines").json()["engines"]
    assert [engine["name"] for engine in loaded if engine["loaded"]] == ["silence"]


def test_flags_tell_what_is_built(service: Service) -> None:
    body = service.client.get("/feature-flags").json()
    phases = {flag["name"]: (flag["phase"], flag["enabled"]) for flag in body["flags"]}
    disabled, ga = ("disabled", False), ("ga", True)
    assert phases == {"f5tts_engine": disabled, "auto_transcription": disabled, "quality_profiles": ga}
    one = service.client.get("/feature-flags/f5tts_engine?user_id=ana").json()
    assert one["user_id"] == "ana" and not one["enabled"]
    missing = service.client.get("/feature-flags/teleport")
    assert missing.status_code == 404 and "quality_profiles" in missing.json()["detail"]


def test_the_keys_in_redis_are_counted(redis: Valkey, tmp_path: Path) -> None:
    def keys(service: Service) -> int | None:
        answer = service.client.get("/admin/stats")
        assert answer.status_code == 200
        counted: int | None = answer.json()["redis_keys"]
        return counted

    with running(tmp_path, redis_url=redis.url.removesuffix("/0") + "/7") as service:  # a database of its own
        assert keys(service) == 0
        service.services.limits.hit(Rule("counted", 5, 60), "ana")
        one = keys(service)
        service.services.limits.hit(Rule("counted", 5, 60), "bea")
        assert one and keys(service) == 2 * one


def test_without_a_redis_no_keys_are_told(service: Service, tmp_path: Path) -> None:
    assert service.client.get("/admin/stats").json()["redis_keys"] is None
    with running(tmp_path / "away", redis_url=f"redis://127.0.0.1:{free_port()}/0") as away:
        assert away.client.get("/admin/stats").json()["redis_keys"] is None


def test_cleanup_and_stats(service: Service) -> None:
    service.completed()
    service.add()
    service.client.get("/voices/silence_male/sample")
    stats = service.client.get("/admin/stats").json()
    assert stats["jobs"]["completed"] == stats["jobs"]["pending"] == 1 and stats["total_jobs"] == 2
    assert stats["files_bytes"] > 40_000 and stats["samples_bytes"] > 40_000 and stats["database_bytes"] > 0
    basic = service.client.post("/admin/cleanup").json()
    assert (basic["deep"], basic["jobs_removed"], basic["jobs_kept"]) == (False, 0, 2)
    deep = service.client.post("/admin/cleanup?deep=true").json()
    assert (deep["jobs_removed"], deep["jobs_kept"]) == (2, 0)
    assert deep["bytes_freed"] == stats["files_bytes"] + stats["samples_bytes"]
    assert service.is_empty()


def test_the_page_and_its_files(service: Service) -> None:
    types = {
        "/webui": "text/html; charset=utf-8",
        "/webui/js/app.js": "text/javascript; charset=utf-8",
        "/webui/texts/pt-BR.json": "application/json",
    }
    for path, media_type in types.items():
        response = service.client.get(path)
        assert (response.status_code, response.headers["content-type"]) == (200, media_type)
    for language in LANGUAGES:
        assert service.client.get(f"/webui/texts/{language}.json").json() == catalogue(language)
    assert service.client.get("/webui/", follow_redirects=False).headers["location"] == "/webui"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/webui/none.js", "page_file_not_found"),
        ("/webui/js", "page_file_not_found"),
        ("/webui/%2e%2e/settings.py", "page_file_not_found"),
        ("/webui/..%2f..%2fpyproject.toml", "page_file_not_found"),
        ("/webui/%2fetc/hosts.txt", "page_file_not_found"),
        ("/webui/a%00.js", "page_file_not_found"),
        ("/webui/texts/xx.json", "page_texts_not_found"),
        ("/webui/vendor/bootstrap/css/bootstrap.min.css", "page_vendor_missing"),
    ],
)
def test_nothing_else_is_served(service: Service, path: str, code: str) -> None:
    response = service.client.get(path)
    assert (response.status_code, response.json()["code"]) == (404, code)


def test_the_missing_libraries_say_how_to_get_them(service: Service) -> None:
    detail = service.client.get("/webui/vendor/bootstrap/css/bootstrap.min.css").json()["detail"]
    assert "papagaio models pull bootstrap" in detail


def test_a_page_that_cannot_be_drawn_says_why_in_both_languages(
    service: Service, installed: Callable[..., ModelStore], tmp_path: Path
) -> None:
    page = service.client.get("/webui").text
    assert page.count("papagaio models pull bootstrap lit-html") == page.count('role="alert"') == len(LANGUAGES)
    with running(tmp_path, models_dir=installed("bootstrap", "lit-html").root) as other:
        assert 'role="alert"' not in other.client.get("/webui").text


def test_docs_need_no_script_and_name_every_route(service: Service) -> None:
    page = service.client.get("/docs").text
    assert "<script" not in page and "src=" not in page
    for path in service.client.get("/openapi.json").json()["paths"]:
        assert f"<code>{path}</code>" in page
    assert service.client.get("/docs/style.css").headers["content-type"].startswith("text/css")
