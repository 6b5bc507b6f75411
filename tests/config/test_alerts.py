"""The section `alerts`: what it comes to, and what is wrong about it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from concord import config
from concord.config import alert_secrets, secrets
from concord.core.alerts import Limits


def read(alerts: str) -> config.Read:
    return config.read_text(
        f"version: 1\nsalesforce: {{url: https://acme.my.salesforce.com}}\nalerts:\n{alerts}", "a.yaml"
    )


def problem(alerts: str) -> str:
    (one,) = read(alerts).problems
    return f"{one.path}: {one.text}"


def test_what_is_not_written_is_as_core_has_it() -> None:
    assert config.starting().alerts.judged_by() == Limits()
    found = read("  remind: off\n").settings
    assert found is not None
    assert found.alerts.judged_by() == Limits()


def test_each_limit_can_be_set_or_left_out() -> None:
    found = read("  remind: 4h\n  settle: 0s\n  limits: {oldest: 30m, backlog: 5, latency: off, quota: off}\n").settings
    assert found is not None
    limits = found.alerts.judged_by()
    assert (limits.remind, limits.settle) == (timedelta(hours=4), timedelta())
    assert (limits.oldest, limits.backlog, limits.latency, limits.quota) == (timedelta(minutes=30), 5, None, None)


@pytest.mark.parametrize(
    ("alerts", "path"),
    [
        ("  webhook: ftp://a.example\n", "alerts.webhook"),
        ("  webhook: https://a.example/x?token=1\n", "alerts.webhook"),
        ("  settle: soon\n", "alerts.settle"),
        ("  limits: {backlog: 0}\n", "alerts.limits.backlog"),
        ("  limits: {down: 0s}\n", "alerts.limits.down"),
        ("  limits: {quota: 1.5}\n", "alerts.limits.quota"),
        ("  mail: {server: a.example, from: a@b.example, to: [c@d.example]}\n", "alerts.mail.server"),
        ("  mail: {server: 'a.example:25', from: a, to: [c@d.example]}\n", "alerts.mail.from"),
        ("  mail: {server: 'a.example:25', from: a@b.example, to: []}\n", "alerts.mail.to"),
        ("  mail: {server: 'a.example:99999', from: a@b.example, to: [c@d.example]}\n", "alerts.mail.server"),
        (
            "  mail: {server: 'a.example:25', from: a@b.example, to: [c@d.example], user: x, security: none}\n",
            "alerts.mail.security",
        ),
    ],
)
def test_what_is_wrong_is_told_at_its_place(alerts: str, path: str) -> None:
    assert problem(alerts).startswith(f"{path}: ")


def test_a_secret_in_the_file_is_refused_and_not_shown() -> None:
    one = problem("  webhook_secret: hunter2\n")
    assert "looks like a secret" in one
    assert "hunter2" not in one


def test_secrets_come_from_the_environment_and_show_nothing() -> None:
    environment = {
        "CONCORD_ALERT_WEBHOOK_SECRET": "hunter2-hunter2-hunter2-hunter2",
        "CONCORD_ALERT_SLACK_URL": "https://hooks.slack.com/services/hunter2",
        "CONCORD_ALERT_MAIL_PASSWORD": "hunter2",
    }
    found = alert_secrets(environment)
    assert (found.webhook, found.slack_url, found.mail_password) == tuple(environment.values())
    assert "hunter2" not in repr(found)
    needed = {
        "CONCORD_SALESFORCE_CLIENT_ID": "id",
        "CONCORD_SALESFORCE_CLIENT_SECRET": "s",
        "CONCORD_HUBSPOT_TOKEN": "t",
    }
    assert secrets({**environment, **needed}).alerts == found
    assert secrets(needed).alerts.slack_url is None
