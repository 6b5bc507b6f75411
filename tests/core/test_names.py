"""Names of people, alone and two by two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.names import Name, Part, fold, likeness, name_of, narrow, skeleton, wide_words, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Łukasz", "lukasz"),
        ("Müller", "muller"),
        ("Groß", "gross"),
        ("Søren", "soren"),
        ("Иванов", "ivanov"),
        ("Йосиф", "iosif"),
        ("Παπαδόπουλος", "papadopoylos"),
        ("Ｊｏｈｎ", "john"),
        ("김민수", "김민수"),
        ("が", "が"),
    ],
)
def test_a_text_is_folded_to_plain_letters(text: str, expected: str) -> None:
    assert fold(text) == expected


def test_apostrophes_join_and_everything_else_parts() -> None:
    assert words("Seán O’Brien-Smith") == ("sean", "obrien", "smith")


def test_umlauts_have_a_second_spelling() -> None:
    assert wide_words("Jürgen Ångström") == ("juergen", "aangstroem")
    assert narrow("mueller") == narrow("muller") == "muler"


def test_a_skeleton_survives_vowels_and_doubled_letters() -> None:
    assert skeleton("petersen") == skeleton("peterson") == skeleton("pettersn")
    assert skeleton("li") == "li"


SAME = (Part.SAME, Part.SAME)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (("Jürgen", "Müller"), ("Juergen", "Mueller"), SAME),
        (("Jurgen", "Muller"), ("Jürgen", "Müller"), SAME),
        (("Juergen", "Mueller"), ("Jurgen", "Muller"), (Part.SPELLING, Part.SPELLING)),
        (("Hans", "Groß"), ("Hans", "Gross"), SAME),
        (("Anna-Lena", "Meyer"), ("Annalena", "Meyer"), SAME),
        (("Ludwig", "van Beethoven"), ("Ludwig", "Beethoven"), SAME),
        (("Juan", "de la Cruz"), ("Juan", "Delacruz"), (Part.SAME, Part.OTHER)),
        (("Dr. Max", "Muster MBA"), ("Max", "Muster"), SAME),
        (("Max", "Muster MA"), ("Max", "Muster"), SAME),
        (("Robert (Bob)", "Smith"), ("Robert", "Smith"), SAME),
        (("", "van der Berg, Anna"), ("Anna", "van der Berg"), SAME),
        (("John Smith", ""), ("John", "Smith"), SAME),
        (("Hans", "Müller"), ("Müller", "Hans"), SAME),
        (("太郎", "山田"), ("", "山田太郎"), SAME),
        (("山田", "太郎"), ("太郎", "山田"), SAME),
        (("太郎", "山田"), ("次郎", "山田"), (Part.OTHER, Part.SAME)),
        (("太郎", "山田"), ("太郎", "田中"), (Part.SAME, Part.OTHER)),
        (("太郎", "山田"), ("Taro", "Yamada"), (Part.BLANK, Part.BLANK)),
        (("Bob", "Smith"), ("Robert", "Smith"), (Part.SHORT, Part.SAME)),
        (("Carl", "Smith"), ("Karl", "Smith"), (Part.SPELLING, Part.SAME)),
        (("J.", "Smith"), ("John", "Smith"), (Part.INITIAL, Part.SAME)),
        (("B.", "Smith"), ("Robert", "Smith"), (Part.OTHER, Part.SAME)),
        (("J.", "Smith"), ("J.", "Smith"), SAME),
        (("J. Peter", "Smith"), ("J.", "Smith"), (Part.INITIAL, Part.SAME)),
        (("J. Edgar", "Hoover"), ("Edgar", "Hoover"), (Part.DOUBLE, Part.SAME)),
        (("Peter", "Huber"), ("Johann Peter", "Huber"), (Part.DOUBLE, Part.SAME)),
        (("John", "Smith"), ("John A.", "Smith"), SAME),
        (("John A.", "Smith"), ("John Andrew", "Smith"), SAME),
        (("John A.", "Smith"), ("John B.", "Smith"), (Part.NEAR, Part.SAME)),
        (("John A.", "Smith"), ("Peter B.", "Smith"), (Part.OTHER, Part.SAME)),
        (("Anna Maria", "Huber"), ("Anna Marta", "Huber"), (Part.SAME, Part.SAME)),
        (("Micheal", "Jones"), ("Michael", "Jones"), (Part.SLIP, Part.SAME)),
        (("Adele", "Jones"), ("Adwle", "Jones"), (Part.NEAR, Part.SAME)),
        (("Agns", "Jones"), ("Agnse", "Jones"), (Part.OTHER, Part.SAME)),
        (("Nele", "Jones"), ("Neme", "Jones"), (Part.NEAR, Part.SAME)),
        (("Martin", "Lee"), ("Martina", "Lee"), (Part.OTHER, Part.SAME)),
        (("Mario", "Lee"), ("Maria", "Lee"), (Part.OTHER, Part.SAME)),
        (("Christopher", "Lee"), ("Christine", "Lee"), (Part.OTHER, Part.SAME)),
        (("Anna", "Meyer"), ("Anna", "Meier"), (Part.SAME, Part.NEAR)),
        (("Anna", "Zimmer"), ("Anna", "Zimer-Huber"), (Part.SAME, Part.DOUBLE)),
        (("Anna", "Huber"), ("Anna", "Hubert"), (Part.SAME, Part.NEAR)),
        (("Anna", "Featherstone"), ("Anna", "Fetherston"), (Part.SAME, Part.NEAR)),
        (("Anna", "Müller-Lüdenscheidt"), ("Anna", "Müller"), (Part.SAME, Part.DOUBLE)),
        (("Anna", "S."), ("Anna", "Smith"), (Part.SAME, Part.INITIAL)),
        (("Anna", "T."), ("Anna", "Smith"), (Part.SAME, Part.OTHER)),
        (("Anna", "Huber"), ("Anna", "Zimmer"), (Part.SAME, Part.OTHER)),
        (("", "Huber"), ("Anna", "Huber"), (Part.BLANK, Part.SAME)),
        (("Anna", ""), ("Anna", "Huber"), (Part.SAME, Part.BLANK)),
        (("Unknown", "anna@acme.com"), ("Anna", "Huber"), (Part.BLANK, Part.BLANK)),
    ],
)
def test_two_names_stand_to_one_another(
    one: tuple[str, str], other: tuple[str, str], expected: tuple[Part, Part]
) -> None:
    a, b = name_of(*one), name_of(*other)
    assert ((like := likeness(a, b)).given, like.family) == expected
    assert ((back := likeness(b, a)).given, back.family) == expected
    assert like.swapped == back.swapped


@pytest.mark.parametrize(
    ("first", "last", "mark"),
    [
        ("John", "Smith Jr.", "jr"),
        ("John Jr", "Smith", "jr"),
        ("John", "Smith III", "3"),
        ("", "Smith, John Sr.", "sr"),
        ("Hans", "Müller jun.", "jr"),
        ("Anna", "Senior", "sr"),
        ("John", "Smith", ""),
    ],
)
def test_a_mark_of_generation_is_found_and_taken_off(first: str, last: str, mark: str) -> None:
    assert name_of(first, last).generation == mark


def test_marks_of_generation_contradict_when_they_differ() -> None:
    junior, senior, plain = (name_of("John", f"Smith {mark}") for mark in ("Jr.", "Sr.", ""))
    assert likeness(junior, senior).generations == "two"
    assert likeness(junior, senior).contradicts
    assert likeness(junior, plain).generations == "one"
    assert not likeness(junior, plain).contradicts


def test_nothing_in_common_contradicts_even_where_a_part_is_blank() -> None:
    assert likeness(name_of("", "Huber"), name_of("Anna", "Zimmer")).contradicts
    assert not likeness(name_of("Anna", "Huber"), name_of("Anna", "Zimmer")).contradicts
    assert likeness(name_of("Anna", "Huber"), name_of("Anna", "Hubre")).near_same is False
    assert likeness(name_of("Bob", "Huber"), name_of("Robert", "Huber")).near_same


def test_a_blank_name_is_blank_and_a_title_alone_stays() -> None:
    assert name_of("-", "...").blank
    assert name_of("", "Dr").family == ("dr",)
    assert name_of("", "van der Berg").family == ("berg",)
    assert name_of("", "Al").family == ("al",)
    assert name_of("(Bob)", "Smith").given == ("bob",)


def test_a_whole_name_has_one_key_whatever_its_order_and_form() -> None:
    assert name_of("Bob", "Müller").whole == name_of("Robert", "Mueller").whole
    assert name_of("J.", "Müller").whole == ""
    assert name_of("太郎", "山田").whole == name_of("", "山田太郎").whole
    assert name_of("太郎", "山田").common is False
    assert name_of("太郎", "田中").common
    assert name_of("John", "Smith").common
    assert not name_of("John", "Featherstone").common


names = st.builds(name_of, st.text(max_size=12), st.text(max_size=12))


@given(names, names)
def test_likeness_is_symmetric_and_a_name_is_like_itself(a: Name, b: Name) -> None:
    there, back = likeness(a, b), likeness(b, a)
    assert (there.given, there.family, there.contradicts) == (back.given, back.family, back.contradicts)
    assert not likeness(a, a).contradicts


def test_names_that_are_worth_comparing_share_a_key() -> None:
    for one, other in [
        (("Bob", "Smith"), ("Robert", "Smith")),
        (("J.", "Smith"), ("John", "Smith")),
        (("Micheal", "Jones"), ("Michael", "Jones")),
        (("Anna", "Petersen"), ("Anna", "Peterson")),
        (("Hans", "Müller"), ("Müller", "Hans")),
        (("", "Huber"), ("Anna", "Huber")),
        (("Anna", ""), ("Anna", "")),
        (("Anna", "Müller-Lüdenscheidt"), ("Anna", "Müller")),
        (("太郎", "山田"), ("", "山田太郎")),
    ]:
        assert name_of(*one).keys & name_of(*other).keys, (one, other)
