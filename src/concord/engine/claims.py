"""What a batch has for itself while it is on the line, so that one worker at a time decides on one record.

A claim is its inbox rows, and keys: the records at both ends of their links, and for newcomers what they would be found
by. It stands for a lease and is renewed before a remote call where that is due; a worker that was frozen, or cut off
from the database, finds it gone and sends nothing more. What others have is left to them at once, before anything is
sent: two batches that need what the other has would else come back together again and again. Decides nothing about
records.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from concord.core.model import Errand, Link, LinkState, Work
from concord.core.plan import DuplicateStep, RecordPlan, ReviewStep, WaitStep
from concord.core.retry import BLOCKED_FOR
from concord.core.values import Ref
from concord.engine.ports import Taking
from concord.engine.scope import Scope
from concord.errors import ClaimLost, StoreError

log = logging.getLogger("concord.claims")

#: A claim is renewed when this part of its lease is over: 30 seconds of the two minutes.
FRESH_FOR: Final = 1 / 4
#: No call leaves later than this part of the lease before the claim's end, 40 seconds: it may take so long to arrive
#: (the time limit of a call, and some difference between the clocks of two machines).
LAST_CALL: Final = 1 / 3
#: How soon a record that had to be read for nothing is looked at again.
READ_AGAIN: Final = timedelta(seconds=1)
#: How often, and after how many seconds, it is looked whether another batch has given the other end of a link free.
_LOOKS: Final = 2
_MOMENT: Final = 0.025
#: Steps that write down a question or a remark, and decide nothing for the records they name.
_ASKING: Final = (ReviewStep, DuplicateStep, WaitStep)


class Claim:
    """One batch's claim. works: its rows; `give_up` takes some out of it. wrote: whether its writing was begun;
    writing: whether a call that writes may be on its way."""

    def __init__(self, scope: Scope, works: Sequence[Work], claimed_at: datetime) -> None:
        self._scope = scope
        self._ticket = works[0].ticket
        self._keys = {str(work.ref) for work in works}
        self._renewing = asyncio.Lock()
        self._until = claimed_at + scope.lease
        self._over = self._doubtful = False
        self.works = tuple(works)
        self.wrote = self.writing = False

    @property
    def errand(self) -> Errand:
        """For the calls that are made for this batch."""
        return Errand(min(work.lane for work in self.works), self.check)

    async def check(self) -> None:
        """Return when a call may leave; renews the claim where that is due. Raises ClaimLost."""
        if not self._fresh():
            async with self._renewing:
                if not self._fresh():
                    await self._renew()
        if self._over:
            raise self._lost("it was given back")

    def _fresh(self) -> bool:
        return not self._doubtful and self._scope.clock.now() < self._until - self._scope.lease * (1 - FRESH_FOR)

    async def _renew(self) -> None:
        now = self._scope.clock.now()
        if now >= self._until or not self.works:
            raise self._lost("its lease was over")
        try:
            if not await self._scope.store.renew(self.works, len(self._keys), now, now + self._scope.lease):
                raise self._lost("another worker has taken it over")
            self._until, self._doubtful = now + self._scope.lease, False
        except StoreError as error:
            log.warning("a claim could not be renewed: %s", error)
        # However long that took: a database that cannot be reached may say so minutes later.
        if self._doubtful or self._scope.clock.now() >= self._until - self._scope.lease * LAST_CALL:
            raise self._lost("it could not be renewed in time")

    def _lost(self, why: str) -> ClaimLost:
        return ClaimLost(f"a batch of {len(self.works)} is left where it is, and comes back by itself: {why}")

    async def take(self, keys: Mapping[str, Ref]) -> set[str]:
        """Which of these keys are ours now. keys: each with the record of ours that it is taken for."""
        wanted = {key: ref for key, ref in keys.items() if key not in self._keys}
        now = self._scope.clock.now()
        if now >= self._until or self._over:
            raise self._lost("its lease was over")
        taken = await self._scope.store.seize(self._ticket, wanted, now, self._until) if wanted else set()
        self._keys |= taken
        return taken | (keys.keys() & self._keys)

    def only(self, work: Work) -> Claim:
        """The same claim for one of its rows alone, which goes down the line again; if it still has it."""
        alone = Claim(self._scope, [work], self._until - self._scope.lease)
        alone._doubtful = True
        return alone

    def has(self, ref: Ref) -> bool:
        """Whether this record is the claim's."""
        return str(ref) in self._keys

    async def give_up(self, refs: Collection[Ref], pause: timedelta = BLOCKED_FOR) -> None:
        """Leave the rows of these records to a later look: another worker has what they need. What was taken for them
        is free, so that what another row needs of it has to be taken anew."""
        left = [work for work in self.works if work.ref in refs]
        if left:
            # Two that stand in each other's way do not come back at one moment.
            await self._scope.store.postpone(left, self._scope.clock.now() + pause * (0.5 + self._scope.share()))
            self.works = tuple(work for work in self.works if work.ref not in refs)
            self._keys = {str(work.ref) for work in self.works}

    def end(self) -> None:
        """Nothing more is sent for this batch, whatever of it still runs somewhere."""
        self._over = True

    async def leave(self) -> None:
        """Give back what is left of it: at once; or, where a write may be on its way, when that has arrived or never
        will, so that nobody reads a record just before it comes."""
        self.end()
        now = self._scope.clock.now()
        if not self.works:
            return
        if self.writing:
            await self._scope.store.renew(self.works, 0, now, min(self._until, now + self._scope.lease * LAST_CALL))
        else:
            await self._scope.store.postpone(self.works, now)


