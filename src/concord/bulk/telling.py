"""From texts to people as columns: everything is put into its normal form once for each distinct value, by core.

What is plain (an address of ASCII letters, a telephone number with its country) is done for all at once; whatever is
not goes through core's own functions one value at a time. Both give the same, which tests hold. Decides nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from concord.bulk import phones
from concord.bulk.people import OBJECT, Addresses, Codes, Everyone, Flags, Hashes, People, Rows, everyone_of, hashes
from concord.bulk.spreading import once_each, spread
from concord.core import domains, lexicon, names
from concord.core.domains import Registrable
from concord.core.identity import Person
from concord.core.names import Name

_LOCAL: Final = r"[A-Za-z0-9._%\-]+(?:\+[A-Za-z0-9._%+\-]*)?"
_HOST: Final = r"[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)*\.[A-Za-z]{2,}"
_PLAIN: Final = f"^{_LOCAL}@{_HOST}$"
#: A word that marks a generation somewhere after the beginning of a local part; core looks closer.
_MARKED: Final = r"[^a-z](?:" + "|".join(sorted(one for one in lexicon.GENERATIONS if one.isalpha())) + r")(?:[^a-z]|$)"
#: Names of ASCII words are their own normal form, unless one of these is among them.
_NO_PLAIN_WORDS: Final = (
    lexicon.NO_NAMES | frozenset(lexicon.GENERATIONS) | lexicon.HONORIFICS | lexicon.DEGREES | lexicon.PARTICLES
)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z]+\.?(?:[ -][A-Za-z]+\.?)*")
_WORDS: Final = re.compile(r"[a-z]+")
_OTHER_NAME: Final = "Zzyzx"
_DATED: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T]|$)"


def factorise(texts: pl.Series) -> tuple[Codes, list[str]]:
    """A number for each text, and the list that it points into. "" is 0."""
    known = pl.concat([pl.Series("v", [""]), texts.rename("v").unique()]).unique(maintain_order=True)
    table = known.to_frame().with_row_index("c")
    codes = texts.to_frame("v").join(table, on="v", how="left", maintain_order="left")["c"]
    return np.asarray(codes.to_numpy(), dtype=np.uint32), known.to_list()


class _Coded:
    """A growing list of different things and their numbers."""

    def __init__(self, nothing: object) -> None:
        self.items: list[object] = [nothing]
        self.codes: dict[object, int] = {nothing: 0}

    def code(self, item: object) -> int:
        found = self.codes.get(item)
        if found is None:
            found = self.codes[item] = len(self.items)
            self.items.append(item)
        return found


def people_from(table: pl.DataFrame, lefts: int, registrable: Registrable) -> People:
    """The people of two tables, one below the other: each with COLUMNS, in the order of ids, without nulls."""
    website, websites = factorise(table["website"])
    web_hosts = spread(domains.web_host, websites, 20_000)
    found = _addresses(_in_texts(table))
    domain = _Coded("")
    web_domain = np.array([domain.code(domains.company_domain(h, registrable) if h else "") for h in web_hosts])
    companies = [domains.company_domain(one, registrable) if one else "" for one in found.hosts]
    place = np.array([domain.code(one) for one in companies], dtype=np.uint32)[found.host]
    emails = _placed(found, place, len(table))
    two, more = _domains_of(len(table), web_domain[website].astype(np.uint32), found.person, place, domain.items)
    regions = phones.regions_of(len(table), [phones.region(one) for one in web_hosts], website, found.hosts, emails)
    numbers, rows = phones.numbers_of([table["phone"], table["mobile"]], regions)
    odd = np.zeros(len(table), dtype=np.bool_)
    odd[list(more)] = True
    # Free mail below a domain that is not: its addresses are at a company for those who name that one elsewhere.
    half = [
        not at and bool(one) and _not_free(registrable(one)) for at, one in zip(companies, found.hosts, strict=True)
    ]
    odd[found.person[np.array(half, dtype=np.bool_)[found.host]]] = True
    everyone = Everyone(
        table["id"],
        np.arange(len(table)) >= lefts,
        np.zeros(len(table), dtype=np.uint32),
        (OBJECT,),
        np.zeros(len(table), dtype=np.uint32),
        _times(table["modified_at"]),
    )
    texts = [str(one) for one in domain.items]
    return _people(everyone, table, found.hosts, emails, (two, texts, odd, more), (numbers, rows), [table["other_id"]])


def people_of(persons: Sequence[Person], lefts: int, systems: tuple[str, str]) -> People:
    """The people that these are in core's form, of which the first so many are left ones."""
    everyone, known = everyone_of(persons, lefts, systems)
    size = len(known)
    table = pl.DataFrame(
        {"first_name": [one.first for one in known], "last_name": [one.last for one in known],
         "company": [one.company for one in known], "title": [one.title for one in known]},
        schema=dict.fromkeys(("first_name", "last_name", "company", "title"), pl.String),
    )  # fmt: skip
    found = _addresses(_in_lists([one.emails for one in known]))
    domain = _Coded("")
    two, more = np.zeros((size, 2), dtype=np.uint32), {}
    odd = np.array([len(one.domains) > 2 or len(one.phones) > 2 for one in known], dtype=np.bool_)
    for number, one in enumerate(known):
        codes = [domain.code(each) for each in one.domains]
        two[number, : len(codes[:2])] = codes[:2]
        if len(codes) > 2:
            more[number] = one.domains
    texts = [str(one) for one in domain.items]

    def at(asked: tuple[int, int, int]) -> int:
        mine, places = found.hosts[asked[0]], asked[1:]
        return next((one for one in places if one and f".{mine}".endswith(f".{texts[one]}")), 0)

    asked = pl.DataFrame({"h": found.host, "a": two[found.person, 0], "b": two[found.person, 1]}).unique()
    asked = asked.with_columns(at=pl.Series([at(row) for row in asked.rows()], dtype=pl.UInt32))
    rows_ = pl.DataFrame({"h": found.host, "a": two[found.person, 0], "b": two[found.person, 1]})
    placed = rows_.join(asked, on=["h", "a", "b"], how="left", maintain_order="left")["at"].to_numpy()
    emails = _placed(found, placed, size)
    flat = [(number, place, text) for number, one in enumerate(known) for place, text in enumerate(one.phones[:2])]
    rows = np.full((size, 2), -1, dtype=np.int64)
    for row, (number, place, _) in enumerate(flat):
        rows[number, place] = row
    numbers = pl.Series([text for _, _, text in flat], dtype=pl.String)
    ids = [sorted(one.other_ids) for one in known]
    width = max((len(one) for one in ids), default=0)
    others = [
        pl.Series([one[place] if place < len(one) else "" for one in ids], dtype=pl.String) for place in range(width)
    ]
    return _people(everyone, table, found.hosts, emails, (two, texts, odd, more), (numbers, rows), others, known)


