"""Laws of softmax attention: each output is a mean of the values that count, with weights that the scores decide."""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.law import Falsified, NotClaimed, law
from reference.attention import counting
from reference.numbers import Gauged

Q, K, V, LENGTHS = range(4)
MANY = 2**13  # equal weights of so many keys are below half the unit roundoff of float16
STEEP = 2.0**-6  # of the scores may be lost in rounding their factors
LARGE = 10_000  # scores that overflow an exponential which is not shifted, in every dtype


def counts_of(case: Case) -> np.ndarray:
    """Which keys count for which query, (…, T, S)."""
    q, k, v, *given = case.inputs
    batch = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2], *(x.shape for x in given))
    shape = (*batch, q.shape[-2], k.shape[-2])
    lengths, query_lengths = (*given, None, None)[:2]
    return counting(shape, lengths, query_lengths, case.options.get("causal", False))


def changed(case: Case, **arrays: np.ndarray) -> Case:
    names = ("q", "k", "v", "lengths", "query_lengths")
    given = [arrays.get(name, array) for name, array in zip(names, case.inputs, strict=False)]
    return case.with_inputs(*given)


def bits(what: str, plain: np.ndarray, other: np.ndarray) -> float:
    if plain.tobytes() != other.tobytes():
        raise Falsified(f"{what}: {np.count_nonzero(plain != other)} of {plain.size} values changed")
    return 0.0


@law()
def convex_hull(implementation: Implementation, case: Case) -> float:
    """Each output lies between the smallest and the largest of the values that count, channel by channel."""
    (actual,), (expected,) = implementation(case), implementation.expected(case)
    counts, v = counts_of(case)[..., None], case.inputs[V][..., None, :, :]
    some = counts.any(-2)
    low = np.where(some, np.min(np.where(counts, v, np.inf), axis=-2, initial=np.inf), 0)
    high = np.where(some, np.max(np.where(counts, v, -np.inf), axis=-2, initial=-np.inf), 0)
    nearest = np.minimum(np.maximum(actual, low), high)
    return compare("distance to the hull of the values", (actual,), (Gauged(nearest, expected.tolerance),))


def _ones(case: Case, implementation: Implementation) -> Case:
    return replace(changed(case, v=np.ones_like(case.inputs[V])), drawn=f"values of one, {case.drawn}")


@law(adapt=_ones)
def weights_sum_to_one(implementation: Implementation, case: Case) -> float:
    """Values of 1 give 1, and 0 where no key counts."""
    (actual,), (expected,) = implementation(case), implementation.expected(case)
    some = np.broadcast_to(counts_of(case).any(-1, keepdims=True), actual.shape)
    return compare("sum of the weights", (actual,), (Gauged(some * 1.0, expected.tolerance),))


def _unmasked(case: Case, implementation: Implementation) -> Case:
    options = {name: value for name, value in case.options.items() if name != "causal"}
    return replace(case, inputs=case.inputs[:LENGTHS], options=options)


@law(adapt=_unmasked)
def permutation_of_keys(implementation: Implementation, case: Case) -> float:
    """Keys and values in another order give the same."""
    q, k, v = case.inputs
    order = case.random().permutation(k.shape[-2])
    (actual,), (other,) = implementation(case), implementation(case.with_inputs(q, k[..., order, :], v[..., order, :]))
    return compare("permuted keys", (other,), (Gauged(actual, 2 * implementation.expected(case)[0].tolerance),))


def _with_a_free_channel(case: Case, implementation: Implementation) -> Case:
    """Every query 1 and every key 0 in the last channel, which the scores do not feel."""
    q, k = (case.inputs[at].copy() for at in (Q, K))
    q[..., -1], k[..., -1] = 1, 0
    return changed(case, q=q, k=k)


