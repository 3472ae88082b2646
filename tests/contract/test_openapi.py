"""What schemathesis makes of `/openapi.json`: whatever fits the document is answered, and never by a fault of ours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from api_service import BASE_URL, Service, running
from hypothesis import HealthCheck, Phase, given, settings
from requests import Request
from schemathesis.core.result import Ok

EXAMPLES = 6  # for each operation and way of making one
ENDLESS = {"/events", "/system/logs/stream"}  # a stream that ends when its listener goes
# Of 503: what is not on this machine, which is no fault; in whose envelope it stands depends on the route.
LACKING = (
    "checking_model_missing",
    "checking_not_installed",
    "cloning_models_missing",
    "conversion_models_missing",
    "conversion_not_installed",
    "datasets_not_installed",
    "engine_not_installed",
    "f5_dir_missing",
    "model_missing",
    "pocket_dir_missing",
    "training_not_installed",
    "training_weights_missing",
)
SOUGHT = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("fuzzed"), allow_install=False) as service:
        yield service


def operations(document: dict[str, Any]) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(document)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result.err()
        operation = result.ok()
        if operation.path not in ENDLESS:
            yield operation


@pytest.mark.slow  # six requests for each of some two hundred operations
def test_nothing_that_fits_the_document_is_a_fault_of_ours(service: Service) -> None:
    answered: dict[int, int] = {}
    faults: list[str] = []
    for operation in operations(service.client.get("/openapi.json").json()):

        @SOUGHT
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            sent = Request(**case.as_transport_kwargs(base_url=BASE_URL)).prepare()
            response = service.client.request(sent.method, sent.url, content=sent.body, headers=dict(sent.headers))
            answered[response.status_code] = answered.get(response.status_code, 0) + 1
            is_lacking = response.status_code == 503 and any(f'"{code}"' in response.text for code in LACKING)
            if response.status_code >= 500 and not is_lacking:
                faults.append(f"{case.method} {case.formatted_path}: {response.text[:300]}")

        ask()
    assert faults == []
    assert sum(answered.values()) > 1000 and answered[422] > 100, answered
