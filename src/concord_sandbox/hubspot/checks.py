"""Whether a write is allowed, decided before anything is written.

Reads state and changes nothing, so that a batch that must be all or nothing can check every record first.
"""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.errors import ApiError, Problem, bad_request, conflict, invalid_values
from concord_sandbox.hubspot.models import Actor, ObjectTable, Portal, Record
from concord_sandbox.hubspot.schema import Definition, stage_names
from concord_sandbox.hubspot.tables import unique_key
from concord_sandbox.hubspot.values import as_text, clean

#: At least one of these makes a record of that type (API reference section 5).
_AT_LEAST_ONE = {"contacts": ("email", "firstname", "lastname"), "companies": ("name", "domain")}
_ALL_OF = {
    "deals": ("dealname", "dealstage"),
    "tickets": ("subject", "hs_pipeline_stage"),
    "leads": ("hs_lead_name",),
    **dict.fromkeys(("calls", "communications", "emails", "meetings", "notes", "tasks"), ("hs_timestamp",)),
}
_ADDRESSES = ("email", "hs_additional_emails")


def check(
    portal: Portal,
    table: ObjectTable,
    record: Record | None,
    asked: dict[str, Any],
    by: Actor,
    *,
    rules: bool = True,
    hidden: frozenset[str] = frozenset(),
) -> dict[str, str]:
    """The values to store for what was asked. `record`: None for a create. Raises ApiError naming every refusal.

    rules: whether what administrators configured counts (validation rules, required and conditionally required
    properties): it does in 2026-09 and in the screens, and not in older versions (API reference section 1). hidden:
    properties that do not exist for this caller (sensitive ones, without the scope).

    People are not bound by read-only marks, nor by the rule that a lifecycle stage only moves forward: the screens
    that they use are not.
    """
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for name, raw in asked.items():
        if name in hidden:
            outcome: str | Problem = _unknown(name)
        else:
            outcome = _one(portal, table, record, name, raw, by)
            if rules and isinstance(outcome, str):
                outcome = _ruled(portal, table, name, outcome)
        if isinstance(outcome, Problem):
            problems.append(outcome)
        else:
            values[name] = outcome
    if not problems:
        problems = [
            *_stage_problems(portal, table, record, values),
            *_unique_problems(portal, table, record, values),
            *(_required_problems(portal, table, record, values) if rules else ()),
        ]
    if problems:
        raise invalid_values(problems)
    _contact_conflict(table, record, values)
    if record is None:
        _check_minimum(portal, table, asked, values)
    elif not by.person:
        _hold_stage(table, record, values)
    return values


def _one(portal: Portal, table: ObjectTable, record: Record | None, name: str, raw: Any, by: Actor) -> str | Problem:
    definition = table.definitions.get(name)
    if definition is None or definition.archived:
        return _unknown(name)
    if not by.person and not definition.writable:
        return Problem("READ_ONLY_VALUE", f'"{name}" is a read only property; its value cannot be set.', name)
    text = as_text(raw)
    if text is None:
        raise bad_request(f"Invalid input JSON: the property {name} must be a string", propertyName=name)
    current = record.values.get(name, "") if record is not None else ""
    outcome = clean(definition, text, current)
    if isinstance(outcome, Problem):
        return outcome
    return _referenced(portal, definition, outcome) or outcome


