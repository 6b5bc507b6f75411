"""Names in a world's section that lead nowhere, and values that two records cannot both have.

Whatever the API would refuse is not refused here (`models`), only what nothing could read. Reads, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord_sandbox.hubspot.models import Portal
from concord_sandbox.hubspot.tables import ObjectTable, Record
from concord_sandbox.service import ControlError


def check_names(portal: Portal, world: Mapping[str, Any]) -> None:
    """Raises ControlError for rules about properties and types that there are not, for a record with a property that
    its type lacks, and for a value that only one record can have and two do."""
    for plural, by_property in portal.validations.items():
        _known(portal, "validations", plural, by_property)
    for plural, names in portal.required.items():
        _known(portal, "required", plural, names)
    for plural, rows in portal.conditional.items():
        for row in rows:
            _known(portal, "conditionally_required", plural, [row["property"], *row["required"]])
    for row in world.get("workflows") or ():
        followed = portal.table(str(row.get("object", "contacts")))
        if followed is not None:
            _known(portal, "workflows", followed.kind.plural, [row["when"]["property"]])
    for row in portal.association_limits:
        _check_limit(portal, row)
    _check_settings(portal, world)
    for table in portal.tables():
        _check_records(table)


def _check_settings(portal: Portal, world: Mapping[str, Any]) -> None:
    for name in (world.get("interruptions") or {}).get("locked") or {}:
        if portal.table(name) is None:
            raise ControlError(f"interruptions: there is no object type {name!r}")
    for code, rate in portal.settings["currencies"].items():
        if isinstance(rate, bool) or not isinstance(rate, int | float) or rate <= 0:
            raise ControlError(f"currencies: the worth of {code} is a number above 0, not {rate!r}")


def _known(portal: Portal, where: str, plural: str, names: Any) -> None:
    definitions = portal.kept(plural).definitions
    for name in names:
        if name not in definitions:
            raise ControlError(f"{where}: {plural} have no property {name!r}")


def _check_limit(portal: Portal, row: Mapping[str, Any]) -> None:
    ends = [portal.table(str(row[side])) for side in ("from", "to")]
    for side, end in zip(("from", "to"), ends, strict=True):
        if end is None:
            raise ControlError(f"association_limits: there is no object type {row[side]!r}")
    pair = [end.kind.plural for end in ends if end is not None]
    most = row["maxToObjectIds"]
    if row["typeId"] not in portal.links.types(pair[0], pair[1]) or isinstance(most, bool) or not isinstance(most, int):
        raise ControlError(
            f"association_limits: typeId is an association type from {pair[0]} to {pair[1]}, maxToObjectIds a number"
        )


def _check_records(table: ObjectTable) -> None:
    known = table.definitions.keys() | table.system.keys()
    for record in (*table.live.values(), *table.archived.values()):
        if not record.values.keys() <= known:
            unknown = sorted(record.values.keys() - known)[0]
            raise ControlError(
                f"{table.kind.singular} {record.id}: {table.kind.plural} have no property {unknown!r}; add it under "
                "properties"
            )
    for name, held in table.unique.items():
        for record in table.live.values():
            if record.values.get(name):
                _check_unique(table, record, name, held)


def _check_unique(table: ObjectTable, record: Record, name: str, held: Mapping[str, int]) -> None:
    for key in table.claims(record.values, name):
        if held.get(key) != record.id:
            raise ControlError(f"two {table.kind.plural} have the {name} {key!r}: {held.get(key)} and {record.id}")
