"""The language codes of the base API, and which engines speak each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from app.api.queries import known_query
from app.api.services import Wired
from app.texts import negotiate
from speech.engines.base import EngineInfo
from speech.errors import SpeechError
from speech.synthesis import match_language

router = APIRouter(tags=["system"], dependencies=[Depends(known_query)])

# BCP 47 tags with the name a person reads; the base API's 28.
NAMES = {
    "en": "English",
    "en-US": "English (United States)",
    "en-GB": "English (United Kingdom)",
    "pt": "Português",
    "pt-BR": "Português (Brasil)",
    "pt-PT": "Português (Portugal)",
    "es": "Español",
    "es-ES": "Español (España)",
    "es-MX": "Español (México)",
    "fr": "Français",
    "fr-FR": "Français (France)",
    "de": "Deutsch",
    "de-DE": "Deutsch (Deutschland)",
    "it": "Italiano",
    "it-IT": "Italiano (Italia)",
    "ja": "日本語",
    "ja-JP": "日本語 (日本)",
    "ko": "한국어",
    "ko-KR": "한국어 (대한민국)",
    "zh": "中文",
    "zh-CN": "中文 (中国)",
    "zh-TW": "中文 (台灣)",
    "ru": "Русский",
    "ru-RU": "Русский (Россия)",
    "ar": "العربية",
    "ar-SA": "العربية (السعودية)",
    "hi": "हिन्दी",
    "hi-IN": "हिन्दी (भारत)",
}


async def reader_of(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))


Language = Annotated[str, Depends(reader_of)]  # of the reader: one of the catalogue's


class SpokenLanguage(BaseModel):
    code: str
    name: str
    engines: list[str]


class Languages(BaseModel):
    languages: list[SpokenLanguage]
    total: int


@router.get("/languages", summary="Language codes, each with the engines that speak it")
def languages(services: Wired) -> Languages:
    engines = services.synthesizer.usable_engines()
    found = [
        SpokenLanguage(code=code, name=name, engines=[e for e, info in engines.items() if _speaks(info, code)])
        for code, name in NAMES.items()
    ]
    return Languages(languages=found, total=len(found))


def _speaks(info: EngineInfo, code: str) -> bool:
    """Asked of what decides over requests, so that the list and the refusals agree."""
    try:
        return bool(match_language(code, info))
    except SpeechError:
        return False


def matches(wanted: str, spoken: Iterable[str]) -> bool:
    """Whether `wanted` is one of the `spoken` tags, or the base of one: `pt` is spoken where `pt-BR` is."""
    tags = {tag.lower() for tag in spoken}
    return wanted.lower() in tags | {tag.partition("-")[0] for tag in tags}


def primary_of(tag: str) -> str:
    """`pt` of `pt-BR`."""
    return tag.strip().replace("_", "-").partition("-")[0].lower()
