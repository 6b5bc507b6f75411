"""A YAML file as a tree of nodes that know their line and column.

Reads text, never turns it into objects: tags are not followed, so a file cannot make anything run. Plain words are read
as in YAML 1.2: `off`, `yes` and `NO` are words, not truth values, and 2026-09-01 is no date.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from concord.config.problems import Position, Problem

Node: TypeAlias = yaml.Node

NULL: Final = "tag:yaml.org,2002:null"
BOOL: Final = "tag:yaml.org,2002:bool"
INT: Final = "tag:yaml.org,2002:int"
FLOAT: Final = "tag:yaml.org,2002:float"
STR: Final = "tag:yaml.org,2002:str"

_NULL = (NULL, re.compile(r"^(?:~|null|Null|NULL|)$"))
_BOOL = (BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"))
_INT = (INT, re.compile(r"^[-+]?[0-9]+$"))
_FLOAT = (FLOAT, re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"))


class _Loader(yaml.SafeLoader):
    """The parser with the YAML 1.2 reading of plain words, by a word's first character."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the library's own way to say this; nobody adds to it
        **{first: [_NULL] for first in "~nN"},
        "": [_NULL],
        **{first: [_BOOL] for first in "tTfF"},
        **{first: [_INT, _FLOAT] for first in "-+.0123456789"},
    }


@dataclass(frozen=True)
class Source:
    """A parsed file: its root (None where there is none to read) and what is wrong with its writing."""

    root: Node | None
    problems: tuple[Problem, ...]


def parse(text: str) -> Source:
    """The tree of one YAML document, with every duplicate key and every key that is no text named."""
    odd = yaml.reader.Reader.NON_PRINTABLE.search(text)
    if odd is not None:
        return Source(None, (_unprintable(text, odd.start()),))
    loader = _Loader(text)
    try:
        root: Node | None = loader.get_single_node()
    except yaml.MarkedYAMLError as fault:
        return Source(None, (_syntax(fault),))
    except RecursionError:
        return Source(None, (Problem("", "the file is nested too deeply to be a configuration", at=Position(1, 1)),))
    finally:
        loader.dispose()
    if root is None:
        return Source(None, (Problem("", "the file is empty", "`concord init` writes one to start from"),))
    return Source(root, tuple(_writing(root)))


def _unprintable(text: str, start: int) -> Problem:
    before = text[:start]
    at = Position(before.count("\n") + 1, start - (before.rfind("\n") + 1) + 1)
    return Problem("", f"the character U+{ord(text[start]):04X} may not stand in YAML", "remove it", at)


def _syntax(fault: yaml.MarkedYAMLError) -> Problem:
    mark = fault.problem_mark or fault.context_mark
    at = Position(mark.line + 1, mark.column + 1) if mark else None
    words = " ".join(part for part in (fault.context, fault.problem) if part)
    advice = "check the indentation (blanks, not tabs), colons and quotes on this line and the one before"
    if "document" in words:
        advice = "write one document; remove the line ---"
    return Problem("", f"this is not YAML: {words}", advice, at)


def _writing(root: Node) -> Iterator[Problem]:
    """Every key that is written twice, or is no text, anywhere in the tree; a node that is shared is visited once."""
    seen: set[int] = set()
    waiting: list[tuple[str, Node]] = [("", root)]
    while waiting:
        path, node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _repeated(path, node)
            waiting.extend((join(path, key.value), value) for key, value in node.value if _is_word(key))
        elif isinstance(node, yaml.SequenceNode):
            waiting.extend((f"{path}[{place}]", value) for place, value in enumerate(node.value))


def _repeated(path: str, node: yaml.MappingNode) -> Iterator[Problem]:
    first: dict[str, Position] = {}
    for key, _ in node.value:
        if not _is_word(key):
            yield Problem(path, "a key has to be a word", "write `key: value`", position(key))
        elif key.value in first:
            text = f"{key.value} is written twice; the first is in line {first[key.value].line}"
            yield Problem(join(path, key.value), text, "keep one of them", position(key))
        else:
            first[key.value] = position(key)


def _is_word(key: Any) -> bool:
    return isinstance(key, yaml.ScalarNode)


def join(path: str, key: str) -> str:
    """The path of a key under a path."""
    return f"{path}.{key}" if path else key


def position(node: Node) -> Position:
    """Where a node starts."""
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def entries(node: yaml.MappingNode) -> dict[str, tuple[Node, Node]]:
    """A mapping's key nodes and value nodes by key; of a key written twice, the first."""
    found: dict[str, tuple[Node, Node]] = {}
    for key, value in node.value:
        if _is_word(key):
            found.setdefault(key.value, (key, value))
    return found


def kind_of(node: Node) -> str:
    """What a node is, in words for a message."""
    if isinstance(node, yaml.MappingNode):
        return "a section"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    words = {NULL: "nothing", BOOL: "true or false", INT: "a number", FLOAT: "a number", STR: "a text"}
    return words.get(node.tag, f"a value tagged {node.tag}")
