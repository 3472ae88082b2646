"""The clips of a dataset: pages and filters of them, their sound, and what a person changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import FileResponse

from app.api.bodies import JSON, Body, body_of, documented
from app.api.queries import known_query
from app.api.services import Wired
from app.api.training_dataset import DEFAULT, Dataset, Name, opened
from app.api.wav_file import WavFile
from app.errors import Problem

if TYPE_CHECKING:
    from train.dataset.edits import Edit
    from train.dataset.records import Sample

router = APIRouter(prefix="/training/dataset", tags=["training"], dependencies=[Depends(known_query)])

Decision = Literal["keep", "review", "drop"]
Ids = Annotated[list[str], Field(min_length=1, max_length=1000)]


class FindingView(BaseModel):
    code: str
    severity: Literal["warning", "refused"]
    value: float | str | None


class SampleView(BaseModel):
    """`words`: text, start and end in seconds; only where one sample is asked for."""

    id: str
    text: str
    recognized_text: str
    duration_s: float
    speaker: str
    source: str
    start_s: float
    decision: Decision
    decided_by: Literal["rules", "person"]
    findings: list[FindingView]
    measures: dict[str, float]
    audio_url: str
    words: list[tuple[str, float, float]] | None = None


class SamplePage(BaseModel):
    total: int
    page: int
    size: int
    can_undo: bool
    samples: list[SampleView]


class SampleChange(Body):
    dataset: Name = DEFAULT
    text: Annotated[str | None, Field(min_length=1, max_length=1000)] = None
    decision: Decision | None = None
    speaker: Annotated[str | None, Field(min_length=1, max_length=80)] = None


class Decided(Body):
    dataset: Name = DEFAULT
    ids: Ids
    decision: Decision


class Split(Body):
    """`word`: how many words the first part keeps."""

    dataset: Name = DEFAULT
    word: Annotated[int, Field(ge=1, le=1000)]


class Merge(Body):
    dataset: Name = DEFAULT
    ids: Annotated[list[str], Field(min_length=2, max_length=10)]


class Of(Body):
    dataset: Name = DEFAULT


class Edited(BaseModel):
    """A change that was made: its number, what kind, and the samples it made or changed."""

    number: int
    kind: str
    samples: list[SampleView]


class Filters(BaseModel):
    """Of a page of samples; each narrows it."""

    text: Annotated[str, Query(max_length=200)] = ""
    min_duration: Annotated[float, Query(ge=0)] = 0.0
    max_duration: Annotated[float | None, Query(ge=0)] = None
    finding: Annotated[str, Query(max_length=40)] = ""
    speaker: Annotated[str, Query(max_length=80)] = ""
    decision: Decision | None = None

    def matches(self, sample: Sample) -> bool:
        return (
            sample.duration_s >= self.min_duration
            and (self.max_duration is None or sample.duration_s <= self.max_duration)
            and (not self.speaker or sample.speaker == self.speaker)
            and (self.decision is None or sample.decision == self.decision)
            and (not self.finding or any(finding.code == self.finding for finding in sample.findings))
            and (not self.text or self.text.casefold() in sample.text.casefold())
        )


@router.get("/samples", summary="A page of clips, filtered")
def samples(
    services: Wired,
    filters: Annotated[Filters, Depends()],
    dataset: Dataset = DEFAULT,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
    size: Annotated[int, Query(ge=1, le=200)] = 25,
) -> SamplePage:
    folder = opened(services, dataset)
    found = [sample for sample in services.datasets.samples(folder) if filters.matches(sample)]
    shown = found[(page - 1) * size : page * size]
    return SamplePage(
        total=len(found),
        page=page,
        size=size,
        can_undo=services.datasets.can_undo(folder),
        samples=[view(sample, dataset) for sample in shown],
    )


@router.get("/samples/{sample_id}", summary="One clip with its words")
def sample(services: Wired, sample_id: str, dataset: Dataset = DEFAULT) -> SampleView:
    from train.dataset.editing import placed_words

    found = _find(services, dataset, sample_id)
    words = [(word.text, round(word.start_s, 3), round(word.end_s, 3)) for word in placed_words(found)]
    return view(found, dataset).model_copy(update={"words": words})


@router.get("/samples/{sample_id}/audio", summary="A clip's sound, as WAV, with ranges", response_class=WavFile)
def audio(services: Wired, sample_id: str, dataset: Dataset = DEFAULT) -> FileResponse:
    path = opened(services, dataset).root / _find(services, dataset, sample_id).audio_path
    if not path.is_file():
        raise Problem("sound_missing", job_id=sample_id[:80])
    return FileResponse(path, media_type="audio/wav")


@router.patch(
    "/samples/{sample_id}",
    summary="Change a clip's text, decision or speaker",
    openapi_extra=documented(SampleChange, JSON),
)
def change(
    services: Wired, sample_id: str, body: Annotated[SampleChange, Depends(body_of(SampleChange, JSON))]
) -> Edited:
    """Raises SpeechError `unknown_sample`, `bad_sample_change`."""
    from train.dataset import editing

    fields = {name: value for name, value in body.model_dump().items() if name != "dataset" and value is not None}
    return _told(services, body.dataset, editing.change(opened(services, body.dataset), {sample_id: fields}))


@router.post("/samples/decide", summary="Keep or drop many clips at once", openapi_extra=documented(Decided, JSON))
def decide(services: Wired, body: Annotated[Decided, Depends(body_of(Decided, JSON))]) -> Edited:
    from train.dataset import editing

    changes = {sample_id: {"decision": body.decision} for sample_id in body.ids}
    return _told(services, body.dataset, editing.change(opened(services, body.dataset), changes, "decide"))


@router.post("/samples/merge", summary="Join clips that follow each other", openapi_extra=documented(Merge, JSON))
def merge(services: Wired, body: Annotated[Merge, Depends(body_of(Merge, JSON))]) -> Edited:
    from train.dataset import editing

    return _told(services, body.dataset, editing.merge(opened(services, body.dataset), body.ids))


@router.post(
    "/samples/{sample_id}/split", summary="Part a clip before one of its words", openapi_extra=documented(Split, JSON)
)
def split(services: Wired, sample_id: str, body: Annotated[Split, Depends(body_of(Split, JSON))]) -> Edited:
    from train.dataset import editing

    return _told(services, body.dataset, editing.split(opened(services, body.dataset), sample_id, body.word))


@router.post("/undo", summary="Take the last change back", openapi_extra=documented(Of, JSON))
def undo(services: Wired, body: Annotated[Of, Depends(body_of(Of, JSON))]) -> Edited:
    """Raises SpeechError `nothing_to_undo`."""
    from train.dataset import editing

    return _told(services, body.dataset, editing.undo(opened(services, body.dataset)))


def view(sample: Sample, dataset: str) -> SampleView:
    return SampleView(
        id=sample.sample_id,
        text=sample.text,
        recognized_text=sample.recognized_text,
        duration_s=sample.duration_s,
        speaker=sample.speaker,
        source=sample.source,
        start_s=sample.start_s,
        decision=sample.decision,
        decided_by=sample.decided_by,
        findings=[
            FindingView(code=each.code, severity=each.severity, value=each.values.get("value"))
            for each in sample.findings
        ],
        measures=dict(sample.measures),
        audio_url=f"/training/dataset/samples/{sample.sample_id}/audio?dataset={dataset}",
    )


def _find(services: Wired, dataset: str, sample_id: str) -> Sample:
    """Raises SpeechError `unknown_sample`."""
    return services.datasets.sample(opened(services, dataset), sample_id)


def _told(services: Wired, dataset: str, edit: Edit) -> Edited:
    named: dict[str, Any] = {**dict.fromkeys(edit.changes), **{each.sample_id: None for each in edit.added}}
    found = services.datasets.samples(opened(services, dataset))
    shown = [view(sample, dataset) for sample in found if sample.sample_id in named]
    return Edited(number=edit.number, kind=edit.kind, samples=shown)
