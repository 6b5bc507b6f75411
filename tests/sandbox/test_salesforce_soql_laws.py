"""The Salesforce sandbox: two laws of SOQL. A filter finds what a second, naive reading of it finds, and the pages of
an ordered query show each row once, whatever their size.
"""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sandbox.salesforce_world import ACME, GLOBEX, START, Org

from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.soql.query import Querier

_RANDOM = random.Random(11)
_WORDS = ("alpha", "Beta", "beta b", "x%y", "", None)
_TABLE: list[dict[str, Any]] = [
    {
        "Id": new_id("a00", number),
        "Text__c": _RANDOM.choice(_WORDS) or None,
        "Number__c": _RANDOM.choice((None, -1.5, 0, 2, 7)),
        "Ticked__c": _RANDOM.random() < 0.5,
        "Day__c": _RANDOM.choice((None, "2026-11-22", "2026-11-23", "2026-12-01")),
        "Choices__c": _RANDOM.choice((None, "A", "A;B", "C")),
        "Account__c": _RANDOM.choice((None, ACME, GLOBEX)),
    }
    for number in range(1, 41)
]
_TYPES = {"Text__c": "string", "Number__c": "double", "Ticked__c": "boolean", "Day__c": "date",
          "Choices__c": "multipicklist"}  # fmt: skip
_THINGS = Org(
    {
        "objects": {
            "Thing__c": {
                "keyPrefix": "a00",
                "fields": [
                    *({"name": name, "type": kind} for name, kind in _TYPES.items()),
                    {"name": "Account__c", "type": "reference", "referenceTo": ["Account"]},
                ],
            }
        },
        "records": {"Account": [{"Id": ACME, "Name": "Acme"}, {"Id": GLOBEX, "Name": "Globex"}], "Thing__c": _TABLE},
    }
)
_Check = Callable[[dict[str, Any]], bool]
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    "<": lambda value, wanted: value is not None and value < wanted,
    "<=": lambda value, wanted: value is not None and value <= wanted,
    ">": lambda value, wanted: value is not None and value > wanted,
    ">=": lambda value, wanted: value is not None and value >= wanted,
}


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _quoted(value: Any) -> str:
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "null" if value is None else str(value).lower()


