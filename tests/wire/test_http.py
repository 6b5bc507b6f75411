"""The seam to the network: sign-in, retries, pacing, what no answer means, and the remote's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from concord.core.model import Errand
from concord.core.retry import Backoff
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.http import Answer, Http, Pace, Send

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
URL = "https://crm.example"


class FakeClock:
    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Crm:
    """A vendor whose token is a number that grows with each sign-in."""

    system = "crm"

    def __init__(self, url: str | None = None) -> None:
        self.signed_in = 0
        self.url = url

    def error(self, status: int, body: Any, headers: Mapping[str, str]) -> RemoteError:
        after = headers.get("retry-after")
        if status == 504:
            return RemoteUnknown("crm", Category.NETWORK, "gateway time-out")
        kind = RemoteBusy if status in (429, 503) else RemoteRefused
        return kind("crm", Category.INTERNAL, f"status {status}", after=float(after) if after else None)

    def signed_out(self, status: int, body: Any) -> bool:
        return status == 401

    async def authorisation(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        if self.url:
            await send("POST", self.url, {"grant": "x"})
        await asyncio.sleep(0)
        self.signed_in += 1
        return {"Authorization": str(self.signed_in)}


Answering = Callable[[httpx.Request], httpx.Response]


def seam(answer: Answering, clock: FakeClock | None = None, vendor: Crm | None = None, **options: Any) -> Http:
    clock = clock or FakeClock()
    return Http(
        vendor or Crm(),
        URL,
        clock=clock,
        pace=options.pop("pace", None) or Pace(clock, 100, 1.0, 10),
        share=lambda: 0.0,
        transport=httpx.MockTransport(answer),
        **options,
    )


def in_turn(*answers: httpx.Response | Exception) -> tuple[Answering, list[httpx.Request]]:
    """Answers one after the other; the last is repeated. And what was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        one = answers[min(len(asked), len(answers)) - 1]
        if isinstance(one, Exception):
            raise one
        return httpx.Response(one.status_code, headers=one.headers, content=one.content)

    return answer, asked


async def get(http: Http, **options: Any) -> Answer:
    return await http.call("GET", "/x", kind="look", **{"repeatable": True, **options})


async def test_a_good_answer_brings_its_body_and_the_remotes_own_time() -> None:
    told = NOON + timedelta(seconds=30)
    answer, asked = in_turn(httpx.Response(200, json={"a": 1}, headers={"Date": format_datetime(told, usegmt=True)}))
    got = await get(seam(answer))
    assert (got.body, got.at) == ({"a": 1}, told)
    assert str(asked[0].url) == "https://crm.example/x"
    assert asked[0].headers["authorization"] == "1"


async def test_an_empty_answer_has_no_body() -> None:
    answer, _ = in_turn(httpx.Response(204))
    assert (await get(seam(answer))).body is None


async def test_what_passes_is_tried_again_until_it_works() -> None:
    answer, asked = in_turn(httpx.Response(503), httpx.Response(503), httpx.Response(200, json=[]))
    clock = FakeClock()
    http = seam(answer, clock)
    assert (await get(http)).body == []
    assert len(asked) == 3
    assert clock.slept == [0.25, 0.5]
    assert (http.tally.calls, http.tally.retries, http.tally.by_kind) == (3, 2, {"look": 3})


async def test_what_passes_is_raised_when_the_tries_are_used_up() -> None:
    answer, asked = in_turn(httpx.Response(503))
    with pytest.raises(RemoteBusy):
        await get(seam(answer, backoff=Backoff(tries=3)))
    assert len(asked) == 3


async def test_a_told_wait_is_not_cut_short() -> None:
    answer, _ = in_turn(httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200, json=[]))
    clock = FakeClock()
    await get(seam(answer, clock))
    assert clock.slept == [7.0]


async def test_a_wait_longer_than_the_longest_is_left_to_the_caller() -> None:
    answer, asked = in_turn(httpx.Response(429, headers={"Retry-After": "900"}))
    clock = FakeClock()
    with pytest.raises(RemoteBusy) as busy:
        await get(seam(answer, clock))
    assert busy.value.after == 900
    assert (len(asked), clock.slept) == (1, [])


async def test_a_lasting_refusal_is_not_tried_again() -> None:
    answer, asked = in_turn(httpx.Response(400, json={}))
    with pytest.raises(RemoteRefused):
        await get(seam(answer))
    assert len(asked) == 1


async def test_a_broken_connection_leaves_a_create_unknown_and_is_not_repeated() -> None:
    answer, asked = in_turn(httpx.ReadTimeout("slow"))
    with pytest.raises(RemoteUnknown):
        await seam(answer).call("POST", "/x", kind="create", repeatable=False, body={})
    assert len(asked) == 1


async def test_a_broken_connection_is_tried_again_where_that_does_no_harm() -> None:
    answer, asked = in_turn(httpx.ReadError("reset"), httpx.Response(504), httpx.Response(200, json=[]))
    assert (await get(seam(answer))).status == 200
    assert len(asked) == 3


