"""Approved merges, carried out: before the rest of a batch of the line, which then sees the merge and follows it as it
follows a person's (SPEC 4.6, 4.7).

A saga without a script: each round reads where the records stand, and does what is left to do. The approval is the
intent; a loser that comes back under the survivor's ref is merged already, so nothing is asked for twice. Whoever said
no makes the survivor say no first (SPEC 7.2). What is refused waits on the row of one of the losers. Decides nothing
about who is whose duplicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from concord.core.duplicates import Member, Merge, Source, newest_first, said_no, values_after
from concord.core.model import Change, Errand, Failure, Gone, Lane, LinkState, Record, Side
from concord.core.values import BLANK, Ref, Value
from concord.engine.claims import READ_AGAIN, Claim
from concord.engine.duplicates import consent_names, notices_about, partners_words, read_members
from concord.engine.ports import System
from concord.engine.scope import Scope
from concord.errors import Category, RemoteError

#: Merges that one batch carries out; its other rows wait for them.
MOST: Final = 10
#: Where a crash test can stop the program while it merges.
MERGE_POINTS: Final = ("opted out", "merging", "merged", "noted")


async def carry_out(scope: Scope, claim: Claim) -> dict[Ref, Failure]:
    """Carry out the approved merges that this batch's rows carry; the rows whose merge failed, each with why. Their
    records go down the line all the same."""
    failed: dict[Ref, Failure] = {}
    due = await scope.store.due_merges([work.ref for work in claim.works])
    if due and claim.works[0].lane < Lane.PEOPLE:
        # What is urgent about the row is not the merge: that comes when the row does in its own lane.
        await scope.store.take_in(notices_about(scope, [merge.carrier for merge in due]))
        return failed
    await claim.give_up({merge.carrier for merge in due[MOST:]}, READ_AGAIN)
    for merge in due[:MOST]:
        if not await _taken(scope, claim, merge):
            continue
        one = _Round(scope.within(claim), claim, merge)
        try:
            failure = await one.run()
        except RemoteError as error:
            failure = Failure.of(error)
        claim.writing = False
        if failure is not None:
            failed[merge.carrier] = _worded(merge, failure)
    return failed


async def _taken(scope: Scope, claim: Claim, merge: Merge) -> bool:
    """Whether all of the merge's records, and their partners, are the batch's now. If not, its row is given up: another
    worker has one of them at this moment."""
    links = (await scope.store.links(list(merge.members))).values()
    ends = [ref for link in links if link.state is LinkState.ACTIVE for ref in (link.left, link.right)]
    keys = {str(ref): merge.carrier for ref in (*merge.members, *ends)}
    if keys.keys() <= await claim.take(keys):
        return True
    await claim.give_up({merge.carrier})
    return False


def _worded(merge: Merge, failure: Failure) -> Failure:
    """What a person is told of it. A refusal is this merge's own, even of a whole call: nothing else was in that."""
    others = " and ".join(str(one) for one in merge.losers)
    words = f"the approved merge of {others} into {merge.survivor} was not done: {failure.message}"
    system = merge.survivor.system
    return replace(failure, message=words, system=system, whole=failure.whole and failure.transient)


