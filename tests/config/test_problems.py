"""Everything that can be wrong with the file: told all at once, each with its place and what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from concord import config
from concord.config import Position, Problem
from concord.core.mapping import Owner
from concord.core.model import Side
from concord.core.values import MISSING
from concord.errors import ConfigError

GOOD = """\
version: 1
salesforce:
  url: https://acme.my.salesforce.com
people:
  salesforce: [Contact, Lead]
  hubspot: contacts
  create: {salesforce: Lead, hubspot: true}
  keys:
    salesforce: HubSpot_Contact_Id__c
    hubspot: {Contact: salesforce_contact_id, Lead: salesforce_lead_id}
  fields:
    email: {salesforce: Email, hubspot: email, owner: hubspot}
    phone:
      salesforce: Phone
      hubspot: phone
      owner: salesforce
"""


def _problems(text: str) -> tuple[Problem, ...]:
    return config.read_text(text, "concord.yaml").problems


def _changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def _only(text: str) -> Problem:
    (problem,) = _problems(text)
    return problem


def _extra(field: str) -> str:
    """The good file with one more field, from line 17 on."""
    return GOOD + "    extra: {salesforce: Title, hubspot: jobtitle, " + field + "}\n"


def test_the_good_file_is_good() -> None:
    assert _problems(GOOD) == ()


def test_every_problem_is_told_at_once_in_the_order_of_the_file() -> None:
    text = GOOD.replace("version: 1", "version: 2").replace("owner: salesforce", "owner: salesfroce") + "extra: 1\n"
    assert [(one.path, one.at) for one in _problems(text)] == [
        ("version", Position(1, 10)),
        ("people.fields.phone.owner", Position(16, 14)),
        ("extra", Position(17, 1)),
    ]


def test_a_problem_names_file_line_column_path_fault_and_remedy() -> None:
    problem = _only(_changed("owner: salesforce", "owner: salesfroce"))
    assert problem.show("concord.yaml") == (
        "concord.yaml:16:14  people.fields.phone.owner\n"
        '    "salesfroce" is not one of salesforce, hubspot, latest\n'
        '    did you mean "salesforce"?'
    )
    assert problem.as_json("concord.yaml")["line"] == 16


def test_load_raises_one_error_that_has_them_all(tmp_path: Path) -> None:
    file = tmp_path / "concord.yaml"
    file.write_text(GOOD.replace("hubspot: true", "hubspot: yes").replace("owner: hubspot", "ownr: hubspot"))
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert f"{file} cannot be used: 2 problems" in str(caught.value)
    assert f"{file}:7:39  people.create.hubspot" in str(caught.value)
    assert 'did you mean "owner"?' in str(caught.value)


def test_what_is_wrong_in_the_mapping_is_told_beside_a_missing_address() -> None:
    text = _changed("  url: https://acme.my.salesforce.com\n", "  daily_share: 0.5\n").replace(
        "Lead: sales", "Led: sales"
    )
    assert [one.path for one in _problems(text)] == ["salesforce.url", "people.keys.hubspot.Led"]


@pytest.mark.parametrize(
    ("text", "part", "line"),
    [
        ("", "the file is empty", None),
        ("# nothing\n", "the file is empty", None),
        ("version: 1\n  salesforce: {}\n", "this is not YAML", 2),
        ("version: [1\n", "this is not YAML", 2),
        ("version: 1\n\tsalesforce: 2\n", "this is not YAML", 2),
        ("a: 1\n---\nb: 2\n", "this is not YAML", 2),
        ("version: 1\nx: \x07\n", "U+0007", 2),
        ("just words\n", "is a text, not a section", 1),
        ("[1, 2]\n", "a list stands where a section", 1),
        ("[" * 100_000, "nested too deeply", 1),
    ],
)
def test_what_is_no_yaml_mapping_is_refused_with_its_line(text: str, part: str, line: int | None) -> None:
    problem = _only(text)
    assert part in problem.text
    assert (problem.at.line if problem.at else None) == line


def test_a_key_written_twice_names_the_first_line() -> None:
    problem = _only(GOOD + "version: 1\n")
    assert (problem.path, problem.at) == ("version", Position(17, 1))
    assert "the first is in line 1" in problem.text


def test_a_field_written_twice_in_the_mapping_is_a_problem_too() -> None:
    assert "written twice" in _only(GOOD + "    email: {salesforce: Other__c, hubspot: other}\n").text


def test_a_key_that_is_no_word_is_refused() -> None:
    assert any("a key has to be a word" in one.text for one in _problems(GOOD + "[a, b]: 1\n"))


@pytest.mark.parametrize("path", ["nowhere.yaml", "."])
def test_a_file_that_cannot_be_read_is_a_problem(path: str, tmp_path: Path) -> None:
    found = config.read(tmp_path / path)
    assert found.settings is None
    assert len(found.problems) == 1


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file\n    write one with `concord init`"):
        config.load(tmp_path / "concord.yaml")


def test_a_file_that_is_no_utf_8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "concord.yaml"
    file.write_bytes(b"version: 1 # \xff\n")
    assert "not UTF-8" in config.read(file).problems[0].text


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    file = tmp_path / "concord.yaml"
    file.write_text(GOOD, encoding="utf-8-sig")
    assert config.load(file).where("version") == Position(1, 10)


@pytest.mark.parametrize(
    ("old", "new", "path", "advice"),
    [
        ("  fields:", "  feilds: {}\n  fields:", "people.feilds", 'did you mean "fields"?'),
        ("owner: salesforce", "Owner: salesforce", "people.fields.phone.Owner", 'did you mean "owner"?'),
        ("version: 1", "version: 1\nzzz: 1", "zzz", "known here: version, salesforce, hubspot"),
    ],
)
def test_an_unknown_key_is_told_with_the_key_that_was_meant(old: str, new: str, path: str, advice: str) -> None:
    problem = _only(_changed(old, new))
    assert problem.path == path
    assert problem.advice.startswith(advice)


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("version: 1", "version: one", "version"),
        ("version: 1", "version: 1.0", "version"),
        ("https://acme.my.salesforce.com", "acme.my.salesforce.com", "salesforce.url"),
        ("https://acme.my.salesforce.com", "http://acme.my.salesforce.com", "salesforce.url"),
        ("https://acme.my.salesforce.com", "[https://a.b]", "salesforce.url"),
        ("https://acme.my.salesforce.com", "", "salesforce.url"),
        ("https://acme.my.salesforce.com", '"https://acme.com\\n"', "salesforce.url"),
        ("hubspot: true", "hubspot: 1", "people.create.hubspot"),
        ("hubspot: true", "hubspot: 'true'", "people.create.hubspot"),
        ("owner: salesforce", "owner: [salesforce]", "people.fields.phone.owner"),
        ("owner: salesforce", "strict: no", "people.fields.phone.strict"),
        ("owner: salesforce", "only: Lead", "people.fields.phone.only"),
        ("owner: salesforce", "only: []", "people.fields.phone.only"),
        ("owner: salesforce", "only: [Lead, Lead]", "people.fields.phone.only[1]"),
        ("owner: salesforce", "options: [a, b]", "people.fields.phone.options"),
        ("owner: salesforce", "options: {}", "people.fields.phone.options"),
        ("owner: salesforce", "options: {a: {b: c}}", "people.fields.phone.options.a"),
        ("owner: salesforce", "default: {salesforce: [1]}", "people.fields.phone.default.salesforce"),
        ("owner: salesforce", "default: none", "people.fields.phone.default"),
        ("owner: salesforce", "window: 5", "people.fields.phone.window"),
        ("owner: salesforce", "window: 5 m", "people.fields.phone.window"),
        ("owner: salesforce", "window: -5m", "people.fields.phone.window"),
        ("salesforce: Phone", "salesforce: Pho ne", "people.fields.phone.salesforce"),
        ("salesforce: Phone", "salesforce: !secret Phone", "people.fields.phone.salesforce"),
        ("    phone:", "    Phone Number:", "people.fields.Phone Number"),
        ("version: 1", "version: 1\nsync: {sweep: {hubspot: 0s}}", "sync.sweep.hubspot"),
        ("version: 1", "version: 1\nsync: {sweep: {presence: 0d}}", "sync.sweep.presence"),
        ("version: 1", "version: 1\nsync: {sweep: {presence: never}}", "sync.sweep.presence"),
        ("version: 1", "version: 1\nsync: {tie: [salesforce]}", "sync.tie"),
        ("version: 1", "version: 1\nsync: {tie: [salesforce, salesforce]}", "sync.tie[1]"),
        ("version: 1", "version: 1\nsync: {matching: {link: 101}}", "sync.matching.link"),
        ("version: 1", "version: 1\nsync: {matching: {link: 90%}}", "sync.matching.link"),
        ("version: 1", "version: 1\nsync: {matching: {ask: 95}}", "sync.matching.ask"),
        ("version: 1", "version: 1\nweb: {listen: 8321}", "web.listen"),
        ("version: 1", "version: 1\nweb: {listen: '127.0.0.1:99999'}", "web.listen"),
        ("version: 1", "version: 1\nweb:", "web"),
        ("version: 1", "version: 1\nhubspot: {api_version: 2026}", "hubspot.api_version"),
        ("https://acme.my.salesforce.com", "https://a.b\n  daily_share: 0", "salesforce.daily_share"),
        ("https://acme.my.salesforce.com", "https://a.b\n  daily_share: 80", "salesforce.daily_share"),
        ("https://acme.my.salesforce.com", "https://a.b\n  api_version: 66", "salesforce.api_version"),
    ],
)
def test_a_value_of_the_wrong_kind_is_told_where_it_stands(old: str, new: str, path: str) -> None:
    assert _only(_changed(old, new)).path == path


@pytest.mark.parametrize(
    ("old", "path"),
    [
        ("version: 1\n", "version"),
        ("  hubspot: contacts\n", "people.hubspot"),
        ("      salesforce: Phone\n", "people.fields.phone.salesforce"),
    ],
)
def test_a_missing_key_is_told_at_its_section(old: str, path: str) -> None:
    problem = _only(_changed(old, ""))
    assert (problem.path, problem.text) == (path, f"{path.rpartition('.')[2]} is missing")
    assert problem.at is not None


def test_a_bare_number_is_an_app_id_and_a_bare_date_is_an_api_version() -> None:
    found = config.read_text(_changed("version: 1", "version: 1\nhubspot: {app_id: 0042, api_version: 2026-09}"), "x")
    assert found.settings is not None
    assert (found.settings.hubspot.app_id, found.settings.hubspot.api_version) == ("0042", "2026-09")


def test_off_yes_and_no_are_words_not_truth_values() -> None:
    found = config.read_text(_extra("rule: off, options: {Yes: NO, on: off, 5: 6}"), "x")
    assert found.settings is not None
    (people,) = found.settings.objects
    assert people.fields[-1].options == (("Yes", "NO"), ("on", "off"), ("5", "6"))


# --- secrets ------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "  client_secret: hunter2",
        "  token: hunter2",
        "  password: hunter2",
        "  auth: {user: x, api_key: hunter2}",
        "  database_url: postgres://u:hunter2@h/d",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(line: str) -> None:
    problem = _only(_changed("salesforce:\n  url", f"salesforce:\n{line}\n  url"))
    assert "secrets are never in this file" in problem.text
    assert "CONCORD_SALESFORCE_CLIENT_SECRET" in problem.advice
    assert "hunter2" not in problem.show("x")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("https://acme.my.salesforce.com", "https://me:hunter2hunter2@acme.my.salesforce.com"),
        ("version: 1", "version: 1\nhubspot: {app_id: pat-eu1-hunter2hunter2}"),
    ],
)
def test_a_value_that_looks_like_a_secret_is_not_repeated(old: str, new: str) -> None:
    problem = _only(_changed(old, new))
    assert "hunter2" not in problem.show("x")


# --- what settings must be together ------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "path", "part"),
    [
        ("only: [Leed]", "only", '"Leed" is not among'),
        ("rule: forward_only", "stages", "needs to know the order"),
        ("stages: [a, b]", "stages", "does nothing under rule two_way"),
        ("exceptions: [{from: a, to: b}]", "exceptions", "does nothing under rule two_way"),
        ("strict: true", "strict", "has no owner"),
        ("strict: true, owner: latest", "strict", "has no owner"),
        ("rule: always_salesforce, owner: hubspot", "owner", "contradict each other"),
        ("options: {A: [X, Y], B: [Z, Y]}", "options.B", '"Y" becomes "A" in Salesforce already'),
    ],
)
def test_settings_of_a_field_that_do_not_fit_together_are_told(field: str, path: str, part: str) -> None:
    problem = _only(_extra(field))
    assert problem.path == f"people.fields.extra.{path}"
    assert part in problem.text
    assert problem.at is not None
    assert problem.at.line == 17
    assert problem.advice


def test_a_field_mapped_twice_names_where_the_first_one_is() -> None:
    problem = _only(GOOD + "    tel: {salesforce: Phone, hubspot: other}\n")
    assert (problem.path, problem.at) == ("people.fields.tel.salesforce", Position(17, 23))
    assert "mapped already, by people.fields.phone.salesforce (line 14)" in problem.text


def test_a_property_mapped_twice_is_told_too_and_a_key_may_not_be_mapped() -> None:
    text = (
        GOOD + "    tel: {salesforce: Fax, hubspot: phone}\n    id: {salesforce: HubSpot_Contact_Id__c, hubspot: x}\n"
    )
    assert [one.path for one in _problems(text)] == ["people.fields.tel.hubspot", "people.fields.id.salesforce"]


def test_a_field_may_be_mapped_again_when_it_is_off_or_on_another_object() -> None:
    assert _problems(GOOD + "    tel: {salesforce: Phone, hubspot: other, rule: off}\n") == ()
    lead = "    a: {salesforce: Street, hubspot: x, only: [Lead]}\n"
    contact = "    b: {salesforce: Street, hubspot: y, only: [Contact]}\n"
    assert _problems(GOOD + lead + contact) == ()


def test_objects_named_twice_or_unknown_in_a_field_are_told() -> None:
    text = GOOD + "    a: {salesforce: {Lead: Street, Contakt: MailingStreet}, hubspot: address, only: [Lead]}\n"
    assert [one.path for one in _problems(text)] == ["people.fields.a.salesforce.Contakt", "people.fields.a.only"]


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("salesforce: Lead, ", "salesforce: Laed, ", "people.create.salesforce"),
        ("salesforce: Lead, ", "salesforce: true, ", "people.create.salesforce"),
        ("    salesforce: HubSpot_Contact_Id__c\n", "", "people.keys.salesforce"),
        (", Lead: salesforce_lead_id", "", "people.keys.hubspot"),
        ("Lead: salesforce_lead_id", "Lead: salesforce_contact_id", "people.keys.hubspot.Lead"),
        ("{Contact: salesforce_contact_id, Lead: salesforce_lead_id}", "salesforce_id", "people.keys.hubspot"),
        ("  fields:", "  identity: {salesforce: {Led: {email: E}}}\n  fields:", "people.identity.salesforce.Led"),
    ],
)
def test_what_creates_and_matches_need_is_told(old: str, new: str, path: str) -> None:
    problems = _problems(_changed(old, new))
    assert path in [one.path for one in problems]
    assert all(one.path.startswith(path.rpartition(".")[0]) for one in problems)


def test_an_object_of_which_nothing_tells_who_it_is_needs_identity_fields() -> None:
    text = (
        "version: 1\nsalesforce: {url: https://a.b}\n"
        "people: {salesforce: Member__c, hubspot: contacts, fields: {email: {salesforce: Mail__c, hubspot: email}}}\n"
    )
    assert _only(text).path == "people.identity.salesforce.Member__c"
    told = text.replace(
        "hubspot: contacts,", "hubspot: contacts, identity: {salesforce: {Member__c: {email: Mail__c}}},"
    )
    assert _problems(told) == ()


def test_identity_fields_of_the_file_replace_the_usual_ones_one_by_one() -> None:
    text = _changed("  fields:", '  identity: {hubspot: {email: work_email, website: ""}}\n  fields:')
    settings = config.read_text(text, "x").settings
    assert settings is not None
    identity = settings.objects[0].right_identity
    assert (identity.email, identity.website, identity.last_name) == ("work_email", "", "lastname")


def test_two_options_that_become_one_are_a_warning_that_says_what_comes_back() -> None:
    found = config.read_text(_extra("options: {Open: NEW, Fresh: NEW}"), "x")
    assert found.settings is not None
    (warning,) = found.warnings
    assert warning.path == "people.fields.extra.options.Fresh"
    assert 'becomes "Open" in Salesforce' in warning.text


def test_nothing_comes_back_under_a_rule_that_never_writes_salesforce_so_nothing_is_said() -> None:
    assert config.read_text(_extra("rule: always_salesforce, options: {A: N, B: N}"), "x").warnings == ()


def test_an_opt_out_without_an_owner_is_a_warning() -> None:
    (warning,) = config.read_text(_extra("rule: most_restrictive"), "x").warnings
    assert "nobody can opt a person in again" in warning.text


def test_a_rule_that_names_a_side_makes_it_the_owner() -> None:
    settings = config.read_text(_extra("rule: prefer_hubspot_unless_blank, default: {hubspot: 5}"), "x").settings
    assert settings is not None
    extra = settings.objects[0].fields[-1]
    assert extra.owner is Owner.RIGHT
    assert (extra.default(Side.LEFT), extra.default(Side.RIGHT)) == (MISSING, 5)


def test_the_place_of_a_setting_that_is_not_written_is_the_section_above_it() -> None:
    settings = config.read_text(GOOD, "x").settings
    assert settings is not None
    assert settings.where("people.fields.phone.rule") == Position(13, 5)
    assert settings.where("web.listen") is None


def test_a_loop_of_anchors_ends() -> None:
    assert _problems("version: &a {b: *a}\n") != ()
