"""The suite is judged: planted defects are falsified, the undamaged are not, a failure explains itself."""

import re

import pytest

from properties.command import main
from properties.judge import judge, laws_of
from properties.law import MATHEMATICS, Law
from properties.laws.universal import gradients_agree, values_agree
from properties.profiles import PROFILES, Profile
from properties.verdict import FALSIFIED, HOLDS, NOT_CLAIMED
from tests.defects.defect import Defect, implementation
from tests.defects.kill_matrix import EXAMPLES, RARE, hunt
from tests.defects.planted import DEFECTS, HONEST, KERNELS

CI = PROFILES["ci"]
BRIEFLY = Profile("briefly", examples=8, rare=1, derandomize=True)


def _mathematics(candidate) -> tuple[Law, ...]:
    """Values and gradients first; then the rare laws, which look at few cases."""
    laws = [law for law in laws_of(candidate) if law.kind == MATHEMATICS]
    return tuple(sorted(laws, key=lambda law: (law is not values_agree, law is not gradients_agree, not law.rare)))


def _marked(defect: Defect):
    survives = pytest.mark.xfail(raises=AssertionError, reason=defect.survives) if defect.survives else ()
    return pytest.param(defect, id=f"{defect.kernel}-{defect.name}", marks=survives)


@pytest.mark.parametrize("defect", [_marked(defect) for defect in DEFECTS])
def test_every_planted_defect_is_falsified(defect):
    # A known survivor is looked at briefly: it waits for a law that falsifies it at once.
    examples = RARE if defect.survives else EXAMPLES
    assert any(hunt(law, defect.implementation, examples) > 0 for law in _mathematics(defect.implementation))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_undamaged_keep_every_law_of_mathematics(kernel, dtype):
    honest = implementation(HONEST[kernel], kernel, "honest", "", dtype)
    verdicts = [judge(law, honest, BRIEFLY) for law in _mathematics(honest)]
    assert {v.law: v.failure or v.status for v in verdicts if v.status not in (HOLDS, NOT_CLAIMED)} == {}


@pytest.mark.parametrize("kernel", KERNELS)
def test_defects_have_one_name_each_and_a_story(kernel):
    names = [defect.name for defect in DEFECTS if defect.kernel == kernel]
    assert len(set(names)) == len(names)
    assert all(defect.story.endswith((".", ")")) for defect in DEFECTS)


def test_a_failure_names_law_kernel_place_values_gauges_baseline_and_replay(tmp_path):
    defect = next(d for d in DEFECTS if d.name == "thousandth_added_to_pivot")
    verdict = judge(values_agree, defect.implementation, CI, tmp_path)
    assert verdict.status == FALSIFIED
    told = (
        r"law falsified: values agree",
        r"kernel +tridiagonal\.resolvent_diagonal",
        r"implementation +thousandth_added_to_pivot \[torch, cpu, float32\]",
        r"found +value\[[\d, ]+\]: got \S+i, expected \S+i ± \S+, error \S+ gauges",
        r"baseline +plain float32 NumPy errs by \S+ gauges on this input: the input is well posed",
        r"falsified as float32",
        r"input +Case\(\d+ sites",
        rf"replay +gaugeblock replay {re.escape(verdict.replay)} {defect.module}:{defect.name}",
    )
    places = [[found.start() for found in re.finditer(pattern, verdict.failure)] for pattern in told]
    assert all(places), verdict.failure
    assert [first for first, *_ in places] == sorted(first for first, *_ in places)


def test_a_failure_of_named_results_has_its_baseline_too():
    defect = next(d for d in DEFECTS if d.name == "base_detached")
    verdict = judge(gradients_agree, defect.implementation, CI)
    assert "plain float32 NumPy errs by" in verdict.failure


def test_the_replayed_case_fails_again(tmp_path):
    defect = next(d for d in DEFECTS if d.name == "thousandth_added_to_pivot")
    verdict = judge(values_agree, defect.implementation, CI, tmp_path)
    assert main(["replay", verdict.replay, f"{defect.module}:{defect.name}"]) == 1
