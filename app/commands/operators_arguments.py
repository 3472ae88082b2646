"""What `papagaio users`, `feedback`, `secrets`, `backup` and `restore` take; they are imported when they are called."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from app.commands.arguments import number
from app.commands.console import Console

# Commands of `users`, and the functions of `app.commands.users` that do them.
USERS = {
    "list": "list_users",
    "add": "add_user",
    "password": "new_password",
    "role": "change_role",
    "disable": "disable",
    "enable": "enable",
    "quota": "set_quota",
    "allowance": "show_allowance",
    "audit": "show_audit",
}


def add_operators(parser: Any, group: Any) -> None:
    """To a parser of `app.cli` and its group of commands."""
    text = parser.console.text
    users = parser.command(group, "users", None)
    actions = users.group()
    for name in USERS:
        action = users.command(actions, name, _users(name))
        if name not in ("list", "audit"):
            action.add_argument("name", help=text("cli.help.account"))
        if name in ("add", "role"):
            action.option("--role")
        if name == "quota":
            action.option("--characters")
            action.option("--compute-s")
        if name == "audit":
            action.add_argument("--limit", type=int, default=100, help=text("cli.help.audit_limit"))
    given = parser.command(group, "feedback", _feedback)
    given.option("--json", action="store_true")
    given.add_argument("--limit", type=number(int), default=20, help=text("cli.help.feedback_limit"))
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

        does: Callable[[argparse.Namespace, Console], int] = getattr(users, USERS[name])
        return does(options, console)

    return run


def _feedback(options: argparse.Namespace, console: Console) -> int:
    from app.commands import feedback

    return feedback.show_feedback(options, console)


def _rotate(options: argparse.Namespace, console: Console) -> int:
    from app.commands import secrets

    return secrets.rotate(options, console)


def _backup(name: str) -> Callable[[argparse.Namespace, Console], int]:
    def run(options: argparse.Namespace, console: Console) -> int:
        from app.commands import backup

        return {"backup": backup.make, "restore": backup.restore}[name](options, console)

    return run
