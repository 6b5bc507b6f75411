"""Temporary."""

from concord.core.identity import keys_of, match, traits_of
from concord.core.identity import person_of as company_of, person_from as company_from

__all__ = ["company_from", "company_of", "keys_of", "match", "traits_of"]
