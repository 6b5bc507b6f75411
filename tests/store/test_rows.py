"""Core's data survives the way into the database's JSON and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from concord.core.model import Base, Failure, Origin, Side, Stamp
from concord.core.plan import Outcome, Rule, Verdict
from concord.core.values import BLANK, MISSING, Ref, Value
from concord.errors import Category
from concord.store import rows

texts = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff\ue000\U0001f600"), max_size=12)
moments = st.datetimes(min_value=datetime(2000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - Hypothesis adds the zone
scalars = (
    texts
    | st.booleans()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.dates()
    | moments
    | st.frozensets(texts, max_size=3)
    | st.builds(Ref, texts, texts, texts)
)
values: st.SearchStrategy[Value] = scalars | st.sampled_from([MISSING, BLANK])
stamps = st.builds(Stamp, moments, st.booleans(), texts, st.none() | texts)
bases = st.builds(
    Base,
    values,
    values,
    st.none() | st.builds(Origin, st.sampled_from(Side), st.none() | stamps),
    left_seen=st.none() | moments,
    right_seen=st.none() | moments,
)
verdicts = st.builds(
    Verdict,
    field=texts,
    outcome=st.sampled_from(Outcome),
    rule=st.sampled_from(Rule),
    reason=texts,
    left=values,
    right=values,
    base=st.none() | bases,
    write_left=values,
    write_right=values,
    winner=st.none() | st.sampled_from(Side),
    conflict=st.booleans(),
    first_link=st.booleans(),
    left_stamp=st.none() | stamps,
    right_stamp=st.none() | stamps,
)
failures = st.builds(
    Failure,
    st.sampled_from(Category),
    texts,
    code=st.none() | texts,
    fields=st.tuples(texts, texts) | st.just(()),
    transient=st.booleans(),
    after=st.none() | st.floats(0, 1e6),
)


@given(bases)
def test_a_base_comes_back_as_it_was(base: Base) -> None:
    assert rows.base_in(rows.loads(rows.dumps(rows.base_out(base)))) == base


@given(verdicts)
def test_a_verdict_comes_back_as_it_was(verdict: Verdict) -> None:
    stored = rows.loads(rows.dumps(rows.verdict_out(verdict)))
    assert (
        rows.verdict_in(
            verdict.field,
            verdict.outcome.value,
            verdict.rule.value,
            verdict.reason,
            verdict.conflict,
            verdict.first_link,
            stored,
        )
        == verdict
    )


@given(failures)
def test_a_failure_comes_back_as_it_was(failure: Failure) -> None:
    assert rows.failure_in(rows.loads(rows.dumps(rows.failure_out(failure)))) == failure


#: Numbers of our own in JSON are places, points and counts; a CRM's are texts there (`to_json`).
numbers = st.integers(-(2**63), 2**64 - 1)


@given(st.recursive(texts | st.none() | numbers, lambda inner: st.lists(inner) | st.dictionaries(texts, inner)))
def test_any_json_comes_back_and_never_holds_what_the_database_refuses(data: object) -> None:
    stored = rows.dumps(data)
    assert rows.loads(stored) == rows.loads(stored.encode()) == data
    stored.encode("utf-8")
    assert "\x00" not in json.dumps(json.loads(stored), ensure_ascii=False)
    json.dumps(json.loads(stored), ensure_ascii=False).encode("utf-8")
