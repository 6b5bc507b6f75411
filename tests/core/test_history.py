"""What a history tells: the time of a value (SPEC 3.3), and an edit that our own write covered (SPEC 3.8)."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest
from tests.core.fields import CONTACT, NOON, at, entry, record, spec

from concord.core.history import BEFORE_ANY, came_along, overwritten, stamp_of
from concord.core.model import Base, HistoryEntry, Overwritten, Side
from concord.core.values import FieldType

PHONE = spec(FieldType.PHONE, "phone")


def covered(
    *history: HistoryEntry, seen: datetime | None = NOON, based: bool = True, read_at: datetime | None = None
) -> Overwritten | None:
    shown = record(CONTACT, {"phone": history[0].value if history else "1"}, histories={"phone": history})
    base = Base("1", "1", right_seen=seen) if based else None
    return overwritten(shown, "phone", base, Side.RIGHT, PHONE, read_at)


def test_a_value_is_as_old_as_the_newest_entry_of_its_history() -> None:
    shown = record(CONTACT, {"phone": "2"}, 90, histories={"phone": (entry("2", 60), entry("1", 0))})
    found = stamp_of(shown, "phone")
    assert (found.at, found.certain, found.source) == (at(60), True, "property history")


@pytest.mark.parametrize("histories", [{}, {"phone": ()}, {"email": (entry("a@x.com", 5),)}])
def test_without_a_history_the_record_says_the_latest_that_it_can_be(
    histories: dict[str, tuple[HistoryEntry, ...]],
) -> None:
    found = stamp_of(record(CONTACT, {"phone": "2"}, 90, histories=histories, modified_by="ada"), "phone")
    assert (found.at, found.certain, found.source, found.by) == (at(90), False, "record", "ada")


def test_a_foreign_entry_beneath_our_write_that_no_decision_knew_is_an_edit_we_covered() -> None:
    found = covered(entry("2", 30, ours=True), entry("3", 20), entry("1", 0))
    assert found == Overwritten("3", entry("3", 20).stamp)


def test_the_newest_foreign_entry_counts_beneath_several_writes_of_ours() -> None:
    found = covered(entry("2", 40, ours=True), entry("2", 30, ours=True), entry("4", 25), entry("3", 20))
    assert found == Overwritten("4", entry("4", 25).stamp)


def test_an_entry_that_the_decision_knew_was_not_covered_unseen() -> None:
    assert covered(entry("2", 30, ours=True), entry("1", 0)) is None
    assert covered(entry("2", 30, ours=True), entry("3", 20), seen=at(20)) is None


def test_a_foreign_edit_on_top_speaks_for_itself() -> None:
    assert covered(entry("5", 50), entry("2", 30, ours=True), entry("3", 20)) is None


def test_an_edit_that_said_the_same_as_our_write_was_not_lost() -> None:
    assert covered(entry("+49 30 1", 30, ours=True), entry("0049-301", 20)) is None


def test_without_entries_or_without_foreign_ones_nothing_was_covered() -> None:
    assert covered() is None
    assert covered(entry("2", 30, ours=True)) is None
    assert overwritten(record(CONTACT, {}), "phone", Base("1", "1"), Side.RIGHT, PHONE) is None


def test_where_no_base_says_what_was_known_the_last_recorded_reading_does() -> None:
    history = (entry("2", 30, ours=True), entry("3", 20))
    assert covered(*history, based=False, read_at=at(25)) is None
    assert covered(*history, based=False, read_at=at(10)) is not None
    assert covered(*history, seen=None, read_at=at(25)) is None
    assert covered(*history, seen=at(10), read_at=at(25)) is not None, "the base knows better"


def test_where_nothing_says_what_was_known_any_foreign_entry_may_have_been_covered() -> None:
    assert covered(entry("2", 30, ours=True), entry("3", 20), based=False) is not None
    assert covered(entry("2", 30, ours=True), entry("3", 20), seen=BEFORE_ANY) is not None


OPT_OUT = replace(spec(FieldType.CHECKBOX, "optout"), needs="email")


def silenced(words: tuple[HistoryEntry, ...], addresses: tuple[HistoryEntry, ...]) -> HistoryEntry | None:
    histories = {"optout": words, "email": addresses}
    return came_along(record(CONTACT, {"optout": False, "email": "b@x.com"}, histories=histories), "optout", OPT_OUT)


def test_a_word_that_went_with_the_address_it_belonged_to_was_not_taken_back_by_anybody() -> None:
    said = entry(True, 20)
    assert silenced((entry(False, 60), said), (entry("b@x.com", 60), entry("a@x.com", 0))) == said
    assert silenced((entry(False, 20), said), (entry("b@x.com", 20),)) == said, "all in one instant"


def test_a_word_that_was_said_of_this_address_or_of_no_other_was_taken_back() -> None:
    assert silenced((entry(False, 60), entry(True, 20)), (entry("b@x.com", 10),)) is None
    assert silenced((entry(False, 60), entry(True, 20)), (entry("b@x.com", 20),)) is None
    assert silenced((entry(False, 60), entry(True, 20)), ()) is None
    assert silenced((entry(False, 60),), (entry("b@x.com", 60),)) is None
