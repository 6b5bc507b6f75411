"""How `concord review` shows duplicates and merges them: the groups, a proposal before anybody approves it, and what
came of it (SPEC 4.4, 4.7). Decides nothing; shows a person's data, because whoever approves has to see what goes.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import typer

from concord.app import Concord
from concord.cli.show import Look
from concord.core.duplicates import Kept, Merge, Source
from concord.core.values import MISSING, Nothing, Ref, Value, plain
from concord.engine import duplicates
from concord.engine.duplicates import Group, Proposal
from concord.errors import ConfigError

_Result = dict[str, Any]
#: Of a merge that was approved and will not be done by itself: the command has failed.
FAILED: Final = ("dropped", "refused")
#: How often an approved merge is looked at, a second apart, before it is left to the line.
_LOOKS: Final = 10


@dataclass(frozen=True)
class Wish:
    """What `concord review merge` was told. records: ids; one alone stands for its group. survivor: an id. take:
    FIELD=ID, the record whose value of a field the survivor gets. yes: it is approved without a question."""

    records: Sequence[str]
    survivor: str | None = None
    take: Sequence[str] = ()
    yes: bool = False


async def list_groups(look: Look, concord: Concord, limit: int) -> _Result:
    """The duplicates that were found, with the evidence."""
    found = await duplicates.groups(concord.scope, limit)
    for group in found:
        linked = f", linked with {group.partner}" if group.partner is not None else ", not linked"
        look.line(f"{group.active}{linked}")
        for one in group.others:
            also = f", linked with {one.partner}" if one.partner is not None else ""
            apart = "" if one.ref.object == group.active.object else "; of another object, so it cannot be merged"
            look.line(f"  {one.score:5.1f}  {one.ref}{also}{apart}")
            for line in one.evidence:
                look.line(f"           {line}")
        if group.approved is not None:
            look.line("         to be merged: approved, and not carried out yet; concord errors says what holds it up")
    total = (await concord.store.counts()).duplicates
    look.line(f"\n{total} records stand beside another one. Next: concord review merge ID, or apart with two ids")
    return {"duplicates": total, "groups": [_group_row(one) for one in found]}


async def merge(look: Look, concord: Concord, wish: Wish) -> _Result:
    """Show what a merge would leave; carry it out where a person says so. "state" in the answer says how it went."""
    proposal = await _proposal(concord, wish)
    _show(look, concord, proposal)
    row = _proposal_row(proposal)
    if not (wish.yes or _asked(look)):
        look.line("Nothing was merged. To merge them, for good: the same command with --yes")
        return {**row, "state": "proposed"}
    approved = await duplicates.approve(concord.scope, proposal, _who())
    return {**row, **await _ended(look, concord, await _carried_out(concord, approved))}


async def _carried_out(concord: Concord, approved: Merge) -> Merge:
    """The merge as it stands after a few looks: a worker of `concord serve` may have it, or a record was edited in this
    very second."""
    after = approved
    for _ in range(_LOOKS):
        await concord.drain()
        (after,) = await concord.store.merges(merge_id=approved.id)
        stuck = await concord.store.failed_of([after.carrier])
        if after.state != "approved" or any(one.dead for one in stuck):
            break
        await concord.scope.clock.sleep(1)
    return after


async def _proposal(concord: Concord, wish: Wish) -> Proposal:
    refs = [await duplicates.named(concord.scope, one) for one in wish.records]
    if len(refs) == 1:
        refs = await duplicates.group_of(concord.scope, refs[0])
    survivor = None if wish.survivor is None else await duplicates.named(concord.scope, wish.survivor)
    taken: dict[str, Ref] = {}
    for text in wish.take:
        name, _, record_id = text.partition("=")
        if not record_id:
            raise ConfigError(f"--take {text!r} names no record; write FIELD=ID")
        taken[_vendors(concord, refs[0], name)] = await duplicates.named(concord.scope, record_id)
    return await duplicates.propose(concord.scope, refs, survivor, taken)


def _vendors(concord: Concord, ref: Ref, name: str) -> str:
    """The vendor's name of a field that may be given by its name in the configuration."""
    pair, side = concord.scope.pair_of(ref), concord.scope.side(ref)
    mapped = {one.name: one.api_name(side) for one in pair.fields} if pair is not None else {}
    return mapped.get(name, name)


def _show(look: Look, concord: Concord, proposal: Proposal) -> None:
    survivor = proposal.survivor.ref
    look.line(f"{survivor} survives: {proposal.reason}")
    for one in proposal.losers:
        look.line(f"{one.ref} is merged into it")
    if proposal.kept:
        look.table(
            ("field", "afterwards", "whose", "what goes"),
            [(one.name, _text(one.value), _whose(one, survivor), _lost(one)) for one in proposal.kept],
        )
    else:
        look.line("no value of theirs goes, and none is filled")
    for name, ref in sorted(proposal.no.items()):
        look.line(f"opted out first: {name}, because {ref} says no")
    if proposal.ends and proposal.survivor.partner is None:
        look.line("of these links one goes on with the survivor:")
    for ref, partner in proposal.ends:
        look.line(f"the link of {ref} with {partner} ends; {partner} becomes a duplicate of the survivor's partner")
    for words in concord.scope.system(concord.scope.side(survivor)).merge_words:
        look.line(f"in {survivor.system}: {words}")
    look.line("A merge cannot be undone.")


