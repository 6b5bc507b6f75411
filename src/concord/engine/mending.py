"""Rows that wait for a person because of a field, and whose field is mapped or built otherwise since: tried again by
themselves at the next start, when schemas and configuration are read anew.

It compares what each mapped field was with what it is now and says which have changed; it decides nothing about values.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Final

from concord.core.mapping import FieldPair, specs_of
from concord.engine.scope import Scope
from concord.errors import Category

log = logging.getLogger("concord.mending")

#: Under which the fields' marks are stored.
_POSITION: Final = "mapped fields"
#: What a change of a field's mapping or build can mend.
MENDED: Final = frozenset({Category.MAPPING, Category.DATA_TYPE, Category.PICKLIST, Category.REQUIRED_FIELD})


async def take_up_mended(scope: Scope) -> int:
    """Try again what waits for a field that has changed since the last start; how many rows. The first start has
    nothing to compare with."""
    now = _marks(scope)
    stored = await scope.store.position(_POSITION)
    before: Mapping[str, str] = json.loads(stored) if stored else now
    changed = {name for name in now.keys() | before.keys() if now.get(name) != before.get(name)}
    names = {name.rpartition(" ")[2] for name in changed}
    revived = await scope.store.revive_fields(scope.clock.now(), names, MENDED) if names else 0
    if changed or not stored:
        await scope.store.put_position(_POSITION, json.dumps(now, sort_keys=True))
    if revived:
        log.info("%d records are tried again: %s changed", revived, ", ".join(sorted(names)))
    return revived


def _marks(scope: Scope) -> dict[str, str]:
    """A mark for each mapped field of each object, under both vendors' names ("contacts jobtitle"), that is another one
    as soon as its mapping or its build on either side is."""
    marks: dict[str, list[str]] = {}
    for objects in scope.pairs:
        right = scope.schemas[objects.right_object]
        for left_object in objects.left_objects:
            left = scope.schemas[left_object]
            for pair in objects.fields_of(left_object):
                specs = specs_of(pair, left, right)
                mark = _text(pair) + _text(specs.left) + _text(specs.right)
                for name in _names(pair, left_object, objects.right_object):
                    marks.setdefault(name, []).append(mark)
    return {name: hashlib.sha256("".join(sorted(every)).encode()).hexdigest()[:16] for name, every in marks.items()}


def _names(pair: FieldPair, left_object: str, right_object: str) -> tuple[str, str]:
    return f"{left_object} {pair.left}", f"{right_object} {pair.right}"


def _text(value: object) -> str:
    """The same words for the same value in every process: a set has no order of its own."""
    if is_dataclass(value) and not isinstance(value, type):
        return f"{type(value).__name__}({', '.join(_text(getattr(value, one.name)) for one in fields(value))})"
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(_text(one) for one in value)) + "}"
    if isinstance(value, tuple):
        return "(" + ", ".join(_text(one) for one in value) + ")"
    return repr(value)
