"""docs/openapi.yaml says what is served, all of it, and schemathesis finds nothing that is answered otherwise: neither
what the document allows nor what it forbids is the server's fault or leaves anything behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from starlette.routing import Route
from tests.conftest import TestServer
from tests.stories.stage import stage
from tests.web.intake_process import HOOK
from tests.web.served import ROOT, Intake, intake

from concord.web.intake import HUBSPOT_PATH
from concord.web.intake import Intake as Taker

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text("utf-8"))
TIMES = int(os.environ.get("CONCORD_FUZZ", "1"))

#: What does not fit the document is refused for another reason first (the signature, the hook), or is a header that no
#: one reads: whether the vendors' own fields are right is not asked.
CHECKS = [
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
]

pytestmark = pytest.mark.slow

schema = schemathesis.openapi.from_dict(DOCUMENT)
many = settings(max_examples=25 * TIMES, deadline=None, database=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def served(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    with intake(postgres, tmp_path_factory.mktemp("described") / "log") as one:
        yield one
        one.is_well()


class _Signed(AuthBase):
    """Signs what is sent, as HubSpot does."""

    def __init__(self, served: Intake) -> None:
        self._served = served

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        body = request.body or b""
        query = (request.url or "").partition("?")[2]
        request.headers.update(self._served.signed(body if isinstance(body, bytes) else body.encode(), query))
        return request


@schema.parametrize()
@many
def test_everything_is_answered_as_described_and_nothing_is_stored(case: Any, served: Intake) -> None:
    before = served.stored()
    case.call_and_validate(base_url=served.url, checks=[*CHECKS, not_a_server_error])
    assert served.stored() == before


@schema.include(path=HUBSPOT_PATH).parametrize()
@many
def test_what_is_signed_is_answered_as_described(case: Any, served: Intake) -> None:
    case.call_and_validate(base_url=served.url, auth=_Signed(served), checks=[*CHECKS, not_a_server_error])
    served.clear()


@schema.include(path="/hooks/salesforce/{hook}").parametrize()
@many
def test_whatever_is_sent_to_the_right_hook_is_answered_as_described(case: Any, served: Intake) -> None:
    """The status of a SOAP fault is 500 (SOAP 1.1, section 6.2); every other one is an error here as well."""
    before = served.stored()
    case.path_parameters = {"hook": HOOK}
    answer = case.call(base_url=served.url)
    case.validate_response(answer, checks=CHECKS)
    assert answer.status_code < 500 or b"<soapenv:Fault>" in answer.content
    assert served.stored() == before


async def test_the_document_names_every_route_and_its_methods_and_no_other(database: str) -> None:
    async with stage(database).concord() as concord:
        routes = [one for one in Taker(concord, None).app().routes if isinstance(one, Route)]
    assert {one.path: set(one.methods or ()) - {"HEAD"} for one in routes} == {
        path: {method.upper() for method in methods} for path, methods in DOCUMENT["paths"].items()
    }
