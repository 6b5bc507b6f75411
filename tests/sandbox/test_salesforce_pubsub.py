"""The Salesforce sandbox: the Pub/Sub API over real gRPC, with a plain client, over TLS, and with the npm client."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from tests.sandbox.change_event_world import bus, capturing, read
from tests.sandbox.salesforce_world import ADA, LINUS, Org
from tests.sandbox.test_server import refused, started

from concord_sandbox.salesforce.events.pubsub import PubSubServer
from concord_sandbox.salesforce.events.wire import CUSTOM, EARLIEST, LATEST, messages, replay_id
from concord_sandbox.salesforce.models import Actor
from concord_sandbox.service import ControlError

LEADS = "/data/LeadChangeEvent"
CODE = "sfdc.platform.eventbus.grpc."
KINDS = messages()
CLIENTS = Path(__file__).parents[1] / "clients"


class Client:
    """A client of the Pub/Sub API that knows no more than its messages and paths."""

    def __init__(self, org: Org, channel: Any) -> None:
        self.org, self.channel = org, channel
        keys = org.service.credentials("")
        self.metadata: dict[str, str] = {
            "accesstoken": org.token,
            "instanceurl": "https://sandbox.my.salesforce.com",
            "tenantid": keys["organisation_id"],
        }

    async def ask(self, name: str, answered: str, request: Any) -> Any:
        call = self.channel.unary_unary(
            f"/eventbus.v1.PubSub/{name}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=KINDS[answered].FromString,
        )
        return await call(request, metadata=tuple(self.metadata.items()), timeout=10)

    async def topic(self, name: str) -> Any:
        return await self.ask("GetTopic", "TopicInfo", KINDS["TopicRequest"](topic_name=name))

    async def schema(self, schema_id: str) -> Any:
        return await self.ask("GetSchema", "SchemaInfo", KINDS["SchemaRequest"](schema_id=schema_id))

    async def subscribe(self, topic: str = LEADS, most: int = 100, preset: int = LATEST, replay: bytes = b"") -> Any:
        """An open stream, once the server has it or has refused it."""
        before = self._opened()
        call = self.channel.stream_stream(
            "/eventbus.v1.PubSub/Subscribe",
            request_serializer=KINDS["FetchRequest"].SerializeToString,
            response_deserializer=KINDS["FetchResponse"].FromString,
        )(metadata=tuple(self.metadata.items()))
        request = KINDS["FetchRequest"](topic_name=topic, num_requested=most, replay_preset=preset, replay_id=replay)
        await call.write(request)
        await until(lambda: call.done() or self._opened() > before)
        return call

    def _opened(self) -> int:
        return bus(self.org).counts["opened"]

    async def more(self, call: Any, most: int, topic: str = "") -> None:
        await call.write(KINDS["FetchRequest"](topic_name=topic, num_requested=most))


@pytest_asyncio.fixture
async def client() -> AsyncIterator[Client]:
    org = capturing(channels={"Sync__chn": {"members": ["Lead"], "enriched": ["Email"]}})
    server = PubSubServer(org.service.bus, org.controls)
    port = server.listen(0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Client(org, channel)
    await server.stop(1)


async def until(met: Callable[[], bool]) -> None:
    """Wait for what another task of this loop brings about; fails after half a minute."""
    for _ in range(3000):
        if met():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never happened")


async def made(org: Org, count: int = 1) -> None:
    for number in range(count):
        answer = await org.post("/sobjects/Lead", {"LastName": f"L{number}", "Company": "C"})
        assert answer.status_code == 201


async def got(call: Any) -> Any:
    """The next response of a stream."""
    answer = await asyncio.wait_for(call.read(), 10)
    assert answer is not grpc.aio.EOF, await call.code()
    return answer


async def failure(call: Any) -> tuple[str, str, str]:
    """Status, error code and words with which a stream ends."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(call.read(), 10)
    return reason(caught.value)


