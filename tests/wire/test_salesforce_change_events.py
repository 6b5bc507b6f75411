"""Change events: bitmaps and bodies, versions, positions, what the Pub/Sub API's refusals mean, and the gRPC client
against servers that behave badly."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import fastavro
import grpc
import pytest
from tests.sandbox.change_event_world import bus, capturing, named
from tests.wire.salesforce_org import JANE, ME, Org, contact, lead

from concord.core.model import Heard, Lane
from concord.core.retry import Backoff
from concord.errors import Category, ConfigError, RemoteBusy, RemoteError, RemoteRefused
from concord.systems.salesforce import errors
from concord.systems.salesforce.avro import Reader, Told, changed_fields, rest_name, version_in
from concord.systems.salesforce.events import ChangeEvents, Place, event_name, places, text_of
from concord.systems.salesforce.pubsub import Batch, Event, Preset, PubSub, messages
from concord.systems.salesforce.records import version_of
from concord_sandbox.salesforce.events.wire import messages as their_messages

ELEVEN = datetime(2026, 11, 2, 11, 0, 0, tzinfo=UTC)
API = "com/salesforce/api/rest/66.0"
CODE = "sfdc.platform.eventbus.grpc."


def avro(*fields: Any) -> dict[str, Any]:
    header = {
        "name": "ChangeEventHeader",
        "type": {
            "type": "record",
            "name": "ChangeEventHeader",
            "fields": [
                {"name": "entityName", "type": "string"},
                {"name": "recordIds", "type": {"type": "array", "items": "string"}},
                {"name": "changeType", "type": "string"},
                {"name": "changeOrigin", "type": "string"},
                {"name": "commitTimestamp", "type": "long"},
                {"name": "commitUser", "type": "string"},
                {"name": "nulledFields", "type": {"type": "array", "items": "string"}},
                {"name": "changedFields", "type": {"type": "array", "items": "string"}},
            ],
        },
    }
    return {
        "type": "record",
        "name": "LeadChangeEvent",
        "namespace": "com.sforce.eventbus",
        "fields": [header, *fields],
    }


def plain(name: str, kind: str = "string") -> dict[str, Any]:
    return {"name": name, "type": ["null", kind], "default": None}


def compound(name: str, record: str, *children: str) -> dict[str, Any]:
    shape = {"type": "record", "name": record, "fields": [plain(child) for child in children]}
    return {"name": name, "type": ["null", shape], "default": None}


SCHEMA = avro(
    compound("Name", "PersonName", "Salutation", "FirstName", "LastName"),
    plain("Phone"),
    compound("MailingAddress", "Address", "Street", "City"),
    {"name": "OtherAddress", "type": ["null", "com.sforce.eventbus.Address"], "default": None},
    {"name": "Place__c", "type": ["null", {"type": "record", "name": "Location", "fields": [plain("Latitude")]}]},
    plain("HasOptedOutOfEmail", "boolean"),
    plain("LastModifiedDate", "long"),
    plain("LastModifiedById"),
)
PHONE, OPT_OUT, MODIFIED = "0x04", "0x40", "0x80"


def millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def event(
    *ids: str,
    schema: dict[str, Any] = SCHEMA,
    kind: str = "UPDATE",
    changed: Sequence[str] = (),
    nulled: Sequence[str] = (),
    entity: str = "Lead",
    by: str = JANE,
    origin: str = "",
    at: datetime = ELEVEN,
    **values: Any,
) -> bytes:
    header = {
        "entityName": entity, "recordIds": list(ids), "changeType": kind, "changeOrigin": origin,
        "commitTimestamp": millis(at), "commitUser": by, "nulledFields": list(nulled), "changedFields": list(changed),
    }  # fmt: skip
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(schema), {**values, "ChangeEventHeader": header})
    return stream.getvalue()


# --- bitmaps


def test_the_vendors_example_is_read_as_they_read_it() -> None:
    fields = [{"name": f"F{number}", "type": "string"} for number in range(31)]
    fields[4] = {"name": "F4", "type": {"type": "record", "name": "A", "fields": [plain(f"A{n}") for n in range(6)]}}
    fields[7] = compound("F7", "B", *(f"B{n}" for n in range(4)))
    found = changed_fields({"type": "record", "name": "X", "fields": fields}, ["0x650004E0", "4-0x10", "7-0x06"])
    assert found == {*(f"F{number}" for number in (5, 6, 7, 10, 24, 26, 29, 30)), "F4A4", "F7B1", "F7B2"}


@pytest.mark.parametrize(
    ("bitmaps", "names"),
    [
        ([], set()),
        ([PHONE], {"Phone"}),
        (["1-0x06"], {"FirstName", "LastName"}),
        (["0x84", "3-0x1"], {"Phone", "LastModifiedDate", "MailingStreet"}),
        (["4-0x03"], {"OtherStreet", "OtherCity"}),
        (["5-0x01"], {"Place__Latitude__s"}),
        (["0x02"], {"Name"}),
    ],
)
def test_a_part_of_a_compound_goes_by_its_own_name(bitmaps: list[str], names: set[str]) -> None:
    assert changed_fields(SCHEMA, bitmaps) == names


@pytest.mark.parametrize("bitmap", ["0xFFFF", "9-0x01", "77-0x01", "2-0x01", "1-0x08", "x", "", "0x04-", "1-", "--"])
def test_a_bitmap_that_does_not_fit_is_refused(bitmap: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        changed_fields(SCHEMA, [bitmap])


@pytest.mark.parametrize(
    ("parent", "child", "name"),
    [
        ("Name", "LastName", "LastName"),
        ("Address", "City", "City"),
        ("BillingAddress", "StateCode", "BillingStateCode"),
        ("PersonMailingAddress", "Street", "PersonMailingStreet"),
        ("Home__c", "Street", "Home__Street__s"),
    ],
)
def test_names_of_parts(parent: str, child: str, name: str) -> None:
    assert rest_name(parent, child) == name


def test_the_sandboxes_own_reading_of_bitmaps_agrees() -> None:
    """Two readings of the vendor's page, over the schemas of real objects."""
    org, dice = capturing(), random.Random(3)
    for name in ("Lead", "Contact", "Account", "Subscription__c"):
        made = bus(org).schema_of(org.service._api.org.tables[name.lower()])
        schema = json.loads(made.text)
        for _ in range(50):
            leaves = dice.sample(sorted(made.leaves), 5)
            row = {"LastName": "x"} if dice.random() < 0.5 else {}
            bitmaps = made.bitmap(row, leaves)
            theirs = {rest_name(*one.split(".")) if "." in one else one for one in named(schema, bitmaps)}
            assert changed_fields(schema, bitmaps) == theirs
            assert name == "Account" or theirs == set(leaves)


