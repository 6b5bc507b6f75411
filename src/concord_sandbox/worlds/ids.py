"""Record ids as the two systems form them: Salesforce's 18 characters with their checksum, HubSpot's large numbers.

May not know what the ids are for.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"


def with_checksum(short: str) -> str:
    """The 18-character form of a 15-character Salesforce id.

    Each block of five characters gives one more: bit n says that the block's n-th character is a capital letter.
    Raises ValueError when `short` does not have 15 characters.
    """
    if len(short) != 15:
        raise ValueError(f"a short Salesforce id has 15 characters, not {len(short)}: {short!r}")
    blocks = (short[0:5], short[5:10], short[10:15])
    return short + "".join(
        _CHECK[sum(1 << place for place, letter in enumerate(block) if "A" <= letter <= "Z")] for block in blocks
    )


def salesforce_id(prefix: str, number: int) -> str:
    """The `number`-th id of the object with that key prefix ("003" for a Contact), 18 characters."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _BASE62[rest] + digits
    return with_checksum(f"{prefix}Qy0" + digits.rjust(9, _BASE62[0]))


def salesforce_ids(prefix: str, start: int, rng: random.Random) -> Iterator[str]:
    """Rising ids of one object with gaps, as in an org in which records were deleted since."""
    number = start
    while True:
        number += rng.randint(1, 40)
        yield salesforce_id(prefix, number)


def hubspot_ids(start: int, rng: random.Random) -> Iterator[str]:
    """Rising ids of one object with gaps."""
    number = start
    while True:
        number += rng.randint(11, 90_000)
        yield str(number)
