"""A Wyoming server that speaks for an account: the voices it sees, what it may have spoken, and who is let in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest
from api_service import Service, running
from fitted_voices import meta
from waiting import run_apart

from app.commands.wyoming import WyomingServer, server_for
from app.commands.wyoming_caller import bound_caller
from app.commands.wyoming_events import Event, frame_of, read_event
from app.errors import Problem
from app.storage.voice_owners import set_owner
from speech.voice_library import VoiceLibrary

STYLE = {"style": np.zeros((510, 256), np.float32)}
PASSWORD = "correct horse battery"
SAID = Event("synthesize", {"text": "Bom dia.", "voice": {"name": "silence_male"}})
T = TypeVar("T")
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path, characters_per_day=20) as service:
        for name, role in (("root", "admin"), ("ana", "maker"), ("bea", "listener")):
            service.services.identity.accounts.add(name, PASSWORD, role)
        yield service


def talk(
    server: WyomingServer, said: Callable[[Callable[[], Coroutine[Any, Any, Streams]]], Coroutine[Any, Any, T]]
) -> T:
    """What `said` returns, which opens connections to `server`."""

    async def served() -> T:
        listening = await asyncio.start_server(server.connected, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        opened: list[asyncio.StreamWriter] = []

        async def connect() -> Streams:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            opened.append(writer)
            return reader, writer

        async with listening:
            try:
                return await asyncio.wait_for(said(connect), 60)
            finally:
                for writer in opened:
                    writer.close()
                    await writer.wait_closed()

    return run_apart(served())


def answers(server: WyomingServer, *events: Event) -> list[Event]:
    """The last event that each is answered with."""

    async def ask(connect: Callable[[], Coroutine[Any, Any, Streams]]) -> list[Event]:
        reader, writer = await connect()
        found = []
        for event in events:
            writer.write(frame_of(event))
            while (answer := await read_event(reader)) is not None and answer.type in ("audio-start", "audio-chunk"):
                continue
            assert answer is not None
            found.append(answer)
        return found

    return talk(server, ask)


def bound(service: Service, name: str) -> Iterator[WyomingServer]:
    services = service.services
    with bound_caller(services.settings, name, "0.0.0.0") as caller:
        yield server_for(services.settings, services.synthesizer, caller, "en")


def test_an_address_that_others_reach_needs_an_account_where_there_are_some(service: Service, tmp_path: Path) -> None:
    settings = service.services.settings
    for host in ("0.0.0.0", "::", "192.168.1.2", "voz.example"):
        with pytest.raises(Problem, match="wyoming_account_needed"), bound_caller(settings, "", host):
            pass
    with pytest.raises(Problem, match="user_not_found"), bound_caller(settings, "nobody", "127.0.0.1"):
        pass
    for host in ("127.0.0.1", "::1", "localhost"):
        with bound_caller(settings, "", host) as caller:
            assert caller is None
    with running(tmp_path / "open") as empty, bound_caller(empty.services.settings, "", "0.0.0.0") as caller:
        assert caller is None  # as on a service without accounts: nothing is anybody's


def test_it_sees_the_voices_of_its_account_and_no_others(service: Service) -> None:
    services = service.services
    library, users = VoiceLibrary(services.settings.voices_path), services.identity.accounts.list()
    for name in ("ana", "bea"):
        library.add(meta(f"voz_{name}"), STYLE, {})
        set_owner(library.folder(f"voz_{name}"), next(user.id for user in users if user.name == name))
    for server in bound(service, "Ana"):
        seen = {voice.voice_id for voice in server.synthesizer.voices()}
        assert "voz_ana" in seen and "voz_bea" not in seen and "silence_male" in seen
        [refused] = answers(server, Event("synthesize", {"text": "Oi.", "voice": {"name": "voz_bea"}}))
        assert refused.data["code"] == "unknown_voice"


def test_what_is_spoken_counts_and_ends_with_the_quota_and_the_account(service: Service) -> None:
    services = service.services
    accounts = services.identity.accounts
    for server in bound(service, "bea"):
        spoken, again, over = answers(server, SAID, SAID, SAID)
        assert (spoken.type, again.type, over.data["code"]) == ("audio-stop", "audio-stop", "quota_exceeded")
        assert server.caller is not None
        bea = server.caller.meter.caller
        assert services.quotas.standing(bea).characters == 16
        accounts.change(bea.user_id, accounts.caller("local"), is_disabled=True)
        [gone] = answers(server, SAID)
        assert gone.data["code"] == "token_invalid"


def test_connections_are_counted_and_idle_ones_end(service: Service) -> None:
    services = service.services
    server = WyomingServer(services.synthesizer, services.reading, 2, "en", most_connections=1)

    async def crowd(connect: Callable[[], Coroutine[Any, Any, Streams]]) -> tuple[Event | None, bytes, Event | None]:
        reader, writer = await connect()
        writer.write(frame_of(Event("ping")))
        await read_event(reader)
        other, _ = await connect()
        refused, rest = await read_event(other), await other.read()
        writer.close()
        while server.open:
            await asyncio.sleep(0.01)
        reader, writer = await connect()
        writer.write(frame_of(Event("ping")))
        return refused, rest, await read_event(reader)

    refused, rest, pong = talk(server, crowd)
    assert refused is not None and refused.data["code"] == "too_many_connections" and rest == b""
    assert pong is not None and pong.type == "pong"

    idle = WyomingServer(services.synthesizer, services.reading, 2, "en", idle_s=0.05)

    async def wait(connect: Callable[[], Coroutine[Any, Any, Streams]]) -> bytes:
        reader, writer = await connect()
        writer.write(b'{"type": "ping"')  # never whole
        return await reader.read()

    assert talk(idle, wait) == b"" and idle.open == 0
