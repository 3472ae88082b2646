"""For whom something is done: every route acts for a caller, and reads and writes what is theirs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """Who asks. An admin sees and changes what belongs to anybody; what they make is their own."""

    user_id: str
    is_admin: bool = False

    def may_see(self, owner_id: str) -> bool:
        return self.is_admin or owner_id == self.user_id


LOCAL = Caller("local", is_admin=True)  # whoever sits at this machine, where nobody has an account
