"""Every document of the repository: its links lead somewhere, and its diagrams can be drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("app", "bench", "deploy", "docs", "speech", "train", ".github")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(path for room in ROOMS for path in (ROOT / room).rglob("*.md"))])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
DIAGRAM = re.compile(r"```mermaid\n(.*?)```", re.S)
KINDS = ("flowchart", "sequenceDiagram")
# One node of a flowchart: a name, then its text in one of the shapes that are used here.
NODE = r"[A-Za-z]\w*(?:\[\"[^\"]+\"\]|\[\(\"[^\"]+\"\)\]|\(\[\"[^\"]+\"\]\)|\{\"[^\"]+\"\})?"
NODES = rf"{NODE}(?: & {NODE})*"
ARROW = r"(?:-->|---|-\.->|<-->)(?:\|\"?[^|]+\"?\|)?|-\. \"[^\"]+\" \.->"
EDGE = re.compile(rf"^{NODES}(?: (?:{ARROW}) ?{NODES})*$")
MESSAGE = re.compile(r"^\w+(?:-->>|->>|-\)|--\))[+-]?\w+: .+$")
FOLDER = re.compile(r"(?<![\w/])(?:app|speech|train)/[\w/]+(?![\w/.])")
FILE = re.compile(r"(?<![\w/*])(?:[\w.]+/)*\w+\.(?:py|yaml|yml|js|json)(?![\w*])")


def prose(path: Path) -> str:
    """Without blocks and spans of code, in which brackets are no links."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(path: Path) -> set[str]:
    """Of headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(path: Path) -> None:
    lost = []
    for link in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or anchor and anchor not in anchors(target):
            lost.append(link)
    assert not lost


def test_there_are_documents_and_a_lost_link_would_be_found(tmp_path: Path) -> None:
    assert len(DOCUMENTS) > 15
    page = tmp_path / "page.md"
    page.write_text("# A b\n[x](#a-b) [y](none.md) [z](#c)\n")
    with pytest.raises(AssertionError, match="none.md"):
        test_links_lead_to_files_and_headings(page)


def diagrams() -> list[tuple[str, str]]:
    return [(path.name, found) for path in DOCUMENTS for found in DIAGRAM.findall(path.read_text(encoding="utf-8"))]


def wrong_lines(diagram: str) -> list[str]:
    """Lines that are no known node, edge, message or frame; frames that are not closed."""
    head, *lines = [line.strip() for line in diagram.strip().splitlines() if line.strip()]
    is_flow = head.split()[0] == "flowchart"
    wrong = [] if head.split()[0] in KINDS and (not is_flow or head.split()[1] in ("TD", "TB", "LR")) else [head]
    depth = 0
    for line in lines:
        word = line.split()[0]
        if word in ("subgraph", "loop", "alt", "opt"):
            depth += 1
        elif line == "end":
            depth -= 1
        elif is_flow and not EDGE.match(line):
            wrong.append(line)
        elif not is_flow and word != "participant" and not MESSAGE.match(line):
            wrong.append(line)
    return wrong if depth == 0 else [*wrong, "end"]


def test_diagrams_have_known_syntax() -> None:
    found = diagrams()
    assert len(found) >= 6 and {name for name, _ in found} >= {"ARCHITECTURE.md", "TRAINING_GUIDE.md"}
    assert [(name, wrong) for name, text in found if (wrong := wrong_lines(text))] == []


@pytest.mark.parametrize(
    "broken",
    ["flowchart XX\na --> b", 'flowchart TD\na["x --> b', "flowchart TD\na -> b", "flowchart TD\nsubgraph x\na --> b"],
)
def test_a_broken_diagram_would_be_found(broken: str) -> None:
    assert wrong_lines(broken)


def test_folders_in_diagrams_are_there() -> None:
    named = [place for _, text in diagrams() for place in FOLDER.findall(text)]
    assert len(named) >= 7 and [place for place in named if not (ROOT / place).exists()] == []


def test_files_in_diagrams_are_there() -> None:
    """With a path by it, else by their name; but for those that are made at run time."""
    made = {"ranking.json", "evidence.json", "meta.json", "options.json", "transcriptions.json"}
    names = {path.name for room in ROOMS for path in (ROOT / room).rglob("*.*")}
    lost = [
        (document, file)
        for document, text in diagrams()
        for file in FILE.findall(text)
        if Path(file).name not in made and not ((ROOT / file).is_file() if "/" in file else file in names)
    ]
    assert not lost
