"""Figures as tables that a person reads, and a calibration plot. Computes nothing."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.identity.contenders import Found
from bench.identity.crm import Made, Row
from bench.identity.measure import Bin, Miss, Sums, Truth, mistaken, signature

from concord.core.identity import Score

_EXAMPLES = 30


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def figures(all_: Iterable[Sums]) -> str:
    """Contenders side by side."""
    head = (
        "contender",
        "links",
        "right",
        "people found",
        "or asked",
        "pairs found",
        "pairs right",
        "questions",
        "yes",
        "CPU s",
        "MB",
    )
    return table(
        head,
        (
            (
                one.name, one.links, percent(one.precision, 2), percent(one.found), percent(one.reviewed),
                percent(one.pair_recall), percent(one.pair_precision, 2), one.asks, percent(one.asked_true),
                f"{one.seconds:.1f}", f"{one.megabytes:.0f}",
            )
            for one in all_
        ),
    )  # fmt: skip


def calibration(bins: Sequence[Bin]) -> str:
    """How many of the pairs of each score are one person."""
    rows = (
        (f"{one.low:g} to {one.high:g}", one.pairs, one.true, percent(one.share),
         f"{percent(one.interval[0])} to {percent(one.interval[1])}", one.barred)
        for one in bins
        if one.pairs
    )  # fmt: skip
    return table(("score", "pairs", "one person", "share", "95 % interval", "of them barred"), rows)


def plot(series: Mapping[str, Sequence[Bin]]) -> str:
    """Share of true pairs by score, as SVG: one line for each series, with intervals."""
    colours = ("#1f5fa8", "#c0562f", "#3b8a4d", "#7a4fa0", "#8a7a1f", "#555555")
    x, y = (lambda score: 60 + 5.6 * score), (lambda share: 360 - 320 * share)
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="840" height="420" font-family="sans-serif" font-size="12">',
        '<rect width="840" height="420" fill="white"/>',
        f'<rect x="{x(70)}" y="40" width="{x(90) - x(70)}" height="320" fill="#f4ecd8"/>',
        f'<rect x="{x(90)}" y="40" width="{x(100) - x(90)}" height="320" fill="#dfeedd"/>',
    ]
    for tenth in range(0, 11):
        parts.append(f'<text x="30" y="{y(tenth / 10) + 4}" text-anchor="start">{10 * tenth}</text>')
        parts.append(f'<line x1="60" x2="620" y1="{y(tenth / 10)}" y2="{y(tenth / 10)}" stroke="#ddd"/>')
        parts.append(f'<text x="{x(10 * tenth)}" y="378" text-anchor="middle">{10 * tenth}</text>')
    parts.append('<text x="340" y="402" text-anchor="middle">score of the pair</text>')
    parts.append(
        '<text x="60" y="28">per cent of pairs that are one person (amber: a person is asked; green: linked)</text>'
    )
    for number, (name, bins) in enumerate(series.items()):
        colour = colours[number % len(colours)]
        shown = [((one.low + one.high) / 2 if one.low < one.high else one.low, one) for one in bins if one.pairs]
        points = " ".join(f"{x(at):.1f},{y(one.share):.1f}" for at, one in shown)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for at, one in shown:
            low, high = one.interval
            parts.append(
                f'<line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}" stroke="{colour}"/>'
            )
            parts.append(f'<circle cx="{x(at):.1f}" cy="{y(one.share):.1f}" r="3" fill="{colour}"/>')
        parts.append(f'<text x="640" y="{60 + 20 * number}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>\n"])


def stages(misses: Sequence[Miss], both: int) -> str:
    """Where the people who were not linked were lost."""
    count = Counter((one.stage, one.ground) for one in misses)
    asked = Counter((one.stage, one.ground) for one in misses if one.asked)
    rows = (
        (stage, ground, number, percent(number / max(1, both)), asked[stage, ground])
        for (stage, ground), number in count.most_common()
    )
    return table(("lost at", "in common", "people", "of all in both", "of them asked about"), rows)


def signatures(misses: Sequence[Miss]) -> str:
    """What spoke for and against the pairs that were compared and not linked."""
    count = Counter(one.signature for one in misses if one.signature)
    return table(("evidence of the likeliest pair", "people"), count.most_common(25))


def would_be(scores: Mapping[tuple[str, str], Score], truth: Truth, low: float = 50) -> str:
    """For each kind of evidence, how many compared pairs that have it (of those at `low` and above, and not at the door
    of sure ones) are one person: which rules could be trusted more, and which less."""
    true, all_ = Counter[str](), Counter[str]()
    for pair, score in scores.items():
        if score.value >= low and (score.barred or score.value < 90):
            name = signature(score)
            all_[name] += 1
            true[name] += truth.same(pair)
    rows = [
        (name, number, true[name], percent(true[name] / number)) for name, number in all_.most_common(40) if number > 4
    ]
    return table(("evidence", "pairs", "one person", "share"), rows)


def kinds(found: Sequence[tuple[str, int, float, float]]) -> str:
    """How each kind of case fares."""
    rows = ((kind, people, percent(linked), percent(asked)) for kind, people, linked, asked in found if people >= 5)
    return table(("kind of case", "people", "found", "or asked"), rows)


# --- details: of tuning sets only


def _shown(row: Row) -> str:
    parts = (
        row.first,
        row.last,
        row.email,
        row.more_emails,
        row.company,
        row.website,
        row.phone,
        row.mobile,
        row.title,
    )
    return f"`{row.id}` " + " / ".join(part or "–" for part in parts) + f" ({', '.join(sorted(row.done))})"


def examples(misses: Sequence[Miss], false: Sequence[tuple[str, tuple[str, str]]], found: Found, truth: Truth) -> str:
    """The first of each cause, record beside record."""
    parts = ["# Linked, and two people"]
    by_cause: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for cause, pair in false:
        by_cause[cause].append(pair)
    for cause, pairs in sorted(by_cause.items(), key=lambda item: -len(item[1])):
        parts.append(f"\n## {cause}: {len(pairs)}\n")
        for left, right in pairs[:_EXAMPLES]:
            parts += [f"* {_shown(truth.rows[left])}", f"  {_shown(truth.rows[right])}"]
            parts += [f"  {found.links[left, right]:g}: {'; '.join(found.explained.get((left, right), ()))}"]
    parts.append("\n# One person, and not linked")
    lost: dict[tuple[str, str], list[Miss]] = defaultdict(list)
    for one in misses:
        lost[one.stage, one.ground].append(one)
    for (stage, ground), some in sorted(lost.items(), key=lambda item: -len(item[1])):
        parts.append(f"\n## lost at {stage}, in common: {ground}: {len(some)}\n")
        for one in some[:_EXAMPLES]:
            parts += [f"* {_shown(truth.rows[one.pair[0]])}", f"  {_shown(truth.rows[one.pair[1]])}"]
            parts += [f"  {one.score:g}: {'; '.join(one.evidence) or 'never compared'}"]
    return "\n".join(parts) + "\n"


def asked_wrongly(found: Found, truth: Truth, made: Made) -> str:
    """Whom people are asked about in vain."""
    count = Counter(mistaken(pair, truth, made) for pair in found.asks if not truth.same(pair))
    return table(("the two are", "questions"), count.most_common())


def write_csv(path: Path, rows: Sequence[Row], companies: Mapping[str, tuple[str, str]]) -> None:
    """One side as a plain CSV that `concord match` reads; a referred company's name and website stand in for blanks."""
    names = (
        "id",
        "first_name",
        "last_name",
        "email",
        "company",
        "website",
        "phone",
        "mobile",
        "title",
        "city",
        "country",
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for row in rows:
            name, site = companies.get(row.account, ("", ""))
            writer.writerow(
                (row.id, row.first, row.last, "; ".join(filter(None, (row.email, row.more_emails))),
                 row.company or name, row.website or site, row.phone, row.mobile, row.title, row.city, row.country)
            )  # fmt: skip
