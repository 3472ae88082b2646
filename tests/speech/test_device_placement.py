"""Networks that may run on a GPU, on a device that this build has no kernels for: a tensor left on the CPU raises.
What only ever runs on the CPU is not here: Kokoro, Pocket TTS, ERes2Net.

https://docs.pytorch.org/docs/stable/torch.compiler_fake_tensor.html; `lazy:0` indexes, convolves and differentiates
in a CPU build, which `cuda:0` does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from speech.engines.device import has_failed
from speech.engines.f0 import mel
from speech.engines.f0.crepe import Crepe
from speech.engines.f0.fcpe import Fcpe, fcpe_f0
from speech.engines.f0.rmvpe import Rmvpe, rmvpe_f0
from speech.engines.f5 import flow
from speech.engines.f5 import spectrum as f5_spectrum
from speech.engines.f5.config import F5Config
from speech.engines.f5.network import F5Network
from speech.engines.f5.vocos import Vocos
from speech.engines.packed_linear import check_precision
from speech.engines.rvc.config import RvcConfig
from speech.engines.rvc.contentvec import ContentVec
from speech.engines.rvc.conversion import RvcVoice
from speech.engines.rvc.generator import Excitation, Generator
from speech.engines.rvc.model_file import Network
from speech.engines.weights import blank
from speech.engines.xtts import spectrum, vocoder
from speech.engines.xtts.conditioning import Conditioning
from speech.engines.xtts.config import XttsConfig
from speech.engines.xtts.decoding import Decoder, KeyValues, Row
from speech.engines.xtts.dvae import Dvae
from speech.engines.xtts.gpt import Gpt
from speech.engines.xtts.speaker import SpeakerEncoder
from speech.errors import SpeechError
from speech.metrics import ecapa, resemblyzer
from speech.resampling import Resampler, _hann_filters, resample_as_torchaudio

DEVICE = "lazy:0"
F5 = F5Config(width=64, layers=2, heads=1, ff_width=128, text_width=32, text_layers=1, text_tokens=50)
RVC = RvcConfig("v2", True, 32000, 16, 16, 32, 2, 2, 3, (10, 8, 2, 2), (20, 16, 4, 4), 32, 2, 8)
CACHES = (
    _hann_filters,
    mel.mel_filters,
    *(module._window for module in (spectrum, f5_spectrum)),
    *(module._filters for module in (spectrum, f5_spectrum)),
)
CONFIG = XttsConfig(layers=2, width=64, heads=4, text_tokens=300, decoder_width=64)


pytestmark = pytest.mark.networks


@pytest.fixture(autouse=True)
def fake() -> Iterator[None]:
    """What the library keeps of an earlier test is no fake, and what it keeps of this one nobody can use."""
    for cached in CACHES:
        cached.cache_clear()
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield
    for cached in CACHES:
        cached.cache_clear()


def placed(make: Callable[[], nn.Module], device: str = DEVICE) -> nn.Module:
    """A network whose weights and buffers are there (`.to()` does not work on fake tensors)."""
    with unset_fake_temporarily(), blank():
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


def test_the_codes_that_are_learned() -> None:
    dvae = placed(lambda: Dvae(64))
    assert isinstance(dvae, Dvae)
    codes = dvae.codes(dvae.mels(torch.empty(1, 22050 * 2, device=DEVICE), torch.ones(80, device=DEVICE)))
    assert is_there(codes) and is_there(dvae.decoded(codes))


def test_f5_from_noise_to_mel_frames_and_its_vocoder() -> None:
    """Up to the inverse Fourier transform, which looks at numbers."""
    network, vocos = placed(lambda: F5Network(F5)), placed(lambda: Vocos(64, 128, 2))
    assert isinstance(network, F5Network) and isinstance(vocos, Vocos)
    reference = f5_spectrum.log_mel(torch.empty(1, 24000, device=DEVICE))[0]
    passages = [flow.Passage(reference, [3, 4, 5], frames) for frames in (120, 140)]
    made = flow.generate(network, passages, flow.FlowOptions(steps=2))
    assert [len(one) for one in made] == [120 - len(reference), 140 - len(reference)]
    with torch.inference_mode():
        assert is_there(vocos.head.out(vocos.backbone(torch.empty(1, 100, 50, device=DEVICE))))


def test_what_rvc_hears_of_a_recording() -> None:
    samples = torch.empty(16000, device=DEVICE)
    with torch.inference_mode():
        content = placed(lambda: ContentVec(32, 64, 128, 12, 128, has_bias=False))
        assert is_there(content(samples, "v1")) and is_there(content(samples, "v2"))
        fcpe, rmvpe, crepe = placed(Fcpe), placed(lambda: Rmvpe(4, 16)), placed(lambda: Crepe((8,) * 6))
        assert isinstance(fcpe, Fcpe) and isinstance(rmvpe, Rmvpe)
        assert is_there(fcpe_f0(fcpe, samples)) and is_there(rmvpe_f0(rmvpe, samples))
        assert is_there(crepe(torch.empty(5, 1024, device=DEVICE)))  # its path is found on the CPU


def test_rvc_from_content_to_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    network = placed(lambda: Network(RVC))
    assert isinstance(network, Network)
    monkeypatch.setattr(nn.Module, "to", lambda module, device: module)  # it is there
    monkeypatch.setattr(Tensor, "numpy", lambda tensor: np.zeros(tensor.shape))
    voice = SimpleNamespace(network=network)
    content, noise = torch.empty(1, 60, 768, device=DEVICE), torch.empty(1, RVC.inter, 60, device=DEVICE)
    pitch = torch.ones(1, 60, dtype=torch.long, device=DEVICE)
    latents, speaker = RvcVoice.latents(voice, content, pitch, noise)  # type: ignore[arg-type]
    assert is_there(latents) and is_there(speaker)
    f0, breath = torch.empty(60, device=DEVICE), torch.empty(60 * RVC.hop, device=DEVICE)
    generator = Generator(network.dec, RVC, DEVICE)
    pieces = list(generator.stream(latents, speaker, Excitation(f0, breath, RVC)))
    assert sum(map(len, pieces)) == 60 * RVC.hop and len(pieces) > 1


def layers_of_ecapa() -> dict[str, Tensor]:
    state: dict[str, Tensor] = {}
    norms = {"asp_bn.norm": 2 * ecapa.POOLED}
    for name, has_norm, shape in ecapa.layer_shapes():
        conv = f"{name}.conv.conv" if has_norm else f"{name}.conv"
        state |= {f"{conv}.weight": torch.zeros(shape), f"{conv}.bias": torch.zeros(shape[0])}
        norms |= {f"{name}.norm.norm": shape[0]} if has_norm else {}
    for name, size in norms.items():
        state |= {f"{name}.{part}": torch.zeros(size) for part in ("weight", "bias", "running_mean", "running_var")}
    return state


def test_the_encoders_that_lead_a_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sounds = torch.empty(2, 24000 * 2, device=DEVICE, requires_grad=True)
    assert is_there(Resampler(DEVICE)(sounds)) and is_there(resample_as_torchaudio(sounds, 24000, 16000))
    monkeypatch.setattr(torch, "load", lambda *_, **__: layers_of_ecapa())
    second = ecapa.Ecapa(tmp_path, DEVICE)
    monkeypatch.setattr(torch, "load", lambda *_, **__: {"model_state": layers_of_resemblyzer()})
    first = resemblyzer.Resemblyzer(tmp_path)
    first._network = placed(lambda: first._network)
    for name in ("_mel", "_window"):
        setattr(first, name, getattr(first, name).to(DEVICE))
    first._resampled = Resampler(DEVICE)
    for encoder in (first, second):
        made = encoder(sounds)
        (gradient,) = torch.autograd.grad(made.sum(), sounds)
        assert is_there(made) and is_there(gradient)


def layers_of_resemblyzer() -> dict[str, Tensor]:
    layers = nn.LSTM(resemblyzer.MELS, resemblyzer.SIZE, resemblyzer.LAYERS)
    linear = nn.Linear(resemblyzer.SIZE, resemblyzer.SIZE)
    named = {"lstm": layers.state_dict(), "linear": linear.state_dict()}
    return {f"{part}.{name}": value for part, state in named.items() for name, value in state.items()}


def test_what_ends_a_process_and_what_does_not() -> None:
    assert has_failed(RuntimeError("CUDA error: an illegal memory access was encountered"))
    assert not has_failed(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert not has_failed(RuntimeError("expected a tensor of 3 dimensions"))
    assert not has_failed(SpeechError("speech_empty", engine="xtts", seed=1))


def test_int8_is_refused_before_anything_is_loaded() -> None:
    with pytest.raises(SpeechError, match="xtts_precision"):
        check_precision("int8", "cuda")
    check_precision("fp32", "cuda")
