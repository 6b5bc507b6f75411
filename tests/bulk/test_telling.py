"""What is told of people is the same whether one is looked at or all are."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest
from tests.bulk.made import Books
from tests.bulk.reference import person, registrable, table

from concord.bulk.keys import keyed
from concord.bulk.levels import mobiles
from concord.bulk.telling import people_from

ODD = [
    {
        "email": "Jürgen.Müller@Münster-Bau.de",
        "first_name": "",
        "last_name": "van der Berg",
        "phone": "＋49 30 1234567",
    },
    {
        "email": "+tag@acme.com",
        "additional_emails": "a@b.co; c@d.de, a+x@b.co",
        "first_name": "ь",
        "last_name": "Huber Jr.",
    },
    {
        "email": "john.smith.jr@acme.com",
        "first_name": "John",
        "last_name": "Smith",
        "phone": "0049 30 1234567",
        "website": "x.de",
    },
    {"email": "page@sites.google.com", "website": "google.com", "phone": "+39 02 1234567", "mobile": "+39 02 1234567"},
    {"email": "..@gmail.com", "website": "http://user@www.acme.co.uk:80/x", "phone": "+1 011 49 30 123"},
    {
        "email": "a_jr@acme.com",
        "additional_emails": "b.sr@acme.com;c@web.de;d@zeta.fr;e@eta.it",
        "last_name": "Prof. Dr.",
    },
    {"email": "mailto:x.y@acme.com", "mobile": "+43 (0)664 1234567", "phone": "", "title": "Dr. Head-of  Sales"},
    {
        "first_name": "Smith, John",
        "last_name": "",
        "phone": "030 / 1234567",
        "website": "www.acme.de",
        "company": "Acme",
    },
    {"first_name": "John", "last_name": "unknown", "phone": "12", "email": "sales2.acme@acme.de"},
    {"first_name": "M", "last_name": "MD", "phone": "(02) 9876 5432", "website": "acme.com.au"},
    {
        "first_name": "ii",
        "last_name": "jr",
        "email": "jr@acme.com",
        "phone": "0171 1234567 ext. 5",
        "website": "acme.de",
    },
]


def test_columns_tell_of_each_person_what_core_tells() -> None:
    rows = [row for _, row, _ in Books(3000, 0).rows()]
    rows += [{"id": f"odd{number}", **row} for number, row in enumerate(ODD)]
    both = table(rows)
    people = people_from(both, len(both), registrable)
    for number, row in enumerate(both.iter_rows(named=True)):
        mine, core = people.person(number), replace(person(row, 0), modified_at=None)
        assert mine == core, row
        name = core.name
        assert people.givens[people.given[number]] == (name.given, name.wide_given), row
        assert people.families[people.family[number]] == (name.family, name.wide_family), row
        assert people.marks[people.mark[number]] == name.generation, row


def test_times_are_read_and_their_absence_is_no_time() -> None:
    rows = [{"id": "1", "modified_at": "2026-01-02T03:04:05Z"}, {"id": "2"}]
    people = people_from(table(rows), 2, registrable)
    assert people.everyone.modified[0] == pl.Series(["2026-01-02T03:04:05Z"]).str.to_datetime().dt.epoch("s")[0]
    assert people.everyone.modified[1] != people.everyone.modified[1]


@pytest.mark.parametrize(
    ("texts", "seconds"),
    [
        (["2026-01-02T03:04:05.000+0000", "2026-01-02T03:04:06.000+0000"], [5, 6]),
        (["2026-01-02 03:04", "", "2026-01-02 03:05"], [0, None, 60]),
        (["2026-01-02 03:04", "2/1/2026", "soon"], [0, None, None]),
        (["1/2/2026 3:04", "2/2/2026 3:04"], [None, None]),
    ],
)
def test_a_time_that_could_be_another_day_is_no_time(texts: list[str], seconds: list[int | None]) -> None:
    rows = [{"id": str(number), "modified_at": text} for number, text in enumerate(texts)]
    found = people_from(table(rows), len(rows), registrable).everyone.modified.tolist()
    begun = datetime(2026, 1, 2, 3, 4, tzinfo=UTC).timestamp()
    assert [None if one != one else one - begun for one in found] == seconds


def test_mobile_numbers_are_known_as_core_knows_them() -> None:
    """Above all in the countries that share North America's code: some of them tell."""
    draw = random.Random(3)
    numbers = [f"+1{area}{draw.randint(2000000, 9999999)}" for area in range(201, 1000) for _ in range(3)]
    numbers += [f"+{country}{draw.randint(10**8, 10**9)}" for country in range(20, 99) for _ in range(40)]
    both = table([{"id": str(number), "phone": text} for number, text in enumerate(numbers)])
    k = keyed(people_from(both, len(both), registrable))
    persons = k.people.persons(np.arange(len(both)))
    assert sum(bool(one.mobiles) for one in persons) > 100
    assert mobiles(k, np.arange(len(both))).tolist() == [bool(one.mobiles) for one in persons]
