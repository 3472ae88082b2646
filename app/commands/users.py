"""`papagaio users`: the accounts of a data folder, for whoever may read it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from getpass import getpass
from typing import TYPE_CHECKING

from app.callers import LOCAL, ROLES
from app.commands.console import Console
from app.errors import Problem
from speech.errors import SpeechError

if TYPE_CHECKING:
    from app.security.accounts import AccountStore
    from app.storage.database import Database


def list_users(options: argparse.Namespace, console: Console) -> int:
    with _accounts() as (accounts, _):
        rows = [(user.name, user.role, user.id) for user in accounts.list()]
    for name, role, user_id in rows:
        print(f"{name}\t{role}\t{user_id}", file=console.out)
    return 0


def add_user(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem as `AccountStore.add` does; SpeechError `unknown_command` for a role that is none."""
    role = options.role or "maker"
    if role not in ROLES:
        raise SpeechError("unknown_command", name=role, choices=list(ROLES))
    with _accounts() as (accounts, _):
        accounts.add(options.name, _password(options.name, console), role)
    console.note(console.text("cli.users.added", name=options.name, role=role))
    return 0


def new_password(options: argparse.Namespace, console: Console) -> int:
    """Raises Problem `user_not_found` and as `passwords.check_new` does."""
    from app.security.keys import SessionStore

    with _accounts() as (accounts, database):
        user = next((user for user in accounts.list() if user.name.casefold() == options.name.casefold()), None)
        if user is None:
            raise Problem("user_not_found", user_id=options.name[:64])
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
