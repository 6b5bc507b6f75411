"""Salesforce record ids: 15 case-sensitive characters, or 18 with a checksum that makes case irrelevant.

Knows nothing of records; only the form of an id. The sandbox answers 18 characters, always.
"""

from __future__ import annotations

import re

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_FORM = re.compile(r"[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?")
#: The pod part of the ids that this sandbox makes.
_POD = "Sb0"


def checksum(short: str) -> str:
    """The three characters that follow a 15-character id: for each five characters, which of them are capitals."""
    made = ""
    for start in (0, 5, 10):
        block = short[start : start + 5]
        made += _CHECK[sum(1 << place for place, letter in enumerate(block) if "A" <= letter <= "Z")]
    return made


def full_id(given: object) -> str | None:
    """The 18-character form of an id with 15 or 18 characters; None when it is no id (wrong form or checksum).

    An 18-character id whose letters changed their case on the way is put right by its checksum, as Salesforce does.
    """
    if not isinstance(given, str) or not _FORM.fullmatch(given):
        return None
    if len(given) == 15:
        return given + checksum(given)
    short = given[:15]
    if checksum(short) == given[15:]:
        return given
    return _with_case(given)


def new_id(prefix: str, number: int) -> str:
    """The `number`-th id that the sandbox makes for the object with that key prefix."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    short = f"{prefix}{_POD}{digits.rjust(9, '0')}"
    return short + checksum(short)


def _with_case(given: str) -> str | None:
    letters = list(given[:15])
    for block, sign in enumerate(given[15:].upper()):
        bits = _CHECK.find(sign)
        if bits < 0:
            return None
        for place in range(5):
            at = block * 5 + place
            capital = bool(bits >> place & 1)
            if capital and not letters[at].isalpha():
                return None
            letters[at] = letters[at].upper() if capital else letters[at].lower()
    return "".join(letters) + given[15:].upper()
