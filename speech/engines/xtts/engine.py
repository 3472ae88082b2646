"""XTTS-v2 behind the Engine protocol: all sentences of all requests go through one decoding loop, streamed in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from speech.engines.base import Chunk, EngineOptions, SpeechRequest
from speech.engines.xtts.blending import RECIPE, latents_of, mixed_latents
from speech.engines.xtts.record import ENGINE, LANGUAGES, MODEL, RECORD, SAMPLE_RATE
from speech.engines.xtts.tokenizer import CHAR_LIMITS, Tokenizer
from speech.engines.xtts.voices import LEAST_S, clips_of, heard_of, studio_voices, tensors_of
from speech.errors import SpeechError
from speech.text.sentences import Sentence, split
from speech.voice_files import read_tensors
from speech.voice_folder import ListedVoices, VoiceFolder
from speech.voices import Voice

if TYPE_CHECKING:
    from speech.engines.xtts.batching import DecodingLoop, Ticket, Utterance
    from speech.engines.xtts.checkpoint import Latents
    from speech.engines.xtts.sampling import SamplingOptions
    from speech.engines.xtts.vocoder import Vocoder

AHEAD = 8  # utterances of one request in the loop at once; those after them wait for the first to be heard
FEWER = {
    "auto": 1,
    "fp32": 1,
    "bf16": 2,
    "int8": 3,
}  # bytes in memory than in the file, about: not every part is packed
UNSPACED = ("zh", "ja")  # written without spaces between sentences
SAMPLING = ("temperature", "top_k", "top_p", "repetition_penalty", "length_penalty")
FILES = ("config.json", "vocab.json")
WEIGHTS = ("model.safetensors", "model.pth")


class XttsEngine:
    """Weights of the model store, or of `options.checkpoint_dir`; studio speakers and the library's `xtts` voices."""

    info = RECORD.info

    def __init__(self, options: EngineOptions) -> None:
        self._options = options
        self._library = VoiceFolder(options.voices_dir) if options.voices_dir else None
        self._listed = ListedVoices(self._library, ENGINE, LEAST_S) if self._library else None
        self._loaded: Loaded | None = None

    def check(self) -> None:
        """Raises SpeechError `engine_not_installed`, `model_missing`, `checkpoint_dir_unusable`."""
        RECORD.install.check_packages(self.info.title)
        self._folder()

    def needed_bytes(self) -> int:
        return weight_bytes(self._folder()) // FEWER[self._options.precision]

    def load(self, device: str) -> None:
        """Raises SpeechError as `check`, `open_checkpoint` and `fill` do."""
        self.check()
        self._loaded = Loaded(self._folder(), device, self._options)

    def unload(self) -> None:
        loaded, self._loaded = self._loaded, None
        if loaded:
            loaded.close()

    def memory_bytes(self) -> int:
        return self._loaded.size_bytes if self._loaded else 0

    @property
    def precision(self) -> str:
        """That the weights have; "" while they are not loaded."""
        return self._loaded.loop.precision if self._loaded else ""

    def voices(self) -> tuple[Voice, ...]:
        return (*self._studio().values(), *(self._listed.voices() if self._listed else ()))

    def speak(self, request: SpeechRequest) -> Generator[Chunk, None, None]:
        """Chunks within a sentence, the first one early. Closing the iterator takes every sentence out of the loop.

        Raises SpeechError `engine_not_loaded`, `speech_empty`, and what the tokenizer, the voice's reference and the
        loop raise.
        """
        loaded = self._loaded
        if loaded is None:
            raise SpeechError("engine_not_loaded", engine=ENGINE)
        latents = self._wanted(loaded, request)
        waiting = deque(utterances(request, loaded, latents))
        running: deque[tuple[int, Ticket]] = deque()
        is_heard = False
        try:
            while waiting or running:
                while waiting and len(running) < AHEAD:
                    ends, utterance = waiting.popleft()
                    running.append((ends, loaded.loop.submit(utterance)))
                ends, ticket = running[0]
                for chunk in loaded.sound(ticket, latents, float(request.parameters.get("speed", 1.0)), ends):
                    is_heard = True
                    yield chunk
                running.popleft()
        finally:
            for _, ticket in running:
                ticket.cancel()
        if not is_heard:
            raise SpeechError("speech_empty", engine=ENGINE, seed=request.seed)

    def _wanted(self, loaded: Loaded, request: SpeechRequest) -> Latents:
        if request.blend is None:
            return self._latents(loaded, self._checked(request.voice))
        offered = {voice.voice_id: voice for voice in self.voices()}
        sources = {}
        for voice_id in request.blend.voices:
            if voice_id not in offered:  # it went after the request was checked
                raise SpeechError("unknown_voice", voice=voice_id, engine=ENGINE, choices=list(offered))
            sources[voice_id] = self._latents(loaded, self._checked(offered[voice_id]))
        return mixed_latents(sources, request.blend.points[0], request.blend.method)

    def _checked(self, voice: Voice) -> Voice:
        """Raises SpeechError `voice_of_other_weights`: this instance has not what the voice speaks with."""
        own = self._options.weights_dir
        if voice.weights != (str(own) if own else ""):
            raise SpeechError("voice_of_other_weights", voice=voice.voice_id)
        return voice

    def _latents(self, loaded: Loaded, voice: Voice) -> Latents:
        studio = {one.voice_id: loaded.speakers[name] for name, one in self._studio().items()}
        if voice.voice_id in studio:
            return studio[voice.voice_id]
        library = VoiceFolder(Path(voice.folder).parent) if voice.folder else self._library
        if library is None:
            raise SpeechError("unknown_voice", voice=voice.voice_id, engine=ENGINE, choices=list(studio))
        parts = library.parts(voice.voice_id)
        if ENGINE not in parts:
            clips = [clip.audio for clip in library.clips(voice.voice_id)]
            return loaded.latents.of(clips_of(tensors_of(heard_of(clips))))
        tensors = read_tensors(parts[ENGINE])
        return (
            latents_of(tensors, studio, loaded.latents.of)
            if RECIPE in tensors
            else loaded.latents.of(clips_of(tensors))
        )

    def _studio(self) -> Mapping[str, Voice]:
        try:
            return studio_voices(self._folder())
        except SpeechError:  # `load` tells why
            return {}

    def _folder(self) -> Path:
        """Raises SpeechError `model_missing`, `checkpoint_dir_unusable`."""
        folder = self._options.checkpoint_dir
        if folder is None:
            return self._options.store.path(MODEL)
        missing = [name for name in FILES if not (folder / name).is_file()]
        if not any((folder / name).is_file() for name in WEIGHTS):
            missing.append(" / ".join(WEIGHTS))
        if missing:
            raise SpeechError("checkpoint_dir_unusable", path=str(folder), missing=missing)
        return folder


