"""The Salesforce sandbox: the whole of SOQL, feature by feature, after the SOQL and SOSL Reference."""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, GLOBEX, GRACE, LINUS, START, Org, error_of, world

from concord_sandbox.salesforce.errors import Refusal
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.soql.query import Querier

INITECH = new_id("001", 903)
CALL, MAIL, OLD = (new_id("00T", number) for number in (1, 2, 3))


def rich() -> dict[str, Any]:
    """The small world with tasks, places, picklists, a hierarchy of accounts and a fiscal year that begins in April."""
    made = world()
    records = made["records"]
    acme, globex = records["Account"]
    acme |= {"BillingLatitude": 52.52, "BillingLongitude": 13.405, "Industry": "Banking", "Rating": "Cold"}
    globex |= {"ParentId": ACME, "Industry": "Energy", "Rating": "Hot"}
    records["Account"].append({"Id": INITECH, "Name": "Initech", "ParentId": GLOBEX, "Rating": "Warm"})
    records["Task"] = [
        {"Id": CALL, "Subject": "Call", "WhoId": ADA, "WhatId": ACME, "ActivityDate": "2026-11-23"},
        {"Id": MAIL, "Subject": "Mail", "WhoId": LINUS, "ActivityDate": "2026-11-24"},
        {"Id": OLD, "Subject": "Old", "WhoId": ADA, "IsArchived": True, "ActivityDate": "2024-01-02"},
    ]
    records["Subscription__c"] = [
        {"Name": f"S{number}", "Contact__c": ADA, "Seats__c": number, "OwnerId": ALICE} for number in range(3)
    ]
    records["Organization"] = [
        {"Name": "Org", "TimeZoneSidKey": "America/Los_Angeles", "FiscalYearStartMonth": 4}
    ]  # fmt: skip
    return made


@pytest.fixture
def org() -> Org:
    return Org(rich())


async def rows(org: Org, text: str, **options: Any) -> list[list[Any]]:
    """The values of each record, without attributes."""
    records = (await org.soql(text, **options))["records"]
    return [[value for key, value in one.items() if key != "attributes"] for one in records]


# Relationships