async def test_a_call_that_never_left_may_be_repeated_even_if_it_is_a_create() -> None:
    answer, asked = in_turn(httpx.ConnectError("refused"), httpx.Response(201, json={"id": "1"}))
    got = await seam(answer).call("POST", "/x", kind="create", repeatable=False, body={})
    assert (got.body, len(asked)) == ({"id": "1"}, 2)


async def test_a_refused_token_is_renewed_once_and_the_call_repeated() -> None:
    answer, asked = in_turn(httpx.Response(401), httpx.Response(200, json=[]))
    vendor = Crm()
    await get(seam(answer, vendor=vendor))
    assert [request.headers["authorization"] for request in asked] == ["1", "2"]


async def test_a_fresh_token_that_is_refused_too_ends_the_call() -> None:
    answer, asked = in_turn(httpx.Response(401))
    vendor = Crm()
    with pytest.raises(RemoteRefused, match="status 401"):
        await get(seam(answer, vendor=vendor))
    assert (len(asked), vendor.signed_in) == (2, 2)


async def test_many_callers_with_one_refused_token_sign_in_once() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401 if request.headers["authorization"] == "1" else 200, json=[])

    vendor = Crm()
    http = seam(answer, vendor=vendor)
    await asyncio.gather(*(get(http) for _ in range(8)))
    assert vendor.signed_in == 2


async def test_a_sign_in_that_passes_is_tried_again_and_never_makes_a_call_unknown() -> None:
    answer, asked = in_turn(httpx.ReadTimeout("slow"), httpx.Response(200, json={}), httpx.Response(201, json={}))
    http = seam(answer, vendor=Crm(url=f"{URL}/token"))
    assert (await http.call("POST", "/x", kind="create", repeatable=False, body={})).status == 201
    assert [request.url.path for request in asked] == ["/token", "/token", "/x"]


async def test_calls_that_come_together_when_a_look_is_due_wait_for_what_comes_of_it() -> None:
    """A batch makes several at once: were one refused, the batch would end, and the look with it, every time."""
    clock, away = FakeClock(), [True]

    def answer(request: httpx.Request) -> httpx.Response:
        if away:
            raise httpx.ConnectError("no connection")
        return httpx.Response(200, json=[])

    http = seam(answer, clock)
    with pytest.raises(RemoteBusy):
        await get(http)
    assert http.outage.probe_at is not None
    clock.time, before = http.outage.probe_at, http.tally.calls
    results = await asyncio.gather(*(get(http) for _ in range(10)), return_exceptions=True)
    assert all(isinstance(one, RemoteBusy) for one in results)
    assert http.tally.calls == before + 1, "one of them looked"
    away.clear()
    clock.time = http.outage.probe_at
    assert len(await asyncio.gather(*(get(http) for _ in range(10)))) == 10
    assert http.outage.probe_at is None


