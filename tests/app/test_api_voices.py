"""Voices: listed, filtered, heard, and what is told of their use."""

import io
import time
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from api_service import Service, running
from clone_service import STYLE
from fitted_voices import meta

from app.api.voice_facts import facts_of
from app.api.voices import Category, find_voice, profile_of
from app.storage.usage import record
from speech.audio import Audio
from speech.errors import SpeechError
from speech.voice_folder import SpokenClip
from speech.voice_library import VoiceLibrary


def test_voices_have_every_field_and_can_be_filtered(service: Service) -> None:
    body = service.client.get("/voices", params={"limit": 1000}).json()
    assert body["total"] == len(body["voices"]) > 50
    voice = service.client.get("/voices/pf_dora").json()
    assert (voice["language"], voice["gender"], voice["engine"], voice["sample_rate"]) == (
        "pt-BR",
        "female",
        "kokoro",
        24000,
    )
    assert voice["quality_score"] is None and "pt-BR" in voice["languages"]

    def count(**filters: Any) -> int:
        found = service.client.get("/voices", params=filters).json()["voices"]
        for name, value in filters.items():
            if name in ("gender", "engine"):
                assert {voice[name] for voice in found} <= {value}
        return len(found)

    assert count(language="pt") == count(language="pt-br") == count(language="PT-BR") > 2
    assert 0 < count(language="pt", gender="male", engine="kokoro") < count(language="pt", engine="kokoro")
    assert count(engine="silence") == 2 and count(language="xx") == 0 and count(limit=3) == 3


def test_a_category_is_one_of_a_list_and_a_gender_is_one(service: Service) -> None:
    """Row 6.2-23."""
    client = service.client

    def ids(**filters: Any) -> set[str]:
        found = client.get("/voices", params={"engine": "silence", **filters}).json()["voices"]
        return {voice["id"] for voice in found}

    client.post("/voices/silence_male/tags", json={"category": "child"})
    assert ids(category="child") == ids(category="CHILD") == ids(category="male") == {"silence_male"}
    client.post("/voices/silence_male/tags", json={"category": "female"})
    assert ids(category="female") == {"silence_female", "silence_male"}
    assert ids(category="female", gender="male") == {"silence_male"} and ids(category="other") == set()
    [error] = client.get("/voices?category=robot").json()["errors"]
    assert (error["field"], error["code"]) == ("category", "field_choice")
    assert all(name in error["message"] for name in get_args(Category))


@pytest.mark.parametrize(
    "bad",
    [
        {"category": "robot"},
        {"category": "unknown"},
        {"limit": 0},
        {"limit": 1001},
        {"gender": "other"},
        {"limit": "all"},
    ],
)
def test_wrong_filters_are_refused(service: Service, bad: dict) -> None:
    assert service.client.get("/voices", params=bad).status_code == 422


def test_a_sample_is_made_once_and_kept(service: Service) -> None:
    response = service.client.get("/voices/silence_male/sample")
    assert response.status_code == 200 and response.headers["content-type"] == "audio/wav"
    with wave.open(io.BytesIO(response.content)) as sound:
        assert sound.getnframes() > 24000
    size = service.services.samples.size_bytes()
    path = service.services.samples.path("silence_male", "pt-BR.wav")
    made = path.stat().st_mtime_ns
    assert service.client.get("/voices/silence_male/sample?language=pt").content == response.content
    assert (path.stat().st_mtime_ns, service.services.samples.size_bytes()) == (made, size)
    english = service.client.get("/voices/silence_male/sample?language=en-US").content
    assert english != response.content


def test_a_sample_in_a_language_that_is_not_spoken_is_refused(service: Service) -> None:
    response = service.client.get("/voices/silence_male/sample?language=ja")
    assert (response.status_code, response.json()["code"]) == (422, "language_not_spoken")
    assert service.services.samples.size_bytes() == 0


