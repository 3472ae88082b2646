"""The table of endpoints in docs/WEBUI_INTEGRATION.md, the page's source and OpenAPI say the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from api_service import settings_in
from page_routes import PAGE, blank, fits, paths_in, routes_by_module

from app.main import create_app

DOCUMENT = Path(__file__).parents[1] / "docs" / "WEBUI_INTEGRATION.md"
FILES = {"GET /webui/texts/{language}.json"}  # of the page itself, in no OpenAPI
WORDS = {"/training/dataset/{}"}  # what is put in is a word of the routes, and no id


class Row(NamedTuple):
    page: str
    modules: tuple[str, ...]
    routes: tuple[str, ...]


def table() -> list[Row]:
    text = DOCUMENT.read_text(encoding="utf-8").split("## Endpoints used")[1].split("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ") and ".js`" in line]
    return [
        Row(page, tuple(re.findall(r"`([^`]+)`", modules)), tuple(re.findall(r"`([^`]+)`", routes)))
        for page, modules, routes in cells
    ]


@pytest.fixture(scope="module")
def openapi(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    paths: dict[str, Any] = create_app(settings_in(tmp_path_factory.mktemp("openapi"))).openapi()["paths"]
    return paths


@pytest.fixture(scope="module")
def used(openapi: dict[str, Any]) -> dict[str, set[str]]:
    """By module, without words that look like a path and are none: nothing of the API begins with them."""
    starts = {path.split("/")[1] for path in openapi} - {"webui"}  # its own files
    ends = {path.rpartition("/")[2] for path in openapi}
    found = {
        module: {path for path in paths if (path[2:] in ends if path[0] == "*" else path.split("/")[1] in starts)}
        for module, paths in routes_by_module().items()
    }
    return {module: paths for module, paths in found.items() if paths}


def candidates(path: str, openapi: dict[str, Any], endings: list[str]) -> list[str]:
    """Routes that a path of the page may mean: those of its own form, else those that fit; `METHOD /path`."""
    wanted = [path, *(path + ending for ending in endings)]
    own = [one for one in openapi if blank(one) == path and path not in WORDS]
    return own or [one for one in openapi if any(fits(one_path, one) for one_path in wanted)]


def test_the_table_has_what_the_page_asks_for(openapi: dict[str, Any], used: dict[str, set[str]]) -> None:
    endings = [path[1:] for paths in used.values() for path in paths if path.startswith("*")]
    row_of = {module: row for row in table() for module in row.modules}
    lacking = []
    for module, paths in used.items():
        if module not in row_of:
            lacking.append(f"a row whose modules have `{module}`, with {sorted(paths)}")
            continue
        told = {route.partition(" ")[2] for route in row_of[module].routes}
        for path in sorted(paths):
            choices = candidates(path, openapi, endings)
            if not told & set(choices):
                named = [f"{method.upper()} {one}" for one in choices for method in openapi.get(one, {})]
                lacking.append(f"row {row_of[module].page!r}, for {module}: one of {named or f'no route fits {path}'}")
    assert not lacking, "docs/WEBUI_INTEGRATION.md, Endpoints used, lacks:\n" + "\n".join(lacking)


def test_the_table_names_nothing_else(openapi: dict[str, Any], used: dict[str, set[str]]) -> None:
    routes = {f"{method.upper()} {path}" for path, methods in openapi.items() for method in methods}
    wrong = []
    for row in table():
        asked = {path for module in row.modules for path in used.get(module, ())}
        wrong += [f"{row.page}: there is no module {module}" for module in row.modules if not (PAGE / module).is_file()]
        for route in row.routes:
            path = route.partition(" ")[2]
            if route not in routes | FILES:
                wrong.append(f"{row.page}: there is no route {route}")
            elif path != "/" and route not in FILES and not any(fits(one, path) for one in asked):
                wrong.append(f"{row.page}: its modules do not ask for {route}")
    assert not wrong, "docs/WEBUI_INTEGRATION.md, Endpoints used:\n" + "\n".join(wrong)


def test_every_module_is_in_one_row() -> None:
    modules = [module for row in table() for module in row.modules]
    assert len(table()) > 12 and sorted(modules) == sorted(set(modules))


def test_paths_are_read_from_the_source() -> None:
    source = """
    const BASE = "/training/dataset";
    const path = (/** @type {any} */ row) => `${BASE}/samples/${encodeURIComponent(row.id)}`;
    const rest = (tail = "") => `/quality-profiles/${engine}${tail}`;
    api.get(BASE); api.get(url(`${BASE}/queue`, { dataset })); api.post(`${path(row)}/split`); api.remove(path(row));
    api.post(rest("/import")); html`<a href="${BASE}/report?x=${1}">`; api.put(`${route}/rating`);
    """
    found = {"/training/dataset", "/training/dataset/queue", "/training/dataset/samples/{}/split"}
    found |= {"/training/dataset/samples/{}", "/quality-profiles/{}/import", "/training/dataset/report", "*/rating"}
    assert paths_in("\n".join(line.strip() for line in source.splitlines())) == found
