"""Field values as Concord compares and carries them.

A value is `MISSING` (not read: says nothing about the field), `BLANK` (read, and empty) or typed. The three are
different things, and none of them is ever tested by truthiness: an empty text, 0 and False are values.
This module knows types, not sides and not mappings; it never decides what should be written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Any, Final, Literal, TypeAlias, assert_never


class Nothing(Enum):
    """The two ways of not having a value."""

    MISSING = "missing"
    BLANK = "blank"

    def __repr__(self) -> str:
        return self.name


#: Not read: the field was not asked for, or the integration user may not see it. Never a reason to write.
MISSING: Final = Nothing.MISSING
#: Read, and empty. Vendors' null, "" and absent-in-a-full-answer all become this.
BLANK: Final = Nothing.BLANK


@dataclass(frozen=True, order=True)
class Ref:
    """Which record: the system ("salesforce", "hubspot"), the vendor's object name, and the vendor's id."""

    system: str
    object: str
    id: str

    def __str__(self) -> str:
        return f"{self.system} {self.object} {self.id}"


Scalar: TypeAlias = str | bool | Decimal | date | datetime | frozenset[str] | Ref
Value: TypeAlias = Scalar | Nothing


class FieldType(StrEnum):
    """The types of SPEC 2.3. Each has one Python form, named beside it."""

    TEXT = "text"  # str
    LONG_TEXT = "long_text"  # str
    RICH_TEXT = "rich_text"  # str, HTML
    EMAIL = "email"  # str
    PHONE = "phone"  # str
    URL = "url"  # str
    PICKLIST = "picklist"  # str, the option's value (not its label)
    MULTI_PICKLIST = "multi_picklist"  # frozenset of option values
    CHECKBOX = "checkbox"  # bool
    NUMBER = "number"  # Decimal
    CURRENCY = "currency"  # Decimal; its ISO code is a field of its own on both sides
    PERCENT = "percent"  # Decimal
    DATE = "date"  # date
    DATETIME = "datetime"  # datetime, aware
    REFERENCE = "reference"  # Ref


NUMERIC: Final = frozenset({FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT})
TEXTUAL: Final = frozenset(
    {FieldType.TEXT, FieldType.LONG_TEXT, FieldType.RICH_TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL}
)


@dataclass(frozen=True)
class Option:
    """One value of a picklist. value: what the API takes. active: whether it may still be written."""

    value: str
    label: str
    active: bool = True


@dataclass(frozen=True)
class FieldSpec:
    """A field as one side's schema describes it.

    length: longest text in characters. scale: digits after the point. options: for picklists.
    restricted: values outside `options` are refused. references: object names that a reference may point to.
    tracked: the system keeps a time for each change of this field.
    """

    name: str
    type: FieldType
    label: str = ""
    length: int | None = None
    scale: int | None = None
    options: tuple[Option, ...] = ()
    restricted: bool = False
    required: bool = False
    creatable: bool = True
    updatable: bool = True
    unique: bool = False
    references: tuple[str, ...] = ()
    tracked: bool = False


@dataclass(frozen=True)
class ObjectSpec:
    """One side's object as its schema describes it; `fields` by the vendor's field name."""

    system: str
    name: str
    fields: Mapping[str, FieldSpec]


_BLANKS = re.compile(r"\s+")
_NOT_DIAL = re.compile(r"[^0-9+]")
_EXTENSION = re.compile(r"(?:ext\.?|extension|x|durchwahl|#)\s*(\d+)\s*$", re.IGNORECASE)


def canonical(value: Value, spec: FieldSpec) -> Value:
    """The form in which two values of one field are compared (SPEC 2.3): case of an e-mail, outer blanks, line ends,
    punctuation of a phone number, digits beyond the scale, parts of a second and a time's zone do not count.

    A text of nothing but blanks is BLANK. MISSING stays MISSING.
    """
    if isinstance(value, Nothing):
        return value
    if isinstance(value, str):
        text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
        if text == "":
            return BLANK
        return _canonical_text(text, spec.type)
    if isinstance(value, Decimal):
        exact = value if spec.scale is None else round(value, spec.scale)
        return exact.normalize() + 0  # +0: minus nought is nought
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0)
    if isinstance(value, frozenset):
        return value if value else BLANK
    return value


def _canonical_text(text: str, kind: FieldType) -> Value:
    if kind is FieldType.EMAIL:
        return text.lower()
    if kind is FieldType.PHONE:
        return _canonical_phone(text)
    if kind is FieldType.URL:
        return text.rstrip("/") or text
    if kind is FieldType.RICH_TEXT:
        return _BLANKS.sub(" ", text)
    return text


def _canonical_phone(text: str) -> str:
    extension = _EXTENSION.search(text)
    main = text[: extension.start()] if extension else text
    dialled = _NOT_DIAL.sub("", main.replace("(0)", "") if main.lstrip().startswith(("+", "00")) else main)
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    dialled = dialled[:1] + dialled[1:].replace("+", "")
    if not dialled.strip("+"):
        return text  # words in a phone field: compared as they stand
    return dialled + (f"x{extension.group(1)}" if extension else "")


def same(a: Value, b: Value, spec: FieldSpec) -> bool:
    """Whether two values of one field of one side are the same, formatting aside. MISSING is the same as nothing,
    not even as MISSING: what was not read proves no agreement."""
    if a is MISSING or b is MISSING:
        return False
    return canonical(a, spec) == canonical(b, spec)


def is_blank(value: Value, spec: FieldSpec) -> bool:
    """Whether a value was read and is empty, formatting aside."""
    return canonical(value, spec) is BLANK


# --- carrying a value from one type to another ----------------------------------------------------------------------


@dataclass(frozen=True)
class Untranslatable:
    """Why a value cannot be shown on the other side, and what an administrator can do about it. No personal data."""

    problem: str
    advice: str


def carry(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    """The value as the target field would hold it. Picklists by equal value (a map is applied before, by the mapping);
    references are translated by the mapping and pass through here unchanged.

    Never shortens a text and never drops an option in silence: what does not fit is Untranslatable.
    """
    if target.type in TEXTUAL:
        return _to_text(value, target)
    if target.type is FieldType.PICKLIST:
        return _to_option(value, source, target)
    if target.type is FieldType.MULTI_PICKLIST:
        return _to_options(value, target)
    if target.type is FieldType.CHECKBOX:
        return _to_checkbox(value, source, target)
    if target.type in NUMERIC:
        return _to_number(value, source, target)
    if target.type is FieldType.DATE:
        return _to_date(value, source, target)
    if target.type is FieldType.DATETIME:
        return _to_datetime(value, source, target)
    return value if isinstance(value, Ref) else _impossible(source, target)


def _impossible(source: FieldSpec, target: FieldSpec) -> Untranslatable:
    return Untranslatable(
        f"a value of {source.name} ({source.type}) cannot be written to {target.name} ({target.type})",
        "map the field to one of a matching type",
    )


def plain(value: Scalar) -> str:
    """A value as text, the same in every locale."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value.normalize() + 0, "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return ";".join(sorted(value))
    if isinstance(value, Ref):
        return value.id
    return value


