"""People's names: one form for comparing, and how two names stand to one another.

Says how alike two names are and never who is who: `identity.py` weighs that together with everything else. Names in any
script; order, diacritics and their transliterations, initials, short forms, double names, marks of generation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Final

import nameparser
from rapidfuzz.distance import OSA

from concord.core import lexicon

# Letters that Unicode does not decompose, and Cyrillic and Greek as they are usually written in Latin letters.
_LETTERS: Final = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ß": "ss", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŋ": "n"}
    | dict(zip("абвгдезийклмнопрстуфыэіїєґ", "abvgdeziiklmnoprstufyeiieg", strict=True))
    | {"ё": "e", "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ъ": "", "ь": ""}
    | {"ю": "yu", "я": "ya"}
    | dict(zip("αβγδεζηικλμνξοπρσςτυφω", "avgdeziiklmnxoprsstyfo", strict=True))
    | {"θ": "th", "χ": "ch", "ψ": "ps"}
)
# The other usual way of writing a letter with two (SPEC: ü/ue). Applied before diacritics go.
_WIDE: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa"})
_DIGRAPHS: Final = (("ae", "a"), ("oe", "o"), ("ue", "u"), ("aa", "a"), ("ph", "f"), ("th", "t"), ("ck", "k"))
_JOINERS: Final = re.compile(r"['’‘`´ʼ]")
_QUOTED: Final = re.compile(r"[(\[{\"“„«].*?[)\]}\"”»]")
_PARTS: Final = re.compile(r"[^\W_]+")
_VOWELS: Final = re.compile(r"[aeiouyhw]")
_DOUBLES: Final = re.compile(r"(.)\1+")
#: Words whose spoken form is remembered: names repeat, and comparing asks for it again and again. About 10 MB.
_REMEMBERED: Final = 65_536
#: CJK ideographs, kana and hangul: scripts whose names are short, and where one letter makes another name.
_CJK: Final = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")


def fold(text: str) -> str:
    """Lower case without diacritics, in Latin letters where the script has a usual Latin spelling; CJK stays."""
    if text.isascii():
        return text.lower()
    return _strip(unicodedata.normalize("NFKC", text).casefold())


def _strip(text: str) -> str:
    # Letter by letter before marks go: "й" is "и" with a mark, and hangul must be put together again.
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    bare = "".join(letter for letter in apart if not unicodedata.combining(letter) or _is_kana_mark(letter))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def _is_kana_mark(letter: str) -> bool:
    return letter in "\u3099\u309a"  # が and か are different letters


def words(text: str) -> tuple[str, ...]:
    """The folded words of a text; apostrophes join ("O'Brien" is one word), everything else that is no letter parts."""
    return tuple(_PARTS.findall(_JOINERS.sub("", fold(text))))


def wide_words(text: str) -> tuple[str, ...]:
    """As `words`, with ä, ö, ü, å and ø written as two letters."""
    if text.isascii():
        return words(text)
    composed = unicodedata.normalize("NFKC", text).casefold().translate(_WIDE)
    return tuple(_PARTS.findall(_JOINERS.sub("", _strip(composed))))


@lru_cache(maxsize=_REMEMBERED)
def narrow(word: str) -> str:
    """A word with the spellings made one that stand for the same sound in several languages (ue/u, ss/s, ph/f)."""
    for pair, one in _DIGRAPHS:
        word = word.replace(pair, one)
    return _DOUBLES.sub(r"\1", word)


@lru_cache(maxsize=_REMEMBERED)
def sound(word: str) -> str:
    """A word with the letters made one that many languages read alike (Carl/Karl, Sylvia/Silvia, Schmidt/Schmitt)."""
    alike = narrow(word).replace("dt", "t").replace("c", "k").replace("y", "i")
    return _DOUBLES.sub(r"\1", alike)


def skeleton(word: str) -> str:
    """What is left of a word after the usual slips: its first letter and its consonants, none twice."""
    short = sound(word)
    if len(short) <= 2 or _CJK.search(short):
        return short
    return short[0] + _DOUBLES.sub(r"\1", _VOWELS.sub("", short[1:]).replace("z", "s").replace("d", "t"))


def generation_in(tokens: Iterable[str]) -> str:
    """The mark of generation among the words after the first, "" when there is none."""
    for token in list(tokens)[1:]:
        if token in lexicon.GENERATIONS and token != "st":
            return lexicon.GENERATIONS[token]
    return ""


@dataclass(frozen=True)
class Name:
    """A person's name, taken apart. given, family: folded words, without titles, particles and marks; the `wide` ones
    with umlauts as two letters. generation: "jr", "sr", "2" ... or ""."""

    given: tuple[str, ...]
    family: tuple[str, ...]
    wide_given: tuple[str, ...] = ()
    wide_family: tuple[str, ...] = ()
    generation: str = ""

    @cached_property
    def full(self) -> bool:
        """Both parts are there, and the given name is more than an initial."""
        return bool(self.given and self.family) and (len(self.given[0]) > 1 or self.cjk)

    @cached_property
    def cjk(self) -> bool:
        return bool(_CJK.search("".join((*self.given, *self.family))))

    @cached_property
    def blank(self) -> bool:
        return not self.given and not self.family

    @cached_property
    def swapped(self) -> Name:
        return Name(self.family, self.given, self.wide_family, self.wide_given, self.generation)

    @cached_property
    def roots(self) -> frozenset[str]:
        """The full given names that the first given name may stand for, and itself."""
        return roots_of(self.given[0]) if self.given else frozenset()

    @cached_property
    def common(self) -> bool:
        """So frequent that two strangers in one large company may well share it."""
        return bool(self.roots & lexicon.COMMON_GIVEN or self.cjk) and bool(set(self.family) & lexicon.COMMON_FAMILY)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Words under which people with such a name are looked for: two names worth comparing share at least one,
        whichever of their parts holds the slip, the short form or the initial."""
        given = {skeleton(one) for one in (*self.roots, "".join(self.given), *self.given[:1]) if one}
        family = {skeleton(one) for one in ("".join(self.family), *self.family) if one}
        found = {f"{one}.{other[0]}" for one in given for other in family}
        found |= {f"{one}.{other[0]}" for one in family for other in given}
        if not self.given or not self.family:
            found |= given | family
        if self.given:
            found |= family
        if self.cjk:
            found.add("".join(sorted("".join((*self.family, *self.given)))))
        return frozenset(found)

    @cached_property
    def whole(self) -> str:
        """One key for everyone of this name, short forms and order aside; "" when the name is not full."""
        if self.cjk:
            return "".join(sorted("".join((*self.family, *self.given))))
        if not self.full:
            return ""
        return " ".join(sorted((min(self.roots), narrow("".join(self.family)))))

    def makes(self, local: str) -> bool:
        """Whether the local part of an address is made of this name, in one of the usual ways."""
        letters = "".join(letter for letter in fold(local) if letter.isalpha())
        short = frozenset().union(*(lexicon.SHORT_FORMS.get(root, ()) for root in self.roots))
        given = {"".join(self.given), "".join(self.wide_given), *self.given, *self.wide_given, *short} - {""}
        family = {"".join(self.family), "".join(self.wide_family), *self.family, *self.wide_family} - {""}
        made = given | family
        for one in given:
            for other in family:
                made |= {one + other, other + one, one[0] + other, other + one[0], one + other[0], other[0] + one}
                made |= {
                    one[0] + other[0],
                    other[0] + one[0],
                    other[:3] + one[:3],
                    one[:2] + other[:2],
                    one[:2] + other,
                }
        return letters in made


