"""Every error a client can get: its code, its HTTP status, and its rendering as RFC 9457 problem details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.statuses import STATUS
from app.texts import LANGUAGES, render
from speech.errors import SpeechError


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field: its name, a catalogue code and the values of its text."""

    field: str
    code: str
    values: Mapping[str, object]


class Problem(Exception):
    """Raised anywhere in app/ to answer with a problem; `headers` go out with it (Retry-After, Allow)."""

    def __init__(
        self,
        code: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **values: object,
    ) -> None:
        super().__init__(code, values)
        self.code = code
        self.values = values
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.own_status: int | None = None  # of a route whose contract has another than the code's

    @property
    def status(self) -> int:
        return self.own_status or STATUS[self.code]

    def answered(self, status: int) -> Problem:
        """The same problem with another status."""
        self.own_status = status
        return self

    @classmethod
    def of(cls, error: SpeechError) -> Problem:
        problem = cls(error.code)
        problem.values = error.values
        return problem


def document(problem: Problem, language: str, request_id: str, component: str = "") -> dict[str, Any]:
    """The `application/problem+json` body: detail in the reader's language, and in every language beside it.

    `component`: which brings what is missing, where that is why.
    """
    messages = {tag: [render(f"error.{e.code}", tag, e.values) for e in problem.errors] for tag in LANGUAGES}
    details = {}
    for tag in LANGUAGES:
        summary = "; ".join(f"{e.field}: {message}" for e, message in zip(problem.errors, messages[tag]))
        values = {"request_id": request_id, "count": len(problem.errors), "summary": summary, **problem.values}
        details[tag] = render(f"error.{problem.code}", tag, values)
    return {
        "type": f"urn:papagaio:problem:{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": details[language],
        "details": details,
        "request_id": request_id,
        "errors": [
            {"field": e.field, "code": e.code, "message": message}
            for e, message in zip(problem.errors, messages[language])
        ],
        **({"component": component} if component else {}),
    }
