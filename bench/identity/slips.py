"""What clerks, forms and scanners do to a text: slips of the keyboard, of the ear and of the eye, and ways of writing.

Each takes the random source and a text and gives another text (the same when nothing can be done). Knows no list of the
product.
"""

from __future__ import annotations

import re
import unicodedata
from random import Random
from typing import Final

import phonenumbers
from anyascii import anyascii

_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEXT: Final = {
    letter: "".join(
        {
            *(row[max(0, at - 1) : at] + row[at + 1 : at + 2]),
            *(_ROWS[number + 1][max(0, at - 1) : at + 1] if number < 2 else ""),
        }
    )
    for number, row in enumerate(_ROWS)
    for at, letter in enumerate(row)
}
#: Pairs that sound alike to someone: written either way round.
_SOUNDS: Final = (
    ("ph", "f"), ("ck", "k"), ("c", "k"), ("ei", "ai"), ("ey", "ay"), ("ie", "y"), ("y", "i"), ("tt", "t"),
    ("nn", "n"), ("ss", "s"), ("ll", "l"), ("th", "t"), ("v", "w"), ("sch", "sh"), ("ee", "ea"), ("ou", "u"),
    ("z", "s"), ("dt", "t"), ("mm", "m"), ("oo", "u"), ("x", "ks"), ("j", "g"), ("rr", "r"), ("h", ""),
)  # fmt: skip
#: What a scanner or a tired eye takes for another.
_LOOKS: Final = (
    ("rn", "m"), ("m", "rn"), ("l", "1"), ("o", "0"), ("i", "l"), ("cl", "d"), ("vv", "w"), ("e", "c"), ("s", "5"),
    ("b", "6"), ("g", "9"), ("u", "v"), ("h", "b"),
)  # fmt: skip
_UMLAUTS: Final = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa", "æ": "ae"}
#: The other usual ways of writing Cyrillic in Latin letters: passports, Germans, the French.
_CYRILLIC: Final = (
    (("shch", "sch"), ("zh", "sch"), ("ch", "tsch"), ("v", "w"), ("kh", "ch"), ("y", "j"), ("ts", "z")),
    (("ya", "ia"), ("yu", "iu"), ("y", "i"), ("ks", "x")),
    (("yu", "iou"), ("ch", "tch"), ("u", "ou"), ("sh", "ch")),
)


def keyboard(random: Random, text: str) -> str:
    """One slip of the hand: a letter's neighbour, two swapped, one left out, one twice."""
    places = [at for at, letter in enumerate(text) if letter.isalpha()]
    if len(places) < 3:
        return text
    at, kind = random.choice(places), random.random()
    if kind < 0.35 and text[at].lower() in _NEXT:
        new = random.choice(_NEXT[text[at].lower()] or "e")
        return text[:at] + (new.upper() if text[at].isupper() else new) + text[at + 1 :]
    if kind < 0.6 and at + 1 < len(text) and text[at + 1].isalpha():
        swapped = text[at + 1] + text[at]
        return text[:at] + (swapped.title() if text[at].isupper() else swapped) + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind < 0.82 else text[:at] + text[at] + text[at:]


def _one_of(random: Random, text: str, table: tuple[tuple[str, str], ...], *, both: bool) -> str:
    pairs = [*table, *((new, old) for old, new in table if both and new)]
    fitting = [(old, new) for old, new in pairs if old in text.lower()]
    if not fitting:
        return text
    old, new = random.choice(fitting)
    at = random.choice([found.start() for found in re.finditer(re.escape(old), text.lower())])
    return text[:at] + (new.capitalize() if text[at : at + 1].isupper() else new) + text[at + len(old) :]


def phonetic(random: Random, text: str) -> str:
    """As it was heard."""
    return _one_of(random, text, _SOUNDS, both=True)


def ocr(random: Random, text: str) -> str:
    """As it was scanned."""
    return _one_of(random, text, _LOOKS, both=False)


def plain_letters(random: Random, text: str) -> str:
    """Without diacritics; umlauts as two letters by some."""
    if random.random() < 0.6:
        for letter, two in _UMLAUTS.items():
            text = text.replace(letter, two).replace(letter.upper(), two.capitalize())
    bare = unicodedata.normalize("NFKD", text)
    return anyascii("".join(one for one in bare if not unicodedata.combining(one)))


def latin(random: Random, text: str, *, other: bool) -> str:
    """A name from another script in Latin letters. other: not in the usual way, where there are several."""
    text = text.replace("ού", "ου").replace("ου", "oυ") if re.search("[\u0370-\u03ff]", text) else text
    plain = " ".join(word[:1].upper() + word[1:].lower() for word in anyascii(text).split()).replace("'", "")
    plain = plain.replace("oy", "ou") if re.search("[\u0370-\u03ff]", text) else plain
    if not other or not re.search("[\u0400-\u04ff]", text):
        return plain
    plain = plain.lower()
    for old, new in random.choice(_CYRILLIC):
        plain = plain.replace(old, new)
    return plain.title()


def cased(random: Random, text: str) -> str:
    return text.upper() if random.random() < 0.6 else text.lower()


def written_number(random: Random, number: str) -> str:
    """A telephone number (E.164) as people write it."""
    parsed = phonenumbers.parse(number)
    kinds = phonenumbers.PhoneNumberFormat
    kind = random.random()
    if kind < 0.3:
        return phonenumbers.format_number(parsed, kinds.NATIONAL)
    text = phonenumbers.format_number(parsed, kinds.E164 if kind < 0.5 else kinds.INTERNATIONAL)
    if kind < 0.58:
        return text.replace(" ", "/", 1).replace(" ", "-")
    if kind < 0.66:
        return f"00{parsed.country_code} {str(parsed.national_number)[:3]} {str(parsed.national_number)[3:]}"
    if kind < 0.72:
        return f"+{parsed.country_code} (0) {str(parsed.national_number)[:3]}-{str(parsed.national_number)[3:]}"
    if kind < 0.76:
        return f"{text} ext. {random.randint(10, 999)}"
    return text
