"""The section `breaker`: what is not written is as usual, and `off` is not watched (SPEC 9.4)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from concord import config
from concord.core.breaker import USUAL, Kind, Limit, Limits

HEAD = "version: 1\nsalesforce: {url: https://acme.my.salesforce.com}\n"


def limits(section: str) -> Limits:
    found = config.read_text(f"{HEAD}breaker: {section}\n", "concord.yaml")
    assert found.settings is not None, found.problems
    return found.settings.breaker.limits()


def test_a_file_without_the_section_has_the_usual_limits() -> None:
    found = config.read_text(HEAD, "concord.yaml").settings
    assert found is not None
    usual = found.breaker.limits()
    assert usual.by_kind == USUAL
    assert usual.window == timedelta(minutes=15)
    assert {"OwnerId", "hubspot_owner_id"} <= usual.owners
    assert {"Status", "lifecyclestage"} <= usual.stages


def test_the_packaged_file_writes_the_usual_limits_out() -> None:
    assert config.starting().breaker.limits() == limits("{}")


def test_one_of_the_two_numbers_may_be_written_alone() -> None:
    found = limits("{window: 1h, blank: {records: 7}, create: {share: 0.5}}")
    assert found.window == timedelta(hours=1)
    assert found.by_kind[Kind.BLANK] == Limit(7, 0.01)
    assert found.by_kind[Kind.CREATE] == Limit(1000, 0.5)
    assert found.by_kind[Kind.OWNER] == USUAL[Kind.OWNER]


def test_a_kind_that_is_off_has_no_limit() -> None:
    assert set(limits('{create: "off", owner: off}').by_kind) == {Kind.DELETE, Kind.BLANK, Kind.LIFECYCLE}


def test_fields_can_be_named_and_unnamed() -> None:
    found = limits("{owner_fields: [Account_Manager__c], lifecycle_fields: []}")
    assert (found.owners, found.stages) == ({"Account_Manager__c"}, frozenset())


@pytest.mark.parametrize("wrong", ["{blank: 100}", "{blank: {share: 3}}", "{blank: {records: -1}}", "{window: 0m}"])
def test_what_is_no_limit_is_told(wrong: str) -> None:
    found = config.read_text(f"{HEAD}breaker: {wrong}\n", "concord.yaml")
    assert found.settings is None
    (problem,) = found.problems
    assert problem.path.startswith("breaker.")
