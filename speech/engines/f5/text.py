"""Texts as F5-TTS reads them: characters, and pinyin with tones for Chinese, by the checkpoint's own `vocab.txt`.

The reference cuts a text into words with jieba before it spells it, and puts a space before a word of Latin letters
that follows a letter which is none (so `água` is read as `á gua`). The networks were trained on that, so the same is
done here, with the same dictionary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from speech.errors import SpeechError

MAX_VOCAB_BYTES = 4 << 20
MARKS = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})  # those of the training texts
NO_SPACE_AFTER = " :'\""
MOST_UNKNOWN = 0.1  # of a text's letters


class Vocabulary:
    """Token numbers by character or syllable; 0, a space, is what is not known."""

    def __init__(self, tokens: Mapping[str, int]) -> None:
        self._tokens = tokens

    def __len__(self) -> int:
        return len(self._tokens)

    def encode(self, text: str) -> list[int]:
        """Raises SpeechError `f5_letters_unknown` where a tenth of the letters and more are in no training text."""
        pieces = spelled(text)
        letters = [piece for piece in pieces if piece[:1].isalpha()]
        unknown = [piece for piece in letters if piece not in self._tokens]
        if len(unknown) > MOST_UNKNOWN * len(letters):
            raise SpeechError("f5_letters_unknown", letters=" ".join(sorted(set(unknown))[:10]))
        return [self._tokens.get(piece, 0) for piece in pieces]


def read_vocabulary(path: Path) -> Vocabulary:
    """A token a line, the first a space. Raises SpeechError `checkpoint_damaged`."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_VOCAB_BYTES + 1)
        if len(content) > MAX_VOCAB_BYTES:
            raise ValueError(f"larger than {MAX_VOCAB_BYTES} bytes")
        lines = content.decode("utf-8").replace("\r\n", "\n").split("\n")
    except (OSError, ValueError) as error:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=str(error)[:200]) from None
    if not lines[-1]:  # the end of the last line; what comes without one loses its last character in the reference
        lines.pop()
    if len(lines) < 2:
        raise SpeechError("checkpoint_damaged", file=path.name, reason=f"{len(lines)} tokens")
    return Vocabulary({line: number for number, line in enumerate(lines)})


def spelled(text: str) -> list[str]:
    """Characters, and syllables of pinyin, of a text."""
    import rjieba

    pieces: list[str] = []
    for word in rjieba.cut(text.translate(MARKS)):
        size = len(word.encode())
        if size == len(word):
            if size > 1 and pieces and pieces[-1] not in NO_SPACE_AFTER:
                pieces.append(" ")
            pieces.extend(word)
        elif size == 3 * len(word):
            pieces.extend(_of_chinese(word))
        else:
            for character in word:
                pieces.extend(_of_chinese(character) if _is_chinese(character) else character)
    return pieces


def _of_chinese(word: str) -> Iterator[str]:
    """Syllables of a word in which each character has three bytes, a space before each Chinese one."""
    from pypinyin import Style, lazy_pinyin

    for character, syllable in zip(word, lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True), strict=False):
        if _is_chinese(character):
            yield " "
        yield syllable


def _is_chinese(character: str) -> bool:
    return "\u3100" <= character <= "\u9fff"
