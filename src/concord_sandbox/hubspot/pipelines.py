"""Pipelines and their stages (API reference section 11)."""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.errors import no_such_thing
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import iso

Answer = tuple[Any, int]


def _pipeline(place: int, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(one["id"]),
        "label": one.get("label", str(one["id"])),
        "displayOrder": one.get("displayOrder", place),
        "stages": [_stage(number, stage) for number, stage in enumerate(one.get("stages", []))],
        "createdAt": iso(0),
        "updatedAt": iso(0),
        "archived": False,
    }


def _stage(place: int, one: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(one["id"]),
        "label": one.get("label", str(one["id"])),
        "displayOrder": one.get("displayOrder", place),
        "metadata": {name: str(value) for name, value in one.get("metadata", {}).items()},
        "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
        "createdAt": iso(0),
        "updatedAt": iso(0),
        "archived": False,
    }


def pipelines(call: Call) -> Answer:
    found = call.portal.pipelines_of(call.table().kind.plural)
    return {"results": [_pipeline(place, one) for place, one in enumerate(found)]}, 200


def _one_pipeline(call: Call) -> dict[str, Any]:
    for place, one in enumerate(call.portal.pipelines_of(call.table().kind.plural)):
        if str(one["id"]) == call.at["pipeline"]:
            return _pipeline(place, one)
    raise no_such_thing(f"Pipeline {call.at['pipeline'][:40]} does not exist")


def pipeline(call: Call) -> Answer:
    return _one_pipeline(call), 200


def stages(call: Call) -> Answer:
    return {"results": _one_pipeline(call)["stages"]}, 200


ROUTES: Routes = (
    ("GET", "pipelines", "{type}", Target(pipelines)),
    ("GET", "pipelines", "{type}/{pipeline}", Target(pipeline)),
    ("GET", "pipelines", "{type}/{pipeline}/stages", Target(stages)),
)