async def take_partners(scope: Scope, claim: Claim) -> None:
    """Have both ends of every link of the batch; rows of which another worker has one are given up. What a link says
    is read again afterwards: only then nobody changes it."""
    links = await scope.store.links([work.ref for work in claim.works])
    ends: dict[str, Ref] = {}
    needs: dict[Ref, set[str]] = {}
    for work in claim.works:
        link = links.get(work.ref)
        if link is not None and link.state is LinkState.ACTIVE:
            needs[work.ref] = {str(link.left), str(link.right)}
            ends |= {key: work.ref for key in needs[work.ref] if key not in ends}
    ours = await claim.take(ends)
    hindered = {ref for ref, needed in needs.items() if not needed <= ours}
    # Two batches may have an end each of one link, and would come back together. Who has the left end waits for the
    # other to give way, which it does at once; longer than that it does not.
    for _ in range(_LOOKS):
        first = {ref for ref in hindered if links[ref].left == ref}
        await claim.give_up(hindered - first)
        if not first:
            return
        await scope.clock.sleep(_MOMENT)
        ours = await claim.take({key: ref for ref in first for key in needs[ref]})
        hindered = {ref for ref in first if not needs[ref] <= ours}
    await claim.give_up(hindered)


async def take_newcomers(taking: Taking, keys: Mapping[Ref, Iterable[str]]) -> set[Ref]:
    """Which of these records without a link may be matched now: those of which nobody else is matching one that could
    be the same. The rows of the others are given up. keys: by record, what it is found by (core/identity.py)."""
    needs = {ref: {f"found by {key}" for key in found_by} for ref, found_by in keys.items()}
    while True:
        ours = await taking.take({key: ref for ref, needed in needs.items() for key in needed})
        blocked = {ref for ref, needed in needs.items() if not needed <= ours}
        if not blocked:
            return set(needs)
        await taking.give_up(blocked, READ_AGAIN)
        needs = {ref: needed for ref, needed in needs.items() if ref not in blocked}


async def others(scope: Scope, claim: Claim, plans: Sequence[RecordPlan]) -> set[Ref]:
    """Records that these plans are about and that are not the claim's to decide on: another worker has them, or has
    linked them otherwise since they were read. What is left of the plans' records is the claim's from here on."""
    mine = {work.ref for work in claim.works}
    met: dict[Ref, tuple[Ref, int | None]] = {}
    for plan in plans:
        if plan.steps and all(isinstance(step, _ASKING) for step in plan.steps):
            continue
        refs = [ref for ref in (plan.left, plan.right) if ref is not None]
        sake = next((ref for ref in refs if ref in mine), claim.works[0].ref)
        met |= {ref: (sake, plan.link_id) for ref in refs if not claim.has(ref)}
    if not met:
        return set()
    ours = await claim.take({str(ref): sake for ref, (sake, _) in met.items()})
    links = await scope.store.links(list(met))
    return {
        ref
        for ref, (_, link_id) in met.items()
        if str(ref) not in ours or (ref in links and _otherwise(links[ref], link_id))
    }


def _otherwise(link: Link, link_id: int | None) -> bool:
    """Whether a record's link is not the one that a plan was made for (None: for a record without one)."""
    return (link.state is LinkState.ACTIVE) != (link.id == link_id)
