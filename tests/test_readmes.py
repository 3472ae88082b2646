"""The READMEs say what is so: commands, badges, figures and pictures."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.cli import parse
from app.commands.console import Console
from speech.errors import SpeechError

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
WORKSHOP = (ROOT / "train" / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "app" / "webui" / "README.md").read_text(encoding="utf-8")
RUN = (ROOT / "run").read_text(encoding="utf-8")
DIRECT = {"studio": "serve"}  # of `./run`, what the program itself calls otherwise


def commands(text: str) -> list[list[str]]:
    """Each command of the shell blocks, without its comment."""
    joined = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.S)).replace("\\\n", " ")
    lines = [part for line in joined.splitlines() for part in re.sub(r"\s+#.*$", "", line).split(" && ")]
    return [shlex.split(line) for line in lines if line.strip()]


def is_known(words: list[str]) -> bool:
    """Whether `./run` has the command, and the program takes its arguments."""
    start, name = words[0], words[1] if len(words) > 1 else ""
    if start == "./run":
        if not re.search(rf"^(?:[\w| ]+\| )?{name}(?: \| [\w| ]+)?\)", RUN, re.M):
            return False
        if name in ("test", "check", "bench", "xtts", "training", "pocket"):
            return True
        words = ["papagaio", DIRECT.get(name, name), *words[2:]]
    if words[0] == "papagaio":
        try:
            return callable(parse(Console("en"), words[1:]).command)
        except (SystemExit, SpeechError):
            return False
    return words[0] in ("git", "cd", "curl") and (words[0] != "git" or words[1] == "clone")


def test_the_commands_of_the_readme_exist() -> None:
    found = commands(README)
    assert len(found) > 15 and [words for words in found if not is_known(words)] == []


@pytest.mark.parametrize("line", ["./run studioo", "./run read --no-such-option", "papagaio users ad ana", "make all"])
def test_a_command_that_does_not_exist_would_be_found(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_known(shlex.split(line))


def test_the_quick_start_is_first_and_names_what_is_there() -> None:
    headings = re.findall(r"^## (.+)$", README, re.M)
    assert headings[0].startswith("Quick start") and "Contributing" in headings
    assert [words[:2] for words in commands(README)[:4]] == [
        ["git", "clone"],
        ["cd", "papagaio"],
        ["./run", "studio"],
        ["./run", "test"],
    ]
    assert "docs/TRAINING_GUIDE.md" in README and "GUIA_USUARIO_TREINAMENTO.md" in README and "`/docs`" in README


def test_the_badges_are_true() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shown = dict(re.findall(r"!\[(\w+): ([^]]+)\]\(docs/images/badge-", README))
    least = project["project"]["requires-python"].removeprefix(">=")
    floor = project["tool"]["coverage"]["report"]["fail_under"]
    licence = project["project"]["license"]
    assert shown == {"licence": licence, "Python": f"{least} or newer", "coverage": f"{floor} % at least"}
    for name, text in shown.items():
        image = (ROOT / "docs" / "images" / f"badge-{name.lower()}.svg").read_text(encoding="utf-8")
        assert f'aria-label="{name}: {text}"' in image and f">{text}</text>" in image


def test_the_figures_of_the_workshop_are_measured() -> None:
    speed = json.loads((ROOT / "bench" / "results" / "train_speed_full.json").read_text())["lora"]
    assert f"{speed['step_s']:.1f} s and {speed['peak_bytes'] / 1e9:.1f} GB (measured" in WORKSHOP
    found = json.loads((ROOT / "bench" / "results" / "dataset.json").read_text())
    kinds = [kind for kind in found["defects"].values() if isinstance(kind, dict)]
    assert min(kind["precision"] for kind in kinds) == 1.0 and min(kind["recall"] for kind in kinds) >= 0.9
    english = found["corpus"][0]
    assert english["cut_inside_a_word"] == 0 and f"{100 * english['wer']:.1f} % of the words" in WORKSHOP


def test_the_page_has_its_pictures_and_they_are_small() -> None:
    headings = re.findall(r"^## (.+)$", PAGE, re.M)
    assert headings[0] == "Features" and "docs/API.md" in PAGE
    pictures = re.findall(r"\]\(\.\./\.\./docs/images/([\w-]+)\.png\)", PAGE)
    script = (ROOT / "tests" / "webui" / "screenshot.py").read_text(encoding="utf-8")
    assert len(pictures) >= 6 and all(f'"{name}": ' in script for name in pictures)
    sizes = [(ROOT / "docs" / "images" / f"{name}.png").stat().st_size for name in pictures]
    assert max(sizes) < 200_000


def test_every_page_is_in_the_features() -> None:
    pages = (ROOT / "app" / "webui" / "js" / "pages.js").read_text(encoding="utf-8")
    named = re.findall(r'^  \{ name: "(\w+)"', pages, re.M)
    told = [name.lower() for name in re.findall(r"^\| (\w+) \|", PAGE, re.M)]
    assert len(named) > 10 and [name for name in named if name not in told] == []
