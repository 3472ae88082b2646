"""For whom something is done: every route acts for a caller, and reads and writes what is theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

Scope = Literal["read", "speak", "make", "admin"]  # look; have texts spoken; make and change voices; accounts
Role = Literal["listener", "maker", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ROLES: dict[Role, tuple[Scope, ...]] = {
    "listener": ("read", "speak"),
    "maker": ("read", "speak", "make"),
    "admin": ("read", "speak", "make", "admin"),
}


@dataclass(frozen=True)
class Caller:
    """Who asks. An admin sees and changes what belongs to anybody; what they make is their own.

    `scopes`: what this request may do; those of an API key can be fewer than its owner's.
    """

    user_id: str
    is_admin: bool = False
    name: str = ""
    scopes: tuple[Scope, ...] = SCOPES

    def may_see(self, owner_id: str) -> bool:
        return self.is_admin or owner_id == self.user_id


LOCAL = Caller("local", is_admin=True)  # whoever sits at this machine, where nobody has an account
