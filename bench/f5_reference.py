"""What f5-tts and vocos make of a folder of weights: runs in the parity environment, where none of ours but numpy is.

    python -m bench.f5_reference FOLDER OUT.npz [--size tiny|full] [--time]

`f5_tts.model` imports its trainer; the packages of that (wandb, accelerate, datasets) are left out.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
SAMPLE_RATE, HOP = 24000, 256
SENTENCES = (
    "Olá, mundo: um teste; tudo “bem”?",
    "A água está a 3.5 graus, não é? R$10 well-known end.Next ação.",
    "Hello world, this is a test of the system.",
    "你好世界 hello 世界.",
    "Coração, pão e avó: três palavras.",
)
REFERENCE_TEXT = "Some call me nature, others call me mother nature. "
REFERENCE_S = 1.0
CASES = ((8, 2.0, -1.0), (32, 2.0, -1.0), (16, 1.5, -1.0), (12, 2.5, 0.5))  # steps, guidance, sway
BATCH = (0, 2)  # sentences that go through in one pass
ARCH = {
    "tiny": {"dim": 64, "depth": 2, "heads": 2, "ff_mult": 2, "text_dim": 32, "conv_layers": 2},
    "full": {"dim": 1024, "depth": 22, "heads": 16, "ff_mult": 2, "text_dim": 512, "conv_layers": 4},
}


def recording(duration_s: float = REFERENCE_S, seed: int = 0) -> np.ndarray[Any, Any]:
    """Noise with a slow loudness, float32 at 24 kHz."""
    count = int(duration_s * SAMPLE_RATE)
    noise = np.random.default_rng(seed).standard_normal(count)
    loud = 0.1 * (1 + np.sin(np.arange(count) * 2 * np.pi * 3 / SAMPLE_RATE))
    return (noise * loud).astype(np.float32)


def frames_of(sentence: str, speed: float = 1.0) -> int:
    """The length of reference and sentence, as f5_tts.infer.utils_infer estimates it."""
    heard = int(REFERENCE_S * SAMPLE_RATE) // HOP
    slow = 0.3 if len(sentence.encode()) < 10 else speed
    return heard + int(heard / len(REFERENCE_TEXT.encode()) * len(sentence.encode()) / slow)


def leave_out(*names: str) -> None:
    def nothing(name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})

    for name in names:
        module = ModuleType(name)
        module.__dict__["__getattr__"] = nothing
        sys.modules[name] = module


class Reference:
    def __init__(self, folder: Path, size: str, older: bool = False) -> None:
        leave_out("wandb", "accelerate", "accelerate.utils", "datasets")
        import torch
        import vocos
        from f5_tts.model.backbones.dit import DiT
        from f5_tts.model.cfm import CFM
        from f5_tts.model.utils import get_tokenizer
        from safetensors.torch import load_file

        tokens, count = get_tokenizer(str(folder / "vocab.txt"), "custom")
        settings: dict[str, Any] = {"pe_attn_head": 1, "text_mask_padding": False} if older else {}
        network = DiT(**ARCH[size], **settings, text_num_embeds=count, mel_dim=100)
        mel = {"n_fft": 1024, "hop_length": 256, "win_length": 1024, "n_mel_channels": 100}
        spectrum = {**mel, "target_sample_rate": SAMPLE_RATE, "mel_spec_type": "vocos"}
        self.model = CFM(transformer=network, mel_spec_kwargs=spectrum, vocab_char_map=tokens)
        state = load_file(folder / "model_1250000.safetensors")
        plain = {name.removeprefix("ema_model."): tensor for name, tensor in state.items()}
        left = self.model.load_state_dict({n: t for n, t in plain.items() if n not in ("initted", "step")}, strict=True)
        assert not left.missing_keys
        self.vocos = vocos.Vocos.from_hparams(str(folder / "vocos/config.yaml"))
        made = torch.load(folder / "vocos/pytorch_model.bin", weights_only=True)
        found = self.vocos.load_state_dict(made, strict=False)
        assert not found.unexpected_keys and all("window" in n or "mel_scale" in n for n in found.missing_keys)
        self.model.eval()
        self.vocos.eval()

    def mel(self, samples: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        import torch

        return np.asarray(self.model.mel_spec(torch.from_numpy(samples)[None]).transpose(1, 2)[0])

    def spelled(self, sentence: str) -> list[str]:
        from f5_tts.model.utils import convert_char_to_pinyin

        pieces: list[str] = convert_char_to_pinyin([sentence])[0]
        return pieces

    def spoken(self, sentence: str, steps: int, guidance: float, sway: float) -> np.ndarray[Any, Any]:
        """Log mel (frames, 100) of what comes after the reference."""
        import torch

        with torch.inference_mode():
            made, _ = self.model.sample(
                cond=torch.from_numpy(recording())[None],
                text=[self.spelled(REFERENCE_TEXT + sentence)],
                duration=frames_of(sentence),
                steps=steps,
                cfg_strength=guidance,
                sway_sampling_coef=sway,
                seed=7,
            )
        return np.asarray(made[0, int(REFERENCE_S * SAMPLE_RATE) // HOP :])

    def samples(self, mel: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        import torch

        return np.asarray(self.vocos.decode(torch.from_numpy(mel).T[None])[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", choices=("tiny", "full"), default="tiny")
    parser.add_argument("--cases", type=int, nargs="*", default=list(range(len(CASES))))
    parser.add_argument("--rounds", type=int, default=0, help="time this many")
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    before = time.perf_counter()
    reference = Reference(asked.folder, asked.size)
    found: dict[str, Any] = {"load_s": time.perf_counter() - before}
    if asked.rounds:
        steps, guidance, sway = CASES[asked.cases[0]]
        reference.samples(reference.spoken(SENTENCES[2], 5, guidance, sway))
        times = []
        for _ in range(asked.rounds):
            before = time.process_time()
            reference.samples(reference.spoken(SENTENCES[2], steps, guidance, sway))
            times.append(time.process_time() - before)
        found |= {"times": times, "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}
    else:
        found["mel"] = reference.mel(recording())
        for number, sentence in enumerate(SENTENCES):
            found[f"spelled.{number}"] = np.array(reference.spelled(sentence))
        for case in asked.cases:
            found[f"spoken.{case}"] = reference.spoken(SENTENCES[0], *CASES[case])
        found["samples"] = reference.samples(found[f"spoken.{asked.cases[0]}"])
        found["second"] = reference.spoken(SENTENCES[BATCH[1]], *CASES[asked.cases[0]])
        if asked.size == "tiny":
            found["older"] = Reference(asked.folder, "tiny", older=True).spoken(SENTENCES[0], *CASES[0])
    np.savez(asked.out, **found)


if __name__ == "__main__":
    main()
