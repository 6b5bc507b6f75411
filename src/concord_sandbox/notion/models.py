"""The state of one Notion workspace as one connection sees it, and how a world describes it.

A world's section `notion` is one JSON object; every key may be left out, so `{}` is an empty workspace:

    token                 the connection's secret
    name                  of the connection ("Concord sandbox")
    capabilities          of the connection: any of read, insert, update (all)
    requests_per_second   the average that is let through (3); burst: how many at once (10)
    index_lag_ms          how long a new page stays invisible to queries (1000)
    databases             [{"id", "title", "shared"?: false when no person has connected it}]
    data_sources          [{"id", "database_id", "name", "properties": {NAME: {"type", "id"?, "options"?: [{"name",
                          "color"?, "id"?}]}}}]
    pages                 [{"id", "data_source_id", "properties": {NAME: value as `POST /v1/pages` takes it},
                          "created_time"?, "last_edited_time"?, "in_trash"?}]
    blocks                {page or block id: [{"id", "type", TYPE: {…}, …}]} as the API shows them, in order

Ids are UUIDs with or without dashes. No rules of calls here.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

from concord_sandbox.notion.errors import NotionError
from concord_sandbox.notion.values import Property
from concord_sandbox.service import ControlError

_SETTINGS: dict[str, Any] = {
    "token": "ntn_sandbox",
    "name": "Concord sandbox",
    "capabilities": ["read", "insert", "update"],
    "requests_per_second": 3.0,
    "burst": 10,
    "index_lag_ms": 1000,
}
_LISTS = ("databases", "data_sources", "pages", "blocks")


@dataclass
class Database:
    """A container of data sources. Not shared: it does not exist for the connection."""

    id: str
    title: str
    shared: bool = True


@dataclass
class DataSource:
    """A table: its schema, by property id."""

    id: str
    database_id: str
    name: str
    properties: dict[str, Property]

    def find(self, name_or_id: str) -> Property | None:
        """The property of that name or id."""
        for one in self.properties.values():
            if name_or_id in (one.name, one.id):
                return one
        return None

    def title(self) -> Property:
        """The one property that is the page's title."""
        return next(one for one in self.properties.values() if one.type == "title")


@dataclass
class Page:
    """A row. `values` by property id, in the stored form of `values`; times are ISO-8601 texts, UTC."""

    id: str
    data_source_id: str
    created_time: str
    last_edited_time: str
    created_by: str
    last_edited_by: str
    values: dict[str, Any] = field(default_factory=dict)
    in_trash: bool = False
    icon: dict[str, Any] | None = None
    cover: dict[str, Any] | None = None


@dataclass
class Workspace:
    """All of it. `blocks`: the children of a page or block, in order, as the API shows them."""

    settings: dict[str, Any] = field(default_factory=lambda: dict(_SETTINGS))
    databases: dict[str, Database] = field(default_factory=dict)
    data_sources: dict[str, DataSource] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    blocks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def bot_id(self) -> str:
        """The connection's own user."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, str(self.settings["token"])))

    def source_is_shared(self, source: DataSource) -> bool:
        """Whether a person has connected the database of that data source."""
        return self.databases[source.database_id].shared

    def block(self, block_id: str) -> dict[str, Any] | None:
        """The block with that id, wherever it is."""
        for children in self.blocks.values():
            for one in children:
                if one["id"] == block_id:
                    return one
        return None


def full_id(given: Any) -> str | None:
    """The id with dashes in lower case; None when it is none."""
    try:
        return str(uuid.UUID(str(given)))
    except ValueError:
        return None


def load(section: dict[str, Any], now: str) -> Workspace:
    """The workspace that a section describes; `now` is the date of pages that have none. Raises ControlError."""
    unknown = section.keys() - _SETTINGS.keys() - set(_LISTS)
    if unknown:
        raise ControlError(f"a Notion section has no key {', '.join(sorted(unknown))}")
    workspace = Workspace({**_SETTINGS, **{key: section[key] for key in _SETTINGS.keys() & section.keys()}})
    try:
        for given in section.get("databases", []):
            database = Database(_id(given["id"]), given["title"], given.get("shared", True))
            workspace.databases[database.id] = database
        for given in section.get("data_sources", []):
            source = _data_source(given, workspace)
            workspace.data_sources[source.id] = source
        for given in section.get("pages", []):
            page = _page(given, workspace, now)
            workspace.pages[page.id] = page
    except (KeyError, TypeError, ValueError, AttributeError, NotionError) as error:
        raise ControlError(f"a Notion section is malformed: {error!r}") from error
    workspace.blocks = {_id(owner): list(children) for owner, children in section.get("blocks", {}).items()}
    return workspace


def _data_source(given: dict[str, Any], workspace: Workspace) -> DataSource:
    properties = [Property(name=name, **settings) for name, settings in given["properties"].items()]
    source = DataSource(_id(given["id"]), _id(given["database_id"]), given["name"], {one.id: one for one in properties})
    if source.database_id not in workspace.databases:
        raise ControlError(f"data source {source.id}: there is no database {source.database_id}")
    if sum(one.type == "title" for one in properties) != 1:
        raise ControlError(f"data source {source.id}: exactly one property has the type title")
    return source


def _page(given: dict[str, Any], workspace: Workspace, now: str) -> Page:
    source = workspace.data_sources[_id(given["data_source_id"])]
    created = given.get("created_time", now)
    edited = given.get("last_edited_time", created)
    bot = workspace.bot_id
    by, edited_by = given.get("created_by", bot), given.get("last_edited_by", bot)
    page = Page(_id(given["id"]), source.id, created, edited, by, edited_by, in_trash=given.get("in_trash", False))
    page.icon, page.cover = given.get("icon"), given.get("cover")
    for name, value in given.get("properties", {}).items():
        found = source.find(name)
        if found is None:
            raise ControlError(f"page {page.id}: its data source has no property {name!r}")
        page.values[found.id] = found.read(value)
    return page


def save(workspace: Workspace) -> dict[str, Any]:
    """The section of a workspace as it stands."""
    sources = workspace.data_sources
    return {
        **workspace.settings,
        "databases": [{"id": one.id, "title": one.title, "shared": one.shared} for one in workspace.databases.values()],
        "data_sources": [
            {
                "id": source.id,
                "database_id": source.database_id,
                "name": source.name,
                "properties": {
                    one.name: {"type": one.type, "id": one.id, "options": [dict(option) for option in one.options]}
                    for one in source.properties.values()
                },
            }
            for source in sources.values()
        ],
        "pages": [_saved_page(page, sources[page.data_source_id]) for page in workspace.pages.values()],
        "blocks": {owner: list(children) for owner, children in workspace.blocks.items() if children},
    }


def _saved_page(page: Page, source: DataSource) -> dict[str, Any]:
    properties = {}
    for property_id, value in page.values.items():
        found = source.properties[property_id]
        properties[found.name] = {found.type: value}
    return {
        "id": page.id,
        "data_source_id": page.data_source_id,
        "properties": properties,
        "created_time": page.created_time,
        "last_edited_time": page.last_edited_time,
        "created_by": page.created_by,
        "last_edited_by": page.last_edited_by,
        "in_trash": page.in_trash,
        "icon": page.icon,
        "cover": page.cover,
    }


def _id(given: Any) -> str:
    known = full_id(given)
    if known is None:
        raise ControlError(f"{given!r} is no Notion id (a UUID, with or without dashes)")
    return known
