"""The shapes of the API as types for the page's scripts, from OpenAPI.

`python tests/webui/page_types.py PATH` writes them; `./run check` does, so nothing made is committed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.main import create_app
from app.settings import Settings

HEAD = "// Made from OpenAPI by tests/webui/page_types.py: what the service answers and takes."
SIMPLE = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def declarations(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """TypeScript, one interface or type a schema, sorted by name."""
    return "\n\n".join([HEAD, *(_declaration(name, schemas[name]) for name in sorted(schemas))]) + "\n"


def _declaration(name: str, schema: Mapping[str, Any]) -> str:
    if "properties" not in schema:
        return f"export type {name} = {_type(schema)};"
    return "\n".join([f"export interface {name} {{", *_fields(schema), "}"])


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    # An answer holds every field; those with a default are left out only of what is sent.
    for name, field in schema["properties"].items():
        key = name if name.isidentifier() else f'"{name}"'
        yield f"  {key}: {_type(field)};"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(map(_type, schema[several])))
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"readonly ({_type(schema.get('items', {}))})[]"
    if kind == "object":
        more = schema.get("additionalProperties", True)
        return f"Readonly<Record<string, {_type(more) if isinstance(more, Mapping) else 'any'}>>"
    return SIMPLE.get(str(kind), "any")  # JSON of any shape: what a job's task returned


def current() -> str:
    """The declarations of the service as it is."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(Settings(data_dir=Path(folder)))
        try:
            return declarations(app.openapi()["components"]["schemas"])
        finally:
            app.state.services.database.close()


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(current(), encoding="utf-8")
