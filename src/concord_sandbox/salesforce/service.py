"""The Salesforce sandbox as a service: HTTP around the resources, control verbs, a person at the screens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from concord_sandbox.faults import Fault
from concord_sandbox.parts import Part, control_routes
from concord_sandbox.salesforce import loading, screens, soap
from concord_sandbox.salesforce.access import Access
from concord_sandbox.salesforce.assignment import AssignmentRules
from concord_sandbox.salesforce.behaviours import Behaviours
from concord_sandbox.salesforce.bulk import BulkJobs
from concord_sandbox.salesforce.calls import Answer, Api, Call, as_json
from concord_sandbox.salesforce.conversion import LeadMapping
from concord_sandbox.salesforce.duplicates import DuplicateRules
from concord_sandbox.salesforce.errors import (
    BY_CODE,
    BY_STATUS,
    Fail,
    Refusal,
    TokenRefusal,
    bad_json,
    limit_exceeded,
    not_found,
    unauthorised,
)
from concord_sandbox.salesforce.events import ChangeEvents
from concord_sandbox.salesforce.formula_fields import FormulaFields
from concord_sandbox.salesforce.locks import Locks
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.oauth import Tokens
from concord_sandbox.salesforce.outbound import OutboundMessages
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.urls import answered, versions
from concord_sandbox.salesforce.usage import Usage
from concord_sandbox.salesforce.validation_rules import ValidationRules
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.salesforce.writes import Actor
from concord_sandbox.service import ControlError, Controls

#: The parts of an org that have modules of their own; each says in its text what its key of the world holds. In the
#: order in which they take part in a write (`writes.Step`).
PARTS: tuple[type[Part[Org]], ...] = (
    Access,
    Behaviours,
    FormulaFields,
    ValidationRules,
    DuplicateRules,
    AssignmentRules,
    Locks,
    LeadMapping,
    ChangeEvents,
    OutboundMessages,
    BulkJobs,
)

_LONGEST_URI = 16_384
_JSON = "application/json;charset=UTF-8"
_LIMIT_HEADER = "Sforce-Limit-Info"
_MAINTENANCE = (
    "<!DOCTYPE html><html><head><title>Salesforce is under maintenance</title></head>"
    "<body><h1>We are down for maintenance.</h1></body></html>"
)


class SalesforceService:
    """One emulated org; see `models` for its section of a world."""

    name = "salesforce"

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        self.load({})

    def routes(self) -> Sequence[BaseRoute]:
        return [
            Route("/services/oauth2/token", self._token, methods=["POST"]),
            Route("/services/data", self._versions),
            Route("/services/data/", self._versions),
            Route("/services/data/{rest:path}", _Rest(self)),
            Route("/services/Soap/{rest:path}", self._soap, methods=["POST"]),
            Route("/{rest:path}", self._elsewhere, methods=["GET", "POST", "PATCH", "PUT", "DELETE"]),
        ]

    def control_routes(self) -> Sequence[BaseRoute]:
        """POST tokens/expire: no token is good any more, nor the standing one. POST locators/expire: no page of a query
        can be read on. POST usage {"daily_used", "daily_limit"}. POST merge/{object} {"master", "losers", "by"},
        undelete/{object}/{id}, convert/{lead_id} {"account_id"?, "contact_id"?, "by"}: a person at work."""
        return [
            Route("/tokens/expire", self._expire_tokens, methods=["POST"]),
            Route("/locators/expire", self._expire_locators, methods=["POST"]),
            Route("/usage", self._set_usage, methods=["POST"]),
            Route("/merge/{object}", self._merge, methods=["POST"]),
            Route("/undelete/{object}/{id}", self._undelete, methods=["POST"]),
            Route("/convert/{id}", self._convert, methods=["POST"]),
            *control_routes(PARTS, lambda: self._api.org.parts),
        ]

    # State

    def load(self, world: dict[str, Any]) -> None:
        now = wire_time(self.controls.clock.now())
        try:
            org = loading.load(world, self.controls, beside=frozenset(kind.section for kind in PARTS))
            org.parts.make(org, PARTS, world)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ControlError(f"the Salesforce section is malformed: {type(error).__name__}: {error}") from error
        identity = org.identity
        usage = Usage(identity.daily_limit, identity.daily_used, self.controls.clock.epoch_ms())
        self._api = Api(org, self.controls, usage, now)
        self._tokens = Tokens(identity, self.controls)

    def save(self) -> dict[str, Any]:
        used = self._api.usage.used(self.controls.clock.epoch_ms())
        org = self._api.org
        return {**loading.save(org), **org.parts.save(), "daily_used": used, "daily_limit": self._api.usage.limit}

    def credentials(self, url: str) -> dict[str, Any]:
        identity = self._api.org.identity
        return {
            "url": url,
            "access_token": identity.standing_token,
            "client_id": identity.client_id,
            "client_secret": identity.client_secret,
            "organisation_id": identity.organisation_id,
            "user_id": identity.integration_user_id,
        }

    # Answers

    def fault_response(self, fault: Fault) -> Response:
        if fault.code == "HTML":
            return Response(_MAINTENANCE, fault.status, fault.headers, "text/html;charset=UTF-8")
        code, words = BY_STATUS.get(fault.status, ("UNKNOWN_EXCEPTION", "An unexpected error occurred"))
        if fault.code is not None:
            code, words = fault.code, BY_CODE.get(fault.code, fault.code.replace("_", " ").lower())
        return _response(Answer(fault.status, [Fail(code, words).plain()], fault.headers))

    def response_headers(self) -> dict[str, str]:
        usage = self._api.usage
        return {_LIMIT_HEADER: f"api-usage={usage.used(self.controls.clock.epoch_ms())}/{usage.limit}"}

    def answer(self, scope: Scope, body: bytes) -> Answer:
        """The answer to one HTTP call of the REST API."""
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        raw = scope.get("raw_path") or scope["path"].encode()
        path, query = raw.decode("latin-1"), scope["query_string"].decode("latin-1")
        try:
            _check_size(path, query, headers)
            if not self._tokens.is_good(headers.get("authorization", "")):
                raise unauthorised()
            if not self._api.usage.spend(self.controls.clock.epoch_ms()):
                raise limit_exceeded()
            parts = [unquote(part) for part in path.split("/")[3:] if part]
            arguments = dict(parse_qsl(query, keep_blank_values=True))
            method = _method(scope["method"], arguments)
            whole = path + ("?" + query if query else "")
            read = _json_body(body, headers) if body else None
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body())
        return answered(self._api, Call(method, parts[0], tuple(parts[1:]), arguments, headers, read, whole))

    async def _token(self, request: Request) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        own_url = str(request.base_url).rstrip("/")
        unmetered = {_LIMIT_HEADER: "", "Cache-Control": "no-cache, no-store"}
        try:
            granted = self._tokens.grant(await request.body(), headers, own_url)
        except TokenRefusal as refused:
            body = {"error": refused.error, "error_description": refused.description}
            return JSONResponse(body, refused.status, unmetered)
        return JSONResponse(granted, headers=unmetered)

    async def _soap(self, request: Request) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        own_url = str(request.base_url).rstrip("/")
        return soap.answered(
            self._api, self._tokens, request.path_params["rest"], headers, await request.body(), own_url
        )

    async def _versions(self, _: Request) -> Response:
        return JSONResponse(versions(), headers={_LIMIT_HEADER: ""})

    async def _elsewhere(self, _: Request) -> Response:
        refusal = not_found()
        return _response(Answer(refusal.status, refusal.body(), {_LIMIT_HEADER: ""}))

    # Control verbs

    async def _expire_tokens(self, _: Request) -> Response:
        self._tokens.expire()
        return JSONResponse({"expired": True})

    async def _expire_locators(self, _: Request) -> Response:
        self._api.cursors.clear()
        return JSONResponse({"expired": True})

    async def _set_usage(self, request: Request) -> Response:
        asked = await request.json()
        now, usage = self.controls.clock.epoch_ms(), self._api.usage
        limit, used = int(asked.get("daily_limit", usage.limit)), int(asked.get("daily_used", usage.used(now)))
        self._api.usage = Usage(limit, used, now)
        return JSONResponse({"daily_limit": limit, "daily_used": used})

    async def _merge(self, request: Request) -> Response:
        asked = await request.json()
        table, actor = self._table(request.path_params["object"]), self._person(asked.get("by"))
        try:
            screens.merge(self._api.writer, table, asked["master"], asked["losers"], actor)
        except Refusal as refusal:
            _not_by_hand(refusal)
        return JSONResponse({"id": asked["master"]})

    async def _undelete(self, request: Request) -> Response:
        record_id = request.path_params["id"]
        try:
            screens.undelete(
                self._api.writer, self._table(request.path_params["object"]), record_id, self._person(None)
            )
        except Refusal as refusal:
            _not_by_hand(refusal)
        return JSONResponse({"id": record_id})

    async def _convert(self, request: Request) -> Response:
        asked = await request.json() if await request.body() else {}
        try:
            made = screens.convert(
                self._api.writer,
                request.path_params["id"],
                self._person(asked.get("by")),
                account_id=asked.get("account_id"),
                contact_id=asked.get("contact_id"),
            )
        except Refusal as refusal:
            _not_by_hand(refusal)
        return JSONResponse(made)

    # A person at the screens

    def human_create(self, object_name: str, fields: dict[str, Any], by: str | None) -> str:
        try:
            return self._api.writer.insert(self._table(object_name), fields, self._person(by))
        except Refusal as refusal:
            _not_by_hand(refusal)

    def human_edit(self, object_name: str, record_id: str, fields: dict[str, Any], by: str | None) -> None:
        table, actor = self._table(object_name), self._person(by)
        try:
            self._api.writer.update(table, self._api.writer.known_id(table, record_id), fields, actor)
        except Refusal as refusal:
            _not_by_hand(refusal)

    def human_delete(self, object_name: str, record_id: str, by: str | None) -> None:
        table, actor = self._table(object_name), self._person(by)
        try:
            self._api.writer.delete(table, self._api.writer.known_id(table, record_id), actor)
        except Refusal as refusal:
            _not_by_hand(refusal)

    def records(self, object_name: str) -> list[dict[str, Any]]:
        table = self._table(object_name)
        plain = [(field.name, field.absent) for field in table.kind.shown if field.name not in table.kind.compounds]
        return [
            {"id": record_id, "fields": {name: row.get(name, absent) for name, absent in plain}}
            for record_id, row in table.rows.items()
            if "IsDeleted" not in row
        ]

    def tick(self) -> float | None:
        return self._api.org.parts.tick()

    async def deliver(self) -> int:
        return await self._api.org.parts.deliver()

    def _table(self, name: str) -> Table:
        found = self._api.org.table(name)
        if found is None:
            raise ControlError(f"this org has no object {name!r}")
        return found

    def _person(self, by: str | None) -> Actor:
        return Actor(self._api.org.user_id(by), person=True, faultless=True)


class _Rest:
    """The REST API as an ASGI application, so that a call costs no more than it must."""

    def __init__(self, service: SalesforceService) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body: bytes = (await receive()).get("body", b"")  # the framework hands on whole bodies
        await _response(self._service.answer(scope, body))(scope, receive, send)


def _response(answer: Answer) -> Response:
    if answer.body is None:
        return Response(b"", answer.status, answer.headers)
    made = answer.body if isinstance(answer.body, bytes) else as_json(answer.body)
    return Response(made, answer.status, answer.headers, _JSON)


def _check_size(path: str, query: str, headers: dict[str, str]) -> None:
    uri = len(path) + len(query) + 1
    if uri > _LONGEST_URI:
        raise Refusal(414, Fail("URI_TOO_LONG", f"The URI has more than {_LONGEST_URI} bytes"))
    if uri + sum(len(key) + len(value) for key, value in headers.items()) > _LONGEST_URI:
        words = f"URI and headers have more than {_LONGEST_URI} bytes"
        raise Refusal(431, Fail("REQUEST_HEADER_FIELDS_TOO_LARGE", words))


def _method(method: str, arguments: dict[str, str]) -> str:
    """The method of a call; a client that cannot send PATCH says it in the query."""
    return arguments.get("_HttpMethod", method).upper() if method == "POST" else method


def _json_body(body: bytes, headers: dict[str, str]) -> Any:
    if "json" not in headers.get("content-type", ""):
        words = "The content type of the body is not supported: send application/json"
        raise Refusal(415, Fail("UNSUPPORTED_MEDIA_TYPE", words))
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise bad_json(f"{error} at [line:1, column:1]") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"Unexpected character: {name}")


def _not_by_hand(refusal: Refusal) -> NoReturn:
    raise ControlError(f"Salesforce refuses this even of a person: {refusal}") from refusal
