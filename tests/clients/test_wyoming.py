"""The real wyoming package against `papagaio wyoming`'s server, on the engine host of a running service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from waiting import run_apart, wait_for
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping, Pong
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from app.api.services import Services
from app.commands.wyoming import WyomingServer
from speech.audio import load, pcm16, resample
from speech.metrics.wer import word_error_rate
from speech.text.reading import ReadingOptions

pytestmark = [pytest.mark.processes]

SAID = "Seven parrots live in the old garden. They sing every morning before breakfast."
ANSWER_S = 120.0
T = TypeVar("T")


@pytest.fixture(scope="module")
def port(live_service: tuple[str, Services]) -> Iterator[int]:
    """The server's, in a loop of its own."""
    synthesizer = live_service[1].synthesizer
    loop = asyncio.new_event_loop()
    servers: list[asyncio.Server] = []

    async def listen() -> None:
        server = WyomingServer(synthesizer, ReadingOptions, 2, "en")
        servers.append(await asyncio.start_server(server.connected, "127.0.0.1", 0))

    def run() -> None:
        loop.run_until_complete(listen())
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: bool(servers))
    yield servers[0].sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(servers[0].close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


def talk(port: int, said: Callable[[AsyncTcpClient], Coroutine[Any, Any, T]]) -> T:
    async def connected() -> T:
        async with AsyncTcpClient("127.0.0.1", port) as client:
            return await asyncio.wait_for(said(client), ANSWER_S)

    return run_apart(connected())


async def events_until(client: AsyncTcpClient, last: str) -> list[Event]:
    found: list[Event] = []
    while not found or found[-1].type not in (last, "error"):
        event = await client.read_event()
        assert event is not None, found
        found.append(event)
    return found


def test_it_says_what_it_can(port: int) -> None:
    async def ask(client: AsyncTcpClient) -> Info:
        await client.write_event(Ping("there?").event())
        pong = await client.read_event()
        assert pong is not None and Pong.from_event(pong).text == "there?"
        await client.write_event(Describe().event())
        event = await client.read_event()
        assert event is not None and Info.is_type(event.type)
        return Info.from_event(event)

    info = talk(port, ask)
    [tts], [asr] = info.tts, info.asr
    voices = {voice.name: voice for voice in tts.voices}
    assert tts.installed and tts.supports_synthesize_streaming and voices["pf_dora"].languages == ["pt-BR"]
    assert asr.installed and asr.supports_transcript_streaming and {"pt", "en"} <= set(asr.models[0].languages)


@pytest.mark.parametrize("voice", [SynthesizeVoice(name="silence_male"), SynthesizeVoice(language="pt_BR"), None])
def test_a_text_is_spoken(port: int, voice: SynthesizeVoice | None) -> None:
    async def ask(client: AsyncTcpClient) -> list[Event]:
        await client.write_event(Synthesize("Bom dia.", voice).event())
        return await events_until(client, "audio-stop")

    first, *chunks, last = talk(port, ask)
    assert AudioStart.is_type(first.type) and AudioStop.is_type(last.type)
    assert AudioStart.from_event(first) == AudioStart(rate=24000, width=2, channels=1)
    sound = b"".join(AudioChunk.from_event(event).audio for event in chunks)
    assert len(sound) > 24000 * 2 * 0.3
    assert voice is not None and voice.name or np.abs(np.frombuffer(sound, "<i2")).max() > 1000


def test_a_text_that_comes_in_pieces_is_spoken_while_it_comes(port: int) -> None:
    voice = SynthesizeVoice(name="silence_male")

    async def ask(client: AsyncTcpClient) -> tuple[list[Event], list[Event]]:
        await client.write_event(SynthesizeStart(voice=voice).event())
        for piece in ("Bom d", "ia. Tudo", " bem"):
            await client.write_event(SynthesizeChunk(piece).event())
        early = await events_until(client, "audio-chunk")  # the first sentence, the second is not whole yet
        await client.write_event(SynthesizeChunk("? Sim.").event())
        await client.write_event(Synthesize("Bom dia. Tudo bem? Sim.", voice).event())
        await client.write_event(SynthesizeStop().event())
        return early, await events_until(client, "synthesize-stopped")

    early, late = talk(port, ask)
    kinds = [event.type for event in early + late]
    assert kinds[0] == "audio-start" and kinds[-2:] == ["audio-stop", "synthesize-stopped"]
    assert kinds.count("audio-start") == kinds.count("audio-stop") == 1
    assert kinds.count("audio-chunk") == 3  # the whole text was not spoken once more


@pytest.mark.parametrize("language", ["en", None])
def test_a_recording_is_written_down(port: int, recording: Path, language: str | None) -> None:
    data = pcm16(resample(load(recording), 16000).samples)
    told = {"rate": 16000, "width": 2, "channels": 1}

    async def ask(client: AsyncTcpClient) -> list[Event]:
        await client.write_event(Transcribe(language=language).event())
        await client.write_event(AudioStart(**told).event())
        for start in range(0, len(data), 2048):
            await client.write_event(AudioChunk(**told, audio=data[start : start + 2048]).event())
        await client.write_event(AudioStop().event())
        return await events_until(client, "transcript-stop")

    events = {event.type: event for event in talk(port, ask)}
    assert set(events) == {"transcript-start", "transcript-chunk", "transcript", "transcript-stop"}
    found = Transcript.from_event(events["transcript"])
    assert found.language == "en" and word_error_rate([SAID], [found.text]) < 0.2


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (Synthesize("Bom dia.", SynthesizeVoice(name="nobody")).event(), "unknown_voice"),
        (Synthesize("", SynthesizeVoice(name="silence_male")).event(), "text_empty"),
        (Synthesize("a" * 10_001, SynthesizeVoice(name="silence_male")).event(), "text_too_long"),
        (Synthesize("Bom dia.", SynthesizeVoice(language="xx")).event(), "language_not_spoken"),
        (Event("synthesize", {"text": 7}), "bad_body"),
        (AudioStop().event(), "audio_empty"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_done_is_an_error_and_the_talk_goes_on(port: int, event: Event, code: str) -> None:
    async def ask(client: AsyncTcpClient) -> Error:
        await client.write_event(event)
        error = await client.read_event()
        assert error is not None and Error.is_type(error.type)
        await client.write_event(Ping("still?").event())
        pong = await client.read_event()
        assert pong is not None and Pong.is_type(pong.type)
        return Error.from_event(error)

    error = talk(port, ask)
    assert error.code == code and error.text and "{" not in error.text


@pytest.mark.parametrize(
    "frame",
    [
        b"GET / HTTP/1.1\r\n",
        b"[1]\n",
        b'{"type": "ping", "data_length": -1}\n',
        b'{"type": "ping", "payload_length": 99999999999}\n',
        b'{"data": {}}\n',
        b'{"type": "ping", "data": [1]}\n',
        b'{"type": "x", "data_length": 3}\nabc',
    ],
)
def test_what_is_no_frame_ends_the_connection(port: int, frame: bytes) -> None:
    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(frame)
        answer = await asyncio.wait_for(reader.read(), ANSWER_S)
        writer.close()
        return answer

    assert b'"code": "bad_frame"' in run_apart(ask())
