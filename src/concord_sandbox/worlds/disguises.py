"""How one person comes to look like two: the ways in which the name and the address differ between the systems.

Each way changes the two drafts of one person and knows nothing of how a matcher would see through it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from concord_sandbox.worlds.drafts import Draft
from concord_sandbox.worlds.names import NICKNAMES, mistyped, to_ascii
from concord_sandbox.worlds.people import Population

Disguise = Callable[[Draft, Draft, Population, random.Random], None]


def exact(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """The same address on both sides; for some people their private one."""
    person = salesforce.person
    if person.work is None or rng.random() < 0.1:
        salesforce.values["email"] = hubspot.values["email"] = person.private


def exact_case(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """The same address, with capitals or a stray blank in Salesforce (HubSpot lower-cases what it is given)."""
    address = salesforce.values["email"]
    local, _, domain = address.partition("@")
    spelt = rng.choices(
        (
            ".".join(part.capitalize() for part in local.split(".")) + "@" + domain,
            local + "@" + domain.capitalize(),
            address.upper(),
            address + " ",
            " " + ".".join(part.capitalize() for part in local.split(".")) + "@" + domain,
        ),
        weights=(6, 3, 3, 2, 1),
    )[0]
    salesforce.values["email"] = spelt if spelt != address else address.upper()


def exact_other_name(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """The same address under another name: a nickname, a slip, a marriage, a form filled in with half a name."""
    side = rng.choice((salesforce, hubspot))
    given, family, culture = side.values["given"], side.values["family"], side.person.culture
    ways: list[Callable[[], None]] = [lambda: side.values.update(family=mistyped(family, rng))]
    if given in NICKNAMES:
        ways.append(lambda: side.values.update(given=rng.choice(NICKNAMES[given])))
    if to_ascii(given + family, culture) != given + family:
        ways.append(lambda: side.values.update(given=to_ascii(given, culture), family=to_ascii(family, culture)))
    if side.person.sex == "f":
        ways.append(lambda: side.values.update(family=people.surname("en", family)))
    if side is hubspot:
        ways.append(lambda: _forget(side, "given"))
        ways.append(lambda: _forget(side, "given", "family"))
    else:
        ways.append(lambda: side.values.update(given=family, family=given))
        ways.append(lambda: side.values.update(family=side.values["email"].partition("@")[0]))
        ways.append(lambda: side.values.update(given=f"  {given}", family=f"{family} "))
    rng.choice(ways)()


def additional_address(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """HubSpot keeps Salesforce's address as an additional one of its contact."""
    hubspot.values["email"] = salesforce.person.private
    hubspot.more_emails = (salesforce.values["email"],)


def changed_address(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """Two addresses at one firm: john.smith@ and jsmith@."""
    side = rng.choice((salesforce, hubspot))
    side.values["email"] = side.person.other_work or side.person.private


def private_address(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """The private address on one side, the firm's on the other; both sides name the firm."""
    rng.choice((salesforce, hubspot)).values["email"] = salesforce.person.private
    hubspot.associated = True


def nickname(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """Robert here and Bob there, with two addresses."""
    changed_address(salesforce, hubspot, people, rng)
    side = rng.choice((salesforce, hubspot))
    side.values["given"] = rng.choice(NICKNAMES[side.values["given"]])


def typo(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """One slip in the name on one side, with two addresses."""
    changed_address(salesforce, hubspot, people, rng)
    side = rng.choice((salesforce, hubspot))
    name = "family" if rng.random() < 0.7 else "given"
    side.values[name] = mistyped(side.values[name], rng)


def diacritics(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """Jürgen here and Juergen there, with two addresses."""
    changed_address(salesforce, hubspot, people, rng)
    side = rng.choice((salesforce, hubspot))
    culture = side.person.culture
    if culture == "de" and rng.random() < 0.25:
        culture = "en"  # Jürgen -> Jurgen, as somebody abroad types it
    for name in ("given", "family"):
        side.values[name] = to_ascii(side.values[name], culture)


def name_order(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """Given and family name changed places on one side."""
    changed_address(salesforce, hubspot, people, rng)
    side = rng.choice((salesforce, hubspot))
    side.values["given"], side.values["family"] = side.values["family"], side.values["given"]


def initials(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """J. Smith on one side."""
    changed_address(salesforce, hubspot, people, rng)
    side = rng.choice((salesforce, hubspot))
    side.values["given"] = side.values["given"][0] + "."


def native_script(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """The name in its own script on one side and in Latin letters on the other."""
    changed_address(salesforce, hubspot, people, rng)
    side = rng.choice((salesforce, hubspot))
    if side.person.native is not None:
        side.values["given"], side.values["family"] = side.person.native


def no_address(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """One side has a name and a telephone, and no address at all."""
    _forget(rng.choice((salesforce, hubspot)), "email")


def married(salesforce: Draft, hubspot: Draft, people: Population, rng: random.Random) -> None:
    """A new family name and with it a new address, on one side only."""
    side = rng.choice((salesforce, hubspot))
    person = side.person
    side.values["family"] = people.surname(person.culture, person.family)
    local = to_ascii(f"{person.given}.{side.values['family']}", person.culture).lower()
    side.values["email"] = f"{local.replace(' ', '')}@{(person.work or person.private).partition('@')[2]}"


def _forget(draft: Draft, *names: str) -> None:
    for name in names:
        draft.values.pop(name, None)
        draft.times.pop(name, None)


#: What a careful reader of the two records could tell: "link": that they are one; "review": that they may be;
#: "no": nothing. A telephone that both sides hold makes the doubtful ones sure, and the hopeless ones doubtful.
KINDS: dict[str, tuple[Disguise, str]] = {
    "exact": (exact, "link"),
    "exact_case": (exact_case, "link"),
    "exact_other_name": (exact_other_name, "link"),
    "additional_address": (additional_address, "link"),
    "changed_address": (changed_address, "link"),
    "private_address": (private_address, "link"),
    "diacritics": (diacritics, "link"),
    "nickname": (nickname, "review"),
    "typo": (typo, "review"),
    "name_order": (name_order, "review"),
    "initials": (initials, "review"),
    "no_address": (no_address, "review"),
    "native_script": (native_script, "no"),
    "married": (married, "no"),
}
