"""Clients that do not behave: whatever comes over the wire is answered or dropped, and never a traceback."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import httpx
import pytest
from tests.sandbox.served import Served
from tests.sandbox.test_server import started

from concord_sandbox.control import SandboxApp
from concord_sandbox.salesforce.events.wire import LATEST, messages
from concord_sandbox.server import build
from concord_sandbox.world import load_world

SERVICES = ("salesforce", "hubspot", "notion")
PATHS = {"salesforce": "/services/data/v66.0/sobjects", "hubspot": "/crm/objects/2026-09/contacts",
         "notion": "/v1/users/me"}  # fmt: skip
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def served() -> Iterator[dict[str, Served]]:
    apps = build(load_world("empty"))
    running = {name: Served(app) for name, app in apps.items()}
    yield running
    for one in running.values():
        one.stop()


@pytest.fixture(params=SERVICES)
def rough(request: pytest.FixtureRequest, served: dict[str, Served]) -> Iterator[Rough]:
    yield Rough(request.param, served[request.param])
    httpx.post(f"{served[request.param].url}/_control/reset")


class Rough:
    """A client of one service that writes what it likes."""

    def __init__(self, name: str, served: Served) -> None:
        self.name, self.app, self.url = name, served.app, served.url
        self.path = PATHS[name]
        self.token = served.credentials["access_token"]

    def head(self, method: str, path: str | None = None, *more: str, close: bool = True) -> bytes:
        lines = [f"{method} {self.path if path is None else path} HTTP/1.1", "Host: sandbox",
                 f"Authorization: Bearer {self.token}", "Notion-Version: 2026-03-11",
                 "Content-Type: application/json", *more]  # fmt: skip
        return ("\r\n".join([*lines, "Connection: close"] if close else lines) + "\r\n\r\n").encode("latin-1")

    def sent(self, data: bytes, *, half_close: bool = False) -> bytes:
        """What comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", httpx.URL(self.url).port or 0), timeout=20) as wire:
            wire.sendall(data)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
            found = b""
            while more := wire.recv(65_536):
                found += more
        return found

    def calls(self) -> list[dict[str, Any]]:
        return self.app.service.controls.journal.calls()


def status(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


def body(answer: bytes) -> bytes:
    return answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PROPFIND"])
def test_a_method_that_is_not_usual_is_answered_in_the_vendors_form(rough: Rough, method: str) -> None:
    answer = rough.sent(rough.head(method))
    assert status(answer) in ((200, 405) if method == "HEAD" else (400, 405))
    if method == "HEAD":
        assert body(answer) == b""
    else:
        said = json.loads(body(answer))
        assert {"salesforce": "errorCode", "hubspot": "correlationId", "notion": "code"}[rough.name] in str(said)


def test_calls_that_are_sent_before_the_answer_to_the_first_are_answered_in_order(rough: Rough) -> None:
    calls = [rough.head("GET", f"{rough.path}?n={number}", close=number == 3) for number in range(4)]
    answers = rough.sent(b"".join(calls))
    assert answers.count(b"HTTP/1.1 200 OK") == 4
    assert [one["query"] for one in rough.calls()] == [f"n={number}" for number in range(4)]


def test_a_body_that_breaks_off_has_asked_for_nothing(rough: Rough) -> None:
    before = rough.app.service.save()
    assert rough.sent(rough.head("POST", None, "Content-Length: 500") + b'{"properties": {}}', half_close=True) == b""
    assert rough.calls() == []
    assert rough.app.service.save() == before


def test_a_body_that_comes_slowly_is_waited_for(rough: Rough) -> None:
    head = rough.head("POST", None, "Content-Length: 12")
    with socket.create_connection(("127.0.0.1", httpx.URL(rough.url).port or 0), timeout=20) as wire:
        for piece in (head[:20], head[20:], b'{"a"', b": [1,", b"2]"):
            wire.sendall(piece)
            assert httpx.get(f"{rough.url}/_control/ready").json()["ready"]
        wire.sendall(b"}")
        assert wire.recv(65_536).startswith(b"HTTP/1.1 4")
    assert [one["request"] for one in rough.calls()] == ['{"a": [1,2]}']


def test_more_than_the_announced_body_ends_the_connection(rough: Rough) -> None:
    answer = rough.sent(rough.head("POST", None, "Content-Length: 2", close=False) + b"{}garbage\r\n\r\n")
    assert status(answer) == 400
    assert answer.endswith(b"Invalid HTTP request received.")
    assert {one["request"] for one in rough.calls()} <= {"{}"}


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["tls", "lower-case", "length", "chunk", "bytes"],
)
def test_what_is_no_http_is_answered_400(rough: Rough, data: bytes) -> None:
    answer = rough.sent(data, half_close=True)
    assert status(answer) == 400
    assert httpx.get(f"{rough.url}/_control/ready").json()["ready"]


