"""What the laws do not see of the PyTorch face: function transforms, broadcasting, chunk lengths, refusals."""

import math

import pytest
import torch

from impl.torch import tridiagonal as face
from impl.torch.chunked import continuants, linear_scan
from impl.torch.chunked import tridiagonal as chunked

UNIT_ROUNDOFF = torch.finfo(torch.float64).eps / 2
SITES = (1, 2, 5, 48, 49, 200)


def chains(sites, batch=(3,), seed=0, dtype=torch.complex128):
    generator = torch.Generator().manual_seed(seed)
    main, upper, lower = (
        torch.randn(*batch, n, dtype=dtype, generator=generator) for n in (sites, max(sites - 1, 0), max(sites - 1, 0))
    )
    return main, upper, lower, torch.randn(batch, dtype=torch.complex128, generator=generator)


def dense(main, upper, lower, shift):
    on_diagonal = torch.diag_embed(main.to(torch.complex128) - shift.unsqueeze(-1))
    return on_diagonal + torch.diag_embed(upper, 1) + torch.diag_embed(lower, -1)


def resolvent_by_recursion(*arrays):
    return face._kernel("resolvent_diagonal", torch.float64, arrays[0].device)(*arrays)


def close(actual, expected, condition):
    """Within what a relative perturbation of every entry by a few unit roundoffs can do."""
    sites = expected.shape[-1] if expected.ndim else 1
    return (actual - expected).abs().max() <= 16 * math.sqrt(sites) * UNIT_ROUNDOFF * condition * expected.abs().max()


def condition(arrays):
    return torch.linalg.cond(dense(*arrays)).max()


@pytest.mark.parametrize("sites", SITES)
def test_recursion_is_the_diagonal_of_the_inverse(sites):
    arrays = chains(sites)
    expected = torch.linalg.inv(dense(*arrays)).diagonal(dim1=-2, dim2=-1)
    assert close(resolvent_by_recursion(*arrays), expected, condition(arrays))


@pytest.mark.parametrize("sites", SITES)
@pytest.mark.parametrize("dtype", (torch.float64, torch.complex128))
def test_gradients_are_those_of_the_dense_inverse(sites, dtype):
    arrays = [x.requires_grad_() for x in chains(sites, dtype=dtype)]
    expected = torch.linalg.inv(dense(*arrays)).diagonal(dim1=-2, dim2=-1)
    cotangent = torch.randn_like(expected)
    for found, right in zip(
        torch.autograd.grad(resolvent_by_recursion(*arrays), arrays, cotangent),
        torch.autograd.grad(expected, arrays, cotangent),
        strict=True,
    ):
        assert found.dtype == right.dtype
        assert right.numel() == 0 or close(found, right, condition(arrays) ** 2)


@pytest.mark.parametrize("name", ("resolvent_diagonal", "log_determinant"))
@pytest.mark.parametrize("sites", SITES)
def test_forward_mode_is_adjoint_to_reverse_mode(name, sites):
    arrays = chains(sites)
    kernel = face._kernel(name, torch.float64, arrays[0].device)
    tangents = chains(sites, seed=1)
    result, along = torch.func.jvp(kernel, arrays, tangents)
    cotangent = torch.randn_like(result)
    _, pull = torch.func.vjp(kernel, *arrays)
    gradients = pull(cotangent)
    terms = [(g.conj() * t).real.flatten() for g, t in zip(gradients, tangents, strict=True)]
    right = torch.cat(terms)
    assert ((cotangent.conj() * along).real.sum() - right.sum()).abs() <= (
        16 * math.sqrt(sites) * UNIT_ROUNDOFF * condition(arrays) ** 2 * right.abs().sum()
    )


@pytest.mark.parametrize("name", ("resolvent_diagonal", "log_determinant"))
@pytest.mark.parametrize("sites", (2, 60))
def test_vmap_is_the_batch(name, sites):
    arrays = chains(sites, (4, 3))
    kernel = face._kernel(name, torch.float64, arrays[0].device)
    expected = torch.stack([kernel(*row) for row in zip(*arrays, strict=True)])
    assert close(torch.func.vmap(kernel)(*arrays), expected, condition(arrays))


@pytest.mark.parametrize("sites", (2, 60))
def test_jacobians_of_both_modes_agree(sites):
    arrays = chains(sites, ())
    main, upper, lower, shift = (x.unsqueeze(0) for x in arrays)

    def real_part(real_main):
        return resolvent_by_recursion(real_main + main.imag * 1j, upper, lower, shift).real

    backward, forward = torch.func.jacrev(real_part)(main.real), torch.func.jacfwd(real_part)(main.real)
    assert close(backward, forward, condition(arrays) ** 2)


