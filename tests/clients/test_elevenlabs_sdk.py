"""The real elevenlabs package with our base URL: models, voices, speech in each kind of format, refusals."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest

from speech.audio import load

pytestmark = [pytest.mark.processes]


@pytest.fixture(scope="module")
def client(live: str) -> Iterator[Any]:
    with httpx.Client(timeout=120) as transport:
        from elevenlabs.client import ElevenLabs

        yield ElevenLabs(base_url=live, api_key="none", httpx_client=transport)


@pytest.mark.parametrize(
    ("name", "magic", "rate"),
    [("mp3_44100_128", b"ID3", 44100), ("opus_48000_64", b"OggS", 48000), ("wav_16000", b"RIFF", 16000)],
)
def test_the_format_asked_for_is_received(client: Any, name: str, magic: bytes, rate: int) -> None:
    speak = client.text_to_speech.stream if name.startswith("opus") else client.text_to_speech.convert
    sound = b"".join(speak("silence_male", text="Bom dia. Tudo bem?", model_id="silence", output_format=name))
    assert sound.startswith(magic)
    found = load(BytesIO(sound))
    assert found.sample_rate == rate and found.duration_s == pytest.approx(1.1, abs=0.1)


def test_raw_samples_have_the_rate_of_their_name_and_no_seams(client: Any) -> None:
    settings = {"stability": 0.5, "speed": 1.0}
    asked = {"text": "Good morning. How are you?", "voice_settings": settings, "seed": 7}
    sounds = [
        np.frombuffer(b"".join(client.text_to_speech.convert("af_heart", output_format=name, **asked)), "<i2")
        for name in ("pcm_24000", "pcm_8000")
    ]
    assert len(sounds[1]) == pytest.approx(len(sounds[0]) / 3, abs=50) and np.abs(sounds[1]).max() > 1000


def test_voices_and_models(client: Any) -> None:
    voices = {voice.voice_id: voice for voice in client.voices.get_all().voices}
    assert voices["pf_dora"].category == "premade" and voices["pf_dora"].labels["gender"] == "female"
    assert client.voices.get("pf_dora").name == voices["pf_dora"].name
    first = client.voices.search(page_size=2)
    second = client.voices.search(page_size=2, next_page_token=first.next_page_token)
    assert first.has_more and first.total_count == len(voices)
    assert len({voice.voice_id for voice in [*first.voices, *second.voices]}) == 4
    models = {model.model_id: model for model in client.models.list()}
    assert models["kokoro"].can_do_text_to_speech and "pt-BR" in {one.language_id for one in models["kokoro"].languages}


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"voice_id": "21m00Tcm4TlvDq8ikWAM"}, 404, "unknown_voice"),
        ({"model_id": "gpt"}, 404, "unknown_model_name"),
        ({"text": ""}, 422, "invalid_request"),
        ({"output_format": "ulaw_16000"}, 400, "unknown_format"),
        ({"language_code": "xx"}, 422, "language_not_spoken"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_refusal_is_the_packages_own_error(client: Any, change: dict[str, Any], status: int, code: str) -> None:
    from elevenlabs.core.api_error import ApiError

    asked = {"voice_id": "silence_male", "text": "Bom dia.", "model_id": "silence"} | change
    with pytest.raises(ApiError) as caught:
        b"".join(client.text_to_speech.convert(**asked))
    body: Any = caught.value.body
    detail = body["detail"] if isinstance(body, dict) else body.detail
    assert caught.value.status_code == status and detail["status"] == code and detail["message"]
