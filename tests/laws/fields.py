"""Field pairs, values and stamps for the laws, drawn by Hypothesis; and the mirror of each."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from concord.core.mapping import BlankPolicy, FieldPair, Owner, Specs, SyncRule
from concord.core.merge import Question, Reading
from concord.core.model import Base, Overwritten, Side, Skew, Stamp
from concord.core.plan import Verdict
from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, Option, Value

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
STAGES = ("lead", "mql", "sql", "customer")
TYPES = (
    FieldType.TEXT,
    FieldType.EMAIL,
    FieldType.PHONE,
    FieldType.PICKLIST,
    FieldType.NUMBER,
    FieldType.CHECKBOX,
    FieldType.DATETIME,
)

_VALUES: dict[FieldType, st.SearchStrategy[Value]] = {
    FieldType.TEXT: st.sampled_from(["Ada", "ada ", "Bo", "C", "  "]),
    FieldType.EMAIL: st.sampled_from(["A@x.com", "a@x.com ", "b@x.com"]),
    FieldType.PHONE: st.sampled_from(["+49 30 1", "+49301", "0049 30-1", "555 x7"]),
    FieldType.PICKLIST: st.sampled_from(list(STAGES)),
    FieldType.NUMBER: st.sampled_from(
        [Decimal("0"), Decimal("1.50"), Decimal("1.5"), Decimal("1.4999"), Decimal("-2")]
    ),
    FieldType.CHECKBOX: st.booleans(),
    FieldType.DATETIME: st.sampled_from([NOON, NOON + timedelta(milliseconds=300), NOON + timedelta(days=1)]),
}


def values(kind: FieldType, *, missing: bool = True) -> st.SearchStrategy[Value]:
    nothing = [BLANK, MISSING] if missing else [BLANK]
    return st.one_of(_VALUES[kind], st.sampled_from(nothing))


def stamps() -> st.SearchStrategy[Stamp | None]:
    seconds = st.sampled_from([0, 1, 60, 299, 300, 301, 900, 86_400])
    signed = st.builds(lambda s, sign: s * sign, seconds, st.sampled_from([1, -1]))
    stamp = st.builds(lambda s, certain: Stamp(NOON + timedelta(seconds=s), certain, "test"), signed, st.booleans())
    return st.one_of(st.none(), stamp)


def spec(kind: FieldType, name: str, *, updatable: bool = True, required: bool = False) -> FieldSpec:
    options = tuple(Option(value, value) for value in STAGES) if kind is FieldType.PICKLIST else ()
    scale = 2 if kind is FieldType.NUMBER else None
    return FieldSpec(name, kind, options=options, scale=scale, updatable=updatable, required=required)


@st.composite
def questions(
    draw: st.DrawFn,
    *,
    covered: bool = True,
    missing: bool = True,
    based: bool | None = None,
    rule: SyncRule | None = None,
    most_changed: int = 2,
) -> Question:
    """based: whether there is a base (None: either). rule: that one only. most_changed: sides that changed, at most."""
    kind = FieldType.CHECKBOX if rule is SyncRule.MOST_RESTRICTIVE else draw(st.sampled_from(TYPES))
    rules = list(SyncRule) if rule is None else [rule]
    if kind is not FieldType.CHECKBOX and rule is None:
        rules.remove(SyncRule.MOST_RESTRICTIVE)
    if kind is not FieldType.PICKLIST and rule is None:
        rules.remove(SyncRule.FORWARD_ONLY)
    pair = FieldPair(
        name="field",
        left="L",
        right="R",
        owner=draw(st.sampled_from(list(Owner))),
        rule=draw(st.sampled_from(rules)),
        blank=draw(st.sampled_from(list(BlankPolicy))),
        strict=draw(st.booleans()),
        tie=draw(st.sampled_from(list(Side))),
        stages=STAGES if kind is FieldType.PICKLIST else (),
        exceptions=draw(st.sampled_from([frozenset(), frozenset({("customer", "lead")}), frozenset({("*", "lead")})])),
        default_left=draw(st.sampled_from([MISSING, next(iter(["x"]))])) if kind is FieldType.TEXT else MISSING,
        default_right=draw(st.sampled_from([MISSING, "x"])) if kind is FieldType.TEXT else MISSING,
    )
    drawn = values(kind, missing=missing)
    known = values(kind, missing=False)
    bases = st.builds(Base, known, known)
    base = draw({None: st.one_of(st.none(), bases), True: bases, False: st.none()}[based])
    still = draw(st.sets(st.sampled_from(list(Side)), min_size=2 - most_changed))

    def reading(side: Side) -> Reading:
        over = None
        stamp = draw(stamps())
        if covered and base is not None and draw(st.integers(0, 4)) == 0:
            over = Overwritten(draw(known), Stamp(NOON, True, "test"))
        value = base.of(side) if base is not None and side in still and most_changed < 2 else draw(drawn)
        return Reading(value, stamp, over)

    return Question(
        pair=pair,
        specs=Specs(
            spec(kind, "L", updatable=draw(st.integers(0, 5)) > 0, required=draw(st.integers(0, 5)) == 0),
            spec(kind, "R", updatable=draw(st.integers(0, 5)) > 0, required=draw(st.integers(0, 5)) == 0),
        ),
        left=reading(Side.LEFT),
        right=reading(Side.RIGHT),
        base=base,
        skew=Skew(timedelta(seconds=draw(st.integers(-900, 900))), timedelta(seconds=draw(st.integers(-900, 900)))),
    )


_MIRROR_RULE = {
    SyncRule.ALWAYS_LEFT: SyncRule.ALWAYS_RIGHT,
    SyncRule.ALWAYS_RIGHT: SyncRule.ALWAYS_LEFT,
    SyncRule.PREFER_LEFT_UNLESS_BLANK: SyncRule.PREFER_RIGHT_UNLESS_BLANK,
    SyncRule.PREFER_RIGHT_UNLESS_BLANK: SyncRule.PREFER_LEFT_UNLESS_BLANK,
}
_MIRROR_OWNER = {Owner.LEFT: Owner.RIGHT, Owner.RIGHT: Owner.LEFT, Owner.LATEST: Owner.LATEST}


def mirrored(question: Question) -> Question:
    """The same question with the sides, and everything said of them, swapped."""
    pair = question.pair
    swapped = replace(
        pair,
        left=pair.right,
        right=pair.left,
        owner=_MIRROR_OWNER[pair.owner],
        rule=_MIRROR_RULE.get(pair.rule, pair.rule),
        tie=pair.tie.other,
        default_left=pair.default_right,
        default_right=pair.default_left,
    )
    base = question.base
    return replace(
        question,
        pair=swapped,
        specs=Specs(question.specs.right, question.specs.left),
        left=question.right,
        right=question.left,
        base=None if base is None else Base(base.right, base.left),
        skew=Skew(question.skew.right, question.skew.left),
    )


def mirrored_verdict(verdict: Verdict) -> Verdict:
    base = verdict.base
    return replace(
        verdict,
        reason="",
        left=verdict.right,
        right=verdict.left,
        base=None if base is None else Base(base.right, base.left),
        write_left=verdict.write_right,
        write_right=verdict.write_left,
        winner=verdict.winner.other if verdict.winner else None,
        left_stamp=verdict.right_stamp,
        right_stamp=verdict.left_stamp,
    )
