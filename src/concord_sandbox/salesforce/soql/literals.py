"""What the literals of a query mean: escapes in texts, LIKE patterns, and the stored form of a value beside a field.

Raises QueryRefusal in Salesforce's words. Knows no records.
"""

from __future__ import annotations

import re
from typing import Any

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.schema import NUMBER_TYPES, TEXT_TYPES, Field
from concord_sandbox.salesforce.soql.parsing import malformed
from concord_sandbox.salesforce.soql.tree import Literal
from concord_sandbox.salesforce.values import precise_time, wire_clock, wire_date

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


def value_beside(used: Field, literal: Literal) -> Any:
    """What a literal means beside that field. Raises QueryRefusal when it is of another kind."""
    if literal.kind == "null":
        return None
    kind = used.type
    if kind in TEXT_TYPES or kind in ("id", "reference"):
        return _text_value(used, literal)
    if kind == "boolean" and literal.kind == "boolean":
        return literal.value
    if kind in NUMBER_TYPES and literal.kind == "number":
        return literal.value
    try:
        if kind == "datetime" and literal.kind == "datetime":
            return precise_time(literal.value.upper())
        if kind == "date" and literal.kind == "date":
            return wire_date(literal.value)
        if kind == "time" and literal.kind == "time":
            return wire_clock(literal.value.upper())
    except ValueError as error:
        raise malformed(f"invalid date: {error}", literal.at) from None
    raise of_type(used, literal)


def of_type(used: Field, literal: Literal) -> QueryRefusal:
    """The refusal of a literal of another kind than the field's."""
    word = {"datetime": "dateTime", "currency": "double", "percent": "double"}.get(used.type, used.type)
    return QueryRefusal(
        "INVALID_FIELD",
        f"value of filter criterion for field '{used.name}' must be of type {word} and should not be enclosed in "
        "quotes",
        literal.at,
    )


def _text_value(used: Field, literal: Literal) -> str | None:
    if literal.kind != "text":
        raise QueryRefusal(
            "INVALID_FIELD",
            f"value of filter criterion for field '{used.name}' must be of type string and should be enclosed in "
            "quotes",
            literal.at,
        )
    text = unescaped(literal)
    if not text:
        return None
    if used.type not in ("id", "reference"):
        return text
    known = full_id(text)
    if known is None:
        raise QueryRefusal("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {text}", literal.at)
    return known
