"""What a matching found, as one page of HTML: nothing is loaded from elsewhere, so it can be mailed and kept.

Says what `Answer` says, and computes nothing but shares and the heights of bars. Every value that comes from a file is
escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

import polars as pl

from concord.bulk.answers import Answer, Example
from concord.bulk.files import Source
from concord.core.assignment import Bounds
from concord.core.identity import Person

#: Duplicates of each file that are shown.
_DUPLICATES: Final = 10

_STYLE: Final = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --soft: #59636e; --line: #d5dae0; --card: #f6f8fa;
        --sure: #2f7d4f; --asked: #c98a1b; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171b; --text: #e4e8ec; --soft: #9aa4ae; --line: #333a42; --card: #1d2127; --sure: #58b27c;
          --asked: #e0a63f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--back); color: var(--text);
       font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p, .soft { color: var(--soft); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
tr.sum td { font-weight: 600; border-bottom: 0; }
.pair { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem; margin: .8rem 0; }
.pair th { width: 6.5rem; font-weight: 400; color: var(--soft); }
.pair ul { margin: .6rem 0 0; padding-left: 1.2rem; }
.score { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
.sure { fill: var(--sure); } .asked { fill: var(--asked); } .axis { stroke: var(--line); }
"""


def page(sources: tuple[Source, Source], found: Answer, bounds: Bounds) -> str:
    """The whole page."""
    names = [escape(one.path.name) for one in sources]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>Who is who: {names[0]} and {names[1]}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Who is who: {names[0]} and {names[1]}</h1>",
        _counts(names, found),
        _scores(found, bounds),
        _rules(found),
        _examples("Questions", "Some of every kind; all of them are in the review file.", names, found.questions),
        _examples("The links that were least sure", "Everything else is surer than these.", names, found.unsure),
        _duplicates(names, found.duplicates),
        _files(sources),
        "</body></html>\n",
    ]
    return "\n".join(part for part in parts if part)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], *, last_is_sum: bool = False) -> str:
    """A table; numbers stand at the right. Texts must be escaped."""
    body = list(rows)
    numbers = [all(isinstance(row[place], int) for row in body) for place in range(len(head))]

    def cells(kind: str, row: Sequence[object]) -> str:
        shown = (f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row)
        return "".join(
            f'<{kind} class="n">{cell}</{kind}>' if number else f"<{kind}>{cell}</{kind}>"
            for cell, number in zip(shown, numbers, strict=True)
        )

    lines = [f"<tr>{cells('th', head)}</tr>"]
    for place, row in enumerate(body):
        mark = ' class="sum"' if last_is_sum and place == len(body) - 1 else ""
        lines.append(f"<tr{mark}>{cells('td', row)}</tr>")
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _counts(names: Sequence[str], found: Answer) -> str:
    left, right = found.tallies
    rows: list[tuple[str, int, int]] = [
        ("linked, by an equal address or a stored id", left.exact, right.exact),
        ("linked, by name and what supports it", left.probable, right.probable),
        ("a person decides", left.asked, right.asked),
        ("duplicates inside the file", left.duplicates, right.duplicates),
        ("only here", left.alone, right.alone),
        ("all records", left.all, right.all),
    ]
    return (
        _table(("", *names), rows, last_is_sum=True)
        + f"<p>Every record is in one row. {len(found.links):,} links, {len(found.asks):,} questions: "
        "one record may be in up to three of them.</p>"
    )


