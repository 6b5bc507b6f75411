"""Notion: one workspace with its pages and databases, as one connection sees it. Facts: api/notion.md.

The form of its section of a world stands in `models`. Records for the control API are the pages of data sources:
`/_control/records/pages`. `VERBS` are its own control verbs.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from concord_sandbox.faults import Fault
from concord_sandbox.notion import bodies, models, responses, surface, urls
from concord_sandbox.notion.calculated import plain_of
from concord_sandbox.notion.desk import Desk
from concord_sandbox.notion.errors import CODE_OF, NotionError
from concord_sandbox.notion.limits import Budget
from concord_sandbox.notion.models import A_PERSON, Page, Workspace
from concord_sandbox.service import ControlError, Controls
from concord_sandbox.verbs import Verb
from concord_sandbox.verbs import routes as control_routes

_LIMITS = ("requests_per_second", "burst", "requests_per_minute")
VERBS = (
    Verb("PUT", "index_lag", '{"milliseconds": 1000}: how long new pages stay invisible to queries and searches',
         "_control_index_lag"),
    Verb("PUT", "limits", '{"requests_per_second"?, "burst"?, "requests_per_minute"?}: how many calls are let through',
         "_control_limits"),
)  # fmt: skip


class NotionService:
    """The whole service; all state is in `workspace`."""

    name = "notion"
    #: Above the 500 KB of section 5, which are refused in Notion's words: what its edge would not let in.
    largest_body = 5_000_000

    def __init__(self, controls: Controls) -> None:
        self.controls = controls
        self._requests = 0
        self._use(Workspace())

    def _use(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.desk = Desk(workspace, self.controls)
        self.budget = self._new_budget(workspace)

    # What every service is (concord_sandbox.service.Service).

    def routes(self) -> Sequence[BaseRoute]:
        return urls.routes(self)

    def control_routes(self) -> Sequence[BaseRoute]:
        return control_routes(self, VERBS)

    def control_verbs(self) -> Sequence[Verb]:
        return VERBS

    def load(self, world: dict[str, Any]) -> None:
        workspace = models.load(world, self.desk.now())
        try:
            self._new_budget(workspace)
        except (TypeError, ValueError) as error:
            raise ControlError(f"a Notion section is malformed: {error!r}") from error
        self._use(workspace)

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
        """Templates fill their pages; the lag of queries is seen when one is made."""
        return self.desk.fill_due()

    async def deliver(self) -> int:
        return 0

    # A person at work.

    def human_create(self, object_name: str, fields: dict[str, Any], by: str | None) -> str:
        """Make a page in the first data source; `fields`: property name -> value as the API takes it."""
        _must_be_pages(object_name)
        source = next(iter(self.workspace.data_sources.values()), None)
        if source is None:
            raise ControlError("there is no data source to make a page in; load one with PUT /_control/world")
        try:
            return self.desk.add_page(source, None, fields, by or A_PERSON).id
        except NotionError as error:
            raise ControlError(error.message) from error

    def human_edit(self, object_name: str, record_id: str, fields: dict[str, Any], by: str | None) -> None:
        """Set properties of a page; the field `in_trash` (true or false) moves it to the trash and back."""
        _must_be_pages(object_name)
        page = self._page_of_person(record_id)
        fields = dict(fields)
        in_trash = fields.pop("in_trash", page.in_trash)
        try:
            self.desk.set_values(page, fields)
        except NotionError as error:
            raise ControlError(error.message) from error
        page.in_trash = bool(in_trash)
        self.desk.touch(page, by or A_PERSON)

    def human_delete(self, object_name: str, record_id: str, by: str | None) -> None:
        """Move a page to the trash."""
        self.human_edit(object_name, record_id, {"in_trash": True}, by)

    def records(self, object_name: str) -> list[dict[str, Any]]:
        """Every page of a data source that is not in the trash, with plain values by property name, its url and its
        body's Markdown."""
        _must_be_pages(object_name)
        shown = []
        for page in self.workspace.pages.values():
            if page.in_trash or page.data_source_id is None:
                continue
            owners = self.workspace.properties_of(page)
            fields = {one.name: plain_of(self.workspace, page, one) for one in owners}
            about = {
                "url": responses.page_url(self.workspace, page),
                "markdown": bodies.markdown(self.workspace, page.id),
            }
            shown.append({"id": page.id, "data_source_id": page.data_source_id, "fields": fields, **about})
        return shown

    def _page_of_person(self, record_id: str) -> Page:
        found = self.workspace.pages.get(models.full_id(record_id) or "")
        if found is None:
            raise ControlError(f"there is no page {record_id}")
        return found

    # Control verbs.

    async def _control_index_lag(self, request: Request) -> Response:
        lag = int((await request.json())["milliseconds"])
        if lag < 0:
            raise ControlError("milliseconds must not be below 0")
        self.workspace.settings["index_lag_ms"] = lag
        return JSONResponse({"milliseconds": lag})

    async def _control_limits(self, request: Request) -> Response:
        asked = await request.json()
        if not asked.keys() <= set(_LIMITS):
            raise ControlError(f"the limits are {', '.join(_LIMITS)}")
        before = dict(self.workspace.settings)
        self.workspace.settings.update(asked)
        try:
            self.budget = self._new_budget(self.workspace)
        except (TypeError, ValueError) as error:
            self.workspace.settings.update(before)
            raise ControlError(f"a limit is a number above 0: {error}") from error
        return JSONResponse({name: self.workspace.settings[name] for name in _LIMITS})

    # Parts.

    def absent(self, path: str) -> str | None:
        """What to say of a path of Notion's that the sandbox lacks; None for one that Notion lacks as well."""
        return surface.absent(path)

    def request_id(self) -> str:
        """A fresh id of a request."""
        self._requests += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(self._requests)))

    def _new_budget(self, workspace: Workspace) -> Budget:
        settings = workspace.settings
        per_second, per_minute = float(settings["requests_per_second"]), settings["requests_per_minute"]
        if per_second <= 0:
            raise ValueError("requests_per_second must be above 0")
        most = int(per_minute) if per_minute is not None else None
        return Budget(self.controls.clock, per_second, int(settings["burst"]), most)


def _must_be_pages(object_name: str) -> None:
    if object_name != "pages":
        raise ControlError(f"Notion has no records of {object_name!r}; there are pages")
