"""Everything that one pair's line works with: two systems, a store, a clock, the mapping and the schemas.

Built once by app.py; nothing here changes while the line runs, and nothing here decides or does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from concord.core.breaker import Limits
from concord.core.identity import Bounds, Registrable
from concord.core.mapping import IdentityFields, ObjectPair, SyncRule
from concord.core.model import Side, Skew
from concord.core.retry import Backoff
from concord.core.rounds import Bound
from concord.core.steps import Terms
from concord.core.values import FieldType, ObjectSpec, Ref
from concord.engine.ports import Clock, Store, System, Taking

#: How long a claim stands without being renewed.
LEASE: Final = timedelta(minutes=2)

#: Called with the name of each point of the line that a crash test can stop at (see CRASH_POINTS in sync.py).
Reach = Callable[[str], None]


@dataclass(frozen=True)
class Scope:
    """One pair (one org and one portal).

    schemas: by vendor object name. bounds: of SPEC 4.3. registrable: a host's registrable domain. share: a random
    number in [0, 1) for jitter. reach: does nothing, except in crash tests. claim: of the batch that is on the line;
    None: nothing is claimed, as in a preview. stopping: whether the program was told to end: no batch is begun then.
    limits: of the breaker (SPEC 9.4). rounds: how far a chase may go (SPEC 3.7); None: on and on.
    """

    left: System
    right: System
    store: Store
    clock: Clock
    pairs: tuple[ObjectPair, ...]
    schemas: Mapping[str, ObjectSpec]
    bounds: Bounds
    registrable: Registrable
    share: Callable[[], float]
    reach: Reach = lambda point: None
    claim: Taking | None = None
    stopping: Callable[[], bool] = lambda: False
    limits: Limits = field(default_factory=Limits)
    rounds: Bound | None = field(default_factory=Bound)
    lease: timedelta = LEASE
    batch: int = 200
    backoff: Backoff = field(default_factory=lambda: Backoff(first=2.0, cap=300.0, tries=12))

    def within(self, claim: Taking) -> Scope:
        """The same for one batch: its calls are made on its errand, and it takes for itself what it decides on."""
        return replace(self, left=self.left.on(claim.errand), right=self.right.on(claim.errand), claim=claim)

    def system(self, side: Side) -> System:
        return self.left if side is Side.LEFT else self.right

    def side(self, ref: Ref) -> Side:
        return Side.LEFT if ref.system == self.left.name else Side.RIGHT

    def pair_of(self, ref: Ref) -> ObjectPair | None:
        """The object pair that a record belongs to; None for an object that is not synced."""
        for pair in self.pairs:
            if ref.object in pair.left_objects or ref.object == pair.right_object:
                return pair
        return None

    def skew(self) -> Skew:
        return Skew(self.left.clock_ahead(), self.right.clock_ahead())

    def terms(self, pair: ObjectPair, partners: Mapping[Ref, Ref]) -> Terms:
        return Terms(pair, self.schemas, self.skew(), partners)

    def fields(self, pair: ObjectPair, side: Side, object_name: str) -> tuple[str, ...]:
        """The vendor's fields to read of an object: mapped, telling who it is, or holding the other side's id."""
        mapped = [one.api_name(side) for one in pair.fields if side is Side.RIGHT or one.applies_to(object_name)]
        keys = [pair.key_left] if side is Side.LEFT else list(pair.keys_right.values())
        wanted = [*mapped, *identity_names(pair.identity(side, object_name)), *keys]
        return tuple(dict.fromkeys(name for name in wanted if name))

    def tracked(self, pair: ObjectPair, side: Side, object_name: str) -> tuple[str, ...]:
        """Of the mapped fields those whose system keeps a time for each change."""
        names = dict.fromkeys(
            one.api_name(side) for one in pair.fields if side is Side.RIGHT or one.applies_to(object_name)
        )
        fields = self.schemas[object_name].fields
        return tuple(name for name in names if name in fields and fields[name].tracked)

    def consents(self, side: Side) -> Mapping[str, tuple[str, ...]]:
        """For each object of a side the mapped checkboxes whose tick withdraws consent (SPEC 3.6)."""
        found: dict[str, list[str]] = {}
        for pair in self.pairs:
            for name in pair.left_objects if side is Side.LEFT else (pair.right_object,):
                for one in pair.fields:
                    if one.rule is SyncRule.MOST_RESTRICTIVE and (side is Side.RIGHT or one.applies_to(name)):
                        found.setdefault(name, []).append(one.api_name(side))
        return {name: tuple(dict.fromkeys(fields)) for name, fields in found.items()}

    def references(self, pair: ObjectPair, side: Side, object_name: str) -> tuple[str, ...]:
        """The objects that mapped references of this object may point to."""
        fields = self.schemas[object_name].fields
        specs = [fields[name] for name in self.fields(pair, side, object_name) if name in fields]
        found = [target for spec in specs if spec.type is FieldType.REFERENCE for target in spec.references]
        return tuple(dict.fromkeys(found))


def identity_names(identity: IdentityFields) -> tuple[str, ...]:
    """The vendor fields that tell who a record is."""
    return (
        identity.email,
        identity.additional_emails,
        identity.first_name,
        identity.last_name,
        identity.company,
        identity.website,
        identity.phone,
        identity.mobile,
        identity.title,
        identity.account,
    )
