"""What runs later: one function a job kind, and `tasks`, the table of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from app.jobs.kinds import COMPARISON, DATASET, GALLERY, INSTALL, JUDGING, TRAINING
from app.jobs.runner import Task
from app.settings import Settings
from app.tasks.checking_service import CheckingService
from app.tasks.cloning import clone_voice
from app.tasks.cloning_service import CloningService
from app.tasks.comparisons import Comparisons, compare_voices
from app.tasks.conversion_service import ConversionService
from app.tasks.convert import convert_voice
from app.tasks.dataset import work_on_dataset
from app.tasks.dataset_service import DatasetService
from app.tasks.gallery import download_model
from app.tasks.install import install_component
from app.tasks.intake import analyze_recordings
from app.tasks.synthesis import synthesize
from app.tasks.training import judge_checkpoints, train_model
from app.tasks.training_service import TrainingService
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions


def tasks(
    synthesizer: Synthesizer, cloning: CloningService, conversion: ConversionService | None = None
) -> Mapping[str, Task]:
    """Job kind to the function that does it; without a conversion nothing is converted here."""
    table: dict[str, Task] = {
        "dubbing": partial(synthesize, synthesizer, CheckingService(synthesizer.store)),
        "intake": partial(analyze_recordings, cloning),
        "clone_voice": partial(clone_voice, cloning),
    }
    return table | ({"conversion": partial(convert_voice, conversion)} if conversion else {})


def table(settings: Settings, synthesizer: Synthesizer) -> Mapping[str, Task]:
    """The table of a worker process, whose engines are those of `synthesizer`."""
    cloning = CloningService(synthesizer.store, settings.voices_path, synthesizer.registry)
    own_weights = frozenset(settings.engine_checkpoints)
    installing = partial(
        install_component, synthesizer.store, synthesizer.registry, settings.engine_precisions, own_weights
    )
    datasets = DatasetService(synthesizer.store, settings.datasets_path, settings.dataset_hosts)
    trainings = training_service_of(settings, synthesizer.store)
    on_datasets = partial(work_on_dataset, datasets)
    return {
        **tasks(synthesizer, cloning, ConversionService(synthesizer)),
        INSTALL.name: installing,
        GALLERY.name: partial(download_model, settings),
        DATASET.name: on_datasets,
        TRAINING.name: partial(train_model, trainings, synthesizer),
        JUDGING.name: partial(judge_checkpoints, trainings),
        COMPARISON.name: partial(compare_voices, Comparisons(settings.trainings_path), synthesizer),
    }


def training_service_of(settings: Settings, store: ModelStore) -> TrainingService:
    """Where fine-tunings are, of what the operator's settings say is fine-tuned."""
    checkpoint_dir = settings.engine_checkpoints.get(TrainingService.engine)
    return TrainingService(store, settings.trainings_path, settings.datasets_path, checkpoint_dir)


def synthesizer_of(settings: Settings) -> Synthesizer:
    """The engines of this process, as an operator set them. Raises SpeechError `bad_setting`."""
    return Synthesizer(options_of(settings))


def options_of(settings: Settings) -> SynthesizerOptions:
    """Raises SpeechError `bad_setting` for a precision that its engine does not have."""
    if settings.engine_precisions:
        _check_precisions(Registry(settings.extra_engines), settings.engine_precisions)
    return SynthesizerOptions(
        models_dir=settings.models_path,
        threads=os.cpu_count() or 1,
        memory_bytes=settings.pool_memory_mb << 20,
        idle_s=settings.pool_idle_s,
        extra_engines=settings.extra_engines,
        voices_dir=settings.voices_path,
        cache_dir=settings.cache_path,
        precisions=settings.engine_precisions,
        checkpoints=settings.engine_checkpoints,
        default_engine=settings.default_engine,
        device=settings.device,
        warm_engines=settings.warm_engines,
    )


def _check_precisions(registry: Registry, precisions: Mapping[str, str]) -> None:
    for name, precision in precisions.items():
        choices = list(registry.engines[name].install.weights) if name in registry.engines else []
        if precision not in choices:
            raise SpeechError(
                "bad_setting", problems=[f"precisions: {name} = {precision}; {', '.join(choices) or '–'}"]
            )
