"""The speaker encoders in torch: what they compute, against independent computations, and whom they tell apart."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from speech.audio import Audio, join, resample
from speech.metrics.ecapa import Ecapa, frozen
from speech.metrics.eres2net import ERes2Net, folded
from speech.metrics.resemblyzer import LEVEL, Resemblyzer, mel_filters, partial_starts
from speech.metrics.speaker import Embedding, similarity
from speech.models import ModelStore
from speech.resampling import Resampler
from speech.synthesis import Synthesizer

if TYPE_CHECKING:
    import torch as torch_module

torch = pytest.importorskip("torch") if os.environ.get("PAPAGAIO_REQUIRE_MODELS") != "1" else __import__("torch")

SENTENCES = ("Os barcos voltaram cedo, cheios de peixe.", "Amanhã vamos visitar a casa da minha avó.")


def file_of(store: ModelStore, name: str) -> Path:
    return store.path(name) / store.info(name).files[0].path


@pytest.fixture(scope="module")
def weights(installed: Callable[..., ModelStore]) -> Path:
    return file_of(installed("speaker-resemblyzer"), "speaker-resemblyzer")


@pytest.fixture(scope="module")
def encoder(weights: Path) -> Resemblyzer:
    return Resemblyzer(weights)


@pytest.fixture(scope="module")
def eres2net_weights(installed: Callable[..., ModelStore]) -> Path:
    return file_of(installed("speaker-eres2net"), "speaker-eres2net")


@pytest.fixture(scope="module")
def ecapa_weights(installed: Callable[..., ModelStore]) -> Path:
    return file_of(installed("speaker-ecapa"), "speaker-ecapa")


@pytest.fixture(scope="module")
def ecapa(ecapa_weights: Path) -> Ecapa:
    return Ecapa(ecapa_weights)


@pytest.fixture(scope="module")
def spoken(synthesizer: Synthesizer) -> dict[str, list[Audio]]:
    """Two sentences by each of two voices."""
    voices = ("pf_dora", "bm_lewis")
    plans = {
        voice: [synthesizer.plan(text, engine="kokoro", language="pt-BR", voice=voice) for text in SENTENCES]
        for voice in voices
    }
    return {voice: [join(synthesizer.speak(plan)) for plan in of_voice] for voice, of_voice in plans.items()}


def tone(hertz: float, count: int = 48000, sample_rate: int = 24000) -> torch_module.Tensor:
    samples = np.sin(2 * np.pi * hertz * np.arange(count) / sample_rate).astype(np.float32)
    row: torch_module.Tensor = torch.from_numpy(samples)[None]
    return row


@pytest.mark.parametrize("hertz", [100, 1000, 7000])
def test_resampling_keeps_what_both_rates_hold(hertz: float) -> None:
    got = Resampler()(tone(hertz))
    assert got.shape == (1, 32000)
    wanted = tone(hertz, 32000, 16000)
    assert (got - wanted)[:, 200:-200].abs().max() < 2e-4


def test_resampling_stops_what_would_fold_back() -> None:
    assert Resampler()(tone(9000))[:, 200:-200].abs().max() < 2e-4


def test_resampling_stops_where_it_is_told_to() -> None:
    low = Resampler(cutoff_hz=3825.0)
    assert (low(tone(3300)) - tone(3300, 32000, 16000))[:, 200:-200].abs().max() < 2e-4
    assert low(tone(4300))[:, 200:-200].abs().max() < 2e-4
    assert (Resampler(cutoff_hz=11000.0)(tone(9000)))[:, 200:-200].abs().max() < 2e-4, "never above what 16 kHz holds"


def test_an_encoder_deaf_above_a_cutoff_hears_no_difference_there(
    weights: Path, spoken: dict[str, list[Audio]]
) -> None:
    whole = spoken["pf_dora"][0]
    dull = resample(resample(whole, 9600), 24000)
    both = [torch.from_numpy(audio.samples)[None] for audio in (whole, dull)]

    def cosine(encoder: Resemblyzer) -> float:
        first, second = (encoder(sound[:, : min(len(one[0]) for one in both)])[0] for sound in both)
        return float(first @ second)

    assert cosine(Resemblyzer(weights, cutoff_hz=3825.0)) > 0.9999 > 0.995 > cosine(Resemblyzer(weights))


def test_resampling_of_any_length() -> None:
    for count in (47_999, 48_000, 48_001, 48_002):
        assert Resampler()(tone(440, count)).shape[1] == -(-count * 2 // 3)


def test_mel_filters_are_librosas() -> None:
    librosa = pytest.importorskip("librosa")
    assert np.abs(mel_filters() - librosa.filters.mel(sr=16000, n_fft=400, n_mels=40)).max() < 1e-7


def test_windows_cover_the_sound() -> None:
    assert partial_starts(8_000) == [0]
    assert partial_starts(25_600) == [0]  # 1.6 s: the second would hold half its sound
    assert partial_starts(48_000) == [0, 77, 154]


def test_embedding_is_what_one_lstm_of_three_layers_gives(encoder: Resemblyzer, weights: Path) -> None:
    """Layers parted, windows batched and filters of our own change nothing: numpy's spectrum, torch's own stack."""
    state = torch.load(weights, weights_only=True, map_location="cpu")["model_state"]
    lstm, linear = torch.nn.LSTM(40, 256, 3, batch_first=True), torch.nn.Linear(256, 256)
    lstm.load_state_dict({name[5:]: value for name, value in state.items() if name.startswith("lstm.")})
    linear.load_state_dict({name[7:]: value for name, value in state.items() if name.startswith("linear.")})
    samples = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 39_600)).astype(np.float32))
    sound = Resampler()(samples)[0].numpy().astype(np.float64)
    sound = np.pad(sound * LEVEL / np.sqrt(np.mean(sound**2)), 200)
    cuts = np.stack([sound[i * 160 : i * 160 + 400] * np.hanning(401)[:400] for i in range(160)])
    mel = (np.abs(np.fft.rfft(cuts)) ** 2 @ mel_filters().T).astype(np.float32)
    with torch.no_grad():
        raw = torch.relu(linear(lstm(torch.from_numpy(mel)[None])[1][0][-1]))[0]
        assert (encoder(samples)[0] - raw / raw.norm()).abs().max() < 1e-4


def test_a_batch_is_its_rows_and_loudness_is_nothing(encoder: Resemblyzer, spoken: dict[str, list[Audio]]) -> None:
    rows = torch.stack([torch.from_numpy(audios[0].samples[:48_000]) for audios in spoken.values()])
    with torch.no_grad():
        together, alone, quiet = encoder(rows), encoder(rows[1:]), encoder(rows * 0.1)
    assert together.shape == (2, 256) and torch.allclose(together.norm(dim=1), torch.ones(2), atol=1e-5)
    assert (together[1] - alone[0]).abs().max() < 1e-5 and (together - quiet).abs().max() < 1e-3


def test_the_gradient_reaches_the_samples(encoder: Resemblyzer, spoken: dict[str, list[Audio]]) -> None:
    samples = torch.from_numpy(spoken["pf_dora"][0].samples[:39_600])[None]
    wanted = encoder(torch.from_numpy(spoken["bm_lewis"][0].samples[:39_600])[None])

    def likeness(moved: torch_module.Tensor) -> torch_module.Tensor:
        total: torch_module.Tensor = (encoder(moved) * wanted).sum()
        return total

    moving = samples.clone().requires_grad_(True)
    likeness(moving).backward()
    assert moving.grad is not None
    step = moving.grad * (0.02 / moving.grad.norm())
    with torch.no_grad():
        rise = float(likeness(samples + step) - likeness(samples - step))
    assert rise > 0 and abs(rise / float(2 * (step * moving.grad).sum()) - 1) < 0.1


def test_silence_has_a_finite_gradient(encoder: Resemblyzer) -> None:
    silent = torch.zeros(1, 39_600, requires_grad=True)
    encoder(silent).sum().backward()
    assert silent.grad is not None and silent.grad.isfinite().all()


def test_hidden_layers(encoder: Resemblyzer) -> None:
    samples = tone(200, 24_000).repeat(2, 1).requires_grad_(True)
    held = encoder.hidden(samples)
    assert held.shape == (3, 2, 101, 256)
    held[0].square().mean().backward()
    assert samples.grad is not None and float(samples.grad.abs().max()) > 0


def test_both_tell_two_voices_apart(
    encoder: Resemblyzer, eres2net_weights: Path, spoken: dict[str, list[Audio]]
) -> None:
    judge = ERes2Net(eres2net_weights)

    def by_lstm(audio: Audio) -> Embedding:
        found: Embedding = encoder(torch.from_numpy(resample(audio, 24000).samples)[None])[0].numpy()
        return found

    for embed, margin in ((judge.embed, 0.1), (by_lstm, 0.05)):
        embedded = {voice: [embed(audio) for audio in audios] for voice, audios in spoken.items()}
        same = min(similarity(a, b) for found in embedded.values() for a, b in combinations(found, 2))
        different = max(similarity(a, b) for a, b in product(*embedded.values()))
        assert same > different + margin, (embed, same, different)


def test_eres2net_refuses_other_weights(eres2net_weights: Path) -> None:
    state = torch.load(eres2net_weights, weights_only=True, map_location="cpu")
    assert folded(state).keys() >= {"conv1", "layer4.2.conv3", "seg_1"}
    with pytest.raises(ValueError, match="not of it"):
        folded({**state, "seg_2.weight": state["seg_1.weight"]})
    del state["layer3.5.bns.1.running_var"]
    with pytest.raises(ValueError, match="layer3.5.bns.1.running_var is missing"):
        folded(state)


def cut(audio: Audio) -> torch_module.Tensor:
    row: torch_module.Tensor = torch.from_numpy(audio.samples[:39_600])[None]
    return row


def test_ecapa_tells_two_voices_apart_at_any_level(ecapa: Ecapa, spoken: dict[str, list[Audio]]) -> None:
    rows = torch.cat([cut(audio) for audios in spoken.values() for audio in audios])
    with torch.no_grad():
        vectors, quiet = ecapa(rows), ecapa(rows[:1] * 0.1)
    assert vectors.shape == (4, 192) and torch.allclose(vectors.norm(dim=1), torch.ones(4), atol=1e-5)
    alike = vectors @ vectors.T
    assert min(alike[0, 1], alike[2, 3]) > alike[:2, 2:].max() + 0.2, alike
    assert float(vectors[0] @ quiet[0]) > 0.999


def test_ecapa_leads_the_samples_towards_a_voice(ecapa: Ecapa, spoken: dict[str, list[Audio]]) -> None:
    """The gradient foretells what a small step brings; the other half of the sound is digital silence."""
    samples = cut(spoken["pf_dora"][0]).clone()
    samples[:, 20_000:] = 0
    with torch.no_grad():
        wanted = ecapa(cut(spoken["bm_lewis"][0]))
    moving = samples.clone().requires_grad_(True)
    (ecapa(moving) * wanted).sum().backward()
    assert moving.grad is not None and moving.grad.isfinite().all()
    step = moving.grad * (0.0002 / moving.grad.norm())
    with torch.no_grad():
        rise = float(((ecapa(samples + step) - ecapa(samples - step)) * wanted).sum())
    assert rise > 0 and abs(rise / float(2 * (step * moving.grad).sum()) - 1) < 0.1


def test_ecapa_has_a_finite_gradient_at_silence(ecapa: Ecapa) -> None:
    silent = torch.zeros(1, 12_000, requires_grad=True)
    ecapa(silent).sum().backward()
    assert silent.grad is not None and silent.grad.isfinite().all()


def test_ecapa_refuses_other_weights(ecapa_weights: Path, weights: Path) -> None:
    with pytest.raises(ValueError, match="blocks.0.conv.conv.weight is missing"):
        Ecapa(weights)
    state = torch.load(ecapa_weights, weights_only=True, map_location="cpu")
    with pytest.raises(ValueError, match="not of it"):
        frozen({**state, "fc.more": state["fc.conv.bias"]})
    with pytest.raises(ValueError, match=r"fc.conv.weight is \(1, 6144, 1\)"):
        frozen({**state, "fc.conv.weight": state["fc.conv.weight"][:1]})