def _scores(found: Answer, bounds: Bounds) -> str:
    """How many links and questions there are of each score, as bars."""
    counts = [
        dict(table.group_by(pl.col("confidence").floor().cast(pl.Int64)).len().rows())
        for table in (found.links, found.asks)
    ]
    if not any(counts):
        return ""
    low = min(min(each) for each in counts if each) // 5 * 5
    most = max(sum(each.get(score, 0) for each in counts) for score in range(low, 101))
    width, height, step = 720, 240, 680 / (101 - low)
    bars = []
    for score in range(low, 101):
        top = 20.0 + height
        for each, kind in zip(counts, ("sure", "asked"), strict=True):
            size = height * each.get(score, 0) / most
            top -= size
            if size:
                bars.append(
                    f'<rect class="{kind}" x="{36 + (score - low) * step:.1f}" y="{top:.1f}" width="{step * 0.86:.1f}" '
                    f'height="{max(size, 0.6):.1f}"><title>{score}: {each[score]:,}</title></rect>'
                )
    marks = [
        f'<text x="{36 + (score - low + 0.5) * step:.1f}" y="{height + 36}" text-anchor="middle">{score}</text>'
        for score in range(low, 101, 5)
    ]
    return (
        f'<h2>Scores</h2><svg viewBox="0 0 {width} {height + 44}" role="img" aria-label="Pairs by score">'
        f'<line class="axis" x1="36" x2="716" y1="{height + 20}" y2="{height + 20}"/>'
        f'<text x="0" y="16">{most:,}</text>{"".join(bars)}{"".join(marks)}</svg>'
        f"<p>Pairs by score: green are links, amber are questions. From {bounds.link:g} on two records are linked, "
        f"from {bounds.ask:g} on a person is asked; what must never be linked by itself is asked about whatever its "
        "score.</p>"
    )


def _rules(found: Answer) -> str:
    counts = [dict(table.group_by("rule").len().rows()) for table in (found.links, found.asks)]
    rules = sorted({*counts[0], *counts[1]}, key=lambda one: (-counts[0].get(one, 0), -counts[1].get(one, 0), one))
    rows = [(escape(one), counts[0].get(one, 0), counts[1].get(one, 0)) for one in rules]
    return f"<h2>What the pairs go by</h2>{_table(('', 'links', 'questions'), rows)}" if rows else ""


def _told(person: Person) -> dict[str, str]:
    return {
        "id": person.ref.id,
        "name": f"{person.first} {person.last}".strip(),
        "e-mail": ", ".join(person.emails),
        "company": person.company,
        "domain": ", ".join(person.domains),
        "telephone": ", ".join(person.phones),
        "title": person.title,
    }


def _examples(title: str, note: str, names: Sequence[str], examples: Sequence[Example]) -> str:
    if not examples:
        return ""
    parts = [f"<h2>{title}</h2><p>{note}</p>"]
    for one in examples:
        left, right = _told(one.left), _told(one.right)
        rows = [
            f"<tr><th>{what}</th><td>{escape(left[what])}</td><td>{escape(right[what])}</td></tr>"
            for what in left
            if left[what] or right[what]
        ]
        lines = "".join(f"<li>{escape(line)}</li>" for line in one.lines)
        parts.append(
            f'<div class="pair"><span class="score">{one.confidence:g}</span><div class="wide"><table>'
            f"<tr><th></th><th>{names[0]}</th><th>{names[1]}</th></tr>{''.join(rows)}</table></div><ul>{lines}</ul></div>"
        )
    return "\n".join(parts)


def _duplicates(names: Sequence[str], duplicates: pl.DataFrame) -> str:
    if not len(duplicates):
        return ""
    parts = ["<h2>Duplicates inside each file</h2>"]
    for name, system in zip(names, ("left", "right"), strict=True):
        there = duplicates.filter(pl.col("system") == system)
        rows = [
            tuple(escape(cell) for cell in row)
            for row in there.head(_DUPLICATES).select("id", "active_id", "explanation").iter_rows()
        ]
        if rows:
            few = f", the first {len(rows)} of {len(there):,}" if len(there) > len(rows) else ""
            parts.append(f"<p>{name}{few}</p>{_table(('record', 'beside', 'because'), rows)}")
    return "\n".join(parts)


def _files(sources: tuple[Source, Source]) -> str:
    rows = [
        (
            escape(one.path.name),
            one.records,
            escape(f"{one.encoding}, separated by {one.separator}"),
            escape(", ".join(f"{ours}: {theirs}" for ours, theirs in one.columns.items())),
        )
        for one in sources
    ]
    return f"<h2>How the files were read</h2>{_table(('file', 'records', 'as', 'columns'), rows)}"
