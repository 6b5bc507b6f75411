"""The mapping against the two vendors' schemas: everything that would fail, or lose something, is named before the
first write (SPEC 2.3, 2.4).

Compares descriptions only: no record is read. A problem means that the sync may not start; a warning is worth knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from concord.config.build import writes
from concord.config.problems import Problem, did_you_mean, error, in_order
from concord.config.settings import Settings
from concord.config.words import label, rule_word, word
from concord.core.lifecycle import ANY
from concord.core.mapping import FieldPair, ObjectPair, Specs, SyncRule
from concord.core.model import Side
from concord.core.values import (
    MISSING,
    FieldSpec,
    FieldType,
    Nothing,
    ObjectSpec,
    Untranslatable,
    carriable,
    carry,
    loses,
)

_LISTED = frozenset({FieldType.PICKLIST, FieldType.MULTI_PICKLIST})


@dataclass(frozen=True)
class Finding:
    """One thing found, before its place in the file is looked up."""

    path: str
    text: str
    advice: str = ""
    fatal: bool = True


@dataclass(frozen=True)
class Findings:
    """What the schemas say. problems: the sync may not start. warnings: it may, and this is what will be lost or held.

    file: what the problems are in, for messages.
    """

    file: str
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    def refuse(self) -> None:
        """Raises ConfigError with every problem, when there is one."""
        if self.problems:
            raise error(self.file, self.problems)


def check_against(settings: Settings, left: Mapping[str, ObjectSpec], right: Mapping[str, ObjectSpec]) -> Findings:
    """Everything the schemas say about the mapping, by the vendors' object names; each with its place in the file."""
    found = [one for pair in settings.objects for one in _object_pair(pair, settings, left, right)]
    problems = [one for one in found if one.fatal]
    warnings = [one for one in found if not one.fatal]
    return Findings(settings.file, _placed(problems, settings), _placed(warnings, settings))


def _placed(found: Sequence[Finding], settings: Settings) -> tuple[Problem, ...]:
    return in_order(Problem(one.path, one.text, one.advice, settings.where(one.path)) for one in found)


def _object_pair(
    pair: ObjectPair, settings: Settings, left: Mapping[str, ObjectSpec], right: Mapping[str, ObjectSpec]
) -> Iterator[Finding]:
    right_spec = right.get(pair.right_object)
    if right_spec is None:
        yield _no_object(f"{pair.name}.hubspot", Side.RIGHT, pair.right_object, right)
        return
    yield from _keys_of_right(pair, right_spec)
    yield from _identity(pair, Side.RIGHT, right_spec)
    if pair.create_right:
        yield from _required(pair, Side.RIGHT, right_spec, pair.fields)
    for name in pair.left_objects:
        left_spec = left.get(name)
        if left_spec is None:
            yield _no_object(f"{pair.name}.salesforce", Side.LEFT, name, left)
            continue
        yield from _left_object(pair, left_spec, right_spec, settings)


def _left_object(pair: ObjectPair, left: ObjectSpec, right: ObjectSpec, settings: Settings) -> Iterator[Finding]:
    if pair.key_left:
        yield from _key(f"{pair.name}.keys.salesforce", Side.LEFT, pair.key_left, left)
    yield from _identity(pair, Side.LEFT, left)
    live = [one for one in pair.fields_of(left.name) if one.rule is not SyncRule.OFF]
    for one in live:
        yield from _field(f"{pair.name}.fields.{one.name}", one, left, right, settings)
    if pair.create_left == left.name:
        yield from _required(pair, Side.LEFT, left, pair.fields_of(left.name))


def _no_object(path: str, side: Side, name: str, known: Mapping[str, ObjectSpec]) -> Finding:
    text = f"{label(side)} has no object {name}, or does not show it to the integration user"
    return Finding(path, text, did_you_mean(name, known))


def _no_field(path: str, side: Side, name: str, spec: ObjectSpec) -> Finding:
    advice = "; ".join(
        part
        for part in (
            _near(name, spec),
            "if it exists, give the integration user the right to see it (field-level security)"
            if side is Side.LEFT
            else "if it exists, it may be archived",
        )
        if part
    )
    what = "field" if side is Side.LEFT else "property"
    return Finding(path, f"{label(side)}'s {spec.name} has no {what} {name}, or hides it", advice)


def _near(name: str, spec: ObjectSpec) -> str:
    found = did_you_mean(name, spec.fields)
    return found if found.startswith("did") else ""


# --- keys, identity, required fields ---------------------------------------------------------------------------------


def _keys_of_right(pair: ObjectPair, right: ObjectSpec) -> Iterator[Finding]:
    for one, name in pair.keys_right.items():
        yield from _key(f"{pair.name}.keys.hubspot.{one}", Side.RIGHT, name, right)


