"""What came of a plan: bases are what each side showed, and foreign edits are looked at again (SPEC 3.7, 3.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from tests.core.fields import CONTACT, LEAD, at, entry, link, record, spec, stamp, terms

from concord.core.history import BEFORE_ANY
from concord.core.mapping import BlankPolicy, FieldPair, Owner, SyncRule
from concord.core.model import Base, HistoryEntry, Origin, Record, Side
from concord.core.plan import Outcome, RecordPlan
from concord.core.settle import Settled, settle
from concord.core.steps import Terms, plan_create, plan_linked
from concord.core.values import BLANK, MISSING, FieldType, Option, Value

LEFT, RIGHT = Side.LEFT, Side.RIGHT
TITLE = FieldPair("title", "Title", "jobtitle", owner=Owner.LEFT)
CITY = FieldPair("city", "City", "city")
LEFT_SPECS = (spec(FieldType.TEXT, "Title"), spec(FieldType.TEXT, "City"))
RIGHT_SPECS = (spec(FieldType.TEXT, "jobtitle"), spec(FieldType.TEXT, "city"))
TERMS = terms((TITLE, CITY), LEFT_SPECS, RIGHT_SPECS)
BASES = {"title": Base("a", "a"), "city": Base("c", "c")}
NONE = frozenset[Side]()


def lead(title: Value = "a", city: Value = "c", seconds: float = 0) -> Record:
    return record(LEAD, {"Title": title, "City": city}, seconds)


def contact(
    title: Value = "a",
    city: Value = "c",
    *,
    ours: bool = False,
    history: tuple[HistoryEntry, ...] | None = None,
) -> Record:
    histories = {} if history is None else {"jobtitle": history}
    return record(CONTACT, {"jobtitle": title, "city": city}, 30, ours=ours, histories=histories)


def after(
    left: Record,
    right: Record,
    shown: Mapping[Side, Record | None],
    *,
    failed: Mapping[Side, frozenset[str]] | None = None,
    bases: Mapping[str, Base] = BASES,
    of: Terms = TERMS,
) -> Settled:
    plan = plan_linked(of, link(bases), left, right)
    return settle(of, plan, {LEFT: left, RIGHT: right}, shown, failed or {}, bases)


# --- linked records


def test_what_was_written_as_asked_is_the_new_base_with_the_edit_it_stands_for() -> None:
    found = after(lead("b", seconds=10), contact(), {RIGHT: contact("b", ours=True)})
    assert found.bases["title"] == Base("b", "b", Origin(LEFT, stamp(10, certain=False)))
    assert found.bases["city"] == BASES["city"], "what did not change keeps its base"
    assert found.look_again == NONE


@pytest.mark.parametrize("shown", ["B", "b ", "trimmed", BLANK])
def test_what_a_system_made_of_our_write_is_its_base_by_the_historys_word_or_the_records(shown: Value) -> None:
    by_record = after(lead("b"), contact(), {RIGHT: contact(shown, ours=True)})
    by_history = after(lead("b"), contact(), {RIGHT: contact(shown, history=(entry(shown, 40, ours=True),))})
    for found in (by_record, by_history):
        assert (found.bases["title"].left, found.bases["title"].right) == ("b", shown)
        assert found.look_again == NONE


def test_a_foreign_edit_after_our_write_is_looked_at_again_and_is_not_the_base() -> None:
    by_record = after(lead("b"), contact(), {RIGHT: contact("z")})
    newest_is_foreign = (entry("z", 50), entry("b", 40, ours=True))
    by_history = after(lead("b"), contact(), {RIGHT: contact("z", history=newest_is_foreign, ours=True)})
    for found in (by_record, by_history):
        assert (found.bases["title"].left, found.bases["title"].right) == ("b", "b"), "so that z is a change next time"
        assert found.look_again == {RIGHT}


def test_a_foreign_edit_of_another_field_is_looked_at_again_even_if_the_record_is_ours() -> None:
    found = after(lead("b"), contact(), {RIGHT: contact("b", "d", ours=True)})
    assert found.bases["city"] == BASES["city"]
    assert found.look_again == {RIGHT}


def test_a_foreign_edit_that_our_write_covered_is_looked_at_again() -> None:
    known = contact(history=(entry("a", 0),))
    covering = contact("b", history=(entry("b", 40, ours=True), entry("z", 35), entry("a", 0)))
    found = after(lead("b"), known, {RIGHT: covering})
    assert found.bases["title"].right_seen == at(0)
    assert found.look_again == {RIGHT}
    untouched = contact("b", history=(entry("b", 40, ours=True), entry("a", 0)))
    assert after(lead("b"), known, {RIGHT: untouched}).look_again == NONE


def test_a_history_that_was_read_and_was_empty_knows_of_no_entry() -> None:
    found = after(lead("b"), contact(history=()), {RIGHT: contact("b", history=(entry("b", 40, ours=True),))})
    assert found.bases["title"].right_seen == BEFORE_ANY
    assert found.bases["title"].left_seen is None


@pytest.mark.parametrize("side", list(Side))
def test_a_field_whose_write_failed_keeps_its_base_so_that_it_is_tried_again(side: Side) -> None:
    found = after(lead("b"), contact(), {RIGHT: contact("a", ours=True)}, failed={side: frozenset({"title"})})
    assert found.bases["title"] == BASES["title"]
    assert found.look_again == NONE


def test_a_failed_first_write_leaves_no_base() -> None:
    found = after(lead("b"), contact(BLANK), {}, failed={RIGHT: frozenset({"title"})}, bases={})
    assert "title" not in found.bases
    assert (found.bases["city"].left, found.bases["city"].right) == ("c", "c")


def test_a_foreign_edit_of_a_field_whose_write_failed_is_looked_at_again() -> None:
    found = after(lead("b"), contact(), {RIGHT: contact("z", ours=True)}, failed={RIGHT: frozenset({"title"})})
    assert found.bases["title"] == BASES["title"]
    assert found.look_again == {RIGHT}


def test_where_the_answer_of_the_write_shows_nothing_the_base_is_what_was_written() -> None:
    not_shown = record(CONTACT, {}, 40)
    for shown in ({}, {RIGHT: None}, {RIGHT: not_shown}):
        found = after(lead("b"), contact(), shown)
        assert (found.bases["title"].left, found.bases["title"].right) == ("b", "b")
        assert found.look_again == NONE


def test_an_agreement_that_was_found_is_the_new_base_in_each_sides_own_terms() -> None:
    found = after(lead("b"), contact(" b "), {})
    assert found.bases["title"] == Base("b", " b ")


@pytest.mark.parametrize(
    ("pair", "left", "right"),
    [
        (replace(TITLE, rule=SyncRule.MANUAL), "l", "r"),
        (replace(TITLE, rule=SyncRule.OFF), "l", "r"),
        (TITLE, MISSING, "r"),
    ],
)
def test_what_was_asked_held_or_off_keeps_its_base(pair: FieldPair, left: Value, right: Value) -> None:
    of = terms((pair, CITY), LEFT_SPECS, RIGHT_SPECS)
    assert after(lead(left), contact(right), {}, of=of).bases["title"] == BASES["title"]
    assert "title" not in after(lead(left), contact(right), {}, of=of, bases={}).bases


def test_a_clear_that_was_put_back_is_in_agreement_again() -> None:
    of = terms((replace(TITLE, blank=BlankPolicy.REFUSE), CITY), LEFT_SPECS, RIGHT_SPECS)
    found = after(lead(), contact(BLANK), {RIGHT: contact("a", ours=True)}, of=of)
    base = found.bases["title"]
    assert (base.left, base.right, base.origin and base.origin.side) == ("a", "a", LEFT)


def test_an_unticked_box_where_a_blank_was_written_is_as_asked() -> None:
    box = (spec(FieldType.CHECKBOX, "Title"),), (spec(FieldType.CHECKBOX, "jobtitle"),)
    of = terms((replace(TITLE, blank=BlankPolicy.CARRY),), *box)
    found = after(
        record(LEAD, {"Title": BLANK}),
        record(CONTACT, {"jobtitle": True}),
        {RIGHT: record(CONTACT, {"jobtitle": False})},
        of=of,
        bases={"title": Base(True, True)},
    )
    assert (found.bases["title"].left, found.bases["title"].right) == (BLANK, False)
    assert found.look_again == NONE


def test_after_a_covered_edit_lost_the_base_is_what_is_shown_and_not_the_edit() -> None:
    bases = {"title": Base("b", "b", Origin(LEFT, stamp(30)), right_seen=at(0)), "city": BASES["city"]}
    shown = contact("b", history=(entry("b", 40, ours=True), entry("z", 35), entry("a", 0)))
    found = after(lead("b"), shown, {}, bases=bases)
    base = found.bases["title"]
    assert (base.left, base.right, base.right_seen) == ("b", "b", at(40))
    # An edit on the left alone that follows is an edit on one side: the base knows what the right side shows.
    following = plan_linked(TERMS, link({**bases, "title": base}), lead("n", seconds=50), shown)
    verdict = next(one for one in following.verdicts if one.field == "title")
    assert (verdict.outcome, verdict.conflict, verdict.write_right) == (Outcome.CARRIED, False, "n")


# --- created records

STATUS = FieldPair("status", "Status", "status", default_right="new")
MADE = terms(
    (TITLE, STATUS),
    (spec(FieldType.TEXT, "Title"), spec(FieldType.PICKLIST, "Status")),
    (
        spec(FieldType.TEXT, "jobtitle"),
        spec(FieldType.PICKLIST, "status", required=True, options=(Option("new", "New"),)),
    ),
)


def created(source: Record, shown: Record | None, of: Terms = MADE) -> tuple[RecordPlan, Settled]:
    side = RIGHT if source.ref == LEAD else LEFT
    plan = plan_create(of, source, side)
    return plan, settle(of, plan, {side.other: source, side: None}, {side: shown}, {}, {})


def test_a_created_record_has_the_base_that_it_shows() -> None:
    source = record(LEAD, {"Title": "Analyst", "Status": "new"}, 10)
    _, found = created(source, record(CONTACT, {"jobtitle": "analyst", "status": "new"}, 40, ours=True))
    assert found.bases["title"] == Base("Analyst", "analyst", Origin(LEFT, stamp(10, certain=False)))
    assert found.look_again == NONE


def test_a_created_record_on_the_left_settles_even_if_the_answer_does_not_show_it() -> None:
    source = record(CONTACT, {"jobtitle": "Analyst", "status": "new"})
    for shown in (None, record(LEAD, {"Title": "Analyst", "Status": "new"}, ours=True)):
        _, found = created(source, shown)
        assert (found.bases["title"].left, found.bases["title"].right) == ("Analyst", "Analyst")


def test_what_the_system_filled_in_by_itself_is_looked_at_again() -> None:
    source = record(LEAD, {"Title": BLANK, "Status": "new"})
    _, found = created(source, record(CONTACT, {"jobtitle": "Unknown", "status": "new"}, ours=True))
    assert (found.bases["title"].left, found.bases["title"].right) == (BLANK, BLANK)
    assert found.look_again == {RIGHT}


def test_a_new_record_that_shows_an_unticked_box_is_as_it_was_asked_for() -> None:
    box = FieldPair("no_mail", "NoMail", "optout", rule=SyncRule.MOST_RESTRICTIVE)
    of = terms((box,), (spec(FieldType.CHECKBOX, "NoMail"),), (spec(FieldType.CHECKBOX, "optout"),))
    _, found = created(record(LEAD, {"NoMail": False}), record(CONTACT, {"optout": False}, ours=True), of)
    assert (found.bases["no_mail"], found.look_again) == (
        Base(False, False, Origin(LEFT, stamp(0, certain=False))),
        NONE,
    )


@pytest.mark.parametrize("status", ["cold", MISSING])
def test_a_default_that_stood_in_never_goes_back_over_the_value_it_stood_in_for(status: Value) -> None:
    source = record(LEAD, {"Title": "Analyst", "Status": status}, -90_000)
    shown = record(CONTACT, {"jobtitle": "Analyst", "status": "new"}, 40, ours=True)
    plan, found = created(source, shown)
    assert (found.bases["status"].left, found.bases["status"].right) == (BLANK, "new")
    # Once the option is there, the value goes over, although the default is younger by a day.
    fields = {"jobtitle": spec(FieldType.TEXT, "jobtitle"), "status": spec(FieldType.PICKLIST, "status")}
    contacts = replace(MADE.schemas["contacts"], fields=fields)
    mended = replace(MADE, schemas={**MADE.schemas, "contacts": contacts})
    readable = replace(source, values={"Title": "Analyst", "Status": "cold"})
    following = plan_linked(mended, link(found.bases), readable, shown)
    verdict = next(one for one in following.verdicts if one.field == "status")
    assert (verdict.outcome, verdict.write_right, verdict.write_left) == (Outcome.CARRIED, "cold", MISSING)
    assert plan.verdicts[1].outcome is Outcome.HELD