# --- bodies


def read(body: bytes) -> Told:
    return Reader(json.dumps(SCHEMA)).read(body)


def test_an_event_says_which_records_changed_how_and_when() -> None:
    told = read(
        event(
            lead(1)[:15], lead(2), changed=["0x84"], nulled=["1-0x02"], by=ME[:15], origin=API,
            at=ELEVEN + timedelta(milliseconds=250), Phone="5", LastModifiedDate=millis(ELEVEN),
        )
    )  # fmt: skip
    assert told == Told(
        object="Lead",
        ids=(lead(1), lead(2)),
        kind="UPDATE",
        at=ELEVEN + timedelta(milliseconds=250),
        by=ME,
        origin=API,
        changed=frozenset({"Phone", "LastModifiedDate", "FirstName"}),
        modified_at=ELEVEN,
    )


def test_of_a_record_that_was_made_the_values_tell_what_is_set() -> None:
    told = read(event(lead(1), kind="CREATE", HasOptedOutOfEmail=True, Phone="5"))
    assert {"Phone", "HasOptedOutOfEmail"} <= told.changed
    assert told.opted_out == {"HasOptedOutOfEmail"}
    assert read(event(lead(1), kind="CREATE", HasOptedOutOfEmail=False)).opted_out == frozenset()


def test_any_bytes_are_read_or_refused_and_nothing_else() -> None:
    dice, whole = random.Random(11), event(lead(1), changed=[PHONE], Phone="5" * 40)
    reader = Reader(json.dumps(SCHEMA))
    for _ in range(2000):
        body = bytearray(whole[: dice.randint(0, len(whole))])
        for _ in range(dice.randint(0, 3)):
            body[dice.randrange(len(body)) if body else 0 :][:1] = dice.randbytes(1)
            if body:
                body[dice.randrange(len(body))] = dice.randrange(256)
        assert "5555" not in outcome(reader, bytes(body))


