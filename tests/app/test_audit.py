"""The audit log tells who did what, of everything that cannot be taken back or that somebody agreed to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_service import Service, running
from clone_service import STYLE, Rehearsal, wav
from fitted_voices import meta
from starlette.testclient import TestClient

from app.security.setup import setup_token
from app.storage.rvc_models import RvcModelStore, StoredModel
from speech.audio import Audio
from speech.engines.rvc.library import RvcLibrary
from speech.voice_library import VoiceLibrary
from train import compare

PASSWORD = "correct horse battery"
SPEECH = {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing"}
Act = Callable[[Service], Any]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """With an admin's session, a fitted voice, and cloning that rehearses."""
    VoiceLibrary(tmp_path / "voices").add(meta(), STYLE, {})
    with running(tmp_path) as service:
        services = service.services
        cloning = Rehearsal(services.synthesizer.store, services.cloning.voices_dir)
        service.client.app.state.services = replace(services, cloning=cloning)  # type: ignore[attr-defined]
        token = setup_token(services.settings.data_dir)
        made = service.client.post("/auth/setup", json={"token": token, "name": "ana", "password": PASSWORD})
        assert made.status_code == 201, made.text
        yield service


def done(answer: Any) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json()


def job(service: Service) -> str:
    return str(done(service.client.post("/jobs", json=SPEECH))["id"])


def a_share(service: Service) -> str:
    return str(done(service.client.post("/voices/ana/share", json={}))["id"])


def drop_dataset(service: Service) -> Any:
    done(service.client.post("/training/dataset", json={"name": "mine", "language": "pt-BR"}))
    return service.client.delete("/training/dataset/mine")


def drop_recording(service: Service) -> Any:
    done(service.client.post("/training/dataset", json={"name": "mine", "language": "pt-BR"}))
    link = {"youtube_url": "https://youtu.be/a", "dataset": "mine"}
    source = done(service.client.post("/training/dataset/queue", json=link))["id"]
    return service.client.delete(f"/training/dataset/queue/{source}?dataset=mine")


def drop_checkpoint(service: Service) -> Any:
    folder = service.services.settings.trainings_path / "run"
    for step, loss in (("step-000001", 2.0), ("step-000002", 1.0)):
        (folder / "checkpoints" / step).mkdir(parents=True)
        told = {"step": 1, "losses": {"loss": loss}, "method": "lora", "language": "pt-BR"}
        (folder / "checkpoints" / step / "meta.json").write_text(json.dumps(told))
    return service.client.delete("/training/checkpoints/run/step-000001")


def drop_comparison(service: Service) -> Any:
    services = service.services
    caller = services.identity.accounts.list()[0].caller()
    services.comparisons.begin("job_c", caller)
    sound = Audio(np.zeros(240, np.float32), 24000)
    compare.begin(services.comparisons.folder("job_c", caller), "ab", ("a", "b"), [("Oi.", sound, sound)])
    return service.client.delete("/training/comparisons/job_c")


def drop_rvc_model(service: Service) -> Any:
    services = service.services
    caller = services.identity.accounts.list()[0].caller()
    RvcModelStore(services.database, caller).add(
        StoredModel("rvc_a", "Ana", "", "a.pth", None, 1, {"reasons": [], "about": {}}, 1.0, 1.0)
    )
    made = services.settings.data_dir / "made"
    made.mkdir()
    RvcLibrary(services.settings.rvc_path).publish(made, "rvc_a", "Ana")
    return service.client.delete("/rvc-models/rvc_a")


def clone(service: Service) -> Any:
    sound = wav(service.services.settings.data_dir / "a.wav").read_bytes()
    fields = {"name": "Bea", "language": "pt-BR", "consent": "true", "consent_statement": "Ela disse sim."}
    return service.client.post("/voices/clone", data=fields, files={"file": ("a.wav", sound, "audio/wav")})


def install(service: Service) -> Any:
    return service.client.post("/components/xtts/install", json={"accept_licences": ["CPML-1.0"]})


def batch(service: Service) -> Any:
    made = done(service.client.post("/jobs/batch", json={"texts": ["Oi."], "language": "pt-BR"}))
    return service.client.delete(f"/jobs/batch/{made['id']}")


def user(service: Service) -> Any:
    new = {"name": "bea", "password": PASSWORD}
    return service.client.patch(f"/users/{done(service.client.post('/users', json=new))['id']}", json={"role": "admin"})


def key(service: Service) -> Any:
    return service.client.delete(f"/api-keys/{done(service.client.post('/api-keys', json={'name': 'k'}))['id']}")


def drop_feedback(service: Service) -> Any:
    return service.client.delete(f"/feedback/{done(service.client.post('/feedback', json={'score': 5}))['id']}")


# What is done, and the actions that the log then has, the last first.
TABLE: dict[str, tuple[Act, list[str]]] = {
    "setup": (lambda service: service.client.get("/auth/me"), ["set_up", "user_added"]),
    "a user": (user, ["user_changed", "user_added"]),
    "a key": (key, ["key_revoked", "key_added"]),
    "a voice": (lambda service: service.client.delete("/voices/ana"), ["voice_deleted"]),
    "a job": (lambda service: service.client.delete(f"/jobs/{job(service)}"), ["job_deleted"]),
    "jobs": (lambda s: s.client.post("/jobs/delete", json={"job_ids": [job(s)]}), ["jobs_deleted"]),
    "a batch": (batch, ["batch_deleted"]),
    "a dataset": (drop_dataset, ["dataset_deleted"]),
    "a recording": (drop_recording, ["dataset_recording_deleted"]),
    "a checkpoint": (drop_checkpoint, ["checkpoint_deleted"]),
    "a comparison": (drop_comparison, ["comparison_deleted"]),
    "an RVC model": (drop_rvc_model, ["rvc_model_deleted"]),
    "feedback": (drop_feedback, ["feedback_deleted"]),
    "clean-up": (lambda service: service.client.post("/admin/cleanup?deep=true"), ["cleaned_up"]),
    "a component": (install, ["component_asked", "licence_agreed"]),
    "cloning": (clone, ["consent_given"]),
    "a link": (lambda service: service.client.post("/voices/ana/share", json={}), ["share_made"]),
    "links": (lambda s: (a_share(s), s.client.delete("/voices/ana/share"))[1], ["share_ended", "share_made"]),
    "one link": (lambda s: s.client.delete(f"/voices/ana/share/{a_share(s)}"), ["share_ended", "share_made"]),
}


@pytest.mark.parametrize("name", TABLE)
def test_it_is_in_the_log(service: Service, name: str) -> None:
    act, actions = TABLE[name]
    done(act(service))
    entries = done(service.client.get("/audit"))[: len(actions)]
    assert [entry["action"] for entry in entries] == actions, entries
    assert {entry["user_id"] for entry in entries} == {"local"}  # the first account


def test_a_key_that_did_it_is_told_and_what_is_refused_is_not(service: Service) -> None:
    made = done(service.client.post("/api-keys", json={"name": "k", "scopes": ["read", "speak", "make"]}))
    bearer = {"Authorization": f"Bearer {made['key']}"}
    program = TestClient(service.client.app, base_url="http://localhost")
    before = len(done(service.client.get("/audit")))
    assert program.delete("/voices/nobody", headers=bearer).status_code == 404
    assert len(done(service.client.get("/audit"))) == before
    done(program.delete("/voices/ana", headers=bearer))
    entry = done(service.client.get("/audit"))[0]
    assert entry["target"] == "ana" and entry["data"]["key_id"] == made["id"]
