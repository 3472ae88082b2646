"""Licences that a person agrees to before weights are brought, and who agreed to which, and when."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True)
class Terms:
    """A licence that asks for consent: the word a person agrees by, such as CPML-1.0, its name, and its text."""

    licence: str
    title: str
    url: str


class Agreements:
    """One file a licence in `folder`: it is asked for once, for all the models that come under it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, terms: Terms) -> Mapping[str, str] | None:
        """`licence`, `title`, `url`, `agreed_by` and `agreed_at` (ISO 8601, UTC); None where nobody agreed yet."""
        try:
            document = json.loads((self._folder / f"{terms.licence}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) and document.get("licence") == terms.licence else None

    def record(self, terms: Terms, agreed_by: str) -> None:
        """Keep that `agreed_by` agrees now; the first one who did stays."""
        if self.find(terms):
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        document = {"licence": terms.licence, "title": terms.title, "url": terms.url}
        document |= {"agreed_by": agreed_by, "agreed_at": moment}
        temporary = self._folder / f".{terms.licence}.{os.getpid()}"
        temporary.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self._folder / f"{terms.licence}.json")
