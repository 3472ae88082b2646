"""`papagaio secrets`: the keys that a service signs with."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from app.commands.console import Console


def rotate(options: argparse.Namespace, console: Console) -> int:
    """A new key for access tokens; a service that runs uses it at once. Raises Problem `secret_weak`."""
    from app.security.secrets import load_secrets, rotate_token_key
    from app.security.tokens import ACCESS_S, LEEWAY_S
    from app.settings import load_settings

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    before = load_secrets(settings.data_dir).now().token_key_id
    made = rotate_token_key(settings.data_dir, 0 if options.now else ACCESS_S + LEEWAY_S)
    console.note(console.text("cli.secrets.rotated", key=made.token_key_id))
    old = made.old_token_keys.get(before)
    if old is None:
        console.note(console.text("cli.secrets.ended", key=before))
    else:
        until = datetime.fromtimestamp(old.ends_at, UTC).isoformat(timespec="seconds")
        console.note(console.text("cli.secrets.accepted", key=before, until=until))
    return 0
