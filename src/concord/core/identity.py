"""Who is who among people: the one definition of the score (SPEC 4.2 to 4.4).

Bulk matching and the live line call the same functions, and for the same neighbourhood get the same answer. An equal
address links; without one, name and company do, in points that add up line by line. What must never be linked
automatically (shared mailboxes, households, father and son, namesakes) is barred, whatever the points. Reads and writes
nothing; who reviews and what is created is decided elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from concord.core import companies, domains, doubt, names
from concord.core.assignment import (
    Bounds,
    Door,
    Duplicate,
    Evidence,
    Matching,
    Pairing,
    Rules,
    Score,
    judge,
    score_of,
    settle,
)
from concord.core.domains import Registrable
from concord.core.mapping import IdentityFields, ObjectPair
from concord.core.model import Record, Side
from concord.core.names import Likeness, Name, Part
from concord.core.values import Ref

__all__ = [
    "Bounds",
    "Crowd",
    "Door",
    "Duplicate",
    "Evidence",
    "Matching",
    "Pairing",
    "Person",
    "Registrable",
    "Score",
    "compare",
    "judge",
    "keys_of",
    "match",
    "person_from",
    "person_of",
    "traits_of",
]

# Points. An equal address stands alone; a name with one good support (company, telephone, an address with a slip) makes
# 92, a short form or one further doubt stays above or at the bound, two doubts fall below it. Reasoned, not fitted.
_ADDRESS: Final = 92.0
_SHARED_ADDRESS: Final = 70.0
_NAME_BESIDE_SHARED: Final = 15.0
_NAME: Final = 52.0
_FAMILY_ONLY_DIFFERS: Final = 10.0
_CONTRADICTION: Final = -40.0
_DOMAIN_AND_COMPANY: Final = 45.0
_DOMAIN: Final = 42.0
_COMPANY: Final = 40.0
_COMPANY_OTHER_DOMAIN: Final = 30.0
_COMPANY_IN_DOMAIN: Final = 40.0
_COMPANY_ALIKE: Final = 26.0
_ELSEWHERE: Final = -15.0
_TELEPHONE: Final = 42.0
_NEAR_ADDRESS: Final = 42.0
_OWN_LOCAL_PART: Final = 30.0
_ONLY_ONES: Final = 20.0
_BESIDES: Final = 4.0
_TITLE: Final = 4.0
#: Just above the lower bound of SPEC 4.3: a person decides.
_ASKED: Final = 72.0

_GIVEN_COST: Final[Mapping[Part, float]] = {
    Part.SAME: 0,
    Part.SPELLING: 1,
    Part.SHORT: 2,
    Part.DOUBLE: 1,
    Part.SLIP: 4,
    Part.NEAR: 16,
    Part.INITIAL: 18,
    Part.BLANK: 35,
}
_FAMILY_COST: Final[Mapping[Part, float]] = {
    Part.SAME: 0,
    Part.SPELLING: 1,
    Part.DOUBLE: 4,
    Part.SLIP: 4,
    Part.NEAR: 16,
    Part.INITIAL: 22,
    Part.BLANK: 38,
    Part.OTHER: 40,
}


@dataclass(frozen=True)
class Person:
    """A person as a record tells of them.

    emails: normalised, the primary one first. company: as written. domains: registrable domains of the website and of
    the addresses, without free mail. phones: "+" and digits where the country is known, else the national digits.
    rank: position of its object in ObjectPair.left_objects (0 on the right side): what is preferred as active partner.
    other_ids: ids of the other system that are stored on the record.
    """

    ref: Ref
    emails: tuple[str, ...] = ()
    first: str = ""
    last: str = ""
    company: str = ""
    domains: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    title: str = ""
    modified_at: datetime | None = None
    rank: int = 0
    other_ids: frozenset[str] = frozenset()

    @cached_property
    def name(self) -> Name:
        found = names.name_of(self.first, self.last)
        if found.generation:
            return found
        marks = (names.generation_in(domains.words_of(domains.local_part(one))) for one in self.emails)
        mark = next((one for one in marks if one), "")
        return Name(found.given, found.family, found.wide_given, found.wide_family, mark) if mark else found

    @cached_property
    def firm(self) -> str:
        return companies.bare_name(self.company)

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(companies.id_key(one) for one in self.other_ids)

    @cached_property
    def mobiles(self) -> frozenset[str]:
        return frozenset(one for one in self.phones if domains.is_mobile(one))

    @cached_property
    def job(self) -> str:
        return " ".join(names.words(self.title))

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(_keys(self))

    def domain_of(self, address: str) -> str:
        """The company's domain that an address is at; "" for free mail."""
        host = domains.host_of(address)
        return next((one for one in self.domains if host == one or host.endswith("." + one)), "")


