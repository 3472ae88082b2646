"""`papagaio wyoming`: voices and transcription for Home Assistant and other clients of the Wyoming protocol, by TCP."""

from __future__ import annotations

import argparse
import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from app import VERSION
from app.commands.console import Console
from app.commands.wyoming_caller import BoundCaller, bound_caller
from app.commands.wyoming_events import LINE_BYTES, BadFrame, Event, frame_of, read_event
from app.errors import Problem
from app.settings import is_loopback
from app.texts import render
from speech.audio import Audio, from_pcm16, pcm16
from speech.errors import SpeechError
from speech.text.language import guess
from speech.text.sentences import split

if TYPE_CHECKING:
    from app.settings import Settings
    from speech.asr import Heard, HearingOptions
    from speech.synthesis import Synthesizer
    from speech.text.reading import ReadingOptions

PORT = 10300
MOST_CHARS = 10_000
LONGEST_S = 600.0  # of a recording
MOST_BYTES = 1 << 26  # of one, which is held in memory
OURS = {"name": "Papagaio", "url": ""}
WIDTH, CHANNELS = 2, 1
T = TypeVar("T")


def wyoming(options: argparse.Namespace, console: Console) -> int:
    """Until SIGTERM or Ctrl-C. Raises SpeechError for what the default engine lacks, Problem as `bound_caller`."""
    from app.settings import load_settings

    settings, host = load_settings(), options.host or "127.0.0.1"
    with bound_caller(settings, options.account or "", host) as caller, closing(_synthesizer(settings)) as synthesizer:
        synthesizer.check(synthesizer.default_engine().engine)
        server = server_for(settings, synthesizer, caller, console.language)
        asyncio.run(_serve(server, host, options.port or PORT, console))
    return 0


def server_for(
    settings: Settings, synthesizer: Synthesizer, caller: BoundCaller | None, language: str
) -> WyomingServer:
    """Of all that is here, or as `caller` sees it."""
    if caller is None:
        return WyomingServer(synthesizer, lambda: _reading(settings), settings.max_streams, language)
    return WyomingServer(caller.seen(synthesizer), caller.reading, settings.max_streams, language, caller)


def _synthesizer(settings: Settings) -> Synthesizer:
    """Of the engine hosts of the service that runs on this data folder, or of other machines; else of this process."""
    from app.tasks import synthesizer_of
    from app.wiring import hosted, running_hosts

    hosts = running_hosts(settings)
    return hosted(settings, hosts) if hosts else synthesizer_of(settings)


def _reading(settings: Settings) -> ReadingOptions:
    from app.commands.dictionary import stored_dictionary
    from speech.text.reading import ReadingOptions

    return ReadingOptions("auto", stored_dictionary(settings))


async def _serve(server: WyomingServer, host: str, port: int, console: Console) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    try:
        listening = await asyncio.start_server(server.connected, host, port, limit=LINE_BYTES)
    except OSError as error:
        raise Problem("engine_address_unusable", address=f"{host}:{port}", reason=str(error)) from error
    async with listening:
        console.note(console.text("cli.wyoming.listening", address=f"tcp://{host}:{port}"))
        if not is_loopback(host):
            console.note(console.text("cli.wyoming.open"))
        await stopped.wait()


@dataclass
class WyomingServer:
    """`connected` serves one client. `reading` gives the reader's options as they are at each text. `caller`: for whom
    all is done; None: for this machine."""

    synthesizer: Synthesizer
    reading: Callable[[], ReadingOptions]
    most: int  # texts spoken and recordings heard at a time
    language: str  # of what is said of errors
    caller: BoundCaller | None = None
    most_connections: int = 64
    idle_s: float = 300.0  # without a whole event, after which a client is sent away
    busy: int = 0
    open: int = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            connection = Connection(self, reader, writer)
            await (connection.run() if self.open <= self.most_connections else connection.refuse(self.most_connections))
        except ConnectionError:
            pass
        finally:
            self.open -= 1
            writer.close()

    def check(self) -> None:
        """Before anything is done. Raises as `BoundCaller.check`."""
        if self.caller is not None:
            self.caller.check()

    def hear(self, audio: Audio, options: HearingOptions) -> Heard:
        """Raises as `check` and as `Synthesizer.hear`."""
        self.check()
        self.synthesizer.check_listening()
        heard = self.synthesizer.hear(audio, options)
        if self.caller is None:
            return heard
        return replace(heard, segments=self.caller.meter.listened(heard.segments, audio.duration_s))

    def info(self) -> dict[str, Any]:
        """What `describe` is answered with."""
        synthesizer = self.synthesizer
        voices = [
            _artifact(voice.voice_id, f"{voice.title} ({voice.language})")
            | {"languages": list(_languages(synthesizer, voice.engine, voice.language)), "speakers": None}
            for voice in synthesizer.voices()
            if synthesizer.lack(voice.engine) is None
        ]
        voices.sort(key=lambda voice: voice["name"] not in _preset_voices(synthesizer))
        tts = _artifact("papagaio", "Papagaio") | {"voices": voices, "supports_synthesize_streaming": True}
        return {"tts": [tts], "asr": [self._listening()] if _hears(synthesizer) else []}

    @staticmethod
    def _listening() -> dict[str, Any]:
        from speech.asr import known_languages

        model = _artifact("whisper-base", "Whisper base") | {"languages": list(known_languages())}
        return _artifact("papagaio", "Papagaio") | {"models": [model], "supports_transcript_streaming": True}


