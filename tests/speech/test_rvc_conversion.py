"""RVC's parts: blocks and streams give what the whole gives, every parameter does what it says, 0 is 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.rvc_reference import recording

torch = pytest.importorskip("torch")
if TYPE_CHECKING:
    from speech.engines.rvc.conversion import RvcOptions, RvcVoice


@pytest.fixture(scope="module")
def voice(rvc_tiny: Path) -> RvcVoice:
    from speech.engines.rvc.conversion import RvcVoice
    from speech.engines.rvc.index import read_index
    from speech.engines.rvc.model_file import open_pth

    return RvcVoice(open_pth(rvc_tiny / "v2-40k.pth"), read_index(rvc_tiny / "v2.index", 768))


@pytest.fixture(scope="module")
def content(rvc_tiny: Path) -> torch.nn.Module:
    from speech.engines.rvc.contentvec import load_contentvec

    return load_contentvec(rvc_tiny / "contentvec")


def f0_of(samples: torch.Tensor) -> torch.Tensor:
    """A glide that is voiced for three quarters of each half second."""
    frames = torch.arange(len(samples) // 160 + 1)
    return torch.where(frames % 50 < 38, 140 + 30 * torch.sin(frames / 40), 0)


def converted(voice: RvcVoice, content: torch.nn.Module, options: RvcOptions, seconds: float = 1.0) -> np.ndarray:
    from speech.engines.rvc.conversion import Conversion

    return Conversion(content, voice, f0_of, options).whole(recording(seconds))


def test_the_generator_in_pieces_is_the_generator_at_once(voice: RvcVoice) -> None:
    """A window of the latents, with as many around it as a sample hears, gives the same samples of its middle."""
    from speech.engines.rvc.generator import Excitation, reach

    random, frames = torch.Generator().manual_seed(3), 150
    latents, content = torch.randn(1, 32, frames, generator=random), torch.randn(1, frames, 768, generator=random)
    _, speaker = voice.latents(content, torch.full((1, frames), 90), latents)
    source = Excitation(f0_of(torch.zeros(160 * frames))[:frames], torch.randn(400 * frames), voice.config)
    whole = np.concatenate(list(voice.generator.stream(latents, speaker, source)))
    assert len(whole) == 400 * frames
    wide = reach(voice.config)
    part = np.concatenate(
        list(voice.generator.stream(latents[:, :, 60 - wide : 80 + wide], speaker, source, 60 - wide))
    )
    np.testing.assert_allclose(part[400 * wide : 400 * (wide + 20)], whole[400 * 60 : 400 * 80], rtol=0, atol=1e-6)


def test_a_long_recording_is_its_blocks(
    rvc_tiny: Path, content: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut where it is quiet, as long as the recording, and the same as a stream and at once."""
    from speech.engines.rvc import conversion
    from speech.engines.rvc.model_file import open_pth

    for name, seconds in (("LONGEST", 5), ("CENTRE", 3), ("SEARCH", 1)):  # for 41, 38 and 6, which take a minute
        monkeypatch.setattr(conversion, name, seconds * 16000)
    plain = conversion.RvcVoice(open_pth(rvc_tiny / "v2-40k-plain.pth"), None)
    samples = recording(7.0)
    cut = list(conversion.blocks(conversion.prepared(samples), 400))
    assert len(cut) == 3 and sum(block.wanted for block in cut) == 7 * 40000
    pieces = list(conversion.Conversion(content, plain, None, conversion.RvcOptions(seed=5)).stream(samples))
    assert sum(map(len, pieces)) == 7 * 40000 and max(map(len, pieces)) < 90000
    again = conversion.Conversion(content, plain, None, conversion.RvcOptions(seed=5)).whole(samples)
    np.testing.assert_array_equal(np.concatenate(pieces), again)


@pytest.mark.parametrize(
    "changed",
    [{"pitch": 3.0}, {"index_rate": 0.0}, {"index_rate": 1.0}, {"rms_mix_rate": 0.0}, {"protect": 0.0}, {"seed": 1}],
)
def test_every_parameter_reaches_the_sound(
    voice: RvcVoice, content: torch.nn.Module, changed: dict[str, float]
) -> None:
    from speech.engines.rvc.conversion import RvcOptions

    usual = converted(voice, content, RvcOptions())
    np.testing.assert_array_equal(usual, converted(voice, content, RvcOptions()))
    assert np.abs(converted(voice, content, replace(RvcOptions(), **changed)) - usual).max() > 1e-3


def test_an_index_rate_of_0_is_no_index(voice: RvcVoice, content: torch.nn.Module, rvc_tiny: Path) -> None:
    from speech.engines.rvc.conversion import RvcOptions, RvcVoice
    from speech.engines.rvc.model_file import open_pth

    without = RvcVoice(open_pth(rvc_tiny / "v2-40k.pth"), None)
    zero = RvcOptions(index_rate=0.0)
    np.testing.assert_array_equal(converted(voice, content, zero), converted(without, content, RvcOptions()))


def test_loudness_is_that_of_the_recording(voice: RvcVoice, content: torch.nn.Module) -> None:
    from speech.engines.rvc.conversion import RvcOptions

    made = converted(voice, content, RvcOptions(rms_mix_rate=0.0), 4.0).astype(np.float64)
    heard = recording(4.0).astype(np.float64)
    for second in (1, 2):
        ours = np.sqrt(np.square(made[second * 40000 :][:40000]).mean())
        theirs = np.sqrt(np.square(heard[second * 16000 :][:16000]).mean())
        assert ours == pytest.approx(theirs, rel=0.15)


