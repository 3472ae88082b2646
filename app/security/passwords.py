"""Passwords, hashed by Argon2id (RFC 9106) with 19 MiB, two passes and one lane."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING

from app.errors import Problem

if TYPE_CHECKING:
    from argon2 import PasswordHasher

LEAST_CHARACTERS, MOST_CHARACTERS = 10, 200
_AT_ONCE = threading.Semaphore(2)  # each takes 19 MiB and a core


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def check_new(password: str) -> None:
    """Raises Problem `password_length`, `password_simple` for one letter over and over."""
    if not LEAST_CHARACTERS <= len(password) <= MOST_CHARACTERS:
        raise Problem("password_length", minimum=LEAST_CHARACTERS, maximum=MOST_CHARACTERS)
    if len(set(password)) < 4:
        raise Problem("password_simple")


def hashed(password: str) -> str:
    """Raises as `check_new`."""
    check_new(password)
    with _AT_ONCE:
        return _hasher().hash(password)


def is_right(password: str, stored: str | None) -> bool:
    """Takes the same time for somebody who does not exist (`stored` None)."""
    from argon2.exceptions import InvalidHashError, VerificationError

    with _AT_ONCE:
        try:
            return _hasher().verify(stored or _nobody(), password[:MOST_CHARACTERS]) and stored is not None
        except (VerificationError, InvalidHashError):
            return False


@cache
def _nobody() -> str:
    return _hasher().hash("nobody has this password")
