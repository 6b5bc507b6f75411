"""Workflows of the account's own people: what a property's value sets going (API reference section 14).

The key `workflows` of the world:

    [{"name", "object": "contacts", "when": {"property", "equals"}, "do": [{"unenroll_sequences": true},
      {"set": {"property": "value"}}, {"clear": "lifecyclestage"}], "delay_ms"?: 1000, "active"?: true,
      "reenroll"?: true, "enrolled"?: ["101"], "waiting"?: [{"id": "101", "due": time}]}]

A record that gets the value is enrolled, and `delay_ms` later the actions are carried out in their order, whatever the
value is by then. With `reenroll` false a record is enrolled once in its life. Writes have the source
AUTOMATION_PLATFORM, follow the rules of the API (a lifecycle stage moves backwards only over `clear`), and their events
are told, so that a workflow can fight a sync. An action that HubSpot refuses is left out and kept in `failures`.

Control verbs: `GET workflows`; `PUT workflows` {"name", "active"}.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, ClassVar

from concord_sandbox.hubspot.checks import check
from concord_sandbox.hubspot.crm import Crm, Event
from concord_sandbox.hubspot.errors import ApiError
from concord_sandbox.hubspot.models import Actor, ObjectTable
from concord_sandbox.hubspot.sequences.sequences import BY_WORKFLOW, Sequences
from concord_sandbox.hubspot.values import epoch_ms, iso
from concord_sandbox.parts import Part
from concord_sandbox.service import ControlError

_KEYS = frozenset(("name", "object", "when", "do", "delay_ms", "active", "reenroll", "enrolled", "waiting"))
_ACTIONS = ("unenroll_sequences", "set", "clear")
_FAILURES_KEPT = 100


@dataclass
class Workflow:
    """One workflow. waiting: (record id, when it is due in epoch ms), in the order in which records were enrolled."""

    name: str
    table: ObjectTable
    property_name: str
    equals: str
    actions: list[dict[str, Any]]
    delay_ms: int
    active: bool
    reenroll: bool
    enrolled: set[int] = field(default_factory=set)
    waiting: list[tuple[int, int]] = field(default_factory=list)
    runs: int = 0
    failures: list[dict[str, str]] = field(default_factory=list)


class Workflows(Part[Crm]):
    """The workflows of one account."""

    section = "workflows"
    verbs: ClassVar[Mapping[str, str]] = {"GET workflows": "shown", "PUT workflows": "switch"}

    def __init__(self, owner: Crm, given: Any) -> None:
        super().__init__(owner, given)
        if given is not None and not isinstance(given, list):
            raise ValueError("workflows must be a list")
        self.all = [self._workflow(row) for row in given or []]
        names = [one.name for one in self.all]
        if len(set(names)) < len(names):
            raise ValueError("every workflow has a name of its own")
        owner.listeners.append(self.hear)

    def _workflow(self, row: dict[str, Any]) -> Workflow:
        unknown = row.keys() - _KEYS
        if unknown:
            raise ValueError(f"unknown keys of a workflow: {', '.join(sorted(unknown))}")
        table = self.owner.portal.require_table(str(row.get("object", "contacts")))
        actions = deepcopy(row["do"])
        for action in actions:
            if len(action) != 1 or next(iter(action)) not in _ACTIONS:
                raise ValueError(f"an action of a workflow is one of {', '.join(_ACTIONS)}, not {action!r}")
            if "set" in action and not isinstance(action["set"], dict):
                raise ValueError("the action set names properties and their values")
        if any("unenroll_sequences" in action for action in actions) and table.kind.plural != "contacts":
            raise ValueError("only contacts can be taken out of sequences")
        delay = int(row.get("delay_ms", 1_000))
        if delay < 0:
            raise ValueError("delay_ms of a workflow must not be below 0")
        return Workflow(
            name=str(row["name"]),
            table=table,
            property_name=str(row["when"]["property"]),
            equals=_text(row["when"]["equals"]),
            actions=actions,
            delay_ms=delay,
            active=bool(row.get("active", True)),
            reenroll=bool(row.get("reenroll", True)),
            enrolled={int(one) for one in row.get("enrolled", [])},
            waiting=[(int(one["id"]), epoch_ms(str(one["due"]))) for one in row.get("waiting", [])],
        )

    def save(self) -> Any:
        return [self._saved(one) for one in self.all] or None

    def _saved(self, one: Workflow) -> dict[str, Any]:
        saved: dict[str, Any] = {
            "name": one.name,
            "object": one.table.kind.plural,
            "when": {"property": one.property_name, "equals": one.equals},
            "do": deepcopy(one.actions),
            "delay_ms": one.delay_ms,
            "active": one.active,
            "reenroll": one.reenroll,
        }
        if one.enrolled:
            saved["enrolled"] = [str(number) for number in sorted(one.enrolled)]
        if one.waiting:
            saved["waiting"] = [{"id": str(number), "due": iso(due)} for number, due in one.waiting]
        return saved

    # What sets one going, and what it does.

    def hear(self, event: Event) -> None:
        if event.verb == "purge":
            self.all = [one for one in self.all if one.table.kind.plural != event.plural]
        if event.verb != "propertyChange":
            return
        for one in self.all:
            if (
                one.active
                and one.table.kind.plural == event.plural
                and one.property_name == event.fields["propertyName"]
                and one.equals == event.fields["propertyValue"]
                and (one.reenroll or event.record_id not in one.enrolled)
                and all(number != event.record_id for number, _ in one.waiting)
            ):
                if not one.reenroll:
                    one.enrolled.add(event.record_id)
                one.waiting.append((event.record_id, event.at + one.delay_ms))
                self.owner.portal.controls.ring()

    def tick(self) -> float | None:
        now = self.owner.clock.epoch_ms()
        for one in self.all:
            due = [number for number, at in one.waiting if at <= now]
            one.waiting = [(number, at) for number, at in one.waiting if at > now]
            for number in due:
                self._run(one, number)
        moments = [at for one in self.all for _, at in one.waiting]
        return max(0.0, (min(moments) - now) / 1000) if moments else None

    def _run(self, one: Workflow, record_id: int) -> None:
        one.runs += 1
        for place, action in enumerate(one.actions):
            record = one.table.find(str(record_id))
            if record is None:
                return  # deleted while it waited
            by = Actor("AUTOMATION_PLATFORM", f"enrollmentId:{record_id}{one.runs};actionExecutionIndex:{place}")
            if "unenroll_sequences" in action:
                if action["unenroll_sequences"]:
                    self.owner.parts.of(Sequences).unenroll(record.id, BY_WORKFLOW)
                continue
            asked = {str(action["clear"]): ""} if "clear" in action else action["set"]
            try:
                values = check(self.owner.portal, one.table, record, asked, by)
                self.owner.update(one.table, record, values, by)
            except ApiError as error:
                one.failures.append({"id": str(record.id), "message": error.message})
                del one.failures[:-_FAILURES_KEPT]

    # Control verbs.

    def shown(self, _: dict[str, Any]) -> dict[str, Any]:
        """{"workflows": each with its settings, how often it ran, and what was refused}."""
        return {"workflows": [{**self._saved(one), "runs": one.runs, "failures": one.failures} for one in self.all]}

    def switch(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"name", "active": true or false}: switch a workflow on or off; what waits still runs."""
        one = next((one for one in self.all if one.name == asked["name"]), None)
        if one is None:
            raise ControlError(f"there is no workflow {asked['name']!r} in this world")
        if not isinstance(asked["active"], bool):
            raise ControlError("active is true or false")
        one.active = asked["active"]
        return self.shown({})


def _text(given: Any) -> str:
    """A value of a world as it is stored in a property."""
    if isinstance(given, bool):
        return "true" if given else "false"
    return str(given)
