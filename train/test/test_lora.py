"""What must be true of low-rank adapters whatever they learn (the properties litgpt tests of its own)."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from speech.engines.xtts.gpt import Conv1D
from train.lora import LowRank, adapt, merge, unmerge


def small() -> nn.Sequential:
    torch.manual_seed(1)
    layers = nn.Sequential(
        nn.Conv1d(6, 8, 5, stride=2, padding=2, dilation=1),
        nn.LeakyReLU(0.1),
        nn.ConvTranspose1d(8, 4, 6, 3, padding=1, output_padding=1),
        nn.Conv1d(4, 4, 3, padding=6, dilation=6),
        nn.Conv1d(4, 4, 3, padding=1, groups=4),
    )
    layers.requires_grad_(False)
    return layers


def adapted(rank: int = 3) -> tuple[nn.Sequential, dict[str, LowRank]]:
    layers = small()
    return layers, adapt(layers, rank, lambda name, layer: True, torch.Generator().manual_seed(2))


def learn(layers: nn.Module, adapters: dict[str, LowRank]) -> None:
    for adapter in adapters.values():
        nn.init.normal_(adapter.up, std=0.3)


X = torch.randn(2, 6, 30, generator=torch.Generator().manual_seed(3))


def test_a_new_adapter_changes_nothing() -> None:
    layers, _ = adapted()
    assert torch.equal(layers(X), small()(X))


def test_grouped_layers_are_left_alone() -> None:
    _, adapters = adapted()
    assert sorted(adapters) == ["0", "2", "3"]


def test_only_adapters_learn_and_both_halves_do() -> None:
    layers, adapters = adapted()
    learn(layers, adapters)
    layers(X).square().sum().backward()
    with_gradient = {name for name, parameter in layers.named_parameters() if parameter.grad is not None}
    assert with_gradient == {f"{name}.{half}" for name in adapters for half in ("up", "down")}
    assert all(parameter.grad.abs().sum() > 0 for parameter in layers.parameters() if parameter.grad is not None)


def test_merged_it_says_the_same() -> None:
    layers, adapters = adapted()
    learn(layers, adapters)
    wanted = layers(X)
    assert (wanted - small()(X)).abs().max() > 0.01
    merge(layers, adapters)
    assert not any(isinstance(layer, LowRank) for layer in layers.modules())
    assert torch.allclose(layers(X), wanted, atol=1e-5)


def test_the_delta_is_of_the_rank_asked_for() -> None:
    layers, adapters = adapted(rank=2)
    learn(layers, adapters)
    for adapter in adapters.values():
        assert torch.linalg.matrix_rank(adapter.delta().flatten(1)) == 2
        assert adapter.delta().shape == adapter.base.weight.shape


def test_a_rank_above_a_layers_side_is_bounded() -> None:
    _, adapters = adapted(rank=100)
    assert {name: adapter.up.shape[1] for name, adapter in adapters.items()} == {"0": 8, "2": 8, "3": 4}


def test_the_seed_decides_the_start() -> None:
    (_, one), (_, two) = adapted(), adapted()
    assert all(torch.equal(one[name].down, two[name].down) for name in one)


@pytest.mark.parametrize("name", ["0", "2", "3"])
def test_the_chosen_ones_only(name: str) -> None:
    layers = small()
    before = copy.deepcopy(layers)
    adapters = adapt(layers, 2, lambda own, layer: own == name, torch.Generator())
    assert list(adapters) == [name]
    assert [type(layer) for index, layer in enumerate(layers) if str(index) != name] == [
        type(layer) for index, layer in enumerate(before) if str(index) != name
    ]


class Plain(nn.Module):
    """One of each layer without positions: GPT-2's, whose weight is (in, out), and a linear one."""

    def __init__(self) -> None:
        super().__init__()
        self.c_attn, self.out = Conv1D(6, 9), nn.Linear(9, 5)
        generator = torch.Generator().manual_seed(4)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.out(self.c_attn(x))
        return made


def test_layers_without_positions_are_adapted_merged_and_unmerged() -> None:
    x = torch.randn(4, 6, generator=torch.Generator().manual_seed(5))
    plain, network = Plain(), Plain()
    adapters = adapt(network, 2, lambda name, layer: True, torch.Generator().manual_seed(6), alpha=8.0)
    assert sorted(adapters) == ["c_attn", "out"] and adapters["c_attn"].up.shape == (9, 2)
    assert torch.equal(network(x), plain(x))
    learn(network, adapters)
    wanted = network(x)
    assert (wanted - plain(x)).abs().max() > 0.1
    merge(network, adapters)
    assert not any(isinstance(layer, LowRank) for layer in network.modules())
    assert torch.allclose(network(x), wanted, atol=1e-5)
    assert torch.allclose(network.c_attn.weight - plain.c_attn.weight, adapters["c_attn"].delta(), atol=1e-6)
    unmerge(network, adapters)
    assert isinstance(network.c_attn, LowRank) and torch.allclose(network(x), wanted, atol=1e-5)


def test_dropout_is_of_training_alone() -> None:
    x = torch.ones(1, 6)
    network = Plain()
    adapters = adapt(network, 2, lambda name, layer: True, torch.Generator(), dropout=0.5)
    learn(network, adapters)
    network.eval()
    assert torch.equal(network(x), network(x))
    network.train()
    assert len({network(x).sum().item() for _ in range(8)}) > 1
