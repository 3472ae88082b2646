"""Blind listening sessions: what a listener gets, votes, and what they say when all is heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field
from starlette.responses import FileResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.queries import known_query
from app.api.services import Wired
from app.api.wav_file import WavFile
from app.errors import Problem

if TYPE_CHECKING:
    from train.compare import Session

router = APIRouter(prefix="/training/comparisons", tags=["training"], dependencies=[Depends(known_query)])


class TrialView(BaseModel):
    """`sounds`: in the order they are to be played; of "abx" the third is the one to be told."""

    trial_id: str
    text: str
    sounds: list[str]
    audio_urls: list[str]
    voted: bool  # of "mos": each sound has a score


class SessionView(BaseModel):
    """Nothing here tells the sides apart. `waiting`: trials without a vote."""

    id: str
    test: str  # ab, abx or mos
    trials: list[TrialView]
    votes: int
    waiting: int


class SessionSummary(BaseModel):
    id: str
    test: str  # ab, abx or mos
    trials: int
    votes: int
    waiting: int


class NewVote(Body):
    """`choice`: id of a sound; "" of "ab" and "abx": no difference is heard. `score`: of "mos", 1 to 5."""

    trial_id: Annotated[str, Field(max_length=40)]
    choice: Annotated[str, Field(max_length=40)]
    score: Annotated[int | None, Field(ge=1, le=5)] = None
    listener: Annotated[str, Field(max_length=80)] = ""


class Revealed(BaseModel):
    trial_id: str
    text: str
    sounds: list[str]
    sides: list[str]  # who each sound is


class Results(BaseModel):
    """`verdict` of "ab": `of` is the side whose `wins` are counted, `share` with its 95 % interval `low` to `high`,
    `p_value`, `ties`; of "abx" `wins` are third sounds told right; of "mos" `systems` with `mean` and `standard_error`.
    `measures`: what judges heard, by side."""

    id: str
    test: str  # ab, abx or mos
    sides: list[str]
    votes: int
    waiting: int
    verdict: dict[str, Any]
    measures: dict[str, dict[str, Any]]
    trials: list[Revealed]


class ComparisonDeleted(BaseModel):
    message: str
    id: str


@router.get("", summary="Comparisons that can be listened to, the newest first")
def comparisons(services: Wired) -> list[SessionSummary]:
    found = [(name, services.comparisons.session(name)) for name in services.comparisons.names(services.caller)]
    return [
        SessionSummary(id=name, test=one.mode, trials=len(one.trials), votes=len(one.votes), waiting=one.waiting)
        for name, one in found
    ]


@router.get("/{comparison_id}", summary="What a listener gets: texts and sounds, no sides")
def session(services: Wired, comparison_id: str) -> SessionView:
    return _view(comparison_id, services.comparisons.session(comparison_id, services.caller))


@router.get("/{comparison_id}/sounds/{sound_id}", summary="A sound, by its opaque id: WAV", response_class=WavFile)
def sound(services: Wired, comparison_id: str, sound_id: str) -> FileResponse:
    path = services.comparisons.sound(comparison_id, sound_id, services.caller)
    return FileResponse(path, media_type="audio/wav")


@router.post(
    "/{comparison_id}/votes",
    summary="Vote; a listener's second vote on the same takes the first one's place",
    openapi_extra=documented(NewVote, JSON),
)
def vote(services: Wired, comparison_id: str, body: Annotated[NewVote, Depends(body_of(NewVote, JSON))]) -> SessionView:
    from train.compare import Vote

    cast = Vote(body.trial_id, body.choice, body.score, body.listener)
    return _view(comparison_id, services.comparisons.vote(comparison_id, cast, services.caller))


@router.get("/{comparison_id}/results", summary="What the votes say, with the sides uncovered")
def results(services: Wired, comparison_id: str, early: bool = False) -> Results:
    """Raises Problem `comparison_open` while trials wait for a vote, unless they are asked for `early`."""
    from train.compare import verdict

    found = services.comparisons.session(comparison_id, services.caller)
    if found.waiting and not early:
        raise Problem("comparison_open", waiting=found.waiting)
    return Results(
        id=comparison_id,
        test=found.mode,
        sides=list(found.systems),
        votes=len(found.votes),
        waiting=found.waiting,
        verdict=verdict(found),
        measures=services.comparisons.measures(comparison_id, services.caller),
        trials=[
            Revealed(trial_id=one.trial_id, text=one.text, sounds=list(one.sounds), sides=list(one.sides))
            for one in found.trials
        ],
    )


@router.get("/{comparison_id}/export", summary="Votes as CSV, one a line", response_class=PlainTextResponse)
def export(services: Wired, comparison_id: str) -> PlainTextResponse:
    from train.compare import as_csv

    told = as_csv(services.comparisons.session(comparison_id, services.caller))
    headers = {"Content-Disposition": f'attachment; filename="{comparison_id}.csv"'}
    return PlainTextResponse(told, media_type="text/csv", headers=headers)


@router.delete("/{comparison_id}", summary="Delete a comparison with its sounds and votes")
def delete(services: Wired, comparison_id: str) -> ComparisonDeleted:
    services.comparisons.delete(comparison_id, services.caller)
    services.note("comparison_deleted", comparison_id)
    return ComparisonDeleted(message=f"{comparison_id} deleted", id=comparison_id)


def _view(comparison_id: str, found: Session) -> SessionView:
    trials = [
        TrialView(
            trial_id=one.trial_id,
            text=one.text,
            sounds=list(one.sounds),
            audio_urls=[f"/training/comparisons/{comparison_id}/sounds/{name}" for name in one.sounds],
            voted=found.is_done(one),
        )
        for one in found.trials
    ]
    return SessionView(id=comparison_id, test=found.mode, trials=trials, votes=len(found.votes), waiting=found.waiting)
