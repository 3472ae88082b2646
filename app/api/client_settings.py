"""What clients of other contracts set once for all that they ask for later."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MOST_CALLERS = 1000


@dataclass(frozen=True)
class Wanted:
    """What a client has set for all of its texts to come. `values`: by an engine's own names of parameters; `voices`:
    by OpenAI's names of voices, ours that they stand for."""

    engine: str | None = None
    values: Mapping[str, float | bool] = field(default_factory=dict)
    voices: Mapping[str, str] = field(default_factory=dict)


class ClientSettings:
    """Of each caller, in the memory of this process; of so many callers that whoever came first is forgotten."""

    def __init__(self) -> None:
        self._wanted: OrderedDict[str, Wanted] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, user_id: str) -> Wanted:
        with self._lock:
            return self._wanted.get(user_id, Wanted())

    def change(self, user_id: str, **changes: Any) -> None:
        with self._lock:
            self._wanted[user_id] = replace(self._wanted.get(user_id, Wanted()), **changes)
            self._wanted.move_to_end(user_id)
            if len(self._wanted) > MOST_CALLERS:
                self._wanted.popitem(last=False)
