"""What came of a settling, as tables to be written and as core's own Matching. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from concord.bulk.people import Everyone, Rows
from concord.bulk.scores import Scored
from concord.bulk.settling import BETWEEN, LINES, Ended, Settled
from concord.core.assignment import Duplicate, Evidence, Matching, Pairing

#: The explanations of rows of `Scored`, their lines joined by a text.
Explain = Callable[[Rows, str], pl.Series]

_LINE: Final = "\x1e"


@dataclass(frozen=True)
class Answer:
    """Who is who. links, asks: left_id, right_id, confidence, rule, explanation; links by left id, asks likeliest
    first. duplicates: system, id, active_id, explanation. new: system, id. The same that core's `match` gives."""

    links: pl.DataFrame
    asks: pl.DataFrame
    duplicates: pl.DataFrame
    new: pl.DataFrame


def answer(everyone: Everyone, scored: Scored, result: Settled, explain: Explain) -> Answer:
    """As tables."""
    links, asks, duplicates = (
        _table(everyone, scored, part, explain, "; ") for part in (result.links, result.asks, result.duplicates)
    )
    columns = ("left_id", "right_id", "confidence", "rule", "explanation")
    couples = [part.rename({"id": "left_id", "other_id": "right_id"}).select(columns) for part in (links, asks)]
    return Answer(
        couples[0].sort("left_id", "right_id"),
        couples[1].sort("confidence", "left_id", "right_id", descending=[True, False, False]),
        duplicates.sort("number").rename({"other_id": "active_id"}).select("system", "id", "active_id", "explanation"),
        pl.DataFrame({"system": _systems(everyone, result.new), "id": everyone.ids[result.new]}),
    )


def matching(everyone: Everyone, scored: Scored, result: Settled, explain: Explain) -> Matching:
    """As core has it."""
    refs = [everyone.ref(number) for number in range(everyone.size)]

    def rows(part: Sequence[Ended]) -> Iterator[tuple[int, int, float, tuple[str, ...]]]:
        table = _table(everyone, scored, part, explain, _LINE)
        for number, other, confidence, text in table.select("number", "other", "confidence", "explanation").iter_rows():
            yield number, other, confidence, tuple(text.split(_LINE))

    links, asks = (
        [Pairing(refs[one], refs[other], value, lines) for one, other, value, lines in rows(part)]
        for part in (result.links, result.asks)
    )
    duplicates = [Duplicate(refs[one], refs[other], lines) for one, other, _, lines in rows(result.duplicates)]
    return Matching(
        tuple(sorted(links, key=lambda one: (one.left, one.right))),
        tuple(sorted(asks, key=lambda one: (-one.score, one.left, one.right))),
        tuple(sorted(duplicates, key=lambda one: one.ref)),
        tuple(refs[number] for number in result.new.tolist()),
    )


def _systems(everyone: Everyone, who: Rows) -> pl.Series:
    left, right = everyone.systems
    return pl.Series(np.where(everyone.right[who], right, left), dtype=pl.String)


def _table(everyone: Everyone, scored: Scored, parts: Sequence[Ended], explain: Explain, between: str) -> pl.DataFrame:
    """number, other, id, other_id, system, confidence, rule, explanation of each."""
    one, other, row = (
        np.concatenate([getattr(part, name) for part in parts]) if parts else np.zeros(0, dtype=np.int64)
        for name in ("one", "other", "row")
    )
    notes = pl.Series([note for part in parts for note in part.notes or [""] * len(part.one)], dtype=pl.String)
    known = np.flatnonzero(row >= 0)
    texts = explain(row[known], between)
    places = np.full(len(row), -1, dtype=np.int64)
    places[known] = np.arange(len(known))
    text = pl.concat([texts, pl.Series([""], dtype=pl.String)])[places] if len(row) else texts
    table = pl.DataFrame(
        {"text": text, "note": notes.str.replace_all(BETWEEN, between, literal=True).str.splitn(LINES, 2)}
    )
    before, after = (pl.col("note").struct.field(name) for name in ("field_0", "field_1"))
    joined = (
        pl.when(after.is_not_null())
        .then(pl.concat_str(before, "text", after))
        .when(before == "")
        .then(pl.col("text"))
        .otherwise(before)
    )
    rules = pl.Series([_rule(each.evidence, each.exact) for each in scored.scores] + [""], dtype=pl.String)
    return table.select(
        number=pl.Series(one),
        other=pl.Series(other),
        id=everyone.ids[one],
        other_id=everyone.ids[other],
        system=_systems(everyone, one),
        confidence=pl.Series(np.append(scored.value, np.nan)[row]),
        rule=rules[np.append(scored.how, len(scored.scores))[row]],
        explanation=joined,
    )


def _rule(evidence: Sequence[Evidence], exact: bool) -> str:
    """What the pair goes by, in a word or two: an exact key, or the name and its best support."""
    if exact or len(evidence) < 2 or evidence[1].points <= 0:
        return evidence[0].what
    return f"{evidence[0].what} and {evidence[1].what}"
