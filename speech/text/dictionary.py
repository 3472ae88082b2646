"""A pronunciation dictionary: how words and patterns are written out, or their phonemes, before any rule of a language.

The text is read once: what an entry has put in is never looked at again, so that entries cannot call each other.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from speech.errors import SpeechError
from speech.text.csv_text import csv_lines, plain_cell

MAX_WRITTEN, MAX_SPOKEN = 200, 400  # characters of an entry's sides
MAX_ENTRIES, MAX_PATTERNS = 20_000, 500  # of one person
LONGEST_TEXT = 40_000  # characters that a text may grow to
_TOKEN = re.compile(r"\w+|[^\w\s]")
_PROBE = "The quick brown fox jumps 12 times; à noite, 3 gatos pardos cruzam o jardim."
_COLUMNS = ("written", "spoken", "phonemes", "language", "voice", "is_pattern")
_GROUP = re.compile(r"\\(\d)")


@dataclass(frozen=True)
class Entry:
    """How something is read out, in all languages and voices unless it names one."""

    written: (
        str  # a word or words; in small letters it is found in any case, otherwise as it stands. Or a pattern (RE2)
    )
    spoken: str = ""  # how to write it; of a pattern, \1 is what its first brackets found
    phonemes: str = ""  # for voices that speak from phonemes; the others read `spoken`, or the word as it stands
    language: str = ""  # BCP 47, `pt` for all of Portuguese; empty: every language
    voice: str = ""  # a voice's id; empty: every voice
    is_pattern: bool = False

    @property
    def rank(self) -> int:
        """Of two entries that find the same the greater one is used: a voice's, then a language's."""
        return 2 * bool(self.voice) + bool(self.language)


Respell = Callable[[str, str], str]  # a word and its phonemes, to what stands for them in the text


class Dictionary:
    """Checked entries, ready to be applied."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries = tuple(entries)

    def narrowed(self, language: str, voice: str) -> Dictionary:
        """The entries for a text in `language` by `voice`."""
        found = [entry for entry in self.entries if entry.voice in ("", voice) and _is_in(entry.language, language)]
        return self if len(found) == len(self.entries) else Dictionary(found)

    def apply(self, text: str, respell: Respell) -> tuple[str, tuple[Entry, ...]]:
        """`text` with every entry's words in place, and the entries that were used; `respell` places phonemes.

        Raises SpeechError `dictionary_grows_text` where the text becomes longer than `LONGEST_TEXT`.
        """
        parts, at, length = [], 0, len(text)
        matches = self._found(text)
        for start, end, entry, spoken in matches:
            put = respell(spoken or text[start:end], entry.phonemes) if entry.phonemes else spoken
            length += len(put) - (end - start)
            if length > LONGEST_TEXT:
                raise SpeechError("dictionary_grows_text", entry=entry.written, maximum=LONGEST_TEXT)
            parts += [text[at:start], put]
            at = end
        return "".join([*parts, text[at:]]), tuple(dict.fromkeys(entry for _, _, entry, _ in matches))

    def _found(self, text: str) -> list[tuple[int, int, Entry, str]]:
        """Start, end, entry and its words, in order and without overlaps: the higher rank, then the longer, first."""
        found = [*self._words_in(text), *self._patterns_in(text)]
        found.sort(key=lambda match: (-match[2].rank, match[2].is_pattern, match[0] - match[1], match[0]))
        taken, chosen = bytearray(len(text)), []
        for match in found:
            if not any(taken[match[0] : match[1]]):
                taken[match[0] : match[1]] = b"\1" * (match[1] - match[0])
                chosen.append(match)
        return sorted(chosen, key=lambda match: match[0])

    def _words_in(self, text: str) -> Iterable[tuple[int, int, Entry, str]]:
        for token in _TOKEN.finditer(text) if self._by_first_token else ():
            for entry in self._by_first_token.get(token[0].casefold(), ()):
                end = token.start() + len(entry.written)
                if _stands_at(entry.written, text, token.start(), end):
                    yield token.start(), end, entry, entry.spoken

    def _patterns_in(self, text: str) -> Iterable[tuple[int, int, Entry, str]]:
        for entry, pattern in self._patterns:
            for found in pattern.finditer(text):
                if found.end() > found.start():
                    yield found.start(), found.end(), entry, _filled(entry.spoken, found)

    @cached_property
    def _by_first_token(self) -> dict[str, list[Entry]]:
        index: dict[str, list[Entry]] = {}
        for entry in self.entries:
            first = None if entry.is_pattern else _TOKEN.search(entry.written)
            if first is not None:
                index.setdefault(first[0].casefold(), []).append(entry)
        return index

    @cached_property
    def _patterns(self) -> list[tuple[Entry, Any]]:
        return [(entry, _compiled(entry.written)) for entry in self.entries if entry.is_pattern]


NO_ENTRIES = Dictionary()


