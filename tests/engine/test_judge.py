"""When a contract is vacuous: when chance does not explain the examples that proved nothing."""

import pytest

from properties.judge import Tally, _exceeds

LIMIT = 0.1


@pytest.mark.parametrize(
    ("examples", "proved_nothing", "too_many"),
    [(12, 1, False), (12, 2, False), (12, 4, True), (400, 40, False), (400, 45, False), (400, 60, True), (1, 1, True)],
)
def test_few_examples_do_not_make_a_contract_vacuous(examples, proved_nothing, too_many):
    assert _exceeds(Tally(examples=examples, vacuous=proved_nothing), LIMIT) == too_many
