"""How a text will be read, and the pronunciation dictionary."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

from app.api.bodies import MULTIPART, Body, Upload, body_of, documented
from app.api.queries import known_query
from app.api.services import Wired
from app.dictionary_csv import entries_of
from app.errors import Problem
from app.texts import negotiate, render
from speech.preview import preview
from speech.text.dictionary import MAX_SPOKEN, MAX_WRITTEN, Entry, to_csv
from speech.text.language import guess

if TYPE_CHECKING:  # the database layer is a third of the import of app.main
    from app.storage.pronunciations import StoredEntry

router = APIRouter(prefix="/text", tags=["text"], dependencies=[Depends(known_query)])

MAX_CSV_BYTES = 8 << 20
Wrapping = Literal["auto", "keep", "join"]
Written = Annotated[str, Field(min_length=1, max_length=MAX_WRITTEN)]
Spoken = Annotated[str, Field(max_length=MAX_SPOKEN)]


class PreviewBody(Body):
    """`language` is the text's own where it is not given; `voice` brings its entries of the dictionary in."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    language: Annotated[str, Field(max_length=35)] = ""
    voice: Annotated[str, Field(max_length=80)] = ""
    wrapping: Wrapping = "auto"


class SentenceView(BaseModel):
    written: str
    spoken: str
    phonemes: str


class LeftOutView(BaseModel):
    text: str
    reason: str
    message: str


class PreviewView(BaseModel):
    language: str
    sentences: list[SentenceView]
    left_out: list[LeftOutView]


class NewEntry(Body):
    """`spoken` or `phonemes` or both; `language` and `voice` empty mean every one."""

    written: Written
    spoken: Spoken = ""
    phonemes: Spoken = ""
    language: Annotated[str, Field(max_length=35)] = ""
    voice: Annotated[str, Field(max_length=80)] = ""
    is_pattern: bool = False


class EntryChanges(Body):
    written: Written | None = None
    spoken: Spoken | None = None
    phonemes: Spoken | None = None
    language: Annotated[str | None, Field(max_length=35)] = None
    voice: Annotated[str | None, Field(max_length=80)] = None
    is_pattern: bool | None = None


class EntryView(NewEntry):
    id: int
    updated_at: float

    @classmethod
    def of(cls, stored: StoredEntry) -> EntryView:
        return cls(id=stored.entry_id, updated_at=stored.updated_at, **vars(stored.entry))


class EntryPage(BaseModel):
    entries: list[EntryView]
    total: int
    limit: int
    offset: int


class CsvUpload(Body):
    """`replace`: what was in the dictionary before goes."""

    file: Upload
    replace: bool = False


class Imported(BaseModel):
    read: int
    total: int


def reader_of(request: Request) -> str:
    return negotiate(request.headers.get("accept-language"))


@router.post("/preview", summary="How a text will be read out", openapi_extra=documented(PreviewBody))
def preview_text(
    services: Wired,
    body: Annotated[PreviewBody, Depends(body_of(PreviewBody))],
    reader: Annotated[str, Depends(reader_of)],
) -> PreviewView:
    language = body.language or guess(body.text) or ("en-US" if reader == "en" else reader)
    made = preview(body.text, language, body.voice, services.reading(body.wrapping))
    left_out = [
        LeftOutView(text=part.text, reason=part.reason, message=render(f"read.left_out.{part.reason}", reader, {}))
        for part in made.left_out
    ]
    sentences = [SentenceView(**vars(sentence)) for sentence in made.sentences]
    return PreviewView(language=made.language, sentences=sentences, left_out=left_out)


@router.get("/dictionary", summary="Entries of the pronunciation dictionary")
def list_entries(
    services: Wired,
    search: Annotated[str, Query(max_length=200)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> EntryPage:
    entries, total = services.pronunciations.page(search, limit, offset)
    return EntryPage(entries=[EntryView.of(entry) for entry in entries], total=total, limit=limit, offset=offset)


@router.post("/dictionary", status_code=201, summary="Add an entry", openapi_extra=documented(NewEntry))
def add_entry(services: Wired, body: Annotated[NewEntry, Depends(body_of(NewEntry))]) -> EntryView:
    return EntryView.of(services.pronunciations.add(Entry(**body.model_dump())))


@router.patch("/dictionary/{entry_id}", summary="Change an entry", openapi_extra=documented(EntryChanges))
def change_entry(
    services: Wired, entry_id: int, body: Annotated[EntryChanges, Depends(body_of(EntryChanges))]
) -> EntryView:
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return EntryView.of(services.pronunciations.change(entry_id, changes))


@router.delete("/dictionary/{entry_id}", status_code=204, summary="Delete an entry")
def delete_entry(services: Wired, entry_id: int) -> None:
    services.pronunciations.delete(entry_id)


@router.get("/dictionary/export", summary="All entries as CSV", response_class=PlainTextResponse)
def export_entries(services: Wired) -> PlainTextResponse:
    headers = {"Content-Disposition": 'attachment; filename="dictionary.csv"'}
    return PlainTextResponse(to_csv(services.pronunciations.all()), media_type="text/csv", headers=headers)


@router.post(
    "/dictionary/import", summary="Read entries from a CSV, all or none", openapi_extra=documented(CsvUpload, MULTIPART)
)
def import_entries(
    services: Wired,
    body: Annotated[CsvUpload, Depends(body_of(CsvUpload, MULTIPART))],
    reader: Annotated[str, Depends(reader_of)],
) -> Imported:
    data = body.file.file.read(MAX_CSV_BYTES + 1)
    if len(data) > MAX_CSV_BYTES:
        raise Problem("body_too_large", limit_mb=MAX_CSV_BYTES >> 20)
    entries = entries_of(data, reader)
    total = services.pronunciations.bring_in(entries, body.replace)
    return Imported(read=len(entries), total=total)
