"""Whether something failed because the database server is not there, whichever part met it."""

from __future__ import annotations

# No state: the connection was refused, or broke. 08: connection exceptions; 53300: too many connections; 57P: the
# server ends, starts or has crashed (postgresql.org/docs/current/errcodes-appendix.html).
AWAY = ("08", "53300", "57P")
OF_CONNECTIONS = frozenset(
    {"OperationalError", "InterfaceError"}
)  # of psycopg, which is imported only where it is used


def is_database_away(error: BaseException | None) -> bool:
    """Whether `error`, or what caused it, says so of PostgreSQL; an SQLite file is never away."""
    while error is not None:
        if _is_away(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_away(error: BaseException) -> bool:
    """Also where every connection was taken by requests that wait for the server."""
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    if ("sqlalchemy", "TimeoutError") in kinds:
        return True
    if not any(("psycopg", name) in kinds for name in OF_CONNECTIONS):
        return False
    state = getattr(error, "sqlstate", None)
    return state is None or state.startswith(AWAY)
