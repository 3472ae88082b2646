"""F5-TTS behind the Engine protocol: several sentences go through the network in one pass, a chunk for each."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech.audio import Audio, Samples
from speech.dsp import append_silence, fade, limit_peak, trim
from speech.engines.base import Chunk, EngineOptions, SpeechRequest
from speech.engines.f5.config import HOP, MOST_FRAMES, SAMPLE_RATE
from speech.engines.f5.record import ENGINE, RECORD
from speech.engines.f5.voices import LEAST_S, Reference, ended, reference_of
from speech.errors import SpeechError
from speech.text.sentences import Sentence, split
from speech.voice_folder import ListedVoices, Stamp, VoiceFolder
from speech.voices import Voice

if TYPE_CHECKING:
    from torch import Tensor

    from speech.engines.f5.flow import FlowOptions, Passage

WHISPER = "whisper-base"  # writes down a reference whose words nobody knows
TARGET_RMS = 0.1  # a quieter reference is heard as loud as this
MOST_S = 22.0  # of reference and new speech together, for which the network was made
SHORT_BYTES, SHORT_SPEED = 10, 0.3  # a text of fewer bytes gets more time than its share
SENTENCE_PAUSE_S, PARAGRAPH_PAUSE_S = 0.25, 0.6
CROSSFADE_S = 0.15  # between pieces of one sentence
FADE_S = 0.01
BREATHER_S = 1.0  # after which a pass says that it is still at work, so that it can be stopped


@dataclass(frozen=True, eq=False)
class Heard:
    """A reference as the network takes it."""

    frames: Tensor  # (frames, 100), log mel
    text: str  # ends with a space
    loudness: float  # what new speech is turned down by, as the reference was turned up

    def frames_of(self, text: str, speed: float) -> int:
        """How long the reference and `text` are: by bytes, as in the reference implementation."""
        size, heard = len(text.encode()), len(self.frames)
        slow = SHORT_SPEED if size < SHORT_BYTES else 1.0
        return heard + int(heard / len(self.text.encode()) * size / (speed * slow))


@dataclass(frozen=True)
class Piece:
    """What goes through the network as one row."""

    text: str
    ends: int  # sentences of the request that end with it
    pause_s: float  # after it


class F5Engine:
    """Weights of `options.checkpoint_dir`; every voice of the library that has clips."""

    info = RECORD.info

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._voices = VoiceFolder(options.voices_dir) if options.voices_dir else None
        self._listed = ListedVoices(self._voices, ENGINE, LEAST_S) if self._voices else None
        self._loaded: Loaded | None = None

    def check(self) -> None:
        """Raises SpeechError `engine_not_installed`, `f5_dir_missing`, `f5_dir_unusable`."""
        RECORD.install.check_packages(self.info.title)
        self._folder()

    def needed_bytes(self) -> int:
        from speech.engines.f5.files import size_bytes

        return size_bytes(self._folder())

    def load(self, device: str) -> None:
        """Raises SpeechError as `check`, `open_checkpoint`, `fill` do; `checkpoint_unsupported` for bf16 on a CPU."""
        self.check()
        if self._options.precision == "bf16" and device == "cpu":
            raise SpeechError("checkpoint_unsupported", setting="precision", value="bf16", valid="fp32 (cpu)")
        self._loaded = Loaded(self._folder(), device, self._options.precision)

    def unload(self) -> None:
        self._loaded = None

    def memory_bytes(self) -> int:
        return self._loaded.size_bytes if self._loaded else 0

    @property
    def precision(self) -> str:
        """That the blocks' matrices have; "" while they are not loaded."""
        return self._loaded.precision if self._loaded else ""

    def voices(self) -> tuple[Voice, ...]:
        return self._listed.voices() if self._listed else ()

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        """A chunk a sentence, and an empty one now and then while a pass goes on; closing stops between two steps.

        A sentence sounds the same wherever it stands, with the same seed. Raises SpeechError `engine_not_loaded`,
        `language_not_spoken`, `f5_letters_unknown`, `f5_text_missing`, `f5_not_finite`, and what reading the voice
        raises.
        """
        loaded = self._loaded
        if loaded is None:
            raise SpeechError("engine_not_loaded", engine=ENGINE)
        loaded.check_language(request.language)
        heard = self._heard(loaded, request)
        speed = float(request.parameters.get("speed", 1.0))
        pieces = list(pieces_of(request.sentences, heard, speed))
        waiting: list[Samples] = []
        for start, stop in passes(len(pieces), self.info.batch_size):
            batch = pieces[start:stop]
            sounds = loaded.sounds([self._passage(loaded, heard, piece, request, speed) for piece in batch], request)
            made: list[Samples] = []
            for found in sounds:
                if isinstance(found, list):
                    made = found
                else:
                    yield Chunk(np.zeros(0, np.float32), SAMPLE_RATE, 0)
            for piece, samples in zip(batch, made, strict=True):
                waiting.append(samples * np.float32(heard.loudness))
                if piece.ends:
                    yield _chunk(crossfaded(waiting), piece)
                    waiting = []

    def _passage(self, loaded: Loaded, heard: Heard, piece: Piece, request: SpeechRequest, speed: float) -> Passage:
        from speech.engines.f5.flow import Passage

        ids = loaded.vocabulary.encode(heard.text + piece.text)
        return Passage(heard.frames, ids, heard.frames_of(piece.text, speed), seed_of(request.seed, piece.text))

    def _heard(self, loaded: Loaded, request: SpeechRequest) -> Heard:
        voice_id = request.voice.voice_id
        if self._voices is None:
            raise SpeechError("unknown_voice", voice=voice_id, engine=ENGINE, choices=[])
        stamp = next((stamp for stamp in self._voices.stamp() if stamp[0] == voice_id), None)
        key = (stamp, request.reference_text)
        if stamp is None or key not in loaded.heard:
            reference = reference_of(self._voices.clips(voice_id))
            given = ended(request.reference_text) if request.reference_text.strip() else reference.text
            heard = loaded.hear(
                Reference(reference.audio, given or self._written_down(reference, request.voice.language))
            )
            if stamp is None:  # it went while it was read
                return heard
            loaded.heard = {key: heard}
        return loaded.heard[key]

    def _written_down(self, reference: Reference, language: str) -> str:
        """By Whisper, where it is here. Raises SpeechError `f5_text_missing`."""
        if not self._options.store.is_installed(WHISPER):
            raise SpeechError("f5_text_missing", command=f"papagaio models pull {WHISPER}")
        from speech.asr import WhisperTranscriber

        transcriber = WhisperTranscriber(self._options.store.path(WHISPER), self._options.threads)
        spoken = transcriber.languages(reference.audio) if language == "mul" else {language: 1.0}
        text = transcriber.transcribe(reference.audio, max(spoken, key=lambda tag: spoken[tag])).text.strip()
        if not text:
            raise SpeechError("f5_text_missing", command=f"papagaio models pull {WHISPER}")
        return ended(text)

    def _folder(self) -> Path:
        """Raises SpeechError `f5_dir_missing`, `f5_dir_unusable`."""
        from speech.engines.f5.files import missing_files

        folder = self._options.checkpoint_dir
        if folder is None:
            raise SpeechError("f5_dir_missing")
        if missing := missing_files(folder):
            raise SpeechError("f5_dir_unusable", path=str(folder), missing=missing)
        return folder


