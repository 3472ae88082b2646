"""Sound sent while it is made; a client that leaves stops the making before the next sentence."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing

from fastapi import Request

from app.api.presence import while_present
from app.api.services import Services
from app.host.responses import MadeResponse
from speech.audio import Audio, Tags, encode, format_of, join, resampled, to_bytes
from speech.plan import Plan, tags_of


class Sound:
    """A plan on its way to a client: its first sentence is made, so that what fails there is answered as an error.

    `blocks` are the bytes of a file in one of speech.audio's formats, `headers` say what was used. `sample_rate`: of
    the file, where it is not to be the engine's. `is_tagged` False leaves out what a file says of its licence, for
    clients that take a header of 44 bytes for granted. `is_whole`: nothing is sent before all is made, so that a WAV's
    lengths are true. `bit_rate`: of mp3 and opus, a constant one. Raises Problem `over_capacity`,
    `too_many_requests` and what speaking raises.
    """

    def __init__(
        self,
        services: Services,
        plan: Plan,
        format_name: str,
        *,
        sample_rate: int = 0,
        is_tagged: bool = True,
        is_whole: bool = False,
        bit_rate: int | None = None,
    ) -> None:
        services.submit(sum(len(sentence.text) for sentence in plan.sentences))
        self.media_type = format_of(format_name).media_type
        self.duration_s = 0.0  # of what was made so far
        self.headers = headers_of(plan, sample_rate)
        self._open = ExitStack()
        self._open.callback(services.capacity.take().close)
        try:
            started = time.perf_counter()
            chunks = services.synthesizer.speak(plan)
            self._open.callback(chunks.close)
            first = next(chunk for chunk in chunks if len(chunk.samples) or chunk.ends)
            tags = tags_of(plan) if is_tagged else {}
            services.metrics.observe_first_audio(plan.engine, time.perf_counter() - started)
            made = self._counted(_from(first, chunks))
            if sample_rate:
                made = resampled(made, sample_rate)
            if format_name == "wav" and len(plan.sentences) == 1:  # its length is known before anything is sent
                whole = to_bytes(join(made), format_name, tags)
                self.headers["Content-Length"], self.blocks = str(len(whole)), iter([whole])
            elif is_whole:
                self.blocks = _whole(made, format_name, tags)
            else:
                self.blocks = encode(made, format_name, sample_rate or plan.sample_rate, tags, bit_rate)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._open.close()

    def _counted(self, chunks: Iterable[Audio]) -> Iterator[Audio]:
        for chunk in chunks:
            self.duration_s += chunk.duration_s
            yield chunk


def made_whole(sound: Sound, request: Request | None = None) -> bytes:
    """The bytes of a sound that is answered as something else, such as a file that stays; `sound` is closed in any
    case. Raises ClientDisconnect where the client of `request` has gone, and what speaking raises."""
    with closing(sound):
        return b"".join(sound.blocks if request is None else while_present(request, sound.blocks))


class SoundResponse(MadeResponse):
    """The bytes of a sound."""

    def __init__(self, sound: Sound, media_type: str = "") -> None:
        super().__init__(sound.blocks, sound, media_type or sound.media_type, sound.headers)


def headers_of(plan: Plan, sample_rate: int = 0) -> dict[str, str]:
    """`sample_rate`: of what is sent, where it is not the engine's."""
    more = {}
    if plan.seed is not None:
        more["X-Papagaio-Seed"] = str(plan.seed)
    if restricted := plan.restricted:
        more["X-Papagaio-Licence"] = ", ".join(f"{info.licence}; non-commercial" for info in restricted)
        # RFC 8288 and the registry's relation
        more["Link"] = ", ".join(f'<{info.licence_url}>; rel="license"' for info in restricted)
    if plan.info.without_effect:
        more["X-Papagaio-Without-Effect"] = ", ".join(plan.info.without_effect)
    return more | {
        "X-Papagaio-Engine": plan.engine,
        "X-Papagaio-Voice": plan.voice.voice_id,
        "X-Papagaio-Language": plan.language,
        "X-Sample-Rate": str(sample_rate or plan.sample_rate),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would gather the stream (ngx_http_proxy_module, proxy_buffering)
    }


def _whole(chunks: Iterable[Audio], format_name: str, tags: Tags) -> Iterator[bytes]:
    made = []
    for chunk in chunks:
        made.append(chunk)
        yield b""
    yield to_bytes(join(made), format_name, tags)


def _from(first: Audio, rest: Iterator[Audio]) -> Iterator[Audio]:
    yield first
    yield from rest