@law(adapt=_with_a_free_channel)
def shift_of_scores(implementation: Implementation, case: Case) -> float:
    """The same number added to all scores changes nothing."""
    k = case.inputs[K].copy()
    k[..., -1] = 2.0 ** int(case.random().integers(0, 3))
    shifted = changed(case, k=k)
    allowed = np.sum([implementation.expected(one)[0].tolerance for one in (case, shifted)], axis=0)
    return compare("shifted scores", implementation(shifted), (Gauged(implementation(case)[0], allowed),))


def _causal(case: Case, implementation: Implementation) -> Case:
    return replace(case, options={**case.options, "causal": True})


@law(judged=None, adapt=_causal)
def causality(implementation: Implementation, case: Case) -> float:
    """Causal: later queries, keys and values change no bit of an earlier output."""
    q, k, v, *lengths = case.inputs
    until = int(case.random().integers(q.shape[-2])) + 1
    later = [np.where(np.arange(x.shape[-2])[:, None] < until, x, -2 * x[..., ::-1, :]) for x in (q, k, v)]
    plain, other = (implementation(one)[0][..., :until, :] for one in (case, case.with_inputs(*later, *lengths)))
    return bits(f"the first {until} outputs know of a later time", plain, other)


@law(judged=None)
def padding(implementation: Implementation, case: Case) -> float:
    """What stands in keys and values beyond the length changes no bit."""
    if len(case.inputs) <= LENGTHS:
        return 0.0
    _, k, v, lengths = case.inputs
    # An expanded axis that k and v do not have counts as far as its longest row.
    kept = rows_within(lengths, k.shape[:-2])[..., None, None]
    inside = np.arange(k.shape[-2])[:, None] < kept
    filled = changed(case, k=np.where(inside, k, 4 - k), v=np.where(inside, v, 4 - v))
    return bits("padding is read", implementation(case)[0], implementation(filled)[0])


def rows_within(lengths: np.ndarray, batch: tuple[int, ...]) -> np.ndarray:
    """The longest length among the rows that share what has this batch shape."""
    whole = np.broadcast_to(lengths, np.broadcast_shapes(lengths.shape, batch))
    extra = whole.ndim - len(batch)
    axes = (*range(extra), *(extra + i for i, size in enumerate(batch) if size == 1))
    return np.max(whole, axis=axes, keepdims=True).reshape(batch)


@law()
def truncation(implementation: Implementation, case: Case) -> float:
    """A row with a length is the row whose keys end there."""
    if len(case.inputs) <= LENGTHS:
        return 0.0
    kernel = implementation.kernel
    batch = kernel.batch_shape(case)
    index = tuple(int(case.random().integers(size)) for size in batch)
    q, k, v, length = kernel.row(case, index).inputs
    end = int(length)
    short = replace(case, inputs=(q, k[:end], v[:end]), drawn=f"row {index} cut at {end}, {case.drawn}")
    within = tuple(output[index] for output in implementation(case))
    return implementation.agree(f"row {index} of length {end}", within, implementation.expected(short))


@law(judged=None)
def rows_are_strangers(implementation: Implementation, case: Case) -> float:
    """What stands in one row of a batch changes no bit of another row."""
    q = case.inputs[Q]
    if not q.shape[:-2] or 0 in q.shape[:-2] or q.shape[:-2][-1] < 2:
        return 0.0
    others = np.arange(q.shape[-3])[:, None, None] > 0
    plain, other = implementation(case)[0], implementation(changed(case, q=np.where(others, 2 - q, q)))[0]
    return bits("the first row knows of the others", plain[..., 0, :, :], other[..., 0, :, :])


def _large(case: Case, implementation: Implementation) -> Case:
    """Scores up to ±10⁴, and values of ordinary size."""
    q, k, v = case.inputs[:LENGTHS]
    scale = case.options.get("scale", 1 / np.sqrt(max(q.shape[-1], 1)))
    largest = np.max(np.abs(scale * q @ np.swapaxes(k, -1, -2)), initial=0)
    # Both sides share the growth: half precision holds neither 10⁴·√D products nor their squares otherwise.
    growth = np.sqrt(LARGE / largest) if largest else 1.0
    ordinary = v / (np.max(np.abs(v), initial=0) or 1.0)
    return replace(changed(case, q=q * growth, k=k * growth, v=ordinary), drawn=f"scores to 10⁴, {case.drawn}")


