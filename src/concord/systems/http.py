"""The one seam to the network: every remote call of Concord goes through `Http.call`, and alerts through `Post.send`.

Here are the sign-in, the pacing, the retries of what passes by itself, the counting of calls and the measuring of the
remote clock. What a vendor's error means is said by the vendor's own folder (`Reading.error`). No other module may
import httpx.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import httpx
import orjson

from concord.core.model import Errand, Lane
from concord.core.retry import Backoff
from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.budget import Clock as Clock
from concord.systems.outage import Outage
from concord.systems.pace import Pace as Pace
from concord.systems.turns import NotSent
from concord.trace import span

#: A transport to use instead of the network: `httpx.ASGITransport` for the sandbox in process.
Transport = httpx.AsyncBaseTransport


@dataclass(frozen=True)
class Answer:
    """A good answer. body: the parsed JSON (None when empty).

    at: the remote's own time of the answer (whole seconds, as its `Date` header tells).
    since: the earliest moment, on the remote's clock, at which it can have looked at its data for this answer. What it
    shows may already be older than `at`, but it is not older than `since`. None: as `at`.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    at: datetime
    since: datetime | None = None


@dataclass(frozen=True)
class Xml:
    """A body that is XML, and the reader of its answers: for the calls of a vendor that JSON does not have.

    write: the body, given the headers that sign the call, because SOAP has the token within. read: an answer as plain
    data, an error in a form that `Vendor.error` knows; raises ValueError for what is none.
    """

    write: Callable[[Mapping[str, str]], bytes]
    read: Callable[[bytes], Any]


class Vendor(Protocol):
    """What a vendor's folder tells the seam."""

    system: str

    def error(self, status: int, body: Any, headers: Mapping[str, str]) -> RemoteError:
        """What a bad answer means: RemoteBusy when the same call may succeed later and nothing was done, RemoteUnknown
        when it may have been carried out (a gateway's time-out), else RemoteRefused."""
        ...

    def signed_out(self, status: int, body: Any) -> bool:
        """Whether the answer says that the token is not valid any more."""
        ...

    async def authorisation(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        """The headers that sign a call, a new mapping each time; `renew` after the last ones were refused. Raises
        RemoteRefused when the account cannot sign in. May set `Http.base_url`: it is read after the sign-in."""
        ...


#: Sends one unsigned call (for sign-in): method, url, form -> Answer.
Send = Callable[[str, str, Mapping[str, str]], Awaitable[Answer]]


#: Of calls that are made for no claimed record.
_NONE = Errand()
#: Everybody needs the sign-in, an opt-out too.
_SIGN_IN = Errand(Lane.CONSENT)


@dataclass
class Tally:
    """What was sent since the start. by_kind: calls by the name the caller gave them. retries: of those in `calls`."""

    calls: int = 0
    retries: int = 0
    by_kind: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str, retry: bool) -> None:
        self.calls += 1
        self.retries += retry
        self.by_kind[kind] = self.by_kind.get(kind, 0) + 1


