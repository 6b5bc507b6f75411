"""How values sort: texts whatever their case, picklists as their values are listed, nulls first unless told otherwise.

Raises QueryRefusal for what cannot be sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.soql.names import Path
from concord_sandbox.salesforce.soql.tree import Sorting

Key = Callable[[Any], Any]
T = TypeVar("T")


def sort_key(field: Field) -> Key:
    """What values of a field, none of them null, are sorted by."""
    if field.type != "picklist" or not field.all_values:
        return field.fold
    places = {value.lower(): place for place, value in enumerate(field.all_values)}
    last = len(places)

    def key(value: Any) -> str:
        folded = str(value).lower()
        return f"{places.get(folded, last):06d}{folded}"

    return key


def check_sortable(path: Path, sorting: Sorting) -> Path:
    if not path.field.attributes["sortable"]:
        words = f"field '{path.field.name}' can not be sorted in a query call"
        raise QueryRefusal("INVALID_FIELD", words, sorting.operand.name.at)
    return path


def in_order(things: list[T], read: Callable[[T], Any], field: Field, sorting: Sorting) -> list[T]:
    """Things by what is read of them; equal ones stay in the order that they came in."""
    key = sort_key(field)
    # No pairs of value and thing: twenty thousand of them would wake the garbage collector.
    blank = [thing for thing in things if read(thing) is None]
    rest = [thing for thing in things if read(thing) is not None] if blank else list(things)
    rest.sort(key=lambda thing: key(read(thing)), reverse=sorting.descending)
    return rest + blank if sorting.nulls_last else blank + rest