def reason(error: Any) -> tuple[str, str, str]:
    trailers = dict(error.trailing_metadata())
    assert trailers["rpc-id"] in error.details()
    return error.code().name, trailers["error-code"], error.details()


# Unary calls


async def test_a_topic_tells_its_schema_and_the_schema_reads_its_events(client: Client) -> None:
    info = await client.topic(LEADS)
    assert (info.topic_name, info.can_subscribe, info.can_publish) == (LEADS, True, False)
    assert client.org.service.credentials("")["organisation_id"] in info.tenant_guid
    schema = await client.schema(info.schema_id)
    assert schema.schema_id == info.schema_id
    assert json.loads(schema.schema_json)["name"] == "LeadChangeEvent"
    assert schema.rpc_id
    for shared in ("/data/ChangeEvents", "/data/Sync__chn"):
        assert (await client.topic(shared)).schema_id == ""


@pytest.mark.parametrize(
    ("call", "argument", "status", "code"),
    [
        ("topic", "/data/OpportunityChangeEvent", "NOT_FOUND", "topic.not.found"),
        ("topic", "/event/Nothing__e", "NOT_FOUND", "topic.not.found"),
        ("topic", "", "INVALID_ARGUMENT", "topic.validation.empty"),
        ("schema", "", "INVALID_ARGUMENT", "schema.validation.failed"),
        ("schema", "unknown", "NOT_FOUND", "schema.meta.permission"),
    ],
)
async def test_unary_calls_are_refused_with_an_error_code(
    client: Client, call: str, argument: str, status: str, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(client, call)(argument)
    assert reason(caught.value)[:2] == (status, CODE + code)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"accesstoken": "wrong"}, "service.auth.error"),
        ({"accesstoken": ""}, "service.auth.headers.invalid"),
        ({"tenantid": "00D000000000001EAA"}, "service.auth.headers.invalid"),
        ({"tenantid": "rubbish"}, "service.auth.headers.invalid"),
        ({"instanceurl": "nowhere"}, "service.auth.headers.invalid"),
    ],
)
async def test_metadata_lets_in_or_keeps_out(client: Client, change: dict[str, str], code: str) -> None:
    client.metadata |= change
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.topic(LEADS)
    assert reason(caught.value)[:2] == ("UNAUTHENTICATED", CODE + code)
    assert (await failure(await client.subscribe()))[:2] == ("UNAUTHENTICATED", CODE + code)


async def test_an_expired_token_ends_no_stream_but_opens_none(client: Client) -> None:
    call = await client.subscribe()
    answer = await client.org.client.post("/_control/tokens/expire")
    assert answer.status_code == 200
    assert (await failure(await client.subscribe()))[1] == CODE + "service.auth.error"
    edited = await client.org.client.patch(f"/_control/records/Lead/{LINUS}", json={"fields": {"Phone": "5"}})
    assert edited.status_code == 200
    assert len((await got(call)).events) == 1


async def test_what_is_not_emulated_says_so(client: Client) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await client.ask("Publish", "PublishResponse", KINDS["PublishRequest"](topic_name=LEADS))
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "sandbox" in (caught.value.details() or "")


# Streams


async def test_an_event_arrives_as_soon_as_it_is_committed(client: Client) -> None:
    call = await client.subscribe(most=5)
    await client.org.patch(f"/sobjects/Lead/{LINUS}", {"City": "Oslo"})
    answer = await got(call)
    assert (len(answer.events), answer.pending_num_requested) == (1, 4)
    one = answer.events[0]
    assert one.replay_id == answer.latest_replay_id
    schema = await client.schema(one.event.schema_id)
    event = read(schema.schema_json, one.event.payload)
    assert event.header["recordIds"] == [LINUS]
    assert event.body["Address"]["City"] == "Oslo"
    assert "Address.City" in event.changed
    assert answer.rpc_id
    assert one.event.id


