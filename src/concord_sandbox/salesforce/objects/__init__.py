"""The standard objects: their fields and the rows that every org has. Data, hardly any rules."""
