"""Who is who among people: the one definition of the score (SPEC 4.2 to 4.4).

Bulk matching and the live line call the same functions, and for the same neighbourhood get the same answer. An equal
address links; without one, name and company do, in points that add up line by line. What must never be linked
automatically (shared mailboxes, households, father and son, namesakes) is barred, whatever the points. Reads and writes
nothing; who reviews and what is created is decided elsewhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import phonenumbers
from rapidfuzz.distance import OSA

from concord.core import companies, domains, lexicon, names
from concord.core.assignment import (
    Bounds,
    Door,
    Duplicate,
    Evidence,
    Matching,
    Pairing,
    Rules,
    Score,
    judge,
    score_of,
    settle,
)
from concord.core.domains import Registrable
from concord.core.mapping import IdentityFields, ObjectPair
from concord.core.model import Record, Side
from concord.core.names import Likeness, Name, Part
from concord.core.values import Nothing, Ref, plain

__all__ = [
    "Bounds",
    "Crowd",
    "Door",
    "Duplicate",
    "Evidence",
    "Matching",
    "Pairing",
    "Person",
    "Registrable",
    "Score",
    "compare",
    "judge",
    "keys_of",
    "match",
    "person_from",
    "person_of",
    "traits_of",
]