def roots_of(word: str) -> frozenset[str]:
    return lexicon.NICKNAMES.get(word, frozenset((word,)))


def name_of(first: str, last: str) -> Name:
    """A name from a record's two fields. One field that holds the whole name is taken apart; a field with an address,
    or with what people type when they do not know, counts as blank."""
    first, last = _meant(first), _meant(last)
    if not first or not last:
        first, last = _split(first or last, last_only=not first)
    given, family = _bare(words(first)), _bare(words(last))
    mark = generation_in((*given, "")) or generation_in(("", *family) if len(family) == 1 and given else family)
    given, family = _unmarked(given), _unmarked(family)
    return Name(
        given,
        _particles_off(family),
        _unmarked(_bare(wide_words(first))),
        _particles_off(_unmarked(_bare(wide_words(last)))),
        mark,
    )


def _meant(text: str) -> str:
    plain = _QUOTED.sub(" ", text)
    plain = plain if _PARTS.search(plain) else text
    if "@" in plain or "".join(words(plain)) in lexicon.NO_NAMES or not _PARTS.search(plain):
        return ""
    return plain.strip()


def _split(text: str, *, last_only: bool) -> tuple[str, str]:
    """Given and family name out of one field."""
    if len(words(text)) < 2:
        return ("", text) if last_only else (text, "")
    if last_only and all(word in lexicon.PARTICLES for word in words(text)[:-1]):
        return "", text  # "van der Berg" is a surname
    parsed = nameparser.HumanName(text)
    given = f"{parsed.first} {parsed.middle}".strip()
    family = f"{parsed.last} {parsed.suffix}".strip()
    return given, family


