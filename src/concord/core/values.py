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
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import Enum, StrEnum
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from unicodedata import normalize

from concord.errors import Category


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


class Ref(NamedTuple):
    """Which record: the system ("salesforce", "hubspot"), the vendor's object name, and the vendor's id.

    A tuple, for refs are what all tables of a batch go by, and nothing is hashed and compared faster.
    """

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
    NUMBER = "number"  # Decimal, finite
    CURRENCY = "currency"  # Decimal; its ISO code is a field of its own on both sides
    PERCENT = "percent"  # Decimal
    DATE = "date"  # date
    DATETIME = "datetime"  # datetime, aware
    REFERENCE = "reference"  # Ref


NUMERIC: Final = frozenset({FieldType.NUMBER, FieldType.CURRENCY, FieldType.PERCENT})
TEXTUAL: Final = frozenset(
    {FieldType.TEXT, FieldType.LONG_TEXT, FieldType.RICH_TEXT, FieldType.EMAIL, FieldType.PHONE, FieldType.URL}
)
#: Types whose values are told as the texts they are.
AS_TOLD: Final = TEXTUAL | {FieldType.PICKLIST}
LISTED: Final = frozenset({FieldType.PICKLIST, FieldType.MULTI_PICKLIST})


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
    tracked: the system keeps a time for each change of this field. needs: another field of the record that must not be
    blank for this one to be written ("": none), as an opt-out that belongs to the record's e-mail address. part_of:
    what it is a part of ("": nothing), as a town of an address: of another record it is taken with all of that or not.
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
    needs: str = ""
    part_of: str = ""


@dataclass(frozen=True)
class ObjectSpec:
    """One side's object as its schema describes it; `fields` by the vendor's field name."""

    system: str
    name: str
    fields: Mapping[str, FieldSpec]


_BLANKS: Final = re.compile(r"\s+")
#: What people put between the digits of a phone number, with the invisible marks that address books add.
_DIAL_MARKS: Final = re.compile(
    r"[\s()\[\]./\-\u00ad\u00b7\u2010-\u2015\u2212\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+"
)
_DIALLED: Final = re.compile(r"\+?[0-9]+")
_EXTENSION: Final = re.compile(r"(?:extension|ext|durchwahl|x|#)[\s.:=]*([0-9]+)\Z", re.IGNORECASE)


def canonical(value: Value, spec: FieldSpec) -> Value:
    """The form in which two values of one field are compared (SPEC 2.3): case of an e-mail, outer blanks, line ends,
    Unicode composition, punctuation of a phone number, a URL's last slash, digits beyond the scale, parts of a second
    and a time's zone do not count.

    A text of nothing but blanks is BLANK. MISSING stays MISSING.
    """
    if isinstance(value, str):
        text = (value if value.isascii() else normalize("NFC", value)).strip()
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return BLANK if text == "" else _canonical_text(text, spec.type)
    if isinstance(value, Decimal):
        return _shortest(_rounded(value, spec.scale))
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0)
    if isinstance(value, frozenset):
        return BLANK if value == frozenset() else value
    return value


def _canonical_text(text: str, kind: FieldType) -> str:
    if kind is FieldType.EMAIL:
        return normalize("NFC", text.lower())
    if kind is FieldType.PHONE:
        return _canonical_phone(text)
    if kind is FieldType.URL:
        return _canonical_url(text)
    if kind is FieldType.RICH_TEXT:
        return _BLANKS.sub(" ", text)
    return text


def _canonical_url(text: str) -> str:
    if "?" in text or "#" in text:
        return text  # there the last slash belongs to what is asked for
    return text.rstrip("/").rstrip() or text


def _canonical_phone(text: str) -> str:
    """The digits, the plus of an international number, and the extension. A text with anything else in it is compared
    as it stands: letters and further numbers left out would make two numbers one."""
    extension = _EXTENSION.search(text)
    main = text[: extension.start()].rstrip(" ,;") if extension else text
    dialled = _DIAL_MARKS.sub("", main)
    if dialled.startswith(("+", "00")):
        dialled = _DIAL_MARKS.sub("", main.replace("(0)", ""))  # dialled at home only
    if not _DIALLED.fullmatch(dialled):
        return text
    if dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    return dialled + (f"x{extension.group(1)}" if extension else "")


def _rounded(number: Decimal, scale: int | None) -> Decimal:
    """The number with `scale` digits after the point at most, a half going away from nought. The context is as wide as
    the number: the usual one raises an error beyond 28 digits."""
    parts = number.as_tuple()
    if scale is None or not isinstance(parts.exponent, int) or parts.exponent >= -scale:
        return number
    context = Context(prec=len(parts.digits) + 1, rounding=ROUND_HALF_UP)
    return number.quantize(Decimal((0, (1,), -scale)), context=context)