async def test_a_path_goes_up_five_levels_and_no_further(org: Org) -> None:
    up = "Parent." * 5
    assert await org.column(f"SELECT {up}Name FROM Account WHERE Id = '{INITECH}'") == [
        {
            "attributes": {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{GLOBEX}"},
            "Parent": {
                "attributes": {"type": "Account", "url": f"/services/data/v66.0/sobjects/Account/{ACME}"},
                "Parent": None,
            },
        }
    ]
    assert await org.column("SELECT Name FROM Account WHERE Parent.Parent.Name = 'acme'") == ["Initech"]
    assert await org.column("SELECT Name FROM Account ORDER BY Parent.Name NULLS LAST, Name") == [
        "Globex",
        "Initech",
        "Acme",
    ]
    assert (await org.refusal(f"SELECT Parent.{up}Name FROM Account"))[0] == "MALFORMED_QUERY"


async def test_a_reference_to_several_kinds_has_a_name_and_a_type(org: Org) -> None:
    (call,) = (await org.soql(f"SELECT Who.Name, What.Type FROM Task WHERE Id = '{CALL}'"))["records"]
    assert call["Who"] == {
        "attributes": {"type": "Name", "url": f"/services/data/v66.0/sobjects/Contact/{ADA}"},
        "Name": "Ada Lovelace",
    }
    assert call["What"]["Type"] == "Account"
    assert await org.column("SELECT Subject FROM Task WHERE Who.Type = 'Lead'") == ["Mail"]
    assert await org.column("SELECT Subject FROM Task WHERE What.Type IN ('Account', 'Case')") == ["Call"]
    assert (await org.refusal("SELECT What.Phone2 FROM Task"))[0] == "INVALID_FIELD"


async def test_typeof_asks_each_kind_for_its_own_fields(org: Org) -> None:
    text = "SELECT Subject, TYPEOF Who WHEN Contact THEN FirstName, Account.Name WHEN Lead THEN Company END FROM Task"
    call, mail = (await org.soql(text + " ORDER BY Subject"))["records"]
    assert call["Who"]["attributes"]["type"] == "Contact"
    assert (call["Who"]["FirstName"], call["Who"]["Account"]["Name"]) == ("Ada", "Acme")
    assert mail["Who"] == {
        "attributes": {"type": "Lead", "url": f"/services/data/v66.0/sobjects/Lead/{LINUS}"},
        "Company": "Kernel",
    }
    otherwise = "SELECT TYPEOF Who WHEN Lead THEN Company ELSE Name, Email END FROM Task ORDER BY Subject LIMIT 1"
    (who,) = await org.column(otherwise)
    assert (who["attributes"]["type"], who["Name"], who["Email"]) == ("Name", "Ada Lovelace", "ada@acme.example")
    assert await org.column("SELECT TYPEOF Who WHEN Lead THEN Company END FROM Task ORDER BY Subject LIMIT 1") == [None]
    for wrong in ("TYPEOF Who WHEN Account THEN Name END", "TYPEOF Account WHEN Account THEN Name END"):
        assert (await org.refusal(f"SELECT {wrong} FROM Task"))[0] in ("INVALID_TYPE", "MALFORMED_QUERY")


async def test_children_have_conditions_orders_and_children_of_their_own(org: Org) -> None:
    text = (
        "SELECT Name, (SELECT FirstName, (SELECT Seats__c FROM Subscriptions__r WHERE Seats__c > 0 "
        "ORDER BY Seats__c DESC) FROM Contacts WHERE FirstName != 'Grace') FROM Account ORDER BY Name LIMIT 1"
    )
    (acme,) = (await org.soql(text))["records"]
    (ada,) = acme["Contacts"]["records"]
    assert [one["Seats__c"] for one in ada["Subscriptions__r"]["records"]] == [2, 1]
    old = await org.client.get("/services/data/v57.0/query", params={"q": text})
    assert old.json()[0]["message"].endswith("more than 1 level away from the root entity object.")
    many = ", ".join(["(SELECT Id FROM Contacts)"] * 2)
    assert (await org.refusal(f"SELECT {many} FROM Account"))[0] == "INVALID_FIELD"
    assert (await org.refusal("SELECT (SELECT COUNT(Id) FROM Contacts) FROM Account"))[0] == "MALFORMED_QUERY"
    assert (await org.refusal("SELECT (SELECT Nope FROM Contacts) FROM Account WHERE Name = 'none'"))[0] == (
        "INVALID_FIELD"
    )


async def test_many_children_are_read_on_by_a_locator_of_their_own() -> None:
    people = [{"Id": new_id("003", n), "LastName": f"P{n:04d}", "AccountId": ACME} for n in range(1, 1103)]
    org = Org({"records": {"Account": [{"Id": ACME, "Name": "Acme"}], "Contact": people}})
    text = "SELECT Id, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account"
    page = (await org.soql(text))["records"][0]["Contacts"]
    assert (page["totalSize"], page["done"], len(page["records"])) == (1102, False, 499)
    seen = page["records"]
    while not page["done"]:
        page = (await org.client.get(page["nextRecordsUrl"])).json()
        seen += page["records"]
    assert [one["LastName"] for one in seen] == [one["LastName"] for one in people]
    small = (await org.soql(text, headers={"Sforce-Query-Options": "batchSize=200"}))["records"][0]["Contacts"]
    assert len(small["records"]) == 199


async def test_aliases_stand_for_objects_and_relationships(org: Org) -> None:
    text = "SELECT c.FirstName, a.Name FROM Contact c, c.Account a WHERE a.Name = 'Acme' AND c.FirstName = 'Ada'"
    (found,) = (await org.soql(text))["records"]
    assert (found["FirstName"], found["Account"]["Name"]) == ("Ada", "Acme")
    looped = "SELECT a.Name FROM Contact c, a.Account a"
    assert (await org.refusal(looped))[0] == "INVALID_FIELD"


# Dates


@pytest.mark.parametrize(
    ("literal", "found"),
    [
        # It is 01:00 on Monday, 23 November, in Los Angeles; the fiscal year began in April.
        ("= TODAY", ["mon"]),
        ("= YESTERDAY", ["sun"]),
        ("= TOMORROW", ["tue"]),
        ("= THIS_WEEK", ["mon", "sun", "tue"]),
        ("= LAST_WEEK", []),
        ("= NEXT_WEEK", ["dec"]),
        ("= THIS_MONTH", ["mon", "sun", "tue"]),
        ("= NEXT_MONTH", ["dec"]),
        ("= LAST_MONTH", ["oct"]),
        ("= THIS_QUARTER", ["dec", "mon", "oct", "sun", "tue"]),
        ("= LAST_QUARTER", ["jul"]),
        ("= THIS_YEAR", ["dec", "feb", "jul", "mon", "oct", "sun", "tue"]),
        ("= LAST_YEAR", []),
        ("= THIS_FISCAL_QUARTER", ["dec", "mon", "oct", "sun", "tue"]),
        ("= LAST_FISCAL_QUARTER", ["jul"]),
        ("= THIS_FISCAL_YEAR", ["dec", "jul", "mon", "oct", "sun", "tue"]),
        ("= LAST_FISCAL_YEAR", ["feb"]),
        ("= LAST_N_DAYS:1", ["mon", "sun"]),
        ("= NEXT_N_DAYS:1", ["tue"]),
        ("= LAST_90_DAYS", ["mon", "oct", "sun"]),
        ("= NEXT_90_DAYS", ["dec", "tue"]),
        ("= N_DAYS_AGO:1", ["sun"]),
        ("= LAST_N_WEEKS:8", ["oct"]),
        ("= NEXT_N_WEEKS:2", ["dec"]),
        ("= N_WEEKS_AGO:0", ["mon", "sun", "tue"]),
        ("= LAST_N_MONTHS:4", ["jul", "oct"]),
        ("= N_MONTHS_AGO:9", ["feb"]),
        ("= NEXT_N_MONTHS:1", ["dec"]),
        ("= LAST_N_QUARTERS:1", ["jul"]),
        ("= N_QUARTERS_AGO:3", ["feb"]),
        ("= LAST_N_FISCAL_QUARTERS:3", ["feb", "jul"]),
        ("= N_FISCAL_QUARTERS_AGO:1", ["jul"]),
        ("= LAST_N_FISCAL_YEARS:1", ["feb"]),
        ("= N_FISCAL_YEARS_AGO:1", ["feb"]),
        ("= NEXT_N_FISCAL_YEARS:1", []),
        ("= N_YEARS_AGO:0", ["dec", "feb", "jul", "mon", "oct", "sun", "tue"]),
        ("< TODAY", ["feb", "jul", "oct", "sun"]),
        ("<= TODAY", ["feb", "jul", "mon", "oct", "sun"]),
        ("> TODAY", ["dec", "tue"]),
        ("!= THIS_MONTH", ["dec", "feb", "jul", "none", "oct"]),
        ("> LAST_N_DAYS:1", ["dec", "mon", "tue"]),
        ("< LAST_N_DAYS:1", ["feb", "jul", "oct"]),
        ("IN (TODAY, LAST_FISCAL_YEAR, 2026-10-20)", ["feb", "mon", "oct"]),
        ("NOT IN (THIS_YEAR)", ["none"]),
    ],
)
async def test_a_date_literal_covers_days_of_the_organisation(literal: str, found: list[str]) -> None:
    days = {"mon": "2026-11-23", "sun": "2026-11-22", "tue": "2026-11-24", "dec": "2026-12-01", "oct": "2026-10-20",
            "jul": "2026-07-31", "feb": "2026-02-28", "none": None}  # fmt: skip
    made = rich()
    made["records"]["Opportunity"] = []
    made["records"]["Contact"] = [{"LastName": name, "Birthdate": day} for name, day in days.items()]
    made["records"]["Lead"], made["records"]["Task"], made["records"]["Subscription__c"] = [], [], []
    assert await Org(made).column(f"SELECT LastName FROM Contact WHERE Birthdate {literal} ORDER BY LastName") == found


async def test_days_begin_at_midnight_of_the_zone_on_either_side_of_a_clock_change(org: Org) -> None:
    for moment in ("2026-11-23T07:59:59Z", "2026-11-23T08:00:00Z", "2026-11-24T07:59:59Z", "2026-11-24T08:00:00Z"):
        await org.post("/sobjects/Contact", {"LastName": moment, "Seen__c": moment})
    text = "SELECT LastName FROM Contact WHERE Seen__c {} AND LastName LIKE '2026%' ORDER BY LastName"
    assert await org.column(text.format("= TODAY")) == ["2026-11-23T08:00:00Z", "2026-11-24T07:59:59Z"]
    assert await org.column(text.format("= YESTERDAY")) == ["2026-11-23T07:59:59Z"]
    for moment in ("2026-11-01T06:59:59Z", "2026-11-01T07:00:00Z", "2026-11-02T07:59:59Z"):  # the day has 25 hours
        await org.post("/sobjects/Contact", {"LastName": moment, "Seen__c": moment})
    assert await org.column(text.format("= N_DAYS_AGO:22")) == ["2026-11-01T07:00:00Z", "2026-11-02T07:59:59Z"]


async def test_a_user_has_days_of_their_own_zone() -> None:
    made = rich()
    org = Org({**made, "integration_user_id": ALICE})
    await org.post("/sobjects/Contact", {"LastName": "Late", "Seen__c": "2026-11-23T07:00:00Z"})
    assert await org.column("SELECT LastName FROM Contact WHERE Seen__c = TODAY") == []
    made["records"]["User"][0]["TimeZoneSidKey"] = "Asia/Tokyo"
    org = Org({**made, "integration_user_id": ALICE})
    await org.post("/sobjects/Contact", {"LastName": "Late", "Seen__c": "2026-11-23T07:00:00Z"})
    assert await org.column("SELECT LastName FROM Contact WHERE Seen__c = TODAY") == ["Late"]


@pytest.mark.parametrize(
    ("function", "value"),
    [
        ("CALENDAR_MONTH(Birthdate)", 2),
        ("CALENDAR_QUARTER(Birthdate)", 1),
        ("CALENDAR_YEAR(Birthdate)", 2026),
        ("DAY_IN_MONTH(Birthdate)", 28),
        ("DAY_IN_WEEK(Birthdate)", 7),
        ("DAY_IN_YEAR(Birthdate)", 59),
        ("FISCAL_MONTH(Birthdate)", 11),
        ("FISCAL_QUARTER(Birthdate)", 4),
        ("FISCAL_YEAR(Birthdate)", 2026),
        ("WEEK_IN_MONTH(Birthdate)", 4),
        ("WEEK_IN_YEAR(Birthdate)", 9),
        ("HOUR_IN_DAY(Seen__c)", 7),
        ("DAY_ONLY(Seen__c)", "2026-11-23"),
        ("HOUR_IN_DAY(convertTimezone(Seen__c))", 23),
        ("DAY_ONLY(convertTimezone(Seen__c))", "2026-11-22"),
        ("CALENDAR_YEAR(convertTimezone(Seen__c))", 2026),
    ],
)
async def test_a_date_function_takes_a_date_apart(org: Org, function: str, value: object) -> None:
    await org.patch(f"/sobjects/Contact/{ALAN}", {"Birthdate": "2026-02-28", "Seen__c": "2026-11-23T07:30:00Z"})
    text = f"SELECT {function} f, COUNT(Id) FROM Contact GROUP BY {function} HAVING COUNT(Id) = 1 ORDER BY {function}"
    assert await rows(org, text) == [[value, 1]]
    assert await org.column(f"SELECT Id FROM Contact WHERE {function} = {value}") == [ALAN]
    assert await org.column(f"SELECT Id FROM Contact WHERE {function} > {value}") == []


async def test_date_functions_are_refused_where_they_mean_nothing(org: Org) -> None:
    for where in ("HOUR_IN_DAY(Birthdate) = 1", "DAY_ONLY(Birthdate) = TODAY", "CALENDAR_YEAR(Name) = 1",
                  "CALENDAR_YEAR(convertTimezone(Birthdate)) = 1", "convertTimezone(CreatedDate) = TODAY",
                  "CALENDAR_YEAR() = 1", "MAX(CreatedDate) > TODAY"):  # fmt: skip
        assert (await org.refusal(f"SELECT Id FROM Contact WHERE {where}"))[0] == "MALFORMED_QUERY"
    assert (await org.refusal("SELECT DAY_ONLY(CreatedDate) FROM Contact"))[0] == "MALFORMED_QUERY"
    assert (await org.refusal("SELECT Id FROM Contact ORDER BY DAY_ONLY(CreatedDate)"))[0] == "MALFORMED_QUERY"


# Groups


async def test_rollup_adds_subtotals_and_cube_all_of_them(org: Org) -> None:
    rolled = await rows(
        org,
        "SELECT AccountId, FirstName, COUNT(Id) n, GROUPING(AccountId), GROUPING(FirstName) f FROM Contact "
        "GROUP BY ROLLUP(AccountId, FirstName) ORDER BY GROUPING(AccountId), GROUPING(FirstName), FirstName",
    )
    assert rolled == [
        [ACME, "Ada", 1, 0, 0],
        [None, "Alan", 1, 0, 0],
        [ACME, "Grace", 1, 0, 0],
        [ACME, None, 2, 0, 1],
        [None, None, 1, 0, 1],
        [None, None, 3, 1, 1],
    ]
    cube = await rows(org, "SELECT AccountId, OwnerId, COUNT(Id) FROM Contact GROUP BY CUBE(AccountId, OwnerId)")
    assert sorted(cube, key=str) == sorted(
        [[ACME, ALICE, 2], [None, ALICE, 1], [ACME, None, 2], [None, None, 1], [None, ALICE, 3], [None, None, 3]],
        key=str,
    )
    for wrong in ("SELECT GROUPING(Name) FROM Contact GROUP BY Name",
                  "SELECT COUNT(Id) FROM Contact GROUP BY CUBE(Name, Email, Phone, Fax)"):  # fmt: skip
        assert (await org.refusal(wrong))[0] == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT Name, COUNT(Id) FROM Contact GROUP BY Email", "Field must be grouped or aggregated: Name"),
        ("SELECT COUNT(Id) FROM Contact GROUP BY Email ORDER BY Name", "Ordered field must be grouped or aggregated"),
        ("SELECT Account.Name, Owner.Name FROM Contact GROUP BY Account.Name, Owner.Name", "duplicate alias: Name"),
        ("SELECT COUNT(Id) n, MAX(Name) N FROM Contact", "duplicate alias: N"),
        ("SELECT MAX(Email) FROM Contact LIMIT 1", "Non-grouped query that uses overall aggregate functions"),
        ("SELECT COUNT(), Id FROM Contact", "COUNT() has to be the only element"),
        ("SELECT COUNT() FROM Contact GROUP BY Name", "COUNT() cannot be used with GROUP BY"),
        ("SELECT SUM(Email) FROM Contact", "field Email does not support aggregate operator SUM"),
        ("SELECT MAX(DoNotCall) FROM Contact", "field DoNotCall does not support aggregate operator MAX"),
        ("SELECT MAX() FROM Contact", "MAX takes exactly one field"),
        ("SELECT COUNT(Id), (SELECT Id FROM Histories) FROM Contact", "Only root queries"),
        ("SELECT Id FROM Contact HAVING COUNT(Id) > 1", "unexpected token: 'HAVING'"),
    ],
)
async def test_a_wrong_group_is_refused(org: Org, text: str, words: str) -> None:
    code, message = await org.refusal(text)
    assert code == "MALFORMED_QUERY"
    assert words in message


