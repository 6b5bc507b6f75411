"""The columns of a data source: their types, settings and options, and how requests describe them.

Facts: api/notion.md sections 2 and 4. Knows no page and no value.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.notion.errors import NotionError, invalid
from concord_sandbox.notion.texts import shown as said

WRITABLE = (
    "title",
    "rich_text",
    "number",
    "select",
    "multi_select",
    "status",
    "date",
    "checkbox",
    "url",
    "email",
    "phone_number",
    "relation",
    "people",
    "files",
)
READ_ONLY = (
    "created_time",
    "last_edited_time",
    "created_by",
    "last_edited_by",
    "formula",
    "rollup",
    "unique_id",
    "button",
    "verification",
)
TYPES = (*WRITABLE, *READ_ONLY)
WITH_OPTIONS = ("select", "multi_select", "status")
ROLLUPS = frozenset(
    (  # noqa: SIM905 - as one reads them
        "count count_values empty not_empty unique show_unique percent_empty percent_not_empty sum average median min"
        " max range earliest_date latest_date date_range checked unchecked percent_checked percent_unchecked"
        " show_original count_per_group percent_per_group"
    ).split()
)
_COLOURS = ("default", "gray", "brown", "orange", "yellow", "green", "blue", "purple", "pink", "red")
_OPTION_LIMIT = 100
#: What a status has when nothing else is asked for: name, colour, group.
_STATUSES = (("Not started", "default"), ("In progress", "blue"), ("Done", "green"))


@dataclass
class Property:
    """A column of a data source. `options` (select, multi_select, status): [{"id", "name", "color", "description"}].

    settings: what else its type has, as the API shows it: format, expression, prefix, data_source_id, function …
    """

    name: str
    type: str
    id: str = ""
    options: list[dict[str, Any]] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    description: str | None = None

    def __post_init__(self) -> None:
        if self.type not in TYPES:
            raise ValueError(f"property {self.name!r}: unknown type {self.type!r}")
        self.id = self.id or ("title" if self.type == "title" else short_id(self.name))
        self.options = [
            {"id": short_id(one["name"]), "color": "default", "description": None, **one} for one in self.options
        ]

    def blank(self) -> Any:
        """What a page without a value shows; a status is never blank and starts with the first option."""
        if self.type in ("title", "rich_text", "multi_select", "relation", "people", "files"):
            return []
        if self.type == "status" and self.options:
            return self.options[0]
        if self.type == "formula":
            return {"type": "string", "string": None}
        if self.type == "verification":
            return {"state": "unverified", "date": None, "verified_by": None}
        return {"checkbox": False, "button": {}}.get(self.type)

    def option(self, given: Any, where: str, *, make: bool) -> dict[str, Any]:
        """The option that a request names by name or id; made when it is new and `make` is on."""
        if not isinstance(given, dict) or not ({"name", "id"} & given.keys()):
            raise invalid(where, "should have `name` or `id`")
        for one in self.options:
            if one["id"] == given.get("id") or one["name"] == given.get("name"):
                return one
        name = given.get("name")
        if not make or not isinstance(name, str) or not name:
            raise NotionError(
                "validation_error", f'Invalid {self.type} option, {self.type} option "{name}" does not exist.'
            )
        self.options.append(_option({"name": name, "color": given.get("color", "default")}, where))
        return self.options[-1]

    def wire(self, version: str, database_of: Mapping[str, str]) -> dict[str, Any]:
        """The property in a data source's answer; `database_of`: data source -> its database."""
        settings: dict[str, Any] = dict(self.settings)
        if self.type in WITH_OPTIONS:
            settings["options"] = self.options
        if self.type == "status":
            settings["groups"] = self._groups()
        if self.type == "number":
            settings.setdefault("format", "number")
        if self.type == "unique_id":
            settings.setdefault("prefix", None)
        if self.type == "relation":
            settings = self._relation(version, database_of)
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "description": self.description,
            self.type: settings,
        }

    def _groups(self) -> list[dict[str, Any]]:
        """The three groups of a status: the first option to do, the last complete, all others in progress."""
        ids = [one["id"] for one in self.options]
        parts = (ids[:1], ids[1:-1], ids[1:][-1:])
        named = zip(("To-do", "In progress", "Complete"), ("gray", "blue", "green"), parts, strict=True)
        return [
            {"id": short_id(name), "name": name, "color": colour, "option_ids": held} for name, colour, held in named
        ]

    def _relation(self, version: str, database_of: Mapping[str, str]) -> dict[str, Any]:
        target = self.settings.get("data_source_id", "")
        kind = "dual_property" if self.settings.get("synced_property_name") else "single_property"
        synced = {key: self.settings[key] for key in ("synced_property_name", "synced_property_id")
                  if key in self.settings}  # fmt: skip
        shown = {"database_id": database_of.get(target, ""), "data_source_id": target, "type": kind, kind: synced}
        if version < "2025-09-03":
            del shown["data_source_id"]
        return shown


