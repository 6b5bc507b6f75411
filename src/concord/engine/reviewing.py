"""What a person says about who is who: these two are one, they are two, or what was said before is taken back (SPEC
4.3, 4.7). The command line and the console call these.

Writes nothing to a record but the ids of each other that two records hold, when they are taken apart. Everything else
is left to the line, which looks at both again and finds what was said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from concord.core.mapping import ObjectPair
from concord.core.model import Change, Gone, Lane, Link, LinkState, Notice, Record, Review, Side
from concord.core.values import BLANK, MISSING, Nothing, Ref, Value, plain, same
from concord.engine.scope import Scope
from concord.errors import Category, ConfigError, RemoteRefused

LINKED: Final = "linked"
APART: Final = "apart"
OPEN: Final = "open"

#: Salesforce takes no guarded write in the second in which a record was edited.
_AGAIN: Final = timedelta(seconds=1)
_TRIES: Final = 4


@dataclass(frozen=True)
class Row:
    """One mapped field of two records, side by side: our name, what each shows in plain text, and whether the two are
    the same. None: the record is gone or the field was not read."""

    field: str
    left: str | None
    right: str | None
    same: bool


@dataclass(frozen=True)
class SideBySide:
    """A pair as it is at this moment. gone: what became of a record that is not there any more."""

    review: Review
    rows: tuple[Row, ...]
    gone: tuple[str, ...] = ()


async def find(scope: Scope, left_id: str, right_id: str) -> Review:
    """The question about these two, whatever its state; where none was ever asked, one made of what is known of them.
    Raises ConfigError, naming the id, for a record that Concord does not know."""
    found: dict[Side, dict[str, Ref]] = {}
    for side, record_id in ((Side.LEFT, left_id), (Side.RIGHT, right_id)):
        system = scope.system(side).name
        called = await scope.store.called(record_id)
        known = [one for one in called if one[0].system == system]
        if called and not known:
            raise ConfigError(
                f"{called[0][0]} is no record of {system}; two of one system are merged: concord review merge ID ID"
            )
        if not known:
            raise ConfigError(f"{system} has no record {record_id} that Concord knows; check the id")
        found[side] = {object_pair: ref for ref, object_pair in known}
    both = found[Side.LEFT].keys() & found[Side.RIGHT].keys()
    if not both:
        raise ConfigError(f"{left_id} and {right_id} cannot be one: the one is a person, and the other a company")
    name = sorted(both)[0]
    left, right = found[Side.LEFT][name], found[Side.RIGHT][name]
    asked = await _asked(scope, left, right)
    if asked is not None:
        return asked
    link = await _link(scope, left, right)
    if link is not None:
        return Review(name, left, right, link.score, link.evidence, LINKED)
    return Review(name, left, right, 0.0, ("nobody asked: the evidence that they are one is below the bound",))


async def shown(scope: Scope, review: Review) -> SideBySide:
    """Both records, read now, field by field."""
    pair = _pair(scope, review)
    read: dict[Side, Record | Gone] = {}
    for side, ref in ((Side.LEFT, review.left), (Side.RIGHT, review.right)):
        fields = scope.fields(pair, side, ref.object)
        (read[side],) = await scope.system(side).read(ref.object, [ref.id], fields)
    records = {side: one for side, one in read.items() if isinstance(one, Record)}
    terms = scope.terms(pair, {})
    rows = []
    for one in pair.fields_of(review.left.object):
        values = {side: record.value(one.api_name(side)) for side, record in records.items()}
        left, right = values.get(Side.LEFT, MISSING), values.get(Side.RIGHT, MISSING)
        spec = terms.specs(one, review.left.object).left
        rows.append(Row(one.name, _text(left), _text(right), same(left, right, spec)))
    gone = tuple(one.reason for one in read.values() if isinstance(one, Gone))
    return SideBySide(review, tuple(rows), gone)


def _text(value: Value) -> str | None:
    if value is MISSING:
        return None
    return "" if isinstance(value, Nothing) else plain(value)


async def answer(scope: Scope, review: Review, state: str) -> None:
    """The person's word: LINKED or APART. What follows from it the line does; wake it, or drain.

    Raises ConfigError when one of two that are to be linked is linked with somebody else, RemoteRefused when two that
    are linked cannot be taken apart because a system does not let go of the other's id.
    """
    if state == LINKED:
        for ref in (review.left, review.right):
            link = (await scope.store.links([ref])).get(ref)
            other = link.of(scope.side(ref).other) if link is not None else None
            if link is not None and link.state is LinkState.ACTIVE and other not in (review.left, review.right):
                raise ConfigError(f"{ref} is linked with {other}; if that is wrong, say first that those two are apart")
    elif await _link(scope, review.left, review.right) is not None:
        await _part(scope, review, "a person said that the two are not one")
    await scope.store.decide([replace(review, state=state)], scope.clock.now())
    await _look(scope, review)


async def take_back(scope: Scope, review: Review) -> None:
    """What was said of these two is not said any more: they are a question again. Values that went from one to the
    other while they were linked stay where they are. Raises ConfigError when nothing was said, RemoteRefused as
    `answer`."""
    asked = await _asked(scope, review.left, review.right)
    if asked is None or asked.state == OPEN:
        linked = "; Concord linked them by itself: if they are two, say that they are apart" if asked is None else ""
        raise ConfigError(
            f"nobody said anything of {review.left.id} and {review.right.id} that could be taken back{linked}"
        )
    await _part(scope, review, "a person took back that the two are one")
    await _look(scope, review)


async def _part(scope: Scope, review: Review, reason: str) -> None:
    """End the link of these two, and have each forget the other's id, by which they would be found to be one again."""
    pair = _pair(scope, review)
    if await _link(scope, review.left, review.right) is not None:
        await _forget(scope, Side.LEFT, review.left, pair.key_left, review.right.id)
        await _forget(scope, Side.RIGHT, review.right, pair.keys_right.get(review.left.object, ""), review.left.id)
    await scope.store.take_back(review.left, review.right, reason, scope.clock.now())


