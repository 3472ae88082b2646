"""What tests of XTTS share: the tiny checkpoint, opened, and its studio speakers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from speech.engines.xtts.checkpoint import Checkpoint, Latents


@pytest.fixture(scope="module")
def checkpoint(xtts_tiny: Path) -> Checkpoint:
    from speech.engines.xtts.checkpoint import open_checkpoint

    return open_checkpoint(xtts_tiny)


@pytest.fixture(scope="module")
def voices(xtts_tiny: Path) -> list[Latents]:
    from speech.engines.xtts.checkpoint import read_speakers

    return list(read_speakers(xtts_tiny).values())
