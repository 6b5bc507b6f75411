"""Duplicate rules: records that look like others are refused, or let through when the caller insists.

Key of the world: duplicate_rules, a list of
    {"object": "Contact", "name": "Contacts_DR", "active": true, "alert": TEXT,
     "action": {"create": "block" | "allow" | "report", "edit": …},
     "matching": [{"object": "Lead", "rule": "Lead_MR",
                   "fields": [{"field": "Email", "with": "Email", "method": "exact" | "fuzzy",
                               "blank": "no" | "match"}]}]}
`matching` compares the written record with others of an object, of its own or another one: all `fields` have to agree,
`field` of the other record `with` the written one's (the same name when left out). A blank agrees with nothing, or
("match") with a blank, but something has to agree besides. `block` refuses, `allow` refuses unless the caller repeats
the call with allowSave=true (people always insist), `report` lets through; an action left out does nothing. On an edit
a rule runs only when a field that it compares changes. Converted leads match nothing.

The shape of the refusal is api/salesforce.md section 18. Where no field is compared exactly, every record of the object
is looked at: keep such a rule away from big worlds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.rules.declared import checked, field_of, flag_of, object_of, rules_of, text_of
from concord_sandbox.salesforce.schema import TEXT_TYPES, Field
from concord_sandbox.salesforce.tables import Row, Table
from concord_sandbox.salesforce.writes import Actor, Writer
from concord_sandbox.service import ControlError

_KEYS = ("object", "name", "active", "action", "alert", "matching")
_NEEDED = ("object", "name", "action", "matching")
_ACTIONS = ("block", "allow", "report")
_ALERT = "Use one of these records?"
_MOST_SHOWN = 100
_CLOSE = 0.8
_LEGAL_FORMS = re.compile(r"\b(inc|incorporated|corp|corporation|co|company|ltd|limited|llc|plc|gmbh|ag|sa|bv)\b\.?")
_NOT_A_WORD = re.compile(r"[^\w]+")


@dataclass(frozen=True)
class DuplicateFail(Fail):
    """DUPLICATES_DETECTED. result: the DuplicateResult, for the interface at hand to shape."""

    result: dict[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """The key is misspelt in Salesforce."""
        return {"duplicateResut": self.result, "errorCode": self.code, "message": self.message}

    def in_result(self) -> dict[str, Any]:
        return {**super().in_result(), "duplicateResut": self.result}


@dataclass(frozen=True)
class Comparison:
    """One field of a matching rule. own: of the written record, other: of the one that may be its double."""

    other: Field
    own: Field
    fuzzy: bool
    blank: bool

    def score(self, written: Any, there: Any) -> float:
        """1 for what agrees, 0 for what does not, something between for a near miss of a fuzzy comparison."""
        if written is None or there is None:
            return 1.0 if self.blank and written is None and there is None else 0.0
        if self.other.fold(written) == self.other.fold(there):
            return 1.0
        if not self.fuzzy:
            return 0.0
        likeness = SequenceMatcher(None, _bare(str(written)), _bare(str(there)), autojunk=False).ratio()
        return likeness if likeness >= _CLOSE else 0.0

    def declared(self) -> dict[str, Any]:
        made = {"field": self.other.name, "with": self.own.name, "method": "fuzzy" if self.fuzzy else "exact"}
        return {**made, "blank": "match" if self.blank else "no"}


@dataclass(frozen=True)
class Matching:
    """How doubles are found among the records of one object."""

    table: Table
    rule: str
    fields: tuple[Comparison, ...]

    @property
    def engine(self) -> str:
        return "FuzzyMatchEngine" if any(one.fuzzy for one in self.fields) else "ExactMatchEngine"

    def found(self, row: Row, own_id: str | None) -> list[tuple[Row, float]]:
        """The doubles of a row with how sure that is (0 to 1), the surest first."""
        if all(row.get(one.own.name) is None for one in self.fields):
            return []
        made = []
        for other in self._candidates(row):
            if other["Id"] == own_id or "IsDeleted" in other or other.get("IsConverted"):
                continue
            scores = [one.score(row.get(one.own.name), other.get(one.other.name)) for one in self.fields]
            if all(scores):
                made.append((other, sum(scores) / len(scores)))
        return sorted(made, key=lambda pair: -pair[1])

    def _candidates(self, row: Row) -> Iterable[Row]:
        """The records that can agree, by the smallest index there is."""
        known = [one for one in self.fields if not one.fuzzy and row.get(one.own.name) is not None]
        if not known:
            return list(self.table.rows.values())
        ids = min((self.table.find(one.other, row[one.own.name]) for one in known), key=len)
        return [self.table.rows[one] for one in ids]

    def declared(self) -> dict[str, Any]:
        return {"object": self.table.kind.name, "rule": self.rule, "fields": [one.declared() for one in self.fields]}


@dataclass(frozen=True)
class Rule:
    """One rule as declared."""

    object: str
    name: str
    active: bool
    action: dict[str, str]
    alert: str
    matching: tuple[Matching, ...]

    def compared(self) -> set[str]:
        return {one.own.name for matching in self.matching for one in matching.fields}

    def declared(self) -> dict[str, Any]:
        made: dict[str, Any] = {"object": self.object, "name": self.name, "active": self.active}
        made |= {"action": dict(self.action), "alert": self.alert}
        return {**made, "matching": [one.declared() for one in self.matching]}


class DuplicateRules(Part[Org]):
    """Takes part in every write."""

    section = "duplicate_rules"

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        self._rules = [_rule(owner, where, one) for where, one in rules_of(self.section, given, _KEYS, _NEEDED)]
        self._active: dict[str, list[Rule]] = {}
        for rule in self._rules:
            if rule.active:
                self._active.setdefault(rule.object, []).append(rule)

    def save(self) -> Any:
        return [rule.declared() for rule in self._rules] or None

    def before(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Duplicates are looked for when all is derived."""

    def check(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        if table.kind.name not in self._active:
            return
        fail = self.fail_of(table, row, old, actor)
        if fail is not None:
            raise Refusal(400, fail)

    def after(self, writer: Writer, table: Table, row: Row, old: Row | None, actor: Actor) -> None:
        """Nothing follows."""

    def on_delete(self, writer: Writer, table: Table, row: Row, actor: Actor) -> None:
        """A deletion makes no duplicate."""

    def fail_of(self, table: Table, row: Row, old: Row | None, actor: Actor) -> DuplicateFail | None:
        """Why the row may not be written, by the first rule that says so; None when it may."""
        for rule in self._active.get(table.kind.name, ()):
            action = rule.action.get("create" if old is None else "edit", "report")
            if action == "report" or (action == "allow" and (actor.save_duplicates or actor.person)):
                continue
            if old is not None and all(row.get(name) == old.get(name) for name in rule.compared()):
                continue
            matches = [_match_result(one, found, actor) for one in rule.matching if (found := one.found(row, _id(old)))]
            if matches:
                result = {
                    "allowSave": action == "allow",
                    "duplicateRule": rule.name,
                    "duplicateRuleEntityType": rule.object,
                    "errorMessage": rule.alert,
                    "matchResults": matches,
                }
                return DuplicateFail("DUPLICATES_DETECTED", rule.alert, (), result)
        return None


def _id(row: Row | None) -> str | None:
    return row["Id"] if row is not None else None


def _match_result(matching: Matching, found: list[tuple[Row, float]], actor: Actor) -> dict[str, Any]:
    return {
        "entityType": matching.table.kind.name,
        "errors": [],
        "matchEngine": matching.engine,
        "matchRecords": [
            {
                "additionalInformation": [],
                "fieldDiffs": [],
                "matchConfidence": round(100 * score),
                "record": _record(matching, row, actor),
            }
            for row, score in found[:_MOST_SHOWN]
        ],
        "rule": matching.rule,
        "size": len(found),
        "success": True,
    }


def _record(matching: Matching, row: Row, actor: Actor) -> dict[str, Any]:
    """A double as the caller sees it: its id, and with includeRecordDetails=true its name and what was compared."""
    kind = matching.table.kind
    version = actor.api.rpartition("/")[2] or "66.0"
    url = f"/services/data/v{version}/sobjects/{kind.name}/{row['Id']}"
    made: dict[str, Any] = {"attributes": {"type": kind.name, "url": url}, "Id": row["Id"]}
    if actor.duplicate_details:
        names = ("Name", *(one.other.name for one in matching.fields))
        made |= {name: row[name] for name in dict.fromkeys(names) if name in row}
    return made


def _bare(text: str) -> str:
    """A text without what people write now this way, now that: case, punctuation, legal forms."""
    lowered = text.casefold()
    return _NOT_A_WORD.sub(" ", _LEGAL_FORMS.sub(" ", lowered)).strip() or lowered


# Reading


def _rule(org: Org, where: str, given: dict[str, Any]) -> Rule:
    table = object_of(org, where, given["object"])
    action = checked(f"{where}, action", given["action"], ("create", "edit"), ())
    for when, what in action.items():
        if what not in _ACTIONS:
            raise ControlError(f"{where}: on {when} it may {', '.join(_ACTIONS)}, not {what!r}")
    if not isinstance(given["matching"], list) or not given["matching"]:
        raise ControlError(f"{where}: matching has to be a list, and not an empty one")
    matching = tuple(
        _matching(org, f"{where}, matching {place}", table, one) for place, one in enumerate(given["matching"], 1)
    )
    name, alert = text_of(where, given, "name"), text_of(where, given, "alert", _ALERT)
    return Rule(table.kind.name, name, flag_of(where, given, "active"), dict(action), alert, matching)


def _matching(org: Org, where: str, written: Table, given: Any) -> Matching:
    checked(where, given, ("object", "rule", "fields"), ("object", "rule", "fields"))
    table = object_of(org, where, given["object"])
    if not isinstance(given["fields"], list) or not given["fields"]:
        raise ControlError(f"{where}: fields has to be a list, and not an empty one")
    fields = tuple(_comparison(where, written, table, one) for one in given["fields"])
    return Matching(table, text_of(where, given, "rule"), fields)


def _comparison(where: str, written: Table, table: Table, given: Any) -> Comparison:
    checked(where, given, ("field", "with", "method", "blank"), ("field",))
    other = field_of(where, table, given["field"])
    own = field_of(where, written, given.get("with", given["field"]))
    for one in (other, own):
        if one.attributes["calculated"] or one.attributes["autoNumber"]:
            raise ControlError(f"{where}: {one.name} is calculated, and cannot be compared")
    method, blank = given.get("method", "exact"), given.get("blank", "no")
    if method not in ("exact", "fuzzy"):
        raise ControlError(f"{where}: method is exact or fuzzy, not {method!r}")
    if blank not in ("match", "no"):
        raise ControlError(f"{where}: blank is match or no, not {blank!r}")
    if method == "fuzzy" and other.type not in TEXT_TYPES:
        raise ControlError(f"{where}: {other.name} is no text, and cannot be compared fuzzily")
    return Comparison(other, own, method == "fuzzy", blank == "match")
