"""Validation rules that an administrator puts on properties: what each kind demands of a value.

Pure: values and rules only, no record and no call (those are `validations.py`'s). The kinds are those of section 1 of
the API reference; the vendor's texts leave some of the arguments open, and these are the forms that are taken here
(texts all, as in `ruleArguments`):

    FORMAT                      UPPERCASE | LOWERCASE | TITLE_CASE
    ALPHANUMERIC                NUMERIC_ONLY | ALPHA_ONLY | ALPHANUMERIC (which is also what no argument means)
    SPECIAL_CHARACTERS          the characters that are forbidden, all of them in each argument; none: all but letters,
                                digits and blanks
    WHITESPACE                  none: no blanks at all
    MAX_LENGTH, MIN_LENGTH      a number of characters
    DECIMAL                     most digits behind the point
    MIN_NUMBER, MAX_NUMBER      a number, itself allowed
    BEFORE_DURATION             an ISO 8601 duration of days or more (P7D, P1Y): at least so long before today
    AFTER_DURATION              the same: at least so long after today
    BEFORE_DATETIME_DURATION, AFTER_DATETIME_DURATION
                                an ISO 8601 duration (PT2H, P1DT12H): at least so long before or after now
    START_DATE, END_DATE        a day (YYYY-MM-DD): not earlier, not later
    START_DATETIME, END_DATETIME
                                an instant (ISO 8601 or epoch ms): not earlier, not later
    DAYS_OF_WEEK                MONDAY … SUNDAY: the days that are allowed
    EMAIL, DOMAIN, URL          none
    EMAIL_ALLOWED_DOMAINS, EMAIL_BLOCKED_DOMAINS, URL_ALLOWED_DOMAINS, URL_BLOCKED_DOMAINS
                                domains; one stands for all that end in it
    PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE
                                none: + and the country's code, then 4 to 14 digits
    REGEX                       a regular expression that the whole value must be

With `shouldApplyNormalization` the value is brought into the form that the rule demands where that can be done (FORMAT,
WHITESPACE, SPECIAL_CHARACTERS, EMAIL, DOMAIN, the phone number), checked, and stored so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from concord_sandbox.hubspot.values import EMAIL, epoch_ms, is_number

_DAY_MS = 86_400_000
_DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
_FORMATS: dict[str, Callable[[str], str]] = {"UPPERCASE": str.upper, "LOWERCASE": str.lower, "TITLE_CASE": str.title}
_ALPHABETS = {"NUMERIC_ONLY": str.isdecimal, "ALPHA_ONLY": str.isalpha, "ALPHANUMERIC": str.isalnum}
_DURATION = re.compile(
    r"P(?=.)(?:(\d{1,4})Y)?(?:(\d{1,5})M)?(?:(\d{1,5})W)?(?:(\d{1,6})D)?"
    r"(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,7})M)?(?:(\d{1,8})S)?)?",
    re.ASCII,
)
_UNITS_MS = (365 * _DAY_MS, 30 * _DAY_MS, 7 * _DAY_MS, _DAY_MS, 3_600_000, 60_000, 1_000)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.IGNORECASE)
_PHONE = re.compile(r"\+[1-9]\d{0,2}[\d ().-]{3,20}\d", re.ASCII)
Arguments = tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """One rule on a property (API reference section 1)."""

    kind: str
    arguments: Arguments
    normalise: bool = False

    def apply(self, text: str) -> str:
        """The value in the form that the rule wants, where it may be put right; else the value itself."""
        return _NORMAL[self.kind](text, self.arguments) if self.normalise and self.kind in _NORMAL else text

    def refuses(self, text: str, now_ms: int) -> str | None:
        """Why this value breaks the rule, or None. An empty value breaks none."""
        return _CHECKS[self.kind](text, self.arguments, now_ms) if text else None

    def wire(self) -> dict[str, Any]:
        return {
            "ruleType": self.kind,
            "ruleArguments": list(self.arguments),
            "shouldApplyNormalization": self.normalise,
        }


# Texts.


def _format(text: str, arguments: Arguments, _: int) -> str | None:
    return None if _FORMATS[arguments[0]](text) == text else f"must be in {arguments[0].lower().replace('_', ' ')}"


def _alphanumeric(text: str, arguments: Arguments, _: int) -> str | None:
    kind = arguments[0] if arguments else "ALPHANUMERIC"
    if _ALPHABETS[kind](text.replace(" ", "")):
        return None
    return {
        "NUMERIC_ONLY": "must contain digits only",
        "ALPHA_ONLY": "must contain letters only",
        "ALPHANUMERIC": "must contain letters and digits only",
    }[kind]


def _special(text: str, arguments: Arguments, _: int) -> str | None:
    bad = next((one for one in text if _is_special(one, arguments)), None)
    return None if bad is None else f"must not contain the character {bad}"


def _is_special(one: str, arguments: Arguments) -> bool:
    return one in "".join(arguments) if arguments else not (one.isalnum() or one.isspace())


def _no_blanks(text: str, _: Arguments, __: int) -> str | None:
    return "must not contain whitespace" if re.search(r"\s", text) else None


def _max_length(text: str, arguments: Arguments, _: int) -> str | None:
    return f"must be at most {arguments[0]} characters" if len(text) > int(arguments[0]) else None


def _min_length(text: str, arguments: Arguments, _: int) -> str | None:
    return f"must be at least {arguments[0]} characters" if len(text) < int(arguments[0]) else None


def _regex(text: str, arguments: Arguments, _: int) -> str | None:
    return None if re.fullmatch(arguments[0], text) else "does not have the required format"


# Numbers.


def _decimal(text: str, arguments: Arguments, _: int) -> str | None:
    digits = len(text.partition(".")[2]) if is_number(text) else 0
    return f"must have at most {arguments[0]} decimal places" if digits > int(arguments[0]) else None


def _max_number(text: str, arguments: Arguments, _: int) -> str | None:
    return f"must be at most {arguments[0]}" if is_number(text) and float(text) > float(arguments[0]) else None


def _min_number(text: str, arguments: Arguments, _: int) -> str | None:
    return f"must be at least {arguments[0]}" if is_number(text) and float(text) < float(arguments[0]) else None


# Times. Values have been checked before: they are days or instants.


def duration_ms(text: str) -> int:
    """An ISO 8601 duration in milliseconds; a year is 365 days and a month 30. Raises ValueError."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not an ISO 8601 duration")
    return sum(int(part) * unit for part, unit in zip(found.groups(), _UNITS_MS, strict=True) if part)


