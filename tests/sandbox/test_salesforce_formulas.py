"""The Salesforce sandbox: its formula language, and the fields whose values are worked out when they are read."""

# ruff: noqa: S608 - the queries run in a sandbox in memory
from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.sandbox.salesforce_world import ACME, ADA, ALAN, ALICE, GLOBEX, GRACE, START, Org, error_of, world

from concord_sandbox.clock import SandboxClock
from concord_sandbox.salesforce import loading
from concord_sandbox.salesforce.rules.formulas import FormulaFailure, FormulaTrouble, Frame, compile_formula
from concord_sandbox.salesforce.rules.formulas.syntax import LONGEST
from concord_sandbox.service import ControlError, Controls


def _state() -> Any:
    return loading.load(world(), Controls(clock=SandboxClock(START.timestamp)))


def _value(text: str, *, of: str = ADA, old: dict[str, Any] | None = None, **options: Any) -> Any:
    """The value of a formula over a contact; `old`: what the record held before this write."""
    org = _state()
    table = org.tables["contact"]
    row = table.rows[of]
    frame = Frame(row, None if old is None else {**row, **old}, ALICE, START)
    return compile_formula(org, table, text, of_write=True, **options).value(frame)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("10 - 4 - 3", 3),
        ("2 * 3 ^ 2", 36),  # Salesforce's own grammar: ^ binds looser than *
        ("-3 + 5", 2),
        ("0.1 + 0.2 = 0.3", True),
        ("7 / 2", Decimal("3.5")),
        ("MOD(-7, 3)", -1),
        ("ROUND(2.345, 2)", Decimal("2.35")),
        ("ROUND(1250, -2)", 1300),
        ("FLOOR(-2.5)", -2),
        ("CEILING(-2.5)", -3),
        ("MFLOOR(-2.5)", -3),
        ("CEILING(2.1)", 3),
        ("TRUNC(2.79, 1)", Decimal("2.7")),
        ("ABS(-2) + SQRT(9)", 5),
        ("MAX(1, 3, 2) - MIN(4, 2)", 1),
        ("IF(1 < 2 && 3 >= 3, 'yes', 'no')", "yes"),
        ("OR(false, 1 <> 1, 2 == 2)", True),
        ("!TRUE || NOT(false)", True),
        ("'a' & \"b\" + 'c'", "abc"),
        ("'He said \\\"hi\\\"'", 'He said "hi"'),
        ("CASE(3, 1, 'one', 3, 'three', 'many')", "three"),
        ("CASE(9, 1, 'one', 'many')", "many"),
        ("LEN('hello')", 5),
        ("LEFT('hello', 2) & RIGHT('hello', 3) & MID('hello', 2, 3)", "helloell"),
        ("RIGHT('hello', 0)", ""),
        ("FIND('l', 'hello')", 3),
        ("FIND('l', 'hello', 4)", 4),
        ("FIND('x', 'hello')", 0),
        ("SUBSTITUTE('a-b-c', '-', '+')", "a+b+c"),
        ("UPPER(TRIM('  ab ')) & LOWER('CD')", "ABcd"),
        ("LPAD('7', 3, '0') & RPAD('7', 3)", "0077  "),
        ("REGEX('12345', '\\\\d{5}')", True),
        ("REGEX('123456', '\\\\d{5}')", False),
        ("VALUE('12.50')", Decimal("12.50")),
        ("ISNUMBER('1e3') && NOT(ISNUMBER('one')) && NOT(ISNUMBER(''))", True),
        ("TEXT(12.50)", "12.5"),
        ("TEXT(1000000)", "1000000"),
        ("TODAY()", date(2026, 11, 23)),
        ("NOW()", START),
        ("DATE(2026, 12, 25) - TODAY()", 32),
        ("TODAY() + 8.9", date(2026, 12, 1)),
        ("ADDMONTHS(DATE(2026, 1, 31), 1)", date(2026, 2, 28)),
        ("ADDMONTHS(DATE(2026, 2, 28), 1)", date(2026, 3, 31)),
        ("ADDMONTHS(DATE(2026, 3, 15), -3)", date(2025, 12, 15)),
        ("WEEKDAY(DATE(2026, 11, 22))", 1),
        ("YEAR(TODAY()) * 10000 + MONTH(TODAY()) * 100 + DAY(TODAY())", 20261123),
        ("DATEVALUE('2026-05-06')", date(2026, 5, 6)),
        ("DATEVALUE(DATETIMEVALUE('2026-05-06 23:30:00'))", date(2026, 5, 6)),
        ("DATETIMEVALUE('2026-05-06 12:00:00') + 0.5", datetime(2026, 5, 7, tzinfo=UTC)),
        ("TEXT(DATETIMEVALUE('2026-05-06 12:00:00'))", "2026-05-06 12:00:00Z"),
        ("HYPERLINK('https://x.example', 'X')", '<a href="https://x.example" target="_blank">X</a>'),
        ("/* a remark */ 1 /* another */ + 1", 2),
    ],
)
def test_a_formula_without_fields_has_the_value_that_salesforce_gives_it(text: str, value: Any) -> None:
    assert _value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("FirstName & ' ' & LastName", "Ada Lovelace"),
        ("account.name", "Acme"),
        ("Account.NumberOfEmployees + 1", 51),
        ("Account.Owner.LastName", "Seller"),
        ("Owner.Email", "alice@our.example"),
        ("Owner:User.Email", "alice@our.example"),
        ("OwnerId = $User.Id && $User.Username = 'alice@our.example'", True),
        ("LEN(Id)", 15),
        (f"AccountId = '{ACME}' && AccountId = '{ACME[:15]}'", True),
        (f"CASESAFEID(AccountId) = '{ACME}'", True),
        ("INCLUDES(Topics__c, 'Blue') && NOT(INCLUDES(Topics__c, 'Green'))", True),
        ("ISPICKVAL(LeadSource, '')", True),
        ("CASE(LeadSource, 'Web', 1, 2)", 2),
        ("TEXT(LeadSource) = ''", True),
        ("CreatedDate < NOW()", True),
        ("DoNotCall", False),
        ("CONTAINS(Email, '@acme') && BEGINS(Email, 'ada')", True),
        ("BLANKVALUE(Phone, 'none')", "none"),
        ("NULLVALUE(Score__c, 5)", 5),
    ],
)
def test_a_formula_reads_the_record_its_parents_and_the_user(text: str, value: Any) -> None:
    assert _value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ISBLANK(Phone)", True),
        ("ISNULL(Phone)", False),  # a text is never null
        ("Phone = ''", True),
        ("Phone & 'x'", "x"),
        ("LEN(Phone)", 0),
        ("ISNULL(Score__c)", True),
        ("Score__c + 1", None),
        ("Score__c < 5", None),
        ("NOT(Score__c < 5)", None),
        ("IF(Score__c < 5, 'low', 'not low')", "not low"),
        ("Score__c = NULL", None),
        ("CONTAINS(Phone, '+')", None),
        ("MAX(Score__c, 1)", None),
        ("ADDMONTHS(Birthdate, 1)", None),
        ("AND(Score__c < 5, TRUE)", False),
        ("OR(Score__c < 5, TRUE)", True),
    ],
)
def test_nothing_known_makes_nothing_known_except_for_texts(text: str, value: Any) -> None:
    assert _value(text) == value


