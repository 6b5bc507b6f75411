"""What Concord remembers, in PostgreSQL: inbox, links, bases, ledger, known records, and the wake-up queue.

Fills the engine's `Store` protocol by shape. It keeps, finds and orders; it decides nothing and knows no system.
"""
