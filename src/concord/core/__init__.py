"""What Concord decides: pure functions over frozen data. No I/O, no clock, no randomness, not even indirectly."""
