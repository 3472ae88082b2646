import os
import time

from job_rows import add_job

from app.jobs.claim import claim
from app.jobs.events import EventLog
from app.jobs.expiry import sweep
from app.jobs.lease import Lease
from app.jobs.store import JobStore
from app.storage.database import Database
from app.storage.files import Files


def completed(database: Database, files: Files, ttl_s: float) -> Lease:
    add_job(database, "write", {}, queue="cpu", max_attempts=1, ttl_s=ttl_s)
    lease = claim(database, worker_id="w", lease_s=60)
    assert lease is not None
    temporary = files.temporary(lease.job.id, lease.token, ".txt")
    temporary.write_text("x")
    final = files.published_path(lease.job.id, lease.token, "out.txt")
    assert lease.complete({"file": final.name}, lambda: files.publish(temporary, final.name) and None)
    return lease


def test_expired_jobs_go_with_their_files_and_others_stay(database: Database, files: Files) -> None:
    old, young = completed(database, files, 10).job.id, completed(database, files, 1000).job.id
    pending = add_job(database, "write", {}, queue="cpu", max_attempts=1, ttl_s=0).id
    assert sweep(database, files) == 0
    assert sweep(database, files, now=time.time() + 100) == 1
    assert {job.id for job in JobStore(database).list(limit=9)[1]} == {young, pending}
    assert not (files.root / old).exists()
    assert (files.root / young).exists()
    assert EventLog(database).since(0)[-1].kind == "job.deleted"


def test_files_of_other_attempts_and_of_no_job_go(database: Database, files: Files) -> None:
    lease = completed(database, files, 1000)
    stray = files.temporary(lease.job.id, "cd" * 8, ".txt")
    stray.write_text("x")
    lost = files.path("job_unknown", "a.txt")
    lost.parent.mkdir()
    lost.write_text("x")
    os.utime(lost.parent, (0, 0))
    assert sweep(database, files) == 0
    assert not lost.exists()
    assert [path.name for path in stray.parent.iterdir()] == [f"out-{lease.token}-out.txt"]


def test_files_of_a_running_attempt_stay(database: Database, files: Files) -> None:
    job = add_job(database, "write", {}, queue="cpu", max_attempts=1, ttl_s=60)
    lease = claim(database, worker_id="w", lease_s=60)
    assert lease is not None
    path = files.temporary(job.id, lease.token, ".txt")
    path.write_text("x")
    os.utime(path.parent, (0, 0))
    sweep(database, files)
    assert path.exists()


def test_files_that_a_dying_worker_left_of_an_ended_job_go(database: Database, files: Files) -> None:
    done = completed(database, files, 1000)
    (files.work(done.job.id) / "step").write_text("9")
    gone = add_job(database, "write", {}, queue="cpu", max_attempts=1, ttl_s=60).id
    (files.work(gone) / "recording.wav").write_text("x")
    paused = add_job(database, "clone_voice", {}, queue="train", max_attempts=1, ttl_s=60).id
    (files.work(paused) / "step").write_text("9")
    JobStore(database).pause(paused)
    JobStore(database).cancel(gone)
    sweep(database, files)
    assert not (files.root / gone).exists() and (files.work(paused) / "step").exists()
    assert [path.name for path in (files.root / done.job.id).iterdir()] == [f"out-{done.token}-out.txt"]
