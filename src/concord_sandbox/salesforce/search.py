"""Answers of `/search` and `/parameterizedSearch`: SOSL's simple forms over the texts of records.

A text is its words. A term finds a record when its words stand in one field one after another; `*` stands for any
letters and `?` for one. Terms side by side and with AND all have to be found, with OR one of them; AND NOT takes away.
Which fields, and how a found record is shown and cut, is left to SOQL. Raises Refusal in Salesforce's words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from concord_sandbox.salesforce.calls import Answer, Api, Call
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json
from concord_sandbox.salesforce.schema import TEXT_TYPES, Field
from concord_sandbox.salesforce.soql.query import Querier
from concord_sandbox.salesforce.tables import Row, Table

_MOST = 2000
_LONGEST = 100_000
_WORD = re.compile(r"[^\W_]+")
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([()])|((?:[^\s"()\\]|\\.)+)', re.DOTALL)
_FIND = re.compile(
    r"""\s*FIND\s*(?:\{(?P<braced>(?:[^}\\]|\\.)*)\}|'(?P<quoted>(?:[^'\\]|\\.)*)')
    (?:\s+IN\s+(?P<scope>ALL|NAME|EMAIL|PHONE|SIDEBAR)\s+FIELDS)?""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
_RETURNING = re.compile(r"\s+RETURNING\s+", re.IGNORECASE)
_OBJECT = re.compile(r"\s*(\w+)\s*(?=[(,]|$|\s)")
_LIMIT = re.compile(r"\s*LIMIT\s+(\d{1,6})\s*", re.IGNORECASE)
_WITH = re.compile(r"\s*WITH\s+\w", re.IGNORECASE)
_CUT = re.compile(r"\s+(?:LIMIT\s+(?P<limit>\d{1,6}))?(?:\s*OFFSET\s+(?P<offset>\d{1,6}))?\s*$", re.IGNORECASE)
_CLAUSES = re.compile(r"\s(?=WHERE\s|ORDER\s+BY\s)", re.IGNORECASE)

#: Judges the words of a record's fields: one list for each field.
Test = Callable[[list[list[str]]], bool]


@dataclass(frozen=True)
class Wanted:
    """What a search is to give of one object. clauses: WHERE and ORDER BY, as SOQL has them."""

    name: str
    fields: str = ""
    clauses: str = ""
    limit: int | None = None
    offset: int = 0


def search(api: Api, call: Call) -> Answer:
    """`GET /search?q=FIND {…} …`."""
    text = call.query.get("q", "")
    if not text.strip():
        raise Refusal(
            400, Fail("MALFORMED_SEARCH", "No search term found. The search term must be enclosed in braces.")
        )
    if len(text) > _LONGEST:
        raise _malformed(f"SOSL statements cannot be longer than {_LONGEST} characters.")
    found = _FIND.match(text)
    if found is None:
        raise _malformed("No search term found. The search term must be enclosed in braces.")
    term = found["braced"] if found["braced"] is not None else found["quoted"]
    wanted, most = _rest(api, text[found.end() :])
    records = _searched(api, call, term, (found["scope"] or "ALL").upper(), wanted, most)
    return Answer(200, {"searchRecords": records})


def parameterized(api: Api, call: Call) -> Answer:
    """`GET` and `POST /parameterizedSearch`."""
    asked: Mapping[str, Any]
    if call.method == "POST":
        asked = call.object_body()
        wanted = [_from_object(one) for one in _objects(asked.get("sobjects"))]
        fields = _listed(asked.get("fields"))
    else:
        asked = call.query
        names = [value for key, value in parse_qsl(call.path.partition("?")[2]) if key.lower() == "sobject"]
        wanted = [_from_query(call, name) for name in names]
        fields = asked.get("fields")
    term, scope = asked.get("q"), asked.get("in")
    most, each = _count(asked.get("overallLimit")), _count(asked.get("defaultLimit"))
    if not isinstance(term, str) or not term.strip():
        raise Refusal(400, Fail("INVALID_SEARCH", "Enter a search string with the parameter q"))
    scope = str(scope or "ALL").upper()
    if scope not in _SCOPES:
        raise Refusal(400, Fail("INVALID_SEARCH", f"Invalid search scope: {scope}"))
    wanted = wanted or [Wanted(table.kind.name) for table in _searchable(api)]
    filled = [
        replace(one, fields=one.fields or fields or "Id", limit=one.limit if one.limit is not None else each)
        for one in wanted
    ]
    return Answer(200, {"searchRecords": _searched(api, call, term, scope, filled, most)})