async def test_a_system_that_refuses_the_token_and_signs_nobody_in_is_down() -> None:
    """Its answers to calls with an old token do not count: else it would seem to come and go with every look."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/token":
            if clock.time > NOON:
                raise httpx.ConnectError("no connection")
            return httpx.Response(200, json={})
        return httpx.Response(200 if clock.time == NOON else 401, json=[])

    clock = FakeClock()
    http = seam(answer, clock, vendor=Crm(url=f"{URL}/token"))
    await get(http)
    clock.time += timedelta(seconds=1)
    with pytest.raises(RemoteBusy):
        await get(http)
    pauses: list[timedelta] = []
    while len(pauses) < 4:
        until = http.outage.probe_at
        assert until is not None
        pauses.append(until - clock.time)
        clock.time = until
        with pytest.raises(RemoteBusy):
            await get(http)
    assert pauses == sorted(set(pauses)), "looks become rarer"


async def test_a_sign_in_that_is_refused_says_so() -> None:
    answer, _ = in_turn(httpx.Response(401, json={}))
    with pytest.raises(RemoteRefused, match="status 401"):
        await get(seam(answer, vendor=Crm(url=f"{URL}/token")))


async def test_a_page_instead_of_data_is_named() -> None:
    answer, _ = in_turn(httpx.Response(200, html="<h1>Down for maintenance</h1>"))
    with pytest.raises(RemoteRefused, match="a page instead of data"):
        await get(seam(answer))


async def test_an_address_that_cannot_be_called_is_the_administrators_to_mend() -> None:
    http = Http(Crm(), "crm.example", clock=FakeClock(), pace=Pace(FakeClock(), 9, 1.0, 9), share=lambda: 0.0)
    with pytest.raises(RemoteRefused, match="is not an address"):
        await get(http)
    await http.close()


async def test_every_answers_headers_are_shown_good_or_bad() -> None:
    answer, _ = in_turn(httpx.Response(503, headers={"X-Left": "1"}), httpx.Response(200, headers={"X-Left": "0"}))
    seen: list[str] = []
    await get(seam(answer, on_answer=lambda headers, ticket: seen.append(headers["x-left"])))
    assert seen == ["1", "0"]


async def test_a_status_that_the_caller_expects_is_an_answer() -> None:
    answer, _ = in_turn(httpx.Response(404, json={"why": "gone"}))
    assert (await get(seam(answer), accept=(404,))).body == {"why": "gone"}


async def test_the_clock_difference_narrows_with_every_answer() -> None:
    ahead = timedelta(seconds=3, milliseconds=400)
    clock = FakeClock()

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[], headers={"Date": format_datetime(clock.now() + ahead, usegmt=True)})

    http = seam(answer, clock)
    assert http.ahead() == timedelta()
    for _ in range(20):
        clock.time += timedelta(milliseconds=1037)
        await get(http)
    assert abs(http.ahead() - ahead) < timedelta(milliseconds=50)


async def test_a_remote_clock_that_was_set_is_measured_anew() -> None:
    clock, ahead = FakeClock(), [timedelta(hours=2)]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=[], headers={"Date": format_datetime(clock.now() + ahead[0], usegmt=True)})

    http = seam(answer, clock)
    await get(http)
    ahead[0] = timedelta(days=-1)
    await get(http)
    assert abs(http.ahead() - ahead[0]) <= timedelta(seconds=1)


async def test_a_date_header_that_is_no_date_is_passed_over() -> None:
    answer, _ = in_turn(httpx.Response(200, json=[], headers={"Date": "yesterday"}))
    got = await get(seam(answer))
    assert (got.at, got.since) == (NOON, NOON)


async def test_an_answer_tells_the_earliest_time_that_it_can_have_been_looked_up() -> None:
    clock = FakeClock()

    def slow(request: httpx.Request) -> httpx.Response:
        clock.time += timedelta(seconds=2)
        return httpx.Response(200, json=[], headers={"Date": format_datetime(clock.now(), usegmt=True)})

    got = await get(seam(slow, clock))
    assert got.at == NOON + timedelta(seconds=2)
    assert got.since == NOON


async def test_calls_above_the_pace_wait_in_line() -> None:
    answer, asked = in_turn(httpx.Response(200, json=[]))
    clock = FakeClock()
    http = seam(answer, clock, pace=Pace(clock, limit=2, seconds=10.0, together=5))
    await asyncio.gather(*(get(http) for _ in range(5)))
    assert len(asked) == 5
    assert clock.slept == [10.0, 10.0]


async def test_the_second_half_of_a_pace_is_spread_so_that_no_call_waits_for_seconds() -> None:
    clock = FakeClock()
    pace = Pace(clock, limit=100, seconds=10.0, together=5)
    sent = []
    for _ in range(400):
        async with pace.turn(Errand()):
            sent.append(clock.now())
    assert len([wait for wait in clock.slept[:50] if wait > 0]) > 0
    assert sent[49] == sent[0], "the first half is free"
    waits = [(later - one).total_seconds() for one, later in pairwise(sent)]
    assert max(waits) < 0.5
    for at, one in enumerate(sent):
        within = [other for other in sent[at:] if (other - one).total_seconds() < 10.0]
        assert len(within) <= 100, "and no window holds more than the limit"


async def test_no_more_calls_run_at_once_than_the_pace_allows() -> None:
    clock, running, most = FakeClock(), 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(9):  # long enough for any other call to start that may
            await asyncio.sleep(0)
        running -= 1
        return httpx.Response(200, json=[])

    http = Http(
        Crm(), URL, clock=clock, pace=Pace(clock, 100, 1.0, 3), share=lambda: 0.0, transport=httpx.MockTransport(answer)
    )
    await asyncio.gather(*(get(http) for _ in range(12)))
    assert most == 3


async def test_an_address_of_another_host_gets_nothing_of_our_sign_in_and_tells_nothing_of_the_remote() -> None:
    told = format_datetime(NOON + timedelta(hours=9), usegmt=True)
    answer, asked = in_turn(
        httpx.Response(503), httpx.Response(200, json=[1], headers={"Date": told, "X-Left": "0"}), httpx.Response(401)
    )
    headers: list[Mapping[str, str]] = []
    crm, url = Crm(), "https://store.example/a%2Fb?key=a%2Bb&sign=x%3D"
    http = seam(answer, vendor=crm, on_answer=lambda told, ticket: headers.append(told))
    got = await http.call("GET", url, kind="page", repeatable=True, signed=False)
    assert ([str(request.url) for request in asked], got.body) == ([url, url], [1])
    assert not any("authorization" in request.headers for request in asked)
    assert (crm.signed_in, headers, http.ahead()) == (0, [], timedelta())
    assert (http.tally.calls, http.tally.retries) == (2, 1)
    with pytest.raises(RemoteRefused, match="401"):
        await http.call("GET", url, kind="page", repeatable=True, signed=False)
    assert len(asked) == 3, "it is no sign that our own token has ended"
