"""Core's left and right, in the words of those who read the reasons."""

from __future__ import annotations

from concord.config.words import in_vendors_words


def test_a_reason_names_the_vendors_and_leaves_other_words_alone() -> None:
    reason = "left is newer by 6 min; phone is always_left, prefer_right_unless_blank; leftover stays"
    assert in_vendors_words(reason) == (
        "Salesforce is newer by 6 min; phone is always_salesforce, prefer_hubspot_unless_blank; leftover stays"
    )
