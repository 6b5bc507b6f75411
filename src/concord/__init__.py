"""Concord keeps Salesforce and HubSpot in agreement, field by field, by rules anyone can read."""
