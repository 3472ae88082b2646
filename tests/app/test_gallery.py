"""Rows 6.2-30 to 6.2-32: galleries of RVC models by URL and file; models brought, compared, judged and rated."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from api_service import Service, running

from app.jobs.runner import Worker
from app.tasks.gallery import download_model
from speech.audio import Audio, load, save
from speech.engines.rvc.gallery import read_gallery
from speech.errors import SpeechError

SHA = "0" * 64


def described(path: Path, **changes: Any) -> dict[str, Any]:
    data = path.read_bytes()
    return {"url": path.name, "size_bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), **changes}


def index_of(*models: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {"format": 1, "title": "Vozes de teste", "models": list(models), **changes}


def plain_model(item_id: str = "ana", **changes: Any) -> dict[str, Any]:
    file = {"url": "https://files.example/a.pth", "size_bytes": 10, "sha256": SHA}
    return {"id": item_id, "name": item_id.title(), "licence": "CC-BY-4.0", "model": file, **changes}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, rvc_tiny: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine, and its folder, with a good model, a bad file and a sample."""
    folder = tmp_path_factory.mktemp("site")
    for name in ("v2-40k.pth", "v2.index"):
        (folder / name).write_bytes((rvc_tiny / name).read_bytes())
    (folder / "bad.pth").write_bytes(b"<html>")
    save(Audio(np.random.default_rng(1).normal(0, 0.1, 24_000).astype(np.float32), 24_000), folder / "ana.flac")
    models = [
        {
            **plain_model(),
            "description": "Uma voz clara",
            "model": described(folder / "v2-40k.pth"),
            "index": described(folder / "v2.index"),
            "sample": described(folder / "ana.flac"),
        },
        {**plain_model("outra"), "model": described(folder / "v2-40k.pth", sha256=SHA)},
        {**plain_model("curta"), "model": described(folder / "v2-40k.pth", size_bytes=100)},
        {**plain_model("lixo"), "model": described(folder / "bad.pth")},
    ]
    (folder / "index.json").write_text(json.dumps(index_of(*models)))

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing is told."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory, site: tuple[str, Path]) -> Iterator[tuple[Service, str]]:
    """A service that may reach that server, with its gallery; and the gallery's id."""
    folder = tmp_path_factory.mktemp("gallery")
    with running(folder, fetch_private_hosts=("127.0.0.1",)) as service:
        added = service.client.post("/rvc/gallery", data={"url": f"{site[0]}/index.json"})
        assert added.status_code == 201, added.text
        yield service, added.json()["id"]


def brought(service: Service, gallery_id: str, item_id: str, **body: Any) -> dict[str, Any]:
    """The job, once a worker has done it, or the refusal."""
    path = f"/rvc/gallery/{gallery_id}/models/{item_id}/download"
    answer = service.client.post(path, json={"accept_licence": "CC-BY-4.0", **body})
    if answer.status_code != 202:
        refusal: dict[str, Any] = answer.json()
        return refusal
    services = service.services
    table = {"rvc_download": partial(download_model, services.settings)}
    worker = Worker(
        services.database, services.files, table, worker_id="w", lease_s=60, poll_s=0.01, queues=("intake",)
    )
    worker.run_next()
    job: dict[str, Any] = service.client.get(f"/jobs/{answer.json()['id']}").json()
    return job


def test_a_model_is_listed_heard_brought_and_rated(gallery: tuple[Service, str]) -> None:
    service, gallery_id = gallery
    listed = service.client.get("/rvc/gallery").json()
    assert listed["total"] == 4 and listed["galleries"][0]["title"] == "Vozes de teste"
    ana = listed["models"][0]
    assert (ana["licence"], ana["has_index"], ana["model_id"], ana["rating"]) == ("CC-BY-4.0", True, None, None)
    assert service.client.get("/rvc/gallery", params={"search": "clara"}).json()["total"] == 1
    sample = service.client.get(f"/rvc/gallery/{gallery_id}/models/ana/sample")
    assert load(io.BytesIO(sample.content)).duration_s == pytest.approx(1.0)
    assert brought(service, gallery_id, "ana", accept_licence="MIT")["code"] == "gallery_licence"
    job = brought(service, gallery_id, "ana")
    assert job["status"] == "completed", job
    model = service.client.get(f"/rvc/models/{job['result']['model_id']}").json()
    assert model["validation"]["status"] == "valid" and job["result"]["reasons"] == []
    assert service.client.get("/rvc/gallery").json()["models"][0]["model_id"] == model["id"]
    assert brought(service, gallery_id, "ana")["code"] == "rvc_name_taken"
    route = f"/rvc/gallery/{gallery_id}/models/ana/rating"
    rated = service.client.put(route, json={"stars": 5, "review": "Muito clara"}).json()
    assert (rated["rating"], rated["review"]) == (5, "Muito clara")
    assert service.client.put(route, json={"stars": 9}).status_code == 422
    assert service.client.post(f"/rvc/gallery/{gallery_id}/refresh").json()["models"] == 4
    assert service.client.get("/rvc/gallery").json()["models"][0]["rating"] == 5


