"""Figures for Prometheus (https://prometheus.io/docs/concepts/data_model/): requests as they pass, jobs from the
database, so that they are right across processes and after a restart."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, func, select

from app.observability.gpu import Gpu
from app.storage.database import Database
from app.storage.tables import jobs, usage

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Seconds; around the 200 ms that routes which do not speak shall keep at p95.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
FACTOR_S = 3600.0
UNROUTED = "unrouted"


@dataclass(frozen=True)
class EngineFigures:
    """Of all processes that hold engines together."""

    hits: int
    loads: int
    evictions: int
    memory_bytes: Mapping[str, int]  # of weights, by host
    gpus: Mapping[str, Sequence[Gpu]] = field(default_factory=dict)  # by host


class Metrics:
    """The figures of one service."""

    def __init__(
        self, database: Database, engines: Callable[[], EngineFigures], limits_alone: Callable[[], bool] = lambda: False
    ) -> None:
        """`limits_alone`: whether this process counts requests alone, since Redis is away."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter("papagaio_requests", "Requests answered", labels, registry=self._registry)
        self._latency = Histogram(
            "papagaio_request_seconds",
            "To the end of the answer",
            ("method", "route"),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._first_audio = Histogram(
            "papagaio_first_audio_seconds",
            "From a request's plan to its first sound",
            ("engine",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        alone = Gauge(
            "papagaio_limits_without_redis",
            "1: limits are this process's own, since Redis is away",
            registry=self._registry,
        )
        alone.set_function(lambda: float(limits_alone()))
        self._registry.register(_Jobs(database))
        self._registry.register(_Engines(engines))

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        """`route` is a template, never a path: a client cannot make labels."""
        self._requests.labels(method, route, status).inc()
        self._latency.labels(method, route).observe(seconds)

    def observe_first_audio(self, engine: str, seconds: float) -> None:
        """Of a stream: until its first sentence was made."""
        self._first_audio.labels(engine).observe(seconds)

    def text(self) -> bytes:
        """All of it, in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)


class _Jobs:
    def __init__(self, database: Database) -> None:
        self._database = database

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily

        count = GaugeMetricFamily("papagaio_jobs", "Jobs that are kept", labels=("kind", "status"))
        age = GaugeMetricFamily("papagaio_queue_oldest_seconds", "Age of the oldest waiting job", labels=("queue",))
        depth = GaugeMetricFamily("papagaio_queue_jobs", "Jobs that wait", labels=("queue",))
        by_status = select(jobs.c.kind, jobs.c.status, func.count()).group_by(jobs.c.kind, jobs.c.status)
        waiting = select(jobs.c.queue, func.count(), func.min(jobs.c.created_at)).where(jobs.c.status == "pending")
        with self._database.read() as connection:
            for kind, status, number in connection.execute(by_status):
                count.add_metric((kind, status), number)
            for queue, number, oldest in connection.execute(waiting.group_by(jobs.c.queue)):
                depth.add_metric((queue,), number)
                age.add_metric((queue,), time.time() - oldest)
            factors = self._real_time_factors(connection)
        yield from (count, depth, age, factors)

    def _real_time_factors(self, connection: Connection) -> Any:
        """Of everything that was spoken in the last hour, by any process; below 1 is faster than it is heard."""
        from prometheus_client.core import GaugeMetricFamily

        factor = GaugeMetricFamily(
            "papagaio_real_time_factor", "Seconds of work a second of sound, last hour", labels=("engine",)
        )
        spoken = (usage.c.created_at >= time.time() - FACTOR_S, usage.c.engine.is_not(None), usage.c.duration_s > 0)
        sums = select(usage.c.engine, func.sum(usage.c.compute_s), func.sum(usage.c.duration_s)).where(*spoken)
        for engine, compute_s, duration_s in connection.execute(sums.group_by(usage.c.engine)):
            if compute_s is not None:
                factor.add_metric((engine,), compute_s / duration_s)
        return factor


class _Engines:
    def __init__(self, engines: Callable[[], EngineFigures]) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        found = self._engines()
        for name, value, text in (
            ("papagaio_engine_cache_hits", found.hits, "Uses of an engine that was loaded"),
            ("papagaio_engine_loads", found.loads, "Engines loaded"),
            ("papagaio_engine_evictions", found.evictions, "Engines unloaded"),
        ):
            yield CounterMetricFamily(name, text, value=value)
        memory = GaugeMetricFamily("papagaio_engine_memory_bytes", "Weights that a host holds", labels=("host",))
        for host, held in found.memory_bytes.items():
            memory.add_metric((host,), held)
        yield memory
        yield from of_gpus(found.gpus)


def of_gpus(found: Mapping[str, Sequence[Gpu]]) -> Iterator[Any]:
    """None of these lines where there is no card, but `papagaio_gpus 0`."""
    from prometheus_client.core import GaugeMetricFamily

    labels = ("host", "gpu")
    yield GaugeMetricFamily("papagaio_gpus", "NVIDIA cards of all hosts", value=sum(map(len, found.values())))
    used = GaugeMetricFamily("papagaio_gpu_memory_used_bytes", "Held on a card, by anybody", labels=labels)
    total = GaugeMetricFamily("papagaio_gpu_memory_total_bytes", "What a card has", labels=labels)
    busy = GaugeMetricFamily("papagaio_gpu_busy_ratio", "Share of the time in which a card computed", labels=labels)
    for host, cards in found.items():
        for index, card in enumerate(cards):
            name = (host, f"{index} {card.name}")
            used.add_metric(name, card.memory_used_bytes)
            total.add_metric(name, card.memory_total_bytes)
            busy.add_metric(name, card.busy)
    yield from (used, total, busy)
