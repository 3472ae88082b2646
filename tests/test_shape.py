"""The shape the project promises: small files and functions, quick and silent imports, one truth for texts."""

from __future__ import annotations

import ast
import configparser
import io
import json
import re
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from app import VERSION
from app.statuses import STATUS
from app.texts import FOLDER, LANGUAGES, catalogue

ROOT = Path(__file__).parent.parent
ROOMS = ("speech", "train", "app", "bench", "tests")
FUNCTION_LINES, FILE_LINES = 60, 400
ENGINE_LINES = 1500  # of code, of the folder of an engine that stands for a reference package
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
# Import names of packages that the service must start without.
HEAVY = (
    "torch",
    "onnxruntime",
    "av",
    "numpy",
    "num2words",
    "alembic",
    "uvicorn",
    "librosa",
    "faster_whisper",
    "ctranslate2",
    "transformers",
    "scipy",
)
# Values that `app.errors.document` adds: the request, and a summary of `errors`.
FILLED_LATER = {"request_id", "count", "summary"}
Function = ast.FunctionDef | ast.AsyncFunctionDef

SOURCES = [ROOT / "conftest.py", *(path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py")))]
PRODUCT = [path for path in SOURCES if path.relative_to(ROOT).parts[0] in ("speech", "train", "app")]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def where(path: Path, node: ast.stmt | ast.expr) -> str:
    return f"{path.relative_to(ROOT)}:{node.lineno}"


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def test_files_keep_their_budget() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert len(lines) > 20 and not {name: count for name, count in lines.items() if count > FILE_LINES}


def test_functions_keep_their_budget() -> None:
    sizes = {
        f"{where(path, node)} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path, tree in TREES.items()
        for node in functions(tree)
    }
    assert not {name: count for name, count in sizes.items() if count > FUNCTION_LINES}
    assert sorted(sizes.values())[len(sizes) // 2] <= 12


@pytest.mark.parametrize("engine", ["f5", "rvc"])
def test_engines_written_anew_stay_small(engine: str) -> None:
    folder = ROOT / "speech" / "engines" / engine
    assert 500 < sum(code_lines(path) for path in TREES if path.is_relative_to(folder)) < ENGINE_LINES


def code_lines(path: Path) -> int:
    """Lines with code: neither blank nor comment nor docstring."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    lines = {row for one in tokens if one.type not in NO_CODE for row in range(one.start[0], one.end[0] + 1)}
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node) is not None:
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def test_no_reference_package_is_required() -> None:
    """The engines are written anew; the packages of their references serve `./run parity` alone."""
    files = sorted(ROOT.glob("requirements*.txt"))
    named = {
        re.split(r"[^\w.-]", line.strip().lower(), maxsplit=1)[0].replace("_", "-")
        for file in files
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    assert len(files) > 5 and "torch" in named
    assert not named & {"f5-tts", "transformers", "fairseq", "torchaudio"}


def test_every_function_is_annotated() -> None:
    bare = []
    for path in PRODUCT:
        for node in functions(TREES[path]):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            given += [extra for extra in (node.args.vararg, node.args.kwarg) if extra]
            missing = [a.arg for a in given if a.annotation is None and a.arg not in ("self", "cls")]
            if missing or node.returns is None:
                bare.append(f"{where(path, node)} {node.name}: {missing or 'return'}")
    assert not bare


def test_no_stub_is_left() -> None:
    """No unfinished mark, and no function of nothing but `pass`."""
    marked = [str(path.relative_to(ROOT)) for path in PRODUCT if re.search(r"\b(TODO|FIXME|XXX)\b", path.read_text())]
    empty = [
        where(path, node)
        for path in PRODUCT
        for node in functions(TREES[path])
        if all(isinstance(statement, ast.Pass) for statement in node.body)
    ]
    assert not marked and not empty


def python(code: str, home: Path) -> str:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


IMPORT_MAIN = """
import sys
import app.main
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_the_service_imports_without_heavy_packages(tmp_path: Path) -> None:
    """How long it takes is measured by bench/start.py."""
    assert not set(HEAVY) & set(python(IMPORT_MAIN, tmp_path).split())


IMPORT_ALL = """
import importlib, logging, os, threading
handlers = list(logging.getLogger().handlers)
environment = dict(os.environ)
for name in {names!r}:
    importlib.import_module(name)
assert threading.enumerate() == [threading.main_thread()], threading.enumerate()
assert logging.getLogger().handlers == handlers
assert dict(os.environ) == environment
"""


def test_importing_any_module_does_nothing(tmp_path: Path) -> None:
    left_out = {"migrations", "test"}  # tests stand beside modules of tests/
    paths = [path.relative_to(ROOT).with_suffix("") for path in PRODUCT if not left_out & {*path.parts}]
    names = [".".join(path.parts).removesuffix(".__init__") for path in paths]
    assert "app.main" in names
    python(IMPORT_ALL.format(names=names), tmp_path)
    assert list(tmp_path.iterdir()) == []


def codes_raised() -> dict[str, str]:
    """Code to place, for every literal SpeechError("…") and Problem("…") of the product."""
    found = {}
    for path in PRODUCT:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("SpeechError", "Problem") and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found[first.value] = where(path, node)
    return found


def test_every_error_has_its_texts_and_its_status() -> None:
    raised = codes_raised()
    assert len(raised) > 20
    assert not {code: place for code, place in raised.items() if code not in STATUS}
    for language in LANGUAGES:
        assert not {code: raised.get(code) for code in {*raised, *STATUS} if f"error.{code}" not in catalogue(language)}
    assert all(400 <= status < 600 for status in STATUS.values())


def test_every_error_names_the_values_its_text_shows() -> None:
    lacking = []
    for path in PRODUCT:
        for node in ast.walk(TREES[path]):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("SpeechError", "Problem")):
                continue
            code = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
            given = {keyword.arg for keyword in node.keywords}
            if isinstance(code, str) and None not in given:
                shown = placeholders(catalogue("en")[f"error.{code}"]) - FILLED_LATER
                if shown - given:
                    lacking.append(f"{where(path, node)} {code}: {sorted(shown - given)}")
    assert not lacking


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_the_catalogues_say_the_same_things() -> None:
    both = [catalogue(language) for language in LANGUAGES]
    assert set(both[0]) == set(both[1])
    assert not {code for code in both[0] if placeholders(both[0][code]) != placeholders(both[1][code])}
    assert all(text.strip() for one in both for text in one.values())
    for language in LANGUAGES:
        areas = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (FOLDER / language).glob("*.json")}
        assert not {code for area, texts in areas.items() for code in texts if not code.startswith(area + ".")}
        assert all(list(texts) == sorted(texts) for texts in areas.values())  # so that two changes rarely meet
        assert sum(len(texts) for texts in areas.values()) == len(catalogue(language))  # no code in two places


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_no_registry_host_and_no_path_of_a_machine_is_named() -> None:
    hosts = ["pypi" + ".org", "python" + "hosted.org", "registry." + "npmjs", "npmjs" + ".com", "debian" + ".org"]
    paths = ["/work" + "/main", "/work" + "/shared", "/tmp" + "/s/", "/opt" + "/wheels", "/opt" + "/pypi"]
    named = []
    for path in tracked():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        named += [f"{path.relative_to(ROOT)}: {word}" for word in (*hosts, *paths) if word in text]
    assert not named


def test_secrets_stay_out() -> None:
    assert not [path for path in tracked() if path.name == ".env"]
    assert ".env" in (ROOT / ".gitignore").read_text().split()
    for line in (ROOT / ".env.example").read_text().splitlines():
        assert line.startswith("#") and not re.search(r"(SECRET|TOKEN|PASSWORD|API_KEY)\s*=\s*\S", line, re.I)


def test_example_settings_exist() -> None:
    from app.settings import PREFIX, Settings

    named = re.findall(r"^#?(PAPAGAIO_\w+)=", (ROOT / ".env.example").read_text(), re.M)
    assert named and {name.removeprefix(PREFIX).lower() for name in named} <= set(Settings.model_fields)


def hooks() -> dict[str, dict[str, Any]]:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    return {
        hook["id"]: {**hook, "repo": repo["repo"], "rev": repo["rev"]}
        for repo in config["repos"]
        for hook in repo["hooks"]
    }


def test_pre_commit_hooks() -> None:
    """Rows 4.5-1 to 4.5-5."""
    found = hooks()
    assert found["black"]["rev"] == "24.10.0" and found["black"]["language_version"] == "python3.11"
    assert found["isort"]["rev"] == "5.13.2" and found["isort"]["args"] == ["--profile", "black"]
    assert found["flake8"]["rev"] == "7.0.0"
    assert found["flake8"]["args"] == ["--max-line-length=120", "--extend-ignore=E203,W503"]
    general = ("trailing-whitespace", "end-of-file-fixer", "check-yaml", "check-json", "check-added-large-files")
    assert {found[name]["rev"] for name in general} == {"v4.5.0"}
    assert found["check-added-large-files"]["args"] == ["--maxkb=10000"]


def test_the_tools_are_pinned_to_the_hooks() -> None:
    """Row 4.5-9: what `./run check` runs is what the hooks run."""
    wanted = set((ROOT / "requirements-dev.txt").read_text().split())
    for hook in ("black", "isort", "flake8"):
        assert f"{hook}=={hooks()[hook]['rev']}" in wanted
    assert {"pre-commit", f"pre-commit-hooks=={hooks()['check-yaml']['rev'].removeprefix('v')}"} <= wanted


def test_project_file() -> None:
    """Rows 4.5-6 to 4.5-8, and one version for the whole product."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    black, isort, pytest_ = (config["tool"][name] for name in ("black", "isort", "pytest"))
    assert black["line-length"] == 120 and black["target-version"] == ["py311"] and black["include"] == r"\.pyi?$"
    for folder in ("eggs", "git", "hg", "mypy_cache", "tox", "venv", "build", "dist", "models", "voice_profiles"):
        assert folder in black["extend-exclude"]
    assert isort == {"profile": "black", "line_length": 120, "skip_gitignore": True}
    options = pytest_["ini_options"]
    assert options["testpaths"] == ["tests", "train/test"] and options["python_files"] == ["test_*.py"]
    assert options["python_classes"] == ["Test*"] and options["python_functions"] == ["test_*"]
    assert options["addopts"].split() == ["-v", "--tb=short", "--strict-markers"]
    assert not [name for name in ("pytest.ini", "tox.ini", "setup.cfg") if (ROOT / name).exists()]
    assert "version" in config["project"]["dynamic"] and re.fullmatch(r"\d+\.\d+\.\d+", VERSION)


def test_flake8_and_mypy_settings() -> None:
    """Rows 4.5-14 and 4.6-3 to 4.6-5."""
    flake8, mypy = configparser.ConfigParser(), configparser.ConfigParser()
    flake8.read(ROOT / ".flake8")
    assert flake8["flake8"]["max-line-length"] == "120" and flake8["flake8"]["extend-ignore"] == "E203,W503"
    mypy.read(ROOT / "mypy.ini")
    on = ("warn_return_any", "warn_unused_configs", "warn_redundant_casts", "warn_unused_ignores")
    expected = {"python_version": "3.11", "disallow_untyped_defs": "False", "disallow_any_generics": "False"}
    expected |= {"check_untyped_defs": "True"} | {name: "True" for name in on}
    assert expected.items() <= dict(mypy["mypy"]).items()
    for package in ("celery", "redis", "TTS"):
        assert mypy[f"mypy-{package}.*"]["ignore_missing_imports"] == "True"


def test_constraints_hold_every_requirement() -> None:
    names = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    for file in ("requirements.txt", "requirements-dev.txt"):
        asked = [re.split(r"[<>=;\[]", line)[0] for line in (ROOT / file).read_text().splitlines()]
        assert not {name for name in asked if name and name[0] not in "#-" and name not in names}
