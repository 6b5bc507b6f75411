"""The messages of the Pub/Sub API, made from descriptors in code (api/salesforce.md section 10)."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "eventbus.v1"
SERVICE = "eventbus.v1.PubSub"
#: The calls of the service that the sandbox carries out, and those that it does not.
EMULATED = ("Subscribe", "GetSchema", "GetTopic")
NOT_EMULATED = ("Publish", "PublishStream", "ManagedSubscribe")
LATEST, EARLIEST, CUSTOM = 0, 1, 2

_Kind = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "string": _Kind.TYPE_STRING,
    "bytes": _Kind.TYPE_BYTES,
    "int32": _Kind.TYPE_INT32,
    "int64": _Kind.TYPE_INT64,
    "bool": _Kind.TYPE_BOOL,
}
_ENUMS = {
    "ReplayPreset": ("LATEST", "EARLIEST", "CUSTOM"),
    "ErrorCode": ("UNKNOWN", "PUBLISH", "COMMIT"),
}
#: message -> its fields, in the order of their numbers from 1: (name, type), a type in brackets is repeated.
_MESSAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "TopicInfo": (
        ("topic_name", "string"),
        ("tenant_guid", "string"),
        ("can_publish", "bool"),
        ("can_subscribe", "bool"),
        ("schema_id", "string"),
        ("rpc_id", "string"),
    ),
    "TopicRequest": (("topic_name", "string"),),
    "EventHeader": (("key", "string"), ("value", "bytes")),
    "ProducerEvent": (
        ("id", "string"),
        ("schema_id", "string"),
        ("payload", "bytes"),
        ("headers", "[EventHeader]"),
    ),
    "ConsumerEvent": (("event", "ProducerEvent"), ("replay_id", "bytes")),
    "Error": (("code", "ErrorCode"), ("msg", "string")),
    "PublishResult": (("replay_id", "bytes"), ("error", "Error"), ("correlation_key", "string")),
    "FetchRequest": (
        ("topic_name", "string"),
        ("replay_preset", "ReplayPreset"),
        ("replay_id", "bytes"),
        ("num_requested", "int32"),
        ("auth_refresh", "string"),
    ),
    "FetchResponse": (
        ("events", "[ConsumerEvent]"),
        ("latest_replay_id", "bytes"),
        ("rpc_id", "string"),
        ("pending_num_requested", "int32"),
    ),
    "SchemaRequest": (("schema_id", "string"),),
    "SchemaInfo": (("schema_json", "string"), ("schema_id", "string"), ("rpc_id", "string")),
    "PublishRequest": (("topic_name", "string"), ("events", "[ProducerEvent]"), ("auth_refresh", "string")),
    "PublishResponse": (("results", "[PublishResult]"), ("schema_id", "string"), ("rpc_id", "string")),
    "CommitReplayRequest": (("commit_request_id", "string"), ("replay_id", "bytes")),
    "CommitReplayResponse": (
        ("commit_request_id", "string"),
        ("replay_id", "bytes"),
        ("error", "Error"),
        ("process_time", "int64"),
    ),
    "ManagedFetchRequest": (
        ("subscription_id", "string"),
        ("developer_name", "string"),
        ("num_requested", "int32"),
        ("auth_refresh", "string"),
        ("commit_replay_id_request", "CommitReplayRequest"),
    ),
    "ManagedFetchResponse": (
        ("events", "[ConsumerEvent]"),
        ("latest_replay_id", "bytes"),
        ("rpc_id", "string"),
        ("pending_num_requested", "int32"),
        ("commit_response", "CommitReplayResponse"),
    ),
}


def _file() -> descriptor_pb2.FileDescriptorProto:
    made = descriptor_pb2.FileDescriptorProto(name="concord_sandbox/pubsub_api.proto", package=PACKAGE, syntax="proto3")
    for name, values in _ENUMS.items():
        enum = made.enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, fields in _MESSAGES.items():
        message = made.message_type.add(name=name)
        for number, (field_name, kind) in enumerate(fields, start=1):
            bare = kind.strip("[]")
            label = _Kind.LABEL_REPEATED if bare != kind else _Kind.LABEL_OPTIONAL
            field = message.field.add(name=field_name, number=number, label=label)
            if bare in _SCALARS:
                field.type = _SCALARS[bare]
            else:
                field.type = _Kind.TYPE_ENUM if bare in _ENUMS else _Kind.TYPE_MESSAGE
                field.type_name = f".{PACKAGE}.{bare}"
    return made


def messages() -> dict[str, type[Any]]:
    """The message classes by their names, in a pool of their own: another copy of the same messages may be loaded."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in _MESSAGES
    }


def replay_id(position: int) -> bytes:
    """A position of the bus as clients see it: ten bytes that mean nothing to them."""
    return position.to_bytes(8, "big") + b"\0\0"


def position_of(replay: bytes) -> int | None:
    """The position that a client gave back; None when it never was one. Clients that take replay ids for numbers of
    eight bytes give back those."""
    if len(replay) == 10 and replay.endswith(b"\0\0"):
        replay = replay[:8]
    return int.from_bytes(replay, "big") if len(replay) == 8 else None
