"""The mapping against both vendors' schemas: what would fail or lose something is named before the first write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from concord import config
from concord.config import Findings, Position, Settings
from concord.core.values import FieldSpec, FieldType, ObjectSpec, Option
from concord.errors import ConfigError

TEXT = """\
version: 1
salesforce: {url: https://acme.my.salesforce.com}
people:
  salesforce: [Contact, Lead]
  hubspot: contacts
  create: {salesforce: Lead, hubspot: true}
  keys:
    salesforce: Key__c
    hubspot: {Contact: contact_key, Lead: lead_key}
  identity:
    salesforce:
      Contact: {phone: "", mobile: "", title: "", account: ""}
      Lead: {phone: "", mobile: "", title: "", company: "", website: ""}
    hubspot: {additional_emails: "", company: "", website: "", phone: "", mobile: "", title: "", account: ""}
  fields:
    email: {salesforce: Email, hubspot: email, owner: hubspot}
    first_name: {salesforce: FirstName, hubspot: firstname}
    last_name: {salesforce: LastName, hubspot: lastname, default: {salesforce: "-"}}
"""

T = FieldType


def _spec(system: str, name: str, *fields: FieldSpec) -> ObjectSpec:
    return ObjectSpec(system, name, {field.name: field for field in fields})


def _left(*extra: FieldSpec) -> dict[str, ObjectSpec]:
    fields = (
        FieldSpec("Email", T.EMAIL),
        FieldSpec("FirstName", T.TEXT),
        FieldSpec("LastName", T.TEXT, required=True),
        FieldSpec("Key__c", T.TEXT, unique=True),
        *extra,
    )
    return {name: _spec("salesforce", name, *fields) for name in ("Contact", "Lead")}


def _right(*extra: FieldSpec) -> dict[str, ObjectSpec]:
    fields = (
        FieldSpec("email", T.EMAIL),
        FieldSpec("firstname", T.TEXT),
        FieldSpec("lastname", T.TEXT),
        FieldSpec("contact_key", T.TEXT, unique=True),
        FieldSpec("lead_key", T.TEXT, unique=True),
        *extra,
    )
    return {"contacts": _spec("hubspot", "contacts", *fields)}


def _settings(extra: str = "") -> Settings:
    found = config.read_text(TEXT + extra, "concord.yaml")
    assert found.settings is not None, found.problems
    return found.settings


def _check(extra: str, left: FieldSpec, right: FieldSpec) -> Findings:
    return config.check_against(_settings(f"    extra: {{{extra}}}\n"), _left(left), _right(right))


def _mapped(rest: str = "") -> str:
    return "salesforce: X__c, hubspot: x" + (f", {rest}" if rest else "")


def _options(*values: str, inactive: tuple[str, ...] = ()) -> tuple[Option, ...]:
    return tuple(Option(one, one, one not in inactive) for one in values)


def test_a_mapping_that_fits_both_schemas_has_no_findings() -> None:
    findings = config.check_against(_settings(), _left(), _right())
    assert (findings.problems, findings.warnings) == ((), ())
    findings.refuse()


def test_a_missing_object_is_told_on_either_side() -> None:
    without_lead = {"Contact": _left()["Contact"]}
    assert _paths(config.check_against(_settings(), without_lead, _right())) == ["people.salesforce"]
    assert _paths(config.check_against(_settings(), _left(), {})) == ["people.hubspot"]


def _paths(findings: Findings) -> list[str]:
    return [one.path for one in findings.problems]


def test_a_field_that_one_side_lacks_or_hides_is_told_with_its_place_and_the_nearest_name() -> None:
    settings = _settings("    extra: {salesforce: Titel, hubspot: job_title}\n")
    findings = config.check_against(settings, _left(FieldSpec("Title", T.TEXT)), _right(FieldSpec("jobtitle", T.TEXT)))
    assert [(one.path, one.at) for one in findings.problems] == [
        ("people.fields.extra.salesforce", Position(19, 25)),
        ("people.fields.extra.salesforce", Position(19, 25)),
        ("people.fields.extra.hubspot", Position(19, 41)),
    ]
    assert "Salesforce's Contact has no field Titel, or hides it" in findings.problems[0].text
    assert 'did you mean "Title"?' in findings.problems[0].advice
    assert "field-level security" in findings.problems[0].advice
    with pytest.raises(ConfigError, match=r"concord\.yaml:19:41  people\.fields\.extra\.hubspot"):
        findings.refuse()


def test_a_field_that_is_off_is_not_looked_at() -> None:
    findings = config.check_against(_settings(f"    extra: {{{_mapped('rule: off')}}}\n"), _left(), _right())
    assert findings.problems == ()


def test_types_that_can_never_be_carried_are_told_unless_that_direction_is_never_written() -> None:
    number, box, text = FieldSpec("X__c", T.NUMBER), FieldSpec("x", T.CHECKBOX), FieldSpec("x", T.TEXT)
    there, back = sorted(_check(_mapped(), number, box).problems, key=lambda one: one.text, reverse=True)
    assert there.text == "Salesforce's X__c (number) cannot be carried to HubSpot's x (checkbox)"
    assert back.text == "HubSpot's x (checkbox) cannot be carried to Salesforce's X__c (number)"
    assert _check(_mapped(), number, text).problems == ()
    moment = FieldSpec("X__c", T.DATETIME)
    (one_way,) = _check(_mapped(), moment, text).problems
    assert one_way.text == "HubSpot's x (text) cannot be carried to Salesforce's X__c (datetime)"
    assert "`rule: always_salesforce`" in one_way.advice
    assert _check(_mapped("rule: always_salesforce"), moment, text).problems == ()


@pytest.mark.parametrize(
    ("rule", "read_only", "expected"),
    [
        ("two_way", "left", ["people.fields.extra.salesforce"]),
        ("two_way", "right", ["people.fields.extra.hubspot"]),
        ("always_salesforce", "left", []),
        ("always_salesforce", "right", ["people.fields.extra.hubspot"]),
        ("always_hubspot", "left", ["people.fields.extra.salesforce"]),
        ("always_hubspot", "right", []),
        ("prefer_salesforce_unless_blank", "left", ["people.fields.extra.salesforce"]),
    ],
)
def test_a_read_only_field_is_a_problem_where_the_rule_would_write_it(
    rule: str, read_only: str, expected: list[str]
) -> None:
    left, right = FieldSpec("X__c", T.TEXT), FieldSpec("x", T.TEXT)
    if read_only == "left":
        left = replace(left, creatable=False, updatable=False)
    else:
        right = replace(right, updatable=False)
    assert sorted(set(_paths(_check(_mapped(f"rule: {rule}"), left, right)))) == expected


def test_what_a_value_may_lose_is_a_warning() -> None:
    findings = _check(_mapped(), FieldSpec("X__c", T.DATE), FieldSpec("x", T.DATETIME))
    assert findings.problems == ()
    assert [one.text for one in findings.warnings] == ["X__c keeps the day of x and not its time"]


@pytest.mark.parametrize(
    ("name", "instead", "path"),
    [
        ("Key__c", FieldSpec("Key__c", T.TEXT, unique=False), "people.keys.salesforce"),
        ("Key__c", FieldSpec("Key__c", T.TEXT, unique=True, updatable=False), "people.keys.salesforce"),
        ("Key__c", None, "people.keys.salesforce"),
        ("lead_key", FieldSpec("lead_key", T.TEXT, unique=False), "people.keys.hubspot.Lead"),
        ("lead_key", FieldSpec("lead_key", T.TEXT, unique=True, creatable=False), "people.keys.hubspot.Lead"),
        ("lead_key", None, "people.keys.hubspot.Lead"),
    ],
)
def test_a_key_has_to_be_there_unique_and_writable(name: str, instead: FieldSpec | None, path: str) -> None:
    left, right = _left(), _right()
    specs = left if name in left["Lead"].fields else right
    for key, spec in specs.items():
        others = {one: field for one, field in spec.fields.items() if one != name}
        specs[key] = replace(spec, fields=others if instead is None else {**others, name: instead})
    assert set(_paths(config.check_against(_settings(), left, right))) == {path}


def test_an_identity_field_that_is_hidden_can_be_done_without() -> None:
    text = TEXT.replace('Lead: {phone: "", mobile: "", ', 'Lead: {mobile: "", ')
    settings = config.read_text(text, "x").settings
    assert settings is not None
    findings = config.check_against(settings, _left(), _right())
    assert _paths(findings) == ["people.identity.salesforce.Lead.phone"]
    assert 'write `phone: ""` here to match without' in findings.problems[0].advice


def test_a_required_field_of_what_is_made_has_to_come_from_somewhere() -> None:
    company = FieldSpec("Company", T.TEXT, required=True)
    findings = config.check_against(_settings(), _left(company), _right())
    assert _paths(findings) == ["people.create.salesforce"]
    assert "Salesforce makes no Lead without Company, and it is not mapped" in findings.problems[0].text


def test_a_required_field_that_is_mapped_without_a_default_is_a_warning_and_with_one_nothing() -> None:
    required = FieldSpec("X__c", T.TEXT, required=True)
    other = FieldSpec("x", T.TEXT)
    (warning,) = _check(_mapped(), required, other).warnings
    assert "whose x is blank will wait" in warning.text
    findings = _check(_mapped("default: {salesforce: n/a}"), required, other)
    assert (findings.problems, findings.warnings) == ((), ())
    assert _paths(_check(_mapped("rule: always_salesforce"), required, other)) == ["people.fields.extra.rule"]


def test_options_that_the_other_side_lacks_are_warnings_that_name_both_lists() -> None:
    left = FieldSpec("X__c", T.PICKLIST, options=_options("Hot", "Warm"))
    right = FieldSpec("x", T.PICKLIST, options=_options("HOT", "Warm", "COLD"))
    there, back = _check(_mapped("options: {Hot: HOT}"), left, replace(right, options=_options("HOT", "COLD"))).warnings
    assert '"Warm", which HubSpot\'s x has not (HubSpot has "HOT", "COLD")' in there.text + back.text
    assert '"COLD", which Salesforce\'s X__c has not (Salesforce has "Hot", "Warm")' in there.text + back.text
    (back,) = _check(_mapped("options: {Hot: HOT}"), left, right).warnings
    assert '"COLD"' in back.text
    assert back.path == "people.fields.extra.options"


def test_an_option_of_the_file_that_a_side_does_not_have_is_a_problem_and_an_inactive_one_a_warning() -> None:
    left = FieldSpec("X__c", T.PICKLIST, options=_options("Hot", "Warm", inactive=("Warm",)))
    right = FieldSpec("x", T.PICKLIST, options=_options("HOT", "WARM"))
    findings = _check(_mapped("options: {Hot: HOTT, Warm: WARM, Cold: HOT}"), left, right)
    assert _paths(findings) == ["people.fields.extra.options.Hot", "people.fields.extra.options.Cold"]
    assert findings.problems[0].advice == 'did you mean "HOT"?'
    assert any("inactive option of Salesforce's X__c" in one.text for one in findings.warnings)


def test_stages_have_to_be_options_and_options_without_a_place_are_a_warning() -> None:
    left = FieldSpec("X__c", T.TEXT)
    right = FieldSpec("x", T.PICKLIST, options=_options("a", "b", "c", "d"))
    rule = "rule: forward_only, stages: [a, b, e], exceptions: [{from: any, to: c}]"
    findings = _check(_mapped(rule), left, right)
    assert [one.text for one in findings.problems] == ['"e" is not an option of HubSpot\'s x']
    assert any('"d" of HubSpot\'s x have no place in the order' in one.text for one in findings.warnings)


def test_most_restrictive_is_for_checkboxes() -> None:
    findings = _check(
        _mapped("rule: most_restrictive, owner: hubspot"), FieldSpec("X__c", T.CHECKBOX), FieldSpec("x", T.TEXT)
    )
    assert _paths(findings) == ["people.fields.extra.rule"]


@pytest.mark.parametrize(
    ("default", "kind", "fits"),
    [
        ("abc", T.TEXT, True),
        ("5", T.NUMBER, True),
        ('"5"', T.NUMBER, False),
        ("true", T.CHECKBOX, True),
        ('"true"', T.CHECKBOX, False),
        ("abc", T.NUMBER, False),
        ('"2026-01-01"', T.DATE, False),
        ("yes", T.PICKLIST, True),
        ("never", T.PICKLIST, False),
    ],
)
def test_a_default_has_to_fit_the_field_that_it_is_for(default: str, kind: FieldType, fits: bool) -> None:
    spec = FieldSpec("X__c", kind, options=_options("yes", "no") if kind is T.PICKLIST else ())
    other = FieldSpec("x", kind, options=spec.options)
    paths = _paths(_check(_mapped(f"default: {{salesforce: {default}}}"), spec, other))
    assert paths == ([] if fits else ["people.fields.extra.default.salesforce"])


def test_a_reference_to_objects_that_do_not_sync_is_a_warning() -> None:
    left = FieldSpec("X__c", T.REFERENCE, references=("Account",))
    right = FieldSpec("x", T.REFERENCE, references=("companies",))
    (warning,) = _check(_mapped(), left, right).warnings
    assert "do not sync with each other" in warning.text
    companies = (
        "companies: {salesforce: Account, hubspot: companies, identity: {salesforce: {Account: {phone: ''}}, "
        "hubspot: {phone: ''}}, fields: {name: {salesforce: Name, hubspot: name}}}\n"
    )
    settings = _settings(f"    extra: {{{_mapped()}}}\n{companies}")
    account = _spec("salesforce", "Account", FieldSpec("Name", T.TEXT), FieldSpec("Website", T.URL))
    company = _spec("hubspot", "companies", FieldSpec("name", T.TEXT), FieldSpec("domain", T.TEXT))
    findings = config.check_against(
        settings, {**_left(left), "Account": account}, {**_right(right), "companies": company}
    )
    assert (findings.problems, findings.warnings) == ((), ())