def short_id(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:4]


def read_properties(given: Any, where: str, version: str) -> list[Property]:
    """The columns of a new data source. Raises NotionError."""
    if not isinstance(given, dict):
        raise invalid(where, f"should be an object, instead was `{said(given)}`")
    made = [read_property(name, one, f"{where}.{name}", version) for name, one in given.items()]
    if sum(one.type == "title" for one in made) != 1:
        raise NotionError("validation_error", "Title is not provided: exactly one property must be of type title.")
    return made


def read_property(name: str, given: Any, where: str, version: str) -> Property:
    """A column as a request describes it. Raises NotionError."""
    kind = type_of(given, where)
    about = given.get(kind) or {}
    if not isinstance(about, dict):
        raise invalid(f"{where}.{kind}", f"should be an object, instead was `{said(about)}`")
    if kind == "status" and version < "2026-03-11":
        raise NotionError("validation_error", f"{where} cannot be made: status properties need version 2026-03-11.")
    if kind in ("button", "verification"):
        raise NotionError("validation_error", f"{where} cannot be made over the API: {kind}.")
    made = Property(name, kind, settings=_settings(kind, about, where, version), description=given.get("description"))
    options = about.get("options", [{"name": one, "color": colour} for one, colour in _STATUSES])
    if kind in WITH_OPTIONS and (kind == "status" or "options" in about):
        made.options = read_options(options, f"{where}.{kind}.options")
    return made


def type_of(given: Any, where: str) -> str:
    """The type that a request gives a column. Raises NotionError."""
    if not isinstance(given, dict):
        raise invalid(where, f"should be an object, instead was `{said(given)}`")
    kind = given.get("type") or next((one for one in TYPES if one in given), None)
    if kind not in TYPES:
        raise invalid(where, "should have a property type with its settings")
    return str(kind)


def read_options(given: Any, where: str) -> list[dict[str, Any]]:
    """Raises NotionError."""
    if not isinstance(given, list):
        raise invalid(where, f"should be an array, instead was `{said(given)}`")
    if len(given) > _OPTION_LIMIT:
        raise invalid(f"{where}.length", f"should be ≤ `{_OPTION_LIMIT}`, instead was `{len(given)}`")
    made = [_option(one, f"{where}[{place}]") for place, one in enumerate(given)]
    if len({one["name"] for one in made}) != len(made):
        raise invalid(where, "should have options of different names")
    return made


def _option(given: Any, where: str) -> dict[str, Any]:
    name = given.get("name") if isinstance(given, dict) else None
    if not isinstance(name, str) or not 0 < len(name) <= 100:
        raise invalid(f"{where}.name", "should be a string of 1 to 100 characters")
    if "," in name:
        raise NotionError("validation_error", f"Invalid select option, commas not allowed: {name}")
    colour = given.get("color") or "default"
    if colour not in _COLOURS:
        raise invalid(f"{where}.color", f"should be one of {', '.join(_COLOURS)}, instead was `{said(colour)}`")
    return {
        "id": str(given.get("id") or short_id(name)),
        "name": name,
        "color": colour,
        "description": given.get("description"),
    }


def _settings(kind: str, about: dict[str, Any], where: str, version: str) -> dict[str, Any]:
    if kind == "number":
        return {"format": str(about.get("format", "number"))}
    if kind == "formula":
        if not isinstance(about.get("expression"), str):
            raise invalid(f"{where}.formula.expression", "should be defined, instead was `undefined`")
        return {"expression": about["expression"]}
    if kind == "unique_id":
        return {"prefix": about.get("prefix")}
    if kind == "rollup":
        return _rollup(about, where)
    if kind == "relation":
        key = "data_source_id" if version >= "2025-09-03" else "database_id"
        if not isinstance(about.get(key), str):
            raise invalid(f"{where}.relation.{key}", "should be defined, instead was `undefined`")
        dual = about.get("dual_property")
        made = {key: about[key]}
        if isinstance(dual, dict) or about.get("type") == "dual_property":
            made["synced_property_name"] = str((dual or {}).get("synced_property_name") or "")
        return made
    return {}


def _rollup(about: dict[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(about.get("function"), str) or about["function"] not in ROLLUPS:
        raise invalid(f"{where}.rollup.function", f"should be a rollup function, instead was `{about.get('function')}`")
    made = {"function": about["function"]}
    for name in ("relation_property", "rollup_property"):
        found = about.get(f"{name}_name") or about.get(f"{name}_id")
        if not isinstance(found, str):
            raise invalid(f"{where}.rollup.{name}_name", "should be defined, instead was `undefined`")
        made[f"{name}_name"] = found
    return made
