"""Secrets come from the environment, and from nowhere else."""

from __future__ import annotations

import pytest

from concord.config import secrets
from concord.errors import ConfigError

FULL = {
    "CONCORD_SALESFORCE_CLIENT_ID": "id",
    "CONCORD_SALESFORCE_CLIENT_SECRET": "hunter2",
    "CONCORD_HUBSPOT_TOKEN": "hunter3",
}


def test_the_needed_ones_are_enough_and_blanks_do_not_count() -> None:
    found = secrets({**FULL, "CONCORD_HUBSPOT_TOKEN": " hunter3\n", "CONCORD_DATABASE_URL": " "})
    assert (found.hubspot_token, found.hubspot_client_secret, found.database_url) == ("hunter3", None, None)


def test_every_missing_variable_is_named_with_its_meaning() -> None:
    with pytest.raises(ConfigError) as caught:
        secrets({"CONCORD_SALESFORCE_CLIENT_ID": "id"})
    assert "CONCORD_SALESFORCE_CLIENT_SECRET: the consumer secret" in str(caught.value)
    assert "CONCORD_HUBSPOT_TOKEN: the access token" in str(caught.value)
    assert "CONCORD_SALESFORCE_CLIENT_ID" not in str(caught.value)


def test_a_repr_shows_no_secret() -> None:
    assert "hunter" not in repr(secrets({**FULL, "CONCORD_DATABASE_URL": "postgres://u:hunter4@h/d"}))
