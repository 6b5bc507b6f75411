"""What semi-joins and anti-joins may be (`IN (SELECT …)`, `NOT IN (SELECT …)`), with the limits of the SOQL reference.

Only checks; `filters` runs them.
"""

from __future__ import annotations

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.soql.names import Path, Scope, no_object
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import Among, Column, Condition, Every, Not, Query, Some
from concord_sandbox.salesforce.tables import Table

_MOST = 2
#: Objects that an inner query cannot read.
_UNFIT = frozenset(("event", "eventattendee", "task", "note", "attachment", "openactivity", "activityhistory"))


def check_places(where: Condition) -> None:
    """Refuse semi-joins that stand where none may: beside OR, under NOT, in parentheses, and more than two."""
    joins = _semi_joins(where)
    if not joins:
        return
    if len(joins) > _MOST:
        raise malformed(f"Maximum {_MOST} semi join sub-selects are allowed in a query", joins[_MOST].operand.name.at)
    if isinstance(where, Among):
        return
    if isinstance(where, Not):
        raise malformed("Semi join sub-selects are not allowed with the 'NOT' operator", joins[0].operand.name.at)
    if isinstance(where, Some):
        raise malformed("Semi join sub-selects are not allowed with the 'OR' operator", joins[0].operand.name.at)
    assert isinstance(where, Every)
    for term in where.terms:
        inner = _semi_joins(term)
        if isinstance(term, Not) and inner:
            raise malformed("Semi join sub-selects are not allowed with the 'NOT' operator", inner[0].operand.name.at)
        if inner and not isinstance(term, Among):
            raise malformed(
                "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE "
                "expressions.",
                inner[0].operand.name.at,
            )


def _semi_joins(condition: Condition) -> list[Among]:
    if isinstance(condition, Every | Some):
        return [one for term in condition.terms for one in _semi_joins(term)]
    if isinstance(condition, Not):
        return _semi_joins(condition.term)
    return [condition] if isinstance(condition, Among) and condition.query is not None else []


def check(path: Path, condition: Among, scope: Scope) -> None:
    """Refuse a semi-join whose two sides do not fit. `path`: what its left side means."""
    query, at = condition.query, condition.operand.name.at
    assert query is not None
    if path.field.type not in ("id", "reference") or condition.operand.call:
        words = (
            "The left operand field in the where expression for outer query should be an id field, cannot use: "
            f"'{condition.operand.name.text}'"
        )
        raise QueryRefusal("INVALID_FIELD", words, at)
    column, table = _column(query), scope.org.visible(query.source.text)
    if table is None:
        raise no_object(query.source)
    if table.kind.name.lower() in _UNFIT:
        words = f"Entity '{table.kind.name}' is not supported for semi join inner selects"
        raise QueryRefusal("INVALID_TYPE", words, query.source.at)
    inner = Scope(scope.org, table, query.alias, scope.now, scope.values_of).path(column.operand.name)
    if inner.field.type not in ("id", "reference"):
        words = f"Semi join sub-selects can only query id fields, cannot use: '{column.operand.name.text}'"
        raise QueryRefusal("INVALID_FIELD", words, column.operand.name.at)
    if table is scope.table:
        raise malformed("The inner and outer selects should not be on the same object type", query.source.at)
    if not _kinds(path.field, path.table) & _kinds(inner.field, inner.table):
        raise malformed(
            f"The selected field '{column.operand.name.text}' in the subquery and the left operand field in the where "
            f"expression in the outer query '{condition.operand.name.text}' should point to the same object type",
            column.operand.name.at,
        )


def _kinds(used: Field, table: Table | None) -> set[str]:
    """The objects whose ids a field holds."""
    if used.type == "id" and table is not None:
        return {table.kind.name}
    return set(used.reference_to)


def _column(query: Query) -> Column:
    """The one column of an inner query, which has neither an order nor an end nor a semi-join of its own."""
    column = query.columns[0]
    if len(query.columns) != 1 or not isinstance(column, Column) or column.operand.call:
        raise malformed("Semi join sub-selects have to select exactly one field", query.source.at)
    if query.group is not None or query.order or query.limit is not None or query.offset:
        raise malformed("Semi join sub-selects cannot use GROUP BY, ORDER BY, LIMIT or OFFSET", query.source.at)
    if query.where is not None and _semi_joins(query.where):
        raise malformed("Nesting of semi join sub-selects is not supported", query.source.at)
    return column
