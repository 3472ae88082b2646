"""How often somebody may ask: sliding windows in this process, or in Redis for all processes together.

The package is `limits` (https://limits.readthedocs.io); the headers are draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any

from app.errors import Problem

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

    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"{self.rule.name}";q={self.rule.count};w={self.rule.window_s}',
            "RateLimit": f'"{self.rule.name}";r={self.remaining};t={self.reset_s}',
        }


SIGN_IN = Rule("sign-in", 10, 60)


class Limits:
    """Counts hits. Where Redis is asked for and away, this process counts alone, which `is_degraded` tells."""

    def __init__(self, redis_url: str = "") -> None:
        from limits.storage import MemoryStorage, storage_from_string
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._memory = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._shared: Any = None
        if redis_url:
            self._shared = SlidingWindowCounterRateLimiter(storage_from_string(redis_url))
        self.is_degraded = False

    def hit(self, rule: Rule, key: str) -> Standing:
        """Raises Problem `too_many_requests` with Retry-After."""
        from limits import RateLimitItemPerSecond

        item = RateLimitItemPerSecond(rule.count, rule.window_s, namespace=rule.name)
        limiter, is_within = self._counted(item, key)
        window = limiter.get_window_stats(item, key)
        reset_s = max(1, round(window.reset_time - time.time()))
        standing = Standing(rule, max(0, window.remaining), reset_s)
        if not is_within:
            headers = {**standing.headers(), "Retry-After": str(reset_s)}
            raise Problem("too_many_requests", seconds=reset_s, headers=headers)
        return standing

    def _counted(self, item: Any, key: str) -> tuple[Any, bool]:
        if self._shared is not None:
            try:
                is_within = self._shared.hit(item, key)
            except Exception:  # whichever way a network fails
                if not self.is_degraded:
                    log.warning("rate_limits_without_redis", exc_info=True)
                self.is_degraded = True
            else:
                self.is_degraded = False
                return self._shared, is_within
        return self._memory, self._memory.hit(item, key)
