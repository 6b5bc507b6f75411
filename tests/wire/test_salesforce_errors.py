"""What Salesforce's refusals mean, in every shape that they come in."""

from __future__ import annotations

from typing import Any

import pytest

from concord.errors import Category, RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.salesforce.errors import BY_CODE, TABLE, call_error, complaints, failure, signed_out

MATCH = {"record": {"attributes": {"type": "Contact", "url": "/x"}, "Id": "003xx000004TmiQAAS"}, "matchConfidence": 100}


def duplicates(key: str, *matches: dict[str, Any]) -> list[dict[str, Any]]:
    result = {
        "allowSave": False,
        "duplicateRule": "Contacts_DR",
        "matchResults": [{"entityType": "Contact", "matchRecords": list(matches), "size": len(matches)}],
    }
    return [{key: result, "errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?"}]


@pytest.mark.parametrize(
    "body",
    [
        [{"message": "No such column", "errorCode": "INVALID_FIELD", "fields": ["foo"]}],
        {"message": "No such column", "errorCode": "INVALID_FIELD", "fields": ["foo"]},
        {"success": False, "errors": [{"statusCode": "INVALID_FIELD", "message": "No such column", "fields": ["foo"]}]},
        {
            "id": None,
            "success": False,
            "errors": [{"errorCode": "INVALID_FIELD", "message": "No such column", "fields": ["foo"]}],
        },
    ],
)
def test_every_shape_of_an_error_is_read(body: Any) -> None:
    (told,) = complaints(body)
    assert (told.code, told.message, told.fields) == ("INVALID_FIELD", "No such column", ("foo",))


@pytest.mark.parametrize("body", ["<html>Down for maintenance</html>", None, [], {}, [{"success": True, "errors": []}]])
def test_a_body_without_an_error_has_none(body: Any) -> None:
    assert complaints(body) == ()


def test_every_code_has_a_category_and_advice_and_one_row() -> None:
    for meaning in TABLE:
        assert isinstance(meaning.category, Category), meaning
        assert len(meaning.advice) > 20, meaning
    codes = [code for meaning in TABLE for code in meaning.codes.split()]
    assert len(codes) == len(set(codes)) == len(BY_CODE)


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Category.VALIDATION_RULE),
        ("APEX_ERROR", Category.VALIDATION_RULE),
        ("FIELD_FILTER_VALIDATION_EXCEPTION", Category.VALIDATION_RULE),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", Category.PICKLIST),
        ("BAD_CUSTOM_ENTITY_PARENT_DOMAIN", Category.MISSING_RECORD),
        ("STORAGE_LIMIT_EXCEEDED", Category.QUOTA),
        ("TXN_SECURITY_NO_ACCESS", Category.PERMISSION),
        ("INSUFFICIENT_ACCESS_OR_READONLY", Category.PERMISSION),
        ("EXCEEDED_ID_LIMIT", Category.INTERNAL),
    ],
)
def test_a_refusal_that_stays_waits_for_a_person(code: str, category: Category) -> None:
    found = failure(400, [{"errorCode": code, "message": "in Salesforce's words"}], "Lead")
    assert (found.category, found.code, found.message) == (category, code, "in Salesforce's words")
    assert not found.transient
    assert not found.moved


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("ENTITY_IS_LOCKED", Category.RECORD_LOCK),
        ("PROCESSING_HALTED", Category.CONFLICT),
        ("SERVER_UNAVAILABLE", Category.NETWORK),
        ("REQUEST_RUNNING_TOO_LONG", Category.NETWORK),
        ("REQUEST_LIMIT_EXCEEDED", Category.QUOTA),
    ],
)
def test_a_refusal_that_passes_is_tried_again(code: str, category: Category) -> None:
    found = failure(400, [{"errorCode": code, "message": ""}], "Lead")
    assert (found.category, found.transient) == (category, True)


def test_a_code_that_nobody_knows_is_internal_and_keeps_its_words() -> None:
    found = failure(400, [{"errorCode": "QUITE_NEW", "message": "it is quite new", "fields": ["Email"]}], "Lead")
    assert (found.category, found.code, found.message) == (Category.INTERNAL, "QUITE_NEW", "it is quite new")
    assert found.fields == ("Email",)
    assert not found.transient
    assert "report" in found.advice


def test_several_complaints_are_all_told() -> None:
    body = [
        {"statusCode": "INVALID_EMAIL_ADDRESS", "message": "Email: invalid email address: x", "fields": ["Email"]},
        {"statusCode": "STRING_TOO_LONG", "message": "Title: too long", "fields": ["Title"]},
    ]
    found = failure(400, body, "Lead")
    assert found.message == "Email: invalid email address: (value); Title: too long"
    assert found.fields == ("Email", "Title")