async def test_groups_beyond_one_batch_need_a_limit() -> None:
    org = Org({"records": {"Account": [{"Id": new_id("001", n), "Name": f"A{n:04d}"} for n in range(1, 2003)]}})
    code, message = await org.refusal("SELECT Name, COUNT(Id) FROM Account GROUP BY Name")
    assert (code, "queryMore()" in message) == ("EXCEEDED_ID_LIMIT", True)
    found = await rows(org, "SELECT Name FROM Account GROUP BY Name ORDER BY Name LIMIT 2 OFFSET 1")
    assert found == [["A0002"], ["A0003"]]


async def test_aggregates_are_null_of_nothing(org: Org) -> None:
    text = "SELECT COUNT(Id), SUM(Score__c), MIN(Email), FORMAT(MAX(CreatedDate)) m FROM Contact WHERE Name = 'none'"
    assert await rows(org, text) == [[0, None, None, None]]
    assert await rows(org, "SELECT FORMAT(MAX(CreatedDate)) m FROM Contact") == [["11/1/2026, 1:00 AM"]]


# Orders, limits, clauses


async def test_picklists_sort_as_their_values_are_listed(org: Org) -> None:
    assert await org.column("SELECT Rating FROM Account ORDER BY Rating") == ["Hot", "Warm", "Cold"]
    assert await rows(org, "SELECT MIN(Rating), MAX(Rating) FROM Account") == [["Hot", "Cold"]]


