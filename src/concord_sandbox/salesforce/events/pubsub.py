"""The Pub/Sub API: a gRPC server beside the REST API of the same org (api/salesforce.md section 10).

Serves the events of `events.ChangeEvents` and changes no record. Publishing and managed subscriptions are not emulated
and answer UNIMPLEMENTED. Faults of the controls hit its calls as POST of their gRPC path; calls are in the journal, a
stream when it ends. Each response with events is in the journal as sent: EVENT, the topic, and the events' ids.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ipaddress
import json
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from concord_sandbox.salesforce.events.changes import ChangeEvents, Subscription
from concord_sandbox.salesforce.events.log import StoredEvent
from concord_sandbox.salesforce.events.wire import CUSTOM, EARLIEST, SERVICE, messages, position_of, replay_id
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.oauth import Tokens
from concord_sandbox.service import ControlError, Controls

#: An empty response comes when nothing else came for so long, in milliseconds of the sandbox's clock.
KEEP_ALIVE_MS = 270_000
#: A stream on which nothing is asked for ends after so long.
IDLE_MS = 60_000
_MOST_IN_RESPONSE = 100
_MOST_BYTES_IN_RESPONSE = 3_000_000
#: The clock may be moved at any time: open streams look at it so often.
_LOOK_AGAIN_SECONDS = 0.1
_PREFIX = "sfdc.platform.eventbus.grpc."
_HOST = "127.0.0.1"

#: Error code, without its prefix -> gRPC status and words.
_ERRORS = {
    "service.unavailable": ("UNAVAILABLE", "The Pub/Sub API service is unavailable. Try again later."),
    "service.auth.error": (
        "UNAUTHENTICATED",
        "An authentication exception occurred. Provide valid authentication via metadata headers.",
    ),
    "service.auth.headers.invalid": ("UNAUTHENTICATED", "The authentication header {} is invalid or blank."),
    "concurrent.client.limit.exceeded": (
        "RESOURCE_EXHAUSTED",
        "The maximum number of concurrent clients across all topics has been exceeded.",
    ),
    "topic.not.found": (
        "NOT_FOUND",
        "The topic information for org {} and topic {} not found. Ensure the topic name is correct and that the topic "
        "exists.",
    ),
    "topic.validation.empty": ("INVALID_ARGUMENT", "Topic validation failed. The topic name can't be blank."),
    "schema.validation.failed": ("INVALID_ARGUMENT", "Schema validation failed. The schema ID can't be blank."),
    "schema.meta.permission": ("NOT_FOUND", "The schema {} can't be accessed. Ensure the schema ID is correct."),
    "subscription.limit.exceeded": (
        "RESOURCE_EXHAUSTED",
        "You have exceeded the event delivery limit for your org.",
    ),
    "subscription.topic.cannot.subscribe": (
        "PERMISSION_DENIED",
        "You don't have sufficient permissions to subscribe to the topic {}.",
    ),
    "subscription.fetch.requested.events.invalid": (
        "INVALID_ARGUMENT",
        "The number of requested events must be greater than zero.",
    ),
    "subscription.fetch.topic.mismatch": (
        "INVALID_ARGUMENT",
        "The topic of a fetch request differs from that of the first fetch request of the stream.",
    ),
    "subscription.fetch.replayid.validation.failed": (
        "INVALID_ARGUMENT",
        "The replay preset CUSTOM needs a replay ID, and none was given.",
    ),
    "subscription.fetch.replayid.corrupted": (
        "INVALID_ARGUMENT",
        "The Replay ID validation failed. Ensure that the replay_id field value in FetchRequest is valid and refers to "
        "an event that is within the retention window.",
    ),
}


class _Refusal(Exception):
    """An error that ends a call: the code without its prefix, and what its words name."""

    def __init__(self, code: str, *named: str) -> None:
        status, words = _ERRORS[code]
        super().__init__(words.format(*named))
        self.status, self.code = status, _PREFIX + code


class _Cut(Exception):
    """A stream that was told to end."""

    def __init__(self, status: str, code: str) -> None:
        super().__init__("The stream was closed.")
        self.status, self.code = status, code


class PubSubServer:
    """The gRPC server. `current` gives the bus and the tokens of the org that is loaded now: a stream that was opened
    on another one ends with `service.unavailable`."""

    def __init__(self, current: Callable[[], tuple[ChangeEvents, Tokens]], controls: Controls) -> None:
        self._current = current
        self._controls = controls
        self._kinds = messages()
        options = (("grpc.so_reuseport", 0), ("grpc.max_send_message_length", 4 * 1024 * 1024))
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((self._service(),))

    def listen(self, port: int) -> int:
        """Open a port without TLS (0: any free one); its number. Raises ControlError when it cannot be had."""
        return self._open(port, "pubsub", lambda address: self._server.add_insecure_port(address))

    def listen_tls(self, port: int) -> tuple[int, str]:
        """Open a port with TLS; its number, and the PEM text of the self-signed certificate to trust. Raises
        ControlError."""
        key, certificate = _self_signed()
        credentials = grpc.ssl_server_credentials([(key, certificate)])
        opened = self._open(port, "pubsub-tls", lambda address: self._server.add_secure_port(address, credentials))
        return opened, certificate.decode()

    @staticmethod
    def _open(port: int, name: str, add: Callable[[str], int]) -> int:
        try:
            return add(f"{_HOST}:{port}")
        except RuntimeError as error:
            raise ControlError(
                f"port {port} for {name} cannot be opened; choose another with --{name} PORT, or 0 for any free one"
            ) from error

    async def start(self) -> None:
        await self._server.start()

    async def stop(self, grace: float) -> None:
        """End every stream as a service that goes down does; calls not done within `grace` seconds are broken off."""
        for one in self._current()[0].subscriptions:
            one.cut = "UNAVAILABLE", _PREFIX + "service.unavailable"
            one.wake.set()
        await self._server.stop(grace)

    # The calls.

    def _service(self) -> Any:
        kinds = self._kinds

        def unary(behaviour: Any, asked: str, answered: str) -> Any:
            return grpc.unary_unary_rpc_method_handler(
                behaviour, kinds[asked].FromString, kinds[answered].SerializeToString
            )

        def stream(behaviour: Any, asked: str, answered: str) -> Any:
            return grpc.stream_stream_rpc_method_handler(
                behaviour, kinds[asked].FromString, kinds[answered].SerializeToString
            )

        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "Subscribe": stream(self._subscribe, "FetchRequest", "FetchResponse"),
                "GetSchema": unary(self._get_schema, "SchemaRequest", "SchemaInfo"),
                "GetTopic": unary(self._get_topic, "TopicRequest", "TopicInfo"),
                "Publish": unary(self._not_emulated, "PublishRequest", "PublishResponse"),
                "PublishStream": stream(self._no_stream, "PublishRequest", "PublishResponse"),
                "ManagedSubscribe": stream(self._no_stream, "ManagedFetchRequest", "ManagedFetchResponse"),
            },
        )

    async def _get_schema(self, request: Any, context: Any) -> Any:
        async with self._call("GetSchema", request, context) as (events, rpc_id):
            if not request.schema_id:
                raise _Refusal("schema.validation.failed")
            text = events.schema_text(request.schema_id)
            if text is None:
                raise _Refusal("schema.meta.permission", request.schema_id)
            return self._kinds["SchemaInfo"](schema_json=text, schema_id=request.schema_id, rpc_id=rpc_id)

    async def _get_topic(self, request: Any, context: Any) -> Any:
        async with self._call("GetTopic", request, context) as (events, rpc_id):
            return self._kinds["TopicInfo"](
                topic_name=request.topic_name,
                tenant_guid=_tenant(events),
                can_publish=False,
                can_subscribe=events.may_subscribe(request.topic_name),
                schema_id=_schema_of(events, request.topic_name),
                rpc_id=rpc_id,
            )

    async def _not_emulated(self, request: Any, context: Any) -> Any:
        await context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "The sandbox emulates Subscribe, GetSchema and GetTopic; publishing and managed subscriptions it does not.",
        )

    async def _no_stream(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        await self._not_emulated(requests, context)
        yield None

    async def _subscribe(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        first = await anext(aiter(requests), None)
        async with self._call("Subscribe", first, context) as (events, rpc_id):
            if first is None:
                return
            one = self._opened(events, first)
            events.subscriptions.append(one)
            events.counts["opened"] += 1
            reader = asyncio.create_task(self._read_on(requests, one))
            try:
                async for response in self._responses(events, one, reader):
                    response.rpc_id = rpc_id
                    yield response
            finally:
                events.subscriptions.remove(one)
                reader.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reader

    def _opened(self, events: ChangeEvents, first: Any) -> Subscription:
        """The subscription that the first request of a stream asks for. Raises _Refusal."""
        now = self._controls.clock.epoch_ms()
        _schema_of(events, first.topic_name)
        if not events.may_subscribe(first.topic_name):
            raise _Refusal("subscription.topic.cannot.subscribe", first.topic_name)
        if len(events.subscriptions) >= events.settings["most_subscribers"]:
            raise _Refusal("concurrent.client.limit.exceeded")
        events.log.purge(now)
        position = events.log.latest
        if first.replay_preset == EARLIEST:
            position = events.log.expired
        elif first.replay_preset == CUSTOM:
            if not first.replay_id:
                raise _Refusal("subscription.fetch.replayid.validation.failed")
            given = position_of(first.replay_id)
            if given is None or not events.log.good(given):
                raise _Refusal("subscription.fetch.replayid.corrupted")
            position = given
        one = Subscription(first.topic_name, position, idle_since=now, said_at=now)
        _ask(one, first)
        if not events.meter.left(now):
            raise _Refusal("subscription.limit.exceeded")
        return one

    @staticmethod
    async def _read_on(requests: AsyncIterator[Any], one: Subscription) -> None:
        """Take in what the client asks for further. Raises _Refusal."""
        try:
            async for request in requests:
                _ask(one, request)
                one.wake.set()
        finally:
            one.wake.set()

    async def _responses(
        self, events: ChangeEvents, one: Subscription, reader: asyncio.Task[None]
    ) -> AsyncIterator[Any]:
        """What is sent on a stream until it ends. Raises _Refusal and _Cut."""
        clock = self._controls.clock
        while True:
            one.wake.clear()
            self._check_open(events, one, reader)
            now = clock.epoch_ms()
            if one.pending:
                one.idle_since = now
            found = events.take(one, _MOST_IN_RESPONSE, _MOST_BYTES_IN_RESPONSE)
            if found:
                one.said_at = one.idle_since = now
                self._note(one, found, now)
                yield self._response(one, found, found[-1].position)
                continue
            if events.waits(one):
                raise _Refusal("subscription.limit.exceeded")
            if now - one.said_at >= KEEP_ALIVE_MS:
                one.said_at = now
                if not events.log.after(one.topic, one.position, 1):
                    one.position = events.log.mark(now)
                yield self._response(one, [], one.position)
            if not one.pending and (reader.done() or now - one.idle_since >= IDLE_MS):
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN_SECONDS):
                    await one.wake.wait()

    def _note(self, one: Subscription, found: list[StoredEvent], now: int) -> None:
        """Put what goes out into the journal: the id, and the replay id in base64, of each event."""
        ids = [{"id": one.id, "replay_id": base64.b64encode(replay_id(one.position)).decode()} for one in found]
        sent = json.dumps(ids).encode()
        self._controls.journal.note_sent(at=now, method="EVENT", url=one.topic, request=sent, status=200, response=b"")

    def _check_open(self, events: ChangeEvents, one: Subscription, reader: asyncio.Task[None]) -> None:
        if reader.done() and not reader.cancelled() and (error := reader.exception()) is not None:
            raise error
        if one.cut is not None:
            raise _Cut(*one.cut)
        if self._current()[0] is not events:
            raise _Refusal("service.unavailable")

    def _response(self, one: Subscription, found: list[StoredEvent], position: int) -> Any:
        made = self._kinds["FetchResponse"](latest_replay_id=replay_id(position), pending_num_requested=one.pending)
        for event in found:
            sent = made.events.add(replay_id=replay_id(event.position))
            sent.event.id, sent.event.schema_id = event.id, event.schema_id
            sent.event.payload = event.payload_in(one.topic)
        return made

    # What all calls have in common.

    @contextlib.asynccontextmanager
    async def _call(self, name: str, request: Any, context: Any) -> AsyncIterator[tuple[ChangeEvents, str]]:
        """One call: who calls, faults, the journal; errors become a status with trailers."""
        rpc_id, path = str(uuid.uuid4()), f"/{SERVICE}/{name}"
        status = 200
        fault = self._controls.faults.hit("POST", path)
        try:
            if fault is not None:
                if fault.kind.startswith("hang"):
                    await asyncio.Event().wait()
                code = fault.code if fault.kind == "status" and fault.code else "service.unavailable"
                raise _Cut(_status_of(code), _PREFIX + code.removeprefix(_PREFIX))
            yield self._admitted(dict(context.invocation_metadata())), rpc_id
        except (_Refusal, _Cut) as refusal:
            status = _HTTP.get(refusal.status, 500)
            trailers = (("error-code", refusal.code), ("rpc-id", rpc_id))
            words = f"{refusal} rpcId: {rpc_id}"
            await context.abort(getattr(grpc.StatusCode, refusal.status), words, trailers)
        finally:
            self._controls.journal.note(
                at=self._controls.clock.epoch_ms(),
                method="POST",
                path=path,
                query="",
                request=str(request or "").encode(),
                status=status,
                response=b"",
                fault=fault.kind if fault else None,
            )

    def _admitted(self, metadata: dict[str, Any]) -> ChangeEvents:
        """The bus, when the call's metadata let it in. Raises _Refusal."""
        events, tokens = self._current()
        for key in ("accesstoken", "instanceurl", "tenantid"):
            if not metadata.get(key):
                raise _Refusal("service.auth.headers.invalid", key)
        if not metadata["instanceurl"].startswith(("https://", "http://")):
            raise _Refusal("service.auth.headers.invalid", "instanceurl")
        if full_id(metadata["tenantid"]) != events.owner.identity.organisation_id:
            raise _Refusal("service.auth.headers.invalid", "tenantid")
        if not tokens.is_good(f"Bearer {metadata['accesstoken']}"):
            raise _Refusal("service.auth.error")
        return events


