"""Merging records for good (api/hubspot.md, section 9): one loser a call, and the survivor may get a new id by it.

The primary's values stay and its blanks are filled from the other; a contact's further addresses become additional
ones. Decides nothing about who survives or what it shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from concord.core.model import Change, Failure, Receipt
from concord.core.values import Ref, Value
from concord.errors import Category, RemoteError
from concord.systems.hubspot.client import REFUSED_BATCH, Caller
from concord.systems.hubspot.errors import failure_of, reading

#: What people are told before they approve.
WORDS: Final = (
    "the survivor may get a new id; the old ids go on leading to it",
    "a contact keeps its address, and the others' become additional addresses of it",
    "of two lifecycle stages the further one stays; of two marketing statuses the one that allows more",
    "activities and associations of the others go to the survivor",
)

#: Writes changes of existing records: `Writer.update`, without reading back.
Update = Callable[[Sequence[Change]], Awaitable[Sequence[Receipt]]]


async def merge(
    caller: Caller, update: Update, survivor: Ref, losers: Sequence[Ref], values: Mapping[str, Value]
) -> Sequence[Receipt]:
    """See `System.merge`. What is refused ends it: the losers after that one are told to have failed with it."""
    failure: Failure | None = _unfit(survivor, losers)
    if failure is None and values:
        # Before the merge, which takes no values and lets the primary's stand: repeated after a kill, it is the same.
        (written,) = await update([Change(survivor, values)])
        failure = written.failure
    home, failures = survivor, list[Failure | None]()
    for loser in losers:
        if failure is None:
            home, failure = await _one(caller, home, loser)
        failures.append(failure)
    return [Receipt(home, one, created=one is None) for one in failures]


async def _one(caller: Caller, primary: Ref, loser: Ref) -> tuple[Ref, Failure | None]:
    """Merge one; the survivor under the ref that it has now."""
    body = {"primaryObjectId": primary.id, "objectIdToMerge": loser.id}
    path = caller.paths.objects(primary.object, "/merge")
    try:
        answer = await caller.post(path, "merge", body, accept=REFUSED_BATCH, repeats=False)
    except RemoteError as error:
        return primary, _told(failure_of(error))
    if answer.status in REFUSED_BATCH:
        return primary, _told(reading(answer.status, answer.body).failure())
    if not isinstance(answer.body, Mapping) or not answer.body.get("id"):
        return primary, _UNTOLD
    return primary._replace(id=str(answer.body["id"])), None


def _unfit(survivor: Ref, losers: Sequence[Ref]) -> Failure | None:
    others = sorted({one.object for one in losers} - {survivor.object})
    if not others:
        return None
    return Failure(Category.MAPPING, f"{others[0]} cannot be merged into {survivor.object}", code="MERGE_FAILED")


def _told(failure: Failure) -> Failure:
    """With what a merge needs."""
    if failure.category is not Category.PERMISSION or failure.advice:
        return failure
    return replace(failure, advice="To merge, the app needs the scope to write this object")


_UNTOLD: Final = Failure(
    Category.INTERNAL,
    "HubSpot's answer does not say what came of the merge",
    advice="It is looked at before it is sent again",
    transient=True,
    unknown=True,
)
