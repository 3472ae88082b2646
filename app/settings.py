"""What an operator can set: environment variables `PAPAGAIO_*` over `papagaio.toml` over these defaults."""

from __future__ import annotations

import hashlib
import ipaddress
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from tomllib import TOMLDecodeError
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from speech.errors import SpeechError

PREFIX = "PAPAGAIO_"
# Read by the tools around the service, never by it.
TOOL_VARIABLES = frozenset(
    f"PAPAGAIO_{name}"
    for name in (
        "CONFIG",
        "PARITY_VENV",
        "REQUIRE_BROWSER",
        "REQUIRE_MODELS",
        "REQUIRE_NODE",
        "REQUIRE_PROGRAMS",
        "REQUIRE_SERVERS",
        "TEST_INSTALL",
        "VENV",
    )
)


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/papagaio`, or `~/.local/share/papagaio` (XDG Base Directory specification)."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "papagaio"


class Settings(BaseSettings):
    """Frozen; every field has its meaning and unit beside it. Unknown names are refused by `load_settings`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(default_factory=default_data_dir, description="where everything that is kept lives")
    models_dir: Path | None = Field(None, description="where model weights are kept; default: data_dir/models")
    database_url: str | None = Field(
        None, description="sqlite:////file or postgresql://user:password@host/name; default: SQLite in data_dir"
    )
    jobs: Literal["embedded", "celery"] = Field(
        "embedded", description="what gives jobs to workers: this service itself, or Celery on redis_url"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8005, ge=0, le=65535, description="port to listen on; 0 picks a free one")
    allowed_hosts: tuple[str, ...] = Field(
        ("localhost", "127.0.0.1", "[::1]"), description="Host headers that are answered (stops DNS rebinding)"
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="origins of pages elsewhere that may ask, such as SillyTavern's http://127.0.0.1:8000"
    )
    workers: int = Field(
        1, ge=0, le=64, description="speaking processes that `serve` keeps; the first holds the weights of all streams"
    )
    slots: int = Field(8, ge=1, le=64, description="jobs that a speaking process runs at a time, where its engine can")
    train_workers: int = Field(1, ge=0, le=16, description="jobs of cloning that run at a time; the others wait")
    lease_s: float = Field(15, ge=0.5, description="seconds a worker holds a job without a heartbeat")
    max_attempts: int = Field(
        5, ge=1, description="times a job is started, its worker dying each time, before it fails"
    )
    cancel_grace_s: float = Field(10, ge=0, description="seconds a cancelled job may take to stop by itself")
    pause_grace_s: float = Field(60, ge=0, description="seconds a paused job may take to save and stop by itself")
    poll_s: float = Field(0.05, gt=0, description="seconds between looks for work done by other processes")
    engine_silence_s: float = Field(
        300,
        ge=1,
        description="seconds without a sign of life after which an engine is taken for hanging and its process ended",
    )
    job_ttl_h: float = Field(24, gt=0, description="hours a finished job and its files are kept")
    default_engine: str = Field(
        "auto", description="engine of a request that names none; auto: the best one installed, its licence agreed to"
    )
    precisions: Mapping[str, str] = Field(
        default_factory=dict, description='weights that engines speak with on a CPU, by name: {"xtts": "int8"}'
    )
    checkpoints: Mapping[str, Path] = Field(
        default_factory=dict, description="checkpoint folders of your own, such as a fine-tune, by engine"
    )
    # One engine's `precisions` and `checkpoints` under the names they had first.
    kokoro_precision: Literal["int8", "fp32"] | None = Field(None, description="precisions of kokoro")
    xtts_precision: Literal["auto", "fp32", "bf16", "int8"] | None = Field(None, description="precisions of xtts")
    xtts_dir: Path | None = Field(None, description="checkpoints of xtts")
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where engines run that can use a GPU")
    warm_engines: tuple[str, ...] = Field((), description="engines loaded at the start, and kept when idle")
    extra_engines: Mapping[str, str] = Field(default_factory=dict, description='more engines: name to "module:name"')
    allow_install: bool = Field(True, description="components may be brought from the page, by an admin")
    requests_per_minute: int = Field(1200, ge=0, description="requests that one account may make in a minute; 0: any")
    characters_per_minute: int = Field(
        1_000_000,
        ge=0,
        description="characters that one account may have spoken in a minute, by jobs, batches and streams; 0: any",
    )
    starts_per_minute: int = Field(
        120,
        ge=0,
        description="conversions, transcriptions, fits, trainings, comparisons and stages of datasets that one account "
        "may begin in a minute; 0: any",
    )
    downloads_per_minute: int = Field(
        600,
        ge=0,
        description="finished sounds, archives and checkpoints that one account may fetch in a minute; 0: any",
    )
    max_streams: int = Field(
        24, ge=1, le=32, description="sounds made while they are sent, and recordings written down, at a time"
    )
    characters_per_day: int = Field(
        0,
        ge=0,
        description="characters that an account may have spoken in a day, where it has no bound of its own; 0: any",
    )
    compute_s_per_day: float = Field(
        0, ge=0, description="seconds of work in a day for an account that has no bound of its own; 0: any"
    )
    consent_statement: str = Field(
        "", description="what the operator states of all voices cloned here; then no request need give consent"
    )
    public_discovery: bool = Field(False, description="models and voices are listed for those without an account too")
    redis_url: str = Field("", description="Redis that several services share, such as redis://host:6379/0")
    engine_url: str = Field(
        "",
        description="engine hosts elsewhere that speak for this service, as URLs with commas between; default: its own",
    )
    engine_secret: str = Field("", description="what an engine host on the network asks of those who call it")
    engine_listen: str = Field("", description="host:port where `papagaio worker` is an engine host for others")
    pool_memory_mb: int = Field(4096, ge=64, description="megabytes that loaded engines may hold")
    pool_idle_s: float = Field(900, gt=0, description="seconds without use after which an engine is unloaded")
    dataset_hosts: tuple[str, ...] = Field(
        (), description="hosts besides YouTube's whose sounds may be downloaded into datasets"
    )
    fetch_private_hosts: tuple[str, ...] = Field(
        (), description="hosts that links may lead to although their address is not on the public internet"
    )
    clamav: Literal["off", "warn", "require"] = Field(
        "off", description="uploads are looked through by ClamAV; require: none is taken where it cannot say"
    )
    clamav_address: str = Field("127.0.0.1:3310", description="where clamd listens: host:port, or the path of a socket")
    max_body_mb: float = Field(100, gt=0, description="megabytes a request body may have")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="what the log shows")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="json: a line of JSON an event; text: for people; auto: text on a terminal"
    )
    trusted_proxies: str = Field(
        "127.0.0.1", description="addresses or networks of reverse proxies whose X-Forwarded-For is believed"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = os.environ.get("PAPAGAIO_CONFIG")
        toml = (TomlConfigSettingsSource(cls, Path(file)),) if file else ()
        return (init_settings, env_settings, *toml)

    @property
    def engine_urls(self) -> tuple[str, ...]:
        return tuple(url.strip() for url in self.engine_url.split(",") if url.strip())

    @property
    def engine_socket(self) -> Path:
        """Of the service's own engine host; a Unix socket's path has 107 bytes at most (unix(7))."""
        path = self.data_dir.absolute() / "engine.sock"
        if len(os.fsencode(path)) <= 107:
            return path
        name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"papagaio-{os.getuid()}-{name}.sock"

    @property
    def models_path(self) -> Path:
        return self.models_dir or self.data_dir / "models"

    @property
    def voices_path(self) -> Path:
        return self.data_dir / "voices"

    @property
    def datasets_path(self) -> Path:
        return self.data_dir / "datasets"

    @property
    def trainings_path(self) -> Path:
        return self.data_dir / "training"

    @property
    def galleries_path(self) -> Path:
        """Where indexes of galleries are kept, a folder each."""
        return self.data_dir / "galleries"

    @property
    def rvc_path(self) -> Path:
        """Where models of RVC are kept, a folder each."""
        return self.data_dir / "rvc"

    @property
    def cache_path(self) -> Path:
        return self.data_dir / "cache"

    @property
    def engine_precisions(self) -> Mapping[str, str]:
        older = {"kokoro": self.kokoro_precision, "xtts": self.xtts_precision}
        return {**{name: value for name, value in older.items() if value}, **self.precisions}

    @property
    def engine_checkpoints(self) -> Mapping[str, Path]:
        own = {"xtts": self.xtts_dir} if self.xtts_dir else {}
        return {"rvc": self.rvc_path, **own, **self.checkpoints}

    @property
    def url(self) -> str:
        return self.database_url or f"sqlite:///{self.data_dir / 'papagaio.db'}"


def load_settings(**overrides: Any) -> Settings:
    """Settings of this process. Raises SpeechError `unknown_setting` or `bad_setting` with the valid choices."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | TOOL_VARIABLES
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name.upper() not in known)
    if unknown:
        raise SpeechError("unknown_setting", names=unknown, choices=sorted(known))
    file = os.environ.get("PAPAGAIO_CONFIG")
    if file and not Path(file).is_file():
        raise SpeechError("bad_setting", problems=[f"PAPAGAIO_CONFIG: no file {file}"])
    try:
        settings = Settings(**overrides)
        if settings.jobs == "celery" and not settings.redis_url:
            raise SpeechError("bad_setting", problems=["jobs: celery needs redis_url (PAPAGAIO_REDIS_URL)"])
        return settings
    except TOMLDecodeError as error:
        raise SpeechError("bad_setting", problems=[f"{file}: {error}"]) from error
    except ValidationError as error:
        problems = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise SpeechError("bad_setting", problems=problems) from error


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches what listens on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
