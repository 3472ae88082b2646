"""Make `folder_094bd7e.tar.xz`: a data folder as the version of commit 094bd7e left it.

Run with that commit's tree on the path: `PYTHONPATH=TREE:TREE/tests python make_folder_094bd7e.py OUTPUT`.
"""

from __future__ import annotations

import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from api_service import running
from fitted_voices import meta

from speech.audio import Audio
from speech.engines.xtts.voices import tensors_of
from speech.voice_files import VoiceLibrary

RATE = 22_050


def main(output: Path) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "data"
        with running(folder, job_ttl_h=1_000_000) as service:
            service.completed("Bom dia a todos.", voice_id="silence_male", speed=1.5)
            service.add("Ainda espera.")
            body = {"name": "Devagar", "engine": "silence", "parameters": {"speed": 0.8}, "is_default": True}
            assert service.client.post("/quality-profiles", json=body).status_code == 201
            body = {"name": "Solto", "engine": "xtts", "parameters": {"temperature": 0.9}}
            assert service.client.post("/quality-profiles", json=body).status_code == 201
        library = VoiceLibrary(folder / "voices")
        sound = Audio(np.tile([0.1] * 50 + [-0.1] * 50, 4 * RATE // 100).astype(np.float32), RATE)
        style = {"style": np.zeros((510, 256), np.float32)}
        library.add(meta("ana", report={"seconds": 12.5}), style, {"fitted": sound})
        changes = {
            "engine": "xtts",
            "base_model": "xtts-v2",
            "base_sha256": "",
            "effort": "reference",
            "language": "de",
        }
        library.add(meta("bia", title="Bia", reference_s=4.0, **changes), tensors_of([sound]), {"recording-1": sound})
        with tarfile.open(output, "w:xz") as archive:
            archive.add(folder, "data")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
