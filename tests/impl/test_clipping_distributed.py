"""A sharded set is clipped as the whole: processes over gloo and NCCL for torch; virtual devices and GPUs for JAX."""

import os
import subprocess
import sys

import numpy as np
import pytest

PROCESSES = 3
PRELUDE = """
import numpy as np
from reference import clipping as reference
from reference.numbers import ARITHMETICS, gauge
from properties.comparison import compare
random = np.random.default_rng(0)
whole = [random.normal(size=(7, 3)), random.normal(size=6) + 1j * random.normal(size=6), random.normal(size=(2, 2))]
whole = [g.astype(np.complex64 if g.dtype.kind == "c" else np.float32) for g in whole]
wide = [g.astype(complex if g.dtype.kind == "c" else float) for g in whole]
spoiled = [g.copy() for g in whole]
spoiled[0][5, 1] = np.nan
spoiled[1][0] = np.inf
def agrees(found, gradients, max_norm, what):
    expected = gauge(reference.safe_clip, gradients, arithmetic=ARITHMETICS["float32"], max_norm=max_norm)
    arrays, report = found
    values = [*arrays, *(report[name] for name in sorted(report))]
    kinds = [complex if e.value.dtype.kind == "c" else float for e in expected]
    compare(what, [np.asarray(value).astype(kind) for value, kind in zip(values, kinds)], expected)
"""

TORCH = """
import os, sys, torch, torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor
from impl.torch import clipping_distributed as distributed
from impl.torch.clipping_training import safe_clip_
rank, size, device = int(sys.argv[1]), int(sys.argv[2]), sys.argv[4]
if device == "cuda":
    torch.cuda.set_device(rank)
backend = {"cpu": "gloo", "cuda": "nccl"}[device]
dist.init_process_group(backend, init_method=f"file://{sys.argv[3]}", rank=rank, world_size=size)
mesh = init_device_mesh(device, (size,))
def gathered(found):
    clipped, report = found
    whole = [c.full_tensor() if isinstance(c, DTensor) else c for c in clipped]
    return [c.cpu() for c in whole], {name: value.cpu() for name, value in report.items()}
for gradients in (whole, spoiled):
    exact = [g.astype(complex if g.dtype.kind == "c" else float) for g in gradients]
    tensors = [torch.from_numpy(g).to(device) for g in gradients]
    for max_norm in (1.0, float("inf")):
        sharded = [distribute_tensor(t, mesh, [p]) for t, p in zip(tensors, (Shard(0), Shard(0), Replicate()))]
        agrees(gathered(distributed.safe_clip(sharded, max_norm=max_norm)), exact, max_norm, "mixed placements")
        columns = [distribute_tensor(tensors[0], mesh, [Shard(1)]), *sharded[1:]]
        agrees(gathered(distributed.safe_clip(columns, max_norm=max_norm)), exact, max_norm, "another partition")
        parts = [torch.tensor_split(t.reshape(-1), size)[rank].clone() for t in tensors]
        clipped, report = distributed.safe_clip(parts, max_norm=max_norm, group=dist.group.WORLD)
        pieces = [None] * size
        clipped, report = gathered((clipped, report))
        dist.all_gather_object(pieces, [c.numpy() for c in clipped])
        joined = [np.concatenate(p).reshape(g.shape) for p, g in zip(zip(*pieces), gradients)]
        agrees((joined, report), exact, max_norm, "plain parts")
partial = [DTensor.from_local(torch.from_numpy(g).to(device) * (rank == 0), mesh, [Partial()]) for g in whole]
agrees(gathered(distributed.safe_clip(partial, max_norm=1.0)), wide, 1.0, "partial sums")
twice = init_device_mesh(device, (1, size)) if size != 4 else init_device_mesh(device, (2, 2))
grid = [distribute_tensor(torch.from_numpy(whole[0]).to(device), twice, [Replicate(), Shard(0)])]
norm = distributed.global_norm(grid)
expected = gauge(reference.global_norm, wide[:1], arithmetic=ARITHMETICS["float32"])
compare("on a grid", (np.asarray(norm.cpu(), float),), expected)
model = torch.nn.Linear(3, 7).to(device)
from torch.distributed.fsdp import fully_shard
fully_shard(model, mesh=mesh)
model(torch.ones(2, 3, device=device)).square().sum().backward()
before = [p.grad.full_tensor().cpu().numpy().astype(float) for p in model.parameters()]
report = safe_clip_(model, 0.5)
after, report = gathered(([p.grad for p in model.parameters()], report))
agrees((after, report), before, 0.5, "FSDP")
dist.destroy_process_group()
"""

