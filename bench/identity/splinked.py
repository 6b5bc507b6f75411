"""Splink on DuckDB, set up and trained without labels as its documentation says: the contender to be better than.

It gives every pair a match probability and leaves the bound to its user, so it is shown at several.
"""

from __future__ import annotations

import logging
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import duckdb
import pandas
import splink.comparison_library as cl
from anyascii import anyascii
from bench.identity.contenders import Found, peak
from bench.identity.crm import FirmRow, Made, Row
from splink import Linker, SettingsCreator, block_on
from splink.backends.duckdb import DuckDBAPI

#: The bounds at which its links are shown.
CHANCES: Final = (0.5, 0.9, 0.99, 0.9999, 0.999999)
_FREE: Final = frozenset(
    (
        "gmail.com", "googlemail.com", "outlook.com", "hotmail.com", "icloud.com", "yahoo.com", "aol.com", "gmx.de",
        "web.de", "gmx.net", "t-online.de", "mail.ru", "yandex.ru", "qq.com", "163.com", "orange.fr", "free.fr",
        "libero.it", "uol.com.br", "wp.pl", "onet.pl", "naver.com",
    )
)  # fmt: skip

Table = Sequence[Mapping[str, str | None]]


@dataclass(frozen=True)
class Model:
    """What Splink is told of a data set: comparisons, blocking for predictions, rules that are nearly sure (for the
    share of matches) with their recall, and blocking for two sessions of EM."""

    comparisons: Callable[[], list[Any]]
    rules: Sequence[Any]
    sure: Sequence[Any]
    recall: float
    train: Sequence[Any]


def _name() -> Any:
    return cl.ForenameSurnameComparison(
        "first_name", "last_name", forename_surname_concat_col_name="first_and_last"
    ).configure(term_frequency_adjustments=True)


def _exact(column: str) -> Any:
    return cl.ExactMatch(column).configure(term_frequency_adjustments=True)


CRM: Final = Model(
    lambda: [
        _name(),
        cl.EmailComparison("email"),
        cl.JaroWinklerAtThresholds("company", [0.9]).configure(term_frequency_adjustments=True),
        _exact("domain"),
        _exact("phone"),
        cl.ExactMatch("mobile"),
        _exact("title"),
        _exact("city"),
    ],
    [
        block_on("email"), block_on("phone"), block_on("mobile"), block_on("first_name", "last_name"),
        block_on("last_name", "domain"), block_on("first_name", "domain"), block_on("last_name", "company"),
        block_on("first_name", "company"), block_on("last_name", "substr(first_name, 1, 1)"),
    ],
    [block_on("email"), block_on("mobile", "last_name"), block_on("first_name", "last_name", "domain")],
    0.7,
    [block_on("email"), block_on("first_name", "last_name")],
)  # fmt: skip
NAMES_ONLY: Final = Model(
    lambda: [
        cl.NameComparison("first_name"),
        cl.NameComparison("last_name").configure(term_frequency_adjustments=True),
    ],
    [block_on("first_name", "last_name"), block_on("last_name"), block_on("first_name")],
    [block_on("first_name", "last_name")],
    0.6,
    [block_on("first_name"), block_on("last_name")],
)
FEBRL: Final = Model(
    lambda: [
        _name(),
        cl.LevenshteinAtThresholds("born", [1, 2]),
        cl.LevenshteinAtThresholds("postcode", [1, 2]),
        cl.JaroWinklerAtThresholds("street", [0.9, 0.7]),
        cl.JaroWinklerAtThresholds("city", [0.9]).configure(term_frequency_adjustments=True),
    ],
    [
        block_on("first_name", "last_name"), block_on("born"), block_on("postcode", "last_name"),
        block_on("street"), block_on("postcode", "first_name"), block_on("city", "substr(last_name, 1, 3)"),
    ],
    [block_on("first_name", "last_name", "born"), block_on("street", "born")],
    0.7,
    [block_on("born"), block_on("first_name", "last_name")],
)  # fmt: skip
FAKE: Final = Model(
    lambda: [
        _name(),
        cl.EmailComparison("email"),
        cl.LevenshteinAtThresholds("born", [1, 2]),
        _exact("city"),
    ],
    [block_on("email"), block_on("first_name", "last_name"), block_on("born"), block_on("last_name", "city")],
    [block_on("email"), block_on("first_name", "last_name", "born")],
    0.7,
    [block_on("email"), block_on("first_name", "last_name")],
)
W2: Final = Model(
    lambda: [
        _name(),
        cl.JaroWinklerAtThresholds("company", [0.9]).configure(term_frequency_adjustments=True),
    ],
    [
        block_on("first_name", "last_name"), block_on("last_name", "company"), block_on("first_name", "company"),
        block_on("last_name", "substr(first_name, 1, 1)"),
    ],
    [block_on("first_name", "last_name", "company")],
    0.5,
    [block_on("first_name", "last_name"), block_on("company")],
)  # fmt: skip


