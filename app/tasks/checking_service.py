"""What hearing one's own speech needs here: the recogniser that sentences are written down by."""

from __future__ import annotations

import importlib.util
import os
import threading
from typing import TYPE_CHECKING

from app.errors import Problem
from app.tasks.conversion_service import INSTALL_COMMAND, LISTENING_MODEL, LISTENING_MODULES
from speech.models import ModelStore

COMPONENT = "listening"  # that brings it from the page

if TYPE_CHECKING:
    from speech.asr import Transcriber


class CheckingService:
    """Loaded when it is first asked for, and kept: a service that never checks its words never imports it."""

    def __init__(self, store: ModelStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._transcriber: Transcriber | None = None

    def check(self) -> None:
        """Raises Problem `checking_not_installed`, `checking_model_missing` with the command that brings it."""
        missing = [name for name in LISTENING_MODULES if importlib.util.find_spec(name) is None]
        if missing:
            raise Problem("checking_not_installed", packages=missing, command=INSTALL_COMMAND, component=COMPONENT)
        if not self._store.is_installed(LISTENING_MODEL):
            command = f"papagaio models pull {LISTENING_MODEL}"
            raise Problem("checking_model_missing", model=LISTENING_MODEL, command=command, component=COMPONENT)

    def transcriber(self) -> Transcriber:
        """Raises what `check` raises."""
        with self._lock:
            if self._transcriber is None:
                self.check()
                self._transcriber = self._loaded()
            return self._transcriber

    def _loaded(self) -> Transcriber:
        from speech.asr import WhisperTranscriber

        return WhisperTranscriber(self._store.path(LISTENING_MODEL), threads=os.cpu_count() or 1)
