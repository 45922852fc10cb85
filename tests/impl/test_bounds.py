"""The watch over Triton's interpreter sees a kernel that reads or writes beyond its arrays."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

COPIED = """
import tests.impl.bounds
import sys, torch, triton
import triton.language as tl

@triton.jit
def copied(source, result, read, written, BLOCK: tl.constexpr):
    place = tl.arange(0, BLOCK)
    tl.store(result + place, tl.load(source + place, mask=place < read), mask=place < written)

whole = torch.arange(8.0)
copied[(1,)](whole[:5], torch.empty(5), *map(int, sys.argv[1:]), BLOCK=8)
"""


@pytest.mark.parametrize(
    ("sizes", "told"), [("5 5", ""), ("6 5", "a read of 1 places"), ("5 7", "a write of 2 places")]
)
def test_what_lies_beyond_an_array_is_not_touched_unseen(sizes, told):
    environment = {**os.environ, "TRITON_INTERPRET": "1", "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        [sys.executable, "-c", COPIED, *sizes.split()], env=environment, capture_output=True, text=True
    )
    assert (done.returncode == 0) == (told == "")
    assert told in done.stderr