def _key(path: str, side: Side, name: str, spec: ObjectSpec) -> Iterator[Finding]:
    """A key has to be unique on its side, or a repeated create would make a second record."""
    field = spec.fields.get(name)
    if field is None:
        yield _no_field(path, side, name, spec)
        return
    if not field.unique:
        how = "an external id, unique" if side is Side.LEFT else "with unique values (this can only be set at creation)"
        text = f"{label(side)}'s {spec.name}.{name} is not unique, so it cannot keep a create from happening twice"
        yield Finding(path, text, f"make a text field that is {how}, and name it here")
    if not (field.creatable and field.updatable):
        text = f"{label(side)}'s {spec.name}.{name} cannot be written by the integration user"
        yield Finding(path, text, "give it the right to edit the field")


def _identity(pair: ObjectPair, side: Side, spec: ObjectSpec) -> Iterator[Finding]:
    path = f"{pair.name}.identity.{word(side)}" + (f".{spec.name}" if side is Side.LEFT else "")
    identity = pair.identity(side, spec.name)
    for one in fields(identity):
        name = getattr(identity, one.name)
        if name and name not in spec.fields:
            found = _no_field(f"{path}.{one.name}", side, name, spec)
            advice = "; ".join(
                part for part in (found.advice, f'or write `{one.name}: ""` here to match without') if part
            )
            yield Finding(found.path, found.text, advice)


def _required(pair: ObjectPair, side: Side, spec: ObjectSpec, pairs: Sequence[FieldPair]) -> Iterator[Finding]:
    """Every field without which that side makes no record has to come from somewhere (SPEC 2.2)."""
    key = {pair.key_left} if side is Side.LEFT else set(pair.keys_right.values())
    for name, field in spec.fields.items():
        if not field.required or name in key:
            continue
        mapped = [one for one in pairs if one.api_name(side) == name and one.rule is not SyncRule.OFF]
        what = f"{label(side)} makes no {spec.name} without {name}"
        if not mapped:
            advice = f"map {name} under {pair.name}.fields, with a default; or write `create: {{{word(side)}: false}}`"
            yield Finding(f"{pair.name}.create.{word(side)}", f"{what}, and it is not mapped", advice)
            continue
        one = mapped[0]
        if one.default(side) is not MISSING:
            continue
        path = f"{pair.name}.fields.{one.name}"
        advice = f"add `default: {{{word(side)}: ...}}`"
        if writes(one.rule, side):
            text = f"{what}: a {label(side.other)} record whose {one.api_name(side.other)} is blank will wait"
            yield Finding(path, text, advice, fatal=False)
        else:
            yield Finding(f"{path}.rule", f"{what}, and rule {rule_word(one.rule)} never writes it", advice)


# --- one field -------------------------------------------------------------------------------------------------------


def _field(path: str, pair: FieldPair, left: ObjectSpec, right: ObjectSpec, settings: Settings) -> Iterator[Finding]:
    found = {Side.LEFT: left.fields.get(pair.left), Side.RIGHT: right.fields.get(pair.right)}
    objects = {Side.LEFT: left, Side.RIGHT: right}
    for side, one in found.items():
        if one is None:
            yield _no_field(f"{path}.{word(side)}", side, pair.api_name(side), objects[side])
    left_field, right_field = found[Side.LEFT], found[Side.RIGHT]
    if left_field is None or right_field is None:
        return
    specs = Specs(left_field, right_field)
    for side in Side:
        if writes(pair.rule, side):
            yield from _direction(path, pair, specs, side, objects[side])
        yield from _default(path, pair, specs.of(side), side)
    yield from _rule(path, pair, specs)
    yield from _mapped_options(path, pair, specs)
    yield from _reference(path, specs, settings)


def _direction(path: str, pair: FieldPair, specs: Specs, side: Side, written: ObjectSpec) -> Iterator[Finding]:
    """Everything that speaks against writing that side."""
    source, target = specs.of(side.other), specs.of(side)
    reading_only = "always_salesforce" if side is Side.LEFT else "always_hubspot"  # the rule that never writes `side`
    if not target.updatable:
        how = "can only be set when a record is made" if target.creatable else "cannot be written"
        text = f"{label(side)}'s {written.name}.{target.name} {how}, and rule {rule_word(pair.rule)} would write it"
        advice = f"write `rule: {reading_only}`, or give the integration user the right to edit it"
        yield Finding(f"{path}.{word(side)}", text, advice)
        return
    if not carriable(source.type, target.type):
        text = (
            f"{label(side.other)}'s {source.name} ({_type(source)}) cannot be carried to {label(side)}'s "
            f"{target.name} ({_type(target)})"
        )
        back = f", or write `rule: {reading_only}`" if carriable(target.type, source.type) else ""
        yield Finding(path, text, f"map it to a field of a matching type{back}")
        return
    lost = loses(source, target)
    if lost is not None:
        yield Finding(path, lost, fatal=False)
    if target.type in _LISTED and target.options:
        yield from _unmapped_options(path, pair, specs, side)


def _type(spec: FieldSpec) -> str:
    return spec.type.value.replace("_", " ")


