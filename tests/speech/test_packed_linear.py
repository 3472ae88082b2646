"""Matrices divided among cores: the same numbers, and nothing of the threads stays."""

from __future__ import annotations

import threading

import pytest
import torch

from speech.engines.packed_linear import KINDS, Split
from speech.engines.team import Team


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize("activation", ["none", "gelu"])
def test_a_divided_matrix_gives_the_undivided_ones_numbers(precision: str, size: int, activation: str) -> None:
    torch.manual_seed(0)
    weight, bias, team = torch.randn(256, 1026) / 16, torch.randn(1026), Team(size)
    whole, split = KINDS[precision](weight, bias, activation), Split(KINDS[precision], weight, bias, activation, team)
    for rows in (1, 2, 9):
        x = torch.randn(rows, 256)
        with torch.inference_mode():
            assert torch.equal(whole(x), split(x))
    team.close()


def test_a_part_that_fails_is_told_when_all_have_ended_and_the_team_goes_on() -> None:
    team = Team(3)

    def fails(x: torch.Tensor) -> torch.Tensor:
        raise MemoryError("no room")

    with pytest.raises(MemoryError, match="no room"):
        team.each([torch.neg, fails, torch.neg], torch.ones(2))
    assert [part.tolist() for part in team.each([torch.neg, torch.exp], torch.zeros(1))] == [[0.0], [1.0]]
    team.close()
    for thread in [thread for thread in threading.enumerate() if thread.name == "xtts-team"]:
        thread.join(5)
        assert not thread.is_alive()