def test_a_blank_number_is_nought_when_the_formula_says_so() -> None:
    assert _value("Score__c + 1", zero_nulls=True) == 1
    assert _value("ISBLANK(Score__c)", zero_nulls=True) is False
    assert _value("Account.AnnualRevenue * 2", zero_nulls=True, of=ALAN) == 0


def test_a_formula_sees_what_a_write_changes() -> None:
    assert _value("ISNEW()") is True
    assert _value("ISCHANGED(LastName)") is False
    assert _value("PRIORVALUE(LastName)") == "Lovelace"
    before = {"LastName": "Byron", "LeadSource": "Web"}
    assert _value("ISNEW()", old=before) is False
    assert _value("ISCHANGED(LastName) && NOT(ISCHANGED(FirstName))", old=before) is True
    assert _value("PRIORVALUE(LastName)", old=before) == "Byron"
    assert _value("ISPICKVAL(PRIORVALUE(LeadSource), 'Web')", old=before) is True


@pytest.mark.parametrize("text", ["1 / 0", "VALUE('one')", "SQRT(-1)", "DATE(2026, 2, 30)", "MOD(1, 0)",
                                  "DATEVALUE('soon')", "TODAY() + 10 ^ 9", "9 ^ 999999999",
                                  "REGEX('a', '(')"])  # fmt: skip
def test_what_cannot_be_worked_out_has_no_value(text: str) -> None:
    with pytest.raises(FormulaFailure):
        _value(text)


