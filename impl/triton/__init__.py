"""Triton kernels that the PyTorch and the JAX implementations share."""
