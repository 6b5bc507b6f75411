"""Who and what there is in the world `revenue`, by number: firms, people, deals and the rest, as no system writes them.

Everything follows from the seed and a number, so that nothing has to be kept. May not know the fields of a system.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from concord_sandbox.worlds.ids import salesforce_id
from concord_sandbox.worlds.names import GIVEN, SURNAMES, to_ascii
from concord_sandbox.worlds.schema import BASE, COLLEAGUES, Colleague

#: Everybody at a firm has a place: 0 and 1 buy, 2 is an MQL, 3 a fresh lead, 4 has two addresses, 5 only reads the
#: newsletter (HubSpot alone), 6 was met at a fair (Salesforce alone), 7 is another contact, now and then a lead too.
AT_A_FIRM = 8
BUYER, SECOND, MQL, FRESH, TWO_ADDRESSES, READER, MET, COLLEAGUE = range(AT_A_FIRM)
DEALS_OF_A_FIRM = 3
NEW, FOLLOWING, ONE_SIDED = range(DEALS_OF_A_FIRM)
_KEPT = 4096
_FIRMS_FROM = BASE - timedelta(days=900)
_TRADES = ("Analytics", "Brewing", "Ceramics", "Dental", "Electric", "Freight", "Gardens", "Hotels", "Instruments",
           "Joinery", "Kitchens", "Logistics", "Mobility", "Networks", "Optics", "Packaging")  # fmt: skip
_GIVEN = [name for pool in ("en", "de") for name in (*GIVEN[pool].female, *GIVEN[pool].male)]
_TITLES = ("Head of Sales", "Marketing Manager", "Buyer", "Founder", "Finance Director", "Operations Lead")


def typed(name: str) -> str:
    """A name as it stands in an address."""
    return "".join(letter for letter in to_ascii(name, "de").lower() if letter.isalnum())


_SURNAMES = list({typed(name): name for pool in ("en", "de") for name in SURNAMES[pool]}.values())


@dataclass(frozen=True)
class Place:
    """A country with one of its towns, the currency that is paid there, and how numbers begin."""

    country: str
    code: str
    city: str
    postcode: str
    street: str
    currency: str
    phone: str


PLACES = (
    Place("Germany", "DE", "Hamburg", "20095", "Speicherweg", "EUR", "+49 40 66969"),
    Place("United Kingdom", "GB", "Leeds", "LS1 4AP", "Canal Street", "GBP", "+44 113 496 0"),
    Place("United States", "US", "Denver", "80202", "Union Avenue", "USD", "+1 303 555 01"),
    Place("France", "FR", "Lyon", "69002", "Rue du Pont", "EUR", "+33 4 65 71 "),
)


@dataclass(frozen=True)
class Product:
    """What is sold. price: of one, by currency."""

    number: int
    code: str
    name: str
    family: str
    price: dict[str, float]


def _products() -> tuple[Product, ...]:
    rows = (
        ("LF-AUD", "Audit", "Services", 1200), ("LF-WEB", "Website care", "Services", 450),
        ("LF-SEO", "Search package", "Services", 800), ("LF-ADS", "Campaign desk", "Services", 2400),
        ("LF-SEAT", "Insight seat", "Software", 39), ("LF-DATA", "Data pack", "Software", 150),
        ("LF-TRN", "Training day", "Training", 950), ("LF-EVT", "Event stand", "Events", 3100),
    )  # fmt: skip
    return tuple(
        Product(number, code, name, family, {"EUR": price, "USD": round(price * 1.1), "GBP": round(price * 0.9)})
        for number, (code, name, family, price) in enumerate(rows)
    )


PRODUCTS = _products()


@dataclass(frozen=True)
class Firm:
    """A company. customer: it bought. parent: the number of the firm that it belongs to."""

    number: int
    name: str
    domain: str
    place: Place
    owner: Colleague
    created: datetime
    parent: int | None
    customer: bool
    staff: int
    turnover: int
    account_id: str
    company_id: str

    @property
    def street(self) -> str:
        return f"{self.place.street} {self.number % 90 + 1}"


@dataclass(frozen=True)
class Person:
    """Somebody at a firm. email: at work; other_email: the address that HubSpot has as the first one, if another."""

    number: int
    given: str
    family: str
    firm: Firm
    title: str
    email: str
    other_email: str | None
    phone: str
    created: datetime
    owner: Colleague
    contact_id: str
    lead_id: str
    hubspot_id: str
    individual_id: str

    @property
    def slot(self) -> int:
        return self.number % AT_A_FIRM

    @property
    def is_lead(self) -> bool:
        """Whether Salesforce has them as a lead."""
        return self.slot in (MQL, FRESH, MET)

    @property
    def in_salesforce(self) -> bool:
        return self.slot != READER

    @property
    def in_hubspot(self) -> bool:
        return self.slot != MET

    @property
    def in_both(self) -> bool:
        return self.in_salesforce and self.in_hubspot

    @property
    def lead_beside(self) -> bool:
        """Whether Salesforce has a lead of theirs that nobody saw is the same person."""
        return self.slot == COLLEAGUE and self.firm.number % 3 == 0

    @property
    def converted(self) -> bool:
        """Whether the contact was a lead before."""
        return self.slot == SECOND and self.firm.number % 2 == 1

    @property
    def gone(self) -> bool:
        """Whether somebody threw the record away: a Salesforce lead, or a HubSpot contact, of those in one system."""
        return (self.slot == MET and self.firm.number % 10 == 9) or (self.slot == READER and self.firm.number % 10 == 8)

    @property
    def opted_out(self) -> datetime | None:
        """When they opted out of all e-mail."""
        return BASE - timedelta(days=5 + self.number % 90) if self.number % 11 == 4 else None

    @property
    def unwanted(self) -> bool:
        """Whether the admin keeps an Individual for them, because they asked something of their data."""
        return self.in_salesforce and self.number % 9 == 1

    @property
    def sf_object(self) -> str:
        return "Lead" if self.is_lead else "Contact"

    @property
    def sf_id(self) -> str:
        return self.lead_id if self.is_lead else self.contact_id

    @property
    def stage(self) -> str:
        """HubSpot's lifecycle stage."""
        if self.slot in (BUYER, SECOND):
            return "customer" if self.firm.customer else "opportunity"
        return {MQL: "marketingqualifiedlead", READER: "subscriber", FRESH: "lead", MET: "lead"}.get(
            self.slot, "salesqualifiedlead"
        )

    @property
    def active_on(self) -> datetime:
        """When the one thing happened that both systems keep of them."""
        return BASE - timedelta(days=3 + self.number % 60, hours=self.number % 7)


