"""Notion's paths: each reads its call, asks what answers it, and words the answer or the refusal.

The order of refusals is the vendor's: unknown path, token, version, rate, body, then the call itself.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from concord_sandbox.notion import content, databases, pages, responses, search
from concord_sandbox.notion.calls import BEFORE_SOURCES, SOURCES, VERSIONS, Call
from concord_sandbox.notion.desk import Desk
from concord_sandbox.notion.errors import NotionError, invalid

if TYPE_CHECKING:
    from concord_sandbox.notion.service import NotionService

_BODY_LIMIT = 500_000

Answer = Callable[[Desk, Call], dict[str, Any]]

_ANSWERS: tuple[tuple[str, str, str, Answer], ...] = (
    # method, path, the capability it takes (section 1), what answers it
    ("GET", "/v1/users", "users", search.users),
    ("GET", "/v1/users/me", "", search.me),
    ("GET", "/v1/users/{id}", "users", search.user),
    ("POST", "/v1/search", "read", search.search),
    ("POST", "/v1/databases", "insert", databases.create),
    ("GET", "/v1/databases/{id}", "read", databases.get),
    ("PATCH", "/v1/databases/{id}", "update", databases.update),
    ("POST", "/v1/databases/{id}/query", "read", databases.query_database),
    ("POST", "/v1/data_sources", "insert", databases.create_source),
    ("GET", "/v1/data_sources/{id}", "read", databases.get_source),
    ("PATCH", "/v1/data_sources/{id}", "update", databases.update_source),
    ("POST", "/v1/data_sources/{id}/query", "read", databases.query_source),
    ("GET", "/v1/data_sources/{id}/templates", "read", databases.templates),
    ("POST", "/v1/pages", "insert", pages.create),
    ("GET", "/v1/pages/{id}", "read", pages.get),
    ("PATCH", "/v1/pages/{id}", "update", pages.update),
    ("POST", "/v1/pages/{id}/move", "update", pages.move),
    ("GET", "/v1/pages/{id}/properties/{property_id}", "read", pages.get_property),
    ("GET", "/v1/pages/{id}/markdown", "read", pages.get_markdown),
    ("PATCH", "/v1/pages/{id}/markdown", "update", pages.update_markdown),
    ("GET", "/v1/blocks/{id}", "read", content.get),
    ("PATCH", "/v1/blocks/{id}", "update", content.update),
    ("DELETE", "/v1/blocks/{id}", "update", content.delete),
    ("GET", "/v1/blocks/{id}/children", "read", content.children),
    ("PATCH", "/v1/blocks/{id}/children", "insert", content.append),
)
#: Paths that are only in some versions: their answer -> the first and the last version that has them.
_ONLY: dict[Answer, tuple[str, str]] = {
    databases.query_database: (BEFORE_SOURCES, BEFORE_SOURCES),
    **dict.fromkeys(
        (
            databases.create_source,
            databases.get_source,
            databases.update_source,
            databases.query_source,
            databases.templates,
        ),
        (SOURCES, VERSIONS[-1]),
    ),
}


def operations_listed() -> list[tuple[str, str]]:
    """(method, path) of everything that is answered."""
    return [(method, path) for method, path, *_ in _ANSWERS]


def routes(notion: NotionService) -> list[Route]:
    """Every path of Notion's that the sandbox has; any other is an invalid request URL."""
    made = [
        Route(path, _endpoint(notion, capability, answer), methods=[method])
        for method, path, capability, answer in _ANSWERS
    ]
    return [*made, Route("/{path:path}", _unknown(notion), methods=["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"])]


def _unknown(notion: NotionService) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        error = NotionError("invalid_request_url", notion.absent(request.url.path))
        return responses.error_response(error, notion.request_id())

    return endpoint


def _endpoint(notion: NotionService, capability: str, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            version = _admit(notion, request, capability)
            first, last = _ONLY.get(answer, (version, version))
            if not first <= version <= last:
                raise NotionError("invalid_request_url")
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
            notion.desk.fill_due()
            return Response(_wire(answer(notion.desk, call)), media_type="application/json")
        except NotionError as error:
            return responses.error_response(error, notion.request_id())

    return endpoint


def _wire(shown: dict[str, Any]) -> bytes:
    """JSON as Notion sends it; half surrogates that a client sent cannot be encoded: `?`."""
    return json.dumps(shown, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


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
    except (ValueError, RecursionError) as error:
        raise NotionError("invalid_json") from error
    if not isinstance(body, dict):
        raise invalid("body", "should be an object")
    return body
