"""The two CRMs: one folder each, with the same file names, and `http.py`, the one seam to the network.

Systems do not know each other, the store or the engine; they fill the engine's `System` protocol by shape.
"""
