"""What a person is told of a refusal (SPEC 2.4, 9.1, 9.5)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.core.fields import CONTACT, LEAD, link, record, terms

from concord.core.mapping import FieldPair
from concord.core.model import Failure, Refused, Side
from concord.core.plan import CreateStep, FieldWrite, RecordPlan, Verdict
from concord.core.refusal import HELD_BACK, held_back, lasting, left_object_of, refused
from concord.core.steps import Terms, plan_create, plan_linked
from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, Option, Ref
from concord.errors import Category

SYSTEMS = {Side.LEFT: "salesforce", Side.RIGHT: "hubspot"}


def options(name: str, *values: str, off: str = "") -> FieldSpec:
    listed = tuple(Option(value, value) for value in values)
    return FieldSpec(name, FieldType.PICKLIST, options=(*listed, Option(off, off, active=False)) if off else listed)


def people() -> Terms:
    """A status with lists on both sides, a short title, and the company that a lead belongs to."""
    return terms(
        (
            FieldPair("status", "Status", "lead_status", default_right="new"),
            FieldPair("title", "Title", "jobtitle"),
            FieldPair("company", "Account", "company"),
        ),
        (
            options("Status", "Open", "Won", off="Lost"),
            FieldSpec("Title", FieldType.TEXT, length=5),
            FieldSpec("Account", FieldType.REFERENCE, references=("Account",)),
        ),
        (
            options("lead_status", "new", "won"),
            FieldSpec("jobtitle", FieldType.TEXT),
            FieldSpec("company", FieldType.REFERENCE, references=("companies",)),
        ),
    )


def write(field: str, name: str, after: str) -> FieldWrite:
    return FieldWrite(field, name, "before", after)


TITLE, STATUS = write("title", "Title", "Countess"), write("status", "Status", "Gone")


def test_the_values_that_a_refusal_names_are_told_with_what_is_there_instead() -> None:
    failure = Failure(Category.DATA_TYPE, "too long", fields=("Title",), advice="Shorten it")
    told = refused(failure, "salesforce", [TITLE, STATUS], people(), "Lead")
    assert told.refused == (Refused("salesforce", "title", "Title", "Countess", "before"),)
    assert (told.system, told.advice) == ("salesforce", "Shorten it")


@pytest.mark.parametrize("fields", [(), ("SomethingElse",)])
def test_a_refusal_that_names_none_of_them_is_about_all(fields: tuple[str, ...]) -> None:
    told = refused(
        Failure(Category.VALIDATION_RULE, "no", fields=fields), "salesforce", [TITLE, STATUS], people(), "Lead"
    )
    assert [one.name for one in told.refused] == ["Title", "Status"]


def test_a_refused_option_names_both_lists_as_they_were_last_read() -> None:
    failure = Failure(Category.PICKLIST, "bad value", fields=("Status",), advice="Add it")
    told = refused(failure, "salesforce", [TITLE, STATUS], people(), "Lead")
    assert told.advice == "Add it. Status has Open, Won; lead_status has new, won"


def test_of_a_long_list_the_first_are_named_and_the_others_counted() -> None:
    pair = people()
    right = {**pair.schemas["contacts"].fields, "lead_status": options("lead_status", *(f"o{n}" for n in range(43)))}
    left = {**pair.schemas["Lead"].fields, "Status": FieldSpec("Status", FieldType.TEXT)}
    schemas = {
        "Lead": replace(pair.schemas["Lead"], fields=left),
        "contacts": replace(pair.schemas["contacts"], fields=right),
    }
    failure = Failure(Category.PICKLIST, "bad value", fields=("lead_status",))
    told = refused(failure, "hubspot", [write("status", "lead_status", "x")], replace(pair, schemas=schemas), "Lead")
    assert "Status has no list of options" in told.advice
    assert told.advice.endswith("o38, o39 and 3 more")


def test_a_refusal_does_not_show_its_values_where_it_is_printed() -> None:
    told = refused(Failure(Category.DATA_TYPE, "too long"), "salesforce", [TITLE], people(), "Lead")
    assert "Countess" not in repr(told)


# --- not even sent


def linked(**right: str | Ref) -> RecordPlan:
    values = {"lead_status": BLANK, "jobtitle": BLANK, "company": BLANK, **right}
    left = {"Status": "Open", "Title": "Count", "Account": BLANK}
    return plan_linked(people(), link(), record(LEAD, left), record(CONTACT, values, 900))


def test_an_option_that_is_not_mapped_waits_with_its_value_and_both_lists() -> None:
    plan = plan_linked(
        people(),
        link(),
        record(LEAD, {"Status": BLANK, "Title": "Count", "Account": BLANK}),
        record(CONTACT, {"lead_status": "new", "jobtitle": "Count", "company": BLANK}),
    )
    told = held_back(plan, people(), SYSTEMS)
    assert told is not None
    assert (told.category, told.code, told.fields) == (Category.PICKLIST, HELD_BACK, ("Status",))
    assert told.refused == (Refused("salesforce", "status", "Status", "new", BLANK),)
    assert "(its options: Open, Won)" in told.message
    assert "(its options: new, won)" in told.message
    assert (told.system, told.transient) == ("salesforce", False)
    assert "map it under `options`" in told.advice


def test_several_values_that_fit_nowhere_are_told_together() -> None:
    plan = plan_linked(
        people(),
        link(),
        record(LEAD, {"Status": "Won", "Title": BLANK, "Account": BLANK}),
        record(CONTACT, {"lead_status": BLANK, "jobtitle": "Countess", "company": BLANK}),
    )
    told = held_back(plan, people(), SYSTEMS)
    assert told is not None
    assert told.fields == ("lead_status", "Title")
    assert [one.system for one in told.refused] == ["hubspot", "salesforce"]
    assert "8 characters" in told.message


def test_what_fits_is_no_failure_and_a_company_that_is_not_linked_yet_follows_by_itself() -> None:
    assert held_back(linked(), replace(people()), SYSTEMS) is not None  # "Open" is no option of HubSpot's
    plan = plan_linked(
        people(),
        link(),
        record(LEAD, {"Status": BLANK, "Title": "Count", "Account": BLANK}),
        record(CONTACT, {"lead_status": BLANK, "jobtitle": BLANK, "company": Ref("hubspot", "companies", "7")}),
    )
    assert any(verdict.blocked for verdict in plan.verdicts)
    assert held_back(plan, people(), SYSTEMS) is None


def test_a_new_record_that_gets_a_default_instead_shows_the_default() -> None:
    pair = people()
    required = replace(options("lead_status", "new", "won"), required=True)
    fields = {**pair.schemas["contacts"].fields, "lead_status": required}
    schemas = {**pair.schemas, "contacts": replace(pair.schemas["contacts"], fields=fields)}
    demanding = replace(pair, schemas=schemas)
    lead = record(LEAD, {"Status": "Open", "Title": "Count", "Account": BLANK})
    plan = plan_create(demanding, lead, Side.RIGHT)
    told = held_back(plan, demanding, SYSTEMS)
    assert told is not None
    assert told.refused == (Refused("hubspot", "status", "lead_status", "Open", "new"),)


def test_the_left_object_is_the_records_or_that_of_the_one_to_be_made() -> None:
    assert left_object_of(linked()) == "Lead"
    contact = record(CONTACT, {"lead_status": BLANK, "jobtitle": "Count", "company": BLANK})
    plan = plan_create(people(), contact, Side.LEFT)
    assert isinstance(plan.steps[0], CreateStep)
    assert (plan.left, left_object_of(plan)) == (None, "Lead")


def test_a_field_that_is_held_for_the_whole_record_is_not_blocked_any_more() -> None:
    (verdict,) = [one for one in linked().verdicts if one.blocked is not None]
    assert isinstance(verdict, Verdict)
    assert verdict.held("the address is taken").blocked is None


# --- one failure for a person


def test_of_several_failures_the_first_says_the_kind_and_the_others_are_told_with_it() -> None:
    first = Failure(
        Category.DATA_TYPE, "too long", system="salesforce", refused=(Refused("salesforce", "a", "A", "x"),)
    )
    other = Failure(Category.PICKLIST, "no option", system="hubspot", refused=(Refused("hubspot", "b", "b", "y"),))
    told = lasting([first, other])
    assert told is not None
    assert (told.category, told.message) == (Category.DATA_TYPE, "too long; hubspot: no option")
    assert [one.name for one in told.refused] == ["A", "b"]
    assert lasting([first]) == first
    assert lasting([]) is None


def test_a_value_that_is_nowhere_yet_shows_nothing() -> None:
    assert Refused("salesforce", "a", "A", "x").shown is MISSING
