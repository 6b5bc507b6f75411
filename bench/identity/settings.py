"""The parameters of the generator, and the sets that are tuned on and judged on.

Discipline: whoever changes a weight, a list or a rule of the product looks at TUNING sets only, as closely as they
like. JUDGING sets are run for their sums and never looked at in detail: other seeds, other rates, and in `judge-others`
cultures that no tuning set has (`__main__` prints no examples and no evidence for them). A judging set whose rows
somebody has looked at is burnt: move it to TUNING and write a new one with a new seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True)
class Clerk:
    """How often, per record, things are so in one system; all are shares from 0 to 1, applied independently."""

    # what is missing
    no_email: float = 0.10
    no_first: float = 0.03
    no_last: float = 0.0
    no_company: float = 0.0
    no_website: float = 0.5
    no_phone: float = 0.35
    no_mobile: float = 0.65
    no_title: float = 0.3
    no_city: float = 0.3
    placeholder: float = 0.007  #: "Unknown", "n/a", "test@test.com" in a field that had to be filled
    # which of several truths is written
    old_job: float = 0.12  #: of people who changed jobs: the record knows an earlier one
    old_address: float = 0.3  #: of those after a change of job: company is new, address is still the old one
    old_surname: float = 0.5  #: of people who changed their name: the record has the one before
    private_address: float = 0.2  #: the private address instead of the one at work
    private_phone: float = 0.15  #: the home line instead of the office's
    switchboard: float = 0.35  #: the company's main number instead of the direct line
    role_mailbox: float = 0.03  #: info@, sales@ of the company
    assistant: float = 0.003  #: a colleague's address
    disposable: float = 0.005
    second_address: float = 0.04  #: HubSpot's additional e-mails
    new_phone: float = 0.08  #: a number nobody else knows (changed since, or mistyped beyond recognition)
    # how names are written
    nickname: float = 0.10  #: of those who have one
    initial: float = 0.02
    middle_dropped: float = 0.7  #: of those with a second given name
    middle_initial: float = 0.1
    swapped: float = 0.012
    one_field: float = 0.01  #: the whole name in the last-name field
    honorific: float = 0.02
    suffix_dropped: float = 0.45  #: of Jr, Sr, II
    plain_letters: float = 0.35  #: of names with diacritics
    latin: float = 0.45  #: of names in another script
    half_double: float = 0.35  #: of double surnames
    case: float = 0.05  #: JOHN SMITH, john smith
    # slips, per field
    keyboard: float = 0.012
    phonetic: float = 0.012
    ocr: float = 0.004
    # companies
    legal_dropped: float = 0.35
    legal_other: float = 0.06
    trade_name: float = 0.06  #: another name than the registered one: "Huber Bau" for "Franz Huber Hoch- und Tiefbau"
    group_word: float = 0.04
    # duplicates inside the system
    duplicates: float = 0.06
    duplicates_more: float = 0.2  #: of the duplicated: a third record


SALESFORCE: Final = Clerk(no_email=0.16, no_company=0.0, no_first=0.03, private_address=0.10, duplicates=0.07)
HUBSPOT: Final = Clerk(
    no_email=0.06,
    no_first=0.07,
    no_last=0.10,
    no_company=0.30,
    no_website=0.6,
    no_phone=0.5,
    no_mobile=0.8,
    no_title=0.45,
    no_city=0.5,
    private_address=0.28,
    role_mailbox=0.02,
    disposable=0.012,
    case=0.09,
    keyboard=0.018,
    duplicates=0.04,
)


@dataclass(frozen=True)
class Settings:
    """One world and its two systems. left, right: records in each, about (people are drawn until they are reached).
    overlap: people in both systems, as a share of the smaller one's people. cultures: weights by Faker locale."""

    seed: int = 1
    left: int = 12_000
    right: int = 8_000
    overlap: float = 0.55
    leads: float = 0.4  #: of Salesforce's people: leads, not contacts
    cultures: Mapping[str, float] = field(default_factory=dict)
    abroad: float = 0.12  #: people whose name comes from another culture than their company's country
    people_per_firm: float = 3.5
    skew: float = 0.9  #: Zipf's exponent for names that the library has without frequencies
    jobs: float = 0.2  #: people who changed their employer between the two systems' records
    households: float = 0.02  #: people with a spouse, sibling or twin of the same surname and telephone
    father_and_son: float = 0.004
    family_firms: float = 0.12  #: of small firms: several members of the owner's family
    namesakes: float = 0.01  #: of people in firms with 40 and more: a second one of the same name
    surname_changes: float = 0.04
    second_given: float = 0.15
    double_surname: float = 0.05
    consumers: float = 0.05  #: people without a company
    left_clerk: Clerk = SALESFORCE
    right_clerk: Clerk = HUBSPOT


