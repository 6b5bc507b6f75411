"""The secrets, from the environment and from nowhere else (SPEC 10.8, 11.2). Never prints, logs or stores one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from concord.errors import ConfigError

SALESFORCE_CLIENT_ID: Final = "CONCORD_SALESFORCE_CLIENT_ID"
SALESFORCE_CLIENT_SECRET: Final = "CONCORD_SALESFORCE_CLIENT_SECRET"
HUBSPOT_TOKEN: Final = "CONCORD_HUBSPOT_TOKEN"
SALESFORCE_HOOK: Final = "CONCORD_SALESFORCE_HOOK"
HUBSPOT_CLIENT_ID: Final = "CONCORD_HUBSPOT_CLIENT_ID"
HUBSPOT_CLIENT_SECRET: Final = "CONCORD_HUBSPOT_CLIENT_SECRET"
DATABASE_URL: Final = "CONCORD_DATABASE_URL"
ALERT_WEBHOOK_SECRET: Final = "CONCORD_ALERT_WEBHOOK_SECRET"
ALERT_SLACK_URL: Final = "CONCORD_ALERT_SLACK_URL"
ALERT_MAIL_PASSWORD: Final = "CONCORD_ALERT_MAIL_PASSWORD"

#: What each variable holds, in words for `--help`, the documentation and the message that one is missing.
MEANINGS: Final[Mapping[str, str]] = {
    SALESFORCE_CLIENT_ID: "the consumer key of the Salesforce External Client App",
    SALESFORCE_CLIENT_SECRET: "the consumer secret of the Salesforce External Client App",
    SALESFORCE_HOOK: "the secret last part of the address that Outbound Messages are sent to; at least 24 characters",
    HUBSPOT_TOKEN: "the access token of the HubSpot app",
    HUBSPOT_CLIENT_ID: "the client id of the HubSpot app, for its Webhooks Journal",
    HUBSPOT_CLIENT_SECRET: "the client secret of the HubSpot app, with which HubSpot signs its webhooks",
    DATABASE_URL: "the address of a PostgreSQL database; without it Concord starts its own",
    ALERT_WEBHOOK_SECRET: "with which alerts to alerts.webhook are signed; at least 24 characters",
    ALERT_SLACK_URL: "the address of a Slack incoming webhook that alerts are sent to; without it none are",
    ALERT_MAIL_PASSWORD: "the password of alerts.mail.user",
}
_NEEDED: Final = (SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET, HUBSPOT_TOKEN)


@dataclass(frozen=True)
class AlertSecrets:
    """What is needed to tell administrators; each None where it is not set. Its repr shows none of it."""

    webhook: str | None = field(default=None, repr=False)
    slack_url: str | None = field(default=None, repr=False)
    mail_password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Secrets:
    """What is needed to sign in. Its repr shows none of it.

    hubspot_client_secret: None: no webhook can be believed, so none is taken and changes are found by the sweep.
    hubspot_client_id: None: the Webhooks Journal is not read. salesforce_hook: None: no Outbound Message is taken.
    database_url: None: Concord starts a database of its own.
    """

    salesforce_client_id: str = field(repr=False)
    salesforce_client_secret: str = field(repr=False)
    hubspot_token: str = field(repr=False)
    hubspot_client_secret: str | None = field(default=None, repr=False)
    database_url: str | None = field(default=None, repr=False)
    hubspot_client_id: str | None = field(default=None, repr=False)
    salesforce_hook: str | None = field(default=None, repr=False)
    alerts: AlertSecrets = AlertSecrets()


def database_url(environment: Mapping[str, str]) -> str | None:
    """The address of the database alone, for who needs no other secret; None: Concord's own."""
    return environment.get(DATABASE_URL, "").strip() or None


def alert_secrets(environment: Mapping[str, str]) -> AlertSecrets:
    """What is needed to tell administrators alone. Raises ConfigError for what cannot be used, without showing it."""
    found = {name: environment.get(name, "").strip() for name in MEANINGS}
    webhook, slack_url = found[ALERT_WEBHOOK_SECRET], found[ALERT_SLACK_URL]
    if webhook and len(webhook) < 24:
        raise ConfigError(
            f"{ALERT_WEBHOOK_SECRET} has to be at least 24 characters: whoever guesses it can forge alerts. "
            "`openssl rand -hex 24` makes one"
        )
    if slack_url and not re.fullmatch(r"https://[^\s/]+/\S+|http://(localhost|127\.[0-9.]+)(:[0-9]+)?/\S+", slack_url):
        raise ConfigError(
            f"{ALERT_SLACK_URL} has to be the address of an incoming webhook, https://hooks.slack.com/..."
        )
    return AlertSecrets(webhook or None, slack_url or None, found[ALERT_MAIL_PASSWORD] or None)


def secrets(environment: Mapping[str, str]) -> Secrets:
    """The secrets in an environment such as `os.environ`; blanks around a value do not count.

    Raises ConfigError naming every variable that is missing.
    """
    found = {name: environment.get(name, "").strip() for name in MEANINGS}
    missing = [name for name in _NEEDED if not found[name]]
    if missing:
        lines = [f"    {name}: {MEANINGS[name]}" for name in missing]
        raise ConfigError("\n".join(["these environment variables are not set:", *lines]))
    hook = found[SALESFORCE_HOOK]
    if hook and not re.fullmatch(r"[A-Za-z0-9._~-]{24,}", hook):
        raise ConfigError(
            f"{SALESFORCE_HOOK} has to be at least 24 letters, digits, dots, dashes, underscores or tildes: whoever "
            "guesses it can send messages. `openssl rand -hex 24` makes one"
        )
    return Secrets(
        salesforce_client_id=found[SALESFORCE_CLIENT_ID],
        salesforce_client_secret=found[SALESFORCE_CLIENT_SECRET],
        hubspot_token=found[HUBSPOT_TOKEN],
        hubspot_client_secret=found[HUBSPOT_CLIENT_SECRET] or None,
        hubspot_client_id=found[HUBSPOT_CLIENT_ID] or None,
        salesforce_hook=hook or None,
        database_url=found[DATABASE_URL] or None,
        alerts=alert_secrets(environment),
    )
