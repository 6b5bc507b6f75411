"""`concord demo`: the main job on two sandboxes that had drifted apart, from the first look to live sync both ways.

Starts everything it needs and leaves nothing behind. Agreement, duplicates, wrong links, lost edits and latency are
read from the sandboxes' own state and journals (verify.py). From Concord it takes which records are linked, why a field
is held (which excuses a difference only where the records confirm it), and the counts of its own decisions: reviews,
duplicates found, conflicts and first links by rule, records in error.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from concord.app import Concord, Parts, opened
from concord.cli import verify
from concord.cli.edits import Editors, Made, Person
from concord.cli.options import Json, examples
from concord.cli.overlap import progress_on, show_overlap, show_preview
from concord.cli.show import Look
from concord.cli.trial import Trial, trial
from concord.config.words import in_vendors_words
from concord.core.model import Side
from concord.core.plan import Outcome
from concord.core.refusal import HELD_BACK
from concord.core.values import Nothing, Ref, Value, plain
from concord.engine.reconcile import bring_together, preview, survey
from concord.engine.sweep import sweep
from concord.engine.sync import run_batch
from concord.web.intake import HUBSPOT_PATH
from concord.web.serving import listening, running

#: How long the last edits may take to arrive before the demonstration counts them as lost.
_QUIET_WITHIN = 45.0


@dataclass
class Summary:
    """The figures of the end; its field names are the keys of --json (docs/demo.md)."""

    seed: int
    pairs: int = 0
    linked: int = 0
    review: int = 0
    duplicates_found: int = 0
    created: int = 0
    duplicates_created: int = 0
    unrecognisable: int = 0
    wrong_links: int = 0
    edits: int = 0
    fields_brought_into_agreement: int = 0
    conflicts: dict[str, int] = field(default_factory=dict)
    first_link_decisions: dict[str, int] = field(default_factory=dict)
    calls_per_change: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    latency_ms: dict[str, float | None] = field(default_factory=dict)
    agreement_percent: float = 0.0
    agreement_percent_by_field: dict[str, float] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    unexplained: list[str] = field(default_factory=list)
    lost_edits: list[str] = field(default_factory=list)
    held_edits: int = 0
    lost_people: list[str] = field(default_factory=list)
    errors: int = 0
    errors_by_cause: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def good(self) -> bool:
        """Full agreement, no edit and no newcomer lost, nobody twice, nobody linked wrongly, nothing left in error; and
        somebody was linked, where the world has anybody to link."""
        lost = self.unexplained or self.lost_edits or self.lost_people
        wrong = self.duplicates_created or self.wrong_links or self.errors
        return not (lost or wrong) and (self.linked > 0 or self.pairs == 0)


def demo(
    seed: Annotated[int, typer.Option(metavar="N", help="Makes the world, and the edits, anew.")] = 1,
    edits: Annotated[int, typer.Option(metavar="N", min=0, help="How many edits people make.")] = 120,
    seconds: Annotated[float, typer.Option(metavar="N", min=0.0, help="Over how many seconds.")] = 20.0,
    world: Annotated[str, typer.Option(metavar="NAME|FILE", help="The world to start from.")] = "agency",
    json: Json = False,
) -> None:
    """Watch two CRMs that had drifted apart come into agreement, and stay so while both are edited.

    Starts a Salesforce and a HubSpot sandbox, a database and Concord on this machine; shows who is in both and what
    would be written before it writes; then syncs while people edit both sides, conflicts among them. Exit code 1 when
    the two do not agree in the end, an edit was lost, or anybody was lost, created twice or linked wrongly.
    """
    look = Look.standard(json=json)
    summary = asyncio.run(_play(look, world, seed, edits, seconds))
    if json:
        look.document(asdict(summary))
    else:
        _show(look, summary)
    if not summary.good:
        raise typer.Exit(1)


def add_to(root: typer.Typer) -> None:
    """Hang this command into the root."""
    root.command(epilog=examples("concord demo", "concord demo --seed 7 --edits 300 --json"))(demo)


async def _play(look: Look, world: str, seed: int, edits: int, seconds: float) -> Summary:
    started = time.monotonic()
    with TemporaryDirectory(prefix="concord-demo-") as name, progress_on(look) as progress:
        folder = Path(name)
        look.line(f"starting a Salesforce and a HubSpot sandbox with the world {world!r} (seed {seed}), and a database")
        async with trial(world, seed, folder) as sandboxes:
            listener = listening("127.0.0.1:0")
            host, port = listener.getsockname()[:2]
            settings = sandboxes.settings(f"{host}:{port}", "sweep: {salesforce: 1s, hubspot: 10s}")
            secrets = sandboxes.secrets()
            async with opened(
                settings, secrets, Parts(data_dir=folder / "data", passing=True, run=f"demo {seed}")
            ) as concord:
                await sandboxes.select(settings.objects)
                await sandboxes.subscribe(settings.web.public_url + HUBSPOT_PATH, settings.objects)
                before = await _states(sandboxes)
                censuses = await survey(concord.scope, progress)
                planned = await preview(concord.scope, censuses, progress)
                show_overlap(look, censuses)
                show_preview(look, planned)
                look.line("\nnow it is written")

                async def batch() -> int:
                    one = await run_batch(concord.scope)
                    return len(one.works) if one else 0

                await bring_together(concord.scope, censuses, progress, batch)
                feeds, _ = await concord.followable()
                async with running(concord, secrets, listener, feeds):
                    made, calls = await _live(look, sandboxes, concord, seed, edits, seconds)
                summary = await _judge(sandboxes, concord, before, made, calls)
                summary.seed = seed
    summary.seconds = round(time.monotonic() - started, 1)
    return summary


async def _live(
    look: Look, sandboxes: Trial, concord: Concord, seed: int, edits: int, seconds: float
) -> tuple[Made, dict[str, int]]:
    """People edit while the sync runs; then wait until it is quiet. What was made, and the calls it took."""
    await _quiet(concord)
    couples = await concord.store.active_links("people")
    people = [Person(left.object, left.id, right.id) for left, right in couples]
    first = {"salesforce": await sandboxes.salesforce.calls(), "hubspot": await sandboxes.hubspot.calls()}
    editors = Editors(sandboxes, people, seed)
    look.line(f"\npeople edit both systems: {edits} edits in {seconds:g} seconds")
    with look.progress("edits", edits) as done:
        made = await editors.work(edits, seconds, done)
    await _quiet(concord)
    last = {"salesforce": await sandboxes.salesforce.calls(), "hubspot": await sandboxes.hubspot.calls()}
    return made, {name: last[name] - first[name] for name in last}


async def _quiet(concord: Concord) -> None:
    """Return when two looks in a row find nothing to do, or when it has taken too long."""
    calm, deadline = 0, time.monotonic() + _QUIET_WITHIN
    while calm < 2 and time.monotonic() < deadline:
        touched = 0
        for side in Side:
            touched += await sweep(concord.scope, side)
        backlog = await concord.store.backlog()
        busy = touched or backlog["waiting"] or backlog["claimed"] or backlog["due_later"]
        calm = 0 if busy else calm + 1
        await asyncio.sleep(0.6)


# --- the judgement


async def _states(sandboxes: Trial) -> dict[str, dict[str, dict[str, Any]]]:
    salesforce, hubspot = sandboxes.salesforce, sandboxes.hubspot
    return {
        "Lead": await salesforce.records("Lead"),
        "Contact": await salesforce.records("Contact"),
        "Account": await salesforce.records("Account"),
        "contacts": await hubspot.records("contacts"),
        "companies": await hubspot.records("companies"),
    }


async def _judge(
    sandboxes: Trial,
    concord: Concord,
    before: Mapping[str, Mapping[str, Any]],
    made: Made,
    calls: Mapping[str, int],
) -> Summary:
    after = await _states(sandboxes)
    links = {pair.name: await concord.store.active_links(pair.name) for pair in concord.settings.objects}
    summary = Summary(0, edits=len(made.edits), calls=dict(calls))
    _people(summary, sandboxes.truth, links["people"], before, after, made)
    summary.review = len(await concord.store.open_reviews())
    counts = await concord.store.counts()
    summary.duplicates_found = counts.duplicates
    summary.conflicts = dict(counts.conflicts_by_rule)
    summary.first_link_decisions = dict(counts.first_links_by_rule)
    # A value that no field of the other side can take waits for a person by design: `held` counts and explains those.
    stuck = [one for one in await concord.store.failing() if one.failure.code != HELD_BACK]
    summary.errors = len(stuck)
    summary.errors_by_cause = dict(Counter(f"{one.failure.category}: {one.failure.message}" for one in stuck))
    held = await _agreement(summary, concord, links, before, after)
    journals = {"salesforce": await sandboxes.salesforce.journal(), "hubspot": await sandboxes.hubspot.journal()}
    people = next(pair for pair in concord.settings.objects if pair.name == "people")
    fate = verify.fate(people, made.edits, after, held, verify.arrivals(made.edits, journals))
    summary.lost_edits, summary.held_edits = fate.lost, fate.held
    summary.lost_people = verify.lost_people(made.edits, after)
    times = verify.latencies(made.edits, journals)
    summary.latency_ms = {
        name: None if (value := verify.percentile(times, share)) is None else round(value)
        for name, share in (("p50", 0.50), ("p99", 0.99))
    }
    summary.calls_per_change = round(sum(calls.values()) / max(1, len(made.edits)), 2)
    return summary


def _people(
    summary: Summary,
    truth: Mapping[str, Any],
    links: Sequence[tuple[Ref, Ref]],
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
    made: Made,
) -> None:
    """Who was linked, who was made, and whether anybody was made twice or linked wrongly, by the world's truth."""
    own = {*made.people["salesforce"], *made.people["hubspot"]}
    couples = [(left.object, left.id, right.id) for left, right in links]
    old = {record_id for name in ("Lead", "Contact", "contacts") for record_id in before[name]} | own
    met = [one for one in couples if one[1] in old and one[2] in old and not (one[1] in own or one[2] in own)]
    summary.linked = len(met)
    known = verify.Truth.of(truth)
    summary.pairs = len(truth.get("pairs", ()))
    if truth:
        summary.wrong_links = len(verify.wrong_links(known, met))
    created = []
    for _, left, right in couples:
        if left not in old:
            created.append(verify.Created("salesforce", left, right))
        elif right not in old:
            created.append(verify.Created("hubspot", right, left))
    unlinked = {
        system: {one for name in names for one in after[name]} - old - {one.id for one in created}
        for system, names in (("salesforce", ("Lead", "Contact")), ("hubspot", ("contacts",)))
    }
    summary.created = len(created) + sum(len(one) for one in unlinked.values())
    summary.duplicates_created, summary.unrecognisable = verify.duplicates(known, created, before, after)
    # A record that nobody made and no link leads to was created and lost: as bad as a duplicate.
    summary.duplicates_created += sum(len(one) for one in unlinked.values())


