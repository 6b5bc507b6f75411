"""Reads what a world declares of an org's rules: objects, fields, formulas, names. Whatever is wrong is a ControlError
that names the rule. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.formulas import Formula, FormulaTrouble, compile_formula
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Table
from concord_sandbox.service import ControlError


def rules_of(section: str, given: Any, known: Iterable[str], needed: Iterable[str]) -> list[tuple[str, dict[str, Any]]]:
    """The rules in a list, each with what to call it in an error. Every one has the `needed` keys and only `known`."""
    if given is None:
        return []
    if not isinstance(given, list):
        raise ControlError(f"{section} has to be a list of rules")
    found = []
    for number, one in enumerate(given, 1):
        name = one.get("name") if isinstance(one, dict) else None
        where = f"{section}, rule {number}" + (f" ({name})" if name else "")
        found.append((where, checked(where, one, known, needed)))
    return found


def checked(where: str, given: Any, known: Iterable[str], needed: Iterable[str]) -> dict[str, Any]:
    """A JSON object with all `needed` keys and only `known` ones."""
    if not isinstance(given, dict):
        raise ControlError(f"{where}: has to be a JSON object")
    unknown = given.keys() - set(known)
    if unknown:
        raise ControlError(f"{where}: unknown key {', '.join(sorted(unknown))}; it takes {', '.join(known)}")
    missing = [key for key in needed if key not in given]
    if missing:
        raise ControlError(f"{where}: {', '.join(missing)} is missing")
    return given


def object_of(org: Org, where: str, name: Any) -> Table:
    table = org.table(name) if isinstance(name, str) else None
    if table is None:
        raise ControlError(f"{where}: this org has no object {name!r}")
    return table


def field_of(where: str, table: Table, name: Any) -> Field:
    field = table.kind.field(name) if isinstance(name, str) else None
    if field is None:
        raise ControlError(f"{where}: {table.kind.name} has no field {name!r}")
    return field


def text_of(where: str, given: dict[str, Any], key: str, default: str = "") -> str:
    value = given.get(key, default)
    if not isinstance(value, str):
        raise ControlError(f"{where}: {key} has to be a text, not {value!r}")
    return value


def flag_of(where: str, given: dict[str, Any], key: str, default: bool = True) -> bool:
    value = given.get(key, default)
    if not isinstance(value, bool):
        raise ControlError(f"{where}: {key} has to be true or false, not {value!r}")
    return value


def formula_of(org: Org, where: str, table: Table, text: Any, **options: bool) -> Formula:
    """A formula over that object; options as in `compile_formula`."""
    try:
        return compile_formula(org, table, text, **options)
    except FormulaTrouble as trouble:
        raise ControlError(f"{where}: {trouble.placed(text if isinstance(text, str) else '')}") from trouble