@dataclass(frozen=True)
class Line:
    """One product of a deal. discount: in per cent."""

    number: int
    product: Product
    quantity: int
    price: float
    discount: int

    @property
    def total(self) -> float:
        return round(self.price * self.quantity * (1 - self.discount / 100), 2)


@dataclass(frozen=True)
class Deal:
    """A deal of a firm. stage: its place in the row of stages of its kind (`stages`)."""

    number: int
    firm: Firm
    renewal: bool
    stage: int
    closes: date
    created: datetime
    lines: tuple[Line, ...]
    amount: float
    opportunity_id: str
    hubspot_id: str

    @property
    def kind(self) -> int:
        return self.number % DEALS_OF_A_FIRM

    @property
    def in_salesforce(self) -> bool:
        return self.kind != ONE_SIDED or self.firm.number % 2 == 0

    @property
    def in_hubspot(self) -> bool:
        return self.kind != ONE_SIDED or self.firm.number % 2 == 1

    @property
    def stages(self) -> tuple[str, str]:
        """The stage in Salesforce and in HubSpot."""
        return (RENEWAL_STAGES if self.renewal else NEW_STAGES)[self.stage]

    @property
    def stages_before(self) -> tuple[str, str]:
        """The stages before these; only for a deal that moved."""
        return (RENEWAL_STAGES if self.renewal else NEW_STAGES)[0 if self.closed else self.stage - 1]

    @property
    def moved(self) -> datetime:
        """When it came into its stage."""
        return self.created + timedelta(days=40)

    @property
    def closed(self) -> bool:
        return self.won or self.lost

    @property
    def won(self) -> bool:
        return self.stages[0] == "Closed Won"

    @property
    def lost(self) -> bool:
        return self.stages[0] == "Closed Lost"

    @property
    def name(self) -> str:
        return f"{self.firm.name} - {('New business', 'Renewal' if self.renewal else 'Pilot', 'Expansion')[self.kind]}"


NEW_STAGES = (
    ("Qualification", "appointmentscheduled"),
    ("Needs Analysis", "qualifiedtobuy"),
    ("Value Proposition", "presentationscheduled"),
    ("Id. Decision Makers", "decisionmakerboughtin"),
    ("Proposal/Price Quote", "contractsent"),
    ("Closed Lost", "closedlost"),
    ("Closed Won", "closedwon"),
)
RENEWAL_STAGES = (
    ("Prospecting", "renewal_due"),
    ("Proposal/Price Quote", "renewal_offered"),
    ("Negotiation/Review", "renewal_negotiated"),
    ("Closed Lost", "renewal_lost"),
    ("Closed Won", "renewal_won"),
)


