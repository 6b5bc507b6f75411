"""What people did in a run, and what may be left of it: each edit with what its author saw, so that at the end a value
can be told from a lost one (SPEC 3.1, 3.2).

An edit stands against those whose text its author saw, and against all that those stood against: those must never come
back. Between two of which neither author saw the other, the rule decides by their times; Salesforce's may be as late as
the last change of the whole record (SPEC 3.3), so there more than one outcome may be right.

Knows the sandboxes only by the texts that it is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

#: Who is believed within five minutes; the others go by the time alone (config/default.yaml).
OWNERS: Final = {"phone": "salesforce", "mobile": "salesforce", "email": "hubspot"}
WINDOW: Final = 300.0
#: Whole seconds on one side, and the moment between two calls: a lead of less says nothing.
GRAIN: Final = 2.0


@dataclass(eq=False)
class Edit:
    """A person wrote this text. at: Unix seconds. record: in which record of which side. over: what stood there.

    wild: it was written by a transaction that committed late, over what nobody saw then.
    """

    text: str
    at: float
    side: str
    record: str
    over: tuple[Edit, ...] = ()
    wild: bool = False

    def ancestors(self) -> Iterator[Edit]:
        """What this stands against, by way of what its author saw; with itself."""
        todo, seen = [self], {id(self)}
        while todo:
            one = todo.pop()
            yield one
            for before in one.over:
                if id(before) not in seen:
                    seen.add(id(before))
                    todo.append(before)

    def __str__(self) -> str:
        over = ", ".join(one.text for one in self.over)
        return f"{self.text!r} in {self.side} {self.record} at {self.at:.0f}" + (f" over {over}" if over else "")


@dataclass
class Consent:
    """What was said of e-mails to a person, in the order in which it was said: (at, side, out)."""

    said: list[tuple[float, str, bool]] = field(default_factory=list)
    #: Whether a no was ever said.
    often: bool = False

    def say(self, at: float, side: str, out: bool, *, known: bool) -> None:
        """A word. known: HubSpot shows an opt-out; one that is taken back where it was said before was never read."""
        if side == "salesforce" and not out and not known:
            self.said = [one for one in self.said if one[1] != side]
        self.said.append((at, side, out))
        self.often |= out

    def withdrawn(self) -> bool:
        """Whether the person has said no, and the owner of the field has not said yes since."""
        last = max((number for number, (_, _, out) in enumerate(self.said) if out), default=None)
        if last is None:
            return False
        return not any(side == "hubspot" and not out for _, side, out in self.said[last:])

    def ever(self) -> bool:
        return self.often


@dataclass
class Told:
    """Everything that people did. Persons are named; who was merged is one clan."""

    edits: dict[tuple[str, str], list[Edit]] = field(default_factory=lambda: defaultdict(list))
    consents: dict[str, Consent] = field(default_factory=lambda: defaultdict(Consent))
    #: Who was made by people, and on which sides: (name, side).
    begun: set[tuple[str, str]] = field(default_factory=set)
    #: Records that people made, or that came of a conversion or a merge of theirs: (side, id).
    made: set[tuple[str, str]] = field(default_factory=set)
    #: Records that people deleted and did not restore.
    deleted: set[tuple[str, str]] = field(default_factory=set)
    #: What became of a record by a conversion or a merge.
    became: dict[tuple[str, str], str] = field(default_factory=dict)
    #: Names of whom something was ever deleted, merged, or made twice by people: they need not be one couple.
    odd: set[str] = field(default_factory=set)
    #: Fields of a person that somebody cleared.
    cleared: set[tuple[str, str]] = field(default_factory=set)
    merged: dict[str, str] = field(default_factory=dict)
    touched: dict[tuple[str, str], float] = field(default_factory=dict)
    #: What faults explain that the ledger does not name a write: it was made, and nothing of it could be recorded.
    unrecorded: bool = False

    def clan(self, name: str) -> str:
        while name in self.merged:
            name = self.merged[name]
        return name

    def merging(self, name: str) -> bool:
        """Whether somebody took this person and another for one."""
        return self.clan(name) != name or name in self.merged.values()

    def history(self, name: str, what: str) -> list[Edit]:
        clan = self.clan(name)
        return [one for (who, told), edits in self.edits.items() for one in edits
                if told == what and self.clan(who) == clan]  # fmt: skip

    def wrote(
        self, name: str, what: str, text: str, at: float, side: str, record: str, shown: str, *, wild: bool = False
    ) -> None:
        """A person wrote this where `shown` stood."""
        over = tuple(one for one in self.history(name, what) if shown and same(what, one.text, shown))
        self.edits[name, what].append(Edit(text, at, side, record, over[-1:], wild))
        self.touch(side, record, at)

    def touch(self, side: str, record: str, at: float) -> None:
        """This record was changed at that time."""
        self.touched[side, record] = max(at, self.touched.get((side, record), 0.0))

    def now(self, side: str, record: str) -> str:
        """The id under which a record lives on."""
        while (side, record) in self.became:
            record = self.became[side, record]
        return record


def same(what: str, one: str, other: str) -> bool:
    """Whether two texts are the same to both systems."""
    if what in ("phone", "mobile"):
        return [c for c in one if c.isdigit()] == [c for c in other if c.isdigit()]
    return one.strip().lower() == other.strip().lower() if what == "email" else one.strip() == other.strip()


def wrongly_stands(told: Told, name: str, what: str, stands: str, records: Iterable[tuple[str, str]]) -> str | None:
    """Why this text of a linked person cannot be right in the end; None: it can be. records: (side, id) of the two."""
    history = told.history(name, what)
    if not history or (name, what) in told.cleared:
        return None
    merged = told.merging(name)
    live = set(records)
    found = [one for one in history if same(what, one.text, stands)]
    if not stands and (merged or not any((one.side, told.now(one.side, one.record)) in live for one in history)):
        return None  # it was written in records that are gone
    if not found:
        return f"{stands!r} was written by nobody" if stands else f"blank, and {history[-1]} was written"
    if merged:
        return None  # only that somebody wrote it
    last = found[-1]
    ancestors = list(last.ancestors())
    for other in history:
        if other in ancestors or (other.side, told.now(other.side, other.record)) not in live:
            continue
        if last in other.ancestors():
            return f"{last} came back, though {other} was written over it"
        if last.wild or any(_may_beat(told, what, one, other) for one in ancestors):
            continue
        return f"{last} stands, and {other} is lost"
    return None


def _may_beat(told: Told, what: str, one: Edit, other: Edit) -> bool:
    """Whether the rule may have let `one` win, of two edits whose authors did not see each other's."""
    if one.side == other.side:
        return one.at >= other.at - GRAIN or one.wild or other.wild
    # The time that Salesforce is credited with lies between the edit and the last change of its record.
    latest = told.touched.get((one.side, told.now(one.side, one.record)), one.at)
    latest = max(latest, told.touched.get((one.side, one.record), one.at), one.at)
    lead = (latest if one.side == "salesforce" else one.at) - other.at
    if lead > WINDOW - GRAIN:
        return True
    if lead < -WINDOW - GRAIN:
        return False
    owner = OWNERS.get(what)
    return owner == one.side or (owner is None and lead >= -GRAIN)
