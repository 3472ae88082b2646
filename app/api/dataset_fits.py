"""What a fit to a built dataset is asked for, instead of an intake."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.api.bodies import Body
from app.api.services import Services
from app.errors import FieldError, Problem

if TYPE_CHECKING:
    from train.manifest import Manifest


def dataset_clips(services: Services, name: str, speaker: str) -> tuple[Path, Manifest]:
    """What was built of a dataset of the caller's, and the clips that a voice learns from.

    Raises SpeechError `unknown_dataset` and as `CloningService.dataset_clips` does, Problem `dataset_not_built`.
    """
    language = services.datasets.open(name, services.caller).language
    built = services.training.dataset(name)
    return built, services.cloning.dataset_clips(built, language, speaker)


def refuse_beside(other: str, names: Sequence[str], body: Body) -> None:
    """Raises Problem `invalid_request` for each of `names` that was given beside `other`."""
    given = [name for name in names if getattr(body, name) not in (None, "", [])]
    if given:
        reason = {"reason": f"{other} = {getattr(body, other)}"}
        raise Problem("invalid_request", errors=[FieldError(name, "field_not_applicable", reason) for name in given])
