"""What every implementation of `Store` (engine/ports.py) must do. One test, one sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from psycopg import AsyncConnection

from concord.core.model import (
    Base,
    Failure,
    Intent,
    Known,
    Lane,
    Link,
    LinkState,
    Notice,
    Origin,
    Review,
    Seen,
    Side,
    Stamp,
    Work,
)
from concord.core.plan import Done, Outcome, Rule, Verdict
from concord.core.values import BLANK, MISSING, Ref, Value
from concord.engine.ports import Store
from concord.errors import Category, StoreError
from concord.store import ledger
from concord.store.store import PostgresStore

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LEASE = timedelta(minutes=2)
QUOTA = Failure(Category.QUOTA, "daily limit reached", code="REQUEST_LIMIT_EXCEEDED", transient=True, after=30.0)
RULE = Failure(Category.VALIDATION_RULE, "Phone must have a country code", fields=("Phone",), advice="Correct it.")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def lead(number: int | str) -> Ref:
    return Ref("salesforce", "Lead", f"00Q{number}")


def contact(number: int | str) -> Ref:
    return Ref("hubspot", "contacts", str(number))


def notice(
    ref: Ref,
    seen: float = 0,
    *,
    lane: Lane = Lane.PEOPLE,
    changed: float | None = None,
    version: str | None = None,
) -> Notice:
    return Notice(ref, lane, after(seen), "webhook", None if changed is None else after(changed), version)


def link(left: Ref, right: Ref, *evidence: str, score: float = 97.5) -> Link:
    return Link(0, "people", left, right, score, evidence)


def done(*answers: Work, **rest: object) -> Done:
    return Done("people", answers, **rest)  # type: ignore[arg-type]


def verdict(field: str, left: Value, right: Value, **rest: object) -> Verdict:
    given: dict[str, object] = {"base": None, "outcome": Outcome.CARRIED, "rule": Rule.ONE_SIDE, "reason": "changed"}
    return Verdict(field=field, left=left, right=right, **(given | rest))  # type: ignore[arg-type]


async def claimed(store: Store, *refs: Ref, at: float = 0) -> Sequence[Work]:
    await store.take_in([notice(ref, at) for ref in refs])
    return await store.claim(200, after(at), LEASE)


async def linked(store: Store, left: Ref, right: Ref, **rest: object) -> Link:
    """A link in the store, made by an outcome of its own."""
    await store.record([done(new_link=link(left, right, "same e-mail"), **rest)], NOW)
    return (await store.links([left]))[left]


def test_the_postgres_store_fills_the_port(store: PostgresStore) -> None:
    port: Store = store  # the type checker's word
    assert all(callable(getattr(store, name)) for name in vars(Store) if not name.startswith("_"))
    assert port is store


class TestWalk:
    """All links, in order, a part at a time."""

    LONG_AGO = NOW - timedelta(days=90)

    async def test_every_active_link_comes_once_in_order_with_the_bases_asked_for(self, store: PostgresStore) -> None:
        bases = {"account": Base(lead(7), contact(7)), "phone": Base("1", "1")}
        made = [await linked(store, lead(number), contact(number), bases=bases) for number in range(5)]
        first = await store.walk(0, 3, ["account"], self.LONG_AGO)
        assert [one.id for one in first] == [one.id for one in made[:3]]
        assert first[0].bases == {"account": bases["account"]}
        rest = await store.walk(first[-1].id, 3, [], self.LONG_AGO)
        assert [(one.left, one.right, one.bases) for one in rest] == [(lead(n), contact(n), {}) for n in (3, 4)]
        assert await store.walk(rest[-1].id, 3, [], self.LONG_AGO) == []
        assert await store.count_links(self.LONG_AGO) == 5

    async def test_a_closed_link_comes_for_a_while_unless_one_of_its_records_is_linked_otherwise(
        self, store: PostgresStore
    ) -> None:
        for number in (1, 2, 3):
            made = await linked(store, lead(number), contact(number))
            await store.record([done(link_id=made.id, close_link="it went")], after(number))
        await linked(store, lead(22), contact(2))
        await linked(store, lead(3), contact(33))
        walked = await store.walk(0, 10, [], self.LONG_AGO)
        assert [(one.left, one.state) for one in walked] == [
            (lead(1), LinkState.CLOSED), (lead(22), LinkState.ACTIVE), (lead(3), LinkState.ACTIVE),
        ]  # fmt: skip
        assert len(await store.walk(0, 10, [], after(1))) == 2, "closed too long ago"
        assert await store.count_links(self.LONG_AGO) >= 3


class TestInbox:
    async def test_a_thousand_notices_about_one_record_are_one_row(self, store: PostgresStore) -> None:
        assert await store.take_in([notice(lead(1), second) for second in range(1000)]) == 1
        assert len(await store.claim(200, after(0), LEASE)) == 1

    async def test_a_row_has_the_most_urgent_lane_and_the_oldest_times_of_its_notices(
        self, store: PostgresStore
    ) -> None:
        await store.take_in([notice(lead(1), 5, lane=Lane.BACKFILL, changed=3)])
        await store.take_in([notice(lead(1), 7, lane=Lane.CONSENT), notice(lead(1), 6, changed=1)])
        (work,) = await store.claim(10, after(7), LEASE)
        assert (work.lane, work.first_seen_at, work.changed_at) == (Lane.CONSENT, after(5), after(1))

    async def test_a_notice_of_a_state_that_was_read_already_is_dropped(self, store: PostgresStore) -> None:
        await store.put_known([Known(lead(1), "people", {}, frozenset(), version="v2")])
        assert await store.take_in([notice(lead(1), version="v2")]) == 0
        assert await store.claim(10, after(1), LEASE) == []

    @pytest.mark.parametrize("version", ["v1", "v3", None])
    async def test_a_notice_of_another_or_no_known_state_counts(
        self, store: PostgresStore, version: str | None
    ) -> None:
        await store.put_known([Known(lead(1), "people", {}, frozenset(), version="v2")])
        assert await store.take_in([notice(lead(1), version=version)]) == 1

    async def test_a_record_known_without_a_version_is_looked_at_again(self, store: PostgresStore) -> None:
        await store.put_known([Known(lead(1), "people", {}, frozenset(), version=None)])
        assert await store.take_in([notice(lead(1), version="v2")]) == 1

    async def test_consent_is_claimed_before_a_backlog_and_then_the_oldest(self, store: PostgresStore) -> None:
        await store.take_in([notice(lead(number), number, lane=Lane.BACKFILL) for number in range(20)])
        await store.take_in([notice(contact(2), 22), notice(contact(1), 21), notice(contact(3), 23, lane=Lane.CONSENT)])
        claims = [await store.claim(4, after(30), LEASE) for _ in range(3)]
        assert [[work.ref for work in works] for works in claims] == [
            [contact(3)],
            [contact(1), contact(2)],
            [lead(0), lead(1), lead(2), lead(3)],
        ]

    async def test_a_worker_for_urgent_lanes_leaves_the_others_alone(self, store: PostgresStore) -> None:
        await store.take_in([notice(lead(1)), notice(contact(3), lane=Lane.CONVERSION)])
        (work,) = await store.claim(10, after(30), LEASE, Lane.CONVERSION)
        assert work.ref == contact(3)
        assert await store.claim(10, after(30), LEASE, Lane.CONVERSION) == []

    async def test_the_other_end_of_a_link_is_nobody_elses_either(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        taken = {str(contact(1)): lead(1)}
        assert await store.seize(work.ticket, taken, NOW, after(120)) == set(taken)
        await store.take_in([notice(contact(1)), notice(contact(2))])
        (other,) = await store.claim(10, after(1), LEASE)
        assert other.ref == contact(2)
        assert await store.seize(other.ticket, {str(contact(1)): contact(2)}, after(1), after(121)) == set()
        await store.record([done(work)], after(1))
        (free,) = await store.claim(10, after(2), LEASE)
        assert free.ref == contact(1)

    async def test_what_a_dead_worker_had_is_free_when_its_lease_is_over(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.seize(work.ticket, {str(contact(1)): lead(1)}, NOW, after(120))
        await store.take_in([notice(contact(1))])
        assert await store.claim(10, after(119), LEASE) == []
        assert {one.ref for one in await store.claim(10, after(121), LEASE)} == {lead(1), contact(1)}

    async def test_a_claim_is_renewed_as_long_as_nobody_has_taken_it_over(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.seize(work.ticket, {str(contact(1)): lead(1)}, NOW, after(120))
        assert await store.renew([work], 2, after(60), after(180))
        assert await store.claim(10, after(150), LEASE) == []
        assert not await store.renew([work], 2, after(181), after(300))
        assert [one.ref for one in await store.claim(10, after(181), LEASE)] == [lead(1)]
        assert not await store.renew([work], 2, after(182), after(300))

    async def test_rows_that_are_put_off_come_back_untried(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.postpone([work], after(5))
        assert await store.claim(10, after(4), LEASE) == []
        (again,) = await store.claim(10, after(5), LEASE)
        assert (again.ref, again.attempts, again.first_seen_at) == (work.ref, 0, work.first_seen_at)

    async def test_a_claimed_row_is_nobody_elses_until_its_lease_runs_out(self, store: PostgresStore) -> None:
        (first,) = await claimed(store, lead(1))
        assert await store.claim(10, after(119), LEASE) == []
        (second,) = await store.claim(10, after(121), LEASE)
        assert second.ref == first.ref
        assert second.ticket != first.ticket

    async def test_two_workers_share_the_rows_and_never_take_one_twice(self, store: PostgresStore) -> None:
        await store.take_in([notice(lead(number)) for number in range(30)])
        works = [*await store.claim(20, NOW, LEASE), *await store.claim(20, NOW, LEASE)]
        assert len({work.ref for work in works}) == len(works) == 30

    async def test_a_done_row_is_gone(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.record([done(work)], NOW)
        assert await store.backlog() == {"waiting": 0, "claimed": 0, "dead": 0, "due_later": 0}

    async def test_a_notice_after_the_claim_keeps_the_row_open(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.take_in([notice(lead(1), 9, lane=Lane.BACKFILL, changed=8), notice(lead(1), 10)])
        await store.record([done(work)], after(11))
        (again,) = await store.claim(10, after(11), LEASE)
        assert (again.first_seen_at, again.changed_at, again.lane) == (after(9), after(8), Lane.PEOPLE)

    async def test_a_notice_after_the_claim_does_not_let_another_worker_in(self, store: PostgresStore) -> None:
        await claimed(store, lead(1))
        await store.take_in([notice(lead(1), 1)])
        assert await store.claim(10, after(2), LEASE) == []

    async def test_a_lost_lease_merges_what_was_noted_meanwhile(self, store: PostgresStore) -> None:
        await claimed(store, lead(1))
        await store.take_in([notice(lead(1), 9, lane=Lane.CONSENT, changed=-5)])
        (again,) = await store.claim(10, after(200), LEASE)
        assert (again.first_seen_at, again.changed_at, again.lane) == (NOW, after(-5), Lane.CONSENT)

    async def test_a_released_row_comes_back_at_its_time_with_its_tries_counted(self, store: PostgresStore) -> None:
        works = await claimed(store, lead(1))
        await store.release(works, NOW, after(60), QUOTA)
        assert await store.claim(10, after(59), LEASE) == []
        assert (await store.backlog())["due_later"] == 1
        (again,) = await store.claim(10, after(60), LEASE)
        assert again.attempts == 1

    async def test_a_release_that_is_no_try_counts_none(self, store: PostgresStore) -> None:
        works = await claimed(store, lead(1))
        await store.release(works, NOW, after(60), QUOTA, spent=False)
        (again,) = await store.claim(10, after(60), LEASE)
        assert again.attempts == 0

    async def test_a_new_notice_brings_a_released_row_forward(self, store: PostgresStore) -> None:
        works = await claimed(store, lead(1))
        await store.release(works, NOW, after(600), QUOTA)
        await store.take_in([notice(lead(1), 5)])
        (again,) = await store.claim(10, after(5), LEASE)
        assert (again.attempts, again.first_seen_at) == (1, NOW)

    async def test_a_dead_row_waits_for_a_person_and_shows_why(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.record([done(work, failure=RULE, dead=True)], NOW)
        assert await store.claim(10, after(10**6), LEASE) == []
        (stuck,) = await store.dead()
        assert (stuck.ref, stuck.failure, stuck.attempts) == (lead(1), RULE, 1)

    async def test_a_new_change_gives_a_dead_row_a_new_try(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.record([done(work, failure=RULE, dead=True)], NOW)
        await store.take_in([notice(lead(1), 50)])
        (again,) = await store.claim(10, after(50), LEASE)
        assert again.attempts == 0
        assert await store.dead() == []

    async def test_a_notice_during_the_last_try_keeps_the_row_alive(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.take_in([notice(lead(1), 3)])
        await store.record([done(work, failure=RULE, dead=True)], after(4))
        (again,) = await store.claim(10, after(4), LEASE)
        assert again.attempts == 0

    async def test_dead_rows_are_revived_by_what_they_failed_for(self, store: PostgresStore) -> None:
        works = await claimed(store, lead(1), lead(2), contact(3))
        failures = {lead(1): RULE, lead(2): QUOTA, contact(3): RULE}
        await store.record([done(work, failure=failures[work.ref], dead=True) for work in works], NOW)
        assert await store.revive(after(9), [lead(1), lead(2)], Category.VALIDATION_RULE) == 1
        assert await store.revive(after(9), category=Category.VALIDATION_RULE) == 1
        assert {work.ref for work in await store.claim(10, after(9), LEASE)} == {lead(1), contact(3)}
        assert await store.revive(after(9)) == 1

    async def test_what_is_retried_by_itself_is_shown_as_failing_but_not_as_dead(self, store: PostgresStore) -> None:
        works = await claimed(store, lead(1))
        await store.release(works, NOW, after(60), QUOTA)
        (failing,) = await store.failing()
        assert (failing.failure, failing.dead, failing.due_at) == (QUOTA, False, after(60))
        assert await store.dead() == []

    async def test_a_claim_that_was_given_back_cannot_be_closed(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.release([work], NOW, after(60), QUOTA)
        await store.record([done(work)], NOW)
        assert len(await store.claim(10, after(60), LEASE)) == 1

    async def test_an_outcome_may_ask_for_another_look_without_a_failure(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        await store.record([done(work, retry_at=after(30))], NOW)
        (again,) = await store.claim(10, after(30), LEASE)
        assert again.attempts == 0


class TestLinks:
    async def test_a_link_is_found_from_either_side(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1), left_read_at=after(1), right_read_at=after(2))
        found = await store.links([lead(1), contact(1), lead(2)])
        assert found == {lead(1): made, contact(1): made}
        assert (made.score, made.evidence, made.left_read_at, made.right_read_at) == (
            97.5,
            ("same e-mail",),
            after(1),
            after(2),
        )

    async def test_bases_come_back_as_they_were_whatever_the_type(self, store: PostgresStore) -> None:
        stamp = Stamp(after(-60), certain=False, source="record", by="005xx")
        bases = {
            "email": Base("Ada@x.org", "ada@x.org", Origin(Side.LEFT, stamp)),
            "amount": Base(Decimal("12.50"), Decimal("12.5"), Origin(Side.RIGHT, None)),
            "opted_out": Base(False, BLANK),
            "since": Base(date(2026, 1, 2), after(0)),
            "owner": Base(Ref("salesforce", "User", "005"), MISSING),
            "topics": Base(frozenset({"b", "a"}), frozenset({"c"})),
            "note": Base("a\x00b\ud800c\ue000 \U0001f600", ""),
        }
        made = await linked(store, lead(1), contact(1), bases=bases)
        assert made.bases == bases

    async def test_a_base_is_stored_beside_those_of_other_fields(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1), bases={"a": Base("1", "1"), "b": Base("2", "2")})
        await store.record([done(link_id=made.id, bases={"b": Base("3", "3")}, right_read_at=after(9))], NOW)
        found = (await store.links([contact(1)]))[contact(1)]
        assert found.bases == {"a": Base("1", "1"), "b": Base("3", "3")}
        assert (found.left_read_at, found.right_read_at) == (None, after(9))

    async def test_two_outcomes_about_one_link_in_one_batch_both_count(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1))
        outcomes = [done(link_id=made.id, bases={name: Base(name, name)}) for name in "ab"]
        await store.record(outcomes, NOW)
        assert set((await store.links([lead(1)]))[lead(1)].bases) == {"a", "b"}

    async def test_making_a_link_again_is_the_same_link(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1))
        again = await linked(store, lead(1), contact(1), bases={"a": Base("1", "1")})
        assert again.id == made.id
        assert again.bases == {"a": Base("1", "1")}

    async def test_a_record_that_is_linked_already_is_not_linked_twice_and_is_looked_at_again(
        self, store: PostgresStore
    ) -> None:
        made = await linked(store, lead(1), contact(1))
        works = await claimed(store, contact(2), contact(3))
        outcomes = [
            done(works[0], new_link=link(lead(1), contact(2))),
            done(works[1], new_link=link(lead(3), contact(3))),
        ]
        await store.record(outcomes, NOW)
        found = await store.links([lead(1), contact(2), contact(3)])
        assert found[lead(1)] == made
        assert contact(2) not in found
        assert found[contact(3)].left == lead(3)
        assert [work.ref for work in await store.claim(10, NOW, LEASE)] == [contact(2)]
        assert [entry.event for entry in await store.ledger_of(contact(2))] == ["not linked"]

    async def test_a_closed_link_stays_and_its_records_may_be_linked_anew(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1))
        await store.record([done(link_id=made.id, close_link="the lead was deleted")], NOW)
        closed = (await store.links([contact(1)]))[contact(1)]
        assert (closed.id, closed.state) == (made.id, LinkState.CLOSED)
        anew = await linked(store, lead(2), contact(1))
        assert (await store.links([contact(1)]))[contact(1)] == anew

    async def test_closing_and_linking_anew_fit_in_one_batch(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1))
        await store.record(
            [done(new_link=link(lead(2), contact(1))), done(link_id=made.id, close_link="taken over by lead 2")], NOW
        )
        assert (await store.links([contact(1)]))[contact(1)].left == lead(2)

    async def test_a_moved_record_is_found_by_its_old_and_its_new_ref(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1), bases={"a": Base("1", "1")})
        await store.put_known([Known(lead(1), "people", {}, frozenset({"k"}))])
        converted = Ref("salesforce", "Contact", "0031")
        await store.record([done(link_id=made.id, rekey=((Side.LEFT, converted),))], NOW)
        found = await store.links([lead(1), converted, contact(1)])
        assert {one.id for one in found.values()} == {made.id}
        assert found[lead(1)].left == converted
        assert found[converted].bases == made.bases
        assert await store.candidates("people", ["k"], "salesforce") == []

    async def test_a_record_merged_into_a_linked_one_gives_its_link_up(self, store: PostgresStore) -> None:
        loser = await linked(store, lead(1), contact(1))
        survivor = await linked(store, lead(2), contact(2))
        await store.record([done(link_id=loser.id, rekey=((Side.LEFT, lead(2)),))], NOW)
        found = await store.links([lead(1), lead(2), contact(1)])
        assert found[lead(1)].id == found[lead(2)].id == survivor.id
        assert found[contact(1)].state is LinkState.CLOSED

    async def test_an_outcome_whose_lease_ran_out_writes_no_base_and_asks_for_another_look(
        self, store: PostgresStore
    ) -> None:
        made = await linked(store, lead(1), contact(1), bases={"a": Base("new", "new")})
        (slow,) = await claimed(store, lead(1))
        (quick,) = await store.claim(10, after(200), LEASE)
        await store.record([done(quick, link_id=made.id)], after(201))
        late = done(slow, link_id=made.id, left=lead(1), right=contact(1), bases={"a": Base("old", "old")})
        await store.record([Done(**{**vars(late), "verdicts": (verdict("a", "old", "old"),)})], after(202))
        assert (await store.links([lead(1)]))[lead(1)].bases == made.bases
        assert [work.ref for work in await store.claim(10, after(202), LEASE)] == [lead(1)]
        assert [entry.event for entry in await store.ledger_of(lead(1))] == ["field", "linked"]

    async def test_changing_a_link_without_its_id_is_refused_and_nothing_is_written(self, store: PostgresStore) -> None:
        with pytest.raises(ValueError, match="id is not given"):
            await store.record([done(new_link=link(lead(2), contact(2))), done(close_link="gone")], NOW)
        assert await store.links([lead(2)]) == {}


class TestWhoIsWho:
    async def test_what_is_known_comes_back_as_it_was(self, store: PostgresStore) -> None:
        known = Known(lead(1), "people", {"email": ["a@x.org"], "name": "Ada"}, frozenset({"e:a@x.org"}), "v1", lead(2))
        await store.put_known([Known(lead(1), "people", {}, frozenset({"old"})), known])
        assert await store.known([lead(1), lead(9)]) == {lead(1): known}

    async def test_what_a_record_told_is_kept_beside_what_is_known_of_it(self, store: PostgresStore) -> None:
        known = Known(lead(1), "people", {"name": "Ada"}, frozenset({"k"}), "v1", told="digest")
        await store.put_known([known, Known(lead(2), "people", {}, frozenset())])
        assert await store.known([lead(1)]) == {lead(1): known}
        assert await store.told([lead(1), lead(2), lead(3)]) == {lead(1): "digest"}

    async def test_a_record_that_was_only_seen_again_keeps_its_keys_and_gets_what_may_be_new(
        self, store: PostgresStore
    ) -> None:
        known = Known(lead(1), "people", {"name": "Ada", "title": "Countess"}, frozenset({"k"}), "v1", told="digest")
        await store.put_known([known])
        seen = Seen(lead(1), "digest", {"title": "Engineer"}, "v2", duplicate_of=lead(9))
        await store.record([done(known=(seen,))], NOW)
        traits = {"name": "Ada", "title": "Engineer"}
        assert await store.known([lead(1)]) == {
            lead(1): Known(lead(1), "people", traits, frozenset({"k"}), "v2", lead(9), "digest")
        }
        assert [one.ref for one in await store.candidates("people", ["k"], "salesforce")] == [lead(1)]

    async def test_a_record_that_another_worker_found_to_tell_something_else_counts_as_read_in_no_state(
        self, store: PostgresStore
    ) -> None:
        other = Known(lead(1), "people", {"name": "Grace"}, frozenset({"g"}), "v3", told="another")
        await store.put_known([other])
        await store.record([done(known=(Seen(lead(1), "digest", {"title": "Countess"}, "v2"),))], NOW)
        assert await store.known([lead(1)]) == {lead(1): replace(other, version=None)}

    async def test_a_record_that_was_forgotten_meanwhile_is_not_known_again_by_being_seen(
        self, store: PostgresStore
    ) -> None:
        new = Known(lead(2), "people", {}, frozenset({"k"}), told="digest")
        await store.record([done(known=(Seen(lead(1), "digest", {}, "v2"), new))], NOW)
        assert await store.known([lead(1), lead(2)]) == {lead(2): new}

    async def test_candidates_share_a_key_a_system_and_an_object_pair(self, store: PostgresStore) -> None:
        hits = [Known(contact(number), "people", {}, frozenset({"k", f"k{number}"})) for number in (1, 2)]
        misses = [
            Known(lead(3), "people", {}, frozenset({"k"})),
            Known(Ref("hubspot", "companies", "4"), "companies", {}, frozenset({"k"})),
            Known(contact(5), "people", {}, frozenset({"other"})),
        ]
        await store.put_known([*hits, *misses])
        assert await store.candidates("people", ["k", "k2"], "hubspot") == hits

    async def test_a_key_that_is_no_longer_had_finds_nothing(self, store: PostgresStore) -> None:
        await store.put_known([Known(contact(1), "people", {}, frozenset({"old"}))])
        await store.put_known([Known(contact(1), "people", {}, frozenset({"new"}))])
        assert await store.candidates("people", ["old"], "hubspot") == []

    async def test_duplicates_are_listed_under_the_one_that_stands_for_them(self, store: PostgresStore) -> None:
        await store.put_known(
            [Known(lead(number), "people", {}, frozenset(), duplicate_of=lead(1)) for number in (3, 2)]
        )
        assert await store.duplicates_of([lead(1), lead(2)]) == {lead(1): (lead(2), lead(3))}
        assert (await store.counts()).duplicates == 2

    async def test_a_forgotten_record_is_no_candidate(self, store: PostgresStore) -> None:
        await store.put_known([Known(contact(1), "people", {}, frozenset({"k"}))])
        await store.forget([contact(1)])
        assert await store.candidates("people", ["k"], "hubspot") == []

    async def test_what_a_person_has_decided_is_never_asked_again(self, store: PostgresStore) -> None:
        question = Review("people", lead(1), contact(1), 81.0, ("similar name",))
        apart = Review("people", lead(1), contact(1), 81.0, ("similar name",), "apart")
        await store.record([done(reviews=(question,))], NOW)
        assert await store.open_reviews() == [question]
        await store.decide([apart], after(1))
        await store.record([done(reviews=(question,))], after(2))
        assert await store.open_reviews() == []
        assert await store.reviews([contact(1)]) == await store.reviews([lead(1), contact(1)]) == [apart]

    async def test_a_pair_that_became_a_link_is_no_question(self, store: PostgresStore) -> None:
        await store.record([done(reviews=(Review("people", lead(1), contact(1), 81.0, ()),))], NOW)
        await linked(store, lead(1), contact(1))
        assert [review.state for review in await store.reviews([lead(1)])] == ["linked"]

    async def test_an_intent_stays_until_it_is_done_and_is_noted_once(self, store: PostgresStore) -> None:
        first = Intent(lead(1), "hubspot", "contacts", ("email", "ada@x.org"))
        second = Intent(lead(1), "hubspot", "contacts", ("email", "ada@new.org"))
        await store.intend([first], NOW)
        await store.intend([first, second], after(1))
        assert await store.intents([lead(1), lead(2)]) == [first, second]
        await store.record([done(done_intents=(first,))], after(2))
        assert await store.intents([lead(1)]) == [second]


class TestLedger:
    async def test_a_decision_comes_back_with_everything_it_was_decided_on(self, store: PostgresStore) -> None:
        decided = verdict(
            "phone",
            "+491",
            BLANK,
            outcome=Outcome.DECIDED,
            rule=Rule.NEWER,
            reason="newer by 7 minutes",
            base=Base("+490", "+490", Origin(Side.RIGHT, Stamp(after(-90), True, "property history"))),
            write_right="+491",
            winner=Side.LEFT,
            conflict=True,
            left_stamp=Stamp(after(-1), True, "field history", "005"),
            right_stamp=Stamp(after(-500), False, "record"),
        )
        made = await linked(store, lead(1), contact(1))
        wrote = {"phone": ("hubspot contacts 1 phone",)}
        await store.record(
            [done(link_id=made.id, left=lead(1), right=contact(1), verdicts=(decided,), wrote=wrote)], after(3)
        )
        entry, birth = await store.ledger_of(contact(1))
        assert (entry.verdict, entry.at, entry.run, entry.wrote) == (decided, after(3), "a run", wrote["phone"])
        assert (birth.event, birth.reason, birth.link_id) == ("linked", "same e-mail", made.id)
        assert await store.conflicts() == [entry]
        assert await store.conflicts(before=entry.id) == []

    async def test_a_moved_records_earlier_decisions_are_found_by_its_new_ref(self, store: PostgresStore) -> None:
        made = await linked(store, lead(1), contact(1))
        old = done(link_id=made.id, left=lead(1), right=contact(1), verdicts=(verdict("a", "1", "2"),))
        converted = Ref("salesforce", "Contact", "0031")
        await store.record([old], NOW)
        await store.record([done(link_id=made.id, rekey=((Side.LEFT, converted),))], NOW)
        for ref in (converted, lead(1), contact(1)):
            assert [entry.event for entry in await store.ledger_of(ref)] == ["moved", "field", "linked"]

    async def test_counts_tell_decisions_by_rule(self, store: PostgresStore) -> None:
        verdicts = (
            verdict("a", "1", "2"),
            verdict("b", "1", "2", rule=Rule.NEWER, conflict=True),
            verdict("c", "1", "2", rule=Rule.NEWER, first_link=True),
        )
        await linked(store, lead(1), contact(1), verdicts=verdicts)
        counts = await store.counts()
        assert (counts.links, counts.closed_links, counts.reviews_open) == (1, 0, 0)
        assert counts.by_rule == {Rule.ONE_SIDE: 1, Rule.NEWER: 2}
        assert counts.conflicts_by_rule == counts.first_links_by_rule == {Rule.NEWER: 1}

    async def test_latency_is_measured_for_rows_that_led_to_a_write(self, store: PostgresStore) -> None:
        await store.take_in([notice(lead(1), 1, changed=0), notice(lead(2), 1), notice(lead(3), 1)])
        works = await store.claim(10, after(1), LEASE)
        applied = {lead(1): after(2.5), lead(2): after(2), lead(3): None}
        await store.record([done(work, applied_at=applied[work.ref]) for work in works], after(3))
        assert sorted(one.seconds for one in await store.latencies()) == [1.0, 2.5]
        assert await store.latencies(lane=Lane.CONSENT) == []

    async def test_the_oldest_measures_go_now_and_then(
        self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ledger, "LATENCIES_KEPT", 2)
        monkeypatch.setattr(ledger, "TRIM_AFTER", 4)
        kept = []
        for number in range(4):
            (work,) = await claimed(store, lead(number))
            await store.record([done(work, applied_at=after(number))], after(number))
            kept.append(len(await store.latencies()))
        assert kept == [1, 2, 3, 2]


async def _others_waiting(connection: AsyncConnection) -> bool:
    cursor = await connection.execute("SELECT FROM pg_locks WHERE NOT granted")
    return cursor.rowcount > 0


class TestTransactions:
    async def test_a_position_is_kept_by_name(self, store: PostgresStore) -> None:
        assert await store.position("sweep salesforce") is None
        await store.put_position("sweep salesforce", "1")
        await store.put_position("sweep salesforce", "2")
        await store.put_position("sweep hubspot", "x")
        assert await store.position("sweep salesforce") == "2"

    async def test_a_batch_that_fails_leaves_nothing(self, store: PostgresStore) -> None:
        (work,) = await claimed(store, lead(1))
        impossible = Review("people", lead(1), contact(1), 80.0, (), "perhaps")
        with pytest.raises(Exception, match="review_state_check"):
            await store.record([done(work, new_link=link(lead(1), contact(1)), reviews=(impossible,))], NOW)
        assert await store.links([lead(1)]) == {}
        assert (await store.backlog())["claimed"] == 1

    async def test_two_pairs_in_one_database_do_not_see_each_other(self, store: PostgresStore, database: str) -> None:
        await linked(store, lead(1), contact(1))
        await store.take_in([notice(lead(1))])
        await store.put_known([Known(lead(1), "people", {}, frozenset({"k"}))])
        async with PostgresStore.open(database, pair="another") as other:
            assert await other.links([lead(1)]) == {}
            assert await other.claim(10, after(9), LEASE) == []
            assert await other.candidates("people", ["k"], "salesforce") == []
            assert await other.ledger_of(lead(1)) == []
            assert (await other.counts()).links == 0

    async def test_a_database_that_is_away_is_a_store_error(self, database: str) -> None:
        with pytest.raises(StoreError, match="does not answer"):
            async with PostgresStore.open("host=/nowhere"):
                pass
        async with PostgresStore.open(database) as store, await AsyncConnection.connect(database) as connection:
            await connection.execute("LOCK TABLE inbox")
            waiting = asyncio.create_task(store.backlog())
            async with asyncio.timeout(20):
                while not await _others_waiting(connection):  # noqa: ASYNC110 - a lock tells nobody
                    await asyncio.sleep(0)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
            with pytest.raises(StoreError, match="does not answer"):
                await waiting
            await connection.rollback()
            assert (await store.backlog())["waiting"] == 0

    async def test_empty_questions_have_empty_answers(self, store: PostgresStore) -> None:
        assert await store.take_in([]) == 0
        await store.record([], NOW)
        await store.put_known([])
        await store.intend([], NOW)
        assert await store.links([]) == {}
        assert await store.known([]) == {}
        assert await store.duplicates_of([]) == {}
        assert await store.reviews([]) == []
        assert await store.intents([]) == []
        assert await store.candidates("people", [], "hubspot") == []
