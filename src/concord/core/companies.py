"""Which company is which: by registrable domain, then by name without its legal form (SPEC 4.5).

The same calls as `identity.py` has for people, and what both need of a record. A free-mail or hosting domain is
nobody's. Reads and writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

from rapidfuzz.distance import OSA

from concord.core import domains, lexicon, names
from concord.core.assignment import Bounds, Evidence, Matching, Rules, Score, score_of, settle
from concord.core.domains import Registrable
from concord.core.mapping import ObjectPair
from concord.core.model import Record, Side
from concord.core.names import Part
from concord.core.values import Nothing, Ref, plain

# Points: a domain links by itself, and so does a whole name that nothing speaks against; one that is merely alike asks.
_DOMAIN: Final = 94.0
_NAME_BESIDE: Final = 6.0
_ALIKE_BESIDE: Final = 4.0
_SAME_NAME: Final = 90.0
_ALIKE: Final = 72.0
_OTHER_DOMAIN: Final = -15.0
_TELEPHONE: Final = 8.0


# --- what a record says, for people and companies alike


def text_of(record: Record, name: str) -> str:
    """A field's text, "" when it has none, was not read, or is not named."""
    value = record.value(name) if name else ""
    return "" if isinstance(value, Nothing) else plain(value).strip()


def rank_of(record: Record, pair: ObjectPair, side: Side) -> int:
    """How far down the list of preferred objects a record's is (SPEC 4.4)."""
    return pair.left_objects.index(record.ref.object) if side is Side.LEFT else 0


def other_ids(record: Record, pair: ObjectPair, side: Side) -> frozenset[str]:
    """The ids of the other system that a record bears."""
    fields = (pair.key_left,) if side is Side.LEFT else tuple(pair.keys_right.values())
    return frozenset(text for name in fields if (text := text_of(record, name)))


def id_key(text: str) -> str:
    """An id in the form in which two are compared: of an 18-character id the first 15 say all, in that vendor's own
    shorter form."""
    return text[:15] if len(text) == 18 and text.isalnum() else text


# --- names of companies


def bare_name(text: str) -> str:
    """A company's name without its legal form, punctuation and connecting words; "" when nothing tells it apart."""
    return "".join(_bare_words(text))


def strong_name(text: str) -> str:
    """A company's bare name without words that it may carry or not ("Group"); "" when it has no others."""
    return "".join(word for word in _bare_words(text) if word not in lexicon.WEAK_COMPANY_WORDS)


def _bare_words(text: str) -> tuple[str, ...]:
    whole = names.words(text.replace(".", "")) if "." in text else names.words(text)
    kept = [word for word in whole if word not in lexicon.CONNECTIVES]
    while len(kept) > 1 and kept[-1] in lexicon.LEGAL_FORMS:
        kept.pop()
    while len(kept) > 1 and kept[0] in lexicon.LEGAL_FORMS:
        kept.pop(0)
    kept = [word for word in kept if word not in _INNER_FORMS] or kept
    return () if "".join(kept) in lexicon.NO_NAMES else tuple(kept)


#: Legal forms that stand in the middle of a name as well ("Acme GmbH Berlin", "Acme GmbH & Co. KG").
_INNER_FORMS: Final = frozenset({"gmbh", "inc", "ltd", "llc", "kg", "ag"})


def name_likeness(a: str, b: str) -> Part:
    """How two companies' names stand to one another, legal forms aside: SAME, DOUBLE (one has a further word such as
    "Group"), SLIP, BLANK or OTHER."""
    x, y = _bare_words(a), _bare_words(b)
    if not x or not y:
        return Part.BLANK
    one, other = "".join(x), "".join(y)
    if one == other or names.narrow(one) == names.narrow(other):
        return Part.SAME
    strong = [tuple(word for word in words if word not in lexicon.WEAK_COMPANY_WORDS) for words in (x, y)]
    if strong[0] and strong[0] == strong[1]:
        return Part.DOUBLE
    if OSA.distance(one, other) == 1 and min(len(one), len(other)) >= 7 and not _numbers_differ(one, other):
        return Part.SLIP
    return Part.OTHER


