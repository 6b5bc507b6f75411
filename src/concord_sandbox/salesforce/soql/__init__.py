"""SOQL and SOSL: parsing, filtering, answering."""