def test_a_sample_without_weights_says_how_to_get_them(service: Service) -> None:
    response = service.client.get("/voices/pf_dora/sample")
    assert (response.status_code, response.json()["code"]) == (503, "model_missing")
    assert "papagaio models pull" in response.json()["detail"]


@pytest.mark.parametrize("voice_id", ["none", "..", "%2e%2e", "a" * 3000])
@pytest.mark.parametrize("part", ["", "/sample"])
def test_a_voice_that_is_not_there(service: Service, voice_id: str, part: str) -> None:
    response = service.client.get(f"/voices/{voice_id}{part}")
    assert response.status_code == 404 or voice_id == ".."
    assert len(response.text) < 9000


def test_a_stock_voice_stays(service: Service) -> None:
    response = service.client.delete("/voices/pf_dora")
    assert (response.status_code, response.json()["code"]) == (403, "voice_is_stock")
    assert service.client.delete("/voices/none").status_code == 404


def measured(fitted: float | None) -> dict[str, Any]:
    """Of a report, what a profile tells."""
    return {"languages": [{"language": "en-US", "overall": {"fitted": 1.0}}, _language(fitted)]}


def _language(fitted: float | None) -> dict[str, Any]:
    return {"language": "pt-BR", "overall": {"stock": 3.0, "fitted": fitted}}


def ago(days: float) -> str:
    return datetime.fromtimestamp(time.time() - days * 86400, UTC).isoformat()


def used(service: Service, voice: str, kind: str = "dubbing", status: str = "completed") -> None:
    with service.services.database.write() as connection:
        record(connection, user_id="local", kind=kind, status=status, params={"voice": voice, "text": "Oi."})


def test_of_voices_is_told_how_often_they_spoke_and_what_is_known(tmp_path: Path) -> None:
    library = VoiceLibrary(tmp_path / "voices")
    clips = [SpokenClip(Audio(np.full(24000, 0.1, np.float32), 24000), text) for text in ("Bom dia.", "", "Até já.")]
    library.add(meta(created_at=ago(90), report=measured(3.4)), STYLE, {}, clips)
    library.add(meta("bea", created_at=ago(-1), report=measured(None)), STYLE, {})
    library.add(meta("old", created_at=ago(31), report={"languages": 3}), STYLE, {})
    with running(tmp_path) as service:
        service.completed(voice_id="silence_male")
        for kind in ("dubbing", "stream", "conversion", "clone_voice"):
            used(service, "ana", kind)
        used(service, "ana", status="failed")
        used(service, "bea")  # said by an earlier voice of that name
        voices = {voice["id"]: voice for voice in service.client.get("/voices").json()["voices"]}
        ana, bea, old, stock = (voices[name] for name in ("ana", "bea", "old", "silence_male"))
        assert service.client.get("/voices/ana").json() == ana
        assert [voice["usage_count"] for voice in (ana, bea, old, stock)] == [3, 0, 0, 1]
        assert abs(datetime.fromisoformat(ana["last_used_at"]).timestamp() - time.time()) < 60
        assert bea["last_used_at"] is None and ana["expires_at"] is None
        assert (ana["ref_text"], bea["ref_text"]) == ("Bom dia. Até já.", None)
        assert [voice["quality_score"] for voice in (ana, bea, old, stock)] == [0.6, None, None, None]
        stats = service.client.get("/admin/stats").json()["voices"]
        assert stats == {"total": 3, "active": 2, "expired": 1, "usage": 3}


def test_a_voice_that_is_deleted_while_voices_are_listed_is_left_out(service: Service) -> None:
    services = service.services
    library = VoiceLibrary(services.settings.voices_path, services.synthesizer.registry)
    library.add(meta(), STYLE, {})
    kept, gone = (find_voice(services, name) for name in ("pf_dora", "ana"))
    assert service.client.delete("/voices/ana").status_code == 200
    assert set(facts_of(services, [kept, gone])) == {"pf_dora"}
    with pytest.raises(SpeechError, match="unknown_voice"):
        profile_of(services, gone)
