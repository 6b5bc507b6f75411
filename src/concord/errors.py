"""Every error that Concord raises, in one tree. Imports nothing of Concord.

    ConcordError                    shown to a person as it stands, without a traceback
    ├── ConfigError                 the administrator's: the configuration, or what it names; nothing was started
    ├── StoreError                  PostgreSQL could not be started or reached
    ├── WebhookRefused              a call to us that is forged, stale, replayed or too large
    ├── ClaimLost                   another worker may have the records by now: nothing more is sent for them
    └── RemoteError                 Salesforce or HubSpot did not do what it was asked
        ├── RemoteRefused           the account, its rights or its data; trying again changes nothing
        ├── RemoteBusy              a quota, a lock or an outage; try again later (`after` seconds, when told)
        └── RemoteUnknown           no answer came: the call may have been carried out

Each says whose fault it is (`fault`) and whether to try again (`retry`). Messages name the record and the field and
what to do; they carry ids, never a person's data, because they go to logs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar, Literal, TypeAlias

#: Who can mend it.
Fault: TypeAlias = Literal["administrator", "remote", "caller", "concord"]


class Category(StrEnum):
    """What kind of failure it was (SPEC 9.1)."""

    MAPPING = "mapping"
    DATA_TYPE = "data type"
    PICKLIST = "picklist"
    VALIDATION_RULE = "validation rule"
    REQUIRED_FIELD = "required field"
    DUPLICATE_RULE = "duplicate rule"
    PERMISSION = "permission"
    RECORD_LOCK = "record lock"
    MISSING_RECORD = "missing record"
    CONFLICT = "edited meanwhile"
    QUOTA = "quota"
    RATE_LIMIT = "rate limit"
    NETWORK = "network"
    BREAKER = "breaker"
    CHASE = "chase"
    INTERNAL = "internal"


class ConcordError(Exception):
    """The root. `fault`: who can mend it. `retry`: whether the same call may succeed later by itself."""

    fault: ClassVar[Fault] = "concord"
    retry: ClassVar[bool] = False


class ConfigError(ConcordError):
    """The configuration cannot be used; the message lists every problem with line and column."""

    fault: ClassVar[Fault] = "administrator"


class StoreError(ConcordError):
    """The database could not be started, reached or brought to this version's schema."""

    fault: ClassVar[Fault] = "administrator"
    retry = True


class WebhookRefused(ConcordError):
    """A webhook call that must not be believed. `reason` is one of a few fixed words, safe to log and count."""

    fault: ClassVar[Fault] = "caller"

    def __init__(
        self, reason: Literal["unsigned", "forged", "stale", "replayed", "stranger", "too large", "malformed"]
    ) -> None:
        super().__init__(f"webhook refused: {reason}")
        self.reason = reason


class ClaimLost(ConcordError):
    """A claim ran out, or could not be renewed: another worker may be looking at the same records. What was not sent
    yet must not be; the records come back by themselves."""

    retry = True


class RemoteError(ConcordError):
    """A remote system did not do what it was asked.

    system: "salesforce" or "hubspot". category: see Category. code: the vendor's own code, where it gave one.
    fields: the vendor's field names it complained about. advice: what an administrator can do about it.
    """

    fault: ClassVar[Fault] = "remote"

    def __init__(
        self,
        system: str,
        category: Category,
        message: str,
        *,
        code: str | None = None,
        fields: tuple[str, ...] = (),
        advice: str = "",
        after: float | None = None,
    ) -> None:
        text = f"{system}: {message}" + (f" ({code})" if code and code not in message else "")
        super().__init__(text + (f". {advice}" if advice else ""))
        self.system = system
        self.category = category
        self.code = code
        self.fields = fields
        self.advice = advice
        #: Seconds to wait before the next try, where the vendor told.
        self.after = after


class RemoteRefused(RemoteError):
    """Refused for a lasting reason: trying the same again changes nothing."""

    fault: ClassVar[Fault] = "administrator"


class RemoteBusy(RemoteError):
    """Refused for a passing reason: quota, rate limit, lock, outage. Nothing was done."""

    retry = True


class RemoteUnknown(RemoteError):
    """No answer came, so the call may or may not have been carried out: look before repeating a create."""

    retry = True