async def test_requested_numbers_add_up_and_no_more_is_sent(client: Client) -> None:
    call = await client.subscribe(most=2)
    await made(client.org, 5)
    received = 0
    while received < 2:
        answer = await got(call)
        received += len(answer.events)
    assert answer.pending_num_requested == 0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(call.read(), 0.3)
    assert received == 2


async def test_a_response_holds_at_most_a_hundred_events(client: Client) -> None:
    await made(client.org, 130)
    call = await client.subscribe(most=60, preset=EARLIEST)
    await client.more(call, 100, LEADS)
    sizes: list[int] = []
    while sum(sizes) < 130:
        sizes.append(len((await got(call)).events))
    assert max(sizes) <= 100
    assert bus(client.org).subscriptions[0].pending == 30


async def test_replay_starts_where_it_is_asked_to(client: Client) -> None:
    await made(client.org, 3)
    first = await got(await client.subscribe(preset=EARLIEST))
    ids = [one.replay_id for one in first.events]
    assert len(ids) == 3
    again = await got(await client.subscribe(preset=CUSTOM, replay=ids[0]))
    assert [one.replay_id for one in again.events] == ids[1:]
    numeric = await got(await client.subscribe(preset=CUSTOM, replay=ids[1][:8]))
    assert [one.replay_id for one in numeric.events] == ids[2:]
    latest = await client.subscribe()
    await made(client.org)
    assert len((await got(latest)).events) == 1


async def test_the_wide_topics_carry_every_object_and_channels_their_own_payload(client: Client) -> None:
    wide = await client.subscribe("/data/ChangeEvents")
    channel = await client.subscribe("/data/Sync__chn")
    await client.org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    await client.org.patch(f"/sobjects/Lead/{LINUS}", {"Phone": "1"})
    entities: list[str] = []
    while len(entities) < 2:
        for one in (await got(wide)).events:
            schema = await client.schema(one.event.schema_id)
            entities.append(read(schema.schema_json, one.event.payload).header["entityName"])
    assert entities == ["Contact", "Lead"]
    (one,) = (await got(channel)).events
    schema = await client.schema(one.event.schema_id)
    assert read(schema.schema_json, one.event.payload).body["Email"] == "linus@kernel.example"


async def test_a_keep_alive_comes_every_270_seconds_with_a_fresh_replay_id(client: Client) -> None:
    call = await client.subscribe()
    seen = []
    for _ in range(3):
        client.org.controls.clock.advance(270)
        answer = await got(call)
        assert (list(answer.events), answer.pending_num_requested) == ([], 100)
        seen.append(answer.latest_replay_id)
    assert len(set(seen)) == 3
    client.org.controls.clock.advance(71 * 3600)
    await made(client.org)
    resumed = await got(await client.subscribe(preset=CUSTOM, replay=seen[-1]))
    assert len(resumed.events) == 1


async def test_a_stream_that_asks_for_nothing_ends_after_a_minute(client: Client) -> None:
    call = await client.subscribe(most=1)
    await made(client.org, 2)
    assert (await got(call)).pending_num_requested == 0
    client.org.controls.clock.advance(61)
    assert await asyncio.wait_for(call.read(), 10) is grpc.aio.EOF
    assert await call.code() == grpc.StatusCode.OK
    assert bus(client.org).subscriptions == []


async def test_a_client_that_goes_away_is_forgotten(client: Client) -> None:
    call = await client.subscribe()
    assert len(bus(client.org).subscriptions) == 1
    call.cancel()
    await until(lambda: not bus(client.org).subscriptions)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"topic": "/data/UserChangeEvent"}, "NOT_FOUND", "topic.not.found"),
        ({"topic": ""}, "INVALID_ARGUMENT", "topic.validation.empty"),
        ({"most": 0}, "INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid"),
        ({"most": -3}, "INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid"),
        ({"preset": CUSTOM}, "INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed"),
        ({"preset": CUSTOM, "replay": b"abc"}, "INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted"),
        ({"preset": CUSTOM, "replay": replay_id(7)}, "INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted"),
        ({"preset": CUSTOM, "replay": replay_id(1 << 40)}, "INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted"),
    ],
)
async def test_a_stream_is_refused_with_an_error_code(
    client: Client, asked: dict[str, Any], status: str, code: str
) -> None:
    assert (await failure(await client.subscribe(**asked)))[:2] == (status, CODE + code)


