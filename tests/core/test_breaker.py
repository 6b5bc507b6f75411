"""What of a plan is counted against a flood, when a flood is stopped, and what is held then (SPEC 9.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from tests.core.fields import CONTACT, LEAD, NOON, at, entry, record, terms

from concord.core.breaker import (
    USUAL,
    Gauge,
    Kind,
    Limit,
    Limits,
    Mark,
    Standing,
    follows,
    hold,
    judge,
    marks,
    refuse,
    watched,
)
from concord.core.history import BEFORE_ANY
from concord.core.mapping import FieldPair, ObjectPair, SyncRule
from concord.core.model import Base, Intent, Record, Refused, Side
from concord.core.plan import (
    CloseStep,
    CreateStep,
    DuplicateStep,
    FieldWrite,
    LinkStep,
    Outcome,
    RecordPlan,
    Rule,
    Step,
    UpdateStep,
    Verdict,
    WaitStep,
)
from concord.core.values import BLANK, MISSING, Ref, Value
from concord.errors import Category

TITLE = FieldPair("job_title", "Title", "jobtitle")
OWNER = FieldPair("owner", "OwnerId", "hubspot_owner_id")
STAGE = FieldPair("stage", "Stage__c", "lifecyclestage", rule=SyncRule.FORWARD_ONLY)
STATUS = FieldPair("status", "Status", "hs_lead_status")
OPT_OUT = FieldPair("opt_out", "HasOptedOutOfEmail", "hs_email_optout", rule=SyncRule.MOST_RESTRICTIVE)
PAIR = terms((TITLE, OWNER, STAGE, STATUS, OPT_OUT), (), ()).pair
LIMITS = Limits(owners=frozenset({"OwnerId"}), stages=frozenset({"hs_lead_status"}))
WINDOW = timedelta(minutes=15)
BLANKS = Gauge(Kind.BLANK, "people", "salesforce")
STAGES = Gauge(Kind.LIFECYCLE, "people", "salesforce")


def update(*writes: FieldWrite, ref: Ref = LEAD, side: Side = Side.LEFT) -> UpdateStep:
    return UpdateStep(ref, side, writes, None)


def write(name: str, before: Value, after: Value) -> FieldWrite:
    return FieldWrite(name, f"{name}__c", before, after)


def verdict(name: str, *, first_link: bool = False) -> Verdict:
    return Verdict(
        name, Outcome.CARRIED, Rule.ONE_SIDE, "changed", "a", "b", None, write_left="b", first_link=first_link
    )


def plan(*steps: Step, **said: object) -> RecordPlan:
    given: dict[str, object] = {"left": LEAD, "right": CONTACT, "link_id": 7, **said}
    return RecordPlan("people", steps=steps, **given)  # type: ignore[arg-type]


def found(
    one: RecordPlan,
    *,
    limits: Limits = LIMITS,
    pair: ObjectPair = PAIR,
    records: Mapping[Ref, Record] | None = None,
    previewed: bool = False,
) -> list[tuple[str, str]]:
    """What is counted: gauge and field."""
    kinds = watched(pair, limits, ())
    return [
        (mark.gauge.name, mark.field) for mark in marks(one, pair, kinds, limits, records or {}, previewed=previewed)
    ]


class TestWhatIsCounted:
    def test_a_value_that_is_cleared(self) -> None:
        assert found(plan(update(write("job_title", "Analyst", BLANK)))) == [("blank:people:salesforce", "job_title")]

    @pytest.mark.parametrize(("before", "after"), [("a", "b"), (BLANK, "b"), (BLANK, BLANK), (MISSING, BLANK)])
    def test_no_other_write_of_a_plain_field(self, before: Value, after: Value) -> None:
        assert found(plan(update(write("job_title", before, after)))) == []

    @pytest.mark.parametrize(("name", "kind"), [("owner", "owner"), ("stage", "lifecycle"), ("status", "lifecycle")])
    def test_an_owner_or_a_stage_that_moves_but_not_one_that_is_filled(self, name: str, kind: str) -> None:
        assert found(plan(update(write(name, "a", "b")))) == [(f"{kind}:people:salesforce", name)]
        assert found(plan(update(write(name, BLANK, "b")))) == []

    def test_a_field_that_points_to_a_user_says_who_owns_it(self) -> None:
        assert watched(PAIR, LIMITS, {"job_title"})["job_title"] == {Kind.BLANK, Kind.OWNER}

    def test_an_owner_that_is_cleared_counts_twice(self) -> None:
        assert found(plan(update(write("owner", "a", BLANK)))) == [
            ("blank:people:salesforce", "owner"),
            ("owner:people:salesforce", "owner"),
        ]

    def test_consent_never_however_it_changes(self) -> None:
        limits = replace(LIMITS, owners=frozenset({"HasOptedOutOfEmail"}), stages=frozenset({"hs_email_optout"}))
        writes = [write("opt_out", False, True), write("opt_out", True, BLANK), write("opt_out", True, False)]
        assert found(plan(*(update(one) for one in writes)), limits=limits) == []

    def test_a_field_of_two_names_for_two_objects_is_watched_for_both(self) -> None:
        pair = replace(PAIR, fields=(replace(TITLE, only=frozenset({"Lead"})), replace(TITLE, left="OwnerId")))
        assert watched(pair, LIMITS, ())["job_title"] == {Kind.BLANK, Kind.OWNER}

    def test_a_record_that_is_made_by_its_source_in_the_system_it_is_made_in(self) -> None:
        create = CreateStep(CONTACT, Side.LEFT, Intent(CONTACT, "salesforce", "Lead", ("Id__c", "101")), ())
        (mark,) = marks(plan(create), PAIR, {}, LIMITS, {}, previewed=False)
        assert mark == Mark(Gauge(Kind.CREATE, "people", "salesforce"), CONTACT)

    @pytest.mark.parametrize(("side", "gone", "partner"), [(Side.LEFT, LEAD, CONTACT), (Side.RIGHT, CONTACT, LEAD)])
    def test_a_link_that_ends_in_the_system_that_the_record_is_gone_from(
        self, side: Side, gone: Ref, partner: Ref
    ) -> None:
        (mark,) = marks(plan(CloseStep(7, side, gone, "deleted")), PAIR, {}, LIMITS, {}, previewed=True)
        assert mark == Mark(Gauge(Kind.DELETE, "people", gone.system), gone, partner)

    def test_no_link_that_ends_in_a_merge(self) -> None:
        assert found(plan(CloseStep(7, Side.LEFT, LEAD, "merged"), DuplicateStep(CONTACT, CONTACT, ()))) == []

    def test_no_kind_that_is_off(self) -> None:
        limits = replace(LIMITS, by_kind={Kind.OWNER: USUAL[Kind.OWNER]})
        steps = (update(write("job_title", "a", BLANK), write("owner", "a", BLANK)), CloseStep(7, Side.LEFT, LEAD, ""))
        assert found(plan(*steps), limits=limits) == [("owner:people:salesforce", "owner")]

    def test_of_what_a_person_has_seen_before_only_clears_and_ends(self) -> None:
        create = CreateStep(CONTACT, Side.LEFT, Intent(CONTACT, "salesforce", "Lead", ("Id__c", "101")), ())
        assert found(plan(create), previewed=True) == []
        steps = update(write("stage", "a", "b"), write("owner", "a", "b"), write("job_title", "a", BLANK))
        verdicts = (verdict("stage", first_link=True), verdict("job_title", first_link=True), verdict("owner"))
        assert found(plan(steps, verdicts=verdicts), previewed=True) == [
            ("owner:people:salesforce", "owner"),
            ("blank:people:salesforce", "job_title"),
        ]

    def test_what_both_sides_show_is_noted_for_the_answer(self) -> None:
        records = {
            LEAD: record(LEAD, {"Title": "Analyst"}),
            CONTACT: record(
                CONTACT, {"jobtitle": BLANK}, histories={"jobtitle": (entry(BLANK, 5), entry("Analyst", 1))}
            ),
        }
        one = plan(update(write("job_title", "Analyst", BLANK)))
        (mark,) = marks(one, PAIR, watched(PAIR, LIMITS, ()), LIMITS, records, previewed=False)
        assert mark == Mark(BLANKS, LEAD, CONTACT, "job_title", Base("Analyst", BLANK, right_seen=at(5)))
        records[CONTACT] = replace(records[CONTACT], histories={"jobtitle": ()})
        (mark,) = marks(one, PAIR, watched(PAIR, LIMITS, ()), LIMITS, records, previewed=False)
        assert mark.shown == Base("Analyst", BLANK, right_seen=BEFORE_ANY)


class TestWhenAFloodIsStopped:
    def test_the_larger_of_the_two_limits_counts(self) -> None:
        assert [Limit(100, 0.01).most(linked) for linked in (0, 5_000, 250_000)] == [100, 100, 2500]

    @pytest.mark.parametrize(("total", "opens"), [(1, False), (100, False), (101, True)])
    def test_as_many_as_the_limit_pass(self, total: int, opens: bool) -> None:
        standing = judge(BLANKS, Standing(), total, 100, WINDOW, NOON)
        assert (standing.opened_at == NOON) is opens

    def test_the_reason_says_what_would_have_happened(self) -> None:
        reasons = {
            kind: judge(Gauge(kind, "people", "hubspot"), Standing(), 240, 100, WINDOW, NOON).reason for kind in Kind
        }
        assert reasons[Kind.BLANK] == "240 people would lose a value in hubspot within 15 min; 100 is the most"
        assert all("hubspot" in reason and "240" in reason for reason in reasons.values())

    def test_an_open_one_stays_open_however_little_comes(self) -> None:
        opened = Standing(NOON, "a flood")
        assert judge(BLANKS, opened, 1, 100, WINDOW, at(86_400)) == opened

    def test_an_allowed_flood_passes_for_as_long_as_it_goes_on(self) -> None:
        allowed = Standing(allowed_until=at(900))
        assert judge(BLANKS, allowed, 5000, 100, WINDOW, at(600)) == Standing(allowed_until=at(1500))
        assert judge(BLANKS, allowed, 100, 100, WINDOW, at(600)) == allowed
        assert judge(BLANKS, allowed, 5000, 100, WINDOW, at(900)).opened_at == at(900)
        assert judge(BLANKS, allowed, 1, 100, WINDOW, at(900)) == Standing()

    def test_after_a_refusal_one_more_is_too_many_for_a_window(self) -> None:
        refused = Standing(refused_until=at(900))
        assert "after that was refused" in judge(BLANKS, refused, 1, 100, WINDOW, at(899)).reason
        assert judge(BLANKS, refused, 1, 100, WINDOW, at(900)) == Standing()


class TestWhatIsHeld:
    def test_only_the_fields_on_both_sides_and_the_rest_of_the_record_goes_on(self) -> None:
        link = LinkStep(LEAD, CONTACT, 100.0, ())
        left = update(write("job_title", "Analyst", BLANK), write("city", "Paris", "London"))
        right = update(write("job_title", "Analyst", BLANK), ref=CONTACT, side=Side.RIGHT)
        before = plan(link, left, right, verdicts=(verdict("job_title"), verdict("city")))
        after = hold(before, [Mark(BLANKS, LEAD, CONTACT, "job_title")])
        assert after.steps == (link, update(write("city", "Paris", "London")))
        held, city = after.verdicts
        assert (held.outcome, held.rule, held.write_left, held.winner) == (Outcome.HELD, Rule.BREAKER, MISSING, None)
        assert "blank:people:salesforce" in held.reason
        assert city == before.verdicts[1]

    def test_the_row_waits_under_the_breakers_names_with_the_values_that_were_not_written(self) -> None:
        before = plan(
            update(write("stage", "a", "b"), write("job_title", "Analyst", BLANK)),
            verdicts=(verdict("stage"), verdict("job_title")),
        )
        held = hold(before, [Mark(STAGES, LEAD, CONTACT, "stage"), Mark(BLANKS, LEAD, CONTACT, "job_title")]).held
        assert held is not None
        assert (held.category, held.code) == (Category.BREAKER, "blank:people:salesforce lifecycle:people:salesforce")
        assert held.message.startswith("stage, job_title: held by the breaker blank:people:salesforce and lifecycle:")
        assert not held.transient
        assert held.fields == (), "one cause, whichever fields they are"
        assert held.refused == (
            Refused("salesforce", "stage", "stage__c", "b", "a"),
            Refused("salesforce", "job_title", "job_title__c", BLANK, "Analyst"),
        )

    def test_a_create_and_the_end_of_a_link_as_a_whole(self) -> None:
        close = plan(CloseStep(7, Side.LEFT, LEAD, "deleted"))
        after = hold(close, [Mark(Gauge(Kind.DELETE, "people", "salesforce"), LEAD, CONTACT)])
        (step,) = after.steps
        assert isinstance(step, WaitStep)
        assert step.ref == LEAD
        assert after.held is not None
        assert after.held.message.startswith("the whole record: ")

    def test_a_duplicate_that_would_take_over_waits_with_the_link(self) -> None:
        close = hold(
            plan(CloseStep(7, Side.LEFT, LEAD, "deleted")),
            [Mark(Gauge(Kind.DELETE, "people", "salesforce"), LEAD, CONTACT)],
        )
        heir = Ref("salesforce", "Lead", "00Q2")
        after = follows(plan(LinkStep(heir, CONTACT, 100.0, ()), left=heir, link_id=None), close)
        assert after.held == close.held
        assert [type(step) for step in after.steps] == [WaitStep]

    def test_what_a_person_has_refused_is_done_with(self) -> None:
        create = CreateStep(CONTACT, Side.LEFT, Intent(CONTACT, "salesforce", "Lead", ("Id__c", "101")), ())
        after = refuse(plan(create, left=None), Mark(Gauge(Kind.CREATE, "people", "salesforce"), CONTACT))
        (step,) = after.steps
        assert isinstance(step, WaitStep)
        assert "create:people:salesforce" in step.reason
        assert after.held is None