def person_of(record: Record, pair: ObjectPair, side: Side, registrable: Registrable) -> Person:
    """What a record says of a person, by the fields that the mapping names."""
    who: IdentityFields = pair.identity(side, record.ref.object)
    emails = domains.addresses(companies.text_of(record, name) for name in (who.email, who.additional_emails))
    hosts = [domains.web_host(companies.text_of(record, who.website)), *(domains.host_of(one) for one in emails)]
    found = [domains.company_domain(host, registrable) for host in hosts if host]
    return Person(
        ref=record.ref,
        emails=emails,
        first=companies.text_of(record, who.first_name),
        last=companies.text_of(record, who.last_name),
        company=companies.text_of(record, who.company),
        domains=tuple(dict.fromkeys(one for one in found if one)),
        phones=_phones(record, who, [*hosts, *found]),
        title=companies.text_of(record, who.title),
        modified_at=record.modified_at,
        rank=companies.rank_of(record, pair, side),
        other_ids=companies.other_ids(record, pair, side),
    )


def _phones(record: Record, who: IdentityFields, hosts: Iterable[str]) -> tuple[str, ...]:
    texts = [companies.text_of(record, name) for name in (who.phone, who.mobile) if name]
    places = list(hosts)
    return tuple(dict.fromkeys(number for text in texts for number in domains.numbers_in(text, places)))


def employed_by(person: Person, company: companies.Company) -> Person:
    """The same person with the name and domains of the company that the record refers to: Salesforce's contacts have no
    company of their own. What the record itself says comes first."""
    more = tuple(one for one in company.domains if one not in person.domains)
    return replace(person, company=person.company or company.name, domains=(*person.domains, *more))


def traits_of(person: Person) -> dict[str, object]:
    """The person as JSON-ready texts and lists; `person_from` reads it back."""
    return {
        "emails": list(person.emails),
        "first": person.first,
        "last": person.last,
        "company": person.company,
        "domains": list(person.domains),
        "phones": list(person.phones),
        "title": person.title,
        "modified_at": person.modified_at.isoformat() if person.modified_at else None,
        "rank": person.rank,
        "other_ids": sorted(person.other_ids),
    }


def person_from(ref: Ref, traits: Mapping[str, Any]) -> Person:
    """The person whose traits these are."""
    at = traits["modified_at"]
    return Person(
        ref=ref,
        emails=tuple(traits["emails"]),
        first=traits["first"],
        last=traits["last"],
        company=traits["company"],
        domains=tuple(traits["domains"]),
        phones=tuple(traits["phones"]),
        title=traits["title"],
        modified_at=datetime.fromisoformat(at) if at else None,
        rank=traits["rank"],
        other_ids=frozenset(traits["other_ids"]),
    )


# --- where to look


def keys_of(person: Person) -> frozenset[str]:
    """Keys under which a person is found. Two people worth comparing share at least one: an address, a stored id, a
    name (or most of one) with the company's domain, name or telephone, a local part, a whole name that is not common"""
    return person.keys


def address_key(address: str) -> str:
    """The key under which everyone with this address (as compared: trimmed, lower case) is found."""
    return f"e:{address}"


def _keys(person: Person) -> Iterator[str]:
    name = person.name
    yield f"i:{companies.id_key(person.ref.id)}"
    yield from (f"i:{one}" for one in person.ids)
    yield from map(address_key, person.emails)
    for address in person.emails:
        local = domains.local_part(address)
        if len(local) >= 5 and not domains.is_role(address):
            yield f"l:{local}"
    firms = {person.firm, *(domains.label(one) for one in person.domains)} - {""}
    for place in (*person.domains, *(f"c:{one}" for one in firms)):
        yield from (f"n:{one}|{place}" for one in name.keys)
        if name.whole:
            yield f"w:{name.whole}|{place}"
    for phone in person.phones:
        yield from (f"p:{phone[-7:]}|{one}" for one in name.keys)
    if name.whole and not name.common:
        yield f"w:{name.whole}"
    yield from _doubtful_keys(person)


