"""The Salesforce sandbox: SOQL, its pages and its refusals, as api/salesforce.md sections 3.4, 7 and 14 say."""

# ruff: noqa: S608 - the queries run in a sandbox in memory, and quoting is under test
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sandbox.salesforce_world import (
    ACME,
    ADA,
    ALAN,
    ALICE,
    DATA,
    GLOBEX,
    GRACE,
    LINUS,
    MARGARET,
    START,
    Org,
    error_of,
)

from concord_sandbox.salesforce.errors import QueryRefusal, Refusal
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.soql.literals import like_pattern, unescaped
from concord_sandbox.salesforce.soql.parsing import parse
from concord_sandbox.salesforce.soql.query import Querier
from concord_sandbox.salesforce.soql.tree import Compare


@pytest.fixture
def org() -> Org:
    return Org()


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Email = 'ADA@ACME.example'", [ADA]),
        ("Email != 'ada@acme.example'", [GRACE, ALAN]),
        ("Email = null", [ALAN]),
        ("Email = ''", [ALAN]),
        ("Email != null", [ADA, GRACE]),
        ("Email LIKE '%@acme.%' AND FirstName LIKE '_da'", [ADA]),
        ("Email LIKE 'ada\\_%'", []),
        ("FirstName IN ('ada', 'alan')", [ADA, ALAN]),
        ("FirstName NOT IN ('Ada')", [GRACE, ALAN]),
        ("Email NOT IN ('ada@acme.example')", [GRACE, ALAN]),
        ("Email IN ('ada@acme.example', null)", [ADA, ALAN]),
        ("NOT (FirstName = 'Ada' OR FirstName = 'Alan')", [GRACE]),
        ("NOT FirstName = 'Ada' AND AccountId != null", [GRACE]),
        ("(FirstName = 'Ada' OR FirstName = 'Grace') AND Score__c > 7", [GRACE]),
        ("Score__c <= 7.5", [GRACE]),
        ("Score__c < -1", []),
        ("Topics__c INCLUDES ('Red;Blue', 'Green')", [ADA]),
        ("Topics__c INCLUDES ('Green')", []),
        ("Topics__c EXCLUDES ('Red')", [GRACE, ALAN]),
        ("Topics__c = 'Blue;Red'", [ADA]),
        ("DoNotCall = FALSE", [ADA, GRACE, ALAN]),
        ("DoNotCall = true", []),
        ("Account.Name = 'acme' AND Account.NumberOfEmployees >= 50", [ADA, GRACE]),
        ("Contact.Owner.Email = 'alice@our.example'", [ADA, GRACE, ALAN]),
        ("AccountId IN (SELECT Id FROM Account WHERE Name = 'Acme')", [ADA, GRACE]),
        ("Id NOT IN (SELECT ConvertedContactId FROM Lead)", [GRACE, ALAN]),
        (f"Id = '{ADA[:15]}'", [ADA]),
        (f"Id > '{ADA}'", [GRACE, ALAN]),
        ("SystemModstamp >= 2026-11-23T08:30:00Z", [ALAN]),
        ("SystemModstamp > 2026-11-23T08:30:00.000+00:00", []),
        ("SystemModstamp >= 2026-11-23T09:30:00+01:00", [ALAN]),
        ("SystemModstamp = TODAY", [ALAN]),
        ("CreatedDate = LAST_N_DAYS:30", [ADA, GRACE, ALAN]),
        ("CreatedDate = LAST_N_DAYS:3", []),
        ("CreatedDate < THIS_WEEK", [ADA, GRACE, ALAN]),
        ("CreatedDate = THIS_MONTH", [ADA, GRACE, ALAN]),
        ("CreatedDate = LAST_MONTH", []),
        ("CreatedDate >= N_DAYS_AGO:22", [ADA, GRACE, ALAN]),
    ],
)
async def test_a_condition_finds_exactly_these(org: Org, where: str, found: list[str]) -> None:
    assert sorted(await org.column(f"SELECT Id FROM Contact WHERE {where}")) == sorted(found)


