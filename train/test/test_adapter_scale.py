"""The scale of a fitted voice's adapters: which candidate is taken, and what a scale changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speech.audio import Audio
from speech.engines.kokoro.engine import trimmed
from speech.engines.kokoro.fitted import FittedVoices
from speech.engines.kokoro.network import STYLE
from speech.engines.kokoro.runtime import load_voice
from speech.engines.kokoro.weights import load_network
from speech.models import ModelStore
from speech.voice_files import Consent
from speech.voice_library import VoiceLibrary
from train.cloning import CloneOptions, new_meta
from train.kokoro import corpus
from train.kokoro.adapter_scale import (
    BEYOND,
    LADDER,
    WHOLE,
    AdapterScale,
    AdapterScaler,
    Candidate,
    Listener,
    choose,
    is_clear,
    is_nearer,
    select_scale,
)
from train.kokoro.corpus import Line
from train.kokoro.fitting import styled
from train.kokoro.preview import Stage, exported
from train.kokoro.trainable import KokoroFit, KokoroOptions, Material, SpeakerLoss
from train.progress import NullReporter, Stopped


def candidates(*heard: tuple[float, float]) -> list[Candidate]:
    return [Candidate(scale, *one) for scale, one in zip(LADDER, heard)]


@pytest.mark.parametrize(
    ("heard", "taken"),
    [
        (((0.6, -0.05), (0.59, 0.0), (0.58, 0.1)), 0),  # costs little: the whole of it
        (((0.6, -0.3), (0.59, -0.07), (0.58, 0.0)), 1),  # the first that costs little
        (((0.6, -0.3), (0.59, -0.09), (0.58, 0.0)), 2),
        (((0.6, -0.6), (0.59, -0.4), (0.58, -0.2)), 0),  # none does: it is not the scale that costs
        (((0.6, -0.6), (0.45, -0.05), (0.4, 0.0)), 0),  # the likeness would be lost
    ],
)
def test_the_first_candidate_that_costs_little_is_taken(heard: tuple[tuple[float, float], ...], taken: int) -> None:
    assert choose(candidates(*heard)).scale == LADDER[taken]


@pytest.mark.parametrize(
    ("likeness", "opinion", "taken"),
    [
        (0.61, -0.09, True),
        (0.59, 0.1, False),  # not nearer
        (0.7, -0.11, False),  # all of the way costs too much
    ],
)
def test_a_further_candidate_is_taken_where_it_is_nearer_and_costs_little_more(
    likeness: float, opinion: float, taken: bool
) -> None:
    whole, further = Candidate(WHOLE, 0.6, -0.07), Candidate(AdapterScale(BEYOND, 1.0), likeness, opinion)
    assert is_nearer(whole, further) is taken


@pytest.mark.parametrize(
    ("differences", "clear"),
    [
        ([0.5, 0.4, 0.5], False),  # too few texts, whatever they say
        ([0.5, 0.4, 0.5, 0.4], True),
        ([-0.5, -0.4, -0.5, -0.4], True),
        ([0.5, -0.6, 0.4, -0.5], False),
        ([-0.08, -0.08, -0.08, -0.08], False),  # right on the bound
    ],
)
def test_an_answer_is_clear_where_the_mean_is_far_from_the_bound(differences: list[float], clear: bool) -> None:
    assert is_clear(differences, -0.08) is clear


def test_listening_ends_at_a_clear_answer_and_the_stock_voice_says_each_text_once(
    made: tuple[KokoroFit, torch.Tensor], stage: Stage
) -> None:
    fit, nearest = made
    lines = said(fit) * 6
    told: list[Line] = []
    stock = stage.stock(nearest.numpy())
    sound = stock(lines[0])

    def counted(line: Line) -> Audio:
        told.append(line)
        return sound

    opinions = iter([4.0, 3.0, 4.0, 3.01, 4.0, 3.0, 4.0, 3.02, *[3.9] * 6])
    listener = Listener(counted, lines, fit.material.leaders, lambda audio: next(opinions), NullReporter())
    first = listener.compare(WHOLE, lambda line: sound, 0.08)
    assert len(told) == 4 and first.opinion == pytest.approx(-0.99, abs=0.01)
    second = listener.compare(WHOLE, lambda line: sound, 0.08)
    assert len(told) == 4 and second.opinion == pytest.approx(-0.1) and second.likeness == pytest.approx(0.0)


class Brightness:
    """Stands where a speaker encoder stands: eight band energies of a sound, as a unit vector."""

    name = "brightness"

    def __call__(self, samples: torch.Tensor) -> torch.Tensor:
        bands = torch.fft.rfft(samples).abs().unfold(-1, 512, 512)[..., :8, :].mean(-1)
        return torch.nn.functional.normalize(bands, dim=-1)


def said(fit: KokoroFit) -> list[Line]:
    return [text.line for text in fit.material.texts]


class Told(NullReporter):
    """Keeps how far it was told to be."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, int]] = []

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.parts.append((done, total))


