"""A step of Kokoro's fit on a device that this build has no kernels for: a tensor left on the CPU raises.

As in `tests/speech/test_device_placement.py`, by fake tensors on `lazy:0`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from speech.engines.kokoro.network import Kokoro
from speech.engines.weights import blank
from train.kokoro import features, trainable
from train.kokoro.corpus import Line, Utterance
from train.kokoro.trainable import KokoroFit, KokoroOptions, Material, SpeakerLoss

DEVICE = "lazy:0"


def placed(make: Callable[[], nn.Module]) -> nn.Module:
    with blank():
        made = make()
    there = {n: torch.empty(v.shape, dtype=v.dtype, device=DEVICE) for n, v in made.state_dict().items()}
    made.load_state_dict(there, assign=True)
    for name, buffer in [one for one in made.named_buffers() if one[1].is_meta]:
        parent, _, leaf = name.rpartition(".")
        made.get_submodule(parent)._buffers[leaf] = torch.empty(buffer.shape, device=DEVICE)
    return made.eval().requires_grad_(False)


class Mean:
    """As a speaker encoder: a unit vector of each sound."""

    name = "mean"

    def __call__(self, samples: Tensor) -> Tensor:
        return nn.functional.normalize(samples[:, :1200].unflatten(1, (2, 600)).mean(-1), dim=1)


def spoken(phonemes: int = 6, frames: int = 20) -> Utterance:
    def there(*shape: int) -> Tensor:
        return torch.empty(shape, device=DEVICE)

    tokens = torch.zeros(1, phonemes + 2, dtype=torch.long, device=DEVICE)
    held = torch.ones(phonemes + 2, dtype=torch.long, device=DEVICE)
    line = Line(tokens, there(1, phonemes + 2, 512), there(1, 512, phonemes + 2))
    sound = there(22, 120 * frames + 1), there(600 * frames)
    return Utterance(line, held, there(2 * frames), there(2 * frames), *sound)


@pytest.fixture
def no_filters() -> Iterator[None]:
    """What is kept of an earlier test is no fake, and what is kept of this one nobody can use."""
    features.filters.cache_clear()
    features.hann.cache_clear()
    yield
    features.filters.cache_clear()
    features.hann.cache_clear()


def test_a_step_of_kokoro_stays_on_the_device(no_filters: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recorded and a spoken one; what is drawn is drawn by the CPU, whose numbers a fake tensor has not."""
    monkeypatch.setattr(KokoroFit, "_draw", lambda _self, utterances, _generator: utterances[0])
    monkeypatch.setattr(trainable, "_window", lambda _one, crop, _generator: (0, crop))
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = placed(lambda: Kokoro(None))  # type: ignore[arg-type] # F0 is given
        assert isinstance(network, Kokoro)
        style, one = torch.empty(510, 256, device=DEVICE), spoken()
        leader = SpeakerLoss(Mean(), torch.empty(2, device=DEVICE), 0.3)
        material = Material([one], [one], [one], style, torch.ones(256, device=DEVICE), 11000.0, [leader])
        fit = KokoroFit(network, material, KokoroOptions(rank=4, crop=12))
        trained = [parameter for group in fit.parameters() for parameter in group.parameters]
        optimizer = torch.optim.Adam(trained, lr=1e-3)
        for step, told in ((0, "rebuilt"), (2, "words")):
            terms = fit.losses(step, torch.Generator())
            assert told in terms and all(str(term.device) == DEVICE for term in terms.values())
            torch.stack(list(terms.values())).sum().backward()
        torch.nn.utils.clip_grad_norm_(trained, 5.0)
        optimizer.step()
        assert all(one.grad is not None and str(one.grad.device) == DEVICE for one in trained)
        lstms = [part for part in network.modules() if isinstance(part, nn.LSTM)]
        assert lstms and all(part.training for part in lstms) and not network.decoder.training
