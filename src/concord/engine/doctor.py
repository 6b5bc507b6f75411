"""What an installation can do, found out by asking both accounts one thing after the other (SPEC 10.1, 11.2).

Each question stands by itself: whatever one of them meets, the others are asked. Only where a system does not let
Concord in at all are its further questions not asked, and said to be unknown. Changes nothing; judges nothing that a
vendor's own module or core/checks.py can judge.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from concord.core.checks import (
    Check,
    Question,
    State,
    clock_check,
    cost_check,
    expectation,
    not_asked,
    worst,
)
from concord.engine.ports import Examined, System
from concord.engine.sweep import QUICK
from concord.errors import ConcordError, ConfigError, RemoteError, RemoteRefused

log = logging.getLogger("concord.doctor")

#: Seconds that one question may take, its repeats included.
PATIENCE: Final = 45.0
#: How often everything is asked again reading far back (see app.py); counted into what asking costs.
DEEPLY: Final = timedelta(minutes=2)


@dataclass(frozen=True)
class Asking:
    """How one system is asked what changed. objects: the synced ones. consents: for each of them the checkboxes that
    withdraw consent. every, consent_every, beside: see `config.Sweep`. lag: how late a change shows up in what is
    asked for."""

    objects: Sequence[str]
    consents: Mapping[str, Collection[str]]
    every: timedelta
    consent_every: timedelta
    beside: timedelta
    lag: timedelta = timedelta()


async def examine(examined: Examined, system: System, asking: Asking, *, patience: float = PATIENCE) -> list[Check]:
    """Everything about one system. Never raises for what it finds."""
    section, found = examined.section, []
    asks = Question(
        section,
        "asking",
        lambda: _asking(section, system, examined, asking),
        State.FAIL,
        "give the integration user the right to read the synced objects",
    )
    blocked = ""
    for gate in examined.gates:
        if blocked:
            found.append(not_asked(gate, blocked))
            continue
        checks = await answered(gate, patience, gate=True)
        found += checks
        blocked = gate.name if worst(checks) is State.FAIL else ""
    for question in (*examined.questions, asks):
        found += [not_asked(question, blocked)] if blocked else await answered(question, patience)
    if not blocked:
        found.append(clock_check(section, system.clock_ahead()))
        found += expectation(
            section,
            found,
            every=asking.every,
            consent_every=asking.consent_every if asking.consents else None,
            beside=asking.beside,
            lag=asking.lag,
        )
    return found


async def answered(question: Question, patience: float = PATIENCE, *, gate: bool = False) -> list[Check]:
    """What a question comes to. A refusal is what the question says it is; without an answer nothing is known, but for
    a gate, which does not let anybody through then."""
    silent = State.FAIL if gate else State.UNKNOWN
    try:
        async with asyncio.timeout(patience):
            return list(await question.ask())
    except TimeoutError:
        words, state, advice = f"no answer within {patience:.0f} s", silent, "try again"
    except ConfigError as error:
        words, state, advice = str(error), State.FAIL, ""
    except RemoteRefused as error:
        state = question.otherwise
        words, advice = _said(error), error.advice or question.by_hand
        if state is State.UNKNOWN:  # what it says is about the question, which nobody but Concord has asked
            words, advice = f"the system does not tell it ({error.code or error.category.value})", question.by_hand
    except RemoteError as error:
        words, state = _said(error), silent
        advice = "try again; if it lasts, look at the address, the network, and the system's own status page"
    except ConcordError as error:
        words, state, advice = str(error), State.UNKNOWN, question.by_hand
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        log.debug("%s, %s", question.section, question.name, exc_info=error)
        words = f"the answer has a shape that Concord does not know ({type(error).__name__})"
        state, advice = State.UNKNOWN, question.by_hand
    return [Check(question.section, question.name, state, words, advice)]


def _said(error: RemoteError) -> str:
    """What the system said, on one line, without the advice that is shown below it."""
    text = str(error).removesuffix(f". {error.advice}").removeprefix(f"{error.system}: ")
    return " ".join(text.split())


async def _asking(section: str, system: System, examined: Examined, asking: Asking) -> list[Check]:
    """Ask what changed in the last moment, as every sweep does, and count the calls that it takes. What is hidden was
    told of already, and is left out."""
    seen = examined.schemas
    objects = [name for name in asking.objects if name in seen]
    boxes = {name: [one for one in asking.consents.get(name, ()) if one in seen[name].fields] for name in objects}
    consents = {name: fields for name, fields in boxes.items() if fields}
    if not objects:
        return [Check(section, "asking", State.UNKNOWN, "not tried: no synced object can be read", asked=False)]
    sweep = await _calls(system, objects, None)
    calls = {asking.every: sweep}
    deep = sweep
    if consents:
        consent = await _calls(system, list(consents), consents)
        calls[asking.consent_every] = calls.get(asking.consent_every, 0) + consent
        deep += consent
    calls[DEEPLY] = calls.get(DEEPLY, 0) + deep
    return [cost_check(section, calls, examined.daily)]


async def _calls(system: System, objects: Sequence[str], ticked: Mapping[str, Collection[str]] | None) -> int:
    start = await system.changed(objects, None, timedelta(), ticked)
    before = system.calls()
    page = await system.changed(objects, start.position, QUICK, ticked)
    for failure in page.failed.values():
        raise RemoteRefused(system.name, failure.category, failure.message, code=failure.code, advice=failure.advice)
    return system.calls() - before
