"""Values: what counts as the same, what can be carried from one type to another, and what is lost (SPEC 2.3, 2.4)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.core.values import (
    BLANK,
    LISTED,
    MISSING,
    NUMERIC,
    TEXTUAL,
    FieldSpec,
    FieldType,
    Option,
    Ref,
    Scalar,
    Untranslatable,
    Value,
    canonical,
    carriable,
    carry,
    from_json,
    is_blank,
    loses,
    plain,
    same,
    to_json,
)

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
BERLIN = timezone(timedelta(hours=1))
TYPES = list(FieldType)


def spec(kind: FieldType, name: str = "F", **said: object) -> FieldSpec:
    return FieldSpec(name, kind, **said)  # type: ignore[arg-type]


def options(*values: str) -> tuple[Option, ...]:
    return tuple(Option(value, value.title()) for value in values)


def problem(found: Value | Untranslatable) -> str:
    assert isinstance(found, Untranslatable), found
    assert found.advice
    return found.problem


# --- drawn values

texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["true", "No", "1", " 0 ", "12.5", "1e3", "2026-11-02", "a;b", "  ", "", "\u200b", "x 7", "+", "ß"]
    ),
)
decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40)
days = st.dates(date(2, 1, 1), date(9998, 12, 31))
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=zones)  # noqa: DTZ001 - zones are drawn
option_sets = st.frozensets(st.sampled_from(["a", "b", "true", "12", "2026-11-02"]), max_size=3)
refs = st.builds(Ref, st.sampled_from(["salesforce", "hubspot"]), st.just("Account"), st.sampled_from(["1", "true"]))


def values_of(kind: FieldType) -> st.SearchStrategy[Scalar]:
    """Every value that a field of this type can show."""
    if kind in TEXTUAL or kind is FieldType.PICKLIST:
        return texts
    if kind in NUMERIC:
        return decimals
    by_type: dict[FieldType, st.SearchStrategy[Scalar]] = {
        FieldType.MULTI_PICKLIST: option_sets,
        FieldType.CHECKBOX: st.booleans(),
        FieldType.DATE: days,
        FieldType.DATETIME: moments,
        FieldType.REFERENCE: refs,
    }
    return by_type[kind]


any_value: st.SearchStrategy[Scalar] = st.one_of(
    texts, decimals, days, moments, option_sets, refs, st.booleans(), st.frozensets(st.text(max_size=4))
)
typed = st.sampled_from(TYPES).flatmap(lambda kind: st.tuples(st.just(kind), values_of(kind), values_of(kind)))


# --- MISSING and BLANK


def test_missing_and_blank_are_two_things_and_say_which_they_are() -> None:
    assert (repr(MISSING), repr(BLANK)) == ("MISSING", "BLANK")
    assert canonical(MISSING, spec(FieldType.TEXT)) is MISSING
    assert canonical(BLANK, spec(FieldType.TEXT)) is BLANK


@pytest.mark.parametrize("kind", TYPES)
def test_what_was_not_read_is_the_same_as_nothing_not_even_as_itself(kind: FieldType) -> None:
    assert not same(MISSING, MISSING, spec(kind))
    assert not same(MISSING, BLANK, spec(kind))
    assert not same(BLANK, MISSING, spec(kind))
    assert same(BLANK, BLANK, spec(kind))
    assert not is_blank(MISSING, spec(kind))
    assert is_blank(BLANK, spec(kind))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.NUMBER, Decimal(0)),
        (FieldType.NUMBER, Decimal("-0.00")),
        (FieldType.CHECKBOX, False),
        (FieldType.TEXT, "0"),
        (FieldType.TEXT, "."),
    ],
)
def test_nought_and_no_are_values_and_not_blanks(kind: FieldType, value: Scalar) -> None:
    assert not is_blank(value, spec(kind))
    assert not same(value, BLANK, spec(kind))
    assert carry(value, spec(kind), spec(kind)) == value


@pytest.mark.parametrize(
    ("kind", "empty"),
    [
        (FieldType.TEXT, ""),
        (FieldType.TEXT, " \t\r\n\u00a0\u3000"),
        (FieldType.PHONE, "  "),
        (FieldType.MULTI_PICKLIST, frozenset()),
    ],
)
def test_a_text_of_blanks_and_a_set_of_no_options_are_blank_and_carried_as_blank(
    kind: FieldType, empty: Scalar
) -> None:
    assert is_blank(empty, spec(kind))
    assert same(empty, BLANK, spec(kind))
    assert carry(empty, spec(kind), spec(kind)) is BLANK


# --- formatting is no change


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (FieldType.TEXT, " Ada ", "Ada"),
        (FieldType.TEXT, "Jose\u0301", "Jos\u00e9"),
        (FieldType.LONG_TEXT, "one\r\ntwo", "one\ntwo"),
        (FieldType.LONG_TEXT, "one\rtwo", "one\ntwo"),
        (FieldType.RICH_TEXT, "<p>a\n  b</p>", "<p>a b</p>"),
        (FieldType.EMAIL, "Ada@Engines.COM ", "ada@engines.com"),
        (FieldType.URL, "https://engines.com/", "https://engines.com"),
        (FieldType.NUMBER, Decimal("1.50"), Decimal("1.5")),
        (FieldType.NUMBER, Decimal("100"), Decimal("1E+2")),
        (FieldType.NUMBER, Decimal("-0"), Decimal("0.00")),
        (FieldType.DATETIME, NOON, NOON.astimezone(BERLIN)),
        (FieldType.DATETIME, NOON, NOON + timedelta(milliseconds=999)),
    ],
)
def test_another_form_of_the_same_value_is_no_change(kind: FieldType, one: Scalar, other: Scalar) -> None:
    assert same(one, other, spec(kind))
    assert same(other, one, spec(kind))


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (FieldType.TEXT, "Ada", "ada"),
        (FieldType.TEXT, "a b", "a  b"),
        (FieldType.TEXT, "https://x.com/", "https://x.com"),
        (FieldType.EMAIL, "straße@x.com", "strasse@x.com"),
        (FieldType.URL, "https://x.com/?next=/", "https://x.com/?next="),
        (FieldType.URL, "https://x.com/#/", "https://x.com/#"),
        (FieldType.NUMBER, Decimal("1.5"), Decimal("1.51")),
        (FieldType.DATE, date(2026, 11, 2), date(2026, 11, 3)),
        (FieldType.DATETIME, NOON, NOON + timedelta(seconds=1)),
        (FieldType.MULTI_PICKLIST, frozenset({"a"}), frozenset({"a", "b"})),
        (FieldType.REFERENCE, Ref("hubspot", "companies", "1"), Ref("hubspot", "contacts", "1")),
        (FieldType.CHECKBOX, False, True),
    ],
)
def test_another_value_is_a_change(kind: FieldType, one: Scalar, other: Scalar) -> None:
    assert not same(one, other, spec(kind))


def test_a_lone_slash_is_kept_as_the_url_that_it_is() -> None:
    assert canonical("/", spec(FieldType.URL)) == "/"


def test_digits_beyond_the_scale_do_not_count_and_a_half_goes_away_from_nought() -> None:
    cents = spec(FieldType.CURRENCY, scale=2)
    assert same(Decimal("1.004"), Decimal("1"), cents)
    assert same(Decimal("1.005"), Decimal("1.01"), cents)
    assert same(Decimal("-1.005"), Decimal("-1.01"), cents)
    assert not same(Decimal("1.006"), Decimal("1"), cents)
    assert same(Decimal("0.5"), Decimal(1), spec(FieldType.NUMBER, scale=0))


def test_no_digit_of_a_long_number_is_lost_and_no_number_is_too_long() -> None:
    long = Decimal("1234567890123456789012345678901234567890.12")
    assert not same(long, long + Decimal("1E+10"), spec(FieldType.NUMBER))
    assert not same(long, Decimal("1234567890123456789012345678901234567890.13"), spec(FieldType.NUMBER, scale=2))
    assert plain(long) == "1234567890123456789012345678901234567890.12"
    assert carry("1e999", spec(FieldType.TEXT), spec(FieldType.NUMBER, scale=2)) == Decimal("1e999")
    assert carry(long, spec(FieldType.NUMBER), spec(FieldType.NUMBER, scale=1)) == Decimal(
        "1234567890123456789012345678901234567890.1"
    )


# --- phones


@pytest.mark.parametrize(
    "other",
    [
        "+49 30 1234",
        "0049-30-1234",
        "+49 (0)30 1234",
        "(+49) (0)30/1234",
        "+49.30.1234",
        "\u202a+49\u00a030\u2011 1234\u202c",
        "[+49] 30 · 1234",
    ],
)
def test_punctuation_of_a_phone_number_does_not_count(other: str) -> None:
    assert same("+49301234", other, spec(FieldType.PHONE))


@pytest.mark.parametrize(
    "other", ["555-0100 x5", "555-0100 ext. 5", "555-0100, EXT: 5", "(555) 0100 #5", "5550100 extension 5"]
)
def test_an_extension_is_told_by_any_of_its_words(other: str) -> None:
    assert same("5550100x5", other, spec(FieldType.PHONE))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("555-0100 x5", "555-01005"),
        ("555-0100 x5", "555-0100"),
        ("555-0100 x5", "555-0100 x05"),
        ("555-0100 ext: 5", "555-01005"),
        ("1-800-FLOWERS", "1-800-"),
        ("1-800-FLOWERS", "1-800-FLOWER"),
        ("555-0100 (home)", "555-0100 (work)"),
        ("555-0100, 555-0101", "5550100 5550101"),
        ("555-0100 + 5", "555-01005"),
        ("555-0100,5", "555-01005"),
        ("030 1234", "+30 1234"),
        ("(0)30 1234", "30 1234"),
        ("+49 301", "49 301"),
        ("12\u0663", "12"),
        ("+", "#"),
        ("ask Ada", "ask Bo"),
        ("ask Ada", "askAda"),
        ("00 ask", "+ask"),
    ],
)
def test_different_numbers_and_words_in_a_phone_field_stay_different(one: str, other: str) -> None:
    assert not same(one, other, spec(FieldType.PHONE))
    assert same(one, one, spec(FieldType.PHONE))


@given(st.text("0123456789", min_size=3, max_size=9), st.text("0123456789", min_size=3, max_size=9), st.data())
def test_two_numbers_are_the_same_only_if_their_digits_are(one: str, other: str, data: st.DataObject) -> None:
    marks = st.sampled_from(["", " ", "-", ".", "/", "\u00a0", "\u2013"])
    spaced, apart = ("".join(digit + data.draw(marks) for digit in number) for number in (one, other))
    assert same(spaced, apart, spec(FieldType.PHONE)) == (one == other)


# --- sameness is an equivalence


@given(typed)
def test_sameness_of_two_values_goes_both_ways_and_every_value_is_its_own(
    drawn: tuple[FieldType, Scalar, Scalar],
) -> None:
    kind, one, other = drawn
    field = spec(kind, scale=2 if kind in NUMERIC else None)
    assert same(one, one, field)
    assert same(one, other, field) == same(other, one, field)
    assert same(one, BLANK, field) == is_blank(one, field)


@given(st.sampled_from(sorted(TEXTUAL)), st.text(max_size=10), st.sampled_from([" ", "\n", "\u00a0", "\u2003", "\x1f"]))
def test_outer_blanks_of_whatever_kind_never_count(kind: FieldType, text: str, blank: str) -> None:
    assert same(text, f"{blank}{text}{blank}", spec(kind))


@given(st.text(max_size=20))
def test_the_form_for_comparing_an_address_is_its_own_form(text: str) -> None:
    found = canonical(text, spec(FieldType.EMAIL))
    assert canonical(found, spec(FieldType.EMAIL)) == found


# --- carrying

NOTHING_LOST = [
    (FieldType.TEXT, FieldType.LONG_TEXT, "Ada", "Ada"),
    (FieldType.PHONE, FieldType.TEXT, "+49 30 1", "+49 30 1"),
    (FieldType.URL, FieldType.TEXT, "https://x.com", "https://x.com"),
    (FieldType.EMAIL, FieldType.EMAIL, "Ada@x.com", "Ada@x.com"),
    (FieldType.TEXT, FieldType.PICKLIST, " hot ", "hot"),
    (FieldType.PICKLIST, FieldType.TEXT, "hot", "hot"),
    (FieldType.PICKLIST, FieldType.MULTI_PICKLIST, "hot", frozenset({"hot"})),
    (FieldType.MULTI_PICKLIST, FieldType.PICKLIST, frozenset({"hot"}), "hot"),
    (FieldType.MULTI_PICKLIST, FieldType.MULTI_PICKLIST, frozenset({"a", "b"}), frozenset({"a", "b"})),
    (FieldType.MULTI_PICKLIST, FieldType.TEXT, frozenset({"b", "a"}), "a;b"),
    (FieldType.TEXT, FieldType.MULTI_PICKLIST, "b; a;", frozenset({"a", "b"})),
    (FieldType.TEXT, FieldType.MULTI_PICKLIST, ";", BLANK),
    (FieldType.NUMBER, FieldType.CURRENCY, Decimal("9.5"), Decimal("9.5")),
    (FieldType.CURRENCY, FieldType.NUMBER, Decimal("-9"), Decimal("-9")),
    (FieldType.PERCENT, FieldType.NUMBER, Decimal("50"), Decimal("50")),
    (FieldType.NUMBER, FieldType.TEXT, Decimal("9.50"), "9.5"),
    (FieldType.NUMBER, FieldType.TEXT, Decimal("1E+3"), "1000"),
    (FieldType.NUMBER, FieldType.TEXT, Decimal("-0.0"), "0"),
    (FieldType.TEXT, FieldType.NUMBER, " 9.50 ", Decimal("9.5")),
    (FieldType.TEXT, FieldType.PERCENT, "1e2", Decimal("100")),
    (FieldType.PICKLIST, FieldType.NUMBER, "3", Decimal("3")),
    (FieldType.CHECKBOX, FieldType.TEXT, False, "false"),
    (FieldType.CHECKBOX, FieldType.PICKLIST, True, "true"),
    (FieldType.CHECKBOX, FieldType.CHECKBOX, False, False),
    (FieldType.TEXT, FieldType.CHECKBOX, " Yes ", True),
    (FieldType.PICKLIST, FieldType.CHECKBOX, "NO", False),
    (FieldType.TEXT, FieldType.CHECKBOX, "0", False),
    (FieldType.DATE, FieldType.DATE, date(2026, 11, 2), date(2026, 11, 2)),
    (FieldType.DATE, FieldType.DATETIME, date(2026, 11, 2), datetime(2026, 11, 2, tzinfo=UTC)),
    (FieldType.DATE, FieldType.TEXT, date(206, 1, 2), "0206-01-02"),
    (FieldType.TEXT, FieldType.DATE, " 2026-11-02", date(2026, 11, 2)),
    (FieldType.DATETIME, FieldType.DATETIME, NOON, NOON),
    (FieldType.DATETIME, FieldType.DATE, NOON, date(2026, 11, 2)),
    (FieldType.DATETIME, FieldType.TEXT, NOON.astimezone(BERLIN), "2026-11-02T12:00:00Z"),
    (FieldType.DATETIME, FieldType.TEXT, datetime(206, 1, 2, 3, tzinfo=UTC), "0206-01-02T03:00:00Z"),
    (FieldType.REFERENCE, FieldType.REFERENCE, Ref("a", "B", "1"), Ref("a", "B", "1")),
    (FieldType.REFERENCE, FieldType.TEXT, Ref("a", "B", "1"), "1"),
]


@pytest.mark.parametrize(("source", "target", "value", "carried"), NOTHING_LOST)
def test_a_value_becomes_what_the_other_type_holds(
    source: FieldType, target: FieldType, value: Scalar, carried: Value
) -> None:
    found = carry(value, spec(source), spec(target))
    assert found == carried
    assert type(found) is type(carried)


def test_a_day_is_the_one_of_utc_in_whatever_zone_the_moment_is_told() -> None:
    late = datetime(2026, 11, 3, 0, 30, tzinfo=BERLIN)
    assert carry(late, spec(FieldType.DATETIME), spec(FieldType.DATE)) == date(2026, 11, 2)
    early = datetime(2026, 11, 2, 20, tzinfo=timezone(timedelta(hours=-8)))
    assert carry(early, spec(FieldType.DATETIME), spec(FieldType.DATE)) == date(2026, 11, 3)


@pytest.mark.parametrize(
    ("source", "target", "value"),
    [
        (FieldType.TEXT, FieldType.NUMBER, "twelve"),
        (FieldType.TEXT, FieldType.NUMBER, "1e9999"),
        (FieldType.TEXT, FieldType.NUMBER, "NaN"),
        (FieldType.NUMBER, FieldType.NUMBER, "what the schema did not promise"),
        (FieldType.TEXT, FieldType.DATE, "2 November"),
        (FieldType.TEXT, FieldType.DATE, "2026-13-01"),
        (FieldType.DATE, FieldType.DATE, "soon"),
        (FieldType.TEXT, FieldType.CHECKBOX, "perhaps"),
        (FieldType.DATETIME, FieldType.DATETIME, "noon"),
        (FieldType.REFERENCE, FieldType.REFERENCE, "1"),
    ],
)
def test_a_value_that_does_not_fit_is_held_and_both_fields_are_named(
    source: FieldType, target: FieldType, value: Scalar
) -> None:
    found = carry(value, spec(source, "Here"), spec(target, "There"))
    assert "Here" in problem(found)
    assert "There" in problem(found)
    assert str(value) not in problem(found), "no personal data"


@given(st.sampled_from(TYPES), st.sampled_from(TYPES), any_value)
def test_what_the_check_of_the_mapping_refuses_is_never_carried(
    source: FieldType, target: FieldType, value: Scalar
) -> None:
    if not carriable(source, target):
        assert "cannot be written to" in problem(carry(value, spec(source), spec(target)))


@given(st.sampled_from(TYPES), st.sampled_from(TYPES), st.data())
def test_what_is_carried_is_of_the_targets_type(source: FieldType, target: FieldType, data: st.DataObject) -> None:
    found = carry(data.draw(values_of(source)), spec(source), spec(target))
    if isinstance(found, Untranslatable) or found is BLANK:
        return
    if target in TEXTUAL or target is FieldType.PICKLIST:
        assert isinstance(found, str)
    elif target in NUMERIC:
        assert isinstance(found, Decimal)
    else:
        wanted = {
            FieldType.MULTI_PICKLIST: frozenset,
            FieldType.CHECKBOX: bool,
            FieldType.DATE: date,
            FieldType.DATETIME: datetime,
            FieldType.REFERENCE: Ref,
        }
        assert type(found) is wanted[target]


@pytest.mark.parametrize("source", TYPES)
@pytest.mark.parametrize("target", TYPES)
def test_what_the_check_of_the_mapping_allows_can_be_carried_for_some_value(
    source: FieldType, target: FieldType
) -> None:
    examples: list[Scalar] = ["1", "2026-11-02", Decimal(1), date(2026, 11, 2), NOON, True, frozenset({"a"})]
    examples.append(Ref("a", "B", "1"))
    fitting = [one for one in examples if _is_of(one, source)]
    carried = [carry(one, spec(source), spec(target)) for one in fitting]
    assert any(not isinstance(one, Untranslatable) for one in carried) == carriable(source, target)


def _is_of(value: Scalar, kind: FieldType) -> bool:
    if kind in TEXTUAL or kind is FieldType.PICKLIST:
        return isinstance(value, str)
    if kind in NUMERIC:
        return isinstance(value, Decimal)
    wanted = {
        FieldType.MULTI_PICKLIST: frozenset,
        FieldType.CHECKBOX: bool,
        FieldType.DATE: date,
        FieldType.DATETIME: datetime,
        FieldType.REFERENCE: Ref,
    }
    return type(value) is wanted[kind]


@given(typed)
def test_a_value_carried_to_a_field_like_its_own_is_the_same_value(drawn: tuple[FieldType, Scalar, Scalar]) -> None:
    kind, value, _ = drawn
    carried = carry(value, spec(kind), spec(kind))
    assert not isinstance(carried, Untranslatable)
    assert same(carried, value, spec(kind))


# --- lengths and scales


def test_a_text_is_never_cut_and_outer_blanks_do_not_make_it_too_long() -> None:
    short = spec(FieldType.TEXT, "Title", length=3)
    assert carry("Ada", spec(FieldType.TEXT), short) == "Ada"
    assert carry("Ada   ", spec(FieldType.TEXT), short) == "Ada"
    assert problem(carry("Adam", spec(FieldType.TEXT), short)) == "the text has 4 characters and Title holds 3"
    assert carry("Ada  ", spec(FieldType.TEXT), spec(FieldType.TEXT)) == "Ada  "


def test_a_number_is_rounded_to_the_scale_of_the_field_it_goes_to() -> None:
    assert carry(Decimal("2.5"), spec(FieldType.NUMBER), spec(FieldType.NUMBER, scale=0)) == Decimal(3)
    assert carry("2.345", spec(FieldType.TEXT), spec(FieldType.CURRENCY, scale=2)) == Decimal("2.35")
    assert carry(Decimal("0.004"), spec(FieldType.NUMBER), spec(FieldType.NUMBER, scale=2)) == Decimal(0)


# --- options


def test_an_option_that_the_other_side_does_not_have_names_both_lists() -> None:
    source = spec(FieldType.PICKLIST, "Rating", options=options("hot", "warm"))
    target = spec(FieldType.PICKLIST, "rating", options=options("hot", "cold"))
    assert carry("hot", source, target) == "hot"
    told = problem(carry("warm", source, target))
    assert told == (
        "the option 'warm' from Rating (its options: hot, warm) is not an option of rating (its options: hot, cold)"
    )


def test_an_inactive_option_is_not_written_any_more() -> None:
    target = spec(FieldType.PICKLIST, "rating", options=(Option("hot", "Hot", active=False), Option("cold", "Cold")))
    told = problem(carry("hot", spec(FieldType.PICKLIST, "Rating"), target))
    assert told == "the option 'hot' from Rating is inactive in rating (its options: cold)"


def test_a_free_text_that_is_no_option_is_not_repeated_in_the_message() -> None:
    target = spec(FieldType.PICKLIST, "rating", options=options("hot"))
    told = problem(carry("Ada Lovelace", spec(FieldType.TEXT, "Notes"), target))
    assert "Ada" not in told
    assert told.startswith("the value from Notes is not an option of rating")


def test_one_option_of_several_that_is_not_known_holds_the_whole_field() -> None:
    target = spec(FieldType.MULTI_PICKLIST, "topics", options=options("a", "b"))
    assert carry(frozenset({"a", "b"}), spec(FieldType.MULTI_PICKLIST), target) == frozenset({"a", "b"})
    assert "'c'" in problem(carry(frozenset({"a", "c"}), spec(FieldType.MULTI_PICKLIST), target))


def test_several_choices_do_not_fit_a_field_for_one() -> None:
    told = problem(
        carry(frozenset({"a", "b"}), spec(FieldType.MULTI_PICKLIST, "Topics"), spec(FieldType.PICKLIST, "topic"))
    )
    assert told == "Topics holds 2 options and topic takes one"


# --- what is lost, in words


def _lost(source: FieldSpec, target: FieldSpec) -> str:
    told = loses(source, target)
    assert told is not None
    return told


@pytest.mark.parametrize(
    ("source", "target", "word"),
    [
        (spec(FieldType.DATETIME, "A"), spec(FieldType.DATE, "B"), "B keeps the day of A and not its time"),
        (spec(FieldType.LONG_TEXT, "A", length=300), spec(FieldType.TEXT, "B", length=255), "holds 300 characters"),
        (spec(FieldType.LONG_TEXT, "A"), spec(FieldType.TEXT, "B", length=255), "holds any length and B 255"),
        (spec(FieldType.RICH_TEXT, "A"), spec(FieldType.TEXT, "B"), "B shows the mark-up of A as text"),
        (spec(FieldType.TEXT, "A"), spec(FieldType.RICH_TEXT, "B"), "as mark-up"),
        (spec(FieldType.NUMBER, "A", scale=4), spec(FieldType.CURRENCY, "B", scale=2), "B rounds A to 2 digits"),
        (spec(FieldType.NUMBER, "A"), spec(FieldType.NUMBER, "B", scale=0), "B rounds A to 0 digits"),
        (spec(FieldType.MULTI_PICKLIST, "A"), spec(FieldType.PICKLIST, "B"), "B holds one option"),
        (spec(FieldType.TEXT, "A"), spec(FieldType.NUMBER, "B"), "A holds any text and B a number"),
        (spec(FieldType.TEXT, "A"), spec(FieldType.PICKLIST, "B"), "other texts wait"),
    ],
)
def test_a_pair_of_types_that_loses_something_says_what(source: FieldSpec, target: FieldSpec, word: str) -> None:
    assert word in _lost(source, target)


def test_every_loss_is_named_and_not_only_the_first() -> None:
    told = _lost(spec(FieldType.RICH_TEXT, "A"), spec(FieldType.TEXT, "B", length=10))
    assert "longer texts wait" in told
    assert "shows the mark-up" in told


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (spec(FieldType.DATE), spec(FieldType.DATETIME)),
        (spec(FieldType.TEXT, length=10), spec(FieldType.TEXT, length=10)),
        (spec(FieldType.TEXT, length=300), spec(FieldType.LONG_TEXT)),
        (spec(FieldType.RICH_TEXT), spec(FieldType.RICH_TEXT)),
        (spec(FieldType.NUMBER, scale=2), spec(FieldType.NUMBER, scale=2)),
        (spec(FieldType.NUMBER, scale=2), spec(FieldType.NUMBER)),
        (spec(FieldType.PICKLIST), spec(FieldType.MULTI_PICKLIST)),
        (spec(FieldType.NUMBER), spec(FieldType.TEXT)),
    ],
)
def test_a_pair_of_types_that_loses_nothing_says_nothing(source: FieldSpec, target: FieldSpec) -> None:
    assert loses(source, target) is None


def test_every_type_can_be_shown_as_a_text_and_only_a_reference_can_become_one() -> None:
    assert all(carriable(kind, text) for kind in TYPES for text in TEXTUAL)
    assert [kind for kind in TYPES if carriable(kind, FieldType.REFERENCE)] == [FieldType.REFERENCE]
    assert not any(carriable(FieldType.REFERENCE, kind) for kind in LISTED | NUMERIC | {FieldType.CHECKBOX})


# --- the store's form


@given(any_value)
def test_a_value_comes_back_from_the_store_as_it_was(value: Scalar) -> None:
    stored = json.loads(json.dumps(to_json(value)))
    back = from_json(stored)
    assert back == value
    assert type(back) is type(value)


def test_blank_comes_back_as_blank_and_long_and_odd_numbers_keep_their_form() -> None:
    assert to_json(BLANK) is None
    assert from_json(None) is BLANK
    assert str(from_json(to_json(Decimal("1.500")))) == "1.500"
    assert from_json(to_json("")) == ""
    assert from_json(to_json(frozenset())) == frozenset()
    assert str(Ref("salesforce", "Lead", "00Q1")) == "salesforce Lead 00Q1"
