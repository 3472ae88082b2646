"""What a person changed, step by step, and the clips that result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from train.dataset.records import Sample, sample_from


@dataclass(frozen=True)
class Edit:
    """One step. `changes`: sample to fields; `removed` are replaced by `added`; `undoes` is the step it takes back."""

    number: int
    at: str
    kind: str
    changes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    added: tuple[Sample, ...] = ()
    undoes: int = 0


def edit_from(row: Mapping[str, Any]) -> Edit:
    values = dict(row)
    values["removed"] = tuple(row["removed"])
    values["added"] = tuple(sample_from(each) for each in row["added"])
    return Edit(**values)


def applied(samples: Iterable[Sample], edits: Sequence[Edit]) -> tuple[Sample, ...]:
    """`samples` with all edits that were not taken back; one whose clips are gone changes nothing."""
    current = {sample.sample_id: sample for sample in samples}
    for edit in standing(edits):
        for sample_id, changes in edit.changes.items():
            if sample_id in current:
                current[sample_id] = _with(current[sample_id], changes)
        if edit.added and all(sample_id in current for sample_id in edit.removed):
            replaced: dict[str, Sample] = {}
            for sample_id, sample in current.items():
                if sample_id == edit.removed[0]:
                    replaced |= {each.sample_id: each for each in edit.added}
                elif sample_id not in edit.removed:
                    replaced[sample_id] = sample
            current = replaced
    return tuple(current.values())


def standing(edits: Sequence[Edit]) -> list[Edit]:
    """The edits in force, in order."""
    undone = {edit.undoes for edit in edits if edit.undoes}
    return [edit for edit in edits if not edit.undoes and edit.number not in undone]


def _with(sample: Sample, changes: Mapping[str, str]) -> Sample:
    values: dict[str, Any] = dict(changes)
    if "decision" in changes:
        values["decided_by"] = "person"
    return replace(sample, **values)