@pytest.mark.parametrize(
    ("text", "words", "at"),
    [
        ("", "is empty", 0),
        ("1 +", "ends too early", 3),
        ("1 + * 2", "Found '*'", 4),
        ("FirstName ? 1", "Found '?'", 10),
        ("LEN('a'", "ends too early", 7),
        ("Nickname", "Field Nickname does not exist", 0),
        ("Account.Nickname__c", "Field Account.Nickname__c does not exist", 0),
        ("Owner:Queue.Name", "Field Owner:Queue.Name does not exist", 0),
        ("Boss.Name", "Field Boss.Name does not exist", 0),
        ("$Label.X", "Field $Label.X does not exist", 0),
        ("1 + NOSUCH(2)", "Unknown function NOSUCH", 4),
        ("LEN('a', 'b')", "Incorrect number of parameters", 0),
        ("CASE(1, 2, 3)", "Incorrect number of parameters", 0),
        ("CASE(1, 2, 3, 4, 5)", "Incorrect number of parameters", 0),
        ("1 + 'a'", "Expected Number, received Text", 4),
        ("'a' & 1", "Expected Text, received Number", 6),
        ("IF(1, 2, 3)", "Expected Boolean, received Number", 3),
        ("IF(TRUE, 2, 'a')", "Expected Number, received Text", 12),
        ("LeadSource = 'Web'", "LeadSource is a picklist field", 0),
        ("TEXT('a')", "received Text", 5),
        ("ISPICKVAL(FirstName, 'a')", "Expected Picklist", 10),
        ("ISPICKVAL(LeadSource, FirstName)", "takes a text literal", 22),
        ("PRIORVALUE(Account.Name)", "takes a field of the record itself", 11),
        ("TODAY() = NOW()", "Expected Date, received DateTime", 10),
        ("MailingAddress", "may not be used", 0),
    ],
)
def test_a_malformed_formula_is_refused_with_the_place(text: str, words: str, at: int) -> None:
    with pytest.raises(FormulaTrouble) as refused:
        _value(text)
    assert words in str(refused.value)
    assert refused.value.at == at


def test_a_formula_may_be_long_but_neither_endless_nor_bottomless() -> None:
    assert _value("+".join(["1"] * 1900)) == 1900
    assert _value(" && ".join(["TRUE"] * 400)) is True
    for text, words in [("1+" * LONGEST, "more than"), ("(" * 200 + "1" + ")" * 200, ""), ("-" * 200 + "1", "nested"),
                        ("ABS(" * 200 + "1" + ")" * 200, "nested")]:  # fmt: skip
        if words:
            with pytest.raises(FormulaTrouble, match=words):
                _value(text)
        else:
            assert _value(text) == 1


# Fields


def _formula(name: str, kind: str, text: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "calculated": True, "calculatedFormula": text, **more}


