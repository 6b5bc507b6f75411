"""HubSpot: contacts, companies and any other object, properties, associations, consent, webhooks, API 2026-09."""

from concord_sandbox.hubspot.service import HubSpotService

__all__ = ["HubSpotService"]
