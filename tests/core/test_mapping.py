"""One field in two terms: options, references and partners, and when two sides agree (SPEC 2.3, 2.4)."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.fields import CONTACT, LEAD, field, spec, specs

from concord.core.mapping import (
    FieldPair,
    IdentityFields,
    ObjectPair,
    Owner,
    Specs,
    agree,
    describe,
    specs_of,
    ticked,
    translate,
)
from concord.core.model import Side
from concord.core.values import BLANK, MISSING, FieldType, ObjectSpec, Option, Ref, Scalar, Untranslatable, Value

LEFT, RIGHT = Side.LEFT, Side.RIGHT
ACCOUNT, COMPANY = Ref("salesforce", "Account", "001"), Ref("hubspot", "companies", "9")
PARTNERS = {ACCOUNT: COMPANY, COMPANY: ACCOUNT}
#: Two left options are one right option, and two right options are one left one.
MANY = field(options=(("Hot", "hot"), ("Burning", "hot"), ("Cold", "cold"), ("Cold", "frozen")))
LISTS = specs(FieldType.PICKLIST)


def test_both_ways_of_having_nothing_stay_what_they_are() -> None:
    for side in Side:
        assert translate(BLANK, MANY, LISTS, side, {}) is BLANK
        assert translate(MISSING, MANY, LISTS, side, {}) is MISSING
        assert translate("  ", field(), specs(FieldType.TEXT), side, {}) is BLANK
        assert translate(frozenset(), field(), specs(FieldType.MULTI_PICKLIST), side, {}) is BLANK


@pytest.mark.parametrize(
    ("side", "value", "shown"),
    [
        (LEFT, "Hot", "hot"),
        (LEFT, "Burning", "hot"),
        (LEFT, "Cold", "cold"),
        (RIGHT, "hot", "Hot"),
        (RIGHT, "cold", "Cold"),
        (RIGHT, "frozen", "Cold"),
        (LEFT, "Tepid", "Tepid"),
        (RIGHT, "tepid", "tepid"),
    ],
)
def test_of_several_options_that_share_an_end_the_first_is_written(side: Side, value: str, shown: str) -> None:
    assert translate(value, MANY, LISTS, side, {}) == shown


def test_options_of_a_set_are_mapped_one_by_one() -> None:
    lists = specs(FieldType.MULTI_PICKLIST)
    assert translate(frozenset({"Hot", "Burning", "Tepid"}), MANY, lists, LEFT, {}) == frozenset({"hot", "Tepid"})


@pytest.mark.parametrize(
    ("options", "left", "right", "value", "shown"),
    [
        ((("true", "Yes"), ("false", "No")), FieldType.CHECKBOX, FieldType.PICKLIST, True, "Yes"),
        ((("true", "Yes"), ("false", "No")), FieldType.CHECKBOX, FieldType.PICKLIST, False, "No"),
        ((("1", "Low"),), FieldType.NUMBER, FieldType.PICKLIST, Decimal("1.0"), "Low"),
        ((("mql", "Qualified"),), FieldType.TEXT, FieldType.PICKLIST, " mql ", "Qualified"),
    ],
)
def test_the_map_reaches_values_that_are_no_options(
    options: tuple[tuple[str, str], ...], left: FieldType, right: FieldType, value: Scalar, shown: str
) -> None:
    pair, both = field(options=options), specs(left, right)
    assert translate(value, pair, both, LEFT, {}) == shown
    assert agree(value, shown, pair, both, {})


def test_a_mapped_option_that_the_other_side_lacks_is_held() -> None:
    both = Specs(spec(FieldType.PICKLIST, "Left"), spec(FieldType.PICKLIST, "right", options=(Option("a", "A"),)))
    found = translate("X", field(options=(("X", "b"),)), both, LEFT, {})
    assert isinstance(found, Untranslatable)
    assert "'b' from Left is not an option of right" in found.problem


# --- references


def test_a_reference_becomes_the_linked_record_of_the_other_side() -> None:
    both = specs(FieldType.REFERENCE)
    assert translate(ACCOUNT, field(), both, LEFT, PARTNERS) == COMPANY
    assert translate(COMPANY, field(), both, RIGHT, PARTNERS) == ACCOUNT
    assert agree(ACCOUNT, COMPANY, field(), both, PARTNERS)
    assert not agree(ACCOUNT, Ref("hubspot", "companies", "8"), field(), both, PARTNERS)


def test_a_reference_to_a_record_without_a_partner_waits_and_says_for_what() -> None:
    found = translate(LEAD, field(), specs(FieldType.REFERENCE), LEFT, PARTNERS)
    assert isinstance(found, Untranslatable)
    assert "salesforce Lead 00Q1, which is not linked" in found.problem
    assert not agree(LEAD, COMPANY, field(), specs(FieldType.REFERENCE), PARTNERS)


def test_a_reference_is_not_written_to_a_field_that_points_to_other_objects() -> None:
    both = Specs(spec(FieldType.REFERENCE, "Left"), spec(FieldType.REFERENCE, "right", references=("companies",)))
    assert translate(ACCOUNT, field(), both, LEFT, PARTNERS) == COMPANY
    found = translate(LEAD, field(), both, LEFT, {LEAD: CONTACT})
    assert isinstance(found, Untranslatable)
    assert "right cannot point to its partner, a contacts" in found.problem


def test_a_reference_that_is_mapped_to_a_text_is_carried_as_its_own_id() -> None:
    both = specs(FieldType.REFERENCE, FieldType.TEXT)
    assert translate(ACCOUNT, field(), both, LEFT, PARTNERS) == "001"
    assert agree(ACCOUNT, "001", field(), both, PARTNERS)
    assert isinstance(translate("001", field(), both, RIGHT, PARTNERS), Untranslatable)


# --- agreeing


@pytest.mark.parametrize(
    ("left", "right", "one", "other", "agreed"),
    [
        (FieldType.TEXT, FieldType.TEXT, " Ada", "Ada ", True),
        (FieldType.TEXT, FieldType.TEXT, "Ada", "ada", False),
        (FieldType.TEXT, FieldType.TEXT, BLANK, "  ", True),
        (FieldType.TEXT, FieldType.TEXT, BLANK, "Ada", False),
        (FieldType.EMAIL, FieldType.EMAIL, "A@x.com", "a@X.com", True),
        (FieldType.DATE, FieldType.DATETIME, date(2026, 11, 2), datetime(2026, 11, 2, 15, tzinfo=UTC), True),
        (FieldType.DATE, FieldType.DATETIME, date(2026, 11, 2), datetime(2026, 11, 3, tzinfo=UTC), False),
        (FieldType.NUMBER, FieldType.TEXT, Decimal("5"), "5.0", True),
        (FieldType.CHECKBOX, FieldType.CHECKBOX, False, BLANK, True),
        (FieldType.CHECKBOX, FieldType.CHECKBOX, BLANK, BLANK, True),
        (FieldType.CHECKBOX, FieldType.CHECKBOX, True, BLANK, False),
        (FieldType.TEXT, FieldType.TEXT, "false", BLANK, False),
        (FieldType.NUMBER, FieldType.NUMBER, Decimal(0), BLANK, False),
        (FieldType.TEXT, FieldType.TEXT, MISSING, MISSING, False),
        (FieldType.TEXT, FieldType.TEXT, MISSING, BLANK, False),
        (FieldType.TEXT, FieldType.TEXT, BLANK, MISSING, False),
    ],
)
def test_two_sides_agree_when_either_one_carried_over_is_the_other(
    left: FieldType, right: FieldType, one: Value, other: Value, agreed: bool
) -> None:
    assert agree(one, other, field(), specs(left, right), {}) is agreed
    assert agree(other, one, field(), specs(right, left), {}) is agreed


@pytest.mark.parametrize(
    ("left", "right", "agreed"),
    [
        ("Hot", "hot", True),
        ("Burning", "hot", True),
        ("Cold", "cold", True),
        ("Cold", "frozen", True),
        ("Hot", "cold", False),
        ("Burning", "Burning", True),
    ],
)
def test_options_that_share_an_end_agree_whichever_of_them_is_shown(left: str, right: str, agreed: bool) -> None:
    assert agree(left, right, MANY, LISTS, {}) is agreed


@given(
    st.sampled_from(["Hot", "Burning", "Cold", "hot", "cold", "frozen", "other", BLANK, MISSING]),
    st.sampled_from(["Hot", "Burning", "Cold", "hot", "cold", "frozen", "other", BLANK, MISSING]),
)
def test_agreeing_does_not_depend_on_which_side_is_called_left(left: Value, right: Value) -> None:
    turned = field(options=tuple((right, left) for left, right in MANY.options))
    assert agree(left, right, MANY, LISTS, {}) == agree(right, left, turned, LISTS, {})


def test_what_is_carried_over_agrees_with_what_it_was_carried_from() -> None:
    for side, value in [(LEFT, "Burning"), (RIGHT, "frozen"), (LEFT, "other")]:
        carried = translate(value, MANY, LISTS, side, {})
        assert isinstance(carried, str)
        shown = {side: value, side.other: carried}
        assert agree(shown[LEFT], shown[RIGHT], MANY, LISTS, {})


def test_only_a_blank_checkbox_counts_as_unticked() -> None:
    assert ticked(BLANK, spec(FieldType.CHECKBOX)) is False
    assert ticked(MISSING, spec(FieldType.CHECKBOX)) is MISSING
    assert ticked(True, spec(FieldType.CHECKBOX)) is True
    assert ticked(BLANK, spec(FieldType.TEXT)) is BLANK


# --- what the mapping says of itself


def test_a_pair_knows_its_name_its_default_and_its_objects_on_each_side() -> None:
    pair = FieldPair("phone", "Phone", "phone", only=frozenset({"Lead"}), default_left="1", default_right="2")
    assert (pair.api_name(LEFT), pair.api_name(RIGHT)) == ("Phone", "phone")
    assert (pair.default(LEFT), pair.default(RIGHT)) == ("1", "2")
    assert pair.applies_to("Lead")
    assert not pair.applies_to("Contact")
    assert field().applies_to("Contact")


def test_an_object_pair_tells_the_fields_and_the_identity_of_each_object() -> None:
    both, lead_only = field(), FieldPair("status", "Status", "status", only=frozenset({"Lead"}))
    lead, right = IdentityFields(email="Email"), IdentityFields(email="email")
    pair = ObjectPair("people", "person", ("Lead", "Contact"), "contacts", (both, lead_only), {"Lead": lead}, right)
    assert pair.fields_of("Lead") == (both, lead_only)
    assert pair.fields_of("Contact") == (both,)
    assert pair.identity(LEFT, "Lead") is lead
    assert pair.identity(RIGHT, "contacts") is right


def test_the_schemas_word_on_a_pair_is_found_by_each_sides_own_name() -> None:
    left, right = spec(FieldType.TEXT, "Left"), spec(FieldType.EMAIL, "right")
    found = specs_of(
        field(), ObjectSpec("salesforce", "Lead", {"Left": left}), ObjectSpec("hubspot", "contacts", {"right": right})
    )
    assert (found.of(LEFT), found.of(RIGHT)) == (left, right)
    assert Owner.LEFT.is_side(LEFT)
    assert not Owner.LATEST.is_side(LEFT)
    assert (LEFT.other, RIGHT.other) == (RIGHT, LEFT)


def test_a_value_is_described_for_a_persons_eye() -> None:
    assert describe(BLANK) == "(blank)"
    assert describe(MISSING) == "(not read)"
    assert describe(False) == "false"
    assert describe(Decimal("0.0")) == "0"