def _doubtful_keys(person: Person) -> Iterator[str]:
    """Keys for pairs that are worth a question though their names share nothing (core/doubt.py): a given name with a
    telephone, and an address that spells a name."""
    name = person.name
    for phone in person.phones:
        yield from (f"g:{one}|{phone[-7:]}" for one in name.roots)
    given, family = "".join(name.given), "".join(name.family)
    for place in person.domains:
        if given and family and not name.cjk:
            yield f"m:{given}{family}@{place}"
            yield f"m:{family}{given}@{place}"
    for address in person.emails:
        place, (letters, _) = person.domain_of(address), domains.letters_of(address)
        if place and len(letters) >= 5 and not domains.is_role(address):
            yield f"m:{letters}@{place}"


# --- the neighbourhood


@dataclass(frozen=True)
class Crowd:
    """What the neighbourhood says of an address or a name: taken only from people who share a key with those compared,
    so that the live line, which reads just these, concludes the same as a run over everyone.

    shared: addresses that several differently named people use. namesakes: `w:name|place` keys borne on one
    side by people with several addresses there, or by one with a mark of generation. alone: `w:name` keys borne by at
    most one person on each side.
    """

    shared: frozenset[str] = frozenset()
    namesakes: frozenset[str] = frozenset()
    alone: frozenset[str] = frozenset()

    @staticmethod
    def of(lefts: Iterable[Person], rights: Iterable[Person]) -> Crowd:
        """The crowd that these people are."""
        users: dict[str, list[list[Person]]] = defaultdict(list)
        namesakes: set[str] = set()
        whole: set[str] = set()
        several: set[str] = set()
        for side in (lefts, rights):
            called: dict[str, list[Person]] = defaultdict(list)
            using: dict[str, list[Person]] = defaultdict(list)
            for person in side:
                for address in person.emails:
                    using[address].append(person)
                for key in person.keys:
                    if key.startswith("w:"):
                        called[key].append(person)
            for address, people in using.items():
                users[address].append(people)
            namesakes |= {key for key, people in called.items() if "|" in key and _namesakes(people)}
            whole |= {key for key in called if "|" not in key}
            several |= {key for key, people in called.items() if "|" not in key and _several(people)}
        shared = {address for address, sides in users.items() if _shared(sides)}
        return Crowd(frozenset(shared), frozenset(namesakes), frozenset(whole - several))


def _shared(sides: Sequence[Sequence[Person]]) -> bool:
    """Whether differently named people use an address. Of one record on each side the comparison itself sees that."""
    return max(len(people) for people in sides) > 1 and _differently_named([one for people in sides for one in people])


def _differently_named(people: Sequence[Person]) -> bool:
    distinct = list({(one.first, one.last): one.name for one in people}.values())[:50]
    return any(
        names.likeness(one, other).contradicts for number, one in enumerate(distinct) for other in distinct[:number]
    )


def _namesakes(people: Sequence[Person]) -> bool:
    if any(one.name.generation for one in people):
        return True
    own = {address for one in people for address in one.emails if one.domain_of(address)}
    return len(people) > 1 and sum(not domains.is_role(address) for address in own) > 1


def _several(people: Sequence[Person]) -> bool:
    """Whether these are more than one person, as far as their addresses tell."""
    known: set[str] = set(people[0].emails)
    return any(not known & set(one.emails) for one in people[1:])


# --- the score