async def test_a_later_request_may_not_change_the_topic_or_ask_for_nothing(client: Client) -> None:
    first, second = await client.subscribe(), await client.subscribe()
    await client.more(first, 5, "/data/ContactChangeEvent")
    assert (await failure(first))[:2] == ("INVALID_ARGUMENT", CODE + "subscription.fetch.topic.mismatch")
    await client.more(second, 0)
    assert (await failure(second))[1] == CODE + "subscription.fetch.requested.events.invalid"


async def test_expired_positions_are_refused_by_time_and_by_hand(client: Client) -> None:
    await made(client.org)
    old = (await got(await client.subscribe(preset=EARLIEST))).latest_replay_id
    client.org.controls.clock.advance(72 * 3600 + 1)
    assert (await failure(await client.subscribe(preset=CUSTOM, replay=old)))[1].endswith("replayid.corrupted")
    await made(client.org)
    young = (await got(await client.subscribe(preset=EARLIEST))).latest_replay_id
    await client.org.control("change_events/expire")
    assert (await failure(await client.subscribe(preset=CUSTOM, replay=young)))[1].endswith("replayid.corrupted")
    fresh = await client.subscribe()
    await made(client.org)
    assert len((await got(fresh)).events) == 1


async def test_the_allocation_ends_streams_until_the_day_has_rolled_on(client: Client) -> None:
    await client.org.client.put("/_control/change_events", json={"daily_allocation": 3})
    call = await client.subscribe()
    await made(client.org, 5)
    received = 0
    while received < 3:
        received += len((await got(call)).events)
    assert (await failure(call))[:2] == ("RESOURCE_EXHAUSTED", CODE + "subscription.limit.exceeded")
    assert (await failure(await client.subscribe()))[1] == CODE + "subscription.limit.exceeded"
    client.org.controls.clock.advance(24 * 3600)
    again = await got(await client.subscribe(preset=EARLIEST))
    assert len(again.events) == 3
    limits = (await client.org.get("/limits")).json()
    assert limits["DailyDeliveredPlatformEvents"] == {"Max": 3, "Remaining": 0}


async def test_no_more_streams_than_allowed_are_open(client: Client) -> None:
    await client.org.client.put("/_control/change_events", json={"most_subscribers": 1})
    first = await client.subscribe()
    assert (await failure(await client.subscribe()))[1] == CODE + "concurrent.client.limit.exceeded"
    assert not first.done()
    shown = (await client.org.client.get("/_control/change_events")).json()
    assert shown["subscribers"] == [{"topic": LEADS, "pending": 100, "delivered": 0}]


async def test_an_object_that_the_user_may_not_read_has_a_topic_but_no_stream(client: Client) -> None:
    assert (await client.org.client.post("/_control/access", json={"objects": {"Lead": "none"}})).status_code == 200
    assert not (await client.topic(LEADS)).can_subscribe
    refusal = await failure(await client.subscribe())
    assert refusal[:2] == ("PERMISSION_DENIED", CODE + "subscription.topic.cannot.subscribe")
    assert (await client.topic("/data/ContactChangeEvent")).can_subscribe


async def test_a_field_that_is_hidden_from_the_user_is_in_no_event(client: Client) -> None:
    before = (await client.topic(LEADS)).schema_id
    call = await client.subscribe()
    assert (await client.org.client.post("/_control/access", json={"hidden": {"Lead": ["Phone"]}})).status_code == 200
    await client.org.client.patch(f"/_control/records/Lead/{LINUS}", json={"fields": {"Phone": "7", "Title": "Dr"}})
    (one,) = (await got(call)).events
    assert one.event.schema_id != before
    event = read((await client.schema(one.event.schema_id)).schema_json, one.event.payload)
    assert "Title" in event.changed
    assert "Phone" not in event.changed
    assert (await client.schema(before)).schema_id == before


