"""docs/API.md and the OpenAPI document name the same routes."""

import re
from pathlib import Path

from api_service import Service

TEXT = (Path(__file__).parents[2] / "docs" / "API.md").read_text(encoding="utf-8")


def test_every_route_is_in_the_text_and_the_text_names_no_other(service: Service) -> None:
    paths = service.client.get("/openapi.json").json()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    named = set(re.findall(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`", TEXT))
    outside = {"GET /openapi.json", "GET /docs"}
    assert routes - named == set() and named - routes == outside


def test_every_status_of_the_table_is_one_that_a_code_has() -> None:
    from app.statuses import STATUS

    rows = re.findall(r"^\| ([\d, ]+) \|", TEXT, re.MULTILINE)
    listed = {int(status) for row in rows for status in row.split(",")}
    assert listed <= set(STATUS.values()) and {408, 410, 421, 425, 501} <= listed
