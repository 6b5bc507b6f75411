"""The state of one Notion workspace as one connection sees it, and how a world describes it.

A world's section `notion` is one JSON object; every key may be left out, so `{}` is an empty workspace:

    token                 the connection's secret
    name                  of the connection ("Concord sandbox")
    capabilities          of the connection: any of read, insert, update, users (all)
    requests_per_second   the average that is let through (3); burst: how many at once (10)
    requests_per_minute   of the whole workspace (null: no limit)
    index_lag_ms          how long a new page stays invisible to queries and searches (1000)
    template_ms           how long a page made from a template stays blank (2000)
    block_limit           how many blocks the workspace's plan can hold (null: no limit)
    users                 [{"id", "name", "email"?}]: people (one ordinary person)
    databases             [{"id", "title", "shared"?: false when no person has connected it, "parent_page"?, …}]
    data_sources          [{"id", "database_id", "name", "properties": {NAME: {"type", "id"?, "options"?: [{"name",
                          "color"?, "id"?}], "settings"?: {…}, "description"?}}, "templates"?: [{"id", "name",
                          "is_default"?, "properties"?: {NAME: value}, "markdown"?}], …}]
    pages                 [{"id", "data_source_id" or "parent_page" or neither (a page of the workspace), "properties":
                          {NAME: value as `POST /v1/pages` takes it; read-only ones as the API shows them},
                          "shared"?, "created_time"?, "last_edited_time"?, "in_trash"?, …}]
    blocks                {page or block id: [{"id", "type", TYPE: {…}, …}]} as the API shows them, in order
    filling               [{"page", "template", "due"}]: pages that a template is still to fill; due: epoch ms

Ids are UUIDs with or without dashes. No rules of calls here.
"""

from __future__ import annotations

import uuid
from copy import deepcopy
from dataclasses import dataclass, field, fields
from typing import Any

from concord_sandbox.known_keys import only
from concord_sandbox.notion import texts, values
from concord_sandbox.notion.errors import NotionError
from concord_sandbox.notion.schema import READ_ONLY, Property
from concord_sandbox.service import ControlError

A_PERSON = "5b1e0d6a-8a52-4c43-9d4e-2f3f0f1c7a11"
SINCE = "2026-01-05T08:00:00.000Z"  # when databases were made that do not say; nothing depends on it

_SETTINGS: dict[str, Any] = {
    "token": "ntn_sandbox",
    "name": "Concord sandbox",
    "capabilities": ["read", "insert", "update", "users"],
    "requests_per_second": 3.0,
    "burst": 10,
    "requests_per_minute": None,
    "index_lag_ms": 1000,
    "template_ms": 2000,
    "block_limit": None,
    "users": [{"id": A_PERSON, "name": "Robin Larkfinch", "email": "robin@larkfinch.example"}],
}
_LISTS = ("databases", "data_sources", "pages", "blocks", "filling")
_ABOUT = ("description", "icon", "cover", "in_trash", "created_time", "last_edited_time")


@dataclass
class Database:
    """A container of data sources. Not shared: it does not exist for the connection. parent_page: None: in the
    workspace itself; description: rich text as the API gives it."""

    id: str
    title: str
    shared: bool = True
    parent_page: str | None = None
    description: list[dict[str, Any]] = field(default_factory=list)
    icon: dict[str, Any] | None = None
    cover: dict[str, Any] | None = None
    in_trash: bool = False
    is_inline: bool = False
    is_locked: bool = False
    created_time: str = SINCE
    last_edited_time: str = SINCE


@dataclass
class DataSource:
    """A table: its schema, by property id. templates: as in a world; counter: of its unique ids."""

    id: str
    database_id: str
    name: str
    properties: dict[str, Property]
    templates: list[dict[str, Any]] = field(default_factory=list)
    description: list[dict[str, Any]] = field(default_factory=list)
    icon: dict[str, Any] | None = None
    cover: dict[str, Any] | None = None
    in_trash: bool = False
    counter: int = 0
    created_time: str = SINCE
    last_edited_time: str = SINCE

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
    """A row of a data source, a page in a page, or one of the workspace itself (both None). `values` by property id,
    in the stored form of `values`; times are ISO-8601 texts, UTC. shared: for a page of the workspace itself."""

    id: str
    data_source_id: str | None
    created_time: str
    last_edited_time: str
    created_by: str
    last_edited_by: str
    values: dict[str, Any] = field(default_factory=dict)
    in_trash: bool = False
    icon: dict[str, Any] | None = None
    cover: dict[str, Any] | None = None
    parent_page: str | None = None
    shared: bool = True
    is_locked: bool = False


#: The one property of a page that is no row.
PLAIN_TITLE = Property("title", "title", "title")


