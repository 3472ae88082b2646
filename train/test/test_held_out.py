"""Which clips are held out, by the function and by a run on a dataset without a split."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from bench.xtts_reference import recording
from bench.xtts_weights import write_checkpoint
from speech.audio import Audio, save
from speech.errors import SpeechError
from speech.metrics.speaker import Embedding
from train.checkpoints import CHECKPOINTS
from train.evidence import EVIDENCE, Judges
from train.held_out import held_out
from train.manifest import Clip
from train.options import options_from
from train.progress import NullReporter
from train.xtts.finetune import RESUME, finetune
from train.xtts.judging import judge_run
from train.xtts.run import Run

RATE = 22050


def clips(count: int) -> list[Clip]:
    names = [f"c{number:03}" for number in range(count)]
    return [Clip(name, f"{name}.wav", "a", 0.0, 1.0, 1.0, "Um.", "", "pt-BR", {}, ()) for name in names]


@pytest.mark.parametrize(
    ("count", "most", "wanted"),
    [(0, None, 0), (1, None, 0), (2, None, 1), (12, 5, 1), (14, 5, 2), (25, 5, 3), (100, 5, 5), (100, None, 12)],
)
def test_clips_are_held_out_all_over_the_recording(count: int, most: int | None, wanted: int) -> None:
    held = held_out(clips(count), 0.12, most)
    assert len(held) == len(set(each.clip_id for each in held)) == wanted
    places = [int(each.clip_id[1:]) for each in held]
    if places:
        assert places == sorted(places) and min(places) <= count // 2
        assert wanted < 3 or max(places) > count // 2


def test_a_split_of_the_dataset_is_kept() -> None:
    first, second, third = clips(3)
    assert held_out([first, replace(second, split="val"), replace(third, split="train")], 0.5) == (
        replace(second, split="val"),
    )


class Listens:
    """Remembers how many samples it was given."""

    name = "listens"

    def __init__(self) -> None:
        self.heard: list[int] = []

    def embed(self, audio: Audio) -> Embedding:
        self.heard.append(len(audio.samples))
        return np.array([1.0, 0.0], np.float32)


@pytest.mark.networks
def test_what_is_judged_against_was_never_trained_on(
    made_once: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve clips without a split, each of its own length; the fourth is too short to be learned from. Without
    memory to speak with, judging says so and the checkpoints stay."""
    tiny = made_once("held_out_tiny", lambda folder: write_checkpoint(folder, "tiny"))
    dataset = tmp_path / "dataset"
    (dataset / "wavs").mkdir(parents=True)
    sizes = {f"c{number:02}": int(RATE * (0.3 if number == 3 else 1.6 + 0.01 * number)) for number in range(12)}
    for number, (name, size) in enumerate(sizes.items()):
        save(Audio(recording(2.0, number)[:size], RATE), dataset / "wavs" / f"{name}.wav")
    (dataset / "metadata.csv").write_text("".join(f"{name}|Um texto.\n" for name in sizes))
    sections = {
        "data": {"validation_share": 0.2},
        "model": {"rank": 2},
        "run": {"epochs": 1, "max_steps": 1},
        "evidence": {"most_s": 0.6, "most_prompts": 1},
    }
    run = Run(dataset, tiny, tmp_path / "run", tmp_path / "cache", options_from(sections))
    told = finetune(run, NullReporter())
    learned = torch.load(run.folder / RESUME, weights_only=True)["trainable"]["clips"]
    listener = Listens()
    judge_run(run, Judges(None, (listener,)), NullReporter())
    heard = [name for name, size in sizes.items() if size in listener.heard]
    assert (told["clips"], told["held_out"]) == (9, 2) and len(heard) == 2
    assert not set(heard) & set(learned) and sorted([*heard, *learned]) == sorted(set(sizes) - {"c03"})
    [checkpoint] = told["checkpoints"]
    (run.folder / CHECKPOINTS / checkpoint / EVIDENCE).unlink()

    def short(*arguments: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr("speech.engines.xtts.vocoder.load_vocoder", short)
    with pytest.raises(SpeechError, match="engine_no_memory"):
        judge_run(run, Judges(), NullReporter())
