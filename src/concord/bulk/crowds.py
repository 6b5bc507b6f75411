"""What the neighbourhood says of addresses and names: `core.identity.Crowd` for whole tables.

Only for the addresses and names that pairs to be compared have. Decides nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from concord.bulk.keys import Keyed, within
from concord.bulk.levels import alike
from concord.bulk.people import Flags, Hashes, Rows, mixed

#: Of the names at one address core looks at the first so many.
_NAMES: Final = 50


def shared_addresses(k: Keyed) -> Flags:
    """For each row of the addresses whether differently named people use it, several of them on one side."""
    people, emails = k.people, k.people.emails
    table = pl.DataFrame(
        {"hash": emails.hash, "who": emails.person, "right": people.everyone.right[emails.person],
         "first": people.first[emails.person], "last": people.last[emails.person]}
    )  # fmt: skip
    several = table.group_by("hash").agg(right=pl.col("right").sum(), all=pl.len())
    several = several.filter((pl.col("right") > 1) | (pl.col("all") - pl.col("right") > 1)).select("hash")
    # In core's order: the left side first. Of two of one name the later one's is looked at.
    there = table.join(several, on="hash").sort("right", "who").with_row_index("at")
    there = there.group_by("hash", "first", "last").agg(pl.col("at").first(), pl.col("who").last())
    there = there.sort("hash", "at").with_columns(number=pl.int_range(pl.len()).over("hash"))
    there = there.filter((pl.len().over("hash") > 1) & (pl.col("number") < _NAMES))
    found: set[int] = set()
    for pairs in (_with_the_first, _with_each_other):
        code, one, other = pairs(there.filter(~pl.col("hash").is_in(list(found))))
        found |= set(code[alike(k, one, other).of(lambda like: like.contradicts)].tolist())
    return np.isin(emails.hash, np.array(sorted(found), dtype=np.uint64))


def _with_the_first(there: pl.DataFrame) -> tuple[Hashes, Rows, Rows]:
    """Most addresses that are shared are seen to be by the first name there and another."""
    pairs = there.filter(pl.col("number") > 0).join(there.filter(pl.col("number") == 0), on="hash")
    return pairs["hash"].to_numpy(), pairs["who_right"].to_numpy(), pairs["who"].to_numpy()


def _with_each_other(there: pl.DataFrame) -> tuple[Hashes, Rows, Rows]:
    there = there.filter(pl.col("number") > 0)
    pairs = there.join(there, on="hash").filter(pl.col("number") < pl.col("number_right"))
    return pairs["hash"].to_numpy(), pairs["who"].to_numpy(), pairs["who_right"].to_numpy()


def _places(k: Keyed) -> list[Hashes]:
    """Where people are: the words and the domains of their companies, of different kinds."""
    found = [np.where(k.places[:, column] != 0, mixed(1, k.places[:, column]), np.uint64(0)) for column in range(3)]
    for column in range(2):
        domain = k.people.domains[:, column]
        found.append(np.where(domain > 0, mixed(2, domain), np.uint64(0)))
    return found


def namesakes(k: Keyed, one: Rows, other: Rows) -> Flags:
    """For each pair whether several people of their name are at a place where both are (`Crowd.namesakes`)."""
    found = np.zeros(len(one), dtype=np.bool_)
    rows = np.flatnonzero((k.whole[one] != 0) & (k.whole[one] == k.whole[other]))
    if not len(rows):
        return found
    places = _places(k)
    keys: list[tuple[Rows, Hashes]] = []
    for i, mine in enumerate(places):
        for j, theirs in enumerate(places):
            if (i < 3) == (j < 3):
                x = mine[one[rows]]
                same = (x != 0) & (x == theirs[other[rows]])
                keys.append((rows[same], mixed(k.whole[one[rows[same]]], x[same])))
    row, key = (np.concatenate(part) for part in zip(*keys, strict=True))
    asked = pl.DataFrame({"key": key}).unique()
    bearers = np.flatnonzero(np.isin(k.whole, k.whole[one[rows]]))
    table = pl.concat(
        [
            pl.DataFrame({"key": mixed(k.whole[bearers[some]], place[bearers[some]]), "who": bearers[some]})
            for place in places
            for some in [place[bearers] != 0]
        ]
    ).unique()
    table = table.join(asked, on="key", how="semi")
    crowded = _crowded(k, table)
    found[row[np.isin(key, crowded)]] = True
    return found


def _crowded(k: Keyed, table: pl.DataFrame) -> Hashes:
    """The keys (of key, who) that are borne on one side by somebody with a mark of generation, or by several people
    with several personal addresses at their company."""
    people, emails = k.people, k.people.emails
    who = table["who"].to_numpy()
    table = table.with_columns(
        right=pl.Series(people.everyone.right[who]),
        marked=pl.Series(people.mark[who] > 0),
        row=pl.Series(np.arange(len(who))),
    )
    marked = table.filter("marked")["key"]
    several = table.filter(pl.len().over("key", "right") > 1)
    person = several["who"].to_numpy()
    count = emails.start[person + 1] - emails.start[person]
    address = np.repeat(emails.start[person], count) + within(count)
    at = pl.DataFrame(
        {"key": np.repeat(several["key"].to_numpy(), count), "right": np.repeat(several["right"].to_numpy(), count),
         "hash": emails.hash[address], "own": (emails.place[address] > 0) & ~emails.role[address]}
    ).filter("own")  # fmt: skip
    many = at.group_by("key", "right").agg(n=pl.col("hash").n_unique()).filter(pl.col("n") > 1)["key"]
    return np.asarray(pl.concat([marked, many]).unique().to_numpy(), dtype=np.uint64)
