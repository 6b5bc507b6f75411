"""The end of the line: everything that came of a batch, in the one transaction that it is given.

Bulk statements only (a batch of 200 costs about as many round trips as a batch of one), except for moved records, which
are rare. One contradiction, such as a record that another worker has linked meanwhile, never fails the batch: its rows
are looked at again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import AsyncConnection

from concord.core.model import Base, Notice, Work
from concord.core.plan import Done
from concord.core.values import Ref
from concord.store.inbox import Inbox, PutBack
from concord.store.known import People
from concord.store.ledger import Event, Ledger, event_line, field_line
from concord.store.links import BasesOf, Links
from concord.store.rows import Row


@dataclass
class _Batch:
    """What is known of the batch while it is being written. held: the claimed records whose claim still stands."""

    outcomes: Sequence[Done]
    now: datetime
    held: set[Ref]
    link_ids: list[int | None]
    refused: set[int] = field(default_factory=set)
    lines: list[Row] = field(default_factory=list)

    def late(self, outcome: Done) -> bool:
        """Whether a lease of it ran out, so that another worker may have decided on newer readings since."""
        return any(work.ref not in self.held for work in outcome.answers)


@dataclass(frozen=True)
class Recording:
    """Writes batches of one pair."""

    inbox: Inbox
    links: Links
    people: People
    ledger: Ledger

    async def record(self, connection: AsyncConnection, outcomes: Sequence[Done], now: datetime) -> bool:
        """Write it all. True when rows are due at once, so that a worker is to be woken.

        Of an outcome that comes late, because its lease ran out, links and ledger are written, for that is what
        happened; its bases and readings are not, for they may be older than those that are there, and its records are
        looked at again. Raises ValueError: a link is to be closed or moved and its id is missing.
        """
        works = {work.ref: work for outcome in outcomes for work in outcome.answers}
        held = await self.inbox.hold(connection, works.values(), now)
        batch = _Batch(outcomes, now, held, [outcome.link_id for outcome in outcomes])
        await self._close_links(connection, batch)
        await self._move_links(connection, batch)
        await self._make_links(connection, batch)
        await self._put_bases(connection, batch)
        timely = [outcome for outcome in outcomes if not batch.late(outcome)]
        await self.people.put_known(connection, [known for outcome in timely for known in outcome.known])
        await self.people.put_reviews(connection, [one for outcome in outcomes for one in outcome.reviews], now)
        await self.people.finish_intents(connection, [one for outcome in outcomes for one in outcome.done_intents])
        self._write_verdicts(batch)
        await self.ledger.write(connection, batch.lines, now)
        return await self._answer(connection, batch, works)

    async def _close_links(self, connection: AsyncConnection, batch: _Batch) -> None:
        why: dict[int, str] = {}
        for outcome in batch.outcomes:
            if outcome.close_link is not None:
                link_id = _required(outcome)
                why[link_id] = outcome.close_link
                batch.lines.append(_event("closed", outcome, link_id, outcome.close_link))
        await self.links.close(connection, why, batch.now)

    async def _move_links(self, connection: AsyncConnection, batch: _Batch) -> None:
        for outcome in batch.outcomes:
            for side, ref in outcome.rekey:
                link_id = _required(outcome)
                moved = await self.links.move(connection, link_id, side, ref, batch.now)
                if moved.old is not None:
                    await self.people.forget(connection, [moved.old])
                    reason = moved.refusal or f"{moved.old} became {ref}"
                    batch.lines.append(_event("closed" if moved.refusal else "moved", outcome, link_id, reason))

    async def _make_links(self, connection: AsyncConnection, batch: _Batch) -> None:
        wanted = [outcome.new_link for outcome in batch.outcomes if outcome.new_link is not None]
        ids, refused = await self.links.make(connection, wanted, batch.now)
        for place, outcome in enumerate(batch.outcomes):
            link = outcome.new_link
            if link is None:
                continue
            pair = (link.left, link.right)
            if pair in ids:
                batch.link_ids[place] = ids[pair]
                batch.lines.append(_event("linked", outcome, ids[pair], "; ".join(link.evidence)))
            else:
                batch.refused.add(place)
                reason = f"{refused[pair][0]} and {refused[pair][1]} are linked already"
                batch.lines.append(_event("not linked", outcome, None, reason))
        await self.people.answer_reviews(connection, list(ids), batch.now)

    async def _put_bases(self, connection: AsyncConnection, batch: _Batch) -> None:
        bases: list[BasesOf] = []
        for place, (outcome, link_id) in enumerate(zip(batch.outcomes, batch.link_ids, strict=True)):
            if link_id is None or place in batch.refused or batch.late(outcome):
                continue
            fields: dict[str, Base] = {**(outcome.new_link.bases if outcome.new_link else {}), **(outcome.bases or {})}
            if fields or outcome.left_read_at or outcome.right_read_at:
                bases.append((link_id, fields, outcome.left_read_at, outcome.right_read_at))
        await self.links.put_bases(connection, bases)

    def _write_verdicts(self, batch: _Batch) -> None:
        for outcome, link_id in zip(batch.outcomes, batch.link_ids, strict=True):
            left, right = _refs(outcome)
            wrote = outcome.wrote or {}
            batch.lines += [
                field_line(outcome.object_pair, link_id, left, right, verdict, wrote.get(verdict.field, ()))
                for verdict in outcome.verdicts
            ]

    async def _answer(self, connection: AsyncConnection, batch: _Batch, works: dict[Ref, Work]) -> bool:
        """Close the rows or put them back; whether any is due at once."""
        back: dict[Ref, PutBack] = {}
        closing: dict[Ref, Work] = {}
        applied: dict[Ref, tuple[Work, datetime]] = {}
        for place, outcome in enumerate(batch.outcomes):
            for work in outcome.answers:
                put_back = _put_back(work, outcome, batch.now, refused=place in batch.refused)
                if work.ref not in batch.held:
                    continue
                if put_back is None:
                    closing[work.ref] = work
                    if outcome.applied_at is not None:
                        applied[work.ref] = (work, outcome.applied_at)
                elif not (work.ref in back and back[work.ref].dead):
                    back[work.ref] = put_back
        await self.inbox.put_back(connection, list(back.values()))
        done = [work for ref, work in closing.items() if ref not in back]
        still_open = await self.inbox.close(connection, done)
        await self.inbox.let_go(connection, [*done, *(one.work for one in back.values())])
        await self.inbox.mended(connection, _mended(batch) - works.keys())
        await self.ledger.put_latencies(connection, [applied[work.ref] for work in done if work.ref in applied])
        late = [work for ref, work in works.items() if ref not in batch.held]
        if late:
            notices = [Notice(work.ref, work.lane, batch.now, "late", work.changed_at) for work in late]
            await self.inbox.take_in(connection, notices)
        return bool(late or still_open or any(one.due_at <= batch.now for one in back.values()))


def _put_back(work: Work, outcome: Done, now: datetime, *, refused: bool) -> PutBack | None:
    """How this row goes back into the inbox; None: it is done."""
    if outcome.dead:
        return PutBack(work, now, now, outcome.failure, spent=True, dead=True)
    if outcome.retry_at is not None:
        return PutBack(work, now, outcome.retry_at, outcome.failure, spent=outcome.failure is not None)
    return PutBack(work, now, now, None, spent=True) if refused else None


def _mended(batch: _Batch) -> set[Ref]:
    """The records of what was just decided for both sides: a row by which one of them waited for a person is either out
    of date, or its place is taken by the row that waits from now on."""
    return {
        ref
        for place, outcome in enumerate(batch.outcomes)
        if outcome.retry_at is None and place not in batch.refused and not batch.late(outcome)
        for ref in _refs(outcome)
        if ref is not None
    }


def _required(outcome: Done) -> int:
    if outcome.link_id is None:
        raise ValueError(f"the link of {outcome.left} and {outcome.right} is to be changed and its id is not given")
    return outcome.link_id


def _refs(outcome: Done) -> tuple[Ref | None, Ref | None]:
    if outcome.new_link is not None:
        return outcome.new_link.left, outcome.new_link.right
    return outcome.left, outcome.right


def _event(event: Event, outcome: Done, link_id: int | None, reason: str) -> Row:
    left, right = _refs(outcome)
    return event_line(event, outcome.object_pair, link_id, left, right, reason)