def _people(
    everyone: Everyone,
    table: pl.DataFrame,
    hosts: Sequence[str],
    emails: Addresses,
    places: tuple[Any, Sequence[str], Flags, Mapping[int, tuple[str, ...]]],
    phones_: tuple[pl.Series, Rows],
    other_ids: Sequence[pl.Series],
    known: Sequence[Person] | None = None,
) -> People:
    """What is left to tell, and all of it together. places: two domains of each, their texts, who is odd, and who has
    more domains."""
    first, firsts = factorise(table["first_name"])
    last, lasts = factorise(table["last_name"])
    called = _names(first, firsts, last, lasts)
    company, companies = factorise(table["company"])
    title, titles = factorise(table["title"])
    mark = _marked(called.mark, emails, called.marks)
    two, texts, odd, more = places
    return People(
        everyone, first, firsts, last, lasts, called.given, called.givens, called.family, called.families,
        mark, called.marks, company, companies, title, titles, two, texts, hosts, phones_[1], phones_[0], emails,
        other_ids, odd, more, known,
    )  # fmt: skip


def _starts(person: Rows, size: int) -> Rows:
    return np.searchsorted(person, np.arange(size + 1), side="left").astype(np.int64)


def _times(texts: pl.Series) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Seconds since 1970; nan where there is none, or none that is sure: of others than "2026-01-31 ..." nobody knows
    which is the month."""
    if not texts.str.contains(_DATED).any():
        return np.full(len(texts), np.nan)
    texts = pl.select(pl.when(texts.str.contains(_DATED)).then(texts).otherwise(pl.lit(""))).to_series()
    read = texts.str.to_datetime(strict=False, time_zone="UTC", time_unit="us") if len(texts) else texts
    return np.asarray(read.dt.epoch("us").cast(pl.Float64).fill_null(float("nan")).to_numpy()) / 1e6


# --- names


@dataclass(frozen=True)
class _Called:
    given: Codes
    givens: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
    family: Codes
    families: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]
    mark: Codes
    marks: list[str]


def _plain_name(text: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    if not _PLAIN_NAME.fullmatch(text):
        return None
    words = tuple(_WORDS.findall(text.lower()))
    if not _NO_PLAIN_WORDS.isdisjoint(words) or "".join(words) in lexicon.NO_NAMES:
        return None
    return words, words


def _names(first: Codes, firsts: Sequence[str], last: Codes, lasts: Sequence[str]) -> _Called:
    """Every name taken apart. Where both fields hold something each is looked at by itself, once for each text; what is
    in one field only is one name, and read as one."""
    givens, families, marks = _Coded(((), ())), _Coded(((), ())), _Coded("")
    given, given_mark = _parts(firsts, _given_in, givens, marks)
    family, family_mark = _parts(lasts, _family_in, families, marks)
    of_given, of_family = given[first], family[last]
    mark = np.where(given_mark[first] > 0, given_mark[first], family_mark[last])
    alone = np.flatnonzero((of_given == 0) | (of_family == 0))
    if len(alone):
        codes = first[alone].astype(np.int64) * len(lasts) + last[alone]
        distinct, back = np.unique(codes, return_inverse=True)
        width = len(lasts)
        whole = spread(_name_of, [(firsts[one // width], lasts[one % width]) for one in distinct.tolist()], 200)
        of_given[alone] = np.array([givens.code(_given_of(one)[0]) for one in whole], dtype=np.uint32)[back]
        of_family[alone] = np.array([families.code(_family_of(one)[0]) for one in whole], dtype=np.uint32)[back]
        mark[alone] = np.array([marks.code(one.generation) for one in whole], dtype=np.uint32)[back]
    return _Called(
        of_given,
        givens.items,  # type: ignore[arg-type]
        of_family,
        families.items,  # type: ignore[arg-type]
        mark.astype(np.uint32),
        [str(one) for one in marks.items],
    )


_Part = tuple[tuple[tuple[str, ...], tuple[str, ...]], str]


def _name_of(fields: tuple[str, str]) -> Name:
    return names.name_of(*fields)


def _given_in(text: str) -> _Part:
    return _given_of(names.name_of(text, _OTHER_NAME))


def _family_in(text: str) -> _Part:
    return _family_of(names.name_of(_OTHER_NAME, text))


def _given_of(name: Name) -> _Part:
    return (name.given, name.wide_given), name.generation


def _family_of(name: Name) -> _Part:
    return (name.family, name.wide_family), name.generation


def _parts(texts: Sequence[str], taken: Callable[[str], _Part], known: _Coded, marks: _Coded) -> tuple[Codes, Codes]:
    """For each text the code of that part of a name, 0 when it is none, and of its mark."""
    codes, found = np.zeros(len(texts), dtype=np.uint32), np.zeros(len(texts), dtype=np.uint32)
    plain = [_plain_name(text) for text in texts]
    rest = [number for number, part in enumerate(plain) if part is None]
    codes[:] = [known.code(part) if part is not None else 0 for part in plain]
    for number, (part, mark) in zip(rest, spread(taken, [texts[number] for number in rest]), strict=True):
        if part[0]:
            codes[number], found[number] = known.code(part), marks.code(mark)
    return codes, found


def _marked(mark: Codes, emails: Addresses, marks: list[str]) -> Codes:
    """The marks of generation, with those that an address shows where the name bears none: the first that does."""
    named = mark > 0
    rows = np.flatnonzero(emails.text.str.contains(_MARKED).to_numpy())
    for row in rows.tolist()[::-1]:  # backwards, so that the first one has the last word
        person = int(emails.person[row])
        found = names.generation_in(domains.words_of(domains.local_part(emails.text[row])))
        if found and not named[person]:
            if found not in marks:
                marks.append(found)
            mark[person] = marks.index(found)
    return mark


# --- addresses


@dataclass(frozen=True)
class _Found:
    """As `Addresses`. hosts: texts."""

    person: Rows
    text: pl.Series
    host: Codes
    hosts: list[str]
    local: Hashes
    letters: Hashes
    role: Flags


def _in_texts(table: pl.DataFrame) -> pl.DataFrame:
    """The addresses in two columns of texts: whose, place, local, host."""
    numbered = table.select("email", "additional_emails").with_row_index("person")
    texts = pl.concat(
        [numbered.select("person", pl.col(name).alias("text"), pl.lit(place, pl.UInt32).alias("place"))
         for place, name in enumerate(("email", "additional_emails"))]
    ).filter(pl.col("text") != "")  # fmt: skip
    texts = texts.with_columns(plain=pl.col("text").str.contains(_PLAIN))
    return pl.concat([_plain_addresses(texts.filter("plain")), _other_addresses(texts.filter(~pl.col("plain")))])


def _in_lists(emails: Sequence[Sequence[str]]) -> pl.DataFrame:
    """Addresses that are normalised, as `_in_texts` has them."""
    found = [
        (number, place, domains.local_part(text), domains.host_of(text))
        for number, each in enumerate(emails)
        for place, text in enumerate(each)
    ]
    return pl.DataFrame(found, schema=_LONG, orient="row")


_LONG: Final = {"person": pl.UInt32, "place": pl.UInt32, "local": pl.String, "host": pl.String}


def _addresses(long: pl.DataFrame) -> _Found:
    long = long.sort("person", "place").unique(["person", "local", "host"], keep="first", maintain_order=True)
    host, hosts = factorise(long["host"])
    letters = long["local"].str.replace_all(r"[^\p{L}]", "")
    return _Found(
        long["person"].cast(pl.Int64).to_numpy(),
        long["local"] + "@" + long["host"],
        host,
        hosts,
        np.where((long["local"].str.len_chars() < 5).to_numpy(), np.uint64(0), hashes(long["local"])),
        np.where((letters.str.len_chars() < 5).to_numpy(), np.uint64(0), hashes(letters)),
        _roles(long["local"], long["host"]),
    )


def _placed(found: _Found, place: Codes, size: int) -> Addresses:
    return Addresses(
        found.person, found.text, hashes(found.text), found.host, found.local, found.letters, found.role, place,
        _starts(found.person, size),
    )  # fmt: skip


def _not_free(domain: str) -> bool:
    return bool(domain) and not domains.is_free(domain)


def _plain_addresses(texts: pl.DataFrame) -> pl.DataFrame:
    """`domains.addresses` for texts that are one address of the usual letters and nothing else."""
    parts = texts.select(
        "person", "place", pl.col("text").str.to_lowercase().str.splitn("@", 2).struct.rename_fields(["local", "host"])
    ).unnest("text")
    host = pl.when(pl.col("host") == "googlemail.com").then(pl.lit("gmail.com")).otherwise(pl.col("host"))
    parts = parts.with_columns(host=host, local=pl.col("local").str.replace(r"\+.*$", ""))
    dotless = pl.col("local").str.replace_all(".", "", literal=True)
    parts = parts.with_columns(local=pl.when(pl.col("host") == "gmail.com").then(dotless).otherwise(pl.col("local")))
    bare = pl.col("local").str.replace_all(r"[.\-_+]+", "")
    nobody = sorted(lexicon.NOBODY)
    nowhere = sorted(lexicon.NOWHERE)
    nobodys = bare.is_in(nobody) | pl.col("local").is_in(nobody) | pl.col("host").is_in(nowhere)
    return parts.filter(~nobodys).select("person", pl.col("place") * 1000, "local", "host")


def _other_addresses(texts: pl.DataFrame) -> pl.DataFrame:
    found = [
        (person, place * 1000 + number, domains.local_part(one), domains.host_of(one))
        for person, text, place in texts.select("person", "text", "place").iter_rows()
        for number, one in enumerate(domains.addresses([text]))
    ]
    return pl.DataFrame(found, schema=_LONG, orient="row")


def _roles(local: pl.Series, host: pl.Series) -> Flags:
    """`domains.is_role`, asked only of those whose first or only word could be a role's."""
    table = pl.DataFrame({"local": local, "host": host})
    bare = pl.col("local").str.replace_all(r"\d+", "")
    roles = sorted(lexicon.ROLES)
    label = pl.col("host").str.extract(r"^([^.]*)", 1)
    table = table.with_columns(
        first=bare.str.extract(r"([^.\-_+]+)", 1), last=bare.str.extract(r"([^.\-_+]+)[.\-_+]*$", 1), label=label,
        joined=bare.str.replace_all(r"[.\-_+]+", ""), plain=pl.col("local").str.contains(r"^[\x21-\x7e]*$"),
    )  # fmt: skip
    may = [
        pl.col(one).is_in(roles) | (pl.col(one).str.len_chars() <= 2) | (pl.col(one) == pl.col("label"))
        for one in ("first", "last")
    ]
    asked = table.select(
        ((may[0] & may[1]).fill_null(True) | pl.col("joined").is_in(roles) | ~pl.col("plain")).alias("a")
    )["a"].to_numpy()
    found = np.zeros(len(table), dtype=np.bool_)
    rows = np.flatnonzero(asked)
    if len(rows):
        doubtful = table.select("local", "host")[rows]
        found[rows] = once_each(doubtful, domains.is_role, pl.Boolean, lambda one, other: f"{one}@{other}")
    return found


