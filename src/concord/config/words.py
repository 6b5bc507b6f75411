"""The configuration's words for what core calls left and right: left is Salesforce, right is HubSpot.

The one table between the two; everything that reads or shows configuration uses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from concord.core.mapping import BlankPolicy, Owner, SyncRule
from concord.core.model import Side

SIDES: Final[Mapping[str, Side]] = MappingProxyType({"salesforce": Side.LEFT, "hubspot": Side.RIGHT})

OWNERS: Final[Mapping[str, Owner]] = MappingProxyType(
    {"salesforce": Owner.LEFT, "hubspot": Owner.RIGHT, "latest": Owner.LATEST}
)

RULES: Final[Mapping[str, SyncRule]] = MappingProxyType(
    {
        "two_way": SyncRule.TWO_WAY,
        "always_salesforce": SyncRule.ALWAYS_LEFT,
        "always_hubspot": SyncRule.ALWAYS_RIGHT,
        "prefer_salesforce_unless_blank": SyncRule.PREFER_LEFT_UNLESS_BLANK,
        "prefer_hubspot_unless_blank": SyncRule.PREFER_RIGHT_UNLESS_BLANK,
        "most_restrictive": SyncRule.MOST_RESTRICTIVE,
        "forward_only": SyncRule.FORWARD_ONLY,
        "manual": SyncRule.MANUAL,
        "off": SyncRule.OFF,
    }
)

BLANKS: Final[Mapping[str, BlankPolicy]] = MappingProxyType(
    {"carry": BlankPolicy.CARRY, "refuse": BlankPolicy.REFUSE, "from_owner": BlankPolicy.FROM_OWNER}
)

_LABELS: Final[Mapping[Side, str]] = MappingProxyType({Side.LEFT: "Salesforce", Side.RIGHT: "HubSpot"})


def label(side: Side) -> str:
    """The vendor's name as people write it."""
    return _LABELS[side]


def word(side: Side) -> str:
    """The vendor's name as the configuration writes it."""
    return next(word for word, one in SIDES.items() if one is side)


def owner_word(owner: Owner) -> str:
    return next(word for word, one in OWNERS.items() if one is owner)


def rule_word(rule: SyncRule) -> str:
    return next(word for word, one in RULES.items() if one is rule)


def blank_word(blank: BlankPolicy) -> str:
    return next(word for word, one in BLANKS.items() if one is blank)


def in_vendors_words(reason: str) -> str:
    """A reason as core gives it (it speaks of left and right) for a person who knows Salesforce and HubSpot.

    "left" and "right" stand in a reason only for the sides; the mapping's own words come in through rules and values.
    """
    for side in Side:
        reason = re.sub(rf"\b{side.value}\b", label(side), reason)
    return re.sub(
        r"\b(always|prefer)_(left|right)(_unless_blank)?\b",
        lambda match: f"{match[1]}_{word(Side(match[2]))}{match[3] or ''}",
        reason,
    )
