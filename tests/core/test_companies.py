"""Which company is which: by domain, then by name without legal form."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from concord.core.assignment import Bounds, Door, Score, judge
from concord.core.companies import (
    Company,
    Crowd,
    bare_name,
    company_from,
    company_of,
    compare,
    id_key,
    keys_of,
    match,
    name_likeness,
    traits_of,
)
from concord.core.mapping import IdentityFields, ObjectPair
from concord.core.model import Record, Side
from concord.core.names import Part
from concord.core.values import Ref

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def account(id: str, **told: object) -> Company:
    return Company(Ref("salesforce", "Account", id), **told)  # type: ignore[arg-type]


def firm(id: str, **told: object) -> Company:
    return Company(Ref("hubspot", "companies", id), **told)  # type: ignore[arg-type]


def scored(a: dict[str, object], b: dict[str, object], crowd: Crowd | None = None) -> Score:
    one, other = account("1", **a), firm("2", **b)
    score = compare(one, other, crowd or Crowd())
    assert compare(other, one, crowd or Crowd()) == score
    assert score.value == min(100, max(0, round(sum(line.points for line in score.evidence), 1)))
    return score


def door(a: dict[str, object], b: dict[str, object], crowd: Crowd | None = None) -> Door:
    return judge(scored(a, b, crowd), Bounds())


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Acme GmbH", "acme"),
        ("ACME Gesellschaft mbH", "acme"),
        ("Acme GmbH & Co. KG", "acme"),
        ("Acme S.p.A.", "acme"),
        ("Müller und Söhne AG", "mullersohne"),
        ("株式会社 トヨタ", "トヨタ"),
        ("The Acme Company, Inc.", "acme"),
        ("GmbH", "gmbh"),
        ("AG Stahl", "stahl"),
        ("Acme GmbH Berlin", "acmeberlin"),
        ("unknown", ""),
        ("", ""),
    ],
)
def test_a_name_loses_its_legal_form(text: str, bare: str) -> None:
    assert bare_name(text) == bare


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("Acme GmbH", "ACME", Part.SAME),
        ("Mueller GmbH", "Müller", Part.SAME),
        ("Acme Group", "Acme Ltd", Part.DOUBLE),
        ("Brightwater", "Brigthwater", Part.SLIP),
        ("Brightwater 1", "Brightwater 2", Part.OTHER),
        ("Acme", "Acne", Part.OTHER),
        ("Group", "Holding", Part.OTHER),
        ("Acme", "", Part.BLANK),
    ],
)
def test_two_company_names_stand_to_one_another(a: str, b: str, expected: Part) -> None:
    assert name_likeness(a, b) is name_likeness(b, a) is expected


PAIR = ObjectPair(
    name="companies",
    kind="company",
    left_objects=("Account",),
    right_object="companies",
    fields=(),
    left_identity={"Account": IdentityFields(company="Name", website="Website", phone="Phone")},
    right_identity=IdentityFields(company="name", website="domain", email="mail"),
    keys_right={"Account": "sf_account_id"},
)


def last_two(host: str) -> str:
    return ".".join(host.split(".")[-2:])


def test_a_record_becomes_a_company_and_comes_back_from_its_traits() -> None:
    values = {"name": "Acme", "domain": "www.acme.de", "mail": "info@acme.com", "sf_account_id": "001000000000001AAA"}
    found = company_of(Record(Ref("hubspot", "companies", "5"), values, NOW, NOW), PAIR, Side.RIGHT, last_two)
    assert (found.name, found.domains, found.other_ids) == ("Acme", ("acme.de", "acme.com"), {"001000000000001AAA"})
    assert company_from(found.ref, traits_of(found)) == found
    left = {"Name": "Acme GmbH", "Website": "facebook.com/acme", "Phone": "+49 30 123456"}
    account = company_of(
        Record(Ref("salesforce", "Account", "001000000000001"), left, NOW, NOW), PAIR, Side.LEFT, last_two
    )
    assert (account.domains, account.phones) == ((), ("+4930123456",))
    assert company_from(account.ref, {**traits_of(account), "modified_at": None}).modified_at is None
    assert compare(account, found, Crowd()).stated
    assert keys_of(account) & keys_of(found)
    assert id_key("001000000000001AAA") == id_key("001000000000001") == "001000000000001"


ACME = {"name": "Acme GmbH", "domains": ("acme.com",)}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        (ACME, ACME, Door.SAME),
        (ACME, {"name": "International Widgets", "domains": ("acme.com",)}, Door.SAME),
        (ACME, {"domains": ("acme.com",)}, Door.SAME),
        (ACME, {"name": "ACME"}, Door.SAME),
        (ACME, {"name": "Acme", "domains": ("acme.de",)}, Door.ASK),
        (
            {**ACME, "phones": ("+4930123456",)},
            {"name": "Acme", "domains": ("acme.de",), "phones": ("+4930123456",)},
            Door.ASK,
        ),
        ({"name": "Acme Group"}, {"name": "Acme"}, Door.ASK),
        ({"name": "Brightwater"}, {"name": "Brigthwater"}, Door.ASK),
        ({"name": "Acme"}, {"name": "Zenith"}, Door.NEW),
        ({"name": "Ax"}, {"name": "AX"}, Door.ASK),
        ({"name": "王"}, {"name": "王"}, Door.SAME),
        ({}, {}, Door.NEW),
    ],
)
def test_a_domain_links_and_a_whole_name_that_no_domain_contradicts(
    a: dict[str, object], b: dict[str, object], expected: Door
) -> None:
    assert door(a, b) is expected


def test_a_domain_of_several_companies_needs_the_name() -> None:
    north, south = {"name": "Acme North", "domains": ("acme.com",)}, {"name": "Acme South", "domains": ("acme.com",)}
    lefts = [account("1", **north), account("2", **south)]
    matching = match(lefts, [firm("3", **north)], Bounds(), frozenset(), {})
    assert [(one.left.id, one.right.id) for one in matching.links] == [("1", "3")]
    assert [(one.left.id, one.right.id) for one in matching.asks] == [("2", "3")]
    assert matching.duplicates == ()
    assert door(north, south, Crowd.of(lefts, [])) is Door.ASK


def test_a_name_that_several_companies_bear_links_nobody() -> None:
    lefts = [
        account("1", name="Stadtwerke", domains=("sw-north.de",)),
        account("2", name="Stadtwerke", domains=("sw-south.de",)),
    ]
    matching = match(lefts, [firm("3", name="Stadtwerke AG")], Bounds(), frozenset(), {})
    assert matching.links == ()
    assert len(matching.asks) == 2
    phones = {"phones": ("+4930123456",)}
    assert scored({"name": "Stadtwerke", **phones}, {"name": "Stadtwerke", **phones}, Crowd.of(lefts, [])).value == 88


def test_one_company_twice_in_a_system_is_a_duplicate() -> None:
    lefts = [account("1", **ACME), account("2", **ACME, modified_at=NOW)]
    matching = match(lefts, [firm("3", **ACME)], Bounds(), frozenset(), {})
    assert [(one.left.id, one.right.id) for one in matching.links] == [("2", "3")]
    assert [(one.ref.id, one.active.id) for one in matching.duplicates] == [("1", "2")]


def test_a_stored_id_links_companies() -> None:
    assert door({"name": "Acme", "other_ids": frozenset({"2"})}, {"name": "Renamed"}) is Door.SAME


def test_companies_worth_comparing_share_a_key() -> None:
    for a, b in [
        (ACME, {"name": "ACME Holding"}),
        ({"name": "Mueller"}, {"name": "Müller AG"}),
        (ACME, {"domains": ("acme.com",)}),
    ]:
        assert keys_of(account("1", **a)) & keys_of(firm("2", **b))
