"""Forward mode of a gradient set along some of its arrays."""

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from impl.torch import clipping  # noqa: E402

KERNELS = {
    "global_norm": {},
    "clip_by_global_norm": {"max_norm": 0.5},
    "safe_clip": {"max_norm": 0.5},
}


def _arrays(result):
    """The outputs that have derivatives."""
    if isinstance(result, torch.Tensor):
        return [result] if result.is_floating_point() or result.is_complex() else []
    parts = [result[name] for name in sorted(result)] if isinstance(result, dict) else result
    return [array for part in parts for array in _arrays(part)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.complex64, torch.float64])
@pytest.mark.parametrize("kernel", KERNELS)
def test_the_tangent_of_one_array_is_that_of_the_set_with_zeros_elsewhere(kernel, dtype):
    random = torch.Generator().manual_seed(0)
    moved, still, tangent = (torch.randn(shape, dtype=dtype, generator=random) for shape in ((3,), (2, 2), (3,)))

    def of_set(first, second):
        return tuple(_arrays(getattr(clipping, kernel)([first, second], **KERNELS[kernel])))

    alone = torch.func.jvp(lambda first: of_set(first, still), (moved,), (tangent,))[1]
    values, whole = torch.func.jvp(of_set, (moved, still), (tangent, torch.zeros_like(still)))
    for value, one, two in zip(values, alone, whole, strict=True):
        assert one.dtype == two.dtype == value.dtype
        assert torch.equal(one, two)
