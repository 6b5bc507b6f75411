"""The error answers of HubSpot: one exception that every part raises, and the words for each kind.

Holds no state and knows no route. Bodies follow section 4 of the API reference.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One property value that was refused: the vendor's code, its message, and the property it is about."""

    code: str
    message: str
    name: str

    def detail(self) -> dict[str, Any]:
        """As an item of `errors[]`."""
        return {"message": self.message, "code": self.code, "context": {"propertyName": [self.name]}}

    def inline(self) -> dict[str, Any]:
        """As an item of the JSON list that HubSpot puts into the message itself."""
        return {
            "isValid": False,
            "message": self.message,
            "error": self.code,
            "name": self.name,
            "localizedErrorMessage": self.message,
        }


@dataclass
class ApiError(Exception):
    """A call, or one record of a batch, that HubSpot refuses.

    extra: further fields of the body (`policyName` and such); headers: go on the answer when the whole call fails.
    """

    status: int
    category: str | None
    message: str
    errors: Sequence[dict[str, Any]] = ()
    context: dict[str, list[str]] = field(default_factory=dict)
    sub_category: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message

    def body(self, correlation_id: str) -> dict[str, Any]:
        """The body when the whole call is answered with this error."""
        body: dict[str, Any] = {"status": "error", "message": self.message, "correlationId": correlation_id}
        if self.category is not None:
            body["category"] = self.category
        if self.sub_category is not None:
            body["subCategory"] = self.sub_category
        if self.errors:
            body["errors"] = list(self.errors)
        if self.context:
            body["context"] = self.context
        return body | self.extra

    def in_batch(self, context: dict[str, list[str]]) -> dict[str, Any]:
        """The item of a multi-status answer's `errors[]`; `context` says which input it is."""
        item: dict[str, Any] = {
            "status": "error",
            "category": self.category or "VALIDATION_ERROR",
            "message": self.message,
            "context": self.context | context,
            "errors": list(self.errors),
            "links": {},
        }
        if self.sub_category is not None:
            item["subCategory"] = self.sub_category
        return item


def bad_request(message: str, **context: str) -> ApiError:
    """400 for a call that is not well formed or exceeds a documented limit."""
    return ApiError(400, "VALIDATION_ERROR", message, context={name: [value] for name, value in context.items()})


def invalid_values(problems: Sequence[Problem]) -> ApiError:
    """400 for property values that break the portal's rules; every refused property is named."""
    listed = json.dumps([problem.inline() for problem in problems], ensure_ascii=False, separators=(",", ":"))
    return ApiError(
        400,
        "VALIDATION_ERROR",
        f"Property values were not valid: {listed}",
        errors=[problem.detail() for problem in problems],
    )


def no_such_record(record_id: str) -> ApiError:
    """404 of a single call for a record that is gone, archived or was never there."""
    return ApiError(
        404,
        "OBJECT_NOT_FOUND",
        "Object not found.  objectId are usually numeric.",
        context={"id": [record_id]},
    )


def missing_in_batch(singular: str) -> ApiError:
    """What a batch reports for ids that it cannot find (with `context.ids`)."""
    return ApiError(
        404,
        "OBJECT_NOT_FOUND",
        f"Could not get some {singular.upper()} objects, they may be deleted or not exist. Check that ids are valid.",
    )


def no_such_thing(message: str) -> ApiError:
    """404 for anything that is not a record: an object type, a property, an owner."""
    return ApiError(404, "OBJECT_NOT_FOUND", message)


def conflict(singular: str, existing: int) -> ApiError:
    """409 for a contact whose address another contact has already (message as seen in real answers)."""
    return ApiError(409, "CONFLICT", f"{singular.capitalize()} already exists. Existing ID: {existing}")


def unauthorized(message: str, category: str = "INVALID_AUTHENTICATION") -> ApiError:
    """401."""
    return ApiError(401, category, message)


NOT_GRANTED = "This app hasn't been granted all required scopes to make this call."


def missing_scopes(names: Sequence[str]) -> ApiError:
    """403 for a token without these scopes (API reference section 2.4)."""
    detail = {"message": NOT_GRANTED, "context": {"requiredGranularScopes": list(names)}}
    return ApiError(403, "MISSING_SCOPES", NOT_GRANTED, errors=[detail])


NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
    "details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
BAD_TOKEN = "The OAuth token used to make this call is invalid."
EXPIRED_TOKEN = "The OAuth token used to make this call expired."


def rate_limited(policy: str) -> ApiError:
    """429 for a policy: TEN_SECONDLY_ROLLING, DAILY or SECONDLY (API reference section 3)."""
    body: dict[str, Any] = {
        "errorType": "RATE_LIMIT",
        "policyName": policy,
        "groupName": "publicapi:private-apps",
    }
    if policy == "DAILY":
        body["requestId"] = "00000000-0000-4000-8000-000000000000"
    return ApiError(429, None, f"You have reached your {policy.lower()} limit.", extra=body)


#: What a `status` fault says when nothing more is known than the status.
STATUS_WORDS: dict[int, tuple[str | None, str]] = {
    400: ("VALIDATION_ERROR", "Invalid input"),
    401: ("INVALID_AUTHENTICATION", BAD_TOKEN),
    403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
    404: ("OBJECT_NOT_FOUND", "resource not found"),
    409: ("CONFLICT", "The request conflicts with the current state of the record."),
    413: (None, "The request body is too large."),
    414: (None, "URI Too Long"),
    423: ("LOCKED", "This resource is locked, please wait at least 2 seconds before trying again."),
    477: ("MIGRATION_IN_PROGRESS", "This account is being migrated between data centers."),
    500: ("INTERNAL_ERROR", "internal error"),
    502: (None, "Bad Gateway"),
    503: ("SERVICE_UNAVAILABLE", "The service is temporarily unavailable."),
    504: (None, "Gateway Timeout"),
}


def for_status(status: int, code: str | None) -> ApiError:
    """The error that a fault of this status stands for; `code` is the policy of a 429, else the category."""
    if status == 429:
        return rate_limited(code or "TEN_SECONDLY_ROLLING")
    category, message = STATUS_WORDS.get(status, (None, "internal error" if status >= 500 else "Invalid request"))
    error = ApiError(status, code or category, message)
    if status == 401 and code == "EXPIRED_AUTHENTICATION":
        error.message = EXPIRED_TOKEN
    if status == 403:
        error.errors = [
            {"message": message, "context": {"requiredGranularScopes": ["crm.objects.contacts.write"]}},
        ]
    if status == 477:
        error.headers["Retry-After"] = "86400"
    return error


def for_record(code: str | None, key: str) -> ApiError:
    """The error that a `record_error` fault puts on one record; `code` is its category."""
    category = code or "VALIDATION_ERROR"
    status = {"OBJECT_NOT_FOUND": 404, "CONFLICT": 409, "INTERNAL_ERROR": 500, "RATE_LIMITS": 429}.get(category, 400)
    return ApiError(status, category, "The sandbox was told to refuse this record.", context={"key": [key]})
