"""Associations: which records belong together, and as what.

State and its two-sidedness only: every link is kept from both ends under mirrored type ids (API reference
section 10). Consequences such as `associatedcompanyid` are `crm.py`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple


@dataclass(frozen=True)
class LinkType:
    """What a link means in one direction. `inverse`: the type id of the same link seen from the other end."""

    type_id: int
    category: str
    label: str | None
    name: str
    inverse: int


class End(NamedTuple):
    """One end of a link: an object type's plural name and a record id."""

    plural: str
    id: int


PRIMARY = "Primary"
_UNLABELLED = ""

# from, to, label, type id there, type id back.
_KNOWN = [
    ("contacts", "companies", PRIMARY, 1, 2),
    ("contacts", "companies", _UNLABELLED, 279, 280),
    ("deals", "companies", PRIMARY, 5, 6),
    ("deals", "companies", _UNLABELLED, 341, 342),
    ("deals", "contacts", _UNLABELLED, 3, 4),
    ("tickets", "companies", PRIMARY, 26, 25),
    ("tickets", "companies", _UNLABELLED, 339, 340),
    ("tickets", "contacts", _UNLABELLED, 16, 15),
    ("deals", "tickets", _UNLABELLED, 27, 28),
    ("deals", "line_items", _UNLABELLED, 19, 20),
    ("contacts", "contacts", _UNLABELLED, 449, 449),
    ("companies", "companies", _UNLABELLED, 450, 450),
    ("companies", "companies", "Child Company", 13, 14),
    ("companies", "companies", "Parent Company", 14, 13),
    ("deals", "deals", _UNLABELLED, 451, 451),
    ("tickets", "tickets", _UNLABELLED, 452, 452),
    ("calls", "meetings", _UNLABELLED, 399, 400),
    ("communications", "contacts", _UNLABELLED, 81, 82),
    ("communications", "tickets", _UNLABELLED, 83, 84),
    ("communications", "deals", _UNLABELLED, 85, 86),
    ("communications", "companies", _UNLABELLED, 87, 88),
    ("leads", "contacts", PRIMARY, 578, 579),
    ("leads", "contacts", _UNLABELLED, 608, 609),
    ("leads", "companies", _UNLABELLED, 610, 611),
    ("leads", "calls", _UNLABELLED, 596, 597),
    ("leads", "emails", _UNLABELLED, 598, 599),
    ("leads", "meetings", _UNLABELLED, 600, 601),
    ("leads", "communications", _UNLABELLED, 602, 603),
    ("leads", "tasks", _UNLABELLED, 646, 647),
    ("leads", "notes", _UNLABELLED, 854, 855),
]
_KNOWN += [
    (activity, target, _UNLABELLED, there, there - 1)
    for activity, targets in {
        "notes": {"contacts": 202, "companies": 190, "deals": 214, "tickets": 228},
        "calls": {"contacts": 194, "companies": 182, "deals": 206, "tickets": 220},
        "emails": {"contacts": 198, "companies": 186, "deals": 210, "tickets": 224},
        "meetings": {"contacts": 200, "companies": 188, "deals": 212, "tickets": 226},
        "tasks": {"contacts": 204, "companies": 192, "deals": 216, "tickets": 230},
    }.items()
    for target, there in targets.items()
]
_FIRST_OWN_ID = 1001


