"""Reads SOQL text into a tree of plain data. Knows no object and no field; `query` gives the names a meaning.

The grammar is `soql.lark`. Whatever cannot be read is a QueryRefusal with the code MALFORMED_QUERY and the place.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from concord_sandbox.salesforce.errors import QueryRefusal

#: The longest SOQL text (api/salesforce.md 3.4), in characters.
LONGEST = 100_000
_DEEPEST = 100
_ESCAPES = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "b": "\b",
    "f": "\f",
    '"': '"',
    "'": "'",
    "\\": "\\",
}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)


@dataclass(frozen=True)
class Name:
    """A name or path as written, and where."""

    text: str
    at: int


@dataclass(frozen=True)
class Operand:
    """A field, or a function of one: COUNT(), MAX(CreatedDate)."""

    name: Name
    call: bool = False
    argument: Name | None = None


@dataclass(frozen=True)
class Column:
    """A selected field or function."""

    operand: Operand
    alias: str | None = None


@dataclass(frozen=True)
class Literal:
    """kind: text (raw, escapes unread), number, datetime, date, named (TODAY, LAST_N_DAYS:3), boolean, null."""

    kind: str
    value: Any
    at: int = 0


@dataclass(frozen=True)
class Compare:
    operand: Operand
    operator: str
    literal: Literal


@dataclass(frozen=True)
class Among:
    """IN and NOT IN, with literals or with a query of one column."""

    operand: Operand
    inside: bool
    literals: tuple[Literal, ...] = ()
    query: Query | None = None


@dataclass(frozen=True)
class Includes:
    """INCLUDES and EXCLUDES."""

    operand: Operand
    inside: bool
    literals: tuple[Literal, ...]


@dataclass(frozen=True)
class Every:
    terms: tuple[Condition, ...]
    depth: int


@dataclass(frozen=True)
class Some:
    terms: tuple[Condition, ...]
    depth: int


@dataclass(frozen=True)
class Not:
    term: Condition
    depth: int


Condition = Compare | Among | Includes | Every | Some | Not


@dataclass(frozen=True)
class Sorting:
    operand: Operand
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    columns: tuple[Column | Query, ...]
    source: Name
    alias: str | None
    where: Condition | None
    group: tuple[Name, ...]
    having: Condition | None
    order: tuple[Sorting, ...]
    limit: int | None
    offset: int
    depth: int = 0


def malformed(message: str, at: int | None = None) -> QueryRefusal:
    return QueryRefusal("MALFORMED_QUERY", message, at)


def parse(text: str) -> Query:
    """The query that a text is. Raises QueryRefusal."""
    if len(text) > LONGEST:
        raise malformed(f"SOQL statements cannot be longer than {LONGEST} characters.")
    try:
        tree = _parser().parse(text)
    except UnexpectedEOF:
        raise malformed("unexpected token: '<EOF>'", len(text)) from None
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise malformed(f"unexpected char: {text[at]!r}", at) from None
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise malformed("unexpected token: '<EOF>'", len(text)) from None
        raise malformed(f"unexpected token: '{error.token}'", error.token.start_pos) from None
    except UnexpectedInput as error:
        raise malformed("unexpected token", error.pos_in_stream) from None
    if not isinstance(tree, Query):
        raise TypeError(f"the grammar gave {type(tree).__name__} instead of a query")
    return tree


@functools.cache
def _parser() -> Lark:
    """The parser, made at the first use: reading the grammar takes a tenth of a second."""
    return Lark.open("soql.lark", rel_to=__file__, parser="lalr", maybe_placeholders=True, transformer=_Reader())


def unescaped(literal: Literal) -> str:
    """The text that a text literal means. Raises QueryRefusal for an escape that SOQL does not have."""
    raw: str = literal.value
    return raw if "\\" not in raw else _ESCAPE.sub(lambda found: _meant(found[1], literal), raw)


def _meant(sign: str, literal: Literal) -> str:
    if len(sign) == 5:
        return chr(int(sign[1:], 16))
    if sign in "_%":
        return sign
    meant = _ESCAPES.get(sign.lower())
    if meant is None:
        raise malformed(f"invalid escape sequence: \\{sign}", literal.at)
    return meant


def like_pattern(literal: Literal) -> re.Pattern[str]:
    """What LIKE looks for: % any text, _ any character, both literal behind a backslash; whatever the case."""
    raw: str = literal.value
    made: list[str] = []
    place = 0
    while place < len(raw):
        found = _ESCAPE.match(raw, place)
        if found:
            made.append(re.escape(_meant(found[1], literal)))
            place = found.end()
            continue
        sign = raw[place]
        place += 1
        if sign != "%":
            made.append("." if sign == "_" else re.escape(sign))
        elif made[-1:] != [".*"]:  # "%%" is "%": many stars in a row would make the search slow
            made.append(".*")
    return re.compile("".join(made), re.IGNORECASE | re.DOTALL)


def _deeper(terms: tuple[Any, ...]) -> int:
    depth = 1 + max(getattr(term, "depth", 0) for term in terms)
    if depth > _DEEPEST:
        raise QueryRefusal("QUERY_TOO_COMPLICATED", f"Conditions are nested more than {_DEEPEST} deep")
    return depth


class _Reader(Transformer[Token, Query]):
    """Makes the tree while the text is parsed; one method for each rule of the grammar."""

    def start(self, parts: list[Any]) -> Query:
        source = next(place for place, part in enumerate(parts) if isinstance(part, Token))
        columns, (name, alias, where, group, order, limit, offset) = tuple(parts[:source]), parts[source:]
        names, having = group or ((), None)
        shown = None if alias is None else str(alias)
        depth = _deeper((*columns, where))
        return Query(columns, _name(name), shown, where, names, having, order or (), limit, offset or 0, depth)

    def column(self, parts: list[Any]) -> Column:
        return Column(Operand(_name(parts[0])), None if parts[1] is None else str(parts[1]))

    def function(self, parts: list[Any]) -> Column:
        return Column(self.called(parts[:2]), None if parts[2] is None else str(parts[2]))

    def child(self, parts: list[Any]) -> Query:
        query: Query = parts[0]
        return query

    def where(self, parts: list[Any]) -> Condition:
        condition: Condition = parts[0]
        return condition

    def all_of(self, parts: list[Any]) -> Condition:
        return Every(tuple(parts), _deeper(tuple(parts)))

    def any_of(self, parts: list[Any]) -> Condition:
        return Some(tuple(parts), _deeper(tuple(parts)))

    def negated(self, parts: list[Any]) -> Condition:
        return Not(parts[0], _deeper(tuple(parts)))

    def compared(self, parts: list[Any]) -> Condition:
        operator = str(parts[1]).upper()
        return Compare(parts[0], "!=" if operator == "<>" else operator, parts[2])

    def among(self, parts: list[Any]) -> Condition:
        return _among(parts, True)

    def not_among(self, parts: list[Any]) -> Condition:
        return _among(parts, False)

    def includes(self, parts: list[Any]) -> Condition:
        return _including(parts, True)

    def excludes(self, parts: list[Any]) -> Condition:
        return _including(parts, False)

    def operand(self, parts: list[Any]) -> Operand:
        return Operand(_name(parts[0]))

    def called(self, parts: list[Any]) -> Operand:
        return Operand(_name(parts[0]), True, None if parts[1] is None else _name(parts[1]))

    def literals(self, parts: list[Any]) -> tuple[Literal, ...]:
        return tuple(parts)

    def semi_join(self, parts: list[Any]) -> Query:
        return self.child(parts)

    def text(self, parts: list[Token]) -> Literal:
        return Literal("text", str(parts[0])[1:-1], parts[0].start_pos or 0)

    def number(self, parts: list[Token]) -> Literal:
        given = str(parts[0])
        whole = given.lstrip("+-").isdigit() and len(given) < 40
        return Literal("number", int(given) if whole else float(given), parts[0].start_pos or 0)

    def datetime(self, parts: list[Token]) -> Literal:
        return Literal("datetime", str(parts[0]), parts[0].start_pos or 0)

    def date(self, parts: list[Token]) -> Literal:
        return Literal("date", str(parts[0]), parts[0].start_pos or 0)

    def named(self, parts: list[Token]) -> Literal:
        return Literal("named", str(parts[0]), parts[0].start_pos or 0)

    def true(self, _: list[Any]) -> Literal:
        return Literal("boolean", True)

    def false(self, _: list[Any]) -> Literal:
        return Literal("boolean", False)

    def null(self, _: list[Any]) -> Literal:
        return Literal("null", None)

    def group(self, parts: list[Any]) -> tuple[tuple[Name, ...], Condition | None]:
        return tuple(_name(part) for part in parts[:-1]), parts[-1]

    def order(self, parts: list[Any]) -> tuple[Sorting, ...]:
        return tuple(parts)

    def sorting(self, parts: list[Any]) -> Sorting:
        operand, direction, nulls = parts
        # Nulls come first in either direction unless the query says otherwise.
        return Sorting(operand, str(direction or "").upper() == "DESC", str(nulls or "").upper() == "LAST")

    def limit(self, parts: list[Token]) -> int:
        return _whole(parts[0])

    def offset(self, parts: list[Token]) -> int:
        return _whole(parts[0])


def _name(token: Token) -> Name:
    return Name(str(token), token.start_pos or 0)


def _among(parts: list[Any], inside: bool) -> Among:
    operand, listed = parts
    return Among(operand, inside, query=listed) if isinstance(listed, Query) else Among(operand, inside, listed)


def _including(parts: list[Any], inside: bool) -> Includes:
    operand, listed = parts
    if isinstance(listed, Query):
        _refuse("INCLUDES and EXCLUDES take a list of texts", operand)
    return Includes(operand, inside, listed)


def _refuse(message: str, operand: Operand) -> NoReturn:
    raise malformed(message, operand.name.at)


def _whole(token: Token) -> int:
    if not token.isdigit() or len(token) > 9:
        raise malformed(f"unexpected token: '{token}'", token.start_pos)
    return int(token)
