"""Stages that only move forward, with named exceptions (SPEC 2.2 `forward_only`, 5.6).

Order and exceptions are configuration, in the right side's terms. Pure comparison; writes nothing.
"""

from __future__ import annotations

from concord.core.mapping import FieldPair
from concord.core.values import Nothing, Value, plain

#: In an exception, stands for any stage.
ANY = "*"


def rank(pair: FieldPair, stage: Value) -> int | None:
    """How far along a stage is; -1 for none yet, None for a stage that has no place in the order."""
    if isinstance(stage, Nothing):
        return -1
    text = plain(stage)
    return pair.stages.index(text) if text in pair.stages else None


def may_move(pair: FieldPair, old: Value, new: Value) -> bool:
    """Whether the stage may go from `old` to `new`: forward in the order, or by a named exception."""
    before, after = rank(pair, old), rank(pair, new)
    if before is not None and after is not None and after > before:
        return True
    origin, target = (_word(old), _word(new))
    return any(a in (ANY, origin) and b in (ANY, target) for a, b in pair.exceptions)


def _word(stage: Value) -> str:
    return "" if isinstance(stage, Nothing) else plain(stage)
