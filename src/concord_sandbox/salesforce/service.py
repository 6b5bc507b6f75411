"""The Salesforce sandbox as a service: HTTP around the resources, control verbs, a person at the screens."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from concord_sandbox import verbs
from concord_sandbox.faults import Fault
from concord_sandbox.parts import Part, control_routes, control_verbs
from concord_sandbox.salesforce import absent, loading, oauth, who
from concord_sandbox.salesforce.bulk.jobs import BulkJobs
from concord_sandbox.salesforce.calls import Answer, Api, Call, as_json
from concord_sandbox.salesforce.client_app import ClientApp
from concord_sandbox.salesforce.errors import (
    Fail,
    Refusal,
    bad_json,
    limit_exceeded,
    not_found,
    unauthorised,
)
from concord_sandbox.salesforce.events.changes import ChangeEvents
from concord_sandbox.salesforce.events.outbound import OutboundMessages
from concord_sandbox.salesforce.fault_answers import FaultAnswer
from concord_sandbox.salesforce.graphs import GraphHeaders
from concord_sandbox.salesforce.lifecycle.conversion import LeadMapping, by_hand, convert
from concord_sandbox.salesforce.lifecycle.merging import merge
from concord_sandbox.salesforce.lifecycle.recycling import RecycleBin, undelete
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.oauth import Tokens
from concord_sandbox.salesforce.rules.access import Access
from concord_sandbox.salesforce.rules.assignment import AssignmentRules
from concord_sandbox.salesforce.rules.behaviours import Behaviours
from concord_sandbox.salesforce.rules.duplicates import DuplicateRules
from concord_sandbox.salesforce.rules.formula_fields import FormulaFields
from concord_sandbox.salesforce.rules.locks import Locks
from concord_sandbox.salesforce.rules.validation_rules import ValidationRules
from concord_sandbox.salesforce.soap import answers as soap
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.salesforce.urls import answered, versions
from concord_sandbox.salesforce.usage import Usage
from concord_sandbox.salesforce.values import wire_time
from concord_sandbox.salesforce.writes import Actor
from concord_sandbox.service import ControlError, Controls
from concord_sandbox.verbs import Verb

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
    RecycleBin,
    ClientApp,
    GraphHeaders,
    ChangeEvents,
    OutboundMessages,
    BulkJobs,
)

VERBS = (
    Verb("POST", "tokens/expire", "no token is good any more, nor the standing one", "_expire_tokens"),
    Verb("POST", "locators/expire", "no page of a query can be read on", "_expire_locators"),
    Verb("POST", "usage", '{"daily_used"?, "daily_limit"?}: how many API calls of the day are used, and allowed',
         "_set_usage"),
    Verb("POST", "merge/{object}", '{"master": id, "losers": [id], "by"?: user}: a person merges records', "_merge"),
    Verb("POST", "undelete/{object}/{id}", "a person takes a record out of the recycle bin", "_undelete"),
    Verb("POST", "convert/{id}", '{"account_id"?, "contact_id"?, "opportunity"?: whether one is made, or its name, '
         '"status"?, "by"?: user}: a person converts a lead; the ids of what was made', "_convert"),
)  # fmt: skip
_LONGEST_URI = 16_384
_LARGEST_BODY = 200 * 1024 * 1024
_JSON = "application/json;charset=UTF-8"
_LIMIT_HEADER = "Sforce-Limit-Info"


class SalesforceService:
    """One emulated org; see `models` for its section of a world."""

    name = "salesforce"
    largest_body = _LARGEST_BODY

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        #: Where the Pub/Sub API of this org is served, for `credentials`; `server` says so when it is.
        self.pubsub: dict[str, str] = {}
        self.load({})

    def routes(self) -> Sequence[BaseRoute]:
        return [
            *oauth.routes(lambda: self._tokens, {_LIMIT_HEADER: ""}),
            Route("/services/data", self._versions),
            Route("/services/data/", self._versions),
            _any_text(Route("/services/data/{rest:path}", _Rest(self))),
            Route("/services/oauth2/userinfo", self._userinfo, methods=["GET", "POST"]),
            Route("/id/{organisation}/{user}", self._identity),
            Route("/services/Soap/{rest:path}", self._soap, methods=["POST"]),
            _any_text(Route("/{rest:path}", self._elsewhere, methods=["GET", "POST", "PATCH", "PUT", "DELETE"])),
        ]

    def control_routes(self) -> Sequence[BaseRoute]:
        return [
            *verbs.routes(self, VERBS),
            *control_routes(PARTS, lambda: self._api.org.parts),
        ]

    def control_verbs(self) -> Sequence[Verb]:
        return [*VERBS, *control_verbs(PARTS)]

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
        self._loaded = Api(org, self.controls, usage, now)
        self._tokens = Tokens(org, self.controls)

    @property
    def _api(self) -> Api:
        """What everything is answered from, with what others were to commit by now."""
        self._loaded.org.parts.of(Locks).settle()
        return self._loaded

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
            "username": self._api.org.parts.of(ClientApp).username(identity.integration_user_id),
            "jwt_key": f"{url}/_control/oauth/key",
            **self.pubsub,
        }

    def bus(self) -> tuple[ChangeEvents, Tokens]:
        """The change events of the org that is loaded now, and the tokens that open them."""
        return self._api.org.parts.of(ChangeEvents), self._tokens

    # Answers

    def fault_response(self, fault: Fault) -> Response:
        return FaultAnswer(fault)

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
            body = _unpacked(body, headers)
            as_it_came = _takes_raw(method, parts, headers)
            read = _json_body(body, headers) if body and not as_it_came else None
        except Refusal as refusal:
            return Answer(refusal.status, refusal.body())
        version, segments = parts[0] if parts else "", tuple(parts[1:])
        user, raw_body = self._tokens.user_of(headers.get("authorization", "")), body if as_it_came else None
        call = Call(method, version, segments, arguments, headers, read, whole, raw=raw_body, user_id=user)
        return answered(self._api, call)

    async def _userinfo(self, request: Request) -> Response:
        own_url = str(request.base_url).rstrip("/")
        given = who.authorization(request.headers, request.query_params)
        return _said(*who.userinfo(self._api, self._tokens, given, own_url))

    async def _identity(self, request: Request) -> Response:
        own_url, asked = str(request.base_url).rstrip("/"), request.path_params
        given = who.authorization(request.headers, request.query_params)
        said = who.identity(self._api, self._tokens, given, own_url, asked["organisation"], asked["user"])
        return _said(*said)

    async def _soap(self, request: Request) -> Response:
        headers = {key.lower(): value for key, value in request.headers.items()}
        own_url = str(request.base_url).rstrip("/")
        return soap.answered(
            self._api, self._tokens, request.path_params["rest"], headers, await request.body(), own_url
        )

    async def _versions(self, _: Request) -> Response:
        return JSONResponse(versions(), headers={_LIMIT_HEADER: ""})

    async def _elsewhere(self, request: Request) -> Response:
        lacking = absent.said_of(request.url.path)
        refusal = Refusal(403, Fail("FUNCTIONALITY_NOT_ENABLED", lacking)) if lacking else not_found()
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
            merge(self._api.writer, table, asked["master"], asked["losers"], actor, fill_blanks=True)
        except Refusal as refusal:
            _not_by_hand(refusal)
        return JSONResponse({"id": asked["master"]})

    async def _undelete(self, request: Request) -> Response:
        record_id, table = request.path_params["id"], self._table(request.path_params["object"])
        try:
            undelete(self._api.writer, self._api.writer.known_id(table, record_id), self._person(None))
        except Refusal as refusal:
            _not_by_hand(refusal)
        return JSONResponse({"id": record_id})

    async def _convert(self, request: Request) -> Response:
        asked = await request.json() if await request.body() else {}
        api = self._api
        try:
            made = convert(
                api.writer, by_hand(api.org, request.path_params["id"], asked), self._person(asked.get("by"))
            )
        except Refusal as refusal:
            _not_by_hand(refusal)
        return JSONResponse(asdict(made))

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
        plain = [
            (field.name, field.absent) for field in table.kind.fields.values() if field.name not in table.kind.compounds
        ]
        return [
            {
                "id": record_id,
                "fields": {name: row.get(name, absent) for name, absent in plain}
                | {name: read(row) for name, read in table.computed.items()},
            }
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


def _any_text(route: Route) -> Route:
    """The route, taking also a path with line breaks, which the framework's own pattern leaves out."""
    route.path_regex = re.compile(route.path_regex.pattern, re.DOTALL)
    return route


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
    kind = None if "Content-Type" in answer.headers else _JSON
    return Response(made, answer.status, answer.headers, kind)


