"""Writes the parts of docs/ that are made from the program itself: `make docs`. A house test holds them up to date."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.main import get_command

from concord.cli.main import application
from concord.config import schema
from concord.core.refusal import HELD_BACK
from concord.systems.hubspot import errors as hubspot
from concord.systems.salesforce import errors as salesforce
from concord_sandbox.control import VERBS
from concord_sandbox.faults import FIELDS, KINDS
from concord_sandbox.operations import Operation
from concord_sandbox.server import build
from concord_sandbox.surface import differences, operations
from concord_sandbox.verbs import Verb

HERE = Path(__file__).parent
#: Which test drove which operations with which client (tests/sandbox/conftest.py).
CHECKED = HERE.parent / "tests" / "sandbox" / "checked.json"


def commands() -> str:
    """Every command with its help, as a document."""
    root = get_command(application())
    lines = [
        "# Commands",
        "",
        "Made by `make docs` from the commands' own help; `concord COMMAND --help` says the same.",
        "",
    ]
    for name, command in _all(root, "concord"):
        options = [_option(one) for one in command.params if one.param_type_name == "option"]
        lines += [f"## `{name}`", "", _paragraphs(command.help or ""), ""]
        lines += [*options, ""] if options else []
        examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("concord ")]
        if examples:
            lines += ["```sh", *examples, "```", ""]
    return "\n".join(lines).rstrip() + "\n"


def _all(group: Any, name: str) -> Iterator[tuple[str, Any]]:
    found: Mapping[str, Any] = getattr(group, "commands", {})
    for word, command in found.items():
        if getattr(command, "commands", None):
            yield from _all(command, f"{name} {word}")
        else:
            yield f"{name} {word}", command


def _option(option: Any) -> str:
    names = ", ".join(f"`{one}`" for one in option.opts)
    return f"- {names}: {option.help}"


def _paragraphs(text: str) -> str:
    return "\n\n".join(" ".join(one.split()) for one in text.split("\n\n"))


def settings() -> str:
    """Every setting of concord.yaml, as a document."""
    whole = schema()
    lines = [
        "# concord.yaml",
        "",
        "Made by `make docs` from the declarations that the checker reads; `concord config schema` prints the same.",
        "How the words act is in [rules.md](rules.md).",
        "",
        "| setting | what it is |",
        "|---|---|",
    ]
    lines += [f"| `{path}` | {_cell(text)} |" for path, text in _settings(whole, whole, "")]
    return "\n".join(lines) + "\n"


def _settings(whole: Mapping[str, Any], node: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    node = _resolved(whole, node)
    for name, one in node.get("properties", {}).items():
        here, meant = f"{path}{name}", _resolved(whole, one)
        text = one.get("description") or meant.get("description") or ""
        if "enum" in meant:
            text += f" One of {', '.join(f'`{value}`' for value in meant['enum'])}."
        if "default" in one and one["default"] is not None:
            text += f" Default: `{one['default']}`."
        yield here, text
        yield from _settings(whole, meant, f"{here}.")
    more = node.get("additionalProperties")
    if isinstance(more, Mapping):
        yield from _settings(whole, more, f"{path}NAME.")


def _resolved(whole: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in node:
        target: Any = whole
        for part in str(node["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        node = target
    return node


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def coverage() -> str:
    """What the sandboxes emulate, who checked it, and what is known to differ, as a document."""
    every = operations()
    clients = _clients()
    emulated = [one for one in every if one.emulated]
    checked = [one for one in emulated if _key(one) in clients]
    names = sorted({name for found in clients.values() for name in found})
    lines = [
        "# What the sandboxes emulate",
        "",
        "Made by `make docs` from the tables of paths that the sandboxes answer by, and from",
        "`tests/sandbox/checked.json`, which holds every test with a foreign client to the operations that it really",
        "drove (and that were answered as done). A foreign client is one that we did not write, unmodified. A call to",
        "what is not emulated is answered in the vendor's own error format, and says so.",
        "",
        f"{len(emulated)} operations are emulated; {len(checked)} of them are driven by {', '.join(names)}; the others",
        "by our own tests only.",
        "",
    ]
    for service in dict.fromkeys(one.service for one in every):
        lines += [f"## {service}", "", "| operation | foreign clients |", "|---|---|"]
        mine = [one for one in emulated if one.service == service]
        for group in dict.fromkeys(one.group for one in mine):
            lines.append(f"| **{group}** | |")
            lines += [
                f"| `{one.name}`{': ' + one.remark if one.remark else ''} | {', '.join(clients.get(_key(one), []))} |"
                for one in mine
                if one.group == group
            ]
        absent = [one for one in every if one.service == service and not one.emulated]
        lines += ["", f"### Not emulated of {service}", "", "| part | paths | |", "|---|---|---|"]
        lines += [f"| {one.group} | `{one.path}` | {one.remark} |" for one in absent]
        lines += ["", f"### Known to differ from {service}", ""]
        lines += [f"- {_cell(words)}" for words in differences(service)]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _key(one: Operation) -> str:
    return f"{one.service} {one.name}"


def _clients() -> dict[str, list[str]]:
    """The clients that drove each operation."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in json.loads(CHECKED.read_text("utf-8")).values():
        for name in one["operations"]:
            found[name].add(one["client"])
    return {name: sorted(clients) for name, clients in found.items()}


