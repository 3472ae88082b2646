"""Two accounts: what is one's does not exist for the other, on every route there is."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_service import PASSWORD, Service, running, signed_in
from clone_service import STYLE
from fitted_voices import meta
from starlette.testclient import TestClient

from app.callers import Caller
from app.storage.rvc_models import RvcModelStore, StoredModel
from app.storage.voice_owners import owner_of
from speech.audio import Audio
from speech.engines.rvc.library import RvcLibrary
from speech.text.dictionary import Entry
from speech.voice_library import VoiceLibrary
from train import compare

# Names under which a request says whose thing it means; what they are filled with is in the fixture `owned`.
OWNED = {
    "job_id": "job",
    "intake_job_id": "job",
    "voice_id": "voice",
    "voice": "voice",
    "rvc_model_id": "rvc",
    "model_id": "rvc",
    "profile_id": "profile",
    "quality_profile_id": "profile",
    "entry_id": "entry",
    "dataset": "dataset",
    "run": "run",
    "checkpoint": "checkpoint",
    "checkpoint_name": "dotted",
    "comparison_id": "comparison",
    "key_id": "key",
    "batch_id": "batch",
    "share_id": "share",
    "feedback_id": "feedback",
}
# Parts of a path that are nobody's.
PLAIN = {"engine": "silence", "name": "half", "step": "step-000001", "sample_id": "s", "source_id": "s", "clip_id": "c"}
# Where a name of OWNED means something else, or nothing is told by an answer.
FREE = {
    ("GET", "/v1/models/{model_id}", "model_id"),  # an engine
    ("GET", "/events", "job_id"),  # a stream without events; tested below
    ("POST", "/text/dictionary", "voice"),  # a word that the entry is for, whether there is such a voice or not
    ("PATCH", "/text/dictionary/{entry_id}", "voice"),
    ("POST", "/text/preview", "voice"),
    ("POST", "/jobs/batch", "voice"),  # told by row; tested below
    ("POST", "/voices/fit", "intake_job_id"),  # what fitting needs is not here, which is told before
    ("POST", "/voices/import", "voice_id"),  # the id that the new one gets
    ("POST", "/v1/text-to-speech/{voice_id}", "model_id"),  # of ElevenLabs'
    ("POST", "/v1/text-to-speech/{voice_id}/stream", "model_id"),
}
# What the base API answers for a thing that is not there, where that is not 404; and what only admins may ask.
OTHER_STATUS = {
    ("POST", "/quality-profiles/{engine}/{profile_id}/set-default"): 400,
    ("DELETE", "/feedback/{feedback_id}"): 403,
}
BODIES: Mapping[str, Mapping[str, Any]] = {
    "/jobs": {"text": "Oi.", "source_language": "pt-BR", "mode": "dubbing"},
    "/voices/fit": {"name": "Bea", "consent": True},
    "/v1/audio/speech": {"input": "Oi.", "model": "silence"},
    "/api/tts-generate-streaming": {"text": "Oi."},
    "/voices/convert": {"language": "pt-BR"},
    "/rvc-models/{model_id}/rating": {"stars": 3},
    "/rvc/models/{model_id}/rating": {"stars": 3},
    "/training/inference/load": {},
    "/training/inference/synthesize": {"text": "Oi."},
    "/training/synthesize": {"text": "Oi."},
    "/training/checkpoints/{run}/{step}/voice": {"name": "Bea", "consent": True},
    "/training/comparisons/{comparison_id}/votes": {"trial_id": "t", "choice": "s"},
    "/v1/finetune/synthesize": {"text": "Oi."},
    "/training/dataset": {"name": "mine", "language": "pt-BR"},
    "/training/dataset/queue": {"youtube_url": "https://youtu.be/a"},
    "/training/dataset/samples/decide": {"ids": ["s"], "decision": "keep"},
    "/training/dataset/samples/merge": {"ids": ["s", "t"]},
    "/training/dataset/samples/{sample_id}/split": {"word": 1},
    "/training/dataset/samples/{sample_id}": {"text": "Oi."},
    "/training/dataset/speakers": {"names": {"a": "b"}},
    "/text/dictionary/{entry_id}": {"spoken": "oi"},
    "/quality-profiles/{engine}/{profile_id}": {"name": "x"},
    "/quality-profiles/{engine}/preview": {"text": "Oi.", "voice_id": "silence_female"},
    "/jobs/{job_id}/rating": {"stars": 3},
    "/v1/text-to-speech/{voice_id}": {"text": "Oi."},
    "/v1/text-to-speech/{voice_id}/stream": {"text": "Oi."},
    "/jobs/batch": {"texts": ["Oi."], "language": "pt-BR"},
}
SOUND = Audio(np.zeros(240, np.float32), 24000)
QUERIES: Mapping[str, Mapping[str, str]] = {"/api/tts-generate-streaming": {"text": "Oi."}}
MORE_FIELDS = {"rvc_model_id": {"enable_rvc": True}, "voice_id": {}}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("two"), requests_per_minute=0) as service:
        accounts = service.services.identity.accounts
        accounts.add("root", PASSWORD, "admin")
        accounts.add("ana", PASSWORD, "maker")
        accounts.add("bea", PASSWORD, "maker")
        yield service


@pytest.fixture(scope="module")
def ana(service: Service) -> TestClient:
    return signed_in(service, "ana")


@pytest.fixture(scope="module")
def bea(service: Service) -> TestClient:
    return signed_in(service, "bea")


@pytest.fixture(scope="module")
def root(service: Service) -> TestClient:
    return signed_in(service, "root")


@pytest.fixture(scope="module")
def owned(service: Service, ana: TestClient, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One of each kind of thing, Ana's."""
    user = next(user for user in service.services.identity.accounts.list() if user.name == "ana")
    caller: Caller = user.caller()
    seen = service.services.of(caller)
    job = ana.post("/jobs", json=BODIES["/jobs"]).json()["id"]
    service.work()
    file = tmp_path_factory.mktemp("voice") / "ana.safetensors"
    library = VoiceLibrary(file.parent / "library")
    library.add(meta(), STYLE, {})
    library.export("ana", file)
    with file.open("rb") as given:
        assert ana.post("/voices/import", files={"file": given}).status_code == 201
    share = ana.post("/voices/ana/share", json={}).json()["id"]
    profile = ana.post("/quality-profiles/silence", json={"name": "mine", "parameters": {}}).json()["id"]
    seen.datasets.create("anas", "pt-BR", caller)
    seen.training.begin("anas-run", caller)
    seen.comparisons.begin("job_compared", caller)
    compare.begin(seen.comparisons.folder("job_compared", caller), "ab", ("a", "b"), [("Oi.", SOUND, SOUND)])
    model = StoredModel("rvc_anas", "Ana", "", "a.pth", None, 1, {"reasons": [], "about": {}}, 1.0, 1.0)
    RvcModelStore(service.services.database, caller).add(model)
    made = tmp_path_factory.mktemp("rvc") / "model"
    made.mkdir()
    RvcLibrary(service.services.settings.rvc_path).publish(made, model.model_id, "Ana")
    entry = seen.pronunciations.add(Entry("GIF", spoken="gife")).entry_id
    batch = ana.post("/jobs/batch", json={"texts": ["Oi."], "language": "pt-BR"}).json()["id"]
    service.work()
    key = ana.post("/api-keys", json={"name": "k"}).json()["id"]
    feedback = ana.post("/feedback", json={"score": 9, "comment": "Ana's"}).json()["id"]
    return {
        "job": job,
        "voice": "ana",
        "profile": profile,
        "dataset": "anas",
        "run": "anas-run",
        "checkpoint": "anas-run/base",
        "dotted": "anas-run.step-000001",
        "comparison": "job_compared",
        "rvc": "rvc_anas",
        "entry": str(entry),
        "key": key,
        "batch": batch,
        "share": share,
        "feedback": feedback,
    }


