"""The pronunciation dictionary as it is kept: rows of one user, and the dictionary made of them while they stay."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, or_, select, update

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.storage.database import Database
from app.storage.tables import pronunciations as table
from speech.errors import SpeechError
from speech.text.dictionary import NO_ENTRIES, Dictionary, Entry, check_sizes, checked

_FIELDS = ("written", "spoken", "phonemes", "language", "voice", "is_pattern")
_SAME = ("written", "language", "voice", "is_pattern")  # two entries that agree in these are one


@dataclass(frozen=True)
class StoredEntry:
    """An entry and the number of its row."""

    entry_id: int
    entry: Entry
    updated_at: float


class _Made:
    """Dictionaries that were made from rows, by user, shared by all views of one store."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_user: dict[str, tuple[Any, Dictionary]] = {}


class PronunciationStore:
    """The entries of `caller`."""

    def __init__(self, database: Database, caller: Caller = LOCAL, made: _Made | None = None) -> None:
        self._database = database
        self._caller = caller
        self._made = made or _Made()

    def of(self, caller: Caller) -> PronunciationStore:
        """The same store as `caller` sees it."""
        return PronunciationStore(self._database, caller, self._made)

    def dictionary(self) -> Dictionary:
        """All entries, ready to be applied; made again only after a change."""
        with self._database.read() as connection:
            query = select(func.count(), func.max(table.c.id), func.max(table.c.updated_at)).where(self._scope())
            state = tuple(connection.execute(query).one())
            if not state[0]:
                return NO_ENTRIES
            with self._made.lock:
                known = self._made.by_user.get(self._caller.user_id)
            if known is not None and known[0] == state:
                return known[1]
            made = Dictionary(stored.entry for stored in self._rows(connection, select(table).order_by(table.c.id)))
        with self._made.lock:
            self._made.by_user[self._caller.user_id] = (state, made)
        return made

    def page(self, search: str, limit: int, offset: int) -> tuple[list[StoredEntry], int]:
        """Entries in the order of their words that hold `search`, and how many there are."""
        query = select(table).order_by(func.lower(table.c.written), table.c.id).limit(limit).offset(offset)
        count = select(func.count()).select_from(table).where(self._scope())
        if search:
            fields = (table.c.written, table.c.spoken, table.c.phonemes)
            sought = or_(*(field.icontains(search, autoescape=True) for field in fields))
            query, count = query.where(sought), count.where(sought)
        with self._database.read() as connection:
            return self._rows(connection, query), connection.scalar(count) or 0

    def all(self) -> list[Entry]:
        with self._database.read() as connection:
            query = select(table).order_by(func.lower(table.c.written), table.c.id)
            return [stored.entry for stored in self._rows(connection, query)]

    def get(self, entry_id: int) -> StoredEntry:
        """Raises Problem `entry_not_found`."""
        with self._database.read() as connection:
            found = self._rows(connection, select(table).where(table.c.id == entry_id))
        if not found:
            raise Problem("entry_not_found", entry_id=entry_id)
        return found[0]

    def add(self, entry: Entry) -> StoredEntry:
        """Raises SpeechError as `checked` does and `entry_known` for one that is there."""
        good = checked(entry)
        with self._database.write() as connection:
            check_sizes([*(stored.entry for stored in self._rows(connection, select(table))), good])
            self._refuse_known(connection, good, None)
            row = {**asdict(good), "user_id": self._caller.user_id, "updated_at": time.time()}
            made = connection.execute(insert(table).values(**row))
            entry_id = int((made.inserted_primary_key or (0,))[0])
        return self.get(entry_id)

    def change(self, entry_id: int, changes: Mapping[str, Any]) -> StoredEntry:
        """Raises Problem `entry_not_found`, SpeechError as `add` does."""
        with self._database.write() as connection:
            good = checked(Entry(**{**asdict(self.get(entry_id).entry), **changes}))
            self._refuse_known(connection, good, entry_id)
            where = (table.c.id == entry_id) & self._scope()
            connection.execute(update(table).where(where).values(**asdict(good), updated_at=time.time()))
        return self.get(entry_id)

    def delete(self, entry_id: int) -> None:
        """Raises Problem `entry_not_found`."""
        with self._database.write() as connection:
            gone = connection.execute(delete(table).where((table.c.id == entry_id) & self._scope()))
        if not gone.rowcount:
            raise Problem("entry_not_found", entry_id=entry_id)

    def bring_in(self, entries: Sequence[Entry], replace_all: bool) -> int:
        """Add checked entries, all or none; of those that are there the new one counts. How many there are now.

        Raises SpeechError `dictionary_full`, `too_many_patterns`.
        """
        with self._database.write() as connection:
            rows = [] if replace_all else self._rows(connection, select(table).order_by(table.c.id))
            merged = {_identity(stored.entry): stored.entry for stored in rows}
            merged |= {_identity(entry): entry for entry in entries}
            check_sizes(list(merged.values()))
            connection.execute(delete(table).where(self._scope()))
            own = {"user_id": self._caller.user_id, "updated_at": time.time()}
            if merged:
                connection.execute(insert(table), [{**asdict(entry), **own} for entry in merged.values()])
        return len(merged)

    def _refuse_known(self, connection: Connection, entry: Entry, entry_id: int | None) -> None:
        for stored in self._rows(connection, select(table).where(table.c.written == entry.written)):
            if stored.entry_id != entry_id and _identity(stored.entry) == _identity(entry):
                raise SpeechError("entry_known", written=entry.written)

    def _rows(self, connection: Connection, query: Select[Any]) -> list[StoredEntry]:
        rows = connection.execute(query.where(self._scope())).mappings().all()
        return [
            StoredEntry(row["id"], Entry(**{name: row[name] for name in _FIELDS}), row["updated_at"]) for row in rows
        ]

    def _scope(self) -> Any:
        return table.c.user_id == self._caller.user_id


def _identity(entry: Entry) -> tuple[Any, ...]:
    return tuple(getattr(entry, name) for name in _SAME)
