"""Notion's errors: one exception that the urls turn into Notion's error body, and the words that Notion uses.

Source: api/notion.md section 7.
"""

from __future__ import annotations

from typing import Any

#: code -> HTTP status
STATUS_OF = {
    "invalid_json": 400,
    "invalid_request_url": 400,
    "invalid_request": 400,
    "validation_error": 400,
    "missing_version": 400,
    "unauthorized": 401,
    "restricted_resource": 403,
    "object_not_found": 404,
    "conflict_error": 409,
    "rate_limited": 429,
    "internal_server_error": 500,
    "bad_gateway": 502,
    "service_unavailable": 503,
    "database_connection_unavailable": 503,
    "gateway_timeout": 504,
    "service_overload": 529,
}
#: HTTP status -> the code that a fault without one is worded with
CODE_OF = {
    400: "validation_error",
    401: "unauthorized",
    403: "restricted_resource",
    404: "object_not_found",
    405: "invalid_request_url",
    409: "conflict_error",
    413: "payload_too_large",
    429: "rate_limited",
    500: "internal_server_error",
    502: "bad_gateway",
    503: "service_unavailable",
    504: "gateway_timeout",
    529: "service_overload",
}
_WORDS = {
    "invalid_json": "Error parsing JSON body.",
    "invalid_request_url": "Invalid request URL.",
    "unauthorized": "API token is invalid.",
    "restricted_resource": "Insufficient permissions for this endpoint.",
    "payload_too_large": "The request body is too large.",
    "conflict_error": "Conflict occurred while saving. Please try again.",
    "rate_limited": "You have been rate limited. Please try again in a few minutes.",
    "internal_server_error": "Unexpected error occurred.",
    "bad_gateway": "Bad gateway.",
    "service_unavailable": "Notion is unavailable, please try again later.",
    "database_connection_unavailable": "Notion's database is unavailable, please try again later.",
    "gateway_timeout": "The request timed out.",
    "service_overload": "Notion is overloaded, please try again later.",
}


class NotionError(Exception):
    """A call that Notion refuses: its `code`, the HTTP `status` of that code unless given, and the message."""

    def __init__(
        self,
        code: str,
        message: str | None = None,
        *,
        status: int | None = None,
        additional_data: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.code = code
        self.status = status or STATUS_OF.get(code, 400)
        self.message = message or _WORDS.get(code, "The request was refused.")
        self.additional_data = additional_data or {}
        self.headers = headers or {}
        super().__init__(self.message)


def invalid(where: str, what: str) -> NotionError:
    """400 `validation_error` about one place in the body, as in "body.parent should be defined"."""
    return NotionError("validation_error", f"body failed validation: {where} {what}.")


def not_found(kind: str, given: str) -> NotionError:
    """404, also for what exists and is not shared with the connection: Notion never says 403 there (section 1)."""
    return NotionError(
        "object_not_found",
        f"Could not find {kind} with ID: {given}. Make sure the relevant pages and databases are shared with your "
        f"integration.",
    )