def _numbers_differ(one: str, other: str) -> bool:
    return [letter for letter in one if letter.isdecimal()] != [letter for letter in other if letter.isdecimal()]


# --- a company


@dataclass(frozen=True)
class Company:
    """A company as a record tells of it. name: as written. domains: registrable, of its website and address, without
    free mail and hosting. phones, rank, other_ids: as a `Person`'s."""

    ref: Ref
    name: str = ""
    domains: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    modified_at: datetime | None = None
    rank: int = 0
    other_ids: frozenset[str] = frozenset()

    @cached_property
    def bare(self) -> str:
        return bare_name(self.name)

    @cached_property
    def ids(self) -> frozenset[str]:
        return frozenset(id_key(one) for one in self.other_ids)

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(_keys(self))


def company_of(record: Record, pair: ObjectPair, side: Side, registrable: Registrable) -> Company:
    """What a record says of a company, by the fields that the mapping names."""
    who = pair.identity(side, record.ref.object)
    emails = domains.addresses([text_of(record, who.email)])
    hosts = [domains.web_host(text_of(record, who.website)), *(domains.host_of(one) for one in emails)]
    found = [domains.company_domain(host, registrable) for host in hosts if host]
    return Company(
        ref=record.ref,
        name=text_of(record, who.company),
        domains=tuple(dict.fromkeys(one for one in found if one)),
        phones=domains.numbers_in(text_of(record, who.phone), hosts),
        modified_at=record.modified_at,
        rank=rank_of(record, pair, side),
        other_ids=other_ids(record, pair, side),
    )


def traits_of(company: Company) -> dict[str, object]:
    """The company as JSON-ready texts and lists; `company_from` reads it back."""
    return {
        "name": company.name,
        "domains": list(company.domains),
        "phones": list(company.phones),
        "modified_at": company.modified_at.isoformat() if company.modified_at else None,
        "rank": company.rank,
        "other_ids": sorted(company.other_ids),
    }


def company_from(ref: Ref, traits: Mapping[str, Any]) -> Company:
    """The company whose traits these are."""
    at = traits["modified_at"]
    return Company(
        ref=ref,
        name=traits["name"],
        domains=tuple(traits["domains"]),
        phones=tuple(traits["phones"]),
        modified_at=datetime.fromisoformat(at) if at else None,
        rank=traits["rank"],
        other_ids=frozenset(traits["other_ids"]),
    )


def keys_of(company: Company) -> frozenset[str]:
    """Keys under which a company is found: its domains, its name without legal form, its stored ids."""
    return company.keys


def _keys(company: Company) -> Iterator[str]:
    yield f"i:{id_key(company.ref.id)}"
    yield from (f"i:{one}" for one in company.ids)
    yield from (f"d:{one}" for one in company.domains)
    if company.bare:
        yield f"f:{names.skeleton(company.bare)}"
        yield f"f:{names.skeleton(strong_name(company.name) or company.bare)}"


@dataclass(frozen=True)
class Crowd:
    """What the neighbourhood says. shared: domains that several differently named companies use on one side (branches,
    a holding). namesakes: names borne on one side by companies with different domains."""

    shared: frozenset[str] = frozenset()
    namesakes: frozenset[str] = frozenset()

    @staticmethod
    def of(lefts: Iterable[Company], rights: Iterable[Company]) -> Crowd:
        """The crowd that these companies are."""
        shared: set[str] = set()
        namesakes: set[str] = set()
        for side in (lefts, rights):
            at: dict[str, list[str]] = defaultdict(list)
            called: dict[str, list[tuple[str, ...]]] = defaultdict(list)
            for company in side:
                for domain in company.domains:
                    at[domain].append(company.name)
                called[names.narrow(company.bare)].append(company.domains)
            shared |= {domain for domain, there in at.items() if _several_names(there)}
            namesakes |= {name for name, theirs in called.items() if _several_domains(theirs)}
        return Crowd(frozenset(shared), frozenset(namesakes))


