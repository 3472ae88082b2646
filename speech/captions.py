"""What is said in a recording as captions: SubRip and WebVTT (https://www.w3.org/TR/webvtt1/)."""

from __future__ import annotations

from collections.abc import Sequence

from speech.asr import Segment


def srt(segments: Sequence[Segment]) -> str:
    cues = (
        f"{number}\n{_time(one.start_s, ',')} --> {_time(one.end_s, ',')}\n{one.text.replace('-->', '->')}\n\n"
        for number, one in enumerate(segments, 1)
    )
    return "".join(cues)


def vtt(segments: Sequence[Segment]) -> str:
    cues = (
        f"{_time(one.start_s, '.')} --> {_time(one.end_s, '.')}\n{one.text.replace('-->', '->')}\n\n"
        for one in segments
    )
    return "WEBVTT\n\n" + "".join(cues)


def _time(seconds: float, mark: str) -> str:
    """Hours, minutes, seconds and milliseconds."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}{mark}{milliseconds:03d}"
