"""HubSpot as the sandbox serves it: authentication, limits, dispatch, control verbs, and people at work in it.

`VERBS` are its own control verbs; its parts add theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Receive, Scope, Send

from concord_sandbox import verbs
from concord_sandbox.faults import Fault
from concord_sandbox.hubspot import account, models, scopes, surface
from concord_sandbox.hubspot.calls import Call, Handler
from concord_sandbox.hubspot.checks import check
from concord_sandbox.hubspot.consent.preferences import Preferences
from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.errors import ApiError, for_status
from concord_sandbox.hubspot.events import webhook_settings
from concord_sandbox.hubspot.events.journal import JournalBook
from concord_sandbox.hubspot.events.webhooks import Webhooks
from concord_sandbox.hubspot.interruptions import Interruptions
from concord_sandbox.hubspot.limits import RateLimits
from concord_sandbox.hubspot.links import End
from concord_sandbox.hubspot.lists.lists import Lists
from concord_sandbox.hubspot.models import Actor, ObjectTable, Portal, Record
from concord_sandbox.hubspot.oauth import ServiceKeys, Token, Tokens
from concord_sandbox.hubspot.responses import answer
from concord_sandbox.hubspot.sequences.sequences import Sequences
from concord_sandbox.hubspot.sequences.workflows import Workflows
from concord_sandbox.hubspot.urls import Found, Urls
from concord_sandbox.hubspot.values import iso
from concord_sandbox.hubspot.world_checks import check_names
from concord_sandbox.parts import Part, control_routes, control_verbs
from concord_sandbox.service import ControlError, Controls
from concord_sandbox.verbs import Verb

#: The parts of an account that have modules of their own; each says in its text what its key of the world holds.
PARTS: tuple[type[Part[Crm]], ...] = (
    Tokens,
    ServiceKeys,
    Interruptions,
    Lists,
    Preferences,
    Sequences,
    Workflows,
    JournalBook,
)

_ORDINARY_USER = "101"
_LONGEST_URL = 8_000  # then 414: too many properties in the query string (API reference section 4)
_LIMITS = ("burst_limit", "daily_limit", "search_limit")
VERBS = (
    Verb("GET", "webhooks", "the webhook settings, how many events wait, and counts", "_control_webhooks"),
    Verb("PUT", "webhooks", '{"target_url", "subscriptions", …}: change webhook settings, those of the key `webhooks` '
         "of the world; the others stay", "_control_webhooks"),
    Verb("POST", "webhooks/disturb", '{"duplicate"?: share, "drop"?: share, "shuffle"?: true}: of all webhook events '
         "from now on; those not named are off. For single events take faults", "_control_disturb"),
    Verb("PUT", "index_lag", '{"milliseconds": 2000}: how long writes stay invisible to searches',
         "_control_index_lag"),
    Verb("PUT", "limits", '{"burst_limit"?: a 10 seconds, "daily_limit"?, "search_limit"?: a second}: how many calls '
         "are let through", "_control_limits"),
    Verb("POST", "restore", '{"object": "contacts", "id": "101", "by"?: user}: a person restores a deleted record',
         "_control_restore"),
)  # fmt: skip


class HubSpotService:
    """One HubSpot account. `webhook_client`: what webhooks are sent with (by default a client of its own)."""

    name = "hubspot"
    #: HubSpot documents no size; a batch of 100 records of long texts must pass.
    largest_body = 50_000_000

    def __init__(self, controls: Controls, webhook_client: httpx.AsyncClient | None = None) -> None:
        self.controls = controls
        self.webhooks = Webhooks(controls, webhook_client)
        self._urls = Urls()
        self._answered = 0
        self._use(self._account({}))

    def _use(self, crm: Crm) -> None:
        self.crm, self.portal = crm, crm.portal
        portal = crm.portal
        self.webhooks.use(portal)
        self.crm.listeners.append(self.webhooks.hear)
        self._tokens = crm.parts.of(Tokens)
        self.limits = self._limits_of(portal)

    def _limits_of(self, portal: Portal) -> RateLimits:
        settings = portal.settings
        return RateLimits(
            self.controls.clock,
            int(settings["burst_limit"]),
            int(settings["daily_limit"]),
            int(settings["search_limit"]),
            str(settings["time_zone"]),
        )

    # The vendor's own paths.

    def routes(self) -> Sequence[BaseRoute]:
        return [Mount("", app=self._serve)]

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        raw_path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
        await self._answer(scope, raw_path, body)(scope, receive, send)

    def _answer(self, scope: Scope, path: str, body: bytes) -> Response:
        if len(path) + len(scope.get("query_string", b"")) > _LONGEST_URL:
            return self._error(for_status(414, None))
        found = self._urls.find(scope["method"], path)
        if isinstance(found, int):
            words = surface.absent(path) or "resource not found"
            if found == 405 and surface.absent(path) is None:
                words = f"Method {scope['method']} is not allowed here"
            return self._error(ApiError(found, "OBJECT_NOT_FOUND" if found == 404 else None, words))
        static, token = True, None
        try:
            if found.target.lane != "open":
                now = self.controls.clock.epoch_ms()
                token = self._tokens.check(_header(scope, b"authorization"), now, found.target.lane)
                static = token.static
                if found.target.lane != "app":
                    self.limits.count(search=found.target.lane == "search")
                self._admit(found, token, now)
            content, status = self._call(found, token, scope, path, body)
            if isinstance(content, Response):
                return content
            return answer(content, status, self._rate_headers(found, static))
        except ApiError as error:
            return self._error(error, self._rate_headers(found, static))

    def _admit(self, found: Found, token: Token, now: int) -> None:
        """Raises ApiError: 477 and 423 while the account or an object type is busy, 403 without the scopes."""
        named = (self.portal.table(found.at[part]) for part in ("type", "to") if part in found.at)
        plurals = [table.kind.plural for table in named if table is not None]
        writes = scopes.writes(found.method, found.pattern) and found.area in ("objects", "associations")
        self.crm.parts.of(Interruptions).check(now, plurals if writes else [])
        if token.scopes is None:
            return
        own = found.target.scopes
        needed = [own] if own else scopes.needed(self.portal, found.area, found.method, found.pattern, found.at)
        if token.kind != "service_key" or found.area != "account-info":  # the scope `oauth` is not given to a key
            scopes.require(token.scopes, needed)

    def _call(self, found: Found, token: Token | None, scope: Scope, path: str, body: bytes) -> tuple[Any, int]:
        app_id = str(self.portal.settings["app_id"])
        call = Call(
            method=scope["method"],
            path=path,
            version=found.version,
            at=found.at,
            query=parse_qs(scope.get("query_string", b"").decode("latin-1"), keep_blank_values=True),
            body=body,
            crm=self.crm,
            faults=self.controls.faults,
            by=token.actor(app_id) if token is not None else Actor("INTEGRATION", app_id),
            origin=f"{scope.get('scheme', 'http')}://{_header(scope, b'host')}",
            authorization=_header(scope, b"authorization"),
            granted=token.scopes if token is not None else None,
        )
        result: tuple[Any, int] = self._handler(found)(call)
        if found.area == "objects" and token is not None and token.scopes is not None:
            return scopes.redacted(token.scopes, call.table(), result[0]), result[1]
        return result

    def _handler(self, found: Found) -> Handler:
        handler = found.target.handler
        if not isinstance(handler, str):
            return handler
        own: dict[str, Handler] = {
            **webhook_settings.answers(self.webhooks, self._tokens),
            "daily_usage": lambda call: account.daily_usage(
                self.limits.used_today, self.limits.daily, self.limits.day_ends, call
            ),
        }
        return own[handler]

    def _rate_headers(self, found: Found, static: bool) -> dict[str, str]:
        if found.target.lane != "api":
            return RateLimits.no_headers()
        return self.limits.headers(daily=static)

    def _error(self, error: ApiError, headers: dict[str, str] | None = None) -> Response:
        self._answered += 1
        correlation_id = f"{self._answered:08x}-0000-4000-8000-{self.portal.settings['portal_id']:012d}"
        return answer(error.body(correlation_id), error.status, {**(headers or {}), **error.headers})

    def fault_response(self, fault: Fault) -> Response:
        error = for_status(fault.status, fault.code)
        error.headers |= fault.headers
        return self._error(error)

    def response_headers(self) -> dict[str, str]:
        """The rate headers of an answer that does not say itself which it has (injected faults)."""
        return self.limits.headers(daily=True)

    def credentials(self, url: str) -> dict[str, Any]:
        names = "access_token refresh_token client_id client_secret developer_api_key app_id portal_id"
        return {"url": url, **{name: self.portal.settings[name] for name in names.split()}}

    # The state.

    def load(self, world: dict[str, Any]) -> None:
        try:
            crm = self._account(world)
            Webhooks(self.controls, None).use(crm.portal)  # bad settings are refused before anything is changed
            self._limits_of(crm.portal)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ControlError(f"the section hubspot of the world is malformed: {error}") from error
        self._use(crm)

    def _account(self, world: dict[str, Any]) -> Crm:
        """The account of a section, with its parts. Raises ControlError, ValueError, KeyError, TypeError."""
        portal = models.load(world, self.controls, beside=frozenset(kind.section for kind in PARTS))
        check_names(portal, world)
        crm = Crm(portal, self.controls.clock)
        crm.parts.make(crm, PARTS, world)
        return crm

    def save(self) -> dict[str, Any]:
        return {**models.save(self.portal), **self.crm.parts.save()}

    def records(self, object_name: str) -> list[dict[str, Any]]:
        table = self._table(object_name)
        return [
            {
                "id": str(record.id),
                "fields": {name: value for name, value in record.values.items() if value},
                "createdAt": iso(record.created),
                "updatedAt": iso(record.updated),
            }
            for record in table.live.values()
        ]

    def _table(self, object_name: str) -> ObjectTable:
        table = self.portal.table(object_name)
        if table is None:
            raise ControlError(f"HubSpot has no object type {object_name!r} in this world")
        return table

    # People.

    def human_create(self, object_name: str, fields: dict[str, Any], by: str | None) -> str:
        table, person = self._table(object_name), _person(by)
        plain = {name: value for name, value in fields.items() if name != "hs_email_optout"}
        try:
            values = check(self.portal, table, None, plain, person)
        except ApiError as error:
            raise ControlError(error.message) from error
        record = self.crm.create(table, values, person)
        self._opt(table, record, fields, person, by)
        return str(record.id)

    def human_edit(self, object_name: str, record_id: str, fields: dict[str, Any], by: str | None) -> None:
        """Fields are properties; `hs_email_optout` ("true"/"false") means that the person unsubscribed or subscribed
        again, `associatedcompanyid` sets the primary company."""
        table, person = self._table(object_name), _person(by)
        record = self._record(table, record_id)
        plain = {name: value for name, value in fields.items() if name != "hs_email_optout"}
        try:
            values = check(self.portal, table, record, plain, person)
            self.crm.update(table, record, values, person)
        except ApiError as error:
            raise ControlError(error.message) from error
        self._opt(table, record, fields, person, by)

    def human_delete(self, object_name: str, record_id: str, by: str | None) -> None:
        table = self._table(object_name)
        self.crm.archive(table, self._record(table, record_id), _person(by))

    def human_link(self, one: tuple[str, str], other: tuple[str, str], by: str | None) -> None:
        """A person associates two records, each (object name, id)."""
        ends = [End(table.kind.plural, self._record(table, number).id)
                for table, number in ((self._table(name), number) for name, number in (one, other))]  # fmt: skip
        plain = self.portal.links.plain(ends[0].plural, ends[1].plural)
        try:
            self.crm.link(ends[0], ends[1], (plain,), _person(by))
        except ApiError as error:
            raise ControlError(error.message) from error

    def _record(self, table: ObjectTable, record_id: str) -> Record:
        record = table.find(record_id)
        if record is None:
            raise ControlError(f"HubSpot has no {table.kind.singular} {record_id!r}")
        return record

    def _opt(self, table: ObjectTable, record: Record, fields: dict[str, Any], person: Actor, by: str | None) -> None:
        if "hs_email_optout" not in fields or table.kind.plural != "contacts":
            return
        out = str(fields["hs_email_optout"]).lower() == "true"
        # Without a user it was the recipient, who clicked the link in an e-mail.
        actor = person if by is not None else Actor("EMAIL")
        address = record.values.get("email", "")
        if not address:
            raise ControlError(f"contact {record.id} has no e-mail address that could be opted out")
        self.crm.set_opt_out(address, out, actor)

    # What happens by itself.

    def tick(self) -> float | None:
        now = self.controls.clock.epoch_ms()
        for table in self.portal.tables():
            table.index.settle(now)
        self.crm.purge()
        due = [wait for wait in (self.crm.parts.tick(), self.webhooks.seconds_until_due()) if wait is not None]
        return min(due, default=None)

    async def deliver(self) -> int:
        return await self.webhooks.deliver() + await self.crm.parts.deliver()

    # Control verbs.

    def control_routes(self) -> Sequence[BaseRoute]:
        return [
            *verbs.routes(self, VERBS),
            *control_routes(PARTS, lambda: self.crm.parts),
        ]

    def control_verbs(self) -> Sequence[Verb]:
        return [*VERBS, *control_verbs(PARTS)]

    async def _control_webhooks(self, request: Request) -> Response:
        if request.method == "PUT":
            self.webhooks.set(await request.json())
        return JSONResponse(self.webhooks.shown())

    async def _control_disturb(self, request: Request) -> Response:
        self.webhooks.disturb(await request.json())
        return JSONResponse(self.webhooks.shown())

    async def _control_index_lag(self, request: Request) -> Response:
        lag = int((await request.json())["milliseconds"])
        if lag < 0:
            raise ControlError("milliseconds must not be below 0")
        self.portal.settings["index_lag_ms"] = lag
        if lag == 0:
            for table in self.portal.tables():
                table.index.flush()
        return JSONResponse({"milliseconds": lag})

    async def _control_limits(self, request: Request) -> Response:
        asked = await request.json()
        if not asked.keys() <= set(_LIMITS):
            raise ControlError(f"the limits are {', '.join(_LIMITS)}")
        for name, value in asked.items():
            self.portal.settings[name] = int(value)
        settings = self.portal.settings
        self.limits.burst, self.limits.daily = settings["burst_limit"], settings["daily_limit"]
        self.limits.search = settings["search_limit"]
        return JSONResponse({name: settings[name] for name in _LIMITS})

    async def _control_restore(self, request: Request) -> Response:
        asked = await request.json()
        table = self._table(str(asked["object"]))
        try:
            record = self.crm.restore(table, int(asked["id"]), _person(asked.get("by")))
        except ApiError as error:
            raise ControlError(error.message) from error
        return JSONResponse({"id": str(record.id)})


def _person(by: str | None) -> Actor:
    user = by or _ORDINARY_USER
    return Actor("CRM_UI", f"userId:{user}", None, int(user) if user.isascii() and user.isdigit() else None)


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key == name), "")
