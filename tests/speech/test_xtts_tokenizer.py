"""Sentences become the same tokens as in the reference package; what it cannot read is read here."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench.xtts_vocab import write_vocab
from speech.engines.xtts.cleaning import clean
from speech.engines.xtts.config import LANGUAGES
from speech.engines.xtts.tokenizer import CHAR_LIMITS, CODES, Tokenizer
from speech.errors import SpeechError
from speech.text.normalize import normalize

SENTENCES: list[tuple[str, str]] = json.loads(Path(__file__).with_name("xtts_sentences.json").read_text())
GOLDEN = json.loads((Path(__file__).parent / "golden/xtts/tokens.json").read_text())["rows"]


@pytest.fixture(scope="module")
def vocab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vocab") / "vocab.json"
    write_vocab(path, full=True)
    return path


@pytest.fixture(scope="module")
def tokenizer(vocab: Path) -> Tokenizer:
    return Tokenizer(vocab)


def test_sixty_sentences_of_seventeen_languages_as_the_reference(tokenizer: Tokenizer) -> None:
    assert len(SENTENCES) == len(GOLDEN) == 60 and {language for language, _ in SENTENCES} == set(CODES.values())
    for (language, text), wanted in zip(SENTENCES, GOLDEN):
        assert clean(text, language.split("-")[0]) == wanted["cleaned"]
        assert tokenizer.encode(text, language) == wanted["ids"]


def test_ids_are_language_token_then_words_with_spaces_marked(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("a b", "zh-cn")
    assert ids[0] == tokenizer.token_id("[zh-cn]") and tokenizer.token_id("[SPACE]") in ids
    assert tokenizer.token_id("[xx]") is None


@pytest.mark.parametrize(
    ("language", "text", "spoken"),
    [
        ("cs", "Dne 3. května jich bylo 9.", "dne tři května jich bylo devět."),
        ("ko", "100번째", "baegbeon-jjae"),
        ("hu", "3,1415926", "három,egymillió-négyszáztizenötezer-kilencszázhuszonhat"),
        ("es", "9" * 67, " ".join(["nueve"] * 67)),
        ("hi", "50 सैनिक, 12.5 किलो", "पचास सैनिक, बारह दशमलव पाँच किलो"),
        ("hi", "₹1,25,000 और $5 १९४७ में", "एक लाख पच्चीस हज़ार रुपये और पाँच डॉलर एक हज़ार नौ सौ सैंतालीस में"),
        ("hi", "10:30 बजे 5वें 100 1,00,00,001", "दस तीस बजे पाँचवें एक सौ एक करोड़ एक"),
    ],
)
def test_numbers_that_the_reference_fails_on_are_read(language: str, text: str, spoken: str) -> None:
    assert clean(text, language) == spoken


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("2002年12月10日", "er4ling2ling2er4nian2shi2er4yue4shi2ri4"),
        ("22200个", "liang3wan4liang3qian1liang3bai3ge4"),
        ("3元5角", "san1yuan2wu3jiao3"),
        ("010-6552345", "ling2yi1ling2liu4wu3wu3er4san1si4wu3"),
        ("0.5和007", "ling2dian3wu3he2ling2qi1"),
        ("1000000001只", "shi2yi4ling2yi1zhi1"),
    ],
)
def test_chinese_numbers(text: str, spoken: str) -> None:
    assert clean(text, "zh") == spoken


def test_normalised_portuguese_and_english_pass_unchanged() -> None:
    """Numbers and abbreviations are words by then, and the second cleaning finds nothing to change."""
    tags = {code: tag for tag, code in CODES.items()}
    known = json.loads((Path(__file__).parents[2] / "bench/sentences.json").read_text())
    texts = [pair for pair in SENTENCES if pair[0] in ("pt", "en")]
    texts += [(tag[:2], text) for tag, kinds in known.items() for text, _ in kinds["numbers"]]
    assert len(texts) > 20
    for code, text in texts:
        normal = normalize(text, tags[code])
        assert clean(normal, code) == " ".join(normal.replace('"', "").lower().split())


def test_every_language_has_its_code_and_limit(tokenizer: Tokenizer) -> None:
    assert set(CODES.values()) == set(CHAR_LIMITS) == set(LANGUAGES) and len(CODES) == 17
    for code, limit in CHAR_LIMITS.items():
        tokenizer.encode("a" * limit, code)
        with pytest.raises(SpeechError) as raised:
            tokenizer.encode("a" * (limit + 1), code)
        assert raised.value.code == "text_over_limit" and raised.value.values["maximum"] == limit


def test_unknown_language_names_those_of_the_vocabulary(tokenizer: Tokenizer, vocab: Path, tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="language_not_spoken") as raised:
        tokenizer.encode("sveiki", "lv")
    assert raised.value.values["choices"] == list(CHAR_LIMITS)
    less = tmp_path / "less.json"
    less.write_text(vocab.read_text().replace("[hi]", "[xx]"))
    with pytest.raises(SpeechError, match="language_not_spoken") as raised:
        Tokenizer(less).encode("नमस्ते", "hi")
    assert "hi" not in str(raised.value.values["choices"])


@pytest.mark.parametrize("content", [b"", b"{}", b"\x00\xff", b'{"model": {"type": "BPE"}}'])
def test_damaged_vocabulary(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "vocab.json"
    path.write_bytes(content)
    with pytest.raises(SpeechError, match="checkpoint_damaged"):
        Tokenizer(path)


@pytest.mark.parametrize(("language", "package"), [("zh-cn", "pypinyin"), ("ja", "cutlet"), ("ko", "ko_speech_tools")])
def test_a_missing_package_is_named_with_its_command(
    language: str, package: str, tokenizer: Tokenizer, vocab: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SpeechError, match="xtts_language_package_missing") as raised:
        tokenizer.encode("1", language)
    assert raised.value.values["packages"] == [package] and "./run xtts" in str(raised.value)
    assert tokenizer.encode("um", "pt")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(SpeechError, match="engine_not_installed"):
        Tokenizer(vocab)


def test_threads_share_one_tokenizer(tokenizer: Tokenizer) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda pair: tokenizer.encode(pair[1], pair[0]), SENTENCES * 3))
    assert found == [row["ids"] for row in GOLDEN] * 3
