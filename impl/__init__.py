"""What is fast: the same functions as in the reference, in PyTorch and in JAX."""