async def _agreement(
    summary: Summary,
    concord: Concord,
    links: Mapping[str, Sequence[tuple[Ref, Ref]]],
    before: Mapping[str, Mapping[str, Any]],
    after: Mapping[str, Mapping[str, Any]],
) -> set[tuple[str, str, str]]:
    """Fill in what agrees and what does not; return (field, Salesforce id, HubSpot id) of the confirmed holds."""
    companies = {left.id: right.id for left, right in links["companies"]}
    agreement, at_first = verify.Agreement(), verify.Agreement()
    for pair in concord.settings.objects:
        couples = [(left.object, left.id, right.id) for left, right in links[pair.name]]
        verify.compare(pair, couples, after, after, companies, agreement)
        old = [one for one in couples if one[1] in before[one[0]] and one[2] in before[pair.right_object]]
        verify.compare(pair, old, before, before, companies, at_first)
    held: Counter[str] = Counter()
    confirmed: set[tuple[str, str, str]] = set()
    for name, ids in sorted(agreement.differ.items()):
        for left, right in ids:
            reason = await _held(concord, name, left, right, links, after, companies)
            if reason is None:
                summary.unexplained.append(f"{name} of {left} / {right}")
            else:
                held[f"{name}: {reason}"] += 1
                confirmed.add((name, left, right))
    summary.held = dict(held)
    for name in agreement.names():
        blocked = sum(count for label, count in held.items() if label.startswith(f"{name}:"))
        wrong, right_count = len(agreement.differ.get(name, [])) - blocked, agreement.agree[name]
        total = wrong + right_count
        summary.agreement_percent_by_field[name] = round(100.0 * right_count / total, 2) if total else 100.0
    wrong = len(summary.unexplained)
    right_count = sum(agreement.agree.values())
    summary.agreement_percent = round(100.0 * right_count / max(1, wrong + right_count), 2)
    still = {(name, one) for name, ids in agreement.differ.items() for one in ids}
    summary.fields_brought_into_agreement = sum(
        1 for name, ids in at_first.differ.items() for one in ids if (name, one) not in still
    )
    return confirmed


