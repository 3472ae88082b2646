"""What the browser complains of while a test runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Response


@dataclass
class Faults:
    """What went wrong in the page; a test that means to provoke an answer takes it out with `expect`."""

    found: list[str] = field(default_factory=list)

    def console(self, message: ConsoleMessage) -> None:
        # A refused request is told by `answered`, with its address.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.found.append(message.text)

    def answered(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status} {response.request.method} {urlsplit(response.url).path}")

    def expect(self, fault: str) -> None:
        assert fault in self.found, self.found
        self.found.remove(fault)