def _several_names(there: Sequence[str]) -> bool:
    distinct = sorted(set(there))[:50]
    return any(
        name_likeness(one, other) is Part.OTHER for number, one in enumerate(distinct) for other in distinct[:number]
    )


def _several_domains(theirs: Sequence[tuple[str, ...]]) -> bool:
    known = [set(one) for one in theirs if one]
    return any(not one & known[0] for one in known[1:])


def compare(a: Company, b: Company, crowd: Crowd) -> Score:
    """How sure it is that two records are one company, and why. Symmetric.

    Better evidence never lowers the score: the same domain (one that a single company uses), telephone or stored id
    added to both, or one's name replaced by the other's.
    """
    if b.ref < a.ref:
        a, b = b, a
    like = name_likeness(a.name, b.name)
    if id_key(b.ref.id) in a.ids or id_key(a.ref.id) in b.ids:
        line = Evidence("stored id", 100, f"one bears the other's id ({a.ref}, {b.ref})")
        return score_of([line], exact=True, barred=False, stated=True)
    both = [one for one in a.domains if one in b.domains]
    own = [one for one in both if one not in crowd.shared]
    if both:
        return _by_domain(a, b, like, (own or both)[0], crowded=not own)
    return _by_name(a, b, like, crowd)


def _names(a: Company, b: Company) -> str:
    return f"{a.name or '(no name)'} / {b.name or '(no name)'}"


def _by_domain(a: Company, b: Company, like: Part, domain: str, *, crowded: bool) -> Score:
    points = {Part.SAME: _NAME_BESIDE, Part.DOUBLE: _ALIKE_BESIDE, Part.SLIP: _ALIKE_BESIDE}.get(like, 0.0)
    lines = [Evidence("domain", _DOMAIN, f"both have {domain}"), Evidence("name", points, f"{like}, {_names(a, b)}")]
    barred = crowded and like is not Part.SAME
    if barred:
        lines.append(Evidence("shared domain", -20, f"several companies on one side use {domain}"))
    return score_of(lines, exact=True, barred=barred)


def _by_name(a: Company, b: Company, like: Part, crowd: Crowd) -> Score:
    points = {Part.SAME: _SAME_NAME, Part.DOUBLE: _ALIKE, Part.SLIP: _ALIKE}.get(like, 0.0)
    lines = [Evidence("name", points, f"{like}, {_names(a, b)}")]
    barred = False
    if a.domains and b.domains:
        lines.append(Evidence("domain", _OTHER_DOMAIN, f"different, {a.domains[0]} / {b.domains[0]}"))
        barred = True
    elif names.narrow(a.bare) in crowd.namesakes or names.narrow(b.bare) in crowd.namesakes:
        lines.append(Evidence("namesakes", -10, f"several companies are called so, {_names(a, b)}"))
        barred = True
    if like is Part.SAME and min(len(a.bare), len(b.bare)) < 3 and a.bare.isascii():
        lines.append(Evidence("short name", -10, f"many companies may be called so, {_names(a, b)}"))
    same = domains.number_in_common(a.phones, b.phones)
    if same:
        lines.append(Evidence("telephone", _TELEPHONE, f"both have {same}"))
    return score_of(lines, exact=False, barred=barred)


def match(
    lefts: Sequence[Company],
    rights: Sequence[Company],
    bounds: Bounds,
    apart: frozenset[tuple[Ref, Ref]],
    linked: Mapping[Ref, Ref],
    about: frozenset[Ref] | None = None,
) -> Matching:
    """Which company is which; as `identity.match`."""
    crowd = Crowd.of(lefts, rights)
    return settle(lefts, rights, Rules(keys_of, lambda a, b: compare(a, b, crowd), bounds, apart, linked, about))
