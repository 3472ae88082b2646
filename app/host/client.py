"""The side of a process that holds no weights: it plans here and has it spoken by an engine host."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from app.host import wire
from app.observability.gpu import Gpu
from speech.asr import HearingOptions, Segment
from speech.audio import Audio
from speech.engines.base import Chunk
from speech.engines.pool import PoolStats
from speech.errors import SpeechError
from speech.plan import Plan
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.voices import Voice

if TYPE_CHECKING:
    import httpx2

STARTING_S = 20.0  # that a host of our own may take to be there: it is started again when it died
CONNECT_S = 2.0
SILENCE_S = 300.0  # a large model loads in less
LATER = 1.2  # times as long a host has to end itself, whose engine hangs, before it is given up from here
STATE_S = 2.0
RELEASE_S = 10.0
LOOK_S = 0.05
T = TypeVar("T")
NOTHING = PoolStats(0, 0, 0, (), 0, {})


@dataclass(frozen=True)
class HostAddress:
    """Where a host listens: the path of a Unix socket, or a URL."""

    socket_path: str = ""
    url: str = ""
    secret: str = ""

    @property
    def name(self) -> str:
        return self.url or self.socket_path

    @property
    def is_own(self) -> bool:
        return not self.url


@dataclass(frozen=True)
class HostState:
    """What a host holds; `pool` None where it does not answer."""

    name: str
    pid: int | None = None
    memory_bytes: int | None = None  # proportional set size
    pool: PoolStats | None = None
    gpus: tuple[Gpu, ...] = ()


class HostedSynthesizer(Synthesizer):
    """Plans like any Synthesizer, and speaks through `hosts`: the one with the fewest streams of ours, of those that
    answer."""

    def __init__(self, options: SynthesizerOptions, hosts: Sequence[HostAddress], silence_s: float = SILENCE_S) -> None:
        """`silence_s`: without a byte, after which a host is taken for hanging."""
        super().__init__(options)
        self._silence_s = silence_s
        self._hosts = tuple(hosts)
        self._streams = {host: 0 for host in self._hosts}
        self._clients: dict[HostAddress, httpx2.Client] = {}
        self._lock = threading.Lock()

    def _made(self, plan: Plan) -> Generator[Chunk, None, None]:
        """Raises what the host's engine raises; SpeechError `engine_host_absent` when no host is there,
        `engine_host_died` when it ended in the middle, `engine_host_silent` when it hangs."""
        return self._taken("/speak", wire.dump_plan(plan), wire.chunks)

    def _heard(
        self, audio: Audio, options: HearingOptions, known: Mapping[str, Audio]
    ) -> Generator[str | Segment, None, None]:
        """The language, then the segments. Raises as `_made` does."""
        frames = self._taken("/hear", wire.dump_recording(audio, options, known), wire.frames)
        try:
            for kind, data in frames:
                yield json.loads(data)["language"] if kind == b"L" else wire.load_segment(data)
        finally:
            frames.close()

    def _taken(
        self, path: str, body: bytes, read: Callable[[Iterator[bytes]], Iterator[T]]
    ) -> Generator[T, None, None]:
        """What `read` makes of the answer of a host."""
        import httpx2

        host, response = self._opened(path, body)
        try:
            yield from read(response.iter_raw())
        except httpx2.ReadTimeout as error:
            raise SpeechError("engine_host_silent", host=host.name, seconds=round(self._silence_s)) from error
        except (httpx2.TransportError, EOFError) as error:
            raise SpeechError("engine_host_died", host=host.name) from error
        finally:
            response.close()
            with self._lock:
                self._streams[host] -= 1

    def load(self, voice: Voice) -> str:
        """Raises what the host's engine raises; SpeechError `engine_host_absent`, `engine_host_died`,
        `engine_host_silent`."""
        host, response = self._opened("/load", wire.dump_voice(voice))
        try:
            return str(json.loads(response.read())["device"])
        finally:
            response.close()
            with self._lock:
                self._streams[host] -= 1

    def warm_up(self) -> threading.Thread | None:
        """The hosts do it at their start."""
        return None

    def pool_stats(self) -> PoolStats:
        """Of all hosts together."""
        pools = [state.pool for state in self.hosts() if state.pool is not None]
        if len(pools) < 2:
            return pools[0] if pools else NOTHING
        devices = {name: device for pool in pools for name, device in pool.devices.items()}
        totals = (sum(pool.hits for pool in pools), sum(pool.loads for pool in pools), sum(p.evictions for p in pools))
        precisions = {name: precision for pool in pools for name, precision in pool.precisions.items()}
        return PoolStats(*totals, tuple(devices), sum(pool.memory_bytes for pool in pools), devices, precisions)

    def release(self) -> tuple[str, ...]:
        """Of all hosts that answer."""
        import httpx2

        names: dict[str, None] = {}
        for host in filter(listens, self._hosts):
            try:
                answer = self._client(host).post("/release", timeout=RELEASE_S).raise_for_status()
                names |= dict.fromkeys(answer.json()["engines"])
            except (httpx2.HTTPError, ValueError, KeyError):
                continue
        return tuple(names)

    def hosts(self) -> list[HostState]:
        """What every host says of itself, now."""
        return [self._state(host) for host in self._hosts]

    def close(self) -> None:
        super().close()
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _opened(self, path: str, body: bytes) -> tuple[HostAddress, httpx2.Response]:
        """A host and its answer, whose first chunk is made. Raises SpeechError."""
        import httpx2

        deadline = time.monotonic() + (STARTING_S if any(host.is_own for host in self._hosts) else 0.0)
        has_died = False
        while True:
            for host in self._by_load():
                if not listens(host):
                    continue
                try:
                    return host, self._asked(host, path, body)
                except (httpx2.ConnectError, httpx2.ConnectTimeout):
                    continue
                except httpx2.ReadTimeout as error:
                    raise SpeechError("engine_host_silent", host=host.name, seconds=round(self._silence_s)) from error
                except httpx2.TransportError as error:
                    if has_died or not host.is_own:
                        raise SpeechError("engine_host_died", host=host.name) from error
                    has_died = True  # nothing was heard of it yet; this text is asked for once more, not for ever
            if time.monotonic() >= deadline:
                raise SpeechError("engine_host_absent", hosts=[host.name for host in self._hosts])
            time.sleep(LOOK_S)

    def _asked(self, host: HostAddress, path: str, body: bytes) -> httpx2.Response:
        with self._lock:
            self._streams[host] += 1
        try:
            client = self._client(host)
            response = client.send(client.build_request("POST", path, content=body), stream=True)
            if response.status_code != 200:
                response.read()
                response.close()
                raise _error(host, response)
        except BaseException:
            with self._lock:
                self._streams[host] -= 1
            raise
        return response

    def _state(self, host: HostAddress) -> HostState:
        import httpx2

        if not listens(host):
            return HostState(host.name)
        try:
            response = self._client(host).get("/state", timeout=STATE_S)
            document: Mapping[str, Any] = response.raise_for_status().json()
            pool = {**document["pool"], "loaded": tuple(document["pool"]["loaded"])}
        except (httpx2.HTTPError, ValueError, KeyError):
            return HostState(host.name)
        gpus = tuple(Gpu(**gpu) for gpu in document.get("gpus", ()))
        return HostState(host.name, document["pid"], document["memory_bytes"], PoolStats(**pool), gpus)

    def _by_load(self) -> list[HostAddress]:
        with self._lock:
            return sorted(self._hosts, key=lambda host: self._streams[host])

    def _client(self, host: HostAddress) -> httpx2.Client:
        import httpx2

        with self._lock:
            if host not in self._clients:
                transport = httpx2.HTTPTransport(
                    uds=host.socket_path or None, limits=httpx2.Limits(max_connections=None)
                )
                timeout = httpx2.Timeout(self._silence_s, connect=CONNECT_S)
                headers = {"Authorization": f"Bearer {host.secret}"} if host.secret else {}
                self._clients[host] = httpx2.Client(
                    base_url=host.url or "http://engine-host", transport=transport, timeout=timeout, headers=headers
                )
            return self._clients[host]


def listens(host: HostAddress) -> bool:
    """Whether somebody has the Unix socket: httpx2 leaves its own open when nobody has. True of every URL."""
    if not host.socket_path:
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(host.socket_path) == 0


def _error(host: HostAddress, response: httpx2.Response) -> SpeechError:
    try:
        told = response.json()
        return SpeechError(told["code"], **told["values"])
    except (ValueError, KeyError, TypeError):
        return SpeechError("engine_host_failed", host=host.name, status=response.status_code)