def outcome(reader: Reader, body: bytes) -> str:
    """What reading made of these bytes, without what they say."""
    try:
        return type(reader.read(body)).__name__
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("text", ["", "[]", "5", "{}", '{"type": "record"}', '{"type": "nonsense", "name": "x"}'])
def test_a_schema_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Reader(text).read(event(lead(1)))


# --- versions


def told(**more: Any) -> Told:
    given: dict[str, Any] = {
        "object": "Lead", "ids": (lead(1),), "kind": "UPDATE", "at": ELEVEN, "by": JANE, "origin": "",
        "changed": frozenset({"Phone"}), "modified_at": ELEVEN,
    }  # fmt: skip
    return Told(**{**given, **more})


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ({}, True),
        ({"kind": "CREATE", "changed": frozenset({"Phone", "IsConverted"})}, True),
        ({"at": ELEVEN + timedelta(milliseconds=999)}, True),
        ({"modified_at": None}, False),
        ({"kind": "DELETE"}, False),
        ({"kind": "UNDELETE"}, False),
        ({"kind": "GAP_UPDATE"}, False),
        ({"changed": frozenset({"IsConverted"})}, False),
        # Committed after its second was over: a read of that second's state need not have seen it.
        ({"at": ELEVEN + timedelta(seconds=1)}, False),
        ({"at": ELEVEN - timedelta(seconds=1)}, False),
        # Our own calls are read back within the call, however long they take to commit.
        ({"by": ME, "origin": f"{API};client=Concord", "at": ELEVEN + timedelta(seconds=3)}, True),
        ({"by": ME, "origin": API, "at": ELEVEN + timedelta(seconds=3)}, True),
        # What else runs under our name is not.
        ({"by": ME, "origin": f"{API};client=Loader"}, False),
        ({"by": ME, "origin": ""}, False),
    ],
)
def test_an_event_has_a_version_only_where_an_equal_one_proves_that_it_was_seen(
    given: dict[str, Any], known: bool
) -> None:
    one = told(**given)
    expected = version_of("2026-11-02T11:00:00.000+0000", one.by) if known else None
    assert version_in(one, ME) == expected


def test_without_knowing_who_we_are_our_events_are_as_others() -> None:
    ours = told(by=ME, origin=API)
    assert version_in(ours, "") is not None
    assert version_in(told(by=ME, origin=API, at=ELEVEN + timedelta(seconds=1)), "") is None


# --- positions


def test_a_position_is_kept_and_read_back() -> None:
    kept = {"/data/A": Place(b"\x00\xff", ELEVEN), "/data/B": Place(None), "/data/C": Place(b"1")}
    assert places(text_of(kept)) == kept
    assert places(None) == {}


@pytest.mark.parametrize(
    "text", ["x", "5", "[1]", '{"a": {}}', '{"a": {"replay": "*", "at": null}}', '{"a": {"replay": null, "at": "x"}}']
)
def test_a_text_that_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        places(text)


@pytest.mark.parametrize(("name", "expected"), [("Lead", "LeadChangeEvent"), ("Seat__c", "Seat__ChangeEvent")])
def test_the_event_of_an_object(name: str, expected: str) -> None:
    assert event_name(name) == expected


# --- refusals