def _said(status: int, body: dict[str, Any] | str) -> Response:
    unmetered = {_LIMIT_HEADER: "", "Cache-Control": "no-cache, no-store"}
    if isinstance(body, str):
        return Response(body, status, unmetered, "text/html;charset=UTF-8")
    return Response(as_json(body), status, unmetered, _JSON)


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


def _unpacked(body: bytes, headers: dict[str, str]) -> bytes:
    """The body of a call that was sent packed. Raises Refusal."""
    if headers.get("content-encoding", "identity").lower() not in ("gzip", "deflate"):
        return body
    try:
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 32)
        made = unpacking.decompress(body, _LARGEST_BODY)
    except zlib.error as error:
        raise bad_json(f"The compressed body cannot be read: {error}") from None
    if unpacking.unconsumed_tail:
        raise Refusal(413, Fail("REQUEST_ENTITY_TOO_LARGE", f"The body has more than {_LARGEST_BODY} bytes"))
    return made


def _takes_raw(method: str, parts: list[str], headers: dict[str, str]) -> bool:
    """Whether the body is for the resource to read: uploads of bulk jobs, and jobs that come with their data."""
    if parts[1:3] != ["jobs", "ingest"]:
        return False
    return method == "PUT" or headers.get("content-type", "").startswith("multipart/")


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
