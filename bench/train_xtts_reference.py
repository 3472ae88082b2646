"""What coqui-tts's GPTTrainer does in ten steps on one batch: run by `bench.train_parity` in the reference environment.

Writes the batch as the trainer formatted it, and both losses of every step. Alone: no module of Papagaio is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

STEPS, RATE = 10, 1e-3
SAMPLES = ((30_000, 12), (41_984, 20))  # of a row's sound, and tokens of its text
PROMPT = 22_050  # samples


def sound(number: int, samples: int) -> np.ndarray:
    """A chord that moves, and some noise."""
    moments = np.arange(samples) / 22_050
    draw = np.random.default_rng(number)
    tones = sum(np.sin(2 * np.pi * hz * (number + 1) * moments + 3 * np.sin(5 * moments)) for hz in (110, 330, 770))
    return (0.2 * tones + 0.05 * draw.standard_normal(samples)).astype(np.float32)


def trainer(folder: Path) -> Any:
    from TTS.tts.configs.xtts_config import XttsAudioConfig
    from TTS.tts.layers.xtts.trainer import gpt_trainer as reference

    args = json.loads((folder / "config.json").read_text())["model_args"]
    sizes = ("gpt_layers", "gpt_n_model_channels", "gpt_n_heads", "decoder_input_dim", "gpt_number_text_tokens")
    whole, width = reference.DiscreteVAE, len(torch.load(folder / "dvae.pth")["codebook.embed"])
    reference.DiscreteVAE = lambda **given: whole(**{**given, "codebook_dim": width, "hidden_dim": width})
    settings = reference.GPTArgs(
        mel_norm_file=str(folder / "mel_stats.pth"),
        dvae_checkpoint=str(folder / "dvae.pth"),
        xtts_checkpoint=str(folder / "model.pth"),
        tokenizer_file=str(folder / "vocab.json"),
        gpt_num_audio_tokens=1026,
        gpt_start_audio_token=1024,
        gpt_stop_audio_token=1025,
        gpt_use_masking_gt_prompt_approach=True,
        gpt_use_perceiver_resampler=True,
        **{name: args[name] for name in sizes if name in args},
    )
    audio = XttsAudioConfig(sample_rate=22050, dvae_sample_rate=22050, output_sample_rate=24000)
    config = reference.GPTTrainerConfig(
        model_args=settings,
        audio=audio,
        optimizer="AdamW",
        optimizer_wd_only_on_weights=True,
        optimizer_params={"betas": [0.9, 0.96], "eps": 1e-8, "weight_decay": 1e-2},
        lr=RATE,
    )
    return reference.GPTTrainer(config)


def batch(model: Any) -> dict[str, Any]:
    longest, texts = max(samples for samples, _ in SAMPLES), max(tokens for _, tokens in SAMPLES)
    wavs, ids = torch.zeros(len(SAMPLES), 1, longest), torch.zeros(len(SAMPLES), texts, dtype=torch.long)
    prompts = torch.zeros(len(SAMPLES), 1, 1, PROMPT)
    for row, (samples, tokens) in enumerate(SAMPLES):
        wavs[row, 0, :samples] = torch.from_numpy(sound(row, samples))
        ids[row, :tokens] = torch.arange(tokens) * 7 % 90 + 5
        prompts[row, 0, 0] = wavs[row, 0, :PROMPT]
    return {
        "text_lengths": torch.tensor([tokens for _, tokens in SAMPLES]),
        "wav_lengths": torch.tensor([samples for samples, _ in SAMPLES]),
        "padded_text": ids,
        "cond_idxs": torch.tensor([[0, PROMPT // 8]] * len(SAMPLES)),
        "cond_lens": None,
        "conditioning": prompts,
        "wav": wavs,
        "filenames": ["", ""],
    }


def main(folder: Path, target: Path) -> None:
    torch.manual_seed(0)
    model = trainer(folder)
    model.train()
    for part in model.xtts.gpt.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0  # the only draw there is in a step
    optimizer = model.get_optimizer()
    formatted = model.format_batch_on_device(batch(model))
    losses = []
    for _ in range(STEPS):
        given = {name: value.clone() if torch.is_tensor(value) else value for name, value in formatted.items()}
        _, found = model.train_step(given, None)
        optimizer.zero_grad()
        found["loss"].backward()
        optimizer.step()
        losses.append([float(found["loss_text_ce"].detach()), float(found["loss_mel_ce"].detach())])
    np.savez_compressed(
        target,
        losses=np.array(losses),
        ids=formatted["text_inputs"].numpy().astype(np.int16),
        text_lengths=formatted["text_lengths"].numpy(),
        wav_lengths=formatted["wav_lengths"].numpy(),
        codes=formatted["audio_codes"].numpy().astype(np.int16),
        mels=formatted["cond_mels"][:, 0].numpy(),
        ignored=np.array([0, PROMPT // 8 // 256]),  # of the last row alone, counted as the reference counts
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
