"""How Salesforce writes are put together into calls: few of them, and none side by side that lock one parent."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from tests.wire.salesforce_org import KEY, contact, lead

from concord.core.model import Change
from concord.core.values import BLANK, Ref, Value
from concord.systems.salesforce import batches
from concord.systems.salesforce.batches import Parents, Write, by_key, calls, in_graphs


def account(number: int) -> str:
    return f"001xx{number:010d}AAA"


def under(place: int, parent: str | None) -> Write:
    """A contact that is put under an account, or that has none."""
    values: dict[str, Value] = {"AccountId": Ref("salesforce", "Account", parent) if parent else BLANK}
    return Write(place, Change(Ref("salesforce", "Contact", contact(place)), values))


def lock_of(write: Write) -> str:
    return Parents().lock_of(write)


def sizes(chains: list[list[list[Write]]]) -> list[list[int]]:
    return [[len(call) for call in chain] for chain in chains]


@given(st.lists(st.integers(0, 12), max_size=250), st.integers(1, 100), st.integers(0, 30))
def test_every_write_goes_once_in_no_more_calls_than_needed_and_no_parent_is_locked_side_by_side(
    parents: list[int], most: int, spare: int
) -> None:
    writes = [under(place, account(number) if number else None) for place, number in enumerate(parents)]
    chains = calls(writes, lock_of, most, 9, spare)
    made = [call for chain in chains for call in chain]
    assert sorted(write.place for call in made for write in call) == list(range(len(writes)))
    assert all(0 < len(call) <= most + spare for call in made)
    assert len(made) <= -(-len(writes) // most)
    seen = Counter(lock for chain in chains for lock in {lock_of(write) for call in chain for write in call})
    assert all(count == 1 for count in seen.values())


def test_contacts_of_one_account_go_together_where_that_costs_no_call() -> None:
    writes = [under(place, account(place % 3)) for place in range(15)]
    chains = calls(writes, lock_of, 8, 9)
    assert sizes(chains) == [[8, 7]], "two calls are enough, so one account is parted, and the calls follow one another"
    chains = calls(writes, lock_of, 10, 9)
    assert sizes(chains) == [[10], [5]]
    assert [{lock_of(write) for write in call} for (call,) in chains] == [{account(0), account(1)}, {account(2)}]


def test_a_call_takes_a_few_more_to_keep_the_contacts_of_an_account_together() -> None:
    writes = [under(place, account(place % 7)) for place in range(200)]
    assert sizes(calls(writes, lock_of, 100, 9)) == [[100, 100]]
    assert sizes(calls(writes, lock_of, 100, 9, 25)) == [[87], [113]]


def test_an_account_goes_with_its_contacts() -> None:
    firm = Write(9, Change(Ref("salesforce", "Account", account(1)), {"Name": "Engines"}))
    writes = [under(0, account(1)), under(1, account(2)), firm]
    assert [[write.place for write in call] for (call,) in calls(writes, lock_of, 2, 9)] == [[0, 9], [1]]


def test_a_call_has_no_more_objects_than_it_may() -> None:
    writes = [Write(place, Change(Ref("salesforce", f"Thing{place}__c", f"a0{place}"), {})) for place in range(5)]
    assert sizes(calls(writes, lock_of, 20, 2)) == [[2], [2], [1]]


def test_the_parent_is_the_one_that_was_last_read_unless_the_change_names_another() -> None:
    parents, plain = Parents(), Change(Ref("salesforce", "Contact", contact(1)), {"LastName": "New"})
    assert parents.lock_of(Write(0, plain)) == contact(1)
    parents.note("Contact", [{"Id": contact(1), "AccountId": account(1)}])
    assert parents.lock_of(Write(0, plain)) == account(1)
    assert parents.lock_of(under(1, account(2))) == account(2)
    assert parents.lock_of(under(1, None)) == contact(1)
    parents.note("Contact", [{"Id": contact(1), "AccountId": None}])
    assert parents.lock_of(Write(0, plain)) == contact(1)
    parents.note("Lead", [{"Id": lead(1), "AccountId": account(1)}])
    assert parents.lock_of(Write(0, Change(Ref("salesforce", "Lead", lead(1)), {}))) == lead(1)


def test_parents_are_remembered_for_so_many_records_and_no_more() -> None:
    parents = Parents()
    rows = [{"Id": contact(n), "AccountId": account(n)} for n in range(batches.REMEMBERED + 2)]
    parents.note("Contact", rows[:3])
    parents.note("Contact", rows[3:])
    known = [
        parents.lock_of(Write(0, Change(Ref("salesforce", "Contact", row["Id"]), {}))) == row["AccountId"]
        for row in rows
    ]
    assert known == [False, False, *[True] * batches.REMEMBERED]


@given(st.integers(1, 250), st.integers(1, 75))
def test_the_writes_of_a_call_are_spread_evenly_over_as_many_graphs_as_there_may_be(count: int, most: int) -> None:
    writes = [under(place, None) for place in range(count)]
    graphs = in_graphs(writes, most)
    assert [write for graph in graphs for write in graph] == writes
    assert len(graphs) == min(count, most)
    assert max(map(len, graphs)) - min(map(len, graphs)) <= 1


def test_new_records_under_one_parent_go_in_one_call_and_one_key_never_twice() -> None:
    def new(place: int, key: str, parent: int) -> Write:
        values: dict[str, Value] = {"AccountId": Ref("salesforce", "Account", account(parent))}
        return Write(place, Change(Ref("salesforce", "Contact", ""), values, key=(KEY, key)))

    writes = [new(0, "a", 1), new(1, "b", 2), new(2, "c", 1), new(3, "d", 2), new(4, "A", 1)]
    made = [[write.place for write in call] for call in by_key(writes, lock_of, 2)]
    assert made == [[0, 2], [4, 1], [3]]
