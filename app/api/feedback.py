"""What people say of working with the service: given by everybody, read and deleted by admins."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from app.api.bodies import JSON, Body, body_of, documented
from app.api.queries import known_query
from app.api.services import Services, Wired
from app.api.times import iso

if TYPE_CHECKING:
    from app.storage.feedback import Feedback, FeedbackStore

router = APIRouter(prefix="/feedback", tags=["feedback"], dependencies=[Depends(known_query)])

# Of app/webui/js/pages.js.
PageName = Literal[
    "speak",
    "jobs",
    "voices",
    "clone",
    "training",
    "batch",
    "dictionary",
    "convert",
    "profiles",
    "morph",
    "dashboard",
    "components",
    "feedback",
    "account",
]
NO_NUL = r"^[^\x00]*$"  # which PostgreSQL does not take


class NewFeedback(Body):
    """`page`: what it is about; left out: the whole."""

    score: Annotated[int, Field(ge=1, le=10)]
    comment: Annotated[str | None, Field(max_length=2000, pattern=NO_NUL)] = None
    page: PageName | None = None


class FeedbackView(BaseModel):
    """`user_name` null: of nobody who has an account."""

    id: str
    user_id: str
    user_name: str | None
    score: int
    comment: str | None
    page: str | None
    given_at: str


class ScoreCount(BaseModel):
    score: int
    count: int


class FeedbackList(BaseModel):
    """`mean` and `scores` are of all that was given, `mean` null while there is none; `total`: of those listed."""

    count: int
    mean: float | None
    scores: list[ScoreCount]
    total: int
    feedback: list[FeedbackView]


class FeedbackDeleted(BaseModel):
    message: str
    feedback_id: str


@router.post("", status_code=201, summary="Say how one gets on", openapi_extra=documented(NewFeedback, JSON))
def give(services: Wired, body: Annotated[NewFeedback, Depends(body_of(NewFeedback, JSON))]) -> FeedbackView:
    return _view(_store(services).add(body.score, body.comment, body.page))


@router.get("", summary="What was said: mean, count of each score, and the comments, newest first")
def listed(
    services: Wired,
    has_comment: bool = True,
    limit: Annotated[int, Query(ge=1, le=500)] = 20,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
) -> FeedbackList:
    """`has_comment` false: those without words are listed, too."""
    tally = _store(services).tally()
    rows, total = _store(services).page(limit, offset, has_comment=has_comment)
    return FeedbackList(
        count=tally.count,
        mean=tally.mean,
        scores=[ScoreCount(score=score, count=count) for score, count in tally.counts.items()],
        total=total,
        feedback=[_view(row) for row in rows],
    )


@router.delete("/{feedback_id}", summary="Delete what somebody said")
def delete(services: Wired, feedback_id: str) -> FeedbackDeleted:
    """Raises Problem `feedback_not_found`."""
    _store(services).delete(feedback_id)
    services.note("feedback_deleted", feedback_id)
    return FeedbackDeleted(message="Feedback deleted", feedback_id=feedback_id)


def _store(services: Services) -> FeedbackStore:
    from app.storage.feedback import FeedbackStore

    return FeedbackStore(services.database, services.caller)


def _view(row: Feedback) -> FeedbackView:
    return FeedbackView.model_validate({**asdict(row), "given_at": iso(row.given_at)})
