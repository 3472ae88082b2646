"""The networks of pocket-tts, driven frame by frame.

The package's own stream draws its noise from PyTorch's common generator while other requests compute, and decodes as
many frames at once as happen to wait, so that one seed would not give one sound. Here all that the language model does
goes through one thread, with the noise of a step told by its seed, and the decoder says a frame at a time in another.
"""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from speech.audio import Samples
from speech.engines.pocket.files import MODEL, TOKENIZERS, config_file, tokenizer_file
from speech.engines.pocket.record import SAMPLE_RATE
from speech.engines.threads import kept_threads, use_threads
from speech.errors import SpeechError

State = Mapping[str, Mapping[str, Tensor]]  # of each attention: keys and values so far, and how many
# As in the package: frames before the end may be heard, frames after it beside those the text asks for, and how long
# a text of so many tokens is at most.
EARLIEST_END = 6
MORE_FRAMES = 2
TOKENS_PER_S, MORE_S = 3.0, 2.0
MOST_TOKENS = 50  # of a text, for which the networks were made
FADE_S = 0.005  # in, over the step that a decoder begins with
FULL_SCALE = 0.999


@dataclass(frozen=True)
class Sampling:
    """How a frame is drawn: variance of the noise, its largest value or None, and steps from it to the frame."""

    temperature: float
    steps: int
    clamp: float | None


@dataclass(frozen=True, eq=False)
class Said:
    """A text that was spoken, and its frames."""

    text: str
    latents: Tensor  # (1, frames, width)


@dataclass(frozen=True, eq=False)
class Frame:
    """A piece of sound; of the last one of a text, what was said, and whether it ended at the limit of its length."""

    samples: Samples
    said: Said | None = None
    is_cut: bool = False


class Workers:
    """Two threads for all networks of an engine: `steps` of the language models and of hearing, and `sound`.

    Each computes with one thread of PyTorch's, so that its digits do not depend on the machine.
    """

    def __init__(self) -> None:
        self.steps, self.sound = (
            ThreadPoolExecutor(1, f"pocket-{name}", initializer=partial(use_threads, 1)) for name in ("steps", "sound")
        )

    def close(self) -> None:
        self.steps.shutdown()
        self.sound.shutdown()