# What is wanted


def _rest(api: Api, text: str) -> tuple[list[Wanted], int | None]:
    """What stands behind the search term: the objects, and how many records at most."""
    returning = _RETURNING.match(text)
    wanted = []
    at = returning.end() if returning else 0
    while returning:
        one, at = _returned(text, at)
        wanted.append(one)
        if not text[at:].lstrip().startswith(","):
            break
        at = text.index(",", at) + 1
    most = None
    if cut := _LIMIT.fullmatch(text, at):
        most = int(cut[1])
    elif _WITH.match(text, at):
        raise _malformed("The sandbox does not know WITH clauses of a search")
    elif text[at:].strip():
        raise _malformed(f"unexpected token: '{text[at:].split()[0]}'")
    return wanted or [Wanted(table.kind.name) for table in _searchable(api)], most


def _returned(text: str, at: int) -> tuple[Wanted, int]:
    """One object of a RETURNING clause, and where it ends."""
    named = _OBJECT.match(text, at)
    if named is None:
        raise _malformed("RETURNING needs the name of an object")
    at = named.end()
    if text[at : at + 1] != "(":
        return Wanted(named[1]), at
    end = _closing(text, at)
    inner, after = text[at + 1 : end], end + 1
    cut = _CUT.search(inner)
    limit, offset = (cut["limit"], cut["offset"]) if cut else (None, None)
    body = inner[: cut.start()] if cut and (limit or offset) else inner
    fields, *clauses = _CLAUSES.split(" " + body, maxsplit=1)
    tail = clauses[0] if clauses else ""
    most = int(limit) if limit else None
    return Wanted(named[1], fields.strip(), tail.strip(), most, int(offset or 0)), after


def _closing(text: str, at: int) -> int:
    """Where the parenthesis that opens at `at` closes; those in texts do not count."""
    depth, quoted, place = 0, False, at
    while place < len(text):
        sign = text[place]
        if sign == "\\":
            place += 1
        elif sign == "'":
            quoted = not quoted
        elif not quoted and sign in "()":
            depth += 1 if sign == "(" else -1
            if depth == 0:
                return place
        place += 1
    raise _malformed("unexpected token: '<EOF>'")


