"""Addresses that are taken: HubSpot holds one contact for an e-mail address (SPEC 4.4), so a write of one that another
contact has would be refused, and with it everything else of that record. Found before the call, from what is known.

Turns such a write into a verdict that says who holds the address; decides nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from concord.core.identity import address_key
from concord.core.mapping import ObjectPair
from concord.core.model import Side
from concord.core.plan import CreateStep, RecordPlan, Step, UpdateStep, WaitStep
from concord.core.values import Ref, plain
from concord.engine.scope import Scope


async def hold_taken(scope: Scope, plans: Sequence[RecordPlan]) -> list[RecordPlan]:
    """The same plans, where a write of an address that another right record has is held, with the reason."""
    held = list(plans)
    for pair in scope.pairs:
        name = pair.right_identity.email
        mine = {number: plan for number, plan in enumerate(plans) if plan.object_pair == pair.name}
        wanted = {number: text for number, plan in mine.items() if name and (text := _written(plan, name))}
        holders = await _holders(scope, pair, set(wanted.values())) if wanted else {}
        for number, text in wanted.items():
            holder = next((ref for ref in holders.get(text, ()) if ref != plans[number].right), None)
            if holder is not None:
                held[number] = _held(plans[number], name, holder)
    return held


def _written(plan: RecordPlan, name: str) -> str:
    """The address that a plan writes on the right, as it is compared; "" for none."""
    for step in plan.steps:
        if isinstance(step, UpdateStep | CreateStep) and step.side is Side.RIGHT:
            for write in step.writes:
                if write.name == name and isinstance(write.after, str):
                    return plain(write.after).strip().lower()
    return ""


async def _holders(scope: Scope, pair: ObjectPair, texts: set[str]) -> dict[str, list[Ref]]:
    keys = {address_key(text): text for text in texts}
    holders: dict[str, list[Ref]] = {}
    for known in await scope.store.candidates(pair.name, list(keys), scope.right.name):
        for key in known.keys & keys.keys():
            holders.setdefault(keys[key], []).append(known.ref)
    return holders


def _held(plan: RecordPlan, name: str, holder: Ref) -> RecordPlan:
    reason = (
        f"the address belongs to {holder}, and HubSpot holds one contact for an address; "
        f"merge the two contacts (concord review merge ID ID), or give one of them another address"
    )
    field = ""
    steps: list[Step] = []
    for step in plan.steps:
        if isinstance(step, CreateStep) and step.side is Side.RIGHT:
            # A contact made without its address would be a second one of the same person: nobody is made.
            return replace(plan, steps=(WaitStep(step.source, reason),), verdicts=())
        if isinstance(step, UpdateStep) and step.side is Side.RIGHT:
            field = next((write.field for write in step.writes if write.name == name), field)
            rest = tuple(write for write in step.writes if write.name != name)
            steps += [replace(step, writes=rest)] if rest else []
        else:
            steps.append(step)
    verdicts = tuple(one.held(reason) if one.field == field else one for one in plan.verdicts)
    return replace(plan, steps=tuple(steps), verdicts=verdicts)
