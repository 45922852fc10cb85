"""What the laws do not see of the JAX face: transforms, both modes of differentiation, range, refusals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from impl.jax import tridiagonal as face

jax.config.update("jax_enable_x64", True)
UNIT_ROUNDOFF = float(jnp.finfo(jnp.float64).eps) / 2
NAMES = ("resolvent_diagonal", "log_determinant")
SITES = (2, 65)  # one chunk, several chunks


def chains(sites, batch=(3,), seed=0, dtype=jnp.complex128):
    random = np.random.default_rng(seed)
    shapes = [(*batch, sites), (*batch, max(sites - 1, 0)), (*batch, max(sites - 1, 0)), batch]
    return tuple(jnp.asarray(random.normal(size=s) + 1j * random.normal(size=s), dtype) for s in shapes)


def dense(main, upper, lower, shift):
    sites = main.shape[-1]
    place = np.arange(sites)
    matrix = jnp.zeros((*main.shape, sites), jnp.complex128).at[..., place, place].set(main - shift[..., None])
    return matrix.at[..., place[:-1], place[1:]].set(upper).at[..., place[1:], place[:-1]].set(lower)


def by_inverse(*arrays):
    return jnp.diagonal(jnp.linalg.inv(dense(*arrays)), axis1=-2, axis2=-1)


def close(actual, expected, condition):
    """Within what a relative perturbation of every entry by a few unit roundoffs can do."""
    sites = expected.shape[-1] if expected.ndim else 1
    return jnp.abs(actual - expected).max() <= (
        16 * math.sqrt(sites) * UNIT_ROUNDOFF * condition * jnp.abs(expected).max()
    )


def condition(arrays):
    return float(np.linalg.cond(np.asarray(dense(*arrays))).max())


@pytest.mark.parametrize("sites", SITES)
def test_values_and_gradients_are_those_of_the_dense_inverse(sites):
    arrays = chains(sites)
    found, pull = jax.vjp(face.resolvent_diagonal, *arrays)
    expected, pull_expected = jax.vjp(by_inverse, *arrays)
    assert close(found, expected, condition(arrays))
    cotangent = chains(sites, seed=1)[0]
    for gradient, right in zip(pull(cotangent), pull_expected(cotangent), strict=True):
        assert close(gradient, right, condition(arrays) ** 2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("sites", SITES)
def test_forward_mode_is_adjoint_to_reverse_mode(name, sites):
    arrays, tangents = chains(sites), chains(sites, seed=1)
    function = getattr(face, name)
    result, along = jax.jvp(function, arrays, tangents)
    cotangent = jnp.ones_like(result) * (1 + 2j)
    terms = [g * t for g, t in zip(jax.vjp(function, *arrays)[1](cotangent), tangents, strict=True)]
    total = sum(jnp.abs(term).sum() for term in terms)
    difference = (cotangent * along).sum() - sum(term.sum() for term in terms)
    assert jnp.abs(difference) <= 16 * math.sqrt(sites) * UNIT_ROUNDOFF * condition(arrays) ** 2 * total


@pytest.mark.parametrize("name", NAMES)
def test_vmap_is_the_batch(name):
    arrays, function = chains(65), getattr(face, name)
    assert close(jax.vmap(function)(*arrays), function(*arrays), condition(arrays))


def test_the_second_derivative_is_the_derivative_of_the_first():
    """∂²G_ii/∂z² = 2 (G³)_ii."""
    arrays = chains(5, ())
    first = jax.grad(lambda z: face.resolvent_diagonal(*arrays[:3], z).sum(), holomorphic=True)
    inverse = jnp.linalg.inv(dense(*arrays))
    expected = 2 * jnp.trace(inverse @ inverse @ inverse)
    assert close(jax.grad(first, holomorphic=True)(arrays[3]), expected, condition(arrays) ** 3)


@pytest.mark.parametrize("scale", (2.0**-50, 2.0**50))
@pytest.mark.parametrize("sites", SITES)
def test_single_precision_of_any_scale_gives_the_same_bits(scale, sites):
    """G(sH, sz) = G/s, exactly for a power of two."""
    arrays = chains(sites, dtype=jnp.complex64)
    scaled = face.resolvent_diagonal(*(x * scale for x in arrays))
    assert jnp.array_equal(scaled * scale, face.resolvent_diagonal(*arrays))


@pytest.mark.parametrize("sites", (0, 1, 3))
def test_broadcast_axes_and_their_gradients(sites):
    main, _, _, shift = chains(sites, (2, 1))
    _, upper, lower, _ = chains(sites, (3,), seed=1)
    arrays = main, upper[0], lower, shift
    assert face.resolvent_diagonal(*arrays).shape == (2, 3, sites)
    assert face.log_determinant(*arrays).shape == (2, 3)
    gradients = jax.grad(lambda *x: face.resolvent_diagonal(*x).sum().real, argnums=(0, 1, 2, 3))(*arrays)
    assert [g.shape for g in gradients] == [x.shape for x in arrays]


@pytest.mark.parametrize(
    ("change", "error", "names"),
    (
        ({"upper": np.ones(4)}, ValueError, "upper"),
        ({"lower": np.ones(2)}, ValueError, "lower"),
        ({"main": np.ones(())}, ValueError, "main"),
        ({"main": np.ones(4, int)}, TypeError, "main"),
        ({"main": jnp.ones(4, jnp.bfloat16)}, TypeError, "main"),
        ({"upper": np.ones(3, np.float32)}, TypeError, "upper"),
        ({"shift": np.ones(2), "main": np.ones((3, 4))}, ValueError, "shift"),
        ({"shift": "1"}, TypeError, "shift"),
        ({"main": [1.0, 2.0, 3.0, 4.0]}, TypeError, "main"),
        ({"precision": "float16"}, ValueError, "precision"),
    ),
)
def test_bad_input_is_refused_by_name(change, error, names):
    arguments = {"main": np.ones(4), "upper": np.ones(3), "lower": np.ones(3), "shift": 0.5} | change
    for name in NAMES:
        with pytest.raises(error, match=f"^{names}: expected"):
            getattr(face, name)(**arguments)


def test_double_inside_needs_double_in_jax():
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(ValueError, match=r"^precision: expected"):
            face.resolvent_diagonal(*(np.ones(n, np.float32) for n in (2, 1, 1)), 0.5, precision="float64")
    finally:
        jax.config.update("jax_enable_x64", True)