class Loaded:
    """What an engine holds while it is loaded."""

    def __init__(self, folder: Path, device: str, options: EngineOptions) -> None:
        from speech.engines.packed_linear import check_precision
        from speech.engines.xtts.adapters import open_tuned
        from speech.engines.xtts.batching import LoopOptions, load_loop
        from speech.engines.xtts.checkpoint import open_checkpoint, read_speakers
        from speech.engines.xtts.latents import VoiceLatents
        from speech.engines.xtts.vocoder import load_vocoder

        check_precision(options.precision, device)  # before gigabytes are read
        checkpoint = open_tuned(folder, options.weights_dir) if options.weights_dir else open_checkpoint(folder)
        self.config = checkpoint.config
        self.tokenizer = Tokenizer(checkpoint.vocab_path)
        self.vocoder: Vocoder = load_vocoder(checkpoint.config, checkpoint.weights, device)
        self.speakers: Mapping[str, Latents] = read_speakers(folder)
        cache = options.cache_dir / "xtts" if options.cache_dir else None
        self.latents = VoiceLatents(checkpoint, cache)
        # Last: its weights are packed in the background, on every core.
        loop_options = LoopOptions(threads=options.threads, memory_bytes=options.memory_bytes)
        self.loop: DecodingLoop = load_loop(checkpoint, device, options.precision, loop_options)

    @property
    def size_bytes(self) -> int:
        return self.loop.size_bytes + self.vocoder.size_bytes

    def close(self) -> None:
        self.loop.close()
        if self.vocoder.workers:
            self.vocoder.workers.shutdown()

    def sound(self, ticket: Ticket, latents: Latents, speed: float, ends: int) -> Iterator[Chunk]:
        """An utterance as it is decoded; `ends` sentences of the request end with its last chunk."""
        from speech.engines.xtts.vocoder import VocoderStream

        stream, block = VocoderStream(self.vocoder, latents.speaker, speed), None
        for block in ticket:
            if len(samples := stream.push(block)):
                yield Chunk(samples, SAMPLE_RATE, 0)
        if block is not None:
            yield Chunk(stream.push(block[:0], is_last=True), SAMPLE_RATE, ends, ticket.ended_by == "limit")