def _objects(given: Any) -> list[dict[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise bad_json("sobjects has to be a list of objects")
    return given


def _from_object(given: dict[str, Any]) -> Wanted:
    name = given.get("name")
    if not isinstance(name, str):
        raise bad_json("Each of sobjects needs a name")
    where, order = given.get("where"), given.get("orderBy")
    if not isinstance(where, str | None) or not isinstance(order, str | None):
        raise bad_json("where and orderBy have to be texts")
    return Wanted(name, _listed(given.get("fields")) or "", _clauses(where, order), _count(given.get("limit")))


def _from_query(call: Call, name: str) -> Wanted:
    own = {key.lower(): value for key, value in call.query.items()}
    prefix = name.lower() + "."
    clauses = _clauses(own.get(prefix + "where"), own.get(prefix + "orderby"))
    return Wanted(name, own.get(prefix + "fields", ""), clauses, _count(own.get(prefix + "limit")))


def _clauses(where: str | None, order: str | None) -> str:
    return (f"WHERE {where} " if where else "") + (f"ORDER BY {order}" if order else "")


def _listed(given: Any) -> str | None:
    if given is None:
        return None
    if not isinstance(given, list) or not all(isinstance(one, str) for one in given):
        raise bad_json("fields has to be a list of texts")
    return ",".join(given)


def _count(given: Any) -> int | None:
    if given is None:
        return None
    text = str(given)
    if isinstance(given, bool) or not text.isdecimal() or not 0 < int(text[:9]) <= _MOST:
        raise Refusal(400, Fail("INVALID_SEARCH", f"A limit has to be between 1 and {_MOST}"))
    return int(text)


# Finding


def _is_name(field: Field) -> bool:
    return bool(field.attributes["nameField"]) or field.name in ("FirstName", "LastName", "MiddleName", "Company")


_SCOPES: dict[str, Callable[[Field], bool]] = {
    "ALL": lambda field: field.type in TEXT_TYPES,
    "SIDEBAR": lambda field: field.type in TEXT_TYPES,
    "NAME": _is_name,
    "EMAIL": lambda field: field.type == "email",
    "PHONE": lambda field: field.type == "phone",
}


def _searchable(api: Api) -> list[Table]:
    return [table for table in api.org.tables.values() if table.kind.writable]


def _searched(
    api: Api, call: Call, term: str, scope: str, wanted: list[Wanted], most: int | None
) -> list[dict[str, Any]]:
    test = _Terms(term).test()
    top = min(most or _MOST, _MOST)
    records: list[dict[str, Any]] = []
    for one in wanted:
        if len(records) >= top:
            break
        records += _of_one_object(api, call, one, test, scope, top - len(records))
    return records


def _of_one_object(api: Api, call: Call, one: Wanted, test: Test, scope: str, most: int) -> Iterator[dict[str, Any]]:
    querier = Querier(api.org, api.controls.clock.now(), call.version)
    result = querier.run(f"SELECT {one.fields or 'Id'} FROM {one.name} {one.clauses}".rstrip())  # noqa: S608
    table = api.table(one.name)
    names = [field.name for field in table.kind.shown if _SCOPES[scope](field)]
    found = (row for row in result.rows if "Id" in row and test(_words(row, names)))
    stop = one.offset + min(most, one.limit if one.limit is not None else most)
    for place, row in enumerate(found):
        if place >= stop:
            break
        if place >= one.offset:
            yield result.shape(row)


def _words(row: Row, names: list[str]) -> list[list[str]]:
    return [_WORD.findall(value.lower()) for name in names if isinstance(value := row.get(name), str)]


class _Terms:
    """Reads a search term into a test. Raises Refusal."""

    def __init__(self, text: str) -> None:
        self._tokens = [
            ("phrase", quoted) if quoted else ("sign", sign) if sign else ("word", word)
            for quoted, sign, word in _TOKEN.findall(text)
            if quoted or sign or word
        ]
        if sum(map(len, _WORD.findall(text))) < 2:
            raise _malformed(f"search term must be longer than one character: {text}")
        self._place = 0

    def test(self) -> Test:
        made = self._either(0)
        if self._place < len(self._tokens):
            raise _malformed("unexpected token: ')'")
        return made

    def _next(self) -> tuple[str, str] | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _either(self, depth: int) -> Test:
        if depth > 50:
            raise _malformed("The search term is nested too deep")
        tests = [self._all(depth)]
        while self._next() == ("word", "OR"):
            self._place += 1
            tests.append(self._all(depth))
        return lambda fields: any(test(fields) for test in tests)

    def _all(self, depth: int) -> Test:
        good: list[Test] = []
        bad: list[Test] = []
        while (token := self._next()) not in (None, ("sign", ")"), ("word", "OR")):
            negated = False
            if token == ("word", "AND"):
                self._place += 1
                negated = self._next() == ("word", "NOT")
                self._place += negated
            (bad if negated else good).append(self._one(depth))
        if not good:
            raise _malformed("The search term has an operator without words")
        return lambda fields: all(test(fields) for test in good) and not any(test(fields) for test in bad)

    def _one(self, depth: int) -> Test:
        token = self._next()
        if token is None or token == ("sign", ")"):
            raise _malformed("The search term has an operator without words")
        self._place += 1
        if token == ("sign", "("):
            inner = self._either(depth + 1)
            if self._next() != ("sign", ")"):
                raise _malformed("unexpected token: '<EOF>'")
            self._place += 1
            return inner
        return _phrase(token[1])


def _phrase(text: str) -> Test:
    """Whether the words of a text stand in one field one after another."""
    bare = re.sub(r"\\(.)", " ", text.lower(), flags=re.DOTALL)
    words = re.findall(r"[^\W_*?]*(?:[*?]+[^\W_*?]*)+|[^\W_]+", bare)
    patterns = [
        re.compile("".join(".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in _single(word)))
        for word in words
    ]

    def test(fields: list[list[str]]) -> bool:
        return any(_stands(patterns, field) for field in fields)

    return test


def _single(word: str) -> str:
    return re.sub(r"\*+", "*", word)


def _stands(patterns: list[re.Pattern[str]], words: list[str]) -> bool:
    count = len(patterns)
    return any(
        all(pattern.fullmatch(word) for pattern, word in zip(patterns, words[at : at + count], strict=True))
        for at in range(len(words) - count + 1)
    )


def _malformed(words: str) -> Refusal:
    return Refusal(400, Fail("MALFORMED_SEARCH", words))