@pytest.mark.parametrize(
    "tail",
    ["FOR VIEW", "FOR REFERENCE", "FOR VIEW, REFERENCE", "FOR UPDATE", "LIMIT 5 FOR VIEW"],
)
async def test_what_changes_no_answer_is_accepted(org: Org, tail: str) -> None:
    assert len(await org.column(f"SELECT Id FROM Contact {tail}")) == 3
    for mode in ("SECURITY_ENFORCED", "USER_MODE", "SYSTEM_MODE"):
        assert len(await org.column(f"SELECT Id FROM Contact WHERE Id != null WITH {mode}")) == 3


async def test_scopes(org: Org) -> None:
    assert len(await org.column("SELECT Id FROM Contact USING SCOPE everything WHERE Id != null")) == 3
    assert await org.column("SELECT Id FROM Contact USING SCOPE mine") == []
    await org.post("/sobjects/Contact", {"LastName": "Mine"})
    assert await org.column("SELECT LastName FROM Contact USING SCOPE Mine") == ["Mine"]


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("SELECT Id FROM Contact ALL ROWS", "MALFORMED_QUERY", "ALL ROWS not allowed in this context"),
        ("SELECT Id FROM Contact USING SCOPE team", "MALFORMED_QUERY", "does not emulate USING SCOPE team"),
        ("SELECT Id FROM Contact WITH DATA CATEGORY A AT b", "MALFORMED_QUERY", "does not emulate WITH DATA"),
        ("SELECT Id FROM Contact UPDATE TRACKING", "MALFORMED_QUERY", "does not emulate UPDATE TRACKING"),
        ("SELECT Id FROM Contact ORDER BY Topics__c", "INVALID_FIELD", "can not be sorted in a query call"),
        ("SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD", "can not be sorted in a query call"),
        ("SELECT Id FROM Contact WHERE Name LIKE 5", "INVALID_QUERY_FILTER_OPERATOR", "invalid operator"),
        ("SELECT Id FROM Contact WHERE Name NOT LIKE 'x'", "MALFORMED_QUERY", "unexpected token: 'LIKE'"),
        ("SELECT Id FROM Contact WHERE Name INCLUDES ('x')", "INVALID_QUERY_FILTER_OPERATOR", "multi-select"),
        ("SELECT Id FROM Contact WHERE Name = null AND", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Contact WHERE Email > null", "MALFORMED_QUERY", "null cannot be compared"),
        ("SELECT Id FROM Contact WHERE CreatedDate = LAST_N_DAYS", "MALFORMED_QUERY", "'LAST_N_DAYS'"),
        ("SELECT Id FROM Contact WHERE Score__c = EUR5", "INVALID_FIELD", "must be of type double"),
        ("SELECT Id FROM Contact WHERE (Name = 'a'", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id, FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id FROM Contact WHERE \"Name\" = 'a'", "MALFORMED_QUERY", "no viable alternative at character '\"'"),
        ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
        ("SELECT Id FROM Contact LIMIT 1 LIMIT 2", "MALFORMED_QUERY", "unexpected token: 'LIMIT'"),
        ("SELECT Id FROM Contact ORDER BY Name WHERE Id = null", "MALFORMED_QUERY", "unexpected token: 'WHERE'"),
        ("SELECT toLabel(UPPER(Name)) FROM Contact", "MALFORMED_QUERY", "unexpected token: 'UPPER('"),
        ("SELECT FIELDS(SOME) FROM Contact LIMIT 1", "MALFORMED_QUERY", "ALL, STANDARD or CUSTOM"),
        ("SELECT convertCurrency(AnnualRevenue) FROM Account", "MALFORMED_QUERY", "multiple currencies"),
        ("SELECT Id FROM Contact WHERE Name = 'a" + "b" * 100_000 + "'", "MALFORMED_QUERY", "longer than 100000"),
    ],
)
def test_a_query_is_refused_with_the_vendors_code(text: str, code: str, words: str) -> None:
    org = Org()
    with pytest.raises(Refusal) as caught:
        Querier(org.service._api.org, START, "v66.0").run(text)
    (fail,) = caught.value.fails
    assert fail.code == code
    assert words in fail.message


