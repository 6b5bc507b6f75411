"""The law of one door: a candidate pair is exactly one of same, ask, new; better evidence never lowers the score."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from concord.core import companies, identity
from concord.core.companies import Company
from concord.core.domains import is_free, is_role
from concord.core.identity import Bounds, Crowd, Door, Person, compare, judge, match
from concord.core.values import Ref

GIVEN = st.sampled_from(
    ["", "Anna", "Anna Maria", "A.", "Anne", "Bob", "Robert", "Jürgen", "Juergen", "Anan", "太郎", "John"]
)
FAMILY = st.sampled_from(
    ["", "Huber", "Hubre", "Huber Jr.", "Huber Sr.", "Müller", "Mueller-Lang", "Smith", "山田", "Acme"]
)
LOCALS = st.sampled_from(
    ["anna.huber", "a.huber", "anna.hubre", "anna.huber2", "bob", "info", "skipper.blue", "rsmith"]
)
HOSTS = st.sampled_from(["acme.com", "acme.de", "acmecorp.com", "acmcorp.com", "gmail.com", "gmx.de"])
PHONES = st.sampled_from(["+4917112345678", "+4917112345679", "+4930123456", "30123456", "2125550123"])
TITLES = st.sampled_from(["", "Buyer", "CEO"])
COMPANIES = st.sampled_from(["", "Acme GmbH", "Acme", "Acme Group", "Zenith Ltd"])


@st.composite
def people(draw: st.DrawFn) -> Person:
    emails = tuple(dict.fromkeys(f"{a}@{b}" for a, b in draw(st.lists(st.tuples(LOCALS, HOSTS), max_size=2))))
    hosts = [*draw(st.lists(HOSTS, max_size=1)), *(one.partition("@")[2] for one in emails)]
    return Person(
        Ref("", "", ""),
        emails,
        draw(GIVEN),
        draw(FAMILY),
        draw(COMPANIES),
        tuple(dict.fromkeys(host for host in hosts if not is_free(host))),
        tuple(draw(st.lists(PHONES, max_size=1))),
        draw(TITLES),
        other_ids=draw(st.sampled_from([frozenset(), frozenset({"1"}), frozenset({"2"})])),
    )


def left(person: Person, number: int = 1) -> Person:
    return replace(person, ref=Ref("salesforce", "Contact", str(number)))


def right(person: Person, number: int = 2) -> Person:
    return replace(person, ref=Ref("hubspot", "contacts", str(number)))


@given(people(), people(), st.floats(0, 100), st.floats(0, 100))
def test_a_pair_goes_through_exactly_one_door(a: Person, b: Person, one: float, other: float) -> None:
    bounds = Bounds(link=max(one, other), ask=min(one, other))
    score = compare(left(a), right(b), Crowd())
    assert [door for door in Door if judge(score, bounds) is door] == [judge(score, bounds)]
    assert compare(right(b), left(a), Crowd()) == score
    assert score.value == min(100, max(0, round(sum(line.points for line in score.evidence), 1)))
    if score.barred:
        assert score.value <= 89
        assert judge(score, bounds) is not Door.SAME


Pair = tuple[Person, Person]


def _address(a: Person, b: Person, text: str) -> Pair:
    assume(not is_role(text))
    host = text.partition("@")[2]
    more = () if is_free(host) else (host,)
    return tuple(replace(one, emails=(*one.emails, text), domains=(*one.domains, *more)) for one in (a, b))  # type: ignore[return-value]


BETTER: dict[str, Callable[[Person, Person, str, str], Pair]] = {
    "the same personal address": lambda a, b, address, _: _address(a, b, address),
    "the same telephone": lambda a, b, _, phone: (
        replace(a, phones=(*a.phones, phone)),
        replace(b, phones=(*b.phones, phone)),
    ),
    "the same domain": lambda a, b, *_: (
        replace(a, domains=(*a.domains, "elsewhere.org")),
        replace(b, domains=(*b.domains, "elsewhere.org")),
    ),
    "the same company": lambda a, b, *_: (a, replace(b, company=a.company)) if a.company else (a, b),
    "the same title": lambda a, b, *_: (replace(a, title="Owner"), replace(b, title="Owner")),
    "the other's id": lambda a, b, *_: (replace(a, other_ids=frozenset({b.ref.id})), b),
    "the other's name": lambda a, b, *_: (a, replace(b, first=a.first, last=a.last)) if a.first and a.last else (a, b),
}


@given(people(), people(), st.sampled_from(sorted(BETTER)), st.tuples(LOCALS, HOSTS), PHONES)
@settings(max_examples=1000, deadline=None)
def test_better_evidence_never_lowers_the_score(
    a: Person, b: Person, what: str, at: tuple[str, str], phone: str
) -> None:
    one, other = left(a), right(b)
    better = BETTER[what](one, other, "@".join(at), phone)
    before, after = compare(one, other, Crowd()), compare(*better, Crowd())
    assert after.value >= before.value, (what, before.lines, after.lines)
    doors = [Door.NEW, Door.ASK, Door.SAME]
    assert doors.index(judge(after, Bounds())) >= doors.index(judge(before, Bounds())), (what, before, after)


@given(st.lists(people(), max_size=4), st.lists(people(), max_size=4), st.booleans(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_every_person_has_one_place(lefts: list[Person], rights: list[Person], linked: bool, apart: bool) -> None:
    here = [left(one, 100 + number) for number, one in enumerate(lefts)]
    there = [right(one, 200 + number) for number, one in enumerate(rights)]
    pairs = {here[0].ref: there[0].ref, there[0].ref: here[0].ref} if linked and here and there else {}
    kept = frozenset({(here[-1].ref, there[-1].ref)}) if apart and len(here) > 1 and len(there) > 1 else frozenset()
    matching = match(here, there, Bounds(), kept, pairs)
    assert match(here[::-1], there[::-1], Bounds(), kept, pairs) == matching
    partners = [ref for one in matching.links for ref in (one.left, one.right)] + list(pairs)
    duplicates = [one.ref for one in matching.duplicates]
    asked = {ref for one in matching.asks for ref in (one.left, one.right)} - set(partners)
    places = [*partners, *duplicates, *matching.new, *asked]
    assert sorted(places) == sorted(one.ref for one in (*here, *there))
    assert not kept & {(one.left, one.right) for one in (*matching.links, *matching.asks)}


FIRMS = st.builds(
    lambda name, hosts, phones: Company(Ref("", "", ""), name, tuple(dict.fromkeys(hosts)), tuple(phones)),
    st.sampled_from(["", "Acme GmbH", "Acme", "Acme Group", "Brightwater", "Brigthwater AG", "Ax"]),
    st.lists(st.sampled_from(["acme.com", "acme.de", "brightwater.com"]), max_size=2),
    st.lists(PHONES, max_size=1),
)

BETTER_FIRM: dict[str, Callable[[Company, Company], tuple[Company, Company]]] = {
    "the same domain": lambda a, b: (
        replace(a, domains=(*a.domains, "elsewhere.org")),
        replace(b, domains=(*b.domains, "elsewhere.org")),
    ),
    "the same telephone": lambda a, b: (
        replace(a, phones=(*a.phones, "+4930999999")),
        replace(b, phones=(*b.phones, "+4930999999")),
    ),
    "the other's id": lambda a, b: (replace(a, other_ids=frozenset({b.ref.id})), b),
    "the other's name": lambda a, b: (a, replace(b, name=a.name)) if len(companies.bare_name(a.name)) > 2 else (a, b),
}


@given(FIRMS, FIRMS, st.sampled_from(sorted(BETTER_FIRM)))
@settings(max_examples=500, deadline=None)
def test_better_evidence_never_lowers_a_companys_score(a: Company, b: Company, what: str) -> None:
    one, other = replace(a, ref=Ref("salesforce", "Account", "1")), replace(b, ref=Ref("hubspot", "companies", "2"))
    before = companies.compare(one, other, companies.Crowd())
    after = companies.compare(*BETTER_FIRM[what](one, other), companies.Crowd())
    assert after.value >= before.value, (what, before.lines, after.lines)
    assert companies.compare(other, one, companies.Crowd()) == before


def test_the_two_kinds_share_one_judge() -> None:
    assert identity.judge is judge
