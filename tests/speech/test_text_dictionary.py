"""The pronunciation dictionary: what it finds, what it puts there, and what it refuses."""

from __future__ import annotations

import csv
import io
import time
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speech.engines.kokoro.phonemes import phonemize
from speech.errors import SpeechError
from speech.request_checks import checked_reading
from speech.text.csv_text import FORMULA
from speech.text.dictionary import MAX_PATTERNS, Dictionary, Entry, check_sizes, checked, from_csv, to_csv
from speech.text.reading import ReadingOptions, read, written_parts


def said(text: str, *entries: Entry, voice: str = "", language: str = "pt-BR") -> str:
    dictionary = Dictionary(map(checked, entries)).narrowed(language, voice)
    return " ".join(
        sentence.text for sentence in read(text, language, 400, ReadingOptions("auto", dictionary)).sentences
    )


@pytest.mark.parametrize(
    ("text", "entries", "spoken"),
    [
        ("A NASA voa.", [Entry("NASA", "nássa")], "A nássa voa."),
        ("O Nginx caiu.", [Entry("nginx", "engine x")], "O engine x caiu."),
        ("A nasa voa.", [Entry("NASA", "nássa")], "A nasa voa."),
        ("Em São Paulo.", [Entry("São Paulo", "Sampa"), Entry("são", "santo")], "Em Sampa."),
        ("O gato e o gatil.", [Entry("gato", "bichano")], "O bichano e o gatil."),
        ("O C++ e o C.", [Entry("C++", "cê mais mais")], "O cê mais mais e o C."),
        ("A 3ª Vara.", [Entry(r"(\d+)ª Vara", r"vara número \1", is_pattern=True)], "A vara número três."),
        ("Custa 5 conto.", [Entry("conto", "reais")], "Custa cinco reais."),
        ("a b", [Entry("a", "b"), Entry("b", "a")], "b a"),
        ("ana", [Entry("ana", "ana ana")], "ana ana"),
    ],
)
def test_said(text: str, entries: list[Entry], spoken: str) -> None:
    assert said(text, *entries) == spoken


def test_a_voice_goes_before_a_language_and_a_language_before_all() -> None:
    entries = [Entry("gato", "bicho"), Entry("gato", "cat", language="en"), Entry("gato", "felino", language="pt")]
    entries.append(Entry("gato", "bichano", voice="ana"))
    assert said("O gato.", *entries) == "O felino."
    assert said("O gato.", *entries, voice="ana") == "O bichano."
    assert said("The gato.", *entries, language="en-GB") == "The cat."
    assert said("Le gato.", *entries, language="fr") == "Le bicho."


def test_phonemes_reach_the_voice_and_the_entries_that_were_used_are_told() -> None:
    dictionary = Dictionary([Entry("Kokoro", phonemes="kˈɔkoɾʊ"), Entry("outro", "x")])
    reading = checked_reading("O Kokoro fala.", "pt-BR", 400, ReadingOptions("auto", dictionary))
    (sentence,) = reading.sentences
    assert phonemize(sentence.text, "pt-BR", sentence.given) == "u kˈɔkoɾʊ fˈalæ."
    assert [entry.written for entry in reading.entries] == ["Kokoro"]


def test_each_sentence_knows_how_it_was_written() -> None:
    reading = read("Custa R$ 5. Saiu às 3h. <b>25</b> pessoas! Olá 😀", "pt-BR", 400)
    assert written_parts(reading) == ["Custa R$ 5.", "Saiu às 3h.", "25 pessoas!", "Olá 😀"]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (Entry("", "x"), "entry_empty"),
        (Entry("x"), "entry_empty"),
        (Entry("x" * 201, "y"), "entry_too_long"),
        (Entry("x\x00", "y"), "entry_control_character"),
        (Entry("(", "x", is_pattern=True), "pattern_invalid"),
        (Entry(r"(?=a)", "x", is_pattern=True), "pattern_invalid"),
        (Entry(".*", "x", is_pattern=True), "pattern_too_wide"),
        (Entry(".", "x", is_pattern=True), "pattern_too_wide"),
        (Entry(r"\w+", "x", is_pattern=True), "pattern_too_wide"),
        (Entry("x*", "y", is_pattern=True), "pattern_too_wide"),
        (Entry("(a)b", r"\2", is_pattern=True), "pattern_without_group"),
        (Entry("x", phonemes="жж"), "phonemes_unknown"),
    ],
)
def test_refused(entry: Entry, code: str) -> None:
    with pytest.raises(SpeechError, match=code):
        checked(entry)


