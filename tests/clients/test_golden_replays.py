"""Requests as Open WebUI, SillyTavern and other clients send them, read from their sources, and what they read back."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from replays import at_work, pcm_of

from speech.audio import load

ORIGIN = "http://localhost:8000"
SLIDERS: dict[str, Any] = {
    "temperature": "0.75",
    "speed": "1.25",
    "length_penalty": "1",
    "repetition_penalty": "5",
    "top_p": "0.85",
    "top_k": "0",
    "enable_text_splitting": True,
    "stream_chunk_size": "100",
}
# What SillyTavern's provider for TTS WebUI sends as `params`.
CHATTERBOX: dict[str, Any] = {
    **{"desired_length": 80, "max_length": 200, "halve_first_chunk": True, "exaggeration": 0.5, "cfg_weight": 0.5},
    **{"temperature": 0.8, "device": "auto", "dtype": "float32", "cpu_offload": False, "chunked": True},
    **{"cache_voice": False, "tokens_per_slice": 1000, "remove_milliseconds": 45, "remove_milliseconds_start": 25},
    **{"chunk_overlap_method": "zero", "seed": -1},
}
SPOKEN = {"text": "Bom dia. Tudo bem?", "speaker_wav": "silence_male", "language": "pt"}


@pytest.fixture(scope="module")
def st(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that SillyTavern's page may ask."""
    with running(tmp_path_factory.mktemp("golden"), allowed_origins=(ORIGIN,)) as service:
        service.client.headers["Origin"] = ORIGIN
        yield service


class TestOpenWebUI:
    def test_the_whole_body_is_an_mp3(self, service: Service) -> None:
        body = {"model": "tts-1", "input": "Bom dia.", "voice": "silence_male"}
        headers = {"Authorization": "Bearer none", "X-OpenWebUI-User-Name": "Ana"}
        response = service.client.post("/v1/audio/speech", json=body, headers=headers)
        assert response.content.startswith(b"ID3") and load(BytesIO(response.content)).duration_s > 0.3

    def test_lists_have_the_keys_it_reads(self, service: Service) -> None:
        models = service.client.get("/v1/audio/models").json()["models"]
        voices = service.client.get("/v1/audio/voices").json()["voices"]
        assert "silence" in {one["id"] for one in models}
        assert all(set(one) == {"id", "name"} for one in voices) and "silence_male" in {one["id"] for one in voices}

    def test_an_error_has_what_it_shows(self, service: Service) -> None:
        response = service.client.post("/v1/audio/speech", json={"model": "tts-1", "input": "", "voice": "alloy"})
        assert response.status_code == 422 and response.json()["error"]["message"]

    def test_instructions_are_taken_and_named(self, service: Service) -> None:
        body = {"model": "gpt-4o-mini-tts", "input": "Bom dia.", "voice": "silence_male", "instructions": "Whisper."}
        response = service.client.post("/v1/audio/speech", json=body)
        assert response.status_code == 200 and response.headers["x-papagaio-without-effect"] == "instructions"

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("POST", "/v1/chat/completions", 404, "route_not_found"),
            ("GET", "/v1/files/x", 404, "route_not_found"),
            ("POST", "/v1/audio/nothing", 404, "route_not_found"),
            ("DELETE", "/v1/models", 405, "method_not_allowed"),
            ("GET", "/v1/audio/speech", 405, "method_not_allowed"),
        ],
    )
    def test_every_unknown_path_has_openais_error(
        self, service: Service, method: str, path: str, status: int, code: str
    ) -> None:
        refused = service.client.request(method, path)
        assert refused.status_code == status and refused.headers["content-type"] == "application/json"
        error = refused.json()["error"]
        assert set(error) == {"message", "type", "param", "code"} and error["message"] and error["code"] == code

    def test_paths_of_others_below_v1_keep_their_own_errors(self, service: Service) -> None:
        ours = service.client.get("/v1/finetune/checkpoints/none")
        assert ours.headers["content-type"] == "application/problem+json"
        assert set(service.client.get("/v1/voices/nobody").json()) == {"detail"}

    def test_as_elevenlabs(self, service: Service) -> None:
        headers = {"xi-api-key": "none", "Content-Type": "application/json"}
        models = service.client.get("/v1/models", headers=headers).json()
        assert "silence" in {one["model_id"] for one in models} and all(one["name"] for one in models)
        voices = service.client.get("/v1/voices", headers=headers).json()["voices"]
        assert {"voice_id", "name"} <= set(voices[0])
        body = {
            "text": "Bom dia.",
            "model_id": "silence",
            "voice_settings": {"stability": 0.5, "similarity_boost": 0.5},
        }
        response = service.client.post("/v1/text-to-speech/silence_male", json=body, headers=headers)
        assert response.headers["content-type"] == "audio/mpeg" and load(BytesIO(response.content)).sample_rate == 44100
        assert response.headers["x-papagaio-without-effect"] == "stability, similarity_boost"
        refused = service.client.post("/v1/text-to-speech/nobody", json=body, headers=headers)
        assert refused.status_code == 404 and refused.json()["detail"]["status"] == "unknown_voice"


