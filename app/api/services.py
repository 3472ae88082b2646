"""What the routes work with: built once by `create_app`, found at `app.state.services`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from app.api.capacity import Capacity
from app.api.client_settings import ClientSettings
from app.callers import LOCAL, Caller
from app.security.limits import Limits, Pace
from app.settings import Settings
from speech.models import ModelStore
from speech.synthesis import Synthesizer
from speech.text.reading import ReadingOptions

if TYPE_CHECKING:  # the database layer is a third of the import of app.main, and only a running service needs it
    from app.jobs.driver import Driver
    from app.jobs.events import EventLog
    from app.jobs.store import JobStore
    from app.observability.metrics import Metrics
    from app.security.clamav import ClamAv
    from app.security.identity import Identity
    from app.security.quotas import AccountMeter, Quotas
    from app.security.urls import UrlGuard
    from app.storage.database import Database
    from app.storage.files import Files
    from app.storage.profiles import ProfileStore
    from app.storage.pronunciations import PronunciationStore
    from app.tasks.cloning_service import CloningService
    from app.tasks.comparisons import Comparisons
    from app.tasks.dataset_service import DatasetService
    from app.tasks.training_service import TrainingService
    from app.tasks.tuned_voices import TunedVoices


MOST_TARGET = 200  # characters that the audit log keeps


@dataclass(frozen=True)
class Services:
    settings: Settings
    database: Database
    jobs: JobStore
    events: EventLog
    files: Files  # of jobs
    samples: Files  # what voices say of themselves, a folder a voice
    profiles: ProfileStore
    pronunciations: PronunciationStore
    models: ModelStore
    synthesizer: Synthesizer
    cloning: CloningService  # where voices are fitted, and what has been
    datasets: DatasetService
    training: TrainingService
    tuned: TunedVoices
    comparisons: Comparisons
    identity: Identity
    limits: Limits
    quotas: Quotas
    scanner: ClamAv  # through which every upload goes
    urls: UrlGuard  # by which every link of a user is fetched
    metrics: Metrics
    capacity: Capacity  # of sounds made while they are sent
    client_settings: ClientSettings  # of clients of other contracts
    driver: Driver | None = None  # of the workers, when this service keeps them
    caller: Caller = LOCAL  # for whom what has an owner is read and written
    pace: Pace | None = None  # that the caller's request is held to; None: none

    def of(self, caller: Caller, pace: Pace | None = None) -> Services:
        """The same service as `caller` sees it."""
        from app.storage.voice_owners import VoiceScope

        may_see = VoiceScope(self.settings.voices_path, self.database, caller)
        synthesizer = self.synthesizer.seen_by(may_see, replace(self, caller=caller).meter)
        jobs, events, profiles = self.jobs.of(caller), self.events.of(caller), self.profiles.of(caller)
        pronunciations = self.pronunciations.of(caller)
        seen = replace(self, caller=caller, jobs=jobs, events=events, profiles=profiles, synthesizer=synthesizer)
        return replace(seen, pronunciations=pronunciations, pace=pace)

    def admit(self, characters: int) -> None:
        """Raises Problem `quota_exceeded`."""
        self.quotas.admit(self.caller, characters)

    def submit(self, characters: int) -> None:
        """Before texts of so many characters become jobs or sound. Raises Problem `too_many_requests`."""
        if self.pace is not None:
            self.pace.submit(characters)

    @property
    def meter(self) -> AccountMeter:
        """What keeps account of the caller's work that is no job."""
        from app.security.quotas import AccountMeter

        return AccountMeter(self.quotas, self.database, self.caller)

    def note(self, action: str, target: str, **data: object) -> None:
        """Into the audit log: what the caller has done, to what, by which key of theirs if by one."""
        from app.security.accounts import note

        key = {"key_id": self.caller.key_id} if self.caller.key_id else {}
        with self.database.write() as connection:
            note(connection, self.caller.user_id, action, target[:MOST_TARGET], {**data, **key})

    def reading(self, wrapping: str = "auto") -> ReadingOptions:
        """How the caller's texts are read: with their dictionary."""
        return ReadingOptions(wrapping, self.pronunciations.dictionary())


async def caller_of(request: Request) -> Caller:
    """Who asks. Raises Problem as `Identity.caller` does, and `too_many_requests`."""
    services: Services = request.app.state.services
    if services.identity.is_open_still:  # nothing to be looked up, and so no thread to wait for
        return LOCAL
    return await run_in_threadpool(_found_caller, request, services)


def _found_caller(request: Request, services: Services) -> Caller:
    caller = services.identity.caller(request.method, request.url.path, request.headers, request.cookies)
    if (pace := _pace_of(request, services, caller)) is not None:
        pace.ask()
    return caller


def _pace_of(request: Request, services: Services, caller: Caller) -> Pace | None:
    if caller == LOCAL:
        return None
    address = request.client.host if request.client else "-"
    told = request.scope["state"].setdefault("rate_limit", {})
    return Pace(services.limits, services.settings, caller.user_id if caller.scopes else address, told)


async def services_of(request: Request, caller: Annotated[Caller, Depends(caller_of)]) -> Services:
    services: Services = request.app.state.services
    return services.of(caller, _pace_of(request, services, caller))


Wired = Annotated[Services, Depends(services_of)]


def fetching_services(services: Wired) -> Services:
    """Of a route that gives something finished to keep. Raises Problem `too_many_requests`."""
    if services.pace is not None:
        services.pace.download()
    return services


Fetching = Annotated[Services, Depends(fetching_services)]


def working_services(services: Wired) -> Services:
    """Of a route that begins work which no text measures. Raises Problem `quota_exceeded`, `too_many_requests`."""
    services.admit(0)
    if services.pace is not None:
        services.pace.start()
    return services


Working = Annotated[Services, Depends(working_services)]
