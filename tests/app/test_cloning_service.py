"""The cloning's estimates: what a fit took elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.tasks.cloning_service import CloningService
from speech.models import ModelStore


def test_estimates_grow_with_the_effort_and_the_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    cloning = CloningService(ModelStore(tmp_path / "models"), tmp_path / "voices")
    assert cloning.estimate_s("fast") < cloning.estimate_s("default") < cloning.estimate_s("best")
    assert cloning.estimate_s("default") == cloning.estimate_s("default", 50.0) == pytest.approx(552)
    assert cloning.estimate_s("default", 150.0) == pytest.approx(552 + 76)
    assert list(tmp_path.iterdir()) == []
