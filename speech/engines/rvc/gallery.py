"""The index of a gallery: a JSON document that says of RVC models what they are, under which licence, and where.

    {"format": 1, "title": "…", "models": [{"id": "ana", "name": "Ana", "licence": "CC-BY-4.0",
      "model": {"url": "ana.pth", "size_bytes": 55000000, "sha256": "…"}, "index": {…}, "sample": {…}}]}

`description`, `licence_url`, `language`, `index` and `sample` may be left out; a URL may be relative to the index.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from speech.errors import SpeechError

FORMAT = 1
MAX_BYTES = 2 << 20  # of an index
MOST_MODELS = 2000
MAX_MODEL_BYTES, MAX_SAMPLE_BYTES = 1 << 30, 5 << 20
ITEM_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
SHA256 = re.compile(r"[0-9a-f]{64}")
LENGTHS = {"name": 100, "description": 500, "licence": 100, "licence_url": 500, "language": 35}  # most characters
FIELDS = frozenset({"id", *LENGTHS, "model", "index", "sample"})


@dataclass(frozen=True)
class GalleryFile:
    url: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class GalleryModel:
    """A model that can be brought. `licence`: an SPDX id, or its name where it has none."""

    item_id: str
    name: str
    licence: str
    model: GalleryFile
    index: GalleryFile | None = None
    sample: GalleryFile | None = None
    description: str = ""
    licence_url: str = ""
    language: str = ""

    @property
    def size_bytes(self) -> int:
        return self.model.size_bytes + (self.index.size_bytes if self.index else 0)


@dataclass(frozen=True)
class Gallery:
    title: str
    models: tuple[GalleryModel, ...]


def read_gallery(data: bytes, base_url: str) -> Gallery:
    """An index that came from `base_url`, "" for a file. Raises SpeechError `gallery_malformed`, `gallery_newer`."""
    if len(data) > MAX_BYTES:
        raise SpeechError("gallery_malformed", reason=f"> {MAX_BYTES >> 20} MB")
    try:
        document = json.loads(data)
        version = document.get("format") if isinstance(document, dict) else None
        if isinstance(version, int) and version > FORMAT:
            raise SpeechError("gallery_newer", version=version, known=FORMAT)
        if version != FORMAT or {*document} - {"format", "title", "models"}:
            raise ValueError("no gallery of format 1")
        found = document["models"]
        if not isinstance(found, list) or len(found) > MOST_MODELS:
            raise ValueError(f"models is no list of at most {MOST_MODELS}")
        models = tuple(_model(one, base_url) for one in found)
        if len({one.item_id for one in models}) < len(models):
            raise ValueError("two models have the same id")
        return Gallery(_text(document, "title", 100), models)
    except (ValueError, KeyError, RecursionError) as error:
        raise SpeechError("gallery_malformed", reason=str(error)[:200]) from error


def _model(given: Any, base_url: str) -> GalleryModel:
    if not isinstance(given, dict) or {*given} - FIELDS:
        raise ValueError(f"unknown fields: {sorted({*given} - FIELDS) if isinstance(given, dict) else given}")
    item_id = _text(given, "id", 64)
    if not ITEM_ID.fullmatch(item_id):
        raise ValueError(f"id {item_id!r}")
    texts = {name: _text(given, name, most) for name, most in LENGTHS.items() if name in given}
    if not texts.get("name") or not texts.get("licence"):
        raise ValueError(f"{item_id}: name and licence are needed")
    files = {
        name: _file(given[name], base_url, MAX_SAMPLE_BYTES if name == "sample" else MAX_MODEL_BYTES)
        for name in ("model", "index", "sample")
        if given.get(name) is not None
    }
    if "model" not in files:
        raise ValueError(f"{item_id}: model is needed")
    return GalleryModel(item_id=item_id, **texts, **files)  # type: ignore[arg-type]


def _file(given: Any, base_url: str, most: int) -> GalleryFile:
    if not isinstance(given, dict) or {*given} != {"url", "size_bytes", "sha256"}:
        raise ValueError("a file has url, size_bytes and sha256")
    size, digest = given["size_bytes"], given["sha256"]
    if isinstance(size, bool) or not isinstance(size, int) or not 0 < size <= most:
        raise ValueError(f"size_bytes is no number of 1 to {most}")
    if not isinstance(digest, str) or not SHA256.fullmatch(digest):
        raise ValueError("sha256 is no 64 lower-case hexadecimal digits")
    url = urljoin(base_url, _text(given, "url", 2048))
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url {url[:80]!r} is no address of the web")
    return GalleryFile(url, size, digest)


def _text(given: Mapping[str, Any], name: str, most: int) -> str:
    value = given[name]
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        raise ValueError(f"{name} is no text of at most {most} characters")
    return value
