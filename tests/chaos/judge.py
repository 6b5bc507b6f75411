"""The end of a run: what must hold of both sandboxes' state, of the inbox and of the ledger, whatever happened.

Reads the sandboxes from within, and Concord's store only for who is linked with whom, what waits, and what the ledger
says. Each finding is a sentence.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.chaos.people import NAMES, PLACES, At, People
from tests.chaos.told import same, wrongly_stands
from tests.chaos.world import Crew
from tests.stories.stage import Stage

from concord.core.model import Lane, Notice
from concord.core.values import Ref

Couple = tuple[At, At]


async def judged(play: Stage, crew: Crew, people: People, settled: Callable[[], Awaitable[None]]) -> list[str]:
    """Everything that is wrong."""
    store = crew.concord.store
    couples = [(_at(left), _at(right)) for left, right in await store.active_links("people")]
    firms = {left.id: right.id for left, right in await store.active_links("companies")}
    asked = {at for review in await store.open_reviews() for at in (_at(review.left), _at(review.right))}
    wrong = [*_agreement(play, people, couples, firms), *_everybody_once(play, people, couples, asked)]
    wrong += [f"left for a person: {one.ref} {one.failure.message}" for one in await store.dead()]
    wrong += [f"failing: {one.ref} {one.failure.message}" for one in await store.failing() if not one.dead]
    wrong += [line async for line in _explained(play, crew, people, couples)]
    wrong += await _quiet(play, crew, couples, settled)
    return wrong


def _at(ref: Ref) -> At:
    return At(ref.system, ref.object, ref.id)


def _rows(play: Stage) -> dict[At, dict[str, Any]]:
    """Every live person's record, by where it is."""
    rows = {}
    for side, app, names in (
        ("salesforce", play.salesforce, ("Lead", "Contact")),
        ("hubspot", play.hubspot, ("contacts",)),
    ):
        for name in names:
            for row in app.service.records(name):
                if not (name == "Lead" and row["fields"].get("IsConverted")):
                    rows[At(side, name, row["id"])] = row["fields"]
    return rows


def _agreement(play: Stage, people: People, couples: list[Couple], firms: dict[str, str]) -> Iterator[str]:
    """Both of a couple are there and show the same; what they show may be right; nobody is written to who said no."""
    rows, told = _rows(play), people.told
    for left, right in couples:
        if left not in rows or right not in rows:
            yield f"{left} and {right} are linked, and one of them is gone"
            continue
        one, other = rows[left], rows[right]
        name = one["LastName"]
        if name != other.get("lastname"):
            yield f"{left} is {name}, {right} is {other.get('lastname')}"
        for what in PLACES:
            stands, shows = one.get(left.name_of(what)) or "", other.get(right.name_of(what)) or ""
            if what == "email" and told.merging(name):
                continue  # one of the two addresses may belong to the other's contact, and is held
            if not same(what, stands, shows):
                yield f"{name}: {what} is {stands!r} in {left} and {shows!r} in {right}"
                continue
            why = wrongly_stands(told, name, what, stands, [(left.side, left.id), (right.side, right.id)])
            if why:
                yield f"{name}: {what}: {why}"
        yield from _consent(people, name, one, other)
        if left.object == "Contact":
            account, company = one.get("AccountId") or "", other.get("associatedcompanyid") or ""
            if firms.get(account, "") != company:
                yield f"{name}: works for {account} in {left} and for {company!r} in {right}"


def _consent(people: People, name: str, one: dict[str, Any], other: dict[str, Any]) -> Iterator[str]:
    left, right = one.get("HasOptedOutOfEmail") is True, other.get("hs_email_optout") == "true"
    if left != right and other.get("email"):
        yield f"{name}: said no in {'Salesforce' if left else 'HubSpot'} only"
    consent = people.told.consents.get(name)
    if consent is not None and consent.withdrawn() and name not in people.told.odd and not (left and right):
        yield f"{name}: said no, and it stands at salesforce={left} hubspot={right}: {consent.said}"
    if (left or right) and name not in people.told.odd and not (consent and consent.ever()):
        yield f"{name}: never said no, and it stands at salesforce={left} hubspot={right}"


def _everybody_once(play: Stage, people: People, couples: list[Couple], asked: set[At]) -> Iterator[str]:
    """Nobody is made twice by us, and everybody whom nobody deleted or merged is one couple, or a question."""
    told, linked = people.told, Counter(at for couple in couples for at in couple)
    ours = Counter(
        (side, name) for side, record, name in _ever(play) if (side, record) not in told.made and name in NAMES
    )
    for (side, name), times in ours.items():
        if told.merging(name):
            continue  # of whom somebody took for one with another, the other's record may bear the name now
        if times > 1:
            yield f"{name} was made {times} times in {side}"
        if (name, side) in told.begun and name not in told.odd:
            yield f"{name} was made in {side}, where a person had made one"
    for name in NAMES:
        if name in told.odd or not any(who == name for who, _ in told.edits):
            continue
        for side in ("salesforce", "hubspot"):
            found = [at for at, _ in people.found(side, name)]
            if len(found) != 1 or (linked[found[0]] != 1 and found[0] not in asked):
                yield f"{name} has in {side}: {found}, of which linked: {[at for at in found if linked[at]]}"


def _ever(play: Stage) -> Iterator[tuple[str, str, str]]:
    """(side, id, last name) of every person's record that was ever there."""
    for name in ("Lead", "Contact"):
        table = play.org._api.org.table(name)
        assert table is not None
        for record_id, row in table.rows.items():
            yield "salesforce", record_id, str(row.get("LastName"))
    contacts = play.portal.portal.require_table("contacts")
    for records in (contacts.live, contacts.archived):
        for record in records.values():
            yield "hubspot", str(record.id), record.values.get("lastname", "")


async def _explained(play: Stage, crew: Crew, people: People, couples: list[Couple]) -> Any:
    """Every value that we wrote and that stands is in the ledger, with the reason. A worker that was killed after its
    write could not say so: then the next one found the sides in agreement."""
    if people.told.unrecorded:
        return
    contacts = play.portal.portal.require_table("contacts")
    app_id = str(play.portal.portal.settings["app_id"])
    for _, right in couples:
        record = contacts.live.get(int(right.id))
        if record is None:
            continue
        entries = await crew.concord.store.ledger_of(Ref("hubspot", "contacts", right.id), 2_000)
        named = {field for entry in entries for field in entry.wrote}
        for _, _, name in PLACES.values():
            history = (record.histories or {}).get(name)
            if history and _by_us(history, app_id) and f"{Ref('hubspot', 'contacts', right.id)} {name}" not in named:
                yield f"{right}: we wrote {name}, and the ledger does not say why"


def _by_us(history: Any, app_id: str) -> bool:
    newest = max(history, key=lambda entry: entry.at)
    return bool(newest.source_type == "INTEGRATION" and newest.source_id == app_id)


async def _quiet(play: Stage, crew: Crew, couples: list[Couple], settled: Callable[[], Awaitable[None]]) -> list[str]:
    """Everybody is looked at once more: there is nothing to write."""
    before = (play.writes(system="salesforce"), play.writes(system="hubspot"))
    now = play.clock.now()
    refs = [Ref(at.side, at.object, at.id) for couple in couples for at in couple]
    await crew.concord.store.take_in([Notice(ref, Lane.PEOPLE, now, "chaos") for ref in refs])
    await settled()
    after = (play.writes(system="salesforce"), play.writes(system="hubspot"))
    return [] if before == after else [f"not quiet: {before} calls that write became {after}"]
