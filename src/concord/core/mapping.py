"""The mapping: which fields of two objects are one field, who owns it, and how it may move (SPEC 2).

Frozen data, with the translation of a value from one side's terms to the other's. Never decides a direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from concord.core.model import Side
from concord.core.values import (
    BLANK,
    MISSING,
    FieldSpec,
    FieldType,
    Nothing,
    ObjectSpec,
    Ref,
    Scalar,
    Untranslatable,
    Value,
    carry,
    is_blank,
    plain,
    same,
)
from concord.errors import Category


class Owner(StrEnum):
    """The source of truth of a field (SPEC 2.1)."""

    LEFT = "left"
    RIGHT = "right"
    LATEST = "latest"

    def is_side(self, side: Side) -> bool:
        return self.value == side.value


class SyncRule(StrEnum):
    """How a field may move (SPEC 2.2)."""

    TWO_WAY = "two_way"
    ALWAYS_LEFT = "always_left"
    ALWAYS_RIGHT = "always_right"
    PREFER_LEFT_UNLESS_BLANK = "prefer_left_unless_blank"
    PREFER_RIGHT_UNLESS_BLANK = "prefer_right_unless_blank"
    MOST_RESTRICTIVE = "most_restrictive"
    FORWARD_ONLY = "forward_only"
    MANUAL = "manual"
    OFF = "off"


class BlankPolicy(StrEnum):
    """What happens to a clear (SPEC 2.2): carried over, refused, or carried only from the owner."""

    CARRY = "carry"
    REFUSE = "refuse"
    FROM_OWNER = "from_owner"


@dataclass(frozen=True)
class FieldPair:
    """One synced field.

    name: what the configuration calls it. left, right: the vendors' field names. only: the left objects it exists on
    (None: all of the object pair). window: how much newer is newer (SPEC 3.2 b; strictly more). strict: the owner wins
    whenever both sides changed. tie: for owner LATEST, who wins when the times are equal or unknown.
    options: (left option, right option) pairs, for picklists whose values differ; several may share an end, and then
    the first is the one that is written.
    stages: for FORWARD_ONLY, the values in order, in the right side's terms; exceptions: (from, to) moves, in the right
    side's terms, that are allowed against the order. default_left, default_right: what a create writes where the other
    side has nothing and this one requires a value.
    """

    name: str
    left: str
    right: str
    owner: Owner = Owner.LATEST
    rule: SyncRule = SyncRule.TWO_WAY
    blank: BlankPolicy = BlankPolicy.FROM_OWNER
    only: frozenset[str] | None = None
    strict: bool = False
    window: timedelta = timedelta(minutes=5)
    tie: Side = Side.LEFT
    options: tuple[tuple[str, str], ...] = ()
    stages: tuple[str, ...] = ()
    exceptions: frozenset[tuple[str, str]] = frozenset()
    default_left: Value = MISSING
    default_right: Value = MISSING

    def api_name(self, side: Side) -> str:
        return self.left if side is Side.LEFT else self.right

    def default(self, side: Side) -> Value:
        return self.default_left if side is Side.LEFT else self.default_right

    def applies_to(self, left_object: str) -> bool:
        return self.only is None or left_object in self.only


@dataclass(frozen=True)
class IdentityFields:
    """Which vendor fields tell who a record is, on one side ("" where there is none)."""

    email: str = ""
    additional_emails: str = ""
    first_name: str = ""
    last_name: str = ""
    company: str = ""
    website: str = ""
    phone: str = ""
    mobile: str = ""
    title: str = ""
    account: str = ""


@dataclass(frozen=True)
class ObjectPair:
    """Two objects whose records are the same things.

    kind: "person" or "company": what identity compares. left_objects: in the order in which they are preferred as the
    active partner (SPEC 4.4). create_left: the left object that an unmatched right record becomes (None: none is made);
    create_right: whether an unmatched left record becomes a right one. keys_right: for each left object the right
    side's unique property that holds a left id; key_left: the left side's external id field that holds a right id.
    """

    name: str
    kind: str
    left_objects: tuple[str, ...]
    right_object: str
    fields: tuple[FieldPair, ...]
    left_identity: Mapping[str, IdentityFields]
    right_identity: IdentityFields
    key_left: str = ""
    keys_right: Mapping[str, str] = field(default_factory=dict)
    create_left: str | None = None
    create_right: bool = False

    def fields_of(self, left_object: str) -> tuple[FieldPair, ...]:
        """The field pairs that exist on that left object."""
        return tuple(pair for pair in self.fields if pair.applies_to(left_object))

    def identity(self, side: Side, object_name: str) -> IdentityFields:
        return self.left_identity[object_name] if side is Side.LEFT else self.right_identity


@dataclass(frozen=True)
class Specs:
    """The two schemas' word on one field pair."""

    left: FieldSpec
    right: FieldSpec

    def of(self, side: Side) -> FieldSpec:
        return self.left if side is Side.LEFT else self.right


