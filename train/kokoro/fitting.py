"""The fit of a Kokoro voice from beginning to end, in parts that a stopped one goes on from."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from speech.analysis.bandwidth import is_narrow, usable_bandwidth_hz
from speech.audio import Audio, join
from speech.engines.kokoro import alignment
from speech.engines.kokoro.adapter import Adapter
from speech.engines.kokoro.network import STYLE, Kokoro
from speech.engines.kokoro.runtime import load_voice
from speech.engines.kokoro.weights import load_network
from speech.errors import SpeechError
from speech.metrics.ecapa import Ecapa
from speech.metrics.resemblyzer import Resemblyzer
from speech.models import ModelStore
from speech.resampling import CUTOFF_HZ
from train.checkpoints import load_checkpoint, save_checkpoint
from train.curve import Curve
from train.dataset_clips import evenly
from train.held_out import held_out
from train.kokoro import checkpoints, corpus
from train.kokoro.adapter_scale import WHOLE, Opinion, select_scale
from train.kokoro.corpus import Line, Utterance
from train.kokoro.initial_voice import InitialVoice, centre, start
from train.kokoro.preview import Stage, exported
from train.kokoro.prosody import fit_prosody
from train.kokoro.trainable import KokoroFit, KokoroOptions, Material, SpeakerLoss
from train.loop import fit
from train.loop_options import LoopOptions
from train.manifest import Clip
from train.progress import Part, Reporter, Stopped

if TYPE_CHECKING:
    from collections.abc import Callable

SENTENCES = Path(__file__).parents[1] / "data" / "sentences.json"
SPOKEN_LANGUAGES = ("en-US", "pt-BR")  # said by every fit, beside the speaker's own
HELD_OUT_SHARE, MOST_HELD_OUT = 0.12, 5
RESEMBLYZER, ECAPA = 0.25, 0.3  # weights of 1 - cosine by the encoders that lead
SHARES = (0.06, 0.1)  # of the time of the default effort when all is laid, and when the prosody is fitted
LISTENING = 0.93  # of it, when the strength is chosen
JUDGING = 0.8  # of it, when checkpoints are heard, where there are any
HEARD = 100  # recordings, at most and from all over them, by which the speaker and their pitch are known
RENDERED = 4  # lines by which levels are compared
CORPUS, CHECKPOINT, LAID = "corpus.pt", "checkpoint.pt", "laid"


@dataclass(frozen=True)
class Fitted:
    """A voice, and how it came to be."""

    adapter: Adapter
    held_out: frozenset[str]  # clip ids
    start_voice: str
    start_shares: tuple[tuple[str, float], ...]
    encoders: tuple[str, ...]  # that led the fit
    figures: Mapping[str, float]  # of the held-out clips, and what this call took
    checkpoints: Mapping[str, Any] | None = None  # of `train.kokoro.checkpoints.choose`; None where none were kept


def fit_voice(
    sounds: Sequence[tuple[Clip, Audio]],
    language: str,
    steps: int,
    store: ModelStore,
    work_dir: Path,
    reporter: Reporter,
    options: KokoroOptions = KokoroOptions(),
    opinion: Opinion | None = None,
    judges: checkpoints.Load | None = None,
) -> Fitted:
    """Fit to clips at 24 kHz, on the CPU; without an `opinion` of its sound the adapters are taken as they are.

    With `judges` checkpoints are kept on the way, and the one of which they hear the best becomes the voice; `work_dir`
    then also has the `Curve`. Raises SpeechError `too_few_clips`, `model_missing`; Stopped.
    """
    began = time.monotonic()
    torch.manual_seed(options.seed)
    model = store.path("kokoro-fp32") / "kokoro-fp32.onnx"
    network = load_network(model)
    recordings = evenly([audio for _, audio in sounds], HEARD)
    top_hz = usable_bandwidth_hz(clip.measures for clip, _ in sounds)
    voices = store.path("kokoro-voices") / "voices"
    begin = start(centre(Resemblyzer(_resemblyzer(store)), recordings), voices)
    prepared = _prepared(network, sounds, language, begin, voices, options.texts, top_hz, work_dir / CORPUS, reporter)
    material = _material(prepared, begin, top_hz, leaders(store, recordings, top_hz))
    trainable = KokoroFit(network, material, options)
    trainable.prosody = prepared.prosody
    stage, found = Stage.of(store), None
    if judges is None:
        figures = _learned(trainable, steps, work_dir, Part(reporter, SHARES[1], LISTENING))
    else:
        spoken = _spoken(sounds, prepared)
        figures, found = _judged(trainable, steps, work_dir, stage, spoken, language, judges, reporter)
    scale = WHOLE
    if opinion:
        nearest = torch.from_numpy(load_voice(voices / f"{begin.nearest}.bin"))
        lines = _lines(network, "listening", language, options.listening_texts, options.listening_texts // 2)
        scale = select_scale(trainable, nearest, stage, lines, opinion, Part(reporter, LISTENING, 1.0)).scale
    return Fitted(
        adapter=exported(trainable, stage.places),
        held_out=frozenset(prepared.held_out_ids),
        start_voice=begin.nearest,
        start_shares=begin.shares,
        encoders=tuple(leader.encoder.name for leader in material.leaders),
        figures={
            **figures,
            "adapters_share": scale.adapters,
            "prosody_share": scale.prosody,
            "top_hz": top_hz,
            "took_s": time.monotonic() - began,
        },
        checkpoints=found,
    )


def _material(prepared: _Prepared, begin: InitialVoice, top_hz: float, leading: Sequence[SpeakerLoss]) -> Material:
    return Material(
        train=prepared.train,
        held_out=prepared.held_out,
        texts=prepared.texts,
        start=torch.from_numpy(begin.style),
        deviation=torch.from_numpy(begin.deviation),
        top_hz=top_hz,
        leaders=leading,
    )


def _learned(made: KokoroFit, steps: int, work_dir: Path, reporter: Reporter) -> Mapping[str, float]:
    options = _loop(made, steps)
    return fit(made, options, work_dir / CHECKPOINT, reporter, _samples(made, steps, reporter))


def _loop(made: KokoroFit, steps: int) -> LoopOptions:
    return LoopOptions(steps, validate_every=made.options.validate_every, seed=made.options.seed)


def _judged(
    made: KokoroFit,
    steps: int,
    work_dir: Path,
    stage: Stage,
    spoken: Sequence[checkpoints.Spoken],
    language: str,
    judges: checkpoints.Load,
    reporter: Reporter,
) -> tuple[Mapping[str, float], Mapping[str, Any]]:
    """The loop with its curve and checkpoints in `work_dir`, and the weights of the best one put in place."""
    options, path = _loop(made, steps), work_dir / CHECKPOINT
    saved = load_checkpoint(path)
    curve = Curve(work_dir, Part(reporter, SHARES[1], JUDGING), saved["step"] if saved else 0)
    kept = checkpoints.snapshots(made, steps, options.validate_every, work_dir)
    figures = fit(made, options, path, curve, _samples(made, steps, reporter), kept)
    judging = Part(reporter, JUDGING, LISTENING)
    told = checkpoints.choose(made, work_dir, stage, spoken, language, judges, judging)
    return {**figures, **made.validate()}, told


def _spoken(sounds: Sequence[tuple[Clip, Audio]], prepared: _Prepared) -> list[checkpoints.Spoken]:
    by_id = {clip.clip_id: (clip.text, audio) for clip, audio in sounds}
    held_out = zip(prepared.held_out_ids, prepared.held_out, strict=True)
    found = [(*by_id[clip_id], one.line) for clip_id, one in held_out]
    return [checkpoints.Spoken(text, line, audio) for text, audio, line in found]


def leaders(store: ModelStore, recordings: Sequence[Audio], top_hz: float) -> list[SpeakerLoss]:
    """Of a telephone's recordings they hear nothing above `top_hz`, or they would ask for a voice as dull."""
    cutoff_hz = top_hz if is_narrow(top_hz) else CUTOFF_HZ
    encoders = (
        (Resemblyzer(_resemblyzer(store), cutoff_hz=cutoff_hz), RESEMBLYZER),
        (Ecapa(store.path("speaker-ecapa") / "embedding_model.ckpt", cutoff_hz=cutoff_hz), ECAPA),
    )
    return [SpeakerLoss(one, torch.from_numpy(centre(one, recordings)), weight) for one, weight in encoders]


