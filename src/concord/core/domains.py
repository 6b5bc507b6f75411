"""E-mail addresses, web domains and telephone numbers: one form each, and whose they can be.

Pure text work. The public suffix list is a file, so `Registrable` is handed in by the caller and never looked up here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import phonenumbers
from rapidfuzz.distance import OSA

from concord.core import lexicon

#: A host's registrable domain ("acme.co.uk" for "mail.acme.co.uk"), or "" when it has none.
Registrable: TypeAlias = Callable[[str], str]

_ADDRESS: Final = re.compile(r"[^\s@<>,;\"()]+@[^\s@<>,;\"()]+\.[^\s@<>,;\"().]{2,}")
_SCHEME: Final = re.compile(r"^[a-z][a-z0-9+.-]*:/*", re.IGNORECASE)
_SEPARATORS: Final = re.compile(r"[.\-_+]+")
_DIGITS: Final = re.compile(r"\d+")
#: Hosts that are one mail service under two names.
_TWIN_HOSTS: Final = {"googlemail.com": "gmail.com"}


def addresses(texts: Iterable[str]) -> tuple[str, ...]:
    """All e-mail addresses in these texts, normalised, in order, each once. What is no address, or is nobody's
    (noreply@, someone@example.com), is left out: it tells no one apart."""
    found: list[str] = []
    for text in texts:
        for one in _ADDRESS.findall(text.removeprefix("mailto:")):
            address = normal_address(one)
            if not _nobodys(address):
                found.append(address)
    return tuple(dict.fromkeys(found))


def normal_address(text: str) -> str:
    """An address in the form in which two are compared (SPEC 4.2): outer blanks and case do not count, nor a "+tag";
    Gmail also ignores dots, and has two host names."""
    local, _, host = text.strip().lower().rpartition("@")
    host = host.rstrip(".")
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
    except UnicodeError:
        host = host.strip()  # not a name that DNS can hold: compared as it stands
    host = _TWIN_HOSTS.get(host, host)
    local = local.partition("+")[0] or local
    if host == "gmail.com":
        local = local.replace(".", "")
    return f"{local}@{host}"


def local_part(address: str) -> str:
    return address.rpartition("@")[0]


def letters_of(address: str) -> tuple[str, str]:
    """The letters before the @, without separators and digits, and the host: "jan.li2@x.com", "jan_li@x.com"."""
    return "".join(one for one in local_part(address) if one.isalpha()), host_of(address)


def host_of(address: str) -> str:
    return address.rpartition("@")[2]


def _nobodys(address: str) -> bool:
    local, host = local_part(address), host_of(address)
    bare = _SEPARATORS.sub("", local)
    return bare in lexicon.NOBODY or local in lexicon.NOBODY or host in lexicon.NOWHERE


def is_role(address: str) -> bool:
    """Whether several people may read this mailbox by its name: info@, sales@, vertrieb.de@, office2@."""
    local = _DIGITS.sub("", local_part(address))
    parts = [part for part in _SEPARATORS.split(local) if part]
    if _SEPARATORS.sub("", local) in lexicon.ROLES:
        return True
    own_label = host_of(address).partition(".")[0]
    return bool(parts) and all(part in lexicon.ROLES or len(part) <= 2 or part == own_label for part in parts)


def is_free(host: str) -> bool:
    """Whether anyone can have an address or a page at this host: never a company's (SPEC 4.3)."""
    return host in lexicon.FREE_MAIL or host in lexicon.DISPOSABLE or host in lexicon.HOSTING


def company_domain(host: str, registrable: Registrable) -> str:
    """The registrable domain of a host where it can be a company's, else ""."""
    domain = registrable(host)
    return "" if not domain or is_free(host) or is_free(domain) else domain


def label(domain: str) -> str:
    """The word of a registrable domain: "acmecorp" of "acme-corp.co.uk"."""
    return domain.partition(".")[0].replace("-", "")


def web_host(text: str) -> str:
    """The host of a web address, in whatever way it was typed; "" when there is none."""
    bare = _SCHEME.sub("", text.strip().lower())
    host = re.split(r"[/?#\s]", bare, maxsplit=1)[0].rpartition("@")[2].partition(":")[0].strip(".")
    host = host.removeprefix("www.")
    if "." not in host:
        return ""
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def words_of(local: str) -> tuple[str, ...]:
    """The words of a local part: "john.smith2" is ("john", "smith", "2")."""
    return tuple(re.findall(r"[^\W\d_]+|\d+", local))


def slipped(mine: str, theirs: str) -> bool:
    """One slip of the hand in a local part: no digit and no initial is involved."""
    x, y = words_of(mine), words_of(theirs)
    if len(x) != len(y) or any(one.isdecimal() for one in (*x, *y)):
        return False
    changed = [(one, other) for one, other in zip(x, y, strict=True) if one != other]
    whole = all(min(len(one), len(other)) >= 4 and one[0] == other[0] for one, other in changed)
    return whole and OSA.distance(mine, theirs) == 1 and min(len(mine), len(theirs)) >= 6


def near_hosts(a: str, b: str) -> bool:
    """Whether two hosts are one slip apart or differ in their ending only, and are not two real mail services."""
    if is_free(a) and is_free(b):
        return False
    if label(a) == label(b) and len(label(a)) >= 4:
        return True
    return min(len(a), len(b)) >= 8 and OSA.distance(a, b) <= 1


# --- telephones


def numbers_in(text: str, hosts: Iterable[str]) -> tuple[str, ...]:
    """The number in a text: "+" and digits when it says its country, or the country of one of these hosts makes it a
    valid number; else the national digits. Nothing when it cannot be a number."""
    for region in (None, *dict.fromkeys(_region(host) for host in hosts)):
        try:
            number = phonenumbers.parse(text, region)
        except phonenumbers.NumberParseException:
            continue
        # Not IS_POSSIBLE_LOCAL_ONLY: a few digits that reach someone only within one town.
        if phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE:
            return (phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),)
    digits = "".join(letter for letter in text if letter.isdecimal() and letter.isascii()).lstrip("0")
    return (digits,) if 7 <= len(digits) <= 15 else ()


def _region(host: str) -> str:
    top = host.rpartition(".")[2].upper()
    return "GB" if top == "UK" else top


def is_mobile(phone: str) -> bool:
    """Whether a number is certainly a mobile one (North America's do not tell)."""
    if not phone.startswith("+"):
        return False
    return bool(phonenumbers.number_type(phonenumbers.parse(phone)) == phonenumbers.PhoneNumberType.MOBILE)


def number_in_common(mine: Iterable[str], theirs: Iterable[str]) -> str:
    """A number that is in both, "" when there is none. A number without its country is the same as one that ends so."""
    theirs = tuple(theirs)
    return next((max(one, other, key=len) for one in mine for other in theirs if _one_number(one, other)), "")


def _one_number(a: str, b: str) -> bool:
    if a.startswith("+") and b.startswith("+"):
        return a == b
    shorter, longer = sorted((a.lstrip("+"), b.lstrip("+")), key=len)
    return longer.endswith(shorter)
