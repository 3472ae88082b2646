"""A WAV that lies on the disk, as the answer of a route."""

from __future__ import annotations

from starlette.responses import FileResponse


class WavFile(FileResponse):
    """With ranges; the media type is what OpenAPI tells of the route."""

    media_type = "audio/wav"