def _default(path: str, pair: FieldPair, spec: FieldSpec, side: Side) -> Iterator[Finding]:
    value = pair.default(side)
    if isinstance(value, Nothing):
        return
    as_written = FieldSpec("the default", _type_of(value))
    carried = carry(value, as_written, spec)
    here = f"{path}.default.{word(side)}"
    if isinstance(carried, Untranslatable):
        yield Finding(here, carried.problem, carried.advice)
    elif carried != value or isinstance(carried, bool) is not isinstance(value, bool):
        wanted = {FieldType.CHECKBOX: "true or false"}.get(spec.type, f"a {_type(spec)}")
        text = f"{label(side)}'s {spec.name} holds {wanted}, and its default is of another kind"
        yield Finding(here, text, f"write {wanted}, without quotes")


def _type_of(value: object) -> FieldType:
    if isinstance(value, bool):
        return FieldType.CHECKBOX
    return FieldType.TEXT if isinstance(value, str) else FieldType.NUMBER


def _rule(path: str, pair: FieldPair, specs: Specs) -> Iterator[Finding]:
    """Rules that only some types can have."""
    if pair.rule is SyncRule.MOST_RESTRICTIVE:
        for side in Side:
            if specs.of(side).type is not FieldType.CHECKBOX:
                text = (
                    f"rule most_restrictive is for checkboxes that say 'do not', and {label(side)}'s "
                    f"{specs.of(side).name} is a {_type(specs.of(side))}"
                )
                yield Finding(f"{path}.rule", text, "choose another rule, or another field")
    if pair.rule is SyncRule.FORWARD_ONLY and specs.right.options:
        yield from _stages(path, pair, specs.right)


def _stages(path: str, pair: FieldPair, spec: FieldSpec) -> Iterator[Finding]:
    known = [option.value for option in spec.options]
    in_exceptions = {stage for move in pair.exceptions for stage in move} - {ANY}
    for key, named in (("stages", pair.stages), ("exceptions", sorted(in_exceptions))):
        for stage in named:
            if stage not in known:
                text = f'"{stage}" is not an option of HubSpot\'s {spec.name}'
                yield Finding(f"{path}.{key}", text, did_you_mean(stage, known))
    placeless = [one for one in known if one not in pair.stages and one not in in_exceptions]
    if placeless:
        text = (
            f"{_listed(placeless)} of HubSpot's {spec.name} have no place in the order, so they are never carried over"
        )
        yield Finding(f"{path}.stages", text, "add them to `stages`, or name the moves under `exceptions`", fatal=False)


# --- options and references ------------------------------------------------------------------------------------------


def _mapped_options(path: str, pair: FieldPair, specs: Specs) -> Iterator[Finding]:
    """Options that the file names and a side does not have."""
    for left, right in pair.options:
        for side, option in ((Side.LEFT, left), (Side.RIGHT, right)):
            spec = specs.of(side)
            found = {one.value: one for one in spec.options}
            if not found:
                continue
            if option not in found:
                text = f'"{option}" is not an option of {label(side)}\'s {spec.name}'
                yield Finding(f"{path}.options.{left}", text, did_you_mean(option, found))
            elif not found[option].active:
                text = f'"{option}" is an inactive option of {label(side)}\'s {spec.name}: it can be read, not written'
                yield Finding(f"{path}.options.{left}", text, "activate it, or map another", fatal=False)


def _unmapped_options(path: str, pair: FieldPair, specs: Specs, side: Side) -> Iterator[Finding]:
    """Options of the other side that would become nothing on this one: such a value waits, and names both lists."""
    source, target = specs.of(side.other), specs.of(side)
    mapped = {pair_of[0 if side is Side.RIGHT else 1] for pair_of in pair.options}
    there = [one.value for one in target.options if one.active]
    lost = [one.value for one in source.options if one.value not in mapped and one.value not in there]
    if lost:
        text = (
            f"{label(side.other)}'s {source.name} has {_listed(lost)}, which {label(side)}'s {target.name} has not "
            f"({label(side)} has {_listed(there)}): a record with such a value waits for this field"
        )
        advice = "map them under `options`"
        yield Finding(f"{path}.options" if pair.options else path, text, advice, fatal=False)


def _listed(options: Sequence[str]) -> str:
    shown = ", ".join(f'"{one}"' for one in options[:12])
    return shown if len(options) <= 12 else f"{shown} and {len(options) - 12} more"


def _reference(path: str, specs: Specs, settings: Settings) -> Iterator[Finding]:
    """A reference needs its target's partner, so the two objects it points to have to be a pair themselves."""
    if specs.left.type is not FieldType.REFERENCE or specs.right.type is not FieldType.REFERENCE:
        return
    for pair in settings.objects:
        if pair.right_object in specs.right.references and set(pair.left_objects) & set(specs.left.references):
            return
    text = (
        f"{specs.left.name} points to {_listed(specs.left.references)} and {specs.right.name} to "
        f"{_listed(specs.right.references)}, which do not sync with each other: it can never be carried over"
    )
    yield Finding(path, text, "let those objects sync, or write `rule: off`", fatal=False)
