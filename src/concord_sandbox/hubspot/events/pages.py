"""The pages of the Webhooks Journal: filled, closed, kept for three days, and signed for (API reference section 18.2).

Knows no subscription and no route; what an entry says is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from concord_sandbox.hubspot.errors import ApiError, no_such_thing
from concord_sandbox.hubspot.responses import wire_bytes
from concord_sandbox.hubspot.values import iso

KEPT_MS = 3 * 24 * 3_600_000
_LARGEST_PAGE = 5_000_000  # bytes; or so many entries as the settings say, whichever comes first
PATH = "/webhooks-journal/pages/v1/"


@dataclass(frozen=True)
class Page:
    """A closed page. place: counts up over the journal's life; published: epoch ms; entries: JSON of its events."""

    offset: str
    place: int
    published: int
    entries: tuple[bytes, ...]

    def body(self) -> dict[str, Any]:
        return {
            "offset": self.offset,
            "journalEvents": [json.loads(one) for one in self.entries],
            "publishedAt": iso(self.published),
        }


class Pages:
    """The journal of one app. `fresh_offset` makes the UUID of a page."""

    def __init__(self, fresh_offset: Callable[[], str]) -> None:
        self._fresh_offset = fresh_offset
        self._by_offset: dict[str, Page] = {}
        self._order: list[str] = []
        self._place = 0
        self._open: list[bytes] = []
        self._open_bytes = 0
        self._opened_at = 0

    def __len__(self) -> int:
        return len(self._order)

    @property
    def waiting(self) -> int:
        """How many entries are in the page that is not published yet."""
        return len(self._open)

    @property
    def offsets(self) -> list[str]:
        return list(self._order)

    # Writing.

    def add(self, entry: dict[str, Any], at: int, most: int, page_ms: int) -> None:
        """Put an entry of that moment (epoch ms) into the open page, or a new one if that one's time was over; a page
        of `most` entries is closed at once."""
        shown = wire_bytes(entry)
        self.close_if_over(at - 1, page_ms)
        if self._open and self._open_bytes + len(shown) > _LARGEST_PAGE:
            self.close(at)
        if not self._open:
            self._opened_at = at
        self._open.append(shown)
        self._open_bytes += len(shown)
        if len(self._open) >= most:
            self.close(at)

    def closes_at(self, page_ms: int) -> int | None:
        """When the open page is to be closed (epoch ms); None when it is empty."""
        return self._opened_at + page_ms if self._open else None

    def close_if_over(self, now: int, page_ms: int) -> None:
        """Publish the open page if its time has come."""
        closes = self.closes_at(page_ms)
        if closes is not None and closes <= now:
            self.close(closes)

    def close(self, at: int) -> None:
        """Publish the open page, if anything is in it."""
        if not self._open:
            return
        self._place += 1
        page = Page(self._fresh_offset(), self._place, at, tuple(self._open))
        self._by_offset[page.offset] = page
        self._order.append(page.offset)
        self._open, self._open_bytes = [], 0

    def expire(self, before: int) -> int:
        """Forget the pages that were published before that moment; how many."""
        gone = 0
        while gone < len(self._order) and self._by_offset[self._order[gone]].published < before:
            gone += 1
        return self.forget(gone)

    def forget(self, count: int) -> int:
        """Forget the oldest pages; how many there were to forget."""
        gone, self._order = self._order[:count], self._order[count:]
        for offset in gone:
            del self._by_offset[offset]
        return len(gone)

    # Reading.

    def earliest(self, count: int) -> list[Page]:
        return [self._by_offset[one] for one in self._order[:count]]

    def latest(self, count: int) -> list[Page]:
        """The newest pages, oldest of them first."""
        return [self._by_offset[one] for one in self._order[-count:]]

    def after(self, offset: str, count: int) -> list[Page]:
        """The pages that follow. Raises ApiError when the offset is not, or no longer, in the journal."""
        start = self.get(offset).place - self._place + len(self._order)
        return [self._by_offset[one] for one in self._order[start : start + count]]

    def get(self, offset: str) -> Page:
        """Raises ApiError."""
        found = self._by_offset.get(offset)
        if found is None:
            raise no_such_thing(f"No journal entry was found for offset {offset[:40]}; it may have expired")
        return found

    # Saving.

    def save(self) -> dict[str, Any]:
        return {
            "pages": [{**page.body(), "publishedAt": page.published} for page in self.earliest(len(self))],
            "open": [json.loads(one) for one in self._open],
            "opened_at": self._opened_at,
        }

    def load(self, given: dict[str, Any], now: int) -> None:
        """Raises KeyError, TypeError, ValueError."""
        for one in given.get("pages", []):
            self._place += 1
            entries = tuple(wire_bytes(entry) for entry in one["journalEvents"])
            page = Page(str(one["offset"]), self._place, int(one["publishedAt"]), entries)
            self._by_offset[page.offset] = page
            self._order.append(page.offset)
        self._open = [wire_bytes(one) for one in given.get("open", [])]
        self._open_bytes = sum(map(len, self._open))
        self._opened_at = int(given.get("opened_at", now))


def signed_url(origin: str, page: Page, expires: int, secret: str) -> str:
    """Where a page can be fetched without a token, until `expires` (epoch ms)."""
    return f"{origin}{PATH}{page.offset}?X-Expires={expires}&X-Signature={_sign(page.offset, str(expires), secret)}"


def check_signature(offset: str, expires: str, signature: str, now: int, secret: str) -> None:
    """Raises ApiError 403 for an address that was changed or has expired."""
    if not hmac.compare_digest(_sign(offset, expires, secret).encode(), signature.encode("utf-8", "replace")):
        raise ApiError(403, None, "SignatureDoesNotMatch: the request signature does not match the signature provided")
    if int(expires) < now:
        raise ApiError(403, None, "AccessDenied: Request has expired")


def _sign(offset: str, expires: str, secret: str) -> str:
    source = f"{offset}\n{expires}".encode("utf-8", "replace")
    return hmac.new(secret.encode(), source, hashlib.sha256).hexdigest()