def compare(a: Person, b: Person, crowd: Crowd) -> Score:
    """How sure it is that two records are one person, and why. Symmetric.

    Better evidence never lowers the score: the same personal address, telephone, domain, company name, title or stored
    id added to both, or one's name replaced by the other's. (A shared mailbox added to both is no better evidence.)
    """
    if b.ref < a.ref:
        a, b = b, a
    like = names.likeness(a.name, b.name)
    common = [one for one in a.emails if one in b.emails]
    own = [one for one in common if not domains.is_role(one) and one not in crowd.shared]
    stated = companies.id_key(b.ref.id) in a.ids or companies.id_key(a.ref.id) in b.ids
    if stated:
        lines = [Evidence("stored id", 100, f"one bears the other's id ({a.ref}, {b.ref})"), *_bar(a, b, like)]
        return _held(lines, exact=True, barred=like.contradicts, stated=True)
    if own:
        lines = [Evidence("e-mail", _ADDRESS, f"both have {own[0]}"), *_name_beside_address(a, b, like)]
        lines += [*_telephones(a, b, besides=True), *_title(a, b)]
        return _held(lines, exact=True, barred=like.contradicts)
    if common:
        return _by_shared_mailbox(a, b, like, common[0])
    return _asked(_by_name(a, b, like, crowd), doubt.worth_asking(a, b, like))


def _asked(score: Score, why: str) -> Score:
    """A pair that is worth a question is asked about, however low its score (core/doubt.py)."""
    if not why or score.value >= _ASKED:
        return score
    lifted = Evidence("worth asking", _ASKED - sum(one.points for one in score.evidence), why)
    return score_of([*score.evidence, lifted], exact=score.exact, barred=score.barred, stated=score.stated)


def _held(lines: Sequence[Evidence], *, exact: bool, barred: bool, stated: bool = False) -> Score:
    """The score; a barred pair's value is brought below what links by default, so that 90 means what it says."""
    total = sum(one.points for one in lines)
    if barred and total > 89:
        lines = [*lines, Evidence("never automatically", 89 - total, "a person decides on such a pair (SPEC 4.3)")]
    return score_of(lines, exact=exact, barred=barred, stated=stated)


def _called(person: Person) -> str:
    return f"{person.first} {person.last}".strip() or "(no name)"


def _names(a: Person, b: Person) -> str:
    return f"{_called(a)} / {_called(b)}"


def _bar(a: Person, b: Person, like: Likeness) -> list[Evidence]:
    if like.generations == "two":
        return [Evidence("generation", -17, f"marks of different generations, {_names(a, b)}")]
    if like.contradicts:
        household = like.family in (Part.SAME, Part.SPELLING, Part.DOUBLE)
        what = "one family name and two given names" if household else "two different names"
        return [Evidence("name", -17 if household else -20, f"{what}, {_names(a, b)}")]
    return []


def _name_beside_address(a: Person, b: Person, like: Likeness) -> list[Evidence]:
    if like.contradicts:
        return _bar(a, b, like)
    if like.given is Part.BLANK or like.family is Part.BLANK:
        return [Evidence("name", 0, f"a part is blank or in another script, nothing contradicts, {_names(a, b)}")]
    if like.family is Part.OTHER:
        return [Evidence("name", 0, f"another family name, as after a marriage, {_names(a, b)}")]
    return [Evidence("name", 8, f"{_alike(like)}, {_names(a, b)}")]


def _alike(like: Likeness) -> str:
    if like.same:
        return "the same, in another order" if like.swapped else "the same"
    order = ", in another order" if like.swapped else ""
    return f"given name {like.given}, family name {like.family}{order}"


def _by_shared_mailbox(a: Person, b: Person, like: Likeness, address: str) -> Score:
    """An address that several people read says where someone works, not who it is."""
    lines = [Evidence("shared mailbox", _SHARED_ADDRESS, f"both have {address}, which several people may read")]
    name = _name(a, b, like)
    share = round(_NAME_BESIDE_SHARED * max(0.0, name.points) / _NAME, 1)
    lines += [Evidence(name.what, share, name.detail), *_telephones(a, b, besides=True), *_title(a, b)]
    return _held(lines, exact=True, barred=True)


def _name(a: Person, b: Person, like: Likeness) -> Evidence:
    if like.given is Part.OTHER or like.contradicts:
        return Evidence("name", _CONTRADICTION, f"different, {_names(a, b)}")
    if a.name.blank or b.name.blank or (like.given is Part.BLANK and like.family is Part.BLANK):
        return Evidence("name", 0, f"nothing to compare, {_names(a, b)}")
    if like.family is Part.OTHER:
        return Evidence("name", _FAMILY_ONLY_DIFFERS, f"only the family name differs, {_names(a, b)}")
    points = _NAME - _GIVEN_COST[like.given] - _FAMILY_COST[like.family] - (3 if like.swapped else 0)
    return Evidence("name", max(0.0, points), f"{_alike(like)}, {_names(a, b)}")


