"""The S5 layers of both frameworks, from the same parameters, keep the reference's values and gradients."""

import numpy as np
import pytest

from properties.representable import representable
from reference import s5
from reference.numbers import ARITHMETICS, gauge

torch = pytest.importorskip("torch", reason="torch is not installed")
jax = pytest.importorskip("jax", reason="jax is not installed")

from impl.jax import s5_layer as pytree  # noqa: E402
from impl.torch.s5_initialisation import LONGEST_STEP, SHORTEST_STEP  # noqa: E402
from impl.torch.s5_layer import S5  # noqa: E402

STATES, CHANNELS, BATCH, TIMES = 5, 3, 2, 12
SINGLE = ARITHMETICS["float32"]
PAIRS = ("half", "full")
GRADIENTS = ("eigenvalues", "input_matrix", "output_matrix", "feedthrough", "log_step")
STARTS = (("hippo-n", "full"), ("real", "half"), ("real-eigenvalues", "half"))
LAYERS = (("zoh", "half"), ("zoh", "full"), ("bilinear", "half"))


@jax.jit
@jax.grad
def mapped_gradient(parameters, u):
    """Of Σ y², mapped over the batch: the pytree goes through vmap, grad and jit."""
    return (jax.vmap(pytree.apply, in_axes=(None, 0))(parameters, u) ** 2).sum()


def layer(*arrays, method, pairs):
    """y and the final state by the reference, from the layer's parameters, u and initial."""
    return s5.apply(*in_contract(*arrays[:6], pairs=pairs), *arrays[6:8], method=method, pairs=pairs)


def in_contract(log_damping, frequency, input_matrix, output_matrix, feedthrough, log_step, *, pairs):
    """What `apply` takes: Λ, B, C, D, Δ."""
    step = np.exp(log_step)
    return (
        -np.exp(log_damping) + 1j * frequency,
        input_matrix[..., 0] + 1j * input_matrix[..., 1],
        output_matrix[..., 0] + 1j * output_matrix[..., 1],
        feedthrough,
        step if pairs == "half" else np.concatenate([step, step]),
    )


def layer_vjp(*arrays, pairs, method):
    """Gradients of Λ, B, C, D and log Δ by the reference, for cotangents of y and of the final state."""
    own = in_contract(*arrays[:6], pairs=pairs)
    *found, by_step, _, _ = s5.apply_vjp(*own, *arrays[6:], method=method, pairs=pairs)
    by_log_step = by_step * own[4]
    return *found, by_log_step if pairs == "half" else by_log_step[:STATES] + by_log_step[STATES:]


def drawn(pairs, seed=0):
    """Parameters by name, u and initial, all exact in single precision; a full set that is no longer symmetric."""
    model = S5(STATES, CHANNELS, pairs=pairs, generator=torch.Generator().manual_seed(seed))
    random = np.random.default_rng(seed)
    moved = {name: value.detach().double().numpy() for name, value in model.named_parameters()}
    parameters = {name: representable(x + random.normal(size=x.shape) / 8, "float32") for name, x in moved.items()}
    initial = random.normal(size=(BATCH, parameters["frequency"].size, 2)) @ [1, 1j]
    inputs = random.normal(size=(BATCH, TIMES, CHANNELS)), initial
    return parameters, [representable(x, "float32") for x in inputs]


def in_torch(parameters, **options):
    model = S5(STATES, CHANNELS, **options)
    model.load_state_dict({name: torch.from_numpy(x) for name, x in parameters.items()})
    return model


def in_jax(parameters):
    return {name: jax.numpy.asarray(x, jax.numpy.float32) for name, x in parameters.items()}


def cotangents(*outputs):
    """Real or complex as the outputs are."""
    random = np.random.default_rng(1)
    parts = (random.normal(size=(2, *output.shape)) for output in outputs)
    return [
        representable(real + 1j * imaginary if np.iscomplexobj(output) else real, "float32")
        for output, (real, imaginary) in zip(outputs, parts, strict=True)
    ]


def run_in_torch(parameters, u, initial, *weights, **options):
    model = in_torch(parameters, **options)
    outputs = model.run(torch.from_numpy(u), torch.from_numpy(initial))
    torch.autograd.backward(outputs, list(map(torch.from_numpy, weights)))
    return [x.detach() for x in outputs], model.complex_gradients()


