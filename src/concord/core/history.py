"""What a field's history tells: when the value that is shown was written, and whether we covered an edit unseen.

Pure; knows nothing of how a vendor keeps its history.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from concord.core.model import Base, HistoryEntry, Overwritten, Record, Side, Stamp
from concord.core.values import FieldSpec, same

#: For a field whose history was read and is empty, and for one that no decision has ever known: any entry is newer.
BEFORE_ANY = datetime(1, 1, 1, tzinfo=UTC)


def came_along(record: Record, name: str, spec: FieldSpec) -> HistoryEntry | None:
    """What a field last said, where it has come to say otherwise without anybody's word: with a change of the field
    that it belongs to (`FieldSpec.needs`). A consent that belongs to an address is gone with the address, and
    that is no opt-in (SPEC 7.2). None: what it shows was said of what it belongs to now."""
    above, history = record.histories.get(spec.needs or "", ()), record.histories.get(name, ())
    before = next((one for one in history if not same(one.value, record.value(name), spec)), None)
    if before is None or not above:
        return None
    # In one instant with the word before it, it was the later only where what is shown came in that instant as well.
    moved = above[0].stamp.at
    return before if moved > before.stamp.at or moved == before.stamp.at == history[0].stamp.at else None


def beneath(record: Record, name: str, seen: datetime | None) -> Iterator[tuple[HistoryEntry, HistoryEntry]]:
    """What a field that somebody edited showed before, newest first, each with the entry that took its place. seen: up
    to when the history was known to the last decision that was recorded; nothing from before that is given."""
    history = record.histories.get(name, ())
    if not history or history[0].ours:
        return
    for above, entry in pairwise(history):
        if entry.stamp.at <= (seen or BEFORE_ANY):
            return
        yield above, entry


def stamp_of(record: Record, name: str) -> Stamp:
    """When the shown value of a field was written (SPEC 3.3): certain from its history, otherwise possible: the record
    changed then, so the field no later."""
    history = record.histories.get(name)
    if history:
        return history[0].stamp
    return record.last_changed


def overwritten(
    record: Record, name: str, base: Base | None, side: Side, spec: FieldSpec, read_at: datetime | None = None
) -> Overwritten | None:
    """The foreign edit that a write of ours covered before we had read it (SPEC 3.8), if the history shows one.

    It is the newest entry that is not ours, below entries that are, and newer than the newest entry that the decision
    behind our write had known. read_at: when this side was last read for a decision that was recorded (`Link.read_at`);
    it stands in where no base says what was known. Where nothing does, a write of ours that nothing is recorded of (a
    first link or a create, killed after it) may have covered any entry: deciding again on one that was known gives the
    same.
    """
    history = record.histories.get(name, ())
    if not history or not history[0].ours:
        return None
    seen = base.seen(side) if base is not None else None
    foreign = next((entry for entry in history if not entry.ours), None)
    if foreign is None or foreign.stamp.at <= (seen or read_at or BEFORE_ANY):
        return None
    # Back at what both had agreed on, it is no change, whatever was written in between.
    agreed = base is not None and same(foreign.value, base.of(side), spec)
    if agreed or same(foreign.value, history[0].value, spec):
        return None
    return Overwritten(foreign.value, foreign.stamp)
