"""The kinds of settings: each reads a node of the file into a typed value, and says itself in JSON Schema.

One declaration serves both, so that the published schema and the checker cannot drift apart. Kinds judge one value by
itself; what several settings must be together is checked in build.py, what the vendors' schemas say in against.py.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Final, Generic, Literal, Protocol, TypeAlias, TypeVar, cast

import yaml

from concord.config.problems import Position, Problem, did_you_mean, quoted, secret_key
from concord.config.source import BOOL, FLOAT, INT, NULL, STR, Node, entries, join, kind_of, position

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
A = TypeVar("A")
B = TypeVar("B")

JsonSchema: TypeAlias = dict[str, Any]


class Wrong(Enum):
    """A value that could not be read; its problem has been noted."""

    WRONG = "wrong"


WRONG: Final = Wrong.WRONG


class Reading:
    """One reading of one file: the problems so far, and where each setting stands."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.positions: dict[str, Position] = {}

    def wrong(self, node: Node, path: str, text: str, advice: str = "") -> Literal[Wrong.WRONG]:
        self.problems.append(Problem(path, text, advice, position(node)))
        return WRONG

    def at(self, path: str) -> Position | None:
        """Where a setting stands; of one that is not written, the nearest section above it."""
        return nearest_position(self.positions, path)

    def broken(self, path: str) -> bool:
        """Whether something at or under this path is wrong already, so that further judgement would only confuse."""
        return any(one.path == path or one.path.startswith((f"{path}.", f"{path}[")) for one in self.problems)


def nearest_position(positions: Mapping[str, Position], path: str) -> Position | None:
    """The position of a path, or of the nearest section above it that is written."""
    while path and path not in positions:
        path = path.rpartition(".")[0]
    return positions.get(path)


class Kind(Protocol[T_co]):
    """How one setting is read."""

    def read(self, node: Node, path: str, reading: Reading) -> T_co | Wrong:
        """The value, or WRONG with the problem noted in `reading`."""
        ...

    def schema(self) -> JsonSchema:
        """The same, as JSON Schema (2020-12)."""
        ...


def _scalar(node: Node, tags: frozenset[str]) -> str | None:
    return node.value if isinstance(node, yaml.ScalarNode) and node.tag in tags else None


def _mismatch(node: Node, path: str, reading: Reading, wanted: str) -> Literal[Wrong.WRONG]:
    if isinstance(node, yaml.ScalarNode) and node.tag != NULL:
        return reading.wrong(node, path, f"{quoted(node.value)} is {kind_of(node)}, not {wanted}", f"write {wanted}")
    if node.tag == NULL:
        return reading.wrong(node, path, f"nothing is written here; {wanted} is expected", "or remove the key")
    return reading.wrong(node, path, f"{kind_of(node)} stands where {wanted} is expected", f"write {wanted}")


@dataclass(frozen=True)
class Text:
    """A text of a certain form. wanted: that form in words. numbers: a bare number is taken as its digits."""

    pattern: str
    wanted: str
    numbers: bool = False

    def read(self, node: Node, path: str, reading: Reading) -> str | Wrong:
        text = _scalar(node, frozenset({STR, INT}) if self.numbers else frozenset({STR}))
        if text is None:
            return _mismatch(node, path, reading, self.wanted)
        if re.fullmatch(self.pattern, text) is None:
            return reading.wrong(node, path, f"{quoted(text)} is not {self.wanted}", f"write {self.wanted}")
        return text

    def schema(self) -> JsonSchema:
        return {"type": ["string", "integer"] if self.numbers else "string", "pattern": self.pattern}


