"""A small Notion: one workspace with its databases, as one connection sees it. Facts: api/notion.md.

Small on purpose: what a writer of opportunity pages needs, and nothing that the vendor would not do. The form of its
section of a world stands in `models`. Records for the control API are the pages: `/_control/records/pages`.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute

from concord_sandbox.faults import Fault
from concord_sandbox.notion import blocks, bodies, models, queries, responses, urls
from concord_sandbox.notion.errors import CODE_OF, STATUS_OF, NotionError, invalid, not_found
from concord_sandbox.notion.limits import Budget
from concord_sandbox.notion.models import DataSource, Page, Workspace
from concord_sandbox.notion.urls import Call
from concord_sandbox.notion.values import plain_value
from concord_sandbox.service import ControlError, Controls

_A_PERSON = "5b1e0d6a-8a52-4c43-9d4e-2f3f0f1c7a11"


class NotionService:
    """The whole service; all state is in `workspace`."""

    name = "notion"

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        self.workspace = Workspace()
        self.budget = self._new_budget()
        self._requests = 0

    # What every service is (concord_sandbox.service.Service).

    def routes(self) -> Sequence[BaseRoute]:
        return urls.routes(self)

    def control_routes(self) -> Sequence[BaseRoute]:
        return ()

    def load(self, world: dict[str, Any]) -> None:
        self.workspace = models.load(world, self.now())
        self.budget = self._new_budget()

    def save(self) -> dict[str, Any]:
        return models.save(self.workspace)

    def credentials(self, url: str) -> dict[str, Any]:
        """`token` and `access_token` are the same; the ids are those of the first data source (None: there is none)."""
        token = self.workspace.settings["token"]
        first = next(iter(self.workspace.data_sources.values()), None)
        return {
            "url": url,
            "token": token,
            "access_token": token,
            "database_id": first.database_id if first else None,
            "data_source_id": first.id if first else None,
        }

    def fault_response(self, fault: Fault) -> Response:
        code = fault.code or CODE_OF.get(fault.status, "internal_server_error")
        error = NotionError(code, status=fault.status, headers=dict(fault.headers))
        return responses.error_response(error, self.request_id())

    def response_headers(self) -> dict[str, str]:
        return {"X-Notion-Request-Id": self.request_id()}

    def tick(self) -> float | None:
        """Nothing happens by itself: the lag of queries is seen when one is made."""
        return None

    async def deliver(self) -> int:
        return 0

    # A person at work.

    def human_create(self, object_name: str, fields: dict[str, Any], by: str | None) -> str:
        """Make a page in the first data source; `fields`: property name -> value as the API takes it."""
        self._must_be_pages(object_name)
        source = next(iter(self.workspace.data_sources.values()), None)
        if source is None:
            raise ControlError("there is no data source to make a page in; load one with PUT /_control/world")
        try:
            return self._add_page(source, fields, by or _A_PERSON).id
        except NotionError as error:
            raise ControlError(error.message) from error

    def human_edit(self, object_name: str, record_id: str, fields: dict[str, Any], by: str | None) -> None:
        """Set properties of a page; the field `in_trash` (true or false) moves it to the trash and back."""
        self._must_be_pages(object_name)
        page = self._page_of_person(record_id)
        fields = dict(fields)
        in_trash = fields.pop("in_trash", page.in_trash)
        try:
            page.values.update(self._values(self._source_of(page), fields))
        except NotionError as error:
            raise ControlError(error.message) from error
        page.in_trash = bool(in_trash)
        self._touch(page, by or _A_PERSON)

    def human_delete(self, object_name: str, record_id: str, by: str | None) -> None:
        """Move a page to the trash."""
        self.human_edit(object_name, record_id, {"in_trash": True}, by)

    def records(self, object_name: str) -> list[dict[str, Any]]:
        """Every page that is not in the trash, with plain values by property name, its url and its body's Markdown."""
        self._must_be_pages(object_name)
        shown = []
        for page in self.workspace.pages.values():
            if page.in_trash:
                continue
            source = self._source_of(page)
            fields = {
                one.name: plain_value(one.type, page.values.get(one.id, one.blank()))
                for one in source.properties.values()
            }
            body = bodies.markdown(self.workspace, page.id)
            url = responses.page_url(page, source)
            shown.append({"id": page.id, "data_source_id": source.id, "fields": fields, "url": url, "markdown": body})
        return shown

    # The API.

    def me(self) -> dict[str, Any]:
        return responses.bot(self.workspace)

    def get_database(self, call: Call) -> dict[str, Any]:
        found = self.workspace.databases.get(models.full_id(call.ids["id"]) or "")
        if found is None or not found.shared:
            raise not_found("database", call.ids["id"])
        return responses.database(self.workspace, found, call.version)

    def get_data_source(self, call: Call) -> dict[str, Any]:
        return responses.data_source(self._source(call.ids["id"]), call.version)

    def query(self, call: Call) -> dict[str, Any]:
        """Pages that meet the filter; those made within the index lag do not show yet (section 3)."""
        source = self._source(call.ids["id"])

        def find(name: str) -> Any:
            found = source.find(name)
            if found is None:
                raise NotionError("validation_error", f"Could not find property with name or id: {name}")
            return found

        size, cursor = call.window(call.body)
        lag = timedelta(milliseconds=float(self.workspace.settings["index_lag_ms"]))
        seen = self.controls.clock.now() - lag
        test = queries.read_filter(call.body["filter"], find) if call.body.get("filter") else None
        in_trash = bool(call.body.get("in_trash", call.body.get("archived", False)))
        pages = [
            page
            for page in self.workspace.pages.values()
            if page.data_source_id == source.id
            and page.in_trash == in_trash
            and datetime.fromisoformat(page.created_time) <= seen
            and (test is None or test(page))
        ]
        pages = queries.sorted_pages(pages, call.body.get("sorts"), find)
        here, following = _window([page.id for page in pages], size, cursor)
        only = call.filter_properties
        shown = [responses.page(self.workspace.pages[one], source, call.version, only) for one in here]
        return responses.listed(shown, "page_or_data_source", following)

    def create_page(self, call: Call) -> dict[str, Any]:
        body = call.body
        source = self._parent(body.get("parent"))
        properties = body.get("properties", {})
        if not isinstance(properties, dict):
            raise invalid("body.properties", "should be an object")
        self._refuse_record(call, self._key(source, properties))
        content = bodies.read_content(body)
        page = self._add_page(source, properties, self.workspace.bot_id)
        page.icon, page.cover = body.get("icon"), body.get("cover")
        bodies.append(self.workspace, page.id, content, self._stamp(page.last_edited_by), None)
        return responses.page(page, source, call.version)

    def get_page(self, call: Call) -> dict[str, Any]:
        page = self._page(call.ids["id"])
        return responses.page(page, self._source_of(page), call.version, call.filter_properties)

    def update_page(self, call: Call) -> dict[str, Any]:
        """A page in the trash takes nothing but its way out of it (section 8)."""
        page = self._page(call.ids["id"])
        source = self._source_of(page)
        body = call.body
        self._refuse_record(call, page.id)
        if "archived" in body and call.version >= "2026-03-11":
            raise invalid("body.archived", "should be not present, use `in_trash`")
        in_trash = body.get("in_trash", body.get("archived"))
        if in_trash is not None and not isinstance(in_trash, bool):
            raise invalid("body.in_trash", "should be a boolean")
        if page.in_trash and in_trash is not False:
            raise NotionError(
                "validation_error", "Can't edit page in trash. You must restore the page before editing it."
            )
        values = self._values(source, body.get("properties") or {})
        page.values.update(values)
        page.in_trash = page.in_trash if in_trash is None else in_trash
        page.icon, page.cover = body.get("icon", page.icon), body.get("cover", page.cover)
        self._touch(page, self.workspace.bot_id)
        return responses.page(page, source, call.version)

    def get_block(self, call: Call) -> dict[str, Any]:
        found = self.workspace.block(models.full_id(call.ids["id"]) or "")
        if found is None:
            raise not_found("block", call.ids["id"])
        return self._block(found, call)

    def delete_block(self, call: Call) -> dict[str, Any]:
        found = self.workspace.block(models.full_id(call.ids["id"]) or "")
        if found is None:
            raise not_found("block", call.ids["id"])
        bodies.remove(self.workspace, found["id"])
        return self._block({**found, "in_trash": True}, call)

    def get_children(self, call: Call) -> dict[str, Any]:
        owner = self._owner_of_children(call.ids["id"])
        children = {one["id"]: one for one in self.workspace.blocks.get(owner, [])}
        size, cursor = call.window(call.query)
        here, following = _window(list(children), size, cursor)
        return responses.listed([self._block(children[one], call) for one in here], "block", following)

    def append_children(self, call: Call) -> dict[str, Any]:
        """`position` since 2026-03-11, `after` before (section 1)."""
        owner = self._owner_of_children(call.ids["id"])
        if "after" in call.body and call.version >= "2026-03-11":
            raise invalid("body.after", "should be not present, use `position`")
        position = call.body.get("position")
        if "after" in call.body:
            position = {"type": "after_block", "after_block": {"id": call.body["after"]}}
        if "children" not in call.body:
            raise invalid("body.children", "should be defined, instead was `undefined`")
        content = blocks.read(call.body["children"], "body.children")
        page = self.workspace.pages.get(owner)
        if page is not None and page.in_trash:
            raise NotionError("validation_error", "Can't edit block that is in trash. Restore it before editing.")
        made = bodies.append(self.workspace, owner, content, self._stamp(self.workspace.bot_id), position)
        return responses.listed([self._block(one, call) for one in made], "block", None)

    def get_markdown(self, call: Call) -> dict[str, Any]:
        page = self._page(call.ids["id"])
        return bodies.markdown_object(self.workspace, page.id)

    def update_markdown(self, call: Call) -> dict[str, Any]:
        page = self._page(call.ids["id"])
        if page.in_trash:
            raise NotionError(
                "validation_error", "Can't edit page in trash. You must restore the page before editing it."
            )
        bodies.update_markdown(self.workspace, page.id, call.body, self._stamp(self.workspace.bot_id))
        self._touch(page, self.workspace.bot_id)
        return bodies.markdown_object(self.workspace, page.id)

    # Parts.

    def now(self) -> str:
        """The current instant as Notion writes it: UTC, milliseconds."""
        return self.controls.clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    def request_id(self) -> str:
        """A fresh id of a request."""
        self._requests += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(self._requests)))

    def _new_budget(self) -> Budget:
        settings = self.workspace.settings
        return Budget(self.controls.clock, float(settings["requests_per_second"]), int(settings["burst"]))

    def _fresh_id(self) -> str:
        return str(uuid.UUID(int=self.controls.random.getrandbits(128), version=4))

    def _stamp(self, by: str) -> bodies.Stamp:
        return bodies.Stamp(self.now(), by, self._fresh_id)

    def _source(self, given: str) -> DataSource:
        found = self.workspace.data_sources.get(models.full_id(given) or "")
        if found is None or not self.workspace.source_is_shared(found):
            raise not_found("data_source", given)
        return found

    def _source_of(self, page: Page) -> DataSource:
        return self.workspace.data_sources[page.data_source_id]

    def _page(self, given: str) -> Page:
        found = self.workspace.pages.get(models.full_id(given) or "")
        if found is None or not self.workspace.source_is_shared(self._source_of(found)):
            raise not_found("page", given)
        return found

    def _page_of_person(self, record_id: str) -> Page:
        found = self.workspace.pages.get(models.full_id(record_id) or "")
        if found is None:
            raise ControlError(f"there is no page {record_id}")
        return found

    def _owner_of_children(self, given: str) -> str:
        known = models.full_id(given) or ""
        if known in self.workspace.pages:
            return self._page(known).id
        if self.workspace.block(known) is None:
            raise not_found("block", given)
        return known

    def _parent(self, given: Any) -> DataSource:
        if not isinstance(given, dict):
            raise invalid("body.parent", "should be defined, instead was `undefined`")
        if "data_source_id" in given:
            return self._source(str(given["data_source_id"]))
        if "database_id" in given:
            raise invalid("body.parent.data_source_id", "should be defined, instead was `undefined`")
        if "page_id" in given:
            raise not_found("page", str(given["page_id"]))  # this workspace has no page outside its databases
        raise invalid("body.parent.data_source_id", "should be defined, instead was `undefined`")

    def _values(self, source: DataSource, properties: dict[str, Any]) -> dict[str, Any]:
        """Checked values by property id. Raises NotionError for a property that the schema lacks."""
        values = {}
        for name, given in properties.items():
            found = source.find(name)
            if found is None:
                raise NotionError("validation_error", f"{name} is not a property that exists.")
            values[found.id] = found.read(given)
        return values

    def _add_page(self, source: DataSource, properties: dict[str, Any], by: str) -> Page:
        values = self._values(source, properties)
        now = self.now()
        page = Page(self._fresh_id(), source.id, now, now, by, by, values)
        self.workspace.pages[page.id] = page
        return page

    def _touch(self, page: Page, by: str) -> None:
        page.last_edited_time, page.last_edited_by = self.now(), by

    def _block(self, one: dict[str, Any], call: Call) -> dict[str, Any]:
        return responses.block(one, call.version, has_children=bool(self.workspace.blocks.get(one["id"])))

    def _key(self, source: DataSource, properties: dict[str, Any]) -> str:
        """What a `record_error` fault can know a new page by: all of its plain texts."""
        values = self._values(source, properties)
        return " ".join(str(plain_value(source.properties[one].type, value)) for one, value in values.items())

    def _refuse_record(self, call: Call, key: str) -> None:
        fault = self.controls.faults.hit_record(call.method, call.path, key)
        if fault is not None:
            code = fault.code or "validation_error"
            raise NotionError(code, status=STATUS_OF.get(code, 400))

    def _must_be_pages(self, object_name: str) -> None:
        if object_name != "pages":
            raise ControlError(f"Notion has no records of {object_name!r}; there are pages")


def _window(ids: list[str], size: int, cursor: str | None) -> tuple[list[str], str | None]:
    """`size` of the ids from the cursor on, and the cursor of the rest (None: there is none)."""
    start = 0
    if cursor is not None:
        known = models.full_id(cursor)
        if known not in ids:
            raise invalid("start_cursor", f"should be a valid cursor, instead was `{cursor}`")
        start = ids.index(known)
    here = ids[start : start + size]
    return here, ids[start + size] if start + size < len(ids) else None