def _to_text(value: Scalar, target: FieldSpec) -> Value | Untranslatable:
    text = plain(value)
    if target.length is not None and len(text.strip()) > target.length:
        return Untranslatable(
            f"the text has {len(text.strip())} characters and {target.name} holds {target.length}",
            f"shorten the text, or map the field to a longer one than {target.name}",
        )
    return text


def _to_option(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, frozenset) and len(value) != 1:
        return _impossible(source, target)
    text = next(iter(value)) if isinstance(value, frozenset) else plain(value)
    return _checked_option(text, target)


def _checked_option(text: str, target: FieldSpec) -> str | Untranslatable:
    if not target.options or any(option.value == text and option.active for option in target.options):
        return text
    known = ", ".join(option.value for option in target.options if option.active)
    state = "inactive in" if any(option.value == text for option in target.options) else "not an option of"
    return Untranslatable(
        f"the option {text!r} is {state} {target.name} (its options: {known})",
        f"add the option to {target.name}, or map it under `options` in the configuration",
    )


def _to_options(value: Scalar, target: FieldSpec) -> Value | Untranslatable:
    parts = value if isinstance(value, frozenset) else plain(value).split(";")
    chosen = frozenset(part.strip() for part in parts if part.strip())
    for option in sorted(chosen):
        checked = _checked_option(option, target)
        if isinstance(checked, Untranslatable):
            return checked
    return chosen if chosen else BLANK