def _bare(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Without titles before and degrees after; a name that is nothing else stays."""
    kept = [token for token in tokens if token not in lexicon.HONORIFICS]
    while len(kept) > 1 and kept[-1] in lexicon.DEGREES:
        kept.pop()
    return tuple(kept) or tokens


def _unmarked(tokens: tuple[str, ...]) -> tuple[str, ...]:
    kept = tokens[:1] + tuple(one for one in tokens[1:] if one not in lexicon.GENERATIONS)
    return kept


def _particles_off(tokens: tuple[str, ...]) -> tuple[str, ...]:
    kept = tuple(token for token in tokens if token not in lexicon.PARTICLES)
    return kept or tokens


class Part(StrEnum):
    """How one part of a name (given or family) stands to the same part of another, best first."""

    SAME = "same"
    SPELLING = "another spelling"
    SHORT = "a short form"
    DOUBLE = "part of a double name"
    SLIP = "one slip apart"
    NEAR = "alike"
    INITIAL = "initial only"
    BLANK = "blank"
    OTHER = "different"


@dataclass(frozen=True)
class Likeness:
    """How two names stand to one another. generations: "" when neither or both bear the same mark, "one" when only one
    is marked, "two" when the marks differ."""

    given: Part
    family: Part
    swapped: bool
    generations: str

    @cached_property
    def unlike(self) -> bool:
        """Plainly two names: the given names differ, or nothing of the name agrees for certain."""
        if self.given is Part.OTHER:
            return True
        return self.family is Part.OTHER and self.given in (Part.NEAR, Part.INITIAL, Part.BLANK)

    @cached_property
    def contradicts(self) -> bool:
        """These are not the names of one person, whatever else agrees (SPEC 4.3)."""
        return self.unlike or self.generations == "two"

    @cached_property
    def near_same(self) -> bool:
        """The names are one, apart from short forms, spelling and parts left out."""
        good = (Part.SAME, Part.SPELLING, Part.SHORT, Part.DOUBLE)
        return self.given in (*good, Part.INITIAL, Part.BLANK) and self.family in good

    @cached_property
    def same(self) -> bool:
        return self.given is Part.SAME and self.family is Part.SAME


_COST: Final = {part: cost for cost, part in enumerate(Part)}


def likeness(a: Name, b: Name) -> Likeness:
    """How two names stand to one another, in the order of their parts that suits them better. Symmetric."""
    straight = _oriented(a, b, swapped=False)
    if straight.same or not (a.given and a.family and b.given and b.family):
        return straight
    # Seen from either, so that the answer is the same both ways: only one of the two takes a given name for one.
    crossed = min((_oriented(a, b.swapped, swapped=True), _oriented(b, a.swapped, swapped=True)), key=_order)
    agrees = Part.OTHER not in (crossed.given, crossed.family)
    return crossed if agrees and straight.family is Part.OTHER and _rank(crossed) + 1 < _rank(straight) else straight


def _order(one: Likeness) -> tuple[int, int]:
    return _rank(one), _COST[one.given]


def _rank(one: Likeness) -> int:
    return _COST[one.given] + _COST[one.family]


def _oriented(a: Name, b: Name, *, swapped: bool) -> Likeness:
    if a.cjk != b.cjk and not a.blank and not b.blank:
        return Likeness(Part.BLANK, Part.BLANK, swapped, _generations(a, b))  # two scripts: nothing can be said
    if a.cjk and _one_string(a, b):
        return Likeness(Part.SAME, Part.SAME, swapped, _generations(a, b))
    return Likeness(
        _given(a, b),
        _family(a, b),
        swapped,
        _generations(a, b),
    )


def _one_string(a: Name, b: Name) -> bool:
    """CJK names that read the same without regard to where the family name ends, or which part stands first."""
    mine = ("".join((*a.family, *a.given)), "".join((*a.given, *a.family)))
    return "".join((*b.family, *b.given)) in mine


def _generations(a: Name, b: Name) -> str:
    if a.generation == b.generation:
        return ""
    return "two" if a.generation and b.generation else "one"


def _forms(tokens: tuple[str, ...], wide: tuple[str, ...]) -> frozenset[str]:
    return frozenset(("".join(tokens), "".join(wide or tokens)))


def _given(a: Name, b: Name) -> Part:
    if not a.given or not b.given:
        return Part.BLANK
    if _forms(a.given, a.wide_given) & _forms(b.given, b.wide_given):
        return Part.SAME
    if a.cjk:
        return Part.OTHER
    if any(not _second_names_agree(x, y) for x, y in ((a.given, b.given), (b.given, a.given))):
        return Part.OTHER if not _first_alike(a, b) else Part.NEAR
    first = _first(a, b)
    if first in (Part.OTHER, Part.INITIAL) and _middle_is_first(a, b):
        return Part.DOUBLE
    return first


def _second_names_agree(x: tuple[str, ...], y: tuple[str, ...]) -> bool:
    """ "John A" and "John B" are two people; "John" and "John B", or "Anna" and "Anna Maria", may be one."""
    if len(x) < 2 or len(y) < 2:
        return True
    one, other = x[1], y[1]
    short = min(len(one), len(other))
    return one[:1] == other[:1] if short == 1 else _word(one, other) is not Part.OTHER


def _first_alike(a: Name, b: Name) -> bool:
    return _first(a, b) is not Part.OTHER


def _middle_is_first(a: Name, b: Name) -> bool:
    """Called by a later given name: "Johann Peter" and "Peter"; "J. Edgar" and "Edgar"."""
    shorter, longer = sorted((a.given, b.given), key=len)
    return len(shorter) == 1 and len(shorter[0]) > 2 and shorter[0] in longer[1:]


def _first(a: Name, b: Name) -> Part:
    x, y = a.given[0], b.given[0]
    if x == y or {x, *a.wide_given[:1]} & {y, *b.wide_given[:1]}:
        return Part.SAME if len(x) > 1 else Part.INITIAL
    if len(x) == 1 or len(y) == 1:
        initials = {root[0] for root in a.roots} | {x[0]}, {root[0] for root in b.roots} | {y[0]}
        return Part.INITIAL if initials[0] & initials[1] else Part.OTHER
    if sound(x) == sound(y):
        return Part.SPELLING
    if a.roots & b.roots:
        return Part.SHORT
    if _both_names(x, y):
        return Part.OTHER
    found = _word(x, y)
    # "Martin" and "Martina", "Mario" and "Maria", "Julia" and "Julian": another ending is another name.
    return Part.OTHER if found is not Part.OTHER and _ending_differs(x, y) else found


def _both_names(x: str, y: str) -> bool:
    """Two names that are each a name of their own, and not the same one."""
    return x in lexicon.NICKNAMES and y in lexicon.NICKNAMES


def _ending_differs(x: str, y: str) -> bool:
    shorter, longer = sorted((x, y), key=len)
    return longer.startswith(shorter) or (len(x) == len(y) and x[:-1] == y[:-1])


def _family(a: Name, b: Name) -> Part:
    if not a.family or not b.family:
        return Part.BLANK
    if _forms(a.family, a.wide_family) & _forms(b.family, b.wide_family):
        return Part.SAME
    if a.cjk:
        return Part.OTHER
    x, y = "".join(a.family), "".join(b.family)
    if narrow(x) == narrow(y):
        return Part.SPELLING
    if len(x) == 1 or len(y) == 1:
        return Part.INITIAL if x[0] == y[0] else Part.OTHER
    if _part_of_double(a.family, b.family):
        return Part.DOUBLE
    return _word(x, y)


def _part_of_double(x: tuple[str, ...], y: tuple[str, ...]) -> bool:
    # By the words where both have as many: the answer must be the same both ways ("Davis Davis" and "Davs Davis").
    shorter, longer = sorted((x, y), key=lambda part: (len(part), part))
    alike = [one for one in shorter if any(narrow(one) == narrow(other) for other in longer)]
    return len(longer) > 1 and len(alike) == len(shorter) and any(len(one) > 2 for one in alike)


def _word(x: str, y: str) -> Part:
    """Two different words by the slips between them (Levenshtein, with a swap of neighbours as one slip)."""
    if sound(x) == sound(y):
        return Part.NEAR  # Meyer and Meier may be a spelling or two families
    slips, length = OSA.distance(x, y), max(len(x), len(y))
    if slips == 1 and length >= 5:
        # A letter too many, too few, or two swapped is a slip of the hand; another letter, or another ending, may well
        # be another name (Petersen and Peterson, Huber and Hubert).
        hand = len(x) != len(y) or sorted(x) == sorted(y)
        return Part.SLIP if hand and not _ending_differs(x, y) else Part.NEAR
    if (slips == 2 and length >= 8) or (slips == 1 and length == 4):
        return Part.NEAR
    return Part.OTHER
