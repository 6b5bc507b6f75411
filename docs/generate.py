"""Writes the parts of docs/ that are made from the program itself: `make docs`. A house test holds them up to date."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from typer.main import get_command

from concord.cli.main import application
from concord.config import schema

HERE = Path(__file__).parent


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


DOCUMENTS = {"commands.md": commands, "configuration.md": settings}


def main() -> None:
    for name, made in DOCUMENTS.items():
        (HERE / name).write_text(made(), encoding="utf-8")


if __name__ == "__main__":
    main()