def run_in_jax(parameters, u, initial, *weights, method, pairs):
    @jax.jit  # one compilation instead of one for each operation
    def pulled(parameters, weights):
        outputs, pull = jax.vjp(lambda p: pytree.run(p, u, initial, method=method), parameters)
        return outputs, pytree.complex_gradients(parameters, pull(weights)[0])

    return pulled(in_jax(parameters), tuple(map(np.conj, weights)))  # JAX's covectors are conjugate


def single(array):
    return np.asarray(array, np.complex64 if np.iscomplexobj(array) else np.float32)


def close(found, judged):
    return np.all(np.abs(np.asarray(found) - judged.value) <= judged.tolerance)


@pytest.mark.parametrize(("method", "pairs"), LAYERS)
def test_values_and_gradients_of_both_layers_are_within_the_gauge(method, pairs):
    """The gradients are ∂L/∂a + i ∂L/∂b of Λ, B and C in both frameworks."""
    parameters, inputs = drawn(pairs)
    options = {"method": method, "pairs": pairs}
    weights = cotangents(*layer(*parameters.values(), *inputs, **options))
    arrays = (*parameters.values(), *inputs)
    values = gauge(layer, *arrays, arithmetic=SINGLE, **options)
    gradients = gauge(layer_vjp, *arrays, *weights, arithmetic=SINGLE, **options)
    for run in (run_in_torch, run_in_jax):
        outputs, found = run(parameters, *map(single, (*inputs, *weights)), **options)
        assert all(close(x, expected) for x, expected in zip(outputs, values, strict=True))
        assert all(close(found[name], expected) for name, expected in zip(GRADIENTS, gradients, strict=True))


@pytest.mark.parametrize("pairs", PAIRS)
def test_two_halves_of_a_sequence_are_the_whole(pairs):
    parameters, (u, initial) = drawn(pairs)
    model = in_torch(parameters, pairs=pairs).double()
    u, initial = torch.from_numpy(u), torch.from_numpy(initial)
    whole, end = model.run(u, initial)
    first, between = model.run(u[:, :5], initial)
    second, last = model.run(u[:, 5:], between)
    judged = gauge(layer, *parameters.values(), u.numpy(), initial.numpy(), arithmetic=ARITHMETICS["float64"],
                   method="zoh", pairs=pairs)  # fmt: skip
    for found, other, expected in zip((torch.cat([first, second], 1), last), (whole, end), judged, strict=True):
        assert np.all(np.abs((found - other).detach().numpy()) <= 2 * expected.tolerance)


@pytest.mark.parametrize("initialisation", ["hippo-n", "real", "real-eigenvalues"])
def test_a_full_set_starts_where_half_of_it_starts(initialisation):
    """Both hold the same conjugate pairs, with Δ tied, and their penalties are zero."""
    found = {}
    for pairs in PAIRS:
        generator = torch.Generator().manual_seed(0)
        model = S5(STATES, CHANNELS, pairs=pairs, initialisation=initialisation, generator=generator)
        found[pairs] = model.parameters_for_regularisation()
        terms = model.loss(model(torch.ones(TIMES, CHANNELS)), torch.ones(TIMES, CHANNELS))
        assert terms["symmetry"] == 0
        assert model.statistics()["symmetry_violation"] == 0
        assert model.statistics()["stable_share"] == 1
    assert all(torch.equal(a, b) for a, b in zip(*found.values(), strict=True))
    assert found["half"].eigenvalues.shape == found["half"].step.shape == (2 * STATES,)


@pytest.mark.parametrize(("initialisation", "pairs"), STARTS)
def test_the_pytree_starts_like_the_module(initialisation, pairs):
    """The same names and shapes, the same eigenvalues to rounding, steps within the two decades."""
    parameters = pytree.init(jax.random.key(0), STATES, CHANNELS, pairs=pairs, initialisation=initialisation)
    model = S5(STATES, CHANNELS, pairs=pairs, initialisation=initialisation)
    assert {n: p.shape for n, p in parameters.items()} == {n: tuple(p.shape) for n, p in model.named_parameters()}
    started, spectrum = np.asarray(jax.jit(pytree.eigenvalues)(parameters)), model.eigenvalues.detach().numpy()
    unit = np.finfo(np.float32).eps
    assert np.all(np.abs(started - spectrum) <= 4 * unit * np.abs(spectrum))
    assert np.all(started.imag[STATES:] == -started.imag[:STATES][: started.size - STATES])
    for steps in (np.exp(parameters["log_step"]), model.step.detach().numpy()):
        assert np.all((1 - 4 * unit) * SHORTEST_STEP <= steps) and np.all(steps <= (1 + 4 * unit) * LONGEST_STEP)


