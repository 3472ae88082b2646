"""Text to Kokoro's phonemes: espeak-ng's IPA through two C calls, then the symbols Kokoro was trained on.

The mapping of espeak's tied letters to single symbols follows Kokoro's training front end (misaki,
https://github.com/hexgrad/misaki, `EspeakG2P` and `EspeakFallback`).
"""

from __future__ import annotations

import ctypes
import re
import threading
from collections.abc import Sequence
from functools import cache

from speech.errors import SpeechError
from speech.text.sentences import Respelling

# Index is the token id; "_" marks ids that no symbol has. From the model's config.json (hexgrad/Kokoro-82M).
SYMBOLS = (
    '_;:,.!?__—…"()“” \u0303ʣʥʦʨᵝꭧAI_____O_Q_ST__W_Yᵊabcdef_hijklmnopqrstuvwxyzɑɐɒæ__βɔɕç_ɖðʤə_ɚɛɜ__ɟ_ɡ______ɥ_ɨɪʝ'
    "______ɯɰŋɳɲɴø_ɸθœ__ɹ_ɾɻ_ʁɽʂʃʈʧ_ʊʋ_ʌɣɤ_χʎ___ʒʔ_______ˈˌː___ʰ_ʲ____↓_→↗↘___ᵻ"
)
TOKENS = {symbol: token for token, symbol in enumerate(SYMBOLS) if symbol != "_"}

# Language tag -> espeak-ng voice. Only languages that Kokoro was trained to speak through an alphabet.
ESPEAK_VOICES = {
    "pt-BR": "pt-br",
    "en-US": "en-us",
    "en-GB": "en",
    "es": "es",
    "fr": "fr",
    "it": "it",
    "hi": "hi",
}

_TIED = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "d^z": "ʣ",
    "d^ʒ": "ʤ",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "ə^ʊ": "Q",
    "s^s": "S",
    "t^s": "ʦ",
    "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y",
}
# English was trained on misaki's own lexicon, which spells these otherwise than espeak does.
_ENGLISH = {
    "ʔˌn\u0329": "ʔn",
    "ʔn\u0329": "ʔn",
    "ə^l": "ᵊl",
    "ʲo": "jo",
    "ʲə": "jə",
    "ʲ": "",
    "ɚ": "əɹ",
    "r": "ɹ",
    "x": "k",
    "ç": "k",
    "ɐ": "ə",
    "ɬ": "l",
    "\u0303": "",
}
_AMERICAN = {"ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "ː": ""}
_BRITISH = {"e^ə": "ɛː", "eə": "ɛː", "iə": "ɪə"}
_PLAIN = {"e": "A", "^": "", "o": "ɔ", "ɾ": "T", "ʔ": "t"}

# Portuguese words of one letter, which espeak takes for the letter's name where no other word stands beside them.
_ONE_LETTER_WORDS = {"é": "ɛ", "e": "i", "a": "a", "o": "u", "à": "a", "ô": "ˈo", "ó": "ˈɔ"}
_VOCATIVE = re.compile(r"(?<![\w'-])([Ôô])(?![\w'-])")  # never known to espeak as a word
_LAST_WORD = re.compile(r"(?s)(.*\s)(\S)$")

_MARKS = re.compile(r"\s*([;:,.!?—…\"()“”]+)\s*")
_SPACED_MARK = re.compile(r"(?<=\S) +(?=[;:,.!?…)”])")
_SWITCH = re.compile(r"\([a-z-]+\)")  # espeak's "(en)" and "(pt-br)" where it changes language inside a text

_IPA_WITH_TIE = 0x02 | 0x80 | (ord("^") << 8)  # speak_lib.h: phonememode of espeak_TextToPhonemes
_UTF8 = 1
_RETRIEVAL = 1
_lock = threading.Lock()  # espeak-ng keeps one voice and one text for the whole process


@cache
def _espeak() -> ctypes.CDLL:
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    if library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), 0) <= 0:
        raise SpeechError("espeak_failed")
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
    return library


def _ipa(text: str, voice: str) -> str:
    """espeak-ng's IPA of a text without marks, diphthongs and affricates tied by ^."""
    with _lock:
        library = _espeak()
        if library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SpeechError("espeak_failed")
        rest = ctypes.c_char_p(text.encode())
        parts = []
        while rest.value is not None:
            parts.append((library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA_WITH_TIE) or b"").decode())
    return _SWITCH.sub("", " ".join(parts)).strip()


