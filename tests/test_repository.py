"""What the repository does with a change: workflows, templates, and hooks that refuse what is badly formatted."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parent.parent
GITHUB = ROOT / ".github"
BINARIES = Path(sys.executable).parent


def workflow(name: str) -> dict[str, Any]:
    """Its triggers are under "on": YAML 1.1 reads that word as true."""
    found = yaml.safe_load((GITHUB / "workflows" / name).read_text())
    return {("on" if key is True else key): value for key, value in found.items()}


def check(schema: str, *paths: Path) -> int:
    command = [BINARIES / "check-jsonschema", "--builtin-schema", schema, *paths]
    return subprocess.run(command, capture_output=True).returncode


def test_workflows_are_valid(tmp_path: Path) -> None:
    """Rows 5.4-1 and 5.4-12."""
    assert check("vendor.github-workflows", *(GITHUB / "workflows").glob("*.yml")) == 0
    broken = tmp_path / "broken.yml"
    broken.write_text((GITHUB / "workflows" / "ci.yml").read_text().replace("runs-on:", "runs_on:"))
    assert check("vendor.github-workflows", broken) != 0


def test_lint_and_test() -> None:
    """Rows 5.4-2 to 5.4-11."""
    found = workflow("ci.yml")
    assert found["on"] == {"push": {"branches": ["main", "develop"]}, "pull_request": {"branches": ["main"]}}
    for job in (found["jobs"]["lint"], found["jobs"]["test"]):
        assert job["runs-on"] == "ubuntu-latest"
        assert [step["uses"] for step in job["steps"][:2]] == ["actions/checkout@v4", "actions/setup-python@v5"]
        assert (job["steps"][1]["with"]["python-version"], job["steps"][1]["with"]["cache"]) == ("3.11", "pip")
    lint, test = ("\n".join(step.get("run", "") for step in found["jobs"][name]["steps"]) for name in ("lint", "test"))
    assert "black isort flake8 mypy" in lint
    for command in ("black --check app train", "isort --check-only app train", "flake8 --max-line-length=120"):
        assert command in lint
    assert "--extend-ignore=E203,W503" in lint and "mypy speech train app" in lint
    assert "-r requirements.txt pytest pytest-cov pytest-asyncio" in test
    assert "pytest train/test/ -v --cov=train --cov-report=xml" in test
    codecov = found["jobs"]["test"]["steps"][-1]
    assert codecov["uses"] == "codecov/codecov-action@v4" and codecov["with"]["fail_ci_if_error"] is False


def test_docker_image() -> None:
    """Rows 5.4-13 to 5.4-18."""
    found = workflow("docker.yml")
    assert found["on"] == {"push": {"branches": ["main"], "tags": ["v*"]}}
    steps = {step["uses"]: step.get("with", {}) for step in found["jobs"]["build"]["steps"]}
    assert "docker/setup-buildx-action@v3" in steps
    login = {"username": "${{ secrets.DOCKER_USERNAME }}", "password": "${{ secrets.DOCKER_PASSWORD }}"}
    assert steps["docker/login-action@v3"] == login
    build = steps["docker/build-push-action@v5"]
    assert build["context"] == "." and build["push"] == "${{ github.event_name != 'pull_request' }}"
    tags = [tag.partition("/")[2] for tag in build["tags"].split("\n") if tag]
    assert tags == ["tts-webui:latest", "tts-webui:${{ github.sha }}"]
    assert build["cache-from"] == "type=gha" and build["cache-to"] == "type=gha,mode=max"


def test_templates() -> None:
    """Rows 5.5-3 to 5.5-5."""
    forms = [yaml.safe_load(path.read_text()) for path in sorted((GITHUB / "ISSUE_TEMPLATE").glob("*_*.yml"))]
    assert len(forms) == 2 and all(form["name"] and form["description"] and form["body"] for form in forms)
    assert "./run check" in (GITHUB / "pull_request_template.md").read_text()


CODE = '"""A module."""\n\nimport os\nimport sys\n\nprint(os.name, sys.path)\n'
# For every hook: the file's name, what passes, and what does not.
FILES = {
    "black": ("a.py", CODE, CODE.replace(", sys", ",sys")),
    "isort": ("a.py", CODE, CODE.replace("import os\nimport sys", "import sys\nimport os")),
    "flake8": ("a.py", CODE, CODE.replace("sys.path", "1")),
    "trailing-whitespace": ("a.txt", "a line\n", "a line \n"),
    "end-of-file-fixer": ("a.txt", "a line\n", "a line"),
    "check-yaml": ("a.yml", "a: [1]\n", "a: [1\n"),
    "check-json": ("a.json", "{}\n", "{,}\n"),
    "check-added-large-files": ("a.bin", "small", "0" * 10_300_000),
}
PROGRAMS = {"trailing-whitespace": "trailing-whitespace-fixer"}


@pytest.mark.parametrize("hook", FILES)
def test_a_badly_formatted_file_is_refused_by_the_tools_of_the_hooks(hook: str, tmp_path: Path) -> None:
    """Refused, as pre-commit sees it: the tool fails or changes the file."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = {one["id"]: one.get("args", []) for repo in config["repos"] for one in repo["hooks"]}
    assert set(hooks) == set(FILES)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    name, good, bad = FILES[hook]
    path = tmp_path / name
    more = ["--enforce-all"] if hook == "check-added-large-files" else []  # else it looks at what is staged
    for text, passes in ((good, True), (bad, False)):
        path.write_text(text)
        command = [BINARIES / PROGRAMS.get(hook, hook), *hooks[hook], *more, name]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True)
        assert (done.returncode == 0 and path.read_text() == text) is passes, done.stdout + done.stderr


def test_check_runs_every_hook() -> None:
    run = (ROOT / "run").read_text()
    assert all(PROGRAMS.get(hook, hook) in run for hook in FILES)


# Forms that keys of well-known services, private keys and our own credentials have.
CREDENTIALS = re.compile(
    r"AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{20,}|xox[baprs]-[A-Za-z0-9-]{10,}|AIza[\w-]{35}"
    r"|sk-[A-Za-z0-9]{20,}|hf_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY|eyJ[\w-]{15,}\.[\w-]{10,}"
    r"|(?:pg|rt|ws)_[A-Za-z0-9]{6,}_[A-Za-z0-9]{16,}"
)
# A token of {"sub": "x"} whose signature is the word "signature".
EXAMPLES = {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0"}


def test_no_credential_is_committed() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    found = {
        (name, one)
        for name in listed.decode().split("\0")
        if name and (ROOT / name).is_file()
        for one in CREDENTIALS.findall((ROOT / name).read_bytes().decode("utf-8", "ignore"))
        if one not in EXAMPLES
    }
    assert not found


def test_no_credential_was_ever_committed() -> None:
    """The history, too, as far back as the clone goes: what was taken out again can still be read there."""
    command = ["git", "log", "-p", "--no-color", "--no-textconv", "--no-ext-diff", "-U0", "HEAD"]
    history = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode("utf-8", "ignore")
    assert "diff --git" in history and set(CREDENTIALS.findall(history)) <= EXAMPLES


def test_check_looks_for_weaknesses_and_finds_one(tmp_path: Path) -> None:
    assert "bandit -q -ll -r app speech train" in (ROOT / "run").read_text()
    (tmp_path / "weak.py").write_text("import subprocess\n\nsubprocess.run(input(), shell=True)\n")
    assert subprocess.run([BINARIES / "bandit", "-q", "-ll", "-r", tmp_path], capture_output=True).returncode == 1