@law(judged=None, adapt=_large)
def large_scores(implementation: Implementation, case: Case) -> float:
    """Scores up to ±10⁴ give finite outputs within the hull of the values, and finite gradients."""
    (actual,) = implementation(case)
    if not np.all(np.isfinite(actual)):
        raise Falsified(f"{np.count_nonzero(~np.isfinite(actual))} of {actual.size} outputs are not finite")
    if implementation.kernel.reference_vjp is not None and implementation.differentiable:
        for gradient in implementation.gradients(case):
            if gradient is not None and not np.all(np.isfinite(gradient)):
                raise Falsified("a gradient is not finite")
    return convex_hull(implementation, case)


def _rising(case: Case, implementation: Implementation) -> Case:
    """Scores that rise with the key, from −10⁴ to 10⁴ in single precision: the masked ones come last, the largest."""
    rise = min(LARGE, STEEP / max(implementation.arithmetic.operand, implementation.arithmetic.elementwise))
    q, k = case.inputs[Q], case.inputs[K]
    scale = case.options.get("scale", 1 / np.sqrt(max(q.shape[-1], 1)))
    size = np.sqrt(rise / (scale * max(q.shape[-1], 1)))
    ramp = np.linspace(-size, size, k.shape[-2])[:, None]
    rising = changed(case, q=np.full(q.shape, size), k=np.broadcast_to(ramp, k.shape))
    return replace(rising, drawn=f"rising scores, {case.drawn}")


@law(adapt=_rising)
def masked_scores_stay_out(implementation: Implementation, case: Case) -> float:
    """The largest score of all takes nothing if its key does not count."""
    return implementation.agree("value", implementation(case), implementation.expected(case))


def _many_keys(case: Case, implementation: Implementation) -> Case:
    """Nearly uniform weights of a long row: any sum kept in few digits stops growing."""
    random = case.random()
    q, k = (random.normal(size=(times, 2)) / 8 for times in (2, MANY))
    v = 1 + random.normal(size=(MANY, 1)) / 8
    drawn = replace(case, inputs=(), options={}, drawn=f"{MANY} keys")
    return drawn.with_inputs(q, k, v)


@law(adapt=_many_keys, rare=True)
def many_keys(implementation: Implementation, case: Case) -> float:
    """A long row is averaged as well as a short one."""
    if implementation.arithmetic.accumulate * MANY >= 1:
        raise NotClaimed(f"sums in {implementation.arithmetic.name} are entitled to lose a row of {MANY} keys")
    return implementation.agree("value", implementation(case), implementation.expected(case))


@law(judged=None)
def tokens_relate(implementation: Implementation, case: Case) -> float:
    """∂out_i/∂k_j and ∂out_i/∂v_j are as the scores have it, for one query i: not zero where key j counts."""
    (output,) = implementation.expected(case)
    query = int(case.random().integers(output.value.shape[-2]))
    drawn = np.where(np.arange(output.value.shape[-2])[:, None] == query, implementation.cotangents(case)[0], 0)
    expected = implementation.expected_gradients(case, (drawn,))
    found = implementation.gradients(case, cotangents=(drawn,))
    names = tuple(f"∂out_{query}/∂{name}" for name in implementation.kernel.names_of(case))
    for name, gradient, exact in zip(names, found, expected, strict=True):
        if gradient is not None and not gradient.any() and np.any(np.abs(exact.value) > exact.tolerance):
            raise Falsified(f"{name} is zero: the tokens do not relate")
    return compare("one row of the Jacobian", found, expected, names=names)


ATTENTION = (
    convex_hull,
    weights_sum_to_one,
    permutation_of_keys,
    shift_of_scores,
    causality,
    padding,
    truncation,
    rows_are_strangers,
    large_scores,
    masked_scores_stay_out,
    many_keys,
    tokens_relate,
)
