"""Mixtures of voices over HTTP and from the command line: heard, kept with their sources, and refused."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from api_service import Service, running

from app.cli import main
from speech.audio import load
from speech.models import ModelStore

HALVES = [{"voice_id": "pf_dora", "weight": 0.5}, {"voice_id": "pm_alex", "weight": 0.5}]
Captured = pytest.CaptureFixture[str]


@pytest.fixture
def kokoro(model_store: ModelStore, tmp_path: Path) -> Iterator[Service]:
    with running(tmp_path / "data", default_engine="kokoro", models_dir=model_store.root) as service:
        yield service


def asked(service: Service, route: str, **body: Any) -> tuple[int, dict[str, Any]]:
    answer = service.client.post(route, json=body)
    return answer.status_code, answer.json()


def test_a_morph_is_heard_kept_exported_and_listed(kokoro: Service) -> None:
    heard = kokoro.client.post("/voices/morph/preview", json={"voices": HALVES, "text": "Oi."})
    assert heard.status_code == 200 and load(io.BytesIO(heard.content)).duration_s > 0.2
    shape = {"pitch_semitones": -1.5, "tone_db": 3, "method": "spherical"}
    status, voice = asked(kokoro, "/voices/morph", name="Meio a meio", voices=HALVES, **shape)
    assert status == 201, voice
    assert (voice["id"], voice["engine"], voice["language"], voice["effort"]) == (
        "meio_a_meio",
        "kokoro",
        "pt-BR",
        "blend",
    )
    assert voice["gender"] == "unknown" and voice["consent"] is None and not voice["is_stock"]
    library = kokoro.services.cloning.library()
    provenance = library.document("meio_a_meio").provenance
    assert provenance["blend"]["timbre"] == {"pf_dora": 0.5, "pm_alex": 0.5}
    assert provenance["shape"] == {"pitch_semitones": -1.5, "tone_db": 3.0}
    assert [source["voice_id"] for source in provenance["sources"]] == ["pf_dora", "pm_alex"]
    file = kokoro.client.get("/voices/meio_a_meio/export").content
    kokoro.client.delete("/voices/meio_a_meio")
    brought = kokoro.client.post("/voices/import", files={"file": ("v.safetensors", file)})
    assert brought.status_code == 201 and library.document("meio_a_meio").provenance == provenance
    assert asked(kokoro, "/voices/morph", name="Meio a meio", voices=HALVES)[1]["code"] == "voice_exists"


def test_a_style_is_kept_and_a_morph_of_a_morph(kokoro: Service) -> None:
    body = {"timbre_voice_id": "pf_dora", "prosody_voice_id": "pm_alex", "strength": 0.75}
    assert asked(kokoro, "/voices/style", name="Dora como Alex", **body)[0] == 201
    document = kokoro.services.cloning.library().document("dora_como_alex")
    assert document.provenance["blend"]["timbre"] == {"pf_dora": 1.0}
    assert document.provenance["blend"]["prosody"] == {"pf_dora": 0.25, "pm_alex": 0.75}
    shares = [{"voice_id": "dora_como_alex", "weight": 0.5}, {"voice_id": "pf_dora", "weight": 0.5}]
    status, voice = asked(kokoro, "/voices/morph", name="Neta", voices=shares)
    assert status == 201
    source = kokoro.services.cloning.library().document("neta").provenance["sources"][0]
    assert source["provenance"]["blend"]["method"] == "linear"


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("morph", {"voices": [{"voice_id": "pf_dora", "weight": 0.4}]}, "morph_weights"),
        ("morph", {"voices": [{"voice_id": "nobody", "weight": 1}]}, "unknown_voice"),
        ("morph", {"voices": [HALVES[0], HALVES[0]]}, "invalid_request"),
        ("morph", {"voices": HALVES, "tts_engine": "f5tts"}, "engine_cannot_blend"),
        ("morph", {"voices": HALVES, "tts_engine": "siri"}, "unknown_engine"),
        ("morph", {"voices": HALVES, "method": "cubic"}, "invalid_request"),
        ("morph", {"voices": HALVES, "pitch_semitones": 40}, "invalid_request"),
        ("morph", {"voices": HALVES, "colour": "red"}, "invalid_request"),
        ("morph", {"voices": [{"voice_id": "silence_male", "weight": 1}]}, "morph_engines_differ"),
        ("style", {"timbre_voice_id": "pf_dora", "prosody_voice_id": "pf_dora"}, "morph_same_voice"),
        ("style", {"timbre_voice_id": "pf_dora", "prosody_voice_id": "pm_alex", "strength": 2}, "invalid_request"),
    ],
)
def test_what_cannot_be_mixed_is_refused_and_nothing_kept(
    kokoro: Service, path: str, body: dict[str, Any], code: str
) -> None:
    status, problem = asked(kokoro, f"/voices/{path}", name="Nada", **body)
    assert problem["code"] == code and 400 <= status < 500, problem
    assert kokoro.client.get("/voices/nada").status_code == 404


def test_a_path_needs_places_in_order_and_is_no_voice(kokoro: Service) -> None:
    path = [{"at": at, "voices": HALVES} for at in (0.0, 0.0)]
    assert asked(kokoro, "/voices/morph/preview", text="Oi.", path=path)[1]["code"] == "morph_path"
    both = asked(kokoro, "/voices/morph/preview", text="Oi.", path=path, voices=HALVES)
    assert both[1]["code"] == "invalid_request"
    assert asked(kokoro, "/voices/morph", name="Nada", path=path)[1]["code"] == "invalid_request"


def test_the_command_line_keeps_and_speaks(
    model_store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PAPAGAIO_MODELS_DIR", str(model_store.root))
    output = tmp_path / "a.wav"
    mixed = ["morph", "pf_dora=0.5", "pm_alex=0.5"]
    assert main([*mixed, "--prosody", "pf_dora=1", "--name", "Mista", "--text", "Oi.", "-o", str(output)]) == 0
    assert load(output).duration_s > 0.2 and "mista" in capsys.readouterr().out
    assert main([*mixed, "--name", "Mista"]) == 2
    assert main(mixed) == 2 and main(["morph", "pf_dora=x", "--name", "N"]) == 2
    assert "pf_dora=x" in capsys.readouterr().err
