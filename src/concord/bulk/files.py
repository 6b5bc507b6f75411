"""CSV files of people, as any system exports them: their columns, their encoding, and where they are broken.

Reads whole files or refuses them with the line; writes all results or none. Decides nothing about people.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from concord.bulk.people import COLUMNS
from concord.errors import ConfigError

#: More columns than this are no table of people.
_MOST_COLUMNS: Final = 5_000
_CHUNK: Final = 1 << 23
_SEPARATORS: Final = (",", ";", "\t", "|")
_QUOTE: Final = ord('"')

#: The usual names of columns (letters and digits only, lower case), the likeliest first: Salesforce's and HubSpot's own
#: exports, and plain ones in a few languages.
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        "id", "recordid", "contactid", "leadid", "casesafeid", "18digitid", "externalid", "personid", "uid", "nr",
        "key",
    ),
    "first_name": ("firstname", "first", "givenname", "forename", "vorname", "prenom", "nombre", "nome"),
    "last_name": (
        "lastname", "last", "surname", "familyname", "nachname", "zuname", "nomdefamille", "apellido", "apellidos",
        "cognome", "fullname", "name", "contactname",
    ),
    "email": ("email", "emailaddress", "primaryemail", "workemail", "mail", "emailadresse", "courriel", "correo"),
    "additional_emails": ("additionalemails", "additionalemailaddresses", "hsadditionalemails", "otheremail", "email2"),
    "company": (
        "company", "companyname", "accountname", "account", "associatedcompany", "primarycompany", "organization",
        "organisation", "employer", "firma", "unternehmen", "societe", "empresa", "azienda",
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

    table: pl.DataFrame
    columns: Mapping[str, str]
    encoding: str
    separator: str


def read(path: Path, named: Mapping[str, str] | None = None) -> Book:
    """A CSV file of people. named: columns of the file, by ours, where they are not to be recognised. Raises
    ConfigError with the line for what is no such file; then nothing was taken from it."""
    data = _bytes(path)
    text, encoding = _utf8(path, data)
    del data
    header, separator = _header(path, text)
    _check(path, text, separator, len(header))
    columns = _columns(path, header, named or {})
    places = sorted({header.index(one) for one in columns.values()})
    try:
        table = pl.read_csv(
            text, separator=separator, infer_schema=False, has_header=False,
            columns=places,
        )  # fmt: skip
    except pl.exceptions.PolarsError as error:
        raise ConfigError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}. Nothing was written") from None
    table = table.slice(1)
    table = table.select(table.to_series(places.index(header.index(name))).alias(one) for one, name in columns.items())
    table = table.filter(~pl.all_horizontal(pl.all().is_null()))
    _check_ids(path, text, separator, table)
    return Book(table, columns, encoding, separator)


def _bytes(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}. Nothing was written") from None
    if not data.strip():
        raise ConfigError(f"{path} is empty: it needs a line with the names of the columns. Nothing was written")
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise ConfigError(f"{path} is a workbook, not a CSV file: save it as CSV (UTF-8) first. Nothing was written")
    return data


def _utf8(path: Path, data: bytes) -> tuple[bytes, str]:
    """The text as UTF-8 with line feeds, and what it was."""
    for mark, name in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(name).encode(), name.removesuffix("-sig")
            except UnicodeError:
                raise ConfigError(f"{path} begins as {name} and is not that. Nothing was written") from None
    if b"\0" in data[:_CHUNK]:
        raise ConfigError(f"{path} is no text: there are zero bytes in it. Nothing was written")
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
        raise ConfigError(f"{path} has more than {_MOST_COLUMNS} columns in line 1. Nothing was written")
    found = pl.read_csv(io.BytesIO(line.encode() + b"\n"), separator=separator, has_header=False, infer_schema=False)
    return [(one or "").strip() for one in found.row(0)], separator


def _check(path: Path, text: bytes, separator: str, width: int) -> None:
    """Every record has as many fields as the header; quotes are closed."""
    mark, inside, fields, line = ord(separator), False, 0, 1
    record = 1
    for at in range(0, len(text), _CHUNK):
        part = np.frombuffer(text, dtype=np.uint8, count=min(_CHUNK, len(text) - at), offset=at)
        quote = part == _QUOTE
        end, sep = part == 10, part == mark
        if inside or quote.any():
            within = np.bitwise_xor.accumulate(quote.astype(np.uint8)).astype(np.bool_) ^ inside
            inside = bool(within[-1])
            ends, seps = np.flatnonzero(end & ~within), np.flatnonzero(sep & ~within)
        else:
            ends, seps = np.flatnonzero(end), np.flatnonzero(sep)
        until = np.searchsorted(seps, ends)
        counts = np.diff(np.r_[0, until])
        if len(counts):
            counts[0] += fields
            fields = len(seps) - int(until[-1])
            blank = np.diff(np.r_[-1, ends]) <= 2
            wrong = np.flatnonzero((counts != width - 1) & ~(blank & (counts == 0)))
            if len(wrong):
                where = line + int(end[: ends[wrong[0]]].sum())
                raise ConfigError(
                    f"{path}, line {where}: {int(counts[wrong[0]]) + 1} fields where the header has {width} "
                    f'(separator "{separator}"). Mend the line; nothing was written'
                )
        else:
            fields += len(seps)
        line += int(end.sum())
        record += len(ends)
    if inside:
        raise ConfigError(f"{path}: a quotation mark is opened and never closed. Nothing was written")
    if text[-1:] != b"\n" and fields != width - 1:
        raise ConfigError(
            f"{path}, line {line}: {fields + 1} fields where the header has {width}: the file may be cut off. "
            "Nothing was written"
        )


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
            raise ConfigError(f'{path} has no column "{theirs}"{hint} It has: {_some(header)}. Nothing was written')
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
            f"{path}: no column is an id. Name it (id=...); there are: {_some(header)}. Nothing was written"
        )
    if not {"first_name", "last_name", "email"} & set(found):
        raise ConfigError(
            f"{path}: no column is a name or an e-mail address. Name one (email=...); there are: {_some(header)}. "
            "Nothing was written"
        )
    return found


def _some(header: Sequence[str]) -> str:
    return ", ".join(header[:30]) + (", ..." if len(header) > 30 else "")


def _check_ids(path: Path, text: bytes, separator: str, table: pl.DataFrame) -> None:
    ids = table["id"].fill_null("").str.strip_chars()
    missing = ids == ""
    if missing.any():
        raise ConfigError(
            f"{path}: record {int(np.flatnonzero(missing.to_numpy())[0]) + 1} has no id. Nothing was written"
        )
    twice = ids.is_duplicated()
    if twice.any():
        rows = np.flatnonzero((ids == ids.filter(twice)[0]).to_numpy())
        raise ConfigError(
            f"{path}: records {int(rows[0]) + 1} and {int(rows[1]) + 1} (of {int(twice.sum())} such) have the same id. "
            "Nothing was written"
        )


def write(tables: Mapping[Path, pl.DataFrame]) -> None:
    """All of these files, or none: each is written beside its place first, and then put there."""
    ready: list[tuple[Path, Path]] = []
    try:
        for path, table in tables.items():
            beside = path.with_name(f".{path.name}.{os.getpid()}.part")
            ready.append((beside, path))
            table.write_csv(beside, float_precision=1)
        for beside, path in ready:
            os.replace(beside, path)
    except OSError as error:
        raise ConfigError(f"{error.filename or 'a result'} cannot be written: {error.strerror}") from None
    finally:
        for beside, _ in ready:
            beside.unlink(missing_ok=True)
