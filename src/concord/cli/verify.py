"""What became of it, seen with the sandboxes' own eyes: their states, their journals of calls, and the world's truth.

Compares by rules of its own and never asks Concord what is equal, so that a fault in Concord's comparison shows. What
its callers hand it from Concord is two things: which records are linked, and why a field is held. A hold excuses a
difference only where the records themselves confirm it (`confirms`). May not read Concord's database or call it.
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

from concord.cli.edits import NEW_PERSON, Edit
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


# --- holds: what Concord says of a difference, and whether the records bear it out


@dataclass(frozen=True)
class Hold:
    """A difference that Concord says it holds: its reason, and the values it showed then, as plain texts."""

    reason: str
    left: Any
    right: Any


def confirms(
    pair: FieldPair, hold: Hold, left: Fields, right: Fields, states: States, linked: Mapping[str, str]
) -> bool:
    """Whether the records themselves show why the field cannot agree, and still show what the reason was given for.

    linked: HubSpot company by Salesforce account. Only the reasons known here confirm anything: a text that is too
    long, an address that is taken, an opt-out without an address, a reference to a company that is not linked, and a
    stage that has no place in the order."""
    a, b = left.get(pair.left), right.get(pair.right)
    if not (_unchanged(a, hold.left) and _unchanged(b, hold.right)):
        return False
    if told := re.search(r"the text has (\d+) characters and (\w+) holds (\d+)", hold.reason):
        return _too_long(pair, int(told[1]), told[2], int(told[3]), (a, b), states)
    if pair.name == "email":
        return _taken(_plain(a).lower(), right, states["contacts"])
    if pair.name == "email_opt_out":
        return _plain(a) == "true" and _plain(b) != "true" and not _plain(right.get("email"))
    if pair.left == "AccountId":
        return bool(_plain(a) and a not in linked) or bool(_plain(b) and _plain(b) not in linked.values())
    if pair.stages:
        return any(_plain(one) and not _placed(pair, _plain(one)) for one in (a, b))
    return False


def _unchanged(now: Any, then: Any) -> bool:
    one, other = _plain(now), _plain(then)
    if one == other or {one, other} == {"", "false"}:
        return True
    moment = _moment(one)
    return moment is not None and moment == _moment(other)


def _too_long(pair: FieldPair, count: int, name: str, limit: int, values: tuple[Any, Any], states: States) -> bool:
    """The limit is Concord's word (the sandbox's control API tells none): believed where the text is as long as told
    and no record shows a longer text in that field."""
    if name not in (pair.left, pair.right):
        return False
    text = str(values[1 if name == pair.left else 0] or "")
    objects = ("Lead", "Contact", "Account") if name == pair.left else ("contacts", "companies")
    longest = max(
        (len(str(one.get(name) or "")) for kind in objects for one in states.get(kind, {}).values()), default=0
    )
    return limit < count and count in (len(text), len(text.strip())) and longest <= limit


def _taken(address: str, own: Fields, contacts: Mapping[str, Fields]) -> bool:
    return address != "" and any(address in _addresses(one) for one in contacts.values() if one is not own)


def _addresses(contact: Fields) -> set[str]:
    texts = (contact.get("email"), *str(contact.get("hs_additional_emails") or "").split(";"))
    return {_plain(text).lower() for text in texts} - {""}


def _placed(pair: FieldPair, stage: str) -> bool:
    return stage in pair.stages or any(x == stage and y in pair.stages for x, y in pair.options)


# --- what people did, and whether it stands at the end

#: How long after an edit that never arrived one on the other side may still have met it, in seconds; and how much
#: earlier than an edit another one must have arrived to be over, in milliseconds.
_MEETS_WITHIN = 10.0
_SETTLES_MS = 1000.0


@dataclass
class Fate:
    """What became of the edits that had to stand: those that do not, as "field of ids"; and how many are held."""

    lost: list[str] = field(default_factory=list)
    held: int = 0


def fate(
    pair: ObjectPair,
    edits: Sequence[Edit],
    states: States,
    held: Iterable[tuple[str, str, str]],
    arrived: Mapping[Edit, float],
) -> Fate:
    """Whether the last edit of each field of each person is shown on both sides; after a conflict, one of the values.

    Edits of options and stages are left out: their rules may lawfully refuse them. held: (field, Salesforce id,
    HubSpot id) of the confirmed holds, which excuse an edit that still stands where it was made. arrived: `arrivals`;
    an edit on the other side that had not arrived when the last one was made met it, and may stand in its place."""
    by_field: dict[tuple[str, str, str, str], list[Edit]] = defaultdict(list)
    for edit in edits:
        if edit.salesforce and edit.hubspot and (edit.marker or edit.field == "email_opt_out"):
            by_field[edit.field, edit.object, edit.salesforce, edit.hubspot].append(edit)
    found, excused = Fate(), set(held)
    for (name, object_name, left_id, right_id), mine in by_field.items():
        one = next(one for one in pair.fields_of(object_name) if one.name == name)
        left = states[object_name].get(left_id, {}).get(one.left)
        right = states[pair.right_object].get(right_id, {}).get(one.right)
        may_stand = _may_stand(mine, arrived)
        if any(_shows(one, left, right, value, ("salesforce", "hubspot")) for _, value in may_stand):
            continue
        if (name, left_id, right_id) in excused and any(
            _shows(one, left, right, value, (side,)) for side, value in may_stand
        ):
            found.held += 1
        else:
            found.lost.append(f"{name} of {left_id} / {right_id}")
    return found


def _shows(pair: FieldPair, left: Any, right: Any, value: str, sides: Sequence[str]) -> bool:
    """Whether those sides show the value, each by the judge's own comparison."""
    shown = {"salesforce": lambda: _same(pair, left, value), "hubspot": lambda: _same(pair, value, right)}
    return all(shown[side]() for side in sides)


