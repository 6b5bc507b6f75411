"""The queries of `sql/`, by name. A file holds several; each begins with `-- name:` and says what it is for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files

_HEAD = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load(file: str) -> Mapping[str, bytes]:
    """The queries of `sql/<file>.sql` by name, as bytes, the form in which psycopg takes a query that is not a literal
    of the program. Raises ValueError when two have one name."""
    text = (files("concord.store") / "sql" / f"{file}.sql").read_text(encoding="utf-8")
    pieces = _HEAD.split(text)[1:]
    names, bodies = pieces[::2], pieces[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"sql/{file}.sql has two queries of one name")
    return {name: body.strip().encode() for name, body in zip(names, bodies, strict=True)}
