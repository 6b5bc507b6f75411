"""Reads SOQL text into a tree. Knows no object and no field; `query` gives the names a meaning.

Whatever cannot be read is a QueryRefusal with the code MALFORMED_QUERY and the place. AND and OR do not mix without
parentheses, as in Salesforce. Keywords are words only where they are expected, so that a field may have their name.

Written by hand rather than with a grammar's parser: long IN lists are read several times as fast.
"""

from __future__ import annotations

import re
from typing import NoReturn

from concord_sandbox.salesforce.errors import QueryRefusal
from concord_sandbox.salesforce.soql.tree import (
    Among,
    Column,
    Compare,
    Condition,
    Every,
    Grouping,
    Includes,
    Literal,
    Name,
    Not,
    Operand,
    Query,
    Some,
    Sorting,
    TypeOf,
)

#: The longest SOQL text (api/salesforce.md 3.4), in characters.
LONGEST = 100_000
_DEEPEST = 100
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)
    |(?P<time>\d\d:\d\d:\d\d(?:\.\d{1,3})?Z?)
    |(?P<number>[+-]?\d+(?:\.\d+)?(?:E[+-]?\d+)?)
    |(?P<span>[A-Z_]\w*:\d+)
    |(?P<money>[A-Z]{3}\d+(?:\.\d+)?(?![\w.]))
    |(?P<name>[A-Z_]\w*(?:\.[A-Z_]\w*)*)
    |(?P<sign>!=|<>|<=|>=|[=<>(),])
    |(?P<space>\s+)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE | re.ASCII,
)
#: Words that no alias may be.
_RESERVED_WORDS = (
    "AND ASC DESC EXCLUDES FIRST FROM GROUP HAVING IN INCLUDES LAST LIKE LIMIT NOT NULL NULLS OR SELECT USING WHERE "
    "WITH ORDER OFFSET FOR ALL UPDATE"
)
_RESERVED = frozenset(_RESERVED_WORDS.split())
_COMPARING = frozenset(("=", "!=", "<>", "<", "<=", ">", ">="))
_MODES = ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE")


def malformed(message: str, at: int | None = None) -> QueryRefusal:
    return QueryRefusal("MALFORMED_QUERY", message, at)


def not_emulated(what: str, at: int | None = None) -> QueryRefusal:
    """For what Salesforce can do and this sandbox cannot."""
    return malformed(f"The sandbox does not emulate {what}", at)


def parse(text: str) -> Query:
    """The query that a text is. Raises QueryRefusal."""
    if len(text) > LONGEST:
        raise malformed(f"SOQL statements cannot be longer than {LONGEST} characters.")
    return _Reader(text).whole()


