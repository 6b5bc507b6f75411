"""The line's match: for records that have no link, look for who they are before anything is created (SPEC 4.1).

Supplies candidates (the store's index, and the other system by address) and hands them to core/identity.py or
core/companies.py, which decide. Writes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from concord.core import companies, identity
from concord.core.identity import Matching, Pairing, Registrable, Score
from concord.core.mapping import ObjectPair
from concord.core.model import Intent, Known, Link, LinkState, Record, Review, Seen, Side
from concord.core.told import passing, told_of
from concord.core.values import BLANK, Nothing, Ref, plain
from concord.engine.following import reference_keys
from concord.engine.reading import Batch, read_refs
from concord.engine.scope import Scope


@dataclass(frozen=True)
class Kind:
    """One kind of thing that identity knows: how a record becomes one, and who is who among several. compare: two of
    them, as those who share a key with them (left ones, right ones) let them look."""

    of: Callable[[Record, ObjectPair, Side, Registrable], Any]
    back: Callable[[Ref, Mapping[str, object]], Any]
    traits: Callable[[Any], dict[str, object]]
    keys: Callable[[Any], frozenset[str]]
    match: Callable[..., Matching]
    compare: Callable[[Any, Any, Sequence[Any], Sequence[Any]], Score]


KINDS: Mapping[str, Kind] = {
    "person": Kind(
        identity.person_of,
        identity.person_from,
        identity.traits_of,
        identity.keys_of,
        identity.match,
        lambda one, other, lefts, rights: identity.compare(one, other, identity.Crowd.of(lefts, rights)),
    ),
    "company": Kind(
        companies.company_of,
        companies.company_from,
        companies.traits_of,
        companies.keys_of,
        companies.match,
        lambda one, other, lefts, rights: companies.compare(one, other, companies.Crowd.of(lefts, rights)),
    ),
}


async def things_of(scope: Scope, pair: ObjectPair, records: Iterable[Record]) -> dict[Ref, Any]:
    """The people or companies that these records are. A person who only refers to a company (Salesforce's contacts have
    no company of their own) gets its name and domains from what is known of it."""
    kind, read = KINDS[pair.kind], list(records)
    things = {record.ref: kind.of(record, pair, scope.side(record.ref), scope.registrable) for record in read}
    if pair.kind == "person":
        employers = {record.ref: ref for record in read if (ref := _employer(scope, pair, record)) is not None}
        known = await scope.store.known(set(employers.values())) if employers else {}
        for ref, employer in employers.items():
            if employer in known:
                company = companies.company_from(employer, known[employer].traits)
                things[ref] = identity.employed_by(things[ref], company)
    return things


def _employer(scope: Scope, pair: ObjectPair, record: Record) -> Ref | None:
    name = pair.identity(scope.side(record.ref), record.ref.object).account
    value = record.value(name) if name else None
    return value if isinstance(value, Ref) else None


async def told_before(scope: Scope, records: Iterable[Record]) -> Mapping[Ref, str]:
    """What the store knows these records, and the companies that they refer to, to have told of themselves."""
    refs: set[Ref] = set()
    for record in records:
        pair = scope.pair_of(record.ref)
        employer = _employer(scope, pair, record) if pair is not None else None
        refs |= {record.ref} if employer is None else {record.ref, employer}
    return await scope.store.told(refs) if refs else {}


async def known_of(
    scope: Scope, pair: ObjectPair, records: Iterable[Record], before: Mapping[Ref, str]
) -> list[Known | Seen]:
    """What the store is to keep of records that were read; worked out only for those that tell something new of
    themselves. before: by `told_before`."""
    read = list(records)
    told = {record.ref: _told_now(scope, pair, record, before) for record in read}
    new = [record for record in read if before.get(record.ref) != told[record.ref]]
    things = await things_of(scope, pair, new)
    return [
        known_as(scope, pair, things[record.ref], record, before)
        if record.ref in things
        else Seen(record.ref, told[record.ref], passing(record, pair, scope.side(record.ref)), record.version)
        for record in read
    ]


async def make_known(scope: Scope, pair: ObjectPair, things: Mapping[Ref, Any], records: Sequence[Record]) -> None:
    """Have those of these records known that never were, before they are matched: whoever is just matching one that
    could be the same then finds them, or is found. They do not count as read, for nothing has come of them yet."""
    before = await told_before(scope, records)
    new = [known_as(scope, pair, things[record.ref], record, before) for record in records if record.ref not in before]
    if new:
        await scope.store.put_known([replace(one, version=None) for one in new])


def known_as(scope: Scope, pair: ObjectPair, thing: Any, record: Record, before: Mapping[Ref, str]) -> Known:
    """What the store keeps of a record that is this person or company. before: by `told_before`."""
    kind, told = KINDS[pair.kind], _told_now(scope, pair, record, before)
    keys = kind.keys(thing) | reference_keys(record)
    return Known(record.ref, pair.name, kind.traits(thing), keys, record.version, told=told)


def _told_now(scope: Scope, pair: ObjectPair, record: Record, before: Mapping[Ref, str]) -> str:
    employer = _employer(scope, pair, record)
    return told_of(record, pair, scope.side(record.ref), before.get(employer, "") if employer is not None else "")


@dataclass(frozen=True)
class Found:
    """Who the unlinked records of one object pair are. fresh: candidates read just now, by ref. made: couples that
    need no likeness: we made one from the other and then died, or a person said that they are one. intents: the creates
    that made them, by couple."""

    matching: Matching
    fresh: Mapping[Ref, Record]
    made: tuple[Pairing, ...] = ()
    intents: Mapping[tuple[Ref, Ref], Intent] = field(default_factory=dict)


async def find_partners(scope: Scope, pair: ObjectPair, batch: Batch, subjects: Sequence[Record]) -> Found:
    """Match these unlinked records of one object pair against everyone known and, by address, against the other system
    as it is at this moment."""
    kind = KINDS[pair.kind]
    fresh = await _by_address(scope, pair, subjects)
    intents = await _made(scope, pair, subjects, batch.origins)
    everyone = await things_of(scope, pair, {record.ref: record for record in (*fresh, *subjects)}.values())
    keys = frozenset().union(*(kind.keys(thing) for thing in everyone.values())) if everyone else frozenset()
    for system in (scope.left.name, scope.right.name):
        for known in await scope.store.candidates(pair.name, keys, system):
            everyone.setdefault(known.ref, kind.back(known.ref, known.traits))
    links = await scope.store.links(list(everyone))
    reviews = await scope.store.reviews(list(everyone))
    agreed = _agreed(reviews, links)
    couples = {**dict(intents.keys()), **{review.left: review.right for review in agreed}}
    matching = kind.match(
        [thing for ref, thing in everyone.items() if scope.side(ref) is Side.LEFT],
        [thing for ref, thing in everyone.items() if scope.side(ref) is Side.RIGHT],
        scope.bounds,
        frozenset((review.left, review.right) for review in reviews if review.state == "apart"),
        _linked(links) | couples | {right: left for left, right in couples.items()},
        frozenset(record.ref for record in subjects),
    )
    matching = _asked_anew(matching, reviews)
    made = [Pairing(left, right, 100.0, (f"made from {intents[left, right].source}",)) for left, right in intents]
    made += [
        Pairing(one.left, one.right, one.score, (*one.evidence, "a person said that the two are one")) for one in agreed
    ]
    return Found(matching, {record.ref: record for record in fresh}, tuple(made), intents)


def _linked(links: Mapping[Ref, Link]) -> dict[Ref, Ref]:
    """What is linked already, both ways."""
    linked = {link.left: link.right for link in links.values() if link.state is LinkState.ACTIVE}
    return linked | {right: left for left, right in linked.items()}


def _asked_anew(matching: Matching, reviews: Collection[Review]) -> Matching:
    """The same, with a question for each pair of which a person has taken an answer back: the values that went over
    while they were linked have made them alike, and prove nothing."""
    doubted = {(one.left, one.right) for one in reviews if one.state == "open" and one.reopened}
    asks = tuple(one for one in matching.links if (one.left, one.right) in doubted)
    if not asks:
        return matching
    links = tuple(one for one in matching.links if one not in asks)
    return replace(matching, links=links, asks=(*matching.asks, *asks))


def _agreed(reviews: Collection[Review], links: Mapping[Ref, Link]) -> list[Review]:
    """Pairs that a person has said are one and that are not linked yet."""
    taken = {ref for ref, link in links.items() if link.state is LinkState.ACTIVE}
    return [one for one in reviews if one.state == "linked" and not {one.left, one.right} & taken]


async def _made(
    scope: Scope, pair: ObjectPair, subjects: Sequence[Record], origins: Mapping[Ref, Ref]
) -> dict[tuple[Ref, Ref], Intent]:
    """Couples, left and right, of which we made one from the other and were killed before that was recorded: a create
    that was noted for the one, and its unique key on the other (DESIGN, Intend). To make it again under the same key
    would make nobody twice, but would write over what was edited since; and one without an address is known by nothing
    else. origins: what subjects were before a conversion or a merge."""
    sources = {record.ref for record in subjects} | {ref for record in subjects for ref in _named(scope, pair, record)}
    sources |= {origins[record.ref] for record in subjects if record.ref in origins}
    asked: dict[tuple[Side, str, str], dict[str, Intent]] = defaultdict(dict)
    for intent in await scope.store.intents(sources):
        side = scope.side(intent.source).other
        asked[side, intent.target_object, intent.key[0]][intent.key[1]] = intent
    made: dict[tuple[Ref, Ref], Intent] = {}
    for (side, object_name, name), intents in asked.items():
        for record in await scope.system(side).find(object_name, name, list(intents), [name]):
            value = record.value(name)
            noted = None if isinstance(value, Nothing) else intents.get(plain(value))
            if noted is not None:
                made[(noted.source, record.ref) if side is Side.RIGHT else (record.ref, noted.source)] = noted
    made = await _as_they_are(scope, made, {record.ref for record in subjects})
    links = await scope.store.links([ref for couple in made for ref in couple]) if made else {}
    return {couple: intent for couple, intent in made.items() if not any(ref in links for ref in couple)}


async def _as_they_are(
    scope: Scope, made: Mapping[tuple[Ref, Ref], Intent], read: Collection[Ref]
) -> dict[tuple[Ref, Ref], Intent]:
    """These couples, with what the one that the other was made from has become since: a lead may have been converted
    meanwhile. One that is gone is no couple. read: those that were read just now."""
    sources = {intent.source for intent in made.values()} - set(read)
    records, _ = await read_refs(scope, sources, histories=False) if sources else ({}, {})
    now = {ref: record.ref for ref, record in records.items()} | {ref: ref for ref in read}
    return {
        (now.get(left, left), now.get(right, right)): intent
        for (left, right), intent in made.items()
        if intent.source in now
    }


def _named(scope: Scope, pair: ObjectPair, record: Record) -> Iterable[Ref]:
    """The record of the other side that this one was made from, if it was, by the unique key that it bears."""
    if scope.side(record.ref) is Side.LEFT:
        keys = {pair.right_object: pair.key_left}
    else:
        keys = dict(pair.keys_right)
    other = scope.system(scope.side(record.ref).other).name
    for object_name, name in keys.items():
        value = record.value(name) if name else BLANK
        if not isinstance(value, Nothing):
            yield Ref(other, object_name, plain(value))


async def _by_address(scope: Scope, pair: ObjectPair, subjects: Sequence[Record]) -> list[Record]:
    """The other system's records with the same address, asked now: the index may be a moment old, and creating a second
    one is the worst that can happen (SPEC 4.1)."""
    found: list[Record] = []
    for side in Side:
        texts = {
            text for record in subjects if scope.side(record.ref) is side for text in _addresses(pair, side, record)
        }
        for object_name, name in _address_fields(pair, side.other):
            if texts and name:
                fields = scope.fields(pair, side.other, object_name)
                found += await scope.system(side.other).find(object_name, name, sorted(texts), fields)
    return found


def _addresses(pair: ObjectPair, side: Side, record: Record) -> Iterable[str]:
    names = pair.identity(side, record.ref.object)
    for name in (names.email, names.additional_emails):
        value = record.value(name) if name else None
        if value is not None and not isinstance(value, Nothing):
            yield from (part.strip().lower() for part in plain(value).replace(",", ";").split(";") if part.strip())


def _address_fields(pair: ObjectPair, side: Side) -> list[tuple[str, str]]:
    if side is Side.RIGHT:
        return [(pair.right_object, pair.right_identity.email)]
    return [(name, pair.left_identity[name].email) for name in pair.left_objects]
