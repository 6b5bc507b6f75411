"""What a world's section may not get wrong in its declarations and records: misspelt keys, values that no field of
their type could hold. Reads, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from concord_sandbox.known_keys import only, only_rows
from concord_sandbox.salesforce.schema import COMPOUND_TYPES, NUMBER_TYPES, TEXT_TYPES, Field
from concord_sandbox.service import ControlError

_STANDARD = ("fields", "recordTypes")
_CUSTOM = (*_STANDARD, "label", "labelPlural", "keyPrefix", "flags", "activities")
_CURRENCY = ("IsoCode", "ConversionRate", "DecimalPlaces", "IsActive", "IsCorporate")


def check_keys(section: Mapping[str, Any]) -> None:
    """Raises ControlError for a declaration with a key that nothing reads, or without one that it needs."""
    objects = section.get("objects") or {}
    if not isinstance(objects, Mapping):
        raise ControlError("objects has to be a JSON object")
    for name, about in objects.items():
        only(f"the object {name}", about, _CUSTOM if name.endswith("__c") else _STANDARD)
    for name, about in objects.items():
        for one in about.get("fields") or ():
            for target in (one.get("referenceTo") or ()) if isinstance(one, Mapping) else ():
                if str(target).endswith("__c") and target not in objects:
                    raise ControlError(f"field {name}.{one.get('name')}: this org has no object {target!r}")
    only_rows("currencies", section.get("currencies"), _CURRENCY, ("IsoCode",))
    only("behaviours", section.get("behaviours") or {}, ("numbers",))


def checked_value(where: str, field: Field, value: Any) -> Any:
    """The value as it is stored. Raises ControlError when the field's type has no such value."""
    kind = field.type
    if kind in NUMBER_TYPES:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ControlError(f"{where}: {value!r} is no number")
        return value if kind == "int" else float(value)
    if kind == "boolean":
        fits = isinstance(value, bool)
    elif kind == "date":
        fits = isinstance(value, str) and len(value) == 10 and value[4] == value[7] == "-"
    else:
        fits = isinstance(value, str) or kind not in TEXT_TYPES or kind == "anyType" or kind in COMPOUND_TYPES
    if not fits:
        raise ControlError(f"{where}: {value!r} is no value of a field of the type {kind}")
    return value