class Links:
    """All links of a portal and the types that they may have."""

    def __init__(self) -> None:
        self._types: dict[tuple[str, str], dict[int, LinkType]] = {}
        self._links: dict[tuple[str, str], dict[int, dict[int, frozenset[int]]]] = {}
        self._next_type = _FIRST_OWN_ID
        self.own: list[dict[str, object]] = []
        for from_, to, label, there, back in _KNOWN:
            self._define(from_, to, label or None, there, back, "HUBSPOT_DEFINED")

    def _define(
        self,
        from_: str,
        to: str,
        label: str | None,
        there: int,
        back: int,
        category: str,
        inverse_label: str = "",
    ) -> None:
        back_label = inverse_label or label
        if from_ == to and there != back:
            back_label = inverse_label or None
        name = f"{from_}_to_{to}" + (f"_{label.lower().replace(' ', '_')}" if label else "")
        self._types.setdefault((from_, to), {})[there] = LinkType(there, category, label, name, back)
        if not (from_ == to and back in self._types[from_, to]):
            name = f"{to}_to_{from_}" + (f"_{back_label.lower().replace(' ', '_')}" if back_label else "")
            self._types.setdefault((to, from_), {})[back] = LinkType(back, category, back_label, name, there)

    def types(self, from_: str, to: str) -> dict[int, LinkType]:
        """The link types from one object type to another; a pair without any gets an unlabelled one."""
        if (from_, to) not in self._types:
            first = min((from_, to), (to, from_))
            self.define(*first, None, "HUBSPOT_DEFINED")
        return self._types[from_, to]

    def known(self, from_: str, to: str) -> dict[int, LinkType]:
        """Like `types`, but a pair without any stays without."""
        return self._types.get((from_, to), {})

    def define(
        self,
        from_: str,
        to: str,
        label: str | None,
        category: str = "USER_DEFINED",
        inverse_label: str = "",
        ids: tuple[int, int] | None = None,
    ) -> tuple[int, int]:
        """A new link type with the next free ids (or these); the ids there and back."""
        same = from_ == to and not inverse_label
        there, back = ids or (self._next_type, self._next_type if same else self._next_type + 1)
        self._next_type = max(self._next_type, there + 1, back + 1)
        self._define(from_, to, label, there, back, category, inverse_label)
        self.own.append(
            {
                "from": from_,
                "to": to,
                "label": label,
                "inverseLabel": inverse_label or None,
                "category": category,
                "typeId": there,
                "inverseTypeId": back,
            }
        )
        return there, back

    def rename(self, from_: str, to: str, type_id: int, label: str) -> None:
        """Give a link type of the account's own another label."""
        self._types[from_, to][type_id] = replace(self._types[from_, to][type_id], label=label)
        for row in self.own:
            if row["typeId"] == type_id:
                row["label"] = label
            elif row["inverseTypeId"] == type_id:
                row["inverseLabel"] = label

    def remove(self, from_: str, to: str, type_id: int) -> None:
        """Forget a link type, from both ends, with the links that had it."""
        inverse = self._types[from_, to][type_id].inverse
        for number, others in list(self._links.get((from_, to), {}).items()):
            for other, ids in list(others.items()):
                self.put(End(from_, number), End(to, other), ids - {type_id})
        for pair, gone in (((from_, to), type_id), ((to, from_), inverse)):
            self._types[pair].pop(gone, None)
            if not self._types[pair]:
                del self._types[pair]
        self.own = [row for row in self.own if {row["typeId"], row["inverseTypeId"]} != {type_id, inverse}]

    def forget(self, plural: str) -> None:
        """Forget an object type: its link types, and every link to and from its records."""
        for held in (self._types, self._links):
            for pair in [pair for pair in held if plural in pair]:
                del held[pair]
        self.own = [row for row in self.own if plural not in (row["from"], row["to"])]

    def plain(self, from_: str, to: str) -> int:
        """The unlabelled type id."""
        return next(one.type_id for one in self.types(from_, to).values() if one.label is None)

    def primary(self, from_: str, to: str) -> int | None:
        """The type id that marks the primary one, where a pair has such."""
        found = (one.type_id for one in self.types(from_, to).values() if one.label == PRIMARY)
        return next(found, None)

    def between(self, from_: End, to: End) -> frozenset[int]:
        """The type ids of the link from one record to another; empty when they are not linked."""
        return self._links.get((from_.plural, to.plural), {}).get(from_.id, {}).get(to.id, frozenset())

    def of(self, from_: End, to: str) -> dict[int, frozenset[int]]:
        """The linked records of an object type, by id, in the order in which they were linked."""
        return self._links.get((from_.plural, to), {}).get(from_.id, {})

    def ends(self, from_: End) -> list[End]:
        """Every record linked to this one."""
        return [
            End(to, number)
            for (plural, to), links in self._links.items()
            if plural == from_.plural
            for number in links.get(from_.id, ())
        ]

    def put(self, from_: End, to: End, type_ids: frozenset[int]) -> None:
        """Set the type ids of a link, from both ends; none removes it."""
        kinds = self.types(from_.plural, to.plural)
        back = frozenset(kinds[type_id].inverse for type_id in type_ids)
        if from_ == to:
            type_ids = back = type_ids | back
        for one, other, ids in ((from_, to, type_ids), (to, from_, back)):
            links = self._links.setdefault((one.plural, other.plural), {}).setdefault(one.id, {})
            if ids:
                links[other.id] = ids
            else:
                links.pop(other.id, None)

    def everything(self) -> Iterator[tuple[End, End, frozenset[int]]]:
        """Every link once (from the end whose object type or id comes first)."""
        for (from_, to), links in self._links.items():
            for number, others in links.items():
                for other, ids in others.items():
                    if (from_, number) <= (to, other):
                        yield End(from_, number), End(to, other), ids

    def drop(self, end: End) -> Iterable[tuple[End, frozenset[int]]]:
        """Remove every link of a record; the removed ones with their type ids as seen from it."""
        gone = [(other, self.between(end, other)) for other in self.ends(end)]
        for other, _ in gone:
            self.put(end, other, frozenset())
        return gone
