"""Whether something failed because a disk is full, whichever part met it."""

from __future__ import annotations

import errno
import sqlite3

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
POSTGRESQL_FULL = "53100"  # disk_full (postgresql.org/docs/current/errcodes-appendix.html)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, says so."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            return True
        if getattr(error, "sqlstate", None) == POSTGRESQL_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False
