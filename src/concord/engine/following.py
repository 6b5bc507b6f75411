"""References that follow: what points to a record that has just been linked is looked at again, for its reference can
go over now (SPEC 1: associations arrive even when the two ends arrive in the other order).

Who points where is kept among the keys of what is known of each record, so that no remote call is needed. Puts notices
into the inbox; decides and writes nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from concord.core.model import Known, Lane, LinkState, Notice, Record, Side
from concord.core.plan import Done, Outcome, Rule
from concord.core.values import Ref
from concord.engine.scope import Scope

#: A reference that is held for these could go over, and is not to.
_KEPT_BACK = frozenset({Rule.BREAKER, Rule.CHASE})
#: By then the link is recorded, so that whoever looks finds it.
_AFTER = timedelta(seconds=1)


def reference_keys(record: Record) -> frozenset[str]:
    """Keys under which a record is found by what it points to."""
    return frozenset(_key(value) for value in record.values.values() if isinstance(value, Ref))


def _key(ref: Ref) -> str:
    return f"points to {ref}"


async def follow(scope: Scope, done: Sequence[Done]) -> None:
    """Have everything looked at again whose reference can be carried by what this batch did or found.

    Called before the batch is recorded, so that a kill after it loses nothing, and once more after it: of two workers,
    one that links a company and one that finds its person waiting for it, at least one then sees what the other did.
    """
    # A duplicate that takes over is linked by its ref alone: nobody has looked at its fields.
    unread = {one.new_link.left for one in done if one.new_link and not one.new_link.bases}
    waiting = unread | await _pointing_to_linked(scope, done) | await _held_in_vain(scope, done)
    if waiting:
        now = scope.clock.now()
        await scope.store.take_in([Notice(ref, Lane.PEOPLE, now + _AFTER, "reference") for ref in sorted(waiting)])


async def follow_all(scope: Scope, done: Sequence[Done]) -> None:
    """The same for links that a reconciliation makes by the thousand: of the records that point to them, those that are
    linked already are looked at again. The others are its own to look at, whenever their turn comes."""
    pointing = await _pointing_to_linked(scope, done)
    links = await scope.store.links(pointing) if pointing else {}
    waiting = sorted(ref for ref, link in links.items() if link.state is LinkState.ACTIVE)
    if waiting:
        now = scope.clock.now()
        await scope.store.take_in([Notice(ref, Lane.BACKFILL, now + _AFTER, "reference") for ref in waiting])


async def _pointing_to_linked(scope: Scope, done: Sequence[Done]) -> set[Ref]:
    """Known records, those of this batch among them, that point to one that this batch links."""
    linked = {ref for one in done if one.new_link for ref in (one.new_link.left, one.new_link.right)}
    # Of what was only `Seen` the store has the keys.
    read = [known for one in done for known in one.known if isinstance(known, Known)]
    found: set[Ref] = set()
    for pair in scope.pairs if linked else ():
        for side, names in ((Side.LEFT, pair.left_objects), (Side.RIGHT, (pair.right_object,))):
            targets = {target for name in names for target in scope.references(pair, side, name)}
            keys = {_key(ref) for ref in linked if scope.side(ref) is side and ref.object in targets}
            if keys:
                found |= {known.ref for known in await scope.store.candidates(pair.name, keys, scope.system(side).name)}
                found |= {known.ref for known in read if known.keys & keys}
    return found


async def _held_in_vain(scope: Scope, done: Sequence[Done]) -> set[Ref]:
    """Records of this batch with a reference that was held, and whose target has been linked meanwhile."""
    holders: dict[Ref, set[Ref]] = defaultdict(set)
    for one in done:
        for verdict in one.verdicts:
            for value in (verdict.left, verdict.right):
                if verdict.outcome is Outcome.HELD and verdict.rule not in _KEPT_BACK and isinstance(value, Ref):
                    holders[value] |= {ref for ref in (one.left, one.right) if ref is not None}
    links = await scope.store.links(list(holders)) if holders else {}
    return {ref for target, link in links.items() if link.state is LinkState.ACTIVE for ref in holders.get(target, ())}
