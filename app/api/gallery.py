"""Galleries of RVC models: indexes by URL or file, and their models listed, heard, brought and rated here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.api.bodies import JSON, Body, Upload, body_of, documented
from app.api.job_views import AnyJob, iso, view_of
from app.api.languages import Language
from app.api.queries import known_query
from app.api.rvc import CONVERTER, ModelName, Rating, models_of
from app.api.services import Services, Wired, Working
from app.errors import FieldError, Problem
from app.jobs.kinds import GALLERY

if TYPE_CHECKING:
    from app.storage.galleries import GalleryStore, StoredGallery
    from speech.engines.rvc.gallery import GalleryModel

router = APIRouter(prefix="/rvc/gallery", tags=["rvc"], dependencies=[Depends(known_query)])
SAMPLE_RATE, LONGEST_SAMPLE_S = 24000, 60.0


class NewGallery(Body):
    """One of the two: the address of an index, or the index itself."""

    url: Annotated[str | None, Field(min_length=1, max_length=2048)] = None
    file: Upload | None = None


class Wanted(Body):
    """`accept_licence`: the model's licence, as the gallery names it. `name`: another name than the gallery's."""

    accept_licence: Annotated[str, Field(min_length=1, max_length=100)]
    name: ModelName | None = None


class GalleryView(BaseModel):
    """`url` null: it came as a file."""

    id: str
    title: str
    url: str | None
    fetched_at: str | None
    models: int


class GalleryItem(BaseModel):
    """`model_id`: of the model here, once it was brought."""

    gallery_id: str
    item_id: str
    name: str
    description: str
    licence: str
    licence_url: str | None
    language: str | None
    size_bytes: int
    sha256: str
    has_index: bool
    has_sample: bool
    model_id: str | None
    rating: int | None
    review: str | None


class GalleryList(BaseModel):
    total: int
    galleries: list[GalleryView]
    models: list[GalleryItem]


class GalleryDeleted(BaseModel):
    message: str
    gallery_id: str


@router.get("", summary="Models of all galleries that were added")
def list_gallery(
    services: Wired,
    search: Annotated[str, Query(max_length=100)] = "",
    licence: Annotated[str, Query(max_length=100)] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> GalleryList:
    """`search`: words that name or description have."""
    galleries = store_of(services).all()
    words = search.lower().split()
    found = [
        item
        for item in _items(services, galleries)
        if all(word in f"{item.name} {item.description}".lower() for word in words)
        and licence.lower() in ("", item.licence.lower())
    ]
    return GalleryList(total=len(found), galleries=[_view(one) for one in galleries], models=found[:limit])


@router.post("", status_code=201, summary="Add a gallery by URL or file", openapi_extra=documented(NewGallery))
def add_gallery(services: Wired, body: Annotated[NewGallery, Depends(body_of(NewGallery))]) -> GalleryView:
    """Raises Problem `gallery_known`, as `UrlGuard.fetch`; SpeechError `gallery_malformed`, `gallery_newer`."""
    from speech.engines.rvc.gallery import MAX_BYTES

    if (body.url is None) == (body.file is None):
        raise Problem("invalid_request", errors=[FieldError("url", "fields_exclusive", {"names": ["url", "file"]})])
    data = body.file.file.read(MAX_BYTES + 1) if body.file else _fetched(services, str(body.url))
    return _view(store_of(services).add(data, body.url or ""))


@router.post("/{gallery_id}/refresh", summary="Fetch a gallery's index again")
def refresh_gallery(services: Wired, gallery_id: str) -> GalleryView:
    """Raises Problem `gallery_unknown`, `gallery_without_url`, and as adding it."""
    store = store_of(services)
    found = store.get(gallery_id)
    if not found.url:
        raise Problem("gallery_without_url", gallery_id=gallery_id)
    return _view(store.renew(gallery_id, _fetched(services, found.url)))


@router.delete("/{gallery_id}", summary="Forget a gallery; models that were brought stay")
def delete_gallery(services: Wired, gallery_id: str) -> GalleryDeleted:
    store_of(services).delete(gallery_id)
    services.note("gallery_deleted", gallery_id)
    return GalleryDeleted(message="Gallery deleted", gallery_id=gallery_id)


@router.post(
    "/{gallery_id}/models/{item_id}/download",
    status_code=202,
    summary="Bring a model of a gallery, as a job",
    openapi_extra=documented(Wanted, JSON),
)
def download(
    services: Working,
    reader: Language,
    gallery_id: str,
    item_id: str,
    body: Annotated[Wanted, Depends(body_of(Wanted, JSON))],
) -> AnyJob:
    """Raises Problem `gallery_unknown`, `gallery_model_unknown`, `gallery_licence`, `gallery_being_brought`,
    `rvc_name_taken`, and what the guard of links says of the address; SpeechError `engine_not_installed`."""
    from app.jobs.store import NameReserved

    item = store_of(services).get(gallery_id).model(item_id)
    if body.accept_licence != item.licence:
        raise Problem("gallery_licence", name=item.name, licence=item.licence, url=item.licence_url or "–")
    services.synthesizer.registry.converter(CONVERTER).install.check_packages("RVC")
    name = body.name or item.name
    if models_of(services).store.has_name(name):
        raise Problem("rvc_name_taken", name=name)
    for file in filter(None, (item.model, item.index)):
        services.urls.check(file.url)
    params = {
        "gallery_id": gallery_id,
        "item_id": item.item_id,
        "name": name,
        "description": item.description,
        "licence": item.licence,
        "model": asdict(item.model),
        "index": asdict(item.index) if item.index else None,
        "reader": reader,
    }
    try:
        job = services.jobs.add(GALLERY, params, reserves=f"rvc:{services.caller.user_id}:{name}"[:80])
    except NameReserved as error:
        raise Problem("gallery_being_brought", name=name, job_id=error.job_id) from error
    return view_of(job, reader)


@router.get("/{gallery_id}/models/{item_id}/sample", summary="A model's sample, as WAV", response_class=Response)
def sample(services: Wired, gallery_id: str, item_id: str) -> Response:
    """Fetched, compared with its checksum and decoded here. Raises Problem `gallery_without_sample`,
    `gallery_checksum`, and as `UrlGuard.fetch`."""
    from app.tasks.gallery import fetch
    from speech.audio import to_bytes
    from speech.recordings import read_recording

    item = store_of(services).get(gallery_id).model(item_id)
    if item.sample is None:
        raise Problem("gallery_without_sample", name=item.name)
    with _folder(services) as folder:
        fetch(services.urls, item.sample, folder / "sample", lambda done: None)
        sound = read_recording(folder / "sample", SAMPLE_RATE, LONGEST_SAMPLE_S).audio
    return Response(to_bytes(sound, "wav"), media_type="audio/wav")


@router.put(
    "/{gallery_id}/models/{item_id}/rating",
    summary="Rate a model of a gallery; it stays on this machine",
    openapi_extra=documented(Rating, JSON),
)
def rate_item(
    services: Wired, gallery_id: str, item_id: str, body: Annotated[Rating, Depends(body_of(Rating, JSON))]
) -> GalleryItem:
    from app.storage.galleries import Opinion

    found = store_of(services).rate(gallery_id, item_id, Opinion(body.stars, body.review))
    return next(item for item in _items(services, [found]) if item.item_id == item_id)


def store_of(services: Services) -> GalleryStore:
    from app.storage.galleries import GalleryStore

    return GalleryStore(services.settings.galleries_path, services.caller)


def _fetched(services: Services, url: str) -> bytes:
    from speech.engines.rvc.gallery import MAX_BYTES

    into = io.BytesIO()
    services.urls.fetch(url, into, MAX_BYTES)
    return into.getvalue()


@contextmanager
def _folder(services: Services) -> Iterator[Path]:
    with TemporaryDirectory(dir=services.settings.data_dir, prefix="sample-") as folder:
        yield Path(folder)


def _items(services: Services, galleries: list[StoredGallery]) -> Iterator[GalleryItem]:
    from app.tasks.gallery import file_name

    here = {model.pth_file: model.model_id for model in models_of(services).store.all()}
    for one in galleries:
        for item in one.gallery.models:
            yield _item(one, item, here.get(file_name(item)))


def _item(one: StoredGallery, item: GalleryModel, model_id: str | None) -> GalleryItem:
    opinion = one.opinions.get(item.item_id)
    return GalleryItem(
        gallery_id=one.gallery_id,
        item_id=item.item_id,
        name=item.name,
        description=item.description,
        licence=item.licence,
        licence_url=item.licence_url or None,
        language=item.language or None,
        size_bytes=item.size_bytes,
        sha256=item.model.sha256,
        has_index=item.index is not None,
        has_sample=item.sample is not None,
        model_id=model_id,
        rating=opinion.rating if opinion else None,
        review=opinion.review if opinion else None,
    )


def _view(one: StoredGallery) -> GalleryView:
    return GalleryView(
        id=one.gallery_id,
        title=one.gallery.title,
        url=one.url or None,
        fetched_at=iso(one.fetched_at),
        models=len(one.gallery.models),
    )