@dataclass
class Workspace:
    """All of it. `blocks`: the children of a page or block, in order, as the API shows them."""

    settings: dict[str, Any] = field(default_factory=lambda: deepcopy(_SETTINGS))
    databases: dict[str, Database] = field(default_factory=dict)
    data_sources: dict[str, DataSource] = field(default_factory=dict)
    pages: dict[str, Page] = field(default_factory=dict)
    blocks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    filling: list[dict[str, Any]] = field(default_factory=list)

    @property
    def bot_id(self) -> str:
        """The connection's own user."""
        return str(uuid.uuid5(uuid.NAMESPACE_URL, str(self.settings["token"])))

    def source_is_shared(self, source: DataSource) -> bool:
        """Whether a person has connected the database of that data source."""
        return self.database_is_shared(self.databases[source.database_id])

    def database_is_shared(self, database: Database) -> bool:
        parent = self.pages.get(database.parent_page or "")
        return database.shared and (parent is None or self.page_is_shared(parent))

    def page_is_shared(self, page: Page) -> bool:
        if page.data_source_id is not None:
            return self.source_is_shared(self.data_sources[page.data_source_id])
        parent = self.pages.get(page.parent_page or "")
        return page.shared and (parent is None or self.page_is_shared(parent))

    def within(self, page_id: str | None) -> list[str]:
        """The ids of a page and of everything that it lies in: pages, data sources, databases."""
        found: list[str] = []
        while page_id is not None and page_id not in found:
            found.append(page_id)
            page = self.pages.get(page_id)
            page_id = page.parent_page if page is not None else None
            if page is not None and page.data_source_id is not None:
                database = self.databases[self.data_sources[page.data_source_id].database_id]
                found += [page.data_source_id, database.id]
                page_id = database.parent_page
        return found

    def sources_of(self, database_id: str) -> list[DataSource]:
        return [one for one in self.data_sources.values() if one.database_id == database_id]

    def properties_of(self, page: Page) -> list[Property]:
        if page.data_source_id is None:
            return [PLAIN_TITLE]
        return list(self.data_sources[page.data_source_id].properties.values())

    def title_of(self, page: Page) -> str:
        if page.data_source_id is None:
            owner = PLAIN_TITLE
        else:
            owner = self.data_sources[page.data_source_id].title()
        return str(values.plain_value("title", page.values.get(owner.id, [])))

    def block(self, block_id: str) -> dict[str, Any] | None:
        """The block with that id, wherever it is."""
        for children in self.blocks.values():
            for one in children:
                if one["id"] == block_id:
                    return one
        return None

    def page_of(self, block: dict[str, Any]) -> Page | None:
        """The page that a block is on."""
        parent = block["parent"]
        while parent["type"] == "block_id":
            above = self.block(parent["block_id"])
            if above is None:
                return None
            parent = above["parent"]
        return self.pages.get(parent["page_id"])

    def block_count(self) -> int:
        return sum(map(len, self.blocks.values()))


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
    given = {key: section[key] for key in _SETTINGS.keys() & section.keys()}
    workspace = Workspace(deepcopy({**_SETTINGS, **given}))
    try:
        for one in section.get("databases", []):
            database = _database(one)
            workspace.databases[database.id] = database
        for one in section.get("data_sources", []):
            source = _data_source(one, workspace)
            workspace.data_sources[source.id] = source
        for one in section.get("pages", []):
            page = _page(one, workspace, now)
            workspace.pages[page.id] = page
        for one in section.get("filling", []):
            workspace.filling.append({**one, "page": _id(one["page"]), "due": int(one["due"])})
        for one in workspace.settings["users"]:
            one["id"] = _id(one["id"])
    except (KeyError, TypeError, ValueError, AttributeError, NotionError) as error:
        raise ControlError(f"a Notion section is malformed: {error!r}") from error
    unknown = set(workspace.settings["capabilities"]) - set(_SETTINGS["capabilities"])
    if unknown:
        raise ControlError(f"a connection has no capability {', '.join(sorted(unknown))}")
    for owner, children in section.get("blocks", {}).items():
        _check_blocks(owner, children)
    _check_nesting(workspace)
    try:
        workspace.blocks = {
            _id(owner): [_block(workspace, _id(owner), one, now) for one in children]
            for owner, children in section.get("blocks", {}).items()
        }
    except (KeyError, TypeError, ValueError, AttributeError, NotionError) as error:
        raise ControlError(f"blocks of a Notion section are malformed: {error!r}") from error
    return workspace


def _check_nesting(workspace: Workspace) -> None:
    """Raises ControlError for a page or a database that lies in itself."""
    for page in workspace.pages.values():
        ids = workspace.within(page.id)
        last = workspace.pages.get(ids[-1])
        database = workspace.databases.get(ids[-1])
        if (last is not None and last.parent_page in ids) or (database is not None and database.parent_page in ids):
            raise ControlError(f"page {page.id} lies in itself")


def _block(workspace: Workspace, owner: str, given: dict[str, Any], now: str) -> dict[str, Any]:
    """A block of a world with all that the API shows of one."""
    parent = "page_id" if owner in workspace.pages else "block_id"
    by = {"object": "user", "id": workspace.bot_id}
    made = {
        "parent": {"type": parent, parent: owner},
        "created_time": now,
        "last_edited_time": now,
        "created_by": by,
        "last_edited_by": by,
        **{name: deepcopy(value) for name, value in given.items() if name != "object"},
    }
    body = made[made["type"]]
    for name in ("rich_text", "caption"):
        if name in body:
            body[name] = _texts(body[name])
    if "cells" in body:
        body["cells"] = [_texts(cell) for cell in body["cells"]]
    return made


