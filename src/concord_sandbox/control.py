"""The control API under `/_control/` and the middleware that carries out latency, faults and the journal.

Wraps any `Service` into one ASGI application; knows no vendor.

    GET    /_control/ready                {"ready": true, "service": NAME}
    GET    /_control/credentials          what a client needs
    GET    /_control/world                this service's section of the world, as it stands
    PUT    /_control/world                load a section {…}; all state is replaced
    POST   /_control/reset                back to the section loaded last; journal, faults and latency cleared
    POST   /_control/seed                 {"seed": 7}: restart the randomness (faults with a probability, jitter)
    GET    /_control/clock                {"now": ISO-8601}
    POST   /_control/clock                {"advance": seconds} | {"set": ISO-8601}, with {"freeze": true | false}
    POST   /_control/latency              {"milliseconds": 80, "jitter": 20}: added to every call
    GET    /_control/faults               those in force
    POST   /_control/faults               one fault or a list; fields as in `faults.Fault`
    DELETE /_control/faults
    GET    /_control/journal              ?since=N&limit=M&direction=in|out|all: the calls received (in), the events
                                          sent (out); with ?summary=1 only the counts
    DELETE /_control/journal
    GET    /_control/records/{object}     every live record, straight from the state
    POST   /_control/records/{object}     {"fields": {…}, "by": user}: a person creates a record; {"id": …}
    PATCH  /_control/records/{object}/{id}  {"fields": {…}, "by": user}: a person edits a record
    DELETE /_control/records/{object}/{id}  a person deletes a record
    POST   /_control/edits                [{"object": NAME, "id": ID, "fields": {…}, "by": user}]: people edit many
                                          records, in this order; {"edited": n}. One that is refused ends it (400 says
                                          which, and why); those before it stand
    POST   /_control/deliver              send what is due (webhooks) now; {"sent": n}

Control calls are answered at once: no latency, no faults, not in the journal, no token needed.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from concord_sandbox.faults import Fault
from concord_sandbox.service import ControlError, Service

_HANG_LIMIT_SECONDS = 120.0
#: Shorter answers cost more to pack than to send.
_ZIPPED_FROM_BYTES = 2048


class SandboxApp:
    """The ASGI application of one service: `/_control/` beside the vendor's own paths."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self._again = _copy_of(service.save())
        vendor: ASGIApp = Starlette(routes=list(service.routes()))
        self._vendor = vendor
        self._control = Starlette(
            routes=[Mount("/_control", routes=[*self._control_routes(), *service.control_routes()])],
            exception_handlers={ControlError: _refused, ValueError: _refused, KeyError: _refused, TypeError: _refused},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or str(scope.get("path", "")).startswith("/_control/"):
            await self._control(scope, receive, send)
        else:
            await self._call(scope, receive, send)

    # The vendor's paths, through latency, faults and journal.

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        controls = self.service.controls
        body = await _whole_body(receive)
        path = scope.get("raw_path", scope["path"].encode()).split(b"?")[0].decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        await self._wait(controls.latency_ms, controls.latency_jitter_ms)
        fault = controls.faults.hit(scope["method"], path + ("?" + query if query else ""))
        status, answer = None, b""
        try:
            if fault is not None and fault.kind in ("drop_before", "hang"):
                await _break_off(scope, receive, send, hang=fault.kind == "hang")
                return
            recorded = _Recorder()
            app: ASGIApp = self._vendor
            if fault is not None and fault.kind == "status":
                app = self.service.fault_response(fault)
            await app(scope, _replay(body), recorded.send)
            if fault is not None and fault.kind in ("drop_after", "hang_after"):
                await _break_off(scope, receive, send, hang=fault.kind == "hang_after")
                return
            status, answer = recorded.status, recorded.body
            extra = {**self.service.response_headers(), "Date": controls.clock.http_date()}
            await recorded.pass_on(send, extra, zipped=_takes_gzip(scope))
        finally:
            controls.journal.note(
                at=controls.clock.epoch_ms(),
                method=scope["method"],
                path=path,
                query=query,
                request=body,
                status=status,
                response=answer,
                fault=fault.kind if fault else None,
            )

    async def _wait(self, milliseconds: float, jitter: float) -> None:
        total = milliseconds + (self.service.controls.random.uniform(0, jitter) if jitter else 0.0)
        if total > 0:
            await asyncio.sleep(total / 1000)

    # The control API.

    def _control_routes(self) -> list[Route]:
        return [
            Route("/ready", self._ready),
            Route("/credentials", self._credentials),
            Route("/world", self._world, methods=["GET", "PUT"]),
            Route("/reset", self._reset, methods=["POST"]),
            Route("/seed", self._seed, methods=["POST"]),
            Route("/clock", self._clock, methods=["GET", "POST"]),
            Route("/latency", self._latency, methods=["POST"]),
            Route("/faults", self._faults, methods=["GET", "POST", "DELETE"]),
            Route("/journal", self._journal, methods=["GET", "DELETE"]),
            Route("/records/{object}", self._records, methods=["GET", "POST"]),
            Route("/records/{object}/{id}", self._record, methods=["PATCH", "DELETE"]),
            Route("/edits", self._edits, methods=["POST"]),
            Route("/deliver", self._deliver, methods=["POST"]),
        ]

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

    async def _world(self, request: Request) -> Response:
        if request.method == "PUT":
            self.load(await request.json())
        return JSONResponse(self.service.save())

    async def _reset(self, _: Request) -> Response:
        controls = self.service.controls
        self.service.load(self._again())
        controls.journal.clear()
        controls.faults.clear()
        controls.latency_ms = controls.latency_jitter_ms = 0.0
        return JSONResponse({"reset": True})

    async def _seed(self, request: Request) -> Response:
        seed = int((await request.json())["seed"])
        self.service.controls.random.seed(seed)
        return JSONResponse({"seed": seed})

    async def _clock(self, request: Request) -> Response:
        clock = self.service.controls.clock
        if request.method == "POST":
            asked = await request.json()
            if asked.get("freeze") is True:
                clock.freeze()
            if "set" in asked:
                clock.set(_moment(asked["set"]))
            if "advance" in asked:
                clock.advance(float(asked["advance"]))
            if asked.get("freeze") is False:
                clock.run()
            self.service.tick()
        return JSONResponse({"now": clock.now().isoformat()})

    async def _latency(self, request: Request) -> Response:
        asked = await request.json()
        self.service.controls.latency_ms = float(asked["milliseconds"])
        self.service.controls.latency_jitter_ms = float(asked.get("jitter", 0))
        return JSONResponse(asked)

    async def _faults(self, request: Request) -> Response:
        faults = self.service.controls.faults
        if request.method == "DELETE":
            faults.clear()
        elif request.method == "POST":
            asked = await request.json()
            for fault in [Fault(**one) for one in (asked if isinstance(asked, list) else [asked])]:
                faults.add(fault)
        return JSONResponse({"faults": faults.listed()})

    async def _journal(self, request: Request) -> Response:
        journal = self.service.controls.journal
        if request.method == "DELETE":
            journal.clear()
        if request.method == "DELETE" or request.query_params.get("summary"):
            return JSONResponse(journal.summary())
        since = int(request.query_params.get("since", 0))
        limit, direction = int(request.query_params.get("limit", 1000)), request.query_params.get("direction", "in")
        if direction not in ("in", "out", "all"):
            raise ControlError("direction is in (calls received), out (events sent) or all")
        return JSONResponse({**journal.summary(), "journal": journal.calls(since, limit, direction)})

    async def _records(self, request: Request) -> Response:
        name = request.path_params["object"]
        if request.method == "POST":
            asked = await request.json()
            return JSONResponse({"id": self.service.human_create(name, asked["fields"], asked.get("by"))}, 201)
        return JSONResponse({"records": self.service.records(name)})

    async def _record(self, request: Request) -> Response:
        name, record_id = request.path_params["object"], request.path_params["id"]
        if request.method == "DELETE":
            self.service.human_delete(name, record_id, request.query_params.get("by"))
        else:
            asked = await request.json()
            self.service.human_edit(name, record_id, asked["fields"], asked.get("by"))
        return JSONResponse({"id": record_id})

    async def _edits(self, request: Request) -> Response:
        asked = await request.json()
        for number, one in enumerate(asked, 1):
            try:
                self.service.human_edit(one["object"], one["id"], one["fields"], one.get("by"))
            except (ControlError, ValueError, KeyError, TypeError) as error:
                raise ControlError(f"edit {number} of {len(asked)}: {type(error).__name__}: {error}") from error
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


class _Recorder:
    """Keeps an application's answer so that it can be journalled, headed and passed on, or thrown away."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.body = b""
        self._headers: list[tuple[bytes, bytes]] = []

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._headers = list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def pass_on(self, send: Send, extra: dict[str, str], *, zipped: bool = False) -> None:
        """Send it on with more headers. zipped: the client takes gzip; a long answer is sent so, as vendors do."""
        if zipped and len(self.body) >= _ZIPPED_FROM_BYTES:
            self.body = gzip.compress(self.body, 1, mtime=0)
            kept = [(name, value) for name, value in self._headers if name.lower() != b"content-length"]
            length = str(len(self.body)).encode()
            self._headers = [*kept, (b"content-encoding", b"gzip"), (b"content-length", length)]
        given = {name.lower() for name, _ in self._headers}
        added = [(k.lower().encode(), v.encode("latin-1")) for k, v in extra.items() if k.lower().encode() not in given]
        # An empty value means: this answer does not carry the header at all.
        headers = [(k, v) for k, v in self._headers + added if v]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def _takes_gzip(scope: Scope) -> bool:
    return any(name == b"accept-encoding" and b"gzip" in value for name, value in scope["headers"])


async def _whole_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def _break_off(scope: Scope, receive: Receive, send: Send, *, hang: bool) -> None:
    """End the call without an answer: at once, or when the client has given up waiting."""
    served = "spec_version" in scope.get("asgi", {})  # a real server, not a client's in-process transport
    if hang:
        if not served:
            raise TimeoutError("the sandbox was told to hang")
        async with asyncio.timeout(_HANG_LIMIT_SECONDS):
            while (await receive())["type"] != "http.disconnect":
                pass
        return
    if not served:
        raise ConnectionResetError("the sandbox was told to drop this call")
    # A started answer that never gets its body makes the server close the connection.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


async def _refused(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": f"{type(error).__name__}: {error}"}, status_code=400)


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
