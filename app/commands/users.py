"""`papagaio users`: the accounts of a data folder, for whoever may read it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getpass
from typing import TYPE_CHECKING, Any

from app.callers import LOCAL, ROLES, Role
from app.commands.console import Console
from app.errors import Problem
from speech.errors import SpeechError

if TYPE_CHECKING:
    from app.security.accounts import AccountStore, User
    from app.storage.database import Database

NO_BOUND = "none"


def list_users(options: argparse.Namespace, console: Console) -> int:
    with _accounts() as (accounts, _):
        rows = [(user.name, user.role, user.id, "disabled" if user.is_disabled else "") for user in accounts.list()]
    for row in rows:
        print("\t".join(row).rstrip(), file=console.out)
    return 0


def add_user(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem as `AccountStore.add` does; SpeechError `unknown_command` for a role that is none."""
    role = _role(options.role or "maker")
    with _accounts() as (accounts, _):
        accounts.add(options.name, _password(options.name, console), role)
    console.note(console.text("cli.users.added", name=options.name, role=role))
    return 0


def change_role(options: argparse.Namespace, console: Console) -> int:
    """Raises SpeechError `missing_argument`, `unknown_command` for a role that is none, Problem as `_change` does."""
    return _change(options.name, console, role=_role(options.role))


def disable(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem as `_change` does."""
    return _change(options.name, console, is_disabled=True)


def enable(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem as `_change` does."""
    return _change(options.name, console, is_disabled=False)


def set_quota(options: argparse.Namespace, console: Console) -> int:
    """Raises SpeechError `missing_argument` where no bound is given, `not_a_number`; Problem as `_change` does."""
    given = {"characters_per_day": (options.characters, int), "compute_s_per_day": (options.compute_s, float)}
    changes = {name: _bound(value, kind) for name, (value, kind) in given.items() if value is not None}
    if not changes:
        raise SpeechError("missing_argument", names=["--characters", "--compute-s"], choices=[])
    return _change(options.name, console, **changes)


def show_allowance(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem `user_not_found`."""
    from app.security.quotas import Quotas
    from app.settings import load_settings

    with _accounts() as (accounts, database):
        now = Quotas(database, load_settings()).standing(_named(accounts, options.name).caller())
    for used, bound, unit in (
        (now.characters, now.characters_per_day, "characters"),
        (round(now.compute_s, 1), now.compute_s_per_day, "compute_s"),
    ):
        print(f"{unit}\t{used}\t{NO_BOUND if bound is None else bound}", file=console.out)
    return 0


def show_audit(options: argparse.Namespace, console: Console) -> int:
    """The newest entries first, a line of JSON each."""
    from app.security.accounts import audit

    with _accounts() as (_, database):
        rows = audit(database, options.limit)
    for row in rows:
        at = datetime.fromtimestamp(row["created_at"], UTC).isoformat(timespec="seconds")
        print(json.dumps({**row, "created_at": at}, ensure_ascii=False), file=console.out)
    return 0


def _change(name: str, console: Console, **changes: Any) -> int:
    """Raises Problem `user_not_found`, `last_admin`."""
    from app.security.keys import SessionStore

    with _accounts() as (accounts, database):
        user = accounts.change(_named(accounts, name).id, LOCAL, **changes)
        if {"role", "is_disabled"} & set(changes):
            SessionStore(database, accounts).end_all(user.id)
    told = {field: NO_BOUND if value is None else value for field, value in changes.items()}
    console.note(console.text("cli.users.set", name=user.name, changes=[f"{f} = {v}" for f, v in told.items()]))
    return 0


def _bound(text: str, kind: Callable[[str], Any]) -> Any:
    """Raises SpeechError `not_a_number`."""
    if text == NO_BOUND:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = -1
    if value < 0:
        raise SpeechError("not_a_number", value=text[:80])
    return value


def _role(asked: str | None) -> Role:
    if asked is None:
        raise SpeechError("missing_argument", names=["--role"], choices=list(ROLES))
    found = next((role for role in ROLES if role == asked), None)
    if found is None:
        raise SpeechError("unknown_command", name=asked, choices=list(ROLES))
    return found


def _named(accounts: AccountStore, name: str) -> User:
    """Raises Problem `user_not_found`."""
    user = next((user for user in accounts.list() if user.name.casefold() == name.casefold()), None)
    if user is None:
        raise Problem("user_not_found", user_id=name[:64])
    return user


def new_password(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem `user_not_found` and as `passwords.check_new` does."""
    from app.security.keys import SessionStore

    with _accounts() as (accounts, database):
        user = _named(accounts, options.name)
        accounts.change(user.id, LOCAL, password=_password(user.name, console))
        SessionStore(database, accounts).end_all(user.id)
    console.note(console.text("cli.users.changed", name=options.name))
    return 0


def _password(name: str, console: Console) -> str:
    """From the terminal, unseen; from a pipe, its first line."""
    if sys.stdin.isatty():
        return getpass(console.text("cli.users.password", name=name))
    return sys.stdin.readline().rstrip("\n")


@contextmanager
def _accounts() -> Iterator[tuple[AccountStore, Database]]:
    from app.security.accounts import AccountStore
    from app.settings import load_settings
    from app.storage.database import Database

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    try:
        database.migrate()
        yield AccountStore(database), database
    finally:
        database.close()
