"""The wiring of a worker process."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from app.errors import Problem
from app.host.client import HostedSynthesizer
from app.host.server import serving, tcp_socket, unix_socket
from app.host.vigil import Vigil
from app.jobs.kinds import QUEUES
from app.jobs.runner import Worker
from app.jobs.supervisor import resolve
from app.observability.logging import configure
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.tasks import options_of, synthesizer_of
from app.wiring import hosted, hosts_of
from speech.synthesis import Synthesizer

NICENESS = 10  # of work that takes minutes: speaking goes first
LEAST_SECRET = 16  # characters
SHARING = 2  # jobs of an engine that does not batch: while one writes its file, another computes
LAST_ANSWERS_S = 0.5
DEVICE_FAILED, HUNG = 70, 71  # exit statuses
OOM_SCORE = 500  # where memory runs out, the kernel ends this process, which is started again, and not the service


def create_worker(
    settings: Settings,
    worker_id: str,
    synthesizer: Synthesizer,
    tasks_path: str = "app.tasks:table",
    queue: str = "cpu",
) -> Worker:
    """A worker on the database and files of `settings`; `tasks_path` names what makes the task table."""

    def at_once(engine: str) -> int:
        info = synthesizer.engines().get(engine)
        return max(SHARING, info.batch_size) if info else SHARING

    return Worker(
        Database(settings.url),
        Files(settings.data_dir / "jobs"),
        resolve(tasks_path)(settings, synthesizer),
        worker_id=worker_id,
        lease_s=settings.lease_s,
        poll_s=settings.poll_s,
        queues=(queue,),
        slots=QUEUES[queue].slots(settings),
        at_once=at_once,
    )


def worker_main(settings: Mapping[str, Any], worker_id: str, tasks_path: str, queue: str, index: int) -> None:
    """The whole life of a worker that a driver spawned: until SIGTERM, or the death of its parent.

    One of a queue on demand is nice to the others, and ends after one job. The first one that speaks is the engine
    host of its service.
    """
    options = _born(settings)
    is_on_demand = QUEUES[queue].is_on_demand
    synthesizer = _mortal(options, speaker_of(options) if is_on_demand else synthesizer_of(options))
    worker = create_worker(options, worker_id, synthesizer, tasks_path, queue)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    if is_on_demand:
        os.nice(NICENESS)
        worker.run_next()
        return
    with hosting(options, synthesizer) if index == 0 else nullcontext():
        worker.run()


def speaker_of(settings: Settings) -> Synthesizer:
    """What speaks for a process that is not the engine host: the host, where it answers; no engine is kept warm."""
    hosts = hosts_of(settings, supervised=True)
    if any(HostedSynthesizer(options_of(settings), [host]).hosts()[0].pool for host in hosts):
        return hosted(settings, hosts)
    return synthesizer_of(settings.model_copy(update={"warm_engines": ()}))


def celery_service_main(settings: Mapping[str, Any], worker_id: str, tasks_path: str, queue: str, index: int) -> None:
    """`worker_main` where Celery wakes the workers of the service."""
    if QUEUES[queue].is_on_demand:  # started because its job is there
        worker_main(settings, worker_id, tasks_path, queue, index)
        return
    options = _born(settings)
    synthesizer = _mortal(options, synthesizer_of(options))
    is_host = index == 0 and not options.engine_urls
    with hosting(options, synthesizer) if is_host else nullcontext():
        _woken(options, synthesizer, worker_id, tasks_path, queue)


def celery_worker_main(settings: Mapping[str, Any], worker_id: str, tasks_path: str, queue: str, index: int) -> None:
    """The life of a worker process that `papagaio worker` keeps where Celery wakes the workers.

    Raises Problem `engine_address_unusable`.
    """
    options = _born(settings)
    if QUEUES[queue].is_on_demand:
        os.nice(NICENESS)
        _woken(options, _mortal(options, speaker_of(options)), worker_id, tasks_path, queue)
        return
    synthesizer = _mortal(options, synthesizer_of(options))
    with _open_host(options, synthesizer) if index == 0 and options.engine_listen else nullcontext():
        _woken(options, synthesizer, worker_id, tasks_path, queue)


def _born(settings: Mapping[str, Any]) -> Settings:
    """What every spawned worker does first."""
    _exit_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    options = Settings(**settings)
    configure(options.log_level, options.log_format)
    return options


def _woken(options: Settings, synthesizer: Synthesizer, worker_id: str, tasks_path: str, queue: str) -> None:
    from app.jobs.celery_driver import serve_queue

    kind, worker = QUEUES[queue], create_worker(options, worker_id, synthesizer, tasks_path, queue)
    serve_queue(options, worker, worker_id, queue, slots=kind.slots(options), once=kind.is_on_demand)


@contextmanager
def _open_host(settings: Settings, synthesizer: Synthesizer) -> Iterator[None]:
    """An engine host for other machines. Raises Problem `engine_address_unusable`."""
    _first_to_go()
    synthesizer.warm_up()
    with serving(synthesizer, tcp_socket(settings.engine_listen), settings.engine_secret):
        yield
    synthesizer.close()


def keep_workers(settings: Settings, queue: str) -> None:
    """Keep the worker processes of a queue that Celery wakes, until SIGTERM or Ctrl-C.

    Raises Problem `engine_secret_missing`.
    """
    from app.jobs.celery_driver import kept

    if settings.engine_listen and len(settings.engine_secret) < LEAST_SECRET:
        raise Problem("engine_secret_missing", minimum=LEAST_SECRET)
    configure(settings.log_level, settings.log_format)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with kept(settings, queue, "app.worker:celery_worker_main"):
        while not ended.wait(1.0):
            pass


def work_alone(settings: Settings, worker_id: str, queue: str, listen: str = "") -> None:
    """The life of a worker that a person started, until SIGTERM; with `listen` ("host:port") an engine host for others.

    Raises Problem `engine_secret_missing`, `engine_address_unusable`.
    """
    if listen and len(settings.engine_secret) < LEAST_SECRET:
        raise Problem("engine_secret_missing", minimum=LEAST_SECRET)
    configure(settings.log_level, settings.log_format)
    synthesizer = _mortal(settings, synthesizer_of(settings))
    worker = create_worker(settings, worker_id, synthesizer, queue=queue)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop())
    if QUEUES[queue].is_on_demand:
        os.nice(NICENESS)
    else:
        synthesizer.warm_up()
    with serving(synthesizer, tcp_socket(listen), settings.engine_secret) if listen else nullcontext():
        worker.run()


@contextmanager
def hosting(settings: Settings, synthesizer: Synthesizer) -> Iterator[None]:
    """The engine host of the service whose data folder it is. Raises Problem `engine_host_running`."""
    _first_to_go()
    synthesizer.warm_up()
    with unix_socket(settings.engine_socket) as listening, serving(synthesizer, listening):
        yield
    synthesizer.close()


def _mortal(settings: Settings, synthesizer: Synthesizer) -> Synthesizer:
    """What holds engines in a process of their own: a GPU that fails ends it, since nothing less gives the GPU back,
    and so does an engine that hangs, since nothing less stops it."""
    synthesizer.pool.on_device_failure = _end_soon
    synthesizer.watch = Vigil(settings.engine_silence_s, lambda: os._exit(HUNG)).over
    return synthesizer


def _end_soon() -> None:
    """Whoever is waiting for an answer gets it first; the driver starts another process."""
    timer = threading.Timer(LAST_ANSWERS_S, os._exit, (DEVICE_FAILED,))
    timer.daemon = True
    timer.start()


def _first_to_go() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), encoding="ascii")
    except OSError:  # not Linux, or not allowed
        pass


def _exit_with_parent() -> None:
    """Die at once with the parent, even by `kill -9` of it: its successor frees the job for others at its start."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
