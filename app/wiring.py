"""Every part of a running service, put together once."""

from __future__ import annotations

from collections.abc import Sequence

from app.api.capacity import Capacity
from app.api.client_settings import ClientSettings
from app.api.services import Services
from app.host.client import LATER, HostAddress, HostedSynthesizer, listens
from app.jobs.driver import Driver
from app.jobs.embedded import EmbeddedDriver
from app.jobs.events import EventLog
from app.jobs.store import JobPolicy, JobStore
from app.observability.gpu import gpus
from app.observability.metrics import EngineFigures, Metrics
from app.security.accounts import AccountStore
from app.security.clamav import ClamAv
from app.security.identity import Identity
from app.security.keys import KeyStore, SessionStore
from app.security.limits import Limits
from app.security.quotas import Quotas
from app.security.secrets import load_secrets
from app.security.urls import UrlGuard
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files
from app.storage.profiles import ProfileStore
from app.storage.pronunciations import PronunciationStore
from app.tasks import options_of, synthesizer_of, training_service_of
from app.tasks.cloning_service import CloningService
from app.tasks.comparisons import Comparisons
from app.tasks.dataset_service import DatasetService
from app.tasks.staging import finish_installs, packages_dir
from app.tasks.tuned_voices import TunedVoices
from speech.models import ModelStore
from speech.synthesis import Synthesizer


def wire(settings: Settings, supervised: bool) -> Services:
    """Everything the routes work with; makes the data folder and the tables."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    finish_installs(packages_dir())
    database = Database(settings.url)
    database.migrate()
    files = Files(settings.data_dir / "jobs")
    driver = _driver(settings, database, files) if supervised else None
    hosts = hosts_of(settings, supervised)
    synthesizer = hosted(settings, hosts) if hosts else synthesizer_of(settings)
    policy = JobPolicy(settings.max_attempts, settings.job_ttl_h * 3600)
    registry, training = synthesizer.registry, training_service_of(settings, synthesizer.store)
    limits = Limits(settings.redis_url)
    return Services(
        settings=settings,
        database=database,
        jobs=JobStore(database, policy, publish=driver.publish if driver else None),
        events=EventLog(database),
        files=files,
        samples=Files(settings.data_dir / "samples"),
        profiles=ProfileStore(database, {**registry.announced, **registry.engines}),
        pronunciations=PronunciationStore(database),
        models=ModelStore(settings.models_path),
        synthesizer=synthesizer,
        cloning=CloningService(synthesizer.store, settings.voices_path, registry),
        datasets=DatasetService(synthesizer.store, settings.datasets_path, settings.dataset_hosts),
        training=training,
        tuned=TunedVoices(training, settings.voices_path, registry),
        comparisons=Comparisons(settings.trainings_path),
        identity=_identity(settings, database),
        limits=limits,
        quotas=Quotas(database, settings),
        scanner=ClamAv(settings.clamav, settings.clamav_address),
        urls=UrlGuard(frozenset(host.lower() for host in settings.fetch_private_hosts)),
        metrics=Metrics(database, lambda: _engine_figures(synthesizer), lambda: limits.is_degraded),
        capacity=Capacity(settings.max_streams),
        client_settings=ClientSettings(),
        driver=driver,
    )


def _driver(settings: Settings, database: Database, files: Files) -> Driver:
    if settings.jobs == "embedded":
        return EmbeddedDriver(settings, database, files)
    from app.jobs.celery_driver import CeleryDriver  # brings Celery, which is installed where it is asked for

    return CeleryDriver(settings, database, files)


def _engine_figures(synthesizer: Synthesizer) -> EngineFigures:
    hosts = synthesizer.hosts() if isinstance(synthesizer, HostedSynthesizer) else []
    pools = {host.name: host.pool for host in hosts if host.pool} or {"this process": synthesizer.pool_stats()}
    cards = {host.name: host.gpus for host in hosts} if hosts else {"this process": tuple(gpus())}
    return EngineFigures(
        hits=sum(pool.hits for pool in pools.values()),
        loads=sum(pool.loads for pool in pools.values()),
        evictions=sum(pool.evictions for pool in pools.values()),
        memory_bytes={name: pool.memory_bytes for name, pool in pools.items()},
        gpus=cards,
    )


def _identity(settings: Settings, database: Database) -> Identity:
    accounts = AccountStore(database)
    return Identity(
        accounts,
        KeyStore(database, accounts),
        SessionStore(database, accounts),
        load_secrets(settings.data_dir),
        settings.public_discovery,
    )


def hosted(settings: Settings, hosts: Sequence[HostAddress]) -> HostedSynthesizer:
    """What speaks through `hosts`, and waits for them somewhat longer than they wait for their engines."""
    return HostedSynthesizer(options_of(settings), hosts, LATER * settings.engine_silence_s)


def hosts_of(settings: Settings, supervised: bool) -> list[HostAddress]:
    """Who holds the weights: hosts elsewhere, our own, or, where there is none, this process."""
    if settings.engine_urls:
        return [HostAddress(url=url, secret=settings.engine_secret) for url in settings.engine_urls]
    return [HostAddress(socket_path=str(settings.engine_socket))] if supervised and settings.workers else []


def running_hosts(settings: Settings) -> list[HostAddress]:
    """Hosts elsewhere, or that of the service which runs on this data folder now."""
    return [host for host in hosts_of(settings, supervised=True) if host.url or listens(host)]
