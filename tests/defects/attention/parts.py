"""Softmax attention in parts, each of which a defect may replace, and multi-head attention made of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from impl.torch.attention_arguments import check_attention, check_square
from tests.defects.defect import Defect, story_of
from tests.defects.half import kind_for

ATTEND, MULTI_HEAD = "attention.attend", "attention.multi_head"


def scores(q: Tensor, k: Tensor, scale: float) -> Tensor:
    return scale * (q @ k.mT)


def counts(times: int, keys: int, lengths: Tensor | None, causal: bool) -> Tensor:
    """Which keys count for which query, (…, T, S)."""
    place = torch.arange(keys)
    found = torch.ones(times, keys, dtype=torch.bool) if lengths is None else place < lengths[..., None, None]
    return found & (place <= torch.arange(times)[:, None]) if causal else found


def asked(times: int, lengths: Tensor | None, query_lengths: Tensor | None) -> Tensor:
    """Which queries are no padding, (…, T, 1)."""
    if query_lengths is None:
        return torch.ones(times, 1, dtype=torch.bool)
    return torch.arange(times)[:, None] < query_lengths[..., None, None]


def entering(q: Tensor, inside: Tensor) -> Tensor:
    """Padded queries are zeros on their way in, so that no score of theirs is NaN."""
    return torch.where(inside, q, 0)


def leaving(result: Tensor, inside: Tensor) -> Tensor:
    return torch.where(inside, result, 0)


def weights(given: Tensor, counting: Tensor) -> Tensor:
    some = counting.any(-1, keepdim=True)
    return torch.softmax(given.masked_fill(~counting & some, -math.inf), -1) * some


def mixed(given: Tensor, v: Tensor) -> Tensor:
    return given @ v


def split(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, x.shape[-1] // heads)).transpose(-2, -3)


def joined(x: Tensor) -> Tensor:
    return x.transpose(-2, -3).flatten(-2)


def wide(x: Tensor) -> Tensor:
    """Halves are computed in single precision."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


@dataclass(frozen=True)
class Algorithm:
    """The parts that a defect may replace; `keys` and `values` are the heads of k and v that a query's head reads."""

    scores: Callable = scores
    counts: Callable = counts
    weights: Callable = weights
    mixed: Callable = mixed
    asked: Callable = asked
    entering: Callable = entering
    leaving: Callable = leaving
    keys: Callable = split
    values: Callable = split
    wide: Callable = wide

    def attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        lengths: Tensor | None = None,
        query_lengths: Tensor | None = None,
        *,
        causal: bool = False,
        scale: float | None = None,
    ) -> Tensor:
        check_attention(q, k, v, lengths, query_lengths)
        wide = [self.wide(x) for x in (q, k, v)]
        scale = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
        inside = self.asked(q.shape[-2], lengths, query_lengths)
        given = self.scores(self.entering(wide[0], inside), wide[1], scale)
        counting = self.counts(q.shape[-2], k.shape[-2], lengths, causal)
        return self.leaving(self.mixed(self.weights(given, counting), wide[2]), inside).to(v.dtype)

    def multi_head(
        self, x: Tensor, w_q: Tensor, w_k: Tensor, w_v: Tensor, w_o: Tensor, *, heads: int, causal: bool = False
    ) -> Tensor:
        check_square(x, heads, w_q=w_q, w_k=w_k, w_v=w_v, w_o=w_o)
        parts = split(x @ w_q, heads), self.keys(x @ w_k, heads), self.values(x @ w_v, heads)
        return joined(self.attend(*parts, causal=causal)) @ w_o


HONEST = Algorithm()


def instead_of(kernel: str, part: str, dtype: str = "float32", **judged: str) -> Callable[[Callable], Defect]:
    """Make a Defect of a wrong part: its name is the function's, its story the docstring."""

    def make(wrong: Callable) -> Defect:
        algorithm = replace(HONEST, **{part: wrong})
        function = algorithm.attend if kernel == ATTEND else algorithm.multi_head
        return kind_for(dtype)(
            wrong.__name__, kernel, function, story_of(wrong), wrong.__module__, dtype=dtype, **judged
        )

    return make


def with_gradient_of(value: Tensor, other: Tensor) -> Tensor:
    """This value, and the gradient of the other."""
    return value.detach() + (other - other.detach())