class Connection:
    """One client: what it has begun to say, by text or by sound."""

    def __init__(self, server: WyomingServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._text: str | None = None  # of a streamed request, what is not spoken yet
        self._voice: Mapping[str, Any] = {}
        self._has_begun = False  # whether the sound of a request has
        self._wanted: Mapping[str, Any] = {}  # of a transcription
        self._format: Mapping[str, Any] = {}
        self._sound = bytearray()

    async def run(self) -> None:
        handlers: dict[str, Callable[[Event], Awaitable[None]]] = {
            "describe": self._describe,
            "ping": self._ping,
            "synthesize": self._synthesize,
            "synthesize-start": self._start,
            "synthesize-chunk": self._more,
            "synthesize-stop": self._stop,
            "transcribe": self._transcribe,
            "audio-start": self._audio_start,
            "audio-chunk": self._audio_chunk,
            "audio-stop": self._audio_stop,
        }
        try:
            while (event := await self._next_event()) is not None:
                if handler := handlers.get(event.type):  # what is not known is passed over, as the protocol says
                    await self._guarded(handler, event)
        except BadFrame as error:
            await self._send("error", {"text": str(error), "code": "bad_frame"})

    async def refuse(self, most: int) -> None:
        """Of one connection more than there may be."""
        problem = Problem("too_many_connections", maximum=most)
        await self._tell(problem.code, problem.values)

    async def _next_event(self) -> Event | None:
        """None where there is none any more, or none came for long."""
        try:
            return await asyncio.wait_for(read_event(self._reader), self._server.idle_s)
        except TimeoutError:
            return None

    async def _guarded(self, handler: Callable[[Event], Awaitable[None]], event: Event) -> None:
        try:
            await handler(event)
        except (SpeechError, Problem) as error:
            self._text, self._has_begun, self._sound = None, False, bytearray()
            await self._tell(error.code, error.values)

    async def _tell(self, code: str, values: Mapping[str, Any]) -> None:
        await self._send("error", {"text": render(f"error.{code}", self._server.language, values), "code": code})

    async def _send(self, kind: str, data: Mapping[str, Any] | None = None, payload: bytes = b"") -> None:
        self._writer.write(frame_of(Event(kind, data or {}, payload)))
        await self._writer.drain()

    async def _describe(self, event: Event) -> None:
        await self._send("info", await asyncio.to_thread(self._server.info))

    async def _ping(self, event: Event) -> None:
        await self._send("pong", {"text": event.data.get("text")})

    async def _synthesize(self, event: Event) -> None:
        if self._text is not None:  # the whole text once more, for servers that do not stream
            return
        await self._speak(_text_of(event), event.data.get("voice") or {})
        await self._end_sound()

    async def _start(self, event: Event) -> None:
        self._text, self._voice, self._has_begun = "", event.data.get("voice") or {}, False

    async def _more(self, event: Event) -> None:
        """Whole sentences are spoken as soon as the next one has begun."""
        if self._text is None:
            return
        self._text += _text_of(event)
        sentences = split(self._text, MOST_CHARS, _primary(self._voice))
        if len(sentences) > 1:
            self._text = sentences[-1].text
            await self._speak(" ".join(sentence.text for sentence in sentences[:-1]), self._voice)

    async def _stop(self, event: Event) -> None:
        if self._text is not None and self._text.strip():
            await self._speak(self._text, self._voice)
        self._text = None
        await self._end_sound()
        await self._send("synthesize-stopped")

    async def _speak(self, text: str, wanted: Mapping[str, Any]) -> None:
        chunks = await asyncio.to_thread(self._spoken, text, wanted)
        async for chunk in self._each(chunks):
            told = {"rate": chunk.sample_rate, "width": WIDTH, "channels": CHANNELS}
            if not self._has_begun:
                self._has_begun = True
                await self._send("audio-start", told)
            if len(chunk.samples):
                await self._send("audio-chunk", told, pcm16(chunk.samples))

    def _spoken(self, text: str, wanted: Mapping[str, Any]) -> Generator[Audio, None, None]:
        if len(text) > MOST_CHARS:
            raise SpeechError("text_too_long", length=len(text), maximum=MOST_CHARS)
        self._server.check()
        synthesizer = self._server.synthesizer
        voice, language = _voice_for(synthesizer, wanted, text)
        engine = synthesizer.choose_engine(None, voice).engine
        plan = synthesizer.plan(text, engine=engine, language=language, voice=voice, reading=self._server.reading())
        return synthesizer.speak(plan)

    async def _end_sound(self) -> None:
        if self._has_begun:
            await self._send("audio-stop")
        self._has_begun = False

    async def _transcribe(self, event: Event) -> None:
        self._wanted = event.data

    async def _audio_start(self, event: Event) -> None:
        self._format, self._sound = event.data, bytearray()

    async def _audio_chunk(self, event: Event) -> None:
        self._format = self._format or event.data
        self._sound += event.payload
        longest_s = min(LONGEST_S, MOST_BYTES / (rate := _bytes_a_second(self._format)))
        if len(self._sound) > longest_s * rate:
            raise SpeechError("transcription_too_long", file="audio-chunk", maximum_s=round(longest_s))

    async def _audio_stop(self, event: Event) -> None:
        from speech.asr import HearingOptions

        audio, wanted = _audio_of(bytes(self._sound), self._format), self._wanted
        self._sound, self._wanted, self._format = bytearray(), {}, {}
        expected = [*(wanted.get("transcript_names") or ()), *(wanted.get("transcript_terms") or ())]
        options = HearingOptions(language=str(wanted.get("language") or ""), expected=tuple(map(str, expected)))
        heard = await asyncio.to_thread(self._server.hear, audio, options)
        await self._send("transcript-start", {"language": heard.language})
        said: list[str] = []
        async for segment in self._each(heard.segments):
            said.append(segment.text)
            await self._send("transcript-chunk", {"text": segment.text if len(said) == 1 else f" {segment.text}"})
        await self._send("transcript", {"text": " ".join(said), "language": heard.language})
        await self._send("transcript-stop")

    async def _each(self, made: Generator[T, None, None]) -> AsyncIterator[T]:
        """What a generator makes, in a thread; closed when the client has gone. Raises Problem `over_capacity`."""
        if self._server.busy >= self._server.most:
            raise Problem("over_capacity", maximum=self._server.most)
        self._server.busy += 1
        try:
            while (one := await asyncio.to_thread(_next, made)) is not None:
                if self._writer.is_closing() or self._reader.at_eof():
                    raise ConnectionResetError
                yield one
        finally:
            self._server.busy -= 1
            await asyncio.to_thread(made.close)


def _next(made: Iterator[T]) -> T | None:
    return next(made, None)


def _text_of(event: Event) -> str:
    text = event.data.get("text")
    if not isinstance(text, str):
        raise Problem("bad_body", expected=event.type, reason="text")
    return text


def _bytes_a_second(told: Mapping[str, Any]) -> int:
    """Raises Problem `bad_body` for another layout than 16 bit PCM of one or two channels."""
    rate, width, channels = (told.get(name) for name in ("rate", "width", "channels"))
    if not isinstance(rate, int) or not 4000 <= rate <= 192_000 or width != WIDTH or channels not in (1, 2):
        raise Problem("bad_body", expected="PCM", reason=f"rate {rate}, width {width}, channels {channels}")
    return int(rate * WIDTH * channels)


def _audio_of(data: bytes, told: Mapping[str, Any]) -> Audio:
    """Mono. Raises SpeechError `audio_empty` and what `_bytes_a_second` raises."""
    if not data:
        raise SpeechError("audio_empty")
    _bytes_a_second(told)
    frame = WIDTH * told["channels"]
    audio = from_pcm16(data[: len(data) // frame * frame], told["rate"])
    return audio if told["channels"] == 1 else Audio(audio.samples.reshape(-1, 2).mean(axis=1), audio.sample_rate)


def _voice_for(synthesizer: Synthesizer, wanted: Mapping[str, Any], text: str) -> tuple[str, str]:
    """A voice and the language it is to speak, "" for its own. Raises SpeechError `language_not_spoken`."""
    if name := wanted.get("name"):
        return str(name), ""
    language = str(wanted.get("language") or guess(text) or "")
    primary = language.partition("-")[0].partition("_")[0].lower()
    engine = synthesizer.default_engine().engine
    for preset in synthesizer.registry.engine(engine).presets:
        if not primary or primary in preset.voices:
            return preset.voices[primary] if primary else next(iter(preset.voices.values())), language
    for voice in synthesizer.voices():
        if voice.language.partition("-")[0].lower() == primary or not primary:
            return voice.voice_id, language
    choices = list(synthesizer.engines()[engine].languages)
    raise SpeechError("language_not_spoken", language=language[:80], engine=engine, choices=choices)


def _primary(wanted: Mapping[str, Any]) -> str:
    return str(wanted.get("language") or "")


def _artifact(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "attribution": OURS, "installed": True, "description": description, "version": VERSION}


def _languages(synthesizer: Synthesizer, engine: str, own: str) -> tuple[str, ...]:
    """The voice's own, or all of its engine's for one that has none."""
    from speech.voices import MANY_LANGUAGES

    return synthesizer.engines()[engine].languages if own == MANY_LANGUAGES else (own,)


def _preset_voices(synthesizer: Synthesizer) -> frozenset[str]:
    """Which clients show first."""
    presets = synthesizer.registry.engine(synthesizer.default_engine().engine).presets
    return frozenset(voice for preset in presets for voice in preset.voices.values())


def _hears(synthesizer: Synthesizer) -> bool:
    try:
        synthesizer.check_listening()
    except SpeechError:
        return False
    return True
