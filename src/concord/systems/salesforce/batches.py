"""Writes, what came of each, and how they are put together into calls. Pure.

Records under one parent (the contacts of an account) lock that parent while they are written, so two calls side by side
that write under one parent meet each other's lock, `UNABLE_TO_LOCK_ROW` (api/salesforce.md section 21). Such records go
in one call; where they do not fit into one, their calls follow one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from concord.core.model import Change, Failure, Record
from concord.core.values import Nothing, Ref

#: Object -> the field that names the record which is locked with it.
PARENTS: Final[Mapping[str, str]] = {
    "Contact": "AccountId",
    "Opportunity": "AccountId",
    "Case": "AccountId",
    "OpportunityContactRole": "OpportunityId",
    "OpportunityLineItem": "OpportunityId",
    "CampaignMember": "CampaignId",
    "Task": "WhatId",
    "Event": "WhatId",
}
#: Records whose parents are remembered at most: those read last.
REMEMBERED: Final = 20_000


@dataclass(frozen=True)
class Write:
    """A change, its place among those asked for, and its values as Salesforce takes them."""

    place: int
    change: Change
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Told:
    """What a call told of one write: why not, or under which id, and how the record looks now."""

    failure: Failure | None = None
    id: str = ""
    created: bool = False
    shown: Record | None = None


#: What was told, by the write's place.
Outcomes = Mapping[int, Told]


class Parents:
    """Which record is above which, as it was last read. Bounded: the oldest are forgotten first."""

    def __init__(self) -> None:
        self._of: dict[str, str] = {}

    def note(self, object_name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Take in rows that were read by id."""
        name = PARENTS.get(object_name)
        if name is None:
            return
        for row in rows:
            self._of.pop(row["Id"], None)
            if row.get(name):
                self._of[row["Id"]] = str(row[name])
        for old in list(self._of)[: max(len(self._of) - REMEMBERED, 0)]:
            del self._of[old]

    def lock_of(self, write: Write) -> str:
        """The record that this write and others lock together: the parent it is put under or is known to be under;
        itself when there is none (so an account goes with its contacts)."""
        ref = write.change.ref
        above = write.change.values.get(PARENTS.get(ref.object, ""))
        if isinstance(above, Ref):
            return above.id
        if isinstance(above, Nothing):
            return ref.id or f"new {write.place}"
        return self._of.get(ref.id) or ref.id or f"new {write.place}"


def calls(
    writes: Sequence[Write], lock_of: Callable[[Write], str], most: int, kinds: int, spare: int = 0
) -> list[list[list[Write]]]:
    """Calls of about `most` writes to at most `kinds` objects: the inner lists. The calls of one outer list write under
    one parent and have to follow one another; the outer lists may go side by side.

    There are no more calls than `most` asks for (as long as the objects are few): records under one parent are kept
    together where that costs no further call. For their sake a call may have up to `spare` more than `most`.
    """
    chains: list[list[list[Write]]] = []
    allowed, full, left = -(-len(writes) // most), most + spare, len(writes)
    made: list[Write] = []
    for group in _by_lock(writes, lock_of):
        later = (allowed - sum(len(chain) for chain in chains)) * full
        under, over = most - len(made), len(made) + len(group) - most
        if over > min(spare, under) and left <= later:
            made = []  # it goes whole into a call of its own
        begun = False
        for write in group:
            if not made or len(made) == full or _objects([*made, write]) > kinds:
                made = []
                if begun:
                    chains[-1].append(made)
                else:
                    chains.append([made])
            made.append(write)
            begun = True
        left -= len(group)
    return chains


def _by_lock(writes: Sequence[Write], lock_of: Callable[[Write], str]) -> list[list[Write]]:
    groups: dict[str, list[Write]] = {}
    for write in writes:
        groups.setdefault(lock_of(write), []).append(write)
    return list(groups.values())


def _objects(writes: Sequence[Write]) -> int:
    return len({write.change.ref.object for write in writes})


def in_graphs(writes: Sequence[Write], most: int) -> list[list[Write]]:
    """The writes of one call as graphs, at most `most` of them: one write each, or as few as will do. Neighbours go
    together, for they are the likeliest to have one parent."""
    count, graphs = len(writes), min(most, len(writes))
    return [list(writes[one * count // graphs : (one + 1) * count // graphs]) for one in range(graphs)]


def by_key(writes: Sequence[Write], lock_of: Callable[[Write], str], most: int) -> list[list[Write]]:
    """Creates as calls of at most `most` of one object under one key field; one key value never twice in a call,
    because Salesforce refuses both."""
    groups: dict[tuple[str, str], list[list[Write]]] = {}
    for write in (one for group in _by_lock(writes, lock_of) for one in group):
        name, value = key(write)
        batches = groups.setdefault((write.change.ref.object, name), [])
        if not batches or len(batches[-1]) == most or any(key(one)[1].lower() == value.lower() for one in batches[-1]):
            batches.append([])
        batches[-1].append(write)
    return [batch for batches in groups.values() for batch in batches]


def key(write: Write) -> tuple[str, str]:
    """A create's unique field and value."""
    assert write.change.key is not None, "a create has been checked to have a key"
    return write.change.key
