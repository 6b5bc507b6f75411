"""The tree that a SOQL text is read into: plain data that knows no object and no field.

`at` is an offset in the text, for the caret of a refusal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Name:
    """A name or path as written, and where."""

    text: str
    at: int


@dataclass(frozen=True, slots=True)
class Literal:
    """kind: text (raw, escapes unread), number, datetime, date, time, named (TODAY, LAST_N_DAYS:3), money (EUR100),
    boolean, null."""

    kind: str
    value: Any
    at: int = 0


@dataclass(frozen=True, slots=True)
class Operand:
    """A field, or a function of others: COUNT(), MAX(CreatedDate), DAY_ONLY(convertTimezone(CreatedDate))."""

    name: Name
    call: bool = False
    arguments: tuple[Operand | Literal, ...] = ()

    @property
    def function(self) -> str:
        """The name of the function in capitals; empty for a field."""
        return self.name.text.upper() if self.call else ""

    @property
    def argument(self) -> Name | None:
        """The first argument when it is a plain name."""
        first = self.arguments[0] if self.arguments else None
        return first.name if isinstance(first, Operand) and not first.call else None

    def key(self) -> str:
        """One text for all spellings of the same expression."""
        if not self.call:
            return self.name.text.lower()
        inner = (str(one.value) if isinstance(one, Literal) else one.key() for one in self.arguments)
        return f"{self.name.text.lower()}({','.join(inner)})"


@dataclass(frozen=True, slots=True)
class Column:
    """A selected field or function."""

    operand: Operand
    alias: str | None = None


@dataclass(frozen=True, slots=True)
class TypeOf:
    """TYPEOF What WHEN Account THEN Phone, Name ELSE Name END. `otherwise` is empty without an ELSE."""

    reference: Name
    cases: tuple[tuple[Name, tuple[Name, ...]], ...]
    otherwise: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    operand: Operand
    operator: str
    literal: Literal


@dataclass(frozen=True, slots=True)
class Among:
    """IN and NOT IN, with literals or with a query of one column."""

    operand: Operand
    inside: bool
    literals: tuple[Literal, ...] = ()
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Includes:
    """INCLUDES and EXCLUDES."""

    operand: Operand
    inside: bool
    literals: tuple[Literal, ...]


@dataclass(frozen=True, slots=True)
class Every:
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Some:
    terms: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    term: Condition


Condition = Compare | Among | Includes | Every | Some | Not


@dataclass(frozen=True, slots=True)
class Sorting:
    operand: Operand
    descending: bool
    nulls_last: bool


@dataclass(frozen=True, slots=True)
class Grouping:
    """GROUP BY. kind: empty, ROLLUP or CUBE."""

    operands: tuple[Operand, ...]
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Query:
    """joins: the further aliases of FROM, each with the path that it stands for (`FROM Contact c, c.Account a`).
    scope: what USING SCOPE names."""

    columns: tuple[Column | TypeOf | Query, ...]
    source: Name
    alias: str | None = None
    joins: tuple[tuple[str, Name], ...] = ()
    scope: Name | None = None
    where: Condition | None = None
    group: Grouping | None = None
    having: Condition | None = None
    order: tuple[Sorting, ...] = ()
    limit: int | None = None
    offset: int = 0
