"""Choosing tokens. That a seed gives the reference's tokens is shown in test_xtts_gpt.py."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from speech.engines.xtts.sampling import SamplingOptions, choose  # noqa: E402
from speech.errors import SpeechError  # noqa: E402

PLAIN = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
LOGITS = torch.tensor([[4.0, 3.0, 2.0, 1.0, -1.0, -2.0]])


def drawn(count: int = 300, seen: tuple[int, ...] = (), **changed: float) -> set[int]:
    """The tokens that `count` draws give."""
    mask = torch.zeros(1, 6, dtype=torch.bool)
    mask[:, list(seen)] = True
    options, generator = SamplingOptions(**{**PLAIN, **changed}), torch.Generator().manual_seed(3)
    return {choose(LOGITS, mask, [options], [generator])[0] for _ in range(count)}


@pytest.mark.parametrize(
    "changed, found",
    [
        ({"temperature": 5.0}, {0, 1, 2, 3, 4, 5}),
        ({"temperature": 0.05}, {0}),
        ({"temperature": 5.0, "top_k": 2}, {0, 1}),
        ({"temperature": 5.0, "top_k": 1}, {0}),
        ({"temperature": 5.0, "top_p": 0.45}, {0, 1}),
        ({"temperature": 5.0, "top_p": 0.0}, {0}),
    ],
)
def test_each_step_leaves_out_what_it_should(changed: dict[str, float], found: set[int]) -> None:
    assert drawn(**changed) == found


def test_what_was_said_becomes_less_likely() -> None:
    assert drawn(top_k=1, seen=(0,), repetition_penalty=2.0) == {1}
    assert drawn(top_k=1, seen=(1,), repetition_penalty=0.5) == {1}
    only_negative = torch.tensor([[-1.0, -1.5]])
    seen = torch.tensor([[True, False]])
    chosen = choose(
        only_negative, seen, [SamplingOptions(do_sample=False, repetition_penalty=2.0)], [torch.Generator()]
    )
    assert chosen == [1]


def test_rows_with_other_options_do_not_touch_each_other() -> None:
    options = [
        SamplingOptions(**{**PLAIN, "temperature": 3.0}),
        SamplingOptions(do_sample=False),
        SamplingOptions(**{**PLAIN, "top_k": 3, "temperature": 2.0}),
        SamplingOptions(**{**PLAIN, "top_p": 0.6, "temperature": 2.0}),
    ]
    logits = torch.randn(4, 1026, generator=torch.Generator().manual_seed(1)) * 4
    seen = torch.rand(4, 1026, generator=torch.Generator().manual_seed(2)) < 0.2
    for seed in range(20):
        together = choose(logits, seen, options, [torch.Generator().manual_seed(seed) for _ in options])
        alone = [
            choose(logits[i : i + 1], seen[i : i + 1], [options[i]], [torch.Generator().manual_seed(seed)])[0]
            for i in range(4)
        ]
        assert together == alone


def test_beams_and_values_out_of_range_are_refused() -> None:
    with pytest.raises(SpeechError) as caught:
        SamplingOptions(num_beams=2)
    assert caught.value.code == "xtts_beams"
    for name, value in {"temperature": 0.0, "top_p": 1.1, "top_k": -1, "repetition_penalty": 0.0, "seed": -1}.items():
        with pytest.raises(SpeechError) as caught:
            SamplingOptions(**{name: value})
        assert (caught.value.code, caught.value.values["parameter"]) == ("parameter_out_of_range", name)


def test_tells_what_has_no_effect() -> None:
    given = ("temperature", "length_penalty", "seed", "repetition_penalty")
    assert SamplingOptions().without_effect(given) == ("length_penalty",)
    assert SamplingOptions(do_sample=False).without_effect(given) == ("length_penalty", "temperature", "seed")
    assert SamplingOptions().without_effect(("top_k",)) == ()
