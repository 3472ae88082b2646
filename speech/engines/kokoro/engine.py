"""Kokoro behind the Engine protocol: it speaks sentence by sentence, several at a time, in order."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, wait
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path

import numpy as np

from speech.audio import Audio, join
from speech.dsp import append_silence, fade, limit_peak, silence, trim
from speech.engines.base import Chunk, EngineOptions, SpeechRequest
from speech.engines.blend import Blend
from speech.engines.due import DueExecutor
from speech.engines.kokoro.adapter import Adapter, merge
from speech.engines.kokoro.blending import KokoroVoices, blended, stock_style
from speech.engines.kokoro.conversion import Halves
from speech.engines.kokoro.fitted import FittedVoices
from speech.engines.kokoro.gliding import Glide, styles_of
from speech.engines.kokoro.phonemes import phonemize, tokens
from speech.engines.kokoro.record import RECORD, SAMPLE_RATE
from speech.engines.kokoro.runtime import STYLE_ROWS, Runtime, Runtimes, Stopper, Style
from speech.engines.kokoro.voices import stock_ids, stock_voices
from speech.errors import SpeechError
from speech.text.sentences import PAUSE_S, Sentence, pause_share
from speech.voice_folder import VoiceFolder
from speech.voices import Voice

CLICK_FREE_S = 0.005
SIGN_S = 0.2  # between signs of life
SILENT_DB = -60
LETTER_S = 0.065  # about; when a sentence is heard is told by the letters before it
# Seconds of the voice's own quiet kept before and after: at both ends of the text as much as a recording has (without
# it the predicted opinion score falls by 0.13), between sentences little, since the pause is asked for.
OUTER_S, INNER_S = (0.1, 0.2), (0.03, 0.08)


class KokoroEngine:
    """The embedded voice, on `options.threads` cores."""

    info = RECORD.info

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._loaded: _Loaded | None = None
        folder = options.voices_dir
        self._fitted = (
            FittedVoices(folder, options.precision, options.threads, options.memory_bytes) if folder else None
        )
        self._style = lru_cache(maxsize=64)(self._load_style)  # half a megabyte each

    def check(self) -> None:
        self._model_path()
        self._voices_path()

    def needed_bytes(self) -> int:
        return self._model_path().stat().st_size * Runtimes.copies(self._options.threads)

    def load(self, device: str) -> None:
        """Raises SpeechError `device_not_offered` for anything but cpu, `model_missing` before the pull."""
        if device != "cpu":
            raise SpeechError("device_not_offered", engine=self.info.name, device=device, choices=["cpu"])
        self._voices_path()
        self._loaded = _Loaded(self._model_path(), self._options.threads)

    def unload(self) -> None:
        if self._loaded:
            self._loaded.executor.shutdown(wait=True)
        self._loaded = None
        self._style.cache_clear()
        if self._fitted:
            self._fitted.unload()

    def memory_bytes(self) -> int:
        fitted = self._fitted.memory_bytes() if self._fitted else 0
        return fitted + (self._loaded.size_bytes if self._loaded else 0)

    def voices(self) -> tuple[Voice, ...]:
        return stock_voices() + (self._fitted.voices() if self._fitted else ())

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        """As the protocol says; after the first sentence, as many are made side by side as there are cores.

        While a sentence takes its time, empty chunks say that it is being made, so that a close is heard.
        """
        if not self._loaded:
            raise SpeechError("engine_not_loaded", engine=self.info.name)
        if request.blend and request.blend.is_path:
            yield from self._glide(self._loaded, request, request.blend)
            return
        executor, (runtimes, style) = self._loaded.executor, self._speaking(self._loaded, request)
        heard_at = due_times(request, time.monotonic())
        waiting = deque(range(1, len(request.sentences) + 1))
        running: deque[Future[Audio]] = deque()
        stopper = Stopper()

        def start() -> None:
            number = waiting.popleft()
            runtime = runtimes.first if number == 1 else runtimes.beside
            work = partial(_sentence, runtime, request, style, number, stopper)
            running.append(executor.submit(heard_at[number - 1], work))

        try:
            start()
            while running:
                while not wait([running[0]], SIGN_S).done:
                    yield Chunk(np.zeros(0, np.float32), SAMPLE_RATE, 0)
                chunk = running.popleft().result()
                # One more than can run: a short sentence may be done while the long one before it is not.
                while waiting and len(running) <= self._options.threads:
                    start()
                yield Chunk(chunk.samples, chunk.sample_rate)
        finally:
            for future in running:
                future.cancel()
            stopper.stop()

    def _glide(self, loaded: _Loaded, request: SpeechRequest, blend: Blend) -> Generator[Chunk, None, None]:
        """One sentence after the other along the path."""
        glide = Glide(loaded.halves(), blend, styles_of(self._adapters(blend)))
        speed = float(request.parameters.get("speed", 1.0))
        cuts = [[tokens(piece) for piece in _pieces(request, one)] for one in request.sentences]
        total, done = sum(len(ids) for pieces in cuts for ids in pieces) or 1, 0
        for number, pieces in enumerate(cuts, 1):
            said = []
            for ids in pieces:
                said.append(Audio(glide.say(ids, done / total, (done + len(ids)) / total, speed), SAMPLE_RATE))
                done += len(ids)
            heard = _heard(request, number, said)
            yield Chunk(heard.samples, heard.sample_rate)

    def _adapters(self, blend: Blend) -> dict[str, Adapter]:
        folder = VoiceFolder(self._options.voices_dir) if self._options.voices_dir else None
        return KokoroVoices(self._voices_path(), folder).adapters(blend.voices)

    def _speaking(self, loaded: _Loaded, request: SpeechRequest) -> tuple[Runtimes, Style]:
        """The network and the style of a voice or a blend; those of a fitted one are its own."""
        blend, voice_id = request.blend, request.voice.voice_id
        if blend:
            made = blended(self._adapters(blend), blend.points[0], blend.method)
            return loaded.merged(made, self._options.precision), made.style
        if voice_id in stock_ids() or not self._fitted:
            return loaded.stock, self._style(voice_id)
        if (style := self._fitted.style_alone(voice_id)) is not None:
            return loaded.stock, style
        model = self._fitted.model(voice_id, self._model_path, loaded.stock.size_bytes)
        return model.runtimes, model.style

    def _model_path(self) -> Path:
        name = f"kokoro-{self._options.precision}"
        return self._options.store.path(name) / f"{name}.onnx"

    def _load_style(self, voice_id: str) -> Style:
        return stock_style(self._voices_path(), voice_id)

    def _voices_path(self) -> Path:
        return self._options.store.path("kokoro-voices") / "voices"


class _Loaded:
    """What an engine holds while it is loaded."""

    def __init__(self, model: Path, threads: int) -> None:
        self._model, self._threads = model, threads
        self._lock = threading.Lock()
        self._halves: Halves | None = None
        self._merged: tuple[bytes, Runtimes] | None = None
        self.stock = Runtimes(model, threads)
        self.executor = DueExecutor(threads, "kokoro")

    @property
    def size_bytes(self) -> int:
        """Of the stock network, and of what blends brought."""
        parts = (self.stock, self._halves, self._merged and self._merged[1])
        return sum(part.size_bytes for part in parts if part)

    def halves(self) -> Halves:
        """The network cut in two, for utterances along a path."""
        with self._lock:
            self._halves = self._halves or Halves(self._model, self._threads)
            return self._halves

    def merged(self, adapter: Adapter, precision: str) -> Runtimes:
        """The network with a blend of fitted voices in it; the one used last is kept."""
        if not adapter.names():
            return self.stock
        tensors = adapter.to_tensors()
        key = hashlib.sha256(b"".join(name.encode() + tensors[name].tobytes() for name in sorted(tensors))).digest()
        with self._lock:
            if self._merged is None or self._merged[0] != key:
                self._merged = None
                self._merged = (key, Runtimes(merge(self._model, adapter, precision), self._threads))
            return self._merged[1]


def due_times(request: SpeechRequest, now_s: float) -> list[float]:
    """When each sentence would be heard if the first one were now, so that no stream takes what another lacks."""
    speed = float(request.parameters.get("speed", 1.0))
    lengths = [len(sentence.text) * LETTER_S / speed for sentence in request.sentences]
    return list(accumulate(lengths[:-1], initial=now_s))


def _sentence(runtime: Runtime, request: SpeechRequest, style: Style, number: int, stopper: Stopper) -> Audio:
    """Sentence `number` (from 1) as it is heard, with the pause that follows it."""
    speed = float(request.parameters.get("speed", 1.0))
    pieces = _pieces(request, request.sentences[number - 1])
    said = [Audio(runtime.synthesize(tokens(piece), style, speed, stopper), SAMPLE_RATE) for piece in pieces]
    return _heard(request, number, said)


def _pieces(request: SpeechRequest, sentence: Sentence) -> list[str]:
    return cut(phonemize(sentence.text, request.language, sentence.given), STYLE_ROWS)


def _heard(request: SpeechRequest, number: int, pieces: list[Audio]) -> Audio:
    """Sentence `number` of what the network said, with the pause that follows it."""
    sentence = request.sentences[number - 1]
    is_first, is_last = number == 1, number == len(request.sentences)
    if not pieces:
        return silence(_pause_s(request, sentence, is_last), SAMPLE_RATE)
    head_s, tail_s = OUTER_S[0] if is_first else INNER_S[0], OUTER_S[1] if is_last else INNER_S[1]
    return append_silence(trimmed(join(pieces), head_s, tail_s), _pause_s(request, sentence, is_last))


def trimmed(spoken: Audio, head_s: float = OUTER_S[0], tail_s: float = OUTER_S[1]) -> Audio:
    """What the network spoke, as it is heard: with so much quiet at its ends at most, no clicks and no clipping."""
    return limit_peak(fade(trim(spoken, SILENT_DB, head_s, tail_s), CLICK_FREE_S, CLICK_FREE_S))


def _pause_s(request: SpeechRequest, sentence: Sentence, is_last: bool) -> float:
    pause_s = float(request.parameters.get("sentence_pause_s", PAUSE_S))
    return 0.0 if is_last else pause_s * pause_share(sentence)


def cut(phonemes: str, most: int) -> list[str]:
    """Pieces of at most `most` symbols, cut after a mark where there is one in the second half, else at a space."""
    pieces = []
    while len(phonemes) > most:
        marks = [phonemes.rfind(mark, most // 2, most) for mark in ";:,.!?—…"]
        at = max(marks) + 1 or phonemes.rfind(" ", 1, most) + 1 or most
        pieces.append(phonemes[:at].strip())
        phonemes = phonemes[at:].strip()
    return [piece for piece in (*pieces, phonemes) if piece]
