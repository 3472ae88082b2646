"""Fits as jobs, in real worker processes: killed, paused, cancelled, two at once, beside speech."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clone_service import table, wav
from job_rows import add_job
from waiting import wait_for

from app.jobs.claim import claim
from app.jobs.context import JobContext
from app.jobs.embedded import EmbeddedDriver
from app.jobs.events import EventLog
from app.jobs.job import Job
from app.jobs.store import JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.tasks import synthesizer_of
from speech.voice_library import VoiceLibrary

pytestmark = pytest.mark.processes

STEPS = 60


class Studio:
    """A data folder with its supervisor, and what a fit leaves in it."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(data_dir=folder, workers=0, lease_s=300, poll_s=0.02, cancel_grace_s=5)
        self.database = Database(self.settings.url)
        self.database.migrate()
        self.files = Files(folder / "jobs")
        self.store = JobStore(self.database)
        self.library = VoiceLibrary(self.settings.voices_path)
        self.supervisor = EmbeddedDriver(self.settings, self.database, self.files, tasks_path="clone_service:table")

    def add(self, voice: str, steps: int = STEPS) -> str:
        params: dict[str, Any] = {"voice": voice, "title": voice, "language": "pt-BR", "gender": "female"}
        consent = {"statement": "yes", "given_at": f"2026-11-22T{time.time()}"}
        params |= {"description": str(steps), "effort": "fast", "consent": consent}
        job_id = f"job_{voice}"
        folder = self.files.work(job_id) / "upload" / "1"
        folder.mkdir(parents=True)
        wav(folder / "ana.wav")
        add_job(self.database, "clone_voice", params, queue="train", max_attempts=3, ttl_s=60, job_id=job_id)
        return job_id

    def step(self, job_id: str) -> int:
        path = self.files.root / job_id / "work" / "fit" / "step.json"
        return int(path.read_text()) if path.exists() else 0

    def get(self, job_id: str) -> Job:
        return self.store.get(job_id)

    def left(self, job_id: str) -> list[str]:
        return sorted(path.name for path in (self.files.root / job_id).rglob("*") if path.is_file())


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    studio = Studio(tmp_path)
    yield studio
    studio.supervisor.stop()
    studio.database.close()


def test_a_killed_fit_goes_on_from_its_checkpoint(studio: Studio) -> None:
    job_id = studio.add("ana")
    with studio.supervisor as supervisor:
        killed = 0
        while killed < 2:
            at = STEPS * (killed + 1) // 3
            wait_for(lambda: studio.step(job_id) >= at)
            [pid] = supervisor.processes("train").values()
            os.kill(pid, signal.SIGKILL)
            killed += 1
            wait_for(lambda: pid not in supervisor.processes("train").values())
        wait_for(lambda: studio.get(job_id).is_ended)
    job = studio.get(job_id)
    assert job.status == "completed" and job.attempt == 3 and job.result is not None
    report = job.result["report"]
    # A step may be done and not yet be the checkpoint's when the kill comes; none but that one is done again.
    assert sorted(set(report["steps"])) == list(range(1, STEPS + 1)) and len(report["steps"]) <= STEPS + 2
    assert report["processes"] == 3
    assert studio.library.get("ana").report == report
    assert studio.left(job_id) == ["sample-half.wav"]


def test_two_fits_queue_and_each_has_a_process_of_its_own_that_ends(studio: Studio) -> None:
    with studio.supervisor as supervisor:
        assert not supervisor.processes("train")  # nothing to fit costs nothing
        first, second = studio.add("ana", 20), studio.add("bia", 20)
        wait_for(lambda: studio.step(first) > 0)
        assert studio.get(second).status == "pending" and len(supervisor.processes("train")) == 1
        [pid] = supervisor.processes("train").values()
        assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, 0) + 10
        wait_for(lambda: studio.get(second).is_ended)
        wait_for(lambda: not supervisor.processes("train"))
    ended, started = studio.get(first).completed_at, studio.get(second).started_at
    assert ended is not None and started is not None and ended <= started
    assert studio.get(first).worker_id != studio.get(second).worker_id
    assert [meta.voice_id for meta in studio.library.list()] == ["ana", "bia"]


def test_a_cancelled_fit_leaves_nothing(studio: Studio) -> None:
    job_id = studio.add("ana", 10_000)
    with studio.supervisor:
        wait_for(lambda: studio.step(job_id) > 3)
        studio.store.cancel(job_id)
        wait_for(lambda: studio.get(job_id).is_ended)
        wait_for(lambda: not (studio.files.root / job_id).exists())
    assert studio.get(job_id).status == "cancelled" and studio.library.list() == ()