JAX = """
import sys, jax, jax.numpy as jnp
from functools import partial
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from impl.jax import clipping
count = len(jax.devices())
assert count == int(sys.argv[1])
random = np.random.default_rng(0)
shapes = (((16, 4), P("a", "b")), ((24,), P(("a", "b"))), ((3, 8), P(None, "a")), ((5,), P()))
gradients = [random.normal(size=shape).astype(np.float32) for shape, _ in shapes]
gradients[1] = (gradients[1] + 1j * random.normal(size=24)).astype(np.complex64)
mesh = Mesh(np.array(jax.devices()).reshape(-1, 2), ("a", "b"))
for spoil in (False, True):
    if spoil:
        gradients[0][3, 1], gradients[1][2] = np.nan, np.inf
    exact = [g.astype(complex if g.dtype.kind == "c" else float) for g in gradients]
    for max_norm in (1.0, float("inf")):
        placed = [jax.device_put(g, NamedSharding(mesh, spec)) for g, (_, spec) in zip(gradients, shapes)]
        clip = jax.jit(partial(clipping.safe_clip, max_norm=max_norm))
        found = clip(placed)
        agrees(found, exact, max_norm, "under jit")
        assert all(c.sharding.is_equivalent_to(g.sharding, g.ndim) for c, g in zip(found[0], placed))
        flat = [g for g, (_, spec) in zip(gradients, shapes) if g.size % count == 0]
        parts = [g.reshape(count, -1) for g in flat]
        inside = partial(clipping.safe_clip, max_norm=max_norm, axis_name="d")
        line = Mesh(np.array(jax.devices()), ("d",))
        mapped = jax.jit(jax.shard_map(inside, mesh=line, in_specs=(P("d"),), out_specs=(P("d"), P())))
        clipped, report = mapped(parts)
        joined = [c.reshape(g.shape) for c, g in zip(clipped, flat)]
        whole_ones = [e for e, g in zip(exact, gradients) if g.size % count == 0]
        agrees((joined, report), whole_ones, max_norm, "inside shard_map")
"""


def environment(**extra):
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd(), **extra}


def clipped_by_processes(count, device, meeting):
    pytest.importorskip("torch.distributed", reason="torch was built without it")
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PRELUDE + TORCH, str(rank), str(count), str(meeting), device],
            env=environment(), stderr=subprocess.PIPE, text=True,
        )
        for rank in range(count)
    ]  # fmt: skip
    told = [process.communicate(timeout=300)[1] for process in running]
    assert [process.returncode for process in running] == [0] * count, "\n".join(told)[-4000:]


def clipped_by_devices(count, **extra):
    pytest.importorskip("jax", reason="jax is not installed")
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + JAX, str(count)], env=environment(**extra),
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]


def gpus():
    """How many; what needs several is skipped without them."""
    torch = pytest.importorskip("torch")
    count = torch.cuda.device_count()
    if count < 2:
        pytest.skip(f"two GPUs needed, {count} found")
    return count // 2 * 2


def test_parts_in_gloo_processes_are_clipped_as_the_whole(tmp_path):
    clipped_by_processes(PROCESSES, "cpu", tmp_path / "meeting")


def test_parts_in_nccl_processes_are_clipped_as_the_whole(tmp_path):
    clipped_by_processes(gpus(), "cuda", tmp_path / "meeting")


def test_arrays_on_eight_devices_are_clipped_as_the_whole():
    # First: XLA stops at the first flag that does not begin with two dashes.
    flags = "--xla_force_host_platform_device_count=8 " + os.environ.get("XLA_FLAGS", "")
    clipped_by_devices(8, XLA_FLAGS=flags, JAX_PLATFORMS="cpu")


def test_arrays_on_several_gpus_are_clipped_as_the_whole():
    clipped_by_devices(gpus(), JAX_PLATFORMS="cuda", XLA_PYTHON_CLIENT_PREALLOCATE="false")


def test_a_set_dealt_out_to_processes_has_the_norm_of_the_whole_by_hand():
    from reference import clipping

    parts = [np.array([3.0]), np.array([4.0])]
    assert clipping.global_norm(parts) == np.hypot(*(clipping.global_norm([part]) for part in parts))
