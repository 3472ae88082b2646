"""The fit of a Kokoro voice from beginning to end, in parts that a stopped one goes on from."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from speech.audio import Audio
from speech.engines.kokoro.adapter import Adapter
from speech.engines.kokoro.network import STYLE, Kokoro
from speech.engines.kokoro.onnx_file import OnnxFile
from speech.engines.kokoro.weights import load_network, places
from speech.errors import SpeechError
from speech.metrics.resemblyzer import Resemblyzer
from speech.models import ModelStore
from train import corpus
from train.checkpoints import load_checkpoint, save_checkpoint
from train.corpus import Utterance
from train.kokoro import KokoroFit, KokoroOptions, Material
from train.loop import LoopOptions, fit
from train.manifest import Clip
from train.progress import Reporter, Stopped
from train.prosody import fit_prosody
from train.start import Start, centre, start

if TYPE_CHECKING:
    from collections.abc import Callable

SENTENCES = Path(__file__).with_name("data") / "sentences.json"
SPOKEN_LANGUAGES = ("en-US", "pt-BR")  # said by every fit, beside the speaker's own
TEXTS = 6  # of each language
HELD_OUT_SHARE, MOST_HELD_OUT = 0.12, 5
RENDERED = 4  # lines by which levels are compared
NYQUIST_HZ, LEAST_BANDWIDTH_HZ = 11000.0, 3000.0
CORPUS, CHECKPOINT = "corpus.pt", "checkpoint.pt"


@dataclass(frozen=True)
class Fitted:
    """A voice, and how it came to be."""

    adapter: Adapter
    held_out: frozenset[str]  # clip ids
    start_voice: str
    start_shares: tuple[tuple[str, float], ...]
    encoder: str  # that led the fit
    figures: Mapping[str, float]  # of the held-out clips, and what it took


def fit_voice(
    sounds: Sequence[tuple[Clip, Audio]],
    language: str,
    steps: int,
    store: ModelStore,
    work_dir: Path,
    reporter: Reporter,
    options: KokoroOptions = KokoroOptions(),
) -> Fitted:
    """Fit to clips at 24 kHz. Raises SpeechError `too_little_speech`, Stopped."""
    began = time.monotonic()
    torch.manual_seed(options.seed)
    model = store.path("kokoro-fp32") / "kokoro-fp32.onnx"
    network = load_network(model)
    encoder = Resemblyzer(store.path("speaker-resemblyzer") / "pretrained.pt")
    speaker = centre(encoder, [audio for _, audio in sounds])
    begin = start(speaker, store.path("kokoro-voices") / "voices")
    prepared = _prepared(network, sounds, language, begin, work_dir / CORPUS, reporter)
    material = Material(
        train=prepared.train,
        held_out=prepared.held_out,
        texts=_texts(network, language, begin, prepared.prosody),
        start=torch.from_numpy(begin.style),
        deviation=torch.from_numpy(begin.deviation),
        top_hz=prepared.top_hz,
        speaker=torch.from_numpy(speaker),
    )
    made = KokoroFit(network, material, encoder, options)
    made.prosody = prepared.prosody
    tell = _samples(made, material.texts[0], steps, reporter)
    figures = fit(made, LoopOptions(steps, seed=options.seed), work_dir / CHECKPOINT, reporter, tell)
    return Fitted(
        adapter=exported(made, OnnxFile(model)),
        held_out=frozenset(prepared.held_out_ids),
        start_voice=begin.nearest,
        start_shares=begin.shares,
        encoder=encoder.name,
        figures={**figures, "top_hz": prepared.top_hz, "took_s": time.monotonic() - began},
    )


@dataclass
class _Prepared:
    train: list[Utterance]
    held_out: list[Utterance]
    held_out_ids: list[str]
    prosody: Tensor
    top_hz: float


def _prepared(
    network: Kokoro,
    sounds: Sequence[tuple[Clip, Audio]],
    language: str,
    begin: Start,
    path: Path,
    reporter: Reporter,
) -> _Prepared:
    """Every clip laid over its text, and the prosody; kept in `path`, since it is the same at every attempt."""
    lines = [(clip, audio, corpus.line(network, clip.text, language)) for clip, audio in sounds]
    known = [(clip, audio, line) for clip, audio, line in lines if line is not None]
    if len(known) < 2:
        raise SpeechError("too_few_clips", count=len(known), wanted=2)
    held = held_out([clip for clip, _, _ in known])
    saved = load_checkpoint(path)
    if saved is None:
        table = torch.from_numpy(begin.style)
        top_hz = bandwidth([clip for clip, _, _ in known])
        style = _styled(table, torch.zeros(2 * STYLE))
        rendered = [corpus.render(network, line, style) for _, _, line in known[:RENDERED]]
        offset = corpus.energy_offset(rendered)
        gain = np.float32(corpus.gain(rendered, [audio for _, audio, _ in known]))
        utterances = []
        for done, (_, audio, line) in enumerate(known, 1):
            if reporter.should_stop():
                raise Stopped
            reporter.progress(done, len(known), "clone.stage.aligning")
            level = Audio(audio.samples * gain, audio.sample_rate)
            utterances.append(corpus.recorded(network, line, level, offset, style, top_hz))
        prosody = fit_prosody(network, utterances, table, torch.from_numpy(begin.deviation)[STYLE:], reporter)
        saved = {"utterances": [corpus.packed(one) for one in utterances], "prosody": prosody, "top_hz": top_hz}
        save_checkpoint(path, saved)
    ones = [corpus.unpacked(one, line) for one, (_, _, line) in zip(saved["utterances"], known, strict=True)]
    pairs = list(zip(known, ones, strict=True))
    return _Prepared(
        train=[one for (clip, _, _), one in pairs if clip.clip_id not in held],
        held_out=[one for (clip, _, _), one in pairs if clip.clip_id in held],
        held_out_ids=held,
        prosody=saved["prosody"],
        top_hz=saved["top_hz"],
    )


def held_out(clips: Sequence[Clip]) -> list[str]:
    """Ids of clips that are not trained on, spread over the recording: one in eight, at least one."""
    count = min(MOST_HELD_OUT, max(1, round(HELD_OUT_SHARE * len(clips))))
    return [clips[int((index + 0.5) * len(clips) / count)].clip_id for index in range(count)]


def bandwidth(clips: Sequence[Clip]) -> float:
    """Up to where the recordings have sound (their median), as far as that was measured."""
    measured = [clip.measures["bandwidth_hz"] for clip in clips if "bandwidth_hz" in clip.measures]
    return float(np.clip(np.median(measured), LEAST_BANDWIDTH_HZ, NYQUIST_HZ)) if measured else NYQUIST_HZ


def _texts(network: Kokoro, language: str, begin: Start, prosody: Tensor) -> list[Utterance]:
    sentences = json.loads(SENTENCES.read_text(encoding="utf-8"))
    tags = [language, *(tag for tag in SPOKEN_LANGUAGES if tag != language)]
    spoken = [corpus.line(network, text, tag) for tag in tags for text in sentences.get(tag, ())[:TEXTS]]
    style = _styled(torch.from_numpy(begin.style), torch.cat([torch.zeros(STYLE), prosody]))
    return [corpus.render(network, line, style) for line in spoken if line is not None]


def _styled(table: Tensor, offset: Tensor) -> Callable[[int], Tensor]:
    return lambda phonemes: table[phonemes - 1][None] + offset


def _samples(made: KokoroFit, text: Utterance, steps: int, reporter: Reporter) -> Callable[[int], None]:
    """Lets people hear the voice at each quarter of the steps."""
    told: set[int] = set()

    @torch.no_grad()
    def tell(step: int) -> None:
        quarter = 4 * step // steps
        if quarter and quarter not in told:
            told.add(quarter)
            sound = corpus.render(made.network, text.line, made.style).samples.numpy()
            reporter.sample(f"quarter_{quarter}", Audio(sound, 24000))

    return tell


def exported(made: KokoroFit, file: OnnxFile) -> Adapter:
    """What was fitted, by the names of the export's initializers."""
    found = places(file)
    low_rank, deltas = {}, {}
    for name, adapter in made.adapters.items():
        factors = adapter.up.detach().numpy(), adapter.down.detach().numpy()
        low_rank[found[f"decoder.{name}.weight"].initializer] = factors
    for name, bias in made.biases.items():
        deltas[found[f"decoder.{name}"].initializer] = (bias - made.original[name]).detach().numpy()
    offset = torch.cat([made.timbre.detach(), made.prosody])
    return Adapter((made.material.start + offset).numpy(), low_rank, deltas)
