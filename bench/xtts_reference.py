"""What coqui-tts makes of a checkpoint folder, written to one file: `python -m bench.xtts_reference FOLDER OUT.npz`.

Runs in the environment that `./run parity` makes, by the package's public classes. The folder should be a copy: the
package rewrites its model file. `bench/parity_xtts.py` asks the same of our own code and compares.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SENTENCES = Path(__file__).parent.parent / "tests/speech/xtts_sentences.json"
SAMPLE_RATE = 22050  # of the recordings
# Text, language and voice of each utterance: a studio speaker by name, or the latents of the recording.
UTTERANCES = (
    ("Olá! Como você está hoje?", "pt", "recording"),
    ("The old lamp over the door was still burning when they came back from the harbour.", "en", "Ana Florence"),
    ("Sim.", "pt", "Luis Moray"),
    ("El tren salió de la estación cuando el sol todavía dormía.", "es", "recording"),
)
GREEDY_STEPS, SAMPLED_STEPS = 200, 80
PLAIN = {"temperature": 0.75, "top_k": 50, "top_p": 0.85, "repetition_penalty": 5.0, "length_penalty": 1.0}
# Utterance, greedy or sampled, and what differs from PLAIN. With the same seed, the same tokens.
CASES: tuple[tuple[int, bool, dict[str, float]], ...] = (
    (0, False, {"repetition_penalty": 1.0}),
    (0, False, {}),
    (1, False, {}),
    (2, False, {"repetition_penalty": 2.0}),
    (3, False, {"repetition_penalty": 10.0}),
    (0, True, {"seed": 7}),
    (1, True, {"seed": 8}),
    (2, True, {"seed": 9}),
    (3, True, {"seed": 10, "temperature": 1.0, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}),
    (0, True, {"seed": 11, "temperature": 0.2}),
    (1, True, {"seed": 12, "temperature": 1.5, "top_k": 1000}),
    (2, True, {"seed": 13, "top_k": 5}),
    (3, True, {"seed": 14, "top_k": 0, "top_p": 0.3}),
    (0, True, {"seed": 15, "top_k": 0, "top_p": 0.99, "repetition_penalty": 1.2}),
    (1, True, {"seed": 16, "repetition_penalty": 20.0, "length_penalty": 2.0}),
    (2, True, {"seed": 17, "temperature": 0.65, "top_p": 0.8, "repetition_penalty": 2.0}),
)
SPEEDS = (1.3, 0.7)
SPOKEN = 40  # hidden states that the waveform is made of
HEARD_S = (9.5, 3.2, 0.5)  # recordings: two whole pieces and a part, one piece, and the shortest allowed
DVAE_S = 2.0


def recording(seconds: float, seed: int = 0) -> NDArray[np.float32]:
    """A buzz that glides like a voice, in breath, with pauses: (n,) at 22.05 kHz, the same everywhere."""
    random = np.random.Generator(np.random.PCG64(seed))
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hertz = 140 + 40 * np.sin(2 * np.pi * 0.7 * time + seed) + 12 * np.sin(2 * np.pi * 5.3 * time)
    phase = 2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE
    buzz = sum(np.sin(k * phase) / k * (1 + 0.5 * np.cos(k + 3 * time)) for k in range(1, 25))
    loudness = np.clip(np.sin(2 * np.pi * 1.9 * time) + 0.6, 0, 1)
    sound = 0.2 * buzz * loudness + 0.004 * random.standard_normal(len(time))
    return np.clip(sound, -1, 1).astype(np.float32)


def case_settings(number: int) -> dict[str, Any]:
    """Everything that decoding is asked for in case `number`; `steps` is the most tokens it may make."""
    utterance, is_sampled, changed = CASES[number]
    steps = SAMPLED_STEPS if is_sampled else GREEDY_STEPS
    return {"utterance": utterance, "do_sample": is_sampled, "steps": steps, **PLAIN, **changed}


class Reference:
    """The package's model of a folder."""

    def __init__(self, folder: Path) -> None:
        import torch
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        torch.set_num_threads(1)  # another order of sums is another last digit
        config = XttsConfig()
        config.load_json(str(folder / "config.json"))
        self.torch, self.folder, self.model = torch, folder, Xtts(config)
        self.model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
        self.chunk_s, self.length_s = config.gpt_cond_chunk_len, config.gpt_cond_len

    def everything(self, cases: Sequence[int]) -> dict[str, NDArray[Any]]:
        """All that is compared, by name; `cases` of `CASES`, 0 among them."""
        made: dict[str, NDArray[Any]] = {}
        with self.torch.inference_mode():
            made |= self._heard()
            made |= self._decoded(cases)
            made |= self._spoken(made["decoded.0.hidden"][None, :SPOKEN])
            made |= self._coded()
        made["tokens"] = np.array(json.dumps(self._tokens()))
        return made

    def _heard(self) -> dict[str, NDArray[Any]]:
        """Latents and speaker embedding of each recording."""
        made, model = {}, self.model
        for i, seconds in enumerate(HEARD_S):
            audio = self.torch.from_numpy(recording(seconds, seed=i))[None]
            latents = model.get_gpt_cond_latents(audio, SAMPLE_RATE, self.length_s, self.chunk_s)
            made[f"heard.{i}.latents"] = latents.numpy()
            made[f"heard.{i}.speaker"] = model.get_speaker_embedding(audio, SAMPLE_RATE).numpy()
        self.voices = {name: tuple(voice.values()) for name, voice in model.speaker_manager.speakers.items()}
        self.voices["recording"] = tuple(self.torch.from_numpy(made[f"heard.0.{n}"]) for n in ("latents", "speaker"))
        return made

    def _decoded(self, cases: Sequence[int]) -> dict[str, NDArray[Any]]:
        """Tokens of each case, and the hidden states of the first two."""
        made, gpt = {}, self.model.gpt
        for i, (text, language, _) in enumerate(UTTERANCES):
            made[f"text.{i}"] = np.array(self.model.tokenizer.encode(text.strip().lower(), lang=language), np.int32)
        for number in cases:
            settings = case_settings(number)
            utterance, steps = settings.pop("utterance"), settings.pop("steps")
            ids = self.torch.from_numpy(made[f"text.{utterance}"])[None]
            voice = self.voices[UTTERANCES[utterance][2]][0]
            self.torch.manual_seed(int(settings.pop("seed", 0)))
            codes = gpt.generate(
                cond_latents=voice,
                text_inputs=ids,
                max_new_tokens=steps,
                num_beams=1,
                num_return_sequences=1,
                **settings,
            )
            made[f"decoded.{number}.tokens"] = codes[0].numpy().astype(np.int16)
            if number < 2:
                lengths = (
                    self.torch.tensor([ids.shape[1]]),
                    self.torch.tensor([codes.shape[1] * gpt.code_stride_len]),
                )
                hidden = gpt(ids, lengths[0], codes, lengths[1], cond_latents=voice, return_latent=True)
                made[f"decoded.{number}.hidden"] = hidden[0].numpy()
        return made

    def _spoken(self, hidden: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
        """Samples of hidden states (1, n, width), also faster and slower, as `inference` does it."""
        latents, speaker = self.torch.from_numpy(hidden), self.voices["recording"][1]
        made = {"spoken": self.model.hifigan_decoder(latents, g=speaker).squeeze().numpy()}
        for speed in SPEEDS:
            stretched = self.torch.nn.functional.interpolate(
                latents.transpose(1, 2), scale_factor=1.0 / speed, mode="linear"
            ).transpose(1, 2)
            made[f"spoken.{speed}"] = self.model.hifigan_decoder(stretched, g=speaker).squeeze().numpy()
        return made

    def _coded(self) -> dict[str, NDArray[Any]]:
        """Codes of a recording by the discrete VAE, and the mel frames that they stand for."""
        from TTS.tts.layers.xtts.dvae import DiscreteVAE, dvae_wav_to_mel

        weights = self.torch.load(self.folder / "dvae.pth", weights_only=True)
        hidden = len(weights["codebook.embed"])
        sizes = {"channels": 80, "num_tokens": 1024, "codebook_dim": hidden, "hidden_dim": hidden, "num_layers": 2}
        rest = {"positional_dims": 1, "num_resnet_blocks": 3, "kernel_size": 3, "use_transposed_convs": False}
        dvae = DiscreteVAE(normalization=None, **sizes, **rest).eval()
        dvae.load_state_dict(weights)
        audio = self.torch.from_numpy(recording(DVAE_S, seed=9))[None]
        mels = dvae_wav_to_mel(audio, mel_norms=self.model.mel_stats.cpu())
        codes = dvae.get_codebook_indices(mels)
        return {"codes": codes[0].numpy().astype(np.int16), "codes.decoded": dvae.decode(codes)[0][0].numpy()}

    def _tokens(self) -> list[list[int]]:
        """Of sixty sentences in 17 languages, by the package's tokenizer.

        `inference` lowers the text before that, which turns a Turkish İ into i and a dot of its own, unknown to the
        vocabulary, although the tokenizer has a rule for it. We keep the tokenizer's rule.
        """
        sentences = json.loads(SENTENCES.read_text(encoding="utf-8"))
        return [list(self.model.tokenizer.encode(text, lang=tag.split("-")[0])) for tag, text in sentences]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, nargs="*", default=range(len(CASES)))
    asked = parser.parse_args()
    arrays: dict[str, Any] = Reference(asked.folder).everything(asked.cases)
    np.savez(asked.out, **arrays)


if __name__ == "__main__":
    main()