def _title(a: Person, b: Person) -> list[Evidence]:
    return [Evidence("job title", _TITLE, f"both are {a.title}")] if a.job and a.job == b.job else []


def _telephones(a: Person, b: Person, *, besides: bool) -> list[Evidence]:
    same = domains.number_in_common(a.phones, b.phones)
    if same:
        return [Evidence("telephone", _BESIDES, f"both have {same}")] if besides else []
    if not a.phones or not b.phones or besides:
        return []
    if a.mobiles and b.mobiles:
        return [Evidence("telephone", -8, "two different mobile numbers")]
    return [Evidence("telephone", -2, "two different numbers")]


def _by_name(a: Person, b: Person, like: Likeness, crowd: Crowd) -> Score:
    """Without an equal address: the name, and what supports it."""
    lines, barred = [_name(a, b, like)], like.contradicts
    where = _company(a, b)
    supports = [*where, *_phone_support(a, b), *_address_support(a, b, like)]
    if not supports or supports[0].points > 0:
        supports += _only_ones(a, b, like, crowd)
    lines += _supported(supports)
    if not domains.number_in_common(a.phones, b.phones):
        lines += _telephones(a, b, besides=False)
    lines += _title(a, b)
    if like.contradicts:
        return _held(lines, exact=False, barred=True)
    if like.generations:
        lines.append(Evidence("generation", -12, f"only one bears a mark of generation, {_names(a, b)}"))
        barred = True
    if like.given is not Part.BLANK and (a.name.common or b.name.common):
        lines.append(Evidence("frequent name", -10, f"many people are called so, {_names(a, b)}"))
    against, bars = _addresses_against(a, b, like)
    namesakes = crowd.namesakes and crowd.namesakes & a.keys & b.keys
    if namesakes:
        lines.append(Evidence("namesakes", -10, f"several people of this name there, {_names(a, b)}"))
    return _held([*lines, *against], exact=False, barred=barred or bars or bool(namesakes))


def _supported(supports: Sequence[Evidence]) -> list[Evidence]:
    """The best support counts in full and every further one a little: they are not independent of one another. What
    speaks against counts in full."""
    good = sorted((one for one in supports if one.points > 0), key=lambda one: -one.points)
    further = [Evidence(one.what, min(_BESIDES, one.points), one.detail) for one in good[1:]]
    return [*good[:1], *further, *(one for one in supports if one.points < 0)]


def _company(a: Person, b: Person) -> list[Evidence]:
    both = [one for one in a.domains if one in b.domains]
    known = bool(a.firm and b.firm)
    like = companies.name_likeness(a.company, b.company) if known else Part.BLANK
    if both:
        if like is Part.SAME:
            return [Evidence("company", _DOMAIN_AND_COMPANY, f"both at {both[0]} and {a.company}")]
        return [Evidence("company", _DOMAIN, f"both at {both[0]}")]
    apart = bool(a.domains and b.domains)
    if like is Part.SAME:
        if apart:
            return [Evidence("company", _COMPANY_OTHER_DOMAIN, f"both at {a.company}, with different domains")]
        return [Evidence("company", _COMPANY, f"both at {a.company}")]
    if like in (Part.DOUBLE, Part.SLIP) and not apart:
        return [Evidence("company", _COMPANY_ALIKE, f"alike, {a.company} / {b.company}")]
    if not apart and (told := _company_in_domain(a, b) or _company_in_domain(b, a)):
        return [Evidence("company", _COMPANY_IN_DOMAIN, told)]
    if apart and any(domains.near_hosts(one, other) for one in a.domains for other in b.domains):
        return []  # a slip in the address, or a company's second ending: not another company
    if apart or like is Part.OTHER:
        mine, theirs = (a.domains[0], b.domains[0]) if apart else (a.company, b.company)
        return [Evidence("company", _ELSEWHERE, f"different, {mine} / {theirs}")]
    return []


