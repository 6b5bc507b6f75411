"""The section `alerts` of `concord.yaml`: who is told when something needs a person, and from when on (SPEC 9.7).

Declares itself as the other sections do (sections.py); what is a secret comes from the environment (secrets.py).
"""
# ruff: noqa: RUF009 - `setting` is `dataclasses.field` with our metadata; it makes no shared mutable default

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Literal

from concord.config.kinds import Duration, Either, ListOf, Number, OneOf, Section, Text, is_off, setting
from concord.core.alerts import Limits

_HOOK_URL = Text(
    r"^https?://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$",
    "an address such as https://alerts.acme.com/concord, without ? and without a secret",
)
_MAIL_SERVER = Text(r"^[A-Za-z0-9.-]+:[0-9]{1,5}$", "host:port, such as smtp.acme.com:587")
_ADDRESS = Text(r"^[^\s@<>\",;]+@[A-Za-z0-9.-]+$", "an e-mail address, such as it@acme.com")
_OFF = OneOf({"off": None})
_SPAN_OR_OFF = Either(Duration(positive=True), _OFF, is_off)
_COUNT_OR_OFF = Either(Number(1, 1_000_000_000, "a number from 1 on"), _OFF, is_off)
_SHARE_OR_OFF = Either(Number(0, 1, "a share, more than 0 and at most 1 (0.9 is 90 %)", above=True), _OFF, is_off)


@dataclass(frozen=True)
class AlertMail:
    """Alerts by e-mail. The password is not in the file."""

    server: str = setting(_MAIL_SERVER, "The mail server that takes the messages.")
    sender: str = setting(_ADDRESS, "The address they come from.", key="from")
    to: tuple[str, ...] = setting(ListOf(_ADDRESS), "The addresses they go to.")
    user: str = setting(
        Text(r"^[^\s]*$", "the name to sign in with, or nothing"),
        "The name to sign in with, its password in CONCORD_ALERT_MAIL_PASSWORD; without it nobody signs in.",
        default="",
    )
    security: Literal["starttls", "tls", "none"] = setting(
        OneOf({"starttls": "starttls", "tls": "tls", "none": "none"}),
        "How the connection is encrypted: starttls (port 587, mostly), tls (465), or none.",
        default="starttls",
        shown="starttls",
    )


@dataclass(frozen=True)
class AlertLimits:
    """From when on something is told; core/alerts.py `Limits` says what each means. None: never."""

    down: timedelta | None = setting(
        _SPAN_OR_OFF, "A system does not answer for so long.", default=timedelta(minutes=1), shown="1m"
    )
    database: timedelta | None = setting(
        _SPAN_OR_OFF, "PostgreSQL does not answer for so long.", default=timedelta(minutes=1), shown="1m"
    )
    worker: timedelta | None = setting(
        _SPAN_OR_OFF, "No worker lives for so long.", default=timedelta(minutes=1), shown="1m"
    )
    feed: timedelta | None = setting(
        _SPAN_OR_OFF, "A feed of events is not followed for so long.", default=timedelta(minutes=2), shown="2m"
    )
    consent: timedelta | None = setting(
        _SPAN_OR_OFF, "An opt-out waits for so long.", default=timedelta(minutes=1), shown="1m"
    )
    oldest: timedelta | None = setting(
        _SPAN_OR_OFF,
        "Any change waits for so long; those of a first load do not count.",
        default=timedelta(minutes=15),
        shown="15m",
    )
    backlog: float | None = setting(
        _COUNT_OR_OFF, "More changes wait; those of a first load do not count.", default=10_000.0, shown=10_000
    )
    latency: timedelta | None = setting(
        _SPAN_OR_OFF,
        "One change in a hundred takes longer than this from the edit to the write.",
        default=timedelta(minutes=1),
        shown="1m",
    )
    dead_of_cause: float | None = setting(
        _COUNT_OR_OFF, "So many records are given up for one cause: 1 tells every new cause.", default=1.0, shown=1
    )
    dead: float | None = setting(_COUNT_OR_OFF, "So many records are given up in all.", default=100.0, shown=100)
    quota: float | None = setting(
        _SHARE_OR_OFF,
        "So much is used of the daily calls that Concord may see used.",
        default=0.9,
        shown=0.9,
    )
    forecast: timedelta | None = setting(
        _SPAN_OR_OFF,
        "They will be used up within so long, at the pace of the last hour.",
        default=timedelta(hours=4),
        shown="4h",
    )


@dataclass(frozen=True)
class Alerts:
    """Who is told when something needs a person, and from when on (SPEC 9.7)."""

    webhook: str = setting(
        _HOOK_URL, "A receiver of signed messages; its secret is CONCORD_ALERT_WEBHOOK_SECRET.", default=""
    )
    mail: AlertMail | None = setting(Section(AlertMail), "Alerts by e-mail.", default=None)
    settle: timedelta = setting(
        Duration(),
        "Something is over, and told to be, when it has been gone for so long.",
        default=timedelta(minutes=1),
        shown="1m",
    )
    remind: timedelta | None = setting(
        _SPAN_OR_OFF, "What still stands is told again after so long.", default=None, shown="off"
    )
    limits: AlertLimits = setting(Section(AlertLimits), "From when on something is told.", default=AlertLimits())

    def judged_by(self) -> Limits:
        """The same as core takes it."""
        each = {one.name: getattr(self.limits, one.name) for one in fields(self.limits)}
        return Limits(**each, settle=self.settle, remind=self.remind)
