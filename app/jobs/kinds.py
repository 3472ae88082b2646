"""Every kind of job and every queue. What runs a kind is in `app.tasks`, what a client sees of it in
`app.api.job_views`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.settings import Settings


@dataclass(frozen=True)
class Queue:
    """Where jobs wait for worker processes that can do them."""

    name: str
    processes: Callable[[Settings], int]  # how many of them a service keeps, or starts at most
    slots: Callable[[Settings], int] = lambda settings: 1  # jobs that one process runs at a time
    is_on_demand: bool = False  # its processes come for one job and end with it, which surely gives gigabytes back


@dataclass(frozen=True)
class Kind:
    """What is the same for all jobs of a kind."""

    name: str
    queue: str  # name of a Queue
    can_pause: bool = False  # it goes on from where it was; the others take seconds to minutes in all
    makes_sound: bool = False  # its result is sound, to be downloaded and streamed
    renews_workers: bool = False  # the processes that speak start anew after it: there is more to import


SPEECH = Kind("dubbing", "cpu", makes_sound=True)
CONVERSION = Kind("conversion", "cpu", makes_sound=True)
INTAKE = Kind("intake", "intake")  # clips can be looked at while another voice is fitted
CLONING = Kind("clone_voice", "train", can_pause=True)
DATASET = Kind("dataset", "dataset", can_pause=True)
TRAINING = Kind("training", "train", can_pause=True)
COMPARISON = Kind("comparison", "intake")  # its judges are of the kind that an intake loads
JUDGING = Kind("judging", "intake")  # so are these
GALLERY = Kind("rvc_download", "intake")  # fetched and judged; seconds to minutes
INSTALL = Kind("install", "install", renews_workers=True)
KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (SPEECH, CONVERSION, INTAKE, CLONING, DATASET, TRAINING, COMPARISON, JUDGING, GALLERY, INSTALL)
}

QUEUES: Mapping[str, Queue] = {
    queue.name: queue
    for queue in (
        Queue("cpu", lambda settings: settings.workers, lambda settings: settings.slots),
        Queue("intake", lambda settings: min(1, settings.train_workers), is_on_demand=True),
        Queue("train", lambda settings: settings.train_workers, is_on_demand=True),
        Queue("dataset", lambda settings: min(1, settings.train_workers), is_on_demand=True),
        Queue("install", lambda settings: int(settings.allow_install), is_on_demand=True),
    )
}
ON_DEMAND = tuple(name for name, queue in QUEUES.items() if queue.is_on_demand)
