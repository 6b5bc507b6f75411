"""Alerts by e-mail, over SMTP: the standard library's client in a thread, because it waits.

The password goes only over an encrypted connection whose certificate is good.
"""

from __future__ import annotations

import asyncio
import hashlib
import smtplib
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal, TypeAlias

from concord.core.alerts import State, Telling
from concord.errors import Category, RemoteBusy, RemoteRefused, RemoteUnknown

Security: TypeAlias = Literal["starttls", "tls", "none"]

#: Seconds for each step of the conversation.
TIME_LIMIT: Final = 20.0
_NAME: Final = "mail"
_STATES: Final = {State.BEGUN: "", State.STANDING: "reminder: ", State.MENDED: "", State.TEST: "test: "}


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in. security: starttls (587, mostly), tls (465), or none. user: "" to hand in without
    signing in. context: with which certificates are judged; None: by the machine's own."""

    host: str
    port: int
    security: Security = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    context: ssl.SSLContext | None = field(default=None, repr=False)


def message(telling: Telling, sender: str, to: Sequence[str]) -> EmailMessage:
    """The message as it is sent. Its Message-ID is the same at each try, so that mail programs show it once; a reply
    reference ties the messages of one alert together."""
    one, made = telling.condition, EmailMessage()
    made["Subject"] = f"[Concord] {_STATES[telling.state]}{telling.headline}"
    made["From"] = sender
    made["To"] = ", ".join(to)
    made["Date"] = format_datetime(telling.at)
    domain = sender.rpartition("@")[2].rstrip("> ")
    pair = hashlib.sha256(telling.pair.encode()).hexdigest()[:12]
    made["Message-ID"] = f"<{telling.id}.{pair}@{domain}>"
    if telling.alert:
        made["References"] = f"<alert-{telling.alert}.{pair}@{domain}>"
    made["Auto-Submitted"] = "auto-generated"
    lines = [
        telling.headline,
        "",
        *([f"What to do: {one.advice}", ""] if one.advice and telling.state is not State.MENDED else []),
        f"condition  {one.name}",
        f"state      {telling.state.value}",
        f"since      {one.since:%Y-%m-%d %H:%M:%S} UTC",
        f"count      {one.count}",
        f"pair       {telling.pair}",
    ]
    made.set_content("\n".join(lines) + "\n")
    return made


class Mail:
    """Some recipients. sender, to: addresses."""

    def __init__(self, server: MailServer, sender: str, to: Sequence[str], *, time_limit: float = TIME_LIMIT) -> None:
        self._server = server
        self._sender = sender
        self._to = tuple(to)
        self._time_limit = time_limit

    async def tell(self, telling: Telling) -> str:
        """See `Target.tell`. Where the server takes it for some recipients only, it counts as told, with a remark."""
        return await asyncio.to_thread(self._hand_in, message(telling, self._sender, self._to))

    async def close(self) -> None:
        """Nothing is kept open between two messages."""

    def _hand_in(self, made: EmailMessage) -> str:
        host = self._server.host
        sending = False
        try:
            connection = self._connected()
            sending = True
            try:
                refused = connection.send_message(made, self._sender, self._to)
            finally:
                with suppress(smtplib.SMTPException, OSError):  # it was taken, or that is told already
                    connection.quit()
        except smtplib.SMTPAuthenticationError as error:
            raise _refused(
                f"{host} did not let us sign in", error.smtp_code, "Check the user and the password"
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise RemoteRefused(
                _NAME,
                Category.PERMISSION,
                f"{host} does not offer what is configured: {error}",
                advice="See `security`",
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            code = max(code for code, _ in error.recipients.values())
            raise _refused(f"{host} takes no mail for any of the recipients", code, "Check alerts.mail.to") from None
        except smtplib.SMTPResponseException as error:
            raise _refused(f"{host} did not take it", error.smtp_code, "Check alerts.mail") from None
        except ssl.SSLError as error:
            words = f"no encrypted connection to {host}: {error.reason or 'TLS failed'}"
            raise RemoteRefused(_NAME, Category.NETWORK, words, advice="Check the certificate and `security`") from None
        except (smtplib.SMTPException, OSError) as error:
            if sending:
                raise RemoteUnknown(
                    _NAME, Category.NETWORK, f"no answer came from {host}", code=type(error).__name__
                ) from None
            words = f"no connection to {host}:{self._server.port}"
            raise RemoteBusy(_NAME, Category.NETWORK, words, code=type(error).__name__) from None
        if not refused:
            return ""
        return f"{len(refused)} of {len(self._to)} recipients were refused by {host}; check alerts.mail.to"

    def _connected(self) -> smtplib.SMTP:
        server = self._server
        context = server.context or ssl.create_default_context()
        if server.security == "tls":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=self._time_limit, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=self._time_limit)
        try:
            if server.security == "starttls":
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, server.password)
        except BaseException:
            connection.close()
            raise
        return connection


def _refused(words: str, code: int, advice: str) -> RemoteBusy | RemoteRefused:
    """Codes from 500 on are lasting; those from 400 on pass."""
    if 400 <= code < 500:
        return RemoteBusy(_NAME, Category.NETWORK, words, code=str(code))
    return RemoteRefused(_NAME, Category.PERMISSION, words, code=str(code), advice=advice)
