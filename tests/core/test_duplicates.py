"""Who survives a merge, and what it shows afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from concord.core.duplicates import (
    Kept,
    Member,
    Merge,
    Source,
    mergeable,
    newest_first,
    said_no,
    survivor_of,
    values_after,
)
from concord.core.model import Record
from concord.core.values import BLANK, MISSING, FieldSpec, FieldType, ObjectSpec, Ref, Value

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
TEXT = FieldType.TEXT
SPEC = ObjectSpec(
    "crm",
    "people",
    {
        one.name: one
        for one in (
            FieldSpec("name", TEXT),
            FieldSpec("title", TEXT),
            FieldSpec("phone", FieldType.PHONE),
            FieldSpec("street", TEXT, part_of="address"),
            FieldSpec("town", TEXT, part_of="address"),
            FieldSpec("boss", FieldType.REFERENCE, references=("people",)),
            FieldSpec("no", FieldType.CHECKBOX),
            FieldSpec("key", TEXT, unique=True),
            FieldSpec("made", FieldType.DATETIME, updatable=False),
        )
    },
)


def ref(record_id: str) -> Ref:
    return Ref("crm", "people", record_id)


def person(record_id: str, hours_ago: float = 0, **values: Value) -> Record:
    at = NOON - timedelta(hours=hours_ago)
    read: Mapping[str, Value] = {**dict.fromkeys(SPEC.fields, BLANK), **values}
    return Record(ref(record_id), read, at, NOON)


def after(survivor: Record, *losers: Record, **taken: Ref) -> dict[str, Kept]:
    return {one.name: one for one in values_after(survivor, losers, SPEC, taken, {"no"})}


def test_a_merge_is_carried_by_one_that_is_to_go() -> None:
    merge = Merge(7, "people", ref("a"), (ref("b"), ref("c")), "why", "grace", NOON)
    assert merge.carrier == ref("b")
    assert merge.members == (ref("a"), ref("b"), ref("c"))


def test_what_belongs_to_one_record_alone_or_cannot_be_written_is_no_value_to_merge() -> None:
    assert set(SPEC.fields) - set(mergeable(SPEC)) == {"key", "made"}


# --- who survives


def test_the_linked_one_survives_however_little_it_says() -> None:
    partner = Ref("other", "people", "1")
    members = [Member(person("a", name="Ada", title="x"), active=True), Member(person("b", 9), partner)]
    assert survivor_of(members, SPEC) == (ref("b"), "it is linked with other people 1")


def test_of_two_linked_ones_the_one_that_stands_for_the_others_survives() -> None:
    partners = [Ref("other", "people", one) for one in "12"]
    members = [Member(person("a", name="Ada"), partners[0]), Member(person("b", 9), partners[1], active=True)]
    assert survivor_of(members, SPEC) == (ref("b"), "the others are recorded as its duplicates")


def test_then_the_one_that_says_most_survives() -> None:
    members = [Member(person("a", name="Ada")), Member(person("b", 9, name="Ada", title="Countess"))]
    chosen, why = survivor_of(members, SPEC)
    assert (chosen, why) == (ref("b"), "it says most: 2 of its fields are filled, 1 of the next one's")


def test_what_was_not_read_says_nothing() -> None:
    bare = Record(ref("a"), {"name": "Ada"}, NOON, NOON)
    assert survivor_of([Member(bare), Member(person("b", 9, name="Ada", title="x"))], SPEC)[0] == ref("b")


def test_then_the_one_edited_last_and_then_the_lower_id() -> None:
    members = [Member(person("a", 5)), Member(person("b", 1))]
    assert survivor_of(members, SPEC) == (ref("b"), "it was edited last")
    members = [Member(person("b")), Member(person("a"))]
    assert survivor_of(members, SPEC) == (ref("a"), "nothing tells them apart, and it has the lower id")


# --- what it shows


def test_its_own_value_stands_and_the_others_are_told_to_go() -> None:
    told = after(person("a", 9, title="Countess"), person("b", title="Analyst"))
    assert told == {"title": Kept("title", "Countess", ref("a"), Source.KEPT, ((ref("b"), "Analyst"),))}


def test_what_all_say_alike_is_not_told() -> None:
    assert after(person("a", phone="+44 1000"), person("b", phone="+441000")) == {}


def test_a_blank_is_filled_from_the_one_edited_last() -> None:
    told = after(person("a"), person("b", 2, title="Analyst"), person("c", 1, title="Poet"))
    assert told == {"title": Kept("title", "Poet", ref("c"), Source.FILLED, ((ref("b"), "Analyst"),))}
    assert [one.ref.id for one in newest_first([person("b", 2), person("c", 1), person("a", 2)])] == ["c", "a", "b"]


def test_a_text_of_nothing_but_blanks_fills_nothing() -> None:
    assert after(person("a"), person("b", title="  ")) == {}


def test_an_address_comes_from_one_record_or_none() -> None:
    told = after(person("a"), person("b", 1, town="Paris"), person("c", 2, street="Rue 1", town="Lyon"))
    assert (told["town"].value, told["town"].of, "street" in told) == ("Paris", ref("b"), True)
    assert (told["street"].value, told["street"].source) == (BLANK, Source.KEPT)
    assert told["street"].lost == ((ref("c"), "Rue 1"),)
    told = after(person("a", town="London"), person("b", street="Rue 1", town="Paris"))
    assert (told["town"].value, told["street"].value) == ("London", BLANK)


def test_a_person_takes_another_ones_value() -> None:
    told = after(person("a", title="Countess"), person("b", title="Analyst"), title=ref("b"))
    assert told == {"title": Kept("title", "Analyst", ref("b"), Source.TAKEN, ((ref("a"), "Countess"),))}


def test_a_choice_that_says_nothing_or_is_the_rules_own_changes_nothing() -> None:
    assert after(person("a", title="Countess"), person("b"), title=ref("b")) == {}
    told = after(person("a"), person("b", title="Analyst"), title=ref("b"))
    assert told["title"].source is Source.FILLED
    assert after(person("a", title="Countess"), person("b"), title=ref("elsewhere")) == {}


def test_a_blank_stays_one_where_a_person_takes_the_survivors_own() -> None:
    told = after(person("a"), person("b", title="Analyst"), title=ref("a"))
    assert told == {"title": Kept("title", BLANK, ref("a"), Source.KEPT, ((ref("b"), "Analyst"),))}


def test_a_reference_to_one_of_them_is_nothing_to_carry_over() -> None:
    assert after(person("a"), person("b", boss=ref("a"))) == {}
    told = after(person("a", boss=ref("b")), person("b", boss=ref("z")))
    assert (told["boss"].value, told["boss"].source) == (ref("z"), Source.FILLED)


def test_what_was_not_read_is_not_told() -> None:
    bare = Record(ref("a"), {"name": "Ada"}, NOON, NOON)
    assert after(bare, person("b", name="Ada", title="Analyst")) == {}
    assert after(person("a", title="x"), Record(ref("b"), {"title": MISSING}, NOON, NOON)) == {}


def test_consent_is_no_value_to_merge_but_every_no_is_heard() -> None:
    assert after(person("a", no=False), person("b", no=True)) == {}
    heard = said_no([person("a", no=False), person("b", no=True), person("c", no=True)], ["no", "title"])
    assert heard == {"no": ref("b")}
    assert said_no([person("a", no=False), person("b")], ["no"]) == {}
