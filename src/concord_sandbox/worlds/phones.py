"""Telephone numbers that ring nowhere, and the many ways in which people write one number.

The ranges are those that regulators keep free for films and books. May not know whose number it is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

#: country -> country code, (area code, start of the rest) to choose from, how many digits are free
_LANDLINES = {
    "GB": ("44", (("20", "7946 0"), ("113", "496 0"), ("117", "496 0"), ("161", "496 0"), ("131", "496 0")), 3),
    "DE": ("49", (("30", "23125 "), ("40", "66969 "), ("69", "90009 "), ("89", "99998 "), ("221", "4710 ")), 3),
    "US": ("1", tuple((area, "555 01") for area in ("202", "303", "402", "410", "520", "602", "704", "718")), 2),
    "AU": ("61", (("2", "5550 "), ("3", "5550 "), ("7", "5550 "), ("8", "5550 ")), 4),
    "PL": ("48", (("22", "555 "), ("61", "555 ")), 4),
    "FR": ("33", (("1", "99 00 "), ("2", "61 91 "), ("4", "65 71 ")), 4),
    "NO": ("47", (("55", "50 0"), ("22", "50 0")), 3),
    "JP": ("81", (("6", "5550 "),), 4),
    "SG": ("65", (("", "6555 "),), 4),
}
_MOBILES = {
    "GB": ("44", (("7700", "900"),), 3),
    "DE": ("49", (("171", "39200"), ("176", "040690"), ("152", "288173")), 2),
    "US": ("1", tuple((area, "555 01") for area in ("206", "312", "415", "480", "512", "559", "617", "917")), 2),
    "AU": ("61", (("491", "570 "), ("491", "571 ")), 3),
    "PL": ("48", (("", "500 55"),), 4),
    "FR": ("33", (("6", "39 98 "),), 4),
    "NO": ("47", (("", "999 9"),), 4),
    "JP": ("81", (("90", "5550 "),), 4),
    "SG": ("65", (("", "8555 "),), 4),
}
_NO_TRUNK_ZERO = ("US", "PL", "NO", "SG")


@dataclass(frozen=True)
class Phone:
    """One number: where it is, its parts, and the extension at that number ("" when there is none)."""

    country: str
    code: str
    area: str
    rest: str
    extension: str = ""

    def international(self) -> str:
        """+44 20 7946 0123"""
        return " ".join(part for part in (f"+{self.code}", self.area, self.rest) if part) + self._tail()

    def compact(self) -> str:
        """+442079460123"""
        return f"+{self.code}{self.area}{self.rest}".replace(" ", "") + self._tail()

    def national(self) -> str:
        """020 7946 0123, as dialled inside the country."""
        zero = "" if self.country in _NO_TRUNK_ZERO else "0"
        return f"{zero}{self.area} {self.rest}".strip() + self._tail()

    def bracketed(self) -> str:
        """(020) 7946-0123, or (202) 555-0123"""
        if not self.area:
            return self.national()
        zero = "" if self.country in _NO_TRUNK_ZERO else "0"
        return f"({zero}{self.area}) {self.rest.replace(' ', '-')}" + self._tail()

    def dialled_from_abroad(self) -> str:
        """0044 20 79460123"""
        return f"00{self.code} {self.area} {self.rest.replace(' ', '')}".replace("  ", " ") + self._tail()

    def written(self, rng: random.Random) -> str:
        """The number as somebody or other writes it."""
        ways = (self.international, self.compact, self.national, self.bracketed, self.dialled_from_abroad)
        return rng.choices(ways, weights=(5, 3, 4, 3, 1))[0]()

    def _tail(self) -> str:
        return f" ext. {self.extension}" if self.extension else ""


class Exchange:
    """Gives out numbers, each to one person only."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._given: set[str] = set()

    def landline(self, country: str) -> Phone:
        """A desk telephone in that country."""
        return self._draw(country, *_LANDLINES[country])

    def mobile(self, country: str) -> Phone:
        """A mobile telephone in that country."""
        return self._draw(country, *_MOBILES[country])

    def _draw(self, country: str, code: str, areas: tuple[tuple[str, str], ...], free: int) -> Phone:
        while True:
            area, start = self._rng.choice(areas)
            phone = Phone(country, code, area, start + str(self._rng.randrange(10**free)).zfill(free))
            if phone.compact() not in self._given:
                self._given.add(phone.compact())
                return phone
