"""Bulk matching: two whole books in, who is who out, by core's rules.

The front of this ring: everything else here is reached through these calls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from concord.bulk import files, firms, report
from concord.bulk.answers import Answer, answer, matching
from concord.bulk.candidates import candidates
from concord.bulk.files import Source
from concord.bulk.keys import NEEDED, keyed
from concord.bulk.people import COLUMNS, OBJECT, SIDES, Everyone, People, Rows
from concord.bulk.scores import Scored, Scorer, explained
from concord.bulk.settling import Said, Settled, settled
from concord.bulk.spreading import workers
from concord.bulk.telling import people_from, people_of
from concord.core.assignment import Bounds, Matching
from concord.core.companies import Company
from concord.core.domains import Registrable
from concord.core.identity import Person
from concord.core.values import Ref

_USUAL = Bounds()

#: Is told what is being done, for a person who waits.
Told = Callable[[str], None]


def _nobody(stage: str) -> None:
    """Nobody waits."""


def prepared(table: pl.DataFrame) -> pl.DataFrame:
    """A table with COLUMNS, texts without outer blanks and "" for nothing, in the order of ids."""
    some = [pl.col(name).cast(pl.String).fill_null("").str.strip_chars() for name in COLUMNS if name in table.columns]
    rest = [pl.lit("").alias(name) for name in COLUMNS if name not in table.columns]
    return table.select(*some, *rest).select(COLUMNS).sort("id")


def match(
    left: pl.DataFrame,
    right: pl.DataFrame,
    registrable: Registrable,
    bounds: Bounds = _USUAL,
    apart: Iterable[tuple[str, str]] = (),
    linked: Mapping[str, str] | None = None,
    at: Told = _nobody,
) -> Answer:
    """Who is who among two tables of people (see COLUMNS; ids must be unique). apart: left and right ids of pairs that
    a person said are two; linked: right id by left id, of links that there are: never broken, never repeated."""
    at("normal forms")
    tables = [prepared(left), prepared(right)]
    people = people_from(pl.concat(tables), len(tables[0]), registrable)
    del tables, left, right
    refs = (
        [(Ref(SIDES[0], OBJECT, a), Ref(SIDES[1], OBJECT, b)) for a, b in pairs]
        for pairs in (apart, (linked or {}).items())
    )
    known = said(people.everyone, *refs)
    scored, result = _settled(people, bounds, known, at)
    at("explanations")
    before = np.concatenate(known.linked)
    return answer(people, scored, result, before, lambda rows, between: explained(people, scored, rows, between))


def _settled(people: People, bounds: Bounds, known: Said, at: Told = _nobody) -> tuple[Scored, Settled]:
    at("where to look")
    k = keyed(people)
    found = candidates(k, everything=bounds.ask <= NEEDED)
    at(f"{len(found.pairs):,} pairs")
    scorer = Scorer(k, found, bounds)
    scored = scorer.candidates()
    at("who goes with whom")
    return scored, settled(people.everyone, scored, scorer.pairs, bounds, known)


def said(everyone: Everyone, apart: Iterable[tuple[Ref, Ref]], linked: Iterable[tuple[Ref, Ref]]) -> Said:
    """What people said of these, as numbers; of those who are not there nothing was said."""
    wanted = [sorted(apart), sorted(linked)]
    named = {ref for pairs in wanted for pair in pairs for ref in pair}
    place = {ref: number for number in range(everyone.size) if (ref := everyone.ref(number)) in named} if named else {}

    def numbers(pairs: Sequence[tuple[Ref, Ref]]) -> tuple[Rows, Rows]:
        there = [(place[one], place[other]) for one, other in pairs if one in place and other in place]
        return np.array([one for one, _ in there], dtype=np.int64), np.array(
            [other for _, other in there], dtype=np.int64
        )

    return Said(linked=numbers(wanted[1]), apart=numbers(wanted[0]))


class InMemory:
    """Whole books of people or companies as core has them, with the answer that core's `match` gives."""

    def people(
        self,
        lefts: Sequence[Person],
        rights: Sequence[Person],
        bounds: Bounds,
        apart: frozenset[tuple[Ref, Ref]],
        linked: Mapping[Ref, Ref],
    ) -> Matching:
        with workers():
            people = people_of([*lefts, *rights], len(lefts), _systems(lefts, rights))
            scored, result = _settled(people, bounds, said(people.everyone, apart, _couples(people.everyone, linked)))
        return matching(people.everyone, scored, result, lambda rows, between: explained(people, scored, rows, between))

    def companies(
        self,
        lefts: Sequence[Company],
        rights: Sequence[Company],
        bounds: Bounds,
        apart: frozenset[tuple[Ref, Ref]],
        linked: Mapping[Ref, Ref],
    ) -> Matching:
        with workers():
            book = firms.book([*lefts, *rights], len(lefts), _systems(lefts, rights), bounds)
            scored = book.candidates()
            told = said(book.everyone, apart, _couples(book.everyone, linked))
            result = settled(book.everyone, scored, book.pairs, bounds, told)
        return matching(book.everyone, scored, result, lambda rows, between: firms.explained(scored, rows, between))


def _systems(lefts: Sequence[Person | Company], rights: Sequence[Person | Company]) -> tuple[str, str]:
    return (lefts[0].ref.system if lefts else SIDES[0], rights[0].ref.system if rights else SIDES[1])


def _couples(everyone: Everyone, linked: Mapping[Ref, Ref]) -> list[tuple[Ref, Ref]]:
    """The links, each once, the left one first."""
    return [(one, other) for one, other in linked.items() if one.system == everyone.systems[0]]


@dataclass(frozen=True)
class Results:
    """Where results go; None for what is not wanted. links, review: pairs that are, and that may be, one. duplicates:
    records beside another of their own file. alone: records without a partner. report: a page with all the counts."""

    links: Path | None = None
    review: Path | None = None
    duplicates: Path | None = None
    alone: Path | None = None
    report: Path | None = None

    @property
    def wanted(self) -> dict[str, Path]:
        """By name those that are wanted."""
        return {name: path for name, path in vars(self).items() if path is not None}


def match_files(
    paths: tuple[Path, Path],
    results: Results,
    registrable: Registrable,
    bounds: Bounds = _USUAL,
    named: tuple[Mapping[str, str], Mapping[str, str]] = ({}, {}),
    at: Told = _nobody,
) -> tuple[tuple[Source, Source], Answer]:
    """Who is who in two CSV files, and what was found in them; written all or not at all. named: for each file which of
    its columns is which of COLUMNS, where that is not to be recognised. at: is told what is being done, STAGES times.
    Raises ConfigError for files that cannot be read or written."""
    files.check_places(list(results.wanted.values()), paths)
    books = []
    with workers():
        for path, names in zip(paths, named, strict=True):
            at(f"{path.name}")
            books.append(files.read(path, names))
        sources = Source.of(books[0]), Source.of(books[1])
        right, left = books.pop().table, books.pop().table
        found = match(left, right, registrable, bounds, at=at)
    at("results")
    files.write({path: _result(name, sources, found, bounds) for name, path in results.wanted.items()})
    return sources, found


#: How often `match_files` tells what it is doing.
STAGES: Final = 8


def _result(name: str, sources: tuple[Source, Source], found: Answer, bounds: Bounds) -> pl.DataFrame | str:
    if name == "report":
        return report.page(sources, found, bounds)
    tables = {"links": found.links, "review": found.asks, "duplicates": found.duplicates, "alone": found.new}
    return tables[name]
