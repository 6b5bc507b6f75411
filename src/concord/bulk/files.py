"""CSV files of people, as any system exports them: their columns, their encoding, and where they are broken.

Reads whole files or refuses them with the line; writes all results or none. Decides nothing about people.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from concord.bulk.people import COLUMNS, Flags, Rows
from concord.errors import ConfigError

#: More columns than this are no table of people.
_MOST_COLUMNS: Final = 5_000
_CHUNK: Final = 1 << 23
_SEPARATORS: Final = (",", ";", "\t", "|")
_SHOWN: Final = {"\t": "tab"}
_QUOTE: Final = ord('"')
_END: Final = ord("\n")
_RETURN: Final = ord("\r")
_NOTHING: Final = "Nothing was written"

#: The usual names of columns (letters and digits only, lower case), the likeliest first: Salesforce's and HubSpot's own
#: exports, and plain ones in a few languages.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        "id", "recordid", "recordidcontact", "contactid", "leadid", "casesafeid", "18digitid", "externalid", "personid",
        "uid", "nr", "key",
    ),
    "first_name": ("firstname", "first", "givenname", "forename", "vorname", "prenom", "nombre", "nome"),
    "last_name": (
        "lastname", "last", "surname", "familyname", "nachname", "zuname", "nomdefamille", "apellido", "apellidos",
        "cognome", "fullname", "name", "contactname",
    ),
    "email": ("email", "emailaddress", "primaryemail", "workemail", "mail", "emailadresse", "courriel", "correo"),
    "additional_emails": ("additionalemails", "additionalemailaddresses", "hsadditionalemails", "otheremail", "email2"),
    "company": (
        "company", "companyname", "accountname", "account", "companyaccount", "associatedcompany",
        "associatedcompanyprimary", "primarycompany", "organization", "organisation", "employer", "firma",
        "unternehmen", "societe", "empresa", "azienda",
    ),
    "website": (
        "website", "websiteurl", "companydomainname", "domain", "companywebsite", "url", "homepage", "webseite",
    ),
    "phone": ("phone", "phonenumber", "businessphone", "telephone", "workphone", "tel", "telefon", "telefono"),
    "mobile": (
        "mobile", "mobilephone", "mobilephonenumber", "cell", "cellphone", "mobil", "handy", "movil", "cellulare",
    ),
    "title": ("title", "jobtitle", "position", "role", "funktion", "titre", "cargo"),
    "modified_at": (
        "modifiedat", "lastmodifieddate", "lastmodified", "updatedat", "systemmodstamp", "lastmodifieddateutc",
    ),
    "other_id": (
        "otherid", "salesforcecontactid", "salesforceleadid", "salesforceid", "hubspotcontactid", "hubspotid",
        "hubspotrecordid",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Book:
    """A file as read. table: by the names of COLUMNS, texts, nulls where there is nothing. columns: which column of the
    file each is. encoding, separator: as found."""

    path: Path
    table: pl.DataFrame
    columns: Mapping[str, str]
    encoding: str
    separator: str


@dataclass(frozen=True)
class Source:
    """What a file turned out to be: see `Book`. records: how many there are in it."""

    path: Path
    records: int
    columns: Mapping[str, str]
    encoding: str
    separator: str

    @classmethod
    def of(cls, book: Book) -> Source:
        """The book without its table."""
        return cls(book.path, len(book.table), book.columns, book.encoding, _SHOWN.get(book.separator, book.separator))


def read(path: Path, named: Mapping[str, str] | None = None) -> Book:
    """A CSV file of people. named: columns of the file, by ours, where they are not to be recognised. Raises
    ConfigError with the line for what is no such file; then nothing was taken from it."""
    text, encoding = _utf8(path, _bytes(path))
    header, separator = _header(path, text)
    _check(path, text, separator, len(header))
    columns = _columns(path, header, named or {})
    places = sorted({header.index(one) for one in columns.values()})
    try:
        table = pl.read_csv(text, separator=separator, infer_schema=False, has_header=False, columns=places)
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}. {_NOTHING}") from None
    table = table.slice(1)
    table = table.select(table.to_series(places.index(header.index(name))).alias(one) for one, name in columns.items())
    table = table.filter(~pl.all_horizontal(pl.all().is_null()))
    table = _identified(path, text, separator, table, header.index(columns["id"]))
    return Book(path, table, columns, encoding, separator)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. {_NOTHING}") from None
    if not data.strip():
        raise ConfigError(f"{path} is empty: it needs a line with the names of the columns. {_NOTHING}")
    if data[:4] in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        raise ConfigError(f"{path} is a workbook, not a CSV file: save it as CSV (UTF-8) first. {_NOTHING}")
    return data


def _utf8(path: Path, data: bytes) -> tuple[bytes, str]:
    """The text as UTF-8 with line feeds, and what it was."""
    text, encoding = _decoded(path, data)
    if b"\n" not in text and b"\r" in text:  # as on old Macs
        text = text.replace(b"\r", b"\n")
    return text, encoding


def _decoded(path: Path, data: bytes) -> tuple[bytes, str]:
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(name).encode(), name.removesuffix("-sig")
            except UnicodeError:
                raise ConfigError(f"{path} begins as {name} and is not that. {_NOTHING}") from None
    if b"\0" in data:
        raise ConfigError(f"{path} is no text: there are zero bytes in it. Save it as CSV (UTF-8). {_NOTHING}")
    try:
        data.decode()
    except UnicodeError:
        # Not UTF-8: what spreadsheets on Windows write. Every byte means something there, or next to nothing is lost.
        return data.decode("cp1252", errors="replace").encode(), "cp1252"
    return data, "utf-8"


def _header(path: Path, text: bytes) -> tuple[list[str], str]:
    end = text.find(b"\n")
    line = text[: end if end >= 0 else len(text)].decode().rstrip("\r")
    outside = re.sub(r'"[^"]*"', "", line)
    separator = max(_SEPARATORS, key=outside.count)
    if outside.count(separator) >= _MOST_COLUMNS:
        raise ConfigError(f"{path}, line 1: more than {_MOST_COLUMNS} columns. {_NOTHING}")
    try:
        found = next(csv.reader([line], delimiter=separator), [])
    except csv.Error as error:
        raise ConfigError(f"{path}, line 1: the names of the columns cannot be read ({error}). {_NOTHING}") from None
    return [one.strip() for one in found], separator


@dataclass
class _Scan:
    """How far a file has been looked at. inside: a quoted field. fields, size: separators and bytes of the record that
    is not at its end. line: the line in which the next part begins; begun: that in which its record begins."""

    path: Path
    text: npt.NDArray[np.uint8]
    mark: int
    width: int
    inside: bool = False
    fields: int = 0
    size: int = 0
    line: int = 1
    begun: int = 1

    def part(self, at: int) -> None:
        """Look at the part that begins there. Raises ConfigError for the first record that is broken."""
        part = self.text[at : at + _CHUNK]
        quote, end = part == _QUOTE, part == _END
        newlines, ends, seps = np.flatnonzero(end), np.flatnonzero(end), np.flatnonzero(part == self.mark)
        odd = len(part)
        if self.inside or quote.any():
            within = np.bitwise_xor.accumulate(quote.astype(np.uint8)).astype(np.bool_) ^ self.inside
            odd = self._odd(at, np.flatnonzero(quote), within, odd)
            self.inside = bool(within[-1])
            ends, seps = ends[~within[ends]], seps[~within[seps]]
        until = np.searchsorted(seps, ends)
        counts = np.diff(np.r_[0, until])
        counts[:1] += self.fields
        blank = np.diff(np.r_[-1 - self.size, ends]) <= 2
        wrong = np.flatnonzero((counts != self.width - 1) & ~(blank & (counts == 0)))
        first = int(wrong[0]) if len(wrong) else len(ends)

        def line(place: int) -> int:
            return self.line + int(np.searchsorted(newlines, place))

        if odd < len(part) and (not len(wrong) or odd <= ends[first]):
            raise self._broken(
                f"line {line(odd)}: a quotation mark inside a field: put the field in quotation marks, and double it"
            )
        if len(wrong):
            begun, last = self.begun if first == 0 else line(int(ends[first - 1]) + 1), line(int(ends[first]))
            where = f"line {last}" if begun == last else f"lines {begun} to {last} (one record, by its quotation marks)"
            raise self._broken(f"{where}: {self._counted(int(counts[first]))}")
        if len(ends):
            self.fields, self.size, self.begun = len(seps) - int(until[-1]), -int(ends[-1]) - 1, line(int(ends[-1]) + 1)
        else:
            self.fields += len(seps)
        self.size += len(part)
        self.line += len(newlines)

    def _odd(self, at: int, quotes: Rows, within: Flags, none: int) -> int:
        """The first quotation mark that neither begins a field nor ends one nor is one of two; `none` for none."""
        place, last = at + quotes, len(self.text) - 1
        before = np.where(place > 0, self.text[np.maximum(place - 1, 0)], _END)
        after = np.where(place < last, self.text[np.minimum(place + 1, last)], _END)
        opens = within[quotes]
        fits = np.where(opens, before, after)
        fine = (fits == self.mark) | (fits == _END) | (fits == _QUOTE) | (~opens & (fits == _RETURN))
        return int(quotes[np.argmin(fine)]) if not fine.all() else none

    def over(self) -> None:
        """The file ends here. Raises ConfigError where its last record is not at its end."""
        if self.inside:
            raise self._broken(f"line {self.begun}: a quotation mark is opened and never closed")
        if self.text[-1] != _END and self.fields != self.width - 1:
            raise self._broken(f"line {self.begun}: {self._counted(self.fields)}: the file may be cut off")

    def _counted(self, separators: int) -> str:
        separator = chr(self.mark)
        shown = _SHOWN.get(separator, separator)
        return f'{separators + 1} fields where line 1 has {self.width} (separator "{shown}")'

    def _broken(self, why: str) -> ConfigError:
        return ConfigError(f"{self.path}, {why}. Mend the file. {_NOTHING}")


def _check(path: Path, text: bytes, separator: str, width: int) -> None:
    """Every record has as many fields as the header; quotes are closed."""
    scan = _Scan(path, np.frombuffer(text, dtype=np.uint8), ord(separator), width)
    for at in range(0, len(text), _CHUNK):
        scan.part(at)
    scan.over()


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _columns(path: Path, header: Sequence[str], named: Mapping[str, str]) -> dict[str, str]:
    """Which column of the file each of ours is."""
    found: dict[str, str] = {}
    for ours, theirs in named.items():
        if ours not in COLUMNS:
            raise ConfigError(f'there is no column "{ours}" to name; there are {", ".join(COLUMNS)}')
        if theirs not in header:
            near = get_close_matches(theirs, header, 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise ConfigError(f'{path} has no column "{theirs}"{hint} It has: {_some(header)}. {_NOTHING}')
        found[ours] = theirs
    taken = set(found.values())
    by_plain = {_plain(one): one for one in reversed(header)}
    for ours, usual in NAMES.items():
        if ours not in found:
            known = [by_plain[one] for one in usual if one in by_plain and by_plain[one] not in taken]
            if known:
                found[ours] = known[0]
                taken.add(known[0])
    if "id" not in found:
        raise ConfigError(
            f"{path}: no column is an id. Name it (--map left.id=... or right.id=...). There are: {_some(header)}. "
            f"{_NOTHING}"
        )
    if not {"first_name", "last_name", "email"} & set(found):
        raise ConfigError(
            f"{path}: no column is a name or an e-mail address. Name one (--map left.email=...). There are: "
            f"{_some(header)}. {_NOTHING}"
        )
    return found


def _some(header: Sequence[str]) -> str:
    return ", ".join(header[:30]) + (", ..." if len(header) > 30 else "")


def _identified(path: Path, text: bytes, separator: str, table: pl.DataFrame, place: int) -> pl.DataFrame:
    """The table without lines that hold only blanks. Raises ConfigError where an id is missing or not the only one."""
    ids = table["id"].fill_null("").str.strip_chars()
    missing = np.flatnonzero((ids == "").to_numpy())
    if len(missing):
        bare = table[missing].select(pl.all_horizontal(pl.all().fill_null("").str.strip_chars() == "").alias("b"))["b"]
        if not bare.all():
            at = _lines(text, separator, place, "")
            raise ConfigError(f"{path}, line {at[0]}: no id (column {place + 1}). {_NOTHING}")
        kept = np.delete(np.arange(len(table)), missing)
        table, ids = table[kept], ids[kept]
    if ids.n_unique() < len(ids):
        twice = ids.filter(ids.is_duplicated())
        first, second, *_ = _lines(text, separator, place, twice[0])
        raise ConfigError(
            f"{path}, lines {first} and {second}: the same id (column {place + 1}); {len(twice)} records share theirs. "
            f"{_NOTHING}"
        )
    return table


def _lines(text: bytes, separator: str, place: int, wanted: str) -> list[int]:
    """The lines in which records with this value end, that are not blank; slow, for messages only."""
    reader = csv.reader(io.TextIOWrapper(io.BytesIO(text), "utf-8", newline=""), delimiter=separator)
    next(reader)
    return [
        reader.line_num
        for row in reader
        if len(row) > place and row[place].strip() == wanted and any(one.strip() for one in row)
    ]


def check_places(outputs: Sequence[Path], inputs: Sequence[Path]) -> None:
    """Raises ConfigError where results could not be put, before any work is done."""
    taken = {path.resolve(): path for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise ConfigError(f"{path} is named twice: every result needs a file of its own, and none may be an input")
        taken[path.resolve()] = path
        if path.is_dir():
            raise ConfigError(f"{path} is a folder: name a file in it")
        if not path.parent.is_dir():
            raise ConfigError(f"{path} cannot be written: there is no folder {path.parent}")


def write(results: Mapping[Path, pl.DataFrame | str]) -> None:
    """All of these files, or none: each is written beside its place first, and then put there."""
    ready: list[tuple[Path, Path]] = []
    path = Path()
    try:
        for path, result in results.items():
            beside = path.with_name(f".{path.name}.{os.getpid()}.part")
            ready.append((beside, path))
            if isinstance(result, str):
                beside.write_text(result, encoding="utf-8", newline="\n")
            else:
                result.write_csv(beside, float_precision=1)
        for beside, path in ready:
            os.replace(beside, path)
    except (OSError, pl.exceptions.PolarsError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(f"{path} cannot be written: {why}. {_NOTHING}") from None
    finally:
        for beside, _ in ready:
            beside.unlink(missing_ok=True)
