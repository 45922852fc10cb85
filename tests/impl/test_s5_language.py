"""Short trainings of the small language model, watched: what is measured is what is told."""

import math

import numpy as np
import pytest

from impl.s5_statistics import Statistics

pytest.importorskip("torch", reason="torch is not installed")

from impl.torch.s5_language import train

VOCABULARY, STEPS, BATCH, TIMES = 8, 5, 4, 12
BATCHES = np.random.default_rng(0).integers(VOCABULARY, size=(STEPS, BATCH, TIMES + 1))
SMALL = {"vocabulary": VOCABULARY, "states": 16, "channels": 8}


def watched(**options):
    watch = Statistics(every=2)
    run = train(
        BATCHES, **SMALL, **options, record=lambda n, layer: watch.record(n, layer.statistics, layer.gradient_flow)
    )
    return run, watch


def test_a_real_initialisation_is_told_from_the_course_of_its_training():
    run, watch = watched(initialisation="real")
    assert watch.steps == [0, 2, 4]
    told = " ".join(watch.diagnosis())
    assert "imaginary gradient" in told and "decays before it turns" in told
    assert run.last["eigenvalues"]["imaginary"]["zeros"] == 1


def test_hippo_n_gives_no_reason_for_suspicion():
    assert watched(initialisation="hippo-n")[1].diagnosis() == []


def test_clipped_steps_are_told_by_their_share():
    run, watch = watched(interval=(0.01, 0.02))
    share = run.last["log_step"]["real"]["zeros"]
    assert 0 < share < 1
    (told,) = watch.diagnosis()
    assert f"{share:.0%} of the gradient of log_step" in told


def test_an_untrained_model_is_near_uniform():
    """Its loss starts within a tenth of ln V."""
    (first,) = train(BATCHES[:1], **SMALL).losses
    assert abs(first - math.log(VOCABULARY)) < math.log(VOCABULARY) / 10


def test_a_seed_repeats_a_run():
    assert train(BATCHES, **SMALL).losses == train(BATCHES, **SMALL).losses != train(BATCHES, **SMALL, seed=1).losses


@pytest.mark.parametrize("shape", [(BATCH, TIMES), (0, BATCH, TIMES), (STEPS, BATCH, 1)])
def test_batches_of_another_shape_are_named(shape):
    with pytest.raises(ValueError, match="batches: expected shape"):
        train(np.zeros(shape, int), **SMALL)
