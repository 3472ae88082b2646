"""Text with markup as a person reads it: HTML, SSML (W3C Speech Synthesis Markup Language 1.1) and Markdown."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from speech.text.say_as import written_out
from speech.text.sentences import PLAIN, Delivery
from speech.text.turns import Turns, with_turns

LONGEST_PAUSE_S = 10.0
_STRENGTHS_S = {"none": 0.0, "x-weak": 0.1, "weak": 0.25, "medium": 0.5, "strong": 1.0, "x-strong": 2.0}

# Elements whose content nobody wants to hear; those that end a line; those of a table's cells.
_SILENT = "script|style|think|thinking|reasoning|svg|head|template"
_BLOCKS = "p|div|br|hr|li|ul|ol|dl|dt|dd|h[1-6]|tr|table|thead|tbody|blockquote|section|article|header|footer|pre|title"
_CELLS = "td|th"
_INLINE = (
    "a|abbr|b|big|cite|code|del|em|font|html|body|main|nav|i|img|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup"
    "|tt|u|var|wbr|label|button|input|details|summary|figure|figcaption|center|meta|link"
    "|speak|break|emphasis|prosody|say-as|voice|audio|phoneme|w|token|desc|lexicon|lang|amazon:[a-z-]+|mstts:[a-z-]+"
)
_ATTRIBUTES = r"(?:\s+[\w:.-]{1,40}\s*=\s*(?:\"[^\"<>]*\"|'[^'<>]*'|[^\s\"'<>/]+)){0,20}\s*"
_TAG = re.compile(
    rf"<(?P<end>/?)(?P<name>{_BLOCKS}|{_CELLS}|{_INLINE}|{_SILENT})(?P<rest>{_ATTRIBUTES})/?>", re.IGNORECASE
)
_NEXT_CELL = re.compile(rf"\s*<(?:{_CELLS})\b", re.IGNORECASE)
_OTHER_ELEMENT = re.compile(rf"<([A-Za-z][\w:-]{{1,40}}){_ATTRIBUTES}>")
_COMMENT = re.compile(r"<!--.*?-->|<!DOCTYPE[^<>]{0,300}>|<\?xml[^<>]{0,300}\?>", re.DOTALL | re.IGNORECASE)
_SILENT_ELEMENT = re.compile(rf"<({_SILENT}){_ATTRIBUTES}>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BREAK = re.compile(r"<break\b([^<>]{0,200})/?>(?:\s*</break\s*>)?", re.IGNORECASE)
_ALIAS = re.compile(
    r"<sub\b[^<>]{0,200}\balias\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')[^<>]{0,200}>[^<>]*</sub\s*>", re.IGNORECASE
)
_PHONEME = re.compile(
    r"<phoneme\b[^<>]{0,200}\bph\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')[^<>]{0,200}>([^<>]{1,200})</phoneme\s*>",
    re.IGNORECASE,
)
_SAY_AS = re.compile(r"<say-as\b([^<>]{0,200})>([^<>]{0,300})</say-as\s*>", re.IGNORECASE)
_ENDS = re.compile(r"(?:[.!?…][\"'”’»)]*|\n)\s*$")  # of a sentence
_INLINE_PHONEMES = re.compile(r"\[([^\[\]\n]{1,200})\]\(/([^/\n]{1,200})/\)")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")

_FENCE = re.compile(r"^[ \t]{0,3}(```+|~~~+)[^\n`]*\n(.*?)(?:^[ \t]{0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_QUOTE = re.compile(r"^[ \t]{0,3}(?:>[ \t]?)+", re.MULTILINE)
_IMAGE = re.compile(r"!\[([^\[\]\n]{0,300})\]\(([^()\s]{0,2000})(?:\s+\"[^\"\n]*\")?\)")
_LINK = re.compile(r"\[([^\[\]\n]{1,300})\]\(((?:[^()\s]|\([^()\s]*\)){1,2000})(?:\s+\"[^\"\n]*\")?\)")
_REFERENCE = re.compile(r"\[([^\[\]\n]{1,300})\]\[[^\[\]\n]{0,100}\]")
_FOOTNOTE = re.compile(r"\[\^[^\[\]\s]{1,40}\]:?")
_DEFINITION = re.compile(r"^[ \t]{0,3}\[[^\[\]\n]{1,100}\]:[ \t]*(\S+)[^\n]*$", re.MULTILINE)
_TASK = re.compile(r"^([ \t]*[-*+][ \t]+)\[[ xX]\][ \t]+", re.MULTILINE)
_TABLE_RULE = re.compile(r"^[ \t]*\|?[ \t]*:?-{2,}:?[ \t]*(?:\|[ \t]*:?-{2,}:?[ \t]*)*\|?[ \t]*$", re.MULTILINE)
_TABLE_ROW = re.compile(r"^[ \t]*\|(.+)\|[ \t]*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\([*_`#\[\]<>~|])")
_STRESSED = re.compile(r"(?<![\w*_])([*_]{1,3})(?=\S)([^*_\n]{1,500}?)(?<=\S)\1(?![\w*_])")


@dataclass(frozen=True)
class LeftOut:
    """A part of a text that is not said; `reason` is `tag`, `thinking`, `code`, `address`, `symbol` or `no_words`."""

    text: str
    reason: str


@dataclass(frozen=True)
class Segment:
    """Text without markup, and what its author asked for: who speaks it and how, and silence after it."""

    text: str
    pause_s: float | None = None  # None where none was asked for
    delivery: Delivery = PLAIN
    goes_on: bool = False  # the sentence goes on in the next segment


Respell = Callable[[str, str], str]  # a word and its phonemes, to what stands for them in the text


def plain(text: str, respell: Respell, language: str = "") -> tuple[tuple[Segment, ...], tuple[LeftOut, ...]]:
    """`text` without markup in pieces between asked-for pauses and ways of speaking, and what was left out.

    `respell` gets each word written with its phonemes, `[word](/phonemes/)` or `<phoneme ph="…">`. Code and content
    that is not for reading are left out, unless nothing else is there. `5 < 7` is no markup. `language` (BCP 47) is the
    one that `<say-as>` is read in. Raises SpeechError `markup_value` of speech markup that says what cannot be done.
    """
    left_out: list[LeftOut] = []
    told = _Telling(left_out)
    text = with_turns(_INLINE_PHONEMES.sub(lambda found: respell(found[1], found[2]), text))
    if "<" in text:
        text = _COMMENT.sub(told.as_nothing("tag"), text)
        text = _without(text, _SILENT_ELEMENT, "thinking", told)
        text = _PHONEME.sub(lambda found: respell(found[3], found[1] or found[2] or ""), text)
        text = _SAY_AS.sub(lambda found: _said_as(found, language), text)
        text = _ALIAS.sub(lambda found: found[1] or found[2] or "", text)
    text = _unmarked(_without(text, _FENCE, "code", told), told)
    pieces, turns = _BREAK.split(text), Turns()
    segments: list[Segment] = []
    for index, piece in enumerate(pieces[::2]):
        pause_s = _pause_s(pieces[2 * index + 1]) if 2 * index + 1 < len(pieces) else None
        segments += _segments(turns.parts(piece), pause_s, told)
    return tuple(segments), tuple(left_out)


def _segments(parts: Sequence[tuple[str, Delivery]], pause_s: float | None, told: _Telling) -> list[Segment]:
    """The parts of what stands before a pause."""
    texts = [_untagged(text, told) for text, _ in parts]
    deliveries = [delivery for _, delivery in parts]
    goes_on = [
        now.voice == then.voice and not _ENDS.search(text)
        for text, now, then in zip(texts, deliveries, deliveries[1:], strict=False)
    ]
    segments = [Segment(*one) for one in zip(texts, [None] * len(parts), deliveries, [*goes_on, False], strict=False)]
    return [*segments[:-1], replace(segments[-1], pause_s=pause_s)] if segments else []


def _said_as(found: re.Match[str], language: str) -> str:
    kind, date_format = (_attribute(found[1], name) for name in ("interpret-as", "format"))
    return written_out(html.unescape(found[2]), kind, date_format, language)


def _attribute(attributes: str, name: str) -> str:
    found = re.search(rf"\b{name}\s*=\s*(?:\"([^\"<>]*)\"|'([^'<>]*)')", attributes, re.IGNORECASE)
    return (found[1] or found[2] or "") if found else ""


class _Telling:
    """Replacements for what is left out, which is kept in a list."""

    def __init__(self, left_out: list[LeftOut]) -> None:
        self.left_out = left_out

    def as_nothing(self, reason: str, instead: str = " ") -> Callable[[re.Match[str]], str]:
        def replace(found: re.Match[str]) -> str:
            self.left_out.append(LeftOut(found[0].strip(), reason))
            return instead

        return replace

    def link(self, found: re.Match[str]) -> str:
        self.left_out.append(LeftOut(found[2], "address"))
        return found[1]


def _without(text: str, pattern: re.Pattern[str], reason: str, told: _Telling) -> str:
    """`text` without what `pattern` finds, unless that is all there is to say."""
    if not pattern.search(text):
        return text
    if not any(character.isalnum() for character in pattern.sub("", text)):
        return re.sub(r"^[ \t]*(?:```+|~~~+)[^\n]*$", "", text, flags=re.MULTILINE)
    return pattern.sub(told.as_nothing(reason, "\n"), text)


def _unmarked(text: str, told: _Telling) -> str:
    """Markdown's marks gone: links say their text, tables their cells."""
    text = _QUOTE.sub("", text)
    if "[" in text:
        text = _DEFINITION.sub(told.as_nothing("address", ""), _IMAGE.sub(told.link, text))
        text = _FOOTNOTE.sub("", _REFERENCE.sub(r"\1", _LINK.sub(told.link, _TASK.sub(r"\1", text))))
    if "|" in text:
        text = _TABLE_ROW.sub(_cells, _TABLE_RULE.sub(_rule, text))
    return _ESCAPED.sub(r"\1", _STRESSED.sub(r"\2", text))


