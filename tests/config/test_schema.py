"""The published JSON Schema and the checker are two readings of one declaration and may not disagree."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from importlib import resources
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from concord import config
from concord.config.kinds import Reading, Section
from concord.config.sections import File
from concord.config.source import parse

DEFAULT: dict[str, Any] = yaml.safe_load(config.starting_text())
VALIDATOR = jsonschema.Draft202012Validator(config.schema())

#: What may stand where something else should.
WRONG: list[Any] = [None, True, False, 0, 1, -3, 0.5, 120, 5.5, "", "x", "x y", "5m", "0s", "off", "latest"]
WRONG += [
    "salesforce",
    "127.0.0.1:1",
    "https://a.b",
    "http://a.b",
    "v66.0",
    "2026-09",
    [],
    ["x"],
    ["x", "x"],
    ["x", "y"],
]
WRONG += [{}, {"x": "y"}, {"salesforce": "A", "hubspot": "b"}, {"from": "any", "to": "x"}, [{"from": 1, "to": "x"}]]


def _paths(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from _paths(value, (*path, key))


PATHS = [path for path in _paths(DEFAULT) if path]


def _shape_is_right(document: Any) -> bool:
    """The checker's word on the shape alone, without what several settings must be together."""
    source, reading = parse(yaml.safe_dump(document, allow_unicode=True)), Reading()
    assert source.root is not None
    Section(File).read(source.root, "", reading)
    return not reading.problems


def test_the_packaged_schema_is_the_one_that_the_declarations_make() -> None:
    packaged = resources.files("concord.config").joinpath("concord.schema.json").read_text(encoding="utf-8")
    assert packaged == config.schema_text(), (
        "write it anew: concord config schema > src/concord/config/concord.schema.json"
    )


def test_the_schema_is_a_schema_and_accepts_the_starting_configuration() -> None:
    jsonschema.Draft202012Validator.check_schema(config.schema())
    VALIDATOR.validate(DEFAULT)


def test_every_setting_has_a_description() -> None:
    def check(node: Any) -> Iterator[str]:
        if isinstance(node, dict):
            for name, inner in node.get("properties", {}).items():
                if isinstance(inner, dict) and "const" not in inner and "description" not in inner:
                    yield name
            for inner in node.values():
                yield from check(inner)
        elif isinstance(node, list):
            for inner in node:
                yield from check(inner)

    assert list(check(config.schema())) == []


@given(st.sampled_from(PATHS), st.sampled_from(WRONG))
def test_schema_and_checker_agree_on_a_changed_value(path: tuple[Any, ...], value: Any) -> None:
    document = copy.deepcopy(DEFAULT)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    # The schema knows that stages belong to forward_only; the checker says so when it sees the whole field.
    if path[:2] == ("people", "fields") and path[-1] in ("rule", "lifecycle_stage"):
        return
    assert VALIDATOR.is_valid(document) == _shape_is_right(document)


@given(st.sampled_from(PATHS), st.sampled_from(["zzz", "token", "owner", "salesforce", "X__c"]), st.sampled_from(WRONG))
def test_schema_and_checker_agree_on_an_added_key(path: tuple[Any, ...], key: str, value: Any) -> None:
    document = copy.deepcopy(DEFAULT)
    target = document
    for step in path:
        target = target[step]
    if not isinstance(target, dict) or key in target:
        return
    target[key] = value
    assert VALIDATOR.is_valid(document) == _shape_is_right(document)


@given(st.sampled_from(PATHS))
def test_schema_and_checker_agree_on_a_removed_key(path: tuple[Any, ...]) -> None:
    document = copy.deepcopy(DEFAULT)
    parent = document
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    whole = config.read_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "x")
    if path[-1] in ("stages", "rule"):
        assert not VALIDATOR.is_valid(document) or not whole.problems
    elif not VALIDATOR.is_valid(document):
        assert whole.problems


@pytest.mark.parametrize(
    "change",
    [{"rule": "forward_only"}, {"stages": ["a", "b"]}, {"exceptions": [{"from": "a", "to": "b"}]}],
)
def test_the_schema_knows_that_stages_belong_to_forward_only(change: dict[str, Any]) -> None:
    document = copy.deepcopy(DEFAULT)
    document["people"]["fields"]["phone"].update(change)
    assert not VALIDATOR.is_valid(document)
    assert config.read_text(yaml.safe_dump(document, sort_keys=False), "x").problems
