"""The script that takes the documents' pictures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from browsing import chromium
from screenshot import HEIGHT, PAGES, WIDTH

SCRIPT = Path(__file__).with_name("screenshot.py")


def test_pictures_of_pages_are_taken(service: str, tmp_path: Path) -> None:
    """In a process of its own, since Playwright runs once in a process."""
    chromium()
    names = ["jobs", "dashboard"]
    command = [sys.executable, str(SCRIPT), service, str(tmp_path), *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert sorted(path.stem for path in tmp_path.glob("*.png")) == sorted(names) and set(names) < set(PAGES)
    for path in tmp_path.glob("*.png"):
        header = path.read_bytes()[:24]
        assert (int.from_bytes(header[16:20]), int.from_bytes(header[20:24])) == (WIDTH, HEIGHT)
