"""Whoever sends whatever to whichever public address gets an answer that is not the server's fault, leaves nothing
behind in the database unless it was signed and right, and costs no memory that stays (SPEC 11.1).

The server is a process of its own on a real socket. How much is tried: `make fuzz` tries CONCORD_FUZZ times as much.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.conftest import TestServer
from tests.web.odd import (
    ENDLESS,
    EVENT,
    HEADERS,
    METHODS,
    QUERIES,
    RAW,
    events,
    message,
    not_messages,
    notification,
    post,
    request,
    spoilt,
    xml,
)
from tests.web.served import CANARY, Intake, Sent, intake, judge, send, send_all

from concord.web.intake import HUBSPOT_PATH

pytestmark = pytest.mark.slow

TIMES = int(os.environ.get("CONCORD_FUZZ", "1"))
#: Growth that is no growth: pools, caches and the allocator's own pages.
SLACK_MB = 12.0
#: The most a process may have (docs/bench: under 250 MB).
MOST_MB = 250.0

many = settings(
    max_examples=8 * TIMES, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=True
)


@pytest.fixture(scope="module")
def served(postgres: TestServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    with intake(postgres, tmp_path_factory.mktemp("fuzz") / "log") as one:
        yield one


@pytest.fixture(autouse=True)
def afterwards(served: Intake) -> Iterator[None]:
    """After each test the server answers as before and has failed on nothing."""
    since = served.log.stat().st_size
    yield
    served.is_well(since)


def exchange(served: Intake, calls: list[list[bytes]]) -> list[Sent]:
    answers = asyncio.run(send_all(served.address, calls))
    for one in answers:
        judge(one)
    return answers


def statuses(answers: list[Sent]) -> set[int]:
    return {status for one in answers for status in one.statuses}


@pytest.mark.parametrize(
    "path", [HUBSPOT_PATH, "/hooks/salesforce/guessed", "the hook", "/health", "/ready", "/metrics"]
)
def test_every_odd_header_query_and_method_is_answered_at_every_address(served: Intake, path: str) -> None:
    place = served.hook if path == "the hook" else path
    usual = METHODS[1] if "hook" in path else METHODS[0]
    heads = [(usual, "", header) for header in HEADERS] + [(usual, query, "X-A: b") for query in QUERIES]
    heads += [(method, "", "X-A: b") for method in METHODS]
    lines = [f"{method} {place}{query} HTTP/1.1\r\nHost: x\r\n{header}\r\n" for method, query, header in heads]
    calls = [[one.encode("latin-1") + end] for one in lines for end in (b"Content-Length: 2\r\n\r\n[]", b"\r\n")]
    before = served.stored()
    answers = exchange(served, calls)
    assert served.stored() == before
    assert sum(bool(one.statuses) for one in answers) > len(answers) * 0.8


@many
@given(st.lists(request(), min_size=40, max_size=60))
def test_no_request_that_is_not_signed_is_the_servers_fault_or_leaves_anything(
    served: Intake, calls: list[list[bytes]]
) -> None:
    before = served.stored()
    exchange(served, calls)
    assert served.stored() == before


def test_what_is_no_http_is_refused_and_forgotten(served: Intake) -> None:
    before = served.stored()
    exchange(served, [[sent] for sent in RAW.values()] * 2)
    assert served.stored() == before
    assert served.memory_mb() < MOST_MB


@pytest.mark.parametrize("name", ENDLESS)
async def test_what_is_no_body_is_read_to_a_limit(served: Intake, name: str) -> None:
    """Memory that anybody could have filled, believed in nothing: uvicorn keeps headers as they come."""
    _, writer = await asyncio.open_connection(*served.address)
    begin, more = ENDLESS[name]
    piece, sent = (more * 65_536)[:65_536], 0
    with suppress(ConnectionError):
        writer.write(begin)
        while sent < 64 * 2**20:
            writer.write(piece)
            sent += len(piece)
            await writer.drain()
    writer.close()
    assert sent < 16 * 2**20, "it goes on reading"


@many
@given(st.data())
def test_whatever_is_signed_is_taken_or_refused_and_names_records_that_can_be(served: Intake, data: Any) -> None:
    calls = [[post(HUBSPOT_PATH, body, served.signed(body))] for body in data.draw(st.lists(events(), min_size=30))]
    found = statuses(exchange(served, calls))
    assert found <= {200, 401, 413}
    for system, name, record in served.inbox():
        assert (system, name) in (("hubspot", "contacts"), ("hubspot", "companies"))
        assert re.fullmatch("[0-9]{1,19}", record)
    served.clear()


@many
@given(st.data())
def test_a_signed_request_may_still_be_odd_in_everything_else(served: Intake, data: Any) -> None:
    exchange(served, data.draw(st.lists(request(served.signed), min_size=40, max_size=60)))
    served.clear()


def test_signed_calls_that_are_right_are_taken(served: Intake) -> None:
    """Without this the others would prove nothing."""
    body = b'[{"objectId": 4711, "subscriptionType": "contact.creation"}]'
    assert statuses(exchange(served, [[post(HUBSPOT_PATH, body, served.signed(body))]])) == {200}
    chunked = b"POST %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" % HUBSPOT_PATH.encode()
    other = body.replace(b"4711", b"4712")
    lines = "".join(f"{name}: {value}\r\n" for name, value in served.signed(other).items()).encode()
    pieces = [chunked + lines + b"\r\n", *(b"1\r\n%c\r\n" % one for one in other), b"0\r\n\r\n"]
    assert statuses(exchange(served, [pieces])) == {200}, "byte by byte"
    right = message(str(served.told["organisation"]), notification(record="00Qxx0000000001"))
    assert statuses(exchange(served, [[xml(served, right.encode())]])) == {200}
    assert [row[:2] for row in served.inbox()] == [("hubspot", "contacts")] * 2 + [("salesforce", "Lead")]
    served.clear()


@pytest.mark.parametrize("name", not_messages("00D"))
def test_what_is_no_outbound_message_is_a_fault_at_no_cost(served: Intake, name: str) -> None:
    before = served.stored()
    body = not_messages(str(served.told["organisation"]))[name]
    (answer,) = exchange(served, [[xml(served, body)]])
    assert answer.statuses == [500], "SOAP's status for a fault"
    assert b"<soapenv:Fault>" in answer.answer
    assert served.stored() == before
    assert served.memory_mb() < MOST_MB


@many
@given(st.data())
def test_an_outbound_message_that_was_spoilt_is_a_fault_or_is_taken(served: Intake, data: Any) -> None:
    right = message(str(served.told["organisation"]), "".join(map(notification, range(3)))).encode()
    calls = [[xml(served, body)] for body in data.draw(st.lists(spoilt(right), min_size=40, max_size=60))]
    assert statuses(exchange(served, calls)) <= {200, 500}
    assert all(re.fullmatch("[0-9A-Za-z]{18}", record) for _, _, record in served.inbox())
    served.clear()


def test_memory_stays_as_it_is_over_thousands_of_calls(served: Intake) -> None:
    organisation = str(served.told["organisation"])
    bad = [[xml(served, body)] for name, body in not_messages(organisation).items() if len(body) < 300_000]
    bad += [[RAW[name]] for name in RAW if len(RAW[name]) < 1_000_000 and name != "a thousand in a row"]
    bad += [[post(HUBSPOT_PATH, b'[{"a":"%d"}]' % at, {"X-HubSpot-Signature-v3": f"{at}"})] for at in range(150)]
    bad += [[f"GET {path}?{at} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()]
            for at in range(50) for path in ("/health", "/ready", "/metrics", f"/{at}", HUBSPOT_PATH)]  # fmt: skip
    before = served.stored()
    for _ in range(3):
        exchange(served, bad)
    warm = served.memory_mb()
    for _ in range(8 * TIMES):
        exchange(served, bad)
    grown = served.memory_mb() - warm
    assert grown < SLACK_MB, f"{grown:.1f} MB more after {8 * TIMES * len(bad)} calls"
    assert served.stored() == before


def test_a_replay_leaves_nothing_however_often_it_comes(served: Intake) -> None:
    body = b'[{"objectId": 99, "subscriptionType": "contact.creation"}]'
    call = [post(HUBSPOT_PATH, body, served.signed(body))]
    exchange(served, [call])
    before = served.stored()
    assert statuses(exchange(served, [call] * 200)) == {401}
    assert served.stored() == before
    served.clear()


async def test_a_request_that_does_not_arrive_is_given_up_and_holds_nobody_up(
    postgres: TestServer, tmp_path: Path
) -> None:
    half = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n" % HUBSPOT_PATH.encode()
    stalled = [
        b"",
        b"GET /hea",
        half,
        half + b"\r\n",
        half + b"\r\n[{",
        half[:-30] + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{",
    ]
    with intake(postgres, tmp_path / "log", seconds=0.5) as one:
        before = one.stored()
        lines = [await asyncio.open_connection(*one.address) for _ in range(20) for _ in stalled]
        for number, (_, writer) in enumerate(lines):
            writer.write(stalled[number % len(stalled)])
        quick = await send(one.address, [b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"])
        assert quick.statuses == [200], "others are answered meanwhile"
        async with asyncio.timeout(20):
            answers = [await reader.read() for reader, _ in lines]
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers)
        for _, writer in lines:
            writer.close()
        assert one.stored() == before
        one.is_well()


def test_the_canary_is_really_in_what_is_sent() -> None:
    assert CANARY in str(EVENT) and CANARY in notification()  # noqa: PT018 - both or it means nothing
