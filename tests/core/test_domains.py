"""Addresses, domains and telephone numbers."""

from __future__ import annotations

import pytest

from concord.core import domains


def last_two(host: str) -> str:
    return ".".join(host.split(".")[-2:]) if "." in host else ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" John.Smith@ACME.com ", "john.smith@acme.com"),
        ("john+news@acme.com", "john@acme.com"),
        ("+tag@acme.com", "+tag@acme.com"),
        ("j.o.hn@googlemail.com", "john@gmail.com"),
        ("anna@müller.de", "anna@xn--mller-kva.de"),
        ("anna@" + "ü" * 80 + ".de", "anna@" + "ü" * 80 + ".de"),
        ("anna@acme.com.", "anna@acme.com"),
    ],
)
def test_an_address_has_one_form(text: str, expected: str) -> None:
    assert domains.normal_address(text) == expected


def test_all_addresses_in_the_fields_are_found_once() -> None:
    found = domains.addresses(["mailto:A@acme.com", "", "a@acme.com; b@acme.com,c@acme.com", "not an address"])
    assert found == ("a@acme.com", "b@acme.com", "c@acme.com")


@pytest.mark.parametrize(
    "text", ["noreply@acme.com", "no-reply@acme.com", "test@test.com", "anna@example.com", "na@x.de"]
)
def test_what_is_nobodys_address_is_no_address(text: str) -> None:
    assert domains.addresses([text]) == ()


@pytest.mark.parametrize(
    "address",
    [
        "info@acme.com",
        "sales@acme.com",
        "office2@acme.com",
        "vertrieb-de@acme.com",
        "acme@acme.com",
        "hr.office@acme.com",
    ],
)
def test_a_role_mailbox_is_known_by_its_name(address: str) -> None:
    assert domains.is_role(address)


@pytest.mark.parametrize(
    "address", ["john@acme.com", "john.sales@acme.com", "smith.hr.jones@acme.com", "4711@acme.com"]
)
def test_a_persons_mailbox_is_no_role(address: str) -> None:
    assert not domains.is_role(address)


def test_free_mail_and_hosting_are_nobodys_domain() -> None:
    assert domains.company_domain("mail.acme.com", last_two) == "acme.com"
    assert domains.company_domain("gmail.com", last_two) == ""
    assert domains.company_domain("mailinator.com", last_two) == ""
    assert domains.company_domain("acme.wixsite.com", last_two) == ""
    assert domains.company_domain("localhost", last_two) == ""


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://www.Acme.com/about?x=1", "acme.com"),
        ("acme.com", "acme.com"),
        ("http://user@acme.com:8080/", "acme.com"),
        ("www.müller.de", "xn--mller-kva.de"),
        ("none", ""),
        ("", ""),
        ("ü" * 80 + ".de", ""),
    ],
)
def test_a_web_address_has_a_host(text: str, host: str) -> None:
    assert domains.web_host(text) == host


def test_a_domain_has_a_word() -> None:
    assert domains.label("acme-corp.co.uk") == "acmecorp"


@pytest.mark.parametrize(
    ("text", "hosts", "expected"),
    [
        ("+49 (0)30 1234567", [], ("+49301234567",)),
        ("0049 30 1234567", ["acme.de"], ("+49301234567",)),
        ("030 / 1234567", ["acme.de"], ("+49301234567",)),
        ("020 7946 0958", ["acme.co.uk"], ("+442079460958",)),
        ("(212) 555-0123", ["acme.com"], ("2125550123",)),
        ("12", ["acme.de"], ()),
        ("call me", [], ()),
        ("", [], ()),
    ],
)
def test_a_number_says_its_country_or_keeps_its_digits(text: str, hosts: list[str], expected: tuple[str, ...]) -> None:
    assert domains.numbers_in(text, hosts) == expected


def test_a_number_without_its_country_is_the_same_as_one_that_ends_so() -> None:
    assert domains.number_in_common(["+12125550123"], ["2125550123"]) == "+12125550123"
    assert domains.number_in_common(["+12125550123"], ["+12125550124"]) == ""
    assert domains.number_in_common([], ["+12125550124"]) == ""


def test_a_mobile_number_is_known_as_one() -> None:
    assert domains.is_mobile("+4917112345678")
    assert not domains.is_mobile("+49301234567")
    assert not domains.is_mobile("17112345678")