def _replace(text: str, table: dict[str, str]) -> str:
    for old, new in table.items():
        text = text.replace(old, new)
    return text


def _to_kokoro(ipa: str, language: str) -> str:
    if language.startswith("en"):
        accent = _BRITISH if language == "en-GB" else _AMERICAN
        ipa = re.sub("(\\S)\u0329", r"ᵊ\1", _replace(ipa, _ENGLISH | accent | _TIED | _PLAIN))
    else:
        ipa = _replace(ipa, _TIED)
    return "".join(symbol for symbol in ipa if symbol in TOKENS)


def phonemize(text: str, language: str, given: Sequence[Respelling] = ()) -> str:
    """The phonemes of `text`, its marks kept in place, every symbol one of `TOKENS`; those `given` are taken as such.

    Raises SpeechError `language_not_spoken` for a language without phonemes here.
    """
    parts, at = [], 0
    for respelling in given:
        known = "".join(symbol for symbol in respelling.phonemes if symbol in TOKENS)
        parts += [_phonemized(text[at : respelling.start], language), known]
        at = respelling.end
    parts.append(_phonemized(text[at:], language))
    return _SPACED_MARK.sub("", " ".join(filter(None, parts)))


def _phonemized(text: str, language: str) -> str:
    try:
        voice = ESPEAK_VOICES[language]
    except KeyError:
        choices = sorted(ESPEAK_VOICES)
        raise SpeechError("language_not_spoken", language=language, engine="kokoro", choices=choices) from None
    pieces = _MARKS.split(text.strip())
    words, marks = pieces[::2], [*pieces[1::2], ""]
    spoken = [_spoken(words, marks, index, voice, language) for index in range(len(words))]
    joined = "".join(piece + _spaced(mark) for piece, mark in zip(spoken, marks, strict=True))
    return " ".join(joined.split())


def _spoken(pieces: list[str], marks: list[str], index: int, voice: str, language: str) -> str:
    """The phonemes of one piece between marks; a word of one letter is told from a letter by what stands around it."""
    piece = pieces[index]
    if not piece or voice != "pt-br":
        return _to_kokoro(_ipa(piece, voice), language) if piece else ""
    if piece.lower() in _ONE_LETTER_WORDS and not _is_listed(pieces, marks, index):
        return _ONE_LETTER_WORDS[piece.lower()]
    parts = _VOCATIVE.split(piece)
    parts[1::2] = [_ONE_LETTER_WORDS["ô"]] * len(parts[1::2])
    parts[::2] = [_before_a_mark(part.strip(), voice, language) if part.strip() else "" for part in parts[::2]]
    return " ".join(filter(None, parts))


def _before_a_mark(words: str, voice: str, language: str) -> str:
    """Phonemes of Portuguese words; a last one of one small letter sounds as it does inside a sentence."""
    last = _LAST_WORD.fullmatch(words)
    if last is None or last[2] not in _ONE_LETTER_WORDS:
        return _to_kokoro(_ipa(words, voice), language)
    spoken = _to_kokoro(_ipa(f"{last[1]}é", voice), language)  # the one such word that espeak knows in this place
    return spoken.removesuffix("ɛ") + _ONE_LETTER_WORDS[last[2]]


def _is_listed(pieces: list[str], marks: list[str], index: int) -> bool:
    """Whether a letter stands in a list of letters (A, B, C) or numbers one (a) and is called by its name."""
    beside = [*pieces[max(0, index - 1) : index], *pieces[index + 1 : index + 2]]
    letters = {other for other in beside if len(other) == 1 and other.isascii() and other.isupper()}
    return pieces[index].isascii() and (marks[index].startswith(")") or bool(letters - {pieces[index]}))


def _spaced(marks: str) -> str:
    """Opening marks lean on the next word, all others on the one before."""
    if not marks:
        return ""
    return f" {marks}" if marks[-1] in "(“" else f"{marks} "


def tokens(phonemes: str) -> list[int]:
    """Token ids, one a symbol, without the pad that the network wants at both ends."""
    return [TOKENS[symbol] for symbol in phonemes]
