"""What lives longer than an access token: API keys, and the sessions of pages and of programs that refresh."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from sqlalchemy import RowMapping, insert, select, update

from app.callers import Caller, Scope
from app.errors import FieldError, Problem
from app.security import tokens
from app.security.accounts import AccountStore, note
from app.storage.database import Database
from app.storage.tables import api_keys, sessions

SESSION_S = 14 * 86400.0
USED_EVERY_S = 60.0  # how exactly `last_used_at` is kept
Kind = Literal["page", "refresh"]
PREFIXES: dict[Kind, str] = {"page": tokens.SESSION_PREFIX, "refresh": tokens.REFRESH_PREFIX}


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret, which is shown once, when it is made."""

    id: str
    user_id: str
    name: str
    scopes: list[Scope]
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    revoked_at: float | None


class KeyStore:
    """API keys, of which only a digest is kept."""

    def __init__(self, database: Database, accounts: AccountStore) -> None:
        self._database, self._accounts = database, accounts

    def add(self, owner: Caller, name: str, scopes: Collection[Scope], expires_at: float | None) -> tuple[ApiKey, str]:
        """The key and its text, which cannot be had again. One made by a key that ends, ends with it where no
        `expires_at` (seconds of the epoch) is given. Raises Problem `scope_not_held`, `key_life_too_long`."""
        _check_scopes(owner, scopes)
        if owner.key_ends_at is not None:
            expires_at = owner.key_ends_at if expires_at is None else expires_at
            if expires_at > owner.key_ends_at:
                raise Problem("key_life_too_long", until=datetime.fromtimestamp(owner.key_ends_at, UTC).isoformat())
        public, text, stored = tokens.new_secret(tokens.API_KEY_PREFIX)
        row = {"id": public, "user_id": owner.user_id, "name": name, "scopes": sorted(scopes), "secret": stored}
        with self._database.write() as connection:
            connection.execute(insert(api_keys).values(**row, created_at=time.time(), expires_at=expires_at))
            note(connection, owner.user_id, "key_added", public, {"name": name, "scopes": sorted(scopes)})
        return self._get(public), text

    def list(self, owner: Caller) -> list[ApiKey]:
        query = select(api_keys).where(api_keys.c.user_id == owner.user_id).order_by(api_keys.c.created_at)
        with self._database.read() as connection:
            return [_key(row) for row in connection.execute(query).mappings()]

    def revoke(self, owner: Caller, key_id: str) -> ApiKey:
        """A key revokes none that may do more than it. Raises Problem `key_not_found`, `scope_not_held`."""
        found = self._get(key_id)
        if not owner.may_see(found.user_id):
            raise Problem("key_not_found", key_id=key_id[:64])
        if owner.key_id:
            _check_scopes(owner, found.scopes)
        with self._database.write() as connection:
            connection.execute(update(api_keys).where(api_keys.c.id == key_id).values(revoked_at=time.time()))
            note(connection, owner.user_id, "key_revoked", key_id, {})
        return self._get(key_id)

    def caller(self, text: str) -> Caller:
        """Whom a key stands for, with no more than its scopes. Raises Problem `token_invalid`, `token_expired`."""
        public, private = tokens.parts(text, tokens.API_KEY_PREFIX)
        with self._database.read() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == public)).mappings().one_or_none()
        if row is None or not tokens.is_same(private, row["secret"]) or row["revoked_at"] is not None:
            raise Problem("token_invalid")
        if row["expires_at"] is not None and row["expires_at"] <= time.time():
            raise Problem("token_expired")
        if (row["last_used_at"] or 0) < time.time() - USED_EVERY_S:
            with self._database.write() as connection:
                connection.execute(update(api_keys).where(api_keys.c.id == public).values(last_used_at=time.time()))
        owner = self._accounts.caller(row["user_id"])
        return replace(owner.narrowed(row["scopes"]), key_id=public, key_ends_at=row["expires_at"])

    def _get(self, key_id: str) -> ApiKey:
        with self._database.read() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.id == key_id)).mappings().one_or_none()
        if row is None:
            raise Problem("key_not_found", key_id=key_id[:64])
        return _key(row)


