"""Who is written down where in the world `agency`: the overlap, the duplicates, the look-alikes, everybody else.

Makes drafts only; ids and the systems' own field names come later. The numbers are fixed, the people are drawn.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

from concord_sandbox.worlds.disguises import KINDS
from concord_sandbox.worlds.drafts import Draft, Side, drafted, facts
from concord_sandbox.worlds.drift import drift_apart, settle, wear
from concord_sandbox.worlds.firms import ACCOUNTS_ONLY, COMPANIES_ONLY, FAMILY, LARGE, SHARED, Firm
from concord_sandbox.worlds.names import NICKNAMES, to_ascii
from concord_sandbox.worlds.people import Person, Population

CONTACTS, LEADS, HUBSPOT_CONTACTS = 170, 110, 450

#: kind -> how many of the people in both systems; 13 more come with the look-alikes, 2 with a change of employer.
OVERLAP = {
    "exact": 82,
    "exact_case": 16,
    "exact_other_name": 14,
    "additional_address": 5,
    "changed_address": 17,
    "private_address": 10,
    "nickname": 10,
    "typo": 10,
    "diacritics": 8,
    "name_order": 4,
    "initials": 4,
    "native_script": 4,
    "no_address": 5,
    "married": 2,
}
_FIRM_KINDS = ("nickname", "typo", "initials", "changed_address", "private_address", "no_address", "name_order")


@dataclass(frozen=True)
class Pair:
    """Two drafts: of one person (with what a careful reader could tell), or of two who must never be linked."""

    salesforce: Draft
    hubspot: Draft
    kind: str
    findable: str = "no"


@dataclass
class Cast:
    """All drafts of both systems, and the truth about them."""

    drafts: list[Draft] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    never: list[Pair] = field(default_factory=list)

    def of(self, side: Side) -> list[Draft]:
        """The drafts of one system."""
        return [draft for draft in self.drafts if draft.side == side]


def assemble(rng: random.Random) -> Cast:
    """The whole cast: exactly 170 Contacts, 110 Leads and 450 HubSpot contacts; 200 people in both systems."""
    casting = _Casting(rng)
    casting.look_alikes()
    casting.movers()
    for kind, count in OVERLAP.items():
        for _ in range(count):
            casting.in_both(casting.somebody(kind), kind)
    casting.duplicates()
    casting.everybody_else()
    casting.sort_out_leads()
    return casting.cast


class _Casting:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._people = Population(rng)
        self._firms = {firm.domain: firm for firm in (*ACCOUNTS_ONLY, *COMPANIES_ONLY, *SHARED)}
        self.cast = Cast()

    # People in both systems.

    def in_both(self, person: Person, kind: str) -> Pair:
        """One draft of `person` on each side, apart in their fields and by `kind` in name and address."""
        disguise, findable = KINDS[kind]
        values = facts(person, self._rng)
        salesforce = drafted("salesforce", person, values, self._rng)
        hubspot = drafted("hubspot", person, values, self._rng)
        drift_apart(salesforce, hubspot, self._people, self._rng)
        disguise(salesforce, hubspot, self._people, self._rng)
        settle(hubspot)
        if findable != "link" and _one_telephone(salesforce, hubspot):
            findable = {"review": "link", "no": "review"}[findable]
        if kind in ("initials", "native_script") and findable == "link":
            findable = "review"
        return self._paired(salesforce, hubspot, kind, findable)

    def _paired(self, salesforce: Draft, hubspot: Draft, kind: str, findable: str) -> Pair:
        pair = Pair(salesforce, hubspot, kind, findable)
        self.cast.pairs.append(pair)
        self.cast.drafts += [salesforce, hubspot]
        return pair

    def somebody(self, kind: str) -> Person:
        """A person whom that kind of difference can befall."""
        if kind == "native_script":
            firms = [firm for firm in SHARED if firm.country in ("JP", "SG")]
            return self._people.person(self._rng.choice(firms), culture="cjk")
        firm = self._firm(SHARED if kind in _FIRM_KINDS or self._rng.random() < 0.88 else COMPANIES_ONLY)
        if kind == "nickname":
            return self._people.person(
                self._firm(SHARED, "GB", "US", "AU"),
                culture="en",
                wanted=lambda given, family, sex: given in NICKNAMES,
            )
        if kind == "diacritics":
            firm = self._firm(SHARED, "DE", "PL", "FR", "NO")
            culture = {"DE": "de", "PL": "pl", "FR": "fr", "NO": "no"}[firm.country]
            return self._people.person(
                firm,
                culture=culture,
                wanted=lambda given, family, sex: to_ascii(given + family, culture) != given + family,
            )
        if kind == "married":
            firm = self._firm(SHARED, "GB", "DE")
            culture = "en" if firm.country == "GB" else "de"
            return self._people.person(firm, culture=culture, wanted=lambda given, family, sex: sex == "f")
        if kind in ("exact", "exact_other_name") and self._rng.random() < 0.06:
            return self._people.person(None)
        return self._people.person(firm, culture=None if firm.country not in ("JP", "SG") else "en")

    def movers(self) -> None:
        """Two people who changed employers, which only Salesforce has heard of."""
        for _ in range(2):
            before = self._people.person(self._firm(SHARED, "GB", "DE"))
            after = self._people.moved(before, self._firm(SHARED, "GB", "DE"))
            salesforce, hubspot = self._single("salesforce", after), self._single("hubspot", before)
            findable = "review" if _one_telephone(salesforce, hubspot) else "no"
            self.cast.pairs.append(Pair(salesforce, hubspot, "moved", findable))

    # Look-alikes.

    def look_alikes(self) -> None:
        """Different people whom one could take for one: never to be linked."""
        self._fathers_and_sons()
        self._namesakes()
        self._households()
        self._shared_mailboxes()

    def _fathers_and_sons(self) -> None:
        for place, (domain, (given, family, culture)) in enumerate(FAMILY.items()):
            father = self._people.person(self._firms[domain], culture=culture, named=(given, family, "m"))
            father = replace(father, title="Managing Director" if culture == "en" else "Geschäftsführung")
            son = replace(self._people.namesake(father), title="Trainee" if culture == "en" else "Auszubildender")
            if place == 3:  # HubSpot has both, marked
                known = self.in_both(father, "exact")
                other = self._single("hubspot", son)
                known.hubspot.values["family"], other.values["family"] = f"{family} Sr.", f"{family} Jr."
                self._never(known.salesforce, other, "father_and_son")
            elif place == 4:  # Salesforce has both, HubSpot the son under another address of his
                known = self.in_both(son, "changed_address")
                self.cast.pairs[-1] = Pair(known.salesforce, known.hubspot, "father_and_son", "review")
                self._never(self._single("salesforce", father), known.hubspot, "father_and_son")
            else:
                salesforce, hubspot = self._single("salesforce", father), self._single("hubspot", son)
                if place == 0:
                    hubspot.values["family"] = f"{family} Jr"
                self._never(salesforce, hubspot, "father_and_son")

    def _namesakes(self) -> None:
        for place, domain in enumerate(LARGE):
            first = self._people.person(self._firms[domain])
            second = self._people.namesake(first)
            if second.title == first.title:
                second = replace(second, title="Facilities Coordinator")
            if place == 0:
                known = self.in_both(first, "exact")
                self._never(known.salesforce, self._single("hubspot", second), "namesake")
            else:
                self._never(self._single("salesforce", first), self._single("hubspot", second), "namesake")

    def _households(self) -> None:
        for place in range(4):
            one = self._people.person(None, culture="en" if place % 2 else "de")
            other = self._people.spouse(one)
            husband = self._single("salesforce", one, email=one.private)
            husband.object_name = "Lead"
            if place == 0:
                known = self.in_both(other, "exact")
                known.salesforce.object_name = "Lead"
                self.cast.pairs[-1] = Pair(known.salesforce, known.hubspot, "household", "review")
                self._never(husband, known.hubspot, "household")
            else:
                self._never(husband, self._single("hubspot", other, email=one.private), "household")

    def _shared_mailboxes(self) -> None:
        for place, local in enumerate(("info", "office", "kontakt", "sales", "marketing", "hello")):
            firm = self._firm(SHARED, "DE") if local == "kontakt" else self._firm(SHARED, "GB", "US")
            address = self._people.shared_mailbox(firm, local)
            first, second = self._people.person(firm), self._people.person(firm)
            salesforce = self._single("salesforce", first, email=address)
            salesforce.object_name = "Contact"
            if place < 3:
                self._never(salesforce, self._single("hubspot", second, email=address), "shared_mailbox")
                continue
            known = self.in_both(second, "changed_address")
            known.salesforce.object_name = "Contact"
            known.salesforce.values["email"] = known.hubspot.values["email"] = address
            self.cast.pairs[-1] = Pair(known.salesforce, known.hubspot, "shared_mailbox", "review")
            self._never(salesforce, known.hubspot, "shared_mailbox")
        for local, side in (("info", "hubspot"), ("hello", "hubspot"), ("info", "salesforce"), ("team", "salesforce")):
            firm = self._firm(COMPANIES_ONLY if side == "hubspot" else ACCOUNTS_ONLY)
            address = self._people.shared_mailbox(firm, local)
            nobody = self._single("hubspot" if side == "hubspot" else "salesforce", self._people.person(firm))
            nobody.values["email"], nobody.values["family"] = address, local.capitalize()
            nobody.values.pop("given", None)

    def _never(self, salesforce: Draft, hubspot: Draft, kind: str) -> None:
        self.cast.never.append(Pair(salesforce, hubspot, kind))

    # Duplicates inside one system.

    def duplicates(self) -> None:
        """28 records of people whom the same system has already."""
        known = [pair for pair in self.cast.pairs if pair.kind == "exact" and pair.salesforce.person.firm in SHARED]
        known = [pair for pair in known if not any(pair.salesforce is other.salesforce for other in self.cast.never)]
        known = [pair for pair in known if pair.hubspot.values["email"] == pair.hubspot.person.work]
        self._rng.shuffle(known)
        for pair in known[:9]:
            self._again(pair.hubspot, email=pair.hubspot.person.private, under_nickname=True)
        for _ in range(5):
            person = self._people.person(self._firm(COMPANIES_ONLY))
            self._again(self._single("hubspot", person), email=person.private, under_nickname=True)
        for place in range(8):
            contact = known[9 + place].salesforce if place < 6 else self._single("salesforce", self._of_account())
            contact.object_name = "Contact"
            lead = self._again(contact, email=contact.person.other_work if place % 3 == 2 else None)
            lead.object_name = "Lead"
        for place in range(5):
            lead = known[15 + place].salesforce if place < 3 else self._single("salesforce", self._of_account())
            again = self._again(lead)
            lead.object_name = again.object_name = "Lead"
            if place < 3 and again.modified > lead.modified:  # the truth names the one that was changed last
                self._replace_in_pairs(lead, again)
        contact = known[20].salesforce
        again = self._again(contact)
        contact.object_name = again.object_name = "Contact"
        if again.modified > contact.modified:
            self._replace_in_pairs(contact, again)

    def _again(self, draft: Draft, *, email: str | None = None, under_nickname: bool = False) -> Draft:
        """A second record of the same person in the same system, with less in it."""
        copy = drafted(draft.side, draft.person, facts(draft.person, self._rng), self._rng)
        copy.values["email"] = email or draft.values["email"]
        wear(copy, self._rng)
        given = copy.values["given"]
        if under_nickname and given in NICKNAMES and self._rng.random() < 0.6:
            copy.values["given"] = self._rng.choice(NICKNAMES[given])
        if copy.values["email"] == copy.person.private and self._rng.random() < 0.5:
            copy.associated = False
            copy.values.pop("company", None)
        self.cast.drafts.append(copy)
        return copy

    def _replace_in_pairs(self, old: Draft, new: Draft) -> None:
        self.cast.pairs = [
            replace(pair, salesforce=new) if pair.salesforce is old else pair for pair in self.cast.pairs
        ]

    # Everybody else.

    def everybody_else(self) -> None:
        """People in one system only, up to the full numbers; some of them without any address."""
        missing = CONTACTS + LEADS - len(self.cast.of("salesforce"))
        for place in range(missing):
            draft = self._single("salesforce", self._of_account())
            if place < 6:
                draft.values.pop("email")
                draft.values["phone"] = draft.person.direct.national()
        missing = HUBSPOT_CONTACTS - len(self.cast.of("hubspot"))
        for place in range(missing):
            reader = self._rng.random() < 0.42  # of the newsletter, with a private address and little else
            person = self._people.person(None if reader else self._firm((*COMPANIES_ONLY, *COMPANIES_ONLY, *SHARED)))
            draft = self._single("hubspot", person)
            if reader:
                draft.values.update(stage="subscriber" if self._rng.random() < 0.7 else "lead", status="new")
                for name in ("phone", "mobile", "title", "street", "status", "owner"):
                    if self._rng.random() < 0.8:
                        draft.values.pop(name, None)
                        draft.times.pop(name, None)
            if place < 4:
                draft.values.pop("email")
            elif place < 30 and self._rng.random() < 0.6:
                draft.values.pop("given")
                if self._rng.random() < 0.5:
                    draft.values.pop("family")

    def _of_account(self) -> Person:
        """Somebody whom Salesforce alone knows."""
        return self._people.person(self._firm(ACCOUNTS_ONLY if self._rng.random() < 0.4 else SHARED))

    def _single(self, side: Side, person: Person, email: str | None = None) -> Draft:
        """A draft of somebody with no partner that matters, added to the cast."""
        draft = drafted(side, person, facts(person, self._rng), self._rng)
        if email:
            draft.values["email"] = email
        wear(draft, self._rng)
        self.cast.drafts.append(draft)
        return draft

    def sort_out_leads(self) -> None:
        """Make each Salesforce draft that is still open a Lead or a Contact: 110 Leads and 170 Contacts in all."""
        drafts = self.cast.of("salesforce")
        with_account = {firm.domain for firm in (*SHARED, *ACCOUNTS_ONLY)}
        for draft in drafts:
            if not draft.object_name and (draft.firm is None or draft.firm.domain not in with_account):
                draft.object_name = "Lead"
        still_open = [draft for draft in drafts if not draft.object_name]
        leads = LEADS - sum(draft.object_name == "Lead" for draft in drafts)
        self._rng.shuffle(still_open)
        for place, draft in enumerate(still_open):
            draft.object_name = "Lead" if place < leads else "Contact"

    def _firm(self, firms: tuple[Firm, ...], *countries: str) -> Firm:
        """One of the firms, the large ones more often."""
        fitting = [firm for firm in firms if not countries or firm.country in countries]
        fitting = [firm for firm in fitting if firm.domain not in FAMILY] or fitting
        return self._rng.choices(fitting, [firm.size for firm in fitting])[0]


def _one_telephone(salesforce: Draft, hubspot: Draft) -> bool:
    """Whether both drafts still hold one and the same true number of the person."""
    for name, phone in (("phone", salesforce.person.direct), ("mobile", salesforce.person.mobile)):
        end = phone.rest.replace(" ", "")[-4:]
        held = [
            "".join(letter for letter in draft.values.get(name, "") if letter.isdigit())
            for draft in (salesforce, hubspot)
        ]
        if all(number.endswith(end) for number in held):
            return True
    return False
