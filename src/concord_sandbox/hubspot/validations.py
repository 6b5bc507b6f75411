"""The calls on the validation rules of properties (API reference section 1); what a rule demands is in `rules.py`."""

from __future__ import annotations

from typing import Any

from concord_sandbox.hubspot.calls import Call
from concord_sandbox.hubspot.errors import bad_request, no_such_thing
from concord_sandbox.hubspot.rules import RULE_KINDS, Rule, rule
from concord_sandbox.hubspot.targets import Routes, Target

Answer = tuple[Any, int]


def of_type(call: Call) -> Answer:
    rules = call.portal.validations.get(call.table().kind.plural, {})
    rows = [
        {"propertyName": name, "propertyValidationRules": [one.wire() for one in listed]}
        for name, listed in rules.items()
        if listed
    ]
    return {"results": rows}, 200


def of_property(call: Call) -> Answer:
    return {"results": [one.wire() for one in _rules(call)]}, 200


def of_kind(call: Call) -> Answer:
    found = next((one for one in _rules(call) if one.kind == _kind(call)), None)
    if found is None:
        raise no_such_thing(f"{call.at['name']} has no validation rule of the type {_kind(call)}")
    return found.wire(), 200


def put(call: Call) -> Answer:
    """Set the rule of one kind; those of other kinds stay. Values that are stored already are left alone."""
    definition = call.table().definitions.get(call.at["name"])
    if definition is None or definition.archived:
        raise no_such_thing(f"No property named {call.at['name']} exists on {call.table().kind.plural}")
    try:
        made = rule({**call.json(), "ruleType": _kind(call)})
    except ValueError as error:
        raise bad_request(str(error), ruleType=_kind(call)) from error
    by_property = call.portal.validations.setdefault(call.table().kind.plural, {})
    others = [one for one in by_property.get(definition.name, ()) if one.kind != made.kind]
    by_property[definition.name] = [*others, made]
    return None, 204


def _rules(call: Call) -> list[Rule]:
    return call.portal.validations.get(call.table().kind.plural, {}).get(call.at["name"], [])


def _kind(call: Call) -> str:
    kind = call.at["rule"]
    if kind not in RULE_KINDS:
        raise bad_request(f"{kind[:40]} is not a type of validation rule; one of {', '.join(sorted(RULE_KINDS))}")
    return kind


ROUTES: Routes = (
    ("GET", "property-validations", "{type}", Target(of_type)),
    ("GET", "property-validations", "{type}/{name}", Target(of_property)),
    ("GET", "property-validations", "{type}/{name}/rule-type/{rule}", Target(of_kind)),
    ("PUT", "property-validations", "{type}/{name}/rule-type/{rule}", Target(put)),
)
