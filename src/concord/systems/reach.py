"""Whether something answers at an address of our own, as it is called from this machine (for `concord doctor`).

Sends no secret and signs nothing. What the internet sees of that address cannot be known from here.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from concord.core.retry import Backoff
from concord.errors import Category, RemoteError, RemoteRefused
from concord.systems.http import Clock, Http, Pace, Send, Transport

#: Seconds; who does not answer within it is not there.
_TIME: Final = 10.0


class _Ours:
    """What the seam asks of a vendor (`http.Vendor`), for an address that is nobody's account."""

    system = "address"

    def error(self, status: int, body: Any, headers: Mapping[str, str]) -> RemoteError:
        return RemoteRefused(self.system, Category.NETWORK, f"answered with status {status}", code=str(status))

    def signed_out(self, status: int, body: Any) -> bool:
        return False

    async def authorisation(self, send: Send, *, renew: bool) -> Mapping[str, str]:
        return {}


async def answers(url: str, clock: Clock, share: Callable[[], float], transport: Transport | None = None) -> str:
    """Why no Concord answers at this address (`…/health`), in words; "": one does."""
    http = Http(
        _Ours(),
        url,
        clock=clock,
        pace=Pace(clock, 10, 1.0, 1),
        share=share,
        backoff=Backoff(tries=1),
        transport=transport,
        time_limit=_TIME,
    )
    try:
        answer = await http.call("GET", f"{url.rstrip('/')}/health", kind="reach", repeatable=True, signed=False)
    except RemoteError as error:
        return str(error).removeprefix("address: reach: ").removeprefix("address: ").partition(". ")[0]
    finally:
        await http.close()
    ours = isinstance(answer.body, Mapping) and answer.body.get("status") == "ok"
    return "" if ours else "something else than Concord answers"


def out_of_reach(url: str, caller: str) -> str:
    """Why a vendor cannot send anything to this address, by its form alone; "" where nothing speaks against it.

    caller: the vendor's own address: one on this machine (a sandbox) reaches what others do not.
    """
    if _local(urlsplit(caller).hostname or ""):
        return ""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if _local(host):
        return f"{host} is this machine, or a network of yours"
    return "" if parts.scheme == "https" else "it is not https"


def on_this_machine(address: str) -> bool:
    """Whether "host:port" is of this machine, where nothing has to be encrypted."""
    host = address.rpartition(":")[0].strip("[]")
    return host == "localhost" or host.startswith("127.") or host == "::1"


def _local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return False