def operations(service: Service) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    """Method, path, name of a field that says whose, and the operation."""
    document = service.client.app.openapi()  # type: ignore[attr-defined]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            given = {one["name"] for one in operation.get("parameters", ()) if one["in"] in ("path", "query")}
            for content in operation.get("requestBody", {}).get("content", {}).values():
                given |= set(content["schema"].get("properties", {}))
            for name in sorted(given & set(OWNED)):
                if (method.upper(), path, name) not in FREE:
                    yield method.upper(), path, name, operation


def asked(client: TestClient, method: str, path: str, name: str, operation: Any, owned: Mapping[str, str]) -> Any:
    """The answer to a request that means Ana's thing by `name`."""
    thing = owned[OWNED[name]]
    filled = re.sub(r"{(\w+)}", lambda found: owned.get(OWNED.get(found[1], ""), PLAIN.get(found[1], "x")), path)
    sent: dict[str, Any] = {}
    if f"{{{name}}}" not in path and name in {one["name"] for one in operation.get("parameters", ())}:
        sent["params"] = {**QUERIES.get(path, {}), name: thing}
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        fields = {**BODIES.get(path, {}), **MORE_FIELDS.get(name, {})}
        properties = next(iter(content.values()))["schema"].get("properties", {})
        fields |= {name: thing} if name in properties else {}
        if "application/json" in content:
            sent["json"] = fields
        else:
            sent |= {"data": fields, "files": {"file": ("a.wav", sound())} if "file" in properties else None}
    return client.request(method, filled, **sent)


