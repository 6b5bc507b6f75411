"""What became of it, seen with the sandboxes' own eyes: their states, their journals of calls, and the world's truth.

Compares by rules of its own and never asks Concord what is equal, so that a fault in Concord's comparison shows.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
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
    """Who is who, as only the world's maker knows: for each record its person; and pairs that are not one, whatever
    they share (a mailbox, say)."""

    person: Mapping[str, int]
    records: Mapping[int, frozenset[str]]
    strangers: frozenset[frozenset[str]]

    @classmethod
    def of(cls, truth: Mapping[str, Any]) -> Truth:
        where: dict[str, int] = {}
        groups: dict[int, set[str]] = {}
        twice = truth.get("duplicates", {})
        together = [[pair["salesforce"][1], pair["hubspot"]] for pair in truth.get("pairs", ())]
        together += [[_id(one) for one in ids] for ids in (*twice.get("salesforce", ()), *twice.get("hubspot", ()))]
        for number, ids in enumerate(together):
            known = {where[one] for one in ids if one in where}
            groups[number] = set(ids).union(*(groups.pop(one) for one in known))
            where |= dict.fromkeys(groups[number], number)
        apart = {frozenset((_id(one["salesforce"]), one["hubspot"])) for one in truth.get("never_link", ())}
        return cls(where, {number: frozenset(group) for number, group in groups.items()}, frozenset(apart))


def _id(named: str | Sequence[str]) -> str:
    return named if isinstance(named, str) else named[1]


def wrong_links(truth: Truth, couples: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Links between records that were there before and belong to different people."""
    return [
        (left, right)
        for _, left, right in couples
        if truth.person.get(left) is None or truth.person.get(left) != truth.person.get(right)
    ]


@dataclass(frozen=True)
class Profile:
    """What a record says of a person, for the question whether anything could have told that two are one."""

    system: str
    addresses: frozenset[str]
    telephones: frozenset[str]
    given: str
    family: str
    companies: frozenset[str]

    def tells(self, other: Profile) -> bool:
        """Whether the two have an address, a telephone, or a name and a company in common: what any tool goes by."""
        named = self.family != "" and self.family == other.family and self.given[:1] == other.given[:1]
        return bool(
            self.addresses & other.addresses
            or (self.telephones & other.telephones and (self.given == other.given or self.family == other.family))
            or (named and self.companies & other.companies)
        )


def profiles(states: States) -> dict[str, Profile]:
    """Of every person in both systems, by record id."""
    found = {}
    accounts = dict(states["Account"])
    for name in ("Lead", "Contact"):
        for key, fields in states[name].items():
            account = accounts.get(fields.get("AccountId") or "", {})
            found[key] = _profile("salesforce", fields, _SALESFORCE, (account.get("Name"), account.get("Website")))
    for key, fields in states["contacts"].items():
        found[key] = _profile("hubspot", fields, _HUBSPOT, ())
    return found


_SALESFORCE = ("FirstName", "LastName", ("Email",), ("Phone", "MobilePhone"), ("Company", "Website"))
_HUBSPOT = (
    "firstname",
    "lastname",
    ("email", "hs_additional_emails"),
    ("phone", "mobilephone"),
    ("company", "website"),
)
_Names = tuple[str, str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def _profile(system: str, fields: Fields, names: _Names, employer: Iterable[Any]) -> Profile:
    given, family, addresses, telephones, companies = names
    mails = {part.strip().lower() for name in addresses for part in str(fields.get(name) or "").split(";")} - {""}
    firms = [fields.get(name) for name in companies] + list(employer)
    hosts = {mail.partition("@")[2] for mail in mails}
    return Profile(
        system,
        frozenset(mails),
        frozenset(
            digits[-9:] for name in telephones if len(digits := re.sub(r"\D", "", str(fields.get(name) or ""))) > 6
        ),
        _folded(fields.get(given)),
        _folded(fields.get(family)),
        frozenset({_folded(re.sub(r"^https?://(www\.)?|/.*$", "", str(firm))) for firm in firms if firm} | hosts),
    )


def _folded(text: Any) -> str:
    plain = unicodedata.normalize("NFKD", str(text or "").lower())
    return "".join(one for one in plain if one.isalnum())


def duplicates(truth: Truth, created: Sequence[Created], before: States, after: States) -> tuple[int, int]:
    """How many created records are of a person who was there already: those where something told that (see
    `Profile.tells`, or an equal address), and those where nothing did."""
    plain, hidden = 0, 0
    old, now = profiles(before), profiles(after)
    for one in created:
        person = truth.person.get(one.source)
        source = old.get(one.source)
        there = [
            old[other]
            for other in (truth.records[person] if person is not None else ())
            if other in old and old[other].system == one.system
        ]
        if there and source is not None:
            told = any(source.tells(other) for other in there)
            plain, hidden = plain + told, hidden + (not told)
        elif any(
            other != one.id and profile.system == one.system and profile.addresses & now[one.id].addresses
            for other, profile in now.items()
            if one.id in now and frozenset((one.source, other)) not in truth.strangers
        ):
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