async def test_streams_are_cut_by_hand_by_faults_and_by_another_world(client: Client) -> None:
    call = await client.subscribe()
    await client.org.control("change_events/disconnect", {"status": "INTERNAL", "code": "subscription.internal.error"})
    assert (await failure(call))[:2] == ("INTERNAL", CODE + "subscription.internal.error")
    await client.org.control("faults", {"kind": "status", "path": "PubSub/Subscribe"})
    assert (await failure(await client.subscribe()))[:2] == ("UNAVAILABLE", CODE + "service.unavailable")
    call = await client.subscribe()
    await client.org.control("reset")
    assert (await failure(call))[:2] == ("UNAVAILABLE", CODE + "service.unavailable")
    wrong = await client.org.client.post("/_control/change_events/disconnect", json={"status": "SAD"})
    assert wrong.status_code == 400


async def test_calls_are_in_the_journal(client: Client) -> None:
    await client.topic(LEADS)
    await failure(await client.subscribe("/data/UserChangeEvent"))
    calls = client.org.controls.journal.calls()
    assert [(one["path"], one["status"]) for one in calls] == [
        ("/eventbus.v1.PubSub/GetTopic", 200),
        ("/eventbus.v1.PubSub/Subscribe", 404),
    ]
    assert "LeadChangeEvent" in calls[0]["request"]


async def test_a_taken_port_is_refused_in_a_sentence() -> None:
    org = capturing()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(ControlError, match="--pubsub PORT"):
            PubSubServer(org.service.bus, org.controls).listen(taken.getsockname()[1])
        with pytest.raises(ControlError, match="--pubsub-tls PORT"):
            PubSubServer(org.service.bus, org.controls).listen_tls(taken.getsockname()[1])


async def test_a_client_that_trusts_the_certificate_gets_in_over_tls() -> None:
    org = capturing()
    server = PubSubServer(org.service.bus, org.controls)
    port, certificate = server.listen_tls(0)
    await server.start()
    credentials = grpc.ssl_channel_credentials(certificate.encode())
    async with grpc.aio.secure_channel(f"localhost:{port}", credentials) as channel:
        assert (await Client(org, channel).topic(LEADS)).can_subscribe
    await server.stop(1)


# The program, and a client that others wrote


def test_the_program_names_the_addresses_of_the_pub_sub_api() -> None:
    with started("--salesforce", "0", "--pubsub", "0", "--world", "empty") as (_, line):
        keys = line["salesforce"]
        assert httpx.get(keys["url"] + "/_control/credentials").json() == keys
        credentials = grpc.ssl_channel_credentials(keys["pubsub_certificate"].encode())
        with (
            grpc.insecure_channel(keys["pubsub"]) as plain,
            grpc.secure_channel(keys["pubsub_tls"], credentials) as secure,
        ):
            for channel in (plain, secure):
                grpc.channel_ready_future(channel).result(timeout=10)
    assert "--salesforce PORT" in refused("--hubspot", "0", "--pubsub", "0")


def lacking() -> str:
    """What the npm client lacks to run here; "" when nothing."""
    places = [CLIENTS / "node_modules", *map(Path, os.environ.get("NODE_PATH", "").split(os.pathsep))]
    if not shutil.which("node"):
        return "needs node"
    if not (places[0] / "salesforce-pubsub-api-client").is_dir():
        return "needs tests/clients/node_modules: npm ci in tests/clients"
    if not any((place / "underscore").is_dir() for place in places):
        return "needs underscore, which the client's avro-js uses and does not declare: add it to tests/clients"
    return ""


needs_node = pytest.mark.skipif(bool(lacking()), reason=lacking() or "runs")


