"""HubSpot's strings and rows: what they become, and that what is written comes back the same."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, ObjectSpec, Ref, Value
from concord.systems.hubspot.schema import field_spec
from concord.systems.hubspot.wire import Unwritable, format_value, instant, merged_ids, millis, parse, record_of

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)


def spec(kind: FieldType, name: str = "p") -> FieldSpec:
    return FieldSpec(name, kind, references=("companies",) if kind is FieldType.REFERENCE else ())


#: To the millisecond, which is all that HubSpot keeps.
MOMENTS = st.integers(min_value=-62_000_000_000_000, max_value=253_000_000_000_000).map(
    lambda number: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number)
)
OPTIONS = st.text(st.characters(blacklist_characters=";", codec="utf-8"), min_size=1).filter(
    lambda text: text == text.strip()
)
TYPED: st.SearchStrategy[tuple[FieldType, Value]] = st.one_of(
    st.tuples(st.just(FieldType.TEXT), st.text(min_size=1)),
    st.tuples(st.just(FieldType.CHECKBOX), st.booleans()),
    st.tuples(
        st.just(FieldType.NUMBER),
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15),
    ),
    st.tuples(st.just(FieldType.DATE), st.dates()),
    st.tuples(st.just(FieldType.DATETIME), MOMENTS),
    st.tuples(st.just(FieldType.MULTI_PICKLIST), st.frozensets(OPTIONS, min_size=1)),
    st.tuples(
        st.just(FieldType.REFERENCE), st.integers(min_value=1).map(lambda n: Ref("hubspot", "companies", str(n)))
    ),
    st.tuples(st.sampled_from(FieldType), st.just(BLANK)),
)


@given(TYPED)
def test_a_value_that_is_written_is_read_back_as_the_same_value(typed: tuple[FieldType, Value]) -> None:
    kind, value = typed
    assert parse(format_value(value, spec(kind)), spec(kind)) == value


@given(MOMENTS)
def test_epoch_milliseconds_and_iso_mean_the_same_instant(moment: datetime) -> None:
    assert instant(str(millis(moment))) == instant(moment.isoformat()) == moment


@given(st.sampled_from(FieldType), st.text())
def test_any_text_in_any_property_is_read_without_an_error(kind: FieldType, text: str) -> None:
    assert parse(text, spec(kind)) is not MISSING


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        (None, FieldType.NUMBER, BLANK),
        ("", FieldType.TEXT, BLANK),
        ("0", FieldType.NUMBER, Decimal(0)),
        ("false", FieldType.CHECKBOX, False),
        ("True", FieldType.CHECKBOX, True),
        ("1790000000000", FieldType.DATE, date(2026, 9, 21)),
        ("2026-02-03", FieldType.DATE, date(2026, 2, 3)),
        ("2026-02-03T04:05:06.789Z", FieldType.DATETIME, datetime(2026, 2, 3, 4, 5, 6, 789000, UTC)),
        ("2026-02-03T04:05:06+02:00", FieldType.DATETIME, datetime(2026, 2, 3, 2, 5, 6, tzinfo=UTC)),
        (" b ;a;;b", FieldType.MULTI_PICKLIST, frozenset({"a", "b"})),
        (";", FieldType.MULTI_PICKLIST, BLANK),
        ("unreadable", FieldType.NUMBER, "unreadable"),
        ("soon", FieldType.DATE, "soon"),
    ],
)
def test_a_property_string_becomes_its_type(text: str | None, kind: FieldType, value: Value) -> None:
    assert parse(text, spec(kind)) == value


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (MISSING, FieldType.TEXT),
        (True, FieldType.NUMBER),
        (Decimal("NaN"), FieldType.NUMBER),
        (frozenset({"a;b"}), FieldType.MULTI_PICKLIST),
        (Ref("salesforce", "Account", "001"), FieldType.REFERENCE),
        (NOON, FieldType.DATE),
    ],
)
def test_a_value_that_the_property_cannot_hold_is_not_written(value: Value, kind: FieldType) -> None:
    with pytest.raises(Unwritable):
        format_value(value, spec(kind))


def test_whoever_never_said_a_word_is_not_opted_out() -> None:
    assert parse(None, spec(FieldType.CHECKBOX, "hs_email_optout")) is False
    assert parse("true", spec(FieldType.CHECKBOX, "hs_email_optout")) is True
    assert parse(None, spec(FieldType.CHECKBOX, "another")) is BLANK


def test_several_options_are_written_without_the_leading_semicolon_that_would_add_them() -> None:
    assert format_value(frozenset({"b", "a"}), spec(FieldType.MULTI_PICKLIST)) == "a;b"


def contacts(*fields: FieldSpec) -> ObjectSpec:
    return ObjectSpec("hubspot", "contacts", {field.name: field for field in fields})


def test_a_record_has_only_the_fields_asked_for_and_blank_is_not_missing() -> None:
    row = {"id": "7", "properties": {"firstname": "", "lastmodifieddate": "1"}, "updatedAt": "2026-11-02T11:59:59.123Z"}
    about = contacts(spec(FieldType.TEXT, "firstname"), spec(FieldType.TEXT, "lastname"))
    record = record_of(row, about, ["firstname", "lastname", "unheard_of"], at=NOON, app_id="9")
    assert record.values == {"firstname": BLANK, "lastname": BLANK}
    assert record.value("unheard_of") is MISSING
    assert record.version == str(millis(record.modified_at))
    assert record.modified_at == NOON - timedelta(milliseconds=877)


def test_only_entries_of_our_own_app_are_ours_in_a_history() -> None:
    entries = [
        {"value": "b", "timestamp": "2026-11-02T11:00:00.000Z", "sourceType": "INTEGRATION", "sourceId": "9"},
        {"value": "a", "timestamp": "2026-11-02T10:00:00.000Z", "sourceType": "CRM_UI", "sourceId": "userId:5"},
        {"value": "0", "timestamp": "2026-11-02T09:00:00.000Z", "sourceType": "INTEGRATION", "sourceId": "99"},
        {"value": "-", "timestamp": "2026-11-02T08:00:00.000Z", "sourceType": "API", "sourceId": ""},
        {"value": "lost", "timestamp": None, "sourceType": "API"},
    ]
    row = {"id": "7", "updatedAt": "2026-11-02T11:00:00.000Z", "propertiesWithHistory": {"p": entries}}
    record = record_of(row, contacts(spec(FieldType.TEXT)), ["p"], at=NOON, app_id="9", histories=["p"])
    assert [(entry.value, entry.ours, entry.stamp.by) for entry in record.histories["p"]] == [
        ("b", True, "9"),
        ("a", False, "userId:5"),
        ("0", False, "99"),
        ("-", False, "API"),
    ]
    assert record.ours
    assert record.modified_by == "9"
    unknown = record_of(row, contacts(spec(FieldType.TEXT)), ["p"], at=NOON, app_id="", histories=["p"])
    assert not any(entry.ours for entry in unknown.histories["p"])


def test_merged_ids_are_found_in_each_of_their_forms() -> None:
    row = {
        "id": 30,
        "properties": {
            "hs_merged_object_ids": "10;20",
            "hs_calculated_merged_vids": "11:1790000000000;12:1790000000001",
            "hs_all_contact_vids": "30;10",
        },
    }
    assert merged_ids(row) == {"10", "20", "11", "12"}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({"type": "bool", "fieldType": "booleancheckbox"}, FieldType.CHECKBOX),
        ({"type": "enumeration", "fieldType": "booleancheckbox"}, FieldType.CHECKBOX),
        ({"type": "enumeration", "fieldType": "checkbox"}, FieldType.MULTI_PICKLIST),
        ({"type": "enumeration", "fieldType": "radio"}, FieldType.PICKLIST),
        ({"type": "string", "fieldType": "phonenumber"}, FieldType.PHONE),
        ({"type": "phone_number", "fieldType": "phonenumber"}, FieldType.PHONE),
        ({"type": "string", "fieldType": "textarea"}, FieldType.LONG_TEXT),
        ({"type": "string", "fieldType": "html"}, FieldType.RICH_TEXT),
        ({"type": "string", "fieldType": "text", "name": "email"}, FieldType.EMAIL),
        ({"type": "number", "fieldType": "number", "showCurrencySymbol": True}, FieldType.CURRENCY),
        ({"type": "number", "fieldType": "number"}, FieldType.NUMBER),
        ({"type": "datetime", "fieldType": "date"}, FieldType.DATETIME),
        ({"type": "date", "fieldType": "date"}, FieldType.DATE),
        ({"type": "number", "fieldType": "number", "name": "associatedcompanyid"}, FieldType.REFERENCE),
        ({"type": "enumeration", "externalOptions": True, "referencedObjectType": "OWNER"}, FieldType.REFERENCE),
    ],
)
def test_a_property_is_told_by_its_type(row: dict[str, object], kind: FieldType) -> None:
    assert field_spec("contacts", {"name": "x", **row}).type is kind


def test_what_hubspot_calculates_is_read_only_except_what_other_calls_write() -> None:
    read_only = {"type": "bool", "modificationMetadata": {"readOnlyValue": True}}
    assert not field_spec("contacts", {"name": "x", **read_only}).updatable
    assert not field_spec("contacts", {"name": "x", "type": "number", "calculated": True}).creatable
    assert field_spec("contacts", {"name": "hs_email_optout", **read_only}).updatable
    assert not field_spec("companies", {"name": "hs_email_optout", **read_only}).updatable


def test_a_hidden_option_can_still_be_written() -> None:
    row = {"name": "x", "type": "enumeration", "fieldType": "select", "options": [{"value": "a", "hidden": True}]}
    (option,) = field_spec("contacts", row).options
    assert option.active
    assert field_spec("contacts", row).restricted
    assert not field_spec("contacts", {**row, "externalOptions": True}).restricted
