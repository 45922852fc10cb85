"""CUDA backends of the JAX implementations, on Triton kernels through jax-triton."""
