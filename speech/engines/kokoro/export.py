"""A fitted voice as files for other Kokoro programs: the whole network with the voice in it, and its style."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import numpy as np

from speech.engines.kokoro.adapter import BASE, Adapter, merge
from speech.engines.kokoro.record import ENGINE
from speech.engines.kokoro.runtime import STYLE_ROWS, STYLE_SIZE
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_files import read_tensors
from speech.voice_folder import VoiceFolder


def export_onnx(library: VoiceFolder, voice_id: str, store: ModelStore, folder: Path) -> tuple[Path, ...]:
    """Write into `folder`, which is made where it is missing:

    kokoro-<voice>.onnx, float32; <voice>.bin, 510 × 1 × 256 little-endian float32 as kokoro-js reads a voice;
    <voice>.npz, the same under the voice's name as kokoro-onnx reads its voices. Raises SpeechError `unknown_voice`,
    `model_missing`, `output_unwritable`, and what reading the voice raises.
    """
    adapter = Adapter.from_tensors(read_tensors(library.path(voice_id, ENGINE)))
    base = store.path(BASE) / f"{BASE}.onnx"
    style = np.ascontiguousarray(adapter.style, "<f4").reshape(STYLE_ROWS, 1, STYLE_SIZE)
    paths = tuple(folder / name for name in (f"kokoro-{voice_id}.onnx", f"{voice_id}.bin", f"{voice_id}.npz"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths[0].write_bytes(merge(base, adapter, "fp32"))
        paths[1].write_bytes(style.tobytes())
        with ZipFile(paths[2], "w") as archive, archive.open(f"{voice_id}.npy", "w") as member:
            np.lib.format.write_array(member, style)
    except OSError as error:
        raise SpeechError("output_unwritable", path=str(folder), reason=error.strerror or str(error)) from error
    return paths