#: What the journal shows for a gRPC status.
_HTTP = {
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "INVALID_ARGUMENT": 400,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "UNIMPLEMENTED": 501,
}


def _ask(one: Subscription, request: Any) -> None:
    """Add what a request asks for. Raises _Refusal."""
    if request.topic_name and request.topic_name != one.topic:
        raise _Refusal("subscription.fetch.topic.mismatch")
    if request.num_requested <= 0:
        raise _Refusal("subscription.fetch.requested.events.invalid")
    one.pending += request.num_requested


def _schema_of(events: ChangeEvents, topic: str) -> str:
    """The schema id of a topic. Raises _Refusal when there is no such topic."""
    if not topic:
        raise _Refusal("topic.validation.empty")
    found = events.topic_schema(topic)
    if found is None:
        raise _Refusal("topic.not.found", _tenant(events), topic)
    return found


def _tenant(events: ChangeEvents) -> str:
    return f"core/sandbox/{events.owner.identity.organisation_id}"


def _status_of(code: str) -> str:
    return _ERRORS.get(code.removeprefix(_PREFIX), ("UNAVAILABLE", ""))[0]


def _self_signed() -> tuple[bytes, bytes]:
    """A new key and its self-signed certificate for this machine, both in PEM. Dated by the machine's own clock, which
    is what clients check it with."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "concord_sandbox")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(_HOST))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private, certificate.public_bytes(serialization.Encoding.PEM)