def _domains_of(
    size: int, web: Codes, person: Rows, place: Codes, texts: Sequence[object]
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint32]], dict[int, tuple[str, ...]]]:
    """Up to two domains of each person, the website's first; all of them for those few who have more."""
    two = np.zeros((size, 2), dtype=np.uint32)
    more: dict[int, list[int]] = {}
    two[:, 0] = web
    for row in _rounds(person):
        who, what = person[row], place[row]
        kept = what > 0
        who, what = who[kept], what[kept]
        known = (two[who, 0] == what) | (two[who, 1] == what)
        who, what = who[~known], what[~known]
        free = two[who, 0] == 0
        two[who[free], 0] = what[free]
        second = ~free & (two[who, 1] == 0)
        two[who[second], 1] = what[second]
        for one, other in zip(who[~free & ~second].tolist(), what[~free & ~second].tolist(), strict=True):
            there = more.setdefault(one, two[one].tolist())
            if other not in there:
                there.append(other)
    return two, {one: tuple(str(texts[code]) for code in codes) for one, codes in more.items()}


def _rounds(person: Rows) -> list[Rows]:
    """Rows of a table that is in the order of people: first everybody's first row, then the second ones, and so on."""
    start = np.flatnonzero(np.r_[True, person[1:] != person[:-1]]) if len(person) else np.zeros(0, dtype=np.int64)
    counts = np.diff(np.r_[start, len(person)])
    rounds = []
    for number in range(int(counts.max(initial=0))):
        rounds.append((start + number)[counts > number])
    return rounds