def _shortest(number: Decimal) -> Decimal:
    """The number without trailing noughts and without the sign of nought; no digit is lost, however many there are."""
    return Decimal(0) if number.is_zero() else number.normalize(Context(prec=len(number.as_tuple().digits)))


def same(a: Value, b: Value, spec: FieldSpec) -> bool:
    """Whether two values of one field of one side are the same, formatting aside. MISSING is the same as nothing,
    not even as MISSING: what was not read proves no agreement."""
    if a is MISSING or b is MISSING:
        return False
    # Equal values have equal forms, and most are equal: the forms are dear.
    return a == b or canonical(a, spec) == canonical(b, spec)


def is_blank(value: Value, spec: FieldSpec) -> bool:
    """Whether a value was read and is empty, formatting aside."""
    return not value.strip() if isinstance(value, str) else canonical(value, spec) is BLANK


# --- carrying a value from one type to another ----------------------------------------------------------------------


@dataclass(frozen=True)
class Untranslatable:
    """Why a value cannot be shown on the other side, and what an administrator can do about it. No personal data.

    category: what kind of failure it is (SPEC 9.1); MISSING_RECORD: it passes by itself when the other record is there.
    """

    problem: str
    advice: str
    category: Category = Category.DATA_TYPE


def carry(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    """The value as the target field would hold it; BLANK for an empty one. Picklists by equal value (a map is applied
    before, by the mapping); a reference between two reference fields is translated by the mapping and passes unchanged.

    Never shortens a text and never drops an option in silence: what does not fit is Untranslatable.
    """
    if not carriable(source.type, target.type):
        return Untranslatable(
            f"a value of {source.name} ({source.type}) cannot be written to {target.name} ({target.type})",
            "map the field to one of a matching type",
            Category.MAPPING,
        )
    if is_blank(value, source):
        return BLANK
    if target.type in TEXTUAL:
        return _to_text(value, target)
    if target.type is FieldType.PICKLIST:
        return _to_option(value, source, target)
    if target.type is FieldType.MULTI_PICKLIST:
        return _to_options(value, source, target)
    if target.type in NUMERIC:
        return _to_number(value, source, target)
    if target.type is FieldType.DATE:
        return _to_date(value, source, target)
    return _to_itself(value, source, target)


def _unfit(source: FieldSpec, target: FieldSpec) -> Untranslatable:
    return Untranslatable(
        f"what {source.name} holds is no {target.type.replace('_', ' ')}, which {target.name} requires",
        f"correct the value of {source.name}, or map it to a field of another type than {target.name}",
    )


def plain(value: Scalar) -> str:
    """A value as text, the same in every locale."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(_shortest(value), "f")
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, frozenset):
        return ";".join(sorted(value))
    if isinstance(value, Ref):
        return value.id
    return value


def _to_text(value: Scalar, target: FieldSpec) -> Value | Untranslatable:
    text = plain(value)
    if target.length is None or len(text) <= target.length:
        return text
    text = text.strip()  # outer blanks do not count, so they are no reason to refuse a text
    if len(text) <= target.length:
        return text
    return Untranslatable(
        f"the text has {len(text)} characters and {target.name} holds {target.length}",
        f"shorten the text, or map the field to a longer one than {target.name}",
    )


def _to_option(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if not isinstance(value, frozenset):
        return _checked_option(plain(value).strip(), source, target)
    if len(value) > 1:
        return Untranslatable(
            f"{source.name} holds {len(value)} options and {target.name} takes one",
            f"choose one option, or map {source.name} to a field for several",
            Category.PICKLIST,
        )
    return _checked_option(plain(value), source, target)


def _to_options(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    parts = value if isinstance(value, frozenset) else plain(value).split(";")
    chosen = frozenset(part.strip() for part in parts if part.strip() != "")
    for option in sorted(chosen):
        checked = _checked_option(option, source, target)
        if isinstance(checked, Untranslatable):
            return checked
    return BLANK if chosen == frozenset() else chosen


def _checked_option(text: str, source: FieldSpec, target: FieldSpec) -> str | Untranslatable:
    if target.options == () or any(option.value == text and option.active for option in target.options):
        return text
    # Only an option is named: a free text may be personal.
    what = f"the option {text!r}" if source.type in LISTED else "the value"
    state = "inactive in" if any(option.value == text for option in target.options) else "not an option of"
    return Untranslatable(
        f"{what} from {source.name}{_options_of(source)} is {state} {target.name}{_options_of(target)}",
        f"add the option to {target.name}, or map it under `options` in the configuration",
        Category.PICKLIST,
    )


def _options_of(spec: FieldSpec) -> str:
    active = ", ".join(option.value for option in spec.options if option.active)
    return f" (its options: {active})" if spec.options != () else ""


_YES: Final = frozenset({"true", "yes", "1"})
_NO: Final = frozenset({"false", "no", "0"})
_NUMBER: Final = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _to_number(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = Decimal(value.strip())
    return _rounded(value, target.scale) if isinstance(value, Decimal) else _unfit(source, target)


def _to_date(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, date):
        return value
    if isinstance(value, str) and _DAY.fullmatch(value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            return _unfit(source, target)
    return _unfit(source, target)


def _to_itself(value: Scalar, source: FieldSpec, target: FieldSpec) -> Value | Untranslatable:
    """Checkboxes, times and references: the types that hardly anything else can become."""
    if target.type is FieldType.CHECKBOX:
        word = plain(value).strip().lower()
        return word in _YES if word in _YES | _NO else _unfit(source, target)
    if target.type is FieldType.DATETIME:
        if isinstance(value, date) and not isinstance(value, datetime):
            return datetime.combine(value, time(), UTC)
        return value if isinstance(value, datetime) else _unfit(source, target)
    return value if isinstance(value, Ref) else _unfit(source, target)


def loses(source: FieldSpec, target: FieldSpec) -> str | None:
    """What a value may lose on the way from `source` to `target`, or when it has to wait, in words for the
    configuration check (SPEC 2.3); None when nothing."""
    lost: list[str] = []
    texts = source.type in TEXTUAL and target.type in TEXTUAL
    if texts and target.length is not None and (source.length is None or source.length > target.length):
        held = "any length" if source.length is None else f"{source.length} characters"
        lost.append(
            f"{source.name} holds {held} and {target.name} {target.length}: longer texts wait, they are not cut"
        )
    if texts and source.type is FieldType.RICH_TEXT and target.type is not FieldType.RICH_TEXT:
        lost.append(f"{target.name} shows the mark-up of {source.name} as text")
    if texts and target.type is FieldType.RICH_TEXT and source.type is not FieldType.RICH_TEXT:
        lost.append(f"{target.name} reads the text of {source.name} as mark-up and does not show its line ends")
    if source.type is FieldType.DATETIME and target.type is FieldType.DATE:
        lost.append(f"{target.name} keeps the day of {source.name} and not its time")
    numbers = source.type in NUMERIC and target.type in NUMERIC
    if numbers and target.scale is not None and (source.scale is None or source.scale > target.scale):
        lost.append(f"{target.name} rounds {source.name} to {target.scale} digits after the point")
    if source.type is FieldType.MULTI_PICKLIST and target.type is FieldType.PICKLIST:
        lost.append(
            f"{target.name} holds one option and {source.name} several: only single choices are carried, others wait"
        )
    if source.type in TEXTUAL and target.type not in TEXTUAL:
        lost.append(
            f"{source.name} holds any text and {target.name} a {target.type.replace('_', ' ')}: other texts wait"
        )
    return "; ".join(lost) if lost != [] else None


def carriable(source: FieldType, target: FieldType) -> bool:
    """Whether a value of one type can ever become one of the other (SPEC 2.3); asked when the mapping is checked, and
    by `carry`."""
    if FieldType.REFERENCE in (source, target):
        return source is target or target in TEXTUAL  # as the id that it is
    if source is target or target in TEXTUAL | LISTED:
        return True
    if {source, target} <= NUMERIC or {source, target} <= {FieldType.DATE, FieldType.DATETIME}:
        return True
    texts = TEXTUAL | {FieldType.PICKLIST}
    return source in texts and target in NUMERIC | {FieldType.CHECKBOX, FieldType.DATE}


# --- values as JSON, for the store ----------------------------------------------------------------------------------

Json: TypeAlias = bool | str | dict[str, Any] | None


def to_json(value: Scalar | Literal[Nothing.BLANK]) -> Json:
    """A value as JSON that `from_json` turns back into the same value. MISSING has no JSON: it is left out."""
    if value is BLANK:
        return None
    if isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        return {"n": str(value)}
    if isinstance(value, datetime):
        return {"t": value.isoformat()}
    if isinstance(value, date):
        return {"d": value.isoformat()}
    if isinstance(value, frozenset):
        return {"m": sorted(value)}
    return {"r": [value.system, value.object, value.id]}


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
