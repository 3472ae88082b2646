"""Every network on a device that this build has no kernels for, by fake tensors: one left on the CPU raises.

https://docs.pytorch.org/docs/stable/torch.compiler_fake_tensor.html; `lazy:0` indexes, convolves and differentiates
in a CPU build, which `cuda:0` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from speech.engines.device import has_failed
from speech.engines.packed_linear import check_precision
from speech.engines.weights import blank
from speech.engines.xtts import vocoder
from speech.engines.xtts.conditioning import Conditioning
from speech.engines.xtts.config import XttsConfig
from speech.engines.xtts.decoding import Decoder, KeyValues, Row
from speech.engines.xtts.gpt import Gpt
from speech.engines.xtts.speaker import SpeakerEncoder
from speech.errors import SpeechError

DEVICE = "lazy:0"
CONFIG = XttsConfig(layers=2, width=64, heads=4, text_tokens=300, decoder_width=64)


pytestmark = pytest.mark.networks


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def placed(make: Callable[[], nn.Module], device: str = DEVICE) -> nn.Module:
    """A network whose weights and buffers are there (`.to()` does not work on fake tensors)."""
    with blank():
        made = make()
    there = {n: torch.empty(v.shape, dtype=v.dtype, device=device) for n, v in made.state_dict().items()}
    made.load_state_dict(there, assign=True)
    for name, buffer in list(made.named_buffers()):
        if buffer.is_meta:
            parent, _, leaf = name.rpartition(".")
            made.get_submodule(parent)._buffers[leaf] = torch.empty(buffer.shape, device=device)
    return made.eval().requires_grad_(False)


def is_there(tensor: Tensor) -> bool:
    return str(tensor.device) == DEVICE


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("has_prompt", [False, True])
def test_a_step_of_the_gpt(precision: str, has_prompt: bool) -> None:
    gpt = placed(lambda: Gpt(CONFIG))
    assert isinstance(gpt, Gpt)
    if precision == "bf16":  # as OwnMatrices converts them, which fake tensors do not allow
        for block in gpt.gpt.h:
            for name, value in block.state_dict().items():
                if name.startswith(("attn.", "mlp.")):
                    block.load_state_dict({name: value.bfloat16()}, strict=False, assign=True)
    decoder = Decoder(gpt)
    rows = []
    with torch.inference_mode():
        for number in range(3):
            row = Row.__new__(Row)
            row.prompt = gpt.prompt((5, 6, 7)) if has_prompt and number == 1 else None
            row.tokens, row.key_values = [5, 5, 5], KeyValues(gpt, None, 10)
            rows.append(row)
        lengths = [1 if row.prompt is None else len(row.prompt) for row in rows]
        hidden = decoder._hidden(decoder._inputs(rows), rows, lengths)
        assert is_there(hidden) and hidden.shape == (3, 64)
        assert is_there(decoder.matrices.head(hidden.float()))


def test_a_voice_before_its_first_step() -> None:
    gpt = placed(lambda: Gpt(CONFIG))
    assert isinstance(gpt, Gpt)
    key_values = KeyValues(gpt, None, 32)
    with torch.inference_mode():
        made = Decoder(gpt)._through(torch.empty(32, 64, device=DEVICE), [key_values], [32])
    assert is_there(made) and all(is_there(layer) for layer in key_values._layers)


def test_the_vocoder_streams() -> None:
    layers = placed(lambda: vocoder.Layers(64, 512), "cpu")
    assert isinstance(layers, vocoder.Layers)
    stream = vocoder.VocoderStream(vocoder.Vocoder(layers, DEVICE), torch.empty(1, 512, 1))
    with torch.inference_mode():
        frames = torch.empty(10, 64, device=DEVICE)
        for stretch in stream._stretches:
            frames = stretch.push(frames, False)
        for is_last in (False, True):
            assert is_there(stream._block(frames.float(), is_last))


@pytest.mark.parametrize(
    "made",
    [
        lambda: placed(lambda: Conditioning(CONFIG, torch.ones(80))).latents(torch.empty(22050 * 5, device=DEVICE)),
        lambda: placed(SpeakerEncoder).embed(torch.empty(16000 * 2, device=DEVICE)),
    ],
)
def test_what_a_voice_is_heard_by(made: Callable[[], Tensor]) -> None:
    assert is_there(made())


def test_what_ends_a_process_and_what_does_not() -> None:
    assert has_failed(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not has_failed(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not has_failed(RuntimeError("expected a tensor of 3 dimensions"))
    assert not has_failed(SpeechError("speech_empty", engine="xtts", seed=1))


def test_int8_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(SpeechError, match="xtts_precision"):
        check_precision("int8", "cuda")
    check_precision("fp32", "cuda")