@pytest.mark.parametrize(
    ("item_id", "code"),
    [("outra", "gallery_checksum"), ("curta", "url_too_large"), ("lixo", "rvc_refused")],
)
def test_what_is_not_as_said_is_dropped(gallery: tuple[Service, str], item_id: str, code: str) -> None:
    service, gallery_id = gallery
    job = brought(service, gallery_id, item_id)
    assert job["status"] == "failed" and job["error"]["code"] == code
    names = [model["name"] for model in service.client.get("/rvc/models").json()["models"]]
    assert item_id.title() not in names


def test_a_gallery_comes_as_a_file_and_goes(service: Service) -> None:
    document = json.dumps(index_of(plain_model()))
    added = service.client.post("/rvc/gallery", files={"file": ("g.json", document)}).json()
    assert added["url"] is None and added["models"] == 1
    assert service.client.post(f"/rvc/gallery/{added['id']}/refresh").json()["code"] == "gallery_without_url"
    assert service.client.get(f"/rvc/gallery/{added['id']}/models/bea/sample").json()["code"] == "gallery_model_unknown"
    assert (
        service.client.get(f"/rvc/gallery/{added['id']}/models/ana/sample").json()["code"] == "gallery_without_sample"
    )
    assert service.client.delete(f"/rvc/gallery/{added['id']}").status_code == 200
    assert service.client.delete(f"/rvc/gallery/{added['id']}").json()["code"] == "gallery_unknown"
    assert service.client.get("/rvc/gallery").json()["total"] == 0


def test_addresses_that_are_not_public_are_not_reached(service: Service, site: tuple[str, Path]) -> None:
    for url in (f"{site[0]}/index.json", "http://169.254.169.254/x", "http://[::1]:8005/x"):
        assert service.client.post("/rvc/gallery", data={"url": url}).json()["code"] == "url_private", url
    assert service.client.post("/rvc/gallery", data={"url": "file:///etc/passwd"}).json()["code"] == "url_scheme"
    inside = plain_model(model={"url": f"{site[0]}/v2-40k.pth", "size_bytes": 10, "sha256": SHA})
    added = service.client.post("/rvc/gallery", files={"file": ("g.json", json.dumps(index_of(inside)))}).json()
    assert brought(service, added["id"], "ana")["code"] == "url_private"
    assert service.client.post("/rvc/gallery").json()["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (index_of(format=2), "gallery_newer"),
        (index_of(format=0), "gallery_malformed"),
        (index_of(plain_model(), plain_model()), "gallery_malformed"),
        (index_of(plain_model("../x")), "gallery_malformed"),
        (index_of(plain_model(licence="")), "gallery_malformed"),
        (index_of(plain_model(model={"url": "a.pth", "size_bytes": 10, "sha256": SHA})), "gallery_malformed"),
        (
            index_of(plain_model(model={"url": "https://a/b", "size_bytes": 1 << 40, "sha256": SHA})),
            "gallery_malformed",
        ),
        (index_of(plain_model(model={"url": "https://a/b", "size_bytes": 1, "sha256": "00"})), "gallery_malformed"),
        (index_of(plain_model(colour="red")), "gallery_malformed"),
        ([], "gallery_malformed"),
    ],
)
def test_an_index_that_is_none_is_refused(document: Any, code: str) -> None:
    with pytest.raises(SpeechError, match=code):
        read_gallery(json.dumps(document).encode(), "")
