"""Merging records for good, which only the SOAP API does, and what merged records last said (api/salesforce.md 13).

A merge keeps the survivor's values and takes those it is given; what pointed at the others points at it, and they go to
the recycle bin, from which nobody can undo it. Decides nothing about who survives or what it shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from concord.core.model import Change, Failure, Receipt, Record
from concord.core.values import Ref, Value
from concord.errors import Category, RemoteError
from concord.systems.salesforce import errors
from concord.systems.salesforce.client import Client, in_chunks
from concord.systems.salesforce.records import Reading
from concord.systems.salesforce.schema import Schema
from concord.systems.salesforce.soap import Tree, call, complaints_of, element, sobject, succeeded, text
from concord.systems.salesforce.wire import id18, select
from concord.systems.salesforce.writes import body_of

#: Objects that can be merged at all, and records that one merge takes beside the survivor.
MERGEABLE: Final = frozenset({"Account", "Case", "Contact", "Lead"})
LOSERS: Final = 2
#: What people are told before they approve.
WORDS: Final = (
    "what pointed at the others (activities, opportunities, cases, campaign memberships) points at the survivor",
    "the others go to the recycle bin; taking them out of it does not undo the merge",
)
#: Checkboxes that say not to contact a person, mapped or not (section 16).
WITHDRAWALS: Final = frozenset(
    {
        *("HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall"),
        *("PersonHasOptedOutOfEmail", "PersonHasOptedOutOfFax", "PersonDoNotCall"),
    }
)


class Merges:
    """See the engine's `System.merge` and `System.departed`."""

    def __init__(self, client: Client, schema: Schema) -> None:
        self._client = client
        self._schema = schema
        self._reading = Reading(client, schema)

    async def merge(self, survivor: Ref, losers: Sequence[Ref], values: Mapping[str, Value]) -> Sequence[Receipt]:
        """See `System.merge`. One call for all; in it two losers at a time, each time whole or not at all."""
        spec = await self._schema.of(survivor.object)
        refusal = _unfit(survivor, losers) or body_of(Change(survivor, values), spec)[1]
        if refusal is not None:
            return [Receipt(survivor, refusal) for _ in losers]
        parts = list(_parts(losers))
        master = sobject("masterRecord", survivor.object, survivor.id, values, spec.fields)
        asked = [
            element("request", master + "".join(element("recordToMergeIds", text(one.id)) for one in part))
            for part in parts
        ]
        try:
            results, _ = await call(self._client, "merge", "".join(asked), kind="merge")
        except RemoteError as error:
            return [Receipt(survivor, _told(errors.of_error(error))) for _ in losers]
        receipts: list[Receipt] = []
        for place, part in enumerate(parts):
            failure = _failure(results[place], survivor.object) if place < len(results) else _UNTOLD
            receipts += [Receipt(survivor, failure, created=failure is None) for _ in part]
        return receipts

    async def departed(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> Mapping[str, Record]:
        """See `System.departed`: the recycle bin's rows."""
        spec, wanted = await self._schema.of(object_name), [id18(one) for one in ids]
        columns = ["Id", "IsDeleted", *await self._reading.names(object_name, fields)]
        found: dict[str, Record] = {}
        for soql in in_chunks("Id", wanted, lambda one_of: select(object_name, columns, [one_of])):
            async for page in self._client.pages(soql, kind="departed", everything=True):
                for row in page.body["records"]:
                    if row.get("IsDeleted"):
                        record = self._reading.record(row, spec, fields, page)
                        found[record.ref.id] = record
        return found


def _parts(losers: Sequence[Ref]) -> Iterator[Sequence[Ref]]:
    for start in range(0, len(losers), LOSERS):
        yield losers[start : start + LOSERS]


def _unfit(survivor: Ref, losers: Sequence[Ref]) -> Failure | None:
    """Why these cannot be merged whatever they hold."""
    others = sorted({one.object for one in losers} - {survivor.object})
    if others:
        words = f"a {others[0]} cannot be merged into a {survivor.object}"
        advice = "Convert the lead into the contact in Salesforce" if "Lead" in (*others, survivor.object) else ""
        return Failure(Category.MAPPING, words, code="MERGE_FAILED", advice=advice)
    if survivor.object not in MERGEABLE:
        words = f"records of {survivor.object} cannot be merged in Salesforce"
        return Failure(Category.MAPPING, words, code="MERGE_FAILED", advice="Delete the ones that are too many")
    return None


def _failure(result: Tree, object_name: str) -> Failure | None:
    return None if succeeded(result) else _told(errors.failure(400, complaints_of(result), object_name))


def _told(failure: Failure) -> Failure:
    """With what a merge needs more than a write does."""
    if failure.category is not Category.PERMISSION:
        return failure
    return replace(failure, advice=f"{failure.advice}; to merge, it needs edit and delete on this object")


_UNTOLD: Final = Failure(
    Category.INTERNAL,
    "Salesforce's answer does not say what came of the merge",
    advice="It is looked at before it is sent again",
    transient=True,
    unknown=True,
)
