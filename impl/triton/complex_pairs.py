"""Complex numbers in Triton: (re, im), or (re,) for a real one; and tuples of numbers rescaled by powers of two."""

# ruff: noqa: RUF005 (Triton compiles a + (b,), not (*a, b))

import triton
import triton.language as tl


@triton.jit
def times(a, b):
    """a b; real factors stay real."""
    if len(a) == 1:
        if len(b) == 1:
            return (a[0] * b[0],)
        else:
            return (a[0] * b[0], a[0] * b[1])
    elif len(b) == 1:
        return (a[0] * b[0], a[1] * b[0])
    else:
        return (a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0])


@triton.jit
def plus(a, b):
    return (a[0] + b[0], a[1] + b[1])


@triton.jit
def minus(a, b):
    return (a[0] - b[0], a[1] - b[1])


@triton.jit
def scaled(v, c):
    """Every number of v times the real c."""
    out = ()
    for k in tl.static_range(len(v)):
        out = out + (v[k] * c,)
    return out


@triton.jit
def norm(v):
    """The sum of the absolute values of the numbers of v."""
    out = tl.abs(v[0])
    for k in tl.static_range(1, len(v)):
        out += tl.abs(v[k])
    return out


@triton.jit
def unit(v):
    """v of norm one."""
    return scaled(v, 1.0 / norm(v))


@triton.jit
def power_of_two(size):
    """2^-e for size = f 2^e, 1 <= f < 2: an exact scale, from the exponent bits alone."""
    if size.dtype == tl.float32:
        exponent = size.to(tl.int32, bitcast=True) & 0x7F800000
        return (0x7F000000 - exponent).to(tl.float32, bitcast=True)
    else:
        exponent = size.to(tl.int64, bitcast=True) & 0x7FF0000000000000
        return (0x7FE0000000000000 - exponent).to(tl.float64, bitcast=True)


@triton.jit
def binary_exponent(size):
    """e for size = f 2^e, 1 <= f < 2."""
    if size.dtype == tl.float32:
        return (size.to(tl.int32, bitcast=True) >> 23) - 127
    else:
        return ((size.to(tl.int64, bitcast=True) >> 52) - 1023).to(tl.int32)


@triton.jit
def rescaled(v):
    """v times the power of two that brings its norm into [1, 2): exact."""
    return scaled(v, power_of_two(norm(v)))


@triton.jit
def reciprocal(d):
    """1/d as conj(d 2^-e) 2^-e / |d 2^-e|²: no square leaves the range."""
    c = power_of_two(norm(d))
    re, im = d[0] * c, d[1] * c
    factor = c / (re * re + im * im)
    return (re * factor, -im * factor)
