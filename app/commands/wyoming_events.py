"""Wyoming's frames: a line of JSON, then so many bytes of more JSON, then so many bytes of sound.

https://github.com/OHF-Voice/wyoming
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = "1.10.2"  # of the protocol's own package, whose events these are
LINE_BYTES = 1 << 20
DATA_BYTES = 1 << 20
PAYLOAD_BYTES = 1 << 22


class BadFrame(Exception):
    """What came is no frame; the connection cannot go on."""


@dataclass(frozen=True)
class Event:
    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    payload: bytes = b""


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """None at the end of the connection. Raises BadFrame."""
    try:
        line = await reader.readline()
        if not line.strip():
            return None
        head = json.loads(line)
        data = head.get("data") or {}
        more = await reader.readexactly(_size(head, "data_length", DATA_BYTES))
        payload = await reader.readexactly(_size(head, "payload_length", PAYLOAD_BYTES))
        return Event(str(head["type"]), {**data, **(json.loads(more) if more else {})}, payload)
    except (ConnectionError, asyncio.IncompleteReadError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadFrame(str(error)[:200]) from error


def frame_of(event: Event) -> bytes:
    data = json.dumps(event.data, ensure_ascii=False).encode() if event.data else b""
    head: dict[str, Any] = {"type": event.type, "version": VERSION}
    if data:
        head["data_length"] = len(data)
    if event.payload:
        head["payload_length"] = len(event.payload)
    return json.dumps(head).encode() + b"\n" + data + event.payload


def _size(head: Mapping[str, Any], name: str, most: int) -> int:
    size = head.get(name) or 0
    if not isinstance(size, int) or not 0 <= size <= most:
        raise ValueError(f"{name} = {size!r}")
    return size