def test_gradients_per_sample_are_the_gradients_of_the_samples():
    main, upper, lower, shift = chains(60)

    def loss(*row):
        return face.resolvent_diagonal(*row).imag.sum()

    together = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1, 2, 3)))(main, upper, lower, shift)
    alone = [torch.func.grad(loss, argnums=(0, 1, 2, 3))(*row) for row in zip(main, upper, lower, shift, strict=True)]
    for found, right in zip(together, zip(*alone, strict=True), strict=True):
        assert close(found, torch.stack(right), condition((main, upper, lower, shift)) ** 2)


@pytest.mark.parametrize("sites", (0, 1, 3, 70))
def test_broadcast_axes_and_their_gradients(sites):
    main, _, _, shift = chains(sites, (2, 1))
    _, upper, lower, _ = chains(sites, (3,), seed=1)
    upper = upper[0]
    spread = [x.expand(2, 3, *x.shape[-1:]) for x in (main, upper, lower)] + [shift.expand(2, 3)]
    arrays = [x.clone().requires_grad_() for x in (main, upper, lower, shift)]
    result = face.resolvent_diagonal(*arrays)
    assert sites == 0 or close(result, face.resolvent_diagonal(*spread), condition(spread))
    assert face.log_determinant(*arrays).shape == (2, 3)
    for gradient, array in zip(torch.autograd.grad(result.real.sum(), arrays), arrays, strict=True):
        assert gradient.shape == array.shape


def test_second_derivatives_are_refused():
    arrays = [x.requires_grad_() for x in chains(60)]
    (gradient,) = torch.autograd.grad(resolvent_by_recursion(*arrays).real.sum(), arrays[:1], create_graph=True)
    with pytest.raises(NotImplementedError, match="differentiable once"):
        gradient.real.sum().backward()


@pytest.mark.parametrize("interval", (1, 7))
def test_rescaling_by_powers_of_two_changes_no_bit(interval, monkeypatch):
    arrays = chains(40)
    expected = resolvent_by_recursion(*arrays)
    monkeypatch.setattr(continuants, "_steps_between_rescalings", lambda products: interval)
    assert torch.equal(resolvent_by_recursion(*arrays), expected)


def test_chunked_linear_scan_is_the_recurrence():
    source, ratio = (torch.randn(2, 5000, dtype=torch.float64) for _ in range(2))
    ratio = ratio.tanh()
    y, expected = torch.zeros(2, dtype=torch.float64), []
    for f, r in zip(source.unbind(1), ratio.unbind(1), strict=True):
        y = f + r * y
        expected.append(y)
    assert close(linear_scan.linear_scan(source, ratio), torch.stack(expected, 1), 1)


def test_graded_single_precision_stays_in_range():
    """Entries from 1e−15 to 1e15 in float32: the products of bonds alone span the range of the format."""
    grades = torch.logspace(-15, 15, 61, dtype=torch.float64).float()
    main, upper, lower = (torch.randn(60).mul(grades[:60]) for _ in range(3))
    result, _ = chunked.resolvent_diagonal(main[None], upper[None, 1:], lower[None, 1:], torch.ones(1), torch.float32)
    assert result.isfinite().all()


def test_a_long_chain_of_equal_sites_is_the_infinite_chain_in_its_middle():
    """G(z) of the infinite chain with unit bonds is 1/√(z² − 4), with the sign that makes |G| fall with Im z."""
    sites, shift = 10**5, 0.3 + 0.1j
    ones = torch.ones(sites, dtype=torch.float64)
    result = face.resolvent_diagonal(0 * ones, ones[1:], ones[1:], shift)
    expected = 1j / (4 - shift**2) ** 0.5
    assert abs(result[sites // 2].item() - expected) <= 64 * UNIT_ROUNDOFF * abs(expected) / shift.imag


@pytest.mark.parametrize(
    ("change", "error", "names"),
    (
        ({"upper": torch.ones(4)}, ValueError, "upper"),
        ({"lower": torch.ones(2)}, ValueError, "lower"),
        ({"main": torch.ones(())}, ValueError, "main"),
        ({"main": torch.ones(4, dtype=torch.int64)}, TypeError, "main"),
        ({"main": torch.ones(4, dtype=torch.float16)}, TypeError, "main"),
        ({"upper": torch.ones(3, dtype=torch.float64)}, TypeError, "upper"),
        ({"lower": torch.ones(3, device="meta")}, ValueError, "lower"),
        ({"shift": torch.ones(2), "main": torch.ones(3, 4)}, ValueError, "shift"),
        ({"shift": "1"}, TypeError, "shift"),
        ({"main": [1.0, 2.0, 3.0, 4.0]}, TypeError, "main"),
        ({"precision": "float16"}, ValueError, "precision"),
    ),
)
def test_bad_input_is_refused_by_name(change, error, names):
    arguments = {"main": torch.ones(4), "upper": torch.ones(3), "lower": torch.ones(3), "shift": 0.5} | change
    for function in (face.resolvent_diagonal, face.log_determinant):
        with pytest.raises(error, match=f"^{names}: expected"):
            function(**arguments)
