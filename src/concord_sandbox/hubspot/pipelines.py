"""The calls on pipelines and their stages (API reference section 11).

Pipelines exist for deals, tickets, leads and custom objects. They are kept as the world writes them (`pipelines`); a
removed one stays, archived, so that it can be restored and its id is not used again. Every change is noted for the
audit of the pipeline or stage. Which records are where is only read here.
"""

from __future__ import annotations

import math
from typing import Any

from concord_sandbox.hubspot.calls import Call, mapping, plain_text
from concord_sandbox.hubspot.errors import ApiError, bad_request, no_such_thing
from concord_sandbox.hubspot.models import ObjectTable
from concord_sandbox.hubspot.schema import NOT_STAGED, stage_names
from concord_sandbox.hubspot.targets import Routes, Target
from concord_sandbox.hubspot.values import epoch_ms, iso

MOST, MOST_STAGES = 100, 100
_REFERENCES = ("validateReferencesBeforeDelete", "validateDealStageUsagesBeforeDelete")
_TICKET_STATES = ("OPEN", "CLOSED")
_LEAD_STATES = ("NEW", "IN_PROGRESS", "QUALIFIED", "UNQUALIFIED")
Answer = tuple[Any, int]
Row = dict[str, Any]


# What is shown.


def _times(one: Row) -> Row:
    shown: Row = {name: iso(_ms(one.get(name, 0))) for name in ("createdAt", "updatedAt")}
    shown["archived"] = bool(one.get("archived", False))
    if shown["archived"]:
        shown["archivedAt"] = iso(_ms(one.get("archivedAt", 0)))
    return shown


def _ms(given: Any) -> int:
    return given if isinstance(given, int) else epoch_ms(str(given))


def _wire(place: int, one: Row) -> Row:
    return {
        "id": str(one["id"]),
        "label": str(one.get("label", one["id"])),
        "displayOrder": int(one.get("displayOrder", place)),
        "stages": _stages_of(one),
        **_times(one),
    }


def _stages_of(pipeline: Row, archived: bool = False) -> list[Row]:
    rows = [
        _wire_stage(place, stage)
        for place, stage in enumerate(pipeline.get("stages", []))
        if bool(stage.get("archived", False)) == archived
    ]
    return sorted(rows, key=lambda row: (row["displayOrder"], row["label"]))


def _wire_stage(place: int, one: Row) -> Row:
    return {
        "id": str(one["id"]),
        "label": str(one.get("label", one["id"])),
        "displayOrder": int(one.get("displayOrder", place)),
        "metadata": {name: _metadatum(value) for name, value in one.get("metadata", {}).items()},
        "writePermissions": str(one.get("writePermissions", "CRM_PERMISSIONS_ENFORCEMENT")),
        **_times(one),
    }