_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"false", "no", "0"})


def _to_checkbox(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, bool):
        return value
    word = plain(value).strip().lower()
    if word in _YES:
        return True
    return False if word in _NO else _impossible(source, target)


def _to_number(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, bool | date | frozenset | Ref):
        return _impossible(source, target)
    text = plain(value).strip()
    if not re.fullmatch(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", text):
        return _impossible(source, target)
    number = Decimal(text)
    return number if target.scale is None else round(number, target.scale)


def _to_date(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, date):
        return value
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            return _impossible(source, target)
    return _impossible(source, target)


def _to_datetime(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    return _impossible(source, target)


def loses(source: FieldSpec, target: FieldSpec) -> str | None:
    """What a value may lose on the way from `source` to `target`, in words for the configuration check (SPEC 2.3);
    None when nothing."""
    if source.type is FieldType.DATETIME and target.type is FieldType.DATE:
        return f"{target.name} keeps the day of {source.name} and not its time"
    both_text = source.type in TEXTUAL and target.type in TEXTUAL
    if both_text and target.length is not None and (source.length is None or source.length > target.length):
        held = "any length" if source.length is None else f"{source.length} characters"
        return f"{source.name} holds {held} and {target.name} {target.length}: longer texts wait, they are not cut"
    if source.type is FieldType.RICH_TEXT and target.type in TEXTUAL - {FieldType.RICH_TEXT}:
        return f"{target.name} shows the mark-up of {source.name} as text"
    both_numbers = source.type in NUMERIC and target.type in NUMERIC
    if both_numbers and target.scale is not None and (source.scale is None or source.scale > target.scale):
        return f"{target.name} rounds {source.name} to {target.scale} digits after the point"
    if source.type is FieldType.MULTI_PICKLIST and target.type is FieldType.PICKLIST:
        return f"{target.name} holds one option and {source.name} several: only single choices are carried"
    return None


def carriable(source: FieldType, target: FieldType) -> bool:
    """Whether a value of one type can ever become one of the other (SPEC 2.3); asked when the mapping is checked."""
    if source is target or target in TEXTUAL or target in {FieldType.PICKLIST, FieldType.MULTI_PICKLIST}:
        return (source is FieldType.REFERENCE) == (target is FieldType.REFERENCE) or target in TEXTUAL
    if {source, target} <= NUMERIC or {source, target} <= {FieldType.DATE, FieldType.DATETIME}:
        return True
    texts = TEXTUAL | {FieldType.PICKLIST}
    return source in texts and target in NUMERIC | {FieldType.CHECKBOX, FieldType.DATE}


# --- values as JSON, for the store ----------------------------------------------------------------------------------

Json: TypeAlias = bool | str | dict[str, Any] | None


def to_json(value: Scalar | Literal[Nothing.BLANK]) -> Json:
    """A value as JSON that `from_json` turns back into the same value. MISSING has no JSON: it is left out."""
    if value is BLANK or isinstance(value, bool | str):
        return None if value is BLANK else value
    if isinstance(value, Decimal):
        return {"n": str(value)}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, frozenset):
        return {"m": sorted(value)}
    if isinstance(value, Ref):
        return {"r": [value.system, value.object, value.id]}
    assert_never(value)


def from_json(data: Json) -> Value:
    """The value that `to_json` wrote."""
    if data is None:
        return BLANK
    if isinstance(data, bool | str):
        return data
    ((tag, body),) = data.items()
    if tag == "n":
        return Decimal(body)
    if tag == "t":
        return datetime.fromisoformat(body)
    if tag == "d":
        return date.fromisoformat(body)
    return frozenset(body) if tag == "m" else Ref(*body)
