"""`torch.compile` of the S5 functions: as right as without it."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from properties.catalogue import shipped  # noqa: E402
from properties.inputs import s5 as drawn  # noqa: E402
from properties.inputs.s5 import Bucket  # noqa: E402
from properties.laws.universal import gradients_agree, values_agree  # noqa: E402
from properties.systems.s5 import KERNELS  # noqa: E402

RUN = drawn.fill_run, ("contracting", "turning", "normal", "from a state")
LAYER = drawn.fill_layer, ("damped", "drawn", "usual", "normal", "normal", "from a state")
RUNS, LAYERS = (Bucket(5, 3), Bucket(30, 2)), (Bucket(5, 3, 2, batch=(2,)),)


@pytest.mark.parametrize(
    ("name", "law", "buckets", "filled"),
    [
        ("s5.scan", values_agree, RUNS, RUN),
        ("s5.apply", values_agree, LAYERS, LAYER),
        ("s5.apply", gradients_agree, LAYERS, LAYER),
    ],
    ids=["scan", "layer", "gradients of the layer"],
)
def test_compiled_functions_keep_the_laws(name, law, buckets, filled):
    (kernel,) = (kernel for kernel in KERNELS if kernel.name == name)
    (plain,) = shipped(kernel, "torch", "cpu", ("float32",))
    compiled = replace(plain, function=torch.compile(plain.function, backend="aot_eager"))
    for bucket in buckets:  # with a second shape the compiler takes sizes for variables
        law(compiled, drawn.make(bucket, *filled, 0, 0, "float32"))