class Npm:
    """tests/clients/pubsub.mjs, running against a server over TLS."""

    def __init__(self, org: Org, port: int) -> None:
        keys = org.service.credentials("")
        self._program: asyncio.subprocess.Process | None = None
        self._asked = {
            "endpoint": f"127.0.0.1:{port}",
            "token": keys["access_token"],
            "organisation": keys["organisation_id"],
        }

    async def start(self, **asked: Any) -> None:
        text = json.dumps({**self._asked, "topic": LEADS, "events": 1, **asked})
        pipe = asyncio.subprocess.PIPE
        self._program = await asyncio.create_subprocess_exec(
            "node", str(CLIENTS / "pubsub.mjs"), text, stdout=pipe, stderr=pipe
        )
        assert (await self.line())["kind"] == "subscribed"

    async def line(self) -> Any:
        assert self._program is not None
        assert self._program.stdout is not None
        text = await asyncio.wait_for(self._program.stdout.readline(), 30)
        assert text, (await self._program.communicate())[1].decode()
        return json.loads(text)

    async def end(self) -> int | None:
        assert self._program is not None
        await asyncio.wait_for(self._program.communicate(), 30)
        return self._program.returncode

    async def kill(self) -> None:
        if self._program is not None and self._program.returncode is None:
            self._program.kill()
            await self._program.communicate()


@pytest_asyncio.fixture
async def npm() -> AsyncIterator[tuple[Org, Npm]]:
    org = capturing()
    server = PubSubServer(org.service.bus, org.controls)
    port, _ = server.listen_tls(0)
    await server.start()
    client = Npm(org, port)
    yield org, client
    await client.kill()
    await server.stop(1)


@needs_node
@pytest.mark.foreign("salesforce-pubsub-api-client")
async def test_the_npm_client_reads_changes_as_they_happen(npm: tuple[Org, Npm]) -> None:
    org, client = npm
    await client.start(events=3)
    await until(lambda: bool(bus(org).subscriptions))
    table, writer = org.service._api.org.tables["lead"], org.service._api.writer
    actor = Actor(org.user_id, api="rest/66.0", client="Concord")
    record_id = writer.insert(table, {"LastName": "Doe", "FirstName": "Jo", "Company": "C", "City": "Oslo"}, actor)
    writer.update(table, record_id, {"City": "Rome", "FirstName": None, "AnnualRevenue": 12}, actor)
    writer.delete(table, record_id, actor)
    first, second, third = [(await client.line())["data"] for _ in range(3)]
    assert await client.end() == 0
    assert first["payload"]["Name"]["LastName"] == "Doe"
    header = second["payload"]["ChangeEventHeader"]
    parts = {"Name.FirstName", "Address.City", "AnnualRevenue", "LastModifiedDate"}
    assert set(header["changedFields"]) == parts
    assert header["changeOrigin"].endswith("client=Concord")
    assert header["recordIds"] == [record_id]
    assert second["payload"]["AnnualRevenue"] == 12
    assert third["payload"]["ChangeEventHeader"]["changeType"] == "DELETE"
    assert first["replayId"] < second["replayId"] < third["replayId"]


@needs_node
@pytest.mark.foreign("salesforce-pubsub-api-client")
async def test_the_npm_client_resumes_and_learns_why_it_may_not(npm: tuple[Org, Npm]) -> None:
    org, client = npm
    for name in ("First", "Second"):
        await org.control("records/Account", {"fields": {"Name": name}})
    await client.start(topic="/data/ChangeEvents", replay="earliest", events=2)
    first, second = [(await client.line())["data"] for _ in range(2)]
    assert await client.end() == 0
    assert [one["payload"]["Name"] for one in (first, second)] == ["First", "Second"]
    await client.start(topic="/data/AccountChangeEvent", replay=first["replayId"])
    assert (await client.line())["data"]["replayId"] == second["replayId"]
    assert await client.end() == 0
    await client.start(replay=5)
    error = (await client.line())["data"]
    assert (error["code"], error["trailers"]["error-code"].rpartition(".")[2]) == (3, "corrupted")
    assert await client.end() == 1
