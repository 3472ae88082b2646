"""Checkpoints over HTTP: loaded, spoken with, compared blind, kept as voices that jobs and OpenAI's clients use."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running
from tuned_runs import RUN, write_dataset, write_run
from xtts_brief import write_brief

from app.jobs.runner import Worker
from app.tasks.comparisons import compare_voices
from bench.xtts_reference import recording
from speech.audio import Audio, to_bytes
from speech.engines.xtts.adapters import ADAPTER, load_adapter
from speech.engines.xtts.checkpoint import open_checkpoint
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.voice_folder import CURVE
from train.xtts.adapters import put, save_adapter
from train.xtts.options import XttsOptions
from train.xtts.trainable import XttsFit

pytest.importorskip("torch")
pytest.importorskip("tokenizers")

TEXT = "Bom dia."
TUNED, BASE = f"{RUN}/step-000004", f"{RUN}/base"
CONSENT = {"name": "Ana ajustada", "consent": True}


@pytest.fixture(scope="module")
def brief(xtts_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = write_brief(xtts_tiny, tmp_path_factory.mktemp("xtts_brief"), 8.0)
    shutil.copyfile(xtts_tiny / "dvae.pth", folder / "dvae.pth")
    return folder


@pytest.fixture(scope="module")
def studio(brief: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service"), xtts_dir=brief, device="cpu") as service:
        write_dataset(service.services)
        write_run(service.services, brief)
        yield service


def send(studio: Service, path: str, status: int = 200, verb: str = "POST", **body: Any) -> Any:
    answer = studio.client.request(verb, f"/training{path}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


def spoken(studio: Service, path: str = "/inference/synthesize", **fields: Any) -> bytes:
    answer = studio.client.post(f"/training{path}", json={"text": TEXT, "seed": 5, **fields})
    assert answer.status_code == 200, answer.text
    assert studio.client.get(answer.headers["Content-Location"]).content == answer.content  # to be shared
    return frames(answer.content)


def frames(wav: bytes) -> bytes:
    with wave.open(io.BytesIO(wav)) as file:
        assert file.getframerate() == 24000
        return file.readframes(file.getnframes())


def compared(studio: Service, test: str = "ab", **fields: Any) -> str:
    """Id of a session whose sounds are made."""
    sides = [{"checkpoint": BASE}, {"checkpoint": TUNED}]
    body = {"sides": sides, "texts": [TEXT, "Tudo bem?"], "measure": False, "test": test, **fields}
    job = send(studio, "/inference/compare", 202, **body)
    assert studio.client.get(f"/training/comparisons/{job['id']}").status_code == 404
    services = studio.services
    task = partial(compare_voices, services.comparisons, services.synthesizer)
    rest: dict[str, Any] = {"worker_id": "w", "lease_s": 60, "poll_s": 0.01, "queues": ["intake"]}
    Worker(services.database, services.files, {"comparison": task}, **rest).run_next()
    done = studio.client.get(f"/jobs/{job['id']}").json()
    assert done["status"] == "completed", done["error"]
    return str(job["id"])


def test_a_checkpoint_is_loaded(studio: Service) -> None:
    loaded = send(studio, "/inference/load", checkpoint=TUNED)
    assert (loaded["device"], loaded["sample_rate"], loaded["language"]) == ("cpu", 24000, "pt-BR")
    names = studio.services.synthesizer.pool_stats().loaded
    assert any(name.endswith("step-000004") for name in names)
    told = studio.client.get("/health/engines").json()["hosts"][0]["loaded"]
    assert "xtts step-000004" in told and not any("/" in name for name in told)


def test_checkpoint_and_base_speak_differently_and_the_same_seed_alike(studio: Service) -> None:
    tuned = spoken(studio, checkpoint=TUNED)
    assert spoken(studio, checkpoint=TUNED) == tuned != spoken(studio, checkpoint=BASE)
    assert spoken(studio, "/synthesize", checkpoint=TUNED) == tuned


def test_adapters_are_blended_by_their_weights(studio: Service) -> None:
    first, last = f"{RUN}/step-000002", TUNED

    def parts(*weights: float) -> list[dict[str, Any]]:
        return [{"checkpoint": name, "weight": weight} for name, weight in zip((first, last), weights, strict=True)]

    loaded = send(studio, "/inference/load", checkpoints=parts(0.7, 0.3))
    assert loaded["checkpoint"] == f"{first}*0.7+{last}*0.3" and loaded["language"] == "pt-BR"
    assert any(name.rpartition("/")[2].startswith("blend-") for name in studio.services.synthesizer.pool_stats().loaded)
    assert spoken(studio, checkpoints=parts(0.0, 1.0)) == spoken(studio, checkpoint=last)
    half = spoken(studio, checkpoints=parts(0.5, 0.5))
    assert half not in (
        spoken(studio, checkpoint=first),
        spoken(studio, checkpoint=last),
        spoken(studio, checkpoint=BASE),
    )
    form = {"text": TEXT, "seed": "5", "checkpoints": [json.dumps(part) for part in parts(0.5, 0.5)]}
    answer = studio.client.post("/training/synthesize", files=[(name, (None, one)) for name, one in flat(form)])
    assert answer.status_code == 200 and frames(answer.content) == half, answer.text
    assert answer.headers["X-Papagaio-Voice"] == f"{first}*0.5+{last}*0.5"


def flat(form: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, one) for name, value in form.items() for one in (value if isinstance(value, list) else [value])]


def test_of_a_scored_pair_one_score_is_not_enough(studio: Service) -> None:
    session = compared(studio, "mos")
    trial = studio.client.get(f"/training/comparisons/{session}").json()["trials"][0]
    for sound, is_voted in zip(trial["sounds"], (False, True), strict=True):
        body = {"trial_id": trial["trial_id"], "choice": sound, "score": 4}
        answer = studio.client.post(f"/training/comparisons/{session}/votes", json=body).json()
        assert next(one for one in answer["trials"] if one["trial_id"] == trial["trial_id"])["voted"] is is_voted


def test_a_reference_can_be_sent(studio: Service) -> None:
    wav, tuned = to_bytes(Audio(recording(3.5, 9), 22050), "wav"), spoken(studio, checkpoint=TUNED)
    for fields in ({"checkpoint": TUNED}, {"language": "pt-BR"}):
        answer = studio.client.post(
            "/training/inference/synthesize",
            data={"text": TEXT, "seed": "5", **fields},
            files={"speaker_wav": ("ana.wav", wav)},
        )
        assert answer.status_code == 200, answer.text
        assert frames(answer.content) != tuned


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/inference/load", {"checkpoint": "nobody/step-000004"}, 404, "unknown_run"),
        ("/inference/load", {"checkpoint": f"{RUN}/step-000009"}, 404, "unknown_checkpoint"),
        ("/inference/load", {"checkpoint": "../../etc"}, 422, "bad_checkpoint_name"),
        ("/inference/load", {"checkpoint": "../passwd"}, 404, "unknown_run"),
        ("/inference/load", {"checkpoint": f"{RUN}/.."}, 404, "unknown_checkpoint"),
        ("/inference/load", {"checkpoint": RUN}, 422, "bad_checkpoint_name"),
        ("/inference/load", {}, 422, "invalid_request"),
        ("/inference/load", {"checkpoints": [{"checkpoint": TUNED, "weight": 3}]}, 422, "invalid_request"),
        ("/inference/load", {"checkpoints": [{"checkpoint": BASE, "weight": 1}]}, 404, "unknown_checkpoint"),
        ("/inference/load", {"checkpoints": [{"checkpoint": RUN, "weight": 1}]}, 422, "bad_checkpoint_name"),
        ("/inference/load", {"checkpoint": TUNED, "checkpoints": [{"checkpoint": TUNED, "weight": 1}]}, 422, None),
        ("/inference/synthesize", {"text": TEXT}, 422, "invalid_request"),
        ("/inference/synthesize", {"text": "", "checkpoint": TUNED}, 422, "invalid_request"),
        ("/inference/synthesize", {"text": TEXT, "checkpoint": TUNED, "language": "xx"}, 422, "language_not_spoken"),
        ("/inference/synthesize", {"text": TEXT, "checkpoint": TUNED, "speed": 3.0}, 422, "invalid_request"),
        ("/inference/synthesize", {"text": TEXT, "checkpoint": TUNED, "voice": "nobody"}, 404, "unknown_voice"),
        ("/inference/compare", {"sides": [{"checkpoint": TUNED}], "texts": [TEXT]}, 422, "invalid_request"),
        ("/inference/compare", {"sides": [{"checkpoint": TUNED}] * 2, "texts": [TEXT]}, 422, "sides_alike"),
        ("/inference/compare", {"sides": [{"checkpoint": TUNED}, {}], "texts": [TEXT]}, 422, "invalid_request"),
        ("/inference/compare", {"sides": [{"checkpoint": TUNED}, {"checkpoint": BASE}], "texts": []}, 422, None),
    ],
)
def test_what_cannot_be_is_refused(studio: Service, path: str, body: Any, status: int, code: str | None) -> None:
    answer = studio.client.post(f"/training{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code or "invalid_request"), answer.text


@pytest.mark.parametrize(("sound", "code"), [(b"no sound", "recording_unreadable"), (None, "reference_too_short")])
def test_a_reference_that_cannot_be_heard_is_refused(studio: Service, sound: bytes | None, code: str) -> None:
    data = sound or to_bytes(Audio(recording(1.2), 22050), "wav")
    sent = {"data": {"text": TEXT, "checkpoint": TUNED}, "files": {"speaker_wav": ("a.wav", data)}}
    answer = studio.client.post("/training/inference/synthesize", **sent)
    assert answer.status_code in (400, 415, 422) and answer.json()["code"] == code, answer.text


def test_a_comparison_is_blind_until_all_is_voted_on(studio: Service) -> None:
    name = compared(studio)
    assert name in [one["id"] for one in send(studio, "/comparisons", verb="GET")]
    session = send(studio, f"/comparisons/{name}", verb="GET")
    assert (session["test"], session["waiting"], len(session["trials"])) == ("ab", 2, 2)
    assert not any(word in str(session) for word in ("step", "base", RUN))
    for trial in session["trials"]:
        sounds = [studio.client.get(url) for url in trial["audio_urls"]]
        assert len({len(one.content) for one in sounds}) == 1 and sounds[0].content != sounds[1].content
        assert all(one.headers["content-type"] == "audio/wav" for one in sounds)
    assert send(studio, f"/comparisons/{name}/results", 409, verb="GET")["code"] == "comparison_open"
    for trial in session["trials"]:
        told = send(studio, f"/comparisons/{name}/votes", trial_id=trial["trial_id"], choice=trial["sounds"][0])
    assert told["waiting"] == 0 and told["votes"] == 2
    found = send(studio, f"/comparisons/{name}/results", verb="GET")
    assert found["sides"] == [BASE, TUNED] and found["verdict"]["of"] == TUNED and found["verdict"]["votes"] == 2
    wins = sum(one["sides"][0] == TUNED for one in found["trials"])
    assert found["verdict"]["wins"] == wins and found["verdict"]["low"] is not None
    rows = list(csv.DictReader(io.StringIO(studio.client.get(f"/training/comparisons/{name}/export").text)))
    assert len(rows) == 2 and {row["mode"] for row in rows} == {"ab"}
    send(studio, f"/comparisons/{name}", verb="DELETE")
    assert send(studio, f"/comparisons/{name}", 404, verb="GET")["code"] == "session_missing"


@pytest.mark.parametrize("test", ["abx", "mos"])
def test_other_tests_have_their_own_votes(studio: Service, test: str) -> None:
    name = compared(studio, test, texts=[TEXT])
    [trial] = send(studio, f"/comparisons/{name}", verb="GET")["trials"]
    assert len(trial["sounds"]) == (3 if test == "abx" else 2)
    score = {"score": 4} if test == "mos" else {}
    for sound in trial["sounds"][: 1 if test == "abx" else 2]:
        send(studio, f"/comparisons/{name}/votes", trial_id=trial["trial_id"], choice=sound, **score)
    assert send(studio, f"/comparisons/{name}/results", verb="GET")["waiting"] == 0
    for vote in ({"choice": "none"}, {"choice": trial["sounds"][0], "score": None if score else 3}):
        code = send(studio, f"/comparisons/{name}/votes", 422, trial_id=trial["trial_id"], **vote)["code"]
        assert code == "bad_vote"


def test_voices_and_engines_can_be_sides(studio: Service) -> None:
    sides = [{"checkpoint": TUNED}, {"voice": "xtts_luis_moray", "engine": "xtts"}]
    assert compared(studio, sides=sides, texts=[TEXT])
    assert compared(studio, sides=[{"voice": "silence_male"}, {"voice": "xtts_luis_moray"}], texts=[TEXT])


def test_what_judges_heard_of_each_side_comes_with_the_results(
    model_store: ModelStore, installed: Callable[..., ModelStore], tmp_path: Path
) -> None:
    installed("whisper-base")
    sides = [{"voice": "pf_dora"}, {"voice": "silence_male"}]
    with running(tmp_path, models_dir=model_store.root) as service:
        name = compared(service, sides=sides, texts=["Bom dia, como vai você?"], measure=True)
        measures = send(service, f"/comparisons/{name}/results?early=true", verb="GET")["measures"]
    voice, silence = measures["pf_dora (kokoro)"], measures["silence_male (silence)"]
    assert voice["word_error_rate"] < 0.5 < silence["word_error_rate"]
    assert voice["duration_s"][0] > 0.8
    assert voice["similarity"] is None  # neither side has clips of a speaker


def test_a_checkpoint_becomes_a_voice_of_every_client(studio: Service) -> None:
    path = f"/checkpoints/{RUN}/step-000004/voice"
    assert send(studio, path, 422, name="Ana ajustada")["code"] == "consent_missing"
    made = send(studio, path, 201, **CONSENT)
    voice = made["id"]
    assert (made["engine"], made["language"], made["effort"]) == ("xtts", "pt-BR", "fine-tuned")
    assert send(studio, path, 409, **CONSENT)["code"] == "voice_exists"
    job = studio.completed(TEXT, voice_id=voice, seed=5)
    assert (job["tts_engine_used"], job["device"]) == ("xtts", "cpu")
    sound = frames(studio.client.get(job["audio_url"]).content)
    ask = {"model": "tts-1", "voice": voice, "input": TEXT, "response_format": "wav", "seed": 5, "language": "pt-BR"}
    same = studio.client.post("/v1/audio/speech", json=ask)
    assert same.status_code == 200 and same.headers["x-papagaio-voice"] == voice
    assert sound == frames(same.content) == spoken(studio, checkpoint=TUNED) != spoken(studio, checkpoint=BASE)
    exported = studio.client.get(f"/voices/{voice}/export")
    assert exported.status_code == 409 and exported.json()["code"] == "voice_with_weights"
    document = studio.client.get(f"/voices/{voice}/export?format=json")
    told = document.json()
    assert (told["file"], told["voice"]["has_weights"], told["voice"]["voice_id"]) == (None, True, voice)
    back = studio.client.post("/voices/import", files={"file": ("a.json", document.content)}, data={"voice_id": "bea"})
    assert (back.status_code, back.json()["code"]) == (409, "voice_with_weights")
    assert studio.client.get(f"/voices/{voice}").json()["has_weights"] is True
    assert studio.client.delete(f"/voices/{voice}").status_code == 200


def test_the_example_of_the_guide_runs(studio: Service) -> None:
    """The last, since its job waits in the service that all share."""
    guide = (Path(__file__).parents[2] / "docs" / "TRAINING_GUIDE.md").read_text(encoding="utf-8")
    run, _, step = TUNED.partition("/")
    names: dict[str, Any] = {"client": studio.client, "run": run, "step": step}
    exec(re.findall(r"```python\n(.*?)```", guide, re.S)[0], names)
    assert (names["job"]["kind"], names["job"]["status"]) == ("comparison", "pending")


def test_an_adapter_of_another_shape_is_not_loaded(studio: Service, brief: Path) -> None:
    """Nor one for a layer that the network has not, and neither is put into a training that goes on."""
    run, name = "bent-0a1b2c3d", "gpt.h.0.attn.c_attn"
    step = write_run(studio.services, brief, (2,), run) / "checkpoints" / "step-000002"
    whole = load_adapter(step / ADAPTER)
    up, down = whole.factors[name]
    bent = {"shorter": {name: (up[:-1], down)}, "unknown": {"gpt.h.99.attn.c_attn": (up, down)}}
    layers = XttsFit(open_checkpoint(brief), [], [], XttsOptions(rank=4, targets="all")).adapters
    for what, factors in bent.items():
        save_adapter(step / ADAPTER, replace(whole, factors=factors))
        told = send(studio, "/inference/load", 409, checkpoint=f"{run}/step-000002")
        assert told["code"] == "adapter_other_shape" and next(iter(factors)) in told["detail"], what
        with pytest.raises(SpeechError) as caught:
            put(layers, load_adapter(step / ADAPTER))
        assert caught.value.code == "adapter_other_shape"
    put(layers, whole)
    shutil.rmtree(step.parents[1])


def test_both_lists_tell_the_same_mean_training_loss(studio: Service) -> None:
    """Of the steps since the validation before, not of the last one alone."""
    folder = studio.services.training.run_folder(RUN)
    rows: list[dict[str, float]] = [
        {"step": 1, "loss": 6.0, "text": 1.0, "audio": 5.0},
        {"step": 2, "loss": 4.0, "text": 1.0, "audio": 3.0},
        {"step": 2, "held_out_loss": 4.8},
        {"step": 3, "loss": 3.0, "text": 1.0, "audio": 2.0},
        {"step": 4, "loss": 2.0, "text": 0.5, "audio": 1.5},
        {"step": 4, "held_out_loss": 4.6},
    ]
    (folder / CURVE).write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    try:
        listed = {one["name"]: one["train_loss"] for one in send(studio, "/checkpoints", verb="GET")}
        for step, mean in ((2, 5.0), (4, 2.5)):
            single = studio.client.get(f"/v1/finetune/checkpoints/{RUN}.step-{step:06}").json()
            assert single["train_loss"] == listed[f"{RUN}/step-{step:06}"] == mean
    finally:
        (folder / CURVE).unlink()


def test_who_only_looks_at_runs_brings_no_pytorch(studio: Service) -> None:
    """The web process stays small: 150 MB are more than it may hold."""
    probe = (
        "import sys; from pathlib import Path; from app.tasks.training_service import TrainingService;"
        "from speech.models import ModelStore;"
        "service = TrainingService(ModelStore(Path()), Path(sys.argv[1]), Path());"
        "print([one['name'] for one in service.checkpoints()], service.weights(*sys.argv[2:]).name,"
        "service.language(sys.argv[2]), 'torch' in sys.modules)"
    )
    root = studio.services.settings.trainings_path
    run, _, step = TUNED.partition("/")
    asked = [sys.executable, "-c", probe, str(root), run, step]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert TUNED in said and ".safetensors" in said and said.split()[-1] == "False"
