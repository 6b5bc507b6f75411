"""What a call that meets a fault with a status is answered: in the form of the API that was called.

Decides nothing: which call meets which fault is the controls' matter.
"""

from __future__ import annotations

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from concord_sandbox.faults import Fault
from concord_sandbox.salesforce.calls import as_json
from concord_sandbox.salesforce.errors import BY_CODE, BY_STATUS, Fail
from concord_sandbox.salesforce.soap.xml import ENTERPRISE, PARTNER, SoapFault
from concord_sandbox.salesforce.soap.xml import fault as soap_fault

_JSON = "application/json;charset=UTF-8"
_MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>Salesforce is under maintenance</title></head>"
    "<body><h1>We are down for maintenance.</h1></body></html>"
)
#: Statuses of faults at the OAuth endpoints that name no error -> the error and its description.
_OAUTH = {
    400: ("invalid_grant", "authentication failure"),
    401: ("invalid_client", "invalid client credentials"),
    403: ("rate_limit_exceeded", "login rate exceeded"),
    429: ("rate_limit_exceeded", "login rate exceeded"),
}


class FaultAnswer(Response):
    """An answer that takes its form when it learns from which path it is called for. A fault's code may be one of
    Salesforce's; an OAuth error with its description, as in "invalid_grant: ip restricted"; or HTML: a page of a
    maintenance window."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(b"", fault.status, fault.headers)
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._made(str(scope.get("path", "")))(scope, receive, send)

    def _made(self, path: str) -> Response:
        fault = self._fault
        if fault.code == "HTML":
            return Response(_MAINTENANCE, fault.status, fault.headers, "text/html;charset=UTF-8")
        if (fault.code or "")[:1].islower():
            error, _, words = str(fault.code).partition(": ")
            return self._oauth(error, words or error)
        if path.startswith("/services/oauth2/") and fault.code is None:
            return self._oauth(*_OAUTH.get(fault.status, ("unknown_error", "retry your request")))
        code, words = BY_STATUS.get(fault.status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred"))
        if fault.code is not None:
            code, words = fault.code, BY_CODE.get(fault.code, fault.code.replace("_", " ").lower())
        if path.startswith("/services/Soap/"):
            dialect = ENTERPRISE if path.startswith("/services/Soap/c/") else PARTNER
            text = soap_fault(dialect, SoapFault(code, words))
            # A fault of SOAP 1.1 comes with 500, whatever is wrong; only a gateway's own statuses differ.
            return Response(text.encode(), max(fault.status, 500), fault.headers, "text/xml")
        return Response(as_json([Fail(code, words).plain()]), fault.status, fault.headers, _JSON)

    def _oauth(self, error: str, words: str) -> Response:
        return JSONResponse({"error": error, "error_description": words}, self._fault.status, self._fault.headers)
