"""What a route of HubSpot's API leads to: the function, the lane of limits it counts in, the scopes it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from concord_sandbox.hubspot.calls import Handler

#: api: a token and the ten-second limit; search: the limit of searches; open: no token (OAuth itself, pages that carry
#: their own signature); app: the app-level token of the client credentials, outside the account's limits (the journal).
Lane = Literal["api", "search", "open", "app"]


@dataclass(frozen=True)
class Target:
    """Where a call goes. `handler` is a name for the calls that need more than a `Call` (`service.py`)."""

    handler: Handler | str
    lane: Lane = "api"
    #: A token needs one of these to call it; empty: what `scopes.py` says of its area and object types.
    scopes: tuple[str, ...] = ()


#: method, area, path behind the area, target. Fixed words come before `{…}` of the same place.
Routes = tuple[tuple[str, str, str, Target], ...]
