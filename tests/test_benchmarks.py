"""The benchmarks' document is what its script writes, and short."""

from __future__ import annotations

from bench.tables import CLAIMS, DOCUMENT, document


def test_the_document_is_written_from_the_results() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == document(), "./run bench tables"


def test_every_claim_has_rows_and_the_whole_is_short() -> None:
    text = document()
    sections = text.split("\n## ")[1:]
    assert len(sections) == len(CLAIMS) and all(section.count("\n| ") > 1 for section in sections)
    assert len(text.replace("|", " ").split()) < 1650
