"""Temporary: exact addresses only."""

from __future__ import annotations
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from concord.core.mapping import ObjectPair
from concord.core.model import Record, Side
from concord.core.values import Nothing, Ref, plain

Registrable = Callable[[str], str]


@dataclass(frozen=True)
class Bounds:
    link: float = 90
    ask: float = 70


@dataclass(frozen=True)
class Pairing:
    left: Ref
    right: Ref
    score: float
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Duplicate:
    ref: Ref
    active: Ref
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Matching:
    links: tuple[Pairing, ...]
    asks: tuple[Pairing, ...]
    duplicates: tuple[Duplicate, ...]
    new: tuple[Ref, ...]


@dataclass(frozen=True)
class Person:
    ref: Ref
    email: str
    rank: int


def _text(record: Record, name: str) -> str:
    v = record.value(name) if name else None
    return "" if v is None or isinstance(v, Nothing) else plain(v).strip().lower()


def person_of(record: Record, pair: ObjectPair, side: Side, registrable: Registrable) -> Person:
    ident = pair.identity(side, record.ref.object)
    key = _text(record, ident.email)
    if pair.kind == "company":
        key = registrable(_text(record, ident.website).replace("https://", "").replace("http://", "").split("/")[0])
    rank = pair.left_objects.index(record.ref.object) if side is Side.LEFT else 0
    return Person(record.ref, key, rank)


def traits_of(p: Person) -> dict[str, object]:
    return {"email": p.email, "rank": p.rank}


def person_from(ref: Ref, traits: Mapping[str, object]) -> Person:
    return Person(ref, str(traits["email"]), int(str(traits["rank"])))


def keys_of(p: Person) -> frozenset[str]:
    return frozenset({f"e:{p.email}"} if p.email else ())


def match(
    lefts: Sequence[Person],
    rights: Sequence[Person],
    bounds: Bounds,
    apart: frozenset[tuple[Ref, Ref]],
    linked: Mapping[Ref, Ref],
) -> Matching:
    groups: dict[str, tuple[list[Person], list[Person]]] = {}
    for i, side in enumerate((lefts, rights)):
        for p in side:
            groups.setdefault(p.email or str(p.ref), ([], []))[i].append(p)
    links, dups, new = [], [], []
    for key, sides in sorted(groups.items()):
        act = []
        for side in sides:
            side.sort(key=lambda p: (p.ref not in linked, p.rank, p.ref))
            for d in side[1:]:
                dups.append(Duplicate(d.ref, side[0].ref, ("same address",)))
            act.append(side[0] if side else None)
        l, r = act
        if l and r:
            if l.ref not in linked and r.ref not in linked:
                links.append(Pairing(l.ref, r.ref, 100.0, ("same address",)))
        else:
            for one in (l, r):
                if one and one.ref not in linked:
                    new.append(one.ref)
    return Matching(tuple(links), (), tuple(dups), tuple(new))