@dataclass
class _Round:
    """One look at one merge, and what is left of it done."""

    scope: Scope
    claim: Claim
    merge: Merge
    said: dict[str, Ref] = field(default_factory=dict)

    @property
    def side(self) -> Side:
        return self.scope.side(self.merge.survivor)

    @property
    def system(self) -> System:
        return self.scope.system(self.side)

    @property
    def consents(self) -> tuple[str, ...]:
        return consent_names(self.scope, self.side, self.merge.survivor.object)

    async def run(self) -> Failure | None:
        """Why it is not done; None: it is over, one way or the other."""
        records = await read_members(self.scope, self.merge.members)
        survivor = records[self.merge.survivor]
        if isinstance(survivor, Gone):
            await self._drop(f"{self.merge.survivor} is gone: {survivor.reason}")
            return None
        others = {ref: record for ref, record in records.items() if ref != self.merge.survivor}
        merged = [ref for ref, record in others.items() if isinstance(record, Record) and record.ref == survivor.ref]
        left = [
            record
            for ref, record in others.items()
            if isinstance(record, Record) and record.ref == ref and ref not in merged
        ]
        if survivor.ref != self.merge.survivor and not merged:
            await self._drop(f"{self.merge.survivor} was merged into {survivor.ref} meanwhile")
            return None
        if not left and not merged:
            await self._drop("none of the others is there any more")
            return None
        await self._ask(survivor, left)
        home = survivor.ref
        if left:
            failure = await self._opt_out(survivor, before=True) or await self._send(survivor, left)
            if failure is not None and (failure.transient or not await self._all_merged()):
                return failure
        home, failure = await self._afterwards(merged, left)
        if failure is not None:
            return failure
        await self._done(home, [*merged, *(one.ref for one in left)])
        return None

    # --- consent

    async def _ask(self, survivor: Record, left: Sequence[Record]) -> None:
        """Who of them, or of their partners, says no."""
        pair = next(one for one in self.scope.pairs if one.name == self.merge.object_pair)
        links = await self.scope.store.links(list(self.merge.members))
        partners = [link.of(self.side.other) for link in links.values() if link.state is LinkState.ACTIVE]
        members = [Member(survivor, partner) for partner in dict.fromkeys(partners)]
        words = await partners_words(self.scope, pair, self.side, members)
        self._hear([survivor, *left, *words])

    def _hear(self, records: Iterable[Record]) -> None:
        self.said = {**said_no(records, self.consents), **self.said}

    async def _opt_out(self, survivor: Record, *, before: bool) -> Failure | None:
        """Make the survivor say no where any of them did. before: the merge; then a word that belongs to something the
        survivor has not got (an opt-out to an address) comes with that, and is looked at afterwards."""
        fields = self.scope.schemas[survivor.ref.object].fields
        values: dict[str, Value] = {name: True for name in self.said if survivor.value(name) is not True}
        for name in list(values) if before else ():
            needs = fields[name].needs if name in fields else ""
            if needs and survivor.value(needs) is BLANK:
                del values[name]
        if not values:
            return None
        self.claim.wrote = self.claim.writing = True
        urgent = self.system.on(Errand(Lane.CONSENT, self.claim.check))
        (receipt,) = await urgent.update([Change(survivor.ref, values, guard=survivor.guard)], {}, {})
        self.claim.writing = False
        self.scope.reach("opted out")
        return receipt.failure

    # --- the merge

    async def _send(self, survivor: Record, left: Sequence[Record]) -> Failure | None:
        """Merge those that are left."""
        spec = self.scope.schemas[survivor.ref.object]
        losers = newest_first(left)
        after = values_after(survivor, losers, spec, self.merge.taken, self.consents)
        wanted = {Source.TAKEN} if self.system.merge_fills else {Source.TAKEN, Source.FILLED}
        values = {one.name: one.value for one in after if one.source in wanted}
        self.scope.reach("merging")
        self.claim.wrote = self.claim.writing = True
        receipts = await self.system.merge(survivor.ref, [one.ref for one in losers], values)
        self.claim.writing = False
        self.scope.reach("merged")
        return next((one.failure for one in receipts if one.failure is not None), None)

    async def _all_merged(self) -> bool:
        """Whether all are merged by now, though that was refused: by a call of ours that no answer came from in time,
        and that was still on its way when it was looked at."""
        records = await read_members(self.scope, self.merge.members)
        return len({one.ref for one in records.values()}) == 1

    async def _afterwards(self, merged: Sequence[Ref], left: Sequence[Record]) -> tuple[Ref, Failure | None]:
        """The survivor as it is called now. What was said on a loser after it was read, or before a kill, is heard."""
        losers = [*merged, *(one.ref for one in left)]
        (record,) = (await read_members(self.scope, [self.merge.survivor])).values()
        if isinstance(record, Gone):
            words = f"{self.merge.survivor} is not to be seen after the merge: {record.reason}"
            return self.merge.survivor, Failure(Category.MISSING_RECORD, words, transient=True)
        if self.consents:
            name = self.merge.survivor.object
            gone = await self.system.departed(name, [one.id for one in losers], list(self.consents))
            self._hear(gone.values())
        return record.ref, await self._opt_out(record, before=False)

    # --- the end

    async def _done(self, home: Ref, gone: Sequence[Ref]) -> None:
        told = f"approved by {self.merge.approved_by} at {self.merge.approved_at:%Y-%m-%d %H:%M} UTC"
        words = f"{told}; it survives because {self.merge.reason}{_no(self.said)}"
        await self._end("done", words, home, {*gone, self.merge.survivor} - {home})
        self.scope.reach("noted")

    async def _drop(self, why: str) -> None:
        await self._end("dropped", why, self.merge.survivor, ())

    async def _end(self, state: str, outcome: str, home: Ref, gone: Iterable[Ref]) -> None:
        over = replace(self.merge, state=state, outcome=outcome)
        left = self.side is Side.LEFT
        await self.scope.store.end_merge(over, home, tuple(gone), self.scope.clock.now(), left=left)


def _no(said: Mapping[str, Ref]) -> str:
    """Where its consent comes from."""
    if not said:
        return ""
    return "; it says no because they did: " + ", ".join(f"{name} of {ref}" for name, ref in sorted(said.items()))
