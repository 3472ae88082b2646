"""For whom something is done: every route acts for a caller, and reads and writes what is theirs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, get_args

# look; have texts spoken; make and change voices; make and revoke one's API keys; accounts
Scope = Literal["read", "speak", "make", "keys", "admin"]
Role = Literal["listener", "maker", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLES: dict[Role, tuple[Scope, ...]] = {
    "listener": ("read", "speak", "keys"),
    "maker": ("read", "speak", "make", "keys"),
    "admin": ("read", "speak", "make", "keys", "admin"),
}


@dataclass(frozen=True)
class Caller:
    """Who asks. An admin sees and changes what belongs to anybody; what they make is their own.

    `scopes`: what this request may do; those of an API key or a token can be fewer than its owner's. `key_id`: the API
    key that asks, empty for the person; `key_ends_at`: when it ends (seconds of the epoch).
    """

    user_id: str
    is_admin: bool = False
    name: str = ""
    scopes: tuple[Scope, ...] = SCOPES
    key_id: str = ""
    key_ends_at: float | None = None

    def narrowed(self, scopes: Collection[str]) -> Caller:
        """The same, who may do no more than `scopes`."""
        kept = tuple(scope for scope in self.scopes if scope in scopes)
        return replace(self, is_admin=self.is_admin and "admin" in kept, scopes=kept)

    def may_see(self, owner_id: str) -> bool:
        return self.is_admin or owner_id == self.user_id


LOCAL = Caller("local", is_admin=True)  # whoever sits at this machine, where nobody has an account
