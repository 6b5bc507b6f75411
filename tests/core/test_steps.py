"""From two records to a plan: updates, and creates with their defaults (SPEC 2.2, 4.1, 7.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.core.fields import CONTACT, LEAD, at, entry, link, record, spec, stamp, terms

from concord.core.history import overwritten, stamp_of
from concord.core.mapping import FieldPair, IdentityFields, ObjectPair, Owner, SyncRule
from concord.core.merge import Question, Reading, decide
from concord.core.model import Base, HistoryEntry, Intent, Link, Record, Side
from concord.core.plan import CreateStep, FieldWrite, Outcome, Plan, RecordPlan, Rule, UpdateStep, Verdict, WaitStep
from concord.core.steps import Terms, plan_create, plan_linked
from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, ObjectSpec, Option, Ref, Value

LEFT, RIGHT = Side.LEFT, Side.RIGHT
NAME = FieldPair("name", "LastName", "lastname", default_left="[not provided]")
PHONE = FieldPair("phone", "Phone", "phone", owner=Owner.LEFT)
STATUS = FieldPair("status", "Status", "status", default_right="new", default_left="Open")
NO_MAIL = FieldPair("no_mail", "NoMail", "optout", rule=SyncRule.MOST_RESTRICTIVE)
LEFT_SPECS = (
    spec(FieldType.TEXT, "LastName", required=True),
    spec(FieldType.PHONE, "Phone"),
    spec(FieldType.PICKLIST, "Status", required=True),
    spec(FieldType.CHECKBOX, "NoMail"),
)
RIGHT_SPECS = (
    spec(FieldType.TEXT, "lastname"),
    spec(FieldType.PHONE, "phone"),
    spec(FieldType.PICKLIST, "status", required=True, options=(Option("new", "New"), Option("hot", "Hot"))),
    spec(FieldType.CHECKBOX, "optout"),
)
PEOPLE = terms((NAME, PHONE, STATUS, NO_MAIL), LEFT_SPECS, RIGHT_SPECS)


def lead(**values: Value) -> Record:
    shown: dict[str, Value] = {"LastName": "King", "Phone": "1", "Status": "hot", "NoMail": False}
    return record(LEAD, shown | values, guard="12:00")


def contact(**values: Value) -> Record:
    shown: dict[str, Value] = {"lastname": "King", "phone": "1", "status": "hot", "optout": False}
    return record(CONTACT, shown | values, 30)


def verdict(plan: RecordPlan, field: str) -> Verdict:
    (found,) = [one for one in plan.verdicts if one.field == field]
    return found


def made(plan: RecordPlan) -> CreateStep:
    (step,) = plan.steps
    assert isinstance(step, CreateStep)
    return step


def written(plan: RecordPlan) -> dict[str, Value]:
    return {one.name: one.after for one in made(plan).writes}


# --- linked records


def test_two_records_in_agreement_give_a_verdict_for_every_field_and_no_step() -> None:
    plan = plan_linked(PEOPLE, link(), lead(), contact())
    assert plan.steps == ()
    assert [one.field for one in plan.verdicts] == ["name", "phone", "status", "no_mail"]
    assert {one.outcome for one in plan.verdicts} == {Outcome.AGREED}
    assert (plan.object_pair, plan.left, plan.right, plan.link_id) == ("people", LEAD, CONTACT, 7)
    assert (plan.left_read_at, plan.right_read_at) == (at(0), at(30))


@pytest.mark.parametrize("shown", ["King", " King", "Byron", BLANK, MISSING])
@pytest.mark.parametrize("base", [Base("King", "King"), Base("King", "Byron"), None])
@pytest.mark.parametrize("rule", [SyncRule.TWO_WAY, SyncRule.OFF, SyncRule.MANUAL])
@pytest.mark.parametrize("history", [(), (entry("King", 5, ours=True), entry("Byron", 3))])
def test_a_field_that_is_as_it_was_gets_the_verdict_that_a_close_look_would_give(
    shown: Value, base: Base | None, rule: SyncRule, history: tuple[HistoryEntry, ...]
) -> None:
    one = replace(NAME, rule=rule)
    world = terms((one,), LEFT_SPECS, RIGHT_SPECS)
    left, right = lead(), replace(contact(lastname=shown), histories={"lastname": history} if history else {})
    (quickly,) = plan_linked(world, link({"name": base} if base else {}), left, right).verdicts
    covered = overwritten(right, "lastname", base, RIGHT, RIGHT_SPECS[0])
    readings = (
        Reading("King", stamp_of(left, "LastName")),
        Reading(shown, stamp_of(right, "lastname"), covered, ours=bool(history)),
    )
    assert quickly == decide(Question(one, world.specs(one, "Lead"), *readings, base=base))


def test_each_side_gets_at_most_one_update_with_what_it_showed_and_under_its_guard() -> None:
    bases = {name: Base("1", "1") for name in ("phone",)} | {"name": Base("King", "King")}
    plan = plan_linked(PEOPLE, link(bases), lead(Phone="2", LastName="King"), contact(lastname="Byron", status=BLANK))
    left, right = plan.steps
    assert left == UpdateStep(LEAD, LEFT, (FieldWrite("name", "LastName", "King", "Byron"),), "12:00")
    assert right == UpdateStep(
        CONTACT,
        RIGHT,
        (FieldWrite("phone", "phone", "1", "2"), FieldWrite("status", "status", BLANK, "hot")),
        None,
    )
    assert verdict(plan, "phone").base == Base("1", "1")
    assert verdict(plan, "status").first_link


def test_fields_of_another_left_object_are_no_part_of_the_plan() -> None:
    only_contacts = FieldPair("title", "Title", "jobtitle", only=frozenset({"Contact"}))
    plan = plan_linked(terms((PHONE, only_contacts), LEFT_SPECS, RIGHT_SPECS), link(), lead(), contact())
    assert [one.field for one in plan.verdicts] == ["phone"]


def test_times_and_covered_edits_come_from_the_histories() -> None:
    history = (entry("1", 60, ours=True), entry("5", 50))
    shown = replace(contact(), histories={"phone": history})
    plan = plan_linked(PEOPLE, link({"phone": Base("1", "1", right_seen=at(0))}), lead(), shown)
    found = verdict(plan, "phone")
    assert (found.right, found.right_stamp, found.conflict) == ("5", stamp(50), True)
    assert (found.left_stamp and found.left_stamp.certain) is False


def test_an_edit_that_the_last_recorded_reading_knew_was_not_covered() -> None:
    shown = replace(contact(), histories={"phone": (entry("1", 60, ours=True), entry("5", 50))})
    plan = plan_linked(PEOPLE, link(right_read_at=at(55)), lead(), shown)
    assert verdict(plan, "phone").outcome is Outcome.AGREED


# --- a field that belongs to another one of its record

MAIL = FieldPair("mail", "Email", "email")
#: HubSpot keeps an opt-out for the address: without one there is nothing that could be opted out.
OF_ADDRESS = terms(
    (MAIL, NO_MAIL),
    (spec(FieldType.EMAIL, "Email"), LEFT_SPECS[3]),
    (spec(FieldType.EMAIL, "email"), replace(RIGHT_SPECS[3], needs="email")),
)


def withdrawn(address: Value) -> Record:
    return record(LEAD, {"Email": address, "NoMail": True})


@pytest.mark.parametrize(
    ("here", "there", "waits"),
    [(BLANK, BLANK, True), ("a@x.com", BLANK, False), ("a@x.com", "a@x.com", False), (BLANK, MISSING, False)],
)
def test_a_write_waits_while_the_field_that_it_belongs_to_is_and_stays_blank(
    here: Value, there: Value, waits: bool
) -> None:
    right = record(CONTACT, {"email": there, "optout": False})
    plan = plan_linked(OF_ADDRESS, link(), withdrawn(here), right)
    found = verdict(plan, "no_mail")
    if waits:
        assert (found.outcome, found.rule, found.winner, plan.steps) == (Outcome.HELD, Rule.CANNOT_WRITE, None, ())
        assert "optout belongs to email, which is blank" in found.reason
    else:
        assert (found.outcome, found.write_right) == (Outcome.CARRIED, True)


@pytest.mark.parametrize(("known", "write"), [(0, True), (30, MISSING)])
def test_a_no_that_went_with_its_address_unread_counts_as_if_it_had_been_read(known: int, write: Value) -> None:
    histories = {
        "optout": (entry(False, 60), entry(True, 20)),
        "email": (entry("b@x.com", 60), entry("a@x.com", 0)),
    }
    right = record(CONTACT, {"email": "b@x.com", "optout": False}, histories=histories)
    left = record(LEAD, {"Email": "b@x.com", "NoMail": False})
    bases = {"mail": Base("b@x.com", "b@x.com"), "no_mail": Base(False, False, right_seen=at(known))}
    assert verdict(plan_linked(OF_ADDRESS, link(bases), left, right), "no_mail").write_left is write


def test_a_new_record_without_the_field_that_another_belongs_to_is_made_without_both() -> None:
    assert written(plan_create(OF_ADDRESS, withdrawn("a@x.com"), RIGHT)) == {"email": "a@x.com", "optout": True}
    plan = plan_create(OF_ADDRESS, withdrawn(BLANK), RIGHT)
    assert written(plan) == {}
    assert verdict(plan, "no_mail").outcome is Outcome.HELD


@pytest.mark.parametrize(("seen", "unread"), [(10, True), (30, False)])
def test_an_opt_out_that_is_gone_with_its_address_counts_where_no_decision_has_known_of_it(
    seen: int, unread: bool
) -> None:
    histories = {"email": (entry("b@x.com", 40), entry("a@x.com", 0)), "optout": (entry(False, 40), entry(True, 20))}
    right = record(CONTACT, {"email": "b@x.com", "optout": False}, 60, histories=histories)
    left = record(LEAD, {"Email": "b@x.com", "NoMail": False})
    known = link({"no_mail": Base(False, False, right_seen=at(seen))})
    plan = plan_linked(OF_ADDRESS, known, left, right)
    assert verdict(plan, "no_mail").write_left is (True if unread else MISSING)


# --- creates


def test_a_new_record_is_filled_from_its_source_under_a_key_that_a_repeat_finds() -> None:
    plan = plan_create(PEOPLE, lead(Phone=BLANK), RIGHT)
    step = made(plan)
    assert (step.source, step.side) == (LEAD, RIGHT)
    assert step.intent == Intent(LEAD, "hubspot", "contacts", ("salesforce_lead_id", "00Q1"))
    assert written(plan) == {"lastname": "King", "status": "hot"}
    assert all(one.before is MISSING for one in step.writes)
    assert (plan.left, plan.right, plan.link_id, plan.left_read_at, plan.right_read_at) == (
        LEAD,
        None,
        None,
        at(0),
        None,
    )
    carried, blank = verdict(plan, "name"), verdict(plan, "phone")
    assert (carried.outcome, carried.rule, carried.winner, carried.first_link) == (
        Outcome.CARRIED,
        Rule.FILL_BLANK,
        LEFT,
        True,
    )
    assert (carried.left, carried.right, carried.right_stamp) == ("King", BLANK, None)
    assert carried.left_stamp is not None
    assert (blank.outcome, blank.rule) == (Outcome.AGREED, Rule.SAME_CHANGE)
    assert "nothing to fill in" in blank.reason


def test_a_new_record_on_the_left_is_made_alike() -> None:
    plan = plan_create(PEOPLE, contact(), LEFT)
    assert made(plan).intent == Intent(CONTACT, "salesforce", "Lead", ("HubSpot_Id__c", "101"))
    assert written(plan) == {"LastName": "King", "Phone": "1", "Status": "hot"}
    assert (plan.left, plan.right, plan.left_read_at, plan.right_read_at) == (None, CONTACT, None, at(30))
    carried = verdict(plan, "name")
    assert (carried.left, carried.right, carried.left_stamp) == (BLANK, "King", None)


def test_a_required_field_takes_the_default_where_the_source_is_blank() -> None:
    plan = plan_create(PEOPLE, contact(lastname="  ", status=BLANK), LEFT)
    assert written(plan) == {"LastName": "[not provided]", "Status": "Open", "Phone": "1"}
    found = verdict(plan, "name")
    assert (found.outcome, found.rule) == (Outcome.AGREED, Rule.SAME_CHANGE)
    assert "LastName requires a value, so its default is written" in found.reason


def test_a_default_is_no_reason_to_fill_what_is_not_required() -> None:
    optional = terms((replace(PHONE, default_right="0"),), LEFT_SPECS[1:2], RIGHT_SPECS[1:2])
    assert written(plan_create(optional, lead(Phone=BLANK), RIGHT)) == {}


@pytest.mark.parametrize(("status", "rule"), [("cold", Rule.CANNOT_CARRY), (MISSING, Rule.NOT_READ)])
def test_a_default_stands_in_for_a_value_that_cannot_be_carried_and_the_field_stays_held(
    status: Value, rule: Rule
) -> None:
    plan = plan_create(PEOPLE, lead(Status=status), RIGHT)
    assert written(plan)["status"] == "new"
    found = verdict(plan, "status")
    assert (found.outcome, found.rule, found.left) == (Outcome.HELD, rule, status)
    assert "its default is written" in found.reason


@pytest.mark.parametrize("value", [BLANK, MISSING, "cold"])
def test_a_record_waits_while_a_required_field_has_nothing_to_put_there(value: Value) -> None:
    without = terms((replace(STATUS, default_right=MISSING),), LEFT_SPECS, RIGHT_SPECS)
    plan = plan_create(without, lead(Status=value), RIGHT)
    (step,) = plan.steps
    assert isinstance(step, WaitStep)
    assert step.reason.startswith("a new contacts requires status, and salesforce Lead 00Q1 has nothing to put there")
    assert plan.verdicts == ()
    assert (plan.left, plan.right) == (LEAD, None)


def test_a_required_field_that_is_off_or_not_mapped_is_lacking_too() -> None:
    off = terms((replace(STATUS, rule=SyncRule.OFF), NAME), LEFT_SPECS, RIGHT_SPECS)
    assert isinstance(plan_create(off, lead(), RIGHT).steps[0], WaitStep)
    plan = plan_create(terms((PHONE,), LEFT_SPECS, RIGHT_SPECS), contact(), LEFT)
    assert isinstance(plan.steps[0], WaitStep)
    assert "LastName, Status" in plan.steps[0].reason
    assert (plan.left, plan.right) == (None, CONTACT)


def test_a_default_is_not_written_where_nothing_can_be_set() -> None:
    locked = replace(RIGHT_SPECS[2], creatable=False)
    plan = plan_create(terms((STATUS,), LEFT_SPECS, (locked,)), lead(Status=BLANK), RIGHT)
    assert isinstance(plan.steps[0], WaitStep)


def test_a_batchs_steps_are_those_of_its_records_in_order() -> None:
    first, second = plan_create(PEOPLE, lead(), RIGHT), plan_create(PEOPLE, contact(), LEFT)
    assert Plan((first, second)).steps() == (*first.steps, *second.steps)


def test_nothing_is_created_where_the_mapping_does_not_say_so() -> None:
    for side, source, said in (
        (LEFT, contact(), {"create_left": None}),
        (RIGHT, lead(), {"create_right": False}),
    ):
        none = terms((NAME,), LEFT_SPECS, RIGHT_SPECS, **said)
        plan = plan_create(none, source, side)
        assert plan.steps == (WaitStep(source.ref, f"people without a match are not created on the {side} side "
                                       "(configuration: create)"),)  # fmt: skip


@pytest.mark.parametrize(
    ("value", "fills"), [(True, {"optout": True}), (False, {}), (BLANK, {}), (MISSING, {}), ("perhaps", {})]
)
def test_a_create_never_opts_anyone_in(value: Value, fills: dict[str, Value]) -> None:
    for default in (MISSING, False):
        consent = terms((replace(NO_MAIL, default_right=default),), LEFT_SPECS[3:], RIGHT_SPECS[3:])
        assert written(plan_create(consent, lead(NoMail=value), RIGHT)) == fills


def test_a_required_consent_that_says_no_more_than_nothing_is_not_filled_with_an_opt_in() -> None:
    required = terms((replace(NO_MAIL, default_right=False),), LEFT_SPECS, (replace(RIGHT_SPECS[3], required=True),))
    assert isinstance(plan_create(required, lead(NoMail=False), RIGHT).steps[0], WaitStep)
    assert isinstance(plan_create(required, lead(NoMail=BLANK), RIGHT).steps[0], WaitStep)


def test_a_value_that_cannot_be_set_at_the_create_is_held_and_not_taken_for_agreed() -> None:
    late = terms((PHONE,), LEFT_SPECS, (replace(RIGHT_SPECS[1], creatable=False),))
    plan = plan_create(late, lead(), RIGHT)
    assert written(plan) == {}
    assert (verdict(plan, "phone").outcome, verdict(plan, "phone").rule) == (Outcome.HELD, Rule.CANNOT_WRITE)
    nothing = plan_create(late, lead(Phone=BLANK), RIGHT)
    assert verdict(nothing, "phone").outcome is Outcome.AGREED


def test_a_field_that_is_off_is_left_out_of_a_new_record() -> None:
    off = terms((replace(PHONE, rule=SyncRule.OFF, default_right="0"), NAME), LEFT_SPECS, RIGHT_SPECS[:2])
    plan = plan_create(off, lead(), RIGHT)
    assert written(plan) == {"lastname": "King"}
    assert verdict(plan, "phone").outcome is Outcome.OFF


def test_a_new_record_points_to_the_partner_of_what_its_source_points_to() -> None:
    account, company = Ref("salesforce", "Account", "001"), Ref("hubspot", "companies", "9")
    field = FieldPair("company", "AccountId", "company")
    both = (spec(FieldType.REFERENCE, "AccountId"),), (spec(FieldType.REFERENCE, "company"),)
    known: Terms = replace(terms((field,), *both), partners={account: company})
    assert written(plan_create(known, record(LEAD, {"AccountId": account}), RIGHT)) == {"company": company}
    unknown = plan_create(terms((field,), *both), record(LEAD, {"AccountId": account}), RIGHT)
    assert written(unknown) == {}
    assert verdict(unknown, "company").rule is Rule.CANNOT_CARRY


# --- a field that belongs to another field of its record


def _needy(left: Value, address: Value, *, creates: bool = False) -> RecordPlan:
    """An opt-out on the left for a right record whose opt-out belongs to its address."""
    fields = (
        FieldPair("email", "Email", "email", owner=Owner.RIGHT),
        FieldPair("opt_out", "OptOut", "optout", owner=Owner.RIGHT, rule=SyncRule.MOST_RESTRICTIVE),
    )
    names = IdentityFields(email="Email")
    pair = ObjectPair(
        "people",
        "person",
        ("Lead",),
        "contacts",
        fields,
        {"Lead": names},
        IdentityFields(email="email"),
        key_left="K",
        keys_right={"Lead": "k"},
        create_right=True,
    )
    schemas = {
        "Lead": ObjectSpec(
            "salesforce",
            "Lead",
            {"Email": FieldSpec("Email", FieldType.EMAIL), "OptOut": FieldSpec("OptOut", FieldType.CHECKBOX)},
        ),
        "contacts": ObjectSpec(
            "hubspot",
            "contacts",
            {
                "email": FieldSpec("email", FieldType.EMAIL),
                "optout": FieldSpec("optout", FieldType.CHECKBOX, needs="email"),
            },
        ),
    }
    at = datetime(2026, 11, 2, tzinfo=UTC)
    lead = Record(Ref("salesforce", "Lead", "1"), {"Email": address, "OptOut": left}, at, at)
    terms = Terms(pair, schemas)
    if creates:
        return plan_create(terms, lead, Side.RIGHT)
    contact = Record(Ref("hubspot", "contacts", "2"), {"email": BLANK, "optout": False}, at, at)
    return plan_linked(terms, Link(1, "people", lead.ref, contact.ref, 100.0), lead, contact)


@pytest.mark.parametrize("creates", [False, True])
def test_an_opt_out_without_an_address_is_held_and_says_what_it_waits_for(creates: bool) -> None:
    (verdict,) = [one for one in _needy(True, BLANK, creates=creates).verdicts if one.field == "opt_out"]
    assert verdict.outcome is Outcome.HELD
    assert verdict.write_right is MISSING
    assert "email" in verdict.reason


@pytest.mark.parametrize("creates", [False, True])
def test_an_opt_out_goes_with_the_address_that_is_written_in_the_same_round(creates: bool) -> None:
    (verdict,) = [one for one in _needy(True, "ada@x.com", creates=creates).verdicts if one.field == "opt_out"]
    assert verdict.write_right is True
