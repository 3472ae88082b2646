"""The page: its own files, the libraries the model store holds for it, and the texts it shares with the service.

`/webui` is the only document. It names every file by an address with the version of them all, which browsers keep
for good; the same files are found without a version too, and then asked for again each time.
"""

from __future__ import annotations

import json
from functools import lru_cache
from html import escape
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from app.api.page_files import IMMUTABLE, PAGE, REVALIDATED, Asset, answer, asset_of, page_version, read_asset
from app.api.page_libraries import LIBRARIES, NEEDED
from app.api.queries import known_query
from app.api.services import Wired
from app.errors import Problem
from app.texts import LANGUAGES, catalogue, render
from speech.models import ModelStore

router = APIRouter(tags=["page"], dependencies=[Depends(known_query)])


@router.get("/webui", summary="The page", response_class=Response)
def page(request: Request, services: Wired) -> Response:
    """Where the libraries are missing without which nothing is drawn, it says how to bring them."""
    html = (PAGE / "index.html").read_text("utf-8")
    lacking = [library for library in NEEDED if not services.models.is_installed(library)]
    if lacking:
        told = (render("error.page_vendor_missing", tag, {"model": " ".join(lacking)}) for tag in LANGUAGES)
        lines = "".join(f'<p role="alert" class="not-drawn">{escape(line)}</p>' for line in told)
        html = html.replace('<div id="app">', f'<div id="app">{lines}', 1)
    return answer(_document(page_version(), html), request.headers, REVALIDATED)


@router.get("/webui/", include_in_schema=False)
def page_with_slash() -> RedirectResponse:
    return RedirectResponse("/webui", 308)


@router.get("/webui/texts/{language}.json", summary="What the page says, in one language", response_class=Response)
def texts(request: Request, language: str) -> Response:
    if language not in LANGUAGES:
        raise Problem("page_texts_not_found", language=language, choices=list(LANGUAGES))
    return answer(_texts(language), request.headers, REVALIDATED)


@router.get("/webui/vendor/{library}/{path:path}", summary="A library of the page", response_class=Response)
def vendor(request: Request, services: Wired, library: str, path: str) -> Response:
    return answer(_vendor(services.models, library, path), request.headers, REVALIDATED)


@router.get("/webui/js/page-worker.js", summary="The worker that keeps the page", response_class=Response)
def page_worker(request: Request) -> Response:
    """Its scope is the whole page, which lies above its own address (W3C Service Workers §6.2)."""
    found = answer(_file(PAGE, "js/page-worker.js"), request.headers, REVALIDATED)
    found.headers["Service-Worker-Allowed"] = "/webui"
    return found


@router.get("/webui/v/{version}/vendor/{library}/{path:path}", include_in_schema=False)
def vendor_of_version(request: Request, services: Wired, version: str, library: str, path: str) -> Response:
    return answer(_vendor(services.models, library, path), request.headers, _caching(version))


@router.get("/webui/v/{version}/{path:path}", include_in_schema=False)
def page_file_of_version(request: Request, version: str, path: str) -> Response:
    return answer(_file(PAGE, path), request.headers, _caching(version))


@router.get("/webui/{path:path}", summary="A file of the page", response_class=Response)
def page_file(request: Request, path: str) -> Response:
    return answer(_file(PAGE, path), request.headers, REVALIDATED)


def _caching(version: str) -> str:
    """A page that was opened before an update asks for an older version and gets the files there are now."""
    return IMMUTABLE if version == page_version() else REVALIDATED


@lru_cache(maxsize=4)
def _document(version: str, html: str) -> Asset:
    for attribute in ("src", "href"):
        html = html.replace(f'{attribute}="/webui/', f'{attribute}="/webui/v/{version}/')
    return asset_of(html.encode(), ".html")


@lru_cache(maxsize=len(LANGUAGES))
def _texts(language: str) -> Asset:
    return asset_of(json.dumps(catalogue(language), ensure_ascii=False).encode(), ".json")


def _vendor(models: ModelStore, library: str, path: str) -> Asset:
    """Raises Problem `page_file_not_found` or `page_vendor_missing`."""
    if library not in LIBRARIES:
        raise Problem("page_file_not_found", path=f"vendor/{library}"[:200])
    if not models.is_installed(library):
        raise Problem("page_vendor_missing", model=library)
    return _file(models.path(library), path)


def _file(root: Path, path: str) -> Asset:
    """Raises Problem `page_file_not_found`, also for what lies outside `root` or is not for a browser."""
    file = (root / path).resolve() if "\0" not in path else root
    if not file.is_relative_to(root.resolve()) or not file.is_file():
        raise Problem("page_file_not_found", path=path[:200])
    try:
        return read_asset(file)
    except (KeyError, OSError) as error:
        raise Problem("page_file_not_found", path=path[:200]) from error
