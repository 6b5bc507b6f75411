"""What happens in a run of the chaos, as data: a list of acts, drawn from a seed; and the shortest part of it that
still fails.

Plays nothing. An act whose moment never comes (nobody of that name, nothing to restore) is passed over by the player,
so that any part of a script is a script.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from concord.engine.sync import CRASH_POINTS

PEOPLE: Final = 7
COMPANIES: Final = 3
#: Fields that people edit, each time with a text that nobody wrote before.
FIELDS: Final = ("title", "city", "phone", "mobile", "email", "first_name")
SIDES: Final = ("salesforce", "hubspot")

#: How often each act is drawn, beside the others.
WEIGHTS: Final = {
    "edit": 26,
    "edit both": 5,
    "edit at": 10,
    "clear": 1,
    "late": 2,
    "person": 6,
    "opt": 5,
    "company": 5,
    "delete": 2,
    "restore": 2,
    "convert": 2,
    "merge": 1,
    "events": 5,
    "fault": 8,
    "lock": 2,
    "lag": 1,
    "tokens": 1,
    "kill": 6,
    "freeze": 4,
    "hang": 4,
    "work": 18,
    "sweep": 8,
    "deliver": 8,
    "presence": 1,
    "wait": 8,
}
_FAULTS: Final = (
    {"kind": "status", "status": 429},
    {"kind": "status", "status": 500},
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 401, "code": "INVALID_SESSION_ID"},
    {"kind": "drop_before"},
    {"kind": "drop_after"},
    {"kind": "drop_after", "path": r"/batch/|/composite/|/sobjects/"},
    {"kind": "drop_before", "path": r"/batch/(update|upsert|create)|/composite/sobjects"},
    {"kind": "record_error", "code": "UNABLE_TO_LOCK_ROW", "path": "/composite/sobjects"},
)


@dataclass(frozen=True)
class Act:
    """One thing that happens. who: the number of a person. told: what else there is to say, by name."""

    what: str
    who: int = 0
    told: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        said = " ".join(f"{name}={value}" for name, value in self.told.items())
        return f"{self.what} {self.who} {said}".rstrip()


@dataclass(frozen=True)
class Script:
    """seed: what it was drawn from. workers: how many Concords work at once. batch: how many records each takes."""

    seed: int
    workers: int
    batch: int
    acts: tuple[Act, ...]

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {self.workers} workers, batches of {self.batch}, {len(self.acts)} acts:"]
        return "\n".join([*lines, *(f"  {number:3} {act}" for number, act in enumerate(self.acts))])


def drawn(seed: int) -> Script:
    """The script of a seed; the same for ever, as long as the weights stay."""
    rng = random.Random(seed)
    workers, batch = (1, 2, 2, 4)[seed % 4], rng.choice((1, 2, 3, 200))
    first = [_person(rng, who) for who in rng.sample(range(PEOPLE), k=4)]
    settled = [Act("settle")] if rng.random() < 0.8 else []
    names, weights = list(WEIGHTS), list(WEIGHTS.values())
    acts = [_act(rng, rng.choices(names, weights)[0]) for _ in range(rng.randint(25, 70))]
    return Script(seed, workers, batch, (*first, *settled, *acts))


def _act(rng: random.Random, what: str) -> Act:  # noqa: C901 - a line for each kind of act
    who, side = rng.randrange(PEOPLE), rng.choice(SIDES)
    if what == "person":
        return _person(rng, who)
    told: dict[str, Any] = {}
    if what in ("edit", "edit at"):
        told = {"side": side, "field": rng.choice(FIELDS)}
    if what == "edit at":
        told["point"] = rng.choice(CRASH_POINTS)
    if what == "edit both":
        told = {"field": rng.choice(FIELDS), "apart": rng.choice((0, 1, 60, 299, 301, 900))}
    if what in ("clear", "delete", "restore", "sweep"):
        told = {"side": side}
    if what == "late":
        told = {"field": rng.choice(FIELDS), "seconds": rng.choice((3, 20, 90))}
    if what == "opt":
        told = {"side": side, "out": rng.random() < 0.7}
    if what in ("company", "convert"):
        told = {"side": side, "company": rng.randrange(COMPANIES)}
    if what == "merge":
        told = {"side": side, "with": rng.randrange(PEOPLE)}
    if what == "events":
        kind = rng.choice(("event_drop", "event_double", "event_delay"))
        told = {"side": side, "kind": kind, "times": rng.randint(1, 6), "milliseconds": rng.choice((5_000, 90_000))}
    if what == "fault":
        told = {"side": side, **rng.choice(_FAULTS), "times": rng.randint(1, 4), "after": rng.randrange(4)}
    if what == "lock":
        told = {"seconds": rng.choice((2, 30, 200))}
    if what == "lag":
        told = {"milliseconds": rng.choice((0, 2_000, 20_000))}
    if what in ("kill", "freeze"):
        told = {"point": rng.choice(CRASH_POINTS)}
    if what == "hang":
        told = {"worker": rng.randrange(4), "calls": rng.randrange(12), "moment": rng.choice(("before", "after"))}
        told["edit"] = {"side": rng.choice(SIDES), "field": rng.choice(FIELDS)}
    if what == "wait":
        told = {"seconds": rng.choice((1, 7, 31, 140, 400, 1200))}
    return Act(what, who, told)


def _person(rng: random.Random, who: int) -> Act:
    how = rng.choice(("lead", "lead", "contact", "contact", "salesforce contact", "both", "both"))
    filled = tuple(name for name in FIELDS if name != "first_name" and rng.random() < 0.5)
    told = {"how": how, "filled": filled, "addressed": rng.random() < 0.8, "company": rng.randrange(COMPANIES)}
    return Act("person", who, told)


async def shortened(script: Script, fails: Callable[[Script], Awaitable[bool]], budget: Callable[[], bool]) -> Script:
    """A shorter script that fails as well: parts are left out, large ones first, while budget() says there is time.
    Workers run at once, so that the same script may end otherwise: what is left has failed once at least."""
    size = max(1, len(script.acts) // 2)
    while True:
        place, left_out = 0, False
        while place < len(script.acts) and budget():
            rest = (*script.acts[:place], *script.acts[place + size :])
            shorter = replace(script, acts=rest)
            if await fails(shorter):
                script, left_out = shorter, True
            else:
                place += size
        if not budget() or (size == 1 and not left_out):
            return script
        size = max(1, size // 2)


def steps(acts: Sequence[Act]) -> str:
    """For a failing run's report."""
    return "; ".join(map(str, acts))
