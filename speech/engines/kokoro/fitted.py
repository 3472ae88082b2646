"""Fitted voices of this machine: who they are, and the few that are kept loaded."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

from speech.engines.kokoro.adapter import STYLE, Adapter, merge
from speech.engines.kokoro.record import ENGINE
from speech.engines.kokoro.runtime import Runtimes, Style
from speech.errors import SpeechError
from speech.voice_files import read_tensors
from speech.voice_folder import ListedVoices, Stamp, VoiceFolder
from speech.voices import Voice

MOST_LOADED = 2  # beside the stock model


@dataclass(frozen=True, eq=False)
class FittedModel:
    """The network of one voice. Whoever speaks with it holds it; it goes when the last one is done."""

    runtimes: Runtimes
    style: Style


@dataclass
class _Entry:
    stamp: Stamp  # of the file it is loaded from
    model: FittedModel | None = None
    tensors: frozenset[str] | None = None  # names of what the file holds; None: not looked at yet
    style: Style | None = None  # of a voice that is no more than that


class FittedVoices:
    """The voices in `folder`, as they are there now; merged with the network on first use.

    Safe to call from several threads, and while other processes add, replace and delete voices.
    """

    def __init__(self, folder: Path, precision: str, threads: int, memory_bytes: int) -> None:
        self._library = VoiceFolder(folder)
        self._precision = precision
        self._threads = threads
        self._memory_bytes = memory_bytes
        self._listed = ListedVoices(self._library, ENGINE)
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._alive: WeakSet[FittedModel] = WeakSet()
        self._loading = threading.Lock()  # one at a time: so that a voice is loaded once, and the most are kept to
        self._lock = threading.Lock()

    def voices(self) -> tuple[Voice, ...]:
        return self._listed.voices()

    def model(self, voice_id: str, base: Callable[[], Path], base_bytes: int) -> FittedModel:
        """The voice's network; `base` tells the file to merge with, `base_bytes` what the stock model holds.

        Raises SpeechError `unknown_voice`, `memory_exhausted`, and what reading and merging raise.
        """
        entry = self._entry(voice_id)
        if entry.model:
            return entry.model
        with self._loading:
            if entry.model is None:
                self._make_room(voice_id, base_bytes, base().stat().st_size * Runtimes.copies(self._threads))
                entry.model = self._load(voice_id, base())
                with self._lock:
                    self._alive.add(entry.model)
            return entry.model

    def style_alone(self, voice_id: str) -> Style | None:
        """The style of a voice that the stock network speaks; None where weights of it are fitted.

        Raises SpeechError `unknown_voice`, and what reading raises.
        """
        entry = self._entry(voice_id)
        if entry.tensors is None:
            entry.tensors = frozenset(tensors := read_tensors(self._library.path(voice_id, ENGINE)))
            entry.style = Adapter.from_tensors(tensors).style if entry.tensors == {STYLE} else None
        return entry.style

    def memory_bytes(self) -> int:
        """Of every network that is loaded, those in use by a request although replaced included."""
        with self._lock:
            return sum(model.runtimes.size_bytes for model in self._alive)

    def unload(self) -> None:
        with self._lock:
            self._entries.clear()

    def _entry(self, voice_id: str) -> _Entry:
        stamp = next((stamp for stamp in self._library.stamp() if stamp[0] == voice_id), None)
        with self._lock:
            if stamp is None:
                self._entries.pop(voice_id, None)
                choices = [voice.voice_id for voice in self._listed.voices()]
                raise SpeechError("unknown_voice", voice=voice_id, engine=ENGINE, choices=choices)
            entry = self._entries.get(voice_id)
            if entry is None or entry.stamp != stamp:
                entry = self._entries[voice_id] = _Entry(stamp)
            self._entries.move_to_end(voice_id)
            return entry

    def _make_room(self, voice_id: str, base_bytes: int, wanted: int) -> None:
        """Let the least recently used go until one more fits in number and in memory."""
        if base_bytes + wanted > self._memory_bytes:
            needed, budget = (base_bytes + wanted) >> 20, self._memory_bytes >> 20
            raise SpeechError("memory_exhausted", engine=ENGINE, needed_mb=needed, budget_mb=budget)
        with self._lock:
            others = [name for name, entry in self._entries.items() if name != voice_id and entry.model]
            free = self._memory_bytes - base_bytes - wanted
            while len(others) >= MOST_LOADED or len(others) * wanted > free:
                del self._entries[others.pop(0)]

    def _load(self, voice_id: str, base: Path) -> FittedModel:
        adapter = Adapter.from_tensors(read_tensors(self._library.path(voice_id, ENGINE)))
        return FittedModel(Runtimes(merge(base, adapter, self._precision), self._threads), adapter.style)
