"""What a person reads at the terminal: texts of the catalogue in their language, progress, one line an error."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from app.texts import negotiate, render

if TYPE_CHECKING:
    from speech.models import PullProgress

REDRAW_S = 0.1


def language_of(environment: Mapping[str, str]) -> str:
    """The user's language by the POSIX order of variables; English when it is none of ours."""
    chosen = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return negotiate(chosen.partition(".")[0].replace("_", "-"))


@dataclass
class Console:
    """Results go to `out`, progress and errors to `err`, so that results can be piped."""

    language: str
    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    _drawn_at: float = 0.0
    _told: tuple[str, str, int] = ("", "", -1)

    def text(self, code: str, **values: object) -> str:
        return render(code, self.language, values)

    def say(self, code: str, **values: object) -> None:
        self.line(self.text(code, **values))

    def line(self, text: str = "") -> None:
        print(text, file=self.out, flush=True)

    def note(self, text: str) -> None:
        """A line beside the result."""
        self._wipe()
        print(text, file=self.err, flush=True)

    def agrees(self, question: str) -> bool:
        """Whether a person at the terminal says yes; False where there is none to ask."""
        if not (sys.stdin is not None and sys.stdin.isatty() and self.err.isatty()):
            return False
        self._wipe()
        print(question, end=" ", file=self.err, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes", "s", "sim")

    def fail(self, code: str, values: Mapping[str, object]) -> None:
        """One line, whatever the values hold."""
        message = " ".join(self.text(f"error.{code}", **values).split())
        self.note(f"papagaio: {message}")

    def pulled(self, progress: PullProgress) -> None:
        """A report for `ModelStore.pull`: redrawn on a terminal, a line at every quarter elsewhere."""
        if progress.notice:
            reason = self.text(f"error.{progress.notice.code}", **progress.notice.values)
            self.note(f"{progress.name}: {self.text('cli.pull.skipped', reason=reason)}")
            return
        share = 100 * progress.done_bytes // max(1, progress.total_bytes)
        if self.err.isatty():
            self._redraw(progress, share)
            return
        told = (progress.name, progress.stage, share // 25)
        if told != self._told:
            self._told = told
            self.note(self._progress_line(progress, share))

    def _redraw(self, progress: PullProgress, share: int) -> None:
        now = time.monotonic()
        if progress.stage in ("ready", "waiting"):
            self.note(self._progress_line(progress, share))
        elif now - self._drawn_at > REDRAW_S:
            self._drawn_at = now
            print(f"\r\x1b[K{self._progress_line(progress, share)}", end="", file=self.err, flush=True)

    def _progress_line(self, progress: PullProgress, share: int) -> str:
        megabytes = f"{progress.done_bytes / 1e6:.1f}/{progress.total_bytes / 1e6:.1f} MB"
        stage = self.text(f"cli.pull.{progress.stage}", source=progress.source)
        return f"{progress.name}: {stage}" + ("" if progress.stage == "waiting" else f" {share}% ({megabytes})")

    def _wipe(self) -> None:
        if self._drawn_at and self.err.isatty():
            print("\r\x1b[K", end="", file=self.err)
            self._drawn_at = 0.0