async def test_a_field_may_begin_with_a_keyword(org: Org) -> None:
    for name in ("Notes__c", "Likes__c", "Order__c", "Grouped__c", "Info__c"):
        code, message = await org.refusal(f"SELECT Id FROM Contact WHERE {name} = 1 ORDER BY {name}")
        assert (code, f"No such column '{name}'" in message) == ("INVALID_FIELD", True)


# Semi-joins


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("Id IN (SELECT AccountId FROM Contact) OR Name = 'x'", "not allowed with the 'OR' operator"),
        ("Name = 'x' AND (Phone = null OR Id IN (SELECT AccountId FROM Contact))", "only allowed at the top level"),
        ("NOT Id IN (SELECT AccountId FROM Contact)", "not allowed with the 'NOT' operator"),
        ("Id IN (SELECT ParentId FROM Account)", "should not be on the same object type"),
        ("Id IN (SELECT OwnerId FROM Contact)", "should point to the same object type"),
        ("Name IN (SELECT AccountId FROM Contact)", "should be an id field, cannot use: 'Name'"),
        ("Id IN (SELECT Name FROM Contact)", "can only query id fields, cannot use: 'Name'"),
        ("Id IN (SELECT AccountId FROM Task)", "Entity 'Task' is not supported for semi join inner selects"),
        ("Id IN (SELECT Id, AccountId FROM Contact)", "exactly one field"),
        ("Id IN (SELECT AccountId FROM Contact LIMIT 1)", "cannot use GROUP BY, ORDER BY, LIMIT"),
        ("Id IN (SELECT AccountId FROM Contact WHERE Id IN (SELECT ContactId FROM Case))", "Nesting of semi join"),
        ("Id IN (SELECT AccountId FROM Contact) AND Id NOT IN (SELECT AccountId FROM Opportunity) AND "
         "Id IN (SELECT AccountId FROM Case)", "Maximum 2 semi join sub-selects"),
    ],
)  # fmt: skip
async def test_a_semi_join_has_limits(org: Org, where: str, words: str) -> None:
    code, message = await org.refusal(f"SELECT Id FROM Account WHERE {where}")
    assert code in ("MALFORMED_QUERY", "INVALID_FIELD", "INVALID_TYPE")
    assert words in message