class _Reader:
    """Goes over the tokens once, from the left. `_place` is the next one; the last one is the end, of kind `end`."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kinds: list[str] = []
        self._words: list[str] = []
        self._starts: list[int] = []
        self._place = 0
        self._depth = 0
        for found in _TOKEN.finditer(text):
            kind = found.lastgroup or ""
            if kind == "space":
                continue
            if kind == "other":
                _unreadable(text, found.start())
            self._kinds.append(kind)
            self._words.append(found[0])
            self._starts.append(found.start())
        self._kinds.append("end")
        self._words.append("<EOF>")
        self._starts.append(len(text))

    def whole(self) -> Query:
        query = self._query()
        if self._is("ALL") and self._words[self._place + 1].upper() == "ROWS":
            raise malformed("ALL ROWS not allowed in this context", self._at())
        if self._kinds[self._place] != "end":
            self._unexpected()
        return query

    # Tokens

    def _at(self) -> int:
        return self._starts[self._place]

    def _is(self, *words: str) -> bool:
        return self._words[self._place].upper() in words

    def _takes(self, *words: str) -> bool:
        """Go over the next token if it is one of those words or signs."""
        found = self._words[self._place].upper() in words
        self._place += found
        return found

    def _must(self, *words: str) -> str:
        word = self._words[self._place].upper()
        if word not in words:
            self._unexpected()
        self._place += 1
        return word

    def _unexpected(self) -> NoReturn:
        raise malformed(f"unexpected token: '{self._words[self._place]}'", self._at())

    def _name(self) -> Name:
        """A name or path; keywords too, where nothing but a name can stand."""
        place = self._place
        if self._kinds[place] not in ("name", "money") or self._words[place].upper() in ("FROM", "WHERE"):
            self._unexpected()
        self._place += 1
        return Name(self._words[place], self._starts[place])

    def _alias(self) -> str | None:
        place = self._place
        if self._kinds[place] not in ("name", "money") or self._words[place].upper() in _RESERVED:
            return None
        self._place += 1
        return self._words[place]

    def _names(self) -> tuple[Name, ...]:
        made = [self._name()]
        while self._takes(","):
            made.append(self._name())
        return tuple(made)

    def _whole_number(self) -> int:
        word = self._words[self._place]
        if not word.isdecimal() or len(word) > 10:
            self._unexpected()
        self._place += 1
        return int(word)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise QueryRefusal("QUERY_TOO_COMPLICATED", f"Conditions are nested more than {_DEEPEST} deep")

    # Clauses

    def _query(self) -> Query:
        self._must("SELECT")
        columns = [self._column()]
        while self._takes(","):
            columns.append(self._column())
        self._must("FROM")
        source, alias = self._source()
        joins = []
        while self._takes(","):
            path, joined = self._source()
            if joined is None:
                self._unexpected()
            joins.append((joined, path))
        scope = None
        if self._takes("USING"):
            self._must("SCOPE")
            scope = self._name()
        where = self._condition() if self._takes("WHERE") else None
        self._with()
        group, having = self._group()
        order = self._order()
        limit = self._whole_number() if self._takes("LIMIT") else None
        offset = self._whole_number() if self._takes("OFFSET") else 0
        self._purposes()
        return Query(tuple(columns), source, alias, tuple(joins), scope, where, group, having, order, limit, offset)

    def _source(self) -> tuple[Name, str | None]:
        name = self._name()
        self._takes("AS")
        return name, self._alias()

    def _with(self) -> None:
        if not self._takes("WITH"):
            return
        if not self._takes(*_MODES):
            raise not_emulated("WITH " + self._words[self._place], self._at())

    def _group(self) -> tuple[Grouping | None, Condition | None]:
        if not self._takes("GROUP"):
            return None, None
        self._must("BY")
        kind = self._words[self._place].upper()
        if kind in ("ROLLUP", "CUBE") and self._words[self._place + 1] == "(":
            self._place += 2
            operands = self._operands()
            self._must(")")
            if len(operands) > 3:
                raise malformed(f"GROUP BY {kind} takes at most 3 fields", operands[3].name.at)
        else:
            kind, operands = "", self._operands()
        return Grouping(operands, kind), self._condition() if self._takes("HAVING") else None

    def _operands(self) -> tuple[Operand, ...]:
        made = [self._operand()]
        while self._takes(","):
            made.append(self._operand())
        return tuple(made)

    def _order(self) -> tuple[Sorting, ...]:
        if not self._takes("ORDER"):
            return ()
        self._must("BY")
        made = [self._sorting()]
        while self._takes(","):
            made.append(self._sorting())
        return tuple(made)

    def _sorting(self) -> Sorting:
        operand = self._operand()
        descending = self._takes("DESC")
        if not descending:
            self._takes("ASC")
        # Nulls come first in either direction unless the query says otherwise.
        last = self._takes("NULLS") and self._must("FIRST", "LAST") == "LAST"
        return Sorting(operand, descending, last)

    def _purposes(self) -> None:
        """FOR VIEW and the like, which change nothing of an answer."""
        while self._takes("FOR"):
            self._must("VIEW", "REFERENCE", "UPDATE")
            while self._takes(","):
                self._must("VIEW", "REFERENCE", "UPDATE")
        if self._takes("UPDATE"):
            raise not_emulated("UPDATE " + self._words[self._place], self._at())

    # Columns

    def _column(self) -> Column | TypeOf | Query:
        if self._takes("("):
            self._deeper()
            query = self._query()
            self._must(")")
            self._depth -= 1
            return query
        if self._is("TYPEOF") and self._kinds[self._place + 1] == "name" and self._kinds[self._place + 2] == "name":
            return self._type_of()
        return Column(self._operand(), self._alias())

    def _type_of(self) -> TypeOf:
        self._place += 1
        reference, cases = self._name(), []
        while self._takes("WHEN"):
            kind = self._name()
            self._must("THEN")
            cases.append((kind, self._names()))
        if not cases:
            self._unexpected()
        otherwise = self._names() if self._takes("ELSE") else ()
        self._must("END")
        return TypeOf(reference, tuple(cases), otherwise)

    def _operand(self) -> Operand:
        name = self._name()
        if not self._takes("("):
            return Operand(name)
        arguments: list[Operand | Literal] = []
        self._deeper()
        if not self._is(")"):
            arguments.append(self._argument())
            while self._takes(","):
                arguments.append(self._argument())
        self._must(")")
        self._depth -= 1
        return Operand(name, True, tuple(arguments))

    def _argument(self) -> Operand | Literal:
        return self._operand() if self._kinds[self._place] in ("name", "money") else self._literal()

    # Conditions

    def _condition(self) -> Condition:
        terms = [self._term()]
        joining = self._words[self._place].upper()
        if joining not in ("AND", "OR"):
            return terms[0]
        while self._takes(joining):
            terms.append(self._term())
        if self._is("AND", "OR"):  # the other one: parentheses are wanted
            self._unexpected()
        return Every(tuple(terms)) if joining == "AND" else Some(tuple(terms))

    def _term(self) -> Condition:
        if self._takes("NOT"):
            self._deeper()
            negated = Not(self._term())
            self._depth -= 1
            return negated
        if self._takes("("):
            self._deeper()
            condition = self._condition()
            self._must(")")
            self._depth -= 1
            return condition
        return self._comparison()

    def _comparison(self) -> Condition:
        operand = self._operand()
        word = self._words[self._place].upper()
        if word in _COMPARING or word == "LIKE":
            self._place += 1
            return Compare(operand, "!=" if word == "<>" else word, self._literal())
        if word in ("INCLUDES", "EXCLUDES"):
            self._place += 1
            self._must("(")
            return Includes(operand, word == "INCLUDES", self._literals())
        inside = not self._takes("NOT")
        self._must("IN")
        self._must("(")
        if not self._is("SELECT"):
            return Among(operand, inside, self._literals())
        self._deeper()
        query = self._query()
        self._must(")")
        self._depth -= 1
        return Among(operand, inside, query=query)

    def _literals(self) -> tuple[Literal, ...]:
        """What stands up to the closing parenthesis."""
        made = [self._literal()]
        while self._takes(","):
            made.append(self._literal())
        self._must(")")
        return tuple(made)

    def _literal(self) -> Literal:
        place = self._place
        kind, word, at = self._kinds[place], self._words[place], self._starts[place]
        self._place += 1
        if kind == "text":
            return Literal("text", word[1:-1], at)
        if kind == "number":
            return Literal("number", _number(word), at)
        if kind in ("datetime", "date", "time", "money"):
            return Literal(kind, word, at)
        if kind == "span":
            return Literal("named", word, at)
        if kind == "name":
            constant = _CONSTANTS.get(word.upper())
            return Literal("named", word, at) if constant is None else Literal(*constant, at)
        self._place = place
        self._unexpected()


_CONSTANTS: dict[str, tuple[str, bool | None]] = {
    "TRUE": ("boolean", True),
    "FALSE": ("boolean", False),
    "NULL": ("null", None),
}


def _number(word: str) -> int | float:
    whole = word.lstrip("+-").isdecimal() and len(word) < 40
    return int(word) if whole else float(word)


def _unreadable(text: str, at: int) -> NoReturn:
    sign = text[at]
    if sign == ":":
        raise malformed("Bind variables only allowed in Apex code", at)
    if sign == "'":
        raise malformed(f"line {_line(text, len(text))} mismatched character '<EOF>' expecting '''")
    raise malformed(f"line {_line(text, at)} no viable alternative at character '{sign}'")


def _line(text: str, at: int) -> str:
    """Line and column as the vendor's reader of characters counts them: lines from 1, columns from 0."""
    before = text[:at]
    return f"{before.count(chr(10)) + 1}:{at - (before.rfind(chr(10)) + 1)}"
