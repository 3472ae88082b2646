"""The page: its own files, the libraries the model store holds for it, and the texts it shares with the service."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fastapi import APIRouter, Depends
from starlette.responses import FileResponse, RedirectResponse

from app.api.queries import known_query
from app.api.services import Wired
from app.errors import Problem
from app.texts import LANGUAGES, catalogue

router = APIRouter(tags=["page"], dependencies=[Depends(known_query)])

PAGE = Path(__file__).parent.parent / "webui"
VENDOR = "bootstrap"  # the model store's entry
# Not left to the machine's MIME table: browsers refuse modules and style sheets of another type.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}


@router.get("/webui", summary="The page", response_class=FileResponse)
def page() -> FileResponse:
    return _file(PAGE, "index.html")


@router.get("/webui/", include_in_schema=False)
def page_with_slash() -> RedirectResponse:
    return RedirectResponse("/webui", 308)


@router.get("/webui/texts/{language}.json", summary="What the page says, in one language")
def texts(language: str) -> Mapping[str, str]:
    if language not in LANGUAGES:
        raise Problem("page_texts_not_found", language=language, choices=list(LANGUAGES))
    return catalogue(language)


@router.get("/webui/vendor/{path:path}", summary="A library of the page", response_class=FileResponse)
def vendor(services: Wired, path: str) -> FileResponse:
    if not services.models.is_installed(VENDOR):
        raise Problem("page_vendor_missing", model=VENDOR)
    known = {file.path for file in services.models.info(VENDOR).files}
    by_name = {name.rpartition("/")[2]: name for name in known}  # a library's folders are its own matter
    return _file(services.models.path(VENDOR), path if path in known else by_name.get(path, path))


@router.get("/webui/{path:path}", summary="A file of the page", response_class=FileResponse)
def page_file(path: str) -> FileResponse:
    return _file(PAGE, path)


def _file(root: Path, path: str) -> FileResponse:
    """Raises Problem `page_file_not_found`, also for what lies outside `root` or is not for a browser."""
    file = (root / path).resolve() if "\0" not in path else root
    media_type = MEDIA_TYPES.get(file.suffix)
    if media_type is None or not file.is_relative_to(root.resolve()) or not file.is_file():
        raise Problem("page_file_not_found", path=path[:200])
    return FileResponse(file, media_type=media_type, headers={"Cache-Control": "no-cache"})