def _rule(found: re.Match[str]) -> str:
    return "" if "|" in found[0] else found[0]


def _cells(found: re.Match[str]) -> str:
    return ", ".join(cell for cell in (cell.strip() for cell in found[1].split("|")) if cell)


def _untagged(text: str, told: _Telling) -> str:
    """`text` without tags, its entities decoded. Tags of no known name go where the text also closes them."""
    if "<" in text:
        for name in {found[1] for found in _OTHER_ELEMENT.finditer(text)}:
            if f"</{name}>" in text and not _TAG.fullmatch(f"<{name}>"):
                text = re.sub(rf"</?{re.escape(name)}(?:\s[^<>]*)?>", told.as_nothing("tag"), text)
        text = _TAG.sub(lambda found: _tag(found, told), text)
    return _ENTITY.sub(lambda found: html.unescape(found[0]), text) if "&" in text else text


def _tag(found: re.Match[str], told: _Telling) -> str:
    told.left_out.append(LeftOut(found[0], "tag"))
    if re.fullmatch(_BLOCKS, found["name"], re.IGNORECASE):
        return "\n"
    is_between = re.fullmatch(_CELLS, found["name"], re.IGNORECASE) and _NEXT_CELL.match(found.string, found.end())
    return ", " if found["end"] and is_between else ""


def _pause_s(attributes: str) -> float:
    time = re.search(r"\btime\s*=\s*[\"']?\+?(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\s*(ms|s)\b", attributes, re.IGNORECASE)
    if time:
        return min(LONGEST_PAUSE_S, float(time[1]) / (1000 if time[2].lower() == "ms" else 1))
    strength = re.search(r"\bstrength\s*=\s*[\"']?([a-z-]+)", attributes, re.IGNORECASE)
    return _STRENGTHS_S.get(strength[1].lower() if strength else "medium", _STRENGTHS_S["medium"])
