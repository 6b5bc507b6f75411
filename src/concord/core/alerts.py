"""What an administrator is told without asking (SPEC 9.7): which conditions stand, and what has changed about them.

Pure: `standing` judges facts against limits, `changes` compares what stands with what was told. Sends and remembers
nothing. No words in here hold a person's data: numbers, names of systems, objects and fields, and a vendor's codes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from concord.core.quota import Usage, runs_out
from concord.errors import Category

#: Name of the condition that no database can remember.
DATABASE: Final = "database"
#: Causes of dead letters that are told one by one; what is more is one condition.
CAUSES: Final = 20
#: The slowest in a hundred of fewer changes than this is one slow change.
LEAST_MEASURED: Final = 20
#: Over how long the latency is measured.
LATENCY_SPAN: Final = timedelta(minutes=15)
#: What was told of the day's calls longer ago says nothing of now.
_STALE: Final = timedelta(hours=1)


class State(StrEnum):
    """What a telling says of its condition: it has begun, it still stands (a reminder), it is over; or it is a test."""

    BEGUN = "begun"
    STANDING = "standing"
    MENDED = "mended"
    TEST = "test"


@dataclass(frozen=True)
class Condition:
    """Something that needs a person, as it stands. name: stays the same while it stands, and the next time.

    since: since when, as far as it is known. count: of whatever the words count. advice: what to do about it.
    """

    name: str
    since: datetime
    words: str
    advice: str
    count: int = 1


@dataclass(frozen=True)
class Alert:
    """A condition that was told. seen_at: when it was last seen to stand. told_at: when it was last told."""

    id: int
    condition: Condition
    seen_at: datetime
    told_at: datetime


@dataclass(frozen=True)
class Telling:
    """One message about one condition. id: the same at each try to send it, and no other message's.

    alert: a number that the messages about one condition have in common, from its beginning to its end.
    """

    id: str
    alert: int
    state: State
    at: datetime
    pair: str
    condition: Condition

    @property
    def headline(self) -> str:
        """The message in one line."""
        words = " ".join(self.condition.words.split())
        if self.state is State.MENDED:
            return f"over after {_span(self.at - self.condition.since)}: {words}"
        if self.state is State.STANDING:
            return f"still, after {_span(self.at - self.condition.since)}: {words}"
        return words


@dataclass(frozen=True)
class Due:
    """A message that has to be sent now. id: of the message to this target. attempts: this one included."""

    id: int
    target: str
    attempts: int
    telling: Telling


@dataclass(frozen=True)
class Limits:
    """From when on something is worth a message; None: never.

    down: a system does not answer for so long, as a whole or about an object. database, worker: as long without
    PostgreSQL, or any worker. feed: one is not followed for so long. consent: an opt-out waits for so long (SPEC 7.1).
    oldest: any change of a person. backlog: changes that wait. latency: what the slowest in a hundred takes (SPEC 6.5).
    dead_of_cause, dead: records that were given up, of one cause and of all. quota: the part that is used of the calls
    that Concord may see used. forecast: they will have run out in so long. settle: a condition is over when it has been
    gone for so long. remind: a condition is told again when it has stood for so long since it was told.
    """

    down: timedelta | None = timedelta(minutes=1)
    database: timedelta | None = timedelta(minutes=1)
    worker: timedelta | None = timedelta(minutes=1)
    feed: timedelta | None = timedelta(minutes=2)
    consent: timedelta | None = timedelta(minutes=1)
    oldest: timedelta | None = timedelta(minutes=15)
    backlog: float | None = 10_000
    latency: timedelta | None = timedelta(minutes=1)
    dead_of_cause: float | None = 1
    dead: float | None = 100
    quota: float | None = 0.9
    forecast: timedelta | None = timedelta(hours=4)
    settle: timedelta = timedelta(minutes=1)
    remind: timedelta | None = None


# --- facts


@dataclass(frozen=True)
class Waiting:
    """Rows of the inbox. count: those that are not given up. dead: those that are. oldest_at: of the former."""

    count: int = 0
    dead: int = 0
    oldest_at: datetime | None = None


@dataclass(frozen=True)
class Dead:
    """Records that were given up for one cause. label: the cause, without a value. since: the first of them."""

    label: str
    count: int
    since: datetime
    advice: str


@dataclass(frozen=True)
class Measured:
    """How long the changes of a lane took of late: p99 seconds the slowest in a hundred, of so many."""

    lane: str
    count: int
    p99: float


@dataclass(frozen=True)
class Unreached:
    """A system that does not answer what every sweep asks, since then; category, code: of the newest refusal."""

    system: str
    since: datetime
    category: Category
    code: str = ""


@dataclass(frozen=True)
class Unasked:
    """Objects of a system that answers otherwise, and that it does not let be asked about."""

    system: str
    objects: tuple[str, ...]
    since: datetime


@dataclass(frozen=True)
class Breaker:
    """A breaker that is open and asks (SPEC 9.4)."""

    name: str
    since: datetime
    reason: str


@dataclass(frozen=True)
class Facts:
    """How it goes. consent, people: the urgent lanes; a first load may take its time.

    dead: by cause. measured: by lane. workers: how many live. heard_at: when one was last heard of; None: never. feeds:
    those that should be followed, and when each last was. usage: readings for each system, oldest first.
    """

    now: datetime
    consent: Waiting = Waiting()
    people: Waiting = Waiting()
    dead: tuple[Dead, ...] = ()
    measured: tuple[Measured, ...] = ()
    workers: int = 0
    heard_at: datetime | None = None
    feeds: Mapping[str, datetime] = field(default_factory=dict)
    unreached: tuple[Unreached, ...] = ()
    unasked: tuple[Unasked, ...] = ()
    usage: tuple[tuple[Usage, ...], ...] = ()
    breakers: tuple[Breaker, ...] = ()


# --- what stands


def standing(facts: Facts, limits: Limits, told: Collection[str] = ()) -> list[Condition]:
    """Every condition that stands, the worst first. told: names of those that were told before: among too many causes
    of dead letters these are named first, so that none seems to end because another began."""
    found = [condition for rule in _RULES for condition in rule(facts, limits)]
    return [*found, *_dead_letters(facts, limits, told)]


def _down(facts: Facts, limits: Limits) -> Iterator[Condition]:
    for one in facts.unreached:
        if limits.down is None or facts.now - one.since < limits.down:
            continue
        code = f" ({one.code})" if one.code else ""
        name = f"down: {one.system}"
        if one.category in (Category.QUOTA, Category.RATE_LIMIT):
            words = f"{one.system} takes no calls, because too many were made{code}"
            advice = "It goes on by itself when there is room again; opt-outs go on. See what else calls it so often."
        elif one.category is Category.PERMISSION:
            words = f"{one.system} does not let Concord in{code}"
            advice = "Check the integration user, its rights and its secret; `concord serve` tries again by itself."
        elif one.category in (Category.NETWORK, Category.INTERNAL):
            words = f"{one.system} does not answer{code}"
            advice = "Check its status page and the network. Nothing is lost: changes wait until it is back."
        else:
            words = f"{one.system} refuses to say what changed: {one.category.value}{code}"
            advice = "`concord config check` and `concord reconcile` compare the mapping with the system; see the log."
        yield Condition(name, one.since, words, advice)
    for other in facts.unasked:
        if limits.down is not None and facts.now - other.since >= limits.down:
            names = ", ".join(other.objects)
            yield Condition(
                f"not asked: {other.system}",
                other.since,
                f"{other.system} does not let Concord ask what changed of {names}",
                "`concord status` says why: mostly a right or a field that the integration user has lost.",
                len(other.objects),
            )


def _no_worker(facts: Facts, limits: Limits) -> Iterator[Condition]:
    if limits.worker is None or facts.workers > 0:
        return
    since = facts.heard_at
    if since is None or facts.now - since >= limits.worker:
        yield Condition(
            "worker",
            since or facts.now,
            "no worker runs, so that nothing is carried out",
            "Start one: concord serve. What waits is kept.",
        )


def _consent_waits(facts: Facts, limits: Limits) -> Iterator[Condition]:
    if limits.consent is None:
        return
    oldest = facts.consent.oldest_at
    late = oldest is not None and facts.now - oldest > limits.consent
    if late:
        words = f"an opt-out has been waiting for longer than {_span(limits.consent)}"
        advice = "Until it is carried out, do not mail. `concord status` shows what holds it up."
        yield Condition("opt-out waits", oldest or facts.now, words, advice, facts.consent.count)
    if facts.consent.dead:
        words = f"{_many(facts.consent.dead, 'opt-out was', 'opt-outs were')} refused for good"
        advice = "Until it is carried out, do not mail. `concord errors` says why; mend it, then: concord retry --all"
        yield Condition("opt-out refused", facts.now, words, advice, facts.consent.dead)


def _oldest_waits(facts: Facts, limits: Limits) -> Iterator[Condition]:
    oldest = facts.people.oldest_at
    if limits.oldest is not None and oldest is not None and facts.now - oldest > limits.oldest:
        words = f"a change has been waiting for longer than {_span(limits.oldest)}"
        yield Condition(
            "change waits", oldest, words, "`concord errors` says what is tried again and why.", facts.people.count
        )


def _backlog(facts: Facts, limits: Limits) -> Iterator[Condition]:
    count = facts.people.count + facts.consent.count
    if limits.backlog is not None and count > limits.backlog:
        words = f"{count} changes wait, more than {limits.backlog:.0f}"
        advice = "A mass edit or an import? It is worked off by itself, and opt-outs overtake it."
        yield Condition("backlog", facts.now, words, advice, count)


def _slow(facts: Facts, limits: Limits) -> Iterator[Condition]:
    enough = [one for one in facts.measured if one.count >= LEAST_MEASURED]
    worst = max(enough, key=lambda one: one.p99, default=None)
    if limits.latency is not None and worst is not None and worst.p99 > limits.latency.total_seconds():
        words = (
            f"one change in a hundred took {_span(timedelta(seconds=worst.p99))} or longer, of {worst.count}"
            f" ({worst.lane}) within {_span(LATENCY_SPAN)}"
        )
        yield Condition("slow", facts.now, words, "`concord status` shows what waits and for how long.", worst.count)


def _feeds(facts: Facts, limits: Limits) -> Iterator[Condition]:
    for feed, at in sorted(facts.feeds.items()):
        if limits.feed is not None and facts.now - at > limits.feed:
            yield Condition(
                f"feed: {feed}",
                at,
                f"the {feed} is not followed, so that changes are found only by asking",
                "See the log for why. If it is not to be followed any more, set `events: off` in concord.yaml.",
            )


def _quota(facts: Facts, limits: Limits) -> Iterator[Condition]:
    for readings in facts.usage:
        last, ends = readings[-1], runs_out(readings)
        used = f"{last.used} of the day's {last.limit} calls of {last.system} are used; the bound is {last.share:.0%}"
        advice = "See what else calls it so often; raise the limit, or Concord's share of it. Opt-outs have a reserve."
        if facts.now - last.at > _STALE or (last.resets_at is not None and facts.now >= last.resets_at):
            continue
        if limits.quota is not None and last.used >= limits.quota * last.share * last.limit:
            yield Condition(f"quota: {last.system}", last.at, used, advice, last.used)
        elif limits.forecast is not None and ends is not None and ends - facts.now <= limits.forecast:
            words = f"{used}, which will be in {_span(ends - facts.now)} at this pace"
            yield Condition(f"quota: {last.system}", last.at, words, advice, last.used)


def _breakers(facts: Facts, limits: Limits) -> Iterator[Condition]:
    for one in facts.breakers:
        words = f"the breaker {one.name} is open: {one.reason}"
        yield Condition(f"breaker: {one.name}", one.since, words, "Allow or refuse it: concord breaker")


def _dead_letters(facts: Facts, limits: Limits, told: Collection[str]) -> Iterator[Condition]:
    total = sum(one.count for one in facts.dead)
    if limits.dead is not None and total >= limits.dead:
        first = min(one.since for one in facts.dead)
        words = f"{total} records were given up and wait for a person"
        yield Condition("dead letters", first, words, "concord errors; when mended: concord retry --all", total)
    if limits.dead_of_cause is None:
        return
    many = [one for one in facts.dead if one.count >= limits.dead_of_cause]
    many.sort(key=lambda one: (_dead_name(one) not in told, one.since, one.label))
    for one in many[:CAUSES]:
        words = f"{_many(one.count, 'record was', 'records were')} given up: {one.label}"
        advice = f'{one.advice.rstrip(". ")}. Then: concord retry --cause "{one.label}"'.removeprefix(". ")
        yield Condition(_dead_name(one), one.since, words, advice, one.count)
    rest = many[CAUSES:]
    if rest:
        words = f"{_many(len(rest), 'further cause', 'further causes')} of records that were given up"
        yield Condition("dead letters: others", rest[0].since, words, "concord errors", sum(one.count for one in rest))


def _dead_name(one: Dead) -> str:
    return f"dead letters: {one.label}"


_RULES: Final[tuple[Callable[[Facts, Limits], Iterator[Condition]], ...]] = (
    _no_worker,
    _down,
    _consent_waits,
    _breakers,
    _quota,
    _feeds,
    _oldest_waits,
    _backlog,
    _slow,
)


# --- what has changed


@dataclass(frozen=True)
class Changes:
    """What is to be told and remembered. seen: all that was told and stands, as it is now; reminded: those among them
    that are told once more."""

    begun: tuple[Condition, ...] = ()
    seen: tuple[Alert, ...] = ()
    reminded: tuple[Alert, ...] = ()
    mended: tuple[Alert, ...] = ()


def changes(told: Sequence[Alert], stands: Sequence[Condition], now: datetime, limits: Limits) -> Changes:
    """One telling for each change of state: a condition that stands on is not told again, and one that was gone for
    less than `settle` has stood all the time."""
    now_stands = {one.name: one for one in stands}
    names = {one.condition.name for one in told}
    seen = tuple(
        replace(one, condition=replace(now_stands[one.condition.name], since=one.condition.since), seen_at=now)
        for one in told
        if one.condition.name in now_stands
    )
    return Changes(
        begun=tuple(one for one in now_stands.values() if one.name not in names),
        seen=seen,
        reminded=tuple(one for one in seen if limits.remind is not None and now - one.told_at >= limits.remind),
        mended=tuple(
            one for one in told if one.condition.name not in now_stands and now - one.seen_at >= limits.settle
        ),
    )


def _many(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"


def _span(time: timedelta) -> str:
    """A span in words, as exact as a person needs it."""
    seconds = max(0.0, time.total_seconds())
    for size, unit in ((172_800, "days"), (7_200, "h"), (120, "min")):
        if seconds >= size:
            return f"{seconds / (size / 2):.0f} {unit}"
    return f"{seconds:.0f} s"