def _may_stand(edits: Sequence[Edit], arrived: Mapping[Edit, float]) -> list[tuple[str, str]]:
    """The values, with their sides, of which one must stand: the last, and the other side's last if they met."""
    ordered = sorted(edits, key=lambda edit: edit.at)
    last = ordered[-1]
    rival = next((edit for edit in reversed(ordered) if edit.side != last.side), None)
    standing = [last] if rival is None or not _met(rival, last, ordered, arrived) else [last, rival]
    return [(edit.side, edit.marker or "true") for edit in standing]


def _met(rival: Edit, last: Edit, ordered: Sequence[Edit], arrived: Mapping[Edit, float]) -> bool:
    if rival.conflict and last.conflict and ordered.index(last) - ordered.index(rival) == 1:
        return True
    at = arrived.get(rival)
    return last.at - rival.at < _MEETS_WITHIN if at is None else at > last.at * 1000 - _SETTLES_MS


def lost_people(edits: Sequence[Edit], states: States) -> list[str]:
    """People whom the editors made and who have not exactly one record with their address on each side."""
    counts: dict[str, Counter[str]] = {"salesforce": Counter(), "hubspot": Counter()}
    for name in ("Lead", "Contact"):
        counts["salesforce"].update(_plain(one.get("Email")).lower() for one in states[name].values())
    for one in states["contacts"].values():
        counts["hubspot"].update(_addresses(one))
    found = []
    for edit in edits:
        there = {system: addresses[edit.marker.lower()] for system, addresses in counts.items()}
        if edit.field == NEW_PERSON and any(count != 1 for count in there.values()):
            numbers = ", ".join(f"{count} in {system}" for system, count in there.items())
            found.append(f"{edit.side} {edit.salesforce or edit.hubspot}: {numbers}")
    return found


# --- latency, by the journals


def arrivals(edits: Sequence[Edit], journals: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[Edit, float]:
    """When each edit's value was written on the other side, in epoch milliseconds: the first call that carried it and
    was not refused. Edits whose value lost, or was overtaken by a later one, never arrive and are not in it."""
    accepted: dict[str, list[tuple[float, str]]] = {
        system: [(float(call["at"]), text) for call in calls for text in _accepted(call)]
        for system, calls in journals.items()
    }
    found = {}
    for edit in edits:
        other = "hubspot" if edit.side == "salesforce" else "salesforce"
        at = next((at for at, text in accepted[other] if edit.marker in text), None) if edit.marker else None
        if at is not None and at >= edit.at * 1000 - 50:
            found[edit] = at
    return found


def latencies(edits: Sequence[Edit], journals: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[float]:
    """Milliseconds from each edit to its arrival (see `arrivals`)."""
    return [max(0.0, at - edit.at * 1000) for edit, at in arrivals(edits, journals).items()]


def _accepted(call: Mapping[str, Any]) -> list[str]:
    """The texts of what a call wrote, one for each record where the answer tells them apart; none when refused.

    The journal cuts answers at 20,000 characters: of a cut answer only the call's own status is known."""
    if call["method"] not in _WRITES or call["status"] is None or call["status"] >= 400:
        return []
    asked, told = _json(call["request"]), _json(call.get("response", ""))
    if not isinstance(asked, dict):
        return [text for text in [call["request"]] if _writes(text)]
    if "graphs" in asked:
        asked, told = _flat(asked, told)
    if "compositeRequest" in asked:
        return [text for one in _parts(asked, told) if _writes(text := _text(one))]
    if not _writes(_text(asked)):
        return []
    records = asked.get("records")
    if isinstance(records, list) and isinstance(told, list) and len(told) == len(records):
        return [_text(one) for one, done in zip(records, told, strict=True) if done.get("success") is not False]
    inputs = asked.get("inputs")
    if call["status"] == 207 and isinstance(inputs, list) and isinstance(told, dict):
        done = {str(one.get("id")) for one in told.get("results", ())}
        return [_text(one) for one in inputs if "id" not in one or str(one["id"]) in done]
    return [_text(asked)]


def _flat(asked: Mapping[str, Any], told: Any) -> tuple[Mapping[str, Any], Any]:
    """A call of Salesforce graphs, and its answer, as if it were one composite."""
    answers = told.get("graphs", ()) if isinstance(told, dict) else ()
    return (
        {"compositeRequest": [one for graph in asked["graphs"] for one in graph["compositeRequest"]]},
        {"compositeResponse": [one for graph in answers for one in graph["graphResponse"]["compositeResponse"]]},
    )


def _parts(asked: Mapping[str, Any], told: Any) -> list[Any]:
    """The sub-requests of a Salesforce composite that were not refused, as far as its answer tells."""
    answers = told.get("compositeResponse", ()) if isinstance(told, dict) else ()
    refused = {one.get("referenceId") for one in answers if one.get("httpStatusCode", 200) >= 400}
    return [one for one in asked["compositeRequest"] if one.get("referenceId") not in refused]


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _writes(body: str) -> bool:
    return '"properties": {' in body or '"PATCH"' in body or '"records"' in body


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which that share of the values lies; None for none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
