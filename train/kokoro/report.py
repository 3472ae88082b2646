"""How well a fitted voice turned out, by judges that took no part in the fit.

One measure is an exception: P808 also chose the adapters' scale. It is reported as what it is, and `overall`, which
chose nothing, beside it.

Held-out recordings say how near the voice could come (the ceiling: how alike they are among themselves) and how near
it came; the stock voice that the fit started from says how near it was before. What cannot be measured is None, and
`missing` says why.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from speech.analysis.bandwidth import is_narrow
from speech.asr import Transcriber
from speech.audio import Audio, resample
from speech.errors import SpeechError
from speech.metrics.wer import word_error_rate, words
from speech.models import ModelStore
from speech.text.normalize import normalize
from train.manifest import Finding
from train.progress import Reporter, Stopped

if TYPE_CHECKING:
    from speech.metrics.mos import OpinionScore
    from speech.metrics.speaker import Embedding, SpeakerJudge

Say = Callable[[str, str], Audio]  # text and language to sound

FEWEST_FOR_CEILING = 3  # held-out clips; fewer say too little of how alike they are
SHORTEST_CLIP_S = 1.0  # that is judged
SMALLEST_GAP = 0.05  # between ceiling and stock voice, for a share of it to mean anything
NOTE = "clone.step.report"
EVERYBODYS = ("pt-BR", "en-US")  # spoken in every report, beside the speaker's own language

# The same for every voice, so that reports can be compared.
SENTENCES: Mapping[str, tuple[str, ...]] = {
    "pt": (
        "A biblioteca do bairro abre cedo e fecha só depois do jantar.",
        "Ninguém esperava que a viagem de barco demorasse tanto.",
        "Deixe as chaves na mesa e feche a porta quando sair.",
        "O cheiro de pão quente chegava até a esquina da rua.",
    ),
    "en": (
        "The library on the corner opens early and closes after dinner.",
        "Nobody expected the boat trip to take such a long time.",
        "Leave the keys on the table and close the door when you go.",
        "The smell of warm bread could be noticed down the whole street.",
    ),
    "es": (
        "La biblioteca del barrio abre temprano y cierra después de la cena.",
        "Nadie esperaba que el viaje en barco durara tanto tiempo.",
        "Deja las llaves en la mesa y cierra la puerta cuando salgas.",
        "El olor a pan caliente llegaba hasta la esquina de la calle.",
    ),
    "fr": (
        "La bibliothèque du quartier ouvre tôt et ferme après le dîner.",
        "Personne ne pensait que le voyage en bateau serait si long.",
        "Laisse les clés sur la table et ferme la porte en partant.",
        "L'odeur du pain chaud arrivait jusqu'au coin de la rue.",
    ),
    "it": (
        "La biblioteca del quartiere apre presto e chiude dopo cena.",
        "Nessuno pensava che il viaggio in barca durasse così tanto.",
        "Lascia le chiavi sul tavolo e chiudi la porta quando esci.",
        "Il profumo del pane caldo arrivava fino all'angolo della strada.",
    ),
    "hi": (
        "मोहल्ले का पुस्तकालय सुबह जल्दी खुलता है।",
        "किसी ने नहीं सोचा था कि नाव की यात्रा इतनी लंबी होगी।",
        "चाबियाँ मेज़ पर रख दो और जाते समय दरवाज़ा बंद कर देना।",
        "गरम रोटी की खुशबू गली के मोड़ तक आ रही थी।",
    ),
}


@dataclass(frozen=True)
class HeldOutClip:
    """A clip of the speaker that no fit has seen; `text` is "" where it is not known."""

    audio: Audio
    text: str = ""


@dataclass(frozen=True)
class Missing:
    """Why a measure is None: `report.missing.CODE` of the text catalogue, or an error's code with its values."""

    measure: str
    code: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class ReportJudges:
    """Who measures. `missing` has those that this machine does not have."""

    speakers: tuple[SpeakerJudge, ...]
    transcriber: Transcriber | None
    opinion: Callable[[Audio], OpinionScore] | None
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What is measured: the fitted voice, the stock voice it started from, and the speaker."""

    language: str  # BCP 47, the speaker's own
    stock_voice: str
    say_stock: Say
    say_fitted: Say
    held_out: Sequence[HeldOutClip]
    fit_encoders: Sequence[str]  # names of the encoders in the fit's loss
    warnings: Sequence[Finding] = ()  # of the recordings
    top_hz: float | None = None  # that the recordings reach; None: all that the judges hear


@dataclass(frozen=True)
class Likeness:
    """Mean cosines to the mean of the held-out clips; `share` of the way from `before` to `ceiling` that was made."""

    before: float | None
    after: float | None
    ceiling: float | None
    share: float | None

    @classmethod
    def between(cls, before: float, after: float | None, ceiling: float | None) -> Likeness:
        """Without a share where `before` and the ceiling are too near for one to mean anything."""
        share = None
        if after is not None and ceiling is not None and ceiling - before >= SMALLEST_GAP:
            share = (after - before) / (ceiling - before)
        return cls(before, after, ceiling, share)


@dataclass(frozen=True)
class Contrast:
    stock: float | None
    fitted: float | None


@dataclass(frozen=True)
class Misheard:
    text: str
    stock: str
    fitted: str


@dataclass(frozen=True)
class LanguageReport:
    language: str
    sentences: int
    similarity: Mapping[str, Likeness]  # by judge
    word_error_rate: Contrast  # 0 to 1
    overall: Contrast  # DNSMOS, 1 to 5
    p808: Contrast
    misheard: tuple[Misheard, ...]  # sentences of which the fitted voice lost a word


@dataclass(frozen=True)
class Report:
    stock_voice: str
    language: str
    fit_encoders: tuple[str, ...]
    held_out_clips: int
    held_out_s: float
    compared_up_to_hz: float | None  # likeness, when the recordings reach less far than the judges hear
    languages: tuple[LanguageReport, ...]
    missing: tuple[Missing, ...]
    warnings: tuple[Finding, ...]
    took_s: float

    def as_mapping(self) -> dict[str, Any]:
        """Nothing but what JSON has."""
        mapping: dict[str, Any] = json.loads(json.dumps(asdict(self), allow_nan=False))
        return mapping


@dataclass(frozen=True)
class Heard:
    """One sentence of one voice before the judges."""

    text: str
    heard: str | None
    score: OpinionScore | None
    embeddings: Mapping[str, Embedding]  # by judge


@dataclass(frozen=True)
class Target:
    """The speaker as one judge hears them: the mean of the clips, and how near they are to each other."""

    centre: Embedding | None
    ceiling: float | None

    def likeness(self, stock: Sequence[Embedding], fitted: Sequence[Embedding]) -> Likeness:
        if self.centre is None or not stock or not fitted:
            return Likeness(None, None, self.ceiling, None)
        before, after = (sum(float(each @ self.centre) for each in ones) / len(ones) for ones in (stock, fitted))
        return Likeness.between(before, after, self.ceiling)


def target(embeddings: Sequence[Embedding]) -> Target:
    """The ceiling is the mean cosine of each clip to the mean of the others."""
    import numpy as np

    def unit(ones: Sequence[Embedding]) -> Embedding:
        mean: Embedding = np.mean(ones, axis=0)
        return mean / np.linalg.norm(mean)

    if not embeddings:
        return Target(None, None)
    others = [[*embeddings[:i], *embeddings[i + 1 :]] for i in range(len(embeddings))]
    has_ceiling = len(embeddings) >= FEWEST_FOR_CEILING
    near = [float(one @ unit(rest)) for one, rest in zip(embeddings, others, strict=True)] if has_ceiling else []
    return Target(unit(embeddings), float(np.mean(near)) if near else None)


def sentences_for(language: str, count: int) -> dict[str, tuple[str, ...]]:
    """Language tag to texts: `count` in the speaker's own, half as many in those of `EVERYBODYS` that are not it."""
    primary = language.split("-")[0]
    own = {language: SENTENCES[primary][:count]} if primary in SENTENCES else {}
    others = [tag for tag in EVERYBODYS if tag.split("-")[0] != primary]
    return own | {tag: SENTENCES[tag.split("-")[0]][: max(1, count // 2)] for tag in others}


def load_judges(store: ModelStore, threads: int = 2) -> ReportJudges:
    """Every judge whose model and packages are here, loaded."""
    from speech.asr import WhisperTranscriber
    from speech.metrics.eres2net import ERes2Net
    from speech.metrics.mos import opinion_score
    from speech.metrics.speaker import SpeakerEncoder

    missing: list[Missing] = []

    def made(measure: str, model: str, packages: Sequence[str], make: Callable[[Any], Any]) -> Any:
        absent = [package for package in packages if find_spec(package) is None]
        if absent:
            missing.append(Missing(measure, "package_missing", {"packages": absent}))
            return None
        try:
            return make(store.path(model)) if model else make(None)
        except SpeechError as error:
            missing.append(Missing(measure, error.code, dict(error.values)))
            return None

    filterbank = "kaldi_native_fbank"
    speakers = (
        made(
            "similarity.resnet34",
            "speaker-resnet34",
            (filterbank,),
            lambda folder: SpeakerEncoder(folder / "speaker-resnet34.onnx"),
        ),
        made(
            "similarity.eres2net",
            "speaker-eres2net",
            (filterbank, "torch"),
            lambda folder: ERes2Net(folder / "pretrained_eres2net.ckpt"),
        ),
    )
    transcriber = made(
        "word_error_rate", "whisper-base", ("faster_whisper",), lambda folder: WhisperTranscriber(folder, threads)
    )
    opinion = made("opinion", "", ("speechmos",), lambda _: opinion_score)
    return ReportJudges(tuple(one for one in speakers if one is not None), transcriber, opinion, tuple(missing))


def below(audio: Audio, top_hz: float | None) -> Audio:
    """The same without what is above `top_hz`: a telephone's recording can only be compared as over a telephone."""
    return audio if top_hz is None else resample(audio, round(2 * top_hz))


def compared_up_to(top_hz: float | None) -> float | None:
    """`top_hz` of a telephone's recordings, else None: all that the judges of likeness hear."""
    return top_hz if top_hz is not None and is_narrow(top_hz) else None


def listen(judges: ReportJudges, audio: Audio, text: str, language: str, top_hz: float | None = None) -> Heard:
    """What the judges say of `audio`, which should say `text`; likeness is judged `below` `top_hz`.

    The recogniser writes digits where it likes ("25"), so what it heard is written out as our texts are.
    """
    heard = None
    if judges.transcriber:
        heard = normalize(judges.transcriber.transcribe(audio, language).text, language)
    score = judges.opinion(audio) if judges.opinion else None
    compared = below(audio, top_hz)
    return Heard(text, heard, score, {judge.name: judge.embed(compared) for judge in judges.speakers})


def measure(
    subject: Subject, judges: ReportJudges, sentences: Mapping[str, Sequence[str]], reporter: Reporter
) -> tuple[Report, dict[str, Audio]]:
    """The report, and sounds for a page by plain file name: `stock`, `fitted` and `recording` say the same text.

    About 4 s for each sentence on two cores (both voices). Raises ValueError when a judge took part in the fit,
    Stopped when the reporter says so, and what speaking raises.
    """
    partial = sorted({judge.name for judge in judges.speakers} & set(subject.fit_encoders))
    if partial:
        raise ValueError(f"{', '.join(partial)} took part in the fit and cannot judge it")
    started = time.monotonic()
    clips = [clip.audio for clip in subject.held_out if clip.audio.duration_s >= SHORTEST_CLIP_S]
    top_hz = compared_up_to(subject.top_hz)
    targets = {judge.name: target([judge.embed(below(clip, top_hz)) for clip in clips]) for judge in judges.speakers}
    total = 2 * sum(len(texts) for texts in sentences.values())
    steps = _steps(total, reporter)
    languages = []
    for language, texts in sentences.items():
        sides = [
            [listen(judges, say(text, language), text, language, top_hz) for text in texts if next(steps)]
            for say in (subject.say_stock, subject.say_fitted)
        ]
        languages.append(summary(language, targets, *sides))
    samples = _samples(subject, next(iter(sentences.values()))[0] if sentences else "")
    report = Report(
        stock_voice=subject.stock_voice,
        language=subject.language,
        fit_encoders=tuple(subject.fit_encoders),
        held_out_clips=len(clips),
        held_out_s=sum(clip.duration_s for clip in clips),
        compared_up_to_hz=top_hz,
        languages=tuple(languages),
        missing=(*judges.missing, *_unmeasured(len(clips), languages)),
        warnings=tuple(subject.warnings),
        took_s=0.0,
    )
    reporter.progress(total, total, NOTE)
    return replace(report, took_s=time.monotonic() - started), samples


def _steps(total: int, reporter: Reporter) -> Iterator[bool]:
    """One `True` a sentence, told to the reporter."""
    for done in range(total):
        if reporter.should_stop():
            raise Stopped
        reporter.progress(done, total, NOTE)
        yield True


def summary(
    language: str, targets: Mapping[str, Target], stock: Sequence[Heard], fitted: Sequence[Heard]
) -> LanguageReport:
    """What the judges said of both voices, put together."""
    pairs = list(zip(stock, fitted, strict=True))
    return LanguageReport(
        language=language,
        sentences=len(fitted),
        similarity={
            name: one.likeness([each.embeddings[name] for each in stock], [each.embeddings[name] for each in fitted])
            for name, one in targets.items()
        },
        word_error_rate=Contrast(error_rate(stock), error_rate(fitted)),
        overall=Contrast(_mean(stock, "overall"), _mean(fitted, "overall")),
        p808=Contrast(_mean(stock, "p808"), _mean(fitted, "p808")),
        misheard=tuple(
            Misheard(new.text, old.heard or "", new.heard)
            for old, new in pairs
            if new.heard is not None and words(new.heard) != words(new.text)
        ),
    )


def error_rate(ones: Sequence[Heard]) -> float | None:
    """Word error rate over all sentences together; None when nobody listened."""
    heard = [one.heard for one in ones if one.heard is not None]
    return word_error_rate([one.text for one in ones], heard) if ones and len(heard) == len(ones) else None


def _mean(ones: Sequence[Heard], name: str) -> float | None:
    scores = [float(getattr(one.score, name)) for one in ones if one.score is not None]
    return sum(scores) / len(scores) if scores else None


def _unmeasured(clips: int, languages: Sequence[LanguageReport]) -> Iterator[Missing]:
    if clips < FEWEST_FOR_CEILING:
        yield Missing("similarity.ceiling", "too_few_clips", {"clips": clips, "needed": FEWEST_FOR_CEILING})
        return
    for each in languages:
        for name, likeness in each.similarity.items():
            if likeness.share is None:
                yield Missing(f"similarity.{name}.share", "no_gap", {"language": each.language})


def _samples(subject: Subject, text: str) -> dict[str, Audio]:
    """The first recording whose words are known, and both voices saying the same; else both saying `text`."""
    known = next((clip for clip in subject.held_out if clip.text.strip()), None)
    recording = {"recording": known.audio} if known else {}
    said = known.text if known else text
    if not said:
        return recording
    language = subject.language
    return {"stock": subject.say_stock(said, language), "fitted": subject.say_fitted(said, language), **recording}
