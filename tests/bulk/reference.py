"""What the line itself makes of the rows of two tables: core's people, and core's answer about them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import polars as pl

from concord.bulk.people import COLUMNS, OBJECT, SIDES
from concord.core import identity
from concord.core.identity import Person
from concord.core.mapping import IdentityFields, ObjectPair
from concord.core.model import Record, Side
from concord.core.values import BLANK, Ref

_FIELDS = IdentityFields(
    "email", "additional_emails", "first_name", "last_name", "company", "website", "phone", "mobile", "title"
)
_PAIR = ObjectPair(
    "people",
    "person",
    (OBJECT,),
    OBJECT,
    (),
    {OBJECT: _FIELDS},
    _FIELDS,
    key_left="other_id",
    keys_right={OBJECT: "other_id"},
)


def registrable(host: str) -> str:
    """As the public suffix list would have it, for the hosts that tests use."""
    parts = host.split(".")
    size = 3 if len(parts) > 2 and parts[-2] in ("co", "com") else 2
    return ".".join(parts[-size:]) if len(parts) > 1 else ""


def person(row: Mapping[str, str], side: int) -> Person:
    never = datetime(2026, 1, 1, tzinfo=UTC)
    at = datetime.fromisoformat(row["modified_at"]) if row["modified_at"] else never
    values = {name: row[name] or BLANK for name in COLUMNS}
    record = Record(Ref(SIDES[side], OBJECT, row["id"]), values, at, at)
    return identity.person_of(record, _PAIR, Side.LEFT if side == 0 else Side.RIGHT, registrable)


def table(rows: list[Mapping[str, str]]) -> pl.DataFrame:
    """Rows as bulk matching wants them: every column, in the order of ids."""
    full = [{name: row.get(name, "").strip() for name in COLUMNS} for row in rows]
    return pl.DataFrame(full, schema=dict.fromkeys(COLUMNS, pl.String)).sort("id")
