"""Property values: how each type is checked and written down.

Plain functions on definitions and texts; no state, no records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from concord_sandbox.hubspot.errors import Problem
from concord_sandbox.hubspot.schema import Definition

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+@(?:[\w](?:[\w-]{0,61}[\w])?\.)+[^\W\d_][\w-]*[\w]")
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
        if not EMAIL.fullmatch(address):
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
