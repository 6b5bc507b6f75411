"""Between plan and intend: a field that two sets of rules chase each other through is stopped (SPEC 3.7).

What a chase is, and what is held, is core/rounds.py's to say; what was written before is in the store. Nothing is asked
for what no remote rule has answered, which is nearly everything. Only the field waits: the rest of its record goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from concord.core.model import Side
from concord.core.plan import RecordPlan
from concord.core.rounds import Bound, Chase, Past, answers, chases, hold
from concord.engine.planning import Planned
from concord.engine.scope import Scope
from concord.trace import traced

log = logging.getLogger("concord.rounds")


async def stop_chases(scope: Scope, planned: Planned) -> Planned:
    """The same plan, without the writes of fields that are in a chase. Those that are stopped now are noted in the
    store when this returns."""
    bound, plans = scope.rounds, planned.plan.records
    if bound is None:
        return planned
    fields = {
        (plan.link_id, name)
        for plan, link in zip(plans, planned.links, strict=True)
        if plan.link_id is not None and link is not None
        for name in answers(plan, link.bases)
    }
    if not fields:
        return planned
    made = await _without_chases(scope, bound, plans, fields)
    return replace(planned, plan=replace(planned.plan, records=tuple(made)))


@traced("rounds")
async def _without_chases(
    scope: Scope, bound: Bound, plans: Sequence[RecordPlan], fields: set[tuple[int, str]]
) -> list[RecordPlan]:
    now = scope.clock.now()
    past = await scope.store.rounds(fields, now - bound.memory)
    by_link: dict[int | None, dict[str, Past]] = {}
    for link_id, name in fields:
        by_link.setdefault(link_id, {})[name] = past.get((link_id, name), Past())
    pairs = {pair.name: pair for pair in scope.pairs}
    systems = {side: scope.system(side).name for side in Side}
    made, stopped = [], set[tuple[int, str]]()
    for plan in plans:
        mine = by_link.get(plan.link_id)
        found = chases(plan, pairs[plan.object_pair], mine, bound, now) if mine else ()
        _tell(plan, found)
        held = {one.field: one for one in found if not one.free}
        stopped |= {(plan.link_id, one.field) for one in held.values() if one.new and plan.link_id is not None}
        made.append(hold(plan, held, pairs[plan.object_pair], systems, bound) if held else plan)
    if stopped:
        await scope.store.stop_fields(stopped, now)
    return made


def _tell(plan: RecordPlan, found: Sequence[Chase]) -> None:
    for one in found:
        where = f"{one.field} of {plan.left} and {plan.right}"
        if one.free:
            log.warning("%s is in a chase, and is written all the same: it withdraws consent", where)
        elif one.new:
            log.warning("%s is stopped: something changes it again whenever it is written; see `concord errors`", where)


async def let_go(scope: Scope, bound: Bound) -> int:
    """Try again what was stopped so long ago that the pause is over; how many records are looked at."""
    now = scope.clock.now()
    again = await scope.store.let_go(now, now - bound.pause, now - bound.memory)
    if again:
        log.info("%d records are looked at again whose field was stopped for a while", again)
    return again
