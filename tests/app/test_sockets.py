"""Socket.IO by its own client: rooms, what was missed, and who is kept out."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from api_service import settings_in
from waiting import wait_for

from app.api.services import Services
from app.api.sockets import MOST_MISSED, Sockets
from app.callers import Caller
from app.jobs.events import KINDS, append
from app.jobs.kinds import SPEECH
from app.main import create_app
from bench.servers import Postgresql

socketio = pytest.importorskip("socketio")
PASSWORD = "correct horse battery"
DEADLINE_S = 20.0


class Live:
    """A service on a socket of its own."""

    def __init__(self, port: int, services: Services, sockets: Sockets) -> None:
        self.url, self.services, self.sockets = f"http://127.0.0.1:{port}", services, sockets

    def add(self, caller: Caller | None = None) -> str:
        jobs = self.services.jobs if caller is None else self.services.jobs.of(caller)
        return jobs.add(SPEECH, {"text": "Oi.", "engine": "silence"}, warm_key="silence").id

    def tell(self, job_id: str, user_id: str, count: int) -> None:
        for number in range(count):
            with self.services.database.write() as connection:
                append(connection, job_id, user_id, "job.progress", {"done": number})


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    with served(tmp_path) as live:
        yield live


@contextmanager
def served(folder: Path, **changes: Any) -> Iterator[Live]:
    app = create_app(settings_in(folder, **changes))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, DEADLINE_S)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Live(port, app.state.services, app.state.sockets)
    server.should_exit = True
    thread.join()


class Listener:
    """A client that keeps what it hears, in order."""

    def __init__(
        self,
        live: Live,
        auth: dict[str, Any] | None = None,
        made_with: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.client = socketio.Client(reconnection=False, request_timeout=DEADLINE_S, **made_with or {})
        self.client.on("*", lambda kind, data: self.heard.append((kind, data)))
        self.client.connect(live.url, auth=auth or {}, wait_timeout=DEADLINE_S, **options)

    def ids(self) -> list[int]:
        return [data["id"] for _, data in self.heard if "id" in data]

    def close(self) -> None:
        """Without waiting for the answer to a request that polls, which comes when nothing has happened for long."""
        self.client.eio.disconnect(abort=self.client.transport() == "polling")


def entered(live: Live, count: int) -> None:
    """Wait until so many clients are in a room besides their own."""
    wait_for(
        lambda: sum(len(live.sockets._server.rooms(sid)) > 1 for sid in list(live.sockets._clients)) == count,
        DEADLINE_S,
    )


@pytest.mark.parametrize("transports", [["websocket"], ["polling", "websocket"]])
def test_events_come_in_order_and_a_gap_is_told_once(live: Live, transports: list[str]) -> None:
    before = live.add()
    first = Listener(live, transports=transports)
    entered(live, 1)
    job_id = live.add()
    live.tell(job_id, "local", 20)
    wait_for(lambda: len(first.heard) == 21, DEADLINE_S)
    assert [kind for kind, _ in first.heard] == ["job.created"] + ["job.progress"] * 20
    assert first.heard[0][1]["job_id"] == job_id and first.heard[0][0] in KINDS
    last_id = first.ids()[4]
    first.close()
    live.tell(job_id, "local", 600)  # more than a page, while nobody listens
    writing = threading.Thread(target=live.tell, args=(job_id, "local", 100))
    writing.start()  # and some while the gap is told
    second = Listener(live, {"last_event_id": last_id}, transports=transports)
    writing.join()
    wanted = [event.id for event in live.services.events.since(last_id, 2000)]
    wait_for(lambda: len(second.heard) >= len(wanted), DEADLINE_S)
    assert second.ids() == wanted and before
    second.close()


def test_rooms_of_jobs(live: Live) -> None:
    one, other = live.add(), live.add()
    listener = Listener(live, {"job_id": one}, transports=["websocket"])
    everything = Listener(live, {"last_event_id": 0}, transports=["websocket"])
    entered(live, 2)
    live.tell(other, "local", 1)
    live.tell(one, "local", 1)
    wait_for(lambda: len(listener.heard) == 1 and len(everything.heard) == 4, DEADLINE_S)
    assert listener.heard[0][1]["job_id"] == one
    assert listener.client.call("subscribe", {"job_id": other, "last_event_id": 0})["ok"]
    wait_for(lambda: len(listener.heard) == 3, DEADLINE_S)
    assert listener.client.call("unsubscribe", {"job_id": one})["ok"]
    live.tell(one, "local", 1)
    live.tell(other, "local", 1)
    wait_for(lambda: len(listener.heard) == 4 and len(everything.heard) == 6, DEADLINE_S)
    assert listener.heard[-1][1]["job_id"] == other
    assert listener.client.call("subscribe", {"job_id": "job_none"}) == {"ok": False, "code": "job_not_found"}
    for bad in ({"job_id": other, "last_event_id": -1}, {"job_id": other, "last_event_id": "x"}, 7, None):
        assert listener.client.call("subscribe", bad)["ok"] is False
    listener.close()
    everything.close()


def test_each_hears_their_own_and_strangers_nothing(live: Live) -> None:
    identity = live.services.identity
    identity.accounts.add("root", PASSWORD, "admin")
    ana, bea = (identity.accounts.add(name, PASSWORD, "maker") for name in ("ana", "bea"))
    keys = {user.id: identity.keys.add(user.caller(), "k", ["read"], None)[1] for user in (ana, bea)}
    ended = identity.keys.add(ana.caller(), "k", ["read"], time.time() - 1)[1]
    cookie = identity.sessions.start("local", "page")
    job_of_ana = live.add(ana.caller())
    for auth in ({}, {"token": "pg_000000000000_x"}, {"token": ended}, {"token": keys[bea.id], "job_id": job_of_ana}):
        with pytest.raises(socketio.exceptions.ConnectionError):
            Listener(live, auth, transports=["websocket"])
    of_ana = Listener(live, {"token": keys[ana.id], "last_event_id": 0}, transports=["websocket"])
    of_bea = Listener(live, {"token": keys[bea.id], "last_event_id": 0}, transports=["websocket"])
    of_root = Listener(live, {"last_event_id": 0}, headers={"Cookie": f"papagaio_session={cookie}"})
    entered(live, 3)
    job_of_bea = live.add(bea.caller())
    wait_for(lambda: len(of_root.heard) == 2 and len(of_bea.heard) == 1, DEADLINE_S)
    assert {data["job_id"] for _, data in of_ana.heard} == {job_of_ana}
    assert {data["job_id"] for _, data in of_bea.heard} == {job_of_bea}
    assert of_bea.client.call("subscribe", {"job_id": job_of_ana})["code"] == "job_not_found"
    for listener in (of_ana, of_bea, of_root):
        listener.close()


def test_a_page_of_another_site_is_refused(live: Live) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        for transport in ("websocket", "polling"):
            with pytest.raises(socketio.exceptions.ConnectionError):
                Listener(live, headers=headers, transports=[transport])
    Listener(live, transports=["websocket"]).close()  # says that it comes from here


def test_many_clients_hear_every_event(live: Live) -> None:
    listeners = [Listener(live, {"last_event_id": 0}, transports=["websocket"]) for _ in range(20)]
    job_id = live.add()
    live.tell(job_id, "local", 30)
    wait_for(lambda: all(len(listener.heard) == 31 for listener in listeners), DEADLINE_S)
    assert all(listener.ids() == listeners[0].ids() for listener in listeners)
    for listener in listeners:
        listener.close()


def test_who_was_away_for_too_long_reads_anew(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.sockets.MOST_MISSED", 5)
    assert MOST_MISSED > 5
    live.tell(live.add(), "local", 10)
    listener = Listener(live, {"last_event_id": 0}, transports=["websocket"])
    wait_for(lambda: len(listener.heard) == 1, DEADLINE_S)
    assert listener.heard[0] == ("gap", {"last_event_id": 11})
    listener.close()


@pytest.mark.processes
def test_while_the_database_is_away_clients_are_told_so_and_hear_again_after_it(
    postgresql: Postgresql, postgresql_url: str, tmp_path: Path
) -> None:
    away = {"ok": False, "code": "database_unavailable"}
    with served(tmp_path, database_url=postgresql_url) as live, closing(Listener(live)) as before:
        entered(live, 1)
        postgresql.stop()
        try:
            with pytest.raises(socketio.exceptions.ConnectionError):
                Listener(live, {"job_id": "job_none"})
            assert before.client.call("subscribe", {"job_id": "job_none"}) == away
        finally:
            postgresql.start()
        job_id = live.add()
        wait_for(lambda: [data["job_id"] for _, data in before.heard] == [job_id], DEADLINE_S)


ORIGIN = "http://studio.example"


@pytest.fixture
def shared_live(tmp_path: Path) -> Iterator[Live]:
    """A service that a page of `ORIGIN` may ask."""
    with served(tmp_path, allowed_origins=(ORIGIN,)) as live:
        yield live


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_a_page_of_an_allowed_origin_hears_events(shared_live: Live, transport: str) -> None:
    live = shared_live
    listener = Listener(live, transports=[transport], **said_origin(transport, ORIGIN))
    entered(live, 1)
    job_id = live.add()
    wait_for(lambda: len(listener.heard) == 1, DEADLINE_S)
    assert listener.heard[0][1]["job_id"] == job_id
    listener.close()


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_pages_of_our_own_origin_connect_and_those_of_others_do_not(shared_live: Live, transport: str) -> None:
    Listener(shared_live, transports=[transport], **said_origin(transport, shared_live.url)).close()
    for origin in ("http://evil.example", f"{ORIGIN}.evil.example", "null"):
        with pytest.raises(socketio.exceptions.ConnectionError):
            Listener(shared_live, transports=[transport], **said_origin(transport, origin))


def test_what_a_browser_looks_at_before_it_polls(shared_live: Live) -> None:
    path = "/socket.io/?EIO=4&transport=polling"
    with httpx2.Client(base_url=shared_live.url, timeout=DEADLINE_S) as client:
        opened = client.get(path, headers={"Origin": ORIGIN})
        assert opened.status_code == 200 and opened.headers.get_list("access-control-allow-origin") == [ORIGIN]
        assert "access-control-allow-credentials" not in opened.headers  # no cookie goes with it
        sid = json.loads(opened.text[1:])["sid"]
        sent = client.post(f"{path}&sid={sid}", content="40{}", headers={"Origin": ORIGIN})
        assert sent.status_code == 200 and sent.headers["access-control-allow-origin"] == ORIGIN
        refused = client.post(f"{path}&sid={sid}", content="40{}", headers={"Origin": "http://evil.example"})
        assert refused.status_code == 403 and "access-control-allow-origin" not in refused.headers
        assert client.get(path, headers={"Origin": "http://evil.example"}).status_code == 403


def said_origin(transport: str, origin: str) -> dict[str, Any]:
    """As a browser says it, by either transport: once."""
    if transport == "polling":
        return {"headers": {"Origin": origin}}
    return {"made_with": {"websocket_extra_options": {"origin": origin}}}


def test_one_connection_hears_so_many_jobs_and_no_more(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.sockets.MOST_JOBS", 2)
    jobs = [live.add() for _ in range(3)]
    listener = Listener(live, {"job_id": jobs[0]}, transports=["websocket"])
    entered(live, 1)
    assert listener.client.call("subscribe", {"job_id": jobs[1]})["ok"]
    refused = {"ok": False, "code": "too_many_subscriptions"}
    assert listener.client.call("subscribe", {"job_id": jobs[2]}) == refused
    assert listener.client.call("subscribe", {"job_id": jobs[1], "last_event_id": 0})["ok"]  # one that it has
    listener.client.call("unsubscribe", {"job_id": jobs[0]})
    assert listener.client.call("subscribe", {"job_id": jobs[2]})["ok"]
    listener.close()
