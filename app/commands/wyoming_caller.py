"""For whom a Wyoming server speaks: an account, since the protocol knows none, or whoever sits at this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.errors import Problem
from app.settings import is_loopback

if TYPE_CHECKING:
    from app.security.accounts import AccountStore
    from app.security.quotas import AccountMeter
    from app.settings import Settings
    from app.storage.database import Database
    from speech.synthesis import Synthesizer
    from speech.text.reading import ReadingOptions


@dataclass(frozen=True)
class BoundCaller:
    """An account that all clients of a server share: its voices, its dictionary, its quota, its use."""

    settings: Settings
    database: Database
    accounts: AccountStore
    meter: AccountMeter

    def seen(self, synthesizer: Synthesizer) -> Synthesizer:
        """The engines as the account sees them; what it may have spoken is counted."""
        from app.storage.voice_owners import VoiceScope

        may_see = VoiceScope(self.settings.voices_path, self.database, self.meter.caller)
        return synthesizer.seen_by(may_see, self.meter)

    def reading(self) -> ReadingOptions:
        """How the account's texts are read, now."""
        from app.storage.pronunciations import PronunciationStore
        from speech.text.reading import ReadingOptions

        return ReadingOptions("auto", PronunciationStore(self.database).of(self.meter.caller).dictionary())

    def check(self) -> None:
        """Raises Problem `token_invalid` for an account that is disabled or gone, `quota_exceeded` where its work of
        the day is done."""
        self.accounts.caller(self.meter.caller.user_id)
        self.meter.admit(0)


@contextmanager
def bound_caller(settings: Settings, name: str, host: str) -> Iterator[BoundCaller | None]:
    """The account `name`; None where none is named, and so nobody but this machine may ask.

    Raises Problem `user_not_found`, `wyoming_account_needed` where others could reach `host` and use all accounts'
    voices.
    """
    from app.security.accounts import AccountStore
    from app.security.quotas import AccountMeter, Quotas
    from app.storage.database import Database

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with closing(Database(settings.url)) as database:
        database.migrate()
        accounts = AccountStore(database)
        if not name:
            if accounts.has_any() and not is_loopback(host):
                raise Problem("wyoming_account_needed", host=host)
            yield None
            return
        user = next((user for user in accounts.list() if user.name.casefold() == name.casefold()), None)
        if user is None:
            raise Problem("user_not_found", user_id=name[:64])
        meter = AccountMeter(Quotas(database, settings), database, accounts.caller(user.id))
        yield BoundCaller(settings, database, accounts, meter)
