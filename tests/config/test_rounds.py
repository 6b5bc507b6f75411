"""The setting `sync.rounds`: what is not written is as usual, and `off` lets chases go on (SPEC 3.7)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from concord import config
from concord.core.rounds import Bound

HEAD = "version: 1\nsalesforce: {url: https://acme.my.salesforce.com}\n"


def bound(sync: str) -> Bound | None:
    found = config.read_text(f"{HEAD}sync: {sync}\n", "concord.yaml")
    assert found.settings is not None, found.problems
    return found.settings.sync.bound()


def test_a_file_without_the_setting_has_six_writes_in_ten_minutes() -> None:
    assert bound("{}") == Bound(6, timedelta(minutes=10), timedelta(days=1)) == Bound()


def test_the_packaged_file_writes_the_usual_out() -> None:
    assert config.starting().sync.bound() == Bound()


def test_each_of_it_can_be_written_alone() -> None:
    assert bound("{rounds: {writes: 3}}") == Bound(writes=3)
    assert bound("{rounds: {within: 1h}}") == Bound(within=timedelta(hours=1))
    assert bound("{rounds: {pause: 2h}}") == Bound(pause=timedelta(hours=2))


def test_off_is_none() -> None:
    assert bound("{rounds: off}") is None
    assert bound('{rounds: "off"}') is None


def test_where_both_systems_are_seldom_asked_the_rounds_have_as_long_as_they_take() -> None:
    seldom = bound("{rounds: {writes: 4}, sweep: {salesforce: 2m, hubspot: 5m}}")
    assert seldom == Bound(writes=4, within=timedelta(minutes=28))


@pytest.mark.parametrize("wrong", ["on", "{writes: 1}", "{writes: many}", "{within: 0s}", "{times: 3}", "[6]"])
def test_what_makes_no_sense_is_refused_with_its_place(wrong: str) -> None:
    found = config.read_text(f"{HEAD}sync: {{rounds: {wrong}}}\n", "concord.yaml")
    assert found.settings is None
    assert found.problems[0].path.startswith("sync.rounds")
    assert found.problems[0].at is not None
