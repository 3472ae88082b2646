"""Voices mixed: the means themselves, Kokoro's real weights, XTTS on random ones, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fitted_voices import adapter, blend_of, meta

from speech.audio import Audio, join
from speech.dsp import rms_db
from speech.dsp.shape import shift_pitch, tilt
from speech.engines.base import EngineOptions
from speech.engines.blend import Blend, BlendPoint, check_blend, mixed, morph, style
from speech.engines.kokoro.blending import HALF, blended
from speech.engines.registry import Registry
from speech.errors import SpeechError
from speech.models import ModelStore
from speech.synthesis import Synthesizer, SynthesizerOptions
from speech.voice_files import read_tensors
from speech.voice_folder import SpokenClip
from speech.voice_library import VoiceLibrary

TEXT = "Bom dia a todos."


def vectors(seed: int, count: int = 2) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.normal(size=(5, 16)).astype(np.float32) for _ in range(count)]


def test_a_weight_of_one_is_the_source_to_the_bit() -> None:
    a, b = vectors(1)
    for method in ("linear", "spherical"):
        assert mixed([(1.0, a), (0.0, b)], method) is a


def test_linear_is_the_weighted_mean_and_spherical_keeps_the_length() -> None:
    a, b = vectors(2)
    assert mixed([(0.25, a), (0.75, b)], "linear") == pytest.approx(0.25 * a + 0.75 * b, abs=1e-6)
    made = mixed([(0.25, a), (0.75, b)], "spherical")
    lengths = [np.linalg.norm(one, axis=-1) for one in (a, b, made)]
    assert lengths[2] == pytest.approx(0.25 * lengths[0] + 0.75 * lengths[1], rel=1e-5)


def test_spherical_of_two_is_shoemakes_slerp() -> None:
    a, b = (one / np.linalg.norm(one, axis=-1, keepdims=True) for one in vectors(3))
    angle = np.arccos(np.sum(a * b, axis=-1, keepdims=True))
    slerp = (np.sin(0.7 * angle) * a + np.sin(0.3 * angle) * b) / np.sin(angle)
    assert mixed([(0.7, a), (0.3, b)], "spherical") == pytest.approx(slerp, abs=1e-5)


def test_three_voices_are_mixed_whatever_their_order() -> None:
    a, b, c = vectors(4, 3)
    there = mixed([(0.5, a), (0.3, b), (0.2, c)], "spherical")
    assert there == pytest.approx(mixed([(0.2, c), (0.5, a), (0.3, b)], "spherical"), abs=1e-4)


def test_a_path_goes_evenly_from_point_to_point() -> None:
    ends = (
        BlendPoint({"a": 1.0}, {"a": 1.0}),
        BlendPoint({"b": 1.0}, {"b": 1.0}, 0.5),
        BlendPoint({"a": 1}, {"a": 1}, 1),
    )
    path = check_blend(Blend(ends))
    assert [path.at(place).timbre.get("b", 0.0) for place in (0, 0.25, 0.5, 0.75, 1)] == [0, 0.5, 1, 0.5, 0]
    assert path.voices == ("a", "b")


@pytest.mark.parametrize(
    ("code", "blend"),
    [
        ("morph_weights", Blend((BlendPoint({"a": 0.5}, {"a": 1.0}),))),
        ("morph_weights", Blend((BlendPoint({"a": 1.5, "b": -0.5}, {"a": 1.0}),))),
        ("morph_weights", Blend((BlendPoint({"a": float("nan")}, {"a": 1.0}),))),
        ("morph_method", Blend((BlendPoint({"a": 1.0}, {"a": 1.0}),), "cubic")),
        ("morph_path", Blend((BlendPoint({"a": 1.0}, {"a": 1.0}, 0.5), BlendPoint({"b": 1.0}, {"b": 1.0}, 0.5)))),
        ("morph_path", Blend((BlendPoint({"a": 1.0}, {"a": 1.0}, 2.0),))),
        ("morph_voices", Blend((BlendPoint({f"v{n}": 0.1 for n in range(10)}, {"v1": 1.0}),))),
    ],
)
def test_what_cannot_be_mixed_is_refused(code: str, blend: Blend) -> None:
    with pytest.raises(SpeechError, match=code):
        check_blend(blend)


def test_a_style_of_the_same_voice_is_refused() -> None:
    with pytest.raises(SpeechError, match="morph_same_voice"):
        style("a", "a")


def test_fitted_changes_are_mixed_as_their_sum_in_no_more_rank() -> None:
    a, b = adapter(seed=1), adapter(seed=2)
    made = blended({"a": a, "b": b}, morph({"a": 0.5, "b": 0.5}).points[0], "linear")
    name = next(name for name, (up, down) in a.low_rank.items() if min(up.shape[0], down.shape[1]) > 16)
    shape = (a.low_rank[name][0].shape[0], a.low_rank[name][1].shape[1])
    wanted = 0.5 * a.delta(name, shape) + 0.5 * b.delta(name, shape)
    left = np.linalg.svd(wanted, compute_uv=False)[4:]
    assert made.low_rank[name][0].shape[1] == 4
    assert np.linalg.norm(made.delta(name, shape) - wanted) == pytest.approx(np.linalg.norm(left), rel=1e-3)
    whole = blended({"a": a, "b": b}, morph({"a": 1.0, "b": 0.0}).points[0], "linear")
    assert all(np.array_equal(whole.delta(n, s), a.delta(n, s)) for n, s in ((name, shape),))


def test_a_morph_of_stock_voices_is_kept_and_speaks_as_its_preview(model_store: ModelStore, tmp_path: Path) -> None:
    registry, library = Registry(), VoiceLibrary(tmp_path)
    blend = morph({"pf_dora": 0.4, "pm_alex": 0.6}, "spherical")
    made = registry.blended("kokoro", blend, model_store, library)
    shape = {"pitch_semitones": 2.0, "speed": 1.25}
    library.add(meta("mistura", base_sha256=made["base_sha256"]), made["tensors"], {}, provenance={"shape": shape})
    synthesizer = Synthesizer(SynthesizerOptions(model_store.root, voices_dir=tmp_path))
    try:
        kept = synthesizer.plan(TEXT, engine="kokoro", language="pt-BR", voice="mistura")
        assert kept.parameters["pitch_semitones"] == 2.0 and kept.parameters["speed"] == 1.25
        asked = synthesizer.plan(TEXT, engine="kokoro", language="pt-BR", blend=blend, parameters=shape)
        sounds = [join(synthesizer.speak(plan)).samples for plan in (kept, asked)]
        assert np.array_equal(*sounds)
        with pytest.raises(SpeechError, match="parameter_out_of_range"):
            synthesizer.plan(TEXT, engine="kokoro", language="pt-BR", voice="mistura", parameters={"speed": 2.0})
    finally:
        synthesizer.close()


def test_a_weight_of_one_speaks_as_the_source_and_a_path_ends_where_it_goes(synthesizer: Synthesizer) -> None:
    def said(blend: Blend) -> Audio:
        return join(synthesizer.speak(synthesizer.plan(TEXT, engine="kokoro", language="pt-BR", blend=blend)))

    alone = join(synthesizer.speak(synthesizer.plan(TEXT, engine="kokoro", language="pt-BR", voice="pf_dora")))
    assert np.array_equal(said(morph({"pf_dora": 1.0, "pm_alex": 0.0})).samples, alone.samples)
    ends = [BlendPoint({name: 1.0}, {name: 1.0}, at) for name, at in (("pf_dora", 0.0), ("pm_alex", 1.0))]
    path = said(Blend(tuple(ends)))
    assert 0.8 < path.duration_s / alone.duration_s < 1.25
    assert np.isfinite(path.samples).all() and rms_db(path.samples) > -40


def test_a_style_takes_the_prosody_half_alone(model_store: ModelStore) -> None:
    tables = {
        name: replace(adapter(blend_of(model_store, {name: 1.0})), low_rank={}, deltas={})
        for name in ("pf_dora", "pm_alex")
    }
    made = blended(tables, style("pf_dora", "pm_alex").points[0], "linear").style
    assert np.array_equal(made[:, :HALF], tables["pf_dora"].style[:, :HALF])
    assert np.array_equal(made[:, HALF:], tables["pm_alex"].style[:, HALF:])


@pytest.mark.parametrize("engine", ["f5tts", "nothing"])
def test_engines_without_vectors_are_refused(synthesizer: Synthesizer, engine: str) -> None:
    with pytest.raises(SpeechError) as refused:
        synthesizer.plan(TEXT, engine=engine, language="pt-BR", blend=morph({"pf_dora": 1.0}))
    assert refused.value.code == ("engine_cannot_blend" if engine == "f5tts" else "unknown_engine")
    assert "kokoro" in refused.value.values["choices"]


def test_an_xtts_morph_keeps_its_recipe_and_mixes_latents(xtts_tiny: Path, tmp_path: Path) -> None:
    import torch

    from speech.engines.xtts.blending import latents_of
    from speech.engines.xtts.checkpoint import Latents

    library = VoiceLibrary(tmp_path)
    engine = Registry().build_engine(
        "xtts", EngineOptions(ModelStore(tmp_path / "m"), "fp32", voices_dir=tmp_path, checkpoint_dir=xtts_tiny)
    )
    first, second = (voice.voice_id for voice in engine.voices()[:2])
    heard = Audio(np.random.default_rng(1).normal(0, 0.1, 4 * 22050).astype(np.float32), 22050)
    library.add(meta("ana", engine="xtts", base_model="xtts-v2", base_sha256=""), {}, {}, [SpokenClip(heard, "")])
    for name, shares in (("um", {first: 1.0, "ana": 0.0}), ("meio", {first: 0.3, second: 0.3, "ana": 0.4})):
        made = Registry().blended("xtts", morph(shares), ModelStore(tmp_path / "m"), library)
        library.add(meta(name, engine="xtts", base_model=made["base_model"], base_sha256=""), made["tensors"], {})
    one, two = (torch.zeros(1, 32, 4), torch.ones(1, 512, 1)), (torch.ones(1, 32, 4), torch.zeros(1, 512, 1))
    known = {first: Latents(*one), second: Latents(*two)}
    made = [latents_of(read_tensors(library.path(name)), known, lambda clips: Latents(*two)) for name in ("um", "meio")]
    assert made[0].gpt.equal(one[0]) and made[0].speaker.equal(one[1])
    assert made[1].gpt.mean().item() == pytest.approx(0.7) and made[1].speaker.mean().item() == pytest.approx(0.3)
    assert engine.voices()[-1].engine == "xtts" and {"um", "meio"} <= {voice.voice_id for voice in engine.voices()}
    with pytest.raises(SpeechError, match="morph_of_blends"):
        Registry().blended("xtts", morph({"meio": 0.5, first: 0.5}), ModelStore(tmp_path / "m"), library)
    with pytest.raises(SpeechError, match="morph_path_not_offered"):
        ends = (BlendPoint({first: 1}, {first: 1}), BlendPoint({second: 1}, {second: 1}, 1.0))
        Registry().check_blend("xtts", Blend(ends))


def tone(hertz: float, duration_s: float = 1.0, rate: int = 24_000) -> Audio:
    """Pulses through a resonance, as a vowel is."""
    times = np.arange(int(duration_s * rate)) / rate
    waves = [np.sin(2 * np.pi * hertz * k * times) / (1 + ((hertz * k - 700) / 200) ** 2) for k in range(1, 20)]
    return Audio((0.3 * np.sum(waves, axis=0)).astype(np.float32), rate)


@pytest.mark.parametrize("semitones", [-7.0, -3.0, 4.0, 7.0])
def test_pitch_moves_by_the_semitones_asked_for_and_timing_stays(semitones: float) -> None:
    from speech.engines.f0.autocorrelation import autocorrelation_f0

    source = tone(150.0)
    made = shift_pitch(source, semitones)
    hertz = autocorrelation_f0(made.samples[::3].astype(np.float64)[:8000], 60, 600)
    measured = 12 * np.log2(np.median(hertz[hertz > 0]) * (8000 / 16000) / 150.0)
    assert len(made.samples) == len(source.samples)
    assert measured == pytest.approx(semitones, abs=0.3)


def test_tone_tilts_the_balance_and_keeps_the_level() -> None:
    noise = Audio(np.random.default_rng(1).normal(0, 0.1, 48_000).astype(np.float32), 24_000)

    def balance_db(audio: Audio) -> float:
        power = np.abs(np.fft.rfft(audio.samples)) ** 2
        hz = np.fft.rfftfreq(len(audio.samples), 1 / 24_000)
        bands = [power[(hz > f / 1.1) & (hz < f * 1.1)].mean() for f in (4000, 250)]
        return float(10 * np.log10(bands[0] / bands[1]))

    for change in (-6.0, 6.0):
        made = tilt(noise, change)
        assert balance_db(made) - balance_db(noise) == pytest.approx(change, abs=0.5)
        assert rms_db(made.samples) == pytest.approx(rms_db(noise.samples), abs=0.2)


def test_silence_has_neither_pitch_nor_tone() -> None:
    quiet = Audio(np.zeros(24_000, np.float32), 24_000)
    assert np.array_equal(shift_pitch(quiet, 5).samples, quiet.samples)
    assert np.array_equal(tilt(quiet, 5).samples, quiet.samples)
