"""What happens while it happens: events and growing sound, over real sockets."""

import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from api_service import settings_in
from waiting import wait_for

from app.api.services import Services
from app.jobs.context import Cancelled, JobContext
from app.jobs.runner import Worker
from app.main import create_app
from app.tasks.synthesis import synthesize
from speech.audio import wav_header

BODY = {"text": "Bom dia. Tudo bem?", "source_language": "pt-BR", "mode": "dubbing"}
DEADLINE_S = 10
HALF = b"\x01\x00" * 1000


class Live:
    """A service on a socket of its own."""

    def __init__(self, port: int, services: Services) -> None:
        self.port = port
        self.services = services

    @contextmanager
    def open(self, method: str, path: str, body: object = None, **headers: str) -> Iterator[http.client.HTTPResponse]:
        """The response, its body unread; leaving the block hangs up."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_S)
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        try:
            yield response
        finally:
            response.close()
            connection.close()

    def add(self) -> str:
        with self.open("POST", "/jobs", BODY) as response:
            job_id: str = json.load(response)["id"]
        return job_id

    def worker(self, task: Callable[[JobContext, Mapping[str, Any]], Mapping[str, Any]]) -> Worker:
        options: dict[str, Any] = {"worker_id": "worker_test", "lease_s": 5, "poll_s": 0.01}
        return Worker(self.services.database, self.services.files, {"dubbing": task}, **options)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    app = create_app(settings_in(tmp_path))
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_for(lambda: server.started, DEADLINE_S)
    yield Live(server.servers[0].sockets[0].getsockname()[1], app.state.services)
    server.should_exit = True
    thread.join()


@contextmanager
def events(live: Live, query: str = "", **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    def frames(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
        fields: dict[str, str] = {}
        for line in response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name and value:
                fields[name] = value
            elif fields and "id" in fields:
                yield {"id": int(fields["id"]), "event": fields["event"], "data": json.loads(fields["data"])}
                fields = {}

    with live.open("GET", f"/events{query}", **headers) as response:
        assert response.status == 200 and response.headers["content-type"].startswith("text/event-stream")
        assert response.readline() == b": connected\n"
        yield frames(response)


def take(frames: Iterator[dict[str, Any]], last: str) -> list[dict[str, Any]]:
    found = []
    for frame in frames:
        found.append(frame)
        if frame["event"] == last:
            return found
    raise AssertionError(f"no {last} in {found}")


def test_events_come_as_they_happen_and_a_gap_can_be_asked_for(live: Live) -> None:
    before = live.add()
    with events(live) as frames:
        job_id = live.add()
        live.worker(lambda context, params: synthesize(live.services.synthesizer, None, context, params)).run_next()
        seen = take(frames, "job.completed")
    assert all(frame["data"]["job_id"] in (before, job_id) for frame in seen)
    assert [frame["event"] for frame in seen if frame["data"]["job_id"] == job_id] == ["job.created"]
    assert (seen[-1]["data"]["kind"], seen[-1]["data"]["user_id"]) == ("dubbing", "local")
    assert [frame["id"] for frame in seen] == sorted({frame["id"] for frame in seen})
    for how in ({"query": f"?last_event_id={seen[0]['id']}"}, {"Last-Event-ID": str(seen[0]["id"])}):
        with events(live, **how) as frames:
            assert take(frames, "job.completed") == seen[1:]
    with events(live, "?last_event_id=0") as frames:
        everything = take(frames, "job.completed")
    assert everything[0]["event"] == "job.created" and everything[-len(seen) :] == seen
    with events(live, f"?last_event_id=0&job_id={before}") as frames:
        assert {frame["data"]["job_id"] for frame in take(frames, "job.completed")} == {before}


def test_an_id_of_the_future_is_the_newest(live: Live) -> None:
    with events(live, "?last_event_id=999999") as frames:
        job_id = live.add()
        assert take(frames, "job.created")[0]["data"]["job_id"] == job_id


@pytest.mark.parametrize(("query", "headers"), [("?last_event_id=x", {}), ("", {"Last-Event-ID": "-1"})])
def test_a_wrong_id_is_refused(live: Live, query: str, headers: dict[str, str]) -> None:
    with live.open("GET", f"/events{query}", **headers) as response:
        assert response.status == 422


class Gated:
    """A task that writes half of its sound, waits to be let on, then writes the rest or fails."""

    def __init__(self) -> None:
        self.half, self.go, self.fails = threading.Event(), threading.Event(), False

    def __call__(self, context: JobContext, params: Mapping[str, Any]) -> Mapping[str, Any]:
        growing = context.temporary(".pcm")
        with growing.open("wb", buffering=0) as file:
            file.write(HALF)
            self.half.set()
            while not self.go.wait(0.005):
                if context.should_stop():
                    raise Cancelled
            if self.fails:
                raise OSError("disk pulled")
            file.write(HALF)
        sound = context.temporary(".wav")
        sound.write_bytes(wav_header(24000, 4000) + growing.read_bytes())
        context.publish(sound, "audio.wav")
        measured = {"duration_s": 1.0, "real_time_factor": 0.5, "size_bytes": 4044}
        return {"output": "audio.wav", "engine": "silence", **measured}


@contextmanager
def started(live: Live, task: Gated) -> Iterator[tuple[str, threading.Thread]]:
    job_id = live.add()
    thread = threading.Thread(target=live.worker(task).run_next)
    thread.start()
    assert task.half.wait(DEADLINE_S)
    try:
        yield job_id, thread
    finally:
        task.go.set()
        thread.join()


def test_sound_is_heard_while_it_is_made(live: Live) -> None:
    task = Gated()
    with started(live, task) as (job_id, _), live.open("GET", f"/jobs/{job_id}/stream") as response:
        assert response.headers["x-sample-rate"] == "24000"
        assert response.read(len(HALF)) == HALF  # the second half is not made yet
        assert not task.go.is_set()
        task.go.set()
        assert response.read() == HALF


def test_a_listener_may_come_before_the_worker(live: Live) -> None:
    job_id, heard = live.add(), []

    def listen() -> None:
        with live.open("GET", f"/jobs/{job_id}/stream") as response:
            heard.append(response.read())

    thread = threading.Thread(target=listen)
    thread.start()
    task = Gated()
    task.go.set()
    live.worker(task).run_next()
    thread.join()
    assert heard == [HALF + HALF]


def test_a_second_attempt_goes_on_where_the_first_one_ended(live: Live) -> None:
    task = Gated()
    task.fails = True
    with started(live, task) as (job_id, thread), live.open("GET", f"/jobs/{job_id}/stream") as response:
        assert response.read(len(HALF)) == HALF
        task.go.set()
        thread.join()
        task.fails = False
        live.worker(task).run_next()
        assert response.read() == HALF


def test_a_cancelled_job_cuts_its_stream(live: Live) -> None:
    with started(live, Gated()) as (job_id, _), live.open("GET", f"/jobs/{job_id}/stream") as response:
        assert response.read(len(HALF)) == HALF
        with live.open("POST", f"/jobs/{job_id}/cancel"):
            pass
        with pytest.raises(http.client.IncompleteRead):
            response.read()


def test_a_job_that_is_cancelled_while_it_waits_is_a_problem(live: Live) -> None:
    job_id, statuses = live.add(), []

    def listen() -> None:
        with live.open("GET", f"/jobs/{job_id}/stream") as response:
            statuses.append((response.status, json.load(response)["code"]))

    thread = threading.Thread(target=listen)
    thread.start()
    with live.open("POST", f"/jobs/{job_id}/cancel"):
        pass
    thread.join()
    assert statuses == [(409, "job_without_sound")]


def test_a_download_waits_for_the_end(live: Live) -> None:
    task = Gated()
    with started(live, task) as (job_id, _):
        timer = threading.Timer(0.05, task.go.set)
        timer.start()
        with live.open("GET", f"/jobs/{job_id}/download?timeout=9") as response:
            assert response.status == 200 and response.read()[44:] == HALF + HALF
        timer.join()


def test_a_running_job_can_be_deleted(live: Live) -> None:
    with started(live, Gated()) as (job_id, _):
        with live.open("DELETE", f"/jobs/{job_id}") as response:
            assert response.status == 200
    assert live.services.files.size_bytes() == 0


def test_many_listeners_leave_and_the_service_ends_at_once(live: Live) -> None:
    with started(live, Gated()) as (job_id, _):
        with ExitStack() as stack:
            streams = [stack.enter_context(live.open("GET", f"/jobs/{job_id}/stream")) for _ in range(20)]
            for _ in range(20):
                stack.enter_context(live.open("GET", "/events"))
            assert [stream.read(len(HALF)) for stream in streams] == [HALF] * 20
        with live.open("GET", "/") as response:
            assert response.status == 200
