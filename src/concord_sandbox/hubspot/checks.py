"""Whether a write is allowed, decided before anything is written.

Reads state and changes nothing, so that a batch that must be all or nothing can check every record first.
"""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.errors import ApiError, Problem, bad_request, conflict, invalid_values
from concord_sandbox.hubspot.models import Actor, ObjectTable, Portal, Record
from concord_sandbox.hubspot.schema import Definition
from concord_sandbox.hubspot.tables import unique_key
from concord_sandbox.hubspot.values import as_text, clean

#: At least one of these makes a record of that type (API reference section 5).
_AT_LEAST_ONE = {"contacts": ("email", "firstname", "lastname"), "companies": ("name", "domain")}
_ALL_OF = {"deals": ("dealname", "dealstage")}
_ADDRESSES = ("email", "hs_additional_emails")


def check(
    portal: Portal, table: ObjectTable, record: Record | None, asked: dict[str, Any], by: Actor
) -> dict[str, str]:
    """The values to store for what was asked. `record`: None for a create. Raises ApiError naming every refusal.

    People are not bound by read-only marks, nor by the rule that a lifecycle stage only moves forward: the screens
    that they use are not.
    """
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for name, raw in asked.items():
        outcome = _one(portal, table, record, name, raw, by)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            values[name] = outcome
    if not problems:
        problems = [
            *_stage_problems(portal, table, record, values),
            *_unique_problems(portal, table, record, values),
        ]
    if problems:
        raise invalid_values(problems)
    _contact_conflict(table, record, values)
    if record is None:
        _check_minimum(portal, table, values)
    elif not by.person:
        _hold_stage(table, record, values)
    return values


def _one(portal: Portal, table: ObjectTable, record: Record | None, name: str, raw: Any, by: Actor) -> str | Problem:
    definition = table.definitions.get(name)
    if definition is None or definition.archived:
        return Problem("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist', name)
    if not by.person and not definition.writable:
        return Problem("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.', name)
    text = as_text(raw)
    if text is None:
        raise bad_request(f"Invalid input JSON: the property {name} must be a string", propertyName=name)
    current = record.values.get(name, "") if record is not None else ""
    outcome = clean(definition, text, current)
    if isinstance(outcome, Problem):
        return outcome
    return _referenced(portal, definition, outcome) or _ruled(portal, table, definition, outcome) or outcome


def _ruled(portal: Portal, table: ObjectTable, definition: Definition, text: str) -> Problem | None:
    for rule in portal.validations.get(table.kind.plural, {}).get(definition.name, ()):
        reason = rule.refuses(text)
        if reason is not None:
            message = f"{definition.label} {reason} ({rule.kind})"
            return Problem("PROPERTY_VALIDATION_RULE_FAILED", message, definition.name)
    return None


def _referenced(portal: Portal, definition: Definition, text: str) -> Problem | None:
    """References that must resolve: owners (once the account has any), and a contact's primary company."""
    name = definition.name
    if not text:
        return None
    if name == "hubspot_owner_id" and portal.owners and not any(owner["id"] == text for owner in portal.owners):
        return Problem("INVALID_OWNER_ID", f"{text} is not the id of an owner in this account.", name)
    if name == "associatedcompanyid" and portal.require_table("companies").find(text) is None:
        return Problem("INVALID_OBJECT_ID", f"{text} is not the id of a company in this account.", name)
    if name in _ADDRESSES:
        blocked = next((address for address in text.split(";") if address in portal.blocked), None)
        if blocked is not None:
            message = f"{blocked} was permanently deleted and cannot be used."
            return Problem("BLOCKED_EMAIL", message, name)
    return None


def _stage_problems(portal: Portal, table: ObjectTable, record: Record | None, values: dict[str, str]) -> list[Problem]:
    stage_name = {"deals": "dealstage"}.get(table.kind.plural, "hs_pipeline_stage")
    pipeline_name = {"deals": "pipeline"}.get(table.kind.plural, "hs_pipeline")
    pipelines = portal.pipelines_of(table.kind.plural)
    if not pipelines or not {stage_name, pipeline_name} & values.keys():
        return []
    before = record.values if record is not None else {}
    chosen = values.get(pipeline_name) or before.get(pipeline_name) or str(pipelines[0]["id"])
    found = next((one for one in pipelines if str(one["id"]) == chosen), None)
    if found is None:
        listed = ", ".join(str(one["id"]) for one in pipelines)
        message = f"{chosen} is not a valid pipeline ID. Valid options are: [{listed}]"
        return [Problem("INVALID_OPTION", message, pipeline_name)]
    stage = values.get(stage_name) or before.get(stage_name, "")
    stages = [str(one["id"]) for one in found["stages"]]
    if stage and stage not in stages:
        listed = f"pipelineId={chosen} : [{', '.join(stages)}]"
        message = f"{stage} is not a valid pipeline stage ID. Valid options are: {listed}"
        return [Problem("INVALID_OPTION", message, stage_name)]
    if record is None:
        values.setdefault(pipeline_name, chosen)
    return []


def _unique_problems(
    portal: Portal, table: ObjectTable, record: Record | None, values: dict[str, str]
) -> list[Problem]:
    problems = []
    for name in table.unique:
        value = values.get(name)
        if name == "email" or not value:
            continue
        other = table.find_by(name, value)
        if other is not None and other is not record:
            message = (
                f"Cannot set PropertyValueCoordinates{{portalId={portal.settings['portal_id']}, "
                f"objectTypeId={table.kind.type_id}, propertyName={name}, value={value}}} on "
                f"{record.id if record else 'a new record'}. {other.id} already has that value."
            )
            problems.append(Problem("CONFLICTING_UNIQUE_VALUE", message, name))
    return problems


def _contact_conflict(table: ObjectTable, record: Record | None, values: dict[str, str]) -> None:
    """An address belongs to one contact, as its primary or a secondary one."""
    if table.kind.plural != "contacts":
        return
    for name in _ADDRESSES:
        for address in values.get(name, "").split(";"):
            other = table.find_by("email", address) if address else None
            if other is not None and other is not record:
                raise conflict(table.kind.singular, other.id)


def _check_minimum(portal: Portal, table: ObjectTable, values: dict[str, str]) -> None:
    plural = table.kind.plural
    some = _AT_LEAST_ONE.get(plural, ())
    if some and not any(values.get(name) for name in some):
        raise bad_request(f"At least one of {', '.join(some)} is required to create a {table.kind.singular}")
    missing = [name for name in (*_ALL_OF.get(plural, ()), *portal.required.get(plural, ())) if not values.get(name)]
    if missing:
        raise invalid_values([Problem("REQUIRED_FIELD", f'Property "{name}" is required', name) for name in missing])


def _hold_stage(table: ObjectTable, record: Record, values: dict[str, str]) -> None:
    """A lower lifecycle stage than the present one is ignored unless it was cleared before (section 11)."""
    wanted, now = values.get("lifecyclestage"), record.values.get("lifecyclestage")
    if not wanted or not now:
        return
    ranks = table.definitions["lifecyclestage"].option_values
    if ranks.get(wanted, 0) < ranks.get(now, 0):
        del values["lifecyclestage"]


def repeated_unique(table: ObjectTable, rows: list[dict[str, str]]) -> ApiError | None:
    """The error when two of these new records claim the same unique value; None when all are distinct."""
    for name in table.unique:
        seen: set[str] = set()
        for row in rows:
            for key in set(table.claims(row, name)):
                if unique_key(name, key) in seen:
                    return bad_request(f"Duplicate values for the unique property {name} found in batch input: {key}")
                seen.add(unique_key(name, key))
    return None
