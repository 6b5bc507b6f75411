"""What this process has found out about an org, so that it is not asked again. Shared by every errand of one `Client`.

Holds facts; finds none out itself.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from concord.systems.salesforce.batches import Parents

#: Records in one read by ids: documented for POST; an org that refuses so many is asked for 200 at a time.
READABLE: Final = 2_000
#: Guarded writes in one call of graphs. There may be 250 with their readings (500 nodes), but each is saved by itself:
#: at 0.1 to 0.2 s for an update with its automation, more would not be done within a call's time limit.
GRAPHED: Final = 100


@dataclass
class Learnt:
    """See the module.

    conditions: whether a composite graph keeps to the conditions in its nodes' headers; None: not known yet.
    rest_until: no graphs before then: the org refused a call of them. graphed: writes in one call of graphs; halved by
    a call that got no answer in time, and regained by calls that do. readable: ids in one read. no_history: objects of
    which the org keeps no field history. asking: held while `conditions` is found out.
    """

    conditions: bool | None = None
    rest_until: datetime | None = None
    graphed: int = GRAPHED
    readable: int = READABLE
    no_history: set[str] = field(default_factory=set)
    parents: Parents = field(default_factory=Parents)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)
