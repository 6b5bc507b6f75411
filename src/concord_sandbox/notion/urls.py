"""Notion's paths: each reads its call, asks the service, and words the answer or the refusal.

The order of refusals is the vendor's: unknown path, token, version, rate, body, then the call itself.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from concord_sandbox.notion import responses
from concord_sandbox.notion.errors import NotionError, invalid

if TYPE_CHECKING:
    from concord_sandbox.notion.service import NotionService

VERSIONS = ("2025-09-03", "2026-03-11")
_BODY_LIMIT = 500_000
_PAGE_LIMIT = 100


@dataclass(frozen=True)
class Call:
    """One call that passed the door: ids from the path, the query, the body, and the version it speaks."""

    method: str
    path: str
    ids: dict[str, str]
    query: dict[str, str]
    filter_properties: list[str]
    body: dict[str, Any]
    version: str

    def window(self, given: dict[str, Any]) -> tuple[int, str | None]:
        """page_size (1-100) and start_cursor of a list call, from its query or body."""
        size = given.get("page_size", _PAGE_LIMIT)
        number = int(size) if str(size).isdecimal() else 0
        if not 1 <= number <= _PAGE_LIMIT:
            raise invalid("page_size", f"should be from 1 to {_PAGE_LIMIT}, instead was `{size}`")
        return number, given.get("start_cursor")


Answer = Callable[["NotionService", Call], dict[str, Any]]

_ANSWERS: tuple[tuple[str, str, str, Answer], ...] = (
    # method, path, the capability it takes (section 1), what answers it
    ("GET", "/v1/users/me", "", lambda notion, call: notion.me()),
    ("GET", "/v1/databases/{id}", "read", lambda notion, call: notion.get_database(call)),
    ("GET", "/v1/data_sources/{id}", "read", lambda notion, call: notion.get_data_source(call)),
    ("POST", "/v1/data_sources/{id}/query", "read", lambda notion, call: notion.query(call)),
    ("POST", "/v1/pages", "insert", lambda notion, call: notion.create_page(call)),
    ("GET", "/v1/pages/{id}", "read", lambda notion, call: notion.get_page(call)),
    ("PATCH", "/v1/pages/{id}", "update", lambda notion, call: notion.update_page(call)),
    ("GET", "/v1/pages/{id}/markdown", "read", lambda notion, call: notion.get_markdown(call)),
    ("PATCH", "/v1/pages/{id}/markdown", "update", lambda notion, call: notion.update_markdown(call)),
    ("GET", "/v1/blocks/{id}", "read", lambda notion, call: notion.get_block(call)),
    ("DELETE", "/v1/blocks/{id}", "update", lambda notion, call: notion.delete_block(call)),
    ("GET", "/v1/blocks/{id}/children", "read", lambda notion, call: notion.get_children(call)),
    ("PATCH", "/v1/blocks/{id}/children", "insert", lambda notion, call: notion.append_children(call)),
)


def routes(notion: NotionService) -> list[Route]:
    """Every path of Notion's that the sandbox has; any other is an invalid request URL."""
    made = [
        Route(path, _endpoint(notion, capability, answer), methods=[method])
        for method, path, capability, answer in _ANSWERS
    ]
    everything = ["GET", "POST", "PATCH", "PUT", "DELETE"]
    return [*made, Route("/{path:path}", _endpoint(notion, "", _unknown), methods=everything)]


def _unknown(notion: NotionService, call: Call) -> dict[str, Any]:
    raise NotionError("invalid_request_url")


def _endpoint(notion: NotionService, capability: str, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            version = _admit(notion, request, capability)
            call = Call(
                method=request.method,
                path=request.url.path,
                ids=dict(request.path_params),
                query=dict(request.query_params),
                filter_properties=request.query_params.getlist("filter_properties")
                + request.query_params.getlist("filter_properties[]"),
                body=await _body(request),
                version=version,
            )
            return JSONResponse(answer(notion, call))
        except NotionError as error:
            return responses.error_response(error, notion.request_id())

    return endpoint


def _admit(notion: NotionService, request: Request, capability: str) -> str:
    """The version that the call speaks. Raises NotionError when it may not come in."""
    settings = notion.workspace.settings
    if request.headers.get("authorization") != f"Bearer {settings['token']}":
        raise NotionError("unauthorized")
    version = request.headers.get("notion-version")
    if version is None:
        raise NotionError(
            "missing_version",
            "Notion-Version header failed validation: Notion-Version header should be defined, instead was "
            "`undefined`.",
        )
    if version not in VERSIONS:
        known = ", ".join(f'`"{one}"`' for one in VERSIONS)
        raise NotionError(
            "validation_error",
            f"Notion-Version header failed validation: Notion-Version header should be one of {known}, instead was "
            f'`"{version}"`.',
        )
    notion.budget.spend()
    if capability and capability not in settings["capabilities"]:
        raise NotionError(
            "restricted_resource", f"Insufficient permissions for this endpoint: it needs {capability} content."
        )
    return version


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    if not raw or request.method in ("GET", "DELETE"):
        return {}
    if len(raw) > _BODY_LIMIT:
        raise NotionError("validation_error", f"body failed validation: body should be at most {_BODY_LIMIT} bytes.")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise NotionError("invalid_json") from error
    if not isinstance(body, dict):
        raise invalid("body", "should be an object")
    return body
