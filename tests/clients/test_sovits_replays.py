"""Requests as clients of GPT-SoVITS' `api_v2` and of telephones' formats send them, and what they read back."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from api_service import Service
from replays import HEADER

from speech.audio import load

SOVITS = {"text": "Bom dia. Tudo bem?", "text_lang": "pt", "ref_audio_path": "silence_male"}
MAGIC = {"wav": b"RIFF", "ogg": b"OggS", "aac": b"\xff\xf1"}


class TestGptSovits:
    @pytest.mark.parametrize("kind", ["wav", "ogg", "aac", "raw"])
    @pytest.mark.parametrize("mode", [0, 1, True])
    def test_the_kind_asked_for_is_received(self, service: Service, kind: str, mode: int) -> None:
        asked = SOVITS | {"media_type": kind, "streaming_mode": mode}
        for response in (service.client.get("/tts", params=asked), service.client.post("/tts", json=asked)):
            assert response.status_code == 200, response.text
            assert response.headers["content-type"] == f"audio/{kind}"
            if kind == "raw":
                assert len(response.content) > int(response.headers["x-sample-rate"]) * 2 * 0.3
            else:
                assert response.content.startswith(MAGIC[kind]) and load(BytesIO(response.content)).duration_s > 0.3
            if kind == "wav":
                told = int.from_bytes(response.content[40:44], "little")
                assert told == (0xFFFFFFFF if mode else len(response.content) - HEADER)

    def test_all_that_its_clients_send(self, service: Service) -> None:
        sent = {
            **{"top_k": 5, "top_p": 1.0, "temperature": 1.0, "text_split_method": "cut5", "batch_size": 1},
            **{"speed_factor": 3.0, "seed": -1, "prompt_text": "Bom dia.", "prompt_lang": "pt", "parallel_infer": True},
            **{"ref_audio_path": "Silence_Male.wav".lower(), "text_lang": "all_pt", "repetition_penalty": 1.35},
        }
        response = service.client.post("/tts", json=SOVITS | sent)
        assert response.status_code == 200 and response.headers["x-papagaio-fitted"] == "speed=2"
        idle = set(response.headers["x-papagaio-without-effect"].split(", "))
        assert {"top_k", "temperature", "text_split_method", "prompt_text", "prompt_lang"} <= idle
        assert not idle & {"speed_factor", "text", "ref_audio_path", "seed"}
        title = service.client.get("/voices/silence_male").json()["name"]
        assert service.client.get("/tts", params=SOVITS | {"ref_audio_path": title}).status_code == 200

    @pytest.mark.parametrize(
        "change",
        [
            {"ref_audio_path": "../../etc/passwd"},
            {"ref_audio_path": "/data/voices/silence_male.wav"},
            {"text": ""},
            {"text_lang": "xx"},
            {"media_type": "mp3"},
            {"streaming_mode": 4},
            {"emotion": "sad"},
        ],
        ids=str,
    )
    def test_every_failure_is_400_with_a_message(self, service: Service, change: dict[str, Any]) -> None:
        for refused in (
            service.client.get("/tts", params=SOVITS | change),
            service.client.post("/tts", json=SOVITS | change),
            service.client.get("/tts"),
        ):
            assert refused.status_code == 400 and set(refused.json()) == {"message"} and refused.json()["message"]

    @pytest.mark.parametrize(
        "path",
        ["/set_gpt_weights?weights_path=a.ckpt", "/set_sovits_weights?weights_path=/x.pth", "/control?command=exit"],
    )
    def test_weights_and_the_process_are_not_for_clients(self, service: Service, path: str) -> None:
        refused = service.client.get(path)
        assert refused.status_code == 400 and set(refused.json()) == {"message"}

    def test_xtts_api_servers_routes_keep_their_own_errors(self, service: Service) -> None:
        assert set(service.client.post("/tts_to_audio/", json={}).json()) == {"detail"}
        assert set(service.client.post("/set_output", json={"output_folder": "x"}).json()) == {"detail"}


class TestTelephones:
    @pytest.mark.parametrize(("name", "quiet"), [("ulaw_8000", b"\xff\x7f"), ("alaw_8000", b"\xd5\x55")])
    def test_a_byte_a_sample_of_silence(self, service: Service, name: str, quiet: bytes) -> None:
        asked = {"params": {"output_format": name}, "json": {"text": "Bom dia.", "model_id": "silence"}}
        response = service.client.post("/v1/text-to-speech/silence_male", **asked)
        whole = service.client.post(
            "/v1/text-to-speech/silence_male", **asked | {"params": {"output_format": "pcm_8000"}}
        )
        assert response.status_code == 200 and len(response.content) == len(whole.content) // 2 > 8000 * 0.3
        assert set(response.content) <= set(quiet)
