"""Weights that ask for consent: not brought without it, asked for once, and kept who agreed."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_models import CONTENT, Hub, hub

from app.cli import main
from app.commands.console import Console
from app.commands.models import licences, pull
from speech.errors import SpeechError
from speech.models import CATALOGUE, ModelStore, read_catalogue

__all__ = ["hub"]
TERMS = {"licence": "CPML-1.0", "title": "Coqui Public Model License 1.0.0", "url": "https://example.com/cpml"}


def store_with_terms(folder: Path, hub: Hub, *names: str) -> ModelStore:
    entries = {}
    for name in names:
        hub.files[f"/{name}.bin"] = CONTENT
        file = {"path": f"{name}.bin", "size": len(CONTENT), "sha256": hashlib.sha256(CONTENT).hexdigest()}
        entry = {"title": "T", "purpose": {"en": "t"}, "licence": "LicenseRef-CPML", "licence_note": {"en": "t"}}
        source = {"kind": "hub", "urls": {"*": hub.url + "/{path}"}}
        entries[name] = {**entry, "files": [file], "sources": [source], "terms": TERMS}
    catalogue = folder / "catalogue.json"
    catalogue.write_text(json.dumps(entries))
    return ModelStore(folder / "models", catalogue)


def test_nothing_is_fetched_without_consent(tmp_path: Path, hub: Hub) -> None:
    store = store_with_terms(tmp_path, hub, "clone")
    with pytest.raises(SpeechError) as refused:
        store.pull("clone")
    assert refused.value.code == "licence_not_accepted" and refused.value.values["url"] == TERMS["url"]
    assert refused.value.values["command"] == "papagaio models pull clone --accept-licence CPML-1.0"
    assert hub.ranges == [] and not (tmp_path / "models").exists()


def test_consent_is_kept_and_asked_for_once(tmp_path: Path, hub: Hub) -> None:
    store = store_with_terms(tmp_path, hub, "clone", "other")
    console = Console("en", io.StringIO(), io.StringIO())
    with pytest.raises(SpeechError, match="licence_not_accepted"):
        pull(store, "clone", console)  # no terminal, no word
    with pytest.raises(SpeechError, match="licence_not_accepted"):
        pull(store, "clone", console, "MIT")
    pull(store, "clone", console, "CPML-1.0")
    assert store.is_installed("clone")
    kept = json.loads((tmp_path / "models/.licences/CPML-1.0.json").read_text())
    assert kept["licence"] == "CPML-1.0" and kept["agreed_by"] and kept["agreed_at"].endswith("+00:00")
    pull(store, "other", console)
    assert store.is_installed("other")
    assert json.loads((tmp_path / "models/.licences/CPML-1.0.json").read_text()) == kept


ASK = """
import sys
from pathlib import Path
from app.commands.console import Console
from app.commands.models import pull
from speech.models import ModelStore
pull(ModelStore(Path(sys.argv[1]), Path(sys.argv[2])), "clone", Console("pt-BR"))
"""


@pytest.mark.parametrize(("answer", "agreed"), [(b"s\n", True), (b"n\n", False), (b"\n", False)])
def test_a_person_at_a_terminal_is_asked(tmp_path: Path, hub: Hub, answer: bytes, agreed: bool) -> None:
    store = store_with_terms(tmp_path, hub, "clone")
    ours, theirs = os.openpty()
    os.write(ours, answer)
    command = [sys.executable, "-c", ASK, str(store.root), str(tmp_path / "catalogue.json")]
    with subprocess.Popen(command, stdin=theirs, stderr=theirs, close_fds=True) as process:
        code = process.wait(30)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert TERMS["url"] in shown and "Você concorda?" in shown
    assert (store.is_installed("clone"), code == 0) == (agreed, agreed)
    assert (store.root / ".licences/CPML-1.0.json").exists() == agreed


def test_the_shipped_weights_that_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    asking = {name: info.terms for name, info in read_catalogue(CATALOGUE).items() if info.terms}
    assert list(asking) == ["xtts-v2"]
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("LANG", "C.UTF-8")
    assert main(("models", "pull", "xtts-v2")) == 2
    shown = capsys.readouterr().err
    assert "LICENSE.txt" in shown and "--accept-licence CPML-1.0" in shown.splitlines()[-1]
    assert main(("models", "pull", "bootstrap", "--accept-licence", "CPML-1.0")) == 2
    assert main(("models", "pull", "xtts-v2", "--accept-licence", "MIT")) == 2
    assert "CPML-1.0" in capsys.readouterr().err and not (tmp_path / "models").exists()
    store = ModelStore(tmp_path / "models")
    terms = store.info("xtts-v2").terms
    assert terms is not None
    store.agreements.record(terms, "ana")
    console = Console("en", io.StringIO())
    assert licences(None, console) == 0  # type: ignore[arg-type]
    assert isinstance(console.out, io.StringIO) and "agreed to by ana" in console.out.getvalue()
