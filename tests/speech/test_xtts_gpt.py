"""The GPT against coqui-tts' numbers on the same weights, and rows against themselves alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bench.xtts_reference import CASES, UTTERANCES, case_settings  # noqa: E402
from speech.engines.packed_linear import Float32, check_precision, usable_precisions  # noqa: E402
from speech.engines.xtts.checkpoint import Latents, open_checkpoint, read_speakers  # noqa: E402
from speech.engines.xtts.decoding import Decoder, Row, Utterance  # noqa: E402
from speech.engines.xtts.gpt import Gpt, load_gpt  # noqa: E402
from speech.engines.xtts.sampling import SamplingOptions  # noqa: E402
from speech.engines.xtts.weights import OwnMatrices, PackedMatrices  # noqa: E402
from speech.errors import SpeechError  # noqa: E402

GOLDEN = Path(__file__).parent / "golden/xtts"
DECODING = np.load(GOLDEN / "decoding.npz")
GREEDY = SamplingOptions(do_sample=False)


@pytest.fixture(scope="module")
def gpt(xtts_tiny: Path) -> Gpt:
    checkpoint = open_checkpoint(xtts_tiny)
    return load_gpt(checkpoint.config, checkpoint.weights)


@pytest.fixture(scope="module")
def decoder(gpt: Gpt) -> Decoder:
    return Decoder(gpt)


@pytest.fixture(scope="module")
def voices(xtts_tiny: Path) -> dict[str, Latents]:
    networks = np.load(GOLDEN / "networks.npz")
    heard = Latents(*(torch.from_numpy(networks[f"heard.0.{name}"]) for name in ("latents", "speaker")))
    return {**read_speakers(xtts_tiny), "recording": heard}


def of_case(number: int, voices: dict[str, Latents]) -> Utterance:
    settings = case_settings(number)
    utterance, steps = settings.pop("utterance"), settings.pop("steps")
    text_ids = tuple(DECODING[f"text.{utterance}"].tolist())
    return Utterance(text_ids, voices[UTTERANCES[utterance][2]], SamplingOptions(**settings), "one", steps)


def decoded(decoder: Decoder, utterances: Sequence[Utterance]) -> tuple[list[Row], list[torch.Tensor]]:
    """All of them side by side, each until it ends."""
    rows = [decoder.start(utterance) for utterance in utterances]
    states: list[list[torch.Tensor]] = [[] for _ in rows]
    while live := [number for number, row in enumerate(rows) if row.ended_by is None]:
        for number, state in zip(live, decoder.step([rows[number] for number in live])):
            assert not isinstance(state, SpeechError)
            states[number].append(state)
    return rows, [torch.stack(row) for row in states]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_tokens_and_states_are_the_references(number: int, decoder: Decoder, voices: dict[str, Latents]) -> None:
    (row,), (states,) = decoded(decoder, [of_case(number, voices)])
    assert row.tokens == DECODING[f"decoded.{number}.tokens"].tolist()
    if f"decoded.{number}.hidden" in DECODING:
        wanted = torch.from_numpy(DECODING[f"decoded.{number}.hidden"])
        torch.testing.assert_close(states[: len(wanted)], wanted, atol=1e-5, rtol=0)
    assert len(states) == len(row.tokens)


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_rows_of_a_batch_are_what_they_are_alone(precision: str, gpt: Gpt, voices: dict[str, Latents]) -> None:
    try:
        check_precision(precision)
    except SpeechError:
        pytest.skip(f"this processor has no {precision}")
    decoder = Decoder(gpt, precision)
    utterances = [of_case(number, voices) for number in (1, 5, 6, 7, 8, 12)]
    together = decoded(decoder, utterances)
    for number, utterance in enumerate(utterances):
        (row,), (states,) = decoded(decoder, [utterance])
        assert together[0][number].tokens == row.tokens
        torch.testing.assert_close(together[1][number], states, atol=1e-5, rtol=0)


def test_a_row_that_joins_later_changes_nothing(decoder: Decoder, voices: dict[str, Latents]) -> None:
    first, second = (decoder.start(of_case(number, voices)) for number in (5, 6))
    for _ in range(10):
        decoder.step([first])
    while first.ended_by is None:
        decoder.step([second, first])
    assert first.tokens == DECODING["decoded.5.tokens"].tolist()
    assert second.tokens == DECODING["decoded.6.tokens"].tolist()[: len(second.tokens)]


def test_packed_matrices_give_what_the_networks_own_do(gpt: Gpt, voices: dict[str, Latents]) -> None:
    own = Decoder(gpt)
    own.matrices = OwnMatrices(gpt)
    utterance = of_case(0, voices)
    assert decoded(own, [utterance])[0][0].tokens == DECODING["decoded.0.tokens"].tolist()
    with pytest.raises(SpeechError):
        OwnMatrices(gpt, "int8")


def test_closing_waits_for_what_is_being_packed(gpt: Gpt) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def release() -> None:
        begun.set()
        may_end.wait(20)

    matrices = PackedMatrices(gpt, "fp32", release)
    assert begun.wait(20)
    threading.Timer(0.2, may_end.set).start()
    matrices.close()
    assert may_end.is_set()
    assert not [one.name for one in threading.enumerate() if one.name.startswith("xtts-packing")]


def test_the_networks_own_matrices_in_half_the_bits(xtts_tiny: Path, decoder: Decoder, voices: dict) -> None:
    checkpoint = open_checkpoint(xtts_tiny)
    gpt = load_gpt(checkpoint.config, checkpoint.weights)
    own, utterance = Decoder(gpt), of_case(0, voices)
    own.matrices = OwnMatrices(gpt, "bf16")
    exact, near = (one.step([one.start(utterance)])[0] for one in (decoder, own))
    assert 0 < (near - exact).norm() / exact.norm() < 0.02


@pytest.mark.parametrize("precision, worst", [("bf16", 0.02), ("int8", 0.05)])
def test_fewer_bits_stay_near(precision: str, worst: float, gpt: Gpt, decoder: Decoder, voices: dict) -> None:
    try:
        check_precision(precision)
    except SpeechError:
        pytest.skip(f"this processor has no {precision}")
    utterance = of_case(0, voices)
    exact, near = (one.step([one.start(utterance)])[0] for one in (decoder, Decoder(gpt, precision)))
    assert 0 < (near - exact).norm() / exact.norm() < worst


def test_ends_by_the_stop_token_or_tells_that_it_was_cut(xtts_tiny: Path, voices: dict[str, Latents]) -> None:
    checkpoint = open_checkpoint(xtts_tiny)
    gpt = load_gpt(checkpoint.config, checkpoint.weights)
    gpt.mel_head.bias = torch.nn.Parameter(gpt.mel_head.bias.clone())
    with torch.no_grad():
        gpt.mel_head.bias[1025] = 1e4
    ids, voice = tuple(DECODING["text.0"].tolist()), voices["recording"]
    decoder = Decoder(gpt)
    rows, states = decoded(
        decoder,
        [
            Utterance(ids, voice, GREEDY, "one"),
            Utterance(ids, voice, GREEDY, "one", min_tokens=7),
            Utterance(ids, voice, GREEDY, "one", max_tokens=5, min_tokens=5),
        ],
    )
    assert [(row.ended_by, len(row.tokens)) for row in rows] == [("stop", 1), ("stop", 8), ("limit", 5)]
    assert [len(one) for one in states] == [1, 8, 5]  # the state that chose the stop is the vocoder's too


def test_never_goes_beyond_the_networks_limit(gpt: Gpt, decoder: Decoder, voices: dict[str, Latents]) -> None:
    row = decoder.start(Utterance((5, 6), voices["recording"], GREEDY, "one", min_tokens=gpt.max_new_tokens))
    while row.ended_by is None:
        decoder.step([row])
    assert (row.ended_by, len(row.tokens)) == ("limit", 602)


def test_what_cannot_be_said_is_refused(gpt: Gpt, decoder: Decoder, voices: dict[str, Latents]) -> None:
    voice = voices["recording"]
    refused = {
        "xtts_text_tokens": [(), (5,) * 402, (5, gpt.config.text_tokens), (-1,)],
        "xtts_latents": [(5,)],
        "xtts_max_tokens": [(5,)],
    }
    for code, texts in refused.items():
        for text_ids in texts:
            latents = Latents(voice.gpt * torch.nan, voice.speaker) if code == "xtts_latents" else voice
            least = 603 if code == "xtts_max_tokens" else 0
            with pytest.raises(SpeechError) as caught:
                decoder.start(Utterance(text_ids, latents, GREEDY, "one", min_tokens=least))
            assert caught.value.code == code


def test_only_a_row_whose_numbers_are_none_fails(decoder: Decoder, voices: dict[str, Latents]) -> None:
    bad, good = decoder.start(of_case(5, voices)), decoder.start(of_case(6, voices))
    assert bad.prompt is not None
    bad.prompt = bad.prompt * torch.inf
    failed, state = decoder.step([bad, good])
    assert isinstance(failed, SpeechError) and failed.code == "xtts_not_finite"
    assert torch.isfinite(state).all()
    decoder.step([good])
    assert good.tokens == DECODING["decoded.6.tokens"].tolist()[:2]


def test_a_voice_is_heard_once(gpt: Gpt, voices: dict[str, Latents]) -> None:
    decoder = Decoder(gpt)
    voice = voices["recording"]
    same = Latents(voice.gpt.clone(), voice.speaker)
    assert decoder._voice(voice) is decoder._voice(same)
    for number in range(9):
        decoder._voice(Latents(voice.gpt + number + 1, voice.speaker))
    assert len(decoder._voices) == 8


def test_an_unknown_precision_is_refused(gpt: Gpt) -> None:
    with pytest.raises(SpeechError) as caught:
        Decoder(gpt, "int2")
    assert caught.value.code == "xtts_precision" and "fp32" in caught.value.values["choices"]


def test_auto_takes_a_usable_precision_near_float32_and_says_which(gpt: Gpt, voices: dict[str, Latents]) -> None:
    decoder = Decoder(gpt, "auto")
    assert decoder.precision in usable_precisions() and decoder.precision != "int8"
    utterance = of_case(0, voices)
    chosen, same = (one.step([one.start(utterance)])[0] for one in (decoder, Decoder(gpt, decoder.precision)))
    assert torch.equal(chosen, same)


def test_of_two_precisions_the_faster_is_taken(gpt: Gpt, monkeypatch: pytest.MonkeyPatch) -> None:
    from speech.engines.xtts import weights

    class Slow(Float32):
        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            for _ in range(20):
                super().__call__(x)
            return super().__call__(x)

    block = gpt.gpt.h[0]
    monkeypatch.setitem(weights.KINDS, "fp32", Slow)
    monkeypatch.setitem(weights.KINDS, "bf16", Float32)
    assert weights._fastest(block, ["fp32", "bf16", "int8"]) == "bf16"
    monkeypatch.setitem(weights.KINDS, "fp32", Float32)
    monkeypatch.setitem(weights.KINDS, "bf16", Slow)
    assert weights._fastest(block, ["fp32", "bf16", "int8"]) == "fp32"