_TITLES = {"salesforce": "Salesforce", "hubspot": "HubSpot", "notion": "Notion"}


def control() -> str:
    """Every control verb of the sandboxes, and the kinds and fields of faults, as a document."""
    lines = [
        "# The control API of the sandboxes",
        "",
        "Made by `make docs` from the tables that the sandboxes answer by; `GET /_control/` of a service gives its",
        "own. [sandbox.md](sandbox.md) is the guide. Bodies and answers are JSON; `?` marks what may be left out, and",
        'a call that cannot be carried out is answered 400 with `{"error": words}`. No token is needed.',
        "",
        "## Every service",
        "",
        *_verbs(VERBS),
        "## Faults",
        "",
        "Of several faults that a call meets, the first counts; what is `slow` is so beside it. In parentheses: what",
        "holds when a field is left out. Notion sends no events, so that faults of events hit nothing there.",
        "",
        "| kind | what happens |",
        "|---|---|",
        *(f"| `{kind}` | {_cell(words)} |" for kind, words in KINDS.items()),
        "",
        "| field | |",
        "|---|---|",
        *(f"| `{name}` | {_cell(words)} |" for name, words in FIELDS.items()),
        "",
    ]
    for name, app in build({}).items():
        own = app.service.control_verbs()
        lines += [f"## {_TITLES[name]}", ""]
        for part in dict.fromkeys(one.of for one in own):
            if part:
                lines += [f"### {_TITLES[name]}: `{part}`", ""]
            lines += _verbs([one for one in own if one.of == part])
    return "\n".join(lines).rstrip() + "\n"


def _verbs(verbs: Iterable[Verb]) -> list[str]:
    rows = [f"| `{one.method}` | `/_control/{one.path}` | {_cell(one.words)} |" for one in verbs]
    return ["| | path | what it takes, does and answers |", "|---|---|---|", *rows, ""]


def failures() -> str:
    """Every code of both vendors that Concord knows: what kind of failure it is, what happens, what to do."""
    lines = [
        "# What failed, and what to do",
        "",
        "Made by `make docs` from the tables that the program reads (`systems/salesforce/errors.py`,",
        "`systems/hubspot/errors.py`). `concord errors` shows what failed by cause, with the code; look it up here.",
        "",
        "- **waits**: the record waits for a person: `concord errors` shows it with its value and the vendor's words.",
        "  Where the vendor names a field, that one field waits and the rest of the record is written. When the cause",
        "  is gone: `concord retry --cause NUMBER`. An edit of the record tries it again too.",
        "- **again**: it passes, and is tried again with growing pauses, never sooner than the vendor asks for: twelve",
        "  times, in some twenty minutes; then it waits. What meets a whole call or a limit is no record's fault: that",
        "  is waited out, for days if need be.",
        "- **anew**: the record changed meanwhile, so it is read and decided anew.",
        "",
        "A value that fits nowhere on the other side (an option that is not mapped, a text that is too long) is found",
        f"before any call is made: code `{HELD_BACK}`. That one field waits, and both lists of options are named.",
        "",
        "A code that is in neither table is `internal`, waits at once, and keeps the vendor's own words.",
        "",
        "## Salesforce",
        "",
        "| code | kind | | what to do |",
        "|---|---|---|---|",
    ]
    for meaning in salesforce.TABLE:
        codes = "<br>".join(f"`{code}`" for code in meaning.codes.split())
        what = "anew" if meaning.moved else "again" if meaning.transient else "waits"
        lines.append(f"| {codes} | {meaning.category.value} | {what} | {_cell(meaning.advice)} |")
    lines += [
        f"| `REQUEST_LIMIT_EXCEEDED`, where the message begins with Concurrent | {salesforce.TOGETHER.category.value}"
        f" | again | {salesforce.TOGETHER.advice} |",
        f"| any other | {salesforce.UNKNOWN.category.value} | waits | {salesforce.UNKNOWN.advice} |",
        "",
        "Change events (the Pub/Sub API) have codes of their own. `again` reconnects; `waits` ends the feed, and",
        "Salesforce is asked at intervals instead.",
        "",
        "| code | kind | | what to do |",
        "|---|---|---|---|",
    ]
    for code, (kind, meaning) in salesforce.EVENT_TABLE.items():
        what = "again" if kind.retry else "waits"
        lines.append(f"| `{code}` | {meaning.category.value} | {what} | {_cell(meaning.advice)} |")
    lines += [
        "",
        "## HubSpot",
        "",
        "The first row that fits counts. `*` stands for anything.",
        "",
        "| HTTP | category | code | kind | | what to do |",
        "|---|---|---|---|---|---|",
    ]
    rows = [
        *hubspot.TABLE,
        ("5..", "*", "*", hubspot.OUTAGE),
        ("any other", "*", "*", hubspot.UNHEARD),
    ]
    for status, category, code, told in rows:
        what = "again" if told.busy or told.unknown else "waits"
        where = f"{status or '*'} | `{category}` | `{code}`"
        lines.append(f"| {where} | {told.category.value} | {what} | {_cell(told.advice)} |")
    return "\n".join(lines) + "\n"


DOCUMENTS = {
    "commands.md": commands,
    "configuration.md": settings,
    "failures.md": failures,
    "sandbox_control.md": control,
    "../COVERAGE.md": coverage,
}


def main() -> None:
    for name, made in DOCUMENTS.items():
        (HERE / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
