"""Who is who at size: two whole address books in memory, as columns of numbers.

The definition of the score is core's alone (core/identity.py): every score given here was worked out by it, once for
each kind of pair that occurs, and stands for all pairs of that kind. May use core; knows no system and no store.
"""
