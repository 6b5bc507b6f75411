"""The control API under `/_control/` and the middleware that carries out latency, faults and the journal.

Wraps any `Service` into one ASGI application; knows no vendor. `VERBS` says what the common verbs take and do; a
service and its parts add their own. Control calls are answered at once: no latency, no faults, not in the journal, no
token.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from concord_sandbox.faults import FAULT_FIELDS, Fault
from concord_sandbox.known_keys import only
from concord_sandbox.service import ControlError, Service
from concord_sandbox.transport import GoneError, Recorder, TooLargeError, break_off, replay, takes_gzip, whole_body
from concord_sandbox.verbs import Verb, routes

#: The verbs of every service.
VERBS: tuple[Verb, ...] = (
    Verb("GET", "", "every verb of this service, as this list has it", "_verbs"),
    Verb("GET", "ready", '{"ready": true, "service": NAME}', "_ready"),
    Verb("GET", "credentials", "what a client needs: `url`, `access_token` and what else this service asks for",
         "_credentials"),
    Verb("GET", "world", "this service's section of the world, as it stands now", "_world"),
    Verb("PUT", "world", "load a section {…}; all state is replaced, and `reset` comes back to it; answers what `GET` "
         "would", "_put_world"),
    Verb("GET", "whole", "the world of all services that were started together, as they stand now: a file that "
         "`--world FILE` starts from", "_whole"),
    Verb("POST", "reset", "back to the section loaded last; journal, faults and latency are cleared; the clock stays",
         "_reset"),
    Verb("POST", "seed", '{"seed": 7}: restart the randomness (faults with a probability, jitter)', "_seed"),
    Verb("GET", "clock", '{"now": ISO-8601}', "_clock"),
    Verb("POST", "clock", '{"advance": seconds} or {"set": ISO-8601}, with {"freeze": true or false}; answers what '
         "`GET` would. What is due by then happens", "_set_clock"),
    Verb("POST", "latency", '{"milliseconds": 80, "jitter": 20}: every call takes that and at random up to `jitter` '
         "more", "_latency"),
    Verb("GET", "faults", "the faults in force, each with what is left of `times` and `after`, and how often it hit "
         "(`hits`)", "_faults"),
    Verb("POST", "faults", 'one fault or a list of them, each {"kind", …}; answers what `GET` would', "_add_faults"),
    Verb("DELETE", "faults", "no faults any more", "_end_faults"),
    Verb("GET", "journal", "?since=N&limit=M&direction=in, out or all: the calls received (in; the default), and what "
         "the service sent by itself (out: webhooks, outbound messages, events of Pub/Sub streams), oldest first, with "
         "counts; ?summary=1: only the counts", "_journal"),
    Verb("DELETE", "journal", "an empty journal; the counts begin anew", "_end_journal"),
    Verb("GET", "records/{object}", "every live record, straight from the state", "_records"),
    Verb("POST", "records/{object}", '{"fields": {…}, "by"?: user}: a person creates a record; {"id": …}', "_create"),
    Verb("PATCH", "records/{object}/{id}", '{"fields": {…}, "by"?: user}: a person edits a record', "_edit"),
    Verb("DELETE", "records/{object}/{id}", "?by=user: a person deletes a record", "_delete"),
    Verb("POST", "edits", '[{"object", "id", "fields": {…}, "by"?}]: people edit many records, in this order; '
         '{"edited": n}. One that is refused ends it (400 says which, and why); those before it stand', "_edits"),
    Verb("POST", "deliver", 'send what is due (webhooks, outbound messages) now; {"sent": n}', "_deliver"),
)  # fmt: skip
_BAD_INPUT = (ControlError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError, RecursionError)


class SandboxApp:
    """The ASGI application of one service: `/_control/` beside the vendor's own paths.

    whole: gives the world of all services that run together (by default this one's alone). closing: set when the
    server ends, so that no call waits any longer for a latency to pass.
    """

    def __init__(self, service: Service) -> None:
        self.service = service
        self.whole: Callable[[], dict[str, Any]] = lambda: {service.name: service.save()}
        self.closing = asyncio.Event()
        self._again = _copy_of(service.save())
        self._vendor: ASGIApp = Starlette(
            routes=list(service.routes()), exception_handlers={HTTPException: self._no_path}
        )
        own = [*routes(self, VERBS), *service.control_routes()]
        self._control = Starlette(
            routes=[Mount("/_control", routes=own), Route("/_control", self._verbs)],
            exception_handlers={**dict.fromkeys(_BAD_INPUT, _refused), HTTPException: _no_verb},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] == "lifespan" or path.startswith("/_control/") or path == "/_control":
            await self._control(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1002})
        else:
            await self._call(scope, receive, send)

    def verbs(self) -> list[Verb]:
        """Every control verb: the common ones, the service's own, and those of its parts."""
        return [*VERBS, *self.service.control_verbs()]

    # The vendor's paths, through latency, faults and journal.

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        controls, method = self.service.controls, scope["method"]
        path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        whole = path + ("?" + query if query else "")
        app: ASGIApp = self._vendor
        try:
            body = await whole_body(scope, receive, self.service.largest_body)
        except GoneError:
            return  # nothing was asked for, nothing is done, and there is nobody to answer
        except TooLargeError:
            body, app = b"", self.service.fault_response(Fault("status", status=413))
        await self._wait(controls.faults.slowness(method, whole))
        fault = controls.faults.hit(method, whole)
        status, answer = None, b""
        try:
            if fault is not None and fault.kind in ("drop_before", "hang"):
                await break_off(scope, receive, send, hang=fault.kind == "hang")
                return
            recorded = Recorder()
            if fault is not None and fault.kind == "status":
                app = self.service.fault_response(fault)
            await app(scope, replay(body), recorded.send)
            if fault is not None and fault.kind in ("drop_after", "hang_after"):
                await break_off(scope, receive, send, hang=fault.kind == "hang_after")
                return
            status, answer = recorded.status, recorded.body
            extra = {**self.service.response_headers(), "Date": controls.clock.http_date()}
            await recorded.pass_on(send, extra, zipped=takes_gzip(scope))
        finally:
            controls.journal.note(
                at=controls.clock.epoch_ms(),
                method=method,
                path=path,
                query=query,
                request=body,
                status=status,
                response=answer,
                fault=fault.kind if fault else None,
            )

    async def _no_path(self, _: Request, error: Exception) -> Response:
        """What not even the service's own routes know, in the vendor's form."""
        assert isinstance(error, HTTPException)
        return self.service.fault_response(Fault("status", status=error.status_code))

    async def _wait(self, more: float) -> None:
        """Let the latency pass, and so many milliseconds more; or the time until the server ends."""
        controls = self.service.controls
        jitter = controls.latency_jitter_ms
        total = controls.latency_ms + more + (controls.random.uniform(0, jitter) if jitter else 0.0)
        if total > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(total / 1000):
                    await self.closing.wait()

    # The control API.

    async def _verbs(self, _: Request) -> Response:
        return JSONResponse({"service": self.service.name, "verbs": [one.plain() for one in self.verbs()]})

    async def _ready(self, _: Request) -> Response:
        return JSONResponse({"ready": True, "service": self.service.name})

    async def _credentials(self, request: Request) -> Response:
        return JSONResponse(self.service.credentials(str(request.base_url).rstrip("/")))

    def load(self, section: dict[str, Any], again: Callable[[], dict[str, Any]] | None = None) -> None:
        """Replace the service's state and make it what `reset` goes back to. again: makes the section anew; without it
        a copy is kept."""
        back = again or _copy_of(section)
        self.service.load(section if again else back())
        self._again = back

    async def _world(self, _: Request) -> Response:
        return JSONResponse(self.service.save())

    async def _put_world(self, request: Request) -> Response:
        self.load(await _asked(request))
        return JSONResponse(self.service.save())

    async def _whole(self, _: Request) -> Response:
        return JSONResponse(self.whole())

    async def _reset(self, _: Request) -> Response:
        controls = self.service.controls
        self.service.load(self._again())
        controls.journal.clear()
        controls.faults.clear()
        controls.latency_ms = controls.latency_jitter_ms = 0.0
        return JSONResponse({"reset": True})

    async def _seed(self, request: Request) -> Response:
        seed = int((await _asked(request, "seed"))["seed"])
        self.service.controls.random.seed(seed)
        return JSONResponse({"seed": seed})

    async def _clock(self, _: Request) -> Response:
        return JSONResponse({"now": self.service.controls.clock.now().isoformat()})

    async def _set_clock(self, request: Request) -> Response:
        clock, asked = self.service.controls.clock, await _asked(request, "set", "advance", "freeze")
        to = _moment(asked["set"]) if "set" in asked else None
        by = _number("advance", asked.get("advance", 0), least=-math.inf)
        if asked.get("freeze") is True:
            clock.freeze()
        if to is not None:
            clock.set(to)
        if by:
            clock.advance(by)
        if asked.get("freeze") is False:
            clock.run()
        self.service.tick()
        self.service.controls.ring()  # what is due to be sent by now waits no longer
        return await self._clock(request)

    async def _latency(self, request: Request) -> Response:
        asked = await _asked(request, "milliseconds", "jitter")
        set_to = [_number(name, asked.get(name, 0)) for name in ("milliseconds", "jitter")]
        self.service.controls.latency_ms, self.service.controls.latency_jitter_ms = set_to
        return JSONResponse({"milliseconds": set_to[0], "jitter": set_to[1]})

    async def _faults(self, _: Request) -> Response:
        return JSONResponse({"faults": self.service.controls.faults.listed()})

    async def _add_faults(self, request: Request) -> Response:
        asked = await _json(request)
        given = asked if isinstance(asked, list) else [asked]
        for number, one in enumerate(given, 1):
            only(f"fault {number}", one, FAULT_FIELDS, ("kind",))
        for fault in [Fault(**one) for one in given]:
            self.service.controls.faults.add(fault)
        return await self._faults(request)

    async def _end_faults(self, request: Request) -> Response:
        self.service.controls.faults.clear()
        return await self._faults(request)

    async def _journal(self, request: Request) -> Response:
        journal, asked = self.service.controls.journal, request.query_params
        if asked.get("summary"):
            return JSONResponse(journal.summary())
        since, limit, direction = (
            int(asked.get("since", 0)),
            int(asked.get("limit", 1000)),
            asked.get("direction", "in"),
        )
        if direction not in ("in", "out", "all"):
            raise ControlError("direction is in (calls received), out (events sent) or all")
        return JSONResponse({**journal.summary(), "journal": journal.calls(since, limit, direction)})

    async def _end_journal(self, _: Request) -> Response:
        self.service.controls.journal.clear()
        return JSONResponse(self.service.controls.journal.summary())

    async def _records(self, request: Request) -> Response:
        return JSONResponse({"records": self.service.records(request.path_params["object"])})

    async def _create(self, request: Request) -> Response:
        asked, name = await _asked(request, "fields", "by"), request.path_params["object"]
        return JSONResponse({"id": self.service.human_create(name, _fields(asked), asked.get("by"))}, 201)

    async def _edit(self, request: Request) -> Response:
        name, record_id = request.path_params["object"], request.path_params["id"]
        asked = await _asked(request, "fields", "by")
        self.service.human_edit(name, record_id, _fields(asked), asked.get("by"))
        return JSONResponse({"id": record_id})

    async def _delete(self, request: Request) -> Response:
        name, record_id = request.path_params["object"], request.path_params["id"]
        self.service.human_delete(name, record_id, request.query_params.get("by"))
        return JSONResponse({"id": record_id})

    async def _edits(self, request: Request) -> Response:
        asked = await _json(request)
        if not isinstance(asked, list):
            raise ControlError('the body has to be a list: [{"object", "id", "fields": {…}, "by"?}, …]')
        for number, one in enumerate(asked, 1):
            try:
                self.service.human_edit(one["object"], one["id"], _fields(one), one.get("by"))
            except _BAD_INPUT as error:
                raise ControlError(f"edit {number} of {len(asked)}: {_words(error)}") from error
        return JSONResponse({"edited": len(asked)})

    async def _deliver(self, _: Request) -> Response:
        return JSONResponse({"sent": await self.service.deliver()})


def _copy_of(section: dict[str, Any]) -> Callable[[], dict[str, Any]]:
    """What gives the section as it is now, again and again. Kept as packed text: it is copied several times faster
    than object by object, and a big world would be in memory twice."""
    packed = zlib.compress(json.dumps(section, default=list).encode(), 1)

    def again() -> dict[str, Any]:
        made: dict[str, Any] = json.loads(zlib.decompress(packed))
        return made

    return again


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": _words(error)}, status_code=400)


def _words(error: Exception) -> str:
    """What is wrong, for people."""
    if isinstance(error, ControlError):
        return str(error)
    if isinstance(error, KeyError):
        return f"{error} is missing, or names nothing that there is"
    if isinstance(error, ValueError):
        return str(error) or "a value is none that can be taken"
    return f"that is not what this verb takes ({type(error).__name__}: {error}); GET /_control/ says what it takes"


async def _no_verb(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = f"there is no control verb {request.method} {request.url.path}; GET /_control/ lists those that there are"
    return JSONResponse({"error": words}, status_code=error.status_code, headers=error.headers)


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the body is not JSON: {error}") from error


async def _asked(request: Request, *known: str) -> dict[str, Any]:
    """The body as an object with no other keys than the `known` ones (none named: any). Raises ControlError."""
    asked = await _json(request)
    only("the body", asked, known or None)
    made: dict[str, Any] = asked
    return made


def _fields(asked: dict[str, Any]) -> dict[str, Any]:
    fields = asked["fields"]
    if not isinstance(fields, dict):
        raise ControlError(f'"fields" has to be a JSON object, not {str(fields)[:60]!r}')
    return fields


def _number(name: str, given: Any, least: float = 0.0) -> float:
    good = isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given) and given >= least
    if not good:
        raise ControlError(f"{name} has to be a number{', not below 0' if least == 0 else ''}; not {given!r}")
    return float(given)


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError as error:
        raise ControlError(f'"set" has to be an ISO-8601 time such as 2026-11-02T09:00:00Z, not {text!r}') from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