def _section(contact: list[dict[str, Any]], account: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    made = world()
    for name, added in (("Contact", contact), ("Account", account or [])):
        made["objects"][name]["fields"] = [*made["objects"][name]["fields"], *added]
    return made


FIELDS = [
    _formula("Full__c", "string", "FirstName & ' of ' & Account.Name"),
    _formula("Double__c", "double", "Score__c * 2", scale=1),
    _formula("Zero__c", "double", "Score__c * 2", formulaTreatNullNumberAsZero=True),
    _formula("Share__c", "percent", "Score__c / 100"),
    _formula("Broken__c", "double", "1 / (Score__c - Score__c)"),
    _formula("Hot__c", "boolean", "Score__c > 5"),
    _formula("Due__c", "date", "TODAY() + 1"),
    _formula("Loud__c", "string", "UPPER(Full__c)"),
]


async def test_a_formula_field_shows_its_value_wherever_the_record_is_read() -> None:
    org = Org(_section(FIELDS))
    grace = await org.fields("Contact", GRACE)
    assert (grace["Full__c"], grace["Double__c"], grace["Share__c"]) == ("Grace of Acme", 15.0, 7.5)
    assert (grace["Hot__c"], grace["Due__c"], grace["Loud__c"]) == (True, "2026-11-24", "GRACE OF ACME")
    text = f"SELECT Id, Full__c, Double__c FROM Contact WHERE Id = '{GRACE}'"
    (record,) = (await org.soql(text))["records"]
    assert (record["Full__c"], record["Double__c"]) == ("Grace of Acme", 15.0)
    many = (await org.get("/composite/sobjects/Contact", params={"ids": GRACE, "fields": "Full__c"})).json()
    assert many[0]["Full__c"] == "Grace of Acme"
    shown = (await org.client.get("/_control/records/Contact")).json()["records"]
    assert next(one["fields"]["Full__c"] for one in shown if one["id"] == GRACE) == "Grace of Acme"


async def test_a_formula_without_a_value_is_null_and_false_for_a_box() -> None:
    org = Org(_section(FIELDS))
    ada = await org.fields("Contact", ADA)
    assert (ada["Double__c"], ada["Zero__c"], ada["Broken__c"], ada["Hot__c"]) == (None, 0.0, None, False)
    assert (await org.fields("Contact", GRACE))["Broken__c"] is None


async def test_a_query_filters_sorts_and_groups_by_formula_fields_and_reaches_them_from_children() -> None:
    org = Org(_section(FIELDS, [_formula("Upper__c", "string", "UPPER(Name)")]))
    assert await org.column("SELECT Id FROM Contact WHERE Full__c = 'grace OF acme'") == [GRACE]
    assert await org.column("SELECT Id FROM Contact WHERE Full__c IN ('Ada of Acme')") == [ADA]
    assert await org.column("SELECT Id FROM Contact WHERE Double__c > 10") == [GRACE]
    assert await org.column("SELECT Id FROM Contact ORDER BY Full__c DESC NULLS LAST") == [GRACE, ALAN, ADA]
    assert await org.column(f"SELECT Account.Upper__c FROM Contact WHERE Id = '{ADA}'") != []
    text = f"SELECT Name, Account.Upper__c FROM Contact WHERE Account.Upper__c = 'ACME' AND Id = '{ADA}'"
    (record,) = (await org.soql(text))["records"]
    assert record["Account"]["Upper__c"] == "ACME"
    grouped = (await org.soql("SELECT Hot__c, COUNT(Id) n FROM Contact GROUP BY Hot__c"))["records"]
    assert {one["Hot__c"]: one["n"] for one in grouped} == {True: 1, False: 2}


async def test_a_formula_follows_its_parent_without_any_stamp() -> None:
    org = Org(_section(FIELDS))
    before = await org.fields("Contact", ADA)
    await org.control("clock", {"advance": 3600})
    assert (await org.patch(f"/sobjects/Account/{ACME}", {"Name": "Apex"})).status_code == 204
    after = await org.fields("Contact", ADA)
    assert after["Full__c"] == "Ada of Apex"
    assert after["SystemModstamp"] == before["SystemModstamp"]


async def test_nobody_writes_a_formula_field_and_a_given_value_is_forgotten() -> None:
    section = _section(FIELDS)
    section["records"]["Contact"][0]["Full__c"] = "Somebody"
    org = Org(section)
    assert (await org.fields("Contact", ADA))["Full__c"] == "Ada of Acme"
    refused = await org.patch(f"/sobjects/Contact/{ADA}", {"Full__c": "x"})
    assert error_of(refused) == (400, "INVALID_FIELD_FOR_INSERT_UPDATE")
    by_hand = await org.client.patch(f"/_control/records/Contact/{ADA}", json={"fields": {"Full__c": "x"}})
    assert by_hand.status_code == 400
    assert "Full__c" in by_hand.text
    kept = next(row for row in org.service.save()["records"]["Contact"] if row["Id"] == ADA)
    assert "Full__c" not in kept


async def test_describe_shows_the_formula_and_that_it_is_calculated() -> None:
    org = Org(_section(FIELDS, [TOTALS[0]]))
    described = (await org.get("/sobjects/Contact/describe")).json()["fields"]
    field = next(one for one in described if one["name"] == "Full__c")
    assert (field["calculated"], field["createable"], field["updateable"]) == (True, False, False)
    assert field["calculatedFormula"] == "FirstName & ' of ' & Account.Name"
    account = (await org.get("/sobjects/Account/describe")).json()["fields"]
    assert all("rollup" not in one for one in account)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        (_formula("F__c", "string", "Nope"), "F__c: Field Nope does not exist. Check spelling. (row 1, column 1)"),
        (_formula("F__c", "string", "1 +\n  + 'a'"), "(row 2, column 5)"),
        (_formula("F__c", "double", "'a'"), "kind Text, the field of the type double"),
        (_formula("F__c", "string", "LeadSource"), "TEXT()"),
        (_formula("F__c", "string", "IF(ISNEW(), 'a', 'b')"), "ISNEW may not be used"),
        (_formula("F__c", "string", "F__c & 'x'"), "its formula needs itself: Contact.F__c -> Contact.F__c"),
        ({"name": "F__c", "type": "string", "calculatedFormula": "'a'"}, '"calculated": true'),
    ],
)  # fmt: skip
def test_a_bad_formula_field_keeps_the_world_from_loading(field: dict[str, Any], words: str) -> None:
    with pytest.raises(ControlError) as refused:
        Org(_section([field]))
    assert words in str(refused.value)