@pytest.mark.parametrize(
    ("status", "code", "kind", "category"),
    [
        ("UNAUTHENTICATED", "service.auth.error", errors.StreamSignedOut, Category.PERMISSION),
        ("UNAUTHENTICATED", "service.auth.headers.invalid", errors.StreamSignedOut, Category.PERMISSION),
        ("UNAUTHENTICATED", None, errors.StreamSignedOut, Category.PERMISSION),
        ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted", errors.PositionLost, Category.MISSING_RECORD),
        (
            "INVALID_ARGUMENT",
            "subscription.fetch.replayid.validation.failed",
            errors.PositionLost,
            Category.MISSING_RECORD,
        ),
        ("RESOURCE_EXHAUSTED", "subscription.limit.exceeded", errors.AllocationSpent, Category.QUOTA),
        ("RESOURCE_EXHAUSTED", "concurrent.client.limit.exceeded", RemoteBusy, Category.RATE_LIMIT),
        ("RESOURCE_EXHAUSTED", None, RemoteBusy, Category.NETWORK),
        ("NOT_FOUND", "topic.not.found", RemoteRefused, Category.PERMISSION),
        ("PERMISSION_DENIED", "subscription.topic.cannot.subscribe", RemoteRefused, Category.PERMISSION),
        ("PERMISSION_DENIED", "service.tenant.license", RemoteRefused, Category.PERMISSION),
        ("INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid", RemoteRefused, Category.INTERNAL),
        ("UNIMPLEMENTED", None, RemoteRefused, Category.INTERNAL),
        ("UNAVAILABLE", "service.unavailable", RemoteBusy, Category.NETWORK),
        ("UNAVAILABLE", None, RemoteBusy, Category.NETWORK),
        ("INTERNAL", None, RemoteBusy, Category.NETWORK),
        ("UNKNOWN", "of.next.year", RemoteBusy, Category.NETWORK),
        ("DEADLINE_EXCEEDED", None, RemoteBusy, Category.NETWORK),
    ],
)
def test_what_a_refusal_means(status: str, code: str | None, kind: type[RemoteError], category: Category) -> None:
    whole = None if code is None else CODE + code
    error = errors.event_error(status, whole, "Something is wrong. rpcId: 12-34", "events of /data/X")
    assert (type(error), error.category) == (kind, category)
    assert "events of /data/X: Something is wrong." in str(error)
    assert "12-34" not in str(error)
    assert error.code == (whole or status)
    assert error.advice


# --- the client


def test_the_messages_are_those_of_the_sandbox() -> None:
    """Each was written from the vendor's numbers by itself."""
    ours, theirs = messages(), their_messages()
    given = ours["FetchRequest"](topic_name="/data/X", replay_preset=2, replay_id=b"\0\1", num_requested=7)
    read_back = theirs["FetchRequest"].FromString(given.SerializeToString())
    assert (read_back.topic_name, read_back.replay_preset, read_back.replay_id, read_back.num_requested) == (
        "/data/X", 2, b"\0\1", 7,
    )  # fmt: skip
    for name, kind in ours.items():
        for one in kind.DESCRIPTOR.fields:
            other = theirs[name].DESCRIPTOR.fields_by_name[one.name]
            assert (one.number, one.type, one.is_repeated) == (other.number, other.type, other.is_repeated), one.name


