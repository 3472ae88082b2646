"""What can be told of the page without a browser: its units, its texts, and what it must never do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from app.api.batch_rows import COLUMNS
from app.jobs.kinds import KINDS
from app.texts import LANGUAGES, catalogue
from speech.models import ModelStore

PAGE = Path(__file__).parents[2] / "app" / "webui"
UNITS = Path(__file__).parent / "unit"
SCRIPTS = sorted(PAGE.glob("js/**/*.js"))
SOURCE = {path.relative_to(PAGE).as_posix(): path.read_text(encoding="utf-8") for path in SCRIPTS}
KEY = re.compile(r"""["`](page\.[\w.${}\[\]]+)["`]""")


def used_keys() -> set[str]:
    return {key for source in SOURCE.values() for key in KEY.findall(source)}


def pattern(key: str) -> re.Pattern[str]:
    """`page.status.${status}` stands for every key of that shape."""
    parts = re.split(r"\$\{[^}]*\}", key)
    return re.compile(r"[\w-]+".join(map(re.escape, parts)))


def test_units_of_the_page(installed: Callable[..., ModelStore]) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the page's unit tests did not run")
    files = sorted(map(str, UNITS.glob("*.test.mjs")))
    command = [node, "--import", str(UNITS / "register.mjs"), "--test", *files]
    environment = os.environ | {"PAPAGAIO_MODELS_DIR": str(installed("lit-html").root)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.search(r"^# pass (\d+)", done.stdout, re.M)[1]) >= 20  # type: ignore[index]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_the_page_uses_is_in_the_catalogue(language: str) -> None:
    texts = catalogue(language)
    missing = sorted(key for key in used_keys() if not any(pattern(key).fullmatch(known) for known in texts))
    assert missing == []


def test_every_text_of_the_page_is_used() -> None:
    patterns = [pattern(key) for key in used_keys()]
    known = [key for key in catalogue("en") if key.startswith("page.")]
    assert len(known) > 90
    assert [key for key in known if not any(p.fullmatch(key) for p in patterns)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_job_has_words(language: str) -> None:
    assert [kind for kind in KINDS if f"page.jobs.kind.{kind}" not in catalogue(language)] == []


def test_texts_have_the_same_placeholders_in_both_languages() -> None:
    english, portuguese = (catalogue(language) for language in LANGUAGES)
    keys = [key for key in english if key.startswith("page.")]
    fields = {key: [sorted(re.findall(r"\{(\w+)\}", texts[key])) for texts in (english, portuguese)] for key in keys}
    assert {key: found for key, found in fields.items() if found[0] != found[1]} == {}


@pytest.mark.parametrize(
    "forbidden",
    [
        r"\binnerHTML\b|\bouterHTML\b|insertAdjacentHTML|document\.write",
        r"\beval\(|new Function\(",
        r"https?://(?!www\.w3\.org/2000/svg)",
        r"\b(?:window|globalThis|self)\.\w+\s*=(?!=)(?<!location\.hash =)",
        r"\.style\b",
        r"\bvar\s",
    ],
)
def test_scripts_do_not_contain(forbidden: str) -> None:
    found = {name: re.findall(forbidden, source) for name, source in SOURCE.items()}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_the_document_holds_no_inline_script_or_style() -> None:
    html = (PAGE / "index.html").read_text(encoding="utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son\w+=", html) == []
    assert re.findall(r"(?:src|href)=\"(?!/webui/)", html) == []


def test_drawings_named_in_the_page_are_there() -> None:
    drawn = set(re.findall(r'^  "?([\w-]+)"?: svg`', SOURCE["js/icons.js"], re.M))
    named = {name for source in SOURCE.values() for name in re.findall(r'icon\("([\w-]+)"\)', source)}
    assert named and named <= drawn
    assert {"theme-auto", "theme-light", "theme-dark"} <= drawn
    pages = re.findall(r'name: "(\w+)", group: "\w+",(?: drawing: "(\w+)",)?', SOURCE["js/pages.js"])
    assert {drawing or name for name, drawing in pages} <= drawn


def test_columns_of_a_batch_are_those_of_the_service() -> None:
    [named] = re.findall(r"const COLUMNS = (\[.*\]);", SOURCE["js/pages/batch-rows.js"])
    assert tuple(json.loads(named)) == COLUMNS


def test_scripts_are_small() -> None:
    assert {name: n for name, source in SOURCE.items() if (n := source.count("\n")) > 400} == {}


def test_scripts_are_modules_in_node_too() -> None:
    assert json.loads((PAGE / "package.json").read_text())["type"] == "module"