def flat(rows: Sequence[Row], firms: Sequence[FirmRow]) -> list[dict[str, str | None]]:
    """Rows as one flat table, prepared as Splink's documentation advises: lower case, without diacritics, blanks as
    nulls, telephones as digits, the employer's name and website joined in."""
    employers = {one.id: one for one in firms}
    return [_flat(row, employers.get(row.account)) for row in rows]


def _flat(row: Row, employer: FirmRow | None) -> dict[str, str | None]:
    email = row.email.strip().lower()
    website = row.website or (employer.website if employer else "")
    host = re.sub(r"^https?://", "", website.lower()).removeprefix("www.").split("/")[0]
    mail_host = email.partition("@")[2]
    texts = {
        "first_name": _plain(row.first),
        "last_name": _plain(row.last),
        "first_and_last": f"{_plain(row.first)} {_plain(row.last)}" if row.first and row.last else "",
        "email": email,
        "company": _plain(row.company or (employer.name if employer else "")),
        "domain": host or ("" if mail_host in _FREE else mail_host),
        "phone": _digits(row.phone),
        "mobile": _digits(row.mobile),
        "title": _plain(row.title),
        "city": _plain(row.city),
        **row.beyond,
    }
    return {"unique_id": row.id, **{name: text or None for name, text in texts.items()}}


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.strip().casefold())
    return re.sub(r"[^\w ]+", "", anyascii("".join(one for one in bare if not unicodedata.combining(one))).lower())


def _digits(text: str) -> str:
    digits = re.sub(r"\D+", "", re.sub(r"ext.*", "", text))
    return digits[-8:] if len(digits) >= 8 else ""


def splink(made: Made, model: Model, *, seed: int = 1, note: str = "") -> list[Found]:
    """Its best one-to-one links at each of CHANCES."""
    began = time.process_time()
    pairs = pairs_of([flat(made.lefts, made.accounts), flat(made.rights, made.companies)], model, seed)
    seconds = time.process_time() - began
    return [
        Found(
            f"Splink{note} at {bound}",
            one_to_one((left, right, chance) for left, right, chance in pairs if chance >= bound),
            seconds=seconds,
            megabytes=peak(),
        )
        for bound in CHANCES
    ]


def pairs_of(frames: Sequence[Table], model: Model, seed: int) -> list[tuple[str, str, float]]:
    """All pairs that Splink thinks worth a score: left id, right id, probability."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    connection = duckdb.connect(":memory:")
    connection.execute("SET threads TO 1")  # processor time is what is compared
    api = DuckDBAPI(connection)
    tables = [
        api.register(pandas.DataFrame(list(rows)).astype(object), dataset_display_name=name)
        for name, rows in zip(("a_left", "b_right"), frames, strict=True)
    ]
    settings = SettingsCreator(
        link_type="link_only", comparisons=model.comparisons(), blocking_rules_to_generate_predictions=list(model.rules)
    )
    linker = Linker(tables, settings, log_level=None)
    linker.training.estimate_probability_two_random_records_match(list(model.sure), recall=model.recall)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=seed)
    for rule in model.train:
        linker.training.estimate_parameters_using_expectation_maximisation(rule, record_sample_proportion=1.0)
    frame = linker.inference.predict(threshold_match_probability=0.01).as_pandas_dataframe()
    left_first = frame["source_dataset_l"] == "a_left"
    lefts = frame["unique_id_l"].where(left_first, frame["unique_id_r"])
    rights = frame["unique_id_r"].where(left_first, frame["unique_id_l"])
    return list(zip(lefts, rights, frame["match_probability"].astype(float), strict=True))


def one_to_one(pairs: Iterable[tuple[str, str, float]]) -> dict[tuple[str, str], float]:
    """The best pair first, each record once."""
    links: dict[tuple[str, str], float] = {}
    gone: set[str] = set()
    for left, right, chance in sorted(pairs, key=lambda one: (-one[2], one[0], one[1])):
        if left not in gone and right not in gone:
            links[left, right] = 100 * chance
            gone |= {left, right}
    return links