def specs_of(pair: FieldPair, left: ObjectSpec, right: ObjectSpec) -> Specs:
    """The schemas' word on a pair that the configuration check has found to exist on both sides."""
    return Specs(left.fields[pair.left], right.fields[pair.right])


def translate(
    value: Value, pair: FieldPair, specs: Specs, source: Side, partners: Mapping[Ref, Ref]
) -> Value | Untranslatable:
    """What the other side would show for a value that `source` shows.

    partners: for references, the linked record of the other side by each known record. BLANK and MISSING stay; a text
    of nothing but blanks is BLANK. A reference that is mapped to a text is carried as its own id.
    """
    if isinstance(value, Nothing):
        return value
    spec, target = specs.of(source), specs.of(source.other)
    if is_blank(value, spec):
        return BLANK
    if isinstance(value, Ref) and target.type is FieldType.REFERENCE:
        return _partner(value, pair, target, partners)
    return carry(_mapped(value, pair, source), spec, target)


def _partner(value: Ref, pair: FieldPair, target: FieldSpec, partners: Mapping[Ref, Ref]) -> Ref | Untranslatable:
    partner = partners.get(value)
    if partner is None:
        return Untranslatable(
            f"{pair.name} points to {value}, which is not linked to a record on the other side",
            "link or create the other record first; the reference follows by itself",
            Category.MISSING_RECORD,
        )
    if target.references and partner.object not in target.references:
        return Untranslatable(
            f"{pair.name} points to {value}; {target.name} cannot point to its partner, a {partner.object}",
            f"map the field to one that points to {partner.object}",
            Category.MAPPING,
        )
    return partner


def _mapped(value: Scalar, pair: FieldPair, source: Side) -> Scalar:
    if not pair.options:
        return value
    pairs = pair.options if source is Side.LEFT else tuple((right, left) for left, right in pair.options)
    table = dict(reversed(pairs))  # reversed: of several, the first in the configuration is meant
    if isinstance(value, frozenset):
        return frozenset(table.get(one, one) for one in value)
    return table.get(plain(value).strip(), value)  # as text: a tick may be mapped to "Yes", a 1 to "Low"


def agree(left: Value, right: Value, pair: FieldPair, specs: Specs, partners: Mapping[Ref, Ref]) -> bool:
    """Whether the two sides show the same thing, each in its own terms: either one, carried over, is the other.

    A blank checkbox and an unticked one are the same: one vendor has no third state.
    """
    if left is MISSING or right is MISSING:
        return False
    for source, value, shown in ((Side.LEFT, left, right), (Side.RIGHT, right, left)):
        carried = translate(value, pair, specs, source, partners)
        if not isinstance(carried, Untranslatable) and same(
            ticked(carried, specs.of(source.other)), ticked(shown, specs.of(source.other)), specs.of(source.other)
        ):
            return True
    return False


def ticked(value: Value, spec: FieldSpec) -> Value:
    """The value, with a blank checkbox as an unticked one."""
    return False if value is BLANK and spec.type is FieldType.CHECKBOX else value


def describe(value: Value) -> str:
    """A value for a person's eye, in previews and in `why`."""
    if isinstance(value, Nothing):
        return "(blank)" if value is BLANK else "(not read)"
    return plain(value)