async def test_semi_joins_and_anti_joins_find_by_other_objects(org: Org) -> None:
    text = "SELECT Name FROM Account WHERE Id {} ORDER BY Name"
    inner = "(SELECT AccountId FROM Contact WHERE FirstName = 'Ada')"
    assert await org.column(text.format("IN " + inner)) == ["Acme"]
    assert await org.column(text.format("NOT IN " + inner)) == ["Globex", "Initech"]
    assert await org.column(text.format(f"IN {inner} AND Id NOT IN (SELECT AccountId FROM Case)")) == ["Acme"]
    who = "SELECT Subject FROM Task WHERE WhoId IN (SELECT Id FROM Lead)"
    assert await org.column(who) == ["Mail"]
    parent = "SELECT FirstName FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Owner.Name = null)"
    assert await org.column(parent) == []


# Values


async def test_choices_of_a_list_compare_as_sets(org: Org) -> None:
    text = "SELECT Id FROM Contact WHERE Topics__c {}"
    assert await org.column(text.format("IN ('blue;red')")) == [ADA]
    assert await org.column(text.format("NOT IN ('Blue;Red', null)")) == []
    assert await org.column(text.format("INCLUDES ('Green', 'red;Blue')")) == [ADA]
    assert await org.column(text.format("EXCLUDES ('Blue;Green', 'Green')")) == [ADA, GRACE, ALAN]


