"""Queries of a data source: filters with and/or over every type of property, and sorts (api/notion.md section 3).

Plain functions over pages' values; the answer is made elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from concord_sandbox.notion.calculated import plain_of
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import Page, Workspace
from concord_sandbox.notion.schema import WITH_OPTIONS, Property
from concord_sandbox.notion.values import is_date

Test = Callable[[Page], bool]
Value = Callable[[Page, Property], Any]

_DEPTH = 2
_DATE_WIDTH = len("2026-11-30")


def _text(value: Any) -> str:
    return str(value or "").lower()


def _compared(value: str, asked: str) -> int:
    """-1, 0 or 1; a date without a time stands for its whole day."""
    width = _DATE_WIDTH if _DATE_WIDTH in (len(value), len(asked)) else None
    left, right = (one[:width] if width else _instant(one) for one in (value, asked))
    return (left > right) - (left < right)


def _instant(text: str) -> str:
    moment = datetime.fromisoformat(text)
    return (moment - (moment.utcoffset() or timedelta())).replace(tzinfo=None).isoformat(timespec="microseconds")


def _has(value: Any, asked: Any) -> bool:
    return asked in value if isinstance(value, list) else _text(asked) in _text(value)


def _is(value: Any, asked: Any) -> bool:
    return value in asked if isinstance(asked, list) else bool(value == asked)


#: condition -> (value of the page, value asked for) -> whether it holds
_CONDITIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": _is,
    "does_not_equal": lambda value, asked: not _is(value, asked),
    "contains": _has,
    "does_not_contain": lambda value, asked: not _has(value, asked),
    "starts_with": lambda value, asked: _text(value).startswith(_text(asked)),
    "ends_with": lambda value, asked: _text(value).endswith(_text(asked)),
    "is_empty": lambda value, asked: value in (None, "", []),
    "is_not_empty": lambda value, asked: value not in (None, "", []),
    "greater_than": lambda value, asked: value is not None and value > asked,
    "less_than": lambda value, asked: value is not None and value < asked,
    "greater_than_or_equal_to": lambda value, asked: value is not None and value >= asked,
    "less_than_or_equal_to": lambda value, asked: value is not None and value <= asked,
    "after": lambda value, asked: value is not None and _compared(value, asked) > 0,
    "before": lambda value, asked: value is not None and _compared(value, asked) < 0,
    "on_or_after": lambda value, asked: value is not None and _compared(value, asked) >= 0,
    "on_or_before": lambda value, asked: value is not None and _compared(value, asked) <= 0,
}
_ON_THE_DAY: Callable[[Any, Any], bool] = lambda value, asked: value is not None and _compared(value, asked) == 0  # noqa: E731

_EMPTY = ("is_empty", "is_not_empty")
_TEXTS = ("equals", "does_not_equal", "contains", "does_not_contain", "starts_with", "ends_with", *_EMPTY)
_COMPARED = ("greater_than", "less_than", "greater_than_or_equal_to", "less_than_or_equal_to")
_CHOICES = ("equals", "does_not_equal")
_HELD = ("contains", "does_not_contain", *_EMPTY)
_POINTS = ("equals", "after", "before", "on_or_after", "on_or_before")
#: From today to so many days from today.
_SPANS: Mapping[str, tuple[int, int]] = {
    "past_week": (-7, 0),
    "past_month": (-30, 0),
    "past_year": (-365, 0),
    "next_week": (0, 7),
    "next_month": (0, 30),
    "next_year": (0, 365),
}
_DATES = (*_POINTS, *_SPANS, "this_week", *_EMPTY)
_DAYS: Mapping[str, int] = {
    "today": 0,
    "tomorrow": 1,
    "yesterday": -1,
    "one_week_ago": -7,
    "one_week_from_now": 7,
    "one_month_ago": -30,
    "one_month_from_now": 30,
}
_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("title", "rich_text", "url", "email", "phone_number", "string"), _TEXTS),
    "number": (*_CHOICES, *_COMPARED, *_EMPTY),
    "unique_id": (*_CHOICES, *_COMPARED),
    "select": (*_CHOICES, *_EMPTY),
    "status": (*_CHOICES, *_EMPTY),
    "checkbox": _CHOICES,
    **dict.fromkeys(("multi_select", "relation", "people", "created_by", "last_edited_by"), _HELD),
    "files": _EMPTY,
    "date": _DATES,
    "created_time": _DATES,
    "last_edited_time": _DATES,
    "verification": ("status", "does_not_equal"),
}
_OF_FORMULA = ("string", "checkbox", "number", "date")
_OF_ROLLUP = ("any", "every", "none")


class Filters:
    """Reads filters. today: the workspace's date; me: the id that "me" stands for."""

    def __init__(self, workspace: Workspace, find: Callable[[str], Property], today: date) -> None:
        self._workspace = workspace
        self._find = find
        self._today = today

    def read(self, given: Any, depth: int = 0) -> Test:
        """The test that a request's filter asks for. Raises NotionError when it does not fit the schema."""
        if not isinstance(given, dict):
            raise invalid("body.filter", "should be an object")
        for word, joined in (("and", all), ("or", any)):
            if word in given:
                if depth >= _DEPTH or not isinstance(given[word], list):
                    raise invalid(f"body.filter.{word}", f"should be an array, nested at most {_DEPTH} deep")
                return _joined([self.read(one, depth + 1) for one in given[word]], joined)
        if "timestamp" in given:
            return self._of_timestamp(given)
        if "property" not in given:
            raise invalid("body.filter.property", "should be defined, instead was `undefined`")
        return self._of_property(self._find(str(given["property"])), given)

    def _of_property(self, found: Property, given: dict[str, Any]) -> Test:
        # A title can be asked for as a rich text, and the other way round, as the vendor's own clients do.
        kind = found.type
        if kind not in given and kind in ("title", "rich_text"):
            kind = "title" if kind == "rich_text" else "rich_text"
        if kind not in given:
            asked = next((key for key in given if key not in ("property", "type")), "nothing")
            raise NotionError("validation_error", f"database property {found.type} does not match filter {asked}")
        if kind == "formula":
            holds = self._of_formula(given[kind])
        elif kind == "rollup":
            holds = self._of_rollup(given[kind])
        else:
            holds = self._condition(kind, given[kind])
        return lambda page: holds(plain_of(self._workspace, page, found))

    def _of_formula(self, given: Any) -> Callable[[Any], bool]:
        kind = next((one for one in _OF_FORMULA if isinstance(given, dict) and one in given), None)
        if kind is None:
            raise invalid("body.filter.formula", f"should have one of {', '.join(_OF_FORMULA)}")
        return self._condition(kind, given[kind])

    def _of_rollup(self, given: Any) -> Callable[[Any], bool]:
        if not isinstance(given, dict):
            raise invalid("body.filter.rollup", "should be an object")
        for kind in ("number", "date"):
            if kind in given:
                return self._condition(kind, given[kind])
        word = next((one for one in _OF_ROLLUP if one in given), None)
        inner = given.get(word) if word is not None else None
        kind_inside = next((one for one in _OF_TYPE if isinstance(inner, dict) and one in inner), None)
        if word is None or not isinstance(inner, dict) or kind_inside is None:
            raise invalid("body.filter.rollup", f"should have one of {', '.join(_OF_ROLLUP)}, number, date")
        holds = self._condition(kind_inside, inner[kind_inside])
        counted: Callable[[Any], bool] = {"any": any, "every": all, "none": lambda found: not any(found)}[word]
        return lambda value: isinstance(value, list) and counted(holds(one) for one in value)

    def _of_timestamp(self, given: dict[str, Any]) -> Test:
        name = given["timestamp"]
        if name not in ("created_time", "last_edited_time"):
            raise invalid("body.filter.timestamp", "should be `created_time` or `last_edited_time`")
        holds = self._condition(name, given.get(name))
        return lambda page: holds(getattr(page, name))

    def _condition(self, kind: str, given: Any) -> Callable[[Any], bool]:
        if not isinstance(given, dict) or len(given) != 1:
            raise invalid(f"body.filter.{kind}", "should have exactly one condition")
        ((word, asked),) = given.items()
        if word not in _OF_TYPE.get(kind, ()):
            raise invalid(f"body.filter.{kind}.{word}", "should be not present")
        if word in _SPANS or word == "this_week":
            return self._span(kind, word, asked)
        self._check(kind, word, asked)
        if kind == "verification":
            wanted = "unverified" if asked == "none" else asked
            return lambda value: (value == wanted) == (word == "status")
        if kind in ("date", "created_time", "last_edited_time") and word in _POINTS:
            asked = (self._today + timedelta(_DAYS[asked])).isoformat() if asked in _DAYS else asked
            compare = _ON_THE_DAY if word == "equals" else _CONDITIONS[word]
            return lambda value: compare(value, asked)
        if asked == "me" and kind in ("people", "created_by", "last_edited_by"):
            asked = self._workspace.bot_id
        compare = _CONDITIONS[word]
        return lambda value: compare(value, asked)

    def _check(self, kind: str, word: str, asked: Any) -> None:
        """Raises NotionError for a value of the wrong type."""
        wanted: Any = str
        if word in _EMPTY or kind == "checkbox":
            wanted = bool
        elif kind in ("number", "unique_id"):
            wanted = int | float
        elif kind in ("select", "status") and isinstance(asked, list):
            wanted = list
        good = isinstance(asked, wanted) and (wanted is bool or not isinstance(asked, bool))
        if good and word in _POINTS and kind in ("date", "created_time", "last_edited_time"):
            good = asked in _DAYS or is_date(asked)
        if good and word in _EMPTY:
            good = asked is True
        if not good:
            raise invalid(f"body.filter.{kind}.{word}", f"has a value of the wrong type, `{asked}`")

    def _span(self, kind: str, word: str, asked: Any) -> Callable[[Any], bool]:
        if asked != {}:
            raise invalid(f"body.filter.{kind}.{word}", "should be an empty object")
        if word == "this_week":
            # Weeks begin on Sunday, as the vendor documents.
            start = self._today - timedelta((self._today.weekday() + 1) % 7)
            first, last = start, start + timedelta(6)
        else:
            first, last = (self._today + timedelta(days) for days in _SPANS[word])
        return lambda value: value is not None and first.isoformat() <= value[:_DATE_WIDTH] <= last.isoformat()


