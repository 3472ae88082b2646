"""How often somebody may ask: sliding windows in this process, or in Redis for all processes together.

The package is `limits` (https://limits.readthedocs.io); the headers are draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.errors import Problem
from app.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rule:
    """So many in a window of so many seconds, for each key."""

    name: str
    count: int
    window_s: int


@dataclass(frozen=True)
class Standing:
    """What is left of a rule for somebody, and when the window is over."""

    rule: Rule
    remaining: int
    reset_s: int

    def headers(self, before: Mapping[str, str] | None = None) -> dict[str, str]:
        """`before`: of the rules that were asked already, which stay in the lists."""
        own = {
            "RateLimit-Policy": f'"{self.rule.name}";q={self.rule.count};w={self.rule.window_s}',
            "RateLimit": f'"{self.rule.name}";r={self.remaining};t={self.reset_s}',
        }
        return {name: ", ".join(filter(None, ((before or {}).get(name), value))) for name, value in own.items()}


SIGN_IN = Rule("sign-in", 10, 60)  # by address and name
SIGN_IN_ADDRESS = Rule("sign-in-address", 100, 600)  # whatever names are tried from there
REDIS_S = 1.0  # that Redis may take to answer
AWAY_S = 5.0  # after which a Redis that was away is asked again


class Limits:
    """Counts hits. Where Redis is asked for and away, this process counts alone, which `is_degraded` tells."""

    def __init__(self, redis_url: str = "") -> None:
        from limits.storage import MemoryStorage, storage_from_string
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._memory = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: Any = None
        if redis_url:
            waits = {"socket_timeout": REDIS_S, "socket_connect_timeout": REDIS_S}
            self._shared = SlidingWindowCounterRateLimiter(storage_from_string(redis_url, **waits))
        self._away_until = 0.0
        self.is_degraded = False

    def hit(self, rule: Rule, key: str, cost: int = 1) -> Standing:
        """`cost`: of that many; one that is over the whole rule counts as all of it. Raises Problem
        `too_many_requests` with Retry-After."""
        from limits import RateLimitItemPerSecond

        item = RateLimitItemPerSecond(rule.count, rule.window_s, namespace=rule.name)
        window, is_within = self._counted(item, key, max(1, min(cost, rule.count)))
        reset_s = max(1, round(window.reset_time - time.time()))
        standing = Standing(rule, max(0, window.remaining), reset_s)
        if not is_within:
            headers = {**standing.headers(), "Retry-After": str(reset_s)}
            raise Problem("too_many_requests", seconds=reset_s, headers=headers)
        return standing

    def _counted(self, item: Any, key: str, cost: int) -> tuple[Any, bool]:
        """The window after the hit, and whether there was room for it: by Redis if it answers both."""
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                is_within = self._shared.hit(item, key, cost=cost)
                window = self._shared.get_window_stats(item, key)
            except Exception:  # whichever way a network fails
                if not self.is_degraded:
                    log.warning("rate_limits_without_redis", exc_info=True)
                self.is_degraded, self._away_until = True, time.monotonic() + AWAY_S
            else:
                self.is_degraded = False
                return window, is_within
        is_within = self._memory.hit(item, key, cost=cost)
        return self._memory.get_window_stats(item, key), is_within


class Pace:
    """The limits that one request of a caller is held to; `told`: the headers that its answer gets.

    Every bound is a minute's; 0: none. Whoever sits at a machine without accounts has none.
    """

    def __init__(self, limits: Limits, settings: Settings, key: str, told: dict[str, str]) -> None:
        self._limits, self._settings, self._key, self.told = limits, settings, key, told

    def ask(self) -> None:
        """Raises Problem `too_many_requests`, as the others."""
        self._hit("default", self._settings.requests_per_minute)

    def submit(self, characters: int) -> None:
        """Texts to be spoken, by their length."""
        self._hit("submit", self._settings.characters_per_minute, characters)

    def start(self) -> None:
        """Of work that is not counted in characters."""
        self._hit("start", self._settings.starts_per_minute)

    def download(self) -> None:
        self._hit("download", self._settings.downloads_per_minute)

    def _hit(self, name: str, count: int, cost: int = 1) -> None:
        if count:
            self.told.update(self._limits.hit(Rule(name, count, 60), self._key, cost).headers(self.told))