@pytest.fixture(scope="module")
def stage(fit_store: ModelStore) -> Stage:
    return Stage.of(fit_store)


@pytest.fixture(scope="module")
def made(fit_store: ModelStore) -> tuple[KokoroFit, torch.Tensor]:
    network = load_network(fit_store.path("kokoro-fp32") / "kokoro-fp32.onnx")
    voices: Path = fit_store.path("kokoro-voices") / "voices"
    nearest, other = (torch.from_numpy(load_voice(voices / f"{name}.bin")) for name in ("pm_alex", "pf_dora"))
    line = corpus.line(network, "Bom dia.", "pt-BR")
    assert line is not None
    text = corpus.render(network, line, styled(other, torch.zeros(2 * STYLE)))
    leader = SpeakerLoss(Brightness(), Brightness()(text.samples[None])[0], 1.0)
    material = Material([text], [], [text], other.clone(), torch.ones(2 * STYLE), 8000.0, [leader])
    fit = KokoroFit(network, material, KokoroOptions(rank=2))
    fit.prosody = torch.full((STYLE,), 0.01)
    with torch.no_grad():
        for adapter in fit.adapters.values():
            adapter.up.normal_(0, 0.01, generator=torch.Generator().manual_seed(1))
    return fit, nearest


def test_a_scaler_goes_back_and_forth(made: tuple[KokoroFit, torch.Tensor]) -> None:
    fit, nearest = made
    name = next(iter(fit.adapters))
    up, style = fit.adapters[name].up.detach().clone(), fit.style(40).detach().clone()
    scaler = AdapterScaler(fit, nearest)
    scaler.set(AdapterScale(0.5, 0.0))
    assert torch.equal(fit.adapters[name].up, 0.5 * up)
    assert torch.equal(fit.style(40)[0, STYLE:], nearest[39, STYLE:])
    assert torch.equal(fit.style(40)[:, :STYLE], style[:, :STYLE])
    scaler.set(WHOLE)
    assert torch.equal(fit.adapters[name].up, up) and torch.allclose(fit.style(40), style, atol=1e-6)


def test_what_is_heard_decides(made: tuple[KokoroFit, torch.Tensor], stage: Stage) -> None:
    fit, nearest = made
    heard: list[Audio] = []

    def strict(audio: Audio) -> float:
        """Less for every sound after the stock voice's first, so that no candidate is good."""
        heard.append(audio)
        return 4.0 - len(heard)

    told = Told()
    chosen = select_scale(fit, nearest, stage, said(fit), strict, told)
    assert told.parts == [(number, 1 + len(LADDER)) for number in range(len(LADDER))]
    assert len(heard) == 1 + len(LADDER)
    assert all(np.abs(audio.samples).max() > 0.01 for audio in heard)
    assert chosen.scale == WHOLE and chosen.opinion == -1.0
    heard.clear()
    assert select_scale(fit, nearest, stage, said(fit), lambda audio: 4.0, NullReporter()).scale == WHOLE