class Server:
    """A Pub/Sub API that does what it is told. script: for each call of Subscribe, what is sent and how it ends."""

    def __init__(self, *script: tuple[Any, ...]) -> None:
        self.script = list(script)
        self.asked: list[list[tuple[int, str]]] = []
        self.metadata: list[dict[str, str]] = []
        self.kinds = messages()
        self._server = grpc.aio.server()
        both = grpc.stream_stream_rpc_method_handler(
            self._subscribe, self.kinds["FetchRequest"].FromString, lambda one: one
        )
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("eventbus.v1.PubSub", {"Subscribe": both}),)
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    async def _subscribe(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[bytes]:
        self.metadata.append(dict(context.invocation_metadata()))
        asked: list[tuple[int, str]] = []
        self.asked.append(asked)
        for step in self.script.pop(0):
            if step == "ask":
                request = await anext(aiter(requests))
                asked.append((request.num_requested, request.topic_name))
            elif step == "hang":
                await asyncio.Event().wait()
            elif isinstance(step, bytes):
                yield step
            elif isinstance(step, grpc.StatusCode):
                await context.abort(step, "said so")

    def response(self, pending: int, *replays: bytes, latest: bytes = b"") -> bytes:
        made = self.kinds["FetchResponse"](pending_num_requested=pending, latest_replay_id=latest)
        for one in replays:
            made.events.add(replay_id=one).event.schema_id = "S"
        whole: bytes = made.SerializeToString()
        return whole

    async def __aenter__(self) -> Server:
        await self._server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.stop(0)


def client_of(org: Org, server: Server, **more: Any) -> PubSub:
    return PubSub(org.salesforce._client, server.address, secure=False, **more)


async def test_more_is_asked_for_in_time_and_keep_alives_are_handed_on() -> None:
    org, made = Org(), Server()
    made.script = [
        ("ask", made.response(51, b"1"), made.response(50, b"2", b"3"), "ask", made.response(100, latest=b"9"))
    ]
    async with made as server:
        pubsub = client_of(org, server)
        batches = [one async for one in pubsub.subscribe("/data/X", Preset.CUSTOM, b"0")]
        await pubsub.close()
    assert server.asked == [[(100, "/data/X"), (50, "/data/X")]]
    assert [[one.replay_id for one in batch.events] for batch in batches] == [[b"1"], [b"2", b"3"], []]
    assert [batch.replay_id for batch in batches] == [b"1", b"3", b"9"]
    signed = server.metadata[0]
    assert (signed["accesstoken"], signed["instanceurl"], signed["tenantid"]) == (
        "00D!AQ", "https://acme.my.salesforce.com", "00Dxx0000001gPLEAY",
    )  # fmt: skip


async def test_a_stream_that_falls_silent_is_given_up() -> None:
    async with Server(("ask", "hang")) as server:
        pubsub = client_of(Org(), server, silence=0.05)
        with pytest.raises(RemoteBusy, match="nothing was heard"):
            _ = [one async for one in pubsub.subscribe("/data/X", Preset.LATEST)]
        await pubsub.close()


async def test_bytes_that_are_no_response_are_a_passing_trouble() -> None:
    async with Server(("ask", b"\xff\xff\xff\xff")) as server:
        pubsub = client_of(Org(), server)
        with pytest.raises(RemoteBusy):
            _ = [one async for one in pubsub.subscribe("/data/X", Preset.LATEST)]
        await pubsub.close()


async def test_no_server_is_a_passing_trouble() -> None:
    async with Server() as server:
        address = server.address
    pubsub = PubSub(Org().salesforce._client, address, secure=False)
    for call in (pubsub.topic("/data/X"), pubsub.schema("S")):
        with pytest.raises(RemoteBusy):
            await call
    with pytest.raises(RemoteBusy):
        _ = [one async for one in pubsub.subscribe("/data/X", Preset.LATEST)]
    await pubsub.close()


async def test_a_refused_token_is_replaced_at_the_next_try() -> None:
    org = Org()
    async with Server(("ask", grpc.StatusCode.UNAUTHENTICATED), ("ask",)) as server:
        pubsub = client_of(org, server)
        with pytest.raises(errors.StreamSignedOut):
            _ = [one async for one in pubsub.subscribe("/data/X", Preset.LATEST)]
        assert len(org.calls("oauth2/token")) == 1
        assert [one async for one in pubsub.subscribe("/data/X", Preset.LATEST)] == []
        assert len(org.calls("oauth2/token")) == 2
        await pubsub.close()


async def test_with_a_ready_token_the_org_is_asked_who_it_is() -> None:
    org = Org()
    org.query(lambda soql: [{"Id": "00Dxx0000001gPL"}] if "Organization" in soql else [])
    org.salesforce._client.auth._token = "ready"
    assert await org.salesforce._client.organisation() == "00Dxx0000001gPLEAY"
    assert await org.salesforce._client.organisation() == "00Dxx0000001gPLEAY"
    assert len(org.calls("/query")) == 1


@pytest.mark.parametrize("address", ["api.pubsub.salesforce.com:7443", "10.0.0.1:5", "localhost.evil.example:1"])
def test_nothing_is_sent_in_the_clear_to_another_machine(address: str) -> None:
    with pytest.raises(ConfigError, match="TLS"):
        PubSub(Org().salesforce._client, address, secure=False)


@pytest.mark.parametrize("address", ["localhost:5", "127.0.0.1:5", "[::1]:5"])
def test_on_this_machine_the_clear_is_allowed(address: str) -> None:
    PubSub(Org().salesforce._client, address, secure=False)


# --- the feed, with a bus that is played


class Played:
    """A bus: for each subscription what comes, and the error that it ends with, or silence."""

    def __init__(self, *script: list[Batch | RemoteError]) -> None:
        self.script = list(script)
        self.asked: list[tuple[Preset, bytes]] = []

    async def schema(self, _: str) -> str:
        return json.dumps(SCHEMA)

    async def subscribe(self, topic: str, preset: Preset, replay_id: bytes = b"") -> AsyncIterator[Batch]:
        self.asked.append((preset, replay_id))
        for one in self.script.pop(0) if self.script else ():
            if isinstance(one, RemoteError):
                raise one
            yield one
        await asyncio.Event().wait()


def batch(*bodies: bytes, replay: bytes = b"1") -> Batch:
    return Batch(tuple(Event(replay, "S", body) for body in bodies), replay)


async def heard(org: Org, played: Played, count: int, *, position: str | None = None, **more: Any) -> list[Heard]:
    """The first so many things that a feed of leads tells after its first position."""
    org.on("GET", "/limits/", more.pop("limits", {}))
    fields = more.pop("fields", None)
    pubsub: Any = played
    feed = ChangeEvents(org.salesforce._client, pubsub, ["Lead"], fields, org.clock, lambda: 0.0, **more)
    found: list[Heard] = []
    following = feed.follow(position)
    async with asyncio.timeout(10):
        async for one in following:
            if found or one.lost or json.loads(one.position or "")["/data/LeadChangeEvent"]["replay"]:
                found.append(one)
            if len(found) == count:
                break
    await following.aclose()  # type: ignore[attr-defined]
    return found


async def one_heard(body: bytes, **more: Any) -> Heard:
    (found,) = await heard(Org(), Played([batch(body)]), 1, **more)
    return found


async def test_one_event_of_many_records_is_a_notice_for_each() -> None:
    found = await one_heard(event(lead(1), lead(2), lead(1), changed=[PHONE], Phone="5"))
    assert [one.ref.id for one in found.notices] == [lead(1), lead(2)]
    assert found.position is not None
    assert base64.b64decode(json.loads(found.position)["/data/LeadChangeEvent"]["replay"]) == b"1"
    assert json.loads(found.position)["/data/LeadChangeEvent"]["at"] == ELEVEN.isoformat()


async def test_a_star_stands_for_records_that_cannot_be_named() -> None:
    found = await one_heard(event("00Q*", lead(2), kind="GAP_UPDATE"))
    assert [(one.ref.id, one.version) for one in found.notices] == [(lead(2), None)]
    assert "Lead records 00Q*" in (found.lost or "")


async def test_the_oldest_of_two_changes_counts_for_the_latency() -> None:
    first, second = (event(lead(1), changed=[PHONE], at=ELEVEN + timedelta(minutes=n), Phone="5") for n in (0, 3))
    (found,) = await heard(Org(), Played([batch(first, second)]), 1)
    assert [one.changed_at for one in found.notices] == [ELEVEN]


async def test_what_the_clocks_disagree_on_is_never_in_the_future() -> None:
    found = await one_heard(event(lead(1), changed=[PHONE], at=ELEVEN + timedelta(hours=5), Phone="5"))
    (notice,) = found.notices
    assert notice.changed_at == notice.seen_at


@pytest.mark.parametrize(
    ("changed", "wanted", "lane"),
    [
        ([PHONE], ["Phone"], Lane.PEOPLE),
        ([PHONE], ["Email"], None),
        ([MODIFIED], ["Email"], None),
        ([], ["Email"], Lane.PEOPLE),  # nothing is told of what changed, so it may be anything
        (["1-0x04"], ["Name"], Lane.PEOPLE),
        (["1-0x04"], ["LastName"], Lane.PEOPLE),
        (["1-0x04"], ["Email"], None),
        ([OPT_OUT], ["Email"], Lane.CONSENT),
        (["3-0x02"], ["MailingCity"], Lane.PEOPLE),
    ],
)
async def test_only_what_is_mapped_counts_but_an_opt_out_always_does(
    changed: list[str], wanted: list[str], lane: Lane | None
) -> None:
    found = await one_heard(event(lead(1), changed=changed), fields={"Lead": wanted})
    assert [one.lane for one in found.notices] == ([] if lane is None else [lane])
    assert found.position


async def test_a_field_that_the_configuration_calls_consent_is_urgent() -> None:
    found = await one_heard(event(lead(1), changed=[PHONE]), fields={"Lead": []}, consent={"Lead": ["Phone"]})
    assert [one.lane for one in found.notices] == [Lane.CONSENT]


@pytest.mark.parametrize("kind", ["CREATE", "DELETE", "UNDELETE", "GAP_UPDATE"])
async def test_what_is_no_edit_counts_whatever_is_mapped(kind: str) -> None:
    found = await one_heard(event(lead(1), kind=kind), fields={"Lead": ["Nothing"]})
    assert [one.lane for one in found.notices] == [Lane.PEOPLE]


async def test_another_object_on_the_channel_is_passed_over() -> None:
    found = await one_heard(event(contact(1), entity="Contact", changed=[PHONE]))
    assert (found.notices, found.lost, found.position is None) == ((), None, False)


async def test_an_event_that_cannot_be_read_holds_up_no_other() -> None:
    (found,) = await heard(Org(), Played([batch(b"\xff", event(lead(2), changed=[PHONE]))]), 1)
    assert [one.ref.id for one in found.notices] == [lead(2)]
    assert "could not be read" in (found.lost or "")


async def test_reconnecting_waits_longer_each_time_and_goes_on_from_where_it_was() -> None:
    org, busy = Org(), RemoteBusy("salesforce", Category.NETWORK, "down")
    played = Played([batch(event(lead(1), changed=[PHONE]), replay=b"7"), busy], *[[busy]] * 9, [batch(replay=b"8")])
    backoff = Backoff(first=1.0, cap=10.0, tries=5)
    await heard(org, played, 2, backoff=backoff)
    assert org.clock.slept == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]
    assert played.asked == [(Preset.LATEST, b"")] + [(Preset.CUSTOM, b"7")] * 10


