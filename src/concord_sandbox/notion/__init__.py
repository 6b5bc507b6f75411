"""Notion: pages in one database, as far as the opportunity pages need it."""
