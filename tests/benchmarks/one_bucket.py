"""Cases of one shape, for a gate that compiles once."""

from collections.abc import Callable

from hypothesis import strategies as st

from properties.case import Case


def judged_in(fill: Callable[[int, str], Case]) -> Callable[[str], st.SearchStrategy[Case]]:
    """judged(dtype): what `fill` makes of a seed and the dtype."""

    def judged(dtype: str) -> st.SearchStrategy[Case]:
        return st.builds(fill, st.integers(0, 2**32 - 1), st.just(dtype))

    return judged