async def test_nulls_come_first_unless_told_otherwise_and_text_sorts_without_case(org: Org) -> None:
    assert await org.column("SELECT Email FROM Contact ORDER BY Email") == [
        None,
        "ada@acme.example",
        "grace@acme.example",
    ]
    assert await org.column("SELECT Email FROM Contact ORDER BY Email DESC") == [
        None,
        "grace@acme.example",
        "ada@acme.example",
    ]
    last = await org.column("SELECT Email FROM Contact ORDER BY Email DESC NULLS LAST LIMIT 2 OFFSET 1")
    assert last == ["ada@acme.example", None]
    many = await org.column("SELECT FirstName FROM Contact ORDER BY Account.Name ASC NULLS LAST, FirstName DESC")
    assert many == ["Grace", "Ada", "Alan"]


async def test_records_carry_attributes_canonical_names_and_their_parents(org: Org) -> None:
    answer = await org.soql(f"select lastname, account.name, owner.email from contact where id = '{ADA}'")
    assert answer == {
        "totalSize": 1,
        "done": True,
        "records": [
            {
                "attributes": {"type": "Contact", "url": f"{DATA}/sobjects/Contact/{ADA}"},
                "LastName": "Lovelace",
                "Account": {
                    "attributes": {"type": "Account", "url": f"{DATA}/sobjects/Account/{ACME}"},
                    "Name": "Acme",
                },
                "Owner": {
                    "attributes": {"type": "User", "url": f"{DATA}/sobjects/User/{ALICE}"},
                    "Email": "alice@our.example",
                },
            }
        ],
    }
    assert await org.column(f"SELECT Account.Name FROM Contact WHERE Id = '{ALAN}'") == [None]


async def test_children_come_as_a_query_of_their_own_or_null(org: Org) -> None:
    answer = await org.soql("SELECT Name, (SELECT FirstName FROM Contacts ORDER BY FirstName LIMIT 1) FROM Account")
    acme, globex = answer["records"]
    assert (acme["Contacts"]["totalSize"], acme["Contacts"]["records"][0]["FirstName"]) == (1, "Ada")
    assert globex["Contacts"] is None


async def test_counts_and_groups(org: Org) -> None:
    assert await org.soql("SELECT COUNT() FROM Contact") == {"totalSize": 3, "done": True, "records": []}
    rows = (await org.soql("SELECT Account.Name, COUNT(Id) n, MAX(Score__c) FROM Contact GROUP BY Account.Name "
                           "HAVING COUNT(Id) >= 1 ORDER BY COUNT(Id) DESC"))["records"]  # fmt: skip
    assert rows == [
        {"attributes": {"type": "AggregateResult"}, "Name": "Acme", "n": 2, "expr0": 7.5},
        {"attributes": {"type": "AggregateResult"}, "Name": None, "n": 1, "expr0": None},
    ]
    rows = (
        await org.soql("SELECT COUNT_DISTINCT(AccountId), SUM(Score__c), AVG(Score__c) a, MIN(Email) FROM Contact")
    )["records"]
    assert list(rows[0].values())[1:] == [1, 7.5, 7.5, "ada@acme.example"]


async def test_fields_of_a_kind_are_written_out(org: Org) -> None:
    (custom,) = (await org.soql(f"SELECT FIELDS(CUSTOM) FROM Contact WHERE Id = '{ADA}' LIMIT 1"))["records"]
    assert all(name.endswith("__c") for name in custom if name != "attributes")
    assert await org.refusal("SELECT FIELDS(ALL) FROM Contact") == (
        "MALFORMED_QUERY",
        "\nSELECT FIELDS(ALL) FROM Contact\n       ^\nERROR at Row:1:Column:8\n"
        "The SOQL FIELDS function must have a LIMIT of at most 200",
    )


