"""What everything that answers calls works with: the workspace, the clock, ids, and looking things up in it.

What is not shared with the connection does not exist (api/notion.md section 1). Knows no route.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from concord_sandbox.notion import bodies, models, values
from concord_sandbox.notion.calls import Call, body_id
from concord_sandbox.notion.errors import STATUS_OF, NotionError, invalid, not_found
from concord_sandbox.notion.models import PLAIN_TITLE, Database, DataSource, Page, Workspace
from concord_sandbox.notion.schema import Property
from concord_sandbox.service import Controls

IN_TRASH = "Can't edit page in trash. You must restore the page before editing it."


class Desk:
    """One workspace at work."""

    def __init__(self, workspace: Workspace, controls: Controls) -> None:
        self.workspace = workspace
        self.controls = controls

    def now(self) -> str:
        """The current instant as Notion writes it: UTC, milliseconds."""
        return self.controls.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def fresh_id(self) -> str:
        return str(uuid.UUID(int=self.controls.random.getrandbits(128), version=4))

    def stamp(self, by: str | None = None) -> bodies.Stamp:
        return bodies.Stamp(self.now(), by or self.workspace.bot_id, self.fresh_id)

    def indexed(self, page: Page) -> bool:
        """Whether queries and searches see the page yet."""
        lag = timedelta(milliseconds=float(self.workspace.settings["index_lag_ms"]))
        return datetime.fromisoformat(page.created_time) <= self.controls.clock.now() - lag

    # Looking up.

    def database(self, known: str) -> Database:
        found = self.workspace.databases.get(known)
        if found is None or not self.workspace.database_is_shared(found):
            raise not_found("database", known)
        return found

    def source(self, known: str) -> DataSource:
        found = self.workspace.data_sources.get(known)
        if found is None or not self.workspace.source_is_shared(found):
            raise not_found("data_source", known)
        return found

    def only_source(self, database: Database) -> DataSource:
        """The data source that versions before data sources take a database for. Raises NotionError."""
        found = self.workspace.sources_of(database.id)
        if len(found) != 1:
            raise NotionError(
                "validation_error",
                f"Database with ID {database.id} has multiple data sources; versions before 2025-09-03 cannot use it."
                if found
                else f"Database with ID {database.id} does not contain any data sources accessible by this API bot.",
                additional_data={"error_type": "multiple_data_sources_for_database"} if found else None,
            )
        return found[0]

    def page(self, known: str) -> Page:
        found = self.workspace.pages.get(known)
        if found is None or not self.workspace.page_is_shared(found):
            raise not_found("page", known)
        return found

    def source_of(self, page: Page) -> DataSource | None:
        return self.workspace.data_sources[page.data_source_id] if page.data_source_id else None

    def block(self, known: str) -> dict[str, Any]:
        found = self.workspace.block(known)
        page = self.workspace.page_of(found) if found is not None else None
        if found is None or page is None or not self.workspace.page_is_shared(page):
            raise not_found("block", known)
        return found

    def owner_of_children(self, known: str) -> str:
        """A page or block that can hold blocks."""
        return self.page(known).id if known in self.workspace.pages else str(self.block(known)["id"])

    # `values.Known`.

    def page_to_relate(self, given: str, data_source_id: str) -> str:
        found = self.page(body_id(given, "body.properties.relation.id"))
        if data_source_id and found.data_source_id != data_source_id:
            raise NotionError("validation_error", f"Page {found.id} is not in the data source that the relation is to.")
        return found.id

    def person(self, given: str) -> str:
        known = body_id(given, "body.properties.people.id")
        if known != self.workspace.bot_id and not any(one["id"] == known for one in self.workspace.settings["users"]):
            raise NotionError("validation_error", f"Could not find user with ID: {known}.")
        return known

    # Changing.

    def read_values(self, properties: list[Property], given: dict[str, Any]) -> dict[str, Any]:
        """Checked values by property id. Raises NotionError for what the schema lacks, and then adds no option."""
        made: dict[str, Any] = {}
        options = {one.id: list(one.options) for one in properties}
        try:
            for name, value in given.items():
                found = next((one for one in properties if name in (one.name, one.id)), None)
                if found is None:
                    raise NotionError("validation_error", f"{name} is not a property that exists.")
                made[found.id] = values.read(found, value, self)
        except NotionError:
            for one in properties:
                one.options = options[one.id]
            raise
        return made

    def add_page(self, source: DataSource | None, parent_page: str | None, given: dict[str, Any], by: str) -> Page:
        """A new page, without a body. Raises NotionError."""
        properties = list(source.properties.values()) if source is not None else [PLAIN_TITLE]
        made = self.read_values(properties, given)
        now = self.now()
        page = Page(self.fresh_id(), source.id if source else None, now, now, by, by, made, parent_page=parent_page)
        self.workspace.pages[page.id] = page
        if source is not None:
            models.number_page(source, page)
            self._relate_back(source, page, {})
        return page

    def set_values(self, page: Page, given: dict[str, Any]) -> None:
        """Raises NotionError, and then changes nothing."""
        made = self.read_values(self.workspace.properties_of(page), given)
        before = dict(page.values)
        page.values.update(made)
        source = self.source_of(page)
        if source is not None:
            self._relate_back(source, page, before)

    def _relate_back(self, source: DataSource, page: Page, before: dict[str, Any]) -> None:
        """The other side of relations that go both ways."""
        for one in source.properties.values():
            synced = one.settings.get("synced_property_id") if one.type == "relation" else None
            if not synced:
                continue
            old = {row["id"] for row in before.get(one.id, [])}
            new = {row["id"] for row in page.values.get(one.id, [])}
            for other_id in sorted(old ^ new):
                other = self.workspace.pages.get(other_id)
                if other is None:
                    continue
                held = [row for row in other.values.get(synced, []) if row["id"] != page.id]
                other.values[synced] = [*held, {"id": page.id}] if other_id in new else held

    def touch(self, page: Page, by: str | None = None) -> None:
        page.last_edited_time, page.last_edited_by = self.now(), by or self.workspace.bot_id

    def touch_owner(self, block: dict[str, Any]) -> None:
        """A block was changed: so was the page that it is on."""
        page = self.workspace.page_of(block)
        if page is not None:
            self.touch(page)

    def check_room(self, more: int) -> None:
        """Raises NotionError when the plan of the workspace has no room for so many blocks (section 6)."""
        limit = self.workspace.settings["block_limit"]
        if limit is not None and self.workspace.block_count() + more > int(limit):
            raise NotionError("validation_error", "This workspace has reached its block limit. Upgrade its plan.")

    # Templates.

    def template(self, source: DataSource | None, given: Any) -> dict[str, Any] | None:
        """The template that a request names; None for none. Raises NotionError."""
        if given is None:
            return None
        kind = given.get("type") if isinstance(given, dict) else None
        if kind not in ("none", "default", "template_id"):
            raise invalid("body.template.type", "should be `none`, `default` or `template_id`")
        if kind == "none":
            return None
        templates = source.templates if source is not None else []
        if kind == "default":
            found = next((one for one in templates if one["is_default"]), None)
        else:
            wanted = body_id(given.get("template_id"), "body.template.template_id")
            found = next((one for one in templates if one["id"] == wanted), None)
        if found is None:
            raise NotionError("validation_error", "The data source has no such template.")
        return found

    def fill_later(self, page: Page, template: dict[str, Any]) -> None:
        """Fill a page from a template in the background."""
        due = self.controls.clock.epoch_ms() + int(self.workspace.settings["template_ms"])
        self.workspace.filling.append({"page": page.id, "template": template["id"], "due": due})
        self.controls.ring()

    def fill_due(self) -> float | None:
        """Fill the pages whose time has come; seconds until the next, None when none waits."""
        now = self.controls.clock.epoch_ms()
        for one in [one for one in self.workspace.filling if one["due"] <= now]:
            self.workspace.filling.remove(one)
            self._fill(one)
        return min(((one["due"] - now) / 1000 for one in self.workspace.filling), default=None)

    def _fill(self, waiting: dict[str, Any]) -> None:
        page = self.workspace.pages.get(waiting["page"])
        source = self.source_of(page) if page is not None else None
        if page is None or source is None:
            return
        template = next((one for one in source.templates if one["id"] == waiting["template"]), None)
        if template is None:
            return
        for name, value in template.get("properties", {}).items():
            found = source.find(name)
            # What the request set stays: a template fills what is blank.
            if found is not None and found.id not in page.values:
                page.values[found.id] = values.read(found, value, None)
        content = bodies.from_markdown(str(template.get("markdown", "")))
        bodies.append(self.workspace, page.id, content, self.stamp(), {"type": "start"})
        self.touch(page)

    # Faults.

    def refuse_record(self, call: Call, key: str) -> None:
        """Raise the error that a `record_error` fault puts on this record."""
        fault = self.controls.faults.hit_record(call.method, call.path, key)
        if fault is not None:
            code = fault.code or "validation_error"
            raise NotionError(code, status=STATUS_OF.get(code, 400), headers=dict(fault.headers))
