"""Who speaks a part of a text, and how: `<voice>`, `<prosody>` (W3C SSML 1.1) and, for dialogue, `[voice: name]`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace

from speech.text.say_as import markup_value
from speech.text.sentences import PLAIN, Delivery

RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.5}
PITCHES_ST = {"x-low": -4.0, "low": -2.0, "medium": 0.0, "default": 0.0, "high": 2.0, "x-high": 4.0}
DEEPEST_DB = -96.0  # silence
VOLUMES_DB = {
    "silent": DEEPEST_DB,
    "x-soft": -12.0,
    "soft": -6.0,
    "medium": 0.0,
    "default": 0.0,
    "loud": 6.0,
    "x-loud": 10.0,
}
RATE_RANGE, PITCH_RANGE_ST, VOLUME_RANGE_DB = (0.5, 2.0), (-12.0, 12.0), (DEEPEST_DB, 12.0)
_SPEAKER = re.compile(r"\[(?:voice|voz)\s*:\s*([^\[\]\n<>\"]{0,100})\](?:[ \t]*:)?[ \t]*", re.IGNORECASE)
_TAG = re.compile(r"<(/?)(voice|prosody|turn)\b([^<>]{0,300}?)(/?)>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')")
_NUMBER = r"[+-]?\d{1,4}(?:\.\d{1,4})?"


def with_turns(text: str) -> str:
    """`text` with each `[voice: name]` as an element, so that no rule of Markdown takes it for a link."""
    if "[" not in text:
        return text
    return _SPEAKER.sub(lambda found: f'<turn name="{found[1].strip()}"/>', text)


class Turns:
    """The parts of a text, one after another: what is open at the end of one is open in the next."""

    def __init__(self) -> None:
        self._open: list[tuple[str, Delivery]] = []
        self._speaker = PLAIN

    def parts(self, text: str) -> list[tuple[str, Delivery]]:
        """`text` without these elements, each part with its delivery. Raises SpeechError `markup_value`."""
        found: list[tuple[str, Delivery]] = []
        at = 0
        for tag in _TAG.finditer(text):
            found.append((text[at : tag.start()], self._now))
            self._take(tag)
            at = tag.end()
        found.append((text[at:], self._now))
        return list(_whole(found))

    @property
    def _now(self) -> Delivery:
        return self._open[-1][1] if self._open else self._speaker

    def _take(self, tag: re.Match[str]) -> None:
        name, attributes = tag[2].lower(), {key.lower(): a or b or "" for key, a, b in _ATTRIBUTE.findall(tag[3])}
        if name == "turn":  # whoever spoke before is done
            self._open, self._speaker = [], Delivery(voice=attributes.get("name", ""))
        elif tag[1]:
            places = [index for index, (opened, _) in enumerate(self._open) if opened == name]
            self._open = self._open[: places[-1]] if places else self._open
        elif not tag[4]:
            change = _voiced if name == "voice" else _spoken
            self._open.append((name, change(self._now, attributes)))


def _whole(parts: list[tuple[str, Delivery]]) -> Iterator[tuple[str, Delivery]]:
    """Without empty parts; marks that a part begins with end the one before it."""
    before: tuple[str, Delivery] | None = None
    for text, delivery in parts:
        marks = re.match(r"[.,;:!?…)»”]+", text) if before else None
        if before and marks:
            before, text = (before[0] + marks[0], before[1]), text[marks.end() :]
        if not text.strip():
            before = (before[0] + text, before[1]) if before else None
            continue
        if before and before[1] == delivery:
            before = (before[0] + text, delivery)
            continue
        if before:
            yield before
        before = (text, delivery)
    if before:
        yield before


def _voiced(now: Delivery, attributes: dict[str, str]) -> Delivery:
    if not attributes.get("name", "").strip():
        raise markup_value("voice", ", ".join(attributes) or "name", next(iter(attributes.values()), ""), ("name",))
    return replace(now, voice=attributes["name"].strip())


def _spoken(now: Delivery, attributes: dict[str, str]) -> Delivery:
    for name, value in attributes.items():
        if name not in ("rate", "pitch", "volume"):
            raise markup_value("prosody", name, value, ("rate", "pitch", "volume"))
    rate = now.rate * _rate(attributes.get("rate", "medium"))
    pitch = now.pitch_semitones + _pitch(attributes.get("pitch", "medium"))
    volume = now.volume_db + _volume(attributes.get("volume", "medium"))
    ranges = {"rate": (rate, RATE_RANGE), "pitch": (pitch, PITCH_RANGE_ST), "volume": (volume, VOLUME_RANGE_DB)}
    for name, (number, (least, most)) in ranges.items():
        if not least <= number <= most:
            raise markup_value("prosody", name, attributes.get(name, ""), _choices(name))
    return replace(now, rate=rate, pitch_semitones=pitch, volume_db=volume)


def _rate(value: str) -> float:
    found = re.fullmatch(rf"({_NUMBER})(%?)", value.strip())
    if value.strip().lower() in RATES:
        return RATES[value.strip().lower()]
    if not found:
        raise markup_value("prosody", "rate", value, _choices("rate"))
    number = float(found[1]) / (100 if found[2] else 1)
    return 1 + number if found[1][0] in "+-" else number


def _pitch(value: str) -> float:
    """Semitones."""
    found = re.fullmatch(rf"({_NUMBER})(st|%)", value.strip(), re.IGNORECASE)
    if value.strip().lower() in PITCHES_ST:
        return PITCHES_ST[value.strip().lower()]
    if not found or (found[2] == "%" and float(found[1]) <= -100):
        raise markup_value("prosody", "pitch", value, _choices("pitch"))
    return 12 * math.log2(1 + float(found[1]) / 100) if found[2] == "%" else float(found[1])


def _volume(value: str) -> float:
    """Decibels."""
    found = re.fullmatch(rf"({_NUMBER})dB", value.strip(), re.IGNORECASE)
    if value.strip().lower() in VOLUMES_DB:
        return VOLUMES_DB[value.strip().lower()]
    if not found:
        raise markup_value("prosody", "volume", value, _choices("volume"))
    return float(found[1])


def _choices(name: str) -> tuple[str, ...]:
    return {
        "rate": (*RATES, "50% – 200%", "+10%", "0.5 – 2"),
        "pitch": (*PITCHES_ST, "-12st – +12st", "+10%"),
        "volume": (*VOLUMES_DB, "-96dB – +12dB"),
    }[name]
