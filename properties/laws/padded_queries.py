"""Laws of padded queries: those from query_lengths on give nothing, pass no gradient on, and may hold anything.

They are for kernels that take query_lengths, which the contract leaves to them.
"""

from dataclasses import replace

import numpy as np

from properties.case import Case
from properties.comparison import compare
from properties.implementation import Implementation
from properties.inputs.attention import large_case, with_query_lengths
from properties.law import NotClaimed, law
from properties.laws.attention import LENGTHS, Q, bits, changed, rows_within
from reference.attention import asked
from reference.numbers import Gauged

QUERY_LENGTHS = LENGTHS + 1


def _padded(case: Case, implementation: Implementation) -> Case:
    return with_query_lengths(case)


def _asked(implementation: Implementation, case: Case) -> np.ndarray:
    """The queries that are no padding, (…, T, 1)."""
    if not implementation.names("query_lengths"):
        raise NotClaimed("its signature has no query_lengths")
    return asked(case.inputs[Q].shape[-2], case.inputs[QUERY_LENGTHS])


def _without(case: Case) -> Case:
    return replace(case, inputs=case.inputs[:QUERY_LENGTHS])


def _filled(case: Case) -> Case:
    """NaN in the queries that are padding in every row that shares them."""
    q, ends = case.inputs[Q], case.inputs[QUERY_LENGTHS]
    return changed(case, q=np.where(asked(q.shape[-2], rows_within(ends, q.shape[:-2])), q, np.nan))


@law(adapt=_padded)
def padded_queries_give_zero(implementation: Implementation, case: Case) -> float:
    """Queries from query_lengths on give exactly 0, whatever they hold, and the others what they give without it."""
    inside = _asked(implementation, case)
    (actual,), (expected,) = implementation(case), implementation.expected(_without(case))
    bits("values with NaN in padded queries", actual, implementation(_filled(case))[0])
    wanted = Gauged(*(np.where(inside, part, 0) for part in expected))
    return compare("value with padded queries", (actual,), (wanted,))


@law(judged="gradients", adapt=_padded)
def padded_queries_pass_no_gradient(implementation: Implementation, case: Case) -> float:
    """Gradients are those of a cotangent that is 0 from query_lengths on, whatever stands there and comes in there."""
    inside, (drawn,) = _asked(implementation, case), implementation.cotangents(case)
    names = tuple(f"gradient of {name} with padded queries" for name in implementation.kernel.names_of(_without(case)))
    found = implementation.gradients(case, cotangents=(drawn,))[: len(names)]
    filled = implementation.gradients(_filled(case), cotangents=(np.where(inside, drawn, np.nan),))[: len(names)]
    expected = implementation.expected_gradients(_without(case), (np.where(inside, drawn, 0),))
    worst = compare("gradient with padded queries", found, expected, names=names)
    return max(worst, compare("gradient with NaN in padded queries", filled, expected, names=names))


def _padded_at_length(case: Case, implementation: Implementation) -> Case:
    return with_query_lengths(large_case(case))


@law(adapt=_padded_at_length, rare=True)
def padded_queries_over_several_tiles(implementation: Implementation, case: Case) -> float:
    """Both hold where rows are longer than the tiles that a kernel works on."""
    laws = padded_queries_give_zero, padded_queries_pass_no_gradient
    return max(each.function(implementation, case) for each in laws)


PADDED_QUERIES = (padded_queries_give_zero, padded_queries_pass_no_gradient, padded_queries_over_several_tiles)
