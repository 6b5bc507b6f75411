"""Two systems that ran apart: the same world, written down by two clerks who knew nothing of each other.

`made(settings)` gives both systems' rows with the truth and with what was done to each row, so that every miss can be
traced to its causes. The same settings give the same rows, to the byte.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final

from bench.identity import slips
from bench.identity.firms import Firm
from bench.identity.people import Job, Person, World
from bench.identity.places import MAILBOXES, PLACES, THROWN_AWAY, TITLES
from bench.identity.settings import Clerk, Settings

_NEW: Final = datetime(2026, 6, 1, tzinfo=UTC)
_TITLES_BEFORE: Final = ("Dr.", "Prof.", "Mr.", "Mrs.", "Dipl.-Ing.", "Herr", "Ms")
_GROUP: Final = ("Group", "Holding", "International", "Deutschland", "Europe")


@dataclass
class Row:
    """A person's record. email_meant, phones_meant, firm_meant: what the clerk had in mind, before slips: the common
    ground of two rows is what both had in mind. done: what was done to it, by the names of `Clerk`'s rates. beyond:
    columns of other people's data that core has no place for (a birthday), for those contenders that can use them."""

    id: str
    object: str
    person: int
    first: str = ""
    last: str = ""
    email: str = ""
    more_emails: str = ""
    company: str = ""
    website: str = ""
    phone: str = ""
    mobile: str = ""
    title: str = ""
    city: str = ""
    country: str = ""
    account: str = ""
    modified_at: datetime = _NEW
    email_meant: frozenset[str] = frozenset()
    phones_meant: frozenset[str] = frozenset()
    firm_meant: int = -1
    done: set[str] = field(default_factory=set)
    beyond: dict[str, str] = field(default_factory=dict)


@dataclass
class FirmRow:
    """A company's record."""

    id: str
    firm: int
    name: str
    website: str
    phone: str
    city: str
    modified_at: datetime = _NEW


@dataclass
class Made:
    """Both systems. kin: by person, what makes them easily mistaken (`Person.kin`). described: by person, kinds of
    case that no single row shows."""

    lefts: list[Row]
    rights: list[Row]
    accounts: list[FirmRow]
    companies: list[FirmRow]
    kin: dict[int, list[tuple[str, int]]]
    described: dict[int, set[str]]


def made(settings: Settings) -> Made:
    """Both systems of a set."""
    left_people, right_people = (
        int(wanted / (1 + clerk.duplicates * (1 + clerk.duplicates_more)))
        for wanted, clerk in ((settings.left, settings.left_clerk), (settings.right, settings.right_clerk))
    )
    both = int(settings.overlap * min(left_people, right_people))
    world = World(settings, left_people + right_people - both)
    random = Random(settings.seed * 7_919 + 1)
    order = list(world.people)
    random.shuffle(order)
    # Relatives and namesakes stand in different systems as often as in one: that is what makes them dangerous.
    lefts, rights = order[:left_people], order[left_people - both :]
    left = _System(settings, settings.left_clerk, "left", Random(settings.seed * 7_919 + 2))
    right = _System(settings, settings.right_clerk, "right", Random(settings.seed * 7_919 + 3))
    left.write(lefts)
    right.write(rights)
    return Made(
        left.rows,
        right.rows,
        left.firm_rows,
        right.firm_rows,
        {person.id: person.kin for person in world.people if person.kin},
        {person.id: found for person in world.people if (found := _described(person))},
    )


def _described(person: Person) -> set[str]:
    found = {kind for kind, _ in person.kin}
    found |= {"changed jobs"} if len(person.jobs) > 1 else set()
    found |= {"changed surname"} if person.family_before else set()
    found |= {"another script"} if _foreign(person.family) else set()
    found |= {"consumer"} if not person.jobs else set()
    return found


