"""Opt-outs, through the communication preferences (SPEC 7.1; api/hubspot.md, section 13).

In HubSpot an opt-out belongs to the address, not to the contact: this unsubscribes addresses from all mail. Nothing
here subscribes anybody again, because that may override what the person said; a person does that in HubSpot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote

from concord.core.model import Failure
from concord.errors import Category, RemoteError
from concord.systems.hubspot.client import REFUSED_BATCH, Caller
from concord.systems.hubspot.errors import failure_of, reading
from concord.systems.hubspot.wire import OPT_OUT

NO_ADDRESS: Final = Failure(
    Category.REQUIRED_FIELD,
    "the contact has no e-mail address, and in HubSpot an opt-out belongs to an address",
    code="NO_ADDRESS",
    fields=(OPT_OUT,),
    advice="Give the contact its address; without one HubSpot sends it no mail either",
)

NO_OPT_IN: Final = Failure(
    Category.PERMISSION,
    "the address is opted out of all mail, and the sync never takes that back: it is the person's own word about it",
    code="OPT_OUT_STAYS",
    fields=(OPT_OUT,),
    advice="Where the person has asked for mail again, subscribe the address in HubSpot; the sync then carries it over",
)

NO_CHECKBOX: Final = Failure(
    Category.DATA_TYPE,
    f"{OPT_OUT} holds yes or no and nothing else",
    code="INVALID_OPT_OUT",
    fields=(OPT_OUT,),
    advice="Map it to a checkbox",
)


async def opt_out(caller: Caller, addresses: Iterable[str]) -> Mapping[str, Failure | None]:
    """Unsubscribe these addresses from all mail: each with None, or why it was not done. Repeating it changes nothing.

    One call an address: the batch form needs scopes of its own and is not sold in every tier.
    """
    wanted = list(dict.fromkeys(addresses))
    return dict(zip(wanted, await asyncio.gather(*(_opt_out(caller, address) for address in wanted)), strict=True))


async def _opt_out(caller: Caller, address: str) -> Failure | None:
    path = caller.paths.consent(f"/statuses/{quote(address, safe='')}/unsubscribe-all")
    try:
        answer = await caller.post(path, "opt out", params={"channel": "EMAIL"}, accept=REFUSED_BATCH)
    except RemoteError as error:
        # One address that is refused holds up no other; a refusal of the account shows on each of them.
        return failure_of(error)
    if answer.status in REFUSED_BATCH:
        return reading(answer.status, answer.body).failure()
    return None
