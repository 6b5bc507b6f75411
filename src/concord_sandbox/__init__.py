"""Salesforce, HubSpot and Notion on localhost, for trying and testing clients without an account.

Shares nothing with `concord`: two readings of the vendors' documents that must agree.
"""
