"""Galleries of RVC models that somebody added: their indexes as they came, and what their owner thinks of the models.

A folder each under `Settings.galleries_path`, so that a gallery comes and goes whole.
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from secrets import token_hex

from app.callers import Caller
from app.errors import Problem
from speech.engines.rvc.gallery import Gallery, GalleryModel, read_gallery
from speech.voice_files import write_whole

INDEX, ABOUT = "index.json", "about.json"
GALLERY_ID = re.compile(r"gallery_[0-9a-f]{12}")


@dataclass(frozen=True)
class Opinion:
    rating: int  # 1 to 5
    review: str | None = None


@dataclass(frozen=True)
class StoredGallery:
    """`url` "": it came as a file."""

    gallery_id: str
    user_id: str
    url: str
    fetched_at: float
    gallery: Gallery
    opinions: Mapping[str, Opinion] = field(default_factory=dict)  # by id of the model

    def model(self, item_id: str) -> GalleryModel:
        """Raises Problem `gallery_model_unknown`."""
        found = next((one for one in self.gallery.models if one.item_id == item_id), None)
        if found is None:
            raise Problem("gallery_model_unknown", gallery_id=self.gallery_id, item_id=item_id[:80])
        return found


class GalleryStore:
    """The galleries that `caller` may see."""

    def __init__(self, root: Path, caller: Caller) -> None:
        self._root, self._caller = root, caller

    def add(self, data: bytes, url: str) -> StoredGallery:
        """Raises SpeechError as `read_gallery` does, Problem `gallery_known` for a URL that is here."""
        gallery = read_gallery(data, url)
        known = next((one for one in self.all() if url and one.url == url), None)
        if known:
            raise Problem("gallery_known", gallery_id=known.gallery_id, url=url[:200])
        made = StoredGallery(f"gallery_{token_hex(6)}", self._caller.user_id, url, time.time(), gallery)
        (self._root / made.gallery_id).mkdir(parents=True)
        write_whole(self._root / made.gallery_id / INDEX, data)
        self._write_about(made)
        return made

    def renew(self, gallery_id: str, data: bytes) -> StoredGallery:
        """The same gallery with a newer index; opinions stay. Raises Problem `gallery_unknown`, and as `add`."""
        before = self.get(gallery_id)
        made = replace(before, gallery=read_gallery(data, before.url), fetched_at=time.time())
        write_whole(self._root / gallery_id / INDEX, data)
        self._write_about(made)
        return made

    def all(self) -> list[StoredGallery]:
        """The oldest first."""
        ids = sorted(path.name for path in self._root.glob("gallery_*")) if self._root.is_dir() else []
        found = [one for one in map(self._read, ids) if one and self._caller.may_see(one.user_id)]
        return sorted(found, key=lambda one: (one.fetched_at, one.gallery_id))

    def get(self, gallery_id: str) -> StoredGallery:
        """Raises Problem `gallery_unknown`."""
        found = self._read(gallery_id) if GALLERY_ID.fullmatch(gallery_id) else None
        if found is None or not self._caller.may_see(found.user_id):
            raise Problem("gallery_unknown", gallery_id=gallery_id[:80])
        return found

    def rate(self, gallery_id: str, item_id: str, opinion: Opinion) -> StoredGallery:
        """Raises Problem `gallery_unknown`, `gallery_model_unknown`."""
        found = self.get(gallery_id)
        found.model(item_id)
        made = replace(found, opinions={**found.opinions, item_id: opinion})
        self._write_about(made)
        return made

    def delete(self, gallery_id: str) -> None:
        """Models that were brought stay. Raises Problem `gallery_unknown`."""
        self.get(gallery_id)
        shutil.rmtree(self._root / gallery_id, ignore_errors=True)

    def _read(self, gallery_id: str) -> StoredGallery | None:
        folder = self._root / gallery_id
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            gallery = read_gallery((folder / INDEX).read_bytes(), about["url"])
        except FileNotFoundError:  # it went while it was looked at, or is being added
            return None
        opinions = {name: Opinion(**one) for name, one in about["opinions"].items()}
        return StoredGallery(gallery_id, about["user_id"], about["url"], about["fetched_at"], gallery, opinions)

    def _write_about(self, made: StoredGallery) -> None:
        opinions = {name: asdict(one) for name, one in made.opinions.items()}
        about = {"user_id": made.user_id, "url": made.url, "fetched_at": made.fetched_at, "opinions": opinions}
        write_whole(self._root / made.gallery_id / ABOUT, json.dumps(about, ensure_ascii=False).encode())
