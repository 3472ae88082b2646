"""How a text will be said: markup and line breaks resolved, the dictionary applied, sentences in spoken words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from speech.text.clean import unsaid
from speech.text.dictionary import NO_ENTRIES, Dictionary, Entry
from speech.text.markup import LeftOut, Segment, plain
from speech.text.normalize import normalize
from speech.text.script import has_speech
from speech.text.sentences import Respelling, Sentence, split
from speech.text.wrapping import unwrap

# Letters that stand in the text for words whose phonemes are given: Tangut, which no language here is written in.
_FIRST, _LAST = 0x17000, 0x187F7
_MARKED = re.compile(f"([{chr(_FIRST)}-{chr(_LAST)}])\\1*")


@dataclass(frozen=True)
class ReadingOptions:
    """What a person decides of how a text is read."""

    wrapping: str = "auto"  # what is done with line breaks: one of speech.text.wrapping.CHOICES
    dictionary: Dictionary = NO_ENTRIES

    def narrowed(self, language: str, voice: str) -> ReadingOptions:
        """The same with the entries for `language` and `voice` alone."""
        return replace(self, dictionary=self.dictionary.narrowed(language, voice))


@dataclass(frozen=True)
class Reading:
    """The sentences of a text as they will be said, and what will not."""

    sentences: tuple[Sentence, ...]
    plain: str  # the text as it was written, without markup, its lines as they are read
    left_out: tuple[LeftOut, ...]
    entries: tuple[Entry, ...] = ()  # of the dictionary, as far as the text needs them


DEFAULT = ReadingOptions()


def read(text: str, language: str, max_chars: int, options: ReadingOptions = DEFAULT) -> Reading:
    """The reading of `text` in `language`, in sentences of at most `max_chars` characters.

    Raises SpeechError `dictionary_grows_text`, `markup_value`.
    """
    marks = _Marks()
    segments, left_out = plain(_MARKED.sub("", text), marks.put, language)
    sentences: list[Sentence] = []
    written: list[str] = []
    silent: list[LeftOut] = []
    used: dict[Entry, None] = {}
    for segment in segments:
        lines = unwrap(segment.text, options.wrapping)
        written.append(marks.words(lines))
        silent += [LeftOut(symbol, "symbol") for symbol in unsaid(lines)]
        respelled, entries = options.dictionary.apply(lines, marks.put)
        used |= dict.fromkeys(entries)
        normal = normalize(respelled, language)
        pieces = [marks.resolved(sentence) for sentence in split(normal, max_chars, language)]
        silent += [LeftOut(piece.text, "no_words") for piece in pieces if not has_speech(piece.text)]
        sentences += _delivered([piece for piece in pieces if has_speech(piece.text)], segment)
    if sentences:
        sentences[-1] = replace(sentences[-1], ends_paragraph=False, goes_on=False)
    return Reading(tuple(sentences), "\n".join(written), (*left_out, *silent), tuple(used))


def _delivered(sentences: Sequence[Sentence], segment: Segment) -> list[Sentence]:
    """The sentences of a segment as its author wants them spoken."""
    made = [replace(sentence, delivery=segment.delivery) for sentence in sentences]
    if made:
        ends_paragraph = segment.text.rstrip(" \t").endswith("\n") and not segment.pause_s
        last = replace(made[-1], ends_paragraph=ends_paragraph, goes_on=segment.goes_on)
        made[-1] = replace(last, pause_s=segment.pause_s) if segment.pause_s else last
    return made


def written_parts(reading: Reading) -> list[str]:
    """For each sentence the part of the text that it says: the words of both are laid side by side."""
    from difflib import SequenceMatcher

    written = list(re.finditer(r"\S+", reading.plain))
    spoken = [word for sentence in reading.sentences for word in sentence.text.split()]
    matcher = SequenceMatcher(None, [word[0].lower() for word in written], [word.lower() for word in spoken], False)
    blocks = matcher.get_opcodes()
    parts, start, count = [], 0, 0
    for sentence in reading.sentences:
        count += len(sentence.text.split())
        end = len(written) if count == len(spoken) else _place(blocks, count, written)
        end = max(end, start)
        parts.append(reading.plain[written[start].start() : written[end - 1].end()] if end > start else "")
        start = end
    return parts


def _place(blocks: Sequence[tuple[str, int, int, int, int]], count: int, written: Sequence[re.Match[str]]) -> int:
    """How many words of the text belong to the first `count` spoken ones."""
    for kind, first, last, begin, end in blocks:
        if count > end or (count == end and kind != "equal"):
            if count == end:
                return last
            continue
        if kind == "equal":
            return first + count - begin
        ends = [index + 1 for index in range(first, last) if re.search(r"[.!?…:;]\W*$", written[index][0])]
        guess = first + (count - begin) * (last - first) / max(1, end - begin)
        return min(ends or range(first, last + 1), key=lambda index: abs(index - guess))
    return len(written)


class _Marks:
    """Words with given phonemes, each written as one letter of its own, as often as the word has letters."""

    def __init__(self) -> None:
        self._letters: dict[tuple[str, str], str] = {}

    def put(self, word: str, phonemes: str) -> str:
        known = (word.strip(), phonemes.strip())
        if known not in self._letters and len(self._letters) > _LAST - _FIRST:
            return word
        letter = self._letters.setdefault(known, chr(_FIRST + len(self._letters)))
        return letter * max(1, len(known[0]))

    def words(self, text: str) -> str:
        """`text` with the words themselves."""
        by_letter = {letter: word for (word, _), letter in self._letters.items()}
        return _MARKED.sub(lambda found: by_letter.get(found[1], ""), text)

    def resolved(self, sentence: Sentence) -> Sentence:
        """`sentence` with the words in place, and where their phonemes are given."""
        by_letter = {letter: known for known, letter in self._letters.items()}
        parts: list[str] = []
        given: list[Respelling] = []
        at, length = 0, 0
        for found in _MARKED.finditer(sentence.text):
            word, phonemes = by_letter.get(found[1], ("", ""))
            parts += [sentence.text[at : found.start()], word]
            length += found.start() - at
            given.append(Respelling(length, length + len(word), phonemes))
            length += len(word)
            at = found.end()
        return replace(sentence, text="".join([*parts, sentence.text[at:]]), given=tuple(given)) if given else sentence
