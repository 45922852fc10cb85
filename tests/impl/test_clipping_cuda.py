"""On a GPU: sets that are clipped inside a CUDA graph, and sets with more elements than 32 bits count."""

import math
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("no CUDA device", allow_module_level=True)

from impl.torch.clipping import safe_clip  # noqa: E402
from impl.torch.clipping_training import safe_clip_  # noqa: E402
from impl.torch.diagnostics import magnitudes  # noqa: E402

KINDS = ((5000, torch.float32), (77, torch.float64), (4097, torch.bfloat16), (300, torch.complex64), (0, torch.float32))
MANY = 2**31 + 7
SIZES = (900_000_000, 900_000_000, 900_000_000, MANY)
VALUE = 0.5


def clip_(gradients, max_norm):
    return safe_clip_([SimpleNamespace(grad=gradient) for gradient in gradients], max_norm)


def drawn(seed, spoil):
    torch.manual_seed(seed)
    gradients = [torch.randn(numbers, dtype=dtype, device="cuda") for numbers, dtype in KINDS]
    if spoil:
        gradients[0][7], gradients[3][2] = math.nan, complex(1, math.inf)
    return gradients


def same(found, expected):
    return all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("spoil", [False, True])
@pytest.mark.parametrize("max_norm", [1.0, math.inf])
def test_a_replayed_graph_does_what_a_call_does(max_norm, spoil):
    """Other tables come and go between capture and replay."""
    held = drawn(0, spoil=False)
    clip_(held, max_norm), safe_clip(held, max_norm=max_norm), magnitudes(held)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        sizes = magnitudes(held)
        clipped, report = safe_clip(held, max_norm=max_norm)
        told = clip_(held, max_norm)
    for numbers in range(100):
        clip_([torch.ones(numbers + 1, device="cuda")], 1.0)
    for seed in (1, 2):
        given = drawn(seed, spoil)
        for own, new in zip(held, given, strict=True):
            own.copy_(new)
        graph.replay()
        expected, of_copy = safe_clip(given, max_norm=max_norm)
        assert same(sizes.values(), magnitudes(given).values())
        assert same(clipped, expected) and same(report.values(), of_copy.values())
        assert same(told.values(), clip_(given, max_norm).values()) and same(held, given)


def test_a_capture_of_an_unknown_set_is_refused():
    unknown = [torch.ones(12345, device="cuda")]
    with pytest.raises(RuntimeError, match="before the capture"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        clip_(unknown, 1.0)


def test_a_set_need_not_lie_on_the_current_device():
    if torch.cuda.device_count() < 2:
        pytest.skip("two GPUs needed, one found")
    here = drawn(1, spoil=True)
    there = [gradient.to("cuda:1") for gradient in here]
    assert same([x.cpu() for x in magnitudes(there).values()], [x.cpu() for x in magnitudes(here).values()])
    clip_(here, 1.0), clip_(there, 1.0)
    assert same([x.cpu() for x in there], [x.cpu() for x in here])


def test_more_elements_than_32_bits_count():
    """Equal elements, so that the norm is known: VALUE·√n, ∞ aside."""
    free, _ = torch.cuda.mem_get_info()
    needed = torch.bfloat16.itemsize * sum(SIZES)
    if free < needed:
        pytest.skip(f"{needed} bytes of device memory needed, {free} free")
    gradients = [torch.full((numbers,), VALUE, dtype=torch.bfloat16, device="cuda") for numbers in SIZES]
    gradients[-1][-1] = math.inf
    sizes = magnitudes(gradients)
    assert sizes["nonfinite"].tolist() == [0, 0, 0, 1] and set(sizes["rms"].tolist()) == {VALUE}
    report = clip_(gradients, 1.0)
    norm = VALUE * math.sqrt(sum(SIZES) - 1)
    assert torch.equal(report["norm"].cpu(), torch.tensor(norm)) and int(report["infs"]) == 1
    expected = torch.tensor(VALUE / norm, dtype=torch.float64).to(torch.bfloat16)
    for gradient in gradients:
        cleared = int(gradient is gradients[-1])
        assert int((gradient == expected.to("cuda")).sum()) == gradient.numel() - cleared
    assert gradients[-1][-1] == 0
    assert needed > 2**32
