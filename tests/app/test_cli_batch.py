"""`papagaio batch`: a table of texts to a folder of sounds, with what is wrong by row; again, it only adds."""

from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from api_service import SILENCE
from waiting import wait_for

from app.cli import main
from speech.audio import load

TABLE = "text,language,voice,name\nBom dia.,pt-BR,,saudação\nOi.,pt-BR,nobody,\nHello there.,en-US,,\n"


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, the engine of silence, an English terminal, the table above."""
    for name in [name for name in os.environ if name.startswith(("PAPAGAIO_", "LC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PAPAGAIO_EXTRA_ENGINES", json.dumps(SILENCE))
    monkeypatch.setenv("PAPAGAIO_DEFAULT_ENGINE", "silence")
    (tmp_path / "rows.csv").write_text(TABLE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # of a service that ran in this process before
    return tmp_path


def run(captured: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(("batch", *words))
    shown = captured.readouterr()
    return code, shown.out, shown.err


def told(folder: str = "sounds") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(folder, "manifest.json").read_text(encoding="utf-8"))
    return found


def test_good_rows_are_spoken_and_the_bad_one_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "rows.csv", "-o", "sounds", "--format", "flac")
    assert code == 1 and "2 rows spoken, 0 were there already, 1 failed" in out and "Row 2: " in out
    assert "1/3  0001-saudação.flac" in err
    manifest = told()
    assert sorted(os.listdir("sounds")) == ["0001-saudação.flac", "0003.flac", "manifest.json"]
    assert [(one["row"], one["file"], one["text"]) for one in manifest["files"]] == [
        (1, "0001-saudação.flac", "Bom dia."),
        (3, "0003.flac", "Hello there."),
    ]
    assert {"language", "voice", "engine", "seed", "quality_profile_id", "duration_s", "sample_rate", "licence"} <= set(
        manifest["files"][0]
    )
    assert load(Path("sounds/0003.flac")).duration_s == pytest.approx(12 * 0.05, abs=0.01)
    [missing] = manifest["missing"]
    assert (missing["row"], missing["code"]) == (2, "unknown_preset") and "nobody" in missing["message"]


def test_what_is_there_is_not_spoken_again_and_what_changed_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "rows.csv", "-o", "sounds")[0] == 1
    first, third = (Path("sounds", name) for name in ("0001-saudação.wav", "0003.wav"))
    before = first.stat().st_mtime_ns, third.stat().st_mtime_ns
    Path("rows.csv").write_text(TABLE.replace("nobody", "").replace("Hello there", "Good night"), encoding="utf-8")
    code, out, _ = run(capsys, "rows.csv", "-o", "sounds", "--json")
    assert code == 0 and json.loads(out) | {"manifest": ""} == {
        "spoken": 2,
        "kept": 1,
        "failed": 0,
        "manifest": "",
        "missing": [],
    }
    assert first.stat().st_mtime_ns == before[0] and third.stat().st_mtime_ns > before[1]
    assert [one["text"] for one in told()["files"]] == ["Bom dia.", "Oi.", "Good night."] and told()["missing"] == []
    first.unlink()
    assert json.loads(run(capsys, "rows.csv", "-o", "sounds", "--json")[1])["kept"] == 2
    assert first.is_file()
    Path("sounds/manifest.json").write_text("[")
    assert json.loads(run(capsys, "rows.csv", "-o", "sounds", "--json")[1])["spoken"] == 3


def test_a_killed_run_goes_on_where_it_was(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("long.csv").write_text("text\n" + "Oi.\n" * 200, encoding="utf-8")
    words = [sys.executable, "-m", "app.cli", "batch", "long.csv", "-o", "sounds", "--language", "pt-BR"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: Path("sounds/manifest.json").exists())
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = len(told()["files"])
    assert 1 <= made < 200
    code, out, _ = run(capsys, "long.csv", "-o", "sounds", "--language", "pt-BR", "--json")
    assert code == 0 and json.loads(out)["kept"] == made and len(told()["files"]) == 200


def test_a_look_writes_nothing_and_estimates(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "rows.csv", "--dry-run")
    assert code == 1 and err == "" and not Path("sounds").exists()
    assert "Row 2: " in out and "2 of 3 rows can be spoken, 20 characters" in out and "not known" in out
    assert run(capsys, "rows.csv", "-o", "sounds")[0] == 1
    code, out, _ = run(capsys, "rows.csv", "--dry-run", "--json")
    preview = json.loads(out)
    assert code == 1 and preview["estimate_audio_s"] == pytest.approx(20 * 0.05, abs=0.2)
    assert preview["errors"][0]["row"] == 2


def test_json_is_a_list_or_the_body_of_the_api(
    machine: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("rows.json").write_text(json.dumps([{"text": "Oi.", "speed": 2}]), encoding="utf-8")
    code, out, _ = run(capsys, "rows.json", "-o", "one", "--language", "pt-BR")
    assert code == 0 and load(Path("one/0001.wav")).duration_s == pytest.approx(3 * 0.05 / 2, abs=0.01)
    body = {"texts": ["Um.", "Dois."], "language": "pt-BR", "title": "Números"}
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(body).encode())))
    assert run(capsys, "-", "-o", "two")[0] == 0
    assert told("two")["title"] == "Números" and len(told("two")["files"]) == 2


@pytest.mark.parametrize(
    ("content", "words", "expected"),
    [
        ("words\nOi.\n", ("-o", "sounds"), "text, language, voice"),
        ("text\n", ("-o", "sounds"), "nothing to speak"),
        ('[{"text": "Oi."}', ("-o", "sounds"), "JSON"),
        ("text\nOi.\n", (), "-o/--output"),
        ("text\nOi.\n", ("-o", "sounds", "--format", "exe"), "wav, mp3"),
        ("text\nOi.\n", ("-o", "rows.csv", "--language", "pt-BR"), "rows.csv could not be written"),
        (None, ("-o", "sounds"), "rows.csv could not be read"),
    ],
)
def test_what_cannot_be_is_answered_in_one_line(
    content: str | None, words: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("rows.csv").unlink() if content is None else Path("rows.csv").write_text(content)
    code, out, err = run(capsys, "rows.csv", *words)
    assert (code, out) == (2, "") and expected in err and err.count("\n") == 1