class Http:
    """Calls to one remote system.

    pace: the ordinary pace; a call may name another (HubSpot's search has its own). share: random number in [0, 1) for
    jitter, passed in because randomness belongs to app.py. time_limit: seconds for one try. longest_wait: seconds; when
    the vendor asks for more (a day's quota is spent), the call fails at once with that time in `after`, because its
    caller has other work meanwhile. on_answer: sees the headers of every answer, good or bad, with the ticket of its
    call (systems/turns.py).
    """

    def __init__(
        self,
        vendor: Vendor,
        base_url: str,
        *,
        clock: Clock,
        pace: Pace,
        share: Callable[[], float],
        backoff: Backoff | None = None,
        transport: Transport | None = None,
        time_limit: float = 30.0,
        longest_wait: float = 60.0,
        on_answer: Callable[[Mapping[str, str], int], None] = lambda headers, ticket: None,
    ) -> None:
        self._vendor = vendor
        self._clock = clock
        self._pace = pace
        self._share = share
        self._backoff = backoff or Backoff()
        self._on_answer = on_answer
        self._signing = asyncio.Lock()
        self._headers: Mapping[str, str] | None = None
        self._longest_wait = longest_wait
        #: The remote clock is ahead of ours by something between these two; None before the first answer.
        self._bounds: tuple[timedelta, timedelta] | None = None
        self.tally = Tally()
        #: Whether the system answers at all.
        self.outage = Outage(vendor.system)
        #: Set when the look that is under way, if there is one, is over.
        self._look: asyncio.Event | None = None
        self.base_url = base_url.rstrip("/")
        self._client = httpx.AsyncClient(
            transport=transport,
            timeout=httpx.Timeout(time_limit, pool=None),
            limits=httpx.Limits(max_connections=32, max_keepalive_connections=32),
            headers={"Accept": "application/json", "User-Agent": "concord"},
        )

    async def call(
        self,
        method: str,
        path: str,
        *,
        kind: str,
        repeatable: bool,
        body: Any = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        accept: tuple[int, ...] = (),
        signed: bool = True,
        errand: Errand = _NONE,
    ) -> Answer:
        """Send one call and return its good answer (2xx, or a status named in `accept`).

        body: sent as JSON, or as an `Xml` says. kind: a name for counting. repeatable: sending it twice does no harm
        (reads, updates, upserts by a unique key); a call that is not is never repeated once it may have been carried
        out. signed: False for an address at another host that carries its own signature: nothing of our sign-in goes
        there, neither its clock nor its headers are taken for the vendor's, and no error says more of it than the host.
        errand: whose call it is; it is asked just before the call leaves, after every wait, whether it may.
        Raises RemoteRefused (lasting), RemoteBusy (passing, after the backoff is used up; nothing was done),
        RemoteUnknown (no answer came), ClaimLost (not sent), StoreError (not sent: what the account allows is shared in
        the database, which is away).
        """
        attempt, refused, look = 0, None, False
        try:
            while True:
                attempt += 1
                if signed and not look:
                    look = await self._admitted()
                try:
                    used = await self._signed(refused) if signed else {}
                    sent = {**used, **(headers or {})}
                    again = attempt > 1 or refused is not None
                    with span(f"{self._vendor.system} {kind}", attempt=attempt):
                        return await self._send(
                            method,
                            path,
                            kind,
                            body,
                            params,
                            sent,
                            pace,
                            again,
                            accept,
                            foreign=not signed,
                            errand=errand,
                        )
                except _SignedOut as refusal:
                    if refused is not None:
                        raise refusal.error from None
                    refused = used
                    attempt -= 1  # a look goes on, with a token that may be good
                except RemoteError as error:
                    if signed and not isinstance(error, NotSent):
                        self.outage.failed(error, self._clock.now())
                    look = self._looked(look)
                    if isinstance(error, NotSent) or not error.retry:
                        raise  # of the day's calls: whoever waits here would keep a worker from others
                    if isinstance(error, RemoteUnknown) and not repeatable:
                        raise
                    wait = self._backoff.wait(attempt, self._share(), error.after)
                    if wait is None or wait > self._longest_wait:
                        raise
                    await self._clock.sleep(wait)
        finally:
            self._looked(look)

    async def _admitted(self) -> bool:
        """Return when a call may be sent: whether it is the look at a system that was down. Others wait for what comes
        of that: were they refused meanwhile, their batch would end, and the look with it, each time anew. Raises
        RemoteBusy."""
        while self._look is not None:
            await self._look.wait()
        look = self.outage.admit(self._clock.now())
        if look:
            self._look = asyncio.Event()
        return look

    def _looked(self, look: bool) -> bool:
        """A call is over, or about to wait; False, for it is no look any more."""
        if look and self._look is not None:
            self._look.set()
            self._look = None
        return False

    def ahead(self) -> timedelta:
        """How far the remote clock is ahead of ours, from the `Date` headers of all answers; zero before the first."""
        return timedelta() if self._bounds is None else (self._bounds[0] + self._bounds[1]) / 2

    async def signature(self, refused: Mapping[str, str] | None = None) -> Mapping[str, str]:
        """The headers that sign a call, for a connection that does not go through here (Salesforce's event stream).
        refused: the mapping that was refused there: then the account signs in anew, once for all who were refused."""
        return await self._signed(refused)

    async def close(self) -> None:
        await self._client.aclose()

    # --- sign-in

    async def _signed(self, refused: Mapping[str, str] | None) -> Mapping[str, str]:
        """The headers that sign a call. refused: those that were refused; signs in again, once for all callers that
        were refused with the same ones. The call itself has not been sent, so nothing that happens here is unknown."""
        async with self._signing:
            if self._headers is None or self._headers is refused:
                try:
                    self._headers = await self._vendor.authorisation(self._send_form, renew=refused is not None)
                except RemoteUnknown as error:
                    raise RemoteBusy(
                        error.system, error.category, "sign in: no answer came", code=error.code, after=error.after
                    ) from error
            return self._headers

    async def _send_form(self, method: str, url: str, form: Mapping[str, str]) -> Answer:
        try:
            return await self._send(method, url, "sign in", None, None, {}, None, False, (), form=form, errand=_SIGN_IN)
        except _SignedOut as refusal:
            raise refusal.error from None

    # --- one call

    async def _send(
        self,
        method: str,
        path: str,
        kind: str,
        body: Any,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str],
        pace: Pace | None,
        retry: bool,
        accept: tuple[int, ...],
        form: Mapping[str, str] | None = None,
        foreign: bool = False,
        errand: Errand = _NONE,
    ) -> Answer:
        pace = pace or self._pace
        url = path if foreign or path.startswith(("http://", "https://")) else self.base_url + path
        host = _host(url) if foreign else self.base_url
        content, headers = _written(body, headers)
        async with pace.turn(errand) as ticket:
            await errand.check()
            self.tally.note(kind, retry)
            sent = self._clock.now()
            try:
                response = await self._client.request(
                    method,
                    url,
                    content=content,
                    params=params,
                    headers=dict(headers),
                    data=dict(form) if form else None,
                )
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                raise RemoteBusy(
                    self._vendor.system,
                    Category.NETWORK,
                    f"{kind}: no connection to {host}",
                    code=type(error).__name__,
                    advice="Check the address and the network; it is tried again",
                ) from error
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise RemoteRefused(
                    self._vendor.system,
                    Category.INTERNAL,
                    f"{kind}: {host} is not an address that can be called",
                    code=type(error).__name__,
                    advice="Check the configured address: it begins with https:// and names a host",
                ) from error
            except (httpx.HTTPError, OSError) as error:
                raise RemoteUnknown(
                    self._vendor.system,
                    Category.NETWORK,
                    f"{kind}: the connection to {host} broke before an answer came",
                    code=type(error).__name__,
                ) from error
        parse = body.read if isinstance(body, Xml) else _parsed
        return self._read(response, sent, accept, kind, host, foreign, ticket, parse)

    def _read(
        self,
        response: httpx.Response,
        sent: datetime,
        accept: tuple[int, ...],
        kind: str,
        host: str,
        foreign: bool,
        ticket: int,
        parse: Callable[[bytes], Any],
    ) -> Answer:
        at, since = self._measure(None if foreign else response.headers.get("date"), sent)
        if not foreign:
            self._on_answer(response.headers, ticket)
        try:
            body = parse(response.content) if response.content else None
        except ValueError:
            body = response.text  # an HTML page of a gateway or a maintenance screen
        good = response.is_success or response.status_code in accept
        signed_out = not (good or foreign) and self._vendor.signed_out(response.status_code, body)
        # A token that is refused tells nothing yet: whoever cannot sign in anew has no system.
        if not foreign and response.status_code < 500 and not signed_out:
            self.outage.answered()
        if good and not isinstance(body, str):
            return Answer(response.status_code, body, response.headers, at, since)
        if good:
            raise RemoteRefused(
                self._vendor.system,
                Category.INTERNAL,
                f"{kind}: {host} answered with a page instead of data",
                advice="Check that the configured address is the API's",
            )
        # What another host says in its error may repeat the signed address.
        error = self._vendor.error(response.status_code, None if foreign else body, response.headers)
        if signed_out:
            raise _SignedOut(error)
        raise error

    def _measure(self, date: str | None, sent: datetime) -> tuple[datetime, datetime]:
        """The remote's time of the answer, and the earliest at which it can have looked (`Answer.since`). date: the
        answer's own, None where it is not of the remote's clock.

        The header has whole seconds: the remote's true time lies within the second that it names, and the answer was
        made between `sent` and `now`. Each answer narrows the bounds of the difference; one that contradicts them
        (a clock was set) starts them anew.
        """
        now = self._clock.now()
        remote = _date(date)
        if remote is not None:
            low, high = remote - now, remote + timedelta(seconds=1) - sent
            if self._bounds is not None and low <= self._bounds[1] and high >= self._bounds[0]:
                low, high = max(low, self._bounds[0]), min(high, self._bounds[1])
            self._bounds = low, high
        at = now + self.ahead() if remote is None else remote
        return at, min(at, sent + (self._bounds[0] if self._bounds else timedelta()))


