"""Sound sent while it is made; a client that leaves stops the making before the next sentence."""

from __future__ import annotations

from collections.abc import Iterator

from app.host.responses import MadeResponse
from speech.audio import Audio, AudioFormat, encode, join, to_bytes
from speech.plan import Plan, tags_of
from speech.synthesis import Synthesizer


class SoundResponse(MadeResponse):
    """The sound of a plan in one format. The first sentence is made before the status line is sent, so that what
    fails there is answered as an error; headers say what was used."""

    def __init__(self, synthesizer: Synthesizer, plan: Plan, chosen: AudioFormat, format_name: str) -> None:
        chunks = synthesizer.speak(plan)
        headers = headers_of(plan)
        encoded: Iterator[bytes]
        try:
            first = next(chunks)
            if format_name == "wav" and len(plan.sentences) == 1:  # its length is known before anything is sent
                whole = to_bytes(join([first, *chunks]), format_name, tags_of(plan))
                headers["Content-Length"], encoded = str(len(whole)), iter([whole])
            else:
                encoded = encode(_from(first, chunks), format_name, plan.sample_rate, tags_of(plan))
        except BaseException:
            chunks.close()
            raise
        super().__init__(encoded, chunks, chosen.media_type, headers)


def headers_of(plan: Plan) -> dict[str, str]:
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
        "X-Sample-Rate": str(plan.sample_rate),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would gather the stream (ngx_http_proxy_module, proxy_buffering)
    }


def _from(first: Audio, rest: Iterator[Audio]) -> Iterator[Audio]:
    yield first
    yield from rest
