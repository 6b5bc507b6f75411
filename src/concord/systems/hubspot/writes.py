"""Writing HubSpot's records: updates, creates, and what HubSpot takes by other calls (opt-out, primary company, a
lifecycle stage that goes back). It writes what it is told and reads back what came of it; it decides nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from concord.core.model import Change, Failure, Gone, Receipt, Record
from concord.core.values import BLANK, MISSING, Ref, Value
from concord.errors import Category, RemoteError
from concord.systems.hubspot.client import REFUSED_BATCH, Caller
from concord.systems.hubspot.consent import NO_ADDRESS, NO_CHECKBOX, NO_OPT_IN, opt_out
from concord.systems.hubspot.errors import SYSTEM, Reading, failure_of, reading
from concord.systems.hubspot.records import BATCH, Reader, SpecOf, chunks
from concord.systems.hubspot.schema import COMPANY, EMAIL, LIFECYCLE
from concord.systems.hubspot.wire import OPT_OUT, Unwritable, format_value, properties_of

#: contact -> company, primary (section 10).
PRIMARY: Final = ({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1},)

#: The server's clock is known to a second or so: its `Date` header has no finer time.
CLOCK_SLACK: Final = timedelta(seconds=2)

Shown = Mapping[str, Sequence[str]]


@dataclass
class Draft:
    """One change and what has come of it so far.

    properties: what goes by the ordinary write. opt_in: it is to show no opt-out. company: MISSING when it is not to be
    written. touched: something of it was written. stopped: its ordinary write was refused. error: the call it was in
    failed as a whole.
    """

    index: int
    change: Change
    id: str
    properties: dict[str, str] = field(default_factory=dict)
    opt_out: bool = False
    opt_in: bool = False
    company: Value = MISSING
    failure: Failure | None = None
    error: RemoteError | None = None
    created: bool = False
    touched: bool = False
    stopped: bool = False
    shown: Record | None = None

    @property
    def object_name(self) -> str:
        return self.change.ref.object

    @property
    def there(self) -> bool:
        """Whether there is a record to write to or read back."""
        return bool(self.id) and not (self.failure and self.failure.category is Category.MISSING_RECORD)

    def fail(self, failure: Failure, error: RemoteError | None = None) -> None:
        """Note why it was not written; the first reason stays."""
        self.failure = self.failure or failure
        self.error = self.error or error

    def receipt(self) -> Receipt:
        ref = self.change.ref._replace(id=self.shown.ref.id if self.shown else self.id)
        return Receipt(ref, self.failure, self.created, self.shown)


class Writer:
    """Writes of one account.

    consent: a caller and a reader that may use the daily reserve. server_now: the server's time, as far as it is known.
    """

    def __init__(
        self,
        caller: Caller,
        reader: Reader,
        consent: tuple[Caller, Reader],
        spec_of: SpecOf,
        server_now: Callable[[], datetime],
    ) -> None:
        self._caller = caller
        self._reader = reader
        self._consent_caller, self._consent_reader = consent
        self._spec_of = spec_of
        self._server_now = server_now

    async def update(self, changes: Sequence[Change], show: Shown, histories: Shown) -> Sequence[Receipt]:
        """See `HubSpot.update`."""
        drafts = [await self._draft(index, change) for index, change in enumerate(changes)]
        await asyncio.gather(*(self._update(name, group, show, histories) for name, group in _by_object(drafts)))
        return _receipts(drafts)

    async def create(self, changes: Sequence[Change], show: Shown, histories: Shown) -> Sequence[Receipt]:
        """See `HubSpot.create`."""
        drafts = [await self._draft(index, change) for index, change in enumerate(changes)]
        await asyncio.gather(*(self._create(name, group, show, histories) for name, group in _by_object(drafts)))
        return _receipts(drafts)

    # --- the order of things

    async def _update(self, name: str, drafts: list[Draft], show: Shown, histories: Shown) -> None:
        # Opt-outs first: they wait for nothing, and what is refused of the other properties does not hold them up.
        await self._opt_outs(name, drafts)
        since = self._server_now() - CLOCK_SLACK
        await self._update_all(
            name, [(draft, draft.properties) for draft in drafts if draft.properties and draft.there]
        )
        await self._companies(name, drafts)
        await self._read_back(name, drafts, show, histories)
        await self._move_back(name, drafts, since, show, histories)

    async def _create(self, name: str, drafts: list[Draft], show: Shown, histories: Shown) -> None:
        since = self._server_now() - CLOCK_SLACK
        by_key: dict[str, list[Draft]] = {}
        for draft in drafts:
            by_key.setdefault(_key(draft.change)[0], []).append(draft)
        path = self._caller.paths.objects(name, "/batch/upsert")
        route = Route(path, "create", _settle_upsert)
        await asyncio.gather(
            *(
                self._send(route, [(draft, _upsert_input(draft)) for draft in part])
                for group in by_key.values()
                for part in chunks(group, BATCH)
            )
        )
        await self._opt_outs(name, drafts)
        await self._companies(name, drafts)
        await self._read_back(name, drafts, show, histories)
        await self._move_back(name, drafts, since, show, histories)

    async def _draft(self, index: int, change: Change) -> Draft:
        """Sort a change's values by the call that writes them. A value that cannot be written is a failure of its field
        and holds up no other field of the record (SPEC 9.1)."""
        spec = await self._spec_of(change.ref.object)
        draft = Draft(index, change, change.ref.id)
        for name, value in change.values.items():
            if spec.name == "contacts" and name == OPT_OUT:
                draft.opt_out, draft.opt_in = value is True, value is False or value is BLANK
                if not draft.opt_out and not draft.opt_in:
                    draft.fail(NO_CHECKBOX)
            elif spec.name == "contacts" and name == COMPANY:
                if value is not BLANK and not isinstance(value, Ref):
                    draft.fail(_unwritable(name, "it holds a reference to a company"))
                else:
                    draft.company = value
            elif name not in spec.fields:
                draft.fail(_unwritable(name, f"the account has no property of this name on {spec.name}"))
            else:
                try:
                    draft.properties[name] = format_value(value, spec.fields[name])
                except Unwritable as problem:
                    draft.fail(_unwritable(name, str(problem)))
        return draft

    # --- properties

    async def _update_all(self, name: str, writes: Sequence[tuple[Draft, Mapping[str, str]]]) -> None:
        route = Route(self._caller.paths.objects(name, "/batch/update"), "update", _settle_update)
        inputs = [
            (draft, {"id": draft.id, "properties": dict(values), "objectWriteTraceId": str(draft.index)})
            for draft, values in writes
        ]
        await asyncio.gather(*(self._send(route, part) for part in chunks(inputs, BATCH)))

    async def _send(self, route: Route, batch: Sequence[Sent]) -> None:
        """One batch. Refused as a whole because of some of its records, it is sent again in parts until the bad ones
        stand alone, so that one bad record holds up no other (SPEC 9.1)."""
        body = {"inputs": [sent for _, sent in batch]}
        try:
            answer = await self._caller.post(route.path, route.kind, body, accept=REFUSED_BATCH)
        except RemoteError as error:
            for draft, _ in batch:
                route.fail(draft, failure_of(error), error)
            return
        if answer.status not in REFUSED_BATCH:
            route.settle(route, [draft for draft, _ in batch], answer.body)
            return
        told = reading(answer.status, answer.body)
        failing, parts = _parts(batch, told)
        for draft, _ in failing:
            route.fail(draft, told.failure())
        await asyncio.gather(*(self._send(route, part) for part in parts))

    # --- what other calls write

    async def _opt_outs(self, name: str, drafts: Sequence[Draft]) -> None:
        asked = [draft for draft in drafts if draft.opt_out and draft.there]
        if not asked:
            return
        try:
            records = await self._consent_reader.read(name, [draft.id for draft in asked], [EMAIL])
        except RemoteError as error:
            for draft in asked:
                draft.fail(replace(failure_of(error), fields=(OPT_OUT,)), error)
            return
        wanted: list[tuple[Draft, frozenset[str]]] = []
        for draft, record in zip(asked, records, strict=True):
            if isinstance(record, Gone):
                draft.fail(Failure(Category.MISSING_RECORD, f"{record.ref}: {record.reason}", code="OBJECT_NOT_FOUND"))
                continue
            # The address of now and the one it is about to get: whichever of them the write ends with, no means no.
            addresses = _texts(record.value(EMAIL), draft.change.values.get(EMAIL, MISSING))
            if addresses:
                wanted.append((draft, addresses))
            else:
                draft.fail(NO_ADDRESS)
        done = await opt_out(self._consent_caller, sorted({text for _, addresses in wanted for text in addresses}))
        for draft, addresses in wanted:
            failures = [failure for text in sorted(addresses) if (failure := done[text])]
            draft.touched |= len(failures) < len(addresses)
            for failure in failures:
                draft.fail(replace(failure, fields=(OPT_OUT,)))

    async def _companies(self, name: str, drafts: Sequence[Draft]) -> None:
        """Set and remove primary companies. Writing the primary type moves the primary mark; removing it takes the mark
        from the company that has it, and leaves the plain association (section 10)."""
        setting = [(d, _link(d.id, d.company.id)) for d in drafts if isinstance(d.company, Ref) and d.there]
        clearing = [draft for draft in drafts if draft.company is BLANK and draft.there]
        removing: list[Sent] = []
        try:
            present = await self._reader.read(name, [draft.id for draft in clearing], [COMPANY]) if clearing else []
        except RemoteError as error:
            for draft in clearing:
                draft.fail(replace(failure_of(error), fields=(COMPANY,)), error)
            present = []
        for draft, record in zip(clearing, present, strict=False):
            company = record.value(COMPANY) if isinstance(record, Record) else BLANK
            draft.touched = True
            if isinstance(company, Ref):
                removing.append((draft, _link(draft.id, company.id)))
        paths = self._caller.paths
        tails = ("/batch/create", "/batch/labels/archive")
        create, archive = (
            Route(paths.associations(name, "companies", tail), "associate", _settle_link, COMPANY) for tail in tails
        )
        await asyncio.gather(
            *(self._send(create, part) for part in chunks(setting, BATCH)),
            *(self._send(archive, part) for part in chunks(removing, BATCH)),
        )

    # --- what came of it

    async def _read_back(self, name: str, drafts: Sequence[Draft], show: Shown, histories: Shown) -> None:
        """Read the written records with their histories: they show what HubSpot made of the values, and any edit of a
        person that our write has just covered (SPEC 3.8)."""
        written = [draft for draft in drafts if (draft.touched or draft.opt_in) and draft.there]
        stages = any(LIFECYCLE in draft.properties for draft in written)
        fields, kept = list(show.get(name, ())), list(histories.get(name, ()))
        if stages:
            fields, kept = _with(fields, LIFECYCLE), _with(kept, LIFECYCLE)
        if any(draft.opt_in for draft in written):
            fields = _with(fields, OPT_OUT)
        try:
            records = await self._reader.read(name, [draft.id for draft in written], fields, kept)
        except RemoteError:
            # The writes stand all the same. Without `shown` the engine reads the records again when HubSpot answers.
            return
        for draft, record in zip(written, records, strict=True):
            draft.shown = record if isinstance(record, Record) else None
            # To write "not opted out" where nobody is, is done by doing nothing; where somebody is, it is refused
            # (SPEC 7.2): HubSpot keeps an address's opt-out beyond its contact, so a new contact may be born with one.
            if draft.opt_in and draft.shown is not None and draft.shown.value(OPT_OUT) is True:
                draft.fail(NO_OPT_IN)

    async def _move_back(
        self, name: str, drafts: Sequence[Draft], since: datetime, show: Shown, histories: Shown
    ) -> None:
        """HubSpot ignores a lifecycle stage that does not lie further on, and answers 200 all the same: such a stage is
        cleared and written again, in two requests, once (section 11)."""
        behind = [draft for draft in drafts if _ignored(draft, since)]
        if not behind:
            return
        await self._update_all(name, [(draft, {LIFECYCLE: ""}) for draft in behind])
        stages = [(draft, {LIFECYCLE: draft.properties[LIFECYCLE]}) for draft in behind if not draft.stopped]
        await self._update_all(name, stages)
        await self._read_back(name, behind, show, histories)


# --- batches


#: A draft and what is sent of it.
Sent = tuple[Draft, Mapping[str, Any]]


@dataclass(frozen=True)
class Route:
    """Where a batch goes. settle: notes on its drafts what the answer says. field: the one property that this call
    writes; "" for the ordinary write of many."""

    path: str
    kind: str
    settle: Callable[[Route, Sequence[Draft], Any], None]
    field: str = ""

    def fail(self, draft: Draft, failure: Failure, error: RemoteError | None = None) -> None:
        if self.field:
            draft.fail(replace(failure, fields=(self.field,)), error)
        else:
            draft.fail(failure, error)
            draft.stopped = True


def _parts(batch: Sequence[Sent], told: Reading) -> tuple[Sequence[Sent], list[Sequence[Sent]]]:
    """A refused batch: the ones that the refusal is about, and the parts to send again."""
    if len(batch) == 1:
        return batch, []
    named = [sent for sent in batch if sent[0].id and sent[0].id in told.ids]
    if told.fields and not named:
        named = [sent for sent in batch if set(told.fields) & set(sent[1].get("properties", {}))]
    rest = [sent for sent in batch if sent not in named]
    if named and told.meaning.category is Category.MAPPING:
        # A property that is not there or cannot be set is refused for every record alike: no need to ask for each.
        return named, [rest] if rest else []
    if named and rest:
        return [], [named, rest]
    middle = len(batch) // 2
    return [], [batch[:middle], batch[middle:]]


def _settle_update(route: Route, drafts: Sequence[Draft], body: Any) -> None:
    done = {str(row.get("id")) for row in _items(body, "results")}
    _settle(route, drafts, body, [draft for draft in drafts if draft.id in done])


def _settle_link(route: Route, drafts: Sequence[Draft], body: Any) -> None:
    rows = _items(body, "results")
    done = {str(row.get("fromObjectId") or (row.get("from") or {}).get("id")) for row in rows}
    _settle(route, drafts, body, [draft for draft in drafts if draft.id in done])


def _settle_upsert(route: Route, drafts: Sequence[Draft], body: Any) -> None:
    """Results come in no set order: they are told apart by our trace, or by the unique value."""
    done: list[Draft] = []
    for row in _items(body, "results"):
        draft = _owner(drafts, row)
        if draft is not None:
            draft.id, draft.created = str(row["id"]), row.get("new") is True
            done.append(draft)
    _settle(route, drafts, body, done)
    for draft in drafts:
        if not draft.id and not draft.stopped:
            draft.touched = False
            route.fail(draft, _UNTOLD)


_UNTOLD: Final = Failure(
    Category.INTERNAL,
    "HubSpot's answer does not say what came of the record",
    advice="It is looked for by its unique key before it is made again",
    transient=True,
    unknown=True,
)


def _owner(drafts: Sequence[Draft], row: Mapping[str, Any]) -> Draft | None:
    trace = row.get("objectWriteTraceId")
    for draft in drafts:
        name, text = _key(draft.change)
        if trace == str(draft.index) or (
            trace is None and str(properties_of(row).get(name) or "").lower() == text.strip().lower()
        ):
            return draft
    return drafts[0] if len(drafts) == 1 else None


def _settle(route: Route, drafts: Sequence[Draft], body: Any, done: Sequence[Draft]) -> None:
    """Give each error of a partly refused batch to its record. What is neither in an error nor in the results was
    written too (a merged record answers under its new id), unless errors are left that name nobody."""
    told = [reading(None, item) for item in _items(body, "errors")]
    open_drafts = [draft for draft in drafts if draft not in done]
    nameless: list[Reading] = []
    failed: list[Draft] = []
    for error in told:
        named = [draft for draft in open_drafts if _names(error, draft)]
        for draft in named:
            route.fail(draft, error.failure())
        failed += named
        if not named:
            nameless.append(error)
    for draft in open_drafts:
        if draft not in failed and nameless:
            route.fail(draft, (nameless.pop(0) if len(nameless) > 1 else nameless[0]).failure())
            failed.append(draft)
    for draft in drafts:
        draft.touched |= draft not in failed


def _names(error: Reading, draft: Draft) -> bool:
    key = draft.change.key
    return (
        error.trace == str(draft.index)
        or (bool(draft.id) and draft.id in error.ids)
        or (key is not None and not draft.id and key[1] in error.ids)
    )


def _items(body: Any, name: str) -> list[Mapping[str, Any]]:
    found = body.get(name) if isinstance(body, Mapping) else None
    return [item for item in found or [] if isinstance(item, Mapping)]


# --- shapes


def _key(change: Change) -> tuple[str, str]:
    if change.key is None:
        raise ValueError("a create needs a unique key, so that a repeat finds the first one")
    return change.key


def _upsert_input(draft: Draft) -> Mapping[str, Any]:
    name, text = _key(draft.change)
    return {
        "id": text,
        "idProperty": name,
        "properties": {**draft.properties, name: text},
        "objectWriteTraceId": str(draft.index),
    }


def _link(contact: str, company: str) -> Mapping[str, Any]:
    return {"from": {"id": contact}, "to": {"id": company}, "types": list(PRIMARY)}


def _ignored(draft: Draft, since: datetime) -> bool:
    """Whether HubSpot passed over the stage that was written. A stage that was taken and then changed by somebody else
    is in the history since the write, and is theirs to keep (SPEC 3.8)."""
    asked = draft.properties.get(LIFECYCLE)
    if not asked or draft.shown is None or draft.stopped or draft.shown.value(LIFECYCLE) == asked:
        return False
    entries = draft.shown.histories.get(LIFECYCLE, ())
    return not any(entry.value == asked and entry.stamp.at >= since for entry in entries)


def _unwritable(name: str, problem: str) -> Failure:
    return Failure(
        Category.MAPPING,
        f"{SYSTEM} {name}: {problem}",
        fields=(name,),
        advice="Correct the mapping of this property",
    )


def _texts(*values: Value) -> frozenset[str]:
    return frozenset(value.strip() for value in values if isinstance(value, str) and value.strip())


def _with(names: list[str], name: str) -> list[str]:
    return names if name in names else [*names, name]


def _by_object(drafts: Iterable[Draft]) -> Iterable[tuple[str, list[Draft]]]:
    groups: dict[str, list[Draft]] = {}
    for draft in drafts:
        groups.setdefault(draft.object_name, []).append(draft)
    return groups.items()


def _receipts(drafts: Sequence[Draft]) -> Sequence[Receipt]:
    """The receipts in the order asked. Where nothing at all was written because the calls failed, their error is
    raised: it is the account's or the network's, not the records'."""
    errors = [draft.error for draft in drafts if draft.error is not None and not draft.touched]
    if errors and len(errors) == len(drafts):
        raise errors[0]
    return [draft.receipt() for draft in drafts]
