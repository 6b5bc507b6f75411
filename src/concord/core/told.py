"""Whether a record still tells of itself what it told before: then who it is need not be worked out anew.

Traits and keys of a person (core/identity.py) are the dearest thing in the whole line, and hardly any edit touches
them. So what they are made of is kept beside them as one short text. Pure; knows nothing of what identity makes of it.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from concord.core.companies import rank_of, text_of
from concord.core.mapping import ObjectPair
from concord.core.model import Record, Side
from concord.core.values import Ref

#: Raise it whenever other traits or keys are made of the same fields (tests/core/test_told.py notices): everything that
#: is known is then worked out anew as it is read.
FORM: Final = 1


def told_of(record: Record, pair: ObjectPair, side: Side, employer: str = "") -> str:
    """What the traits and keys of a record are made of, as one short text: equal for two readings only where both give
    the same, `passing` traits aside. employer: the same text of the company it refers to, as it is known."""
    who, values = pair.identity(side, record.ref.object), record.values
    named = (who.email, who.additional_emails, who.first_name, who.last_name, who.company, who.website, who.phone)
    ids = (pair.key_left,) if side is Side.LEFT else tuple(pair.keys_right.values())
    fields = [values.get(name) for name in (*named, who.mobile, *ids)]
    points_to = sorted([value for value in values.values() if isinstance(value, Ref)])
    whole = repr((FORM, pair.kind, rank_of(record, pair, side), fields, points_to, employer))
    return blake2b(whole.encode(), digest_size=16).hexdigest()


def passing(record: Record, pair: ObjectPair, side: Side) -> dict[str, object]:
    """The traits that no key is made of, and that change with any edit or mean little: when, and for people which
    title. Written without working out the others."""
    traits: dict[str, object] = {"modified_at": record.modified_at.isoformat()}
    if pair.kind == "person":
        traits["title"] = text_of(record, pair.identity(side, record.ref.object).title)
    return traits
