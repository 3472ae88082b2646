"""One line an event: JSON for programs, words for a terminal; with the ids of the request and the job it is of.

Code logs with the standard library (`log.info("job_ended", extra={…})`); structlog (https://www.structlog.org) makes
the lines. What looks like a secret is left out, whoever logged it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

SECRET_NAMES = re.compile(r"authorization|cookie|passw|secret|token|api_?key|credential", re.IGNORECASE)
# Our API keys and sessions (`pg_<id>_<secret>`), signed tokens, bearer headers, and of URLs passwords, parameters and
# the tokens of links.
SECRETS = re.compile(
    r"(?:pg|rt|ws)_[A-Za-z0-9]+_[A-Za-z0-9_-]{16,}|eyJ[\w-]+\.[\w-]+\.[\w-]+|(?<=[Bb]earer )\S+"
    r"|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?<=/shared/)[^/?#\s\"']+"
    r"|(?:(?i:(?<=token=)|(?<=key=)|(?<=secret=)|(?<=password=)|(?<=authorization=)))[^&#\s\"']+"
)
HIDDEN = "[hidden]"
NOISE = ("color_message", "taskName")


def configure(level: str, form: str) -> None:
    """Have every logger of this process write to standard error. `form`: json, text, or auto, which is text on a
    terminal."""
    import structlog

    is_json = form == "json" or (form == "auto" and not sys.stderr.isatty())
    render: Any = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if not is_json:
        plain = structlog.dev.plain_traceback
        render = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)
    steps: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.ExtraAdder(),
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=steps, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render]
    )
    handler = StandardError()
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # a line a request to the engine host
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


class StandardError(logging.Handler):
    """Writes to what `sys.stderr` is now."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr, flush=True)
        except Exception:
            self.handleError(record)


def bound(**ids: str) -> AbstractContextManager[None]:
    """While the block runs, every line of this thread or task carries `ids`, such as `job_id`."""
    import structlog

    return structlog.contextvars.bound_contextvars(**ids)


def without_secrets(logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A step of structlog: values under names of secrets, and what has their form, are hidden."""
    for name in NOISE:
        event.pop(name, None)
    for name, value in event.items():
        if not name.startswith("_"):
            event[name] = HIDDEN if SECRET_NAMES.search(name) else _cleaned(value)
    return event


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return SECRETS.sub(HIDDEN, value)
    if isinstance(value, Mapping):
        return {key: HIDDEN if SECRET_NAMES.search(str(key)) else _cleaned(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    return value
