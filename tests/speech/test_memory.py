"""Freed memory: used again while it is kept, given back when asked."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from speech.engines.memory import give_back, keep_freed

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [bytearray(3 << 20) for _ in range(8)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "kept":
    keep_freed()
faults()
again = faults()
give_back()
print(again, faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries are left as they are")
def test_freed_blocks_are_used_again_until_they_are_given_back() -> None:
    found = {}
    for what in ("plain", "kept"):
        ran = subprocess.run([sys.executable, "-c", PROGRAM, what], check=True, capture_output=True, text=True)
        found[what] = [int(one) for one in ran.stdout.split()]
    pages = 24 << 20 >> 12
    again, after = found["kept"]
    assert again < pages // 10 < found["plain"][0] and after > pages // 2
