"""`bench/faults.py` in short: what it promises holds. The times it measures are of quiet machines, and not tested."""

from __future__ import annotations

import pytest

from bench import faults


@pytest.mark.slow  # workers are killed and start again, leases end
@pytest.mark.processes
def test_nothing_is_lost_and_nothing_finished_twice() -> None:
    figures = faults.run(6, 2, seed=1, pairings=[("celery", "postgresql")], away_s=1.0)
    assert figures["celery_postgresql"]["kills"] == 2 and figures["celery_postgresql"]["retried"] >= 1
    for name in ("celery_postgresql", "redis_lost"):
        row = figures[name]
        assert (row["lost"], row["finished_twice"], row["half_files"]) == (0, 0, 0), figures
    full = figures["disk_full"]
    assert "skipped" in full or (set(full["refused"]) == {"507 storage_full"} and full["sizes_of_results"] == 1)
