"""Times at which the account is not to be written, or not to be reached at all (API reference section 4).

World key `interruptions`: {"locked": {"contacts": epoch ms until}, "migrating_until": epoch ms}.
"""

from __future__ import annotations

import math
from typing import Any

from concord_sandbox.hubspot.crm import Crm
from concord_sandbox.hubspot.errors import for_status
from concord_sandbox.parts import Part
from concord_sandbox.service import ControlError


class Interruptions(Part[Crm]):
    section = "interruptions"
    verbs = {"POST lock": "lock", "POST migrate": "migrate"}  # noqa: RUF012 - as every part declares them

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        known = given or {}
        self.locked = {str(plural): int(until) for plural, until in known.get("locked", {}).items()}
        self.migrating_until = int(known.get("migrating_until", 0))

    def save(self) -> Any:
        if not self.locked and not self.migrating_until:
            return None
        known = {plural: until for plural, until in self.locked.items() if self.owner.portal.table(plural) is not None}
        return {"locked": known, "migrating_until": self.migrating_until}

    def _until(self, asked: dict[str, Any]) -> int:
        seconds = float(asked["seconds"])
        if not 0 <= seconds <= 86_400:
            raise ControlError("seconds must be between 0 and 86,400")
        return self.owner.clock.epoch_ms() + int(seconds * 1000)

    def lock(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"object": "contacts", "seconds": 5}: writes to that object type answer 423, as while a bulk write is running
        there; 0 seconds end it."""
        table = self.owner.portal.require_table(str(asked["object"]))
        self.locked[table.kind.plural] = self._until(asked)
        return {"locked": table.kind.plural, "until": self.locked[table.kind.plural]}

    def migrate(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"seconds": 3600}: every call answers 477 with the rest of the time as `Retry-After`; 0 seconds end it."""
        self.migrating_until = self._until(asked)
        return {"until": self.migrating_until}

    def check(self, now: int, written: list[str]) -> None:
        """Raises ApiError. written: the plural names of the object types that the call would write to."""
        if now < self.migrating_until:
            error = for_status(477, None)
            error.headers["Retry-After"] = str(math.ceil((self.migrating_until - now) / 1000))
            raise error
        if any(now < self.locked.get(plural, 0) for plural in written):
            raise for_status(423, None)
