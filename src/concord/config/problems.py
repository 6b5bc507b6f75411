"""What is wrong with a configuration, where, and what would be right; and how that is shown.

Collects and formats only; the judgements are made where the settings are declared. Never shows a value that looks like
a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from concord.errors import ConfigError


@dataclass(frozen=True, order=True)
class Position:
    """A place in a text file; both count from 1, the column in characters."""

    line: int
    column: int


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (or, as a warning, worth knowing).

    path: the setting, as `people.fields.phone.owner`; "" for the whole file. text: what is wrong. advice: what would be
    right. at: where in the file; None where there is no such place.
    """

    path: str
    text: str
    advice: str = ""
    at: Position | None = None

    def show(self, file: str) -> str:
        """The problem as two or three lines: `file:line:column  path`, what is wrong, what would be right."""
        place = f"{file}:{self.at.line}:{self.at.column}" if self.at else file
        lines = [f"{place}  {self.path}".rstrip(), f"    {self.text}"]
        return "\n".join([*lines, f"    {self.advice}"] if self.advice else lines)

    def as_json(self, file: str) -> dict[str, object]:
        """The problem for a machine; the keys are always there."""
        return {
            "file": file,
            "line": self.at.line if self.at else None,
            "column": self.at.column if self.at else None,
            "path": self.path,
            "problem": self.text,
            "advice": self.advice,
        }


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems by their place in the file, each once; those without a place come first."""
    return tuple(sorted(dict.fromkeys(problems), key=lambda one: one.at or Position(0, 0)))


def error(file: str, problems: Sequence[Problem]) -> ConfigError:
    """The error that says all of them at once."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return ConfigError("\n\n".join([f"{file} cannot be used: {count}", *(one.show(file) for one in problems)]))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` was probably meant to be, if one is near. Case does not count."""
    by_lower = {one.lower(): one for one in known}
    near = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """ "did you mean x?" or, where nothing is near, all the words there are."""
    words = list(known)
    near = nearest(word, words)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"known here: {', '.join(words)}" if words else ""


_SECRET_KEY: Final = re.compile(
    r"secret|token|passw|credential|api_?key|access_?key|private_?key|client_?id|database_?url|\bdsn\b|\bauth", re.I
)
_SECRET_VALUE: Final = re.compile(r"^pat-\w+-|^00D\w{12,}!|^eyJ|://[^/\s]*:[^/\s]*@|^(?=.*\d)[A-Za-z0-9_.+=-]{32,}$")


def secret_key(key: str) -> bool:
    """Whether a key's name says that its value is a secret (SPEC 10.8: secrets never in the file)."""
    return _SECRET_KEY.search(key) is not None


def quoted(text: str) -> str:
    """A value as a message may show it: short, and not at all when it looks like a secret."""
    if _SECRET_VALUE.search(text):
        return "a value (not shown: it looks like a secret)"
    return f'"{text}"' if len(text) <= 60 else f'"{text[:57]}..."'
