"""What every sandboxed service is to the rest of the sandbox: its routes, its part of a world, its control verbs.

May not import any one service.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from starlette.responses import Response
from starlette.routing import BaseRoute

from concord_sandbox.clock import SandboxClock
from concord_sandbox.faults import Fault, Faults
from concord_sandbox.journal import Journal
from concord_sandbox.verbs import Verb


class ControlError(Exception):
    """A control call that cannot be carried out; the message is shown to the caller with status 400."""


@dataclass
class Controls:
    """What the control API turns: time, latency, faults, randomness, and the journal. One set for each service.

    wake: set when something new is due, so that nobody has to look for it (`ring`).
    """

    clock: SandboxClock = field(default_factory=SandboxClock)
    journal: Journal = field(default_factory=Journal)
    random: random.Random = field(default_factory=lambda: random.Random(1))
    latency_ms: float = 0.0
    latency_jitter_ms: float = 0.0
    wake: asyncio.Event | None = None
    faults: Faults = field(init=False)

    def __post_init__(self) -> None:
        self.faults = Faults(self.random)

    def ring(self) -> None:
        """Something new waits to be done or sent."""
        if self.wake is not None:
            self.wake.set()


class Service(Protocol):
    """One emulated system. All state is in the instance."""

    name: str
    controls: Controls
    #: Bytes of the largest body that the vendor takes; a larger one is answered 413 and not kept.
    largest_body: int

    def routes(self) -> Sequence[BaseRoute]:
        """The vendor's own paths."""
        ...

    def control_routes(self) -> Sequence[BaseRoute]:
        """The routes of the control verbs of this service and its parts, mounted under `/_control/` beside the common
        ones."""
        ...

    def control_verbs(self) -> Sequence[Verb]:
        """The same verbs, with the words that tell people of them."""
        ...

    def load(self, world: dict[str, Any]) -> None:
        """Replace all state by this service's section of a world ({} empties it). Raises ControlError when the
        section is malformed, and then changes nothing."""
        ...

    def save(self) -> dict[str, Any]:
        """All state as a section that `load` accepts."""
        ...

    def credentials(self, url: str) -> dict[str, Any]:
        """What a client needs: `url`, `access_token`, and whatever else this service asks for."""
        ...

    def fault_response(self, fault: Fault) -> Response:
        """The vendor's own error answer for a `status` fault."""
        ...

    def response_headers(self) -> dict[str, str]:
        """Headers that the vendor puts on an answer of now (rate limits and such); `Date` is added by the caller."""
        ...

    # A person at work in the vendor's own screens: not in the journal, never limited, never failing on faults.

    def human_create(self, object_name: str, fields: dict[str, Any], by: str | None) -> str:
        """Make a record as a person would; its id. `by`: the user's id (None: some ordinary user)."""
        ...

    def human_edit(self, object_name: str, record_id: str, fields: dict[str, Any], by: str | None) -> None:
        """Edit a record as a person would (in the wire's own values; None clears)."""
        ...

    def human_delete(self, object_name: str, record_id: str, by: str | None) -> None: ...

    def records(self, object_name: str) -> list[dict[str, Any]]:
        """Every live record of an object, all fields, flat: {"id": …, "fields": {…}, …}."""
        ...

    def tick(self) -> float | None:
        """Do what is due now that the vendor does by itself (send webhooks, index writes). Returns the seconds until
        something is due again, or None when nothing is. Sending happens in `deliveries`."""
        ...

    async def deliver(self) -> int:
        """Send what is due to be sent (webhooks); how many requests were sent. 0 where the vendor sends nothing."""
        ...
