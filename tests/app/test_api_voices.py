"""Stock voices: listed, filtered, heard."""

import io
import wave
from typing import Any

import pytest
from api_service import Service


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


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 1001}, {"gender": "other"}, {"limit": "all"}])
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
