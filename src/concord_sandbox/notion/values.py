"""The values of page properties: what each type accepts, how it is stored, how it reads (api/notion.md section 4).

A value is stored in the form in which Notion gives it back, without its id and type.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from concord_sandbox.notion import texts
from concord_sandbox.notion.errors import NotionError, invalid

_TEXT_LIMITS = {"url": 2000, "email": 200, "phone_number": 200}
_LIST_LIMIT = 100
_READ_ONLY = (
    "created_time",
    "last_edited_time",
    "created_by",
    "last_edited_by",
    "formula",
    "rollup",
    "unique_id",
    "button",
)


@dataclass
class Property:
    """A column of a data source. `options` (select, multi_select, status): [{"id", "name", "color"}]."""

    name: str
    type: str
    id: str = ""
    options: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.type not in _READERS and self.type not in _READ_ONLY:
            raise ValueError(f"property {self.name!r}: unknown type {self.type!r}")
        self.id = self.id or ("title" if self.type == "title" else _short_id(self.name))
        self.options = [{"id": _short_id(one["name"]), "color": "default", **one} for one in self.options]

    def schema(self) -> dict[str, Any]:
        """The property in a data source's answer."""
        settings: dict[str, Any] = {}
        if self.type in ("select", "multi_select", "status"):
            settings["options"] = self.options
        if self.type == "status":
            settings["groups"] = [{"id": "g1", "name": "All", "option_ids": [one["id"] for one in self.options]}]
        if self.type == "number":
            settings["format"] = "number"
        return {"id": self.id, "name": self.name, "type": self.type, "description": None, self.type: settings}

    def blank(self) -> Any:
        """What a page without a value shows; a status is never blank and starts with the first option."""
        if self.type in ("title", "rich_text", "multi_select", "relation", "people"):
            return []
        if self.type == "status" and self.options:
            return self.options[0]
        return False if self.type == "checkbox" else None

    def read(self, given: Any) -> Any:
        """The value of a request, checked, in the stored form. Raises NotionError."""
        where = f"body.properties.{self.name}"
        if self.type in _READ_ONLY:
            raise NotionError("validation_error", f"{self.name} is read only and cannot be set: {self.type}.")
        if not isinstance(given, dict) or self.type not in given:
            raise NotionError("validation_error", f"{self.name} is expected to be {self.type}.")
        value = given[self.type]
        return self.blank() if value is None else _READERS[self.type](self, value, f"{where}.{self.type}")

    def option(self, given: Any, where: str, *, make: bool) -> dict[str, str]:
        """The option that a request names by name or id; made when it is new and `make` is on."""
        if not isinstance(given, dict) or not ({"name", "id"} & given.keys()):
            raise invalid(where, "should have `name` or `id`")
        for one in self.options:
            if one["id"] == given.get("id") or one["name"] == given.get("name"):
                return one
        name = given.get("name")
        if not make or not isinstance(name, str):
            raise NotionError(
                "validation_error", f'Invalid {self.type} option, {self.type} option "{name}" does not exist.'
            )
        if "," in name:
            raise NotionError("validation_error", f"Invalid select option, commas not allowed: {name}")
        self.options.append({"id": _short_id(name), "name": name, "color": "default"})
        return self.options[-1]


def plain_value(kind: str, value: Any) -> Any:
    """A stored value as text, number or date text, for filters and for the control API."""
    if kind in ("title", "rich_text"):
        return texts.plain(value)
    if kind in ("select", "status"):
        return value["name"] if value else None
    if kind == "multi_select":
        return [one["name"] for one in value]
    if kind in ("relation", "people"):
        return [one["id"] for one in value]
    if kind == "date":
        return value["start"] if value else None
    return value


def _short_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:4]


def _rich_text(_: Property, given: Any, where: str) -> Any:
    return texts.read(given, where)


def _number(_: Property, given: Any, where: str) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise invalid(where, f"should be a number or `null`, instead was `{texts.shown(given)}`")
    return given


def _checkbox(_: Property, given: Any, where: str) -> Any:
    if not isinstance(given, bool):
        raise invalid(where, f"should be a boolean, instead was `{texts.shown(given)}`")
    return given


def _short_text(owner: Property, given: Any, where: str) -> Any:
    limit = _TEXT_LIMITS[owner.type]
    if not isinstance(given, str) or not given:
        raise invalid(where, "should be a non-empty string or `null`")
    if len(given) > limit:
        raise invalid(f"{where}.length", f"should be ≤ `{limit}`, instead was `{len(given)}`")
    return given


def _select(owner: Property, given: Any, where: str) -> Any:
    return owner.option(given, where, make=True)


def _status(owner: Property, given: Any, where: str) -> Any:
    return owner.option(given, where, make=False)


def _list_of(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{texts.shown(given)}`")
    if len(given) > _LIST_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_LIST_LIMIT}`, instead was `{len(given)}`")
    return given


def _multi_select(owner: Property, given: Any, where: str) -> Any:
    return [owner.option(one, f"{where}[{place}]", make=True) for place, one in enumerate(_list_of(given, where))]


def _references(_: Property, given: Any, where: str) -> Any:
    for place, one in enumerate(_list_of(given, where)):
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise invalid(f"{where}[{place}].id", "should be defined")
    return [{"id": one["id"]} for one in given]


def _date(_: Property, given: Any, where: str) -> Any:
    if not isinstance(given, dict) or "start" not in given:
        raise invalid(f"{where}.start", "should be defined, instead was `undefined`")
    for key in ("start", "end"):
        if given.get(key) is not None and not _is_date(given[key]):
            raise invalid(f"{where}.{key}", f"should be a valid ISO 8601 date string, instead was `{given[key]}`")
    if given["start"] is None:
        raise invalid(f"{where}.start", "should be a string, instead was `null`")
    return {"start": given["start"], "end": given.get("end"), "time_zone": given.get("time_zone")}


def _is_date(text: Any) -> bool:
    try:
        return bool(date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return False


_READERS: dict[str, Callable[[Property, Any, str], Any]] = {
    "title": _rich_text,
    "rich_text": _rich_text,
    "number": _number,
    "select": _select,
    "multi_select": _multi_select,
    "status": _status,
    "date": _date,
    "checkbox": _checkbox,
    "url": _short_text,
    "email": _short_text,
    "phone_number": _short_text,
    "relation": _references,
    "people": _references,
}
