"""`papagaio feedback`: what people say of working with the service, read from its data folder."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from app.api.times import iso
from app.commands.console import Console
from speech.errors import SpeechError

if TYPE_CHECKING:
    from app.storage.feedback import Feedback, Tally

MOST_LISTED = 1000
UNKNOWN = "–"


def show_feedback(options: argparse.Namespace, console: Console) -> int:
    """Mean, count of each score, and the newest that was said. Raises SpeechError `parameter_out_of_range`."""
    if not 1 <= options.limit <= MOST_LISTED:
        raise SpeechError(
            "parameter_out_of_range", parameter="--limit", value=options.limit, minimum=1, maximum=MOST_LISTED
        )
    tally, rows, total = _read(options.limit)
    if options.json:
        console.line(json.dumps(_document(tally, rows, total), ensure_ascii=False, indent=2))
        return 0
    if tally.mean is None:
        console.say("cli.feedback.none")
        return 0
    console.say("cli.feedback.mean", mean=f"{tally.mean:.2f}", count=tally.count)
    for score in sorted(tally.counts, reverse=True):
        console.line(f"{score:>4}  {tally.counts[score]}")
    for row in rows:
        who = row.user_name or row.user_id
        console.line("\t".join((iso(row.given_at), str(row.score), who, row.page or UNKNOWN, _said(row))))
    return 0


def _read(limit: int) -> tuple[Tally, Sequence[Feedback], int]:
    from app.settings import load_settings
    from app.storage.database import Database
    from app.storage.feedback import FeedbackStore

    settings = load_settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.url)) as database:
        database.migrate()
        store = FeedbackStore(database)
        return store.tally(), *store.page(limit)


def _document(tally: Tally, rows: Sequence[Feedback], total: int) -> dict[str, Any]:
    """As `GET /feedback?has_comment=false` has it."""
    return {
        "count": tally.count,
        "mean": tally.mean,
        "scores": [{"score": score, "count": count} for score, count in tally.counts.items()],
        "total": total,
        "feedback": [{**asdict(row), "given_at": iso(row.given_at)} for row in rows],
    }


def _said(row: Feedback) -> str:
    """In one line, without what would command the terminal."""
    shown = "".join(sign if sign.isprintable() else " " for sign in row.comment or UNKNOWN)
    return " ".join(shown.split())