class Loaded:
    """What an engine holds while it is loaded."""

    def __init__(self, folder: Path, device: str, precision: str) -> None:
        from speech.engines.f5.checkpoint import load_network, load_vocos, open_checkpoint

        checkpoint = open_checkpoint(folder)
        self.config, self.vocabulary = checkpoint.config, checkpoint.vocabulary
        self.network = load_network(checkpoint, device, precision)
        self.vocos = load_vocos(checkpoint, device)
        self.device, self.precision = device, precision
        self.heard: dict[tuple[Stamp | None, str], Heard] = {}  # of the voice that spoke last

    @property
    def size_bytes(self) -> int:
        return sum(one.nbytes for module in (self.network, self.vocos) for one in module.parameters())

    def check_language(self, tag: str) -> None:
        """Raises SpeechError `language_not_spoken` where the folder names its languages and this is none."""
        own = self.config.languages
        if own and tag.partition("-")[0].lower() not in {one.partition("-")[0].lower() for one in own}:
            raise SpeechError("language_not_spoken", language=tag, engine=ENGINE, choices=list(own))

    def hear(self, reference: Reference) -> Heard:
        import torch

        from speech.engines.f5.spectrum import log_mel

        samples = reference.audio.samples
        rms = float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
        gain = max(1.0, TARGET_RMS / rms)
        with torch.inference_mode():
            frames = log_mel(torch.from_numpy(samples * np.float32(gain))[None].to(self.device))[0]
        return Heard(frames, f"{reference.text} ", 1 / gain)

    def sounds(self, passages: Sequence[Passage], request: SpeechRequest) -> Iterator[None | list[Samples]]:
        """Samples of each passage, last; before that None now and then. Raises SpeechError `f5_not_finite`."""
        import torch

        from speech.engines.f5.flow import steps

        said = time.monotonic()
        mels: list[Tensor] = []
        for found in steps(self.network, passages, _flow_options(request)):
            if found is not None:
                mels = found
            elif time.monotonic() - said > BREATHER_S:
                said = time.monotonic()
                yield None
        with torch.inference_mode():
            made = [self.vocos(mel[None].to(self.device))[0].cpu().numpy() for mel in mels]
        if not all(np.isfinite(samples).all() for samples in made):
            raise SpeechError("f5_not_finite", engine=ENGINE)
        yield made


