"""What came of a settling: as tables to be written, counted, and as core's own Matching. Decides nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from concord.bulk.people import Everyone, Flags, People, Rows
from concord.bulk.scores import Scored
from concord.bulk.settling import BETWEEN, LINES, Ended, Settled
from concord.core.assignment import Duplicate, Evidence, Matching, Pairing
from concord.core.identity import Person

#: The explanations of rows of `Scored`, their lines joined by a text.
Explain = Callable[[Rows, str], pl.Series]

_LINE: Final = "\x1e"


@dataclass(frozen=True)
class Tally:
    """What became of one side's records; the last six add up to the first.

    exact: linked by an equal address or a stored id; probable: linked by a name and what supports it; asked: a person
    decides; duplicates: beside another record of their own side; alone: without a partner; before: were linked already.
    """

    all: int
    exact: int
    probable: int
    asked: int
    duplicates: int
    alone: int
    before: int


@dataclass(frozen=True)
class Example:
    """A pair with both records, for a person to look at."""

    left: Person
    right: Person
    confidence: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """Who is who. links, asks: left_id, right_id, confidence, rule, explanation; links by left id, asks likeliest
    first. duplicates: system, id, active_id, explanation. new: system, id. The same that core's `match` gives.
    tallies: of the left and of the right side. questions: some of the asks, of every rule. unsure: the links that were
    least sure."""

    links: pl.DataFrame
    asks: pl.DataFrame
    duplicates: pl.DataFrame
    new: pl.DataFrame
    tallies: tuple[Tally, Tally]
    questions: Sequence[Example]
    unsure: Sequence[Example]


def answer(people: People, scored: Scored, result: Settled, before: Rows, explain: Explain) -> Answer:
    """As tables. before: who was linked already."""
    everyone = people.everyone
    links, asks, duplicates = (
        _table(everyone, scored, part, explain, _LINE) for part in (result.links, result.asks, result.duplicates)
    )
    links, asks = links.sort("number", "other"), asks.sort("confidence", "number", "other", descending=_BY_CONFIDENCE)
    unsure = links.filter(~pl.col("exact")).sort("confidence", maintain_order=True).head(_UNSURE)
    return Answer(
        _written(links),
        _written(asks),
        duplicates.sort("number").select("system", "id", pl.col("other_id").alias("active_id"), _in_one("explanation")),
        pl.DataFrame({"system": _systems(everyone, result.new), "id": everyone.ids[result.new]}),
        _tallies(everyone, scored, result, before),
        _examples(people, _of_every_rule(asks)),
        _examples(people, unsure),
    )


_BY_CONFIDENCE: Final = [True, False, False]
#: Links that are shown because they were least sure.
_UNSURE: Final = 8
#: Questions that are shown of each of so many rules.
_RULES: Final = 10


def _in_one(name: str) -> pl.Expr:
    return pl.col(name).str.replace_all(_LINE, "; ", literal=True)


def _written(pairs: pl.DataFrame) -> pl.DataFrame:
    return pairs.select(
        pl.col("id").alias("left_id"),
        pl.col("other_id").alias("right_id"),
        "confidence",
        "rule",
        _in_one("explanation"),
    )


def _tallies(everyone: Everyone, scored: Scored, result: Settled, before: Rows) -> tuple[Tally, Tally]:
    """What became of everyone: a link counts more than a question about the same record."""
    became = np.zeros(everyone.size, dtype=np.uint8)
    exact = _exact(scored)
    became[result.new] = 1
    for part in result.duplicates:
        became[part.one] = 2
    for part in result.asks:
        became[part.one] = became[part.other] = 3
    became[before] = 4
    for part in result.links:
        sure = exact[part.row]
        for who in (part.one, part.other):
            became[who] = np.where(sure, 6, 5)
    left, right = (np.bincount(became[everyone.right == side], minlength=7).tolist() for side in (False, True))

    def tally(counted: Sequence[int]) -> Tally:
        _, alone, duplicates, asked, linked, probable, exact_ = counted
        return Tally(sum(counted), exact_, probable, asked, duplicates, alone, linked)

    return tally(left), tally(right)


def _of_every_rule(asks: pl.DataFrame) -> pl.DataFrame:
    """Of each of the most frequent rules the likeliest question, one in the middle, and the least likely one."""
    often = asks.group_by("rule").agg(n=pl.len()).sort("n", "rule", descending=[True, False]).head(_RULES)
    place, many = pl.int_range(pl.len()).over("rule"), pl.len().over("rule")
    shown = asks.filter((place == 0) | (place == many // 2) | (place == many - 1))
    return shown.join(often, on="rule", how="semi", maintain_order="left")


def _examples(people: People, pairs: pl.DataFrame) -> list[Example]:
    lefts, rights = (people.persons(pairs[name].to_numpy()) for name in ("number", "other"))
    told = pairs.select("confidence", "explanation").iter_rows()
    return [
        Example(left, right, confidence, tuple(text.split(_LINE)))
        for left, right, (confidence, text) in zip(lefts, rights, told, strict=True)
    ]


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
        exact=pl.Series(_exact(scored)[row]),
        explanation=joined,
    )


def _exact(scored: Scored) -> Flags:
    """For each pair whether its score is exact; at the end False, for no pair."""
    found = np.array([one.exact for one in scored.scores], dtype=np.bool_)
    return np.append(found[scored.how], False)


def _rule(evidence: Sequence[Evidence], exact: bool) -> str:
    """What the pair goes by, in a word or two: an exact key, or the name and its best support."""
    if exact or len(evidence) < 2 or evidence[1].points <= 0:
        return evidence[0].what
    return f"{evidence[0].what} and {evidence[1].what}"