def _foreign(text: str) -> bool:
    """Whether a text is not in Latin letters."""
    return any(letter.isalpha() and ord(letter) > 0x24F and not 0x1E00 <= ord(letter) <= 0x1EFF for letter in text)


class _System:
    """One system and its clerk."""

    def __init__(self, settings: Settings, clerk: Clerk, side: str, random: Random) -> None:
        self.settings, self.clerk, self.side, self.random = settings, clerk, side, random
        self.rows: list[Row] = []
        self.firm_rows: list[FirmRow] = []
        self._of_firm: dict[int, list[FirmRow]] = defaultdict(list)
        self._colleagues: dict[int, list[Person]] = defaultdict(list)
        self._primaries: set[str] = set()

    def write(self, people: Sequence[Person]) -> None:
        for person in people:
            for job in person.jobs:
                self._colleagues[job.firm.id].append(person)
        for person in people:
            copies = 1
            if self._happens(self.clerk.duplicates):
                copies += 1 + self._happens(self.clerk.duplicates_more)
            for copy in range(copies):
                self._row(person, duplicate=copy > 0)
        self.random.shuffle(self.rows)
        for at, row in enumerate(self.rows):
            row.id = f"{_PREFIX[row.object]}{at:012d}AAA" if self.side == "left" else str(100_000_001 + at)

    def _happens(self, share: float) -> bool:
        return self.random.random() < share

    # --- one record

    def _row(self, person: Person, *, duplicate: bool) -> None:
        random = self.random
        lead = self.side == "left" and (self._happens(self.settings.leads) or not person.jobs)
        object_name = ("Lead" if lead else "Contact") if self.side == "left" else "contacts"
        row = Row("", object_name, person.id)
        row.modified_at = _NEW - timedelta(seconds=random.randrange(4 * 365 * 86_400))
        if duplicate:
            row.done.add("duplicate")
        job = person.jobs[-1] if person.jobs else None
        if len(person.jobs) > 1 and self._does(row, "old_job"):
            job = person.jobs[0]
        self._company(row, person, job)
        self._email(row, person, job)
        self._telephones(row, person, job)
        self._name(row, person)
        if job and not self._does(row, "no_title"):
            ways = TITLES[job.title]
            row.title = ways[0] if self._happens(0.6) else random.choice(ways)
        if not self._does(row, "no_city"):
            row.city = person.city
        row.country = PLACES[job.firm.culture if job else person.culture].region
        if self._does(row, "placeholder"):
            self._fill(row)
        if self.side == "right" and row.email:
            if row.email.lower() in self._primaries:  # one contact for an address: the second goes without
                row.email, row.email_meant = "", frozenset()
                row.done.add("no_email")
            else:
                self._primaries.add(row.email.lower())
        if not (row.email or row.last):
            row.last = person.family
            row.done.discard("no_last")
        self.rows.append(row)

    def _does(self, row: Row, rate: str) -> bool:
        """Whether something happens to this row; noted if so."""
        found = self._happens(getattr(self.clerk, rate))
        if found:
            row.done.add(rate)
        return found

    # --- the name

    def _name(self, row: Row, person: Person) -> None:
        random = self.random
        given, family = self._form_of_name(row, person)
        for slip in ("keyboard", "phonetic", "ocr"):
            change = getattr(slips, slip)
            if self._does(row, slip):
                in_given = self._happens(0.4)
                given, family = (change(random, given), family) if in_given else (given, change(random, family))
        if person.generation and not self._does(row, "suffix_dropped"):
            family = f"{family} {person.generation}"
        if self._does(row, "honorific"):
            given = f"{random.choice(_TITLES_BEFORE)} {given}"
        if self._does(row, "no_first"):
            given = ""
        # Without an address the name is all there is, and it is asked for: who leaves out both is nobody's contact.
        if row.email and self._does(row, "no_last"):
            family = ""
        if self._does(row, "case"):
            given, family = slips.cased(random, given), slips.cased(random, family)
        if given and family and self._does(row, "one_field"):
            given, family = "", f"{given} {family}"
        elif given and family and self._does(row, "swapped"):
            given, family = family, given
        row.first, row.last = given, family

    def _form_of_name(self, row: Row, person: Person) -> tuple[str, str]:
        """Which of the ways of writing someone's name this record has, without any slip."""
        random = self.random
        given, second, family = person.given, person.second, person.family
        if person.family_before and self._does(row, "old_surname"):
            family = person.family_before
        if person.familiar and self._does(row, "nickname"):
            given, second = random.choice(person.familiar), ""
        if second and not self._does(row, "middle_dropped"):
            given = f"{given} {second[0] + '.' if self._does(row, 'middle_initial') else second}"
        of_two = person.first_family if family == person.family else ""
        if ("-" in family or of_two) and self._does(row, "half_double"):
            family = of_two or random.choice(family.split("-"))
        script = _foreign(family)
        if script and self._does(row, "latin"):
            other = self._happens(0.3)
            known = {person.given: person.latin_given, person.family: person.latin_family}
            given, family = (known.get(one) or slips.latin(random, one, other=other) for one in (given, family))
        elif not script and not (given + family).isascii() and self._does(row, "plain_letters"):
            given, family = (slips.plain_letters(random, text) for text in (given, family))
        if self._does(row, "initial"):
            given = f"{given[0]}."
        return given, family

    # --- where

    def _company(self, row: Row, person: Person, job: Job | None) -> None:
        if job is None:  # a lead must have a company, and a consumer has none
            ways = (f"{person.given} {person.family}", person.family, "Private", "n/a", "-")
            row.company = self.random.choice(ways) if row.object == "Lead" else ""
            return
        row.firm_meant = job.firm.id
        if row.object == "Contact":
            row.account = self._firm_row(job.firm).id
            return
        if self.side == "right" and self._happens(0.55):
            row.account = self._firm_row(job.firm).id
        if not self._does(row, "no_company"):
            row.company = self._written(row, job.firm)
        if not self._does(row, "no_website"):
            row.website = self._site(job.firm)
        if not (row.account or row.company or row.website):
            row.firm_meant = -1

    def _written(self, row: Row, firm: Firm) -> str:
        random = self.random
        name = firm.trade if self._does(row, "trade_name") else firm.name
        if self._does(row, "group_word"):
            name = f"{name} {random.choice(_GROUP)}"
        if firm.legal and self._does(row, "legal_other"):
            name = f"{name} {random.choice(PLACES[firm.culture].legal)}"
        elif firm.legal and not self._does(row, "legal_dropped"):
            name = f"{name} {firm.legal}"
        if self._happens(self.clerk.keyboard):
            row.done.add("slip in company")
            name = slips.keyboard(random, name)
        return slips.cased(random, name) if self._happens(0.05) else name

    def _site(self, firm: Firm) -> str:
        host = firm.hosts[0] if self._happens(0.9) else self.random.choice(firm.hosts)
        ways = (host, f"www.{host}", f"https://www.{host}/", f"http://{host}", f"https://{host}/en/contact")
        return self.random.choice(ways)

    def _firm_row(self, firm: Firm) -> FirmRow:
        """The company's record in this system; a few companies are there twice."""
        known = self._of_firm[firm.id]
        if known and not (len(known) == 1 and self._happens(0.01)):
            return self.random.choice(known)
        random, row = self.random, Row("", "Account", -1)
        made_row = FirmRow(
            id=f"001{len(self.firm_rows):012d}AAA" if self.side == "left" else str(500_000_001 + len(self.firm_rows)),
            firm=firm.id,
            name=self._written(row, firm),
            website=self._site(firm) if self._happens(0.7 if self.side == "left" else 0.85) else "",
            phone=slips.written_number(random, firm.phone) if self._happens(0.5) else "",
            city=firm.city if self._happens(0.7) else "",
            modified_at=_NEW - timedelta(seconds=random.randrange(4 * 365 * 86_400)),
        )
        known.append(made_row)
        self.firm_rows.append(made_row)
        return made_row

    # --- addresses

    def _email(self, row: Row, person: Person, job: Job | None) -> None:
        random = self.random
        if self._does(row, "no_email"):
            return
        address = job.address if job else person.private
        if job and len(person.jobs) > 1 and job is person.jobs[-1] and self._does(row, "old_address"):
            address = person.jobs[0].address
        if job and self._does(row, "private_address"):
            address = person.private
        if person.house_mailbox and self._happens(0.35):
            address = person.house_mailbox
            row.done.add("house_mailbox")
        if job and self._does(row, "role_mailbox"):
            address = f"{random.choice(MAILBOXES)}@{job.firm.hosts[0]}"
        elif job and self._does(row, "assistant"):
            others = [one for one in self._colleagues[job.firm.id] if one is not person]
            address = random.choice(others).jobs[-1].address if others else address
        elif self._does(row, "disposable"):
            address = f"{person.given[:1].lower()}{random.randint(1, 10**6)}@{random.choice(THROWN_AWAY)}".encode(
                "ascii", "ignore"
            ).decode()
        meant = {address}
        written = address
        if self._happens(self.clerk.keyboard):
            row.done.add("slip in address")
            local, _, host = address.partition("@")
            at_host = self._happens(0.4)
            written = f"{local}@{_host_slip(random, host)}" if at_host else f"{slips.keyboard(random, local)}@{host}"
        if self._happens(0.06):
            written = written.upper() if self._happens(0.3) else written.title()
        if self.side == "right" and self._does(row, "second_address"):
            other = person.private if address != person.private else (job.address if job else person.private)
            meant.add(other)
            row.more_emails = other if other != address else ""
        row.email, row.email_meant = written, frozenset(meant)

    def _telephones(self, row: Row, person: Person, job: Job | None) -> None:
        random, meant = self.random, set()
        if not self._does(row, "no_phone"):
            line = person.home
            if job and not self._does(row, "private_phone"):
                line = job.firm.phone if self._does(row, "switchboard") else job.line
            row.phone, line = self._dialled(row, line)
            meant.add(line)
        if not self._does(row, "no_mobile"):
            row.mobile, line = self._dialled(row, person.mobile)
            meant.add(line)
        row.phones_meant = frozenset(meant)
        if row.phone and self._happens(self.clerk.keyboard):
            digit = random.randrange(len(row.phone))
            if row.phone[digit].isdigit():
                row.phone = f"{row.phone[:digit]}{random.randint(0, 9)}{row.phone[digit + 1 :]}"
                row.done.add("slip in telephone")

    def _dialled(self, row: Row, line: str) -> tuple[str, str]:
        if self._does(row, "new_phone"):
            line = f"{line[:-4]}{self.random.randint(0, 9_999):04d}"
        return slips.written_number(self.random, line), line

    def _fill(self, row: Row) -> None:
        kind = self.random.randrange(4)
        if kind == 0:
            row.email, row.email_meant = (
                self.random.choice(("test@test.com", "noemail@example.com", "na@na.com")),
                frozenset(),
            )
        elif kind == 1:
            row.first = self.random.choice(("Unknown", "n/a", "-", "Test"))
        elif kind == 2 and row.company:
            row.company, row.firm_meant = self.random.choice(("n/a", "Private", "-", "Unknown")), -1
        else:
            row.phone = self.random.choice(("0000000000", "123456789", "n/a"))


_PREFIX: Final = {"Contact": "003", "Lead": "00Q"}


def _host_slip(random: Random, host: str) -> str:
    label, _, ending = host.partition(".")
    if random.random() < 0.3:
        return f"{label}.{random.choice(('con', 'co', 'cm', 'net', 'de'))}"
    return f"{slips.keyboard(random, label)}.{ending}"