async def _held(
    concord: Concord,
    name: str,
    left: str,
    right: str,
    links: Mapping[str, Sequence[tuple[Ref, Ref]]],
    states: verify.States,
    companies: Mapping[str, str],
) -> str | None:
    """Why a field of two linked records is held, where the newest line of the ledger about it says so and the records
    confirm it."""
    for pair in concord.settings.objects:
        for a, b in links[pair.name]:
            if (a.id, b.id) != (left, right):
                continue
            entries = await concord.store.ledger_of(a)
            verdict = next((one.verdict for one in entries if one.verdict and one.verdict.field == name), None)
            shown = states[a.object].get(left), states[pair.right_object].get(right)
            if verdict is None or verdict.outcome not in (Outcome.HELD, Outcome.ASKED) or None in shown:
                return None
            hold = verify.Hold(in_vendors_words(verdict.reason), _text(verdict.left), _text(verdict.right))
            field_pair = next(one for one in pair.fields_of(a.object) if one.name == name)
            good = verify.confirms(field_pair, hold, shown[0] or {}, shown[1] or {}, states, companies)
            return hold.reason if good else None
    return None


def _text(value: Value) -> str:
    return "" if isinstance(value, Nothing) else plain(value)


def _show(look: Look, summary: Summary) -> None:
    """The summary for a person."""
    look.line()
    rows: list[tuple[str, object]] = [
        ("people linked", summary.linked),
        ("waiting for a person to decide", summary.review),
        ("duplicates found inside one system", summary.duplicates_found),
        ("people created", summary.created),
        ("duplicates created", summary.duplicates_created),
        ("linked wrongly, by the world's truth", summary.wrong_links),
        ("created anew, no evidence could tell", summary.unrecognisable),
        ("values brought into agreement", summary.fields_brought_into_agreement),
        ("edits by people while it ran", summary.edits),
        ("remote calls for each change", summary.calls_per_change),
        ("edit to edit, p50 / p99", f"{_ms(summary.latency_ms['p50'])} / {_ms(summary.latency_ms['p99'])}"),
        ("edits lost / held", f"{len(summary.lost_edits)} / {summary.held_edits}"),
        ("new people lost", len(summary.lost_people)),
        ("records left in error", summary.errors),
        ("agreement of all fields", f"{summary.agreement_percent:.2f} %"),
    ]
    look.table(("", ">"), rows, title="What became of it, by the sandboxes' own state")
    fields = summary.agreement_percent_by_field
    look.table(("field", ">agreement"), [(name, f"{percent:.2f} %") for name, percent in fields.items()])
    for title, counts in (
        ("conflicts while it ran, by rule", summary.conflicts),
        ("differences at the first link, by rule", summary.first_link_decisions),
        ("held until someone acts", summary.held),
        ("records left in error, by cause", summary.errors_by_cause),
    ):
        if counts:
            look.table((title, ">"), Counter(counts).most_common())
    for one in summary.unexplained:
        look.line(f"does not agree: {one}")
    for one in summary.lost_edits:
        look.line(f"an edit was lost: {one}")
    for one in summary.lost_people:
        look.line(f"a new person is not once on each side: {one}")
    bad = "The two do NOT agree, an edit or a person was lost, or somebody was created twice or linked wrongly."
    verdict = "The two agree." if summary.good else bad
    look.line(f"\n{verdict} {summary.seconds:g} seconds in all.")


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"
