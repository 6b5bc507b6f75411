"""What a person is told of a write that was refused, or could not even be sent: the field on both sides, the value,
what the record shows instead, and for options both lists (SPEC 2.4, 9.1, 9.5).

Pure. It says what happened; when to try again is said in core/retry.py, and what is written in core/merge.py.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from concord.core.mapping import FieldPair
from concord.core.model import Failure, Refused, Side
from concord.core.plan import CreateStep, FieldWrite, RecordPlan, Verdict
from concord.core.steps import Terms
from concord.core.values import MISSING, FieldSpec
from concord.errors import Category

#: Options of a list that are named; some have hundreds, such as the countries.
_NAMED: Final = 40
#: The code of a value that was found not to fit before any call was made.
HELD_BACK: Final = "HELD_BACK"


def refused(failure: Failure, system: str, writes: Sequence[FieldWrite], terms: Terms, left_object: str) -> Failure:
    """The failure with the values that it is about: of the fields that it names, or, where it names none of them, all.

    system: who refused. writes: what was to be written there.
    """
    named = [write for write in writes if write.name in failure.fields]
    values = tuple(Refused(system, one.field, one.name, one.after, one.before) for one in named or writes)
    advice = failure.advice
    if failure.category is Category.PICKLIST:
        ours = {write.field for write in named}
        pairs = [pair for pair in terms.pair.fields_of(left_object) if pair.name in ours]
        advice = ". ".join([advice, *(_lists(pair, terms, left_object) for pair in pairs)])
    return replace(failure, system=system, refused=values, advice=advice)


def _lists(pair: FieldPair, terms: Terms, left_object: str) -> str:
    """Both sides' options, as they were last read."""
    specs = terms.specs(pair, left_object)
    return f"{_options(specs.left)}; {_options(specs.right)}"


def _options(spec: FieldSpec) -> str:
    active = [option.value for option in spec.options if option.active]
    if not active:
        return f"{spec.name} has no list of options"
    more = f" and {len(active) - _NAMED} more" if len(active) > _NAMED else ""
    return f"{spec.name} has {', '.join(active[:_NAMED])}{more}"


def held_back(plan: RecordPlan, terms: Terms, systems: Mapping[Side, str]) -> Failure | None:
    """The values of a plan that fit nowhere on the other side, as a failure that waits for a person; None: there are
    none. The rest of the record was written. A reference to a record that is not linked yet follows by itself."""
    found = [(verdict, one) for verdict in plan.verdicts if (one := _lasting(verdict)) is not None]
    if not found:
        return None
    pairs = {pair.name: pair for pair in terms.pair.fields_of(left_object_of(plan))}
    values = tuple(_kept_back(verdict, side, pairs[verdict.field], systems) for verdict, side in found)
    blocked = [verdict.blocked for verdict, _ in found if verdict.blocked is not None]
    return Failure(
        blocked[0].problem.category,
        "; ".join(one.problem.problem for one in blocked),
        code=HELD_BACK,
        fields=tuple(value.name for value in values),
        advice="; ".join(dict.fromkeys(one.problem.advice for one in blocked)),
        system=values[0].system,
        refused=values,
    )


def _lasting(verdict: Verdict) -> Side | None:
    """The side that a verdict's value does not fit on, where that stays so until somebody acts."""
    if verdict.blocked is None or verdict.blocked.problem.category is Category.MISSING_RECORD:
        return None
    return verdict.blocked.side


def _kept_back(verdict: Verdict, side: Side, pair: FieldPair, systems: Mapping[Side, str]) -> Refused:
    value, shown = (verdict.right, verdict.left) if side is Side.LEFT else (verdict.left, verdict.right)
    written = verdict.write(side)
    return Refused(systems[side], verdict.field, pair.api_name(side), value, shown if written is MISSING else written)


def left_object_of(plan: RecordPlan) -> str:
    """The left object whose fields the verdicts are about: of the record, or of the one to be made."""
    if plan.left is not None:
        return plan.left.object
    return next(step.intent.target_object for step in plan.steps if isinstance(step, CreateStep))


def lasting(failures: Collection[Failure]) -> Failure | None:
    """One failure for a person out of several; None: there is none. The first says the kind, the others join its
    words and values, so that nothing has to be mended twice over."""
    if not failures:
        return None
    first, *others = failures
    words = [first.message, *(f"{one.system}: {one.message}" for one in others)]
    values = tuple(value for one in failures for value in one.refused)
    return replace(first, message="; ".join(words), refused=values)