class TestSillyTavernXtts:
    def test_the_browser_is_let_in_from_the_origin_that_is_allowed(self, st: Service) -> None:
        asked = {
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "cache-control,content-type",
        }
        preflight = st.client.options("/tts_to_audio/", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == ORIGIN
        assert preflight.headers["access-control-allow-headers"] == "cache-control,content-type"
        assert st.client.get("/speakers").headers["access-control-allow-origin"] == ORIGIN
        other = {"Origin": "http://evil.example"}
        assert st.client.post("/tts_to_audio/", json=SPOKEN, headers=other).status_code == 403
        assert "access-control-allow-origin" not in st.client.options("/tts_to_audio/", headers=asked | other).headers

    def test_speakers_can_be_heard(self, st: Service) -> None:
        speakers = {one["voice_id"]: one for one in st.client.get("/speakers").json()}
        assert set(speakers["silence_male"]) == {"name", "voice_id", "preview_url"}
        preview = st.client.get(speakers["silence_male"]["preview_url"])
        assert preview.content.startswith(b"RIFF") and preview.headers["content-type"] == "audio/wav"
        assert "silence_male" in st.client.get("/speakers_list").json()
        assert st.client.get("/sample/..%2F..%2Fpapagaio.db").status_code == 404

    def test_a_text_is_a_whole_wav(self, st: Service) -> None:
        response = st.client.post("/tts_to_audio/", json=SPOKEN, headers={"Cache-Control": "no-cache"})
        assert int.from_bytes(response.content[40:44], "little") == len(pcm_of(response))
        assert st.client.post("/tts_to_audio", json=SPOKEN).content == response.content

    def test_a_stream_is_the_same_sound(self, st: Service) -> None:
        whole = pcm_of(st.client.post("/tts_to_audio/", json=SPOKEN))
        for response in (
            st.client.get("/tts_stream/", params=SPOKEN),
            st.client.get("/tts_stream", params=SPOKEN),
            st.client.post("/tts_stream", json=SPOKEN),
            st.client.get("/xtts/tts_stream/", params=SPOKEN | {"speaker_wav": "silence_male.wav"}),
        ):
            assert pcm_of(response) == whole

    def test_sliders_come_as_text_and_count(self, st: Service) -> None:
        plain = pcm_of(st.client.post("/tts_to_audio/", json=SPOKEN))
        answer = st.client.post("/set_tts_settings", json=SLIDERS)
        assert answer.json() == {"message": "Settings successfully applied"}
        kept = st.client.get("/get_tts_settings").json()
        assert kept["speed"] == 1.25 and kept["top_k"] == 0 and kept["enable_text_splitting"] is True
        assert len(pcm_of(st.client.post("/tts_to_audio/", json=SPOKEN))) < len(plain)
        st.client.post("/set_tts_settings", json=SLIDERS | {"speed": "1"})

    @pytest.mark.parametrize(
        "change",
        [{"speed": "9"}, {"top_k": 101}, {"temperature": "hot"}, {"top_p": 0}, {"stream_chunk_size": "nan"}],
        ids=str,
    )
    def test_a_setting_out_of_range_is_400_and_nothing_changes(self, st: Service, change: dict[str, Any]) -> None:
        before = st.client.get("/get_tts_settings").json()
        answer = st.client.post("/set_tts_settings", json=SLIDERS | change)
        assert answer.status_code == 400 and next(iter(change)) in answer.json()["detail"]
        assert st.client.get("/get_tts_settings").json() == before

    def test_settings_are_told_as_they_count(self, tmp_path: Path) -> None:
        with running(tmp_path) as service:
            assert service.client.get("/get_tts_settings").json()["speed"] == 1.0
            service.client.post("/set_tts_settings", json=SLIDERS | {"speed": "0.2"})
            assert service.client.get("/get_tts_settings").json()["speed"] == 0.5  # the engine's least

    def test_a_text_becomes_a_file(self, st: Service) -> None:
        with at_work(st):
            made = st.client.post("/tts_to_file", json=SPOKEN | {"file_name_or_path": "aviso.wav"}).json()
        assert made["output_path"].startswith("/audio/aviso_job_") and "stored" in made["message"]
        assert load(BytesIO(st.client.get(made["output_path"]).content)).duration_s > 0.3

    @pytest.mark.parametrize("name", ["../aviso.wav", "/etc/aviso.wav", "a/b.wav", ".wav"])
    def test_the_client_names_no_folder(self, st: Service, name: str) -> None:
        refused = st.client.post("/tts_to_file", json=SPOKEN | {"file_name_or_path": name})
        assert refused.status_code == 400 and isinstance(refused.json()["detail"], str)

    def test_models_languages_and_folders(self, st: Service) -> None:
        assert "silence" in st.client.get("/get_models_list").json()
        assert st.client.post("/switch_model", json={"model_name": "silence"}).status_code == 200
        assert st.client.post("/switch_model", json={"model_name": "../x"}).status_code == 404
        assert "pt" in st.client.get("/xtts/languages").json()["languages"].values()
        assert set(st.client.get("/get_folders").json()) == {"speaker_folder", "output_folder", "model_folder"}
        for path, field in (("/set_output", "output_folder"), ("/set_speaker_folder", "speaker_folder")):
            refused = st.client.post(path, json={field: "/etc"})
            assert refused.status_code == 400 and set(refused.json()) == {"detail"}

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ({"text": ""}, 422),
            ({"speaker_wav": "../../etc/passwd"}, 404),
            ({"language": "xx"}, 422),
            ({"emotion": "sad"}, 422),
        ],
        ids=str,
    )
    def test_what_cannot_be_spoken_is_refused(self, st: Service, change: dict[str, Any], status: int) -> None:
        refused = st.client.post("/tts_to_audio/", json=SPOKEN | change)
        assert refused.status_code == status and isinstance(refused.json()["detail"], str)
        assert st.client.get("/tts_stream/", params=SPOKEN | change).status_code == status


