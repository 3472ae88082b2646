"""Whom a request is made by: its credentials, looked up, and what they allow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.callers import LOCAL, Caller
from app.errors import Problem
from app.security import tokens
from app.security.accounts import AccountStore
from app.security.keys import KeyStore, SessionStore
from app.security.permissions import needed_scope
from app.security.secrets import SecretsFile
from app.storage.away import is_database_away

COOKIE = "papagaio_session"
# What Open WebUI, SillyTavern's provider for TTS WebUI and wyoming_openai look up without a key.
DISCOVERY = re.compile(r"/v1/test|/v1/audio/models|/v1/audio/voices(?:/[^/]+)?")
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="papagaio"'}


@dataclass(frozen=True)
class Identity:
    """Accounts, keys and sessions together."""

    accounts: AccountStore
    keys: KeyStore
    sessions: SessionStore
    secrets: SecretsFile
    is_discovery_public: bool = False  # `DISCOVERY` needs no credentials

    def caller(self, method: str, path: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller:
        """Who asks: everybody is the one local admin while there are no accounts. Where nobody needs to sign in, the
        database may be away.

        Raises Problem `not_signed_in`, `token_invalid`, `token_expired`, `not_allowed`.
        """
        scope = None if self._is_discovery(method, path) else needed_scope(method, path)
        try:
            if not self.accounts.has_any():
                return LOCAL
            caller = self._found(headers, cookies)
        except Problem as problem:
            if scope is None:
                return NOBODY
            raise Problem(problem.code, headers=CHALLENGE) from problem
        except Exception as error:
            if scope is None and is_database_away(error):
                return NOBODY
            raise
        if scope is None:
            return caller or NOBODY
        if caller is None:
            raise Problem("not_signed_in", headers=CHALLENGE)
        if scope not in caller.scopes:
            raise Problem("not_allowed", scope=scope, choices=list(caller.scopes))
        return caller

    @property
    def is_open_still(self) -> bool:
        """Whether everybody is the local admin, as was seen a moment ago; asks nobody."""
        return self.accounts.was_empty

    def caller_of(self, user_id: str) -> Caller:
        """Whom an id that was kept stands for now. Raises Problem `token_invalid` for somebody disabled or gone."""
        return self.accounts.caller(user_id) if self.accounts.has_any() else LOCAL

    def _found(self, headers: Mapping[str, str], cookies: Mapping[str, str]) -> Caller | None:
        kind, _, given = headers.get("authorization", "").partition(" ")
        text = given.strip() if kind.lower() == "bearer" else ""
        text = text or headers.get("xi-api-key", "").strip()  # as clients of ElevenLabs send it
        if text.startswith(f"{tokens.API_KEY_PREFIX}_"):
            return self.keys.caller(text)
        if text:
            claims = tokens.read_access_token(text, self.secrets.now().token_keys())
            caller = self.accounts.caller(claims["sub"], claims["ver"])
            return caller.narrowed(claims["scope"].split()) if "scope" in claims else caller
        if cookie := cookies.get(COOKIE):
            return self.sessions.caller(cookie)
        return None

    def _is_discovery(self, method: str, path: str) -> bool:
        return self.is_discovery_public and method == "GET" and DISCOVERY.fullmatch(path) is not None


NOBODY = Caller("nobody", scopes=())  # on a route that needs no sign-in