@pytest.mark.parametrize("samples", [np.zeros(16000), np.zeros(50), np.ones(3), np.full(20000, 4.0)])
def test_silence_clicks_and_overload_stay_sound(voice: RvcVoice, content: torch.nn.Module, samples: np.ndarray) -> None:
    from speech.engines.rvc.conversion import Conversion, RvcOptions

    made = Conversion(content, voice, f0_of, RvcOptions()).whole(samples.astype(np.float32))
    assert len(made) == len(samples) * 40000 // 16000 and np.isfinite(made).all()


def test_an_index_finds_the_nearest(rvc_tiny: Path) -> None:
    from speech.engines.rvc.index import open_index_copy, read_index, write_index_copy

    index = read_index(rvc_tiny / "v2.index", 768)
    assert index.features.shape == (600, 768) and len(index.centres) == 15 and index.probes == 1
    near = index.features[[3, 400]] + np.float32(1e-4)
    np.testing.assert_allclose(index.nearest(near), index.features[[3, 400]], atol=1e-3)
    np.testing.assert_array_equal(index.nearest(index.features[:9]), index.features[:9])
    copy = rvc_tiny / "copy.safetensors"
    write_index_copy(index, copy)
    random = np.random.default_rng(0).standard_normal((5, 768), np.float32) * 28
    np.testing.assert_array_equal(open_index_copy(copy).nearest(random), index.nearest(random))


def test_tones_have_their_f0(models_dir: Path) -> None:
    """Of 110 and 523 Hz by every method that can be had here; a second of silence has none."""
    from speech.engines.f0.choice import check_method
    from speech.engines.f0.methods import estimator
    from speech.errors import SpeechError
    from speech.models import ModelStore

    store = ModelStore(models_dir)
    time = np.arange(16000) / 16000
    tried = []
    for method in ("fcpe", "pm"):
        try:
            check_method(method, store)
        except SpeechError:
            continue
        estimate = estimator(method, store)
        for hertz in (110.0, 523.0):
            tone = sum(0.2 * np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 8))
            found = estimate(torch.from_numpy(tone.astype(np.float32))).numpy()
            middle = found[10:-10]
            assert (middle > 0).mean() > 0.95, method
            assert np.median(middle[middle > 0]) == pytest.approx(hertz, rel=0.01), method
        assert not (estimate(torch.zeros(16000)).numpy() > 0).any(), method
        tried.append(method)
    assert "pm" in tried


def test_a_method_that_is_not_here_says_what_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    from speech.engines.f0.choice import check_method
    from speech.errors import SpeechError
    from speech.models import ModelStore

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for method, code in (("harvest", "f0_method_missing"), ("rmvpe", "model_missing"), ("crepe", "model_missing")):
        with pytest.raises(SpeechError) as error:
            check_method(method, ModelStore(tmp_path))
        assert error.value.code == code and "command" in error.value.values


@contextmanager
def elsewhere() -> Iterator[str]:
    """Fake tensors on a device that this build has no kernels for: one that stayed on the CPU would raise."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    with FakeTensorMode(allow_non_fake_inputs=True):
        yield "lazy:0"


def placed(module: torch.nn.Module, device: str) -> torch.nn.Module:
    weights = {k: torch.empty(v.shape, dtype=v.dtype, device=device) for k, v in module.state_dict().items()}
    module.load_state_dict(weights, assign=True)
    return module.eval().requires_grad_(False)


def test_the_networks_run_where_they_are_put(voice: RvcVoice, content: torch.nn.Module) -> None:
    from speech.engines.f0.crepe import Crepe
    from speech.engines.f0.fcpe import Fcpe
    from speech.engines.f0.rmvpe import Rmvpe
    from speech.engines.rvc.generator import Excitation
    from speech.engines.rvc.model_file import Network
    from speech.engines.weights import blank

    with blank():
        network, fcpe, rmvpe, crepe = Network(voice.config), Fcpe(), Rmvpe(2), Crepe((16, 4, 4, 4, 4, 8))
        heard = type(content)(32, 768, 64, 1, 16, False)
    with elsewhere() as device:
        network, fcpe, rmvpe, crepe, heard = (placed(m, device) for m in (network, fcpe, rmvpe, crepe, heard))
        features = heard(torch.empty(16000, device=device), "v2")
        assert features.device.type == "lazy" and heard(torch.empty(16000, device=device), "v1").shape[2] == 256
        pitch = torch.ones(1, 30, dtype=torch.long, device=device)
        mean, deviation = network.enc_p(features[:, :30], pitch)
        speaker = network.emb_g(torch.zeros(1, dtype=torch.long, device=device))[:, :, None]
        assert network.flow(mean + deviation, speaker).device.type == "lazy"
        source = Excitation(torch.empty(30, device=device), torch.empty(12000, device=device), voice.config)
        assert source.samples(-20, 4000).device.type == "lazy"
        assert fcpe(torch.empty(1, 50, 128, device=device)).device.type == "lazy"
        assert rmvpe(torch.empty(1, 128, 64, device=device)).device.type == "lazy"
        assert crepe(torch.empty(3, 1024, device=device)).device.type == "lazy"
