"""GROUP BY, with ROLLUP and CUBE, and the functions over many records: COUNT, COUNT_DISTINCT, SUM, AVG, MIN, MAX.

Raises QueryRefusal in Salesforce's words.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.schema import NUMBER_TYPES, Field
from concord_sandbox.salesforce.soql.dates import DATE_FUNCTIONS
from concord_sandbox.salesforce.soql.filters import compile_condition
from concord_sandbox.salesforce.soql.functions import formatting, in_corporate, meaning
from concord_sandbox.salesforce.soql.names import Path, Scope
from concord_sandbox.salesforce.soql.ordering import check_sortable, in_order, sort_key
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import Column, Literal, Name, Operand, Query
from concord_sandbox.salesforce.tables import Row

FUNCTIONS = frozenset(("COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"))
#: An aggregate query cannot be read on from page to page.
_MOST_ROWS = 2000


@dataclass(frozen=True)
class _Group:
    """Records that are equal in what they are grouped by. absent: the places of what a subtotal leaves out."""

    rows: list[Row]
    absent: frozenset[int] = frozenset()


_Make = Callable[[_Group], Any]


def is_aggregate(query: Query) -> bool:
    """Whether a query answers AggregateResult records."""
    calls = (one.operand for one in query.columns if isinstance(one, Column))
    return query.group is not None or any(_aggregates(one) for one in calls)


def _aggregates(operand: Operand) -> bool:
    inner = (one for one in operand.arguments if isinstance(one, Operand))
    return operand.function in FUNCTIONS | {"GROUPING"} or any(_aggregates(one) for one in inner)


def is_bare_count(query: Query) -> bool:
    """`SELECT COUNT() FROM …`: no records, only how many. Raises QueryRefusal for COUNT() that is not alone."""
    calls = [one.operand for one in query.columns if isinstance(one, Column)]
    counts = [one for one in calls if one.function == "COUNT" and not one.arguments]
    if not counts:
        return False
    if len(query.columns) > 1:
        raise malformed("COUNT() has to be the only element in the SELECT list", counts[0].name.at)
    if query.group is not None:
        raise malformed("COUNT() cannot be used with GROUP BY, use COUNT(fieldName)", counts[0].name.at)
    if query.order:
        raise _not_grouped(query.order[0].operand, "Ordered field")
    return True


def aggregated(query: Query, scope: Scope, rows: list[Row]) -> list[Row]:
    """The AggregateResult records of a query over the rows that pass its WHERE. Raises QueryRefusal."""
    if query.group is None and (query.limit is not None or query.offset):
        words = "Non-grouped query that uses overall aggregate functions cannot also use LIMIT"
        raise malformed(words, query.source.at)
    found = _Aggregation(query, scope)
    groups = found.ordered(found.passing(found.groups(rows)))
    stop = None if query.limit is None else query.offset + query.limit
    chosen = groups[query.offset : stop]
    if len(chosen) > _MOST_ROWS:
        words = "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch"
        raise QueryRefusal("EXCEEDED_ID_LIMIT", words)
    attributes = {"attributes": {"type": "AggregateResult"}}
    return [attributes | {name: make(group) for name, make in found.columns} for group in chosen]


class _Aggregation:
    """One grouped query: what it groups by and what it shows of a group."""

    def __init__(self, query: Query, scope: Scope) -> None:
        self._query, self._scope = query, scope
        grouping = query.group
        self._kind = grouping.kind if grouping else ""
        self._grouped = [(one.key(), self._groupable(one)) for one in grouping.operands] if grouping else []
        self._read = [path.read for _, path in self._grouped]
        self.columns: list[tuple[str, _Make]] = []
        unnamed = 0
        for column in query.columns:
            if not isinstance(column, Column):
                at = column.source.at if isinstance(column, Query) else column.reference.at
                raise malformed("Only root queries support aggregate expressions", at)
            field, make = self._meaning(column.operand, "Field")
            name = column.alias or (f"expr{unnamed}" if column.operand.call else field.name)
            unnamed += column.alias is None and column.operand.call
            if any(name.lower() == known.lower() for known, _ in self.columns):
                raise malformed(f"duplicate alias: {name}", column.operand.name.at)
            self.columns.append((name, make))

    def _groupable(self, operand: Operand) -> Path:
        path = meaning(operand, self._scope, DATE_FUNCTIONS)
        if not path.field.attributes["groupable"]:
            words = f"field '{path.field.name}' can not be grouped in a query call"
            raise QueryRefusal("INVALID_FIELD", words, operand.name.at)
        return path

    # What is shown of a group

    def _meaning(self, operand: Operand, what: str) -> tuple[Field, _Make]:
        """The pseudo-field that a value is like, and what works it out of a group."""
        function = operand.function
        if function in FUNCTIONS:
            return _function(operand, self._scope)
        if function == "GROUPING":
            return self._grouping(operand)
        if function == "FORMAT" and len(operand.arguments) == 1 and isinstance(operand.arguments[0], Operand):
            field, make = self._meaning(operand.arguments[0], what)
            convert = formatting(field, self._scope)
            return field, lambda group: None if (value := make(group)) is None else convert({}, value)
        place, path = self._place(operand, what)
        return path.field, self._reader(place)

    def _reader(self, place: int) -> _Make:
        read = self._read[place]
        return lambda group: None if place in group.absent else read(group.rows[0])

    def _place(self, operand: Operand, what: str) -> tuple[int, Path]:
        """Which of the grouped expressions that is."""
        path = meaning(operand, self._scope, DATE_FUNCTIONS)
        for place, (key, one) in enumerate(self._grouped):
            same = key == operand.key() if operand.call else path.field is one.field and path.hops == one.hops
            if same:
                return place, one
        raise _not_grouped(operand, what)

    def _grouping(self, operand: Operand) -> tuple[Field, _Make]:
        """GROUPING(field): 1 in a subtotal over that field, else 0."""
        inner = operand.arguments[0] if len(operand.arguments) == 1 else None
        if not isinstance(inner, Operand) or not self._kind:
            raise malformed("GROUPING can only be used with GROUP BY ROLLUP or GROUP BY CUBE", operand.name.at)
        place, _ = self._place(inner, "Field")
        return Field({"name": operand.name.text, "type": "int"}), lambda group: int(place in group.absent)

    # Which groups

    def groups(self, rows: list[Row]) -> list[_Group]:
        if not self._grouped:
            return [_Group(rows)]
        paths = [path for _, path in self._grouped]
        keyed = [(tuple(path.field.fold(path.read(row)) for path in paths), row) for row in rows]
        made: list[_Group] = []
        for absent in self._subtotals():
            found: dict[tuple[Any, ...], list[Row]] = {}
            for key, row in keyed:
                kept = tuple(value for place, value in enumerate(key) if place not in absent) if absent else key
                found.setdefault(kept, []).append(row)
            made += [_Group(one, absent) for one in found.values()]
        return made

    def _subtotals(self) -> list[frozenset[int]]:
        """What is left out of each kind of row that GROUP BY, ROLLUP or CUBE answers; the plain groups first."""
        count = len(self._grouped)
        if self._kind == "ROLLUP":
            return [frozenset(range(count - rolled, count)) for rolled in range(count + 1)]
        if self._kind == "CUBE":
            return [frozenset(one) for size in range(count + 1) for one in combinations(range(count), size)]
        return [frozenset()]

    def passing(self, groups: list[_Group]) -> list[_Group]:
        """The groups that pass HAVING. Each is tested as one made-up row that holds itself."""
        if self._query.having is None:
            return groups

        def resolve(operand: Operand) -> Path:
            field, make = self._meaning(operand, "Field")
            return Path(field, lambda row: make(row["group"]))

        test = compile_condition(self._query.having, self._scope, resolve).test
        return [group for group in groups if test({"group": group})]

    def ordered(self, groups: list[_Group]) -> list[_Group]:
        for sorting in reversed(self._query.order):
            field, make = self._meaning(sorting.operand, "Ordered field")
            check_sortable(Path(field, lambda _: None), sorting)
            groups = in_order(groups, make, field, sorting)
        return groups


def _not_grouped(operand: Operand, what: str) -> QueryRefusal:
    return malformed(f"{what} must be grouped or aggregated: {operand.name.text}", operand.name.at)


def _function(operand: Operand, scope: Scope) -> tuple[Field, _Make]:
    name = operand.function
    counted = Field({"name": operand.name.text, "type": "int"})
    inner = operand.arguments[0] if operand.arguments else None
    if inner is None and name == "COUNT":
        return counted, lambda group: len(group.rows)
    if not isinstance(inner, Operand) or len(operand.arguments) != 1 or isinstance(inner, Literal):
        raise malformed(f"{operand.name.text} takes exactly one field", operand.name.at)
    path = meaning(inner, scope, DATE_FUNCTIONS if name == "COUNT_DISTINCT" else frozenset())
    _check_aggregatable(path, name, operand.name)
    read, key = _corporate(path, scope), sort_key(path.field)

    def values(group: _Group) -> list[Any]:
        return [value for row in group.rows if (value := read(row)) is not None]

    if name == "COUNT":
        return counted, lambda group: len(values(group))
    if name == "COUNT_DISTINCT":
        fold = path.field.fold
        return counted, lambda group: len({fold(value) for value in values(group)})
    if name in ("MIN", "MAX"):
        choose = min if name == "MIN" else max
        return path.field, lambda group: choose(values(group), key=key, default=None)
    double = Field({"name": operand.name.text, "type": path.field.type, "scale": path.field.scale})
    if name == "SUM":
        return double, lambda group: sum(found) if (found := values(group)) else None
    return double, lambda group: sum(found) / len(found) if (found := values(group)) else None


def _check_aggregatable(path: Path, name: str, at: Name) -> None:
    able = path.field.attributes["aggregatable"]
    if name in ("SUM", "AVG"):
        able = path.field.type in NUMBER_TYPES
    if not able:
        raise malformed(f"field {path.field.name} does not support aggregate operator {name}", at.at)


def _corporate(path: Path, scope: Scope) -> Callable[[Row], Any]:
    """Reads amounts in the corporate currency, in which an org with several adds them up."""
    own, org = path.own, scope.org
    if path.field.type != "currency" or not org.currencies or own is None:
        return path.read
    convert, hops = in_corporate(org), path.hops

    def read(row: Row) -> Any:
        at: Row | None = row
        for hop in hops:
            at = org.row(at.get(hop.field.name) or "") if at else None
        value = own(at) if at else None
        return None if at is None or value is None else round(convert(at, value), 10)

    return read