def test_a_text_cannot_be_blown_up() -> None:
    with pytest.raises(SpeechError, match="dictionary_grows_text"):
        said("a " * 5000, Entry("a", "b" * 400))


def test_a_pattern_that_would_stop_other_engines_is_quick() -> None:
    started = time.thread_time()
    said("a" * 9_000 + "!", Entry("(a+)+$", "b", is_pattern=True))
    assert time.thread_time() - started < 2


def test_ten_thousand_rows_cost_under_five_milliseconds_a_sentence() -> None:
    words = [Entry(f"palavra{number}", f"outra{number}") for number in range(10_000 - MAX_PATTERNS)]
    patterns = [Entry(rf"x{number}(\d+)y", r"\1", is_pattern=True) for number in range(MAX_PATTERNS)]
    dictionary = Dictionary([*words, *patterns])
    sentence = "Uma frase comum com a palavra77 e com x7123y, até o fim da linha, como tantas outras que se leem."
    dictionary.apply(sentence, lambda word, phonemes: word)
    times = []
    for _ in range(5):
        started = time.thread_time()
        respelled, _ = dictionary.apply(sentence, lambda word, phonemes: word)
        times.append(time.thread_time() - started)
    assert "outra77 e com 123," in respelled and min(times) < 0.005


def test_sizes_are_bounded() -> None:
    with pytest.raises(SpeechError, match="dictionary_full"):
        check_sizes([Entry("a", "b")] * 20_001)
    with pytest.raises(SpeechError, match="too_many_patterns"):
        check_sizes([Entry("a", "b", is_pattern=True)] * (MAX_PATTERNS + 1))


def test_csv_there_and_back() -> None:
    entries = [Entry("NASA", 'nássa, "a"'), Entry("a;b", "", "ˈa", "pt", "ana"), Entry(r"\d+x", r"\0", is_pattern=True)]
    entries[2] = replace(entries[2], spoken="xis")
    assert from_csv(to_csv(entries)) == entries
    assert from_csv("\ufeffwritten;spoken\r\noi;olá\r\n") == [Entry("oi", "olá")]


CELLS = st.text(st.characters(categories=("L", "N", "P", "S"), include_characters=" '=+-@"), min_size=1, max_size=12)


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=4))
@example([("'=1+1a", "''=1", "=a")])
@example([("-1a", "'a", "'")])
def test_any_entries_come_back_from_csv_and_none_is_a_formula(rows: list[tuple[str, str, str]]) -> None:
    entries = []
    for written, spoken, voice in rows:
        with suppress(SpeechError):
            entries.append(checked(Entry(written, spoken, voice=voice)))
    text = to_csv(entries)
    assert from_csv(text) == entries
    assert not [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row if cell.startswith(FORMULA)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "csv_columns"),
        ("a,b\nx,y\n", "csv_columns"),
        ("written,spoken\noi\n", "csv_row.*line=2"),
        ("written,spoken\noi,olá,x\n", "csv_row.*line=2"),
        ("written,spoken,is_pattern\noi,olá,\n(,x,true\n", "csv_row.*line=3"),
        ("written,spoken,is_pattern\noi,olá,maybe\n", "csv_row"),
    ],
)
def test_a_wrong_csv_is_refused_with_its_line(text: str, code: str) -> None:
    with pytest.raises(SpeechError, match=code):
        from_csv(text)