async def _forget(scope: Scope, side: Side, ref: Ref, field: str, other_id: str) -> None:
    system = scope.system(side)
    for left in reversed(range(_TRIES)):
        (record,) = await system.read(ref.object, [ref.id], [field]) if field else (None,)
        if not isinstance(record, Record) or record.value(field) != other_id:
            return
        (receipt,) = await system.update([Change(ref, {field: BLANK}, guard=record.guard)], {}, {})
        if receipt.failure is None:
            return
        if not left or not (receipt.failure.moved or receipt.failure.transient):
            advice = f"Clear {field} of {ref} by hand, and say it again"
            raise RemoteRefused(system.name, Category.PERMISSION, receipt.failure.message, advice=advice)
        await scope.clock.sleep(_AGAIN.total_seconds())


async def _look(scope: Scope, review: Review) -> None:
    now = scope.clock.now()
    notices: Sequence[Notice] = [Notice(ref, Lane.PEOPLE, now, "review") for ref in (review.left, review.right)]
    await scope.store.take_in(notices)


async def _asked(scope: Scope, left: Ref, right: Ref) -> Review | None:
    """What was asked about these two, and perhaps answered."""
    return next((one for one in await scope.store.reviews([left]) if (one.left, one.right) == (left, right)), None)


async def _link(scope: Scope, left: Ref, right: Ref) -> Link | None:
    link = (await scope.store.links([left])).get(left)
    active = link is not None and link.state is LinkState.ACTIVE
    return link if link is not None and active and (link.left, link.right) == (left, right) else None


def _pair(scope: Scope, review: Review) -> ObjectPair:
    return next(one for one in scope.pairs if one.name == review.object_pair)