_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Duration:
    """A length of time: digits and s, m, h or d. positive: nought is refused."""

    positive: bool = False

    @property
    def _pattern(self) -> str:
        return r"^[1-9][0-9]{0,4}[smhd]$" if self.positive else r"^(0|[1-9][0-9]{0,4})[smhd]$"

    def read(self, node: Node, path: str, reading: Reading) -> timedelta | Wrong:
        wanted = "a duration such as 30s, 5m, 2h or 1d" + (", longer than nothing" if self.positive else "")
        text = _scalar(node, frozenset({STR}))
        if text is None:
            return _mismatch(node, path, reading, wanted)
        if re.fullmatch(self._pattern, text) is None:
            return reading.wrong(node, path, f"{quoted(text)} is not {wanted}", "write digits and s, m, h or d")
        return timedelta(**{_UNITS[text[-1]]: int(text[:-1])})

    def schema(self) -> JsonSchema:
        return {"type": "string", "pattern": self._pattern}


@dataclass(frozen=True)
class Number:
    """A number from `least` to `most`; wanted: that in words. above: `least` itself is refused."""

    least: float
    most: float
    wanted: str
    above: bool = False

    def read(self, node: Node, path: str, reading: Reading) -> float | Wrong:
        text = _scalar(node, frozenset({INT, FLOAT}))
        if text is None:
            return _mismatch(node, path, reading, self.wanted)
        number = float(text)
        if number > self.most or number < self.least or (self.above and number == self.least):
            return reading.wrong(node, path, f"{text} is not {self.wanted}", f"write {self.wanted}")
        return number

    def schema(self) -> JsonSchema:
        return {"type": "number", "exclusiveMinimum" if self.above else "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int
    most: int

    def read(self, node: Node, path: str, reading: Reading) -> int | Wrong:
        wanted = f"a whole number from {self.least} to {self.most}"
        text = _scalar(node, frozenset({INT}))
        if text is None:
            return _mismatch(node, path, reading, wanted)
        if not re.fullmatch(r"-?[0-9]{1,12}", text) or not self.least <= int(text) <= self.most:
            return reading.wrong(node, path, f"{text} is not {wanted}", f"write {wanted}")
        return int(text)

    def schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def read(self, node: Node, path: str, reading: Reading) -> bool | Wrong:
        text = _scalar(node, frozenset({BOOL}))
        return _mismatch(node, path, reading, "true or false") if text is None else text.lower() == "true"

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class OneOf(Generic[T]):
    """One of a few words, each with what it means."""

    meanings: Mapping[str, T]

    def read(self, node: Node, path: str, reading: Reading) -> T | Wrong:
        words = ", ".join(self.meanings)
        text = _scalar(node, frozenset({STR}))
        if text is None:
            return _mismatch(node, path, reading, f"one of {words}")
        if text not in self.meanings:
            advice = did_you_mean(text, self.meanings)
            return reading.wrong(
                node,
                path,
                f"{quoted(text)} is not one of {words}",
                advice if advice.startswith("did") else "write one of them",
            )
        return self.meanings[text]

    def schema(self) -> JsonSchema:
        return {"enum": list(self.meanings)}


@dataclass(frozen=True)
class Exactly:
    """One whole number and no other."""

    value: int
    why: str

    def read(self, node: Node, path: str, reading: Reading) -> int | Wrong:
        text = _scalar(node, frozenset({INT}))
        if text is None or int(text) != self.value:
            shown = quoted(text) if text else kind_of(node)
            return reading.wrong(node, path, f"{shown} is not {self.value}: {self.why}", f"write {self.value}")
        return self.value

    def schema(self) -> JsonSchema:
        return {"type": "integer", "const": self.value}


@dataclass(frozen=True)
class Plain:
    """A text, a number, or true or false: a value for a field."""

    def read(self, node: Node, path: str, reading: Reading) -> str | Decimal | bool | Wrong:
        text = _scalar(node, frozenset({STR, INT, FLOAT, BOOL}))
        if text is None:
            return _mismatch(node, path, reading, "a text, a number, true or false")
        if node.tag == BOOL:
            return text.lower() == "true"
        return text if node.tag == STR else Decimal(text)

    def schema(self) -> JsonSchema:
        return {"type": ["string", "number", "boolean"]}


@dataclass(frozen=True)
class Literally:
    """A text as it is written, quoted or not: 5 and true are the texts "5" and "true"."""

    def read(self, node: Node, path: str, reading: Reading) -> str | Wrong:
        text = _scalar(node, frozenset({STR, INT, FLOAT, BOOL}))
        if text is None or text == "":
            return _mismatch(node, path, reading, "a text")
        return text

    def schema(self) -> JsonSchema:
        return {"type": ["string", "number", "boolean"], "minLength": 1}


@dataclass(frozen=True)
class ListOf(Generic[T]):
    """A list, each of its values once."""

    kind: Kind[T]
    least: int = 1
    most: int | None = None

    def read(self, node: Node, path: str, reading: Reading) -> tuple[T, ...] | Wrong:
        if not isinstance(node, yaml.SequenceNode):
            return _mismatch(node, path, reading, "a list, as [one, two]")
        items = [self.kind.read(one, f"{path}[{place}]", reading) for place, one in enumerate(node.value)]
        good = [one for one in items if one is not WRONG]
        if len(good) < len(items):
            return WRONG
        if len(items) < self.least or (self.most is not None and len(items) > self.most):
            wanted = f"{self.least}" if self.most == self.least else f"at least {self.least}"
            return reading.wrong(node, path, f"the list has {len(items)} values and needs {wanted}")
        for place, one in enumerate(good):
            if one in good[:place]:
                return reading.wrong(node.value[place], f"{path}[{place}]", f"{one} is in the list twice", "remove one")
        return tuple(good)

    def schema(self) -> JsonSchema:
        most = {} if self.most is None else {"maxItems": self.most}
        return {"type": "array", "items": self.kind.schema(), "minItems": self.least, **most, "uniqueItems": True}


@dataclass(frozen=True)
class MapOf(Generic[T]):
    """Keys that the writer chooses, each with a value of one kind. What is wrong with one leaves the others in."""

    kind: Kind[T]
    pattern: str
    wanted: str
    least: int = 1

    def read(self, node: Node, path: str, reading: Reading) -> dict[str, T] | Wrong:
        if not isinstance(node, yaml.MappingNode):
            return _mismatch(node, path, reading, "a section of `name: value` lines")
        found: dict[str, T] = {}
        for key, (key_node, value_node) in entries(node).items():
            here = join(path, key)
            _note(reading, here, key_node, value_node)
            if re.fullmatch(self.pattern, key) is None:
                reading.wrong(key_node, here, f"{quoted(key)} is not {self.wanted}", f"write {self.wanted}")
                continue
            value = self.kind.read(value_node, here, reading)
            if value is not WRONG:
                found[key] = value
        if len(node.value) < self.least:
            return reading.wrong(node, path, "nothing is listed here", "list at least one")
        return found

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "patternProperties": {self.pattern: self.kind.schema()},
            "additionalProperties": False,
            "minProperties": self.least,
        }


