"""The real openai package against the service: speech, its streams, transcription in every format, models, errors."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from io import BytesIO
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from app.api.services import Services
from app.callers import LOCAL
from speech.audio import load, wav_header
from speech.metrics.wer import word_error_rate

pytestmark = [pytest.mark.processes]

SAID = "Seven parrots live in the old garden. They sing every morning before breakfast."
MAGIC = {"mp3": b"ID3", "opus": b"OggS", "aac": b"\xff\xf1", "flac": b"fLaC", "wav": b"RIFF"}
ASK: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": "Good morning. How are you?"}


@pytest.fixture(scope="module")
def client(live: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{live}/v1", api_key="none", max_retries=0, timeout=120) as client:
        yield client


@pytest.mark.parametrize("name", [*MAGIC, "pcm"])
def test_the_format_asked_for_is_received(client: openai.OpenAI, name: Any) -> None:
    with client.audio.speech.with_streaming_response.create(**ASK, response_format=name) as response:
        blocks = list(response.iter_bytes())
        assert response.headers["x-request-id"]
    whole = b"".join(blocks)
    if name == "pcm":
        samples = np.frombuffer(whole, "<i2")
        assert response.headers["x-sample-rate"] == "24000" and np.abs(samples).max() > 1000
        duration_s = len(samples) / 24000
    else:
        assert whole.startswith(MAGIC[name]) and whole.count(MAGIC[name]) == 1 or name in ("opus", "aac")
        duration_s = load(BytesIO(whole)).duration_s
    assert 1 < duration_s < 5
    assert len(blocks) > 1


def test_speech_as_events_is_the_same_sound(client: openai.OpenAI) -> None:
    response = client.audio.speech.create(**ASK, response_format="wav", stream_format="sse")
    assert response.response.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: ")]
    *deltas, done = events
    assert {one["type"] for one in deltas} == {"speech.audio.delta"} and done["type"] == "speech.audio.done"
    sound = b"".join(base64.b64decode(one["audio"]) for one in deltas)
    assert sound == client.audio.speech.create(**ASK, response_format="wav").content
    usage = done["usage"]
    assert usage["input_tokens"] == len(ASK["input"])
    assert usage["output_tokens"] == round(load(BytesIO(sound)).duration_s * 20)
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_json_and_text_say_what_was_said(client: openai.OpenAI, recording: Path) -> None:
    found = client.audio.transcriptions.create(model="whisper-1", file=recording, language="en")
    assert word_error_rate([SAID], [found.text]) < 0.2
    assert re.match(r"seven\b", found.text, re.I) and found.text.rstrip(".").endswith("breakfast")
    assert found.usage is not None and found.usage.type == "duration" and 3 < found.usage.seconds < 8
    text = client.audio.transcriptions.create(model="gpt-4o-transcribe", file=recording, response_format="text")
    assert str(text).strip() == found.text  # the language was told by the sound


def test_verbose_json_has_segments_and_words(client: openai.OpenAI, recording: Path) -> None:
    found = client.audio.transcriptions.create(
        model="whisper-1",
        file=recording,
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        prompt="A story about birds.",
        temperature=0.2,
    )
    assert found.language == "english" and found.duration == pytest.approx(load(recording).duration_s, abs=0.1)
    assert found.segments and found.words
    assert found.segments[0].temperature == pytest.approx(0.2) and found.segments[0].tokens
    assert all(0 <= one.start < one.end <= found.duration + 0.5 for one in [*found.segments, *found.words])
    assert "parrots" in {word.word.strip(".,").lower() for word in found.words}
    lean = client.audio.transcriptions.create(model="whisper-1", file=recording, response_format="verbose_json")
    assert lean.segments and lean.words is None


@pytest.mark.parametrize(("form", "time"), [("srt", r"\d\d:\d\d:\d\d,\d{3}"), ("vtt", r"\d\d:\d\d:\d\d\.\d{3}")])
def test_captions(client: openai.OpenAI, recording: Path, form: Any, time: str) -> None:
    found = str(client.audio.transcriptions.create(model="whisper-1", file=recording, response_format=form))
    assert found.startswith("WEBVTT\n\n" if form == "vtt" else "1\n")
    assert re.search(rf"^{time} --> {time}\n.*parrots", found, re.M)


def test_what_listening_takes_is_kept_account_of(
    client: openai.OpenAI, recording: Path, live_service: tuple[str, Services]
) -> None:
    quotas = live_service[1].quotas
    before = quotas.standing(LOCAL)
    client.audio.transcriptions.create(model="whisper-1", file=recording)
    after = quotas.standing(LOCAL)
    assert after.compute_s > before.compute_s and after.characters == before.characters


def test_probabilities_are_asked_for_and_named_as_absent(client: openai.OpenAI, recording: Path) -> None:
    asked: dict[str, Any] = {"model": "gpt-4o-transcribe", "file": recording, "include": ["logprobs"]}
    for more in ({}, {"stream": True}):
        answer = client.audio.transcriptions.with_raw_response.create(**asked | more)
        assert answer.headers["x-papagaio-without-effect"] == "include[]"


def test_a_transcription_comes_as_events(client: openai.OpenAI, recording: Path) -> None:
    events = list(client.audio.transcriptions.create(model="whisper-1", file=recording, stream=True))
    *deltas, done = events
    assert {one.type for one in deltas} == {"transcript.text.delta"} and done.type == "transcript.text.done"
    assert done.text == "".join(one.delta for one in deltas if one.type == "transcript.text.delta")
    assert word_error_rate([SAID], [done.text]) < 0.2


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # translations, in the package
def test_a_translation_is_english(client: openai.OpenAI) -> None:
    spoken = client.audio.speech.create(model="kokoro", voice="pf_dora", input="Bom dia. Eu gosto muito de café.")
    found = client.audio.translations.create(model="whisper-1", file=("dia.mp3", spoken.content))
    assert "coffee" in found.text.lower()


def test_models(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {"kokoro", "tts-1", "whisper-1"} <= set(names)
    assert client.models.retrieve("kokoro").object == "model"


FAILURES: list[tuple[str, dict[str, Any], type[openai.APIStatusError], str]] = [
    ("unknown model", {"model": "gpt-9"}, openai.NotFoundError, "unknown_model_name"),
    ("unknown voice", {"voice": "nobody"}, openai.NotFoundError, "unknown_voice"),
    ("empty text", {"input": ""}, openai.UnprocessableEntityError, "invalid_request"),
    ("wrong format", {"response_format": "midi"}, openai.UnprocessableEntityError, "invalid_request"),
    ("wrong type", {"speed": "fast"}, openai.UnprocessableEntityError, "invalid_request"),
    ("unknown field", {"extra_body": {"emotion": "sad"}}, openai.UnprocessableEntityError, "invalid_request"),
]


@pytest.mark.parametrize(("change", "kind", "code"), [row[1:] for row in FAILURES], ids=[row[0] for row in FAILURES])
def test_a_refusal_is_the_sdks_own_error(client: openai.OpenAI, change: dict, kind: type, code: str) -> None:
    with pytest.raises(kind) as caught:
        client.audio.speech.create(**ASK | change)
    error = caught.value
    assert isinstance(error, openai.APIStatusError)
    assert error.code == code and error.type == "invalid_request_error"
    assert isinstance(error.body, dict) and set(error.body) == {"message", "type", "param", "code"}
    assert error.request_id == error.response.headers["x-request-id"]


DIARIZED: dict[str, Any] = {"response_format": "diarized_json"}


def _known(*references: str) -> dict[str, Any]:
    return DIARIZED | {"known_speaker_names": ["Ana"] * len(references), "known_speaker_references": list(references)}


def _reference(seconds: float) -> str:
    tone = np.sin(np.arange(round(seconds * 16000)) * 0.05) * 8000
    return _data_url(wav_header(16000, 2 * len(tone)) + tone.astype("<i2").tobytes())


def _data_url(wav: bytes) -> str:
    return "data:audio/wav;base64," + base64.b64encode(wav).decode()


HEARING_FAILURES: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("unknown model", {"model": "tts-1"}, 404, None),
    ("no sound", {"file": ("notes.txt", b"These are words, not sound.")}, 400, None),
    ("empty file", {"file": ("empty.wav", b"")}, 400, None),
    ("unknown format", {"response_format": "csv"}, 422, "response_format"),
    ("unknown language", {"language": "klingon"}, 422, None),
    ("words without their form", {"timestamp_granularities": ["word"]}, 422, "timestamp_granularities[]"),
    ("speakers of no form that names them", {"known_speaker_names": ["Ana"]}, 422, "known_speaker_names[]"),
    ("a speaker without a reference", DIARIZED | {"known_speaker_names": ["Ana"]}, 422, "known_speaker_references[]"),
    ("a reference by address", _known("https://127.0.0.1/ana.wav"), 422, "known_speaker_references[].0"),
    ("a reference that is no sound", _known("data:audio/wav;base64,AAAA"), 400, None),
    ("a reference of half a minute", _known(_reference(30.0)), 422, "known_speaker_references[].0"),
    ("a reference of a moment", _known(_reference(0.5)), 422, "known_speaker_references[].0"),
    ("one name twice", _known(_reference(3.0), _reference(3.0)), 422, "known_speaker_names[]"),
    ("other things to include", {"include": ["item"]}, 422, "include[].0"),
    ("events of captions", {"stream": True, "response_format": "srt"}, 422, "stream"),
]


@pytest.mark.parametrize(
    ("change", "status", "param"), [row[1:] for row in HEARING_FAILURES], ids=[row[0] for row in HEARING_FAILURES]
)
def test_what_cannot_be_written_down_is_refused(
    client: openai.OpenAI, recording: Path, change: dict, status: int, param: str | None
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.audio.transcriptions.create(**{"model": "whisper-1", "file": recording} | change)
    assert caught.value.status_code == status, caught.value.message
    assert caught.value.param == param and "{" not in caught.value.message


TALK = [
    ("am_michael", "Good morning. Did you already have breakfast in the old garden today?"),
    ("af_heart", "Yes, I did. The parrots sang all the time and I ate two apples."),
    ("am_michael", "Then let us walk down to the river before it begins to rain."),
]


@pytest.fixture(scope="module")
def talk(client: openai.OpenAI) -> tuple[bytes, dict[str, str]]:
    """A conversation, and speech of both by name."""

    def spoken(voice: str, text: str) -> bytes:
        asked: dict[str, Any] = {"model": "kokoro", "voice": voice, "input": text, "response_format": "pcm"}
        return client.audio.speech.create(**asked).content + bytes(24000)

    pcm = b"".join(spoken(*one) for one in TALK)
    known = {"Michael": "am_michael", "Heart": "af_heart"}
    references = {name: spoken(voice, "The weather was fine, so we stayed a while.") for name, voice in known.items()}
    urls = {name: _data_url(wav_header(24000, len(heard)) + heard) for name, heard in references.items()}
    return wav_header(24000, len(pcm)) + pcm, urls


def test_a_conversation_is_written_down_by_speaker(client: openai.OpenAI, talk: tuple[bytes, dict[str, str]]) -> None:
    ask: dict[str, Any] = {"model": "gpt-4o-transcribe-diarize", "file": ("talk.wav", talk[0])} | DIARIZED
    found = client.audio.transcriptions.create(**ask)
    assert [who for who, _ in _by_turn(found.segments)] == ["A", "B", "A"]
    assert found.task == "transcribe" and found.usage.seconds == round(found.duration)
    known = {"known_speaker_names": list(talk[1]), "known_speaker_references": list(talk[1].values())}
    turns = _by_turn(client.audio.transcriptions.create(**ask | known).segments)
    assert [who for who, _ in turns] == ["Michael", "Heart", "Michael"]
    for (_, text), (_, truth) in zip(turns, TALK, strict=True):
        assert word_error_rate([truth], [text]) < 0.2, text


def test_speakers_come_as_events(client: openai.OpenAI, talk: tuple[bytes, dict[str, str]]) -> None:
    ask: dict[str, Any] = {"model": "whisper-1", "file": ("talk.wav", talk[0]), "stream": True} | DIARIZED
    *events, done = list(client.audio.transcriptions.create(**ask))
    segments = [one for one in events if one.type == "transcript.text.segment"]
    deltas = [one for one in events if one.type == "transcript.text.delta"]
    assert [who for who, _ in _by_turn(segments)] == ["A", "B", "A"]
    assert [one.segment_id for one in deltas] == [one.id for one in segments]
    assert done.type == "transcript.text.done" and done.text == "".join(one.delta for one in deltas)


def _by_turn(segments: list[Any]) -> list[tuple[str, str]]:
    groups = groupby(segments, lambda one: one.speaker)
    return [(speaker, " ".join(one.text for one in ones)) for speaker, ones in groups]


def test_silence_has_no_words(client: openai.OpenAI) -> None:
    silent = client.audio.speech.create(model="silence", voice="silence_male", input="Nada.", response_format="wav")
    assert client.audio.transcriptions.create(model="whisper-1", file=("s.wav", silent.content)).text == ""
