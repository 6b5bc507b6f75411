"""The generator behind `make bench-identity` gives what its settings say, so that figures about core can be trusted."""

from __future__ import annotations

import ast
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

pytest.importorskip("faker", reason="make bench-identity installs what this needs")

from bench.identity import measure, settings, slips
from bench.identity.contenders import Found, answer, core, email_only
from bench.identity.crm import Made, Row, made
from bench.identity.public import ABSENT, PUBLIC, columns
from bench.identity.settings import HUBSPOT, JUDGING, SALESFORCE, TUNING, Clerk, Settings

SMALL = settings.named("tune-west", 600, 400)
#: A clerk who makes no mistake and leaves nothing out.
PERFECT = Clerk(**dict.fromkeys(Clerk.__dataclass_fields__, 0.0))


@pytest.fixture(scope="module")
def data() -> Made:
    return made(SMALL)


def test_the_same_settings_give_the_same_rows(data: Made) -> None:
    assert made(SMALL) == data


def test_another_seed_gives_other_people(data: Made) -> None:
    other = made(replace(SMALL, seed=SMALL.seed + 1))
    assert {row.last for row in other.lefts} != {row.last for row in data.lefts}


def test_sizes_and_overlap_are_as_asked(data: Made) -> None:
    assert abs(len(data.lefts) - 600) < 30
    assert abs(len(data.rights) - 400) < 20
    rights = {row.person for row in data.rights}
    assert abs(len(measure.Truth.of(data).both) / len(rights) - SMALL.overlap) < 0.05


def test_hubspot_has_one_contact_for_an_address_and_salesforce_may_have_several(data: Made) -> None:
    assert max(Counter(row.email.lower() for row in data.rights if row.email).values()) == 1
    assert max(Counter(row.email.lower() for row in data.lefts if row.email).values()) > 1


def test_each_record_has_an_id_of_its_own_and_a_name_or_an_address(data: Made) -> None:
    rows = (*data.lefts, *data.rights)
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.email or row.last or row.first for row in rows)


def test_there_are_duplicates_inside_each_system(data: Made) -> None:
    for rows in (data.lefts, data.rights):
        assert max(Counter(row.person for row in rows).values()) > 1


@pytest.mark.parametrize("name", ["no_email", "no_first", "no_phone", "private_address", "case", "initial"])
def test_a_rate_is_kept(name: str) -> None:
    clerk = replace(PERFECT, **{name: 0.3})
    rows = made(replace(SMALL, left_clerk=clerk, consumers=0.0)).lefts
    assert abs(sum(name in row.done for row in rows) / len(rows) - 0.3) < 0.07


def test_two_perfect_clerks_write_one_person_alike() -> None:
    data = made(replace(SMALL, left_clerk=PERFECT, right_clerk=PERFECT, father_and_son=0.0, households=0.0))
    rights = {row.person: row for row in data.rights}
    both = [(row, rights[row.person]) for row in data.lefts if row.person in rights]
    assert both
    assert all((a.first, a.last) == (b.first, b.last) for a, b in both)
    assert sum(a.email.lower() == b.email.lower() for a, b in both) / len(both) > 0.8


def test_the_two_clerks_err_independently_of_one_another() -> None:
    clerk = replace(PERFECT, no_phone=0.5)
    data = made(replace(SMALL, left=3000, right=3000, overlap=0.9, left_clerk=clerk, right_clerk=clerk))
    rights = {row.person: row for row in data.rights}
    both = [(row, rights[row.person]) for row in data.lefts if row.person in rights]
    neither = sum(not a.phone and not b.phone for a, b in both) / len(both)
    assert abs(neither - 0.25) < 0.05


def test_those_who_are_easily_mistaken_are_there() -> None:
    data = made(settings.named("tune-families", 1500, 1000))
    kinds = {kind for kin in data.kin.values() for kind, _ in kin}
    assert {"father and son", "household", "siblings", "family firm", "namesake"} <= kinds


def test_fathers_and_sons_share_their_name() -> None:
    data = made(
        replace(SMALL, father_and_son=0.2, surname_changes=0.0, left_clerk=PERFECT, right_clerk=PERFECT, overlap=1.0)
    )
    names: dict[tuple[str, int], set[str]] = defaultdict(set)
    for row in data.lefts:
        for group in data.kin.get(row.person, ()):
            if group[0] == "father and son":
                names[group].add(row.last.split(" ")[0])
    assert names
    assert all(len(found) == 1 for found in names.values())


