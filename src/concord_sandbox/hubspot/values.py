"""Property values: how each type is checked and written down, and the validation rules of an administrator.

Plain functions on definitions and texts; no state, no records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from concord_sandbox.hubspot.errors import Problem
from concord_sandbox.hubspot.schema import Definition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+@(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_][\w-]*[\w]")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_TEXT_LIMIT = 65_536


def iso(ms: int) -> str:
    """Epoch milliseconds as HubSpot writes instants: ISO 8601, UTC, always three decimals."""
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")[:-6] + "Z"


def epoch_ms(text: str) -> int:
    """An instant (ISO 8601 or epoch milliseconds as text) in epoch milliseconds. Raises ValueError."""
    stripped = text.strip()
    if re.fullmatch(r"-?\d{1,15}", stripped, re.ASCII):
        ms = int(stripped)
        _check_range(ms)
        return ms
    moment = datetime.fromisoformat(stripped.replace("Z", "+00:00").replace("z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    ms = round((moment - _EPOCH) / timedelta(milliseconds=1))
    _check_range(ms)
    return ms


def _check_range(ms: int) -> None:
    if not -62_135_596_800_000 <= ms <= 253_402_300_799_999:
        raise ValueError(f"{ms} is no instant between the years 1 and 9999")


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def as_text(raw: Any) -> str | None:
    """A JSON value as the text that HubSpot makes of it; None when a property cannot hold it (lists, objects)."""
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, str | int | float):
        return str(raw)
    return None


def clean(definition: Definition, raw: str, current: str) -> str | Problem:
    """The text that is stored for `raw`, or why it is refused. `""` clears. `current`: the value now stored."""
    text = raw.strip()
    if text == "":
        return ""
    if definition.name == "email" or definition.holds_addresses:
        return _addresses(definition, text)
    match definition.type:
        case "enumeration":
            return _option(definition, text, current)
        case "bool":
            return _one_of(definition, text.lower(), ("true", "false"))
        case "number":
            if is_number(text):
                return text
            return Problem("INVALID_INTEGER", f"{text} was not a valid number.", definition.name)
        case "date" | "datetime":
            return _instant(definition, text)
        case _:
            if len(text) > _TEXT_LIMIT:
                return Problem("INVALID_LENGTH", f"The value is longer than {_TEXT_LIMIT} characters.", definition.name)
            return text


def _addresses(definition: Definition, text: str) -> str | Problem:
    parts = text.lower().split(";") if definition.holds_addresses else [text.lower()]
    kept = [part.strip() for part in parts if part.strip()]
    for address in kept:
        if not _EMAIL.fullmatch(address):
            return Problem("INVALID_EMAIL", f"Email address {address} is invalid", definition.name)
    return ";".join(dict.fromkeys(kept))


def _option(definition: Definition, text: str, current: str) -> str | Problem:
    if definition.external_options and not definition.options:
        return text
    allowed = definition.option_values
    if definition.field_type == "booleancheckbox":
        return _one_of(definition, text.lower(), tuple(allowed) or ("true", "false"))
    if definition.field_type != "checkbox":
        return _one_of(definition, text, tuple(allowed))
    # A leading semicolon adds to what is chosen already instead of replacing it (API reference section 5).
    chosen = [part.strip() for part in text.split(";") if part.strip()]
    for part in chosen:
        refused = _one_of(definition, part, tuple(allowed))
        if isinstance(refused, Problem):
            return refused
    before = current.split(";") if text.startswith(";") and current else []
    return ";".join(dict.fromkeys([*before, *chosen]))


def _one_of(definition: Definition, text: str, allowed: Sequence[str]) -> str | Problem:
    if text in allowed:
        return text
    listed = ", ".join(allowed)
    return Problem("INVALID_OPTION", f"{text} was not one of the allowed options: [{listed}]", definition.name)


def _instant(definition: Definition, text: str) -> str | Problem:
    try:
        if definition.type == "date" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
            return date.fromisoformat(text).isoformat()
        ms = epoch_ms(text)
    except (ValueError, OverflowError):
        return Problem("INVALID_DATE", f"{text} was not a valid {definition.type}.", definition.name)
    if definition.type == "datetime":
        return iso(ms)
    if ms % 86_400_000:
        return Problem("INVALID_DATE", f"{text} is at {iso(ms)[11:-1]} UTC, not midnight!", definition.name)
    return iso(ms)[:10]


@dataclass(frozen=True)
class Rule:
    """One validation rule that an administrator put on a property (API reference section 1).

    Enforced: the kinds in `ENFORCED`. Every other kind is shown by the API and left to the portal's own screens.
    """

    kind: str
    arguments: tuple[str, ...]
    normalise: bool = False

    def refuses(self, text: str) -> str | None:
        """Why this value breaks the rule, or None."""
        check = ENFORCED.get(self.kind)
        return check(text, self.arguments) if check is not None and text else None

    def wire(self) -> dict[str, Any]:
        return {
            "ruleType": self.kind,
            "ruleArguments": list(self.arguments),
            "shouldApplyNormalization": self.normalise,
        }


def _max_length(text: str, arguments: tuple[str, ...]) -> str | None:
    return f"must be at most {arguments[0]} characters" if len(text) > int(arguments[0]) else None


def _min_length(text: str, arguments: tuple[str, ...]) -> str | None:
    return f"must be at least {arguments[0]} characters" if len(text) < int(arguments[0]) else None


def _regex(text: str, arguments: tuple[str, ...]) -> str | None:
    return None if re.fullmatch(arguments[0], text) else "does not have the required format"


def _blocked_domain(text: str, arguments: tuple[str, ...]) -> str | None:
    domain = text.rpartition("@")[2].lower()
    return f"must not be at {domain}" if domain in {argument.lower() for argument in arguments} else None


def _allowed_domain(text: str, arguments: tuple[str, ...]) -> str | None:
    domain = text.rpartition("@")[2].lower()
    return None if domain in {argument.lower() for argument in arguments} else f"must not be at {domain}"


def _max_number(text: str, arguments: tuple[str, ...]) -> str | None:
    return f"must be at most {arguments[0]}" if is_number(text) and float(text) > float(arguments[0]) else None


def _min_number(text: str, arguments: tuple[str, ...]) -> str | None:
    return f"must be at least {arguments[0]}" if is_number(text) and float(text) < float(arguments[0]) else None


def _no_blanks(text: str, _: tuple[str, ...]) -> str | None:
    return "must not contain whitespace" if re.search(r"\s", text) else None


ENFORCED = {
    "MAX_LENGTH": _max_length,
    "MIN_LENGTH": _min_length,
    "REGEX": _regex,
    "EMAIL_BLOCKED_DOMAINS": _blocked_domain,
    "EMAIL_ALLOWED_DOMAINS": _allowed_domain,
    "MAX_NUMBER": _max_number,
    "MIN_NUMBER": _min_number,
    "WHITESPACE": _no_blanks,
}

RULE_KINDS = frozenset(
    (  # noqa: SIM905 - as the vendor lists them
        "FORMAT ALPHANUMERIC SPECIAL_CHARACTERS MAX_LENGTH MIN_LENGTH WHITESPACE DECIMAL MIN_NUMBER MAX_NUMBER"
        " BEFORE_DURATION AFTER_DURATION BEFORE_DATETIME_DURATION AFTER_DATETIME_DURATION START_DATE END_DATE"
        " START_DATETIME END_DATETIME DAYS_OF_WEEK EMAIL EMAIL_ALLOWED_DOMAINS EMAIL_BLOCKED_DOMAINS DOMAIN URL"
        " URL_ALLOWED_DOMAINS URL_BLOCKED_DOMAINS PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE REGEX"
    ).split()
)


def rule(world: dict[str, Any]) -> Rule:
    """A rule of the world file. Raises ValueError when it could not be enforced as written."""
    kind, arguments = (
        str(world["ruleType"]),
        tuple(str(argument) for argument in world.get("ruleArguments", [])),
    )
    if kind not in RULE_KINDS:
        raise ValueError(f"unknown validation rule {kind!r}")
    if kind in ENFORCED and kind != "WHITESPACE" and not arguments:
        raise ValueError(f"the validation rule {kind} needs arguments")
    if kind == "REGEX":
        re.compile(arguments[0])
    if kind in ("MAX_LENGTH", "MIN_LENGTH"):
        int(arguments[0])
    if kind in ("MAX_NUMBER", "MIN_NUMBER"):
        float(arguments[0])
    return Rule(kind, arguments, bool(world.get("shouldApplyNormalization", False)))
