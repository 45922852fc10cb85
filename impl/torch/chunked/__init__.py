"""Algorithms in plain tensor operations that cut long recurrences into chunks and run all chunks side by side."""