def test_a_paused_fit_holds_no_process_and_goes_on(studio: Studio) -> None:
    job_id = studio.add("ana")
    with studio.supervisor as supervisor:
        wait_for(lambda: studio.step(job_id) > 3)
        studio.store.pause(job_id)
        wait_for(lambda: studio.get(job_id).status == "paused")
        wait_for(lambda: not supervisor.processes("train"))
        at = studio.step(job_id)
        studio.store.resume(job_id)
        wait_for(lambda: studio.get(job_id).is_ended)
    job = studio.get(job_id)
    assert job.result is not None and job.attempt == 1
    assert job.result["report"]["steps"] == list(range(1, STEPS + 1)) and 3 < at < STEPS
    told = [event.kind for event in EventLog(studio.database).since(0, 10_000, job_id)]
    kinds = [kind for kind in told if kind not in ("job.progress", "job.sample")]
    assert kinds == [f"job.{kind}" for kind in ("created", "started", "paused", "resumed", "started", "completed")]
    assert told.count("job.sample") == 1


def test_a_fit_that_does_not_stop_for_a_pause_is_killed_and_goes_on(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    settings = studio.settings.model_copy(update={"pause_grace_s": 0.2})
    supervisor = EmbeddedDriver(settings, studio.database, studio.files, tasks_path="clone_service:stubborn")
    job_id = studio.add("ana")
    with supervisor:
        wait_for(lambda: any(studio.files.root.glob("*/work/stubborn")))
        studio.store.pause(job_id)
        wait_for(lambda: studio.get(job_id).status == "paused")
    assert studio.get(job_id).attempt == 0 and "stubborn" in studio.left(job_id)
    studio.database.close()


def test_a_voice_kept_by_an_attempt_that_died_is_that_jobs(studio: Studio) -> None:
    studio.add("ana", 5)
    for _ in range(2):  # the second finds what the first had done
        lease = claim(studio.database, worker_id="w", lease_s=60)
        assert lease is not None
        context = JobContext(lease, studio.files)
        result = table(studio.settings, synthesizer_of(studio.settings))["clone_voice"](context, lease.job.params)
        context.publish_all()
        assert result["voice_id"] == "ana" and studio.library.get("ana").report == result["report"]
        lease.release("task_crashed")


def test_a_name_taken_meanwhile_is_refused_at_the_end(studio: Studio) -> None:
    job_id = studio.add("ana", 200)
    with studio.supervisor:
        wait_for(lambda: studio.step(job_id) > 1)
        (studio.settings.voices_path / "ana").mkdir(parents=True)
        (studio.settings.voices_path / "ana" / "voice.safetensors").write_bytes(b"another")
        wait_for(lambda: studio.get(job_id).is_ended)
        wait_for(lambda: not (studio.files.root / job_id).exists())
    assert studio.get(job_id).error == {"code": "voice_exists", "values": {"voice": "ana"}}
    assert (studio.settings.voices_path / "ana" / "voice.safetensors").read_bytes() == b"another"


def test_recordings_are_taken_in_while_a_voice_is_fitted(studio: Studio) -> None:
    with studio.supervisor as supervisor:
        fit = studio.add("ana", 10_000)
        wait_for(lambda: studio.step(fit) > 0)
        folder = studio.files.work("job_intake") / "upload" / "1"
        folder.mkdir(parents=True)
        wav(folder / "bia.wav")
        params = {"mode": "intake", "language": "pt-BR"}
        add_job(studio.database, "intake", params, queue="intake", max_attempts=1, ttl_s=60, job_id="job_intake")
        wait_for(lambda: studio.get("job_intake").is_ended)
        taken = studio.get("job_intake")
        assert taken.status == "completed" and taken.result is not None and len(taken.result["clips"]) == 1
        assert studio.get(fit).status == "processing" and len(supervisor.processes("train")) == 1
        studio.store.cancel(fit)
        wait_for(lambda: studio.get(fit).is_ended)


def test_speaking_goes_on_while_a_voice_is_fitted(tmp_path: Path) -> None:
    studio = Studio(tmp_path)
    changes = {"workers": 1, "extra_engines": {"silence": "speech.engines.silence:Silence"}}
    settings = studio.settings.model_copy(update=changes)
    supervisor = EmbeddedDriver(settings, studio.database, studio.files, tasks_path="clone_service:table")
    spoken = {"text": "Olá.", "engine": "silence", "voice": "silence_male", "language": "pt-BR", "parameters": {}}
    with supervisor:
        fit = studio.add("ana", 10_000)
        wait_for(lambda: studio.step(fit) > 0)
        speech = add_job(studio.database, "dubbing", spoken, queue="cpu", max_attempts=1, ttl_s=60).id
        wait_for(lambda: studio.get(speech).is_ended)
        assert studio.get(speech).status == "completed" and studio.get(fit).status == "processing"
        studio.store.cancel(fit)
        wait_for(lambda: studio.get(fit).is_ended)
    studio.database.close()
