"""Reads the text of a formula into a tree of plain data. Knows no field and no function; `compiling` does.

The grammar is `formula.lark`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

#: The longest formula that Salesforce takes, in characters.
LONGEST = 3900
_DEEPEST = 60
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


class FormulaTrouble(ValueError):
    """A formula that is malformed, or names what there is not; `at` is the offset of the trouble in its text."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.message = message
        self.at = at

    def placed(self, text: str) -> str:
        """The message with row and column."""
        before = text[: self.at]
        row, column = before.count("\n") + 1, self.at - (before.rfind("\n") + 1) + 1
        return f"{self.message} (row {row}, column {column})"


@dataclass(frozen=True)
class Literal:
    """value: Decimal, str, bool, or None."""

    value: Any
    at: int
    depth: int = 0


@dataclass(frozen=True)
class Reference:
    """A field, or a path to one."""

    path: str
    at: int
    depth: int = 0


@dataclass(frozen=True)
class Application:
    """A function with its arguments; && and || are AND and OR, ! is NOT."""

    name: str
    arguments: tuple[Expression, ...]
    at: int
    depth: int


@dataclass(frozen=True)
class Chain:
    """first operator term operator term …, from the left; all operators are of one level. A sign before a term is a
    chain that begins with nought."""

    first: Expression
    rest: tuple[tuple[str, int, Expression], ...]
    at: int
    depth: int


Expression = Literal | Reference | Application | Chain


def parse(text: str) -> Expression:
    """The tree of a formula. Raises FormulaTrouble."""
    if not isinstance(text, str) or not text.strip():
        raise FormulaTrouble("the formula is empty", 0)
    if len(text) > LONGEST:
        raise FormulaTrouble(f"the formula has more than {LONGEST} characters", LONGEST)
    try:
        tree = _parser().parse(text)
    except UnexpectedEOF:
        raise FormulaTrouble("Syntax error: the formula ends too early", len(text)) from None
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise FormulaTrouble(f"Syntax error. Found '{text[at]}'", at) from None
    except UnexpectedToken as error:
        if error.token.type == "$END":
            raise FormulaTrouble("Syntax error: the formula ends too early", len(text)) from None
        raise FormulaTrouble(f"Syntax error. Found '{error.token}'", error.token.start_pos or 0) from None
    except UnexpectedInput as error:
        raise FormulaTrouble("Syntax error", error.pos_in_stream or 0) from None
    if not isinstance(tree, Literal | Reference | Application | Chain):
        raise TypeError(f"the grammar gave {type(tree).__name__} instead of an expression")
    return tree


@functools.cache
def _parser() -> Lark:
    """The parser, made at the first use: reading the grammar takes a tenth of a second."""
    return Lark.open("formula.lark", rel_to=__file__, parser="lalr", transformer=_Reader())


def _deeper(at: int, *terms: Expression) -> int:
    depth = 1 + max((term.depth for term in terms), default=0)
    if depth > _DEEPEST:
        raise FormulaTrouble(f"the formula is nested more than {_DEEPEST} deep", at)
    return depth


class _Reader(Transformer[Token, Expression]):
    """Makes the tree while the text is parsed; one method for each rule of the grammar."""

    def any_of(self, terms: list[Expression]) -> Expression:
        return _applied("OR", terms, terms[0].at)

    def all_of(self, terms: list[Expression]) -> Expression:
        return _applied("AND", terms, terms[0].at)

    def chain(self, parts: list[Any]) -> Expression:
        rest = tuple(
            (str(operator), operator.start_pos or 0, term)
            for operator, term in zip(parts[1::2], parts[2::2], strict=True)
        )
        at = parts[0].at
        return Chain(parts[0], rest, at, _deeper(at, parts[0], *(term for _, _, term in rest)))

    def signed(self, parts: list[Any]) -> Expression:
        sign, term = parts
        at = sign.start_pos or 0
        if sign == "!":
            return _applied("NOT", [term], at)
        return Chain(Literal(Decimal(0), at), ((str(sign), at, term),), at, _deeper(at, term))

    def number(self, parts: list[Token]) -> Expression:
        return Literal(Decimal(str(parts[0])), parts[0].start_pos or 0)

    def text(self, parts: list[Token]) -> Expression:
        raw = str(parts[0])[1:-1]
        meant = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1].lower(), found[1]), raw)
        return Literal(meant, parts[0].start_pos or 0)

    def name(self, parts: list[Token]) -> Expression:
        path, at = str(parts[0]), parts[0].start_pos or 0
        words = {"TRUE": True, "FALSE": False, "NULL": None}
        return Literal(words[path.upper()], at) if path.upper() in words else Reference(path, at)

    def call(self, parts: list[Any]) -> Expression:
        arguments = [part for part in parts[1:] if part is not None]
        return _applied(str(parts[0]).upper(), arguments, parts[0].start_pos or 0)

    def inner(self, parts: list[Expression]) -> Expression:
        return parts[0]


def _applied(name: str, terms: list[Expression], at: int) -> Application:
    return Application(name, tuple(terms), at, _deeper(at, *terms))