class Cast:
    """Everybody and everything, by number."""

    def __init__(self, seed: int, people: int) -> None:
        rng = random.Random(seed)
        self._shift = rng.randrange(len(_SURNAMES) * len(_TRADES) // 2)
        self._stride = rng.choice((7, 11, 13, 17))
        self._first = 10**6 + rng.randrange(10**6)
        self.people = people
        self.firms = -(-people // AT_A_FIRM)
        # The same few are asked for again and again while a world is read from its beginning to its end.
        self.firm: Callable[[int], Firm] = lru_cache(_KEPT)(self._firm)
        self.person: Callable[[int], Person] = lru_cache(_KEPT)(self._person)
        self.deal: Callable[[int], Deal] = lru_cache(_KEPT)(self._deal)

    def sf_id(self, prefix: str, number: int) -> str:
        return salesforce_id(prefix, self._first + 3 * number)

    def hs_id(self, kind: int, number: int) -> str:
        """The id of a HubSpot record; kind: a number for each object type, which keeps their ids apart."""
        return str(kind * 10**10 + 1000 * self._first + 17 * number)

    def _firm(self, number: int) -> Firm:
        mark = number + self._shift
        round_, place = divmod(mark, len(_SURNAMES) * len(_TRADES))
        family, trade = _SURNAMES[place % len(_SURNAMES)], _TRADES[place // len(_SURNAMES)]
        again = str(round_ + 1) if round_ else ""
        return Firm(
            number=number,
            name=f"{family} {trade}" + (f" {again}" if again else ""),
            domain=f"{typed(family)}-{typed(trade)}{again}.example",
            place=PLACES[mark % len(PLACES)],
            owner=COLLEAGUES[mark % len(COLLEAGUES)],
            created=_FIRMS_FROM + timedelta(days=number % 600, minutes=number % 480),
            parent=number - number % 6 if number % 6 in (2, 5) else None,
            customer=number % 2 == 0,
            staff=10 + mark * 37 % 4000,
            turnover=100_000 * (1 + mark * 13 % 900),
            account_id=self.sf_id("001", number),
            company_id=self.hs_id(1, number),
        )

    def _person(self, number: int) -> Person:
        firm, slot = self.firm(number // AT_A_FIRM), number % AT_A_FIRM
        mark = self._shift + number * self._stride
        given, family = _GIVEN[mark % len(_GIVEN)], _SURNAMES[mark // 3 % len(_SURNAMES)]
        email = f"{typed(given)}.{typed(family)}@{firm.domain}"
        if firm.number % 4 == 1 and slot in (READER, MET):
            email = f"info@{firm.domain}"  # two people who share a mailbox
        elsewhere = f"{typed(given)}.{typed(family)}{number}@post.example" if slot == TWO_ADDRESSES else None
        return Person(
            number=number,
            given=given,
            family=family,
            firm=firm,
            title=_TITLES[mark % len(_TITLES)],
            email=email,
            other_email=elsewhere,
            phone=f"{firm.place.phone}{number % 100:02d}",
            created=firm.created + timedelta(days=1 + slot * 3, minutes=slot * 11),
            owner=COLLEAGUES[(firm.number + slot) % len(COLLEAGUES)],
            contact_id=self.sf_id("003", number),
            lead_id=self.sf_id("00Q", number),
            hubspot_id=self.hs_id(2, number),
            individual_id=self.sf_id("0PK", number),
        )

    def _deal(self, number: int) -> Deal:
        firm, kind = self.firm(number // DEALS_OF_A_FIRM), number % DEALS_OF_A_FIRM
        renewal = kind == FOLLOWING and firm.customer
        stage = (firm.number // 2 + kind) % (len(RENEWAL_STAGES) if renewal else len(NEW_STAGES) - 1)
        if kind == NEW and firm.customer:
            stage = len(NEW_STAGES) - 1
        closed = "Closed" in (RENEWAL_STAGES if renewal else NEW_STAGES)[stage][0]
        days = number % 50 + 4
        lines = tuple(self._line(number, place, firm) for place in range(0 if kind == ONE_SIDED else 1 + number % 2))
        return Deal(
            number=number,
            firm=firm,
            renewal=renewal,
            stage=stage,
            closes=(BASE + timedelta(days=-days if closed else days)).date(),
            created=BASE - timedelta(days=60 + number % 90),
            lines=lines,
            amount=round(sum(line.total for line in lines), 2) if lines else 500.0 * (1 + number % 40),
            opportunity_id=self.sf_id("006", number),
            hubspot_id=self.hs_id(3, number),
        )

    @staticmethod
    def _line(deal: int, place: int, firm: Firm) -> Line:
        product = PRODUCTS[(deal + 3 * place) % len(PRODUCTS)]
        price = product.price[firm.place.currency]
        return Line(2 * deal + place, product, 1 + deal * 7 % 9, price, 10 if deal % 4 == 1 else 0)

    def buyer(self, firm: int) -> Person:
        return self.person(firm * AT_A_FIRM + BUYER)

    def second(self, firm: int) -> Person | None:
        """The second buyer, whom the last firm may lack."""
        number = firm * AT_A_FIRM + SECOND
        return self.person(number) if number < self.people else None