async def test_the_allocation_is_looked_at_rarely_and_counted_in_between() -> None:
    org = Org()
    one = event(lead(1), changed=[PHONE])
    left = iter([14, 50])

    def limits(_: Any) -> Any:
        return {"DailyDeliveredPlatformEvents": {"Max": 100, "Remaining": next(left)}}

    played = Played([batch(one, replay=bytes([n])) for n in range(1, 9)])
    found = await heard(org, played, 7, limits=limits)
    # 14 were left after the first; ten must stay, and what comes in between is counted.
    assert [len(each.notices) for each in found] == [1, 1, 1, 1, 1, 1, 0]
    assert "less than 10%" in (found[-1].lost or "")


async def test_following_stops_while_only_the_reserve_is_left_and_goes_on_from_now() -> None:
    org = Org()
    one = event(lead(1), changed=[PHONE])
    told_later = iter([5, 5, 50, 50, 50])

    def limits(_: Any) -> Any:
        return {"DailyDeliveredPlatformEvents": {"Max": 100, "Remaining": next(told_later)}}

    played = Played([batch(one)], [batch(one, replay=b"9")])
    first, second, third = await heard(org, played, 3, limits=limits)
    assert (len(first.notices), first.lost) == (1, None)
    assert "less than 10%" in (second.lost or "")
    assert json.loads(second.position or "")["/data/LeadChangeEvent"]["replay"] is None
    assert org.clock.slept == [900.0, 900.0]
    assert (third.lost, len(third.notices)) == ("events are followed again, from now on", 1)
    assert [preset for preset, _ in played.asked] == [Preset.LATEST, Preset.LATEST]


async def test_an_org_that_does_not_tell_its_limits_is_followed_all_the_same() -> None:
    org = Org()
    one = event(lead(1), changed=[PHONE])
    found = await heard(org, Played([batch(one), batch(one)]), 2, limits=(403, [{"errorCode": "X", "message": "no"}]))
    assert [each.lost for each in found] == [None, None]


async def test_a_position_that_is_refused_even_from_now_on_does_not_spin() -> None:
    org, lost = Org(), errors.PositionLost("salesforce", Category.MISSING_RECORD, "gone")
    played = Played([lost], [lost], [lost], [batch(event(lead(1), changed=[PHONE]))])
    first, *_ = await heard(org, played, 1)
    assert [one.ref.id for one in first.notices] == [lead(1)]
    assert len(org.clock.slept) == 3


def test_a_feed_of_nothing_is_none() -> None:
    pubsub: Any = Played()
    with pytest.raises(ValueError, match="no object"):
        ChangeEvents(Org().salesforce._client, pubsub, [], None, Org().clock, lambda: 0.0)
