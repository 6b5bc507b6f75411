"""Salesforce's way of writing values, ids and times, and back (api/salesforce.md, sections 3, 4 and 7). Pure.

Knows JSON and SOQL forms; may not call anything and decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from email.utils import format_datetime
from typing import Any, Final, TypeAlias

from concord.core.values import AS_TOLD, BLANK, MISSING, NUMERIC, FieldSpec, FieldType, Nothing, Ref, Value, plain

SYSTEM: Final = "salesforce"

#: What a field of a request's body may be.
Json: TypeAlias = str | bool | int | float | None

#: The first three letters of an id name its object; these are the same in every org. Others come from describe.
PREFIXES: Final[Mapping[str, str]] = {
    "001": "Account",
    "003": "Contact",
    "005": "User",
    "006": "Opportunity",
    "00G": "Group",
    "00Q": "Lead",
    "00T": "Task",
    "00U": "Event",
    "500": "Case",
    "701": "Campaign",
}

_ID15 = re.compile(r"[0-9A-Za-z]{15}")
_ID18 = re.compile(r"[0-9A-Za-z]{18}")
_CASE_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def id18(text: str) -> str:
    """An id in the form of 18 characters, in which two ids are compared (section 3). What is no id stays as it is.

    The last three characters say which of the first fifteen are capitals, five letters each.
    """
    if not _ID15.fullmatch(text):
        return text
    suffix = ""
    for start in (0, 5, 10):
        bits = sum(1 << place for place, letter in enumerate(text[start : start + 5]) if "A" <= letter <= "Z")
        suffix += _CASE_LETTERS[bits]
    return text + suffix


def is_id(text: str) -> bool:
    """Whether a text has the form of a record id."""
    return bool(_ID15.fullmatch(text) or _ID18.fullmatch(text))


def instant(text: str) -> datetime:
    """`2026-11-02T09:15:00.000+0000` as an aware time in UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def http_date(moment: datetime) -> str:
    """A time as `If-Unmodified-Since` wants it: whole seconds, GMT (section 3.1)."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def iso(moment: datetime) -> str:
    """A time as a body takes it. Salesforce keeps whole seconds; parts of one are left out."""
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


# --- values


def to_value(told: Any, spec: FieldSpec, prefixes: Mapping[str, str] = PREFIXES) -> Value:
    """A field of an answer as a typed value. null and "" are BLANK.

    What does not fit the field's type is MISSING: the type was changed since the schema was read, so that nothing may
    be concluded from it until the schema has been read again. prefixes: object names by the id's first three letters.
    """
    if told is None or told == "":
        return BLANK
    if spec.type in AS_TOLD and isinstance(told, str):
        return told
    if spec.type is FieldType.CHECKBOX:
        return told if isinstance(told, bool) else MISSING
    if spec.type in NUMERIC:
        return _number(told)
    if isinstance(told, bool):
        return "true" if told else "false"
    if isinstance(told, int | float):
        return plain(Decimal(str(told)))
    return _from_text(told, spec, prefixes) if isinstance(told, str) else MISSING


def _number(told: Any) -> Value:
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return MISSING
    try:
        number = Decimal(str(told))
    except InvalidOperation:
        return MISSING
    return number if number.is_finite() else MISSING


def _from_text(text: str, spec: FieldSpec, prefixes: Mapping[str, str]) -> Value:
    if spec.type is FieldType.MULTI_PICKLIST:
        return frozenset(part for part in text.split(";") if part) or BLANK
    if spec.type is FieldType.REFERENCE:
        return reference(text, spec, prefixes)
    try:
        if spec.type is FieldType.DATE:
            return date.fromisoformat(text[:10])
        if spec.type is FieldType.DATETIME:
            return instant(text)
    except ValueError:
        return MISSING
    return text


def reference(text: str, spec: FieldSpec, prefixes: Mapping[str, str]) -> Ref:
    """The record that an id points to. A field that may point to several objects (`OwnerId`) is told by the id."""
    first = spec.references[0] if spec.references else ""
    told = prefixes.get(text[:3], first) if len(spec.references) != 1 else first
    return Ref(SYSTEM, told, id18(text))


def to_wire(value: Value, spec: FieldSpec) -> Json:
    """A typed value as a field of a request's body. BLANK is null, and False for a checkbox, which cannot be empty.

    A number with more digits than a double holds is written as the nearest one: Salesforce itself keeps no more.
    Raises ValueError for MISSING: what was not read is never written.
    """
    if value is MISSING:
        raise ValueError(f"{spec.name}: MISSING is not a value to write")
    if isinstance(value, Nothing):
        return False if spec.type is FieldType.CHECKBOX else None
    if isinstance(value, bool):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return iso(value) if isinstance(value, datetime) else plain(value)


# --- SOQL

_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


def quoted(text: str) -> str:
    """A text as a SOQL literal; nothing in it can end the literal."""
    return "'" + text.translate(_ESCAPES) + "'"


def soql_time(moment: datetime) -> str:
    """A time as a SOQL literal, with parts of a second where it has any."""
    text = moment.astimezone(UTC).replace(tzinfo=None)
    return text.isoformat(timespec="milliseconds" if text.microsecond else "seconds") + "Z"


def select(object_name: str, columns: Sequence[str], conditions: Sequence[str], order: str = "") -> str:
    """A query in SOQL. Texts in `conditions` have gone through `quoted`; names come from the schema."""
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    chosen = f"SELECT {', '.join(columns)} FROM {object_name}"  # noqa: S608
    return f"{chosen}{where} ORDER BY {order}" if order else chosen + where


def among(field: str, texts: Sequence[str]) -> str:
    """The condition that a field has one of these texts."""
    return f"{field} IN ({','.join(quoted(text) for text in texts)})"