class SessionStore:
    """Sessions of pages (a cookie) and refresh tokens, which are used once: a second use ends the whole family
    (RFC 9700 §4.14.2)."""

    def __init__(self, database: Database, accounts: AccountStore) -> None:
        self._database, self._accounts = database, accounts

    def start(self, user_id: str, kind: Kind, family: str = "", scopes: Sequence[str] = ()) -> str:
        """The text that its owner keeps. `scopes`: that its access tokens have; (): all of the owner's."""
        public, text, stored = tokens.new_secret(PREFIXES[kind], scopes)
        row = {"id": public, "family": family or public, "user_id": user_id, "kind": kind, "secret": stored}
        with self._database.write() as connection:
            connection.execute(insert(sessions).values(**row, expires_at=time.time() + SESSION_S))
        return text

    def caller(self, text: str) -> Caller:
        """Of a page's session. Raises Problem `token_invalid`, `token_expired`."""
        return self._accounts.caller(self._row(text, "page")["user_id"])

    def rotate(self, text: str, asked: str = "") -> tuple[str, str, tuple[str, ...]]:
        """The user, the next refresh token and its scopes, which are those `asked` for or this one's; this one is
        over. Raises as `caller` and as `asked_scopes`."""
        row = self._row(text, "refresh", used_too=True)
        scopes = tokens.scopes_in(text)
        if asked:
            scopes = asked_scopes(asked, scopes or self._accounts.caller(row["user_id"]).scopes)
        with self._database.write() as connection:
            unused = (sessions.c.id == row["id"]) & sessions.c.used_at.is_(None)
            if not connection.execute(update(sessions).where(unused).values(used_at=time.time())).rowcount:
                ended = sessions.c.family == row["family"]
                connection.execute(update(sessions).where(ended).values(revoked_at=time.time()))
                note(connection, row["user_id"], "refresh_token_reused", row["family"], {})
                reused = True
            else:
                reused = False
        if reused:
            raise Problem("token_invalid")
        self._accounts.caller(row["user_id"])
        return row["user_id"], self.start(row["user_id"], "refresh", row["family"], scopes), scopes

    def end(self, text: str, kind: Kind) -> None:
        """Sign out: the family is over. One that is none is over already."""
        try:
            family = self._row(text, kind, used_too=True)["family"]
        except Problem:
            return
        with self._database.write() as connection:
            connection.execute(update(sessions).where(sessions.c.family == family).values(revoked_at=time.time()))

    def end_all(self, user_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(sessions).where(sessions.c.user_id == user_id).values(revoked_at=time.time()))

    def _row(self, text: str, kind: Kind, used_too: bool = False) -> RowMapping:
        public, private = tokens.parts(text, PREFIXES[kind])
        with self._database.read() as connection:
            row = connection.execute(select(sessions).where(sessions.c.id == public)).mappings().one_or_none()
        if row is None or row["kind"] != kind or not tokens.is_same(private, row["secret"]) or row["revoked_at"]:
            raise Problem("token_invalid")
        if row["used_at"] is not None and not used_too:
            raise Problem("token_invalid")
        if row["expires_at"] <= time.time():
            raise Problem("token_expired")
        return row


def asked_scopes(asked: str, held: Sequence[str]) -> tuple[str, ...]:
    """What `asked` names, with spaces between (RFC 6749 §3.3). Raises Problem `invalid_request` for what is not
    `held`."""
    scopes = tuple(dict.fromkeys(asked.split()))
    if beyond := [scope for scope in scopes if scope not in held]:
        error = FieldError("scope", "field_choice", {"value": " ".join(beyond)[:80], "choices": list(held)})
        raise Problem("invalid_request", errors=[error])
    return scopes


def _check_scopes(owner: Caller, scopes: Collection[Scope]) -> None:
    """Raises Problem `scope_not_held`."""
    if beyond := sorted(set(scopes) - set(owner.scopes)):
        raise Problem("scope_not_held", scopes=beyond, choices=list(owner.scopes))


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**{name: row[name] for name in ApiKey.__dataclass_fields__})
