"""In which shape a query's records are answered: their fields, their parents within them, their children as queries.

Knows neither HTTP nor how many records a page has. Raises QueryRefusal in Salesforce's words.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.soql.aggregates import is_aggregate
from concord_sandbox.salesforce.soql.functions import SHOWING, meaning
from concord_sandbox.salesforce.soql.names import Path, Scope, no_children, path_over, target_of
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import Column, Name, Operand, Query, TypeOf
from concord_sandbox.salesforce.tables import Row, Table

Shape = Callable[[Row], dict[str, Any]]
#: Finds the records that a query asks for; given some, only among them.
Find = Callable[[list[Row] | None], list[Row]]
Plan = Callable[[Query, Scope], Find]
#: Makes the answer to a query of the records that it found.
Pages = Callable[[list[Row], Shape], dict[str, Any]]
_MOST_FIELDS = 200
_MOST_CHILDREN = 20
#: Levels below the root, from version 58 on; before it only one.
_MOST_LEVELS = 4


def whole(rows: list[Row], shape: Shape) -> dict[str, Any]:
    """All records in one page."""
    return {"totalSize": len(rows), "done": True, "records": [shape(one) for one in rows]}


class Shaper:
    """Makes shapes for answers of one API version (`v66.0`)."""

    def __init__(self, org: Org, version: str, plan: Plan, pages: Pages = whole) -> None:
        self._org, self._version, self._plan, self._pages = org, version, plan, pages
        self._children = 0

    def shape(self, query: Query, scope: Scope, level: int = 0) -> Shape:
        """What makes the answer of a record. level: how many queries stand around this one."""
        makers: dict[str, Callable[[Row], Any]] = {}
        paths: list[Path] = []
        seen: set[str] = set()
        simple = True
        for column in _expanded(query, scope):
            if isinstance(column, Column) and column.alias is None and not column.operand.call:
                path = scope.path(column.operand.name)
            elif isinstance(column, Column):
                simple = False
                name, path = self._function(column, scope, makers)
                if name is not None:
                    _once(name, seen, column.operand.name)
                    makers[name] = path.read
                    continue
            else:
                simple = False
                name, make = (
                    self._child(column, scope, level) if isinstance(column, Query) else self._by_kind(column, scope)
                )
                _once(name, seen, column.source if isinstance(column, Query) else column.reference)
                makers[name] = make
                continue
            full = path.full_name
            _once(full, seen, column.operand.name)
            paths.append(path)
            makers.setdefault(full.split(".")[0], path.read)
        plain = [(path.field.name, path.field.absent) for path in paths]
        stored = simple and not any(path.hops or path.field.type == "address" for path in paths)
        if stored and scope.table.computed.keys().isdisjoint(name for name, _ in plain):
            return self._flat(scope.table, plain)
        return self._record_maker(scope.table, makers | self._makers(paths))

    def _flat(self, table: Table, plain: list[tuple[str, bool | None]]) -> Shape:
        """The shape of most queries: only fields of the record itself."""
        kind, url = table.kind.name, f"/services/data/{self._version}/sobjects/{table.kind.name}/"

        def make(row: Row) -> dict[str, Any]:
            made: dict[str, Any] = {"attributes": {"type": kind, "url": url + row["Id"]}}
            for name, absent in plain:
                made[name] = row.get(name, absent)
            return made

        return make

    def _record_maker(self, table: Table, makers: dict[str, Callable[[Row], Any]]) -> Shape:
        def make(row: Row) -> dict[str, Any]:
            at = table if row["Id"] in table.rows else self._org.table_of(row["Id"])
            kind = (at or table).kind.name
            url = f"/services/data/{self._version}/sobjects/{kind}/{row['Id']}"
            return {"attributes": {"type": table.kind.name, "url": url}} | {
                name: read(row) for name, read in makers.items()
            }

        return make

    def _makers(self, paths: list[Path]) -> dict[str, Callable[[Row], Any]]:
        """One maker for each field, and one for each parent that fields are asked of; in the order of the paths."""
        makers: dict[str, Callable[[Row], Any]] = {}
        parents: dict[str, list[Path]] = {}
        for path in paths:
            name = str(path.hops[0].field.relationship) if path.hops else path.field.name
            makers[name] = path.read
            if path.hops:
                parents.setdefault(name, []).append(path)
        return makers | {name: self._parent(below) for name, below in parents.items()}

    def _parent(self, below: list[Path]) -> Callable[[Row], Any]:
        """What makes the record that a reference leads to, with the fields that are asked of it."""
        first, org = below[0].hops[0], self._org
        inner = [
            path_over(org, path.table, path.field, path.hops[1:], path.own) for path in below if path.table is not None
        ]
        make, reference = self._record_maker(first.table, self._makers(inner)), first.field.name

        def read(row: Row) -> Any:
            record_id = row.get(reference)
            parent = org.row(record_id) if record_id else None
            return make(parent) if parent is not None else None

        return read

    # Functions

    def _function(
        self, column: Column, scope: Scope, makers: dict[str, Callable[[Row], Any]]
    ) -> tuple[str | None, Path]:
        """A function: its name in the answer, and its value. No name: it stands where its field would."""
        operand = column.operand
        if not operand.call:
            raise malformed("only aggregate expressions use field aliasing", operand.name.at)
        path = meaning(operand, scope, SHOWING)
        if column.alias is not None or path.table is not None:
            return column.alias, path
        return f"expr{sum(name.startswith('expr') for name in makers)}", path

    # TYPEOF

    def _by_kind(self, column: TypeOf, scope: Scope) -> tuple[str, Callable[[Row], Any]]:
        """The record that a reference to several kinds leads to, with the fields that are asked of its kind."""
        reference = scope.reference(column.reference)
        if len(reference.reference_to) < 2:
            words = f"TYPEOF can only be used with a polymorphic relationship, not with '{column.reference.text}'"
            raise malformed(words, column.reference.at)
        org = self._org
        makers: dict[str, Shape] = {}
        for kind, fields in column.cases:
            table = org.visible(kind.text)
            if table is None or table.kind.name not in reference.reference_to:
                words = f"'{kind.text}' is no object that '{column.reference.text}' can lead to"
                raise QueryRefusal("INVALID_TYPE", words, kind.at)
            makers[table.kind.name] = self._of_fields(fields, table, scope)
        names = target_of(org, reference)
        otherwise = self._of_fields(column.otherwise, names, scope) if column.otherwise and names else None
        name = reference.name

        def read(row: Row) -> Any:
            record_id = row.get(name)
            table = org.table_of(record_id) if record_id else None
            target = table.rows.get(record_id) if table and record_id else None
            if table is None or target is None:
                return None
            make = makers.get(table.kind.name, otherwise)
            return make(target) if make else None

        return str(reference.relationship), read

    def _of_fields(self, names: tuple[Name, ...], table: Table, scope: Scope) -> Shape:
        inner = Scope(self._org, table, None, scope.now, scope.values_of, user_id=scope.user_id)
        return self.shape(Query(tuple(Column(Operand(one)) for one in names), Name(table.kind.name, 0)), inner)

    # Children

    def _child(self, query: Query, scope: Scope, level: int) -> tuple[str, Callable[[Row], Any]]:
        """A sub-query of the records that point here: its name in the answer, and what makes its value."""
        self._check_child(query, level)
        wanted = query.source.text.split(".")[-1].lower()
        children = self._org.visible_children_of(scope.table.kind.name)
        fitting = [one for one in children if (one[1].child_name or "").lower() == wanted]
        if not fitting:
            raise no_children(query.source)
        table, reference = fitting[0]
        inner = Scope(self._org, table, query.alias, scope.now, scope.values_of, query.joins, scope.user_id, scope.seen)
        shape = self.shape(query, inner, level + 1)
        find, pages = self._plan(query, inner), self._pages

        def read(row: Row) -> Any:
            pointing = [table.rows[one] for one in table.find(reference, row["Id"])]
            rows = find(pointing)
            return pages(rows, shape) if rows else None

        return str(reference.child_name), read

    def _check_child(self, query: Query, level: int) -> None:
        most = _MOST_LEVELS if float(self._version.removeprefix("v")) >= 58 else 1
        if level >= most:
            words = f"SOQL statements cannot query aggregate relationships more than {most} level"
            raise malformed(f"{words}{'s' * (most > 1)} away from the root entity object.", query.source.at)
        self._children += 1
        if self._children > _MOST_CHILDREN:
            words = f"A query cannot have more than {_MOST_CHILDREN} parent-to-child relationships"
            raise malformed(words, query.source.at)
        if is_aggregate(query):
            raise malformed("Only root queries support aggregate expressions", query.source.at)


def _once(name: str, seen: set[str], at: Name) -> None:
    if name.lower() in seen:
        raise QueryRefusal("INVALID_FIELD", f"duplicate field selected: {at.text}", at.at)
    seen.add(name.lower())


def _expanded(query: Query, scope: Scope) -> list[Column | TypeOf | Query]:
    """The columns with FIELDS(ALL), FIELDS(STANDARD) and FIELDS(CUSTOM) written out."""
    made: list[Column | TypeOf | Query] = []
    for column in query.columns:
        if not isinstance(column, Column) or column.operand.function != "FIELDS":
            made.append(column)
            continue
        argument, at = column.operand.argument, column.operand.name.at
        which = argument.text.upper() if argument else ""
        if which not in ("ALL", "STANDARD", "CUSTOM") or len(column.operand.arguments) != 1:
            raise malformed("FIELDS takes ALL, STANDARD or CUSTOM", at)
        if which != "STANDARD" and (query.limit is None or query.limit > _MOST_FIELDS):
            raise malformed(f"The SOQL FIELDS function must have a LIMIT of at most {_MOST_FIELDS}", at)
        for one in scope.table.kind.shown:
            if which == "ALL" or (which == "CUSTOM") == one.attributes["custom"]:
                made.append(Column(Operand(Name(one.name, at))))
    return made
