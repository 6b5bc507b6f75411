"""What a field's history tells: when the value that is shown was written, and whether we covered an edit unseen.

Pure; knows nothing of how a vendor keeps its history.
"""

from __future__ import annotations

from datetime import UTC, datetime

from concord.core.model import Base, Overwritten, Record, Side, Stamp
from concord.core.values import FieldSpec, same

#: For a field whose history was read and is empty, and for one that no decision has ever known: any entry is newer.
BEFORE_ANY = datetime(1, 1, 1, tzinfo=UTC)


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