class TestSillyTavernOthers:
    def test_openai_compatible_with_an_empty_key(self, service: Service) -> None:
        body = {"input": "Bom dia.", "response_format": "mp3", "voice": "silence_male", "speed": 1, "model": "tts-1"}
        headers = {"Authorization": "Bearer "}
        response = service.client.post("/v1/audio/speech", json=body, headers=headers)
        assert response.status_code == 200 and response.content.startswith(b"ID3")

    def test_tts_webui_lists_voices_of_a_model(self, service: Service) -> None:
        voices = service.client.get("/v1/audio/voices/silence").json()["voices"]
        assert {"value": "silence_male", "label": voices[0]["label"]} in voices or len(voices) > 1
        assert service.client.get("/v1/audio/voices/nothing").json()["error"]["code"] == "unknown_model_name"

    @pytest.mark.parametrize("is_streamed", [False, True])
    def test_tts_webui_speaks_with_all_that_it_sends(self, service: Service, is_streamed: bool) -> None:
        body = {"model": "silence", "voice": "silence_male", "input": "Bom dia.", "response_format": "wav", "speed": 1}
        response = service.client.post("/v1/audio/speech", json=body | {"stream": is_streamed, "params": CHATTERBOX})
        assert pcm_of(response) and "exaggeration" in response.headers["x-papagaio-without-effect"]


class TestCapacity:
    def test_who_comes_above_it_is_told_when_to_come_again(self, tmp_path: Path) -> None:
        with running(tmp_path, max_streams=1) as service:
            place = service.services.capacity.take()
            body = {"model": "tts-1", "input": "Bom dia.", "voice": "silence_male"}
            full = service.client.post("/v1/audio/speech", json=body)
            assert (full.status_code, full.headers["retry-after"]) == (503, "2")
            assert full.json()["error"]["code"] == "over_capacity" and full.json()["error"]["type"] == "server_error"
            assert service.client.get("/tts_stream", params=SPOKEN).status_code == 503
            place.close()
            assert service.client.post("/v1/audio/speech", json=body).status_code == 200
            refused = service.client.post("/v1/audio/speech", json=body | {"input": "🎉"})
            assert refused.status_code == 422 and service.services.capacity.taken == 0
