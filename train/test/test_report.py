"""The report: what the judges say is put together right, and what was not measured is None with a reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speech.asr import Transcript
from speech.audio import Audio
from speech.metrics.mos import OpinionScore
from speech.metrics.speaker import Embedding
from speech.models import ModelStore
from train.kokoro.report import (
    FEWEST_FOR_CEILING,
    NOTE,
    SENTENCES,
    HeldOutClip,
    Report,
    ReportJudges,
    Subject,
    load_judges,
    measure,
    sentences_for,
    target,
)
from train.manifest import Finding
from train.progress import NullReporter, Stopped

RATE = 24000
TEXTS = {"pt-BR": ("um dois três quatro", "cinco seis sete oito")}


def voice(strengths: tuple[float, float, float], seconds: float = 2.0) -> Audio:
    """A "speaker": how strong the partials at 200, 400 and 800 Hz are."""
    moments = np.arange(round(seconds * RATE)) / RATE
    partials = [a * np.sin(2 * np.pi * hertz * moments) for a, hertz in zip(strengths, (200, 400, 800), strict=True)]
    return Audio((0.2 * np.sum(partials, axis=0)).astype(np.float32), RATE)


class Partials:
    """Tells those speakers apart by the strength of their partials."""

    name = "partials"

    def embed(self, audio: Audio) -> Embedding:
        spectrum = np.abs(np.fft.rfft(audio.samples)) / len(audio.samples)
        picked = [spectrum[round(hertz * audio.duration_s)] for hertz in (200, 400, 800)]
        row = np.asarray(picked, np.float32)
        return row / np.linalg.norm(row)


class LosesTheLastWord:
    """Hears every word of a text that a loud voice says, and one less of a quiet one."""

    def __init__(self, quiet: Audio) -> None:
        self.quiet = quiet
        self.said = ""

    def transcribe(self, audio: Audio, language: str, *, with_words: bool = False) -> Transcript:
        heard = self.said.rsplit(" ", 1)[0] if audio is self.quiet else self.said
        return Transcript(heard, language.split("-")[0])

    def languages(self, audio: Audio) -> Mapping[str, float]:
        return {"pt": 1.0}


SPEAKER, STOCK, FITTED = voice((1, 0, 0.2)), voice((0, 1, 0.2)), voice((1, 0.5, 0.2))
CLIPS = [HeldOutClip(voice((1, noise, 0.2))) for noise in (0.0, 0.1, 0.2, 0.3)]


def subject(held_out: list[HeldOutClip], recogniser: LosesTheLastWord | None = None, encoder: str = "other") -> Subject:
    def say(audio: Audio, text: str) -> Audio:
        if recogniser:
            recogniser.said = text
        return audio

    return Subject(
        language="pt-BR",
        stock_voice="pf_dora",
        say_stock=lambda text, _: say(STOCK, text),
        say_fitted=lambda text, _: say(FITTED, text),
        held_out=held_out,
        fit_encoders=(encoder,),
        warnings=(Finding("noisy", "warning", {"snr_db": 12.0}),),
    )


def judges(transcriber: LosesTheLastWord | None = None) -> ReportJudges:
    def opinion(audio: Audio) -> OpinionScore:
        return OpinionScore(overall=3.0 if audio is STOCK else 2.5, p808=3.5)

    return ReportJudges((Partials(),), transcriber, opinion)


def measured(held_out: list[HeldOutClip]) -> tuple[Report, dict[str, Audio]]:
    recogniser = LosesTheLastWord(FITTED)
    return measure(subject(held_out, recogniser), judges(recogniser), TEXTS, NullReporter())


def test_every_figure_is_where_it_belongs() -> None:
    report, _ = measured(CLIPS)
    (found,) = report.languages
    likeness = found.similarity["partials"]
    embedded = [Partials().embed(clip.audio) for clip in CLIPS]
    centre = np.mean(embedded, axis=0) / np.linalg.norm(np.mean(embedded, axis=0))
    assert likeness.before == pytest.approx(float(Partials().embed(STOCK) @ centre), abs=1e-6)
    assert likeness.after == pytest.approx(float(Partials().embed(FITTED) @ centre), abs=1e-6)
    assert likeness.before is not None and likeness.after is not None and likeness.ceiling is not None
    assert likeness.before < 0.3 < 0.9 < likeness.after < likeness.ceiling < 1
    way = (likeness.after - likeness.before) / (likeness.ceiling - likeness.before)
    assert likeness.share == pytest.approx(way) and 0.8 < way < 1
    assert (found.word_error_rate.stock, found.word_error_rate.fitted) == (0.0, 0.25)
    assert (found.overall.stock, found.overall.fitted, found.p808.fitted) == (3.0, 2.5, 3.5)
    assert [one.fitted for one in found.misheard] == ["um dois três", "cinco seis sete"]
    assert report.missing == () and report.held_out_clips == 4 and report.held_out_s == 8.0 and report.took_s > 0


class Treble:
    """Tells a sound by how much of it lies below and above 5 kHz."""

    name = "treble"

    def embed(self, audio: Audio) -> Embedding:
        spectrum = np.abs(np.fft.rfft(audio.samples)) / len(audio.samples)
        border = round(5000 * audio.duration_s)
        row = np.array([spectrum[:border].sum(), spectrum[border:].sum()], np.float32)
        return row / np.linalg.norm(row)


def test_a_telephones_recordings_are_compared_as_over_a_telephone() -> None:
    hiss = Audio(
        FITTED.samples + 0.1 * np.sin(2.0 * np.arange(len(FITTED.samples))).astype(np.float32), RATE
    )  # 7.6 kHz

    def likeness(top_hz: float | None) -> tuple[float | None, float | None]:
        known = replace(subject(CLIPS), say_fitted=lambda text, _: hiss, top_hz=top_hz)
        report, _ = measure(known, ReportJudges((Treble(),), None, None), TEXTS, NullReporter())
        return report.languages[0].similarity["treble"].after, report.compared_up_to_hz

    narrow, told = likeness(3825.0)
    assert told == 3825.0 and narrow is not None and narrow > 0.999
    wide, told = likeness(9000.0)
    assert told is None and wide is not None and wide < 0.9
    assert likeness(None) == (wide, None)


def test_ceiling_is_each_clip_against_the_others() -> None:
    axes = [np.array(row, np.float32) for row in ((1, 0), (1, 0), (0, 1))]
    halfway = 1 / np.sqrt(2)
    assert target(axes).ceiling == pytest.approx((halfway + halfway + 0) / 3)


def test_json_has_it_all() -> None:
    mapping = measured(CLIPS)[0].as_mapping()
    assert json.loads(json.dumps(mapping)) == mapping
    assert mapping["languages"][0]["similarity"]["partials"].keys() == {"before", "after", "ceiling", "share"}
    assert mapping["warnings"] == [{"code": "noisy", "severity": "warning", "values": {"snr_db": 12.0}}]
    assert mapping["fit_encoders"] == ["other"] and mapping["stock_voice"] == "pf_dora"


def test_too_few_clips_give_no_ceiling_and_a_reason() -> None:
    report, _ = measured(CLIPS[:2])
    likeness = report.languages[0].similarity["partials"]
    assert likeness.after is not None and likeness.ceiling is None and likeness.share is None
    (reason,) = report.missing
    assert (reason.code, reason.values) == ("too_few_clips", {"clips": 2, "needed": FEWEST_FOR_CEILING})


def test_no_clip_gives_no_likeness_at_all() -> None:
    report, samples = measured([HeldOutClip(voice((1, 0, 0), 0.5), "curto")])
    assert report.held_out_clips == 0 and set(samples) == {"stock", "fitted", "recording"}
    likeness = report.languages[0].similarity["partials"]
    assert (likeness.before, likeness.after, likeness.share) == (None, None, None)


def test_a_stock_voice_as_like_as_the_clips_gives_no_share() -> None:
    report, _ = measured([HeldOutClip(STOCK) for _ in range(3)])
    assert report.languages[0].similarity["partials"].share is None
    assert [(one.measure, one.code) for one in report.missing] == [("similarity.partials.share", "no_gap")]


def test_absent_judges_leave_their_figures_out() -> None:
    report, _ = measure(subject(CLIPS), ReportJudges((), None, None), TEXTS, NullReporter())
    (found,) = report.languages
    assert found.similarity == {} and found.misheard == ()
    assert {found.word_error_rate.stock, found.overall.fitted, found.p808.stock} == {None}


def test_an_empty_store_says_what_to_pull(tmp_path: Path) -> None:
    found = load_judges(ModelStore(tmp_path))
    assert found.speakers == () and found.transcriber is None
    missing = {one.measure: one for one in found.missing}
    assert {"similarity.resnet34", "similarity.eres2net", "word_error_rate"} <= set(missing)
    for one in missing.values():
        assert one.code in ("model_missing", "package_missing") and one.values
        if one.code == "model_missing":
            assert one.values["command"].startswith("papagaio models pull ")


def test_the_fits_own_encoder_may_not_judge() -> None:
    with pytest.raises(ValueError, match="took part in the fit"):
        measure(subject(CLIPS, encoder="partials"), judges(), TEXTS, NullReporter())


def test_samples_say_what_the_recording_says() -> None:
    said: list[tuple[str, str]] = []

    def says(text: str, language: str) -> Audio:
        said.append((text, language))
        return STOCK if len(said) == 1 else FITTED

    spoken = Subject(
        language="pt-BR",
        stock_voice="pf_dora",
        say_stock=says,
        say_fitted=says,
        held_out=[HeldOutClip(SPEAKER), HeldOutClip(CLIPS[1].audio, "bom dia")],
        fit_encoders=(),
    )
    _, samples = measure(spoken, ReportJudges((), None, None), {}, NullReporter())
    assert said == [("bom dia", "pt-BR")] * 2
    assert samples == {"stock": STOCK, "fitted": FITTED, "recording": CLIPS[1].audio}


class StopsAt(NullReporter):
    def __init__(self, step: int) -> None:
        self.step = step
        self.told: list[tuple[int, int, str]] = []

    def progress(self, done: int, total: int, note: str = "") -> None:
        self.told.append((done, total, note))

    def should_stop(self) -> bool:
        return len(self.told) >= self.step


def test_progress_is_told_and_a_stop_is_heard() -> None:
    reporter = StopsAt(100)
    measure(subject(CLIPS), judges(), TEXTS, reporter)
    assert reporter.told == [(done, 4, NOTE) for done in range(5)]
    with pytest.raises(Stopped):
        measure(subject(CLIPS), judges(), TEXTS, StopsAt(2))


def test_sentences_are_spoken_in_the_speakers_own_language_first() -> None:
    assert [(tag, len(texts)) for tag, texts in sentences_for("it", 4).items()] == [
        ("it", 4),
        ("pt-BR", 2),
        ("en-US", 2),
    ]
    assert list(sentences_for("pt-BR", 2)) == ["pt-BR", "en-US"] and list(sentences_for("en-GB", 2)) == [
        "en-GB",
        "pt-BR",
    ]
    assert list(sentences_for("ja", 4)) == ["pt-BR", "en-US"]
    assert all(len(set(texts)) == 4 for texts in SENTENCES.values())