@pytest.mark.parametrize(
    ("status", "code", "kind", "category"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", RemoteBusy, Category.QUOTA),
        (503, "SERVER_UNAVAILABLE", RemoteBusy, Category.NETWORK),
        (500, "UNKNOWN_EXCEPTION", RemoteBusy, Category.NETWORK),
        (400, "QUERY_TIMEOUT", RemoteBusy, Category.NETWORK),
        (400, "UNABLE_TO_LOCK_ROW", RemoteBusy, Category.RECORD_LOCK),
        (403, "API_DISABLED_FOR_ORG", RemoteRefused, Category.PERMISSION),
        (400, "MALFORMED_QUERY", RemoteRefused, Category.INTERNAL),
        (400, "INVALID_FIELD", RemoteRefused, Category.MAPPING),
        (400, "SOMETHING_NEW", RemoteRefused, Category.INTERNAL),
        (500, "SOMETHING_NEW", RemoteBusy, Category.NETWORK),
    ],
)
def test_a_refused_call_says_whether_to_try_again(
    status: int, code: str, kind: type[RemoteError], category: Category
) -> None:
    error = call_error(status, [{"errorCode": code, "message": "said so"}], {})
    assert type(error) is kind
    assert (error.category, error.code) == (category, code)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, RemoteRefused),
        (403, RemoteRefused),
        (429, RemoteBusy),
        (503, RemoteBusy),
        (502, RemoteUnknown),
        (504, RemoteUnknown),
    ],
)
def test_a_gateways_page_is_judged_by_its_status(status: int, kind: type[RemoteError]) -> None:
    assert type(call_error(status, "<html></html>", {})) is kind


def test_a_spent_day_is_looked_at_again_in_a_quarter_of_an_hour() -> None:
    error = call_error(403, [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}], {})
    assert error.after == 900


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, "invalid_grant", RemoteRefused),
        (400, "invalid_client_id", RemoteRefused),
        (400, "rate_limit_exceeded", RemoteBusy),
        (503, "server_error", RemoteBusy),
    ],
)
def test_a_sign_in_is_refused_for_good_unless_the_server_is_in_trouble(
    status: int, told: str, kind: type[RemoteError]
) -> None:
    error = call_error(status, {"error": told, "error_description": "no client credentials user enabled"}, {})
    assert type(error) is kind
    assert "no client credentials user enabled" in str(error)


def test_a_refused_sign_in_names_what_to_check() -> None:
    error = call_error(400, {"error": "invalid_grant", "error_description": "authentication failure"}, {})
    assert "External Client App" in error.advice
    assert "API access control" in error.advice


def test_only_an_invalid_session_means_signed_out() -> None:
    gone = [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert signed_out(401, gone)
    assert not signed_out(403, gone)
    assert not signed_out(401, [{"errorCode": "INVALID_AUTH_HEADER", "message": ""}])


@pytest.mark.parametrize("key", ["duplicateResut", "duplicateResult"])
def test_a_duplicate_rule_with_one_match_names_the_holder(key: str) -> None:
    found = failure(400, duplicates(key, MATCH), "Contact")
    assert (found.category, found.holder) == (Category.DUPLICATE_RULE, "003xx000004TmiQAAS")


def test_a_match_of_another_object_is_no_holder() -> None:
    assert failure(400, duplicates("duplicateResut", MATCH), "Lead").holder is None


def test_several_matches_name_no_holder() -> None:
    other = {"record": {"attributes": {"type": "Contact"}, "Id": "003xx000004TmiR"}}
    assert failure(400, duplicates("duplicateResut", MATCH, other), "Contact").holder is None


def test_a_match_out_of_sight_names_no_holder() -> None:
    hidden = {"record": {"attributes": {"type": "Contact"}}}
    assert failure(400, duplicates("duplicateResut", hidden), "Contact").holder is None


def test_a_taken_unique_value_names_its_holder_from_the_message() -> None:
    message = "duplicate value found: HubSpot_Contact_Id__c duplicates value on record with id: 003xx000004TmiQ"
    found = failure(400, [{"errorCode": "DUPLICATE_VALUE", "message": message, "fields": []}], "Contact")
    assert found.holder == "003xx000004TmiQAAS"
    silent = failure(400, [{"errorCode": "DUPLICATE_VALUE", "message": "duplicate value found: <unknown>"}], "Contact")
    assert silent.holder is None


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (412, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"),
        (400, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE"),
        (404, "ENTITY_IS_DELETED"),
        (400, "CANNOT_UPDATE_CONVERTED_LEAD"),
        (412, "WHATEVER"),
    ],
)
def test_a_record_that_moved_is_decided_anew(status: int, code: str) -> None:
    assert failure(status, [{"errorCode": code, "message": ""}], "Lead").moved


def test_a_412_without_a_body_is_a_record_that_moved() -> None:
    assert failure(412, None, "Lead").moved


def test_all_fields_that_are_complained_about_are_named() -> None:
    body = [
        {"statusCode": "REQUIRED_FIELD_MISSING", "message": "missing", "fields": ["LastName"]},
        {"statusCode": "REQUIRED_FIELD_MISSING", "message": "missing", "fields": ["Company", "LastName"]},
    ]
    assert failure(400, body, "Lead").fields == ("LastName", "Company")


@pytest.mark.parametrize(
    ("code", "message", "secret"),
    [
        ("INVALID_EMAIL_ADDRESS", "Email: invalid email address: jane doe(at)acme", "jane"),
        (
            "JSON_PARSER_ERROR",
            "Cannot read an instance of date from VALUE_STRING value Ada K or request may miss",
            "Ada",
        ),
        ("STRING_TOO_LONG", "Last Name: data value too large: Wolfeschlegelstein (max length=10)", "Wolfe"),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "jane.doe@acme.example is not allowed", "jane"),
        ("MALFORMED_QUERY", "SELECT Id FROM Lead WHERE Name = 'Jane \\' Doe' ^ ERROR at Row:1", "Jane"),
    ],
)
def test_a_message_never_quotes_a_persons_data(code: str, message: str, secret: str) -> None:
    told = failure(400, [{"errorCode": code, "message": message}], "Lead")
    assert secret not in told.message
    assert told.message != ""
    assert secret not in str(call_error(400, [{"errorCode": code, "message": message}], {}))
