"""Pocket TTS behind the Engine protocol: a chunk a frame of 80 ms, a network for each language of its folder."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from speech.dsp import append_silence
from speech.engines.base import Chunk, EngineOptions, SpeechRequest
from speech.engines.pocket.files import missing_files, model_folders, size_bytes
from speech.engines.pocket.record import ENGINE, RECORD, SAMPLE_RATE
from speech.engines.pocket.voices import LEAST_S, reference_of
from speech.errors import SpeechError
from speech.text.sentences import split
from speech.voice_folder import ListedVoices, Stamp, VoiceFolder
from speech.voices import Voice

if TYPE_CHECKING:
    from speech.engines.pocket.network import Network, Said, Sampling, State

FEWER = {"fp32": 1, "int8": 2}  # bytes in memory than in fp32, about: half of a network is packed
PARAGRAPH_PAUSE_S = 0.4  # beside the silence that every sentence ends with


class PocketEngine:
    """The models in `options.checkpoint_dir`; every voice of the library that has clips."""

    info = RECORD.info

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._voices = VoiceFolder(options.voices_dir) if options.voices_dir else None
        self._listed = ListedVoices(self._voices, ENGINE, LEAST_S) if self._voices else None
        self._loaded: Loaded | None = None

    def check(self) -> None:
        """Raises SpeechError `engine_not_installed`, `pocket_dir_missing`, `pocket_dir_unusable`."""
        RECORD.install.check_packages(self.info.title)
        self._folder()

    def needed_bytes(self) -> int:
        return size_bytes(self._folder()) // FEWER[self._precision]

    def load(self, device: str) -> None:
        """Raises SpeechError as `check` and `Network` do."""
        self.check()
        self._loaded = Loaded(self._folder(), self._precision)

    def unload(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded:
            loaded.workers.close()

    def memory_bytes(self) -> int:
        return self._loaded.size_bytes if self._loaded else 0

    def voices(self) -> tuple[Voice, ...]:
        return self._listed.voices() if self._listed else ()

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        """A chunk a frame. Closing stops after the step that goes on.

        A sentence sounds the same wherever it stands, with the same seed, unless `context_s` lets it hear those before
        it. Raises SpeechError `engine_not_loaded`, `language_not_spoken`, and what reading the voice raises.
        """
        loaded = self._loaded
        if loaded is None:
            raise SpeechError("engine_not_loaded", engine=ENGINE)
        network = loaded.network(request.language)
        voice = self._heard(loaded, network, request)
        sampling = _sampling(request)
        context_s = float(request.parameters.get("context_s", 0.0))
        told: tuple[Said, ...] = ()
        last = len(request.sentences) - 1
        for number, sentence in enumerate(request.sentences):
            pause_s = PARAGRAPH_PAUSE_S if sentence.ends_paragraph and number < last else 0.0
            pieces = list(_pieces(sentence.text, network))
            if not pieces:
                yield append_pause(Chunk(np.zeros(0, np.float32), SAMPLE_RATE), pause_s)
            for place, text in enumerate(pieces, 1):
                ends = int(place == len(pieces))
                for frame in network.speak(voice, text, told, sampling, seed_of(request.seed, text)):
                    if frame.said is None:
                        yield Chunk(frame.samples, SAMPLE_RATE, 0)
                        continue
                    told = _newest((*told, frame.said), context_s * network.frame_rate)
                    chunk = Chunk(frame.samples, SAMPLE_RATE, ends, frame.is_cut)
                    yield append_pause(chunk, pause_s) if ends else chunk

    @property
    def _precision(self) -> str:
        return RECORD.install.precision(self._options.precision)

    def _heard(self, loaded: Loaded, network: Network, request: SpeechRequest) -> State:
        voice_id = request.voice.voice_id
        if self._voices is None:
            raise SpeechError("unknown_voice", voice=voice_id, engine=ENGINE, choices=[])
        stamp = next((stamp for stamp in self._voices.stamp() if stamp[0] == voice_id), None)
        key = (request.language, stamp)
        heard = loaded.heard.get(key)
        if heard is None:
            clips = [clip.audio for clip in self._voices.clips(voice_id)]
            heard = network.hear(reference_of(clips).samples)
            if stamp is not None:  # it is still there
                loaded.heard = {key: heard}
        return heard

    def _folder(self) -> Path:
        """Raises SpeechError `pocket_dir_missing`, `pocket_dir_unusable`."""
        folder = self._options.checkpoint_dir
        if folder is None:
            raise SpeechError("pocket_dir_missing")
        if missing := missing_files(folder):
            raise SpeechError("pocket_dir_unusable", path=str(folder), missing=missing)
        return folder


class Loaded:
    """What an engine holds while it is loaded."""

    def __init__(self, folder: Path, precision: str) -> None:
        from speech.engines.pocket.network import Network, Workers

        self.workers = Workers()
        self.networks: Mapping[str, Network] = {
            tag: Network(path, precision, self.workers) for tag, path in model_folders(folder).items()
        }
        self.heard: dict[tuple[str, Stamp | None], State] = {}  # of the voice that spoke last

    @property
    def size_bytes(self) -> int:
        return sum(network.size_bytes for network in self.networks.values())

    def network(self, tag: str) -> Network:
        """Raises SpeechError `language_not_spoken` where the folder has no model of it."""
        if tag not in self.networks:
            raise SpeechError("language_not_spoken", language=tag, engine=ENGINE, choices=list(self.networks))
        return self.networks[tag]


def seed_of(seed: int | None, text: str) -> int:
    """The noise of a text, wherever it stands in a request."""
    return int.from_bytes(hashlib.sha256(f"{seed} {text}".encode()).digest()[:8], "little") >> 1


def append_pause(chunk: Chunk, pause_s: float) -> Chunk:
    return Chunk(append_silence(chunk, pause_s).samples, SAMPLE_RATE, chunk.ends, chunk.is_cut)


def _pieces(text: str, network: Network) -> Iterator[str]:
    """`text`; its halves where it has more tokens than the network was made for; nothing of one without words."""
    from speech.engines.pocket.network import MOST_TOKENS

    if not any(character.isalnum() for character in text):
        return
    if len(text) < 2 or network.count(text) <= MOST_TOKENS:
        yield text
        return
    for half in split(text, (len(text) + 1) // 2):
        yield from _pieces(half.text, network)


def _newest(said: Sequence[Said], frames: float) -> tuple[Said, ...]:
    """The last of `said` that have no more than `frames` together, whole."""
    kept: list[Said] = []
    for one in reversed(said):
        frames -= one.latents.shape[1]
        if frames < 0:
            break
        kept.insert(0, one)
    return tuple(kept)


def _sampling(request: SpeechRequest) -> Sampling:
    from speech.engines.pocket.network import Sampling

    given = request.parameters
    return Sampling(
        temperature=float(given.get("temperature", 0.3)),
        steps=int(given.get("decode_steps", 1)),
        clamp=float(given.get("noise_clamp", 0.0)) or None,
    )
