"""Reading change events as a subscriber does: Avro by the event's own schema, bitmaps as in section 9.4."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

import fastavro
from tests.sandbox.salesforce_world import Org, world

from concord_sandbox.salesforce.events.changes import ALL_CHANGES, ChangeEvents

SELECTED = ["Lead", "Contact", "Account", "Subscription__c"]


@dataclass
class Told:
    """One event, read. changed, nulled, diffed: names of fields, `Parent.Child` inside compounds."""

    header: dict[str, Any]
    body: dict[str, Any]
    changed: set[str]
    nulled: set[str]
    diffed: set[str]

    @property
    def kind(self) -> str:
        return str(self.header["changeType"])


def read(schema_text: str, payload: bytes) -> Told:
    schema = json.loads(schema_text)
    whole: dict[str, Any] = fastavro.schemaless_reader(io.BytesIO(payload), fastavro.parse_schema(schema), None)  # type: ignore[assignment]
    header = whole.pop("ChangeEventHeader")
    body = {name: value for name, value in whole.items() if value is not None}
    lists = (named(schema, header[key]) for key in ("changedFields", "nulledFields", "diffFields"))
    return Told(header, body, *lists)


def named(schema: dict[str, Any], bitmap: list[str]) -> set[str]:
    """The names that a bitmap array stands for."""
    records: dict[str, Any] = {}
    _collect(schema, records)
    found = set()
    for element in bitmap:
        parent, _, bits = element.rpartition("-")
        fields, prefix = schema["fields"], ""
        if parent:
            field = schema["fields"][int(parent)]
            branch = next(one for one in field["type"] if one not in ("null", "string"))
            record = branch if isinstance(branch, dict) else records[branch]
            fields, prefix = record["fields"], field["name"] + "."
        number = int(bits, 16)
        found |= {prefix + one["name"] for place, one in enumerate(fields) if number >> place & 1}
    return found


def _collect(schema: Any, records: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for one in schema:
            _collect(one, records)
    elif isinstance(schema, dict):
        if schema.get("type") == "record":
            records[schema["name"]] = schema
            for one in schema["fields"]:
                _collect(one["type"], records)
        else:
            _collect(schema.get("type"), records)


def capturing(**more: Any) -> Org:
    """An org that captures changes of leads, contacts, accounts and subscriptions."""
    return Org({**world(), "change_events": {"selected": SELECTED, **more}})


def bus(org: Org) -> ChangeEvents:
    return org.service.bus()[0]


def told(org: Org, topic: str = ALL_CHANGES) -> list[Told]:
    """Every event on a topic."""
    events = bus(org)
    found = events.log.after(topic, events.log.expired, 1_000_000)
    return [read(events.schema_text(one.schema_id) or "", one.payload_in(topic)) for one in found]