def _alike(text: str, pattern: str) -> bool:
    """LIKE, letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_alike(text[at:], pattern[1:]) for at in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and _alike(text[1:], pattern[1:])


def _comparing(name: str, operator: str, wanted: Any, shown: str) -> tuple[str, _Check]:
    operator = operator if wanted is not None or operator in ("=", "!=") else "="
    check = _COMPARISONS[operator]
    return f"{name} {operator} {shown}", lambda row: check(_lower(row[name]), _lower(wanted))


def _listing(name: str, inside: bool, wanted: list[Any]) -> tuple[str, _Check]:
    shown = ", ".join(_quoted(one) for one in wanted)
    listed = [_lower(one) for one in wanted]
    return f"{name} {'' if inside else 'NOT '}IN ({shown})", lambda row: (_lower(row[name]) in listed) is inside


def _choosing(inside: bool, wanted: str) -> tuple[str, _Check]:
    asked = set(wanted.split(";"))
    return (
        f"Choices__c {'INCLUDES' if inside else 'EXCLUDES'} ('{wanted}')",
        lambda row: (asked <= set((row["Choices__c"] or "").split(";"))) is inside,
    )


def _naming(inside: bool, name: str) -> tuple[str, _Check]:
    names = {ACME: "Acme", GLOBEX: "Globex", None: None}
    return (
        f"Account__r.Name {'=' if inside else '!='} '{name}'",
        lambda row: (names[row["Account__c"]] == name) is inside,
    )


def _joined(word: str, parts: list[tuple[str, _Check]]) -> tuple[str, _Check]:
    every = all if word == "AND" else any
    return f" {word} ".join(f"({text})" for text, _ in parts), lambda row: every(check(row) for _, check in parts)


def _negated(part: tuple[str, _Check]) -> tuple[str, _Check]:
    return f"NOT ({part[0]})", lambda row: not part[1](row)


_TEXTS, _NUMBERS = st.sampled_from(["ALPHA", "beta", "Beta B", None]), st.sampled_from([None, -1.5, 0, 1, 2, 7])
_DAYS = st.sampled_from(["2026-11-22", "2026-11-23", "2026-11-30"])
_SIGNS = st.sampled_from(sorted(_COMPARISONS))
_SIMPLE = st.one_of(
    st.builds(lambda sign, value: _comparing("Text__c", sign, value, _quoted(value)), _SIGNS, _TEXTS),
    st.builds(lambda sign, value: _comparing("Number__c", sign, value, _quoted(value)), _SIGNS, _NUMBERS),
    st.builds(lambda sign, value: _comparing("Day__c", sign, value, value), _SIGNS, _DAYS),
    st.builds(
        lambda sign, value: _comparing("Ticked__c", sign, value, _quoted(value)),
        st.sampled_from(["=", "!="]),
        st.booleans(),
    ),
    st.builds(lambda sign: _comparing("Day__c", sign, "2026-11-23", "TODAY"), _SIGNS),
    st.builds(
        lambda pattern: (
            f"Text__c LIKE '{pattern}'",
            lambda row: row["Text__c"] is not None and _alike(row["Text__c"].lower(), pattern.lower()),
        ),
        st.sampled_from(["%", "b%", "%A", "_eta", "%b%", "alpha", "____%"]),
    ),
    st.builds(_listing, st.just("Text__c"), st.booleans(), st.lists(_TEXTS, min_size=1, max_size=3)),
    st.builds(_listing, st.just("Number__c"), st.booleans(), st.lists(_NUMBERS, min_size=1, max_size=3)),
    st.builds(_choosing, st.booleans(), st.sampled_from(["A", "B", "A;B", "C"])),
    st.builds(_naming, st.booleans(), st.sampled_from(["Acme", "Globex"])),
)
_CONDITIONS = st.recursive(
    _SIMPLE,
    lambda inner: st.one_of(
        st.builds(_joined, st.sampled_from(["AND", "OR"]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(_negated, inner),
    ),
    max_leaves=6,
)


@given(_CONDITIONS)
def test_a_filter_finds_what_a_naive_reading_of_it_finds(condition: tuple[str, _Check]) -> None:
    text, check = condition
    result = Querier(_THINGS.service._api.org, START, "v66.0").run(f"SELECT Id FROM Thing__c WHERE {text}")
    assert sorted(row["Id"] for row in result.rows) == [row["Id"] for row in _TABLE if check(row)]


_MANY = [
    {"Name": _RANDOM.choice(("a", "B", "c", "ä")), "NumberOfEmployees": _RANDOM.choice((None, 1, 2)), "Site": f"{n}"}
    for n in range(650)
]
_PEOPLE = Org({"records": {"Account": _MANY}})


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Name", "NumberOfEmployees"]), st.booleans(), st.booleans()), max_size=2),
    st.sampled_from([1, 200, 201, 649, 650, 2000, 9999]),
)
def test_pages_show_each_row_once_and_in_order(orders: list[tuple[str, bool, bool]], size: int) -> None:
    clauses = [f"{name} {'DESC' if down else 'ASC'} NULLS {'LAST' if last else 'FIRST'}" for name, down, last in orders]
    text = "SELECT Name, NumberOfEmployees, Site FROM Account ORDER BY " + ", ".join([*clauses, "Site"])

    async def read() -> list[Any]:
        page = await _PEOPLE.soql(text, headers={"Sforce-Query-Options": f"batchSize={size}"})
        assert len(page["records"]) == min(650, min(2000, max(200, size)))
        seen = page["records"]
        while not page["done"]:
            page = (await _PEOPLE.client.get(page["nextRecordsUrl"])).json()
            assert page["totalSize"] == 650
            seen += page["records"]
        return [[one["Name"], one["NumberOfEmployees"], one["Site"]] for one in seen]

    expected = sorted(_MANY, key=lambda one: str(one["Site"]))
    for name, down, last in reversed(orders):
        blank = [one for one in expected if one[name] is None]
        known = [one for one in expected if one[name] is not None]
        known.sort(key=lambda one, name=name: _lower(one[name]), reverse=down)  # type: ignore[misc]
        expected = known + blank if last else blank + known
    assert asyncio.run(read()) == [[one["Name"], one["NumberOfEmployees"], one["Site"]] for one in expected]
