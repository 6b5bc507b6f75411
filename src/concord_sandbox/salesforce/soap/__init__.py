"""The SOAP API."""
