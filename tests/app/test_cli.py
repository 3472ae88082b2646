"""The command line as a person meets it: exit codes, one line an error, both languages, real sound files."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from app.cli import main
from app.commands.console import Console, language_of
from app.commands.speak import chosen_voice
from speech.audio import load
from speech.engines.records import EngineRecord
from speech.engines.silence import Silence
from speech.errors import SpeechError
from speech.models import ModelStore, PullProgress
from speech.voices import Voice

Captured = pytest.CaptureFixture[str]

COMMANDS = (
    "serve, worker, speak, batch, read, dictionary, clone, convert, morph, models, dataset, voices, users, "
    "feedback, secrets, backup, restore, wyoming, doctor"
)


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, the silent engine, an English terminal."""
    for name in [name for name in os.environ if name.startswith(("PAPAGAIO_", "LC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("PAPAGAIO_EXTRA_ENGINES", json.dumps({"silence": "speech.engines.silence:Silence"}))
    monkeypatch.setenv("PAPAGAIO_DEFAULT_ENGINE", "silence")
    return tmp_path


def run(captured: Captured, *words: str) -> tuple[int, str, str]:
    code = main(words)
    shown = captured.readouterr()
    return code, shown.out, shown.err


def test_speaks_into_a_file_and_says_what_was_used(machine: Path, capsys: Captured) -> None:
    target = machine / "hello.flac"
    code, out, err = run(capsys, "speak", "Hello there, how are you?", "-o", str(target), "--speed", "2")
    assert (code, err) == (0, "")
    assert load(target).duration_s == pytest.approx(25 * 0.05 / 2, abs=0.05)
    for used in (str(target), "flac", "Engine silence", "voice silence_female", "language en-US", "real-time factor"):
        assert used in out


def test_portuguese_terminal_reads_portuguese(machine: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "pt_BR.UTF-8")
    code, out, _ = run(capsys, "speak", "Olá, tudo bem?", "-o", str(machine / "ola.wav"))
    assert code == 0 and "fator de tempo real" in out and "idioma pt-BR" in out
    code, _, err = run(capsys, "speak", "Olá", "-o", str(machine / "ola.xyz"))
    assert code == 2 and "Não existe" in err and "wav" in err


def test_standard_input_is_read(machine: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfHello there.")))
    target = machine / "in.wav"
    assert run(capsys, "speak", "-", "-o", str(target))[0] == 0
    assert load(target).duration_s == pytest.approx(12 * 0.05, abs=0.01)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"ab\xff")))
    code, _, err = run(capsys, "speak", "-", "-o", str(target))
    assert code == 2 and "byte 2" in err


def test_profile_gives_parameters_and_speed_wins(machine: Path, capsys: Captured) -> None:
    words = ("speak", "Hello there.", "-o", str(machine / "a.wav"), "--profile", "balanced", "--speed", "0.5")
    assert run(capsys, *words)[0] == 0
    assert load(machine / "a.wav").duration_s == pytest.approx(12 * 0.05 / 0.5, abs=0.01)
    code, _, err = run(capsys, "speak", "Hello", "-o", str(machine / "b.wav"), "--profile", "nope")
    assert code == 2 and "silence_balanced" in err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ((), COMMANDS),
        (("sing",), COMMANDS),
        (("models",), "list, pull, verify, licences"),
        (("speak",), "text, -o/--output"),
        (("speak", "x", "-o"), "-o/--output needs a value"),
        (("speak", "x", "-o", "x.wav", "--pitch", "2"), "Not understood: --pitch 2".replace(" 2", ", 2")),
        (("speak", "x", "-o", "x.wav", "--voi", "2"), "--voice"),
        (("speak", "x", "-o", "x.wav", "--speed", "fast"), "fast is not a number"),
        (("speak", "x", "-o", "x.wav", "--speed", "9"), "from 0.5 to 2.0"),
        (("speak", "x", "-o", "x.wav", "--voice", "nobody"), "silence_female, silence_male"),
        (("speak", "x", "-o", "x.wav", "--seed", "1"), "takes no seed"),
        (("speak", "x", "-o", "x.wav", "--seed", "one"), "one is not a number"),
        (("speak", "", "-o", "x.wav"), "no text"),
        (("speak", "x", "-o", "/no/such/folder/x.wav"), "/no/such/folder"),
        (("speak", "x", "-o", "x"), "wav, mp3"),
        (("serve", "--port", "70000"), "65535"),
        (("serve", "--port", "0", "--open"), "--port"),
        (("models", "pull", "kokoro-int4"), "kokoro-int8"),
    ],
)
def test_wrong_words_are_answered_in_one_line_with_the_choices(
    words: tuple[str, ...], expected: str, capsys: Captured
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert expected in err and err.count("\n") == 1 and err.startswith("papagaio: ")


def test_unknown_setting_is_bad_input(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAPAGAIO_PROT", "8005")
    code, _, err = run(capsys, "models", "list")
    assert code == 2 and "PAPAGAIO_PROT" in err and "PAPAGAIO_PORT" in err


def test_output_that_cannot_be_written_is_named(machine: Path, capsys: Captured) -> None:
    (machine / "taken.wav").mkdir()
    code, _, err = run(capsys, "speak", "Hello", "-o", str(machine / "taken.wav"))
    assert code == 2 and "taken.wav could not be written" in err
    assert [path.name for path in machine.iterdir() if path.is_file()] == []


def test_models_are_listed_with_state_and_licence(capsys: Captured) -> None:
    code, out, _ = run(capsys, "models", "list")
    rows = [line.split() for line in out.splitlines()]
    assert code == 0 and [row[0] for row in rows] == list(ModelStore(Path("unused")).names())
    assert all(row[1] == "missing" for row in rows)
    code, out, _ = run(capsys, "models", "licences")
    assert code == 0 and "Apache-2.0" in out and "CC-BY-4.0" in out


def test_verify_finds_what_is_damaged(machine: Path, capsys: Captured) -> None:
    folder = machine / "data/models/bootstrap"
    folder.mkdir(parents=True)
    (folder / "LICENSE").write_text("not the licence")
    code, out, _ = run(capsys, "models", "verify")
    assert code == 1 and "css/bootstrap.min.css" in out and "papagaio models pull bootstrap" in out


def test_doctor_tells_what_is_missing_and_how_to_bring_it(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(capsys, "doctor")[0] == 0  # the silent engine needs nothing
    monkeypatch.setenv("PAPAGAIO_DEFAULT_ENGINE", "kokoro")
    code, out, _ = run(capsys, "doctor")
    assert code == 1
    for line in ("papagaio models pull kokoro-int8", "papagaio models pull kokoro-voices", "F5-TTS has no weights yet"):
        assert line in out
    assert "papagaio models pull xtts-v2" in out or "./run xtts" in out
    monkeypatch.setenv("PAPAGAIO_XTTS_DIR", "/nowhere")
    _, out, _ = run(capsys, "doctor")
    assert "/nowhere" in out or "./run xtts" in out


def test_doctor_tells_where_the_weights_for_training_are(
    capsys: Captured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    _, out, _ = run(capsys, "doctor")
    assert "--  Training / xtts: " in out and "papagaio models pull xtts-v2" in out
    own = tmp_path / "own weights"
    own.mkdir()
    monkeypatch.setenv("PAPAGAIO_XTTS_DIR", str(own))
    _, out, _ = run(capsys, "doctor")
    address = "https://huggingface.co/coqui/XTTS-v2/resolve/"
    assert f"--  Training / xtts: Training reads dvae.pth, which {own} lacks" in out
    assert re.search(rf"curl -fL -o '{own}/dvae.pth' {address}[0-9a-f]{{40}}/dvae.pth$", out, re.M)
    (own / "dvae.pth").write_bytes(b"")
    _, out, _ = run(capsys, "doctor")
    assert f"ok  Training / xtts: {own}\n" in out


def test_an_engine_without_a_folder_of_weights_says_how_to_name_one(capsys: Captured) -> None:
    pytest.importorskip("rjieba")
    code, out, err = run(capsys, "speak", "Hello.", "-o", "x.wav", "--engine", "f5tts")
    assert (code, out) == (1, "") and "F5-TTS has no weights yet" in err and '{"f5tts": "/the/folder"}' in err


def test_an_engine_whose_weights_ask_for_consent_says_so(capsys: Captured) -> None:
    pytest.importorskip("tokenizers")
    code, out, err = run(capsys, "speak", "Hello.", "-o", "x.wav", "--engine", "xtts")
    assert (code, out) == (2, "")
    assert "non-commercial" in err and "papagaio models pull xtts-v2 --accept-licence CPML-1.0" in err


def test_voice_follows_the_language_and_the_language_the_voice() -> None:
    voices = [Voice("b", "e", "en-US", "male", "B"), Voice("c", "e", "pt-BR", "male", "C")]
    record = EngineRecord(replace(Silence.info, name="e"))
    assert chosen_voice(voices, record, None, None, "pt-BR") == ("c", "pt-BR")
    assert chosen_voice(voices, record, None, "pt", "en") == ("c", "pt")
    assert chosen_voice(voices, record, None, "fr", "en") == ("b", "fr")
    assert chosen_voice(voices, record, "b", None, "pt-BR") == ("b", "")
    assert chosen_voice(voices, record, "b", "pt-BR", "en") == ("b", "pt-BR")


def test_language_is_the_terminals() -> None:
    assert language_of({"LANG": "pt_BR.UTF-8"}) == language_of({"LC_ALL": "pt_PT", "LANG": "en_US"}) == "pt-BR"
    assert language_of({}) == language_of({"LANG": "C.UTF-8"}) == language_of({"LANG": "fr_FR"}) == "en"


def test_progress_is_a_line_a_quarter_and_a_notice_says_why() -> None:
    err = io.StringIO()
    console = Console("en", err=err)
    for done in range(101):
        console.pulled(PullProgress("m", "downloading", "pypi", done, 100))
    assert err.getvalue().splitlines()[0] == "m: downloading from pypi 0% (0.0/0.0 MB)"
    assert len(err.getvalue().splitlines()) == 5
    notice = SpeechError("source_refused", source="hub", file="a.bin", reason="SHA-256")
    console.pulled(PullProgress("m", "skipped", "hub", notice=notice))
    assert "hub holds another a.bin" in err.getvalue().splitlines()[-1]


def test_help_starts_quickly_and_loads_nothing_heavy() -> None:
    probe = "import sys, app.cli; app.cli.build_parser(app.cli.Console('en')); print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert {"app.cli", "argparse"} <= set(loaded)
    assert not {"pydantic", "fastapi", "numpy", "sqlalchemy", "onnxruntime", "av"} & set(loaded)
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "app.cli", "--help"], capture_output=True, check=True)
        taken.append(time.perf_counter() - started)
    assert min(taken) < 0.5  # 0.04 s alone on the machine this was written on


def test_worker_ends_when_it_is_told_to(machine: Path) -> None:
    with subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], stderr=subprocess.PIPE, text=True) as worker:
        deadline = time.monotonic() + 15
        while not (machine / "data/papagaio.db").exists() and time.monotonic() < deadline:
            assert worker.poll() is None
            time.sleep(0.02)
        worker.terminate()
        assert worker.wait(10) in (0, -signal.SIGTERM)


def test_version_is_the_products(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == "papagaio 0.1.0\n"
