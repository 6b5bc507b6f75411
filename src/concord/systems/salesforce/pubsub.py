"""The Pub/Sub API: topics, schemas and streams of events over gRPC (api/salesforce.md, section 10).

The one module that imports grpc. Moves bytes and says what an error means; knows neither Avro nor records, and tries
nothing again but a call whose token had run out.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from concord.errors import Category, ConfigError, RemoteBusy, RemoteError
from concord.systems.salesforce import errors
from concord.systems.salesforce.client import Client
from concord.systems.salesforce.wire import SYSTEM

#: Where the API is for orgs outside the EU's operating zone (section 10).
ADDRESS: Final = "api.pubsub.salesforce.com:7443"
#: Events that are asked for ahead (section 10: at most 100 in one response), and how few may be left of them before
#: more are asked for.
MOST: Final = 100
FEW: Final = 50
#: Seconds without anything, after which a stream is given up: an empty response comes every 270 (section 10).
SILENCE: Final = 330.0

_PACKAGE: Final = "eventbus.v1"
_Kind = descriptor_pb2.FieldDescriptorProto
_TYPES: Final[Mapping[str, Any]] = {
    "string": _Kind.TYPE_STRING,
    "bytes": _Kind.TYPE_BYTES,
    "int32": _Kind.TYPE_INT32,
    "bool": _Kind.TYPE_BOOL,
    "enum": _Kind.TYPE_ENUM,
    "message": _Kind.TYPE_MESSAGE,
}
#: Message -> its fields: number, name, type, and for an enum or a message which one; + is repeated (section 10).
_MESSAGES: Final[Mapping[str, tuple[tuple[int, str, str, str], ...]]] = {
    "TopicRequest": ((1, "topic_name", "string", ""),),
    "TopicInfo": (
        (1, "topic_name", "string", ""),
        (2, "tenant_guid", "string", ""),
        (3, "can_publish", "bool", ""),
        (4, "can_subscribe", "bool", ""),
        (5, "schema_id", "string", ""),
        (6, "rpc_id", "string", ""),
    ),
    "SchemaRequest": ((1, "schema_id", "string", ""),),
    "SchemaInfo": (
        (1, "schema_json", "string", ""),
        (2, "schema_id", "string", ""),
        (3, "rpc_id", "string", ""),
    ),
    "EventHeader": ((1, "key", "string", ""), (2, "value", "bytes", "")),
    "ProducerEvent": (
        (1, "id", "string", ""),
        (2, "schema_id", "string", ""),
        (3, "payload", "bytes", ""),
        (4, "headers", "message", "+EventHeader"),
    ),
    "ConsumerEvent": ((1, "event", "message", "ProducerEvent"), (2, "replay_id", "bytes", "")),
    "FetchRequest": (
        (1, "topic_name", "string", ""),
        (2, "replay_preset", "enum", "ReplayPreset"),
        (3, "replay_id", "bytes", ""),
        (4, "num_requested", "int32", ""),
    ),
    "FetchResponse": (
        (1, "events", "message", "+ConsumerEvent"),
        (2, "latest_replay_id", "bytes", ""),
        (3, "rpc_id", "string", ""),
        (4, "pending_num_requested", "int32", ""),
    ),
}


class Preset(IntEnum):
    """Where a stream begins. Everything that is still kept (1) is never asked for: it eats the day's allocation."""

    LATEST = 0
    CUSTOM = 2


def messages() -> dict[str, type[Any]]:
    """The message classes by name, in a pool of their own: somebody else's copy of the same messages may be loaded."""
    made = descriptor_pb2.FileDescriptorProto(name="concord/pubsub.proto", package=_PACKAGE, syntax="proto3")
    preset = made.enum_type.add(name="ReplayPreset")
    for number, name in enumerate(("LATEST", "EARLIEST", "CUSTOM")):
        preset.value.add(name=name, number=number)
    for message_name, fields in _MESSAGES.items():
        message = made.message_type.add(name=message_name)
        for number, name, kind, other in fields:
            label = _Kind.LABEL_REPEATED if other.startswith("+") else _Kind.LABEL_OPTIONAL
            field = message.field.add(name=name, number=number, label=label, type=_TYPES[kind])
            if other:
                field.type_name = f".{_PACKAGE}.{other.removeprefix('+')}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(made)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}")) for name in _MESSAGES
    }


