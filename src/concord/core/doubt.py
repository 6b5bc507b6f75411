"""When two records may be one person although their score is low: then a person is asked before anybody is created.

Creating someone twice is the worst that a sync can do, and asking once too often costs a minute (SPEC 4.1, 4.3). So
corroboration of two independent kinds is always worth a question, whatever speaks against it. Never links; only lifts a
pair to the door where a person decides.
"""

from __future__ import annotations

from typing import Final, Protocol

from concord.core import companies, domains
from concord.core.names import Likeness, Name, Part

_ALIKE: Final = frozenset({Part.SAME, Part.SPELLING, Part.SHORT, Part.DOUBLE, Part.SLIP, Part.NEAR})
_SURE: Final = frozenset({Part.SAME, Part.SPELLING, Part.SHORT, Part.DOUBLE})


class Someone(Protocol):
    """What is looked at of a person (core/identity.py `Person`)."""

    @property
    def emails(self) -> tuple[str, ...]: ...
    @property
    def company(self) -> str: ...
    @property
    def firm(self) -> str: ...
    @property
    def domains(self) -> tuple[str, ...]: ...
    @property
    def phones(self) -> tuple[str, ...]: ...
    @property
    def name(self) -> Name: ...


def worth_asking(a: Someone, b: Someone, like: Likeness) -> str:
    """Why a person should be asked about these two, in a few words; "" when there is no reason to."""
    if like.generations == "two":
        return ""  # marked as father and son: that is no doubt
    scripts = a.name.cjk != b.name.cjk and not a.name.blank and not b.name.blank
    if domains.number_in_common(a.phones, b.phones) and (scripts or like.given in _SURE or like.family in _SURE):
        return "one telephone, and part of the name is the same or in another script"
    if scripts and (_tells(a, b) or _tells(b, a)):
        return "two scripts, and the address of the one spells the name of the other"
    if not _one_place(a, b):
        return ""
    if like.family in _ALIKE and like.given is not Part.OTHER:
        return "one company, and names that may be one"
    if like.given in _SURE and like.family in _ALIKE | {Part.INITIAL, Part.BLANK}:
        return "one company, one given name, and nothing against it in the family name"
    return ""


def _one_place(a: Someone, b: Someone) -> bool:
    if any(one in b.domains for one in a.domains):
        return True
    return bool(a.firm and b.firm) and companies.name_likeness(a.company, b.company) is Part.SAME


def _tells(a: Someone, b: Someone) -> bool:
    """Whether an address of `a` is made of the name of `b`, or both have the same letters before the same domain."""
    mine = {domains.letters_of(one) for one in a.emails if not domains.is_role(one)}
    theirs = {domains.letters_of(one) for one in b.emails if not domains.is_role(one)}
    if mine & theirs - {("", "")}:
        return True
    return _one_place(a, b) and any(b.name.makes(local) for local, _ in mine if local)