def weight_bytes(folder: Path) -> int:
    """Of a checkpoint's file, which is about what its weights hold in memory in fp32."""
    return next((folder / name).stat().st_size for name in WEIGHTS if (folder / name).exists())


def utterances(request: SpeechRequest, loaded: Loaded, latents: Latents) -> list[tuple[int, Utterance]]:
    """What is decoded in one go, with the number of the request's sentences that end with it."""
    from speech.engines.xtts.batching import Utterance

    code, request_id = LANGUAGES[request.language], uuid4().hex
    is_split = bool(request.parameters.get("enable_text_splitting", False))
    limit = CHAR_LIMITS[code]
    texts = [(1, sentence.text) for sentence in request.sentences]
    made = []
    for ends, text in texts if is_split else packed(request.sentences, limit, "" if code[:2] in UNSPACED else " "):
        pieces = list(_encoded(text, code, loaded))
        made += [(0, piece) for piece in pieces[:-1]] + [(ends, pieces[-1])]
    return [
        (
            ends,
            Utterance(
                text_ids=tuple(ids),
                latents=latents,
                sampling=_sampling(request, number),
                request_id=request_id,
                max_tokens=loaded.config.max_audio,
            ),
        )
        for number, (ends, ids) in enumerate(made)
    ]


def packed(sentences: Sequence[Sentence], limit: int, space: str) -> list[tuple[int, str]]:
    """As many sentences of a paragraph together as `limit` characters allow, with their number."""
    found: list[tuple[int, str]] = []
    is_open = False
    for sentence in sentences:
        joined = f"{found[-1][1]}{space}{sentence.text}" if is_open else sentence.text
        if is_open and len(joined) <= limit:
            found[-1] = (found[-1][0] + 1, joined)
        else:
            found.append((1, sentence.text))
        is_open = not sentence.ends_paragraph and sentence.pause_s is None
    return found


def _encoded(text: str, code: str, loaded: Loaded) -> Iterator[list[int]]:
    """Token ids of a text; of its halves where they are more than the GPT has places for."""
    ids = loaded.tokenizer.encode(text, code)
    if len(ids) < loaded.config.max_text or len(text) < 2:
        yield ids
        return
    for half in split(text, (len(text) + 1) // 2):
        yield from _encoded(half.text, code, loaded)


def _sampling(request: SpeechRequest, number: int) -> SamplingOptions:
    from speech.engines.xtts.sampling import SamplingOptions

    given: dict[str, Any] = {name: request.parameters[name] for name in SAMPLING if name in request.parameters}
    seed = None if request.seed is None else (request.seed + number) % 2**32
    return SamplingOptions(**{**given, "seed": seed})
