"""Text that was broken into lines by a page's width and not by its author: PDF, e-mail, books."""

from __future__ import annotations

import re

CHOICES = ("auto", "keep", "join")  # of the switch

_NARROWEST = 32  # characters: shorter lines are verse, lists or headings
_FULL = 0.8  # of the width that a line with the next one's first word reaches, were it broken for want of room
_SOFT_BREAK = re.compile("(?<=\\w)[\u00ad\ufffe\uffff\x02]+(?:[ \t]*\n[ \t]*(?=[a-zß-ÿ])|(?=\\w))")
_CUT_WORD = re.compile(r"(?<![\w-])([^\W\d_]+)-\n(?=([a-zß-ÿ][^\W\d_]*))")
# First halves of compounds, and pronouns that Portuguese hangs on a verb: their hyphen is spelling.
_COMPOUNDS = frozenset(
    "guarda bem mal ex vice pós pré pró recém porta arco beija segunda terça quarta quinta sexta self well non half "
    "couve quebra para sem além aquém grã grão".split()
)
_PRONOUNS = frozenset("me te se lo la los las lhe lhes nos vos no na nas".split())
_OWN_LINE = re.compile(r"\s*(?:[—–\-•*+>\"“«|#]|\d{1,3}[.)]\s|[a-z]\)\s)")
_ENDS_SENTENCE = re.compile(r"[.!?…:;][\"'”’»)\]]*$")
_FIRST_WORD = re.compile(r"\S+")


def unwrap(text: str, wrapping: str = "auto") -> str:
    """`text` with the lines of one paragraph joined, and words that were cut at a line's end put together.

    `auto` joins what a page's width has broken: lines of about one length of which most go on with a small letter;
    verse, lists and dialogue keep theirs. `join` joins all lines that no empty line parts; `keep` joins none.
    """
    text = _SOFT_BREAK.sub("", "\n".join(text.splitlines()))
    if wrapping == "keep" or "\n" not in text:
        return text
    blocks = re.split(r"(\n\s*\n)", text)
    blocks[::2] = [_joined(block.split("\n"), wrapping == "join") for block in blocks[::2]]
    return "".join(blocks)


def _joined(lines: list[str], is_forced: bool) -> str:
    width = max(len(line.strip()) for line in lines)
    pairs = list(zip(lines, lines[1:], strict=False))
    is_wrapped = not is_forced and _is_wrapped(pairs, width)
    joined = lines[0]
    for before, line in pairs:
        joins = is_forced or (
            not _OWN_LINE.match(line) and _is_full(before, line, width) and (is_wrapped or _goes_on(before, line))
        )
        if cut := _CUT_WORD.search(f"{before.rstrip()}\n{line.lstrip()}"):
            joined = joined.rstrip()[: None if _is_compound(cut) else -1] + line.strip()
        else:
            joined = f"{joined.rstrip()} {line.strip()}" if joins else f"{joined}\n{line}"
    return joined


def _is_compound(cut: re.Match[str]) -> bool:
    """Whether the hyphen at the end of a line is the word's own."""
    first, second = cut[1].lower(), cut[2]
    return first in _COMPOUNDS or (second in _PRONOUNS and (len(first) > 2 or first[-1] in "áéêíô"))


def _is_wrapped(pairs: list[tuple[str, str]], width: int) -> bool:
    """Whether a block of three lines or more is plainly one paragraph: full lines, most going on in small letters."""
    going_on = sum(_goes_on(before, line) for before, line in pairs)
    full = sum(_is_full(before, line, width) for before, line in pairs)
    return len(pairs) > 1 and full >= 0.8 * len(pairs) and 2 * going_on >= len(pairs)


def _is_full(before: str, line: str, width: int) -> bool:
    """Whether the first word of `line` had no room any more after `before`."""
    word = _FIRST_WORD.search(line)
    return width >= _NARROWEST and word is not None and len(before.strip()) + 1 + len(word[0]) >= _FULL * width


def _goes_on(before: str, line: str) -> bool:
    start = line.lstrip(" \t('\"“«")[:1]
    return start.islower() and not _ENDS_SENTENCE.search(before.rstrip())
