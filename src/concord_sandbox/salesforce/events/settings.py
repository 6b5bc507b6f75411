"""What a world asks of Change Data Capture: settings, custom channels and their filters. See `events` for the key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.soql.filters import compile_condition
from concord_sandbox.salesforce.soql.names import Scope
from concord_sandbox.salesforce.soql.parsing import parse
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.service import ControlError

#: So many objects may be captured without the add-on (api/salesforce.md section 9.1).
MOST_OBJECTS = 5
DEFAULTS: dict[str, Any] = {
    "selected": [],
    "addon": False,
    "channels": {},
    "daily_allocation": 25_000,
    "retention_hours": 72,
    "diff_fields": False,
    "most_subscribers": 2000,
}


@dataclass(frozen=True)
class Channel:
    """A custom channel. test: whether a record of that object passes its filter."""

    topic: str
    members: tuple[str, ...]
    enriched: tuple[str, ...]
    tests: Mapping[str, Callable[[Row], bool]]


@dataclass
class Disturbance:
    """What a control verb asked for: the next `count` events, and of the others this share."""

    count: int = 0
    probability: float = 0.0

    @classmethod
    def read(cls, asked: Mapping[str, Any]) -> Disturbance:
        unknown = asked.keys() - {"count", "probability"}
        if unknown:
            raise ControlError(f"unknown: {', '.join(sorted(unknown))}; give count or probability")
        made = cls(int(asked.get("count", 0)), float(asked.get("probability", 0.0)))
        if made.count < 0 or not 0 <= made.probability <= 1:
            raise ControlError("count is not below 0, probability lies between 0 and 1")
        return made


def captured_table(org: Org, name: Any) -> Table:
    """The object that can be captured: named itself or by its event. Raises ControlError."""
    given = str(name)
    if given.endswith("__ChangeEvent"):
        given = given.removesuffix("ChangeEvent") + "c"
    table = org.table(given) or org.table(given.removesuffix("ChangeEvent"))
    if table is None or table.kind.prefix == "017":
        raise ControlError(f"change_events: {name!r} is no object of this org whose changes can be captured")
    return table


def read_channel(org: Org, name: str, given: Mapping[str, Any]) -> Channel:
    """Raises ControlError when it is malformed."""
    if not name.endswith("__chn"):
        raise ControlError(f"change_events: the channel {name!r} must be named …__chn")
    unknown = given.keys() - {"members", "filter", "enriched"}
    if unknown:
        raise ControlError(f"change_events: a channel has no {', '.join(sorted(unknown))}")
    tables = [captured_table(org, one) for one in given.get("members", ())]
    enriched = tuple(given.get("enriched", ()))
    for one in enriched:
        if not any(table.kind.field(one) for table in tables):
            raise ControlError(f"change_events: no member of {name} has the field {one!r}")
    tests = {table.kind.name: _test(org, table, given["filter"]) for table in tables if given.get("filter")}
    return Channel(f"/data/{name}", tuple(table.kind.name for table in tables), enriched, tests)


def _test(org: Org, table: Table, condition: str) -> Callable[[Row], bool]:
    """The test of a filter. Raises ControlError when it means nothing on that object."""
    try:
        where = parse(f"SELECT Id FROM {table.kind.name} WHERE {condition}").where  # noqa: S608 - in memory
        scope = Scope(org, table, None, org.controls.clock.now(), _no_query)
        if where is None:
            raise ControlError(f"change_events: {condition!r} is no condition")
        return compile_condition(where, scope).test
    except QueryRefusal as refusal:
        raise ControlError(f"change_events: the filter {condition!r}: {refusal}") from refusal


def _no_query(_: Any) -> dict[Any, None]:
    raise ControlError("change_events: a filter holds no query")


def checked(given: Mapping[str, Any]) -> dict[str, Any]:
    unknown = given.keys() - DEFAULTS.keys()
    if unknown:
        raise ControlError(f"change_events has no {', '.join(sorted(unknown))}")
    settings = {**DEFAULTS, **given}
    for name in ("daily_allocation", "retention_hours", "most_subscribers"):
        if isinstance(settings[name], bool) or not isinstance(settings[name], int | float) or settings[name] < 0:
            raise ControlError(f"change_events: {name} is a number, not below 0")
    if not isinstance(settings["selected"], list) or not isinstance(settings["channels"], dict):
        raise ControlError("change_events: selected is a list of objects, channels an object")
    return settings