async def test_escapes_mean_what_salesforce_says(org: Org) -> None:
    assert await org.column("SELECT LastName FROM Lead WHERE LastName = 'O\\'Torvalds'") == ["O'Torvalds"]
    await org.patch(f"/sobjects/Lead/{LINUS}", {"Title": '50% \\ "x"_'})
    for literal in ('50% \\\\ \\"x\\"_', '50% \\\\ "x"_', '50\\u0025 \\\\ "x"_'):
        assert await org.column(f"SELECT Id FROM Lead WHERE Title = '{literal}'") == [LINUS]
    assert await org.column("SELECT Id FROM Lead WHERE Title LIKE '50\\% %\\_'") == [LINUS]
    assert await org.column("SELECT Id FROM Lead WHERE Title LIKE '\\%%'") == []
    assert (await org.refusal("SELECT Id FROM Lead WHERE Title = '\\q'"))[0] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("SELECT Id FORM Lead", "MALFORMED_QUERY", "unexpected token"),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Lead WHERE A = 1 AND B = 2 OR C = 3", "MALFORMED_QUERY", "unexpected token: 'OR'"),
        ("SELECT Id FROM Lead WHERE Title = 'x", "MALFORMED_QUERY", "line 1:36 mismatched character '<EOF>'"),
        ("SELECT Id FROM Lead WHERE CreatedDate = :when", "MALFORMED_QUERY", "Bind variables only allowed in Apex"),
        ("SELECT Id FROM Lead WHERE CreatedDate > SOMEDAY", "MALFORMED_QUERY", "unexpected token: 'SOMEDAY'"),
        ("SELECT Id FROM Lead WHERE CreatedDate = LAST_N_DAYS:999999", "MALFORMED_QUERY", "out of range"),
        ("SELECT Id FROM Lead LIMIT x", "MALFORMED_QUERY", "unexpected token: 'x'"),
        ("SELECT Id l FROM Lead", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT Id, id FROM Lead", "INVALID_FIELD", "duplicate field selected: id"),
        ("SELECT Nope FROM Lead", "INVALID_FIELD", "No such column 'Nope' on entity 'Lead'"),
        ("SELECT Id FROM Lead WHERE Nope = 1", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT Id FROM Lead ORDER BY Nope", "INVALID_FIELD", "No such column 'Nope'"),
        ("SELECT Nope.Id FROM Lead", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        ("SELECT Id, (SELECT Id FROM Nopes) FROM Account", "INVALID_TYPE", "Didn't understand relationship"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported"),
        ("SELECT Id FROM Lead WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Contact ORDER BY MailingAddress", "INVALID_FIELD", "can not be sorted"),
        ("SELECT COUNT(Id) FROM Contact GROUP BY MailingAddress", "INVALID_FIELD", "can not be grouped"),
        ("SELECT MailingCity, COUNT(Id) FROM Contact", "MALFORMED_QUERY", "must be grouped or aggregated"),
        ("SELECT Id FROM Lead WHERE Phone = 5", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Lead WHERE Score__c = '5'", "INVALID_FIELD", "must be of type double"),
        ("SELECT Id FROM Lead WHERE CreatedDate = 2026-01-01", "INVALID_FIELD", "must be of type dateTime"),
        ("SELECT Id FROM Lead WHERE CreatedDate = '2026-01-01T00:00:00Z'", "INVALID_FIELD", "of type dateTime"),
        ("SELECT Id FROM Lead WHERE CreatedDate > 2026-02-30T00:00:00Z", "MALFORMED_QUERY", "invalid date"),
        ("SELECT Id FROM Lead WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
        ("SELECT Id FROM Lead WHERE DoNotCall > true", "INVALID_QUERY_FILTER_OPERATOR", "boolean"),
        ("SELECT Id FROM Lead WHERE Score__c LIKE '5'", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Id FROM Lead WHERE " + "NOT " * 2000 + "DoNotCall = true", "QUERY_TOO_COMPLICATED", "nested"),
        ("SELECT Id FROM Lead OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
    ],
)
async def test_a_query_is_refused_in_salesforces_words(org: Org, text: str, code: str, words: str) -> None:
    given_code, message = await org.refusal(text)
    assert given_code == code
    assert words in message


async def test_a_refusal_points_at_the_place(org: Org) -> None:
    _, message = await org.refusal("SELECT Id,\n  Nope FROM Lead")
    assert message.startswith("\n  Nope FROM Lead\n  ^\nERROR at Row:2:Column:3\nNo such column 'Nope'")


async def test_a_query_is_wanted(org: Org) -> None:
    assert error_of(await org.get("/query")) == (400, "MALFORMED_QUERY")


async def test_pages_hold_2000_rows_or_what_the_header_asks_and_their_locators_expire() -> None:
    section = {"records": {"Account": [{"Id": new_id("001", n), "Name": f"A{n:04d}"} for n in range(1, 2502)]}}
    org = Org(section)
    text = "SELECT Name FROM Account ORDER BY Name"
    first = await org.soql(text)
    assert (first["totalSize"], first["done"], len(first["records"])) == (2501, False, 2000)
    second = (await org.client.get(first["nextRecordsUrl"])).json()
    assert (second["totalSize"], second["done"], len(second["records"])) == (2501, True, 501)
    assert second["records"][0]["Name"] == "A2001"
    assert "nextRecordsUrl" not in second
    small = await org.soql(text, headers={"Sforce-Query-Options": "batchSize=200"})
    assert len(small["records"]) == 200
    tiny = await org.soql(text, headers={"Sforce-Query-Options": "batchSize=5"})
    assert len(tiny["records"]) == 200
    await org.control("locators/expire")
    assert error_of(await org.client.get(first["nextRecordsUrl"])) == (400, "INVALID_QUERY_LOCATOR")
    late = await org.soql(text)
    org.controls.clock.advance(2 * 86_400 + 1)
    assert error_of(await org.client.get(late["nextRecordsUrl"])) == (400, "INVALID_QUERY_LOCATOR")
    assert error_of(await org.get("/query/garbage")) == (400, "INVALID_QUERY_LOCATOR")


async def test_polling_by_stamp_and_id_walks_over_every_record_once() -> None:
    rows = [
        {"Id": new_id("001", n), "Name": f"A{n}", "SystemModstamp": f"2026-11-0{n % 3 + 1}T00:00:00Z"}
        for n in range(1, 60)
    ]
    org = Org({"records": {"Account": rows}})
    stamp, last, seen = "2026-01-01T00:00:00Z", "001000000000000AAA", []
    while True:
        page = (await org.soql(
            f"SELECT Id, SystemModstamp FROM Account WHERE SystemModstamp > {stamp} OR (SystemModstamp = {stamp} AND "
            f"Id > '{last}') ORDER BY SystemModstamp, Id LIMIT 7"
        ))["records"]  # fmt: skip
        seen += [one["Id"] for one in page]
        if not page:
            break
        stamp, last = page[-1]["SystemModstamp"].replace("+0000", "Z"), page[-1]["Id"]
    assert len(seen) == len(set(seen)) == 59


async def test_an_index_follows_every_write(org: Org) -> None:
    by_stamp = "SELECT Id FROM Contact WHERE SystemModstamp >= 2026-11-23T09:00:01Z ORDER BY SystemModstamp, Id"
    by_mail = "SELECT Id FROM Contact WHERE Email = 'new@acme.example'"
    assert await org.column(by_stamp) == []
    assert await org.column(by_mail) == []
    org.controls.clock.advance(10)
    await org.patch(f"/sobjects/Contact/{GRACE}", {"Email": "new@acme.example"})
    await org.patch(f"/sobjects/Contact/{ADA}", {"Phone": "1"})
    assert await org.column(by_stamp) == [ADA, GRACE]
    assert await org.column(by_mail) == [GRACE]
    org.controls.clock.advance(10)
    await org.patch(f"/sobjects/Contact/{ADA}", {"Email": "new@acme.example"})
    assert await org.column(by_stamp) == [GRACE, ADA]
    assert sorted(await org.column(by_mail)) == [ADA, GRACE]
    await org.delete(f"/sobjects/Contact/{GRACE}")
    assert await org.column(by_mail) == [ADA]


async def test_the_statuses_of_leads_and_the_organisation_can_be_asked(org: Org) -> None:
    assert await org.column("SELECT ApiName FROM LeadStatus WHERE IsConverted = true") == ["Closed - Converted"]
    (row,) = (await org.soql("SELECT Id, Name, OrganizationType, IsSandbox FROM Organization"))["records"]
    assert (row["OrganizationType"], row["IsSandbox"]) == ("Developer Edition", False)


async def test_get_updated_and_get_deleted_cover_their_window(org: Org) -> None:
    org.controls.clock.advance(120)
    await org.delete(f"/sobjects/Contact/{GRACE}")
    org.controls.clock.advance(120)
    window = {"start": "2026-11-23T08:00:00Z", "end": "2026-11-23T09:03:30+00:00"}
    answer = (await org.get("/sobjects/Contact/updated/", params=window)).json()
    assert answer == {"ids": [ALAN], "latestDateCovered": "2026-11-23T09:03:00.000+0000"}
    answer = (await org.get("/sobjects/Contact/deleted/", params=window)).json()
    assert answer["deletedRecords"] == [{"id": GRACE, "deletedDate": "2026-11-23T09:02:00.000+0000"}]
    assert answer["earliestDateAvailable"] == "2026-11-08T09:04:00.000+0000"
    early = {"start": "2026-01-01T00:00:00Z", "end": "2026-11-23T09:00:00Z"}
    assert error_of(await org.get("/sobjects/Contact/updated", params=early)) == (400, "INVALID_REPLICATION_DATE")
    short = {"start": "2026-11-23T08:00:00Z", "end": "2026-11-23T08:00:59Z"}
    assert error_of(await org.get("/sobjects/Contact/updated", params=short)) == (400, "INVALID_REPLICATION_DATE")


async def test_a_get_with_a_very_long_uri_is_refused(org: Org) -> None:
    long = "SELECT Id FROM Lead WHERE Id IN (" + ",".join(f"'{LINUS}'" for _ in range(800)) + ")"
    assert (await org.get("/query", params={"q": long})).status_code == 414
    assert (await org.get("/query", headers={"X-Long": "x" * 16_400})).status_code == 431
    # Inside a composite call the same query is no URI; there only its own length counts.
    for count, status in ((800, 200), (5000, 400)):
        text = "SELECT Id FROM Lead WHERE Id IN (" + ",".join(f"'{LINUS}'" for _ in range(count)) + ")"
        call = {"method": "GET", "url": f"{DATA}/query?q={text.replace(' ', '+')}", "referenceId": "q"}
        answer = (await org.post("/composite", {"compositeRequest": [call]})).json()["compositeResponse"][0]
        assert answer["httpStatusCode"] == status


# The parser, for any text.

_PARSEABLE = st.text(st.characters(blacklist_categories=("Cs",)), max_size=60)


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


@given(_PARSEABLE)
def test_any_text_survives_quoting_and_reading(text: str) -> None:
    query = parse(f"SELECT Id FROM Lead WHERE Title = '{_literal(text)}'")
    assert isinstance(query.where, Compare)
    assert unescaped(query.where.literal) == text


@given(_PARSEABLE)
def test_like_finds_any_text_whose_wildcards_are_escaped(text: str) -> None:
    quoted = _literal(text).replace("%", "\\%").replace("_", "\\_")
    query = parse(f"SELECT Id FROM Lead WHERE Title LIKE '{quoted}%'")
    assert isinstance(query.where, Compare)
    pattern = like_pattern(query.where.literal)
    assert pattern.fullmatch(text)
    assert pattern.fullmatch(text + "anything")


@given(st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_writing_and_reading(number: float) -> None:
    query = parse(f"SELECT Id FROM Lead WHERE Score__c >= {number!r} LIMIT 1")
    assert isinstance(query.where, Compare)
    assert query.where.literal.value == number


_VOCABULARY = (
    "SELECT FROM WHERE AND OR NOT IN LIKE ORDER BY GROUP HAVING LIMIT OFFSET NULLS FIRST LAST ASC DESC INCLUDES "
    "COUNT() COUNT(Id) ( ) , = != < >= 'x' '\\ ' 1 -2.5 null true TODAY LAST_N_DAYS:3 2026-01-01 2026-01-01T00:00:00Z "
    "Id Lead Contact Name Email Owner.Name Account.Owner.Name Contacts MailingAddress DoNotCall Description"
)
_WORDS = st.sampled_from(_VOCABULARY.split())
_SMALL = Org()


@given(st.text(max_size=80) | st.lists(_WORDS, max_size=25).map(" ".join))
def test_garbage_is_refused_and_never_breaks_the_parser(text: str) -> None:
    refusal = _refusal_of(lambda: parse(text))
    if refusal is not None:
        assert isinstance(refusal, QueryRefusal)
        assert refusal.fails[0].code in ("MALFORMED_QUERY", "QUERY_TOO_COMPLICATED")
        assert refusal.placed(text).fails[0].message


def _refusal_of(work: Callable[[], Any]) -> Refusal | None:
    """What a piece of work was refused with; any other exception is a fault of the sandbox."""
    try:
        work()
    except Refusal as refusal:
        return refusal
    return None


_COLUMNS = st.lists(
    st.sampled_from(
        [
            "Id",
            "Name",
            "Account.Name",
            "COUNT(Id)",
            "MAX(DoNotCall)",
            "MIN(Email) m",
            "(SELECT Id FROM Histories)",
            "MailingAddress",
        ]
    ),
    min_size=1,
    max_size=3,
)
_FIELDS = "Id Email DoNotCall Score__c CreatedDate Birthdate Topics__c Account.Name MailingAddress Description"
_NAMES = st.sampled_from(_FIELDS.split())
_GIVEN = (
    "null '' 'a' '003000000000001' 5 1e300 true TODAY 2026-01-01 2026-01-01T00:00:00Z LAST_N_YEARS:9999 "
    "('a',null) ('003000000000001') (1)"
)
_VALUES = st.sampled_from([*_GIVEN.split(), "(SELECT Id FROM Account)"])
_OPERATORS = st.sampled_from(["=", "!=", "<", ">=", "LIKE", "IN", "NOT IN", "INCLUDES"])
_CONDITION = st.builds("{} {} {}".format, _NAMES, _OPERATORS, _VALUES)
_TAILS = st.sampled_from(
    [
        "",
        " ORDER BY Id",
        " ORDER BY SystemModstamp, Id LIMIT 1",
        " GROUP BY AccountId",
        " ORDER BY Account.Name DESC",
        " GROUP BY DoNotCall HAVING COUNT(Id) > 0",
        " LIMIT 0",
    ]
)


@given(_COLUMNS, _CONDITION, _CONDITION, _TAILS)
def test_whatever_parses_is_answered_or_refused(columns: list[str], one: str, other: str, tail: str) -> None:
    text = f"SELECT {', '.join(columns)} FROM Contact WHERE {one} OR NOT ({other}){tail}"
    querier = Querier(_SMALL.service._api.org, START, "v66.0", with_deleted=True)

    def answer() -> None:
        result = querier.run(text)
        assert all("attributes" in result.shape(row) for row in result.rows)

    refusal = _refusal_of(answer)
    assert refusal is None or refusal.status == 400


async def test_margaret_is_found_by_her_conversion(org: Org) -> None:
    assert await org.column(f"SELECT Id FROM Lead WHERE ConvertedContactId = '{ADA}' AND IsConverted = true") == [
        MARGARET
    ]
    assert await org.column(f"SELECT Id FROM Account WHERE Id IN ('{ACME}', '{GLOBEX}') ORDER BY Id DESC") == [
        GLOBEX,
        ACME,
    ]
