"""What Concord does: the line, a file a step, and what keeps it fed. `sync.py` is the line; read it first.

Owns the protocols that systems and store fill (`ports.py`) and never imports either.
"""