class Post:
    """Sends a message to an address that is no CRM's: no sign-in, no pacing, one try, and nobody reads the answer.

    name: what errors call the receiver. Errors name no more of the address than its host: the rest may be a secret.
    time_limit: seconds.
    """

    def __init__(self, name: str, *, transport: Transport | None = None, time_limit: float = 10.0) -> None:
        self._name = name
        self._client = httpx.AsyncClient(transport=transport, timeout=time_limit, headers={"User-Agent": "concord"})

    async def send(self, url: str, content: bytes, headers: Mapping[str, str]) -> None:
        """Send it. Raises RemoteRefused (the same again would be refused), RemoteBusy (it did not arrive) or
        RemoteUnknown (it may have arrived)."""
        host = _host(url)
        try:
            response = await self._client.post(url, content=content, headers=dict(headers))
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            words = f"no connection to {host}"
            raise RemoteBusy(self._name, Category.NETWORK, words, code=type(error).__name__) from None
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            words = f"{host} is not an address that can be called"
            raise RemoteRefused(self._name, Category.INTERNAL, words, code=type(error).__name__) from None
        except (httpx.HTTPError, OSError) as error:
            words = f"no answer came from {host}"
            raise RemoteUnknown(self._name, Category.NETWORK, words, code=type(error).__name__) from None
        if response.is_success:
            return
        words, code = f"{host} did not take it", str(response.status_code)
        if response.status_code in (408, 425, 429) or response.is_server_error:
            told = response.headers.get("retry-after", "")
            after = float(told) if told.isdecimal() else None
            raise RemoteBusy(self._name, Category.NETWORK, words, code=code, after=after)
        advice = "Check the address and the secret"
        raise RemoteRefused(self._name, Category.PERMISSION, words, code=code, advice=advice)

    async def close(self) -> None:
        await self._client.aclose()


def _written(body: Any, headers: Mapping[str, str]) -> tuple[bytes | None, Mapping[str, str]]:
    """A body as it is sent, and the headers with its kind."""
    if body is None:
        return None, headers
    if isinstance(body, Xml):
        kinds = {"Content-Type": "text/xml; charset=UTF-8", "Accept": "text/xml"}
        return body.write(headers), {**headers, **kinds}
    return json.dumps(body, separators=(",", ":")).encode(), {**headers, "Content-Type": "application/json"}


def _parsed(content: bytes) -> Any:
    """An answer's JSON. Raises ValueError for anything else."""
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)  # takes half a surrogate pair too, which a text in a CRM may be cut to


def _host(url: str) -> str:
    """All that may be told of an address that is signed."""
    try:
        return httpx.URL(url).host or "another host"
    except httpx.InvalidURL:
        return "another host"


def _date(text: str | None) -> datetime | None:
    """A `Date` header's time; None where there is none or it is not one (some proxies write their own)."""
    try:
        moment = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class _SignedOut(Exception):
    """The token was refused; `error` is what to raise when a fresh one is refused too."""

    def __init__(self, error: RemoteError) -> None:
        super().__init__(str(error))
        self.error = error