def _texts(given: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rich text as the API shows it; pieces as a request has them are completed."""
    return [one if "plain_text" in one else texts.read([one], "rich_text")[0] for one in given]


def _about(given: dict[str, Any]) -> dict[str, Any]:
    return {name: deepcopy(given[name]) for name in _ABOUT if name in given}


def _check_keys(where: str, given: dict[str, Any], kind: type) -> None:
    """Raises ControlError for a key that nothing reads; a row has those that its class has."""
    known = {one.name for one in fields(kind)} - {"values"} | ({"properties"} if kind is Page else set())
    only(where, given, known, ("id",))


def _check_blocks(owner: str, children: Any) -> None:
    """Raises ControlError for what is no block."""
    for one in children:
        if not isinstance(one, dict) or "id" not in one or not isinstance(one.get(str(one.get("type"))), dict):
            raise ControlError(f"blocks of {owner}: a block has an id, a type and an object of that name")


def _database(given: dict[str, Any]) -> Database:
    _check_keys("a database", given, Database)
    more: dict[str, Any] = {name: given[name] for name in ("shared", "is_inline", "is_locked") if name in given}
    if given.get("parent_page"):
        more["parent_page"] = _id(given["parent_page"])
    return Database(_id(given["id"]), given["title"], **more, **_about(given))


def _data_source(given: dict[str, Any], workspace: Workspace) -> DataSource:
    _check_keys("a data source", given, DataSource)
    properties = [Property(name=name, **deepcopy(settings)) for name, settings in given["properties"].items()]
    source = DataSource(
        _id(given["id"]),
        _id(given["database_id"]),
        given["name"],
        {one.id: one for one in properties},
        [{"is_default": False, **deepcopy(one), "id": _id(one["id"])} for one in given.get("templates", [])],
        counter=int(given.get("counter", 0)),
        **_about(given),
    )
    if source.database_id not in workspace.databases:
        raise ControlError(f"data source {source.id}: there is no database {source.database_id}")
    if sum(one.type == "title" for one in properties) != 1:
        raise ControlError(f"data source {source.id}: exactly one property has the type title")
    return source


def _page(given: dict[str, Any], workspace: Workspace, now: str) -> Page:
    _check_keys("a page", given, Page)
    created = given.get("created_time", now)
    edited = given.get("last_edited_time", created)
    bot = workspace.bot_id
    by, edited_by = given.get("created_by", bot), given.get("last_edited_by", bot)
    source = workspace.data_sources[_id(given["data_source_id"])] if given.get("data_source_id") else None
    page = Page(_id(given["id"]), source.id if source else None, created, edited, by, edited_by)
    page.in_trash, page.shared = given.get("in_trash", False), given.get("shared", True)
    page.icon, page.cover = given.get("icon"), given.get("cover")
    page.is_locked = given.get("is_locked", False)
    page.parent_page = _id(given["parent_page"]) if given.get("parent_page") else None
    for name, value in given.get("properties", {}).items():
        found = source.find(name) if source else (PLAIN_TITLE if name == "title" else None)
        if found is None:
            raise ControlError(f"page {page.id}: its data source has no property {name!r}")
        if found.type in READ_ONLY:
            page.values[found.id] = deepcopy(value[found.type])
        else:
            page.values[found.id] = values.read(found, value, None)
    if source is not None:
        number_page(source, page)
    return page


def number_page(source: DataSource, page: Page) -> None:
    """Give a page of a data source with unique ids its number, if it has none."""
    for one in source.properties.values():
        if one.type == "unique_id":
            if one.id not in page.values:
                source.counter += 1
                page.values[one.id] = {"prefix": one.settings.get("prefix"), "number": source.counter}
            source.counter = max(source.counter, page.values[one.id]["number"])


def save(workspace: Workspace) -> dict[str, Any]:
    """The section of a workspace as it stands."""
    return deepcopy(
        {
            **workspace.settings,
            "databases": [vars(one) for one in workspace.databases.values()],
            "data_sources": [
                {
                    **vars(source),
                    "properties": {
                        one.name: {key: value for key, value in vars(one).items() if key != "name"}
                        for one in source.properties.values()
                    },
                }
                for source in workspace.data_sources.values()
            ],
            "pages": [_saved_page(workspace, page) for page in workspace.pages.values()],
            "blocks": {owner: children for owner, children in workspace.blocks.items() if children},
            "filling": workspace.filling,
        }
    )


def _saved_page(workspace: Workspace, page: Page) -> dict[str, Any]:
    known = {one.id: one for one in workspace.properties_of(page)}
    shown = {known[key].name: {known[key].type: value} for key, value in page.values.items() if key in known}
    saved = {key: value for key, value in vars(page).items() if key != "values"}
    return {**saved, "properties": shown}


def _id(given: Any) -> str:
    known = full_id(given)
    if known is None:
        raise ControlError(f"{given!r} is no Notion id (a UUID, with or without dashes)")
    return known
