"""How many sounds are made, or recordings written down, at a time: who comes above that is told to come again."""

from __future__ import annotations

import threading

from app.errors import Problem

RETRY_S = 2


class Capacity:
    """`places` that are taken and given back."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._taken = 0
        self._lock = threading.Lock()

    def take(self) -> Place:
        """Raises Problem `over_capacity` with Retry-After."""
        with self._lock:
            if self._taken >= self._places:
                raise Problem("over_capacity", maximum=self._places, headers={"Retry-After": str(RETRY_S)})
            self._taken += 1
        return Place(self)

    def give_back(self) -> None:
        with self._lock:
            self._taken -= 1

    @property
    def taken(self) -> int:
        return self._taken


class Place:
    """Of one stream; closing it twice is closing it once."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity: Capacity | None = capacity

    def close(self) -> None:
        capacity, self._capacity = self._capacity, None
        if capacity is not None:
            capacity.give_back()
