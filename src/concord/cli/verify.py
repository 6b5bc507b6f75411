"""What became of it, seen with the sandboxes' own eyes: their states, their journals of calls, and the world's truth.

Compares by rules of its own and never asks Concord what is equal, so that a fault in Concord's comparison shows.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from concord.cli.edits import Edit
from concord.core.mapping import FieldPair, ObjectPair

Fields = Mapping[str, Any]
States = Mapping[str, Mapping[str, Fields]]  # object name -> id -> fields

_WRITES = ("POST", "PATCH", "PUT")


@dataclass
class Agreement:
    """How many values agree, by field; and those that do not, by field and id."""

    agree: Counter[str] = field(default_factory=Counter)
    differ: dict[str, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    def percent(self, name: str | None = None) -> float:
        """Of one field, or of all."""
        right = self.agree[name] if name else sum(self.agree.values())
        wrong = len(self.differ.get(name, [])) if name else sum(len(one) for one in self.differ.values())
        return 100.0 if right + wrong == 0 else 100.0 * right / (right + wrong)

    def names(self) -> list[str]:
        return sorted({*self.agree, *self.differ})


def compare(
    pair: ObjectPair,
    couples: Iterable[tuple[str, str, str]],
    salesforce: States,
    hubspot: States,
    companies: Mapping[str, str],
    agreement: Agreement,
) -> None:
    """Compare linked records field by field. couples: (Salesforce object, its id, HubSpot id). companies: HubSpot
    company by Salesforce account, for references; one to a company that is not linked cannot agree and is left out."""
    for object_name, left_id, right_id in couples:
        left = salesforce[object_name].get(left_id)
        right = hubspot[pair.right_object].get(right_id)
        for one in pair.fields_of(object_name):
            if left is None or right is None:
                agreement.differ[one.name].append((left_id, right_id))
                continue
            a, b = left.get(one.left), right.get(one.right)
            if one.left == "AccountId":
                if a and a not in companies:
                    continue
                if not a and b and b not in companies.values():
                    continue
                a = companies.get(str(a)) if a else None
            if _same(one, a, b):
                agreement.agree[one.name] += 1
            else:
                agreement.differ[one.name].append((left_id, right_id))


def _same(pair: FieldPair, a: Any, b: Any) -> bool:
    left, right = _plain(a), _plain(b)
    if left == right:
        return True
    if any(x == left and y == right for x, y in pair.options):
        return True
    if pair.name == "email":
        return left.lower() == right.lower()
    if "phone" in pair.name:
        return _digits(left) == _digits(right) and _digits(left) != ""
    if pair.name == "website":
        return left.rstrip("/") == right.rstrip("/")
    if left in ("true", "false", "") and right in ("true", "false", ""):
        return (left or "false") == (right or "false")
    moments = _moment(left), _moment(right)
    if moments[0] is not None and moments[0] == moments[1]:
        return True
    # A value that the other system requires and this one lacks: the configured default stands for a blank.
    return left == str(pair.default_left) and right == ""


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\r\n", "\n").strip()


def _digits(text: str) -> str:
    main, _, extension = re.sub(r"\s*(ext\.?|x)\s*(\d+)$", r"|\2", text, flags=re.IGNORECASE).partition("|")
    digits = re.sub(r"\D", "", main.replace("(0)", "") if main.strip().startswith("+") else main)
    return digits.removeprefix("00") + "|" + extension if digits else ""


def _moment(text: str) -> datetime | None:
    try:
        if re.fullmatch(r"\d{12,14}", text):
            return datetime.fromtimestamp(int(text) // 1000).astimezone()
        return datetime.fromisoformat(text.replace("Z", "+00:00").replace("+0000", "+00:00")).replace(microsecond=0)
    except ValueError:
        return None


# --- duplicates and wrong links, by the world's truth


@dataclass(frozen=True)
class Created:
    """A record that Concord made: in which system, its id, and the record it was made from."""

    system: str
    id: str
    source: str


@dataclass(frozen=True)
class Truth:
    """Who is who, as only the world's maker knows: for each record its person; and pairs that no evidence connects."""

    person: Mapping[str, int]
    systems: Mapping[int, frozenset[str]]
    hidden: frozenset[str]

    @classmethod
    def of(cls, truth: Mapping[str, Any]) -> Truth:
        groups: list[set[str]] = []
        where: dict[str, int] = {}

        def join(ids: Collection[str]) -> None:
            known = sorted({where[one] for one in ids if one in where})
            group = set(ids).union(*(groups[number] for number in known)) if known else set(ids)
            groups.append(group)
            for one in group:
                where[one] = len(groups) - 1

        for pair in truth.get("pairs", ()):
            join([pair["salesforce"][1], pair["hubspot"]])
        for ids in [
            *truth.get("duplicates", {}).get("salesforce", ()),
            *truth.get("duplicates", {}).get("hubspot", ()),
        ]:
            join([one[1] if isinstance(one, list) else one for one in ids])
        systems = {
            number: frozenset("salesforce" if one.startswith("00") else "hubspot" for one in group)
            for number, group in enumerate(groups)
        }
        hidden = {
            one
            for pair in truth.get("pairs", ())
            if pair.get("findable") == "no"
            for one in (pair["salesforce"][1], pair["hubspot"])
        }
        return cls(where, systems, frozenset(hidden))


def wrong_links(truth: Truth, couples: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Links between records that were there before and belong to different people."""
    return [
        (left, right)
        for _, left, right in couples
        if truth.person.get(left) is None or truth.person.get(left) != truth.person.get(right)
    ]


def duplicates(truth: Truth, created: Sequence[Created], addresses: Mapping[str, Mapping[str, str]]) -> tuple[int, int]:
    """How many created records are of a person who was there already: those that some evidence could have told, and
    those that none could (no address, company, phone or name in common). addresses: by system, id -> e-mail address;
    a created record with an address that another record of its system has is one as well."""
    plain, hidden = 0, 0
    for one in created:
        person = truth.person.get(one.source)
        mine = addresses[one.system].get(one.id, "")
        twice = mine != "" and sum(1 for other in addresses[one.system].values() if other == mine) > 1
        if person is not None and one.system in truth.systems[person]:
            hidden += one.source in truth.hidden
            plain += one.source not in truth.hidden
        elif twice and one.system == "hubspot":
            plain += 1
    return plain, hidden


# --- latency, by the journals


def latencies(edits: Sequence[Edit], journals: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[float]:
    """Milliseconds from each edit to the call that wrote its value on the other side. Edits whose value lost, or was
    overtaken by a later one, never arrive and do not count."""
    arrivals: dict[str, list[tuple[float, str]]] = {
        system: [(float(call["at"]), _unescaped(call["request"])) for call in calls if call["method"] in _WRITES]
        for system, calls in journals.items()
    }
    found = []
    for edit in edits:
        other = "hubspot" if edit.side == "salesforce" else "salesforce"
        if not edit.marker:
            continue
        arrived = next((at for at, body in arrivals[other] if edit.marker in body and _writes(body)), None)
        if arrived is not None and arrived >= edit.at * 1000 - 50:
            found.append(max(0.0, arrived - edit.at * 1000))
    return found


def _unescaped(body: str) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body


def _writes(body: str) -> bool:
    return '"properties": {' in body or '"PATCH"' in body or '"records"' in body


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share of the values lies; None for none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
