"""From a sentence to the numbers that the GPT reads: cleaned text, then the checkpoint's byte-pair encoding.

Byte-pair encoding: https://arxiv.org/abs/1508.07909; the model is the checkpoint's own `vocab.json`.
"""

from __future__ import annotations

from pathlib import Path

from speech.engines.xtts.cleaning import INSTALL_COMMAND, clean
from speech.errors import SpeechError

# BCP 47 tag to the code of the language token.
CODES = {"pt-BR": "pt", "en-US": "en", "es-ES": "es", "fr-FR": "fr", "de-DE": "de", "it-IT": "it", "pl-PL": "pl"}
CODES |= {"tr-TR": "tr", "ru-RU": "ru", "nl-NL": "nl", "cs-CZ": "cs", "ar": "ar", "zh-CN": "zh-cn", "hu-HU": "hu"}
CODES |= {"ko-KR": "ko", "ja-JP": "ja", "hi-IN": "hi"}
# Characters of one sentence, by code; the model leaves out words of longer ones.
CHAR_LIMITS = {"pt": 203, "en": 250, "es": 239, "fr": 273, "de": 253, "it": 213, "pl": 224, "tr": 226, "ru": 182}
CHAR_LIMITS |= {"nl": 251, "cs": 186, "ar": 166, "zh-cn": 82, "hu": 224, "ko": 95, "ja": 71, "hi": 150}


class Tokenizer:
    """The vocabulary of one checkpoint. Safe for several threads.

    Raises SpeechError `engine_not_installed`, `checkpoint_damaged`.
    """

    def __init__(self, vocab_path: Path) -> None:
        try:
            from tokenizers import Tokenizer as BytePairs
        except ImportError as error:
            missing = {"engine": "XTTS v2", "packages": ["tokenizers"], "command": INSTALL_COMMAND}
            raise SpeechError("engine_not_installed", **missing) from error
        try:
            self._pairs = BytePairs.from_file(str(vocab_path))
        except Exception as error:  # the Rust library raises nothing narrower
            raise SpeechError("checkpoint_damaged", file=vocab_path.name, reason=str(error)) from None

    def encode(self, text: str, language: str) -> list[int]:
        """Token ids of one sentence in `language` (a value of CODES).

        Raises SpeechError `text_over_limit`, `language_not_spoken`, `xtts_language_package_missing`.
        """
        if language not in CHAR_LIMITS or self.token_id(f"[{language}]") is None:
            choices = [code for code in CHAR_LIMITS if self.token_id(f"[{code}]") is not None]
            raise SpeechError("language_not_spoken", language=language, engine="xtts", choices=choices)
        if len(text) > CHAR_LIMITS[language]:
            limit = CHAR_LIMITS[language]
            raise SpeechError("text_over_limit", length=len(text), maximum=limit, language=language)
        marked = f"[{language}]{clean(text, language.split('-')[0])}".replace(" ", "[SPACE]")
        ids: list[int] = self._pairs.encode(marked).ids
        return ids

    def token_id(self, token: str) -> int | None:
        """The number of one token such as `[START]`; None where the vocabulary has none."""
        found: int | None = self._pairs.token_to_id(token)
        return found
