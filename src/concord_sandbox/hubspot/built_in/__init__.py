"""The properties and pipelines that every HubSpot account has, as tables of text that `schema.py` reads. Data only."""