@pytest.mark.parametrize("path", ["*", "//", "/%ff%fe%00", "/..%2f..", "/%", "http://sandbox/nothing"])
def test_a_path_that_means_nothing_is_answered_in_the_vendors_form(rough: Rough, path: str) -> None:
    answer = rough.sent(rough.head("GET", path))
    assert 400 <= status(answer) < 500
    assert json.loads(body(answer))


def test_a_websocket_is_not_spoken(rough: Rough) -> None:
    asked = ("Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13")
    assert status(rough.sent(rough.head("GET", None, *asked))) == 200


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_larger_than_the_vendor_takes_is_answered_413_and_not_kept(rough: Rough, announced: bool) -> None:
    rough.app.service.largest_body = MEGABYTE
    try:
        sent = b"x" * (MEGABYTE + 1)
        content: Any = sent if announced else iter((sent[:MEGABYTE], sent[MEGABYTE:]))
        headers = {"Authorization": f"Bearer {rough.token}", "Content-Type": "application/json"}
        answer = httpx.post(rough.url + rough.path, content=content, headers=headers)
    finally:
        del rough.app.service.largest_body  # what the class says
    assert (answer.status_code, rough.app.service.largest_body > MEGABYTE) == (413, True)
    assert "too large" in answer.text
    (call,) = rough.calls()
    assert (call["status"], call["request"]) == (413, "")


def test_a_dropped_call_gets_not_one_byte_of_an_answer(rough: Rough) -> None:
    faults = [{"kind": "drop_before"}, {"kind": "drop_after"}]
    httpx.post(f"{rough.url}/_control/faults", json=faults)
    assert [rough.sent(rough.head("GET")) for _ in faults] == [b"", b""]
    assert status(rough.sent(rough.head("GET"))) == 200
    assert [one["fault"] for one in rough.calls()] == ["drop_before", "drop_after", None]


def test_an_application_that_is_asked_for_a_websocket_closes_it() -> None:
    app = build({}, names=("notion",))["notion"]
    assert isinstance(app, SandboxApp)
    said: list[Any] = []

    async def send(message: Any) -> None:
        said.append(message["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    running = app({"type": "websocket", "path": "/"}, receive, send)
    with pytest.raises(StopIteration):
        running.send(None)
    assert said == ["websocket.close"]


def test_an_interrupt_ends_everything_in_order_within_a_second() -> None:
    arguments = ("--salesforce", "0", "--hubspot", "0", "--notion", "0", "--pubsub", "0", "--world", "agency")
    with started(*arguments) as (program, line):
        urls = {name: line[name]["url"] for name in SERVICES}
        httpx.put(f"{urls['salesforce']}/_control/change_events", json={"selected": ["Lead"]})
        httpx.post(f"{urls['notion']}/_control/faults", json={"kind": "hang"})
        httpx.post(f"{urls['hubspot']}/_control/latency", json={"milliseconds": 600_000})
        wires = []
        for name, data in (("notion", b"GET /v1/users/me HTTP/1.1\r\nHost: x\r\n\r\n"),
                           ("hubspot", b"GET /crm/owners/2026-09 HTTP/1.1\r\nHost: x\r\n\r\n"),
                           ("salesforce", b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"),
                           ("salesforce", b"POST /serv"), ("salesforce", b"")):  # fmt: skip
            wires.append(socket.create_connection(("127.0.0.1", httpx.URL(urls[name]).port or 0)))
            wires[-1].sendall(data)
        stream = subscribed(line["salesforce"])
        while not httpx.get(f"{urls['salesforce']}/_control/change_events").json()["subscribers"]:
            pass
        begun = time.monotonic()
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=15)
        took = time.monotonic() - begun
        with pytest.raises(grpc.RpcError) as ended:
            next(stream)
        for wire in wires:
            wire.close()
    assert (program.returncode, errors) == (0, "")
    assert took < 1.5  # a second, and what a busy machine adds
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


def subscribed(keys: dict[str, Any]) -> Any:
    """An open stream of the Pub/Sub API."""
    kinds = messages()
    channel = grpc.insecure_channel(keys["pubsub"])
    call = channel.stream_stream(
        "/eventbus.v1.PubSub/Subscribe",
        request_serializer=kinds["FetchRequest"].SerializeToString,
        response_deserializer=kinds["FetchResponse"].FromString,
    )
    request = kinds["FetchRequest"](topic_name="/data/LeadChangeEvent", num_requested=1, replay_preset=LATEST)
    metadata = (("accesstoken", keys["access_token"]), ("instanceurl", keys["url"]),
                ("tenantid", keys["organisation_id"]))  # fmt: skip
    return call(iter([request]), metadata=metadata)
