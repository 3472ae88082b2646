"""Requests as AllTalk's clients send them, read from their sources, and what they read back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from api_service import Service
from replays import at_work, pcm_of
from waiting import wait_for

from speech.audio import load

# What SillyTavern's provider for AllTalk sends.
ALLTALK = {
    **{"text_input": "Bom dia.", "text_filtering": "standard", "character_voice_gen": "silence_male.wav"},
    **{"rvccharacter_voice_gen": "Disabled", "rvccharacter_pitch": "0", "rvcnarrator_voice_gen": "Disabled"},
    **{"rvcnarrator_pitch": "0", "narrator_enabled": "false", "narrator_voice_gen": "", "language": "pt"},
    **{"text_not_inside": "character", "output_file_name": "st_output", "output_file_timestamp": "true"},
    **{"autoplay": "false", "autoplay_volume": "0.8"},
}


class TestAllTalk:
    def test_what_it_looks_up(self, service: Service) -> None:
        assert service.client.get("/api/ready").text == "Ready"
        assert "silence_male" in service.client.get("/api/voices").json()["voices"]
        assert service.client.get("/api/rvcvoices").json() == {"status": "success", "rvcvoices": ["Disabled"]}
        settings = service.client.get("/api/currentsettings").json()
        assert settings["current_engine_loaded"] == "silence" and settings["deepspeed_capable"] is False
        assert {"name": "silence"} in settings["models_available"]

    def test_a_stream(self, service: Service) -> None:
        asked = {"text": "Bom dia.", "voice": "silence_male.wav", "language": "pt", "output_file": "stream.wav"}
        assert pcm_of(service.client.get("/api/tts-generate-streaming", params=asked))

    def test_switching_and_refusals(self, service: Service) -> None:
        assert service.client.post("/api/enginereload?engine=silence").json() == {"status": "engine-success"}
        assert service.client.post("/api/reload?tts_method=silence").json() == {"status": "model-success"}
        assert service.client.post("/api/reload?tts_method=piper").json()["status"] == "error"
        assert service.client.post("/api/deepspeed?new_deepspeed_value=True").status_code == 400
        body = {"text_input": "Bom dia.", "character_voice_gen": "silence_male"}
        narrated = {"narrator_enabled": "true", "narrator_voice_gen": "silence_male", "rvcnarrator_voice_gen": "ana"}
        for change in ({"streaming": "true"}, narrated, {"speed": "3"}, {"rvccharacter_pitch": "25"}):
            refused = service.client.post("/api/tts-generate", data=body | change)
            assert refused.status_code == 422 and list(change)[-1] in refused.json()["message"]
        assert not service.client.get("/api/currentsettings").json()["temperature_capable"]
        assert service.is_empty()

    def test_what_sillytavern_sends_is_spoken_and_what_is_idle_is_named(self, service: Service) -> None:
        sent = ALLTALK | {"temperature": "0.75", "repetition_penalty": "10", "pitch": "2", "autoplay": "true"}
        with at_work(service):
            made = service.client.post("/api/tts-generate", data=sent)
            plain = service.client.post("/api/tts-generate", data=ALLTALK)
        assert made.json()["status"] == "generate-success" and plain.status_code == 200
        assert made.headers["x-papagaio-without-effect"] == "temperature, repetition_penalty, pitch, autoplay"
        assert "x-papagaio-without-effect" not in plain.headers
        sound = service.client.get(made.json()["output_file_url"])
        assert load(BytesIO(sound.content)).duration_s > 0.3

    def test_filtering_and_names(self, service: Service) -> None:
        asked = {"text_input": "Um &amp; dois &lt;tr&ecirc;s&gt;.", "output_file_timestamp": "false", "speed": "0.25"}
        with at_work(service):
            made = {
                kind: service.client.post("/api/tts-generate", data=ALLTALK | asked | {"text_filtering": kind})
                for kind in ("html", "none")
            }
        read, written = (
            service.client.get(f"/jobs/{one.json()['output_file_url'][-20:-4]}").json() for one in made.values()
        )
        assert read["text"] == "Um & dois <três>." and written["text"] == asked["text_input"]
        assert read["parameters"]["speed"] == 0.5 and made["html"].headers["x-papagaio-fitted"] == "speed=0.5"
        assert made["html"].headers["x-papagaio-without-effect"] == "output_file_timestamp"
        assert made["none"].headers["x-papagaio-without-effect"] == "text_filtering, output_file_timestamp"

    def test_a_narrator_tells_what_stands_between_asterisks(self, service: Service) -> None:
        body = {"text_input": '*Ela entra.* "Bom dia!" disse ela.', "character_voice_gen": "silence_female"}
        told = {"narrator_enabled": "true", "narrator_voice_gen": "silence_male.wav", "text_not_inside": "narrator"}
        with at_work(service):
            made = service.client.post("/api/tts-generate", data=body | told).json()
        [job] = service.client.get("/jobs").json()["jobs"]
        assert job["id"] in made["output_file_url"]
        assert job["text"].split("\n") == [
            "[voice: silence_male] Ela entra.",
            "[voice: ] Bom dia!",
            "[voice: silence_male] disse ela.",
        ]
        silent = service.client.post(
            "/api/tts-generate", data=body | {"narrator_enabled": "silent", "text_input": "*Ela entra.*"}
        )
        assert silent.status_code == 422
        nobody = service.client.post("/api/tts-generate", data=body | told | {"narrator_voice_gen": "nobody"})
        assert nobody.status_code == 404

    def test_what_is_under_way_is_stopped(self, service: Service) -> None:
        ours = service.add("Uma frase de outro cliente.")
        body = {"text": "Bom dia.", "voice": "silence_male", "language": "pt"}
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(service.client.post, "/api/tts-generate-streaming", data=body)
            wait_for(lambda: service.client.get("/jobs").json()["total"] == 2)
            assert service.client.put("/api/stop-generation").json()["status"] == "success"
            assert waiting.result().json()["status"] == "error"
        assert service.client.get(f"/jobs/{ours['id']}").json()["status"] == "pending"

    def test_a_stream_into_a_file(self, service: Service) -> None:
        body = {"text": "Bom dia.", "voice": "silence_male", "language": "pt", "output_file": "dia.wav"}
        with at_work(service):
            made = service.client.post("/api/tts-generate-streaming", data=body).json()
        assert service.client.get(made["output_file_path"]).content.startswith(b"RIFF")

    def test_a_sample(self, service: Service) -> None:
        made = service.client.post("/api/previewvoice/", data={"voice": "silence_male"}).json()
        assert service.client.get(made["output_file_url"]).content.startswith(b"RIFF")

    @pytest.mark.parametrize("name", ["x.wav", "..%2F..%2Fpapagaio.db", "job_0123456789ab.wav", "a_job_zz.wav"])
    def test_no_other_file_is_given(self, service: Service, name: str) -> None:
        for folder in ("audio", "audiocache"):
            assert service.client.get(f"/{folder}/{name}").status_code == 404

    def test_openais_names_stand_for_whom_it_says(self, service: Service) -> None:
        mapped = dict.fromkeys(("alloy", "echo", "fable", "nova", "onyx", "shimmer"), "silence_female.wav")
        body = {"model": "tts-1", "input": "Bom dia.", "voice": "nova"}
        unknown = service.client.put("/api/openai-voicemap", json=mapped | {"nova": "nobody"})
        assert unknown.status_code == 404 and unknown.json()["status"] == "error"
        answer = service.client.put("/api/openai-voicemap", json=mapped | {"nova": "silence_male"})
        assert answer.status_code == 200 and set(answer.json()) == {"message"}
        spoken = service.client.post("/v1/audio/speech", json=body)
        assert spoken.headers["x-papagaio-voice"] == "silence_male"
        assert service.client.put("/api/openai-voicemap", json={"alloy": "silence_male"}).status_code == 422

    @pytest.mark.parametrize(
        "path",
        ["../papagaio.db", "/etc/passwd", "audio/x.wav", "/audio/x.wav", "job_0123456789ab", "a/job_0123456789ab"],
    )
    def test_only_sounds_of_ours_are_converted(self, service: Service, path: str) -> None:
        body = {"input_tts_path": path, "output_rvc_path": "outputs/rvc.wav", "pth_name": "ana", "pitch": "0"}
        refused = service.client.post("/api/voice2rvc", data=body | {"method": "rmvpe"})
        assert refused.status_code == 404 and refused.json()["status"] == "error" and service.is_empty()

    def test_a_sound_of_ours_needs_a_model_that_is_here(self, service: Service) -> None:
        job = service.completed()
        body = {"input_tts_path": f"/audio/x_{job['id']}.wav", "pth_name": "nobody", "pitch": "24", "method": "pm"}
        assert service.client.post("/api/voice2rvc", data=body).json()["status"] == "error"
        for change in ({"pth_name": "Disabled"}, {"pitch": "25"}, {"method": "magic"}):
            assert service.client.post("/api/voice2rvc", data=body | change).status_code == 422
        assert service.client.get("/jobs").json()["total"] == 1
