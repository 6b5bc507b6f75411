"""What HubSpot's bad answers are taken to mean (api/hubspot.md, sections 2.3, 3 and 4)."""

from __future__ import annotations

from typing import Any

import pytest

from concord.errors import Category, RemoteBusy, RemoteRefused, RemoteUnknown
from concord.systems.hubspot.errors import reading


def validation(code: str, *names: str) -> dict[str, Any]:
    context = {"propertyName": list(names)}
    return {
        "category": "VALIDATION_ERROR",
        "message": "no",
        "errors": [{"message": "no", "code": code, "context": context}],
    }


@pytest.mark.parametrize(
    ("status", "body", "category"),
    [
        (400, validation("INVALID_OPTION", "x"), Category.PICKLIST),
        (400, validation("INVALID_EMAIL", "email"), Category.DATA_TYPE),
        (400, validation("INVALID_DATE", "x"), Category.DATA_TYPE),
        (400, validation("PROPERTY_DOESNT_EXIST", "x"), Category.MAPPING),
        (400, validation("READ_ONLY_VALUE", "x"), Category.MAPPING),
        (400, validation("REQUIRED_FIELD_MISSING", "x"), Category.REQUIRED_FIELD),
        (400, validation("MAX_LENGTH", "x"), Category.VALIDATION_RULE),
        (400, validation("SOMETHING_NEW", "x"), Category.VALIDATION_RULE),
        (400, validation("CONFLICTING_UNIQUE_VALUE", "x"), Category.DUPLICATE_RULE),
        (400, validation("INVALID_OWNER_ID", "x"), Category.PERMISSION),
        (400, validation("VALUE_TOO_LONG", "x"), Category.DATA_TYPE),
        (400, {"category": "OBJECT_ALREADY_EXISTS"}, Category.DUPLICATE_RULE),
        (400, None, Category.INTERNAL),
        (400, {"category": "QUITE_NEW", "message": "it is quite new"}, Category.INTERNAL),
        (405, None, Category.INTERNAL),
        (413, None, Category.INTERNAL),
        (400, {"message": "Contact already exists. Existing ID: 12"}, Category.DUPLICATE_RULE),
        (400, {"status": "BAD_REFRESH_TOKEN", "error": "invalid_grant"}, Category.PERMISSION),
        (400, {"status": "BAD_CLIENT_SECRET"}, Category.PERMISSION),
        (401, {"category": "EXPIRED_AUTHENTICATION"}, Category.PERMISSION),
        (403, {"category": "MISSING_SCOPES"}, Category.PERMISSION),
        (404, {"category": "OBJECT_NOT_FOUND"}, Category.MISSING_RECORD),
        (409, {"category": "CONFLICT"}, Category.DUPLICATE_RULE),
        (414, "too long", Category.INTERNAL),
    ],
)
def test_a_lasting_refusal_has_its_category(status: int, body: Any, category: Category) -> None:
    error = reading(status, body).error()
    assert isinstance(error, RemoteRefused)
    assert error.category is category
    assert error.category is reading(status, body).failure().category


@pytest.mark.parametrize(
    ("status", "body", "headers", "after"),
    [
        (429, {"policyName": "TEN_SECONDLY_ROLLING", "message": "your ten_secondly_rolling limit."}, {}, 10.0),
        (429, {"message": "You have reached your ten_secondly_rolling limit."}, {}, 10.0),
        (429, {"message": "You have reached your secondly limit."}, {}, 1.0),
        (429, {"message": "You have reached your secondly limit."}, {"Retry-After": "7"}, 7.0),
        (429, {"policyName": "DAILY"}, {}, 5000.0),
        (429, {}, {}, 10.0),
        (423, {}, {}, 2.0),
        (477, {}, {"retry-after": "7200"}, 7200.0),
        (503, "<html>", {}, None),
    ],
)
def test_a_passing_refusal_says_how_long_to_wait(
    status: int, body: Any, headers: dict[str, str], after: float | None
) -> None:
    error = reading(status, body, headers, until_midnight=5000.0).error()
    assert isinstance(error, RemoteBusy)
    assert error.after == after


def test_an_answer_that_nobody_knows_keeps_its_words_and_is_not_tried_for_ever() -> None:
    found = reading(400, {"category": "QUITE_NEW", "message": "it is quite new"}).failure()
    assert (found.code, found.message, found.transient) == ("QUITE_NEW", "it is quite new", False)
    assert "report" in found.advice


def test_the_daily_limit_is_a_quota_and_the_others_are_rates() -> None:
    assert reading(429, {"policyName": "DAILY"}).error().category is Category.QUOTA
    assert reading(429, {"policyName": "SECONDLY"}).error().category is Category.RATE_LIMIT


@pytest.mark.parametrize("status", [500, 502, 504, 522, 523, 524])
def test_after_a_gateway_gave_up_the_call_may_have_been_carried_out(status: int) -> None:
    assert isinstance(reading(status, None).error(), RemoteUnknown)
    assert reading(status, None).failure().unknown


def test_missing_scopes_are_named() -> None:
    body = {"category": "MISSING_SCOPES", "errors": [{"context": {"requiredGranularScopes": ["crm.lists.read"]}}]}
    assert "crm.lists.read" in str(reading(403, body).error())


def test_the_holder_of_a_taken_address_is_read_from_the_message() -> None:
    body = {"category": "CONFLICT", "message": "Contact already exists. Existing ID: 37765128953"}
    assert reading(409, body).failure().holder == "37765128953"


def test_the_older_packed_form_names_its_properties() -> None:
    message = 'Property values were not valid: [{"isValid":false,"error":"INVALID_OPTION","name":"tier"}]'
    told = reading(400, {"category": "VALIDATION_ERROR", "message": message})
    assert (told.code, told.fields) == ("INVALID_OPTION", ("tier",))


def test_addresses_are_taken_out_of_what_goes_to_logs() -> None:
    body = {"message": 'Email address "jo.doe+x@example.com" is invalid; see /statuses/jo%40example.com/x'}
    text = str(reading(400, body).error())
    assert "example.com" not in text
    assert "(address) is invalid" in text.replace('"', "")


@pytest.mark.parametrize(
    "body", [None, "", [], "page", {"errors": None}, {"errors": ["x"], "context": 3}, {"message": 5}]
)
def test_every_part_of_an_error_body_is_optional(body: Any) -> None:
    assert reading(400, body).message
