"""CUDA backends of the PyTorch implementations, on Triton kernels."""