def _before_day(text: str, arguments: Arguments, now_ms: int) -> str | None:
    today = now_ms - now_ms % _DAY_MS
    good = epoch_ms(text) <= today - duration_ms(arguments[0])
    return None if good else f"must be at least {arguments[0]} before today"


def _after_day(text: str, arguments: Arguments, now_ms: int) -> str | None:
    today = now_ms - now_ms % _DAY_MS
    good = epoch_ms(text) >= today + duration_ms(arguments[0])
    return None if good else f"must be at least {arguments[0]} after today"


def _before_now(text: str, arguments: Arguments, now_ms: int) -> str | None:
    good = epoch_ms(text) <= now_ms - duration_ms(arguments[0])
    return None if good else f"must be at least {arguments[0]} before now"


def _after_now(text: str, arguments: Arguments, now_ms: int) -> str | None:
    good = epoch_ms(text) >= now_ms + duration_ms(arguments[0])
    return None if good else f"must be at least {arguments[0]} after now"


def _start(text: str, arguments: Arguments, _: int) -> str | None:
    return None if epoch_ms(text) >= epoch_ms(arguments[0]) else f"must not be before {arguments[0]}"


def _end(text: str, arguments: Arguments, _: int) -> str | None:
    return None if epoch_ms(text) <= epoch_ms(arguments[0]) else f"must not be after {arguments[0]}"


def _weekday(text: str, arguments: Arguments, _: int) -> str | None:
    day = _DAYS[(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=epoch_ms(text))).weekday()]
    return None if day in arguments else f"must be on {' or '.join(arguments)}"


# Addresses.


def _email(text: str, _: Arguments, __: int) -> str | None:
    return None if EMAIL.fullmatch(text.lower()) else "must be an e-mail address"


def _domain(text: str, _: Arguments, __: int) -> str | None:
    return None if _DOMAIN.fullmatch(text) else "must be a domain name"


def _url(text: str, _: Arguments, __: int) -> str | None:
    return None if _DOMAIN.fullmatch(_host(text)) else "must be a URL"


def _host(text: str) -> str:
    try:
        return urlsplit(text if "://" in text else f"https://{text}").hostname or ""
    except ValueError:  # brackets that are no IPv6 address
        return ""


def _within(domain: str, arguments: Arguments) -> bool:
    return any(domain == one.lower() or domain.endswith("." + one.lower()) for one in arguments)


def _email_allowed(text: str, arguments: Arguments, _: int) -> str | None:
    domain = text.rpartition("@")[2].lower()
    return None if _within(domain, arguments) else f"must not be at {domain}"


