"""The SOAP API: convertLead, merge, undelete."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from concord_sandbox.salesforce.calls import Api
from concord_sandbox.salesforce.oauth import Tokens


def answered(api: Api, tokens: Tokens, path: str, headers: Mapping[str, str], body: bytes, own_url: str) -> Response:
    """The answer to a SOAP call; `path` is what follows /services/Soap/."""
    return Response(b"", 404)
