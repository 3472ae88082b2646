"""Programs that Debian has and no wheel brings: a test that needs one is skipped where it is not installed, and fails
where PAPAGAIO_REQUIRE_PROGRAMS=1."""

from __future__ import annotations

import os
import shutil

import pytest

PACKAGES = {
    "clamd": "clamav-daemon",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "prometheus": "prometheus",
    "promtool": "prometheus",
}


def program(name: str) -> str:
    """Where it is. Skips or fails the test without it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/bin")
    if found is None:
        reason = f"no {name}: apt-get install {PACKAGES[name]}"
        if os.environ.get("PAPAGAIO_REQUIRE_PROGRAMS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return found
