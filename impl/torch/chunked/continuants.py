"""The Schur recursion of tridiagonal chains in homogeneous form, chunk-parallel and free of pivots.

A chain has the pivots d_i = m_i − w_i / d_{i−1}. Written as d_i = p_i / q_i they become

    p_i = c_i (m_i p_{i−1} − w_i q_{i−1}),    q_i = c_i p_{i−1},    from p = 1, q = 0,

where c_i is a power of two that keeps the pair in range. A vanishing pivot is then a value like any other.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Pairs stay within 2^±250, so that products of four of them, which the gradients need, stay in the range of double.
EXPONENT_BUDGET = 250
EXPONENT_FIELD = 0x7FF0_0000_0000_0000
SMALLEST_NORMAL = torch.finfo(torch.float64).tiny
SERIAL_SITES = 48  # a chain no longer than this gains nothing from chunks


def magnitude(x: Tensor) -> Tensor:
    """max(|Re x|, |Im x|): cannot overflow, needs no square root."""
    if not x.is_complex():
        return x.abs()
    parts = torch.view_as_real(x).abs()
    return torch.maximum(*parts.unbind(-1))


def power_of_two(size: Tensor) -> Tensor:
    """2^⌊log₂ size⌋ of non-negative doubles; the smallest normal number for anything below it."""
    return size.clamp_min(SMALLEST_NORMAL).view(torch.int64).bitwise_and(EXPONENT_FIELD).view(torch.float64)


def continuants(main: Tensor, products: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Homogeneous pivots of every site of every chain.

    **Arguments**: main m and products w, both (chains, N), N ≥ 1, both float64 or both complex128, no component
    above 2; w_0 = 0.
    **Returns**: p, q and the real scales c, all (chains, N), and (chains): mantissa and integer exponent of the
    determinant p_{N−1} = mantissa · 2^exponent.
    """
    chains, sites = main.shape
    interval = _steps_between_rescalings(products)
    length = sites if sites <= SERIAL_SITES else math.isqrt(sites)
    chunks = -(-sites // length)
    main, products = _by_position(main, chunks, length, 1), _by_position(products, chunks, length, 0)
    p, q = torch.ones_like(main[0]), torch.zeros_like(main[0])
    entering = None
    if chunks > 1:
        p, q, entering = _carries(main, products, interval, chains)
    rows = torch.empty_like(main)
    scales = torch.ones(main.shape, dtype=torch.float64, device=main.device)
    _sweep(main, products, p, q, interval, rows.unbind(0), scales)
    previous = torch.cat([p.unsqueeze(0), rows[:-1]]).mul_(scales)
    leaving = torch.log2(scales).sum(0).neg_().view(chains, chunks)
    if entering is not None:
        leaving += entering
        # Across a chunk boundary q_i = c_i p_{i−1} compares two chunks, each with an exponent of its own.
        scales.view(length, chains, chunks)[0, :, 1:] *= torch.exp2(leaving[:, :-1] - entering[:, 1:])
    p, q, c = (_by_chain(x, chains, chunks, sites) for x in (rows, previous, scales))
    return p, q, c, rows[-1].view(chains, chunks)[:, -1], leaving[:, -1]


def _steps_between_rescalings(products: Tensor) -> int:
    """How many steps leave the pair in range whatever the data.

    A step multiplies max(|p|, |q|) by at most 4 and, as its inverse shows, by at least |w|/4; a vanishing w
    merely forgets q.
    """
    sizes = magnitude(products)
    smallest = torch.where(sizes > 0, sizes, 1).amin().item()
    return max(1, int(EXPONENT_BUDGET / (2 - math.log2(max(smallest, SMALLEST_NORMAL)))))


def _by_position(x: Tensor, chunks: int, length: int, padding: float) -> Tensor:
    """(chains, N) → (position in the chunk, chains·chunks), contiguous."""
    chains, sites = x.shape
    if chunks * length > sites:
        x = torch.nn.functional.pad(x, (0, chunks * length - sites), value=padding)
    return x.reshape(chains * chunks, length).t().contiguous()


def _by_chain(x: Tensor, chains: int, chunks: int, sites: int) -> Tensor:
    return x.t().reshape(chains, -1)[:, :sites]


def _sweep(
    main: Tensor, products: Tensor, p: Tensor, q: Tensor, interval: int, rows: Sequence[Tensor], scales: Tensor
) -> tuple[Tensor, Tensor]:
    """Run the recursion along the first axis, p_i into rows[i] and c_i into scales[i]; return the last pair."""
    for i, (m, w, row) in enumerate(zip(main.unbind(0), products.unbind(0), rows, strict=False)):
        torch.mul(m, p, out=row).addcmul_(w, q, value=-1)
        q = p
        if i % interval == interval - 1:
            size = torch.maximum(magnitude(row), magnitude(q))
            scale = power_of_two(size.amax(0) if size.ndim > 1 else size).reciprocal()
            scales[i] = scale
            row.mul_(scale)
            q = q * scale
        p = row
    return p, q


def _carries(main: Tensor, products: Tensor, interval: int, chains: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pair that enters each chunk, flat (chains·chunks), and its exponent (chains, chunks)."""
    length, lanes = main.shape
    columns = torch.eye(2, dtype=main.dtype, device=main.device).unsqueeze(-1).expand(2, 2, lanes)
    scales = torch.ones(length, lanes, dtype=torch.float64, device=main.device)
    ring = [torch.empty_like(columns[0], memory_format=torch.contiguous_format) for _ in range(3)]
    rows = (ring * (length // 3 + 1))[:length]
    p, q = _sweep(main, products, columns[0], columns[1], interval, rows, scales)
    growth = -torch.log2(scales).sum(0).view(chains, -1)
    # (chunks, chains, output, input)
    matrices = torch.stack([p, q]).view(2, 2, chains, -1).permute(3, 2, 0, 1).contiguous()
    pair = columns[:, 0, :1].expand(2, chains).t().unsqueeze(-1).contiguous()
    pairs, shifts = [pair], [torch.zeros(chains, dtype=torch.float64, device=main.device)]
    for matrix in matrices[:-1].unbind(0):
        pair = torch.matmul(matrix, pair)
        size = power_of_two(magnitude(pair).amax((1, 2)))
        pair = pair * size.reciprocal().view(-1, 1, 1)
        pairs.append(pair)
        shifts.append(torch.log2(size))
    exponents = torch.stack(shifts, 1)
    exponents[:, 1:] += growth[:, :-1]
    p, q = torch.stack(pairs, 1).squeeze(-1).unbind(-1)
    return p.reshape(-1), q.reshape(-1), exponents.cumsum(1)
