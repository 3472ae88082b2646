"""What the networks of XTTS promise beside equal numbers: streams, edges, threads, kinds of numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import Tensor

from speech.engines.convolution import Conv
from speech.engines.xtts.checkpoint import Checkpoint, Latents
from speech.engines.xtts.conditioning import LEAST_S, load_conditioning
from speech.engines.xtts.speaker import load_speaker_encoder
from speech.engines.xtts.vocoder import HOP, Stretch, Vocoder, VocoderStream, load_vocoder
from speech.resampling import resample_as_torchaudio

ROWS = 27


@pytest.fixture(scope="module")
def vocoder(checkpoint: Checkpoint) -> Vocoder:
    return load_vocoder(checkpoint.config, checkpoint.weights)


@pytest.fixture(scope="module")
def latents() -> Tensor:
    return torch.randn(1, ROWS, 64, generator=torch.Generator().manual_seed(3))


def streamed(stream: VocoderStream, latents: Tensor, sizes: list[int]) -> np.ndarray:
    blocks = latents[0].split(sizes)
    return np.concatenate([stream.push(block, i == len(sizes) - 1) for i, block in enumerate(blocks)])


@pytest.mark.parametrize(
    ("sizes", "speed"),
    [([10, 10, 7], 1.0), ([1] * ROWS, 1.0), ([8, 0, 18, 1], 1.37), ([ROWS, 0], 1.0), ([3, 24], 0.6)],
)
def test_a_stream_is_the_whole(
    vocoder: Vocoder, voices: list[Latents], latents: Tensor, sizes: list[int], speed: float
) -> None:
    whole = vocoder.whole(latents, voices[0].speaker, speed)
    found = streamed(VocoderStream(vocoder, voices[0].speaker, speed), latents, sizes)
    assert np.abs(whole).max() > 0.1
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_short_sentences_have_all_their_samples(vocoder: Vocoder, voices: list[Latents], rows: int) -> None:
    latents = torch.randn(1, rows, 64, generator=torch.Generator().manual_seed(rows))
    whole = vocoder.whole(latents, voices[0].speaker)
    assert len(whole) == int(rows * 4 * 24000 / 22050) * HOP and np.isfinite(whole).all()
    found = streamed(VocoderStream(vocoder, voices[0].speaker), latents, [1] * rows)
    np.testing.assert_allclose(found, whole, rtol=0, atol=1e-6)


def test_what_comes_later_changes_nothing_said(vocoder: Vocoder, voices: list[Latents], latents: Tensor) -> None:
    first, second = (VocoderStream(vocoder, voices[0].speaker) for _ in range(2))
    said = first.push(latents[0, :20])
    assert 0.7 * 20 * 1024 * 24000 / 22050 < len(said)
    assert np.array_equal(said, second.push(latents[0, :20])) and len(first.push(-latents[0, 20:])) > 0


def test_a_stream_costs_the_same_at_every_moment(
    vocoder: Vocoder, voices: list[Latents], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All convolutions together read no more rows for the tenth block than for the second: the work is linear."""
    plain, rows = Conv.__call__, list[int]()

    def counted(conv: Conv, x: Tensor, *args: Tensor, **kwargs: Tensor) -> Tensor:
        rows.append(len(x))
        return plain(conv, x, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(Conv, "__call__", counted)
    stream, per_push = VocoderStream(vocoder, voices[0].speaker), []
    for block in torch.randn(100, 64).split(10):
        rows.clear()
        stream.push(block)
        per_push.append(sum(rows))
    assert max(per_push[1:]) < 1.1 * min(per_push[1:])


def test_threads_do_not_mix(vocoder: Vocoder, voices: list[Latents], latents: Tensor) -> None:
    def said(number: int) -> np.ndarray:
        voice = voices[number % len(voices)].speaker
        return streamed(VocoderStream(vocoder, voice), latents * (1 - number / 9), [5, 20, 2])

    alone = [said(number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for found, wanted in zip(pool.map(said, range(4)), alone, strict=True):
            assert np.array_equal(found, wanted)
    assert np.abs(alone[0] - alone[1]).max() > 0.01


def test_the_sound_does_not_depend_on_how_many_threads_pytorch_has(
    checkpoint: Checkpoint, voices: list[Latents], latents: Tensor
) -> None:
    before, said = torch.get_num_threads(), []
    for count in (1, 2, 3):
        torch.set_num_threads(count)
        loaded = load_vocoder(checkpoint.config, checkpoint.weights)
        said.append(streamed(VocoderStream(loaded, voices[0].speaker), latents, [5, 20, 2]))
    torch.set_num_threads(before)
    assert np.array_equal(said[0], said[1]) and np.array_equal(said[0], said[2])


def test_plain_convolutions_say_the_same(
    checkpoint: Checkpoint, voices: list[Latents], latents: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs on a GPU, and where PyTorch has no oneDNN."""
    packed = load_vocoder(checkpoint.config, checkpoint.weights).whole(latents, voices[1].speaker)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    plain = load_vocoder(checkpoint.config, checkpoint.weights)
    assert not plain.pre.is_packed
    np.testing.assert_allclose(plain.whole(latents, voices[1].speaker), packed, rtol=0, atol=1e-5)


def test_the_vocoder_stays_in_float32(checkpoint: Checkpoint) -> None:
    assert load_vocoder(checkpoint.config, checkpoint.weights).at.dtype is torch.float32


@pytest.mark.parametrize("scale", [4.0, 24000 / 22050, 1 / 1.3, 1 / 0.7])
def test_stretching_is_interpolation(scale: float) -> None:
    rows = torch.randn(700, 3)
    wanted = torch.nn.functional.interpolate(rows.T[None], scale_factor=[scale], mode="linear")[0].T
    stretch = Stretch(scale)
    found = torch.cat([stretch.push(block, block is blocks[-1]) for blocks in [rows.split(13)] for block in blocks])
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_a_piece_too_short_is_left_out_and_nothing_is_refused(checkpoint: Checkpoint) -> None:
    conditioning = load_conditioning(checkpoint.config, checkpoint.weights)
    sound = torch.randn(int(22050 * (4 + LEAST_S)) - 10, generator=torch.Generator().manual_seed(0))
    heard = conditioning.latents(sound)
    assert heard.shape == (1, 32, 64) and torch.equal(heard, conditioning.latents(sound[: 22050 * 4]))
    with pytest.raises(ValueError, match="fewer"):
        conditioning.latents(sound[: int(LEAST_S * 22050) - 1])


def test_a_speaker_is_a_unit_vector_at_any_level(checkpoint: Checkpoint) -> None:
    encoder = load_speaker_encoder(checkpoint.weights)
    time_s = torch.arange(16000) / 16000
    sound = torch.sin(2 * torch.pi * 300 * time_s * (1 + 0.2 * time_s)) * 0.3
    unit, quiet = encoder.embed(sound), encoder.embed(sound * 0.25)
    assert unit.shape == (1, 512, 1) and float(unit.norm()) == pytest.approx(1, abs=1e-5)
    assert float((unit * quiet).sum()) > 0.95
    assert torch.isfinite(encoder.embed(torch.zeros(8000))).all()


@pytest.mark.parametrize(("rate", "wanted"), [(44100, 16000), (22050, 16000), (24000, 22050), (16000, 22050)])
def test_resampling_keeps_a_tone(rate: int, wanted: int) -> None:
    def tone(rate: int) -> Tensor:
        return torch.sin(2 * torch.pi * 440 * torch.arange(rate) / rate)[None]

    found = resample_as_torchaudio(tone(rate), rate, wanted)
    assert found.shape == (1, wanted)
    np.testing.assert_allclose(found[:, 200:-200], tone(wanted)[:, 200:-200], rtol=0, atol=5e-3)
    assert torch.equal(resample_as_torchaudio(tone(rate), rate, rate), tone(rate))
