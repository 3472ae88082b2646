"""Fitted voices in the real format for tests that need one before anything was fitted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speech.engines.kokoro.adapter import TABLE, Adapter, shape_of
from speech.engines.kokoro.runtime import STYLE_ROWS, STYLE_SIZE, Style, load_voice
from speech.models import CATALOGUE, ModelStore, read_catalogue
from speech.voice_files import Consent, VoiceMeta

BASE_SHA256 = read_catalogue(CATALOGUE)["kokoro-fp32"].files[0].sha256
DECODER = tuple(name for name in json.loads(TABLE.read_text()) if name.lstrip("/").startswith("decoder"))


def meta(voice_id: str = "ana", **changes: Any) -> VoiceMeta:
    values: dict[str, Any] = {
        "voice_id": voice_id,
        "title": "Ana",
        "engine": "kokoro",
        "language": "pt-BR",
        "gender": "female",
        "description": "Uma voz de teste",
        "created_at": "2026-11-22T12:00:00Z",
        "base_model": "kokoro-fp32",
        "base_sha256": BASE_SHA256,
        "effort": "fast",
        "reference_s": 52.5,
        "consent": Consent("Eu concordo que a minha voz seja usada.", "2026-11-22T11:00:00Z"),
        "report": {},
    }
    return VoiceMeta(**{**values, **changes})


def adapter(style: Style | None = None, size: float = 0.01, rank: int = 4, seed: int = 0) -> Adapter:
    """Random low-rank changes of every weight of the decoder, `size` the spread of a delta's numbers."""
    draw = np.random.default_rng(seed)
    low_rank: dict[str, tuple[NDArray, NDArray]] = {}
    deltas: dict[str, NDArray] = {}
    for name in DECODER:
        shape = shape_of(name)
        if len(shape) == 1:
            deltas[name] = draw.normal(0, size / 10, shape).astype(np.float32)
            continue
        spread = np.sqrt(size) / rank**0.25
        up, down = draw.normal(0, spread, (shape[0], rank)), draw.normal(0, spread, (rank, int(np.prod(shape[1:]))))
        low_rank[name] = up.astype(np.float16).astype(np.float32), down.astype(np.float16).astype(np.float32)
    blend = np.zeros((STYLE_ROWS, STYLE_SIZE), np.float32) if style is None else style
    return Adapter(blend, low_rank, deltas)


def blend_of(store: ModelStore, shares: Mapping[str, float]) -> Style:
    folder = store.path("kokoro-voices") / "voices"
    parts = [load_voice(Path(folder / f"{name}.bin")) * np.float32(share) for name, share in shares.items()]
    mixed: Style = np.sum(parts, axis=0, dtype=np.float32)
    return mixed