def _unknown(name: str) -> Problem:
    return Problem("PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist', name)


def _ruled(portal: Portal, table: ObjectTable, name: str, text: str) -> str | Problem:
    """The value as the administrator's rules leave it, or why one of them refuses it."""
    listed = portal.validations.get(table.kind.plural, {}).get(name, ())
    for rule in listed:
        text = rule.apply(text)
    now = portal.controls.clock.epoch_ms() if listed else 0
    for rule in listed:
        reason = rule.refuses(text, now)
        if reason is not None:
            message = f"{table.definitions[name].label} {reason} ({rule.kind})"
            return Problem("PROPERTY_VALIDATION_RULE_FAILED", message, name)
    return text


def _required_problems(
    portal: Portal, table: ObjectTable, record: Record | None, values: dict[str, str]
) -> list[Problem]:
    """Properties that administrators demand: of every new record, never to be cleared, or where another has a value."""
    plural = table.kind.plural
    demanded = portal.required.get(plural, ())
    missing = [name for name in demanded if not values.get(name) and (record is None or name in values)]
    after = {**(record.values if record is not None else {}), **values}
    for row in portal.conditional.get(plural, ()):
        concerned = {row["property"], *row["required"]} & values.keys()
        if concerned and after.get(row["property"], "") in row["values"]:
            missing += [name for name in row["required"] if not after.get(name)]
    return [_missing(name) for name in dict.fromkeys(missing)]


def _missing(name: str) -> Problem:
    return Problem("REQUIRED_FIELD", f'Property "{name}" is required', name)


def _referenced(portal: Portal, definition: Definition, text: str) -> Problem | None:
    """References that must resolve: owners (once the account has any), and a contact's primary company."""
    name = definition.name
    if not text:
        return None
    if name == "hubspot_owner_id" and portal.owners and not any(owner["id"] == text for owner in portal.owners):
        return Problem("INVALID_OWNER_ID", f"{text} is not the id of an owner in this account.", name)
    if name == "associatedcompanyid" and portal.require_table("companies").find(text) is None:
        return Problem("INVALID_OBJECT_ID", f"{text} is not the id of a company in this account.", name)
    currencies = portal.settings["currencies"]
    if name == "deal_currency_code" and currencies and text not in (portal.settings["currency"], *currencies):
        return Problem("INVALID_OPTION", f"{text} is not a currency of this account.", name)
    if name in _ADDRESSES:
        blocked = next((address for address in text.split(";") if address in portal.blocked), None)
        if blocked is not None:
            message = f"{blocked} was permanently deleted and cannot be used."
            return Problem("BLOCKED_EMAIL", message, name)
    return None


def _stage_problems(portal: Portal, table: ObjectTable, record: Record | None, values: dict[str, str]) -> list[Problem]:
    pipeline_name, stage_name = stage_names(table.kind.plural)
    pipelines = portal.pipelines_of(table.kind.plural)
    starts = record is None and table.kind.plural == "leads"
    if not pipelines or not (starts or {stage_name, pipeline_name} & values.keys()):
        return []
    before = record.values if record is not None else {}
    chosen = values.get(pipeline_name) or before.get(pipeline_name) or str(pipelines[0]["id"])
    found = next((one for one in pipelines if str(one["id"]) == chosen), None)
    if found is None:
        listed = ", ".join(str(one["id"]) for one in pipelines)
        message = f"{chosen} is not a valid pipeline ID. Valid options are: [{listed}]"
        return [Problem("INVALID_OPTION", message, pipeline_name)]
    stage = values.get(stage_name) or before.get(stage_name, "")
    stages = [str(one["id"]) for one in found["stages"] if not one.get("archived")]
    if stage and stage not in stages:
        listed = f"pipelineId={chosen} : [{', '.join(stages)}]"
        message = f"{stage} is not a valid pipeline stage ID. Valid options are: {listed}"
        return [Problem("INVALID_OPTION", message, stage_name)]
    if record is None:
        values.setdefault(pipeline_name, chosen)
        if starts and stages:
            values.setdefault(stage_name, stages[0])
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


def _check_minimum(portal: Portal, table: ObjectTable, asked: dict[str, Any], values: dict[str, str]) -> None:
    """What every new record needs, in every version of the API (API reference sections 5 and 12)."""
    plural = table.kind.plural
    some = _AT_LEAST_ONE.get(plural, ())
    if some and not any(values.get(name) for name in some):
        raise bad_request(f"At least one of {', '.join(some)} is required to create a {table.kind.singular}")
    needed = [*_ALL_OF.get(plural, ()), *portal.own_types.get(plural, {}).get("requiredProperties", ())]
    missing = [name for name in needed if not values.get(name)]
    if plural == "deals" and not asked.get("pipeline") and len(portal.pipelines_of(plural)) > 1:
        missing.append("pipeline")
    if missing:
        raise invalid_values([_missing(name) for name in missing])


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
