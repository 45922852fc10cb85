"""Single-precision elimination of every kind stays inside the gauge of the dense inverse, solution and determinant."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.numbers import gauge
from tests.numbers.structures import SINGLE, double, ratio, seeds, structured, structures, worst_case_error

sizes = st.sampled_from((1, 2, 3, 8, 17))
sizes_of_chains = st.sampled_from((2, 3, 8, 17, 33))


def resolvent_diagonal(matrix):
    return np.diagonal(np.linalg.inv(matrix), axis1=-2, axis2=-1)


def dense(main, upper, lower):
    """The tridiagonal matrices of these diagonals."""
    sites = np.arange(main.shape[-1])
    matrix = np.zeros((*main.shape, main.shape[-1]), main.dtype)
    matrix[..., sites, sites] = main
    matrix[..., sites[:-1], sites[1:]], matrix[..., sites[1:], sites[:-1]] = upper, lower
    return matrix


def chain(rng, size, structure):
    """Diagonals of A = H − z in complex64, |Im z| between 10⁻⁴ and 3 of the scale."""
    main = structured(rng, (2, size), structure)
    scale = max(float(np.abs(main).max()), float(np.finfo(np.float32).tiny) ** 0.25)
    shift = scale * (rng.normal() + 1j * 10 ** rng.uniform(-4, 0.5))
    upper, lower = (scale * rng.normal(size=(2, size - 1)) for _ in range(2))
    return (main - np.complex64(shift)).astype(np.complex64), upper.astype(np.float32), lower.astype(np.float32)


def schur_complements(main, upper, lower):
    left, right, product = main.copy(), main.copy(), upper * lower
    for site in range(1, main.shape[-1]):
        left[..., site] = main[..., site] - product[..., site - 1] / left[..., site - 1]
    for site in range(main.shape[-1] - 2, -1, -1):
        right[..., site] = main[..., site] - product[..., site] / right[..., site + 1]
    return left, right


@given(seed=seeds, structure=structures, size=sizes_of_chains)
def test_schur_complements_from_both_ends_stay_inside(seed, structure, size):
    main, upper, lower = chain(np.random.default_rng(seed), size, structure)
    left, right = schur_complements(main, upper, lower)
    (diagonal,) = gauge(
        resolvent_diagonal, double(dense(main, upper.astype(main.dtype), lower.astype(main.dtype))), arithmetic=SINGLE
    )
    assert ratio(1 / (left + right - main), diagonal) <= 1


@given(seed=seeds, structure=structures, size=sizes_of_chains)
def test_the_product_of_the_schur_complements_stays_inside(seed, structure, size):
    main, upper, lower = chain(np.random.default_rng(seed), size, structure)
    pivots, _ = schur_complements(main, upper, lower)
    matrix = double(dense(main, upper.astype(main.dtype), lower.astype(main.dtype)))
    sign, logarithm = gauge(np.linalg.slogdet, matrix, arithmetic=SINGLE)
    assert ratio(np.sum(np.log(np.abs(pivots)), axis=-1, dtype=np.float32), logarithm) <= 1
    assert ratio(np.prod(pivots / np.abs(pivots), axis=-1, dtype=np.complex64), sign) <= 1


@given(seed=seeds, structure=structures, size=sizes, complex_=st.booleans())
def test_single_precision_lapack_stays_inside(seed, structure, size, complex_):
    rng = np.random.default_rng(seed)
    matrix = structured(rng, (2, size, size), structure)
    if complex_:
        matrix = matrix + np.complex64(1j) * structured(rng, (2, size, size), "normal")
    right = structured(rng, (2, size, 3), "normal")
    try:
        inverse, solution = np.linalg.inv(matrix), np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        assume(False)
    assert ratio(inverse, *gauge(np.linalg.inv, double(matrix), arithmetic=SINGLE)) <= 1
    (solutions,) = gauge(np.linalg.solve, double(matrix), double(right), arithmetic=SINGLE)
    assert ratio(solution, solutions) <= 1
    assert ratio((inverse @ right.astype(inverse.dtype)), solutions) <= 1
    (vector,) = gauge(np.linalg.solve, double(matrix[0]), double(right[0, :, 0]), arithmetic=SINGLE)
    assert ratio(np.linalg.solve(matrix[0], right[0, :, 0]), vector) <= 1
    for computed, gauged in zip(
        np.linalg.slogdet(matrix), gauge(np.linalg.slogdet, double(matrix), arithmetic=SINGLE), strict=True
    ):
        assert ratio(computed, gauged) <= 1
    with np.errstate(over="ignore", under="ignore"):
        assert ratio(np.linalg.det(matrix), *gauge(np.linalg.det, double(matrix), arithmetic=SINGLE)) <= 1
    singular_values = gauge(lambda matrix: np.linalg.svd(matrix, compute_uv=False), double(matrix), arithmetic=SINGLE)
    assert ratio(np.linalg.svd(matrix, compute_uv=False), *singular_values) <= 1


@given(seed=seeds, size=sizes, decades=st.floats(0, 12))
def test_the_inverse_of_a_graded_matrix_stays_inside(seed, size, decades):
    """Rows and columns scaled over many decades: judged by |G||H||G| alone, pivoting would be falsely condemned."""
    rng = np.random.default_rng(seed)
    grades = 10 ** np.linspace(0, decades / 2, size)
    matrix = (grades[:, None] * structured(rng, (size, size), "normal") * grades).astype(np.float32)
    try:
        inverse = np.linalg.inv(matrix)
    except np.linalg.LinAlgError:
        assume(False)
    assert ratio(inverse, *gauge(np.linalg.inv, double(matrix), arithmetic=SINGLE)) <= 1


@given(seed=seeds, size=sizes)
def test_the_bound_holds_for_every_perturbation_of_its_backward_error(seed, size):
    """No order is neglected: |(A + E)⁻¹ − A⁻¹| ≤ bound for |E| ≤ D."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(size, size)) + np.eye(size)
    share = 2.0 ** -rng.integers(1, 12) / np.linalg.norm(np.linalg.inv(matrix), 2) / np.linalg.norm(matrix, 2)

    coarse = type(SINGLE)("coarse", share, 0.0, share, 0.0, 0.0, 0.0, np.inf)
    bound = worst_case_error(np.linalg.inv, matrix, arithmetic=coarse)
    for _ in range(8):
        moved = np.linalg.inv(matrix * (1 + share * rng.choice([-1, 1], matrix.shape)))
        assert np.all(np.abs(moved - np.linalg.inv(matrix)) <= bound)


