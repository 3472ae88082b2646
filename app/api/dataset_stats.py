"""What `GET /training/dataset/stats` answers: the figures of `train.dataset.report`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field


class DatasetVersion(BaseModel):
    number: int
    sha256: str
    samples: int
    hours: float
    train: int
    val: int
    built_at: str


class DatasetCounts(BaseModel):
    """Of recordings, segments, those written down, and what the built dataset holds."""

    recordings: int
    segments: int
    transcriptions: int
    samples: int
    hours: float


class SpeakerCounts(BaseModel):
    samples: int
    hours: float
    words: int


class FailedRecording(BaseModel):
    id: str
    code: str
    reason: str


class Recordings(BaseModel):
    """`speech_share`: of all that was recorded, what became clips; null before anything was."""

    hours: float
    failed: list[FailedRecording]
    speech_share: float | None


class Histogram(BaseModel):
    """Counts in equal steps from `from` to `to`, and the quartiles."""

    counts: list[int]
    from_: Annotated[float, Field(alias="from")]
    to: float
    quartiles: list[float]


class DatasetStats(BaseModel):
    """`decisions`, `findings` and `words` (the 20 that are said most) by name, with their counts."""

    name: str
    language: str
    status: DatasetCounts
    decisions: dict[str, int]
    decided_by_person: int
    findings: dict[str, int]
    speakers: dict[str, SpeakerCounts]
    recordings: Recordings
    histograms: dict[str, Histogram]
    words: dict[str, int]
    versions: list[DatasetVersion]
