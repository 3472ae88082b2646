"""`papagaio clone` as a person meets it, with a cloning that rehearses."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from built_datasets import write_dataset
from clone_service import wav
from waiting import wait_for

from app.cli import main
from speech.voice_library import VoiceLibrary

pytestmark = pytest.mark.processes

Captured = pytest.CaptureFixture[str]
REHEARSED = """
import sys
import clone_service
from app import cli
from app.tasks import cloning_service
clone_service.STEP_S = float(sys.argv[1])
class Rehearsal(clone_service.Rehearsal):
    def clone(self, folder, manifest, options, *rest):
        return super().clone(folder, manifest, {**options, "gender": "unknown", "description": "100"}, *rest)
cloning_service.CloningService = Rehearsal
sys.exit(cli.main(sys.argv[2:]))
"""


class Terminal:
    """Runs the command in a process of its own, as a shell does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.library = VoiceLibrary(folder / "data" / "voices")
        self.work = folder / "data" / "clones" / "ana"

    def start(self, *words: str, step_s: float = 0.0, **settings: str) -> subprocess.Popen[str]:
        path = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PAPAGAIO_", "LC_"))}
        environment = {**kept, "PYTHONPATH": path, "LANG": "C", "PAPAGAIO_DATA_DIR": str(self.folder / "data")}
        environment |= {f"PAPAGAIO_{name.upper()}": value for name, value in settings.items()}
        command = [sys.executable, "-c", REHEARSED, str(step_s), "clone", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=environment, cwd=self.folder, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str, **settings: str) -> tuple[int, str, str]:
        process = self.start(*words, **settings)
        out, err = process.communicate(timeout=60)
        return process.returncode, out, err


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    wav(tmp_path / "a.wav")
    wav(tmp_path / "b.wav", level=0.001)
    return Terminal(tmp_path)


def test_recordings_become_a_voice_and_the_command_to_speak_is_said(terminal: Terminal) -> None:
    code, out, err = terminal.run("a.wav", "b.wav", "--name", "Ana", "--consent", "--effort", "fast")
    assert code == 0, err
    assert "1 of 2 clips can be used, 2 s in all" in err and "b.wav 0:00: The voice is very quiet" in err
    assert "about 0:01 on another machine" in err
    assert "--voice ana -o ana.wav" in out and str(terminal.library.folder("ana") / "samples" / "fitted.wav") in out
    meta = terminal.library.get("ana")
    assert meta.consent.statement.startswith("The speaker") and meta.effort == "fast"
    assert list(terminal.work.parent.iterdir()) == []
    code, _, err = terminal.run("a.wav", "--name", "ANA", "--consent")
    assert code == 2 and "already a voice ana" in err


def test_a_dataset_becomes_a_voice(terminal: Terminal) -> None:
    write_dataset(terminal.folder / "data" / "datasets" / "ana", seconds=3.0)
    words = ("--dataset", "ana", "--name", "Ana", "--consent", "--max-steps", "40")
    code, out, err = terminal.run(*words)
    assert code == 0, err
    assert "6 of 6 clips can be used" in err and "ana speaks now" in out.lower()
    meta = terminal.library.get("ana")
    assert meta.language == "pt-BR" and meta.reference_s > 18 and not terminal.work.exists()


def test_control_c_pauses_and_the_same_command_goes_on(terminal: Terminal) -> None:
    words = ("a.wav", "--name", "Ana", "--consent", "--language", "pt-BR")
    first = terminal.start(*words, step_s=0.5)
    step = terminal.work / "fit" / "step.json"
    wait_for(lambda: step.exists() and int(step.read_text() or 0) >= 3)
    second = terminal.run(*words)
    assert second[0] == 2 and "Another command is making the voice ana" in second[2]
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=30)
    assert first.returncode == 130 and "The same command goes on" in err
    assert terminal.library.list() == () and 3 <= int(step.read_text()) < 100
    code, _, err = terminal.run(*words)
    assert code == 0 and "Going on from where it was" in err
    assert terminal.library.get("ana").report["steps"] == list(range(1, 101))