def sound() -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 16000, 16000, "NONE", ""))
        written.writeframes(bytes(32000))
    return file.getvalue()


def test_every_route_answers_404_to_the_others_ids(service: Service, bea: TestClient, owned: dict[str, str]) -> None:
    walked, wrong = 0, []
    for method, path, name, operation in operations(service):
        answer = asked(bea, method, path, name, operation, owned)
        walked += 1
        if answer.status_code != OTHER_STATUS.get((method, path), 404) or owned[OWNED[name]] in str(
            answer.json().get("choices", "")
        ):
            wrong.append((method, path, name, answer.status_code, answer.text[:200]))
    assert not wrong, "\n".join(map(str, wrong))
    assert walked >= 60


def test_lists_have_ones_own(bea: TestClient, ana: TestClient, root: TestClient, owned: dict[str, str]) -> None:
    def known(client: TestClient) -> dict[str, bool]:
        lists = {
            "job": "/jobs",
            "voice": "/voices?limit=1000",
            "profile": "/quality-profiles",
            "dataset": "/training/dataset",
            "rvc": "/rvc-models",
            "entry": "/text/dictionary?search=GIF",
            "run": "/training/checkpoints",
            "comparison": "/training/comparisons",
            "batch": "/jobs/batch",
        }
        return {name: f'"{owned[name]}"' in client.get(path).text for name, path in lists.items()}

    assert not any(known(bea).values())
    assert {name for name, is_known in known(ana).items() if is_known} >= {
        "job",
        "voice",
        "profile",
        "dataset",
        "rvc",
        "batch",
    }
    assert {name for name, is_known in known(root).items() if is_known} >= {"job", "voice", "dataset", "rvc"}
    assert f'"{owned["voice"]}"' not in bea.get("/v1/audio/voices").text
    refusal = bea.post("/jobs", json={**BODIES["/jobs"], "voice_id": "nobody"}).json()
    assert refusal["code"] == "unknown_voice" and "ana" not in refusal["detail"].replace("annat", "")
    many = {"texts": ["Oi."], "language": "pt-BR"}
    for field in ("voice", "profile"):
        refused = bea.post("/jobs/batch", json={**many, field: owned[field]})
        assert refused.json()["code"] == "batch_rows_bad", refused.text
    assert bea.get(f"/jobs/archive?ids={owned['job']}").status_code == 404
    assert bea.post("/jobs/delete", json={"job_ids": [owned["job"]]}).status_code == 404
    assert owned["job"] not in bea.get("/jobs/export").text


def test_the_owner_speaks_with_and_deletes_what_is_theirs(service: Service, ana: TestClient, bea: TestClient) -> None:
    folder = service.services.settings.voices_path / "ana"
    assert owner_of(folder).startswith("user_")
    assert bea.delete("/voices/ana").status_code == 404 and folder.is_dir()
    assert ana.get("/voices/ana").json()["is_stock"] is False
    assert ana.delete("/voices/ana").status_code == 200 and not folder.exists()


def test_what_was_before_accounts_is_the_first_ones(tmp_path: Path) -> None:
    VoiceLibrary(tmp_path / "voices").add(meta(), STYLE, {})
    with running(tmp_path) as service:
        service.services.identity.accounts.add("root", PASSWORD, "admin")
        service.services.identity.accounts.add("bea", PASSWORD, "maker")
        assert signed_in(service, "root").get("/voices/ana").status_code == 200
        assert signed_in(service, "bea").get("/voices/ana").status_code == 404
