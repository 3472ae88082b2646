"""Links by which a cloned voice, or a sound that was made, is heard without an account: signed, ending, and ended
earlier by whoever made them."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, insert, select, update

from app.callers import Caller
from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import share_links as table

SOUND = ".wav"  # ending of a sound's name, which no voice's id has
TOKEN = re.compile(r"([0-9a-f]{16})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True)
class ShareLink:
    id: str
    user_id: str
    voice_id: str
    created_at: float
    expires_at: float
    revoked_at: float | None

    @property
    def leads_to(self) -> str:
        """Id of the voice, or name of the sound."""
        return self.voice_id

    @property
    def is_of_sound(self) -> bool:
        return self.voice_id.endswith(SOUND)


class ShareLinks:
    """What `key` signs is the link's id, voice and end; the text of a link can be made again from its row, and is
    nowhere kept."""

    def __init__(self, database: Database, key: str) -> None:
        self._database, self._key = database, key.encode()

    def add(self, owner: Caller, voice_id: str, lasts_s: float) -> ShareLink:
        now = time.time()
        link = ShareLink(secrets.token_hex(8), owner.user_id, voice_id, now, now + lasts_s, None)
        with self._database.write() as connection:
            connection.execute(insert(table).values(**vars(link)))
        return link

    def live(self, owner: Caller, voice_id: str) -> list[ShareLink]:
        """Those that still lead to the voice, newest first."""
        good = table.c.revoked_at.is_(None) & (table.c.expires_at > time.time())
        query = select(table).where(_of(owner, voice_id), good).order_by(table.c.created_at.desc(), table.c.id)
        with self._database.read() as connection:
            return [ShareLink(**row) for row in connection.execute(query).mappings()]

    def revoke(self, owner: Caller, voice_id: str, link_id: str | None = None) -> int:
        """End one, or all of the voice; how many. Raises Problem `share_not_found` for an id that is none."""
        where = _of(owner, voice_id) & table.c.revoked_at.is_(None)
        if link_id is not None:
            where &= table.c.id == link_id
        with self._database.write() as connection:
            count = connection.execute(update(table).where(where).values(revoked_at=time.time())).rowcount
        if link_id is not None and not count:
            raise Problem("share_not_found")
        return count

    def forget(self, voice_id: str) -> None:
        """All of a voice that is deleted, whoever made them."""
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.voice_id == voice_id))

    def token(self, link: ShareLink) -> str:
        return f"{link.id}.{self._signature(link)}"

    def opened(self, token: str) -> ShareLink:
        """Raises Problem `share_not_found`, `share_over` for one that expired or was ended."""
        parts = TOKEN.fullmatch(token)
        link = self._found(parts[1]) if parts else None
        if parts is None or link is None or not hmac.compare_digest(parts[2], self._signature(link)):
            raise Problem("share_not_found")
        if link.revoked_at is not None or link.expires_at <= time.time():
            raise Problem("share_over")
        return link

    def _found(self, link_id: str) -> ShareLink | None:
        with self._database.read() as connection:
            row = connection.execute(select(table).where(table.c.id == link_id)).mappings().one_or_none()
        return ShareLink(**row) if row is not None else None

    def _signature(self, link: ShareLink) -> str:
        said = f"voice\n{link.id}\n{link.voice_id}\n{link.user_id}\n{link.expires_at!r}".encode()
        return urlsafe_b64encode(hmac.digest(self._key, said, hashlib.sha256)).decode().rstrip("=")


def _of(owner: Caller, voice_id: str) -> ColumnElement[bool]:
    mine = table.c.voice_id == voice_id
    return mine if owner.is_admin else mine & (table.c.user_id == owner.user_id)