def test_another_request_begins_anew(terminal: Terminal) -> None:
    terminal.work.mkdir(parents=True)
    (terminal.work / "request.json").write_text(json.dumps({"inputs": "other"}))
    (terminal.work / "fit").mkdir()
    (terminal.work / "fit" / "step.json").write_text("99")
    code, _, err = terminal.run("a.wav", "--name", "Ana", "--consent")
    assert code == 0 and "Going on" not in err
    assert terminal.library.get("ana").report["steps"][0] == 1


def test_recordings_that_cannot_be_used_leave_nothing(terminal: Terminal) -> None:
    wav(terminal.folder / "short.wav", 0.5)
    code, out, err = terminal.run("short.wav", "--name", "Ana", "--consent")
    assert code == 2 and "short.wav" in err and out == "" and "Traceback" not in err
    assert not terminal.work.exists() and terminal.library.list() == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a.wav", "--name", "Ana"), "--consent"),
        (("a.wav", "--consent"), "--name"),
        (("a.wav", "--name", "Ana", "--consent", "--effort", "slow"), "fast, default, best"),
        (("none.wav", "--name", "Ana", "--consent"), "none.wav"),
        (("a.wav", "--name", "Ana", "--consent", "--language", "ja"), "ja"),
        (("--name", "Ana", "--consent"), "--dataset"),
        (("a.wav", "--dataset", "ana", "--name", "Ana", "--consent"), "--recordings"),
        (("a.wav", "--max-steps", "9", "--name", "Ana", "--consent"), "--max-steps"),
        (("--dataset", "none", "--name", "Ana", "--consent"), "none"),
        (("a.wav", "--name", "pf dora", "--consent"), "pf_dora"),
    ],
)
def test_what_is_asked_wrongly_is_refused(
    terminal: Terminal, capsys: Captured, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(terminal.folder / "data"))
    monkeypatch.chdir(terminal.folder)
    code = main(["clone", *words])
    captured = capsys.readouterr()
    assert code == 2 and said in captured.err and captured.out == "" and not terminal.work.exists()


def test_without_pytorch_the_command_that_brings_it_is_said(
    terminal: Terminal, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAPAGAIO_DATA_DIR", str(terminal.folder / "data"))
    monkeypatch.setattr("app.tasks.cloning_service.MODULES", ("no_such_torch",))
    monkeypatch.chdir(terminal.folder)
    assert main(["clone", "a.wav", "--name", "Ana", "--consent"]) == 1
    assert "./run training" in capsys.readouterr().err and not terminal.work.exists()


def test_a_worker_of_an_unknown_queue_is_refused(capsys: Captured) -> None:
    assert main(["worker", "--queue", "gpu"]) == 2 and "cpu, intake, train" in capsys.readouterr().err


def test_a_reference_is_kept_for_xtts(terminal: Terminal, xtts_tiny: Path) -> None:
    pytest.importorskip("tokenizers")
    wav(terminal.folder / "long.wav", 5.0)
    words = ("long.wav", "--name", "Ana", "--consent", "--engine", "xtts", "--language", "de")
    code, _, err = terminal.run(*words)
    assert code == 2 and "papagaio models pull xtts-v2 --accept-licence CPML-1.0" in err
    code, _, err = terminal.run(*words, "--effort", "best", xtts_dir=str(xtts_tiny))
    assert code == 2 and "reference" in err
    code, _, err = terminal.run("a.wav", *words[1:], xtts_dir=str(xtts_tiny))
    assert code == 2 and "3.0" in err and terminal.library.list() == ()
    code, out, err = terminal.run(*words, xtts_dir=str(xtts_tiny))
    assert code == 0, err
    meta = terminal.library.get("ana")
    assert (meta.engine, meta.language, meta.effort, meta.reference_s) == ("xtts", "de", "reference", 5.0)
    assert "ana" in out and "recording-1.wav" in out and not terminal.work.exists()
    code, _, err = terminal.run("a.wav", "--name", "Bia", "--consent", "--engine", "f5tts")
    assert code == 1 and "F5-TTS has no weights yet" in err
