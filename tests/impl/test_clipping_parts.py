"""Derivatives of a gradient set along some of its arrays, and of some of the results; the set without arrays."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from impl.torch import clipping  # noqa: E402

KERNELS = {
    "global_norm": {},
    "clip_by_global_norm": {"max_norm": 0.5},
    "safe_clip": {"max_norm": 0.5},
}
DTYPES = [torch.float32, torch.complex64, torch.float64]


def _arrays(result):
    """The outputs that have derivatives."""
    if isinstance(result, torch.Tensor):
        return [result] if result.is_floating_point() or result.is_complex() else []
    parts = [result[name] for name in sorted(result)] if isinstance(result, dict) else result
    return [array for part in parts for array in _arrays(part)]


def _drawn(dtype, *shapes):
    random = torch.Generator().manual_seed(0)
    return [torch.randn(shape, dtype=dtype, generator=random) for shape in shapes]


def _of_set(kernel, *gradients):
    return tuple(_arrays(getattr(clipping, kernel)(list(gradients), **KERNELS[kernel])))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_tangent_of_one_array_is_that_of_the_set_with_zeros_elsewhere(kernel, dtype):
    moved, still, tangent = _drawn(dtype, (3,), (2, 2), (3,))
    alone = torch.func.jvp(lambda first: _of_set(kernel, first, still), (moved,), (tangent,))[1]
    whole = (tangent, torch.zeros_like(still))
    values, tangents = torch.func.jvp(lambda *both: _of_set(kernel, *both), (moved, still), whole)
    for value, one, two in zip(values, alone, tangents, strict=True):
        assert one.dtype == two.dtype == value.dtype
        assert torch.equal(one, two)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_gradient_of_one_result_is_that_of_all_with_zero_cotangents_elsewhere(kernel, dtype):
    inputs = [g.requires_grad_() for g in _drawn(dtype, (3,), (2, 2))]
    for place in range(len(_of_set(kernel, *inputs))):
        output, every = _of_set(kernel, *inputs)[place], _of_set(kernel, *inputs)
        (cotangent,) = _drawn(output.dtype, output.shape)
        alone = torch.autograd.grad(output, inputs, cotangent)
        fed = [cotangent if at == place else torch.zeros_like(other) for at, other in enumerate(every)]
        whole = torch.autograd.grad(every, inputs, fed)
        assert all(torch.equal(one, two) for one, two in zip(alone, whole, strict=True))


def test_a_set_without_arrays_has_counts_like_any_other():
    counted = [clipping.sanitize([])[1], *(clipping.safe_clip([], max_norm=1.0)[1][name] for name in ("nans", "infs"))]
    assert all(isinstance(count, torch.Tensor) and count.dtype == torch.int64 and count == 0 for count in counted)
