"""JAX implementations; each module carries the functions of the reference module of the same name."""
