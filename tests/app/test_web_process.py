"""The web process of a real service holds no PyTorch, whatever it is asked; what needs it runs elsewhere."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection
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
REQUESTS = 1000
ROUTES = (
    "/",
    "/jobs",
    "/voices?limit=5",
    "/languages",
    "/quality-profiles",
    "/components",
    "/v1/models",
    "/rvc-models",
)


def pretend(root: Path, *names: str) -> None:
    """Models of the store that hold nothing: planning looks whether they are there, and reads no weights."""
    store = ModelStore(root)
    for name in names:
        info = store.info(name)
        for file in info.files:
            path = root / name / file.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.truncate(path, file.size)
        (root / name / ".verified").write_text(info.digest, encoding="ascii")


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
    pretend(tmp_path / "models", "contentvec", "pitch-fcpe")
    service = Service(tmp_path, "silence", WORKERS="0", XTTS_DIR=str(xtts_tiny), MODELS_DIR=str(tmp_path / "models"))
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


def many(service: Service) -> None:
    """REQUESTS of them, over one connection as a page's."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=180)
    for number in range(REQUESTS):
        connection.request("GET", ROUTES[number % len(ROUTES)])
        response = connection.getresponse()
        assert response.status == 200, response.read()
        response.read()
    connection.close()


def resident(service: Service) -> int:
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))


@pytest.mark.processes
@pytest.mark.slow  # three processes that bring PyTorch, and a thousand requests
def test_a_thousand_requests_trainings_and_rvc_jobs_bring_no_pytorch_into_the_web_process(
    service: Service, rvc_tiny: Path
) -> None:
    assert any("sqlite" in name for name in mapped(service))  # what it does hold is seen
    assert asked(service, "/training/start", START)["status"] == "pending"
    found = asked(service, "/training/estimate", START)
    assert found["time_basis"] == "computed" and found["step_s"] > 0 and found["memory_bytes"] > 0
    files = {"pth_file": rvc_tiny / "v2-40k.pth", "index_file": rvc_tiny / "v2.index"}
    model = asked(service, "/rvc-models", *form("Ana", **files))
    again = asked(service, f"/rvc/models/{model['id']}/validate", b"")
    assert again["validation"]["status"] == "valid" and again["index_features"] == 600
    speech = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing", "enable_rvc": True}
    job = asked(service, "/jobs", json.dumps(speech | {"rvc_model_id": model["id"]}).encode())
    assert job["rvc_model_id"] == model["id"] and job["rvc_f0_method"] == "fcpe"
    for path in ("/training/status", "/training/checkpoints", "/v1/finetune/checkpoints", "/health"):
        asked(service, path)
    many(service)
    assert not [name for name in mapped(service) if "torch" in name or name.startswith("libc10")]
    assert resident(service) < MOST_BYTES, resident(service)
