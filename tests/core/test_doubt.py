"""Pairs that are worth a question: asked about however low their score, and never linked by that."""

from __future__ import annotations

from typing import Any

import pytest

from concord.core.doubt import worth_asking
from concord.core.identity import Bounds, Crowd, Door, Person, compare, judge, keys_of
from concord.core.names import likeness
from concord.core.values import Ref

ACME = {"domains": ("acme.com",)}


def person(system: str, **traits: Any) -> Person:
    return Person(Ref(system, "X", "1" if system == "salesforce" else "2"), **traits)


def pair(a: dict[str, Any], b: dict[str, Any]) -> tuple[Person, Person]:
    return person("salesforce", **a), person("hubspot", **b)


ASKED = [
    pytest.param(
        {"first": "Anna", "last": "Oldname", "phones": ("+4930123456",)},
        {"first": "Anna", "last": "Newname", "phones": ("+4930123456",)},
        id="one telephone and another family name, as after a marriage",
    ),
    pytest.param(
        {"first": "A.", "last": "Featherstone", **ACME, "phones": ("+4930123456",)},
        {"first": "Anselm", "last": "Featherstone", **ACME, "phones": ("+4930999999",)},
        id="an initial at one company, with two telephones",
    ),
    pytest.param(
        {"first": "小明", "last": "王", **ACME, "emails": ("xiaoming.wang@acme.com",)},
        {"first": "Xiaoming", "last": "Wang", **ACME, "emails": ("xwang@acme.com",)},
        id="two scripts, and the address of the one spells the name of the other",
    ),
    pytest.param(
        {"first": "小明", "last": "王", "emails": ("xiaoming.wang@acme.com",), **ACME},
        {"first": "Xiaoming", "last": "Wang", "emails": ("xiaoming_wang@acme.com",), **ACME},
        id="two scripts, and addresses of the same letters",
    ),
    pytest.param(
        {"first": "Anselm", "last": "F", "company": "Acme GmbH"},
        {"first": "Anselm", "last": "Featherstone", "company": "ACME"},
        id="the initial of a family name at one company",
    ),
]

NOT_ASKED = [
    pytest.param(
        {"first": "Anna", "last": "Oldname", **ACME},
        {"first": "Anna", "last": "Newname", **ACME},
        id="one given name at one company is not enough",
    ),
    pytest.param(
        {"first": "Anselm", "last": "Featherstone Jr", **ACME, "phones": ("+4930123456",)},
        {"first": "Anselm", "last": "Featherstone Sr", **ACME, "phones": ("+4930123456",)},
        id="father and son who are marked so are no doubt",
    ),
    pytest.param(
        {"first": "A.", "last": "Featherstone", "domains": ("acme.com",)},
        {"first": "Anselm", "last": "Featherstone", "domains": ("zenith.com",)},
        id="two companies",
    ),
    pytest.param(
        {"first": "小明", "last": "王", **ACME, "emails": ("info@acme.com",)},
        {"first": "Xiaoming", "last": "Wang", **ACME, "emails": ("info@acme.de",)},
        id="a role mailbox spells nobody's name",
    ),
]


@pytest.mark.parametrize(("a", "b"), ASKED)
def test_corroboration_of_two_kinds_is_worth_a_question(a: dict[str, Any], b: dict[str, Any]) -> None:
    left, right = pair(a, b)
    assert worth_asking(left, right, likeness(left.name, right.name))
    assert worth_asking(right, left, likeness(right.name, left.name)), "either way round"
    score = compare(left, right, Crowd.of([left], [right]))
    assert judge(score, Bounds()) is Door.ASK
    assert sum(one.points for one in score.evidence) == pytest.approx(score.value), "the lines add up"
    assert keys_of(left) & keys_of(right), "they find each other"


@pytest.mark.parametrize(("a", "b"), NOT_ASKED)
def test_less_than_that_is_not(a: dict[str, Any], b: dict[str, Any]) -> None:
    left, right = pair(a, b)
    assert worth_asking(left, right, likeness(left.name, right.name)) == ""


def test_a_pair_that_scores_higher_by_itself_is_left_as_it_is() -> None:
    left, right = pair(
        {"first": "Anselm", "last": "Featherstone", **ACME}, {"first": "Anselm", "last": "Featherstone", **ACME}
    )
    score = compare(left, right, Crowd.of([left], [right]))
    assert judge(score, Bounds()) is Door.SAME
    assert "worth asking" not in {one.what for one in score.evidence}