# Roll-up summaries

SEATS = {"object": "Contact", "field": "AccountId"}
TOTALS = [
    {"name": "People__c", "type": "double", "scale": 0, "calculated": True, "rollup": {**SEATS, "function": "COUNT"}},
    {"name": "Points__c", "type": "double", "calculated": True,
     "rollup": {**SEATS, "function": "SUM", "of": "Score__c", "where": "NOT(DoNotCall)"}},
    {"name": "Best__c", "type": "double", "calculated": True, "rollup": {**SEATS, "function": "MAX", "of": "Score__c"}},
    {"name": "First__c", "type": "date", "calculated": True,
     "rollup": {**SEATS, "function": "MIN", "of": "Birthdate"}},
    _formula("Mean__c", "double", "Points__c / People__c"),
]  # fmt: skip


async def test_a_roll_up_sums_its_children_and_a_formula_may_use_it() -> None:
    org = Org(_section([], TOTALS))
    await org.patch(f"/sobjects/Contact/{ADA}", {"Score__c": 2.5, "Birthdate": "1815-12-10"})
    acme, globex = await org.fields("Account", ACME), await org.fields("Account", GLOBEX)
    assert (acme["People__c"], acme["Points__c"], acme["Best__c"], acme["First__c"]) == (2, 10.0, 7.5, "1815-12-10")
    assert acme["Mean__c"] == 5.0
    assert (globex["People__c"], globex["Points__c"], globex["Best__c"], globex["Mean__c"]) == (0, 0.0, None, None)
    await org.patch(f"/sobjects/Contact/{ADA}", {"DoNotCall": True})
    assert (await org.fields("Account", ACME))["Points__c"] == 7.5
    await org.delete(f"/sobjects/Contact/{GRACE}")
    assert (await org.fields("Account", ACME))["People__c"] == 1
    assert await org.column("SELECT Id FROM Account WHERE People__c > 0") == [ACME]


async def test_a_roll_up_moves_the_stamps_of_its_parents_only_when_it_changes() -> None:
    org = Org(_section([], TOTALS))
    await org.control("clock", {"advance": 60})
    await org.patch(f"/sobjects/Contact/{ADA}", {"Title": "Countess"})
    assert (await org.fields("Account", ACME))["SystemModstamp"] == "2026-11-23T09:00:00.000+0000"
    await org.patch(f"/sobjects/Contact/{ADA}", {"AccountId": GLOBEX})
    for account in (ACME, GLOBEX):
        moved = await org.fields("Account", account)
        assert (moved["SystemModstamp"], moved["LastModifiedById"]) == ("2026-11-23T09:01:00.000+0000", org.user_id)


@pytest.mark.parametrize(
    ("rollup", "words"),
    [
        ({"object": "Nope", "field": "AccountId", "function": "COUNT"}, "no object 'Nope'"),
        ({**SEATS, "function": "COUNT", "of": "Score__c"}, "COUNT without `of`"),
        ({**SEATS, "function": "AVG", "of": "Score__c"}, "not 'AVG'"),
        ({**SEATS, "function": "SUM", "of": "LastName"}, "SUM of a field of the type string"),
        ({**SEATS, "function": "SUM", "of": "Nope"}, "Contact has no field 'Nope'"),
        ({"object": "Contact", "field": "OwnerId", "function": "COUNT"}, "does not point at Account"),
        ({**SEATS, "function": "MAX", "of": "Birthdate"}, "do not fit a field of the type double"),
        ({**SEATS, "function": "COUNT", "where": "Nope"}, "Field Nope does not exist"),
        ({**SEATS, "function": "COUNT", "when": "x"}, "unknown key when"),
    ],
)
def test_a_bad_roll_up_keeps_the_world_from_loading(rollup: dict[str, Any], words: str) -> None:
    field = {"name": "R__c", "type": "double", "calculated": True, "rollup": rollup}
    with pytest.raises(ControlError) as refused:
        Org(_section([], [field]))
    assert words in str(refused.value)
    assert "Account.R__c" in str(refused.value)


async def test_objects_without_formula_fields_work_nothing_out_and_a_saved_world_loads_again() -> None:
    org = Org(_section(FIELDS, TOTALS))
    saved = org.service.save()
    again = Org(saved)
    assert (await again.fields("Contact", GRACE))["Full__c"] == "Grace of Acme"
    assert (await again.fields("Account", ACME))["People__c"] == 2
    lead = loading.load(world(), Controls()).tables["lead"]
    assert lead.computed == {}
