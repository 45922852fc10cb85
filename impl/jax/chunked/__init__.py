"""Algorithms in plain JAX that cut long recurrences into chunks and run all chunks side by side."""
