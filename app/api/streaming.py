"""Sound sent while it is made; a client that leaves stops the making before the next sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import anyio
from anyio.to_thread import run_sync
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from speech.audio import Audio, AudioFormat, encode
from speech.synthesis import Plan, Synthesizer, tags_of


class SoundResponse(StreamingResponse):
    """The sound of a plan in one format. The first sentence is made before the status line is sent, so that what
    fails there is answered as an error; headers say what was used."""

    def __init__(self, synthesizer: Synthesizer, plan: Plan, chosen: AudioFormat, format_name: str) -> None:
        self._chunks = synthesizer.speak(plan)
        try:
            first = next(self._chunks)
        except BaseException:
            self._chunks.close()
            raise
        encoded = encode(_from(first, self._chunks), format_name, plan.sample_rate, tags_of(plan))
        super().__init__(_relay(encoded), media_type=chosen.media_type, headers=_headers(plan))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):  # a sentence under way ends in its thread before the close
                await run_sync(self._chunks.close)


def _headers(plan: Plan) -> dict[str, str]:
    more = {}
    if plan.seed is not None:
        more["X-Papagaio-Seed"] = str(plan.seed)
    if not plan.info.is_commercial:
        more["X-Papagaio-Licence"] = f"{plan.info.licence}; non-commercial"
        more["Link"] = f'<{plan.info.licence_url}>; rel="license"'  # RFC 8288 and the registry's relation
    if plan.info.without_effect:
        more["X-Papagaio-Without-Effect"] = ", ".join(plan.info.without_effect)
    return more | {
        "X-Papagaio-Engine": plan.engine,
        "X-Papagaio-Voice": plan.voice.voice_id,
        "X-Papagaio-Language": plan.language,
        "X-Sample-Rate": str(plan.sample_rate),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would gather the stream (ngx_http_proxy_module, proxy_buffering)
    }


def _from(first: Audio, rest: Iterator[Audio]) -> Iterator[Audio]:
    yield first
    yield from rest


async def _relay(blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (block := await run_sync(next, blocks, None)) is not None:
        yield block
