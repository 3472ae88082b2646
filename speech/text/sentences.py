"""Cut a text into sentences so that no character is lost and no piece is longer than an engine can take."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

# Written with a full stop and always followed by more of the same sentence.
_LEADING = frozenset(
    "sr sra srs sras srta dr dra drs dras prof profa profª mr mrs ms messrs st sto sta mt ft d pe fr rev hon gen gal "
    "col cel capt cap cmdr maj sgt ten lt pres gov sen rep dep min eng arq adv exmo exma ilmo v exa av r "
    "al pça rod jd trav "
    "art arts inc nº n no nos núm num tel fig figs vol vols pág págs p pp cap caps séc ed eds org orgs ref obs vs ex "
    "e.g i.e p.ex cf ca c aprox approx máx mín dept est jan fev feb mar abr apr mai jun jul ago aug set sept sep out "
    "oct nov dez dec univ assoc bros ste mme mlle m sra dña ud uds".split()
)
# The same, in one language alone.
_LEADING_IN = {
    "cs": "pí sl ing mgr bc judr mudr phdr rndr doc ul nám tř č čp čís str např tzv tj mj sv vč cca kpt",
    "de": "hr fr frl nr bzw vgl abb bd str z.b d.h u.a i.d.r bspw evtl ggf inkl zzgl dipl ing med phil hl hrsg kap",
    "es": "ee avda gral gob ntra lic ing dpto tfno pza c.p",
    "fr": "mm mgr me bd fg env chap éd",
    "hi": "डॉ श्री सुश्री प्रो पं स्व कु मो",
    "hu": "id ifj özv kb ún pl ld vö u ny bp em fszt vitéz",
    "it": "sig sigg sig.ra dott dott.ssa prof.ssa avv ing geom rag on pag pagg p.es es v.le p.za",
    "nl": "dhr mevr mw drs ir ing ds jhr mej blz bijv bv t.a.v o.a d.w.z",
    "pl": "ul al pl os hab inż mgr ks św płk ppłk por kpt np tzn tzw m.in pt nr str",
    "ru": "ул пр пл обл им стр см рис табл гл проф акад доц ген св тел кв корп т.е",
    "tr": "doç yrd sn bkz örn cad sok mah apt no",
}
# Where a full stop after a number makes it an ordinal.
_ORDINAL_POINT = frozenset("cs da de et fi hr hu lv nb pl sk sl sr tr".split())
# Abbreviations that may also be the last word; a capital letter after them starts a new sentence.
_TRAILING = frozenset("etc a.m p.m am pm s.a ltda ltd jr cia co corp a.c d.c hr hrs kg km".split())
_WORDS_OF_ONE_LETTER = frozenset("áàâéêíóôúè")  # of Portuguese and its neighbours, never the initial of a name
_SPELLED_OUT = re.compile(r"(?:(?<!\w)[A-Z] |\bdot )[A-Z]$|\w [iu]$")  # dot P Y; á pê i
_EAST = "\u3040-\u30ff\u3400-\u9fff"  # kana and Chinese characters, written without spaces
_CLOSERS = "\"'”’»›)\\]}）】」』"
_END = re.compile(
    rf"(?<![.!?…؟।॥۔])[.!?…؟।॥۔]++[{_CLOSERS}]*+(?=\s)"
    rf"|[。｡！？][。｡！？!?]*[{_CLOSERS}]*|(?<=[{_EAST}])[!?]+[{_CLOSERS}]*"
)
_NEXT_WORD = re.compile(r"\W{0,12}(?:(?<=['’])[nst]\s+)?(\w[\w'’]*)")  # Dutch: 's Avonds
_LAST_TOKEN = re.compile(r"[^\s\"“”«»()\[\]]+$")
_INITIALS = re.compile(rf"(?:[^\W\d_]\.)*[^\W\d_가-힣{_EAST}]")
_NUMBERED = re.compile(r"[\W_]*\d{1,3}(?:\.\d{1,3})*")
_SMALL_NUMBER = re.compile(r"(?:^|.*\D)\d{1,2}")
_HALF_OF_DAY = re.compile(r"(?:^|\W)[ap]\.m$", re.IGNORECASE)
_GOES_ON = re.compile(  # after p.m.: a day, a month, a time zone, a place, or somebody who speaks
    r"\s+(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|(?:January|February|March|April|May|June|July|August|September|"
    r"October|November|December)(?= \w+(?:,|\.|$| \w))|[ECMP][SD]?T|GMT|UTC|BS?T|CES?T|IST|JST|A[EW]ST|BRT|"
    r"(?:Eastern|Central|Mountain|Pacific|Greenwich|Atlantic|Alaska|Hawaii)|I|(?:[A-Z]\w+ ){1,2}time)\b"
)
_CLAUSES = (
    re.compile(rf"[;:؛][{_CLOSERS}]*\s|[；：]|(?<=[{_EAST}])[;:]"),
    re.compile(rf"(?:[,)،、，]|\s[—–-])[{_CLOSERS}]*\s|[、，]|(?<=[{_EAST}]),"),
)


@dataclass(frozen=True)
class Respelling:
    """Characters `start` to `end` of a sentence, whose phonemes are given."""

    start: int
    end: int
    phonemes: str


@dataclass(frozen=True)
class Delivery:
    """Who speaks a part of a text, and how, beside what the request says."""

    voice: str = ""  # an id of a voice; "": the request's
    rate: float = 1.0  # times as fast
    pitch_semitones: float = 0.0  # higher
    volume_db: float = 0.0  # louder


PLAIN = Delivery()
PAUSE_S = 0.25  # after a full stop, where no parameter says otherwise
PARAGRAPH_PAUSES = 2.5
NO_MARK_PAUSES = 0.2  # where a sentence was cut because it was too long
_CLOSER_MARKS = "\"'”’»›)]}）】」』"
_PAUSE_SHARES = {".!?。！？؟।॥۔": 1.0, "…": 1.4, ";:؛；：": 0.7, "—–-": 0.6, ",،、，": 0.45}


@dataclass(frozen=True)
class Sentence:
    """A piece of text spoken in one breath; `ends_paragraph` asks for a longer pause after it."""

    text: str
    ends_paragraph: bool = False
    pause_s: float | None = None  # silence asked for after it, beside the engine's own pause
    given: tuple[Respelling, ...] = ()  # in order
    delivery: Delivery = PLAIN
    goes_on: bool = False  # in the next piece, which is delivered otherwise: no pause between them


def pause_share(sentence: Sentence) -> float:
    """How long the pause after a sentence is, beside that after a full stop: by its last mark, or its paragraph."""
    if sentence.ends_paragraph:
        return PARAGRAPH_PAUSES
    mark = sentence.text.rstrip().rstrip(f"{_CLOSER_MARKS}").rstrip()[-1:]
    return next((share for marks, share in _PAUSE_SHARES.items() if mark in marks), NO_MARK_PAUSES)


def split(text: str, max_chars: int, language: str = "") -> tuple[Sentence, ...]:
    """Cut `text` into sentences of at most `max_chars` characters, in order.

    Every character that is not white space is in exactly one of them. A new line ends a sentence and the
    paragraph; the last sentence of the text ends nothing, since no pause follows it. `language` (BCP 47) adds its
    abbreviations and ordinals to those that are known in every text.
    Raises ValueError when `max_chars` is below one.
    """
    if max_chars < 1:
        raise ValueError(f"max_chars must be at least 1, not {max_chars}")
    cased = any(character.isupper() for character in text)
    primary = language.replace("_", "-").split("-")[0].lower()
    sentences: list[Sentence] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        pieces = [piece for sentence in _sentences(line, cased, primary) for piece in _pieces(sentence, max_chars)]
        sentences += [Sentence(piece) for piece in pieces[:-1]] + [Sentence(pieces[-1], ends_paragraph=True)]
    if sentences:
        sentences[-1] = Sentence(sentences[-1].text)
    return tuple(sentences)


def _sentences(line: str, cased: bool, language: str) -> Iterator[str]:
    start = 0
    for end in _END.finditer(line):
        if _is_end(line, start, end, cased, language):
            stop = end.end()
            if line[stop - 1] == '"' and line[stop : stop + 1].strip() and line.count('"', 0, stop) % 2:
                stop -= 1  # where no space tells, a straight quote that opens belongs to what follows
            yield line[start:stop].strip()
            start = stop
    rest = line[start:].strip()
    if rest:
        yield rest


def _is_end(line: str, start: int, end: re.Match[str], cased: bool, language: str) -> bool:
    following = _NEXT_WORD.match(line, end.end())
    before = line[start : end.start()]
    if following is None or not any(character.isalnum() for character in before):
        return False
    word, mark = following[1], end[0]
    if not line[end.end()].isspace():  # Chinese or Japanese: a quote that the sentence goes on after ends nothing
        return not (mark[-1] in _CLOSERS and "\u3041" <= line[end.end()] <= "\u3096")
    if cased and word[0].islower():
        return False
    if mark.startswith(("…", "..")):
        return not re.match(r"I(?:['’]\w+)?$", word)
    if mark[0] == "." and _HALF_OF_DAY.search(before[-4:]) and _GOES_ON.match(line, end.end()):
        return False
    return mark[0] != "." or not _is_abbreviation(before, language)


def _is_abbreviation(before: str, language: str) -> bool:
    """Whether the full stop after `before` belongs to its last word and not to the sentence."""
    if _NUMBERED.fullmatch(before) or (language in _ORDINAL_POINT and _SMALL_NUMBER.fullmatch(before[-40:])):
        return True
    found = _LAST_TOKEN.search(before[-40:])
    token = found[0] if found else ""
    if token.lower() in _leading_in(language):
        return True
    if token.lower() in _TRAILING:
        return False
    if token in _WORDS_OF_ONE_LETTER or _SPELLED_OUT.search(before[-6:]):
        return False
    if token == "I":
        return not before[:-1].rstrip()[-1:].islower()
    return token.lower() in _LEADING or _INITIALS.fullmatch(token) is not None


@lru_cache(maxsize=64)
def _leading_in(language: str) -> frozenset[str]:
    return frozenset(_LEADING_IN.get(language, "").split())


def _pieces(sentence: str, max_chars: int) -> Iterator[str]:
    while len(sentence) > max_chars:
        cut = _cut(sentence, max_chars)
        yield sentence[:cut].rstrip()
        sentence = sentence[cut:].lstrip()
    if sentence:
        yield sentence


def _cut(sentence: str, max_chars: int) -> int:
    """Where to cut a sentence that is too long: after a clause, else at a space, else between two letters."""
    window = sentence[: max_chars + 1]
    for clause in _CLAUSES:
        ends = [found.end() for found in clause.finditer(window) if found.end() <= max_chars + 1]
        if ends and ends[-1] > max_chars // 3:
            return min(ends[-1], len(sentence))
    spaces = [index for index, character in enumerate(window) if character.isspace()]
    if spaces and spaces[-1]:
        return spaces[-1]
    cut = max_chars
    while cut > 1 and unicodedata.combining(sentence[cut]):
        cut -= 1
    return cut
