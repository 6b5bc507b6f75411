"""The values of page properties: what each type accepts, how it is stored, how it reads (api/notion.md section 4).

A value is stored in the form in which Notion gives it back, without its id and type.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from concord_sandbox.notion import texts
from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.schema import READ_ONLY, Property

_TEXT_LIMITS = {"url": 2000, "email": 200, "phone_number": 200}
_LIST_LIMIT = 100


class Known(Protocol):
    """What a value may refer to."""

    def page_to_relate(self, given: str, data_source_id: str) -> str:
        """The id of a page that a relation to that data source may hold. Raises NotionError."""
        ...

    def person(self, given: str) -> str:
        """The id of a user. Raises NotionError."""
        ...


def read(owner: Property, given: Any, known: Known | None) -> Any:
    """The value of a request, checked, in the stored form; `known` None: references are taken as they are.

    Raises NotionError.
    """
    where = f"body.properties.{owner.name}"
    if owner.type in READ_ONLY:
        raise NotionError("validation_error", f"{owner.name} is read only and cannot be set: {owner.type}.")
    if not isinstance(given, dict) or owner.type not in given:
        raise NotionError("validation_error", f"{owner.name} is expected to be {owner.type}.")
    value = given[owner.type]
    if value is None:
        return owner.blank()
    return _READERS[owner.type](owner, value, f"{where}.{owner.type}", known)


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
    if kind == "files":
        return [one["name"] for one in value]
    if kind == "unique_id":
        return value["number"] if value else None
    if kind == "verification":
        return value["state"]
    if kind in ("formula", "rollup"):
        return _plain_result(value)
    return value


def _plain_result(value: Any) -> Any:
    """What a formula or a rollup came to."""
    kind = value["type"] if value else "none"
    found: Any = value.get(kind) if value else None
    if kind == "date":
        return found["start"] if found else None
    if kind == "array":
        return [plain_value(one["type"], one[one["type"]]) for one in found]
    return found


def _rich_text(_: Property, given: Any, where: str, known: Known | None) -> Any:
    return texts.read(given, where)


def _number(_: Property, given: Any, where: str, known: Known | None) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise invalid(where, f"should be a number or `null`, instead was `{texts.shown(given)}`")
    return given


def _checkbox(_: Property, given: Any, where: str, known: Known | None) -> Any:
    if not isinstance(given, bool):
        raise invalid(where, f"should be a boolean, instead was `{texts.shown(given)}`")
    return given


def _short_text(owner: Property, given: Any, where: str, known: Known | None) -> Any:
    limit = _TEXT_LIMITS[owner.type]
    if not isinstance(given, str) or not given:
        raise invalid(where, "should be a non-empty string or `null`")
    if len(given) > limit:
        raise invalid(f"{where}.length", f"should be ≤ `{limit}`, instead was `{len(given)}`")
    return given


def _select(owner: Property, given: Any, where: str, known: Known | None) -> Any:
    return owner.option(given, where, make=True)


def _status(owner: Property, given: Any, where: str, known: Known | None) -> Any:
    return owner.option(given, where, make=False)


def _list_of(given: Any, where: str) -> list[Any]:
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{texts.shown(given)}`")
    if len(given) > _LIST_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_LIST_LIMIT}`, instead was `{len(given)}`")
    return given


def _multi_select(owner: Property, given: Any, where: str, known: Known | None) -> Any:
    return [owner.option(one, f"{where}[{place}]", make=True) for place, one in enumerate(_list_of(given, where))]


def _ids(given: Any, where: str) -> list[str]:
    for place, one in enumerate(_list_of(given, where)):
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise invalid(f"{where}[{place}].id", "should be defined, instead was `undefined`")
    return [one["id"] for one in given]


def _relation(owner: Property, given: Any, where: str, known: Known | None) -> Any:
    target = owner.settings.get("data_source_id", "")
    ids = _ids(given, where)
    return [{"id": known.page_to_relate(one, target) if known is not None else one} for one in dict.fromkeys(ids)]


def _people(_: Property, given: Any, where: str, known: Known | None) -> Any:
    ids = _ids(given, where)
    return [{"id": known.person(one) if known is not None else one} for one in dict.fromkeys(ids)]


def _files(_: Property, given: Any, where: str, known: Known | None) -> Any:
    made = []
    for place, one in enumerate(_list_of(given, where)):
        if not isinstance(one, dict) or not isinstance(one.get("name"), str):
            raise invalid(f"{where}[{place}].name", "should be defined, instead was `undefined`")
        made.append({"name": one["name"], "type": "external", "external": {"url": external(one, f"{where}[{place}]")}})
    return made


def external(given: Any, where: str) -> str:
    """The address of a file that lies elsewhere; uploads are not emulated. Raises NotionError."""
    if isinstance(given, dict) and "file_upload" in given:
        raise NotionError("validation_error", f"{where}.file_upload: this sandbox does not emulate file uploads.")
    found = given.get("external") if isinstance(given, dict) else None
    url = found.get("url") if isinstance(found, dict) else None
    if not isinstance(url, str) or not 0 < len(url) <= _TEXT_LIMITS["url"]:
        raise invalid(f"{where}.external.url", f"should be a URL of at most {_TEXT_LIMITS['url']} characters")
    return url


def _date(_: Property, given: Any, where: str, known: Known | None) -> Any:
    if not isinstance(given, dict) or "start" not in given:
        raise invalid(f"{where}.start", "should be defined, instead was `undefined`")
    for key in ("start", "end"):
        if given.get(key) is not None and not is_date(given[key]):
            raise invalid(f"{where}.{key}", f"should be a valid ISO 8601 date string, instead was `{given[key]}`")
    if given["start"] is None:
        raise invalid(f"{where}.start", "should be a string, instead was `null`")
    zone = given.get("time_zone")
    if zone is not None and not _is_zone(zone):
        raise invalid(f"{where}.time_zone", f"should be a valid IANA time zone, instead was `{zone}`")
    return {"start": given["start"], "end": given.get("end"), "time_zone": zone}


def is_date(text: Any) -> bool:
    """Whether that is a date or an instant as ISO 8601 writes it."""
    try:
        return bool(date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return False


def _is_zone(name: Any) -> bool:
    try:
        return bool(ZoneInfo(name).key)
    except (TypeError, ValueError, OSError, KeyError):
        return False


_READERS: dict[str, Callable[[Property, Any, str, Known | None], Any]] = {
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
    "relation": _relation,
    "people": _people,
    "files": _files,
}
