"""Where a benchmark ran, and its figures written beside that."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("numpy", "onnxruntime", "av", "fastapi", "kokoro-onnx", "faster-whisper", "speechmos")


def machine() -> dict[str, Any]:
    """Processor, cores, memory and the versions that figures depend on."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def write(name: str, figures: Mapping[str, Any]) -> Path:
    """`bench/results/NAME.json`."""
    RESULTS.mkdir(exist_ok=True)
    path, today = RESULTS / f"{name}.json", date.today().isoformat()
    path.write_text(
        json.dumps({"machine": machine(), "measured_on": today, **figures}, ensure_ascii=False, indent=2) + "\n"
    )
    return path