@pytest.mark.parametrize(("opinions", "taken"), [((4.0, 3.93, 3.91), BEYOND), ((4.0, 3.93, 3.89), 1.0)])
def test_a_good_fit_goes_further_where_that_costs_little_more(
    made: tuple[KokoroFit, torch.Tensor], stage: Stage, opinions: tuple[float, ...], taken: float
) -> None:
    """The speaker lies beyond what was fitted: every bit more is nearer. `opinions`: stock voice, all of the fit,
    more than it."""
    fit, nearest = made
    before, ups = fit.material.leaders, {name: one.up.detach().clone() for name, one in fit.adapters.items()}
    scaler = AdapterScaler(fit, nearest)
    scaler.set(AdapterScale(2.0, 1.0))
    far = torch.from_numpy(stage.fitted(fit)(fit.material.texts[0].line).samples)
    scaler.set(WHOLE)
    fit.material.leaders = [SpeakerLoss(Brightness(), Brightness()(far[None])[0], 1.0)]
    try:
        told, heard = Told(), iter(opinions)
        assert select_scale(fit, nearest, stage, said(fit), lambda audio: next(heard), told).scale == AdapterScale(
            taken, 1.0
        )
        assert told.parts == [(0, 4), (1, 4)]
        assert all(torch.allclose(one.up, taken * ups[name]) for name, one in fit.adapters.items())
    finally:
        fit.material.leaders = before
        scaler.set(WHOLE)


@pytest.mark.parametrize(("top_hz", "prosody"), [(3825.0, 0.5), (6587.0, 1.0)])  # a telephone's, noise over 16 kHz
def test_only_prosody_of_a_telephone_is_half_believed(
    made: tuple[KokoroFit, torch.Tensor], stage: Stage, top_hz: float, prosody: float
) -> None:
    fit, nearest = made
    wide_hz, fit.material.top_hz = fit.material.top_hz, top_hz
    try:
        assert select_scale(fit, nearest, stage, said(fit), lambda audio: 4.0, NullReporter()).scale == AdapterScale(
            1.0, prosody
        )
    finally:
        fit.material.top_hz = wide_hz


def test_it_stops_when_asked(made: tuple[KokoroFit, torch.Tensor], stage: Stage) -> None:
    class Asked(NullReporter):
        def should_stop(self) -> bool:
            return True

    with pytest.raises(Stopped):
        select_scale(*made, stage, said(made[0]), lambda audio: 4.0, Asked())


def test_what_is_listened_to_is_what_the_library_will_speak(
    made: tuple[KokoroFit, torch.Tensor], stage: Stage, fit_store: ModelStore, tmp_path: Path
) -> None:
    fit, nearest = made
    line = fit.material.texts[0].line
    whole, stock = stage.fitted(fit)(line), stage.stock(nearest.numpy())(line)
    consent = Consent("Eu concordo.", "2026-11-27T11:00:00Z")
    base = fit_store.info("kokoro-fp32").files[0].sha256
    named = CloneOptions("ana", "Ana", "pt-BR", consent)
    VoiceLibrary(tmp_path).add(
        new_meta(named, "kokoro", "kokoro-fp32", base, "fast", 10.0),
        exported(fit, stage.places).to_tensors(),
        {},
    )
    kept = FittedVoices(tmp_path, stage.precision, 1, 8 << 30).model("ana", lambda: stage.spoken, 0)
    spoken = kept.runtimes.first.synthesize(line.tokens[0, 1:-1].tolist(), kept.style, 1.0)
    assert np.array_equal(whole.samples, trimmed(Audio(spoken, 24000)).samples)
    assert len(whole.samples) < len(spoken), "the engine leaves less quiet at the ends than the network makes"
    assert not np.array_equal(whole.samples, stock.samples)
