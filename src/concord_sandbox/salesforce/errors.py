"""Salesforce's errors in Salesforce's words: codes, messages, and the two shapes of body that carry them.

    Refusal                 one or more errors that end a call; body [{"message", "errorCode", "fields"?}]
      QueryRefusal          with the place in the SOQL text
    TokenRefusal            the OAuth endpoint's own shape {"error", "error_description"}

A collections result carries the same errors with `statusCode` instead of `errorCode` (api/salesforce.md 3.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fail:
    """One error. fields: None leaves the key out of a plain body, where Salesforce leaves it out too."""

    code: str
    message: str
    fields: tuple[str, ...] | None = None

    def plain(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            body["fields"] = list(self.fields)
        return body

    def in_result(self) -> dict[str, Any]:
        return {"statusCode": self.code, "message": self.message, "fields": list(self.fields or ())}


class Refusal(Exception):
    """A call, or one record of a call, that Salesforce refuses."""

    def __init__(self, status: int, *fails: Fail) -> None:
        super().__init__("; ".join(f"{fail.code}: {fail.message}" for fail in fails))
        self.status = status
        self.fails = fails

    def body(self) -> list[dict[str, Any]]:
        return [fail.plain() for fail in self.fails]


class QueryRefusal(Refusal):
    """A SOQL text that is malformed or names what does not exist; `at` is the offset of the trouble in the text."""

    def __init__(self, code: str, message: str, at: int | None = None) -> None:
        super().__init__(400, Fail(code, message))
        self.at = at

    def placed(self, text: str) -> Refusal:
        """The same with the lines that Salesforce puts before its message: the text, a caret, row and column."""
        fail = self.fails[0]
        if self.at is None:
            return Refusal(400, fail)
        before = text[: self.at]
        row, column = before.count("\n") + 1, self.at - (before.rfind("\n") + 1) + 1
        line = text.split("\n")[row - 1]
        start = max(0, column - 41)
        shown, caret = line[start : column + 40], " " * (column - 1 - start) + "^"
        message = f"\n{shown}\n{caret}\nERROR at Row:{row}:Column:{column}\n{fail.message}"
        return Refusal(400, Fail(fail.code, message))


class TokenRefusal(Exception):
    """A token call that is refused."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.status = status
        self.error = error
        self.description = description


def unauthorised() -> Refusal:
    return Refusal(401, Fail("INVALID_SESSION_ID", "Session expired or invalid"))


def limit_exceeded() -> Refusal:
    return Refusal(403, Fail("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))


def not_found(message: str = "The requested resource does not exist") -> Refusal:
    return Refusal(404, Fail("NOT_FOUND", message))


def deleted() -> Refusal:
    return Refusal(404, Fail("ENTITY_IS_DELETED", "entity is deleted", ()))


def bad_reference(field: str | None = None) -> Refusal:
    named = () if field is None else (field,)
    return Refusal(400, Fail("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", named))


def malformed_id(given: object) -> Refusal:
    return Refusal(400, Fail("MALFORMED_ID", f"malformed id {given}", ("Id",)))


def bad_json(message: str) -> Refusal:
    return Refusal(400, Fail("JSON_PARSER_ERROR", message))


def no_column(field: str, object_name: str) -> Refusal:
    return Refusal(400, Fail("INVALID_FIELD", f"No such column '{field}' on sobject of type {object_name}"))


#: The code and the words of an answer whose status a fault has set, when the fault names no code.
BY_STATUS: dict[int, tuple[str, str]] = {
    400: ("MALFORMED_QUERY", "unexpected token"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    405: ("METHOD_NOT_ALLOWED", "HTTP Method not allowed"),
    409: ("COLLISION_DETECTED", "The record was changed by somebody else at the same time"),
    413: ("REQUEST_ENTITY_TOO_LARGE", "The body of the request is too large"),
    429: ("REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1"),
    502: ("SERVER_UNAVAILABLE", "Bad gateway"),
    503: ("SERVER_UNAVAILABLE", "The server is too busy to answer. Please try again later"),
}
#: What Salesforce says with a code that a fault names.
BY_CODE: dict[str, str] = {
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record or 1 records",
    "REQUEST_LIMIT_EXCEEDED": "TotalRequests Limit exceeded.",
    "INVALID_SESSION_ID": "Session expired or invalid",
    "SERVER_UNAVAILABLE": "The server is too busy to answer. Please try again later",
    "UNKNOWN_EXCEPTION": "An unexpected error occurred",
    "QUERY_TIMEOUT": "Your query request was running for too long.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "A validation rule of the organisation refuses this record",
    "ENTITY_IS_LOCKED": "This record is locked. If you need to edit it, contact your admin.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "insufficient access rights on object id",
    "DUPLICATES_DETECTED": "Use one of these records?",
}
