"""Sequences, and the workflows that end them."""
