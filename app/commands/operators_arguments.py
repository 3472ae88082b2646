"""What `papagaio users`, `secrets`, `backup` and `restore` take; what they do is imported when they are called."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.commands.console import Console


def add_operators(parser: Any, group: Any) -> None:
    """To a parser of `app.cli` and its group of commands."""
    text = parser.console.text
    users = parser.command(group, "users", None)
    actions = users.group()
    for name in ("list", "add", "password"):
        action = users.command(actions, name, _users(name))
        if name != "list":
            action.add_argument("name", help=text("cli.help.account"))
        if name == "add":
            action.option("--role")
    secrets = parser.command(group, "secrets", None)
    secrets.command(secrets.group(), "rotate", _rotate).option("--now", action="store_true")
    for name in ("backup", "restore"):
        kept = parser.command(group, name, _backup(name))
        kept.add_argument("file", help=text("cli.help.backup_file"))
        if name == "backup":
            kept.option("--models", action="store_true")


def _users(name: str) -> Callable[[argparse.Namespace, Console], int]:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands import users

        return {"list": users.list_users, "add": users.add_user, "password": users.new_password}[name](options, console)

    return run


def _rotate(options: argparse.Namespace, console: Console) -> int:
    from app.commands import secrets

    return secrets.rotate(options, console)


def _backup(name: str) -> Callable[[argparse.Namespace, Console], int]:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands import backup

        return {"backup": backup.make, "restore": backup.restore}[name](options, console)

    return run
