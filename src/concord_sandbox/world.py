"""Worlds: the state that the sandboxed services start from, by name (built in) or from a JSON file.

A world is one JSON object:

    name        for people
    seed        what it was made from (built-in worlds)
    clock       ISO-8601: the instant at which it plays, or null for the machine's own time
    salesforce, hubspot, notion
                a section for each service, in the form that the service's `load` describes
    truth       what only the world's maker knows (who is who); no service ever sees or serves it
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from concord_sandbox.known_keys import only
from concord_sandbox.service import ControlError

_SECTIONS = ("salesforce", "hubspot", "notion")
_KEYS = ("name", "seed", "clock", *_SECTIONS, "truth")


def load_world(name_or_file: str, seed: int = 1) -> dict[str, Any]:
    """The built-in world of that name (made anew from `seed`; of some the size may be given, as in revenue:500), or the
    one in that JSON file.

    Raises ControlError when there is no such world or the file is not a world.
    """
    from concord_sandbox.worlds import BUILT_IN, OF_ANY_SIZE

    if name_or_file in BUILT_IN:
        return BUILT_IN[name_or_file](seed)
    name, _, size = name_or_file.partition(":")
    if name in OF_ANY_SIZE and size.isdecimal():
        return OF_ANY_SIZE[name](seed, int(size))
    path = Path(name_or_file)
    if not path.is_file():
        raise ControlError(
            f"there is no world {name_or_file!r}: not a file, and the built-in ones are {', '.join(BUILT_IN)}"
        )
    try:
        world = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ControlError(f"{path} is not JSON: {error}") from error
    except OSError as error:
        raise ControlError(f"{path} cannot be read: {error.strerror}") from error
    return checked(world, str(path))


def checked(world: Any, where: str) -> dict[str, Any]:
    """The world itself. Raises ControlError, which names the place `where` it came from, unless it has a section of at
    least one service and no key that no world has. What is in a section is for its service to judge."""
    if not isinstance(world, dict) or not world.keys() & set(_SECTIONS):
        raise ControlError(
            f"{where} is not a world: it has no section {', '.join(_SECTIONS)} (what `GET /_control/world` answers is "
            "one section, and stands under its service's name)"
        )
    only(f"{where}: a world", world, _KEYS)
    for name in _SECTIONS:
        if not isinstance(world.get(name) or {}, dict):
            raise ControlError(f"{where}: the section {name} has to be a JSON object")
    return world