def test_a_singular_matrix_has_an_infinite_gauge_and_its_neighbours_in_the_batch_a_finite_one():
    batch = np.stack([np.ones((3, 3)), np.eye(3) * 2])
    (inverse,) = gauge(np.linalg.inv, batch, arithmetic=SINGLE)
    assert np.all(np.isinf(inverse.tolerance[0])) and np.all(np.isfinite(inverse.tolerance[1]))
    sign, logarithm = gauge(np.linalg.slogdet, batch, arithmetic=SINGLE)
    assert np.isinf(sign.tolerance[0]) and np.isinf(logarithm.tolerance[0])
    assert np.isfinite(logarithm.tolerance[1])


def test_the_determinant_of_nothing_is_one_and_its_inverse_is_empty():
    (inverse,) = gauge(np.linalg.inv, np.zeros((2, 0, 0)), arithmetic=SINGLE)
    sign, logarithm = gauge(np.linalg.slogdet, np.zeros((2, 0, 0)), arithmetic=SINGLE)
    assert inverse.value.shape == (2, 0, 0)
    assert np.all(sign.value == 1) and np.all(logarithm.value == 0) and np.all(logarithm.tolerance == 0)


@given(seed=seeds, size=sizes)
def test_a_wrong_element_of_the_inverse_is_seen(seed, size):
    matrix = structured(np.random.default_rng(seed), (size, size), "normal") + 4 * size * np.eye(size, dtype=np.float32)
    (inverse,) = gauge(np.linalg.inv, double(matrix), arithmetic=SINGLE)
    wrong = np.linalg.inv(matrix)
    wrong[0, -1] += 4 * inverse.tolerance[0, -1]
    assert ratio(wrong, inverse) > 1
    assert np.median(inverse.tolerance / np.abs(inverse.value)) < 2.0**-10


def test_singular_vectors_are_refused():
    with pytest.raises(TypeError, match="singular vectors"):
        gauge(np.linalg.svd, np.eye(2), arithmetic=SINGLE)


@given(seed=seeds, structure=structures)
def test_norms_stay_inside(seed, structure):
    x = structured(np.random.default_rng(seed), (4, 100), structure)
    (norms,) = gauge(lambda x: np.linalg.norm(x, axis=-1), double(x), arithmetic=SINGLE)
    assert ratio(np.sqrt(np.cumsum(x * x, axis=-1)[:, -1]), norms) <= 1
    assert ratio(np.linalg.norm(x, axis=-1).astype(np.float32), norms) <= 1
    (whole,) = gauge(np.linalg.norm, double(x), arithmetic=SINGLE)
    assert ratio(np.sqrt(np.cumsum(x * x)[-1]), whole) <= 1