class Network:
    """One language's model."""

    def __init__(self, folder: Path, precision: str, workers: Workers) -> None:
        """Raises SpeechError `checkpoint_damaged`, `checkpoint_unsupported`, `checkpoint_tensor_values`."""
        self._workers = workers
        self._model = _load(folder, precision)
        for name, tensor in self._model.named_parameters():
            if not torch.isfinite(tensor).all():
                raise SpeechError("checkpoint_tensor_values", tensor=name)
        if self._model.sample_rate != SAMPLE_RATE:
            rate = str(self._model.sample_rate)
            raise SpeechError("checkpoint_unsupported", setting="sample_rate", value=rate, valid=str(SAMPLE_RATE))

    @property
    def size_bytes(self) -> int:
        return _bytes_of(self._model.state_dict())

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return float(self._model.mimi.frame_rate)

    def hear(self, samples: Samples) -> State:
        """A voice, from samples at 24 kHz."""

        def heard() -> State:
            with torch.random.fork_rng(devices=[]):
                state: State = self._model.get_state_for_audio_prompt(torch.from_numpy(samples)[None])
            return state

        return self._workers.steps.submit(heard).result()

    def count(self, text: str) -> int:
        """Tokens of a text."""
        return int(self._ids(self._prepared(text)[0]).shape[1])

    def speak(self, voice: State, text: str, told: Sequence[Said], sampling: Sampling, seed: int) -> Iterator[Frame]:
        """The sound of `text` after what was `told`, frame by frame; one frame is decoded while the next is drawn.

        Closing stops after the step that goes on. Raises ValueError for a text of which nothing is left.
        """
        spoken, frames_after = self._prepared(text)
        ids = self._ids(spoken)
        most = math.ceil((ids.shape[1] / TOKENS_PER_S + MORE_S) * self.frame_rate)
        before = [said.latents for said in told]
        if told:
            ids = self._ids(" ".join([*(said.text for said in told), spoken.strip()]))
        bos = torch.full((1, 1, self._model.flow_lm.ldim), math.nan)
        state = _grown(voice, ids.shape[1] + sum(one.shape[1] for one in before) + most + 1)
        given, latents, end = torch.cat([bos, *before], dim=1), [], most
        decode, decoding = self._decoder(most), None
        for number in range(most):
            step = partial(self._step, state, ids, given, sampling, (seed + number) % 2**63)
            given, is_end = self._workers.steps.submit(step).result()
            ids = ids[:, :0]
            if is_end and end == most and number >= EARLIEST_END:
                end = number + frames_after
            if number >= end:
                break
            if decoding:
                yield Frame(decoding.result())
            latents.append(given)
            decoding = self._workers.sound.submit(decode, given)
        assert decoding is not None  # `EARLIEST_END` is before every `most`
        yield Frame(decoding.result(), Said(spoken.strip(), torch.cat(latents, dim=1)), len(latents) == most)

    def _step(self, state: State, ids: Tensor, given: Tensor, sampling: Sampling, seed: int) -> tuple[Tensor, bool]:
        """The frame after `given` (1, n, width), and whether the text ends with it; `state` takes all of them in."""
        from pocket_tts.modules.stateful_module import increment_steps

        language = self._model.flow_lm
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            latent, is_end = language(
                sequence=given,
                text_embeddings=language.conditioner(ids),
                model_state=state,
                sampler_decode_steps=sampling.steps,
                temp=sampling.temperature,
                noise_clamp=sampling.clamp,
                eos_threshold=self._model.eos_threshold,
            )
        increment_steps(language, state, increment=ids.shape[1] + given.shape[1])
        return latent[:, None], bool(is_end.item())

    def _decoder(self, most: int) -> Any:
        """A function of the next of up to `most` frames (1, 1, width) that gives its samples."""
        from pocket_tts.modules.stateful_module import increment_steps, init_states

        mimi, language = self._model.mimi, self._model.flow_lm
        rate = int(mimi.encoder_frame_rate / mimi.frame_rate)
        state = init_states(mimi, batch_size=1, sequence_length=most * rate)
        rising: list[Samples] = [np.linspace(0, 1, int(FADE_S * SAMPLE_RATE), dtype=np.float32)]

        def decode(latent: Tensor) -> Samples:
            with torch.no_grad():
                made = mimi.decode_from_latent(latent * language.emb_std + language.emb_mean, state)[0, 0]
            increment_steps(mimi, state, increment=rate)
            samples: Samples = np.clip(made.numpy(), -FULL_SCALE, FULL_SCALE)
            if rising:
                ramp = rising.pop()
                samples[: len(ramp)] *= ramp
            return samples

        return decode

    def _ids(self, text: str) -> Tensor:
        ids: Tensor = self._model.flow_lm.conditioner.prepare(text)
        return ids

    def _prepared(self, text: str) -> tuple[str, int]:
        """A text as the model was trained on, and how many frames follow its end."""
        from pocket_tts.models.text_chunking import prepare_text_prompt

        model = self._model
        spoken, more = prepare_text_prompt(
            text,
            model.pad_with_spaces_for_short_inputs,
            model.remove_semicolons,
            model.append_terminal_punctuation,
            model.capitalize_first_letter,
            model.replace_characters,
        )
        recommended = model.model_recommended_frames_after_eos
        return spoken, more + MORE_FRAMES if recommended is None else recommended


def _load(folder: Path, precision: str) -> Any:
    """The package's model, from files of `folder` alone. Raises SpeechError `checkpoint_damaged`."""
    with kept_threads():  # the package sets the process to one
        from pocket_tts import TTSModel
        from pocket_tts.utils.config import load_config

    own, tokenizer = config_file(folder), tokenizer_file(folder)
    assert own and tokenizer  # `missing_files` looked
    try:
        config = load_config(own).model_dump(mode="json")
        config |= {"weights_path": str(folder / MODEL), "weights_path_without_voice_cloning": None}
        config["flow_lm"]["weights_path"] = config["mimi"]["weights_path"] = None
        kind = "tokenizers" if tokenizer.name == TOKENIZERS[0] else "sentencepiece"
        config["flow_lm"]["lookup_table"] |= {"tokenizer": kind, "tokenizer_path": str(tokenizer)}
        with TemporaryDirectory(prefix="papagaio-") as place, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch.ao, which the package packs int8 with
            path = Path(place, "model.yaml")
            path.write_text(json.dumps(config), encoding="utf-8")  # which is YAML as well
            return TTSModel.load_model(config=path, quantize=precision == "int8").eval()
    except Exception as error:  # the package, and what reads its files, fail in any way
        reason = f"{type(error).__name__}: {error}"[:200]
        raise SpeechError("checkpoint_damaged", file=f"{folder.name}/{MODEL}", reason=reason) from error


def _grown(state: State, more: int) -> State:
    """A copy, with places for `more` steps."""
    return {
        name: {key: F.pad(one, (0, 0, 0, 0, 0, more)) if key == "cache" else one.clone() for key, one in own.items()}
        for name, own in state.items()
    }


def _bytes_of(value: object) -> int:
    if isinstance(value, Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, Mapping):
        return sum(map(_bytes_of, value.values()))
    return sum(map(_bytes_of, value)) if isinstance(value, tuple) else 0  # packed weights with their bias