def checked(entry: Entry) -> Entry:
    """`entry` without outer spaces. Raises SpeechError for one that could not be applied:

    `entry_empty`, `entry_too_long`, `entry_control_character`, `pattern_invalid`, `pattern_too_wide`,
    `pattern_without_group`, `phonemes_unknown`.
    """
    entry = replace(entry, written=entry.written.strip(), spoken=entry.spoken.strip(), phonemes=entry.phonemes.strip())
    entry = replace(entry, language=entry.language.strip(), voice=entry.voice.strip())
    if not entry.written or not (entry.spoken or entry.phonemes):
        raise SpeechError("entry_empty", written=entry.written or "–")
    for value, most in ((entry.written, MAX_WRITTEN), (entry.spoken, MAX_SPOKEN), (entry.phonemes, MAX_SPOKEN)):
        if len(value) > most:
            raise SpeechError("entry_too_long", written=entry.written[:40], length=len(value), maximum=most)
        if not value.isprintable():
            raise SpeechError("entry_control_character", written=repr(entry.written[:40]))
    _check_phonemes(entry)
    if entry.is_pattern:
        _check_pattern(entry)
    elif not _TOKEN.search(entry.written):
        raise SpeechError("entry_empty", written=entry.written)
    return entry


def check_sizes(entries: Sequence[Entry]) -> None:
    """Raises SpeechError `dictionary_full`, `too_many_patterns`."""
    if len(entries) > MAX_ENTRIES:
        raise SpeechError("dictionary_full", count=len(entries), maximum=MAX_ENTRIES)
    patterns = sum(entry.is_pattern for entry in entries)
    if patterns > MAX_PATTERNS:
        raise SpeechError("too_many_patterns", count=patterns, maximum=MAX_PATTERNS)


def to_csv(entries: Iterable[Entry]) -> str:
    """The entries as CSV (RFC 4180) with a line of names, in which nothing is a formula: see `csv_text`."""
    rows = ({**asdict(entry), "is_pattern": "true" if entry.is_pattern else ""} for entry in entries)
    return "".join(csv_lines(_COLUMNS, ([row[name] for name in _COLUMNS] for row in rows)))


def from_csv(text: str) -> list[Entry]:
    """Checked entries of a CSV with commas, semicolons or tabs, whose first line names its columns. The apostrophe that
    keeps a cell from being a formula is none of an entry's.

    Raises SpeechError `csv_columns` with the names there may be, `csv_row` with the number of a wrong line and why.
    """
    first_line = text.lstrip("\ufeff").split("\n", 1)[0]
    delimiter = max(",;\t", key=first_line.count)
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), delimiter=delimiter)
    names = [(name or "").strip() for name in reader.fieldnames or ()]
    if "written" not in names or not {"spoken", "phonemes"} & set(names) or not set(names) <= set(_COLUMNS):
        raise SpeechError("csv_columns", found=names[:10], choices=list(_COLUMNS))
    reader.fieldnames = names
    entries = []
    try:
        for row in reader:
            entries.append(_entry_of(row, reader.line_num))
            if len(entries) > MAX_ENTRIES:
                check_sizes(entries)
    except csv.Error as error:
        raise SpeechError("csv_row", line=reader.line_num, reason=str(error)) from error
    return entries


def _entry_of(row: dict[str, Any], line: int) -> Entry:
    if None in row or None in row.values():
        raise SpeechError("csv_row", line=line, reason="columns")
    flag = row.pop("is_pattern", "").strip().lower()
    if flag not in ("", "0", "1", "true", "false", "yes", "no", "sim", "não"):
        raise SpeechError("csv_row", line=line, reason=f"is_pattern = {flag[:20]}")
    texts = {name: plain_cell(text) for name, text in row.items()}
    try:
        return checked(Entry(**texts, is_pattern=flag in ("1", "true", "yes", "sim")))
    except SpeechError as error:
        raise SpeechError("csv_row", line=line, reason=error.code) from error


def _is_in(language: str, asked: str) -> bool:
    low, wanted = language.lower().replace("_", "-"), asked.lower().replace("_", "-")
    return not low or wanted == low or wanted.startswith(f"{low}-")


def _stands_at(written: str, text: str, start: int, end: int) -> bool:
    """Whether `written` is at `start` as words of its own."""
    there = text[start:end]
    if there != written and (not written.islower() or there.casefold() != written.casefold()):
        return False
    is_whole_before = not (written[0].isalnum() and text[start - 1 : start].isalnum()) if start else True
    return is_whole_before and not (written[-1].isalnum() and text[end : end + 1].isalnum())


def _filled(spoken: str, found: Any) -> str:
    return _GROUP.sub(lambda group: found.group(int(group[1])) or "", spoken)


def _compiled(pattern: str) -> Any:
    """A pattern of RE2 (https://github.com/google/re2/wiki/Syntax), whose time is linear in the text."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    return re2.compile(pattern, options)


def _check_pattern(entry: Entry) -> None:
    import re2

    try:
        pattern = _compiled(entry.written)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise SpeechError("pattern_invalid", pattern=entry.written, reason=reason) from error
    if pattern.fullmatch("") or sum(len(found[0]) for found in pattern.finditer(_PROBE)) > len(_PROBE) / 2:
        raise SpeechError("pattern_too_wide", pattern=entry.written)
    if any(int(group) > pattern.groups for group in _GROUP.findall(entry.spoken)):
        raise SpeechError("pattern_without_group", pattern=entry.written, spoken=entry.spoken)


def _check_phonemes(entry: Entry) -> None:
    from speech.engines.kokoro.phonemes import TOKENS

    unknown = dict.fromkeys(symbol for symbol in entry.phonemes if symbol not in TOKENS)
    if unknown:
        raise SpeechError("phonemes_unknown", written=entry.written, characters=list(unknown)[:10])
