"""Attention in which padded queries count, or a part of what stands in them gets through."""

from tests.defects.attention.parts import ATTEND, asked, instead_of, leaving, with_gradient_of
from tests.defects.defect import defects_in


@instead_of(ATTEND, "asked")
def query_lengths_ignored(times, lengths, query_lengths):
    """Padded queries attend like all others."""
    return asked(times, lengths, None)


@instead_of(ATTEND, "asked")
def one_padded_query_counts(times, lengths, query_lengths):
    """i ≤ query_lengths instead of i < query_lengths."""
    return asked(times, lengths, None if query_lengths is None else query_lengths + 1)


@instead_of(ATTEND, "asked")
def last_query_left_out(times, lengths, query_lengths):
    """i < query_lengths − 1: the last query before the padding is taken for padding."""
    return asked(times, lengths, None if query_lengths is None else query_lengths - 1)


@instead_of(ATTEND, "asked")
def lengths_of_keys_for_queries(times, lengths, query_lengths):
    """Queries end where keys do: right in self-attention."""
    return asked(times, lengths, None if query_lengths is None else lengths)


@instead_of(ATTEND, "asked")
def query_lengths_by_tiles(times, lengths, query_lengths):
    """A tile of four queries counts as a whole if its first one does."""
    return asked(times, lengths, None if query_lengths is None else (query_lengths + 3) // 4 * 4)


@instead_of(ATTEND, "asked")
def query_lengths_of_the_next_row(times, lengths, query_lengths):
    """Each row has the query length of the row before it."""
    rolled = query_lengths if query_lengths is None or not query_lengths.ndim else query_lengths.roll(1, 0)
    return asked(times, lengths, rolled)


@instead_of(ATTEND, "leaving")
def gradient_of_padded_queries(result, inside):
    """The value is masked and the cotangent is not: padded queries teach keys and values."""
    return with_gradient_of(leaving(result, inside), result)


@instead_of(ATTEND, "entering")
def padded_queries_masked_at_the_end_only(q, inside):
    """The result is masked and q is not: values are right, and a NaN in q reaches the gradients as 0·NaN."""
    return q


@instead_of(ATTEND, "leaving")
def padded_queries_multiplied_by_zero(result, inside):
    """Masked by a product: 0·NaN is NaN where a cotangent is."""
    return result * inside


@instead_of(ATTEND, "leaving")
def mean_of_the_values_in_padded_queries(result, inside):
    """Zeros go in and nothing is masked on the way out: padded queries give the mean of the values."""
    return result


DEFECTS = defects_in(list(vars().values()))
