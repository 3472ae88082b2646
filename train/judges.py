"""Who listens to the checkpoints of a run: those judges whose models and packages are here."""

from __future__ import annotations

from speech.models import ModelStore
from train.evidence import Judges


def load_run_judges(store: ModelStore) -> Judges:
    """Those whose models and packages are here."""
    from train.kokoro.report import load_judges

    found = load_judges(store)
    opinion = found.opinion
    return Judges(found.transcriber, found.speakers, (lambda audio: opinion(audio).overall) if opinion else None)