def _resemblyzer(store: ModelStore) -> Path:
    return store.path("speaker-resemblyzer") / "pretrained.pt"


@dataclass
class _Prepared:
    train: list[Utterance]
    held_out: list[Utterance]
    held_out_ids: list[str]
    texts: list[Utterance]
    prosody: Tensor


def _prepared(
    network: Kokoro,
    sounds: Sequence[tuple[Clip, Audio]],
    language: str,
    begin: InitialVoice,
    voices: Path,
    texts: int,
    top_hz: float,
    path: Path,
    reporter: Reporter,
) -> _Prepared:
    """What is the same at every attempt: clips laid over their texts, prosody, renderings; kept in `path`."""
    lines = [(clip, audio, corpus.line(network, clip.text, language)) for clip, audio in sounds]
    known = [(clip, audio, line) for clip, audio, line in lines if line is not None]
    if len(known) < 2:
        raise SpeechError("too_few_clips", count=len(known), wanted=2)
    said = _lines(network, "spoken", language, texts, texts)
    saved = load_checkpoint(path)
    if saved is None:
        aligning, melody = Part(reporter, 0.0, SHARES[0]), Part(reporter, *SHARES)
        heard = evenly([audio for _, audio, _ in known], HEARD)
        guide = alignment.guide_voice(alignment.pitch(join(heard)))
        guided = torch.from_numpy(load_voice(voices / f"{guide}.bin"))
        one_by_one = path.parent / LAID
        laid = _laid(network, [(audio, line) for _, audio, line in known], guided, top_hz, one_by_one, aligning)
        table, deviation = torch.from_numpy(begin.style), torch.from_numpy(begin.deviation)
        prosody = fit_prosody(network, laid, table, deviation[STYLE:], melody)
        style = styled(table, torch.cat([torch.zeros(STYLE), prosody]))
        spoken = [corpus.render(network, line, style) for line in said]
        kept = {name: [corpus.packed(one) for one in ones] for name, ones in (("clips", laid), ("texts", spoken))}
        saved = {**kept, "prosody": prosody}
        save_checkpoint(path, saved)
        shutil.rmtree(one_by_one, ignore_errors=True)
    ids = [clip.clip_id for clip in held_out([clip for clip, _, _ in known], HELD_OUT_SHARE, MOST_HELD_OUT)]
    ones = [(clip, corpus.unpacked(one, line)) for one, (clip, _, line) in zip(saved["clips"], known, strict=True)]
    if len(ids) == len(known):
        raise SpeechError("too_few_clips", count=0, wanted=1)
    return _Prepared(
        train=[one for clip, one in ones if clip.clip_id not in ids],
        held_out=[one for clip, one in ones if clip.clip_id in ids],
        held_out_ids=ids,
        texts=[corpus.unpacked(one, line) for one, line in zip(saved["texts"], said, strict=True)],
        prosody=saved["prosody"],
    )


