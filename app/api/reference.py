"""`/docs`: the OpenAPI document as one plain HTML page, readable without a script and without the internet."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import HTMLResponse, Response

from app.api.queries import known_query

router = APIRouter(dependencies=[Depends(known_query)], include_in_schema=False)

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { margin-top: 2.5rem; text-transform: capitalize; }
summary { cursor: pointer; padding: .35rem 0; }
summary b { display: inline-block; min-width: 4.5rem; }
code, pre { font: .9em ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .4rem; }
table { border-collapse: collapse; } td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
"""


@router.get("/docs")
def reference(request: Request) -> HTMLResponse:
    document = request.app.openapi()
    sections: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            entry = "".join(_operation(method, path, operation))
            sections.setdefault((operation.get("tags") or ["other"])[0], []).append(entry)
    body = "".join(f"<h2>{escape(tag)}</h2>{''.join(entries)}" for tag, entries in sections.items())
    title = f"{escape(document['info']['title'])} {escape(document['info']['version'])}"
    return HTMLResponse(
        f"<!doctype html><html lang='en'><meta charset='utf-8'><title>{title}</title>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<link rel='stylesheet' href='/docs/style.css'><h1>{title}</h1>"
        "<p>The same, for machines: <a href='/openapi.json'>/openapi.json</a></p>"
        f"{body}<h2>Shapes</h2>{''.join(_shapes(document))}</html>"
    )


@router.get("/docs/style.css")
def style() -> Response:
    return Response(STYLE, media_type="text/css")


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> Iterator[str]:
    yield f"<details><summary><b>{method.upper()}</b> <code>{escape(path)}</code> "
    yield f"{escape(operation.get('summary', ''))}</summary><table>"
    for parameter in operation.get("parameters", ()):
        yield f"<tr><td><code>{escape(parameter['name'])}</code><td>{parameter['in']}<td>"
        yield f"<code>{escape(json.dumps(parameter['schema'], ensure_ascii=False))}</code>"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<tr><td>body<td>{escape(media_type)}<td>{_schema(content.get('schema', {}))}"
    for status, response in operation["responses"].items():
        schemas = [_schema(content.get("schema", {})) for content in response.get("content", {}).values()]
        yield f"<tr><td>{escape(status)}<td>{escape(response['description'])}<td>{''.join(schemas)}"
    yield "</table></details>"


def _schema(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f"<a href='#{name}'>{name}</a>"
    return f"<pre>{escape(json.dumps(schema, indent=1, ensure_ascii=False))}</pre>" if schema else ""


def _shapes(document: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in document.get("components", {}).get("schemas", {}).items():
        yield f"<h3 id='{escape(name)}'>{escape(name)}</h3>{_schema(schema)}"
