"""What the Dataset tab lets a person begin while it does not know yet what runs."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

pytestmark = pytest.mark.browser
HELD = re.compile(r"/jobs\?limit=50")


def test_no_stage_can_be_begun_before_it_is_known_what_runs(page: Page) -> None:
    held: list[Route] = []
    page.route(HELD, lambda route: held.append(route))
    page.goto("/webui#/training/dataset")
    first = page.locator("[data-stages] [data-stage=segment]")
    expect(first).to_be_disabled()
    expect(page.locator("[data-stages] [data-stage=stats]")).to_be_enabled()
    assert held
    for route in held:
        route.continue_()
    expect(first).to_be_enabled()
