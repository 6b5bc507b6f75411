"""Field pairs, schemas and records for the tests of core: one place that says what a plain one looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from concord.core.mapping import FieldPair, IdentityFields, ObjectPair, Specs
from concord.core.merge import Question, Reading
from concord.core.model import Base, HistoryEntry, Link, Record, Stamp
from concord.core.steps import Terms
from concord.core.values import FieldSpec, FieldType, ObjectSpec, Ref, Value

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LEAD = Ref("salesforce", "Lead", "00Q1")
CONTACT = Ref("hubspot", "contacts", "101")


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def stamp(seconds: float, *, certain: bool = True) -> Stamp:
    return Stamp(at(seconds), certain, "property history" if certain else "record")


def spec(kind: FieldType, name: str = "F", **said: Any) -> FieldSpec:
    return FieldSpec(name, kind, **said)


def specs(left: FieldType, right: FieldType | None = None) -> Specs:
    return Specs(spec(left, "Left"), spec(right or left, "right"))


def field(**said: Any) -> FieldPair:
    return replace(FieldPair("field", "Left", "right"), **said)


def question(
    left: Value,
    right: Value,
    base: tuple[Value, Value] | None = None,
    *,
    of: Specs | None = None,
    times: tuple[float | None, float | None] = (None, None),
    **said: Any,
) -> Question:
    """A question about two values. base: what each side showed. times: seconds after noon. said: of the field pair."""
    first, second = (None if one is None else stamp(one) for one in times)
    return Question(
        pair=field(**said),
        specs=of or specs(FieldType.TEXT),
        left=Reading(left, first),
        right=Reading(right, second),
        base=Base(*base) if base is not None else None,
    )


def record(ref: Ref, values: Mapping[str, Value], seconds: float = 0, **said: Any) -> Record:
    """A record that was modified, and read, so many seconds after noon."""
    return replace(Record(ref, values, modified_at=at(seconds), read_at=at(seconds)), **said)


def entry(value: Value, seconds: float, *, ours: bool = False) -> HistoryEntry:
    return HistoryEntry(value, stamp(seconds), ours)


def link(bases: Mapping[str, Base] | None = None, **said: Any) -> Link:
    return replace(Link(7, "people", LEAD, CONTACT, 100.0, bases=bases or {}), **said)


def terms(
    fields: tuple[FieldPair, ...], left: tuple[FieldSpec, ...], right: tuple[FieldSpec, ...], **said: Any
) -> Terms:
    """Leads and contacts of HubSpot with these fields; both kinds are created. said: of the object pair."""
    pair = ObjectPair(
        name="people",
        kind="person",
        left_objects=("Lead",),
        right_object="contacts",
        fields=fields,
        left_identity={"Lead": IdentityFields(email="Email")},
        right_identity=IdentityFields(email="email"),
        key_left="HubSpot_Id__c",
        keys_right={"Lead": "salesforce_lead_id"},
        create_left="Lead",
        create_right=True,
    )
    return Terms(
        replace(pair, **said),
        {
            "Lead": ObjectSpec("salesforce", "Lead", {one.name: one for one in left}),
            "contacts": ObjectSpec("hubspot", "contacts", {one.name: one for one in right}),
        },
    )
