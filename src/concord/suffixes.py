"""Which part of a host somebody has registered: the public suffix list that ships with tldextract.

Fetches nothing. Imports nothing of Concord; core is given the function and knows neither list nor library.
"""

from __future__ import annotations

from collections.abc import Callable

import tldextract

#: Hosts that are remembered; more of them, and it begins anew.
_REMEMBERED = 200_000


def registrable_by_list() -> Callable[[str], str]:
    """A host's registrable domain ("www.acme.co.uk": "acme.co.uk"), "" for none."""
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    known: dict[str, str] = {}

    def registrable(host: str) -> str:
        if host not in known:
            if len(known) > _REMEMBERED:
                known.clear()
            known[host] = extract(host).top_domain_under_public_suffix
        return known[host]

    return registrable
