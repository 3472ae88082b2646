"""Every part of a running service, put together once."""

from __future__ import annotations

from app.api.services import Services
from app.jobs.embedded import Supervisor
from app.jobs.events import EventLog
from app.jobs.store import JobPolicy, JobStore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.profiles import ProfileStore
from app.tasks import synthesizer_of
from app.tasks.cloning_service import CloningService
from speech.models import ModelStore
from speech.profiles import PARAMETERS


def wire(settings: Settings, supervised: bool) -> Services:
    """Everything the routes work with; makes the data folder and the tables."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    database = Database(settings.url)
    database.migrate()
    files = Files(settings.data_dir / "jobs")
    synthesizer = synthesizer_of(settings)
    parameters = {**PARAMETERS, **{name: info.parameters for name, info in synthesizer.engines().items()}}
    return Services(
        settings=settings,
        database=database,
        jobs=JobStore(database, JobPolicy(settings.max_attempts, settings.job_ttl_h * 3600)),
        events=EventLog(database),
        files=files,
        samples=Files(settings.data_dir / "samples"),
        profiles=ProfileStore(database, parameters),
        models=ModelStore(settings.models_path),
        synthesizer=synthesizer,
        cloning=CloningService(synthesizer.store, settings.voices_path),
        supervisor=Supervisor(settings, database, files) if supervised else None,
    )
