"""CSV as Bulk API 2.0 reads and writes it: delimiters, line endings, and what a text means for each type of field.

Knows no job and no record; raises BadContent for a text that is no such CSV, Refusal for a value of the wrong type.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

from concord_sandbox.salesforce.errors import Fail, Refusal
from concord_sandbox.salesforce.schema import NUMBER_TYPES, Field

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
#: What a cell says to make a field null; an empty cell leaves it as it is (api/salesforce.md section 8).
NULL = "#N/A"
_TRUE = frozenset(("true", "t", "yes", "y", "on", "1"))
_FALSE = frozenset(("false", "f", "no", "n", "off", "0"))
_BOM = "\ufeff"
#: The longest cell that Salesforce takes, in characters.
_LONGEST_CELL = 131_072


class BadContent(Exception):
    """Content that fails a whole job; the text is the job's errorMessage."""


def read(text: str, delimiter: str, line_ending: str) -> tuple[list[str], list[list[str]]]:
    """Header and rows of an upload; blank lines are skipped. delimiter, line_ending: by their names in a job.

    Raises BadContent.
    """
    text = text.removeprefix(_BOM)
    first = text.partition("\n")[0]
    if "\n" in text and first.endswith("\r") != (line_ending == "CRLF"):
        words = f"LineEnding is invalid on user data. Current LineEnding setting is {line_ending}"
        raise BadContent(f"ClientInputError : {words}")
    if "\0" in text:
        raise BadContent("InvalidBatch : Failed to parse CSV: the content has a null character")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=DELIMITERS[delimiter], strict=True)
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise BadContent(f"InvalidBatch : Failed to parse CSV: {error}") from None
    if not lines:
        raise BadContent("InvalidBatch : Failed to parse CSV header: the content is empty")
    header = [name.strip() for name in lines[0]]
    for number, line in enumerate(lines[1:], 1):
        if len(line) != len(header):
            words = f"Record number {number} has {len(line)} fields, the header has {len(header)}"
            raise BadContent(f"InvalidBatch : Failed to parse CSV: {words}")
        if max(map(len, line)) >= _LONGEST_CELL:
            raise BadContent(f"InvalidBatch : Record number {number} has a field of {_LONGEST_CELL} characters or more")
    return header, lines[1:]


def written(lines: Iterable[Sequence[str]], delimiter: str, line_ending: str) -> bytes:
    """Lines as CSV with every cell in quotes."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=DELIMITERS[delimiter], lineterminator=LINE_ENDINGS[line_ending], quoting=csv.QUOTE_ALL
    )
    writer.writerows(lines)
    return text.getvalue().encode("utf-8", "replace")


def shown(value: Any) -> str:
    """A stored value as a cell: null is empty, a number has no needless digits, a compound is its JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def meant(field: Field, cell: str) -> Any:
    """What a cell (neither empty nor #N/A) means for that field, as JSON would carry it. Raises Refusal."""
    text = cell.strip()
    if field.type == "boolean":
        word = text.lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
        raise _wrong(field, cell)
    if field.type in NUMBER_TYPES:
        try:
            number = float(text)
        except ValueError:
            raise _wrong(field, cell) from None
        if number != number or number in (float("inf"), float("-inf")) or "_" in text:
            raise _wrong(field, cell)
        return int(number) if field.type == "int" and number.is_integer() else number
    return cell


def _wrong(field: Field, cell: str) -> Refusal:
    words = f"{field.label}: value not of required type: {cell}"
    return Refusal(400, Fail("INVALID_TYPE_ON_FIELD_IN_RECORD", words, (field.name,)))
