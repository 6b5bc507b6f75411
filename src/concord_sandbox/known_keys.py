"""Finds keys of a world that nobody reads: a misspelt key would be passed over in silence. Knows no vendor."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from concord_sandbox.service import ControlError


def only(where: str, given: Any, known: Collection[str] | None, needed: Iterable[str] = ()) -> None:
    """Raises ControlError unless `given` is an object with all `needed` keys and no other than the `known` ones (None:
    whatever else)."""
    if not isinstance(given, Mapping):
        raise ControlError(f"{where} has to be a JSON object, not {str(given)[:60]!r}")
    unknown = [str(key) for key in given if known is not None and key not in known]
    if unknown and known is not None:
        close = get_close_matches(unknown[0], known, 1)
        meant = f"; did you mean {close[0]!r}?" if close else f"; it takes {', '.join(sorted(known))}"
        raise ControlError(f"{where} has no key {', '.join(map(repr, unknown))}{meant}")
    missing = [key for key in needed if key not in given]
    if missing:
        raise ControlError(f"{where} lacks {', '.join(missing)}")


def only_rows(where: str, given: Any, known: Collection[str] | None, needed: Iterable[str] = ()) -> None:
    """The same of each row of a list, which may be made as it is read; None is no list at all."""
    if given is None:
        return
    if isinstance(given, str | Mapping) or not isinstance(given, Iterable):
        raise ControlError(f"{where} has to be a list, not {str(given)[:60]!r}")
    needed = tuple(needed)
    for number, one in enumerate(given, 1):
        only(f"{where}, row {number}", one, known, needed)
