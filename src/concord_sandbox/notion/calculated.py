"""Values that Notion works out itself: who and when, and rollups over relations. Reads state and changes nothing."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from concord_sandbox.notion.models import Page, Workspace
from concord_sandbox.notion.schema import Property
from concord_sandbox.notion.values import plain_value

_EMPTY: tuple[Any, ...] = (None, "", [])


def user(workspace: Workspace, user_id: str) -> dict[str, Any]:
    """A user as pages show it: whole for a connection that may read users, else the id alone."""
    about = {"object": "user", "id": user_id}
    if "users" not in workspace.settings["capabilities"]:
        return about
    if user_id == workspace.bot_id:
        return bot(workspace)
    found = next((one for one in workspace.settings["users"] if one["id"] == user_id), None)
    return person(found) if found is not None else about


def person(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "object": "user",
        "id": one["id"],
        "name": one.get("name"),
        "avatar_url": None,
        "type": "person",
        "person": {"email": one["email"]} if one.get("email") else {},
    }


def bot(workspace: Workspace) -> dict[str, Any]:
    """The connection's own user."""
    return {
        "object": "user",
        "id": workspace.bot_id,
        "name": workspace.settings["name"],
        "avatar_url": None,
        "type": "bot",
        "bot": {"owner": {"type": "workspace", "workspace": True}, "workspace_name": "Sandbox workspace"},
    }


def value_of(workspace: Workspace, page: Page, owner: Property) -> Any:
    """The value of a property, stored or worked out, in the form in which the API shows it."""
    if owner.type in ("created_time", "last_edited_time"):
        return getattr(page, owner.type)
    if owner.type in ("created_by", "last_edited_by"):
        return user(workspace, getattr(page, owner.type))
    if owner.type == "rollup":
        return _rollup(workspace, page, owner)
    value = page.values.get(owner.id)
    if value is None:
        value = owner.blank()
    if owner.type == "people":
        return [user(workspace, one["id"]) for one in value]
    return value


def plain_of(workspace: Workspace, page: Page, owner: Property) -> Any:
    """The same as text, number or date text, for filters and sorts."""
    value = value_of(workspace, page, owner)
    if owner.type in ("created_by", "last_edited_by"):
        return [value["id"]]
    return plain_value(owner.type, value)


def _rollup(workspace: Workspace, page: Page, owner: Property) -> dict[str, Any]:
    function = owner.settings["function"]
    source = workspace.data_sources[page.data_source_id or ""]
    relation = source.find(owner.settings["relation_property_name"])
    rows = _related(workspace, page, relation)
    target = workspace.data_sources.get(relation.settings.get("data_source_id", "")) if relation is not None else None
    rolled = target.find(owner.settings["rollup_property_name"]) if target is not None else None
    if rolled is None or rolled.type == "rollup":
        return {"type": "unsupported", "unsupported": {}, "function": function}
    if function in ("show_original", "show_unique"):
        shown = [{"type": rolled.type, rolled.type: value_of(workspace, one, rolled)} for one in rows]
        if function == "show_unique":
            shown = [one for place, one in enumerate(shown) if one not in shown[:place]]
        return {"type": "array", "array": shown, "function": function}
    plain = [plain_of(workspace, one, rolled) for one in rows]
    if function in ("earliest_date", "latest_date"):
        dates = sorted(str(one) for one in plain if one)
        found = (dates[0] if function == "earliest_date" else dates[-1]) if dates else None
        date = {"start": found, "end": None, "time_zone": None} if found else None
        return {"type": "date", "date": date, "function": function}
    number = _number(function, plain)
    if number is _UNKNOWN:
        return {"type": "unsupported", "unsupported": {}, "function": function}
    return {"type": "number", "number": number, "function": function}


def _related(workspace: Workspace, page: Page, relation: Property | None) -> list[Page]:
    ids = [one["id"] for one in page.values.get(relation.id, [])] if relation is not None else []
    found = [workspace.pages[one] for one in ids if one in workspace.pages]
    return [one for one in found if not one.in_trash]


_UNKNOWN = object()


def _number(function: str, plain: list[Any]) -> Any:
    """What a numeric function comes to; `_UNKNOWN` for one that is not worked out here."""
    filled = [one for one in plain if one not in _EMPTY]
    if (counted := _count(function, plain, filled)) is not _UNKNOWN:
        return counted
    numbers = [one for one in filled if isinstance(one, int | float) and not isinstance(one, bool)]
    worked: dict[str, Callable[[list[Any]], Any]] = {
        "sum": sum,
        "average": statistics.fmean,
        "median": statistics.median,
        "min": min,
        "max": max,
    }
    if function == "range":
        return max(numbers) - min(numbers) if numbers else None
    if function not in worked:
        return _UNKNOWN
    return worked[function](numbers) if numbers else None


def _count(function: str, plain: list[Any], filled: list[Any]) -> Any:
    checked = sum(one is True for one in plain)
    counts = {
        "count": len(plain),
        "count_values": sum(len(one) if isinstance(one, list) else 1 for one in filled),
        "empty": len(plain) - len(filled),
        "not_empty": len(filled),
        "unique": len({str(one) for one in filled}),
        "checked": checked,
        "unchecked": len(plain) - checked,
    }
    if function in counts:
        return counts[function]
    shares = {
        "percent_empty": counts["empty"],
        "percent_not_empty": counts["not_empty"],
        "percent_checked": checked,
        "percent_unchecked": counts["unchecked"],
    }
    if function in shares:
        return shares[function] / len(plain) if plain else 0
    return _UNKNOWN
