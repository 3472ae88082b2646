"""Components: packages and weights brought by a job, by the real pip from wheels that the test makes."""

from __future__ import annotations

import base64
import hashlib
import shutil
import socket
import sys
import threading
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest
from api_service import Service, running

from app.api.components import known_components
from app.jobs.context import JobContext
from app.jobs.embedded import EmbeddedDriver
from app.jobs.runner import Worker
from app.tasks import install, table
from app.tasks.components import component_that_brings
from speech.engines import records
from speech.engines.records import EngineRecord, Installation
from speech.engines.silence import Silence
from speech.models import ModelStore, PullProgress

NAME = "papagaio_tiny_part"


def wheel(folder: Path, name: str, version: str = "1.0", needs: str = "", more: Mapping[str, str] = {}) -> Path:
    """A package of one module (PEP 427), and `more` files; its path."""
    info = f"{name}-{version}.dist-info"
    required = f"Requires-Dist: {needs}\n" if needs else ""
    files = {
        f"{name}.py": f"VALUE = {version!r}\n",
        **more,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{required}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text)}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    made = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return made


class Place(NamedTuple):
    service: Service
    wheels: Path  # where pip looks
    target: Path  # where it installs

    def install(self, name: str = "tiny", **body: Any) -> Any:
        return self.service.client.post(f"/components/{name}/install", json=body)

    def component(self, name: str = "tiny") -> dict[str, Any]:
        return next(one for one in self.service.client.get("/components").json() if one["name"] == name)

    def worker(self) -> Worker:
        services = self.service.services
        tasks = table(services.settings, services.synthesizer)
        return Worker(
            services.database, services.files, tasks, worker_id="w", lease_s=60, poll_s=0.02, queues=["install"]
        )

    def job(self, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.service.client.get(f"/jobs/{job_id}").json()
        return found


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    wheels, target = tmp_path / "wheels", tmp_path / "target"
    wheels.mkdir()
    target.mkdir()
    (tmp_path / "requirements-tiny.txt").write_text(f"{NAME}\n")
    install = Installation(packages=(NAME,), requirements=str(tmp_path / "requirements-tiny.txt"), packages_mb=(1, 1))
    record = EngineRecord(replace(Silence.info, name="tiny"), "speech.engines.silence:Silence", install)
    module = tmp_path / "tiny_records.py"
    module.write_text("RECORD = None\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.syspath_prepend(str(target))
    monkeypatch.setenv("PYTHONPATH", str(target))
    for variable, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(wheels)), ("TARGET", str(target))):
        monkeypatch.setenv(f"PIP_{variable}", value)
    monkeypatch.setattr(records, "_seen", {})  # what a test before saw
    import tiny_records  # type: ignore[import-not-found]

    tiny_records.RECORD = record
    extra = {"silence": "speech.engines.silence:Silence", "tiny": "tiny_records:RECORD"}
    with running(tmp_path / "data", extra_engines=extra) as service:
        yield Place(service, wheels, target)
    sys.modules.pop("tiny_records")
    sys.modules.pop(NAME, None)