async def test_labels_and_formats(org: Org) -> None:
    made = rich()
    made["objects"]["Account"]["fields"].append(
        {"name": "Rating", "type": "picklist", "picklistValues": [{"value": "Hot", "label": "Heiß"}, "Warm", "Cold"]}
    )
    org = Org(made)
    text = "SELECT toLabel(Rating), FORMAT(AnnualRevenue) money, AnnualRevenue, FORMAT(CreatedDate) FROM Account"
    (found,) = (await org.soql(text + " WHERE toLabel(Rating) = 'Heiß'"))["records"]
    assert (found["Rating"], found["money"], found["AnnualRevenue"]) == ("Heiß", "$1,000,000", 1000000)
    assert found["CreatedDate"] == "11/23/2026, 1:00 AM"
    (child,) = (await org.soql(f"SELECT toLabel(Parent.Rating), Parent.Name FROM Account WHERE Id = '{INITECH}'"))[
        "records"
    ]
    assert (child["Parent"]["Rating"], child["Parent"]["Name"]) == ("Heiß", "Globex")


async def test_places_are_so_far_apart(org: Org) -> None:
    munich = "DISTANCE(BillingAddress, GEOLOCATION(48.1372, 11.5755), 'km')"
    text = f"SELECT Name, {munich} FROM Account ORDER BY {munich} NULLS LAST, Name"
    (name, far), *others = await rows(org, text)
    assert name == "Acme"
    assert 503 < far < 506
    assert [value for _, value in others] == [None, None]
    assert await org.column(f"SELECT Name FROM Account WHERE {munich} < 510") == ["Acme"]
    assert await org.column(f"SELECT Name FROM Account WHERE {munich.replace('km', 'mi')} > 400") == []
    for wrong in (f"{munich} = 5", munich.replace("km", "ly") + " < 5", "DISTANCE(Name, BillingAddress, 'km') < 5"):
        assert (await org.refusal(f"SELECT Id FROM Account WHERE {wrong}"))[0] == "MALFORMED_QUERY"


