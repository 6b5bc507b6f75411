"""Queries of a data source: filters with and/or, sorts (api/notion.md section 3).

Plain functions over pages' stored values; the service pages the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.models import Page
from concord_sandbox.notion.values import Property, plain_value

Test = Callable[[Page], bool]

_DEPTH = 2


def _text(value: Any) -> str:
    return str(value or "").lower()


def _orders(value: Any, asked: Any) -> int:
    return 0 if value == asked else 1 if value > asked else -1


#: condition -> (value of the page, value asked for) -> whether it holds
_CONDITIONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda value, asked: value == asked,
    "does_not_equal": lambda value, asked: value != asked,
    "contains": lambda value, asked: asked in value if isinstance(value, list) else _text(asked) in _text(value),
    "does_not_contain": lambda value, asked: (
        asked not in value if isinstance(value, list) else _text(asked) not in _text(value)
    ),
    "starts_with": lambda value, asked: _text(value).startswith(_text(asked)),
    "ends_with": lambda value, asked: _text(value).endswith(_text(asked)),
    "is_empty": lambda value, asked: value in (None, "", []),
    "is_not_empty": lambda value, asked: value not in (None, "", []),
    "greater_than": lambda value, asked: value is not None and value > asked,
    "less_than": lambda value, asked: value is not None and value < asked,
    "greater_than_or_equal_to": lambda value, asked: value is not None and value >= asked,
    "less_than_or_equal_to": lambda value, asked: value is not None and value <= asked,
    "after": lambda value, asked: value is not None and _orders(value, asked) > 0,
    "before": lambda value, asked: value is not None and _orders(value, asked) < 0,
    "on_or_after": lambda value, asked: value is not None and _orders(value, asked) >= 0,
    "on_or_before": lambda value, asked: value is not None and _orders(value, asked) <= 0,
}
_TEXTS = ("equals", "does_not_equal", "contains", "does_not_contain", "starts_with", "ends_with")
_EMPTY = ("is_empty", "is_not_empty")
_COMPARED = ("greater_than", "less_than", "greater_than_or_equal_to", "less_than_or_equal_to")
_DATES = ("equals", "after", "before", "on_or_after", "on_or_before")
_CHOICES = ("equals", "does_not_equal")
_OF_TYPE: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("title", "rich_text", "url", "email", "phone_number"), (*_TEXTS, *_EMPTY)),
    "number": (*_CHOICES, *_COMPARED, *_EMPTY),
    "select": (*_CHOICES, *_EMPTY),
    "status": (*_CHOICES, *_EMPTY),
    "checkbox": _CHOICES,
    "multi_select": ("contains", "does_not_contain", *_EMPTY),
    "relation": ("contains", "does_not_contain", *_EMPTY),
    "people": ("contains", "does_not_contain", *_EMPTY),
    "date": (*_DATES, *_EMPTY),
    "created_time": _DATES,
    "last_edited_time": _DATES,
}


def read_filter(given: Any, find: Callable[[str], Property], depth: int = 0) -> Test:
    """The test that a request's filter asks for. Raises NotionError when it does not fit the schema."""
    if not isinstance(given, dict):
        raise invalid("body.filter", "should be an object")
    for word, joined in (("and", all), ("or", any)):
        if word in given:
            if depth >= _DEPTH or not isinstance(given[word], list):
                raise invalid(f"body.filter.{word}", f"should be an array, nested at most {_DEPTH} deep")
            tests = [read_filter(one, find, depth + 1) for one in given[word]]
            return _joined(tests, joined)
    if "timestamp" in given:
        return _of_timestamp(given)
    if "property" not in given:
        raise invalid("body.filter.property", "should be defined, instead was `undefined`")
    found = find(str(given["property"]))
    if found.type not in given:
        asked = next((key for key in given if key not in ("property", "type")), "nothing")
        raise NotionError("validation_error", f"database property {found.type} does not match filter {asked}")
    holds = _condition(found.type, given[found.type])
    return lambda page: holds(plain_value(found.type, page.values.get(found.id, found.blank())))


def _joined(tests: list[Test], joined: Callable[[Any], bool]) -> Test:
    return lambda page: joined(test(page) for test in tests)


def _of_timestamp(given: dict[str, Any]) -> Test:
    name = given["timestamp"]
    if name not in ("created_time", "last_edited_time"):
        raise invalid("body.filter.timestamp", "should be `created_time` or `last_edited_time`")
    holds = _condition(name, given.get(name))
    return lambda page: holds(getattr(page, name))


def _condition(kind: str, given: Any) -> Callable[[Any], bool]:
    if not isinstance(given, dict) or len(given) != 1:
        raise invalid(f"body.filter.{kind}", "should have exactly one condition")
    ((word, asked),) = given.items()
    if word not in _OF_TYPE.get(kind, ()):
        raise invalid(f"body.filter.{kind}.{word}", "should be not present")
    wanted: Any = bool if word in _EMPTY or kind == "checkbox" else int | float if kind == "number" else str
    if not isinstance(asked, wanted) or (kind == "number" and word not in _EMPTY and isinstance(asked, bool)):
        raise invalid(f"body.filter.{kind}.{word}", f"has a value of the wrong type, `{asked}`")
    compare = _CONDITIONS[word]
    return lambda value: compare(value, asked)


def sorted_pages(pages: list[Page], given: Any, find: Callable[[str], Property]) -> list[Page]:
    """`pages` in the order that a request's `sorts` asks for; without one, the newest first, as Notion does."""
    if not given:
        return sorted(pages, key=lambda page: (page.created_time, page.id), reverse=True)
    if not isinstance(given, list):
        raise invalid("body.sorts", "should be an array")
    for one in reversed(given):
        backwards = one.get("direction", "ascending") == "descending"
        if "timestamp" in one:
            pages = sorted(pages, key=partial(_time_of, one["timestamp"]), reverse=backwards)
        else:
            pages = sorted(pages, key=partial(_sort_key, find(str(one.get("property")))), reverse=backwards)
    return pages


def _time_of(name: str, page: Page) -> str:
    return page.created_time if name == "created_time" else page.last_edited_time


def _sort_key(found: Property, page: Page) -> tuple[bool, float, str]:
    value = plain_value(found.type, page.values.get(found.id, found.blank()))
    if isinstance(value, int | float):
        return (False, float(value), "")
    return (value is None, 0.0, _text(value))
