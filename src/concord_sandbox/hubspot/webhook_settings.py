"""Webhook settings of an app over the API."""

from __future__ import annotations

from concord_sandbox.hubspot.targets import Routes

ROUTES: Routes = ()
