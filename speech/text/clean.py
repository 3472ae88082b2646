"""The part of normalisation that is the same in every language: one form for every character, no invisible ones."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL_TOKEN = re.compile(
    r"<\|[\w ]{1,40}\|>|</?s>|<(?:unk|pad|bos|eos|mask|blank)>|\[(?:UNK|PAD|BOS|EOS|MASK|CLS|SEP|START|STOP|SPACE)\]",
    re.IGNORECASE,
)
# Full-width forms, ligatures, the letters of mathematics, Roman numerals, subscripts and units in one square are other
# shapes of plain letters and digits.
_SHAPES = re.compile("[\uff01-\uff5e\ufb00-\ufb06\U0001d400-\U0001d7ff\u2080-\u209c\u2160-\u217f\u3371-\u33df]+")
_FRACTIONS = re.compile("[\u2150-\u215e]")
_ENCLOSED = re.compile("[\u2460-\u24e9]")  # a digit, number or letter in a circle or brackets
# Exponents; a lone square or cube is known to the tables of units, a lone one marks a footnote.
_EXPONENT = re.compile("[⁺⁻]?[⁰¹²³⁴-⁹]{2,}|[⁺⁻][⁰¹²³⁴-⁹]|[⁰⁴-⁹]")
_FOOTNOTE = re.compile(r"(?<=[^\W\d_]{3})¹(?!\w)")
_UNIFIED = str.maketrans(
    {
        **dict.fromkeys("“”„‟«»″〝〞", '"'),
        **dict.fromkeys("‘’‚‛‹›′", "'"),
        **dict.fromkeys("‐‑‒−⁃﹣－", "-"),
        **dict.fromkeys("–―⸺⸻", "—"),
        **dict.fromkeys("⁄∕", "/"),
        "µ": "μ",  # the sign of micro is the Greek letter, which most keyboards give
        "№": "nº",
        "℃": "°C",
        "℉": "°F",
        "∙": "·",
    }
)
# Every character that `_visible` may change: printable ASCII, letters and numerals of any script never are.
_DOUBTFUL = re.compile(r"[^\n -~\w]")
_KEPT_SYMBOLS = frozenset("°")
_JOINERS = "\u200c\u200d"
_DECORATION = re.compile(r"[*_=~#-]{3,}|[*_]{2}|·|•|`")
_LINE_MARK = re.compile(r"^[ \t]*(?:[-*+•·]|#{1,6})[ \t]+", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")
_AROUND_LINE = re.compile(r" ?\n ?")
_REPEATED = re.compile(r"([!?,;:])(?:\s?\1)+")
_DASH_BETWEEN_DIGITS = re.compile(r"(?<=\d)\s?—\s?(?=\d)")


def clean(text: str) -> str:
    """`text` in NFC without control, zero-width and bidirectional characters, special tokens or emoji, and with
    one kind of quote, dash, ellipsis and space. Marks of lists and headings go. New lines stay, at most two in a row.
    """
    text = _SPECIAL_TOKEN.sub(" ", "\n".join(text.splitlines()))
    text = unicodedata.normalize("NFC", _plain_shapes(text)).translate(_UNIFIED)
    text = _DOUBTFUL.sub(_visible, text)
    text = tidy(_DASH_BETWEEN_DIGITS.sub("-", _DECORATION.sub(" ", _LINE_MARK.sub("", text))))
    text = _REPEATED.sub(r"\1", re.sub(r"\.{2,}|…[.…]+", "…", text))
    return tidy(text)


def _plain_shapes(text: str) -> str:
    """`text` with the plain form of characters that are another shape of it."""
    if text.isascii():
        return text
    text = _FOOTNOTE.sub("", _EXPONENT.sub(lambda found: f"^{_compatible(found[0])}", text))
    text = _FRACTIONS.sub(lambda found: f" {_compatible(found[0])}", text)
    text = _ENCLOSED.sub(lambda found: f" {_compatible(found[0]).strip('()')} ", text)
    return _SHAPES.sub(lambda found: _compatible(found[0]), text)


def _compatible(shape: str) -> str:
    """The plain characters of `shape`: NFKC, with the squares and cubes of units kept as they are written."""
    plain = unicodedata.normalize("NFKC", shape)
    return re.sub(r"(?<=m)[23]", lambda found: "²" if found[0] == "2" else "³", plain) if "㍱" <= shape[0] else plain


def tidy(text: str) -> str:
    """Single spaces, none at the ends of lines or before closing punctuation, and at most one empty line."""
    text = _AROUND_LINE.sub("\n", _SPACES.sub(" ", text))
    text = re.sub(r" +(?=[,;:.!?…)](?:\s|$))", "", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def unsaid(text: str) -> tuple[str, ...]:
    """The distinct symbols and special tokens of `text` that `clean` leaves out; spaces and marks of lines aside."""
    tokens = [found[0] for found in _SPECIAL_TOKEN.finditer(text)]
    symbols = [
        found[0]
        for found in _DOUBTFUL.finditer(_SPECIAL_TOKEN.sub(" ", text))
        if not _visible(found).strip() and unicodedata.category(found[0]) in ("So", "Sk", "Co", "Cn")
    ]
    return tuple(dict.fromkeys(tokens + symbols))


def _visible(found: re.Match[str]) -> str:
    """The character found as it stays in the text: itself, a space in its place, or nothing."""
    character = found[0]
    if character.isascii():
        return " " if character.isspace() else ""
    category = unicodedata.category(character)
    if category == "Cf":
        return character if character in _JOINERS and _joins(found.string[found.start() - 1 : found.start()]) else ""
    if category in ("So", "Sk", "Co", "Cn", "Cs"):
        return character if character in _KEPT_SYMBOLS else " "
    if "\ufe00" <= character <= "\ufe0f" or category == "Me":
        return ""
    return " " if category in ("Cc", "Zs", "Zl", "Zp") else character


def _joins(previous: str) -> bool:
    """Whether a zero-width joiner after `previous` is spelling (Arabic and Indic scripts) and not glue for emoji."""
    return "\u0600" <= previous <= "\u06ff" or "\u0900" <= previous <= "\u0dff"
