"""Companies in bulk: core's keys, and core's comparison of each pair that shares one.

There are fewer companies than people, and little to compare of each, so every pair is compared by itself, spread over
the processors; a million companies on each side take minutes, not seconds. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from concord.bulk.keys import pairs_of, texts
from concord.bulk.people import Everyone, Rows, everyone_of
from concord.bulk.scores import DOORS, Scored
from concord.bulk.spreading import spread
from concord.core.assignment import Bounds, Score, judge
from concord.core.companies import Company, Crowd, compare, keys_of


@dataclass(frozen=True)
class Book:
    """The companies of both sides in the order of `everyone`, and what their neighbourhood says."""

    everyone: Everyone
    companies: Sequence[Company]
    crowd: Crowd
    bounds: Bounds

    def candidates(self) -> Scored:
        """The pairs that share a key and are, or may be, one company."""
        size = self.everyone.size
        keys = spread(_keys, self.companies)
        who = np.repeat(np.arange(size), [len(one) for one in keys])
        pairs = pairs_of([(texts([key for one in keys for key in one]), who)], max(size, 1))
        return self._scored(pairs // max(size, 1), pairs % max(size, 1), every=False)

    def pairs(self, one: Rows, other: Rows) -> Scored:
        """These pairs, whatever their score."""
        return self._scored(one, other, every=True)

    def _scored(self, one: Rows, other: Rows, *, every: bool) -> Scored:
        pairs = [(self.companies[a], self.companies[b]) for a, b in zip(one.tolist(), other.tolist(), strict=True)]
        scores = spread(partial(_score, self.crowd, None if every else self.bounds), pairs)
        kept = np.array([found is not None for found in scores], dtype=np.bool_)
        some = [found for found in scores if found is not None]
        return Scored(
            one[kept],
            other[kept],
            np.arange(len(some)),
            some,
            [False] * len(some),
            np.array([found.value for found in some], dtype=np.float64),
            np.array([found.tier for found in some], dtype=np.uint8),
            np.array([found.barred for found in some], dtype=np.bool_),
            np.array([DOORS.index(judge(found, self.bounds)) for found in some], dtype=np.uint8),
        )


def _keys(company: Company) -> list[str]:
    return sorted(keys_of(company))


def _score(crowd: Crowd, bounds: Bounds | None, pair: tuple[Company, Company]) -> Score | None:
    """Their score; None where they are two by these bounds."""
    found = compare(*pair, crowd)
    return None if bounds is not None and judge(found, bounds) is DOORS[0] else found


def book(companies: Sequence[Company], lefts: int, systems: tuple[str, str], bounds: Bounds) -> Book:
    """These companies, of which the first so many are left ones."""
    everyone, known = everyone_of(companies, lefts, systems)
    crowd = Crowd.of(
        [one for one, right in zip(known, everyone.right.tolist(), strict=True) if not right],
        [one for one, right in zip(known, everyone.right.tolist(), strict=True) if right],
    )
    return Book(everyone, known, crowd, bounds)


def explained(found: Scored, rows: Rows, between: str) -> pl.Series:
    """The explanation of each of these pairs: its lines, joined."""
    return pl.Series([between.join(found.scores[how].lines) for how in found.how[rows].tolist()], dtype=pl.String)
