"""The SOAP API on the wire: what a call is made of, and what odd answers mean (api/salesforce.md 12 and 13)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring
from tests.wire.salesforce_org import Org, contact, field

from concord.core.model import Failure
from concord.core.values import BLANK, FieldSpec, FieldType, Ref, Value
from concord.errors import Category
from concord.systems.salesforce import soap

PATH = "/services/Soap/u/66.0$"
ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
A, B, C, D = (Ref("salesforce", "Contact", contact(number)) for number in range(1, 5))


@pytest.fixture
def org() -> Org:
    return Org()


def answer(inside: str) -> str:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="{ENVELOPE}" '
        f'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<soapenv:Header><LimitInfoHeader/></soapenv:Header><soapenv:Body>{inside}</soapenv:Body></soapenv:Envelope>"
    )


def done(*results: str) -> str:
    return answer("<mergeResponse>" + "".join(f"<result>{one}</result>" for one in results) + "</mergeResponse>")


def fault(code: str, words: str) -> tuple[int, str]:
    return 500, answer(
        f"<soapenv:Fault><faultcode>{code}</faultcode><faultstring>{words}</faultstring></soapenv:Fault>"
    )


GOOD = "<id>x</id><success>true</success>"


async def merged(org: Org, *losers: Ref, values: Mapping[str, Value] | None = None) -> list[Failure | None]:
    return [one.failure for one in await org.salesforce.merge(A, losers or (B,), values or {})]


def sent(org: Org) -> Element:
    (request,) = org.calls(PATH)
    root: Element = fromstring(request.content)
    return root


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def plain(element: Element) -> Any:
    return [(local(one.tag), plain(one) if len(one) else one.text) for one in element]


async def test_a_call_has_the_token_within_says_who_we_are_and_overrules_no_duplicate_rule(org: Org) -> None:
    org.on("POST", PATH, done(GOOD))
    assert await merged(org, B, values={"Phone": "1 & 2", "Email": BLANK}) == [None]
    (request,) = org.calls(PATH)
    assert request.headers["content-type"] == "text/xml; charset=UTF-8"
    assert (request.headers["soapaction"], request.headers["accept"]) == ('""', "text/xml")
    header, body = sent(org)
    assert plain(header) == [
        ("SessionHeader", [("sessionId", "00D!AQ")]),
        ("CallOptions", [("client", "Concord")]),
        ("DuplicateRuleHeader", [("allowSave", "false"), ("includeRecordDetails", "false"),
                                 ("runAsCurrentUser", "true")]),
    ]  # fmt: skip
    assert plain(body) == [
        ("merge", [("request", [
            ("masterRecord", [("type", "Contact"), ("fieldsToNull", "Email"), ("Id", A.id), ("Phone", "1 & 2")]),
            ("recordToMergeIds", B.id),
        ])]),
    ]  # fmt: skip


async def test_more_than_two_losers_are_several_requests_of_one_call_in_order(org: Org) -> None:
    refused = (
        "<errors><fields>Phone</fields><fields>Email</fields><message>no</message>"
        "<statusCode>FIELD_CUSTOM_VALIDATION_EXCEPTION</statusCode></errors><success>false</success>"
    )
    org.on("POST", PATH, done(GOOD, refused))
    first, second, third = await merged(org, B, C, D)
    assert (first, second) == (None, None)
    assert third is not None
    assert (third.category, third.fields, third.message) == (Category.VALIDATION_RULE, ("Phone", "Email"), "no")


async def test_a_result_too_few_is_unknown(org: Org) -> None:
    org.on("POST", PATH, done(GOOD))
    first, second, third = await merged(org, B, C, D)
    assert (first, second) == (None, None)
    assert third is not None
    assert third.unknown


@pytest.mark.parametrize(
    ("told", "category", "message"),
    [
        (
            fault("sf:INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS_OR_READONLY: no"),
            Category.PERMISSION,
            "salesforce: no",
        ),
        (fault("soapenv:Client", "Element invalid"), Category.INTERNAL, "salesforce: Element invalid"),
        (answer("<otherResponse><result/></otherResponse>"), Category.INTERNAL, "the answer is none to merge"),
        (answer(""), Category.INTERNAL, "the answer is none to merge"),
        ("<html><body>We are down", Category.INTERNAL, "a page instead of data"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><x>&amp;</x>', Category.INTERNAL, "a page instead of data"),
    ],
)
async def test_what_is_refused_is_a_failure_in_the_words_of_the_org(
    org: Org, told: Any, category: Category, message: str
) -> None:
    org.on("POST", PATH, told)
    (failure,) = await merged(org)
    assert failure is not None
    assert failure.category is category
    assert message in failure.message
    assert "00D!AQ" not in failure.message + failure.advice


async def test_a_gateways_page_is_no_verdict(org: Org) -> None:
    org.on("POST", PATH, (502, "<html><body>Bad gateway</body></html>"))
    (failure,) = await merged(org)
    assert failure is not None
    assert failure.unknown
    assert len(org.calls(PATH)) == 1, "it is not sent again: it may have been done"


async def test_a_fault_that_says_that_the_token_is_old_is_answered_with_a_new_one_within(org: Org) -> None:
    tokens = [f"00D!{letter}" for letter in "XY"]
    signed = {
        "instance_url": "https://acme.my.salesforce.com",
        "id": "https://login/id/00Dxx0000001gPL/005xx000001SwiU",
    }
    org.on("POST", "/oauth2/token", *({**signed, "access_token": token} for token in tokens))
    org.on("POST", PATH, fault("sf:INVALID_SESSION_ID", "INVALID_SESSION_ID: Illegal Session"), done(GOOD))
    assert await merged(org) == [None]
    assert [f"<sessionId>{token}</sessionId>".encode() in request.content
            for token, request in zip(tokens, org.calls(PATH), strict=True)] == [True, True]  # fmt: skip


async def test_an_error_message_keeps_no_address(org: Org) -> None:
    org.on("POST", PATH, fault("sf:MERGE_FAILED", "MERGE_FAILED: ada@engines.com is in the way"))
    (failure,) = await merged(org)
    assert failure is not None
    assert "ada@" not in failure.message


def test_values_are_written_as_xml_has_them() -> None:
    fields = {
        one.name: one
        for one in (
            FieldSpec("Yes", FieldType.CHECKBOX),
            FieldSpec("Sum", FieldType.CURRENCY),
            FieldSpec("Text", FieldType.TEXT),
            FieldSpec("Many", FieldType.MULTI_PICKLIST),
        )
    }
    values: dict[str, Value] = {
        "Yes": True, "Sum": Decimal("12.5"), "Text": "<a>\x00 & ü", "Many": frozenset({"b", "a"}),
    }  # fmt: skip
    assert soap.sobject("x", "Lead", "1", values, fields) == (
        "<x><sf:type>Lead</sf:type><sf:Id>1</sf:Id><sf:Yes>true</sf:Yes><sf:Sum>12.5</sf:Sum>"
        "<sf:Text>&lt;a&gt;? &amp; ü</sf:Text><sf:Many>a;b</sf:Many></x>"
    )


def test_a_name_that_is_none_is_no_element() -> None:
    with pytest.raises(ValueError, match="no name of an element"):
        soap.element("a><b", "")


def test_nil_and_empty_elements_are_left_out_and_every_other_is_a_list() -> None:
    told = soap.read(answer('<r><a xsi:nil="true"/><b/><c>1</c><c>2</c><d><e>3</e></d></r>').encode())
    assert told == {"r": [{"c": ["1", "2"], "d": [{"e": ["3"]}]}]}


@pytest.mark.parametrize("content", [b"", b"{}", b"<a/>", f'<e xmlns="{ENVELOPE}"/>'.encode()])
def test_what_is_no_envelope_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"no XML|no envelope"):
        soap.read(content)


async def test_a_part_of_an_address_is_known_for_one(org: Org) -> None:
    org.on(
        "GET",
        "/sobjects/Contact/describe/",
        {
            "name": "Contact",
            "fields": [
                field("MailingAddress", "address"),
                field("MailingCity", compoundFieldName="MailingAddress"),
                field("FirstName", compoundFieldName="Name"),
                field("Name"),
            ],
        },
    )
    fields = (await org.salesforce.describe(["Contact"]))["Contact"].fields
    parts = {name: one.part_of for name, one in fields.items()}
    assert parts == {"MailingCity": "MailingAddress", "FirstName": "", "Name": ""}