def _metadatum(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


# Finding.


def _table(call: Call) -> ObjectTable:
    table = call.table()
    if table.kind.plural in NOT_STAGED:
        raise bad_request(f"Object type {table.kind.type_id} does not support pipelines", objectType=table.kind.plural)
    return table


def _pipeline(call: Call, *, archived: bool = False) -> Row:
    """The pipeline that the path names, to be changed. Raises ApiError."""
    for one in call.portal.own_pipelines(_table(call).kind.plural):
        if str(one["id"]) == call.at["pipeline"] and bool(one.get("archived", False)) == archived:
            return one
    raise no_such_thing(f"Pipeline {call.at['pipeline'][:40]} does not exist")


def _stage(call: Call, pipeline: Row, *, archived: bool = False) -> Row:
    stages: list[Row] = pipeline["stages"]
    for one in stages:
        if str(one["id"]) == call.at["stage"] and bool(one.get("archived", False)) == archived:
            return one
    raise no_such_thing(f"Pipeline stage {call.at['stage'][:40]} does not exist in pipeline {pipeline['id']}")


# Reading.


def listed(call: Call) -> Answer:
    plural = _table(call).kind.plural
    found = [_wire(place, one) for place, one in enumerate(call.portal.pipelines_of(plural))]
    return {"results": sorted(found, key=lambda row: (row["displayOrder"], row["label"]))}, 200


def get(call: Call) -> Answer:
    plural = _table(call).kind.plural
    for place, one in enumerate(call.portal.pipelines_of(plural)):
        if str(one["id"]) == call.at["pipeline"]:
            return _wire(place, one), 200
    raise no_such_thing(f"Pipeline {call.at['pipeline'][:40]} does not exist")


def stages(call: Call) -> Answer:
    return {"results": get(call)[0]["stages"]}, 200


def stage(call: Call) -> Answer:
    for one in get(call)[0]["stages"]:
        if one["id"] == call.at["stage"]:
            return one, 200
    raise no_such_thing(f"Pipeline stage {call.at['stage'][:40]} does not exist in pipeline {call.at['pipeline'][:40]}")


def audit(call: Call) -> Answer:
    return {"results": list(reversed(_pipeline_even_archived(call).get("audit", [])))}, 200


def stage_audit(call: Call) -> Answer:
    pipeline = _pipeline_even_archived(call)
    for one in pipeline["stages"]:
        if str(one["id"]) == call.at["stage"]:
            return {"results": list(reversed(one.get("audit", [])))}, 200
    raise no_such_thing(f"Pipeline stage {call.at['stage'][:40]} does not exist in pipeline {pipeline['id']}")


def _pipeline_even_archived(call: Call) -> Row:
    for one in call.portal.own_pipelines(_table(call).kind.plural):
        if str(one["id"]) == call.at["pipeline"]:
            return one
    raise no_such_thing(f"Pipeline {call.at['pipeline'][:40]} does not exist")


# Checking what is asked for.


def _label(body: Row, place: str, taken: list[Row], own: Row | None = None) -> str:
    label = plain_text(body, "label").strip()
    if not label:
        raise bad_request(f"A {place} needs a label")
    for other in taken:
        if other is not own and not other.get("archived") and str(other.get("label", other["id"])) == label:
            raise ApiError(409, "CONFLICT", f"A {place} with the label '{label}' already exists")
    return label


def _order(body: Row, default: int) -> int:
    order = body.get("displayOrder", default)
    if not isinstance(order, int) or isinstance(order, bool):
        raise bad_request("displayOrder must be a whole number")
    return order


def _metadata(plural: str, given: Row, before: Row) -> dict[str, str]:
    """What a stage's metadata come to: the probability of deals decides whether they are closed there."""
    if not all(isinstance(value, str | int | float | bool) for value in given.values()):
        raise bad_request("Invalid input JSON: the values of metadata must be strings")
    metadata = {**before, **{name: _metadatum(value) for name, value in given.items()}}
    if plural == "deals":
        metadata["probability"] = _probability(metadata.get("probability", ""))
        metadata["isClosed"] = "true" if metadata["probability"] in ("0.0", "1.0") else "false"
    elif plural == "tickets":
        state = metadata.setdefault("ticketState", "OPEN")
        if state not in _TICKET_STATES:
            raise bad_request(f"ticketState must be one of {', '.join(_TICKET_STATES)}")
        metadata["isClosed"] = "true" if state == "CLOSED" else "false"
    elif plural == "leads" and metadata.setdefault("leadState", "IN_PROGRESS") not in _LEAD_STATES:
        raise bad_request(f"leadState must be one of {', '.join(_LEAD_STATES)}")
    return metadata


def _probability(text: str) -> str:
    """Between 0.0 and 1.0 in steps of 0.1, written so."""
    try:
        number = float(text) * 10
    except ValueError as error:
        raise bad_request("The metadata of a deal stage need a probability between 0.0 and 1.0") from error
    if not math.isfinite(number) or not 0 <= number <= 10 or abs(number - round(number)) > 1e-6:
        raise bad_request("The probability of a deal stage is between 0.0 and 1.0, in increments of 0.1")
    return f"{round(number) / 10:.1f}"


def _new_stages(call: Call, plural: str, body: Row) -> list[Row]:
    asked = body.get("stages")
    if not isinstance(asked, list) or not all(isinstance(one, dict) for one in asked):
        raise bad_request("Invalid input JSON: stages must be a list of objects")
    if not asked:
        raise bad_request("A pipeline must have at least one stage")
    made: list[Row] = []
    for one in asked:
        made.append(_new_stage(call, plural, one, made))
    return made


def _new_stage(call: Call, plural: str, body: Row, beside: list[Row]) -> Row:
    if len(beside) >= MOST_STAGES:
        raise bad_request(f"The limit of {MOST_STAGES} stages in a pipeline is reached")
    label = _label(body, "pipeline stage", beside)
    stage_id = plain_text(body, "stageId") or str(call.portal.new_id())
    if any(str(other["id"]) == stage_id for other in [*beside, *_all_stages(call, plural)]):
        raise ApiError(409, "CONFLICT", f"A pipeline stage with the id '{stage_id}' already exists")
    made = {
        "id": stage_id,
        "label": label,
        "displayOrder": _order(body, len(beside)),
        "metadata": _metadata(plural, mapping(body, "metadata"), {}),
        "createdAt": iso(call.now),
        "updatedAt": iso(call.now),
    }
    _note(call, made, "CREATE", f"Created stage {label}")
    return made


def _all_stages(call: Call, plural: str) -> list[Row]:
    return [one for pipeline in call.portal.own_pipelines(plural) for one in pipeline["stages"]]


def _note(call: Call, row: Row, action: str, message: str) -> None:
    """Add to the audit."""
    raw = {name: value for name, value in row.items() if name not in ("audit", "stages")}
    row.setdefault("audit", []).append(
        {
            "portalId": int(call.portal.settings["portal_id"]),
            "identifier": str(row["id"]),
            "action": action,
            "timestamp": iso(call.now),
            "message": message,
            "rawObject": raw,
        }
    )


def _check_unused(call: Call, table: ObjectTable, pipeline_id: str, stage_ids: set[str]) -> None:
    """Raises ApiError when the caller wants to know of records there and there are some."""
    if not any(call.flag(name) for name in _REFERENCES):
        return
    pipeline_name, stage_name = stage_names(table.kind.plural)
    used = [
        str(record.id)
        for record in table.live.values()
        if record.values.get(stage_name) in stage_ids and record.values.get(pipeline_name, pipeline_id) == pipeline_id
    ]
    if used:
        raise ApiError(
            400,
            "VALIDATION_ERROR",
            f"{len(used)} {table.kind.plural} are still in it: {', '.join(used[:10])}",
            context={"id": used[:100]},
            sub_category="PipelineError.STAGE_ID_IN_USE",
        )


# Writing pipelines.


def create(call: Call) -> Answer:
    table, body = _table(call), call.json()
    plural = table.kind.plural
    own = call.portal.own_pipelines(plural)
    if sum(not one.get("archived") for one in own) >= MOST:
        raise bad_request(f"The limit of {MOST} pipelines is reached")
    pipeline_id = plain_text(body, "pipelineId") or str(call.portal.new_id())
    if any(str(one["id"]) == pipeline_id for one in own):
        raise ApiError(409, "CONFLICT", f"A pipeline with the id '{pipeline_id}' already exists")
    made = {
        "id": pipeline_id,
        "label": _label(body, "pipeline", own),
        "displayOrder": _order(body, len(own)),
        "stages": _new_stages(call, plural, body),
        "createdAt": iso(call.now),
        "updatedAt": iso(call.now),
    }
    _note(call, made, "CREATE", f"Created pipeline {made['label']}")
    own.append(made)
    call.portal.follow_stages(plural)
    return _wire(0, made), 201


def replace(call: Call) -> Answer:
    """PUT: label, order and all stages anew. Stages that are named by their id stay; those not named are removed."""
    table, body, one = _table(call), call.json(), _pipeline(call)
    plural = table.kind.plural
    asked = body.get("stages")
    kept = {plain_text(row, "stageId") for row in asked if isinstance(row, dict)} if isinstance(asked, list) else set()
    gone = {str(row["id"]) for row in one["stages"] if not row.get("archived")} - kept
    _check_unused(call, table, str(one["id"]), gone)
    label, order = _label(body, "pipeline", call.portal.own_pipelines(plural), one), _order(body, 0)
    before = one["stages"]
    one["stages"] = [row for row in before if str(row["id"]) not in kept or row.get("archived")]
    try:
        made = _new_stages(call, plural, body)
    finally:
        one["stages"] = before
    for row in made:
        earlier = next((other for other in before if str(other["id"]) == row["id"]), None)
        if earlier is not None:
            row |= {name: earlier[name] for name in ("createdAt",) if name in earlier}
            row["audit"] = [*earlier.get("audit", []), *row["audit"]]
    one["stages"] = [*made, *(_archived(call, row) for row in before if str(row["id"]) not in kept)]
    one["label"], one["displayOrder"] = label, order
    return _changed(call, one, "UPDATE")


def _archived(call: Call, row: Row) -> Row:
    if not row.get("archived"):
        row["archived"], row["archivedAt"] = True, iso(call.now)
        _note(call, row, "DELETE", f"Deleted {row.get('label', row['id'])}")
    return row


def _changed(call: Call, one: Row, action: str) -> Answer:
    one["updatedAt"] = iso(call.now)
    _note(call, one, action, f"{action.title()}d pipeline {one.get('label', one['id'])}")
    call.portal.follow_stages(_table(call).kind.plural)
    return _wire(0, one), 200


def update(call: Call) -> Answer:
    """PATCH: what is given; `archived: false` alone restores an archived pipeline."""
    table, body = _table(call), call.json()
    if "archived" in body:
        if body["archived"] is not False:
            raise bad_request(
                "archived can only be set to false, to restore a pipeline", archived=str(body["archived"])
            )
        one = _pipeline(call, archived=True)
        one.pop("archivedAt", None)
        one["archived"] = False
        return _changed(call, one, "RESTORE")
    one = _pipeline(call)
    if "label" in body:
        one["label"] = _label(body, "pipeline", call.portal.own_pipelines(table.kind.plural), one)
    one["displayOrder"] = _order(body, int(one.get("displayOrder", 0)))
    return _changed(call, one, "UPDATE")


def delete(call: Call) -> Answer:
    table, one = _table(call), _pipeline(call)
    _check_unused(call, table, str(one["id"]), {str(row["id"]) for row in one["stages"]})
    if len(call.portal.pipelines_of(table.kind.plural)) == 1:
        raise bad_request("The last pipeline of an object type cannot be deleted", pipelineId=str(one["id"]))
    _archived(call, one)
    return None, 204


# Writing stages.


def create_stage(call: Call) -> Answer:
    table, one = _table(call), _pipeline(call)
    made = _new_stage(call, table.kind.plural, call.json(), one["stages"])
    one["stages"].append(made)
    call.portal.follow_stages(table.kind.plural)
    return _wire_stage(len(one["stages"]) - 1, made), 201


def replace_stage(call: Call) -> Answer:
    table, body = _table(call), call.json()
    pipeline = _pipeline(call)
    one = _stage(call, pipeline)
    label = _label(body, "pipeline stage", pipeline["stages"], one)
    metadata = _metadata(table.kind.plural, mapping(body, "metadata"), {})
    return _changed_stage(call, pipeline, one, label, _order(body, 0), metadata)


def update_stage(call: Call) -> Answer:
    table, body = _table(call), call.json()
    pipeline = _pipeline(call)
    one = _stage(call, pipeline, archived=body.get("archived") is False)
    label = str(one.get("label", one["id"]))
    if "label" in body:
        label = _label(body, "pipeline stage", pipeline["stages"], one)
    metadata = {name: _metadatum(value) for name, value in one.get("metadata", {}).items()}
    if body.get("metadata"):
        metadata = _metadata(table.kind.plural, mapping(body, "metadata"), metadata)
    if body.get("archived") is False:
        one["archived"] = False
    order = _order(body, int(one.get("displayOrder", pipeline["stages"].index(one))))
    return _changed_stage(call, pipeline, one, label, order, metadata)


def _changed_stage(call: Call, pipeline: Row, one: Row, label: str, order: int, metadata: dict[str, str]) -> Answer:
    one |= {"label": label, "displayOrder": order, "metadata": metadata, "updatedAt": iso(call.now)}
    _note(call, one, "UPDATE", f"Updated stage {label}")
    return _wire_stage(pipeline["stages"].index(one), one), 200


def delete_stage(call: Call) -> Answer:
    table, pipeline = _table(call), _pipeline(call)
    one = _stage(call, pipeline)
    _check_unused(call, table, str(pipeline["id"]), {str(one["id"])})
    if sum(not row.get("archived") for row in pipeline["stages"]) == 1:
        raise bad_request("The last stage of a pipeline cannot be deleted", stageId=str(one["id"]))
    _archived(call, one)
    return None, 204


ROUTES: Routes = (
    ("GET", "pipelines", "{type}", Target(listed)),
    ("POST", "pipelines", "{type}", Target(create)),
    ("GET", "pipelines", "{type}/{pipeline}", Target(get)),
    ("PUT", "pipelines", "{type}/{pipeline}", Target(replace)),
    ("PATCH", "pipelines", "{type}/{pipeline}", Target(update)),
    ("DELETE", "pipelines", "{type}/{pipeline}", Target(delete)),
    ("GET", "pipelines", "{type}/{pipeline}/audit", Target(audit)),
    ("GET", "pipelines", "{type}/{pipeline}/stages", Target(stages)),
    ("POST", "pipelines", "{type}/{pipeline}/stages", Target(create_stage)),
    ("GET", "pipelines", "{type}/{pipeline}/stages/{stage}", Target(stage)),
    ("PUT", "pipelines", "{type}/{pipeline}/stages/{stage}", Target(replace_stage)),
    ("PATCH", "pipelines", "{type}/{pipeline}/stages/{stage}", Target(update_stage)),
    ("DELETE", "pipelines", "{type}/{pipeline}/stages/{stage}", Target(delete_stage)),
    ("GET", "pipelines", "{type}/{pipeline}/stages/{stage}/audit", Target(stage_audit)),
)
