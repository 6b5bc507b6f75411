"""What the names of a query refer to: paths over references to fields, and how to read them from a record.

Raises QueryRefusal in Salesforce's words. Knows no conditions and no functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.soql.dates import Calendar, calendar_of
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import Name, Query
from concord_sandbox.salesforce.tables import Row, Table, address

Read = Callable[[Row], Any]
_HINT = "Please reference your WSDL or the describe call for the appropriate names."
_MOST_LEVELS = 5
_MOST_RELATIONSHIPS = 55


@dataclass(frozen=True)
class Hop:
    """One step over a reference: the field that refers, and the object that it leads to."""

    field: Field
    table: Table


@dataclass(frozen=True)
class Path:
    """What a name or function in a query means: a field, how to read it from a record, the references on the way.

    table: the object that has the field; None for a value that no field holds, such as a count. own: reads it from the
    record at the end of the way. plain: whether it is the field as it is stored, which an index can look up.
    """

    field: Field
    read: Read
    hops: tuple[Hop, ...] = ()
    table: Table | None = None
    own: Read | None = None
    plain: bool = False

    @property
    def full_name(self) -> str:
        return ".".join([*(str(hop.field.relationship) for hop in self.hops), self.field.name])


@dataclass(frozen=True)
class Scope:
    """What the names of one query refer to.

    joins: further aliases and the paths that they stand for. user_id: who asks; None: the integration user. seen: the
    relationships that were named so far, which a query may not have too many of.
    """

    org: Org
    table: Table
    alias: str | None
    now: datetime
    #: Runs a query of one column and gives its values.
    values_of: Callable[[Query], dict[Any, None]]
    joins: tuple[tuple[str, Name], ...] = ()
    user_id: str | None = None
    seen: set[str] = field(default_factory=set)

    def calendar(self) -> Calendar:
        return calendar_of(self.org, self.user_id)

    def path(self, name: Name) -> Path:
        """Raises QueryRefusal when the name leads nowhere."""
        parts = self._parts(name.text)
        hops = self._hops(parts, name)
        table = hops[-1].table if hops else self.table
        final = table.kind.visible(parts[-1])
        if final is None:
            raise QueryRefusal(
                "INVALID_FIELD",
                f"No such column '{parts[-1]}' on entity '{table.kind.name}'. If you are attempting to use a custom "
                f"field, be sure to append the '__c' after the custom field name. {_HINT}",
                name.at,
            )
        return path_over(self.org, table, final, hops)

    def reference(self, name: Name) -> Field:
        """The reference field of that relationship."""
        (part, *more) = self._parts(name.text)
        found = None if more else self.table.kind.by_relationship.get(part.lower())
        if found is None:
            raise _no_relationship(part, name.at)
        return found

    def _parts(self, text: str, joins: tuple[tuple[str, Name], ...] | None = None) -> list[str]:
        """The steps of a path without the object's own name or alias before them. joins: the aliases that count."""
        known = self.joins if joins is None else joins
        parts = text.split(".")
        if len(parts) == 1:
            return parts
        kind, first = self.table.kind, parts[0].lower()
        for place, (alias, path) in enumerate(known):
            if alias.lower() == first:  # a path may use the aliases before its own
                return [*self._parts(path.text + ".", known[:place])[:-1], *parts[1:]]
        own = first in (kind.name.lower(), (self.alias or "").lower())
        return parts[1:] if own and first not in kind.by_relationship else parts

    def _hops(self, parts: list[str], name: Name) -> tuple[Hop, ...]:
        if len(parts) == 1:
            return ()
        if len(parts) - 1 > _MOST_LEVELS:
            raise malformed(f"A relationship path cannot have more than {_MOST_LEVELS} levels: {name.text}", name.at)
        table, hops = self.table, []
        for part in parts[:-1]:
            reference = table.kind.by_relationship.get(part.lower())
            found = target_of(self.org, reference) if reference else None
            if reference is None or found is None:
                raise _no_relationship(part, name.at)
            hops.append(Hop(reference, found))
            table = found
            self.seen.add(".".join(hop.field.name for hop in hops))
        if len(self.seen) > _MOST_RELATIONSHIPS:
            words = f"A query cannot have more than {_MOST_RELATIONSHIPS} child-to-parent relationships"
            raise malformed(words, name.at)
        return tuple(hops)


def target_of(org: Org, reference: Field) -> Table | None:
    """The object that a reference leads to; of several kinds the one that stands for all of them, `Name`."""
    if len(reference.reference_to) > 1:
        return org.table("Name")
    return org.visible(reference.reference_to[0]) if reference.reference_to else None


def _no_relationship(part: str, at: int) -> QueryRefusal:
    return QueryRefusal(
        "INVALID_FIELD",
        f"Didn't understand relationship '{part}' in field path. If you are attempting to use a custom relationship, "
        f"be sure to append the '__r' after the custom relationship name. {_HINT}",
        at,
    )


def no_object(name: Name) -> QueryRefusal:
    return QueryRefusal(
        "INVALID_TYPE",
        f"sObject type '{name.text}' is not supported. If you are attempting to use a custom object, be sure to append "
        f"the '__c' after the entity name. {_HINT}",
        name.at,
    )


def no_children(name: Name) -> QueryRefusal:
    return QueryRefusal(
        "INVALID_TYPE",
        f"Didn't understand relationship '{name.text}' in FROM part of query call. If you are attempting to use a "
        f"custom relationship, be sure to append the '__r' after the custom relationship name. {_HINT}",
        name.at,
    )


def path_over(org: Org, table: Table, final: Field, hops: tuple[Hop, ...], own: Read | None = None) -> Path:
    """The path to a field of `table` over references; reading stops with null where one leads nowhere.

    own: what reads the value from the record at the end, where that is not simply the field.
    """
    name, absent, parts = final.name, final.absent, table.kind.compounds.get(final.name)

    def plain(row: Row) -> Any:
        return address(row, parts) if parts else row.get(name, absent)

    last = own or table.computed.get(name, plain)
    references = [hop.field.name for hop in hops]

    def across(row: Row) -> Any:
        at = row
        for reference in references:
            record_id = at.get(reference)
            parent = org.row(record_id) if record_id else None
            if parent is None:
                return None
            at = parent
        return last(at)

    return Path(final, across if hops else last, hops, table, last, own is None and name not in table.computed)