@dataclass(frozen=True)
class Either(Generic[A, B]):
    """A value of the first kind, or, where `second_when` knows the node, of the second."""

    first: Kind[A]
    second: Kind[B]
    second_when: Callable[[Node], bool]

    def read(self, node: Node, path: str, reading: Reading) -> A | B | Wrong:
        if self.second_when(node):
            return self.second.read(node, path, reading)
        return self.first.read(node, path, reading)

    def schema(self) -> JsonSchema:
        return {"anyOf": [self.first.schema(), self.second.schema()]}


def is_section(node: Node) -> bool:
    return isinstance(node, yaml.MappingNode)


def is_list(node: Node) -> bool:
    return isinstance(node, yaml.SequenceNode)


def is_flag(node: Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == BOOL


def is_off(node: Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == STR and node.value == "off"


# --- sections: dataclasses whose fields declare how they are read ----------------------------------------------------


@dataclass(frozen=True)
class Setting:
    """What a dataclass field says of itself. key: its name in the file. shown: its default in the file's words."""

    kind: Kind[Any]
    says: str
    key: str
    shown: object


_REQUIRED: Final = object()


def setting(kind: Kind[Any], says: str, *, default: Any = _REQUIRED, shown: object = None, key: str = "") -> Any:
    """A dataclass field that is a setting of the file; without a default it has to be written.

    says: one sentence for the published schema. shown: the default in the file's words, for the schema.
    """
    metadata = {"setting": Setting(kind, says, key, shown)}
    if default is _REQUIRED:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def settings_of(section: type[Any]) -> dict[str, tuple[dataclasses.Field[Any], Setting]]:
    """A section's settings by their key in the file."""
    declared = [(field, cast(Setting, field.metadata["setting"])) for field in dataclasses.fields(section)]
    return {one.key or field.name: (field, one) for field, one in declared}


@dataclass(frozen=True)
class Section(Generic[T]):
    """A section with fixed keys, read into a dataclass. more: further JSON Schema about its keys together."""

    made: type[T]
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def read(self, node: Node, path: str, reading: Reading) -> T | Wrong:
        values = self.values(node, path, reading)
        if values is WRONG or not all(name in values for name in self._required().values()):
            return WRONG
        return self.made(**values)

    def values(self, node: Node, path: str, reading: Reading) -> dict[str, Any] | Wrong:
        """What can be read of the section, by the names of the dataclass; WRONG when it is no section at all."""
        if not isinstance(node, yaml.MappingNode):
            return _mismatch(node, path, reading, "a section of `key: value` lines")
        declared, written = settings_of(self.made), entries(node)
        for key in written:
            if key not in declared:
                _unknown(key, written[key], path, tuple(declared), reading)
        for key in self._required():
            if key not in written:
                at = reading.at(path) or position(node)
                advice = f"add `{key}:`. {declared[key][1].says}"
                reading.problems.append(Problem(join(path, key), f"{key} is missing", advice, at))
        found: dict[str, Any] = {}
        for key, (field, one) in declared.items():
            if key in written:
                here, (key_node, value_node) = join(path, key), written[key]
                _note(reading, here, key_node, value_node)
                value = one.kind.read(value_node, here, reading)
                if value is not WRONG:
                    found[field.name] = value
        return found

    def _required(self) -> dict[str, str]:
        """The dataclass's names of the settings that have to be written, by their key in the file."""
        declared = settings_of(self.made).items()
        return {key: field.name for key, (field, _) in declared if field.default is dataclasses.MISSING}

    def schema(self) -> JsonSchema:
        declared = settings_of(self.made)
        properties = {}
        for key, (_, one) in declared.items():
            shown = {} if one.shown is None else {"default": one.shown}
            properties[key] = {**one.kind.schema(), "description": one.says, **shown}
        required = list(self._required())
        return {
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
            "additionalProperties": False,
            **self.more,
        }


def _note(reading: Reading, path: str, key_node: Node, value_node: Node) -> None:
    """A value on one line is found at the value, a section or a list at its key."""
    reading.positions[path] = position(value_node if isinstance(value_node, yaml.ScalarNode) else key_node)


def _unknown(key: str, nodes: tuple[Node, Node], path: str, known: tuple[str, ...], reading: Reading) -> None:
    key_node, value_node = nodes
    if _holds_secret(key, value_node, set()):
        reading.wrong(
            key_node,
            join(path, key),
            f"{key} looks like a secret, and secrets are never in this file",
            "remove it, and set the environment variable instead: CONCORD_SALESFORCE_CLIENT_ID, "
            "CONCORD_SALESFORCE_CLIENT_SECRET, CONCORD_HUBSPOT_TOKEN, CONCORD_HUBSPOT_CLIENT_SECRET, "
            "CONCORD_DATABASE_URL, or one of the CONCORD_ALERT_ variables",
        )
        return
    where = f"under {path}" if path else "at the top of the file"
    reading.wrong(key_node, join(path, key), f"{quoted(key)} is not a setting {where}", did_you_mean(key, known))


def _holds_secret(key: str, node: Node, seen: set[int]) -> bool:
    if secret_key(key):
        return True
    if not isinstance(node, yaml.MappingNode) or id(node) in seen:
        return False
    seen.add(id(node))
    return any(_holds_secret(inner, value, seen) for inner, (_, value) in entries(node).items())