def test_some_names_are_far_more_frequent_than_others(data: Made) -> None:
    frequent = Counter(row.last.casefold() for row in made(settings.named("tune-west", 3000, 300)).lefts if row.last)
    counts = sorted(frequent.values(), reverse=True)
    assert counts[0] >= 8
    assert counts[len(counts) // 2] <= 2


@pytest.mark.parametrize("slip", [slips.keyboard, slips.phonetic, slips.ocr])
def test_a_slip_changes_little(slip: object) -> None:
    changed = [slip(Random(seed), "Schneider") for seed in range(50)]  # type: ignore[operator]
    assert any(one != "Schneider" for one in changed)
    assert all(abs(len(one) - len("Schneider")) <= 2 for one in changed)


def test_names_in_another_script_are_read_as_their_bearers_read_them() -> None:
    assert slips.latin(Random(1), "Иванов", other=False) == "Ivanov"
    rows = made(replace(SMALL, cultures={"ja_JP": 1.0}, right_clerk=replace(HUBSPOT, latin=1.0))).rights
    assert "Sasaki" in {row.last for row in rows}


def test_what_is_judged_on_shares_no_seed_with_what_is_tuned_on() -> None:
    assert not {one.seed for one in TUNING.values()} & {one.seed for one in JUDGING.values()}
    tuned = {culture for one in TUNING.values() for culture in one.cultures}
    assert set(JUDGING["judge-others"].cultures).isdisjoint(tuned)


def test_the_generator_reads_no_list_of_the_product() -> None:
    folder = Path(measure.__file__).parent
    for name in ("settings", "places", "slips", "firms", "people", "crm", "public", "splinked"):
        tree = ast.parse((folder / f"{name}.py").read_text("utf-8"))
        imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert not [one for one in imported if one.split(".")[0] == "concord"], name


@pytest.mark.parametrize(
    ("name", "lefts", "rights", "both"), [("febrl3", 2000, 3000, None), ("febrl4", 5000, 5000, 5000)]
)
def test_febrl_is_read_as_it_is(name: str, lefts: int, rights: int, both: int | None) -> None:
    data = PUBLIC[name]()
    assert (len(data.lefts), len(data.rights)) == (lefts, rights)
    assert both is None or len(measure.Truth.of(data).both) == both
    full = columns(data.lefts)
    assert full["email"] == full["company"] == full["phone"] == 0


@pytest.mark.skipif(bool(ABSENT), reason="other people's data are not here: bench/identity/data/README.md")
def test_other_peoples_data_have_what_they_have_and_nothing_else() -> None:
    assert columns(PUBLIC["fake_1000"]().lefts)["email"] > 0.5
    assert columns(PUBLIC["w2"]().lefts)["company"] > 0.9


def _two(left: Row, right: Row) -> Made:
    return Made([left], [right], [], [], {}, {})


def test_figures_count_people_and_pairs() -> None:
    rows = [Row(f"l{n}", "Lead", n) for n in range(4)], [Row(f"r{n}", "contacts", n) for n in range(4)]
    truth = measure.Truth.of(Made(*rows, [], [], {}, {}))
    found = Found("x", {("l0", "r0"): 95, ("l1", "r2"): 93}, {("l3", "r3"): 75, ("l3", "r1"): 72})
    sums = measure.sums(found, truth)
    assert (sums.precision, sums.found, sums.reviewed, sums.asked_true) == (0.5, 0.25, 0.5, 0.5)


def test_a_bound_chosen_with_the_truth_links_as_much_as_the_precision_allows() -> None:
    rows = [Row(f"l{n}", "Lead", n) for n in range(3)], [Row(f"r{n}", "contacts", n) for n in range(3)]
    truth = measure.Truth.of(Made(*rows, [], [], {}, {}))
    found = Found("x at 0.5", {("l0", "r0"): 99, ("l1", "r1"): 97, ("l2", "r0"): 96})
    assert set(measure.at_precision(found, truth, 0.99).links) == {("l0", "r0"), ("l1", "r1")}
    assert len(measure.at_precision(found, truth, 0.6).links) == 3


def test_the_files_of_concord_match_are_judged_as_any_other_answer(tmp_path: Path) -> None:
    links = tmp_path / "links.csv"
    links.write_text('left_id,right_id,confidence,rule,explanation\nl0,r0,99,e-mail,"both, have"\n', encoding="utf-8")
    assert answer(links, None).links == {("l0", "r0"): 99.0}


def test_duplicates_count_as_put_together() -> None:
    lefts = [Row("l0", "Contact", 0), Row("l1", "Lead", 0)]
    truth = measure.Truth.of(Made(lefts, [Row("r0", "contacts", 0)], [], [], {}, {}))
    found = Found("x", {("l0", "r0"): 95}, beside={"l1": "l0"})
    assert measure.closed(found, truth) == {("l0", "r0"), ("l1", "r0")}


def test_a_miss_says_where_it_was_lost() -> None:
    data = _two(
        Row("00Q1", "Lead", 0, first="Ann", last="Ray", company="Acme Works"),
        Row("11", "contacts", 0, first="Zoe", last="Quinn", company="Other Firm"),
    )
    found, lefts, rights = core(data)
    lost, _ = measure.misses(found, measure.Truth.of(data), lefts, rights)
    assert [one.stage for one in lost] == ["blocking"]


def test_core_beats_the_exact_join_on_a_small_set(data: Made) -> None:
    truth = measure.Truth.of(data)
    ours, theirs = (measure.sums(one, truth) for one in (core(data)[0], email_only(data)))
    assert ours.found > theirs.found
    assert ours.precision >= 0.97


def test_a_bins_interval_holds_its_share() -> None:
    (one,) = [found for found in measure.bins([(95, True, False)] * 9 + [(95, False, True)]) if found.pairs]
    low, high = one.interval
    assert (one.pairs, one.true, one.barred) == (10, 9, 1)
    assert low < 0.9 < high


def test_the_two_usual_clerks_differ() -> None:
    assert SALESFORCE != HUBSPOT
    assert Settings().left_clerk is SALESFORCE