def _laid(
    network: Kokoro,
    known: Sequence[tuple[Audio, Line]],
    guide: Tensor,
    top_hz: float,
    folder: Path,
    reporter: Reporter,
) -> list[Utterance]:
    """Every clip at the network's level, its text laid over it by way of the `guide` voice (510, 256); what was laid is
    in `folder` and is not laid again."""
    style = styled(guide, torch.zeros(2 * STYLE))
    rendered = [corpus.render(network, line, style) for _, line in known[:RENDERED]]
    spoken = [(one.samples.numpy(), one.energy.numpy()) for one in rendered]
    offset = alignment.energy_offset(spoken)
    gain = np.float32(alignment.gain_of([samples for samples, _ in spoken], [audio.samples for audio, _ in known]))
    laid = []
    for done, (audio, line) in enumerate(known, 1):
        if reporter.should_stop():
            raise Stopped
        reporter.progress(done, len(known), "clone.stage.aligning")
        kept = folder / f"{done:06}.pt"
        if (packed := load_checkpoint(kept)) is not None:
            laid.append(corpus.unpacked(packed, line))
            continue
        level = Audio(audio.samples * gain, audio.sample_rate)
        laid.append(corpus.recorded(network, line, level, offset, style, top_hz))
        folder.mkdir(exist_ok=True)
        save_checkpoint(kept, corpus.packed(laid[-1]))
    return laid


def _lines(network: Kokoro, use: str, language: str, own: int, others: int) -> list[Line]:
    """Sentences for spoken steps, or for listening after them: `own` at most in the speaker's language, which come
    first, and `others` in each more of `SPOKEN_LANGUAGES`."""
    sentences = json.loads(SENTENCES.read_text(encoding="utf-8"))[use]
    counts = {language: own} | {tag: others for tag in SPOKEN_LANGUAGES if tag != language}
    lines = [corpus.line(network, text, tag) for tag, n in counts.items() for text in sentences.get(tag, ())[:n]]
    return [line for line in lines if line is not None]


def styled(table: Tensor, offset: Tensor) -> Callable[[int], Tensor]:
    """Number of phonemes to that row of a style table (510, 256), with `offset` (256,) added: (1, 256)."""
    return lambda phonemes: table[phonemes - 1][None] + offset


def _samples(made: KokoroFit, steps: int, reporter: Reporter) -> Callable[[int], None]:
    """Lets people hear the voice at each quarter of the steps."""
    told: set[int] = set()

    @torch.no_grad()
    def tell(step: int) -> None:
        quarter = 4 * step // steps
        if quarter and quarter not in told:
            told.add(quarter)
            line = (made.material.texts or made.material.train)[0].line
            sound = corpus.render(made.network, line, made.style).samples.numpy()
            reporter.sample(f"quarter_{quarter}", Audio(sound, 24000))

    return tell
