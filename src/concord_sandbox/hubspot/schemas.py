"""Schemas of custom objects."""

from __future__ import annotations

from concord_sandbox.hubspot.targets import Routes

ROUTES: Routes = ()