async def test_amounts_know_their_currency() -> None:
    accounts = [
        {"Name": "Dollars", "AnnualRevenue": 100, "CurrencyIsoCode": "USD"},
        {"Name": "Euros", "AnnualRevenue": 90, "CurrencyIsoCode": "EUR"},
        {"Name": "Poor", "AnnualRevenue": 1, "CurrencyIsoCode": "EUR"},
    ]
    currencies = [{"IsoCode": "USD", "IsCorporate": True}, {"IsoCode": "EUR", "ConversionRate": 0.5}]
    org = Org({"currencies": currencies, "records": {"Account": accounts}})
    assert await rows(org, "SELECT Name, convertCurrency(AnnualRevenue) FROM Account ORDER BY Name") == [
        ["Dollars", 100.0],
        ["Euros", 180.0],
        ["Poor", 2.0],
    ]
    assert await org.column("SELECT Name FROM Account WHERE AnnualRevenue > USD100") == ["Euros"]
    assert await org.column("SELECT Name FROM Account WHERE AnnualRevenue >= EUR50 ORDER BY Name") == [
        "Dollars",
        "Euros",
    ]
    assert await org.column("SELECT Name FROM Account WHERE AnnualRevenue > 95") == ["Dollars"]
    assert await rows(org, "SELECT SUM(AnnualRevenue) s, MAX(AnnualRevenue) m FROM Account") == [[282.0, 180.0]]
    assert await rows(org, "SELECT FORMAT(AnnualRevenue) f FROM Account WHERE Name = 'Euros'") == [["EUR 90"]]
    assert await rows(org, "SELECT FORMAT(convertCurrency(AnnualRevenue)) f FROM Account WHERE Name = 'Euros'") == [
        ["USD 180"]
    ]
    assert (await org.refusal("SELECT Id FROM Account WHERE AnnualRevenue > XYZ5"))[0] == "MALFORMED_QUERY"


async def test_a_checkbox_of_no_parent_is_not_ticked(org: Org) -> None:
    text = "SELECT FirstName FROM Contact WHERE ReportsTo.DoNotCall = {} ORDER BY FirstName"
    assert await org.column(text.format("false")) == ["Ada", "Alan", "Grace"]
    assert await org.column(text.format("true")) == []


async def test_case_counts_only_where_the_field_says_so() -> None:
    fields = [{"name": "Code__c", "type": "string", "length": 20, "caseSensitive": True, "unique": True}]
    records = [{"Id": ADA, "LastName": "One", "Code__c": "ab"}, {"Id": ALAN, "LastName": "one", "Code__c": "AB"}]
    org = Org({"objects": {"Contact": {"fields": fields}}, "records": {"Contact": records}})
    assert await org.column("SELECT Id FROM Contact WHERE lastname = 'ONE' ORDER BY iD") == [ADA, ALAN]
    assert await org.column("select ID from CONTACT where code__C = 'AB'") == [ALAN]
    assert await org.column(f"SELECT Id FROM Contact WHERE Id IN ('{ADA[:15]}', '{ALAN}')") == [ADA, ALAN]


# Deleted, merged, archived


async def test_query_all_shows_what_was_deleted_merged_and_archived(org: Org) -> None:
    await org.delete(f"/sobjects/Contact/{ALAN}")
    await org.control("merge/Contact", {"master": ADA, "losers": [GRACE]})
    text = "SELECT Id, IsDeleted, MasterRecordId FROM Contact ORDER BY Id"
    assert await rows(org, text) == [[ADA, False, None]]
    assert await rows(org, text, with_deleted=True) == [[ADA, False, None], [GRACE, True, ADA], [ALAN, True, None]]
    assert await org.column("SELECT Id FROM Contact WHERE IsDeleted = true") == []
    tasks = "SELECT Subject FROM Task WHERE ActivityDate < 2025-01-01"
    assert await org.column(tasks) == []
    assert await org.column(tasks + " AND IsArchived = true", with_deleted=True) == ["Old"]
    (ada,) = (await org.soql(f"SELECT (SELECT Subject FROM Tasks) FROM Contact WHERE Id = '{ADA}'"))["records"]
    assert [one["Subject"] for one in ada["Tasks"]["records"]] == ["Call"]


async def test_the_locator_of_query_all_stays_with_it() -> None:
    org = Org({"records": {"Account": [{"Name": f"A{n}"} for n in range(450)]}})
    text = "SELECT Name FROM Account"
    page = await org.soql(text, with_deleted=True, headers={"Sforce-Query-Options": "batchSize=200"})
    assert "/queryAll/01g" in page["nextRecordsUrl"]
    beyond = page["nextRecordsUrl"].rpartition("-")[0] + "-450"
    assert error_of(await org.client.get(beyond)) == (400, "INVALID_QUERY_LOCATOR")