def code(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_packages_come_by_a_job_and_are_importable(place: Place) -> None:
    wheel(place.wheels, NAME)
    before = place.component()
    assert before["purpose"] is None and "RVC" in place.component("convert-rvc")["purpose"]
    assert (before["is_installed"], before["missing_modules"], before["download_bytes"]) == (False, [NAME], 10**6)
    job = place.install().json()
    assert (job["kind"], job["status"]) == ("install", "pending") and place.component()["job_id"] == job["id"]
    assert code(place.install()) == (409, "component_being_installed")
    assert place.worker().run_next()
    done = place.job(job["id"])
    assert done["status"] == "completed", done
    assert done["result"] == {"component": "tiny", "packages": [f"{NAME}==1.0"], "models": []}
    assert find_spec(NAME) is not None and place.component()["is_installed"]
    assert code(place.install()) == (409, "component_installed")
    log = place.service.client.get(f"/jobs/{job['id']}/log").text
    assert f"{NAME}==1.0" in log and "components.stage.installing" in log


def test_progress_never_goes_back(place: Place) -> None:
    """A model that two sources are tried for, the second of two."""
    seen: list[float] = []

    class Watched:
        def should_stop(self) -> bool:
            return False

        def progress(self, done: int, total: int, note: str) -> None:
            seen.append(done / total)

    report = install._reporting(cast(JobContext, Watched()), "m", 1, 2)
    for stage, done in (("downloading", 90), ("skipped", 0), ("downloading", 10), ("downloading", 100)):
        report(PullProgress("m", stage, done_bytes=done, total_bytes=100))
    for done in (0, 50, 100):
        report(PullProgress("m", "verifying", done_bytes=done, total_bytes=100))
    report(PullProgress("m", "ready", done_bytes=100, total_bytes=100))
    assert seen == sorted(seen) and seen[0] > 0.85 and seen[-1] == 1


def test_without_a_network_nothing_is_half_installed(place: Place) -> None:
    job = place.install().json()
    place.worker().run_next()
    failed = place.job(job["id"])
    assert (failed["status"], failed["error"]["code"]) == ("failed", "component_unreachable")
    assert list(place.target.iterdir()) == [] and not (place.service.services.files.root / job["id"]).exists()
    assert place.component()["job_id"] is None and place.install().status_code == 202


def test_cancelling_in_the_middle_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes the question and never answers
        monkeypatch.delenv("PIP_NO_INDEX")
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{silent.getsockname()[1]}/simple")
        job = place.install().json()
        worker = place.worker()
        thread = threading.Thread(target=worker.run_next)
        thread.start()
        connection, _ = silent.accept()
        place.service.client.post(f"/jobs/{job['id']}/cancel")
        started = time.monotonic()
        thread.join(20)
        connection.close()
        assert not thread.is_alive() and time.monotonic() - started < 20
    assert place.job(job["id"])["status"] == "cancelled" and list(place.target.iterdir()) == []


def test_what_is_refused_before_anything_begins(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    assert code(place.install("sing")) == (404, "unknown_component")
    assert code(place.install(tiny=1)) == (422, "invalid_request")
    xtts = place.component("xtts")
    assert xtts["terms"][0]["licence"] == "CPML-1.0" and xtts["missing_models"] == ["xtts-v2"]
    assert code(place.install("xtts")) == (409, "component_licence")
    usage = shutil.disk_usage(place.target)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1000))
    assert code(place.install()) == (507, "component_disk_full")
    assert place.service.client.get("/jobs").json()["total"] == 0


def test_an_operator_can_turn_it_off(tmp_path: Path) -> None:
    with running(tmp_path, allow_install=False) as service:
        assert code(service.client.post("/components/cloning/install", json={})) == (403, "install_not_allowed")
        assert not any(one["can_install"] for one in service.client.get("/components").json())


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"component": "datasets", "models": ["xtts-v2"]}, "datasets"),
        ({"engine": "tiny", "packages": [NAME]}, "tiny"),
        ({"engine": "rvc", "packages": ["torch"]}, "convert-rvc"),
        ({"name": "xtts-v2"}, "xtts"),
        ({"name": "contentvec"}, "convert-rvc"),
        ({"name": "lit-html"}, ""),
        ({"engine": "nobody"}, ""),
    ],
)
def test_an_error_that_names_a_command_tells_the_component(place: Place, values: dict[str, Any], name: str) -> None:
    services = place.service.services
    found = component_that_brings(known_components(services), ModelStore(place.target), values)
    assert found == name


def test_a_refusal_carries_the_component_and_only_an_admin_may_bring_it(place: Place) -> None:
    client, services = place.service.client, place.service.services
    driver = EmbeddedDriver(services.settings, services.database, services.files)  # one that was not started
    client.app.state.services = replace(services, driver=driver)  # type: ignore[attr-defined]
    body = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing", "tts_engine": "xtts"}
    refused = client.post("/jobs", json=body)
    assert refused.status_code == 503 and refused.json()["component"] == "xtts", refused.text
    assert "component" not in client.post("/jobs", json={}).json()
    accounts = services.identity.accounts
    for user, role in (("root", "admin"), ("ana", "maker")):
        accounts.add(user, "correct horse battery", role)
        client.post("/auth/login", json={"name": user, "password": "correct horse battery"})
        may = role == "admin"
        assert {one["can_install"] for one in client.get("/components").json()} == {may}
        assert (place.install().status_code == 202) == may
