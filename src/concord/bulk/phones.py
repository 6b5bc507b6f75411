"""Telephone numbers of whole tables: what `core.domains.numbers_in` makes of them.

A number that says its country and has a possible length is its own normal form; one that neither says it nor comes with
a country is its digits. Everything else goes through core, one distinct value at a time. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import numpy as np
import phonenumbers
import polars as pl

from concord.bulk.people import Addresses, Codes, Rows
from concord.bulk.spreading import once_each
from concord.core import domains

_WITH_COUNTRY: Final = r"^\+[1-9][0-9]*(?:[ ./()-]+[0-9]+)*$"
_WITHOUT: Final = r"^[^+＋;]*$"
_NATIONAL: Final = r"^[0(][0-9(]*(?:[ ./()-]+[0-9]+)*$"


def region(host: str) -> str:
    """The country of a host, as far as it may say which country a number is of; "" for none."""
    top = host.rpartition(".")[2].upper()
    found = "GB" if top == "UK" else top
    return found if found in phonenumbers.SUPPORTED_REGIONS else ""


@cache
def telling() -> str:
    """The pattern of numbers that may say that they are mobile ones: those of the United States and of Canada never do;
    the other countries that share their code have numbers that begin in their own way."""
    others = phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1]
    found = [phonenumbers.PhoneMetadata.metadata_for_region(one, None) for one in others if one not in ("US", "CA")]
    begin = "|".join(sorted(one.leading_digits for one in found if one is not None and one.leading_digits))
    return rf"^\+(?:[02-9]|1(?:{begin}))"


def regions_of(size: int, web: Sequence[str], website: Codes, hosts: Sequence[str], emails: Addresses) -> pl.Series:
    """For each person the countries that their hosts tell, in order, with blanks between; mostly one or none."""
    found = np.array(web, dtype=object)[website]
    by_host = np.array([region(one) for one in hosts], dtype=object)[emails.host]
    for row in np.flatnonzero(by_host != "").tolist():
        who, what = int(emails.person[row]), by_host[row]
        if what not in found[who]:
            found[who] = f"{found[who]} {what}".strip()
    return pl.Series(found.tolist(), dtype=pl.String)


def numbers_of(fields: Sequence[pl.Series], regions: pl.Series) -> tuple[pl.Series, Rows]:
    """All numbers as texts, and for each person the rows of theirs, -1 for none."""
    texts = pl.concat([one.rename("text") for one in fields])
    table = pl.DataFrame({"text": texts, "regions": pl.concat([regions] * len(fields))}).with_row_index("row")
    table = table.filter(pl.col("text") != "")
    known = pl.concat([_with_country(table), _nowhere(table), _national(table)])
    rest = table.join(known.select("row"), on="row", how="anti")
    rest = rest.select(
        "row", number=pl.Series(once_each(rest.select("text", "regions"), _one, pl.String), dtype=pl.String)
    )
    found = pl.concat([known, rest]).filter(pl.col("number") != "").sort("row")
    size = len(regions)
    flat = np.full(size * len(fields), -1, dtype=np.int64)
    flat[found["row"].to_numpy()] = np.arange(len(found))
    rows: Rows = flat.reshape(len(fields), size).T.copy()
    both = np.flatnonzero((rows >= 0).all(axis=1))
    if len(both):
        same = (found["number"][rows[both, 0]] == found["number"][rows[both, 1]]).to_numpy()
        rows[both[same], 1] = -1
    alone = (rows[:, 0] < 0) & (rows[:, 1] >= 0)
    rows[alone, 0], rows[alone, 1] = rows[alone, 1], -1
    return found["number"], rows


def _one(asked: tuple[str, str]) -> str:
    text, where = asked
    return next(iter(domains.numbers_in(text, [f"x.{one.lower()}" for one in where.split()])), "")


@cache
def _countries() -> pl.DataFrame:
    """For each country code whose numbers are simple: the lengths that are possible, and how a number begins that is
    written with a prefix, and is not its own normal form then."""
    rows = []
    for code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        where = phonenumbers.region_code_for_country_code(code)
        found = (
            phonenumbers.PhoneMetadata.metadata_for_nongeo_region(code, None)
            if where == "001"
            else phonenumbers.PhoneMetadata.metadata_for_region(where, None)
        )
        if found is None or found.general_desc is None:
            continue
        lengths = set(found.general_desc.possible_length) - set(found.general_desc.possible_length_local_only)
        prefix = found.national_prefix_for_parsing or ""
        rows += [(str(code), length, prefix) for length in lengths if "?!" not in prefix]
    return pl.DataFrame(rows, schema={"code": pl.String, "length": pl.UInt32, "prefix": pl.String}, orient="row")


def _with_country(table: pl.DataFrame) -> pl.DataFrame:
    """Numbers that say their country, as they are."""
    mine = table.filter(pl.col("text").str.contains(_WITH_COUNTRY))
    mine = mine.select("row", digits=pl.col("text").str.replace_all(r"[^0-9]", ""))
    known = _countries()
    codes = known["code"].unique().to_list()
    code = pl.coalesce(
        pl.when(pl.col("digits").str.slice(0, size).is_in(codes)).then(pl.col("digits").str.slice(0, size))
        for size in (1, 2, 3)
    )
    mine = mine.with_columns(code=code).drop_nulls()
    mine = mine.with_columns(
        local=pl.col("digits").str.slice(pl.col("code").str.len_bytes()),
        length=(pl.col("digits").str.len_bytes() - pl.col("code").str.len_bytes()).cast(pl.UInt32),
    )
    mine = mine.join(known, on=["code", "length"], how="inner")
    kept = [
        part if not prefix[0] else part.filter(~pl.col("local").str.contains(f"^(?:{prefix[0]})"))
        for prefix, part in mine.partition_by("prefix", as_dict=True).items()
    ]
    found = pl.concat(kept) if kept else mine
    return found.select("row", number="+" + pl.col("digits"))


def _nowhere(table: pl.DataFrame) -> pl.DataFrame:
    """Numbers without any country: their digits."""
    mine = table.filter((pl.col("regions") == "") & pl.col("text").str.contains(_WITHOUT))
    digits = pl.col("text").str.replace_all(r"[^0-9]", "").str.strip_chars_start("0")
    mine = mine.select("row", number=digits)
    return mine.with_columns(
        number=pl.when(pl.col("number").str.len_bytes().is_between(7, 15)).then(pl.col("number")).otherwise(pl.lit(""))
    )


@cache
def _national_plans() -> dict[str, tuple[str, frozenset[int], str, str]]:
    """For each country where a leading prefix of fixed digits is dropped and nothing else is done: the prefix, the
    lengths that are possible, the pattern of whole numbers, the code."""
    plans = {}
    for where in phonenumbers.SUPPORTED_REGIONS:
        found = phonenumbers.PhoneMetadata.metadata_for_region(where, None)
        prefix = found.national_prefix_for_parsing or "" if found else ""
        if found is None or found.general_desc is None or not prefix.isdecimal():
            continue
        if found.national_prefix_transform_rule:
            continue
        pattern = found.general_desc.national_number_pattern or ""
        if "?!" in pattern or "?=" in pattern:
            continue
        lengths = frozenset(found.general_desc.possible_length) - frozenset(
            found.general_desc.possible_length_local_only
        )
        plans[where] = (prefix, lengths, pattern, str(found.country_code))
    return plans


def _national(table: pl.DataFrame) -> pl.DataFrame:
    """Numbers written as within their one country, with its prefix: "030 1234567"."""
    plans = _national_plans()
    mine = table.filter(pl.col("regions").is_in(list(plans)) & pl.col("text").str.contains(_NATIONAL))
    mine = mine.with_columns(digits=pl.col("text").str.replace_all(r"[^0-9]", ""))
    found = []
    for (where,), part in mine.partition_by("regions", as_dict=True).items():
        prefix, lengths, pattern, code = plans[str(where)]
        local = pl.col("digits").str.slice(len(prefix))
        simple = (
            pl.col("digits").str.starts_with(prefix)
            & ~pl.col("digits").str.starts_with("00")
            & ~pl.col("digits").str.starts_with(code)
            & ~pl.col("digits").str.contains(f"^(?:{pattern})$")
            & local.str.len_bytes().is_in(sorted(lengths))
        )
        found.append(part.filter(simple).select("row", number=pl.lit(f"+{code}") + local))
    return pl.concat(found) if found else pl.DataFrame(schema={"row": pl.UInt32, "number": pl.String})