_WEST: Final = {
    "en_US": 30, "en_GB": 12, "de_DE": 18, "de_AT": 5, "fr_FR": 8, "it_IT": 5, "es_ES": 5, "nl_NL": 4, "pl_PL": 3,
    "sv_SE": 3, "en_IN": 3, "zh_CN": 2, "ja_JP": 1, "ru_RU": 1,
}  # fmt: skip
_WORLD: Final = {
    "en_US": 14, "es_MX": 10, "pt_BR": 10, "zh_CN": 9, "ja_JP": 9, "ko_KR": 7, "ru_RU": 8, "uk_UA": 3, "el_GR": 4,
    "fr_DZ": 5, "en_IN": 9, "vi_VN": 3, "tr_TR": 5, "hu_HU": 3,
}  # fmt: skip
_OTHERS: Final = {
    "en_NZ": 14, "en_IE": 10, "de_CH": 12, "nl_BE": 9, "fr_CA": 9, "es_CO": 9, "pt_PT": 8, "da_DK": 6, "fi_FI": 6,
    "cs_CZ": 6, "zh_TW": 4, "bg_BG": 3, "ro_RO": 4,
}  # fmt: skip
_OTHER_RATES: Final = replace(
    SALESFORCE, no_email=0.22, keyboard=0.02, phonetic=0.018, nickname=0.16, old_job=0.2, swapped=0.02, duplicates=0.1
)

#: Tune on these: look as closely as you like.
TUNING: Final[Mapping[str, Settings]] = MappingProxyType(
    {
        "tune-west": Settings(seed=11, cultures=_WEST),
        "tune-world": Settings(seed=12, cultures=_WORLD, overlap=0.4),
        "tune-families": Settings(
            seed=13,
            cultures=_WEST,
            households=0.1,
            father_and_son=0.02,
            family_firms=0.5,
            namesakes=0.06,
            consumers=0.3,
        ),
    }
)
#: Judge on these: sums only.
JUDGING: Final[Mapping[str, Settings]] = MappingProxyType(
    {
        "judge-others": Settings(seed=90_001, cultures=_OTHERS, left_clerk=_OTHER_RATES),
        "judge-west": Settings(seed=90_002, cultures=_WEST, overlap=0.35, jobs=0.3),
        "judge-rough": Settings(
            seed=90_003,
            cultures=_OTHERS | _WORLD,
            overlap=0.7,
            households=0.05,
            father_and_son=0.01,
            left_clerk=_OTHER_RATES,
            right_clerk=replace(HUBSPOT, no_email=0.2, keyboard=0.03, phonetic=0.03, latin=0.7),
        ),
    }
)


def named(name: str, left: int, right: int, seed: int | None = None) -> Settings:
    """A set by its name, in another size (and for trials of the generator itself, with another seed)."""
    found = (TUNING | JUDGING)[name]
    return replace(found, left=left, right=right, seed=found.seed if seed is None else seed)


def is_judging(name: str) -> bool:
    """Whether nobody should look at this set's rows."""
    return name in JUDGING
