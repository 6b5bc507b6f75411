"""What people of the world `revenue` do beside buying: activities, cases, subscriptions, campaigns, by number.

Everything follows from the cast and a number, as in `revenue_cast`. May not know the fields of a system.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from concord_sandbox.worlds.revenue_cast import AT_A_FIRM, BUYER, FRESH, MQL, SECOND, Cast, Firm, Person
from concord_sandbox.worlds.schema import BASE

CALL, MEETING, EMAIL, NOTE, TASK = range(5)
#: Where HubSpot's ids of each object type begin (`Cast.hs_id`); companies, contacts and deals have 1 to 3.
(TICKETS, PRODUCTS_, LINES, SUBSCRIPTIONS, CALLS, MEETINGS, EMAILS, NOTES, TASKS, ENROLMENTS, MERGED) = range(4, 15)
PLANS = ("Starter", "Team", "Company")
SUBSCRIPTION_STATES = ("Active", "Active", "Paused", "Cancelled")
#: Case status and ticket stage, in the order in which a request goes through them.
REQUEST_STAGES = (("New", "1"), ("Working", "3"), ("Escalated", "5"), ("Closed", "4"))
_REQUESTS = ("Cannot open the monthly report", "Invoice has the wrong address", "Please add two seats",
             "Numbers differ from our own", "How do we export the list?")  # fmt: skip


@dataclass(frozen=True)
class Activity:
    """The one thing that happened with a person that both systems keep. about: the number of a deal."""

    person: Person
    kind: int
    at: datetime
    done: bool
    about: int | None

    @property
    def number(self) -> int:
        return self.person.number

    @property
    def subject(self) -> str:
        return ("Call about the offer", "Kick-off meeting", "Your questions", "Note", "Send the draft")[self.kind]

    @property
    def counts(self) -> bool:
        """Whether it makes its day the last one on which the person was active."""
        return self.kind in (CALL, MEETING, EMAIL) or (self.kind == TASK and self.done)


@dataclass(frozen=True)
class Request:
    """A case in Salesforce and a ticket in HubSpot."""

    number: int
    firm: Firm
    subject: str
    stage: int
    created: datetime
    closed: datetime | None

    @property
    def stages(self) -> tuple[str, str]:
        return REQUEST_STAGES[self.stage]

    @property
    def case_number(self) -> str:
        return f"{1001 + self.number:08d}"

    @property
    def priority(self) -> str:
        return ("Medium", "High", "Low")[self.number % 3]


@dataclass(frozen=True)
class Subscription:
    """What a customer pays by the month."""

    firm: Firm
    code: str
    plan: str
    status: str
    seats: int
    price: float
    starts: date


@dataclass(frozen=True)
class Campaign:
    """A campaign and the statuses that its members can have: label, whether it means a response."""

    number: int
    name: str
    kind: str
    starts: date
    statuses: tuple[tuple[str, bool], ...]
    parent: int | None = None


_WEBINAR = (("Invited", False), ("Registered", True), ("Attended", True))
_MAILING = (("Sent", False), ("Opened", False), ("Responded", True))
CAMPAIGNS = (
    Campaign(0, "Autumn 2026", "Other", (BASE - timedelta(days=90)).date(), _MAILING),
    Campaign(1, "Webinar: first-party data", "Webinar", (BASE - timedelta(days=40)).date(), _WEBINAR, 0),
    Campaign(2, "October newsletter", "Email", (BASE - timedelta(days=30)).date(), _MAILING, 0),
    Campaign(3, "Trade fair Cologne", "Trade Show", (BASE - timedelta(days=70)).date(), _WEBINAR, 0),
)


class Plans:
    """What the cast does, by number."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.salesforce_leads: list[int] = []
        self.contacts: list[int] = []
        self.hubspot: list[int] = []
        self.both: list[int] = []
        for one in map(cast.person, range(cast.people)):
            if one.in_hubspot:
                self.hubspot.append(one.number)
            if one.in_salesforce:
                (self.salesforce_leads if one.is_lead else self.contacts).append(one.number)
                if one.in_hubspot:
                    self.both.append(one.number)
        #: Numbers of those with a second record in Salesforce, by why.
        self.doubled = [number for number in self.contacts if cast.person(number).lead_beside]
        self.converted = [number for number in self.contacts if cast.person(number).converted]
        self.customers = range(0, cast.firms, 2)
        self.activities = {
            kind: [number for number in self.both if number % 5 == kind] for kind in (CALL, MEETING, EMAIL, NOTE, TASK)
        }
        #: Opportunities and deals.
        deals = [(one.number, one.in_salesforce, one.in_hubspot, len(one.lines))
                 for one in map(cast.deal, range(3 * cast.firms))]  # fmt: skip
        self.opportunities = [number for number, here, _, _ in deals if here]
        self.deals = [number for number, _, there, _ in deals if there]
        self.lines = [(number, place) for number, _, _, lines in deals for place in range(lines)]

    def activity(self, number: int) -> Activity:
        person = self.cast.person(number)
        kind, buys = number % 5, person.slot in (BUYER, SECOND)
        done = kind != TASK or person.firm.number % 2 == 0
        return Activity(person, kind, person.active_on, done, 3 * person.firm.number if buys else None)

    def last_activity(self, person: Person) -> date | None:
        """The day of the person's last activity in Salesforce."""
        found = self.activity(person.number) if person.in_both and person.number % 5 != NOTE else None
        return found.at.date() if found is not None and found.counts else None

    def firm_activity(self, firm: Firm) -> date | None:
        """The same of a firm: of those who are contacts there."""
        return self._latest(firm, range(AT_A_FIRM))

    def deal_activity(self, deal: int) -> date | None:
        """The same of a deal: activities are about a firm's first deal."""
        return self._latest(self.cast.firm(deal // 3), (BUYER, SECOND)) if deal % 3 == 0 else None

    def _latest(self, firm: Firm, slots: range | tuple[int, ...]) -> date | None:
        numbers = (firm.number * AT_A_FIRM + slot for slot in slots)
        people = (self.cast.person(number) for number in numbers if number < self.cast.people)
        days = [day for one in people if not one.is_lead and (day := self.last_activity(one)) is not None]
        return max(days, default=None)

    def request(self, firm: int) -> Request:
        stage, created = firm % len(REQUEST_STAGES), BASE - timedelta(days=2 + firm % 50, hours=firm % 9)
        closed = created + timedelta(hours=20) if REQUEST_STAGES[stage][0] == "Closed" else None
        return Request(firm, self.cast.firm(firm), _REQUESTS[firm % len(_REQUESTS)], stage, created, closed)

    def subscription(self, place: int) -> Subscription:
        firm = self.cast.firm(self.customers[place])
        plan = place % len(PLANS)
        return Subscription(
            firm=firm,
            code=f"SUB-{place + 1:06d}",
            plan=PLANS[plan],
            status=SUBSCRIPTION_STATES[place % len(SUBSCRIPTION_STATES)],
            seats=3 + firm.number * 5 % 60,
            price=(19.0, 29.0, 49.0)[plan],
            starts=(BASE - timedelta(days=30 + place % 700)).date(),
        )

    @staticmethod
    def campaign_of(person: Person) -> tuple[Campaign, str, bool]:
        """The campaign that a person of Salesforce is a member of, with status and whether that is a response."""
        campaign = CAMPAIGNS[1 + person.number % 3]
        label, responded = campaign.statuses[person.number // 3 % len(campaign.statuses)]
        return campaign, label, responded

    def members(self) -> list[int]:
        """Everybody in Salesforce who is a campaign's member."""
        return sorted(
            number for number in (*self.salesforce_leads, *self.contacts) if not self.cast.person(number).gone
        )

    def enrolment(self, person: Person) -> bool | None:
        """Whether the person is in a sequence now (true), was once (false), or never (None)."""
        if person.slot == MQL and person.firm.number % 3 == 0 and person.opted_out is None:
            return True
        return False if person.slot == FRESH and person.firm.number % 3 == 1 else None
