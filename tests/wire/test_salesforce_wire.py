"""Salesforce's values, ids, times and SOQL: there and back."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, Ref, Value, canonical
from concord.systems.salesforce.client import LONGEST_URI, in_chunks, query_path
from concord.systems.salesforce.schema import field_spec, object_spec
from concord.systems.salesforce.wire import (
    http_date,
    id18,
    instant,
    iso,
    quoted,
    select,
    soql_time,
    to_value,
    to_wire,
)


def spec(kind: FieldType, **more: Any) -> FieldSpec:
    return FieldSpec("F__c", kind, **more)


# --- ids and times


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("00Dxx0000001gPL", "00Dxx0000001gPLEAY"),
        ("001000000000000", "001000000000000AAA"),
        ("abcdefghijklmno", "abcdefghijklmnoAAA"),
        ("ABCDEFGHIJKLMNO", "ABCDEFGHIJKLMNO555"),
    ],
)
def test_a_short_id_becomes_the_long_one(short: str, long: str) -> None:
    assert id18(short) == long
    assert id18(long) == long


def test_what_is_no_id_stays_as_it_is() -> None:
    assert id18("") == ""
    assert id18("not an id") == "not an id"


@given(st.text("abcXYZ019", min_size=15, max_size=15), st.text("abcXYZ019", min_size=15, max_size=15))
def test_two_ids_differ_without_regard_to_case_too(one: str, other: str) -> None:
    assert (id18(one).lower() == id18(other).lower()) == (one == other)


@pytest.mark.parametrize(
    "text", ["2026-11-02T09:15:00.000+0000", "2026-11-02T09:15:00.000Z", "2026-11-02T10:15:00+01:00"]
)
def test_every_form_of_a_time_is_read(text: str) -> None:
    assert instant(text) == datetime(2026, 11, 2, 9, 15, tzinfo=UTC)


def test_a_guard_is_a_date_as_http_writes_it() -> None:
    berlin = timezone(timedelta(hours=1))
    assert http_date(datetime(2026, 11, 2, 10, 15, 7, tzinfo=berlin)) == "Mon, 02 Nov 2026 09:15:07 GMT"


def test_a_soql_time_keeps_parts_of_a_second_where_there_are_any() -> None:
    moment = datetime(2026, 11, 2, 9, 15, tzinfo=UTC)
    assert soql_time(moment) == "2026-11-02T09:15:00Z"
    assert soql_time(moment + timedelta(milliseconds=5)) == "2026-11-02T09:15:00.005Z"
    assert iso(moment + timedelta(milliseconds=5)) == "2026-11-02T09:15:00Z"


# --- values

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1)
DRAWN: dict[FieldType, st.SearchStrategy[Any]] = {
    FieldType.TEXT: TEXTS,
    FieldType.LONG_TEXT: TEXTS,
    FieldType.RICH_TEXT: TEXTS,
    FieldType.EMAIL: TEXTS.map(lambda text: f"{text}@example.org"),
    FieldType.PHONE: TEXTS,
    FieldType.URL: TEXTS,
    FieldType.PICKLIST: TEXTS,
    FieldType.MULTI_PICKLIST: st.frozensets(
        st.text(st.characters(codec="utf-8", exclude_characters=";\x00"), min_size=1), min_size=1
    ),
    FieldType.CHECKBOX: st.booleans(),
    FieldType.NUMBER: st.decimals(-(10**12), 10**12, places=2),
    FieldType.CURRENCY: st.decimals(-(10**9), 10**9, places=4),
    FieldType.PERCENT: st.decimals(0, 100, places=3),
    FieldType.DATE: st.dates(),
    FieldType.DATETIME: st.datetimes(
        datetime(1700, 1, 2),  # noqa: DTZ001 - the zone is drawn beside it
        datetime(4000, 1, 1),  # noqa: DTZ001
        timezones=st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours))),
    ),
    FieldType.REFERENCE: st.text("0123abcXYZ", min_size=15, max_size=15).map(
        lambda text: Ref("salesforce", "Account", id18(text))
    ),
}


@st.composite
def typed(draw: st.DrawFn) -> tuple[FieldSpec, Value]:
    kind = draw(st.sampled_from(sorted(DRAWN)))
    more = {"references": ("Account",)} if kind is FieldType.REFERENCE else {}
    return spec(kind, **more), draw(DRAWN[kind])


@given(typed())
def test_a_value_written_and_read_back_is_the_same(case: tuple[FieldSpec, Value]) -> None:
    field, value = case
    told = json.loads(json.dumps(to_wire(value, field)))
    assert canonical(to_value(told, field), field) == canonical(value, field)


@given(st.sampled_from(sorted(FieldType)))
def test_null_is_blank_and_blank_is_null_except_in_a_checkbox(kind: FieldType) -> None:
    assert to_value(None, spec(kind)) is BLANK
    assert to_wire(BLANK, spec(kind)) is (False if kind is FieldType.CHECKBOX else None)


@given(st.sampled_from(sorted(FieldType)), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists))
def test_an_answer_of_the_wrong_type_never_breaks_the_batch(kind: FieldType, told: Any) -> None:
    value = to_value(told, spec(kind, references=("Account",)))
    assert value is MISSING or value is BLANK or canonical(value, spec(kind)) is not MISSING


def test_what_was_not_read_is_never_written() -> None:
    with pytest.raises(ValueError, match="F__c"):
        to_wire(MISSING, spec(FieldType.TEXT))


def test_numbers_carry_no_float_error() -> None:
    assert to_value(0.1, spec(FieldType.NUMBER)) == Decimal("0.1")
    assert to_value(19.99, spec(FieldType.CURRENCY)) == Decimal("19.99")
    assert to_value(5.0, spec(FieldType.NUMBER, scale=0)) == Decimal(5)


def test_a_whole_number_is_written_without_a_point() -> None:
    written = to_wire(Decimal("12.00"), spec(FieldType.NUMBER))
    assert json.dumps(written) == "12"


def test_false_is_a_value_and_not_a_blank() -> None:
    assert to_value(False, spec(FieldType.CHECKBOX)) is False


def test_a_field_that_may_point_to_several_objects_is_told_by_the_id() -> None:
    owner = spec(FieldType.REFERENCE, references=("Group", "User"))
    assert to_value("005xx000001SwiU", owner) == Ref("salesforce", "User", id18("005xx000001SwiU"))
    assert to_value("00Gxx000001SwiU", owner) == Ref("salesforce", "Group", id18("00Gxx000001SwiU"))
    custom = spec(FieldType.REFERENCE, references=("Group", "Firm__c"))
    assert to_value("a01xx000001SwiU", custom, {"a01": "Firm__c"}) == Ref(
        "salesforce", "Firm__c", id18("a01xx000001SwiU")
    )


# --- SOQL


@given(st.text())
def test_no_text_can_end_its_literal(text: str) -> None:
    inner = quoted(text)[1:-1]
    skip, plain_quotes = False, 0
    for letter in inner:
        if skip:
            skip = False
        elif letter == "\\":
            skip = True
        elif letter == "'":
            plain_quotes += 1
    assert (plain_quotes, skip) == (0, False)
    assert "\n" not in inner


@given(st.lists(st.text(max_size=80), max_size=300))
def test_long_lists_are_asked_for_in_addresses_that_are_short_enough(texts: list[str]) -> None:
    queries = in_chunks("Email", texts, lambda one_of: select("Contact", ["Id"], [one_of]))
    assert all(len(query_path(soql, everything=True)) <= LONGEST_URI for soql in queries)
    asked = [unquote(query_path(soql)) for soql in queries]
    literals = [found for soql in asked for found in re.findall(r"'(?:[^'\\]|\\.)*'", soql)]
    assert literals == [quoted(text) for text in texts]
    assert len(queries) <= 1 + len(texts)


# --- describe


def describe(name: str, kind: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "label": name,
        "type": kind,
        "length": 0,
        "scale": 0,
        "createable": True,
        "updateable": True,
        "nillable": True,
        "defaultedOnCreate": False,
        "calculated": False,
        "autoNumber": False,
        "restrictedPicklist": False,
        "externalId": False,
        "idLookup": False,
        "unique": False,
        "htmlFormatted": False,
        "picklistValues": [],
        "referenceTo": [],
        **more,
    }


@pytest.mark.parametrize(
    ("kind", "more", "type_"),
    [
        ("string", {"length": 80}, FieldType.TEXT),
        ("textarea", {"length": 255}, FieldType.TEXT),
        ("textarea", {"length": 32000}, FieldType.LONG_TEXT),
        ("textarea", {"length": 32000, "htmlFormatted": True}, FieldType.RICH_TEXT),
        ("email", {"length": 80}, FieldType.EMAIL),
        ("phone", {"length": 40}, FieldType.PHONE),
        ("url", {"length": 255}, FieldType.URL),
        ("picklist", {}, FieldType.PICKLIST),
        ("multipicklist", {}, FieldType.MULTI_PICKLIST),
        ("boolean", {}, FieldType.CHECKBOX),
        ("int", {}, FieldType.NUMBER),
        ("double", {"scale": 2}, FieldType.NUMBER),
        ("currency", {"scale": 2}, FieldType.CURRENCY),
        ("percent", {"scale": 1}, FieldType.PERCENT),
        ("date", {}, FieldType.DATE),
        ("datetime", {}, FieldType.DATETIME),
        ("reference", {"referenceTo": ["Account"]}, FieldType.REFERENCE),
    ],
)
def test_every_type_of_describe_has_one_of_ours(kind: str, more: dict[str, Any], type_: FieldType) -> None:
    found = field_spec(describe("F__c", kind, **more))
    assert found is not None
    assert found.type is type_


@pytest.mark.parametrize("kind", ["id", "address", "location", "base64", "anyType", "complexvalue"])
def test_what_cannot_be_carried_is_left_out(kind: str) -> None:
    assert field_spec(describe("F", kind)) is None


@pytest.mark.parametrize("why", ["calculated", "autoNumber"])
def test_what_salesforce_works_out_itself_is_never_written(why: str) -> None:
    found = field_spec(describe("F__c", "string", **{why: True}, nillable=False))
    assert found is not None
    assert (found.creatable, found.updatable, found.required) == (False, False, False)


@pytest.mark.parametrize(
    ("nillable", "defaulted", "required"), [(False, False, True), (False, True, False), (True, False, False)]
)
def test_a_field_is_required_when_it_may_not_be_empty_and_has_no_default(
    nillable: bool, defaulted: bool, required: bool
) -> None:
    found = field_spec(describe("LastName", "string", nillable=nillable, defaultedOnCreate=defaulted))
    assert found is not None
    assert found.required is required


def test_a_look_up_key_that_may_be_held_twice_is_not_unique() -> None:
    email = field_spec(describe("Email", "email", idLookup=True))
    key = field_spec(describe("HubSpot_Contact_Id__c", "string", idLookup=True, externalId=True, unique=True))
    assert email is not None
    assert key is not None
    assert (email.unique, key.unique) == (False, True)


def test_options_keep_their_value_and_whether_they_may_be_written() -> None:
    values = [
        {"value": "New", "label": "Neu", "active": True, "defaultValue": False},
        {"value": "Old", "label": "Alt", "active": False, "defaultValue": False},
    ]
    found = field_spec(describe("Status", "picklist", picklistValues=values, restrictedPicklist=True))
    assert found is not None
    assert [(option.value, option.label, option.active) for option in found.options] == [
        ("New", "Neu", True),
        ("Old", "Alt", False),
    ]
    assert found.restricted


def test_lengths_belong_to_texts_and_scales_to_numbers() -> None:
    told = {"name": "Lead", "fields": [describe("Email", "email", length=80), describe("Age__c", "double", scale=1)]}
    fields = object_spec(told).fields
    assert (fields["Email"].length, fields["Email"].scale) == (80, None)
    assert (fields["Age__c"].length, fields["Age__c"].scale) == (None, 1)


def test_a_date_is_a_day() -> None:
    assert to_value("2026-11-02", spec(FieldType.DATE)) == date(2026, 11, 2)
    assert to_wire(date(2026, 11, 2), spec(FieldType.DATE)) == "2026-11-02"
