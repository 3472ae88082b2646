"""Which worker processes there are, whoever keeps them: every station says it in Redis, for a few seconds at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, cast

REDIS_S = 2.0  # for an answer of Redis
SAY_EVERY_S, HOLDS_S = 3.0, 15
PREFIX = "papagaio:workers:"  # then the queue and the station

log = logging.getLogger(__name__)


class Presence:
    """Says how many processes of `queues` a station has, from a thread of its own, until it is stopped.

    `count` gives those of a queue.
    """

    def __init__(self, redis_url: str, station: str, queues: Iterable[str], count: Callable[[str], int]) -> None:
        self._redis_url = redis_url
        self._station = station
        self._queues = tuple(queues)
        self._count = count
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(2 * REDIS_S)
            self._thread = None

    def _run(self) -> None:
        with _client(self._redis_url) as client:
            while not self._stopping.is_set():
                self._tell(client)
                self._stopping.wait(SAY_EVERY_S)
            self._tell(client, is_leaving=True)

    def _tell(self, client: Any, is_leaving: bool = False) -> None:
        from redis.exceptions import RedisError

        try:
            for queue in self._queues:
                key, count = f"{PREFIX}{queue}:{self._station}", 0 if is_leaving else self._count(queue)
                _ = client.set(key, count, ex=HOLDS_S) if count else client.delete(key)
        except RedisError as error:  # it is said again
            log.debug("presence_not_told", extra={"reason": str(error)})


def workers_of(redis_url: str, queue: str) -> int | None:
    """Processes of a queue that were there in the last seconds, on all machines; None where Redis does not answer."""
    from redis.exceptions import RedisError

    try:
        with _client(redis_url) as client:
            keys = list(client.scan_iter(match=f"{PREFIX}{queue}:*", count=1000))
            return sum(int(count) for count in client.mget(keys) if count) if keys else 0
    except RedisError:
        return None


def keys_in(redis_url: str) -> int | None:
    """How many keys the database of `redis_url` has, whoever put them there; None where Redis does not answer."""
    from redis.exceptions import RedisError

    try:
        with _client(redis_url) as client:
            return int(client.dbsize())
    except RedisError:
        return None


def why_away(redis_url: str) -> str:
    """ "" where Redis answers."""
    from redis.exceptions import RedisError

    try:
        with _client(redis_url) as client:
            client.ping()
    except RedisError as error:
        return str(error) or type(error).__name__
    return ""


def _client(redis_url: str) -> Any:
    from redis import Redis

    return cast(Any, Redis).from_url(redis_url, socket_timeout=REDIS_S, socket_connect_timeout=REDIS_S)