def _joined(tests: list[Test], joined: Callable[[Any], bool]) -> Test:
    return lambda page: joined(test(page) for test in tests)


def sorted_pages(workspace: Workspace, pages: list[Page], given: Any, find: Callable[[str], Property]) -> list[Page]:
    """`pages` in the order that a request's `sorts` asks for; without one, the newest first, as Notion does.

    Pages without a value come last either way.
    """
    if not given:
        return sorted(pages, key=lambda page: (page.created_time, page.id), reverse=True)
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise invalid("body.sorts", "should be an array of objects")
    for place, one in reversed(list(enumerate(given))):
        direction = one.get("direction", "ascending")
        if direction not in ("ascending", "descending"):
            raise invalid(f"body.sorts[{place}].direction", "should be `ascending` or `descending`")
        backwards = direction == "descending"
        if "timestamp" in one:
            if one["timestamp"] not in ("created_time", "last_edited_time"):
                raise invalid(f"body.sorts[{place}].timestamp", "should be `created_time` or `last_edited_time`")
            pages = sorted(pages, key=partial(_time_of, one["timestamp"]), reverse=backwards)
            continue
        key = partial(_sort_key, workspace, find(str(one.get("property"))))
        filled = [page for page in pages if key(page) is not None]
        blank = [page for page in pages if key(page) is None]
        pages = [*sorted(filled, key=key, reverse=backwards), *blank]
    return pages


def _time_of(name: str, page: Page) -> str:
    return str(getattr(page, name))


def _sort_key(workspace: Workspace, found: Property, page: Page) -> Any:
    """Numbers by size, choices in the order of their options, all else as text; None: no value."""
    value = plain_of(workspace, page, found)
    if value in (None, "", []):
        return None
    if found.type in WITH_OPTIONS:
        order = [one["name"] for one in found.options]
        return tuple(order.index(one) for one in (value if isinstance(value, list) else [value]) if one in order)
    if isinstance(value, int | float):
        return (0, float(value), "")
    return (1, 0.0, _text(value if not isinstance(value, list) else value[0]))