@dataclass(frozen=True)
class Topic:
    """A topic that exists. subscribable: whether the integration user may subscribe. schema_id: "" for a topic that
    carries events of several objects."""

    name: str
    subscribable: bool
    schema_id: str


@dataclass(frozen=True)
class Event:
    """One event: its place in the topic, the schema that it was written with, and its Avro bytes."""

    replay_id: bytes
    schema_id: str
    body: bytes


@dataclass(frozen=True)
class Batch:
    """What came in one go; no events in a keep-alive. replay_id: where to go on after it."""

    events: tuple[Event, ...]
    replay_id: bytes


class PubSub:
    """One org's event bus.

    client: whose sign-in is used. address: host:port. secure: with TLS; without it only for an address of this machine
    (ConfigError). root_certificates: PEM of the authorities to trust, instead of the system's. time_limit: seconds for
    a call that is no stream. silence: see `SILENCE`.
    """

    def __init__(
        self,
        client: Client,
        address: str = ADDRESS,
        *,
        secure: bool = True,
        root_certificates: bytes | None = None,
        time_limit: float = 30.0,
        silence: float = SILENCE,
    ) -> None:
        if not secure and not _on_this_machine(address):
            raise ConfigError(f"the Pub/Sub API at {address} is not on this machine: it is called with TLS only")
        self._client = client
        self._address = address
        self._secure = secure
        self._roots = root_certificates
        self._time_limit = time_limit
        self._silence = silence
        self._kinds = messages()
        self._schemas: dict[str, str] = {}
        self._open: Any = None
        #: The signature that was refused last: the next call takes a fresh one.
        self._refused: Mapping[str, str] | None = None

    async def topic(self, name: str) -> Topic:
        """What there is of a topic. Raises RemoteRefused when there is none of that name, RemoteBusy."""
        told = await self._ask("GetTopic", self._kinds["TopicRequest"](topic_name=name), "TopicInfo", f"topic {name}")
        return Topic(str(told.topic_name), bool(told.can_subscribe), str(told.schema_id))

    async def schema(self, schema_id: str) -> str:
        """An Avro schema as JSON; the same for ever, so asked for once. Raises RemoteRefused or RemoteBusy."""
        if schema_id not in self._schemas:
            request = self._kinds["SchemaRequest"](schema_id=schema_id)
            told = await self._ask("GetSchema", request, "SchemaInfo", f"schema {schema_id}")
            self._schemas[schema_id] = str(told.schema_json)
        return self._schemas[schema_id]

    async def subscribe(self, topic: str, preset: Preset, replay_id: bytes = b"") -> AsyncGenerator[Batch, None]:
        """The topic's events, as long as the stream lives; it ends without an error when the server closes it.

        More are asked for only when a batch was taken, so that a slow reader is not flooded. Raises PositionLost,
        AllocationSpent, StreamSignedOut (the next try takes a fresh token), RemoteRefused or RemoteBusy.
        """
        asked = f"events of {topic}"
        signature, metadata = await self._signed()
        call = self._channel().stream_stream(
            f"/{_PACKAGE}.PubSub/Subscribe",
            request_serializer=self._kinds["FetchRequest"].SerializeToString,
            response_deserializer=self._kinds["FetchResponse"].FromString,
        )(metadata=metadata)
        try:
            await self._request(
                call, topic_name=topic, replay_preset=int(preset), replay_id=replay_id, num_requested=MOST
            )
            while (response := await self._response(call, asked)) is not grpc.aio.EOF:
                yield _batch(response)
                if response.pending_num_requested <= FEW:
                    await self._request(call, topic_name=topic, num_requested=MOST - response.pending_num_requested)
        except grpc.aio.AioRpcError as error:
            raise self._meaning(error, asked, signature) from error
        finally:
            call.cancel()

    async def close(self) -> None:
        """Ends the connection and all its streams."""
        if self._open is not None:
            await self._open.close()
            self._open = None

    # --- calls

    async def _ask(self, name: str, request: Any, answered: str, asked: str) -> Any:
        """One call that is no stream; once more with a fresh token when the first was refused."""
        again = False
        while True:
            signature, metadata = await self._signed()
            call = self._channel().unary_unary(
                f"/{_PACKAGE}.PubSub/{name}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=self._kinds[answered].FromString,
            )
            try:
                return await call(request, metadata=metadata, timeout=self._time_limit)
            except grpc.aio.AioRpcError as error:
                told = self._meaning(error, asked, signature)
                if again or not isinstance(told, errors.StreamSignedOut):
                    raise told from error
                again = True

    async def _signed(self) -> tuple[Mapping[str, str], tuple[tuple[str, str], ...]]:
        """The sign-in that is used, and the metadata that every call carries. Raises what signing in raises."""
        signature = await self._client.http.signature(self._refused)
        organisation = await self._client.organisation()
        return signature, (
            ("accesstoken", signature["Authorization"].removeprefix("Bearer ")),
            ("instanceurl", self._client.http.base_url),
            ("tenantid", organisation),
        )

    async def _request(self, call: Any, **asked: Any) -> None:
        # A call that has ended takes no request; reading from it tells why it ended.
        with contextlib.suppress(asyncio.InvalidStateError):
            await call.write(self._kinds["FetchRequest"](**asked))

    async def _response(self, call: Any, asked: str) -> Any:
        """The next response, or EOF. Raises RemoteBusy after too long a silence: the connection is dead."""
        try:
            async with asyncio.timeout(self._silence):
                response = await call.read()
        except TimeoutError:
            raise RemoteBusy(
                SYSTEM, Category.NETWORK, f"{asked}: nothing was heard for {self._silence:.0f} seconds"
            ) from None
        if response is None:  # what grpc makes of bytes that are no response
            raise RemoteBusy(SYSTEM, Category.NETWORK, f"{asked}: what came is no response")
        return response

    def _meaning(self, error: grpc.aio.AioRpcError, asked: str, signature: Mapping[str, str]) -> RemoteError:
        trailers = {str(key): value for key, value in error.trailing_metadata() or ()}
        code = trailers.get("error-code")
        told = errors.event_error(
            error.code().name, code if isinstance(code, str) else None, error.details() or "", asked
        )
        if isinstance(told, errors.StreamSignedOut):
            self._refused = signature
        return told

    def _channel(self) -> Any:
        """The connection, opened at the first call. Waiting between tries is the caller's, so grpc's own is short."""
        if self._open is None:
            options = (
                ("grpc.initial_reconnect_backoff_ms", 200),
                ("grpc.min_reconnect_backoff_ms", 1_000),
                ("grpc.max_reconnect_backoff_ms", 1_000),
                ("grpc.max_receive_message_length", 4 * 1024 * 1024),
            )
            if self._secure:
                roots = _system_roots() if self._roots is None else self._roots
                credentials = grpc.ssl_channel_credentials(roots)
                self._open = grpc.aio.secure_channel(self._address, credentials, options)
            else:
                self._open = grpc.aio.insecure_channel(self._address, options)
        return self._open


def _batch(response: Any) -> Batch:
    events = tuple(
        Event(bytes(one.replay_id), str(one.event.schema_id), bytes(one.event.payload)) for one in response.events
    )
    return Batch(events, events[-1].replay_id if events else bytes(response.latest_replay_id))


def _system_roots() -> bytes | None:
    """The authorities that this machine trusts, in PEM; None, grpc's own, where it keeps none that can be listed."""
    trusted = ssl.create_default_context().get_ca_certs(binary_form=True)
    return "".join(map(ssl.DER_cert_to_PEM_cert, trusted)).encode() or None


def _on_this_machine(address: str) -> bool:
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