def pieces_of(sentences: Sequence[Sentence], heard: Heard, speed: float) -> Iterator[Piece]:
    """Sentences, cut where they and the reference would be longer than `MOST_S`."""
    room = min(int(MOST_S * SAMPLE_RATE / HOP), MOST_FRAMES)
    for number, sentence in enumerate(sentences):
        pause_s = PARAGRAPH_PAUSE_S if sentence.ends_paragraph else SENTENCE_PAUSE_S
        *first, last = _cut(ended(sentence.text), heard, speed, room)
        yield from (Piece(text, 0, 0.0) for text in first)
        yield Piece(last, 1, 0.0 if number == len(sentences) - 1 else pause_s)


def _cut(text: str, heard: Heard, speed: float, room: int) -> list[str]:
    if heard.frames_of(text, speed) <= room or len(text) < 20:
        return [text]
    halves = split(text, (len(text) + 1) // 2)
    return [piece for half in halves for piece in _cut(half.text, heard, speed, room)]


def passes(count: int, most: int) -> Iterator[tuple[int, int]]:
    """Of `count` pieces those that go together: the first alone, so that it is heard early, then `most` at a time."""
    if count:
        yield 0, 1
    for start in range(1, count, most):
        yield start, min(start + most, count)


def seed_of(seed: int | None, text: str) -> int:
    """The noise of a text, wherever it stands in a request."""
    return int.from_bytes(hashlib.sha256(f"{seed} {text}".encode()).digest()[:8], "little") >> 1


def crossfaded(pieces: Sequence[Samples]) -> Audio:
    """Pieces of one sentence joined by raised cosines over `CROSSFADE_S`, so that nothing clicks."""
    made = pieces[0]
    for piece in pieces[1:]:
        count = min(round(CROSSFADE_S * SAMPLE_RATE), len(made), len(piece))
        ramp = (0.5 - 0.5 * np.cos(np.pi * np.arange(count) / max(1, count))).astype(np.float32)
        middle = made[len(made) - count :] * (1 - ramp) + piece[:count] * ramp
        made = np.concatenate([made[: len(made) - count], middle, piece[count:]])
    return Audio(made, SAMPLE_RATE)


def _chunk(audio: Audio, piece: Piece) -> Chunk:
    sound = append_silence(fade(limit_peak(trim(audio)), FADE_S, FADE_S), piece.pause_s)
    return Chunk(sound.samples, SAMPLE_RATE, piece.ends)


def _flow_options(request: SpeechRequest) -> FlowOptions:
    from speech.engines.f5.flow import FlowOptions

    given = request.parameters
    return FlowOptions(
        steps=int(given.get("nfe_step", 32)),
        guidance=float(given.get("cfg_strength", 2.0)),
        sway=float(given.get("sway_sampling_coef", -1.0)),
    )