def test_both_frameworks_report_the_same_set():
    parameters, _ = drawn("full")
    by_torch, by_jax = in_torch(parameters, pairs="full").statistics(), pytree.statistics(in_jax(parameters))
    own = in_contract(*parameters.values(), pairs="full")
    expected = s5.statistics(own[0], own[4])
    assert expected["symmetry_violation"] > 0
    for found in (by_torch, by_jax):
        assert found == pytest.approx(expected, rel=2.0**-20)


def test_both_losses_have_the_terms_of_training_loss():
    parameters, (u, _) = drawn("full")
    model, target = in_torch(parameters, pairs="full"), np.ones((BATCH, TIMES, CHANNELS), np.float32)
    u = single(u)
    by_torch = model.loss(model(torch.from_numpy(u)), torch.from_numpy(target))
    by_jax = jax.jit(lambda p: pytree.loss(p, pytree.apply(p, u), target))(in_jax(parameters))
    arrays = (*in_contract(*parameters.values(), pairs="full"), u.astype(float))

    def terms(*arrays):
        y, _ = s5.apply(*arrays, np.zeros(2 * STATES, complex), pairs="full")
        return s5.training_loss(y, target, *arrays[:3])

    expected = gauge(terms, *arrays, arithmetic=SINGLE)
    for name, judged in zip(sorted(by_torch), expected, strict=True):
        assert judged.value > judged.tolerance
        assert close(by_torch[name].detach(), judged)
        assert close(by_jax[name], judged)


def test_a_step_far_away_keeps_its_gradient():
    """Steps are never clipped: ten times longer or shorter than any drawn one, each has a gradient."""
    parameters, (u, _) = drawn("half")
    parameters["log_step"] = representable(np.log([1e-4, 1e-4, 1.0, 1.0, 1.0]), "float32")
    model = in_torch(parameters)
    model(torch.from_numpy(single(u))).square().sum().backward()
    assert torch.all(model.log_step.grad != 0)


@pytest.mark.parametrize("initialisation", ["hippo-n", "real"])
def test_gradient_flow_tells_a_real_initialisation(initialisation):
    """In both frameworks every imaginary gradient is exactly 0 from a real start, and none from HiPPO-N."""
    u = np.random.default_rng(0).normal(size=(BATCH, TIMES, CHANNELS)).astype(np.float32)
    model = S5(STATES, CHANNELS, initialisation=initialisation)
    model(torch.from_numpy(u)).square().sum().backward()
    parameters = in_jax({name: value.detach().numpy() for name, value in model.named_parameters()})
    for flow in (model.gradient_flow(), pytree.gradient_flow(parameters, mapped_gradient(parameters, u))):
        for name in ("eigenvalues", "input_matrix", "output_matrix"):
            assert flow[name]["imaginary"]["zeros"] == (initialisation == "real")
            assert flow[name]["real"]["zeros"] == 0


@pytest.mark.parametrize(
    ("argument", "error", "changes"),
    [
        ("states", ValueError, {"states": 0}),
        ("states", TypeError, {"states": 2.0}),
        ("channels", TypeError, {"channels": True}),
        ("pairs", ValueError, {"pairs": "quarter"}),
        ("initialisation", ValueError, {"initialisation": "xavier"}),
        ("dtype", TypeError, {"dtype": np.int32}),
    ],
)
def test_a_bad_argument_is_named(argument, error, changes):
    arguments = {"states": STATES, "channels": CHANNELS, **changes}
    for build in (S5, lambda **options: pytree.init(jax.random.key(0), **options)):
        with pytest.raises(error, match=argument):
            build(**arguments)


def test_a_parameter_without_gradient_is_named():
    with pytest.raises(ValueError, match="log_damping"):
        S5(STATES, CHANNELS).gradient_flow()


def test_an_unknown_method_is_named():
    with pytest.raises(ValueError, match="method"):
        S5(STATES, CHANNELS, method="euler")
