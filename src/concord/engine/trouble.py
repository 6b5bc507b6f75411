"""Objects that a chore cannot ask about for now: which, since when and why, kept in the store for `concord status`.

A note for people; nothing is decided by it. It holds the vendor's words, never a record's values.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from concord.core.model import Failure, Side
from concord.engine.scope import Scope

log = logging.getLogger("concord.sweep")

_PREFIX = "trouble:"


@dataclass(frozen=True)
class Trouble:
    """An object that a chore cannot ask about. chore: as its position is named in the store ("sweep:left")."""

    chore: str
    side: Side
    object: str
    since: datetime
    why: str


async def note_trouble(
    scope: Scope, chore: str, side: Side, failed: Mapping[str, Failure], asked: Collection[str]
) -> None:
    """Of the objects that this chore asked about just now, these could not be. Told in the log when it begins and when
    it ends, not each time in between."""
    stored = await scope.store.position(_PREFIX + chore)
    before: dict[str, Any] = json.loads(stored) if stored else {}
    now = scope.clock.now().isoformat()
    after = {name: told for name, told in before.items() if name not in asked}
    after |= {
        name: {"side": side.value, "since": before.get(name, {}).get("since", now), "why": _words(failure)}
        for name, failure in sorted(failed.items())
    }
    system = scope.system(side).name if after.keys() != before.keys() else ""
    for name in after.keys() - before.keys():
        log.warning("%s: %s of %s is passed over and asked again: %s", chore, name, system, after[name]["why"])
    for name in before.keys() - after.keys():
        log.warning("%s: %s of %s can be asked again", chore, name, system)
    if after != before:
        await scope.store.put_position(_PREFIX + chore, json.dumps(after))


def troubles_in(positions: Mapping[str, str]) -> list[Trouble]:
    """What is noted among the store's positions, oldest first."""
    found = [
        Trouble(name.removeprefix(_PREFIX), Side(told["side"]), object_name, _moment(told["since"]), told["why"])
        for name, stored in positions.items()
        if name.startswith(_PREFIX)
        for object_name, told in json.loads(stored).items()
    ]
    return sorted(found, key=lambda one: (one.since, one.chore, one.object))


def _words(failure: Failure) -> str:
    advice = "" if not failure.advice or failure.advice in failure.message else f". {failure.advice}"
    return " ".join(f"{failure.message}{advice}".split())  # a vendor's message may have lines


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
