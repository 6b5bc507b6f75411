"""Merging records of one object (api/salesforce.md section 13).

May not know HTTP or SOAP; raises Refusal (errors.py). A merge happens whole or not at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.models import Actor
from concord_sandbox.salesforce.rules.behaviours import Behaviours
from concord_sandbox.salesforce.schema import Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Writer

MERGEABLE = ("Lead", "Contact", "Account", "Case")
_MOST_LOSERS = 2
#: Objects that join two records at most once, and the field that names the other one.
_JOINS = {
    "CampaignMember": "CampaignId",
    "AccountContactRelation": "AccountId",
    "TaskRelation": "TaskId",
    "EventRelation": "EventId",
}


@dataclass(frozen=True)
class Merged:
    """What a merge did. merged: the losers. moved: the records that point at the master now."""

    id: str
    merged: tuple[str, ...]
    moved: tuple[str, ...]


def merge(
    writer: Writer,
    table: Table,
    master: str,
    losers: Sequence[str],
    actor: Actor,
    values: Mapping[str, Any] | None = None,
    *,
    fill_blanks: bool = False,
) -> Merged:
    """Merge one or two records into a master: they go to the recycle bin and name it as MasterRecordId; what pointed at
    them points at it; it gets `values`. fill_blanks: its blanks are filled from them, as a person at the screens may
    choose. Raises Refusal."""
    master_id = writer.known_id(table, master)
    loser_ids = [writer.known_id(table, one) for one in losers]
    _check(writer, table, master_id, loser_ids)
    moved: list[str] = []
    with writer.org.transaction(actor):
        filled: Row = {}
        for loser in loser_ids:
            filled = {**writer.there(table, loser), **filled}
            moved += _absorbed(writer, table, loser, master_id, actor)
        _resettle(writer, moved, actor)
        there = writer.there(table, master_id)
        blanks = {
            field.name: filled[field.name]
            for field in table.kind.fields.values()
            if fill_blanks and field.updateable and field.name in filled and there.get(field.name) is None
        }
        blanks = {name: value for name, value in blanks.items() if value != master_id}
        writer.update(table, master_id, {**blanks, **(values or {})}, actor)
    return Merged(master_id, tuple(loser_ids), tuple(dict.fromkeys(moved)))


def _absorbed(writer: Writer, table: Table, loser: str, master: str, actor: Actor) -> list[str]:
    """Give what belongs to one record to another, and put it into the recycle bin: the ids of what was changed. Of a
    person account the contact goes the same way."""
    org = writer.org
    pairs = [(table, loser, master)]
    contacts = org.table("Contact")
    persons = [table.rows[one].get("PersonContactId") for one in (loser, master)]
    if contacts is not None and all(persons):
        pairs.append((contacts, str(persons[0]), str(persons[1])))
    moved = [one for kind, old, new in pairs for one in _repointed(writer, kind, old, new, actor)]
    writer.delete(table, loser, actor)
    for kind, old, new in pairs:
        org.put(kind, old, {**kind.rows[old], "MasterRecordId": new})
    return moved


def _resettle(writer: Writer, moved: list[str], actor: Actor) -> None:
    """Derive anew what follows from where those records belong."""
    for record_id in dict.fromkeys(moved):
        child = writer.org.table_of(record_id)
        row = child.live(record_id) if child is not None else None
        if child is not None and row is not None:
            writer.org.parts.of(Behaviours).resettled(writer, child, row, actor)


def _check(writer: Writer, table: Table, master: str, losers: list[str]) -> None:
    """Refuse what cannot be merged at all."""
    name = table.kind.name
    if name not in MERGEABLE:
        raise _failed(f"records of {name} cannot be merged; {', '.join(MERGEABLE)} can")
    if not 1 <= len(losers) <= _MOST_LOSERS or len({master, *losers}) <= len(losers):
        raise _failed(f"a merge takes one master record and one to {_MOST_LOSERS} other records")
    for one in (master, *losers):
        row = writer.there(table, one)
        if bool(row.get("IsPersonAccount")) != bool(writer.there(table, master).get("IsPersonAccount")):
            raise _failed("a person account can be merged with person accounts only")
        if name == "Lead" and row.get("IsConverted"):
            raise Refusal(400, Fail("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ()))
    if name == "Account" and writer.there(table, master).get("ParentId") in losers:
        words = "the master record would become its own parent: change its parent account first"
        raise Refusal(400, Fail("CIRCULAR_DEPENDENCY", words, ("ParentId",)))


def _repointed(writer: Writer, table: Table, old: str, new: str, actor: Actor) -> list[str]:
    """Let what points at one record point at another: the ids of what was changed. A second membership goes."""
    moved = []
    for child, field in writer.org.children_of(table.kind.name):
        if not child.kind.writable or field.name.startswith(("MasterRecord", "Converted")):
            continue
        for child_id in child.find(field, old):
            row = child.live(child_id)
            if row is None or child_id == old or (table.kind.name == "Account" and row.get("IsPersonAccount")):
                continue
            if _joined_already(child, field, row, new):
                writer.delete(child, child_id, actor)
                continue
            if child.kind.name == "CampaignMember":  # it shows its person's name
                own = replace(actor, person=True, faultless=True, lenient=True)
                writer.update(child, child_id, {field.name: new}, own)
            else:
                changed = {**row, field.name: new, "SystemModstamp": writer.now()}
                if child_id == new:  # the master reported to the loser
                    del changed[field.name]
                writer.org.put(child, child_id, changed)
            moved.append(child_id)
    return moved


def _joined_already(child: Table, field: Field, row: Row, new: str) -> bool:
    """Whether a joining record for the same two records is there already."""
    other = _JOINS.get(child.kind.name)
    if other is None or other == field.name:
        return False
    joined = (child.live(one) for one in child.find(field, new))
    return any(one is not None and one.get(other) == row.get(other) for one in joined)


def _failed(words: str) -> Refusal:
    return Refusal(400, Fail("MERGE_FAILED", words, ()))
