"""The web process of a real service holds no PyTorch, whatever it is asked; what needs it runs elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from app.tasks.dataset_service import DatasetService
from bench.crash import Service
from bench.xtts_reference import recording
from speech.audio import Audio, save
from speech.models import ModelStore

START = json.dumps({"dataset": "ana", "epochs": 1, "options": {"evidence": {"enabled": False}}}).encode()
MOST_BYTES = 150 << 20


@pytest.fixture
def service(tmp_path: Path, xtts_tiny: Path) -> Iterator[Service]:
    DatasetService(ModelStore(tmp_path), tmp_path / "datasets").create("ana", "pt-BR")
    folder = tmp_path / "datasets" / "ana" / "MyTTSDataset"
    (folder / "wavs").mkdir(parents=True)
    rows = []
    for number in range(4):
        save(Audio(recording(1.0, number), 22050), folder / "wavs" / f"c{number}.wav")
        rows.append(f"c{number}|Um texto.|Um texto.\n")
    (folder / "metadata.csv").write_text("".join(rows), encoding="utf-8")
    service = Service(tmp_path, "silence", WORKERS="0", XTTS_DIR=str(xtts_tiny))
    yield service
    service.process.terminate()
    service.process.wait()
    service.log.close()


def asked(service: Service, path: str, body: bytes | None = None, kind: str = "application/json") -> Any:
    """A busy machine takes its time to start a process that brings PyTorch."""
    request = Request(f"http://127.0.0.1:{service.port}{path}", body, {"Content-Type": kind})
    with urlopen(request, timeout=180) as response:
        return json.load(response)


def form(name: str, **files: Path) -> tuple[bytes, str]:
    """An RVC model as a form, and its content type."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n'.encode()]
    for field, path in files.items():
        head = f'--x\r\nContent-Disposition: form-data; name="{field}"; filename="{path.name}"\r\n\r\n'
        parts += [head.encode(), path.read_bytes(), b"\r\n"]
    return b"".join([*parts, b"--x--\r\n"]), "multipart/form-data; boundary=x"


def mapped(service: Service) -> set[str]:
    """Names of the files that the process has in its memory."""
    lines = Path(f"/proc/{service.process.pid}/maps").read_text().splitlines()
    return {Path(line.split(maxsplit=5)[5]).name for line in lines if len(line.split(maxsplit=5)) == 6}


@pytest.mark.processes
def test_trainings_and_rvc_models_bring_no_pytorch_into_the_web_process(service: Service, rvc_tiny: Path) -> None:
    assert any("sqlite" in name for name in mapped(service))  # what it does hold is seen
    assert asked(service, "/training/start", START)["status"] == "pending"
    found = asked(service, "/training/estimate", START)
    assert found["time_basis"] == "computed" and found["step_s"] > 0 and found["memory_bytes"] > 0
    model = asked(
        service, "/rvc-models", *form("Ana", pth_file=rvc_tiny / "v2-40k.pth", index_file=rvc_tiny / "v2.index")
    )
    again = asked(service, f"/rvc/models/{model['id']}/validate", b"")
    assert again["validation"]["status"] == "valid" and again["index_features"] == 600
    for path in ("/training/status", "/training/checkpoints", "/v1/finetune/checkpoints", "/health"):
        asked(service, path)
    held = mapped(service)
    assert not [name for name in held if "torch" in name or name.startswith("libc10")]
    resident = next(
        int(line.split()[1]) << 10
        for line in Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
        if line.startswith("VmRSS")
    )
    assert resident < MOST_BYTES, resident