def _company_in_domain(named: Person, at: Person) -> str:
    """One record names the company, the other its domain, and the domain is the company's name."""
    if named.domains or not named.firm:
        return ""
    domain = next((one for one in at.domains if len(named.firm) >= 4 and domains.label(one) == named.firm), "")
    return f"{named.company} and {domain}" if domain else ""


def _phone_support(a: Person, b: Person) -> list[Evidence]:
    same = domains.number_in_common(a.phones, b.phones)
    return [Evidence("telephone", _TELEPHONE, f"both have {same}")] if same else []


def _address_support(a: Person, b: Person, like: Likeness) -> list[Evidence]:
    """An address with a slip in its host, or a local part that nobody else would choose."""
    best: list[Evidence] = []
    for one in a.emails:
        local = domains.local_part(one)
        for other in b.emails:
            if local != domains.local_part(other) or len(local) < 5 or domains.is_role(one):
                continue
            if domains.near_hosts(domains.host_of(one), domains.host_of(other)):
                return [Evidence("e-mail", _NEAR_ADDRESS, f"one slip or another ending apart, {one} / {other}")]
            if not a.name.makes(local) and not b.name.makes(local) and len(local) >= 6:
                best = [Evidence("e-mail", _OWN_LOCAL_PART, f"the same unusual first part, {one} / {other}")]
    return best


def _only_ones(a: Person, b: Person, like: Likeness, crowd: Crowd) -> list[Evidence]:
    if like.same and f"w:{a.name.whole}" in crowd.alone and a.name.full and not a.name.common:
        return [Evidence("only ones", _ONLY_ONES, "nobody else of this name on either side")]
    return []


def _addresses_against(a: Person, b: Person, like: Likeness) -> tuple[list[Evidence], bool]:
    """Two different personal addresses at one company: one person's two, or two people's (SPEC 4.3)."""
    found: list[tuple[Evidence, bool]] = []
    for one in a.emails:
        place = "" if domains.is_role(one) else a.domain_of(one)
        for other in b.emails:
            if place and not domains.is_role(other) and b.domain_of(other) == place:
                found.append(_two_addresses(a, b, like, (one, other), place))
    if not found:
        return [], False
    best, bars = max(found, key=lambda pair: pair[0].points)
    return [best], bars


def _two_addresses(a: Person, b: Person, like: Likeness, pair: tuple[str, str], place: str) -> tuple[Evidence, bool]:
    mine, theirs = (domains.local_part(one) for one in pair)
    shown = f"{pair[0]} / {pair[1]}"
    if domains.slipped(mine, theirs) and like.near_same:
        return Evidence("e-mail", 6, f"one slip apart, {shown}"), False
    digits = [domains.words_of(one)[-1:] for one in (mine, theirs)]
    numbered = any(one and one[0].isdecimal() for one in digits) and digits[0] != digits[1]
    fits = like.near_same and all(a.name.makes(local) or b.name.makes(local) for local in (mine, theirs))
    if fits and not numbered:
        # Where the family has given the company its name, a second address is as likely a second member.
        family_firm = any(len(one) > 3 and one in place for one in (*a.name.family, *a.name.wide_family))
        careful = family_firm or a.name.common or b.name.common
        return Evidence("e-mail", -12, f"two addresses at one company, {shown}"), careful
    return Evidence("e-mail", -20, f"two addresses at one company that do not name one person, {shown}"), True


# --- who is who


def match(
    lefts: Sequence[Person],
    rights: Sequence[Person],
    bounds: Bounds,
    apart: frozenset[tuple[Ref, Ref]],
    linked: Mapping[Ref, Ref],
    about: frozenset[Ref] | None = None,
) -> Matching:
    """Who is who among these people. linked: the links there are, both ways: never broken, never repeated. about: those
    who are asked about; None: everyone. Give the live line's newcomers with everyone who shares a key with them, and
    the answer about them is the one that a run over everybody gives.
    """
    crowd = Crowd.of(lefts, rights)
    return settle(lefts, rights, Rules(keys_of, lambda a, b: compare(a, b, crowd), bounds, apart, linked, about))