def _email_blocked(text: str, arguments: Arguments, _: int) -> str | None:
    domain = text.rpartition("@")[2].lower()
    return f"must not be at {domain}" if _within(domain, arguments) else None


def _url_allowed(text: str, arguments: Arguments, _: int) -> str | None:
    return None if _within(_host(text), arguments) else f"must not be at {_host(text)}"


def _url_blocked(text: str, arguments: Arguments, _: int) -> str | None:
    return f"must not be at {_host(text)}" if _within(_host(text), arguments) else None


def _phone(text: str, _: Arguments, __: int) -> str | None:
    return None if _PHONE.fullmatch(text) else "must begin with + and the code of the country"


_CHECKS: dict[str, Callable[[str, Arguments, int], str | None]] = {
    "FORMAT": _format,
    "ALPHANUMERIC": _alphanumeric,
    "SPECIAL_CHARACTERS": _special,
    "MAX_LENGTH": _max_length,
    "MIN_LENGTH": _min_length,
    "WHITESPACE": _no_blanks,
    "DECIMAL": _decimal,
    "MIN_NUMBER": _min_number,
    "MAX_NUMBER": _max_number,
    "BEFORE_DURATION": _before_day,
    "AFTER_DURATION": _after_day,
    "BEFORE_DATETIME_DURATION": _before_now,
    "AFTER_DATETIME_DURATION": _after_now,
    "START_DATE": _start,
    "END_DATE": _end,
    "START_DATETIME": _start,
    "END_DATETIME": _end,
    "DAYS_OF_WEEK": _weekday,
    "EMAIL": _email,
    "EMAIL_ALLOWED_DOMAINS": _email_allowed,
    "EMAIL_BLOCKED_DOMAINS": _email_blocked,
    "DOMAIN": _domain,
    "URL": _url,
    "URL_ALLOWED_DOMAINS": _url_allowed,
    "URL_BLOCKED_DOMAINS": _url_blocked,
    "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE": _phone,
    "REGEX": _regex,
}
RULE_KINDS = frozenset(_CHECKS)
_NORMAL: dict[str, Callable[[str, Arguments], str]] = {
    "FORMAT": lambda text, arguments: _FORMATS[arguments[0]](text),
    "WHITESPACE": lambda text, _: re.sub(r"\s+", "", text),
    "SPECIAL_CHARACTERS": lambda text, arguments: "".join(one for one in text if not _is_special(one, arguments)),
    "EMAIL": lambda text, _: text.strip().lower(),
    "DOMAIN": lambda text, _: text.strip().lower(),
    "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE": lambda text, _: re.sub(r"[ ().-]", "", text),
}
_NONE = frozenset({"ALPHANUMERIC", "SPECIAL_CHARACTERS", "WHITESPACE", "EMAIL", "DOMAIN", "URL",
                   "PHONE_NUMBER_WITH_EXPLICIT_COUNTRY_CODE"})  # fmt: skip


def rule(world: dict[str, Any]) -> Rule:
    """A rule as worlds and the API give it. Raises ValueError when it could not be enforced as written."""
    kind, given = str(world["ruleType"]), world.get("ruleArguments") or []
    if kind not in RULE_KINDS:
        raise ValueError(f"unknown validation rule {kind!r}")
    if not isinstance(given, list):
        raise ValueError(f"the arguments of the validation rule {kind} must be a list")
    arguments = tuple(str(argument) for argument in given)
    if not arguments and kind not in _NONE:
        raise ValueError(f"the validation rule {kind} needs arguments")
    try:
        _check_arguments(kind, arguments)
    except (ValueError, re.error) as error:
        raise ValueError(f"the arguments of the validation rule {kind} are not valid: {error}") from error
    return Rule(kind, arguments, bool(world.get("shouldApplyNormalization", False)))


def _check_arguments(kind: str, arguments: Arguments) -> None:
    """Raises ValueError or re.error."""
    known = {"FORMAT": tuple(_FORMATS), "ALPHANUMERIC": tuple(_ALPHABETS), "DAYS_OF_WEEK": _DAYS}.get(kind)
    if known is not None:
        if not set(arguments) <= set(known):
            raise ValueError(f"one of {', '.join(known)}")
    elif kind == "REGEX":
        re.compile(arguments[0])
    elif kind in ("MAX_LENGTH", "MIN_LENGTH", "DECIMAL"):
        int(arguments[0])
    elif kind in ("MAX_NUMBER", "MIN_NUMBER"):
        float(arguments[0])
    elif kind.endswith("DURATION"):
        duration_ms(arguments[0])
    elif kind.startswith(("START", "END")):
        epoch_ms(arguments[0])
