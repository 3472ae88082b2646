"""How fast coqui-tts's GPTTrainer learns, and in how much memory: run by `bench.train_speed` in the reference
environment. Alone: no module of Papagaio is imported."""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from train_xtts_reference import trainer

PROMPT = 66_150  # samples: three seconds, the least that the trainer conditions on, and about what ours does here


def batch(wavs: list[np.ndarray], ids: list[np.ndarray]) -> dict[str, Any]:
    """As the reference's loader makes one, its sounds read already."""
    longest, texts = max(map(len, wavs)), max(map(len, ids))
    sounds, tokens = torch.zeros(len(wavs), 1, longest), torch.zeros(len(wavs), texts, dtype=torch.long)
    prompts = torch.zeros(len(wavs), 1, 1, PROMPT)
    for row, (wav, text) in enumerate(zip(wavs, ids)):
        sounds[row, 0, : len(wav)] = torch.from_numpy(wav)
        tokens[row, : len(text)] = torch.from_numpy(text.astype(np.int64))
        prompts[row, 0, 0] = torch.from_numpy(np.resize(wav, PROMPT))
    return {
        "text_lengths": torch.tensor([len(text) for text in ids]),
        "wav_lengths": torch.tensor([len(wav) for wav in wavs]),
        "padded_text": tokens,
        "cond_idxs": torch.tensor([[0, PROMPT]] * len(wavs)),
        "cond_lens": None,
        "conditioning": prompts,
        "wav": sounds,
        "filenames": [""] * len(wavs),
    }


def main(folder: Path, clips: Path, target: Path, warm_up: int, steps: int, threads: int) -> None:
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    data = np.load(clips)
    count = sum(name.startswith("wav") for name in data.files)
    wavs, ids = ([data[f"{kind}{number}"] for number in range(count)] for kind in ("wav", "ids"))
    model = trainer(folder)
    model.train()
    optimizer = model.get_optimizer()
    began, size = time.perf_counter(), 2
    for step in range(warm_up + steps):
        if step == warm_up:
            began = time.perf_counter()
        places = [(step * size + row) % count for row in range(size)]
        formatted = model.format_batch_on_device(batch([wavs[at] for at in places], [ids[at] for at in places]))
        _, found = model.train_step(formatted, None)
        optimizer.zero_grad()
        found["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.xtts.gpt.parameters(), 1.0)
        optimizer.step()
    seconds = (time.perf_counter() - began) / steps
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    target.write_text(json.dumps({"step_s": seconds, "peak_bytes": peak}), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), *map(int, sys.argv[4:7]))