def _text(value: Value) -> str:
    if value is MISSING:
        return ""
    return "(blank)" if isinstance(value, Nothing) else plain(value)


def _whose(one: Kept, survivor: Ref) -> str:
    words = {Source.KEPT: "its own", Source.FILLED: "filled from", Source.TAKEN: "taken from"}[one.source]
    return words if one.of == survivor else f"{words} {one.of.id}"


def _lost(one: Kept) -> str:
    return "; ".join(f"{ref.id}: {_text(value)}" for ref, value in one.lost)


def _asked(look: Look) -> bool:
    """The person's answer; no, where nobody can be asked."""
    return not look.json and sys.stdin.isatty() and typer.confirm("Merge them for good?", default=False)


def _who() -> str:
    """Who sits at this terminal, as the machine calls them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "somebody at the command line"


async def _ended(look: Look, concord: Concord, after: Merge) -> _Result:
    if after.state == "done":
        look.line("merged")
        return {"state": "done", "outcome": after.outcome}
    if after.state == "dropped":
        look.line(f"not merged: {after.outcome}")
        return {"state": "dropped", "outcome": after.outcome}
    stuck = await concord.store.failed_of([after.carrier])
    refused = bool(stuck) and stuck[0].dead
    why = stuck[0].failure.message if stuck else "its records are looked at elsewhere at this moment"
    again = "waits for you" if refused else "is tried again by itself"
    where = f"{after.carrier.system}:{after.carrier.object}:{after.carrier.id}"
    look.line(f"approved, and not merged yet: it {again}. {why}\nmore: concord errors {where}")
    return {"state": "refused" if refused else "approved", "outcome": why}


async def say_apart(look: Look, concord: Concord, ids: Sequence[str]) -> _Result | None:
    """Keep two records of one system apart; None: they are not of one system."""
    refs = await _beside(concord, ids)
    if refs is None:
        return None
    await duplicates.keep_apart(concord.scope, *refs)
    await concord.drain()
    look.line(f"{ids[0]} and {ids[1]} are two; carried out")
    return {"system": refs[0].system, "records": [list(ref[1:]) for ref in refs], "said": "apart"}


async def take_back(look: Look, concord: Concord, ids: Sequence[str]) -> _Result | None:
    """Take back what was said of two records of one system; None: they are not of one system."""
    refs = await _beside(concord, ids)
    if refs is None:
        return None
    words = await duplicates.take_back(concord.scope, *refs)
    await concord.drain()
    look.line(f"{ids[0]} and {ids[1]} {words}; carried out")
    return {"system": refs[0].system, "records": [list(ref[1:]) for ref in refs], "said": "undo"}


async def _beside(concord: Concord, ids: Sequence[str]) -> tuple[Ref, Ref] | None:
    """Two records of one system by their ids; None: they are of two, or unknown."""
    known = [[ref for ref, _ in await concord.store.called(one)] for one in ids]
    pairs = [
        (one, other)
        for one in known[0]
        for other in known[1]
        if one.system == other.system and concord.scope.pair_of(one) is concord.scope.pair_of(other)
    ]
    return pairs[0] if pairs else None


def merge_row(one: Merge) -> _Result:
    """An approved merge for a machine."""
    return {
        "system": one.survivor.system,
        "object": one.survivor.object,
        "survivor": one.survivor.id,
        "merged": [ref.id for ref in one.losers],
        "state": one.state,
        "approved_by": one.approved_by,
        "at": one.approved_at,
        "reason": one.reason,
        "outcome": one.outcome,
    }


def _group_row(group: Group) -> Mapping[str, object]:
    return {
        "system": group.active.system,
        "object": group.active.object,
        "active": group.active.id,
        "linked_with": None if group.partner is None else [group.partner.object, group.partner.id],
        "approved": group.approved is not None,
        "others": [
            {
                "object": one.ref.object,
                "id": one.ref.id,
                "score": one.score,
                "evidence": list(one.evidence),
                "linked_with": None if one.partner is None else [one.partner.object, one.partner.id],
            }
            for one in group.others
        ],
    }


def _proposal_row(proposal: Proposal) -> _Result:
    survivor = proposal.survivor.ref
    return {
        "system": survivor.system,
        "object": survivor.object,
        "survivor": survivor.id,
        "reason": proposal.reason,
        "merged": [one.ref.id for one in proposal.losers],
        "fields": {
            one.name: {
                "value": None if isinstance(one.value, Nothing) else plain(one.value),
                "of": one.of.id,
                "how": one.source.value,
                "lost": {ref.id: plain(value) for ref, value in one.lost if not isinstance(value, Nothing)},
            }
            for one in proposal.kept
        },
        "opted_out_first": {name: ref.id for name, ref in proposal.no.items()},
        "links_that_end": [[ref.id, partner.id] for ref, partner in proposal.ends],
    }
